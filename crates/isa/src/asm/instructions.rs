//! One assembler method per instruction, with the operands that its format asks for.

use super::{Asm, Target};
use crate::for_each_instruction;
use crate::op::{Inst, Op};
use crate::reg::{FReg, Reg};

/// A rounding mode, as the instruction names it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Rm {
    /// To nearest, ties to even.
    Rne = 0,
    /// Towards zero.
    Rtz = 1,
    /// Down.
    Rdn = 2,
    /// Up.
    Rup = 3,
    /// To nearest, ties away from zero.
    Rmm = 4,
    /// Reserved.
    Reserved5 = 5,
    /// Reserved.
    Reserved6 = 6,
    /// As `frm` says.
    Dyn = 7,
}

/// Writes the method of one instruction by its format.
macro_rules! method {
    ($name:ident $op:ident $doc:literal: $($operand:ident $type:ty),* => $body:expr) => {
        #[doc = concat!("Appends `", $doc, "`.")]
        pub fn $name(&mut self $(, $operand: $type)*) -> &mut Asm {
            let write: fn(&mut Asm, Inst $(, $type)*) -> &mut Asm = $body;
            write(self, Inst::of(Op::$op) $(, $operand)*)
        }
    };
}

macro_rules! by_format {
    (U $n:ident $o:ident $d:literal) => {
        method!($n $o $d: rd Reg, upper i32 => |a, i, rd, upper| a.inst(Inst { rd: rd.number(), imm: upper << 12, ..i }));
    };
    (J $n:ident $o:ident $d:literal) => {
        #[doc = concat!("Appends `", $d, "`.")]
        pub fn $n(&mut self, rd: Reg, target: impl Into<Target>) -> &mut Asm {
            self.branch(Inst { rd: rd.number(), ..Inst::of(Op::$o) }, target.into())
        }
    };
    (B $n:ident $o:ident $d:literal) => {
        #[doc = concat!("Appends `", $d, "`.")]
        pub fn $n(&mut self, rs1: Reg, rs2: Reg, target: impl Into<Target>) -> &mut Asm {
            self.branch(Inst { rs1: rs1.number(), rs2: rs2.number(), ..Inst::of(Op::$o) }, target.into())
        }
    };
    (Jalr $n:ident $o:ident $d:literal) => { by_format!(I $n $o $d); };
    (Load $n:ident $o:ident $d:literal) => { by_format!(I $n $o $d); };
    (Shift6 $n:ident $o:ident $d:literal) => { by_format!(I $n $o $d); };
    (Shift5 $n:ident $o:ident $d:literal) => { by_format!(I $n $o $d); };
    (I $n:ident $o:ident $d:literal) => {
        method!($n $o $d: rd Reg, rs1 Reg, imm i32 => |a, i, rd, rs1, imm| {
            a.inst(Inst { rd: rd.number(), rs1: rs1.number(), imm, ..i })
        });
    };
    (Store $n:ident $o:ident $d:literal) => {
        method!($n $o $d: rs2 Reg, rs1 Reg, imm i32 => |a, i, rs2, rs1, imm| {
            a.inst(Inst { rs1: rs1.number(), rs2: rs2.number(), imm, ..i })
        });
    };
    (FLoad $n:ident $o:ident $d:literal) => {
        method!($n $o $d: rd FReg, rs1 Reg, imm i32 => |a, i, rd, rs1, imm| {
            a.inst(Inst { rd: rd.number(), rs1: rs1.number(), imm, ..i })
        });
    };
    (FStore $n:ident $o:ident $d:literal) => {
        method!($n $o $d: rs2 FReg, rs1 Reg, imm i32 => |a, i, rs2, rs1, imm| {
            a.inst(Inst { rs1: rs1.number(), rs2: rs2.number(), imm, ..i })
        });
    };
    (R $n:ident $o:ident $d:literal) => { by_format!(@three Reg Reg Reg $n $o $d); };
    (FR $n:ident $o:ident $d:literal) => { by_format!(@three FReg FReg FReg $n $o $d); };
    (FCmp $n:ident $o:ident $d:literal) => { by_format!(@three Reg FReg FReg $n $o $d); };
    (@three $rd:ident $rs1:ident $rs2:ident $n:ident $o:ident $d:literal) => {
        method!($n $o $d: rd $rd, rs1 $rs1, rs2 $rs2 => |a, i, rd, rs1, rs2| {
            a.inst(Inst { rd: rd.number(), rs1: rs1.number(), rs2: rs2.number(), ..i })
        });
    };
    (RUnary $n:ident $o:ident $d:literal) => { by_format!(@two Reg Reg $n $o $d); };
    (HLoad $n:ident $o:ident $d:literal) => { by_format!(@two Reg Reg $n $o $d); };
    (FToX $n:ident $o:ident $d:literal) => { by_format!(@two Reg FReg $n $o $d); };
    (XToF $n:ident $o:ident $d:literal) => { by_format!(@two FReg Reg $n $o $d); };
    (@two $rd:ident $rs1:ident $n:ident $o:ident $d:literal) => {
        method!($n $o $d: rd $rd, rs1 $rs1 => |a, i, rd, rs1| {
            a.inst(Inst { rd: rd.number(), rs1: rs1.number(), ..i })
        });
    };
    (FUnaryRm $n:ident $o:ident $d:literal) => { by_format!(@two_rm FReg FReg $n $o $d); };
    (FToXRm $n:ident $o:ident $d:literal) => { by_format!(@two_rm Reg FReg $n $o $d); };
    (XToFRm $n:ident $o:ident $d:literal) => { by_format!(@two_rm FReg Reg $n $o $d); };
    (@two_rm $rd:ident $rs1:ident $n:ident $o:ident $d:literal) => {
        method!($n $o $d: rd $rd, rs1 $rs1, rm Rm => |a, i, rd, rs1, rm| {
            a.inst(Inst { rd: rd.number(), rs1: rs1.number(), rm: rm as u8, ..i })
        });
    };
    (FRm $n:ident $o:ident $d:literal) => {
        method!($n $o $d: rd FReg, rs1 FReg, rs2 FReg, rm Rm => |a, i, rd, rs1, rs2, rm| {
            a.inst(Inst { rd: rd.number(), rs1: rs1.number(), rs2: rs2.number(), rm: rm as u8, ..i })
        });
    };
    (FR4 $n:ident $o:ident $d:literal) => {
        method!($n $o $d: rd FReg, rs1 FReg, rs2 FReg, rs3 FReg, rm Rm => |a, i, rd, rs1, rs2, rs3, rm| {
            let (rd, rs1, rs2, rs3) = (rd.number(), rs1.number(), rs2.number(), rs3.number());
            a.inst(Inst { rd, rs1, rs2, rs3, rm: rm as u8, ..i })
        });
    };
    (Fli $n:ident $o:ident $d:literal) => {
        method!($n $o $d: rd FReg, constant u8 => |a, i, rd, constant| {
            a.inst(Inst { rd: rd.number(), rs1: constant, ..i })
        });
    };
    (Fence $n:ident $o:ident $d:literal) => {
        method!($n $o $d: => |a, i| {
            let everything = if i.op == Op::Fence { 0xff } else { 0 };
            let imm = everything | (i.raw >> 20).cast_signed();
            a.inst(Inst { imm, ..i })
        });
    };
    (Nullary $n:ident $o:ident $d:literal) => { method!($n $o $d: => |a, i| a.inst(i)); };
    (Csr $n:ident $o:ident $d:literal) => {
        method!($n $o $d: rd Reg, csr u16, rs1 Reg => |a, i, rd, csr, rs1| {
            a.inst(Inst { rd: rd.number(), rs1: rs1.number(), imm: i32::from(csr), ..i })
        });
    };
    (CsrImm $n:ident $o:ident $d:literal) => {
        method!($n $o $d: rd Reg, csr u16, zimm u8 => |a, i, rd, csr, zimm| {
            a.inst(Inst { rd: rd.number(), rs1: zimm, imm: i32::from(csr), ..i })
        });
    };
    (Amo $n:ident $o:ident $d:literal) => {
        method!($n $o $d: rd Reg, rs2 Reg, address Reg => |a, i, rd, rs2, address| {
            a.inst(Inst { rd: rd.number(), rs1: address.number(), rs2: rs2.number(), ..i })
        });
    };
    (Lr $n:ident $o:ident $d:literal) => { by_format!(@two Reg Reg $n $o $d); };
    (Sfence $n:ident $o:ident $d:literal) => {
        method!($n $o $d: rs1 Reg, rs2 Reg => |a, i, rs1, rs2| {
            a.inst(Inst { rs1: rs1.number(), rs2: rs2.number(), ..i })
        });
    };
    (HStore $n:ident $o:ident $d:literal) => {
        method!($n $o $d: rs2 Reg, address Reg => |a, i, rs2, address| {
            a.inst(Inst { rs1: address.number(), rs2: rs2.number(), ..i })
        });
    };
    (Cbo $n:ident $o:ident $d:literal) => {
        method!($n $o $d: address Reg => |a, i, address| a.inst(Inst { rs1: address.number(), ..i }));
    };
    (Prefetch $n:ident $o:ident $d:literal) => {
        method!($n $o $d: address Reg, offset i32 => |a, i, address, imm| {
            a.inst(Inst { rs1: address.number(), imm, ..i })
        });
    };
}

macro_rules! define_methods {
    (; $(($op:ident, $handler:ident, $name:literal, $mask:literal, $match:literal,
         $format:ident, $module:ident, $extension:ident, $spec:literal))*) => {
        /// The instructions; destination first, then sources, as in assembly language (`lui` takes the upper
        /// twenty bits as a number; loads, stores and `jalr` take the base register, then the offset).
        impl Asm {
            $(by_format!($format $handler $op $name);)*
        }
    };
}
for_each_instruction!(define_methods);
