//! Disassembly in the syntax of the GNU tools, with calling-convention register names and CSR names.
//!
//! The common pseudo-instructions (`nop`, `li`, `mv`, `ret`, `csrr`, ...) are written as such; the alternate form
//! (`{:#}`) writes the instructions themselves.

use core::fmt;

use crate::csr;
use crate::format::{Format, Immediate, Slot};
use crate::op::{Inst, Op};
use crate::reg::{F_NAMES, X_NAMES};

/// An instruction to be printed.
#[derive(Clone, Copy, Debug)]
pub struct Disassembly {
    inst: Inst,
    pc: u64,
}

/// Prints `inst` as fetched at `pc`; branch targets are absolute.
#[must_use]
pub fn disassemble(inst: Inst, pc: u64) -> Disassembly {
    Disassembly { inst, pc }
}

const ROUNDING: [&str; 8] = ["rne", "rtz", "rdn", "rup", "rmm", "unknown", "unknown", "dyn"];

/// The constants of `fli`, as the GNU tools write them.
const FLI: [&str; 32] = [
    "-1.0",
    "min",
    "1.52587890625e-05",
    "3.0517578125e-05",
    "0.00390625",
    "0.0078125",
    "0.0625",
    "0.125",
    "0.25",
    "0.3125",
    "0.375",
    "0.4375",
    "0.5",
    "0.625",
    "0.75",
    "0.875",
    "1.0",
    "1.25",
    "1.5",
    "1.75",
    "2.0",
    "2.5",
    "3.0",
    "4.0",
    "8.0",
    "16.0",
    "128.0",
    "256.0",
    "32768.0",
    "65536.0",
    "inf",
    "nan",
];

fn x(register: u8) -> &'static str {
    X_NAMES[usize::from(register & 31)]
}

impl fmt::Display for Disassembly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !f.alternate() && self.alias(f)? {
            return Ok(());
        }
        f.write_str(self.inst.op.mnemonic())?;
        if matches!(self.inst.op.format(), Format::Amo | Format::Lr) {
            f.write_str(["", ".rl", ".aq", ".aqrl"][usize::from(self.inst.rm & 3)])?;
        }
        self.operands(f)
    }
}

impl Disassembly {
    fn target(&self) -> u64 {
        self.pc.wrapping_add_signed(i64::from(self.inst.imm))
    }

    /// Writes the pseudo-instruction that stands for this instruction; false if there is none.
    fn alias(&self, f: &mut fmt::Formatter<'_>) -> Result<bool, fmt::Error> {
        let i = &self.inst;
        let (rd, rs1, rs2, imm) = (i.rd, i.rs1, i.rs2, i.imm);
        match (i.op, rd, rs1, rs2) {
            (Op::Addi, 0, 0, _) if imm == 0 => write!(f, "nop")?,
            (Op::Addi, _, 0, _) => write!(f, "li {},{imm}", x(rd))?,
            (Op::Addi, ..) if imm == 0 => write!(f, "mv {},{}", x(rd), x(rs1))?,
            (Op::Add, _, 0, _) if i.len == 2 => write!(f, "mv {},{}", x(rd), x(rs2))?,
            (Op::Addiw, ..) if imm == 0 => write!(f, "sext.w {},{}", x(rd), x(rs1))?,
            (Op::Andi, ..) if imm == 255 => write!(f, "zext.b {},{}", x(rd), x(rs1))?,
            (Op::AddUw, _, _, 0) => write!(f, "zext.w {},{}", x(rd), x(rs1))?,
            (Op::Xori, ..) if imm == -1 => write!(f, "not {},{}", x(rd), x(rs1))?,
            (Op::Sub, _, 0, _) => write!(f, "neg {},{}", x(rd), x(rs2))?,
            (Op::Sltiu, ..) if imm == 1 => write!(f, "seqz {},{}", x(rd), x(rs1))?,
            (Op::Sltu, _, 0, _) => write!(f, "snez {},{}", x(rd), x(rs2))?,
            (Op::Jal, 0, ..) => write!(f, "j {:#x}", self.target())?,
            (Op::Jal, 1, ..) => write!(f, "jal {:#x}", self.target())?,
            (Op::Jalr, 0, 1, _) if imm == 0 => write!(f, "ret")?,
            (Op::Jalr, 0, ..) if imm == 0 => write!(f, "jr {}", x(rs1))?,
            (Op::Jalr, 1, ..) if imm == 0 => write!(f, "jalr {}", x(rs1))?,
            (Op::Beq, _, _, 0) => write!(f, "beqz {},{:#x}", x(rs1), self.target())?,
            (Op::Bne, _, _, 0) => write!(f, "bnez {},{:#x}", x(rs1), self.target())?,
            (Op::Csrrs, _, 0, _) => write!(f, "csrr {},{}", x(rd), self.csr())?,
            (Op::Csrrw, 0, ..) => write!(f, "csrw {},{}", self.csr(), x(rs1))?,
            (Op::Csrrs, 0, ..) => write!(f, "csrs {},{}", self.csr(), x(rs1))?,
            (Op::Csrrc, 0, ..) => write!(f, "csrc {},{}", self.csr(), x(rs1))?,
            (Op::Csrrwi, 0, ..) => write!(f, "csrwi {},{rs1}", self.csr())?,
            (Op::Csrrsi, 0, ..) => write!(f, "csrsi {},{rs1}", self.csr())?,
            (Op::Csrrci, 0, ..) => write!(f, "csrci {},{rs1}", self.csr())?,
            (Op::SfenceVma, _, 0, 0) => write!(f, "sfence.vma")?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn csr(&self) -> csr::Name {
        csr::name(u16::try_from(self.inst.imm & 0xfff).unwrap_or(0))
    }

    fn operands(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let i = &self.inst;
        let (rd, rs1, rs2, imm) = (x(i.rd), x(i.rs1), x(i.rs2), i.imm);
        match i.op.format() {
            Format::U => write!(f, " {rd},{:#x}", imm.cast_unsigned() >> 12),
            Format::J => write!(f, " {rd},{:#x}", self.target()),
            Format::B => write!(f, " {rs1},{rs2},{:#x}", self.target()),
            Format::Jalr | Format::Load => write!(f, " {rd},{imm}({rs1})"),
            Format::Store => write!(f, " {rs2},{imm}({rs1})"),
            Format::Prefetch => write!(f, " {imm}({rs1})"),
            Format::FLoad => write!(f, " {},{imm}({rs1})", F_NAMES[usize::from(i.rd & 31)]),
            Format::FStore => write!(f, " {},{imm}({rs1})", F_NAMES[usize::from(i.rs2 & 31)]),
            Format::Shift6 | Format::Shift5 => write!(f, " {rd},{rs1},{imm:#x}"),
            Format::Fence => self.fence_sets(f),
            Format::Nullary => Ok(()),
            Format::Csr => write!(f, " {rd},{},{rs1}", self.csr()),
            Format::CsrImm => write!(f, " {rd},{},{}", self.csr(), i.rs1),
            Format::Amo => write!(f, " {rd},{rs2},({rs1})"),
            Format::Lr | Format::HLoad => write!(f, " {rd},({rs1})"),
            Format::HStore => write!(f, " {rs2},({rs1})"),
            Format::Cbo => write!(f, " ({rs1})"),
            Format::Fli => write!(f, " {},{}", F_NAMES[usize::from(i.rd & 31)], FLI[usize::from(i.rs1 & 31)]),
            _ => self.in_order(f),
        }
    }

    /// Registers in the order `rd, rs1, rs2, rs3`, then the immediate, then a rounding mode that is not `dyn`.
    fn in_order(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let i = &self.inst;
        let fields = i.op.format().fields();
        let mut separator = " ";
        let slots = [(fields.rd, i.rd), (fields.rs1, i.rs1), (fields.rs2, i.rs2), (fields.rs3, i.rs3)];
        for (slot, register) in slots {
            match slot {
                Slot::No => continue,
                Slot::X => write!(f, "{separator}{}", x(register))?,
                Slot::F => write!(f, "{separator}{}", F_NAMES[usize::from(register & 31)])?,
                Slot::Number => write!(f, "{separator}{register}")?,
            }
            separator = ",";
        }
        if fields.imm != Immediate::No {
            write!(f, "{separator}{}", i.imm)?;
        }
        if i.op == Op::FcvtmodWD {
            return f.write_str(",rtz");
        }
        // Conversions that are always exact are written without a mode where it is 0.
        let exact = matches!(i.op, Op::FcvtDW | Op::FcvtDWu | Op::FcvtDS);
        let rounds = fields.small == crate::format::Small::RoundingMode;
        if rounds && i.rm != 7 && !(exact && i.rm == 0) {
            write!(f, ",{}", ROUNDING[usize::from(i.rm & 7)])?;
        }
        Ok(())
    }

    fn fence_sets(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.inst.op != Op::Fence {
            return Ok(());
        }
        for (separator, set) in [(" ", self.inst.imm >> 4 & 15), (",", self.inst.imm & 15)] {
            f.write_str(separator)?;
            if set == 0 {
                f.write_str("unknown")?;
            }
            for (bit, letter) in [(8, "i"), (4, "o"), (2, "r"), (1, "w")] {
                if set & bit != 0 {
                    f.write_str(letter)?;
                }
            }
        }
        Ok(())
    }
}
