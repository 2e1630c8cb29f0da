//! Operand layouts: which fields of a 32-bit word an instruction uses, and of what kind each is.
//!
//! [`Format::fields`] is the only description; unpacking, packing, disassembly and the assembler's signatures
//! all follow from it.

use crate::op::Inst;

/// An operand layout, finer than the specification's letters where the register files differ.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Format {
    /// `rd, imm[31:12]`.
    U,
    /// `rd, offset` (jump).
    J,
    /// `rd, offset(rs1)` (indirect jump).
    Jalr,
    /// `rs1, rs2, offset` (branch).
    B,
    /// `rd, offset(rs1)`.
    Load,
    /// `rs2, offset(rs1)`.
    Store,
    /// `rd, rs1, imm`.
    I,
    /// `rd, rs1, shamt` of six bits.
    Shift6,
    /// `rd, rs1, shamt` of five bits.
    Shift5,
    /// `rd, rs1, rs2`.
    R,
    /// `rd, rs1`.
    RUnary,
    /// Fences: mode, predecessor and successor in the immediate; `rd` and `rs1` are reserved and ignored.
    Fence,
    /// No operand.
    Nullary,
    /// `rd, csr, rs1`.
    Csr,
    /// `rd, csr, zimm`, the immediate in `rs1`.
    CsrImm,
    /// `rd, rs2, (rs1)` with the ordering bits.
    Amo,
    /// `rd, (rs1)` with the ordering bits.
    Lr,
    /// `rs1, rs2`: address and address space.
    Sfence,
    /// `rd, (rs1)`: hypervisor load.
    HLoad,
    /// `rs2, (rs1)`: hypervisor store.
    HStore,
    /// `(rs1)`: cache block.
    Cbo,
    /// `offset(rs1)`, the offset a multiple of 32.
    Prefetch,
    /// `frd, offset(rs1)`.
    FLoad,
    /// `frs2, offset(rs1)`.
    FStore,
    /// `frd, frs1, frs2`.
    FR,
    /// `frd, frs1, frs2, rm`.
    FRm,
    /// `frd, frs1, rm`.
    FUnaryRm,
    /// `rd, frs1, frs2`.
    FCmp,
    /// `rd, frs1`.
    FToX,
    /// `rd, frs1, rm`.
    FToXRm,
    /// `frd, rs1`.
    XToF,
    /// `frd, rs1, rm`.
    XToFRm,
    /// `frd, frs1, frs2, frs3, rm`.
    FR4,
    /// `frd, constant`, the constant's number in `rs1`.
    Fli,
}

/// What a five-bit register slot holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Slot {
    /// Not an operand.
    No,
    /// An integer register.
    X,
    /// A floating-point register.
    F,
    /// A plain number (`zimm`, the constant of `fli`) or a reserved field that is kept and ignored.
    Number,
}

/// What [`Inst::rm`] holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Small {
    /// Nothing.
    No,
    /// The rounding mode.
    RoundingMode,
    /// Bit 1 acquire, bit 0 release.
    Ordering,
}

/// Where the immediate is in the word, and its range.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Immediate {
    /// None.
    No,
    /// Twelve bits, signed.
    I,
    /// Twelve bits, signed, split around `rs2`.
    S,
    /// Thirteen bits, signed, even.
    B,
    /// The upper twenty bits, already in place.
    U,
    /// Twenty-one bits, signed, even.
    J,
    /// Six bits, unsigned.
    Shamt6,
    /// Five bits, unsigned.
    Shamt5,
    /// Twelve bits, unsigned: a CSR number or a fence's sets.
    Unsigned12,
    /// Twelve bits, signed, a multiple of 32.
    Block,
}

/// The operands of a format.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fields {
    /// Bits 11:7.
    pub rd: Slot,
    /// Bits 19:15.
    pub rs1: Slot,
    /// Bits 24:20.
    pub rs2: Slot,
    /// Bits 31:27.
    pub rs3: Slot,
    /// Rounding mode or ordering bits.
    pub small: Small,
    /// Immediate.
    pub imm: Immediate,
}

const fn fields(rd: Slot, rs1: Slot, rs2: Slot, small: Small, imm: Immediate) -> Fields {
    Fields { rd, rs1, rs2, rs3: Slot::No, small, imm }
}

impl Format {
    /// The operands of this format.
    #[must_use]
    pub const fn fields(self) -> Fields {
        use Immediate as Imm;
        use Slot::{F, No, Number, X};
        const NO: Small = Small::No;
        const RM: Small = Small::RoundingMode;
        const AQRL: Small = Small::Ordering;
        match self {
            Self::U => fields(X, No, No, NO, Imm::U),
            Self::J => fields(X, No, No, NO, Imm::J),
            Self::Jalr | Self::Load | Self::I => fields(X, X, No, NO, Imm::I),
            Self::B => fields(No, X, X, NO, Imm::B),
            Self::Store => fields(No, X, X, NO, Imm::S),
            Self::Shift6 => fields(X, X, No, NO, Imm::Shamt6),
            Self::Shift5 => fields(X, X, No, NO, Imm::Shamt5),
            Self::R => fields(X, X, X, NO, Imm::No),
            Self::RUnary | Self::HLoad => fields(X, X, No, NO, Imm::No),
            Self::Fence => fields(Number, Number, No, NO, Imm::Unsigned12),
            Self::Nullary => fields(No, No, No, NO, Imm::No),
            Self::Csr => fields(X, X, No, NO, Imm::Unsigned12),
            Self::CsrImm => fields(X, Number, No, NO, Imm::Unsigned12),
            Self::Amo => fields(X, X, X, AQRL, Imm::No),
            Self::Lr => fields(X, X, No, AQRL, Imm::No),
            Self::Sfence | Self::HStore => fields(No, X, X, NO, Imm::No),
            Self::Cbo => fields(No, X, No, NO, Imm::No),
            Self::Prefetch => fields(No, X, No, NO, Imm::Block),
            Self::FLoad => fields(F, X, No, NO, Imm::I),
            Self::FStore => fields(No, X, F, NO, Imm::S),
            Self::FR => fields(F, F, F, NO, Imm::No),
            Self::FRm => fields(F, F, F, RM, Imm::No),
            Self::FUnaryRm => fields(F, F, No, RM, Imm::No),
            Self::FCmp => fields(X, F, F, NO, Imm::No),
            Self::FToX => fields(X, F, No, NO, Imm::No),
            Self::FToXRm => fields(X, F, No, RM, Imm::No),
            Self::XToF => fields(F, X, No, NO, Imm::No),
            Self::XToFRm => fields(F, X, No, RM, Imm::No),
            Self::FR4 => Fields { rd: F, rs1: F, rs2: F, rs3: F, small: RM, imm: Imm::No },
            Self::Fli => fields(F, Number, No, NO, Imm::No),
        }
    }

    /// Bits of the word that carry operands.
    #[must_use]
    pub fn operand_mask(self) -> u32 {
        let f = self.fields();
        let all = Inst { rd: 31, rs1: 31, rs2: 31, rs3: 31, rm: 7, imm: -1, ..Inst::NOP };
        f.pack(&all)
    }
}

impl Fields {
    /// Reads the operands of `word` into `inst`.
    #[inline]
    pub(crate) fn unpack(&self, word: u32, inst: &mut Inst) {
        let slot = |slot: Slot, low: u32| if matches!(slot, Slot::No) { 0 } else { bits(word, low, 5) };
        inst.rd = slot(self.rd, 7);
        inst.rs1 = slot(self.rs1, 15);
        inst.rs2 = slot(self.rs2, 20);
        inst.rs3 = slot(self.rs3, 27);
        inst.rm = match self.small {
            Small::No => 0,
            Small::RoundingMode => bits(word, 12, 3),
            Small::Ordering => bits(word, 25, 2),
        };
        let signed = word.cast_signed();
        inst.imm = match self.imm {
            Immediate::No => 0,
            Immediate::I => signed >> 20,
            Immediate::S => (signed >> 25 << 5) | i32::from(bits(word, 7, 5)),
            Immediate::B => {
                (signed >> 31 << 12)
                    | i32::from(bits(word, 7, 1)) << 11
                    | i32::from(bits(word, 25, 6)) << 5
                    | i32::from(bits(word, 8, 4)) << 1
            }
            Immediate::U => (word & 0xffff_f000).cast_signed(),
            Immediate::J => {
                (signed >> 31 << 20)
                    | (word & 0x000f_f000).cast_signed()
                    | i32::from(bits(word, 20, 1)) << 11
                    | (word >> 20 & 0x7fe).cast_signed()
            }
            Immediate::Shamt6 => i32::from(bits(word, 20, 6)),
            Immediate::Shamt5 => i32::from(bits(word, 20, 5)),
            Immediate::Unsigned12 => (word >> 20).cast_signed(),
            Immediate::Block => signed >> 25 << 5,
        };
    }

    /// The operand bits of `inst`; what does not fit its field is cut off.
    pub(crate) fn pack(&self, inst: &Inst) -> u32 {
        let slot =
            |slot: Slot, value: u8, low: u32| if slot == Slot::No { 0 } else { u32::from(value & 31) << low };
        let imm = inst.imm.cast_unsigned();
        slot(self.rd, inst.rd, 7)
            | slot(self.rs1, inst.rs1, 15)
            | slot(self.rs2, inst.rs2, 20)
            | slot(self.rs3, inst.rs3, 27)
            | match self.small {
                Small::No => 0,
                Small::RoundingMode => u32::from(inst.rm & 7) << 12,
                Small::Ordering => u32::from(inst.rm & 3) << 25,
            }
            | match self.imm {
                Immediate::No => 0,
                Immediate::I | Immediate::Unsigned12 => imm << 20,
                Immediate::S => (imm >> 5) << 25 | (imm & 31) << 7,
                Immediate::B => {
                    (imm >> 12 & 1) << 31
                        | (imm >> 5 & 0x3f) << 25
                        | (imm >> 1 & 15) << 8
                        | (imm >> 11 & 1) << 7
                }
                Immediate::U => imm & 0xffff_f000,
                Immediate::J => {
                    (imm >> 20 & 1) << 31
                        | (imm >> 1 & 0x3ff) << 21
                        | (imm >> 11 & 1) << 20
                        | (imm & 0x000f_f000)
                }
                Immediate::Shamt6 => (imm & 63) << 20,
                Immediate::Shamt5 => (imm & 31) << 20,
                Immediate::Block => (imm >> 5) << 25,
            }
    }
}

/// `count` (at most 8) bits of `word` from bit `low` up.
#[inline]
pub(crate) const fn bits(word: u32, low: u32, count: u32) -> u8 {
    ((word >> low) & ((1 << count) - 1)).to_le_bytes()[0]
}
