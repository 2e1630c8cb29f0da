//! The tour of the virtual CPU, of memory and of interrupts: small bare-metal programs on the real machine.

mod dma;
mod paging;
pub(super) mod program;
mod stage;
mod switching;
mod tlb;
mod traps;
mod vectors;

use super::Entry;

/// The chapter's concepts.
pub(super) const ENTRIES: &[Entry] = &[
    traps::LEVELS,
    traps::SYSTEM_CALL,
    traps::INTERRUPT,
    traps::EXCEPTION,
    vectors::TABLE,
    switching::SWITCH,
    paging::WALK,
    paging::FAULT,
    tlb::TLB,
    dma::DMA,
];

/// Of the chapter on the virtual machine monitor and memory: what a machine without hardware walks does.
pub(super) const MEMORY: &[Entry] = &[tlb::SOFTWARE];

#[cfg(test)]
mod tests {
    use super::*;

    /// What an entry shows, with what it measured at the end.
    fn shown(name: &str) -> String {
        let entry = ENTRIES.iter().chain(MEMORY).find(|entry| entry.name == name).unwrap();
        let shown = (entry.run)().unwrap();
        format!("{}\n{}", shown.picture, shown.measured)
    }

    #[test]
    fn each_entry_shows_what_it_is_about() {
        let cases: [(&str, &[&str]); 11] = [
            ("privilege-levels", &["csrr a0, satp     cause 2, illegal", "6 trap in U, 3 in S, 1 in M"]),
            ("system-call", &["trap: cause 8, system call from user, U -> S", "return, S -> U", "s0 = 42"]),
            ("interrupt", &["(between two instructions)     trap: interrupt 5, supervisor timer, U -> S"]),
            ("exception", &["trap: cause 2, illegal instruction, U -> S", "the bits of `csrw satp,zero`"]),
            (
                "vector-table",
                &["system_call    3", "timer          1", "was empty before `start`", "8 traps"],
            ),
            ("context-switch", &["process_b", "76 cycles a switch"]),
            (
                "page-walk",
                &["VPN[3] 1 | VPN[2] 2 | VPN[1] 3 | VPN[0] 4", "4 entries read", "after  DA---WRV"],
            ),
            (
                "page-fault",
                &["-> Invalid", "trap: cause 13, load page fault", "executed 2 times", "a0 = 1234"],
            ),
            ("tlb", &["64           7.0", "55.0 beyond it"]),
            (
                "dma",
                &[
                    "512 bytes at",
                    "the device writes, and the next",
                    "answered 0; memory at",
                    "sector 0 says `MULTIVAC disk`",
                ],
            ),
            ("software-tlb", &["cause 25, load TLB miss", "it read 1234", "address space 7"]),
        ];
        assert_eq!(cases.len(), ENTRIES.len() + MEMORY.len());
        for (name, wanted) in cases {
            let text = shown(name);
            for part in wanted {
                assert!(text.contains(part), "{name} lacks {part:?}:\n{text}");
            }
        }
    }
}
