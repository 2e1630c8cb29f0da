//! Where a unit keeps the guest's registers.
//!
//! Between units nine integer registers have homes in host registers (see [`crate::abi`]) and all others are in
//! memory. A unit gives floating-point registers that it uses homes in `xmm3` to `xmm15`; a loop that calls nothing
//! also gives integer registers that it uses much the homes of such as it uses little. Homes are filled where the
//! unit is entered, and what may have changed is stored wherever it is left.

use super::Emitter;
use super::operands::{Registers, f_read, f_written, is_float, x_read, x_written};
use crate::abi::{PINNED, f_at, pinned, x_at};
use crate::block::{Block, Unit, leaves};
use dynasmrt::{DynasmApi, DynasmLabelApi, dynasm};
use isa::{Inst, Op};
use std::collections::BTreeMap;

/// Host registers for floating-point registers; the ones below are scratch.
const XMM_HOMES: std::ops::Range<u8> = 3..16;
/// How many uses more than another a register needs to take its home in a loop, and in a block that is gone through once.
const WORTH_LOOP: u32 = 2;
const WORTH_BLOCK: u32 = 6;

/// An integer register in the home of another.
#[derive(Clone, Copy)]
struct Guest {
    register: u8,
    /// Whose home it is between units.
    owner: u8,
    host: u8,
}

/// The homes of a unit's registers.
pub(crate) struct Homes {
    x: [Option<u8>; 32],
    f: [Option<u8>; 32],
    guests: Vec<Guest>,
    /// Registers that the unit may write.
    x_written: Registers,
    f_written: Registers,
    loops: bool,
}

impl Homes {
    /// Chooses homes for `unit`.
    pub(crate) fn new(unit: &Unit) -> Homes {
        let mut homes = Homes {
            x: std::array::from_fn(|guest| pinned(guest as u8)),
            f: [None; 32],
            guests: Vec::new(),
            x_written: Registers::default(),
            f_written: Registers::default(),
            loops: unit.loops,
        };
        // Few blocks are long enough for another order to pay.
        let short = unit.blocks[0].insts.len() < 2 * WORTH_BLOCK as usize;
        if !unit.loops && short && !unit.insts().any(is_float) {
            return homes;
        }
        let loops = loops(unit);
        let (mut x_uses, mut f_uses) = ([0; 32], [0; 32]);
        for block in &unit.blocks {
            for (pc, inst) in block.placed() {
                let weight = weight(&loops, pc);
                x_read(inst)
                    .into_iter()
                    .chain(x_written(inst))
                    .for_each(|x| x_uses[usize::from(x)] += weight);
                f_read(inst).into_iter().flatten().chain(f_written(inst)).for_each(|f| {
                    f_uses[usize::from(f)] += weight;
                });
            }
        }
        unit.insts().filter_map(x_written).for_each(|x| homes.x_written.insert(x));
        unit.insts().filter_map(f_written).for_each(|f| homes.f_written.insert(f));
        homes.settle_floats(&f_uses);
        if !unit.loops {
            homes.settle_guests(&x_uses, WORTH_BLOCK);
        } else if !unit.insts().any(calls) {
            homes.settle_guests(&x_uses, WORTH_LOOP);
        }
        homes
    }

    /// Gives the floating-point registers used most homes, if they are used more than once.
    fn settle_floats(&mut self, uses: &[u32; 32]) {
        for (f, home) in by_use(0..32, uses).into_iter().zip(XMM_HOMES) {
            if uses[usize::from(f)] >= 2 {
                self.f[usize::from(f)] = Some(home);
            }
        }
    }

    /// Gives the registers that have no homes and are used most the homes of those that are used least.
    fn settle_guests(&mut self, uses: &[u32; 32], worth: u32) {
        let homeless = by_use((1..32).filter(|&x| pinned(x).is_none()), uses);
        let owners = by_use(PINNED.into_iter().map(|(guest, _)| guest), uses);
        for (&register, &owner) in homeless.iter().zip(owners.iter().rev()) {
            if uses[usize::from(register)] < uses[usize::from(owner)] + worth {
                break;
            }
            if let Some(host) = self.x[usize::from(owner)].take() {
                self.x[usize::from(register)] = Some(host);
                self.guests.push(Guest { register, owner, host });
            }
        }
    }

    /// The host register that holds integer register `guest`.
    pub(crate) fn x(&self, guest: u8) -> Option<u8> {
        self.x[usize::from(guest)]
    }

    /// The host register that holds floating-point register `f`.
    pub(crate) fn f(&self, f: u8) -> Option<u8> {
        self.f[usize::from(f)]
    }

    /// Floating-point registers that may differ from memory where the unit is entered or goes round.
    pub(crate) fn dirty_at_entry(&self) -> Registers {
        if self.loops { self.f_written } else { Registers::default() }
    }

    /// Whether no register has another home than between units.
    pub(crate) fn are_usual(&self) -> bool {
        self.guests.is_empty() && self.f == [None; 32]
    }

    fn floats(&self) -> impl Iterator<Item = (u8, u8)> {
        (0..).zip(self.f).filter_map(|(f, home)| Some((f, home?)))
    }

    /// Integer registers in host registers, as (guest, host).
    fn integers(&self) -> impl Iterator<Item = (u8, u8)> {
        (0..).zip(self.x).filter_map(|(x, home)| Some((x, home?)))
    }
}

/// Those of `registers` that are used, the ones used most first.
fn by_use(registers: impl Iterator<Item = u8>, uses: &[u32; 32]) -> Vec<u8> {
    let mut sorted: Vec<u8> = registers.collect();
    sorted.sort_by_key(|&register| std::cmp::Reverse(uses[usize::from(register)]));
    sorted
}

/// The loops of a unit: the address of the head of each, and of the last jump back to it.
fn loops(unit: &Unit) -> BTreeMap<u64, u64> {
    let mut loops = BTreeMap::new();
    for (at, head) in unit.blocks.iter().flat_map(Block::jumps).filter(|(at, target)| target <= at) {
        let last = loops.entry(head).or_insert(at);
        *last = at.max(*last);
    }
    loops
}

/// How much more often than the unit the instruction at `pc` is executed, by the loops around it.
fn weight(loops: &BTreeMap<u64, u64>, pc: u64) -> u32 {
    let depth = loops.iter().filter(|&(head, last)| (*head..=*last).contains(&pc)).count();
    1 << (2 * depth.min(4))
}

/// Whether the instruction leaves the unit's registers to others for a while.
fn calls(inst: &Inst) -> bool {
    inst.op == Op::Jalr || (inst.op == Op::Jal && inst.rd != 0) || leaves(inst.op)
}

impl Emitter<'_> {
    /// Fills the unit's homes from where registers are between units.
    pub(crate) fn settle(&mut self) {
        for guest in &self.homes.guests {
            dynasm!(self.ops
                ; .arch x64
                ; mov [BYTE rbp + x_at(guest.owner)], Rq(guest.host)
                ; mov Rq(guest.host), [BYTE rbp + x_at(guest.register)]
            );
        }
        for (f, home) in self.homes.floats() {
            dynasm!(self.ops ; .arch x64 ; vmovsd Rx(home), [rbp + f_at(f)]);
        }
    }

    /// Puts registers where they are between units, `dirty` being the floating-point registers to be stored.
    pub(crate) fn unsettle(&mut self, dirty: Registers) {
        for (f, home) in self.homes.floats().filter(|&(f, _)| dirty.contains(f)) {
            dynasm!(self.ops ; .arch x64 ; vmovsd [rbp + f_at(f)], Rx(home));
        }
        for guest in &self.homes.guests {
            if self.homes.x_written.contains(guest.register) {
                dynasm!(self.ops ; .arch x64 ; mov [BYTE rbp + x_at(guest.register)], Rq(guest.host));
            }
            dynasm!(self.ops ; .arch x64 ; mov Rq(guest.host), [BYTE rbp + x_at(guest.owner)]);
        }
    }

    /// Emits the way to the interpreter for units of unusual homes: memory holds all registers meanwhile.
    pub(crate) fn emit_interlude(&mut self) {
        for (f, home) in self.homes.floats().filter(|&(f, _)| self.homes.f_written.contains(f)) {
            dynasm!(self.ops ; .arch x64 ; vmovsd [rbp + f_at(f)], Rx(home));
        }
        for (x, home) in self.homes.integers() {
            dynasm!(self.ops ; .arch x64 ; mov [BYTE rbp + x_at(x)], Rq(home));
        }
        dynasm!(self.ops
            ; .arch x64
            ; sub rsp, 8
            ; call extern self.target.trampoline.interpret
            ; add rsp, 8
        );
        for (x, home) in self.homes.integers() {
            dynasm!(self.ops ; .arch x64 ; mov Rq(home), [BYTE rbp + x_at(x)]);
        }
        for (f, home) in self.homes.floats() {
            dynasm!(self.ops ; .arch x64 ; vmovsd Rx(home), [rbp + f_at(f)]);
        }
        dynasm!(self.ops ; .arch x64 ; ret);
    }
}
