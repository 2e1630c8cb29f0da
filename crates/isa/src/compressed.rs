//! Compressed forms: their expansion to base instructions and back.
//!
//! A layout says where each operand of the base instruction lies in the half-word; immediates are scattered by
//! lists of `(bit of the immediate, bit of the half-word)`, the same list read in both directions.

use crate::for_each_compressed;
use crate::format::Slot;
use crate::op::{Inst, Op};

macro_rules! define_forms {
    (; $(($form:ident, $name:literal, $mask:literal, $match:literal, $layout:ident, $op:ident, $legal:ident))*) => {
        /// A compressed form.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum Form {
            $(#[doc = concat!("`", $name, "`.")] $form,)*
        }

        impl Form {
            /// Every form, in the table's order.
            pub const ALL: [Form; Form::COUNT] = [$(Form::$form),*];
            /// How many forms there are.
            pub const COUNT: usize = [$(Form::$form),*].len();
        }

        static FORMS: [Row; Form::COUNT] = [$(Row {
            mnemonic: $name,
            mask: $mask,
            match_bits: $match,
            layout: Layout::$layout,
            op: Op::$op,
            legal: Legal::$legal,
        }),*];
    };
}
for_each_compressed!(define_forms);

struct Row {
    mnemonic: &'static str,
    mask: u32,
    match_bits: u32,
    layout: Layout,
    op: Op,
    legal: Legal,
}

/// What must hold for an encoding of the form not to be reserved.
#[derive(Clone, Copy)]
enum Legal {
    Always,
    /// The immediate is not 0.
    Immediate,
    /// `rd` is not `x0`.
    Rd,
    /// `rs1` is not `x0`.
    Rs1,
}

#[derive(Clone, Copy)]
enum Layout {
    Ciw,
    ClW,
    ClD,
    CsW,
    CsD,
    Ci,
    CiLi,
    Ci16sp,
    CiLui,
    CiShift,
    CbShift,
    CbImm,
    Ca,
    Cj,
    Cb,
    CiLwsp,
    CiLdsp,
    CssW,
    CssD,
    CrJr,
    CrJalr,
    CrMv,
    CrAdd,
    Nullary,
}

/// Where a register operand is.
#[derive(Clone, Copy)]
enum Place {
    /// Implied by the form.
    Fixed(u8),
    /// Bits 11:7.
    High,
    /// Bits 6:2.
    Low,
    /// Bits 9:7, registers 8 to 15.
    HighShort,
    /// Bits 4:2, registers 8 to 15.
    LowShort,
}

/// Bits of an immediate as `(bit of the immediate, bit of the half-word)`, and its width if it is signed.
struct Scatter {
    signed_width: u32,
    bits: &'static [(u8, u8)],
}

const NO_IMM: Scatter = Scatter { signed_width: 0, bits: &[] };
const CIW: &[(u8, u8)] = &[(5, 12), (4, 11), (9, 10), (8, 9), (7, 8), (6, 7), (2, 6), (3, 5)];
const WORD: &[(u8, u8)] = &[(5, 12), (4, 11), (3, 10), (2, 6), (6, 5)];
const DOUBLE: &[(u8, u8)] = &[(5, 12), (4, 11), (3, 10), (7, 6), (6, 5)];
const SIX: &[(u8, u8)] = &[(5, 12), (4, 6), (3, 5), (2, 4), (1, 3), (0, 2)];
const SP16: &[(u8, u8)] = &[(9, 12), (4, 6), (6, 5), (8, 4), (7, 3), (5, 2)];
const UPPER: &[(u8, u8)] = &[(17, 12), (16, 6), (15, 5), (14, 4), (13, 3), (12, 2)];
const JUMP: &[(u8, u8)] =
    &[(11, 12), (4, 11), (9, 10), (8, 9), (10, 8), (6, 7), (7, 6), (3, 5), (2, 4), (1, 3), (5, 2)];
const BRANCH: &[(u8, u8)] = &[(8, 12), (4, 11), (3, 10), (7, 6), (6, 5), (2, 4), (1, 3), (5, 2)];
const LOAD_SP_W: &[(u8, u8)] = &[(5, 12), (4, 6), (3, 5), (2, 4), (7, 3), (6, 2)];
const LOAD_SP_D: &[(u8, u8)] = &[(5, 12), (4, 6), (3, 5), (8, 4), (7, 3), (6, 2)];
const STORE_SP_W: &[(u8, u8)] = &[(5, 12), (4, 11), (3, 10), (2, 9), (7, 8), (6, 7)];
const STORE_SP_D: &[(u8, u8)] = &[(5, 12), (4, 11), (3, 10), (8, 9), (7, 8), (6, 7)];

impl Layout {
    /// Places of `rd`, `rs1` and `rs2` of the base instruction.
    #[rustfmt::skip]
    const fn places(self) -> (Place, Place, Place) {
        use Place::{Fixed, High, HighShort, Low, LowShort};
        const NO: Place = Fixed(0);
        const SP: Place = Fixed(2);
        match self {
            Self::Ciw => (LowShort, SP, NO),
            Self::ClW | Self::ClD => (LowShort, HighShort, NO),
            Self::CsW | Self::CsD => (NO, HighShort, LowShort),
            Self::Ci | Self::CiShift => (High, High, NO),
            Self::CiLi | Self::CiLui => (High, NO, NO),
            Self::Ci16sp => (SP, SP, NO),
            Self::CbShift | Self::CbImm => (HighShort, HighShort, NO),
            Self::Ca => (HighShort, HighShort, LowShort),
            Self::Cj | Self::Nullary => (NO, NO, NO),
            Self::Cb => (NO, HighShort, NO),
            Self::CiLwsp | Self::CiLdsp => (High, SP, NO),
            Self::CssW | Self::CssD => (NO, SP, Low),
            Self::CrJr => (NO, High, NO),
            Self::CrJalr => (Fixed(1), High, NO),
            Self::CrMv => (High, NO, Low),
            Self::CrAdd => (High, High, Low),
        }
    }

    const fn scatter(self) -> Scatter {
        let (signed_width, bits) = match self {
            Self::Ciw => (0, CIW),
            Self::ClW | Self::CsW => (0, WORD),
            Self::ClD | Self::CsD => (0, DOUBLE),
            Self::Ci | Self::CiLi | Self::CbImm => (6, SIX),
            Self::CiShift | Self::CbShift => (0, SIX),
            Self::Ci16sp => (10, SP16),
            Self::CiLui => (18, UPPER),
            Self::Cj => (12, JUMP),
            Self::Cb => (9, BRANCH),
            Self::CiLwsp => (0, LOAD_SP_W),
            Self::CiLdsp => (0, LOAD_SP_D),
            Self::CssW => (0, STORE_SP_W),
            Self::CssD => (0, STORE_SP_D),
            Self::Ca | Self::CrJr | Self::CrJalr | Self::CrMv | Self::CrAdd | Self::Nullary => return NO_IMM,
        };
        Scatter { signed_width, bits }
    }
}

impl Place {
    fn read(self, half: u32) -> u8 {
        match self {
            Self::Fixed(register) => register,
            Self::High => crate::format::bits(half, 7, 5),
            Self::Low => crate::format::bits(half, 2, 5),
            Self::HighShort => 8 + crate::format::bits(half, 7, 3),
            Self::LowShort => 8 + crate::format::bits(half, 2, 3),
        }
    }

    fn write(self, register: u8) -> u32 {
        let register = u32::from(register);
        match self {
            Self::Fixed(_) => 0,
            Self::High => (register & 31) << 7,
            Self::Low => (register & 31) << 2,
            Self::HighShort => (register & 7) << 7,
            Self::LowShort => (register & 7) << 2,
        }
    }
}

impl Scatter {
    fn read(&self, half: u32) -> i32 {
        let value = self.bits.iter().fold(0u32, |value, &(to, from)| value | (half >> from & 1) << to);
        if self.signed_width == 0 {
            return value.cast_signed();
        }
        let unused = 32 - self.signed_width;
        (value << unused).cast_signed() >> unused
    }

    fn write(&self, imm: i32) -> u32 {
        self.bits.iter().fold(0u32, |half, &(to, from)| half | (imm.cast_unsigned() >> to & 1) << from)
    }
}

impl Form {
    /// The form of the half-word `half`, reserved encodings included.
    #[must_use]
    pub fn of(half: u16) -> Option<Form> {
        let half = u32::from(half);
        let start = FIRST[(half >> 13 << 2 | half & 3) as usize];
        Form::ALL[start.min(Form::COUNT)..].iter().copied().find(|&form| {
            let row = form.row();
            half & row.mask == row.match_bits
        })
    }

    fn row(self) -> &'static Row {
        &FORMS[self as usize]
    }

    /// The name in assembly language.
    #[must_use]
    pub fn mnemonic(self) -> &'static str {
        self.row().mnemonic
    }

    fn expand(self, half: u32) -> Option<Inst> {
        let row = self.row();
        let (rd, rs1, rs2) = row.layout.places();
        let inst = Inst {
            op: row.op,
            rd: rd.read(half),
            rs1: rs1.read(half),
            rs2: rs2.read(half),
            rs3: 0,
            rm: 0,
            len: 2,
            imm: row.layout.scatter().read(half),
            raw: half,
        };
        let legal = match row.legal {
            Legal::Always => true,
            Legal::Immediate => inst.imm != 0,
            Legal::Rd => inst.rd != 0,
            Legal::Rs1 => inst.rs1 != 0,
        };
        legal.then_some(inst)
    }

    fn pack(self, inst: &Inst) -> u32 {
        let row = self.row();
        let (rd, rs1, rs2) = row.layout.places();
        row.match_bits
            | rd.write(inst.rd)
            | rs1.write(inst.rs1)
            | rs2.write(inst.rs2)
            | row.layout.scatter().write(inst.imm)
    }
}

/// First form by `funct3` and quadrant; `Form::COUNT` where there is none.
static FIRST: [usize; 32] = {
    let mut first = [Form::COUNT; 32];
    let mut form = Form::COUNT;
    while form > 0 {
        form -= 1;
        let word = FORMS[form].match_bits;
        first[(word >> 13 << 2 | word & 3) as usize] = form;
    }
    first
};

pub(crate) fn decode(half: u32) -> Option<Inst> {
    let start = FIRST[(half >> 13 << 2 | half & 3) as usize];
    let form = Form::ALL[start..].iter().find(|form| half & form.row().mask == form.row().match_bits)?;
    form.expand(half)
}

pub(crate) fn encode(inst: &Inst) -> u32 {
    let half = u16::try_from(inst.raw & 0xffff).unwrap_or(0);
    Form::of(half).map_or(inst.raw, |form| form.pack(inst))
}

/// The compressed half-word that expands to `inst`, if there is one; hints are not produced.
#[must_use]
pub fn compress(inst: &Inst) -> Option<u16> {
    let wanted = Inst { len: 2, raw: 0, ..*inst };
    if is_hint(inst) {
        return None;
    }
    Form::ALL.into_iter().filter(|form| form.row().op == inst.op).find_map(|form| {
        let half = u16::try_from(form.pack(inst)).ok()?;
        let expanded = form.expand(u32::from(half))?;
        (Form::of(half) == Some(form) && Inst { raw: 0, ..expanded } == wanted).then_some(half)
    })
}

/// Writes `x0` and does nothing else, `nop` itself apart.
fn is_hint(inst: &Inst) -> bool {
    let computes = inst.op.format().fields().rd == Slot::X && !matches!(inst.op, Op::Jal | Op::Jalr);
    let nop = inst.op == Op::Addi && inst.rs1 == 0 && inst.imm == 0;
    computes && inst.rd == 0 && !nop
}
