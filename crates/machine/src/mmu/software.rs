//! The software-managed TLB: the machine variant in which no hardware walks page tables.
//!
//! After the TLB of MIPS processors, which the paper on Disco builds on. A fully associative array of entries is
//! architectural state, and system software owns it: an access that no entry matches takes a *TLB miss*
//! exception (causes 24, 25 and 27, `tval` the address), whose handler writes an entry and returns, and the
//! instruction is tried again.
//!
//! - `satp.MODE` 15 turns translation on, 0 off; `satp.ASID` is the current address space; the frame number is
//!   free for the handler, usually the root of whatever table it keeps. Machine mode is not translated.
//!   `vsatp` and `hgatp` hold only Bare.
//! - An entry is a virtual page number, an address space, a page size and a leaf page-table entry. It matches when
//!   its V is set, the page is its page, and the space is its space or its G is set. If several match, the
//!   lowest-numbered counts. What it then refuses (U, R, W, X, or A or D clear, or reserved bits) is a page fault:
//!   D is how software learns of the first store.
//! - Registers: `stlbvpn`, `stlbasid`, `stlbsize`, `stlbpte` are the entry to write or just read; a miss sets the
//!   first three to the page that is missing. `stlbidx` numbers an entry. Writing `stlbcmd` does one of [`Command`].
//! - `stlbrandom` names the entry to replace. Each miss moves it down by one; below `stlbwired` it starts again at
//!   the top, so that entries below `stlbwired` stay until written by number. (MIPS counts instructions; counting
//!   misses keeps neighbours in time from evicting each other.)
//! - `sfence.vma` changes no entry.

use super::pte::Meaning;
use super::walk::{self, Arrival, Fault};
use super::{Access, Env, Request, Translation, Want, memory::TableMemory, mode, pte, trap_of};
use crate::privilege::Privilege;
use crate::state::{Source, State, StateError};
use crate::state_fields;
use crate::trap::{Cause, Trap};
use isa::csr as n;
use isa::pte::{LEVEL_BITS, PAGE_BITS, Pte};

/// Entries of a TLB whose configuration does not say.
pub const ENTRIES_DEFAULT: usize = 64;
/// Set in `stlbidx` by a probe that finds nothing.
pub const NOT_FOUND: u64 = 1 << 63;
/// Virtual page numbers have the bits of an address above the page offset.
const VPN_MASK: u64 = u64::MAX >> PAGE_BITS;
/// Largest page size: 512 GiB.
const SIZE_MAX: u64 = 3;

/// What a write to `stlbcmd` does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// Writes the entry numbered by `stlbidx`.
    WriteIndexed,
    /// Writes the entry numbered by `stlbrandom`.
    WriteRandom,
    /// Looks for the entry that `stlbvpn` and `stlbasid` would use, and leaves its number in `stlbidx`.
    Probe,
    /// Reads the entry numbered by `stlbidx` into the registers.
    Read,
}

impl Command {
    fn of(value: u64) -> Option<Command> {
        match value {
            1 => Some(Command::WriteIndexed),
            2 => Some(Command::WriteRandom),
            3 => Some(Command::Probe),
            4 => Some(Command::Read),
            _ => None,
        }
    }
}

/// One entry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// Virtual page number; the bits within the page's size do not matter.
    pub vpn: u64,
    /// Address space.
    pub asid: u16,
    /// Page size as a level: 4 KiB, 2 MiB, 1 GiB, 512 GiB.
    pub size: u8,
    /// The mapping.
    pub pte: u64,
}

impl State for Entry {
    fn save(&self, sink: &mut dyn FnMut(&[u8])) {
        self.vpn.save(sink);
        self.asid.save(sink);
        self.size.save(sink);
        self.pte.save(sink);
    }

    fn restore(&mut self, source: &mut Source<'_>) -> Result<(), StateError> {
        self.vpn.restore(source)?;
        self.asid.restore(source)?;
        let offset = source.offset();
        self.size.restore(source)?;
        if u64::from(self.size) > SIZE_MAX {
            return Err(StateError::Invalid { offset });
        }
        self.pte.restore(source)
    }
}

impl Entry {
    fn matches(&self, vpn: u64, asid: u16) -> bool {
        let pte = Pte(self.pte);
        pte.is_valid()
            && (self.vpn ^ vpn) >> (LEVEL_BITS * u32::from(self.size)) == 0
            && (pte.is_global() || self.asid == asid)
    }
}

/// The software-managed TLB of a hart, with its registers; without entries on machines that walk tables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SoftwareTlb {
    entries: Box<[Entry]>,
    /// `stlbvpn`, `stlbasid`, `stlbsize` and `stlbpte`.
    staged: Entry,
    index: u64,
    wired: u64,
    random: u64,
}

state_fields!(SoftwareTlb { entries, staged, index, wired, random });

impl SoftwareTlb {
    /// A TLB of `entries` entries, none valid.
    pub fn new(entries: usize) -> SoftwareTlb {
        let last = (entries as u64).saturating_sub(1);
        SoftwareTlb {
            entries: vec![Entry::default(); entries].into(),
            staged: Entry::default(),
            index: 0,
            wired: 0,
            random: last,
        }
    }

    /// The entries, for inspection.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Reads one of its registers; 0 for a number that is none.
    pub fn read(&self, register: u16) -> u64 {
        match register {
            n::STLBVPN => self.staged.vpn,
            n::STLBASID => u64::from(self.staged.asid),
            n::STLBSIZE => u64::from(self.staged.size),
            n::STLBPTE => self.staged.pte,
            n::STLBIDX => self.index,
            n::STLBWIRED => self.wired,
            n::STLBRANDOM => self.random,
            _ => 0,
        }
    }

    /// Writes one of its registers; true when an entry changed (cached translations are void).
    pub fn write(&mut self, register: u16, value: u64) -> bool {
        match register {
            n::STLBVPN => self.staged.vpn = value & VPN_MASK,
            n::STLBASID => self.staged.asid = (value & 0xffff) as u16,
            n::STLBSIZE => self.staged.size = value.min(SIZE_MAX) as u8,
            n::STLBPTE => self.staged.pte = value,
            n::STLBIDX => self.index = value & !NOT_FOUND,
            n::STLBWIRED => {
                self.wired = value.min(self.last());
                self.random = self.last();
            }
            n::STLBCMD => return Command::of(value).is_some_and(|command| self.carry_out(command)),
            _ => {}
        }
        false
    }

    fn carry_out(&mut self, command: Command) -> bool {
        match command {
            Command::WriteIndexed => self.put(self.index),
            Command::WriteRandom => self.put(self.random),
            Command::Probe => {
                let Entry { vpn, asid, .. } = self.staged;
                self.index = self.find(vpn, asid).map_or(NOT_FOUND, |(number, _)| number);
                false
            }
            Command::Read => {
                if let Some(entry) = self.slot(self.index).and_then(|slot| self.entries.get(slot)) {
                    self.staged = *entry;
                }
                false
            }
        }
    }

    fn put(&mut self, number: u64) -> bool {
        let Some(slot) = self.slot(number) else { return false };
        let changed = self.entries[slot] != self.staged;
        self.entries[slot] = self.staged;
        changed
    }

    /// The place of entry `number`, counted modulo the number of entries; `None` when there are none.
    fn slot(&self, number: u64) -> Option<usize> {
        let number = number.checked_rem(self.entries.len() as u64)?;
        usize::try_from(number).ok()
    }

    fn last(&self) -> u64 {
        (self.entries.len() as u64).saturating_sub(1)
    }

    fn find(&self, vpn: u64, asid: u16) -> Option<(u64, &Entry)> {
        (0..).zip(&self.entries).find(|(_, entry)| entry.matches(vpn, asid))
    }

    /// Translates `request` by the entries, as [`super::translate`] does by page tables; a miss is noted in the
    /// registers.
    ///
    /// Errors: the TLB miss, page fault or access fault that the access takes.
    pub fn translate<M: TableMemory>(
        &mut self,
        env: &Env<'_>,
        memory: &mut M,
        request: &Request,
    ) -> Result<Translation, Trap> {
        let result = self.look_up(env, memory, request);
        if let Err(trap) = &result
            && matches!(trap.cause, Cause::InstructionTlbMiss | Cause::LoadTlbMiss | Cause::StoreTlbMiss)
        {
            self.staged.vpn = request.va >> PAGE_BITS;
            self.staged.asid = mode::asid(env.satp);
            self.staged.size = 0;
            self.random = if self.random <= self.wired { self.last() } else { self.random - 1 };
        }
        result
    }

    /// As [`SoftwareTlb::translate`], leaving no trace.
    ///
    /// Errors: as there.
    pub fn look_up<M: TableMemory>(
        &self,
        env: &Env<'_>,
        memory: &mut M,
        request: &Request,
    ) -> Result<Translation, Trap> {
        let translated = !request.virt && request.privilege != Privilege::Machine;
        if !translated || !mode::is_software(env.satp) {
            return super::translate(&Env { satp: 0, vsatp: 0, hgatp: 0, ..*env }, memory, request);
        }
        let Some((_, entry)) = self.find(request.va >> PAGE_BITS, mode::asid(env.satp)) else {
            return Err(Trap::new(miss_of(request.access), request.va));
        };
        arrive(env, request, entry)
            .and_then(|arrival| walk::protect(env, request, arrival))
            .map_err(|fault| trap_of(fault, request))
    }
}

/// Where `entry` sends the access.
fn arrive(env: &Env<'_>, request: &Request, entry: &Entry) -> Result<Arrival, Fault> {
    let features = pte::Features { update: false, memory_types: env.menvcfg & super::ENVCFG_PBMTE != 0 };
    match pte::judge(Pte(entry.pte), u32::from(entry.size), &Want::of(request), features) {
        Meaning::Leaf { base, shift, perms, .. } => Ok(Arrival {
            address: base | request.va & ((1 << shift) - 1),
            // Another entry, of a lower number or a larger size, may speak for the neighbouring page.
            shift: shift.min(PAGE_BITS),
            perms,
            global: Pte(entry.pte).is_global(),
            last_table: None,
        }),
        _ => Err(Fault::Page),
    }
}

fn miss_of(access: Access) -> Cause {
    match access {
        Access::Fetch => Cause::InstructionTlbMiss,
        Access::Load => Cause::LoadTlbMiss,
        Access::Store | Access::Manage => Cause::StoreTlbMiss,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mmu::pmp::Pmp;
    use crate::ram::{RAM_BASE, Ram};

    const FULL: u64 = Pte::V | Pte::R | Pte::W | Pte::X | Pte::A | Pte::D;
    const ON: u64 = mode::SOFTWARE_MODE << 60;

    struct Scene {
        tlb: SoftwareTlb,
        pmp: Pmp,
        ram: Ram,
        satp: u64,
    }

    impl Scene {
        fn new(entries: usize) -> Scene {
            let ram = Ram::new(4096).unwrap();
            Scene { tlb: SoftwareTlb::new(entries), pmp: Pmp::open(), ram, satp: ON | 7 << 44 }
        }

        /// Writes an entry by number, as system software does.
        fn put(&mut self, index: u64, vpn: u64, asid: u64, size: u64, pte: u64) {
            let entry = [(n::STLBVPN, vpn), (n::STLBASID, asid), (n::STLBSIZE, size), (n::STLBPTE, pte)];
            entry.iter().for_each(|(register, value)| assert!(!self.tlb.write(*register, *value)));
            self.tlb.write(n::STLBIDX, index);
            self.tlb.write(n::STLBCMD, 1);
        }

        fn go(&mut self, access: Access, va: u64) -> Result<u64, Cause> {
            let env = Env { satp: self.satp, vsatp: 0, hgatp: 0, menvcfg: 0, henvcfg: 0, pmp: &self.pmp };
            let request = Request::supervisor(va, 1, access);
            let outcome = self.tlb.translate(&env, &mut self.ram, &request);
            outcome.map(|t| t.pa).map_err(|trap| trap.cause)
        }
    }

    fn leaf(pa: u64, bits: u64) -> u64 {
        pa >> 12 << 10 | bits
    }

    #[test]
    fn a_miss_traps_and_says_what_is_missing() {
        let mut scene = Scene::new(4);
        assert_eq!(scene.go(Access::Load, 0x5123), Err(Cause::LoadTlbMiss));
        let staged = [n::STLBVPN, n::STLBASID, n::STLBSIZE].map(|register| scene.tlb.read(register));
        assert_eq!(staged, [5, 7, 0]);
        scene.tlb.write(n::STLBPTE, leaf(RAM_BASE, FULL));
        assert!(scene.tlb.write(n::STLBCMD, 2));
        assert_eq!(scene.go(Access::Load, 0x5123), Ok(RAM_BASE + 0x123));
        assert_eq!(scene.go(Access::Fetch, 0x6000), Err(Cause::InstructionTlbMiss));
        assert_eq!(scene.go(Access::Store, u64::MAX), Err(Cause::StoreTlbMiss));
        assert_eq!(scene.tlb.read(n::STLBVPN), u64::MAX >> 12);
    }

    #[test]
    fn address_spaces_and_global_entries() {
        let mut scene = Scene::new(4);
        scene.put(0, 5, 8, 0, leaf(RAM_BASE, FULL));
        assert_eq!(scene.go(Access::Load, 0x5000), Err(Cause::LoadTlbMiss));
        scene.put(1, 5, 8, 0, leaf(RAM_BASE + 0x1000, FULL | Pte::G));
        assert_eq!(scene.go(Access::Load, 0x5000), Ok(RAM_BASE + 0x1000));
        scene.satp = ON | 8 << 44;
        assert_eq!(scene.go(Access::Load, 0x5000), Ok(RAM_BASE), "the lowest-numbered match counts");
        scene.satp = 0;
        assert_eq!(scene.go(Access::Load, RAM_BASE + 4), Ok(RAM_BASE + 4), "translation is off");
    }

    #[test]
    fn what_an_entry_refuses_is_a_page_fault() {
        let mut scene = Scene::new(4);
        let cases = [
            (FULL & !Pte::D, Access::Store),
            (FULL & !Pte::A, Access::Load),
            (FULL & !Pte::X, Access::Fetch),
            (FULL | Pte::U, Access::Load),
            (FULL | 1 << 54, Access::Load),
            (Pte::V, Access::Load),
        ];
        for (bits, access) in cases {
            scene.put(0, 5, 7, 0, leaf(RAM_BASE, bits));
            let fault = scene.go(access, 0x5000).unwrap_err();
            assert!(matches!(
                fault,
                Cause::StorePageFault | Cause::LoadPageFault | Cause::InstructionPageFault
            ));
        }
        scene.put(0, 5, 7, 0, leaf(RAM_BASE, FULL & !Pte::D));
        assert_eq!(scene.go(Access::Load, 0x5000), Ok(RAM_BASE));
    }

    #[test]
    fn large_pages_match_their_whole_range() {
        let mut scene = Scene::new(4);
        scene.put(0, 0x8_0000, 0, 2, leaf(0x8000_0000, FULL | Pte::G));
        assert_eq!(scene.go(Access::Fetch, 0x8012_3456), Ok(0x8012_3456));
        assert_eq!(scene.go(Access::Fetch, 0xc000_0000), Err(Cause::InstructionTlbMiss));
        scene.put(1, 0, 7, 1, leaf(RAM_BASE + 0x1000, FULL));
        assert_eq!(scene.go(Access::Load, 0), Err(Cause::LoadPageFault), "a misaligned large page");
    }

    #[test]
    fn replacement_goes_round_above_the_wired_entries() {
        let mut scene = Scene::new(4);
        scene.tlb.write(n::STLBWIRED, 2);
        let mut victims = Vec::new();
        for page in 0..5 {
            victims.push(scene.tlb.read(n::STLBRANDOM));
            let _ = scene.go(Access::Load, page << 12);
        }
        assert_eq!(victims, [3, 2, 3, 2, 3]);
        scene.tlb.write(n::STLBWIRED, 99);
        assert_eq!(scene.tlb.read(n::STLBWIRED), 3, "one entry is always left to replace");
    }

    #[test]
    fn probe_and_read_find_what_was_written() {
        let mut scene = Scene::new(4);
        scene.put(2, 5, 7, 0, leaf(RAM_BASE, FULL));
        scene.tlb.write(n::STLBVPN, 6);
        scene.tlb.write(n::STLBCMD, 3);
        assert_eq!(scene.tlb.read(n::STLBIDX), NOT_FOUND);
        scene.tlb.write(n::STLBVPN, 5);
        scene.tlb.write(n::STLBCMD, 3);
        assert_eq!(scene.tlb.read(n::STLBIDX), 2);
        scene.tlb.write(n::STLBPTE, 0);
        scene.tlb.write(n::STLBCMD, 4);
        assert_eq!(scene.tlb.read(n::STLBPTE), leaf(RAM_BASE, FULL));
        assert!(!scene.tlb.write(n::STLBCMD, 99), "an unknown command does nothing");
    }

    #[test]
    fn a_machine_without_entries_survives_its_registers() {
        let mut scene = Scene::new(0);
        for command in 0..6 {
            assert!(!scene.tlb.write(n::STLBCMD, command));
        }
        assert_eq!(scene.go(Access::Load, 0), Err(Cause::LoadTlbMiss));
    }
}
