//! Pseudo-instructions of the assembly language.

use super::{Asm, Label, Target};
use crate::op::{Inst, Op};
use crate::reg::Reg;

impl Asm {
    /// Loads any constant, with the usual sequence of `lui`, `addi(w)` and `slli`.
    pub fn li(&mut self, rd: Reg, value: u64) -> &mut Asm {
        let signed = value.cast_signed();
        let low = signed << 52 >> 52;
        if let Ok(word) = i32::try_from(signed) {
            let upper = word.wrapping_add(0x800) >> 12;
            let low = word.wrapping_sub(upper << 12);
            if upper == 0 {
                return self.addi(rd, Reg::ZERO, low);
            }
            // `lui` sign-extends bit 19 of its operand.
            self.lui(rd, upper << 12 >> 12);
            return if low == 0 { self } else { self.addiw(rd, rd, low) };
        }
        let high = signed.wrapping_sub(low);
        let shift = high.trailing_zeros();
        self.li(rd, (high >> shift).cast_unsigned());
        self.slli(rd, rd, shift.cast_signed());
        match i32::try_from(low) {
            Ok(0) => self,
            Ok(low) => self.addi(rd, rd, low),
            Err(_) => unreachable!("twelve bits"),
        }
    }

    /// Loads the address of `label`.
    pub fn la(&mut self, rd: Reg, label: Label) -> &mut Asm {
        let rd = rd.number();
        let upper = Inst { rd, ..Inst::of(Op::Auipc) };
        let lower = Inst { rd, rs1: rd, ..Inst::of(Op::Addi) };
        self.address_of(upper, lower, label)
    }

    /// `addi zero, zero, 0`.
    pub fn nop(&mut self) -> &mut Asm {
        self.inst(Inst::NOP)
    }

    /// Copies a register.
    pub fn mv(&mut self, rd: Reg, rs: Reg) -> &mut Asm {
        self.addi(rd, rs, 0)
    }

    /// Jumps.
    pub fn j(&mut self, target: impl Into<Target>) -> &mut Asm {
        self.jal(Reg::ZERO, target)
    }

    /// Calls within reach of `jal`.
    pub fn call(&mut self, target: impl Into<Target>) -> &mut Asm {
        self.jal(Reg::RA, target)
    }

    /// Jumps to the address in a register.
    pub fn jr(&mut self, rs: Reg) -> &mut Asm {
        self.jalr(Reg::ZERO, rs, 0)
    }

    /// Returns.
    pub fn ret(&mut self) -> &mut Asm {
        self.jr(Reg::RA)
    }

    /// Branches if `rs` is zero.
    pub fn beqz(&mut self, rs: Reg, target: impl Into<Target>) -> &mut Asm {
        self.beq(rs, Reg::ZERO, target)
    }

    /// Branches if `rs` is not zero.
    pub fn bnez(&mut self, rs: Reg, target: impl Into<Target>) -> &mut Asm {
        self.bne(rs, Reg::ZERO, target)
    }

    /// Reads a register.
    pub fn csrr(&mut self, rd: Reg, csr: u16) -> &mut Asm {
        self.csrrs(rd, csr, Reg::ZERO)
    }

    /// Writes a register.
    pub fn csrw(&mut self, csr: u16, rs: Reg) -> &mut Asm {
        self.csrrw(Reg::ZERO, csr, rs)
    }

    /// Sets bits of a register.
    pub fn csrs(&mut self, csr: u16, rs: Reg) -> &mut Asm {
        self.csrrs(Reg::ZERO, csr, rs)
    }

    /// Clears bits of a register.
    pub fn csrc(&mut self, csr: u16, rs: Reg) -> &mut Asm {
        self.csrrc(Reg::ZERO, csr, rs)
    }
}
