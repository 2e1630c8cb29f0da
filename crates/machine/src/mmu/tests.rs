//! The cases of the specification one by one; `tests/mmu_model.rs` compares whole walks at random.

use super::memory::TableMemory;
use super::pmp::Pmp;
use super::pte::Meaning;
use super::trace::walk_trace;
use super::*;
use crate::changes::Owner;
use crate::ram::{RAM_BASE, Ram};
use isa::pte::Pte;

const ROOT: u64 = RAM_BASE + 0x1_0000;
const SV39: u64 = 8 << 60;
const SV48: u64 = 9 << 60;
const V: u64 = Pte::V;
const R: u64 = Pte::R;
const W: u64 = Pte::W;
const X: u64 = Pte::X;
const U: u64 = Pte::U;
const A: u64 = Pte::A;
const D: u64 = Pte::D;
const N: u64 = Pte::N;
const PBMT: u64 = Pte::PBMT;
const FULL: u64 = V | R | W | X | A | D;

struct Scene {
    ram: Ram,
    pmp: Pmp,
    satp: u64,
    vsatp: u64,
    hgatp: u64,
    menvcfg: u64,
}

impl Scene {
    fn new(satp: u64) -> Scene {
        let ram = Ram::new(1 << 20).unwrap();
        Scene { ram, pmp: Pmp::open(), satp, vsatp: 0, hgatp: 0, menvcfg: ENVCFG_ADUE | ENVCFG_PBMTE }
    }

    fn put(&mut self, pa: u64, entry: u64) {
        self.ram.write(pa, &entry.to_le_bytes()).unwrap();
    }

    fn env(&self) -> Env<'_> {
        Env {
            satp: self.satp,
            vsatp: self.vsatp,
            hgatp: self.hgatp,
            menvcfg: self.menvcfg,
            henvcfg: u64::MAX,
            pmp: &self.pmp,
        }
    }

    fn go(&mut self, request: &Request) -> Result<Translation, Trap> {
        let pmp = self.pmp.clone();
        let env = Env { pmp: &pmp, ..self.env() };
        let traced = walk_trace(&env, &self.ram, request).result;
        // Its own borrow ends here: the environment copied what it needs.
        let env = Env { pmp: &pmp, ..env };
        let result = translate(&env, &mut self.ram, request);
        assert_eq!(traced, result, "the trace arrives where the walk does");
        result
    }

    fn cause(&mut self, request: &Request) -> Option<Cause> {
        self.go(request).err().map(|trap| trap.cause)
    }
}

fn root(mode: u64, pa: u64) -> u64 {
    mode | pa >> 12
}

fn table(pa: u64) -> u64 {
    pa >> 12 << 10 | V
}

fn leaf(pa: u64, bits: u64) -> u64 {
    pa >> 12 << 10 | bits
}

fn request(access: Access, va: u64) -> Request {
    Request::supervisor(va, 4, access)
}

/// Sv39 with one 4-KiB page at virtual page 5, whose leaf entry is `entry`.
fn one_page(entry: u64) -> Scene {
    let mut scene = Scene::new(root(SV39, ROOT));
    scene.put(ROOT, table(ROOT + 0x1000));
    scene.put(ROOT + 0x1000, table(ROOT + 0x2000));
    scene.put(ROOT + 0x2000 + 5 * 8, entry);
    scene
}

#[test]
fn permissions_follow_the_privilege_sum_and_mxr() {
    use Access::{Fetch, Load, Manage, Store};
    let (s, u) = (Privilege::Supervisor, Privilege::User);
    // Entry's permissions, privilege, SUM, MXR, accesses that pass.
    let cases: &[(u64, Privilege, bool, bool, &[Access])] = &[
        (R | W | X, s, false, false, &[Fetch, Load, Store, Manage]),
        (R | W | X | U, s, false, true, &[]),
        (R | W | X | U, s, true, false, &[Load, Store, Manage]),
        (R | W | X | U, u, false, false, &[Fetch, Load, Store, Manage]),
        (R | W | X, u, true, true, &[]),
        (X, s, false, false, &[Fetch]),
        (X, s, false, true, &[Fetch, Load, Manage]),
        (R, s, false, false, &[Load, Manage]),
        (R | X, s, false, false, &[Fetch, Load, Manage]),
        (W, s, false, false, &[]),
        (W | X, s, false, false, &[]),
    ];
    for &(bits, privilege, sum, mxr, passing) in cases {
        for access in [Fetch, Load, Store, Manage] {
            let mut scene = one_page(leaf(RAM_BASE, bits | V | A | D));
            let result = scene.go(&Request { privilege, sum, mxr, ..request(access, 0x5123) });
            assert_eq!(result.is_ok(), passing.contains(&access), "{bits:#x} {privilege:?} {access:?}");
            match result {
                Ok(t) => assert_eq!((t.pa, t.shift, t.perms.allow(access)), (RAM_BASE + 0x123, 12, true)),
                Err(trap) => assert_eq!((trap.tval, trap.tval2, trap.gva), (0x5123, 0, false)),
            }
        }
    }
}

#[test]
fn accessed_and_dirty_are_set_by_hardware_or_fault() {
    let at = ROOT + 0x2000 + 5 * 8;
    let mut scene = one_page(leaf(RAM_BASE, V | R | W));
    let changes = scene.ram.changes();
    let loaded = scene.go(&request(Access::Load, 0x5000)).unwrap();
    assert_eq!(scene.ram.load(at, 8), Some(leaf(RAM_BASE, V | R | W | A)));
    assert!(!loaded.perms.write, "a store has to walk again to set D");
    let stored = scene.go(&request(Access::Store, 0x5000)).unwrap();
    assert_eq!(scene.ram.load(at, 8), Some(leaf(RAM_BASE, V | R | W | A | D)));
    assert!(stored.perms.write);
    assert_eq!(scene.ram.changes(), changes, "no translation was voided");

    scene.menvcfg = 0;
    scene.put(at, leaf(RAM_BASE, V | R | W | A));
    assert_eq!(scene.cause(&request(Access::Load, 0x5000)), None);
    assert_eq!(scene.cause(&request(Access::Store, 0x5000)), Some(Cause::StorePageFault));
    scene.put(at, leaf(RAM_BASE, V | R | W | D));
    assert_eq!(scene.cause(&request(Access::Load, 0x5000)), Some(Cause::LoadPageFault));
}

#[test]
fn reserved_encodings_fault() {
    let bad = [
        leaf(RAM_BASE, FULL) | 1 << 54,
        leaf(RAM_BASE, FULL) | 1 << 60,
        leaf(RAM_BASE, FULL) | PBMT,
        leaf(RAM_BASE, FULL) | N,
        leaf(RAM_BASE, FULL & !V),
        leaf(RAM_BASE, V),
        0,
    ];
    for entry in bad {
        let mut scene = one_page(entry);
        assert_eq!(scene.cause(&request(Access::Fetch, 0x5000)), Some(Cause::InstructionPageFault));
    }
    for bits in [A, D, U, N, 1 << 61] {
        let mut scene = one_page(leaf(RAM_BASE, FULL));
        scene.put(ROOT + 0x1000, table(ROOT + 0x2000) | bits);
        assert_eq!(scene.cause(&request(Access::Load, 0x5000)), Some(Cause::LoadPageFault), "{bits:#x}");
    }
    let mut scene = one_page(leaf(RAM_BASE, FULL) | 1 << 61);
    assert_eq!(scene.cause(&request(Access::Load, 0x5000)), None, "PBMT is defined");
    scene.menvcfg = ENVCFG_ADUE;
    assert_eq!(scene.cause(&request(Access::Load, 0x5000)), Some(Cause::LoadPageFault), "and here it is not");
}

#[test]
fn napot_and_superpages_map_their_whole_range() {
    let mut scene = one_page(leaf(RAM_BASE + 0x2_8000, FULL) | N);
    let t = scene.go(&request(Access::Load, 0x5678)).unwrap();
    assert_eq!((t.pa, t.shift), (RAM_BASE + 0x2_5678, 16));

    scene.put(ROOT + 0x1000, leaf(RAM_BASE, FULL));
    let t = scene.go(&request(Access::Load, 0x1_5678)).unwrap();
    assert_eq!((t.pa, t.shift, t.steps.first), (RAM_BASE + 0x1_5678, 21, 2));
    scene.put(ROOT + 0x1000, leaf(RAM_BASE + 0x1000, FULL));
    assert_eq!(scene.cause(&request(Access::Load, 0)), Some(Cause::LoadPageFault), "misaligned");
    scene.put(ROOT, leaf(RAM_BASE, FULL));
    let t = scene.go(&request(Access::Load, 0x20_5678)).unwrap();
    assert_eq!((t.pa, t.shift, t.steps.first), (RAM_BASE + 0x20_5678, 30, 1));
}

#[test]
fn addresses_must_be_canonical() {
    let mut scene = Scene::new(root(SV48, ROOT));
    scene.put(ROOT + 511 * 8, leaf(0, FULL));
    scene.put(ROOT, leaf(0, FULL));
    for (va, ok) in [(!0 << 39, true), (!0 << 48, false), (1 << 48, false), (1 << 63, false), (0, true)] {
        let result = scene.cause(&request(Access::Load, va));
        assert_eq!(result, (!ok).then_some(Cause::LoadPageFault), "{va:#x}");
    }
    scene.satp = 0;
    assert_eq!(scene.cause(&request(Access::Load, 1 << 56)), Some(Cause::LoadAccessFault));
    assert_eq!(scene.go(&request(Access::Load, RAM_BASE)).unwrap().pa, RAM_BASE);
}

#[test]
fn tables_outside_memory_or_protected_are_access_faults() {
    let mut scene = one_page(leaf(RAM_BASE, V | R | W));
    scene.put(ROOT + 0x1000, table(0x1000));
    assert_eq!(scene.cause(&request(Access::Store, 0x5000)), Some(Cause::StoreAccessFault));
    let mut scene = one_page(leaf(RAM_BASE, V | R | W));
    // The last table can be read but not written.
    scene.pmp.write_addr(0, (ROOT + 0x2000) >> 2 | 0x1ff);
    scene.pmp.write_cfg(0, 0x19);
    assert_eq!(scene.cause(&request(Access::Fetch, 0x5000)), Some(Cause::InstructionPageFault));
    assert_eq!(scene.cause(&request(Access::Load, 0x5000)), Some(Cause::LoadAccessFault), "A cannot be set");
    scene.put(ROOT + 0x2000 + 5 * 8, leaf(RAM_BASE, FULL));
    assert_eq!(scene.cause(&request(Access::Load, 0x5000)), None);
    scene.pmp.write_cfg(0, 0x18);
    assert_eq!(scene.cause(&request(Access::Fetch, 0x5000)), Some(Cause::InstructionAccessFault));
}

#[test]
fn pmp_narrows_what_a_translation_covers() {
    let mut scene = one_page(leaf(RAM_BASE, FULL));
    scene.put(ROOT + 0x1000, leaf(RAM_BASE, FULL));
    scene.pmp.write_addr(0, (RAM_BASE + 0x1_0000) >> 2 | 0x1fff);
    scene.pmp.write_cfg(0, 0x1b);
    assert_eq!(scene.go(&request(Access::Load, 0)).unwrap().shift, 16);
    scene.pmp.write_addr(0, (RAM_BASE + 0x800) >> 2);
    scene.pmp.write_cfg(0, 0x11);
    let t = scene.go(&request(Access::Load, 0x800)).unwrap();
    assert_eq!((t.shift, t.perms), (2, Perms { read: true, write: false, execute: false }));
    assert_eq!(
        scene.cause(&Request { bytes: 8, ..request(Access::Load, 0x800) }),
        Some(Cause::LoadAccessFault)
    );
    let machine = Request { privilege: Privilege::Machine, ..request(Access::Store, RAM_BASE + 0x800) };
    assert_eq!(scene.go(&machine).unwrap().perms, Perms::ALL);
}

/// Two stages: guest page 0 maps guest physical 0x4000; guest memory 0.. is at `RAM_BASE + 0x4_0000` in 4-KiB
/// pages with the given bits; the first-stage tables are at guest physical 0x1000, 0x2000, 0x3000.
fn guest(first: u64, second: u64) -> Scene {
    const HOST: u64 = RAM_BASE + 0x4_0000;
    let mut scene = Scene::new(0);
    scene.vsatp = root(SV39, 0x1000);
    scene.hgatp = root(SV39, ROOT);
    scene.put(ROOT, table(ROOT + 0x4000));
    scene.put(ROOT + 0x4000, table(ROOT + 0x5000));
    for page in 0..5 {
        scene.put(ROOT + 0x5000 + page * 8, leaf(HOST + page * 0x1000, second));
    }
    scene.put(HOST + 0x1000, table(0x2000));
    scene.put(HOST + 0x2000, table(0x3000));
    scene.put(HOST + 0x3000, leaf(0x4000, first));
    scene
}

fn virt(access: Access, va: u64) -> Request {
    Request { virt: true, ..request(access, va) }
}

const PAGE_0_ENTRY: u64 = ROOT + 0x5000;

#[test]
fn two_stages_compose() {
    let mut scene = guest(FULL, FULL | U);
    let t = scene.go(&virt(Access::Store, 0x123)).unwrap();
    assert_eq!((t.pa, t.gpa, t.shift), (RAM_BASE + 0x4_4123, Some(0x4123), 12));
    assert_eq!(t.steps, Steps { first: 3, second: 12 });
    scene.vsatp = 0;
    let t = scene.go(&virt(Access::Fetch, 0x3008)).unwrap();
    assert_eq!((t.pa, t.steps), (RAM_BASE + 0x4_3008, Steps { first: 0, second: 3 }));
}

#[test]
fn guest_page_faults_tell_where_and_for_what() {
    let fault = |cause, tval, gpa: u64, tinst| Err(Trap { cause, tval, gva: true, tval2: gpa >> 2, tinst });
    let mut scene = guest(FULL, FULL | U);
    scene.put(PAGE_0_ENTRY + 4 * 8, 0);
    let loaded = scene.go(&virt(Access::Load, 0x123));
    assert_eq!(loaded, fault(Cause::LoadGuestPageFault, 0x123, 0x4123, 0));
    // A first-stage entry that the second stage hides.
    scene.put(PAGE_0_ENTRY + 2 * 8, 0);
    let fetched = scene.go(&virt(Access::Fetch, 0x123));
    assert_eq!(fetched, fault(Cause::InstructionGuestPageFault, 0x123, 0x2000, 0x3000));
    // A first-stage entry that cannot be updated.
    let mut scene = guest(FULL & !D, FULL | U);
    scene.put(PAGE_0_ENTRY + 3 * 8, leaf(RAM_BASE + 0x4_3000, (FULL | U) & !W));
    let stored = scene.go(&virt(Access::Store, 0x123));
    assert_eq!(stored, fault(Cause::StoreGuestPageFault, 0x123, 0x3000, 0x3020));
    assert!(scene.go(&virt(Access::Load, 0x123)).is_ok());
    // Outside the guest physical address space of Sv39x4: 41 bits.
    scene.vsatp = 0;
    let far = scene.go(&virt(Access::Load, 1 << 41));
    assert_eq!(far, fault(Cause::LoadGuestPageFault, 1 << 41, 1 << 41, 0));
    let last = scene.go(&virt(Access::Load, (1 << 41) - 4));
    assert_eq!(last, fault(Cause::LoadGuestPageFault, (1 << 41) - 4, (1 << 41) - 4, 0));
}

#[test]
fn the_second_stage_wants_user_pages_and_its_own_mxr() {
    let mut scene = guest(FULL, FULL);
    assert_eq!(scene.cause(&virt(Access::Load, 0)), Some(Cause::LoadGuestPageFault));
    // Execute-only in both stages at the end of the walk.
    let mut scene = guest(V | X | A, FULL | U);
    scene.put(PAGE_0_ENTRY + 4 * 8, leaf(RAM_BASE + 0x4_4000, V | X | A | U));
    let load = virt(Access::Load, 0);
    assert_eq!(scene.cause(&load), Some(Cause::LoadPageFault));
    assert_eq!(scene.cause(&Request { vs_mxr: true, ..load }), Some(Cause::LoadGuestPageFault));
    assert_eq!(scene.cause(&Request { mxr: true, ..load }), None);
    assert_eq!(scene.cause(&Request { hlvx: true, ..load }), None);
    let mut readable = guest(V | R | A, FULL | U);
    assert_eq!(readable.cause(&Request { hlvx: true, mxr: true, ..load }), Some(Cause::LoadPageFault));
    // SUM of the guest, not of HS.
    let mut user = guest(FULL | U, FULL | U);
    assert_eq!(user.cause(&Request { sum: true, ..load }), Some(Cause::LoadPageFault));
    assert_eq!(user.cause(&Request { vs_sum: true, ..load }), None);
}

#[test]
fn a_trace_shows_each_entry_and_changes_nothing() {
    let scene = one_page(leaf(RAM_BASE, V | R | W));
    let trace = walk_trace(&scene.env(), &scene.ram, &request(Access::Store, 0x5123));
    let seen: Vec<_> = trace.steps.iter().map(|s| (s.level, s.index, s.entry_address)).collect();
    assert_eq!(seen, [(2, 0, ROOT), (1, 0, ROOT + 0x1000), (0, 5, ROOT + 0x2028)]);
    assert!(matches!(trace.steps[2].meaning, Meaning::Leaf { missing, .. } if missing == A | D));
    assert_eq!(trace.result.unwrap().pa, RAM_BASE + 0x123);
    assert_eq!(scene.ram.load(ROOT + 0x2028, 8), Some(leaf(RAM_BASE, V | R | W)));
    assert!(!scene.ram.is_marked(ROOT));
}

/// Memory whose entries lose the race for their update a few times.
struct Contended<'a>(&'a mut Ram, u32);

impl TableMemory for Contended<'_> {
    fn read_entry(&mut self, pa: u64, owner: Owner) -> Option<u64> {
        self.0.read_entry(pa, owner)
    }

    fn update_entry(&mut self, pa: u64, old: u64, new: u64) -> bool {
        self.1 = self.1.saturating_sub(1);
        self.1 == 0 && self.0.update_entry(pa, old, new)
    }
}

#[test]
fn a_lost_race_for_an_entry_walks_again() {
    let mut scene = one_page(leaf(RAM_BASE, V | R | W));
    let (pmp, satp, menvcfg) = (scene.pmp.clone(), scene.satp, scene.menvcfg);
    let env = Env { satp, vsatp: 0, hgatp: 0, menvcfg, henvcfg: 0, pmp: &pmp };
    let mut memory = Contended(&mut scene.ram, 3);
    let t = translate(&env, &mut memory, &request(Access::Store, 0x5000)).unwrap();
    assert_eq!((t.pa, t.steps.first), (RAM_BASE, 9));
}
