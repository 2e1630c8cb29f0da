//! The TLB: what it saves when hardware fills it, and how software fills it.

use super::stage::{DATA, KERNEL, Names, Stage};
use crate::exit::Failure;
use crate::tour::{Entry, Shown};
use isa::asm::Asm;
use isa::csr;
use isa::pte::{Mode, Pte};
use isa::reg::Reg;
use machine::core::Architecture;
use machine::mmu::mode::SOFTWARE_MODE;
use machine::ram::RAM_BASE;
use machine::timing::Costs;

/// The reach of the TLB, in time.
pub(super) const TLB: Entry = Entry {
    name: "tlb",
    title: ("The TLB's effect in time", "Effetto del TLB sui tempi"),
    means: "While the pages fit, an access costs nothing more; beyond the TLB's reach each one pays for a walk.",
    file: "crates/machine/src/timing/tlb.rs",
    next: "multivac run --timing modelled",
    run: reach,
};

/// A miss that traps.
pub(super) const SOFTWARE: Entry = Entry {
    name: "software-tlb",
    title: ("Software-managed TLB miss", "Miss di un TLB gestito dal software"),
    means: "No hardware walks: the miss traps, the kernel looks the page up, writes an entry, and the load is retried.",
    file: "crates/machine/src/mmu/software.rs",
    next: "multivac run --mmu software --elf FILE",
    run: software,
};

const TABLES: u64 = RAM_BASE + 0x10_0000;
const FULL: u64 = Pte::V | Pte::R | Pte::W | Pte::X | Pte::A | Pte::D;
const PAGES: [u64; 8] = [8, 16, 32, 64, 68, 72, 80, 128];
/// Where the pages begin in the virtual space: the top-level entry after the program's.
const PAGES_AT: u64 = 1 << 39;
const PAGES_MAX: u64 = 128;
/// Accesses measured for each number of pages.
const ROUNDS: u64 = 20;

fn reach() -> Result<Shown, Failure> {
    let mut picture = format!("{:>6}  {:>12} {:>14}\n", "pages", "flat", "modelled");
    let mut ends = (0, 0);
    for pages in PAGES {
        let (flat, modelled) = (cost(pages, false)?, cost(pages, true)?);
        let tenths = |cycles: u64| format!("{}.{}", cycles / 10, cycles % 10);
        let bar = "█".repeat(usize::try_from((modelled - flat.min(modelled)) / 20).unwrap_or(0));
        picture.push_str(&format!("{pages:>6}  {:>12} {:>14}  {bar}\n", tenths(flat), tenths(modelled)));
        ends = (if ends.0 == 0 { modelled } else { ends.0 }, modelled);
    }
    let costs = Costs::default();
    picture.push_str(&format!(
        "\ncycles for each page visited, by turns, over and over; the data TLB has {} entries in {} ways,\n\
         a walk reads 4 entries at {} cycles each\n",
        costs.tlb.sets * costs.tlb.ways,
        costs.tlb.ways,
        costs.walk_step_cycles
    ));
    let measured = format!(
        "{}.{} cycles a visit within the TLB's reach, {}.{} beyond it",
        ends.0 / 10,
        ends.0 % 10,
        ends.1 / 10,
        ends.1 % 10
    );
    Ok(Shown { picture, measured })
}

/// Tenths of a cycle that visiting one page takes, when `pages` are visited in turn.
fn cost(pages: u64, modelled: bool) -> Result<u64, Failure> {
    let mut stage = Stage::new(KERNEL, |a| visitor(a, pages))?;
    let pointer = |at: u64| Pte::new(at >> 12, Pte::V).0;
    // The program's gigabyte, and the pages one by one.
    stage.put_word(TABLES, pointer(TABLES + 0x1000));
    stage.put_word(TABLES + 0x1000 + 2 * 8, Pte::new(RAM_BASE >> 12, FULL | Pte::G).0);
    stage.put_word(TABLES + 8, pointer(TABLES + 0x2000));
    stage.put_word(TABLES + 0x2000, pointer(TABLES + 0x3000));
    stage.put_word(TABLES + 0x3000, pointer(TABLES + 0x4000));
    for page in 0..PAGES_MAX {
        let frame = RAM_BASE + 0x20_0000 + page * 0x1000;
        stage.put_word(TABLES + 0x4000 + page * 8, Pte::new(frame >> 12, FULL).0);
    }
    if modelled {
        stage.node.use_timing(Costs::default());
    }
    stage.run_to("end")?;
    Ok(stage.node.harts[0].x[10] * 10 / (pages * ROUNDS))
}

/// Visits each page once to warm up, then [`ROUNDS`] times, and leaves the cycles of those in `a0`.
fn visitor(a: &mut Asm, pages: u64) -> Names {
    let end = a.label();
    a.li(Reg::T0, Mode::Sv48.field() << 60 | TABLES >> 12).csrw(csr::SATP, Reg::T0);
    // Each page's word lies in another line, so that the data cache holds them all.
    a.li(Reg::A3, 0x1040).li(Reg::A1, 1).li(Reg::S0, 0x1000);
    for rounds in [1, ROUNDS] {
        a.csrr(Reg::A0, csr::CYCLE).li(Reg::A1, rounds);
        let round = a.here();
        a.li(Reg::T0, PAGES_AT).li(Reg::A2, pages).li(Reg::S1, 0);
        let visit = a.here();
        a.add(Reg::T2, Reg::T0, Reg::S1).ld(Reg::T1, Reg::T2, 0).add(Reg::T0, Reg::T0, Reg::S0);
        a.addi(Reg::S1, Reg::S1, 64).andi(Reg::S1, Reg::S1, 0x7ff & !63);
        a.addi(Reg::A2, Reg::A2, -1).bnez(Reg::A2, visit);
        a.addi(Reg::A1, Reg::A1, -1).bnez(Reg::A1, round);
    }
    a.csrr(Reg::T0, csr::CYCLE).sub(Reg::A0, Reg::T0, Reg::A0).place(end).nop();
    vec![("end", end)]
}

/// The kernel's page table on the machine without hardware walks: one word a page.
const LINEAR: u64 = DATA;
const SOFTWARE_WALKS: Architecture = Architecture { software_tlb: true, ..KERNEL };
const ADDRESS_SPACE: u64 = 7;
const VIRTUAL: u64 = 0x3000;

fn software() -> Result<Shown, Failure> {
    let mut stage = Stage::new(SOFTWARE_WALKS, miss)?;
    let frame = RAM_BASE + 0x20_0000;
    stage.put_word(LINEAR + (VIRTUAL >> 12) * 8, Pte::new(frame >> 12, FULL).0);
    stage.put_word(frame + 8, 1234);
    stage.run_to("access")?;
    let (start, steps) = (stage.cycles(), stage.run_to("again")?);
    let missed = stage.cycles() - start;
    let start = stage.cycles();
    let hits = stage.run_to("end")?;
    let hit = stage.cycles() - start;
    let mut picture = stage.journal(&steps, 40);
    hits.iter().for_each(|step| picture.push_str(&stage.line(step)));
    picture.push_str("\nthe TLB now, entries that are valid:\n");
    for (number, entry) in stage.node.harts[0].tlb.entries().iter().enumerate() {
        let pte = Pte(entry.pte);
        if pte.is_valid() {
            let space = if pte.is_global() { "every".to_owned() } else { entry.asid.to_string() };
            let size = ["4 KiB", "2 MiB", "1 GiB", "512 GiB"][usize::from(entry.size.min(3))];
            picture.push_str(&format!(
                "  {number:>2}  page {:#x} of {size}, address space {space} -> frame {:#x}\n",
                entry.vpn,
                pte.ppn()
            ));
        }
    }
    let value = stage.node.harts[0].x[10];
    let measured =
        format!("{missed} cycles for the load that missed (it read {value}), {hit} for the one that hit");
    Ok(Shown { picture, measured })
}

fn miss(a: &mut Asm) -> Names {
    let (kernel, handler, access, again, end) = (a.here(), a.label(), a.label(), a.label(), a.label());
    a.la(Reg::T0, handler).csrw(csr::STVEC, Reg::T0);
    // Entry 0 maps the kernel for good: a gigabyte, global, below `stlbwired`.
    a.li(Reg::T0, RAM_BASE >> 12).csrw(csr::STLBVPN, Reg::T0).li(Reg::T0, 2).csrw(csr::STLBSIZE, Reg::T0);
    a.li(Reg::T0, Pte::new(RAM_BASE >> 12, FULL | Pte::G).0).csrw(csr::STLBPTE, Reg::T0);
    a.csrw(csr::STLBIDX, Reg::ZERO).li(Reg::T0, 1).csrw(csr::STLBWIRED, Reg::T0).csrw(csr::STLBCMD, Reg::T0);
    a.li(Reg::T0, SOFTWARE_MODE << 60 | ADDRESS_SPACE << 44).csrw(csr::SATP, Reg::T0);
    a.li(Reg::A1, VIRTUAL + 8).place(access).ld(Reg::A0, Reg::A1, 0);
    a.place(again).ld(Reg::A2, Reg::A1, 0).place(end).nop();
    // The miss has left the page in `stlbvpn`, `stlbasid` and `stlbsize`: what is missing is the mapping.
    a.align(4).place(handler).csrr(Reg::T0, csr::STLBVPN).slli(Reg::T0, Reg::T0, 3).li(Reg::T1, LINEAR);
    a.add(Reg::T0, Reg::T0, Reg::T1).ld(Reg::T0, Reg::T0, 0).csrw(csr::STLBPTE, Reg::T0);
    a.li(Reg::T0, 2).csrw(csr::STLBCMD, Reg::T0).sret();
    vec![("kernel", kernel), ("handler", handler), ("access", access), ("again", again), ("end", end)]
}
