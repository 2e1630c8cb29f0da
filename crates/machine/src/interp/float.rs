//! What the floating-point handlers share: registers of either format, rounding modes, flags and the state FS.
//!
//! Each shape of instruction is one function here, which a handler calls with the operation of [`crate::fp`]. All
//! of them refuse when FS is off. FS becomes dirty when a floating-point register is written, or when an
//! operation that writes an integer register raises a new flag.

use super::cpu::{Cpu, Flow, Step};
use super::rv_i::imm;
use crate::fp::{self, F32, F64, Flags, Format, Rounding};
use crate::trap::Trap;
use isa::Inst;

/// A format as a floating-point register holds it.
pub(super) trait Register: Format {
    fn from_register(register: u64) -> Self;
    fn to_register(self) -> u64;
}

impl Register for F32 {
    #[inline(always)]
    fn from_register(register: u64) -> F32 {
        fp::unbox32(register)
    }

    #[inline(always)]
    fn to_register(self) -> u64 {
        fp::box32(self)
    }
}

impl Register for F64 {
    #[inline(always)]
    fn from_register(register: u64) -> F64 {
        F64(register)
    }

    #[inline(always)]
    fn to_register(self) -> u64 {
        self.0
    }
}

/// Defines handlers, each a shape of this module with its operation.
macro_rules! handlers {
    ($($name:ident = $shape:ident($($argument:expr),*);)*) => {
        $(pub(super) fn $name(cpu: &mut super::cpu::Cpu<'_>, inst: &isa::Inst) -> super::cpu::Step {
            super::float::$shape(cpu, inst $(, $argument)*)
        })*
    };
}
pub(super) use handlers;

impl Cpu<'_> {
    /// The raw image of a floating-point register.
    #[inline(always)]
    fn f_raw(&self, register: u8) -> u64 {
        self.hart.f[usize::from(register & 31)]
    }

    #[inline(always)]
    fn set_f_raw(&mut self, register: u8, value: u64) {
        self.hart.f[usize::from(register & 31)] = value;
        self.hart.mark_float_dirty();
    }

    #[inline(always)]
    fn f<F: Register>(&self, register: u8) -> F {
        F::from_register(self.f_raw(register))
    }

    #[inline(always)]
    fn require_float(&self, inst: &Inst) -> Result<(), Trap> {
        if self.float_enabled() { Ok(()) } else { Err(Trap::illegal(inst.raw)) }
    }

    /// The rounding mode that the instruction names or takes from `frm`; a reserved one is illegal.
    #[inline(always)]
    fn rounding(&self, inst: &Inst) -> Result<Rounding, Trap> {
        let rm = if inst.rm == 7 { self.hart.frm } else { inst.rm };
        Rounding::from_bits(rm).ok_or(Trap::illegal(inst.raw))
    }

    /// Runs an operation on the accrued flags and writes its result to `rd`.
    #[inline(always)]
    fn finish_f<F: Register>(&mut self, inst: &Inst, operation: impl FnOnce(&mut Flags) -> F) -> Step {
        let mut flags = Flags::from_bits(self.hart.fflags);
        let result = operation(&mut flags);
        self.hart.fflags = flags.bits();
        self.set_f_raw(inst.rd, result.to_register());
        Ok(Flow::Next)
    }

    /// As [`Cpu::finish_f`], for a result in an integer register.
    #[inline(always)]
    fn finish_x(&mut self, inst: &Inst, operation: impl FnOnce(&mut Flags) -> u64) -> Step {
        let mut flags = Flags::from_bits(self.hart.fflags);
        let result = operation(&mut flags);
        if flags.bits() != self.hart.fflags {
            self.hart.fflags = flags.bits();
            self.hart.mark_float_dirty();
        }
        self.set_x(inst.rd, result);
        Ok(Flow::Next)
    }
}

/// `frd = memory`, a word, boxed.
#[inline(always)]
pub(super) fn load_single(cpu: &mut Cpu<'_>, inst: &Inst) -> Step {
    cpu.require_float(inst)?;
    let value = cpu.load::<4>(cpu.x(inst.rs1).wrapping_add(imm(inst)))?;
    cpu.set_f_raw(inst.rd, value | 0xffff_ffff_0000_0000);
    Ok(Flow::Next)
}

/// `frd = memory`, a double word.
#[inline(always)]
pub(super) fn load_double(cpu: &mut Cpu<'_>, inst: &Inst) -> Step {
    cpu.require_float(inst)?;
    let value = cpu.load::<8>(cpu.x(inst.rs1).wrapping_add(imm(inst)))?;
    cpu.set_f_raw(inst.rd, value);
    Ok(Flow::Next)
}

/// `memory = frs2`, the low word whether boxed or not.
#[inline(always)]
pub(super) fn store_single(cpu: &mut Cpu<'_>, inst: &Inst) -> Step {
    cpu.require_float(inst)?;
    cpu.store::<4>(cpu.x(inst.rs1).wrapping_add(imm(inst)), cpu.f_raw(inst.rs2))?;
    Ok(Flow::Next)
}

/// `memory = frs2`, a double word.
#[inline(always)]
pub(super) fn store_double(cpu: &mut Cpu<'_>, inst: &Inst) -> Step {
    cpu.require_float(inst)?;
    cpu.store::<8>(cpu.x(inst.rs1).wrapping_add(imm(inst)), cpu.f_raw(inst.rs2))?;
    Ok(Flow::Next)
}

/// `frd = f(frs1, frs2)`, rounded.
#[inline(always)]
pub(super) fn rounded2<F: Register>(
    cpu: &mut Cpu<'_>,
    inst: &Inst,
    operation: impl FnOnce(F, F, Rounding, &mut Flags) -> F,
) -> Step {
    cpu.require_float(inst)?;
    let rm = cpu.rounding(inst)?;
    let (a, b) = (cpu.f(inst.rs1), cpu.f(inst.rs2));
    cpu.finish_f(inst, |flags| operation(a, b, rm, flags))
}

/// `frd = f(frs1)`, rounded; the formats may differ.
#[inline(always)]
pub(super) fn rounded1<F: Register, R: Register>(
    cpu: &mut Cpu<'_>,
    inst: &Inst,
    operation: impl FnOnce(F, Rounding, &mut Flags) -> R,
) -> Step {
    cpu.require_float(inst)?;
    let rm = cpu.rounding(inst)?;
    let a = cpu.f(inst.rs1);
    cpu.finish_f(inst, |flags| operation(a, rm, flags))
}

/// `frd = frs1 * frs2 + frs3` after `signs` has turned the first and the third operand over as it should.
#[inline(always)]
pub(super) fn fused<F: Register>(cpu: &mut Cpu<'_>, inst: &Inst, signs: impl FnOnce(F, F) -> (F, F)) -> Step {
    cpu.require_float(inst)?;
    let rm = cpu.rounding(inst)?;
    let (a, c) = signs(cpu.f(inst.rs1), cpu.f(inst.rs3));
    let b = cpu.f(inst.rs2);
    cpu.finish_f(inst, |flags| fp::fma(a, b, c, rm, flags))
}

/// `frd = f(frs1, frs2)`, nothing to round.
#[inline(always)]
pub(super) fn select<F: Register>(
    cpu: &mut Cpu<'_>,
    inst: &Inst,
    operation: impl FnOnce(F, F, &mut Flags) -> F,
) -> Step {
    cpu.require_float(inst)?;
    let (a, b) = (cpu.f(inst.rs1), cpu.f(inst.rs2));
    cpu.finish_f(inst, |flags| operation(a, b, flags))
}

/// `frd =` the constant numbered `rs1`.
#[inline(always)]
pub(super) fn constant<F: Register>(cpu: &mut Cpu<'_>, inst: &Inst, table: impl FnOnce(usize) -> F) -> Step {
    cpu.require_float(inst)?;
    cpu.finish_f(inst, |_| table(usize::from(inst.rs1)))
}

/// `rd = f(frs1, frs2)`, a truth value.
#[inline(always)]
pub(super) fn compare<F: Register>(
    cpu: &mut Cpu<'_>,
    inst: &Inst,
    operation: impl FnOnce(F, F, &mut Flags) -> bool,
) -> Step {
    cpu.require_float(inst)?;
    let (a, b) = (cpu.f(inst.rs1), cpu.f(inst.rs2));
    cpu.finish_x(inst, |flags| u64::from(operation(a, b, flags)))
}

/// `rd = f(frs1)`, rounded to an integer, which is sign-extended even if it is unsigned.
#[inline(always)]
pub(super) fn to_integer<F: Register, I: Integer>(
    cpu: &mut Cpu<'_>,
    inst: &Inst,
    operation: impl FnOnce(F, Rounding, &mut Flags) -> I,
) -> Step {
    cpu.require_float(inst)?;
    let rm = cpu.rounding(inst)?;
    let a = cpu.f(inst.rs1);
    cpu.finish_x(inst, |flags| operation(a, rm, flags).to_register())
}

/// `rd = f(frs1)`, to an integer in a rounding mode of the operation's own.
#[inline(always)]
pub(super) fn modular<F: Register>(
    cpu: &mut Cpu<'_>,
    inst: &Inst,
    operation: impl FnOnce(F, &mut Flags) -> i32,
) -> Step {
    cpu.require_float(inst)?;
    let a = cpu.f(inst.rs1);
    cpu.finish_x(inst, |flags| operation(a, flags).to_register())
}

/// `frd = f(rs1)`, rounded from an integer.
#[inline(always)]
pub(super) fn from_integer<R: Register>(
    cpu: &mut Cpu<'_>,
    inst: &Inst,
    operation: impl FnOnce(u64, Rounding, &mut Flags) -> R,
) -> Step {
    cpu.require_float(inst)?;
    let rm = cpu.rounding(inst)?;
    let a = cpu.x(inst.rs1);
    cpu.finish_f(inst, |flags| operation(a, rm, flags))
}

/// `rd = f(frs1)`, neither rounded nor able to raise a flag.
#[inline(always)]
pub(super) fn inspect<F: Register>(cpu: &mut Cpu<'_>, inst: &Inst, look: impl FnOnce(F) -> u64) -> Step {
    cpu.require_float(inst)?;
    let a = cpu.f(inst.rs1);
    cpu.set_x(inst.rd, look(a));
    Ok(Flow::Next)
}

/// `rd = f(frs1)`, the register as it is.
#[inline(always)]
pub(super) fn move_to_x(cpu: &mut Cpu<'_>, inst: &Inst, image: impl FnOnce(u64) -> u64) -> Step {
    cpu.require_float(inst)?;
    let raw = cpu.f_raw(inst.rs1);
    cpu.set_x(inst.rd, image(raw));
    Ok(Flow::Next)
}

/// `frd = f(rs1)`, the register as it is.
#[inline(always)]
pub(super) fn move_to_f(cpu: &mut Cpu<'_>, inst: &Inst, image: impl FnOnce(u64) -> u64) -> Step {
    cpu.require_float(inst)?;
    cpu.set_f_raw(inst.rd, image(cpu.x(inst.rs1)));
    Ok(Flow::Next)
}

/// An integer as an integer register holds it.
pub(super) trait Integer {
    fn to_register(self) -> u64;
}

impl Integer for i32 {
    #[inline(always)]
    fn to_register(self) -> u64 {
        i64::from(self).cast_unsigned()
    }
}

impl Integer for u32 {
    #[inline(always)]
    fn to_register(self) -> u64 {
        self.cast_signed().to_register()
    }
}

impl Integer for i64 {
    #[inline(always)]
    fn to_register(self) -> u64 {
        self.cast_unsigned()
    }
}

impl Integer for u64 {
    #[inline(always)]
    fn to_register(self) -> u64 {
        self
    }
}

/// The low word of a register, as a signed number.
#[inline(always)]
pub(super) fn word(register: u64) -> i64 {
    register.cast_signed() << 32 >> 32
}

/// The low word of a register, as an unsigned number.
#[inline(always)]
pub(super) fn unsigned_word(register: u64) -> u64 {
    register & 0xffff_ffff
}
