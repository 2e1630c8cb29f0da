//! Operations and decoded instructions: the table as Rust types.

use crate::extension::Extension;
use crate::for_each_instruction;
use crate::format::Format;

/// One line of the instruction table.
pub(crate) struct Row {
    mnemonic: &'static str,
    pub(crate) mask: u32,
    pub(crate) match_bits: u32,
    pub(crate) format: Format,
    extension: Extension,
    spec: &'static str,
}

macro_rules! define_ops {
    (; $(($op:ident, $handler:ident, $name:literal, $mask:literal, $match:literal,
         $format:ident, $module:ident, $extension:ident, $spec:literal))*) => {
        /// An instruction of the table, without operands.
        ///
        /// Invariant: `op as usize` is its row's index, so that tables by [`for_each_instruction!`] line up.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        #[repr(u16)]
        pub enum Op {
            $(#[doc = concat!("`", $name, "`: ", $spec, ".")] $op,)*
        }

        impl Op {
            /// Every operation, in the table's order.
            pub const ALL: [Op; Op::COUNT] = [$(Op::$op),*];
            /// How many operations there are.
            pub const COUNT: usize = [$(Op::$op),*].len();
        }

        pub(crate) static TABLE: [Row; Op::COUNT] = [$(Row {
            mnemonic: $name,
            mask: $mask,
            match_bits: $match,
            format: Format::$format,
            extension: Extension::$extension,
            spec: $spec,
        }),*];
    };
}
for_each_instruction!(define_ops);

impl Op {
    #[inline]
    pub(crate) fn row(self) -> &'static Row {
        &TABLE[self as usize]
    }

    /// The name in assembly language, without `.aq` and `.rl`.
    #[must_use]
    pub fn mnemonic(self) -> &'static str {
        self.row().mnemonic
    }

    /// The operand layout.
    #[must_use]
    pub fn format(self) -> Format {
        self.row().format
    }

    /// The extension that defines it.
    #[must_use]
    pub fn extension(self) -> Extension {
        self.row().extension
    }

    /// The bits that identify it.
    #[must_use]
    pub fn mask(self) -> u32 {
        self.row().mask
    }

    /// What the bits of [`Op::mask`] must be.
    #[must_use]
    pub fn match_bits(self) -> u32 {
        self.row().match_bits
    }

    /// The section of the specification, within the chapter of its extension.
    #[must_use]
    pub fn spec(self) -> &'static str {
        self.row().spec
    }

    /// The operation with this name.
    #[must_use]
    pub fn from_mnemonic(name: &str) -> Option<Op> {
        Op::ALL.into_iter().find(|op| op.mnemonic() == name)
    }
}

/// A decoded instruction; operands that its format lacks are 0.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(C)]
pub struct Inst {
    /// The operation; of a compressed form, the base operation that it stands for.
    pub op: Op,
    /// Destination register.
    pub rd: u8,
    /// First source register; the `zimm` of `csrr*i`; the constant's number of `fli`.
    pub rs1: u8,
    /// Second source register.
    pub rs2: u8,
    /// Third source register.
    pub rs3: u8,
    /// Rounding mode, or for atomics bit 1 acquire and bit 0 release.
    pub rm: u8,
    /// Length in bytes: 2 or 4.
    pub len: u8,
    /// Sign-extended immediate (in place for `lui` and `auipc`); shift amount; CSR number; fence sets.
    pub imm: i32,
    /// As fetched: 32 bits, or 16 bits of a compressed form.
    pub raw: u32,
}

impl Inst {
    /// `addi zero, zero, 0`.
    pub const NOP: Inst =
        Inst { op: Op::Addi, rd: 0, rs1: 0, rs2: 0, rs3: 0, rm: 0, len: 4, imm: 0, raw: 0x13 };

    /// An instruction of `op` with all operands 0.
    #[must_use]
    pub fn of(op: Op) -> Inst {
        Inst { op, raw: op.match_bits(), ..Inst::NOP }
    }
}
