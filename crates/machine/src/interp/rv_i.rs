//! RV64I.

use super::cpu::{Cpu, Flow, Step, Stop};
use crate::engine::Exit;
use crate::privilege::Privilege;
use crate::trap::{Cause, Trap};
use isa::Inst;

/// Sign extension of the low 32 bits.
#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "the upper half is what it drops")]
pub(super) fn sext32(value: u64) -> u64 {
    i64::from(value as i32).cast_unsigned()
}

/// Sign extension of the low 8 bits.
#[inline(always)]
pub(super) fn sext8(value: u64) -> u64 {
    (value.cast_signed() << 56 >> 56).cast_unsigned()
}

/// Sign extension of the low 16 bits.
#[inline(always)]
pub(super) fn sext16(value: u64) -> u64 {
    (value.cast_signed() << 48 >> 48).cast_unsigned()
}

/// Arithmetic shift to the right.
#[inline(always)]
fn sra64(value: u64, count: u64) -> u64 {
    (value.cast_signed() >> count).cast_unsigned()
}

/// The immediate, sign-extended to 64 bits.
#[inline(always)]
pub(super) fn imm(inst: &Inst) -> u64 {
    i64::from(inst.imm).cast_unsigned()
}

#[inline(always)]
fn signed(value: u64) -> i64 {
    value.cast_signed()
}

/// Handlers of the shape `rd = f(rs1, rs2)`.
macro_rules! binary {
    ($($name:ident = |$a:ident, $b:ident| $value:expr;)*) => {
        $(pub(super) fn $name(cpu: &mut super::cpu::Cpu<'_>, inst: &isa::Inst) -> super::cpu::Step {
            let ($a, $b) = (cpu.x(inst.rs1), cpu.x(inst.rs2));
            cpu.set_x(inst.rd, $value);
            Ok(super::cpu::Flow::Next)
        })*
    };
}

/// Handlers of the shape `rd = f(rs1, imm)`.
macro_rules! immediate {
    ($($name:ident = |$a:ident, $b:ident| $value:expr;)*) => {
        $(pub(super) fn $name(cpu: &mut super::cpu::Cpu<'_>, inst: &isa::Inst) -> super::cpu::Step {
            let ($a, $b) = (cpu.x(inst.rs1), super::rv_i::imm(inst));
            cpu.set_x(inst.rd, $value);
            Ok(super::cpu::Flow::Next)
        })*
    };
}

/// Handlers of the shape `rd = f(rs1)`.
macro_rules! unary {
    ($($name:ident = |$a:ident| $value:expr;)*) => {
        $(pub(super) fn $name(cpu: &mut super::cpu::Cpu<'_>, inst: &isa::Inst) -> super::cpu::Step {
            let $a = cpu.x(inst.rs1);
            cpu.set_x(inst.rd, $value);
            Ok(super::cpu::Flow::Next)
        })*
    };
}
pub(super) use {binary, immediate, unary};

binary! {
    add = |a, b| a.wrapping_add(b);
    sub = |a, b| a.wrapping_sub(b);
    sll = |a, b| a << (b & 63);
    srl = |a, b| a >> (b & 63);
    sra = |a, b| sra64(a, b & 63);
    slt = |a, b| u64::from(signed(a) < signed(b));
    sltu = |a, b| u64::from(a < b);
    xor = |a, b| a ^ b;
    or = |a, b| a | b;
    and_ = |a, b| a & b;
    addw = |a, b| sext32(a.wrapping_add(b));
    subw = |a, b| sext32(a.wrapping_sub(b));
    sllw = |a, b| sext32(a << (b & 31));
    srlw = |a, b| sext32((a & 0xffff_ffff) >> (b & 31));
    sraw = |a, b| sra64(sext32(a), b & 31);
}

immediate! {
    addi = |a, b| a.wrapping_add(b);
    slti = |a, b| u64::from(signed(a) < signed(b));
    sltiu = |a, b| u64::from(a < b);
    xori = |a, b| a ^ b;
    ori = |a, b| a | b;
    andi = |a, b| a & b;
    slli = |a, b| a << (b & 63);
    srli = |a, b| a >> (b & 63);
    srai = |a, b| sra64(a, b & 63);
    addiw = |a, b| sext32(a.wrapping_add(b));
    slliw = |a, b| sext32(a << (b & 31));
    srliw = |a, b| sext32((a & 0xffff_ffff) >> (b & 31));
    sraiw = |a, b| sra64(sext32(a), b & 31);
}

pub(super) fn lui(cpu: &mut Cpu<'_>, inst: &Inst) -> Step {
    cpu.set_x(inst.rd, imm(inst));
    Ok(Flow::Next)
}

pub(super) fn auipc(cpu: &mut Cpu<'_>, inst: &Inst) -> Step {
    let value = cpu.hart.pc.wrapping_add(imm(inst));
    cpu.set_x(inst.rd, value);
    Ok(Flow::Next)
}

pub(super) fn jal(cpu: &mut Cpu<'_>, inst: &Inst) -> Step {
    let pc = cpu.hart.pc;
    cpu.set_x(inst.rd, pc.wrapping_add(u64::from(inst.len)));
    cpu.jump(pc.wrapping_add(imm(inst)))
}

pub(super) fn jalr(cpu: &mut Cpu<'_>, inst: &Inst) -> Step {
    let target = cpu.x(inst.rs1).wrapping_add(imm(inst)) & !1;
    let link = cpu.hart.pc.wrapping_add(u64::from(inst.len));
    cpu.set_x(inst.rd, link);
    cpu.jump(target)
}

macro_rules! branches {
    ($($name:ident = |$a:ident, $b:ident| $taken:expr;)*) => {
        $(pub(super) fn $name(cpu: &mut Cpu<'_>, inst: &Inst) -> Step {
            let ($a, $b) = (cpu.x(inst.rs1), cpu.x(inst.rs2));
            if $taken { cpu.jump(cpu.hart.pc.wrapping_add(imm(inst))) } else { Ok(Flow::Next) }
        })*
    };
}

branches! {
    beq = |a, b| a == b;
    bne = |a, b| a != b;
    blt = |a, b| signed(a) < signed(b);
    bge = |a, b| signed(a) >= signed(b);
    bltu = |a, b| a < b;
    bgeu = |a, b| a >= b;
}

macro_rules! loads {
    ($($name:ident $bytes:literal |$value:ident| $extended:expr;)*) => {
        $(pub(super) fn $name(cpu: &mut Cpu<'_>, inst: &Inst) -> Step {
            let va = cpu.x(inst.rs1).wrapping_add(imm(inst));
            let Some($value) = cpu.load_cached::<$bytes>(va) else {
                return load_uncached::<$bytes>(cpu, inst, |$value| $extended);
            };
            cpu.set_x(inst.rd, $extended);
            Ok(Flow::Next)
        })*
    };
}

/// A load whose translation is not cached: apart, so that the handlers stay short.
#[cold]
fn load_uncached<const N: usize>(cpu: &mut Cpu<'_>, inst: &Inst, extend: fn(u64) -> u64) -> Step {
    let value = cpu.load::<N>(cpu.x(inst.rs1).wrapping_add(imm(inst)))?;
    cpu.set_x(inst.rd, extend(value));
    Ok(Flow::Next)
}

loads! {
    lb 1 |v| sext8(v);
    lh 2 |v| sext16(v);
    lw 4 |v| sext32(v);
    ld 8 |v| v;
    lbu 1 |v| v;
    lhu 2 |v| v;
    lwu 4 |v| v;
}

macro_rules! stores {
    ($($name:ident $bytes:literal;)*) => {
        $(pub(super) fn $name(cpu: &mut Cpu<'_>, inst: &Inst) -> Step {
            let va = cpu.x(inst.rs1).wrapping_add(imm(inst));
            if cpu.store_cached::<$bytes>(va, cpu.x(inst.rs2)) {
                return Ok(Flow::Next);
            }
            store_uncached::<$bytes>(cpu, inst)
        })*
    };
}

/// As [`load_uncached`].
#[cold]
fn store_uncached<const N: usize>(cpu: &mut Cpu<'_>, inst: &Inst) -> Step {
    cpu.store::<N>(cpu.x(inst.rs1).wrapping_add(imm(inst)), cpu.x(inst.rs2))?;
    Ok(Flow::Next)
}

stores! { sb 1; sh 2; sw 4; sd 8; }

/// Harts take turns and see each other's stores in order, so that a fence has nothing to do.
pub(super) fn fence(_: &mut Cpu<'_>, _: &Inst) -> Step {
    Ok(Flow::Next)
}

pub(super) fn fence_tso(cpu: &mut Cpu<'_>, inst: &Inst) -> Step {
    fence(cpu, inst)
}

pub(super) fn pause(cpu: &mut Cpu<'_>, inst: &Inst) -> Step {
    fence(cpu, inst)
}

pub(super) fn ecall(cpu: &mut Cpu<'_>, _: &Inst) -> Step {
    let hart = &*cpu.hart;
    let cause = match (hart.privilege, hart.virt) {
        (Privilege::User, _) => Cause::EcallFromU,
        (Privilege::Supervisor, false) if cpu.architecture.builtin_sbi => {
            cpu.stop = Stop::Exit(Exit::Sbi);
            return Ok(Flow::Stay);
        }
        (Privilege::Supervisor, false) => Cause::EcallFromS,
        (Privilege::Supervisor, true) => Cause::EcallFromVs,
        (Privilege::Machine, _) => Cause::EcallFromM,
    };
    Err(Trap::new(cause, 0))
}

pub(super) fn ebreak(cpu: &mut Cpu<'_>, _: &Inst) -> Step {
    Err(Trap::new(Cause::Breakpoint, cpu.hart.pc))
}

/// No instruction at all.
pub(super) fn illegal(_: &mut Cpu<'_>, inst: &Inst) -> Step {
    Err(Trap::illegal(inst.raw))
}
