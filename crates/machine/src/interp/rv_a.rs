//! A: load-reserved, store-conditional and atomic memory operations.
//!
//! Harts take turns, so that each operation is atomic by itself. A reservation is the physical address; it falls
//! at SC, at a trap return, and at the end of the turn, unless the hart is alone and no device acts then.

use super::cpu::{Cpu, Flow, Step};
use super::rv_i::sext32;
use crate::hart::Reservation;
use crate::mmu::Access;
use isa::Inst;

fn load_reserved(cpu: &mut Cpu<'_>, inst: &Inst, bytes: u64, extend: fn(u64) -> u64) -> Step {
    let pa = cpu.atomic_address(cpu.x(inst.rs1), bytes, Access::Load)?;
    let value = cpu.bus.ram.load(pa, bytes).unwrap_or(0);
    cpu.hart.reservation = Reservation::of(pa);
    cpu.set_x(inst.rd, extend(value));
    Ok(Flow::Next)
}

fn store_conditional(cpu: &mut Cpu<'_>, inst: &Inst, bytes: u64) -> Step {
    let va = cpu.x(inst.rs1);
    let reservation = cpu.hart.reservation;
    let pa = cpu.atomic_address(va, bytes, Access::Store)?;
    cpu.hart.reservation = Reservation::NONE;
    let holds = reservation == Reservation::of(pa);
    if holds {
        let data = cpu.x(inst.rs2).to_le_bytes();
        cpu.write_memory(pa, if bytes == 4 { &data[..4] } else { &data });
    }
    cpu.set_x(inst.rd, u64::from(!holds));
    Ok(Flow::Next)
}

pub(super) fn lr_w(cpu: &mut Cpu<'_>, inst: &Inst) -> Step {
    load_reserved(cpu, inst, 4, sext32)
}

pub(super) fn lr_d(cpu: &mut Cpu<'_>, inst: &Inst) -> Step {
    load_reserved(cpu, inst, 8, |value| value)
}

pub(super) fn sc_w(cpu: &mut Cpu<'_>, inst: &Inst) -> Step {
    store_conditional(cpu, inst, 4)
}

pub(super) fn sc_d(cpu: &mut Cpu<'_>, inst: &Inst) -> Step {
    store_conditional(cpu, inst, 8)
}

#[expect(clippy::cast_possible_truncation, reason = "the low word is what the operation takes")]
fn word(value: u64) -> u32 {
    value as u32
}

fn int(value: u64) -> i32 {
    word(value).cast_signed()
}

macro_rules! words {
    ($($name:ident = |$old:ident, $operand:ident| $new:expr;)*) => {
        $(pub(super) fn $name(cpu: &mut Cpu<'_>, inst: &Inst) -> Step {
            let $operand = cpu.x(inst.rs2);
            let old = cpu.modify::<4>(cpu.x(inst.rs1), |$old| $new)?;
            cpu.set_x(inst.rd, sext32(old));
            Ok(Flow::Next)
        })*
    };
}

macro_rules! doubles {
    ($($name:ident = |$old:ident, $operand:ident| $new:expr;)*) => {
        $(pub(super) fn $name(cpu: &mut Cpu<'_>, inst: &Inst) -> Step {
            let $operand = cpu.x(inst.rs2);
            let old = cpu.modify::<8>(cpu.x(inst.rs1), |$old| $new)?;
            cpu.set_x(inst.rd, old);
            Ok(Flow::Next)
        })*
    };
}

words! {
    amoswap_w = |_old, b| b;
    amoadd_w = |a, b| a.wrapping_add(b);
    amoxor_w = |a, b| a ^ b;
    amoand_w = |a, b| a & b;
    amoor_w = |a, b| a | b;
    amomin_w = |a, b| if int(a) <= int(b) { a } else { b };
    amomax_w = |a, b| if int(a) >= int(b) { a } else { b };
    amominu_w = |a, b| if word(a) <= word(b) { a } else { b };
    amomaxu_w = |a, b| if word(a) >= word(b) { a } else { b };
}

doubles! {
    amoswap_d = |_old, b| b;
    amoadd_d = |a, b| a.wrapping_add(b);
    amoxor_d = |a, b| a ^ b;
    amoand_d = |a, b| a & b;
    amoor_d = |a, b| a | b;
    amomin_d = |a, b| a.cast_signed().min(b.cast_signed()).cast_unsigned();
    amomax_d = |a, b| a.cast_signed().max(b.cast_signed()).cast_unsigned();
    amominu_d = |a, b| a.min(b);
    amomaxu_d = |a, b| a.max(b);
}
