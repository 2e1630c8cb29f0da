//! An assembler for tests: one method per instruction of the table, labels, data, and the usual
//! pseudo-instructions.
//!
//! ```
//! use isa::asm::Asm;
//! use isa::reg::Reg;
//! let mut a = Asm::new(0x8000_0000);
//! let again = a.here();
//! a.addi(Reg::A0, Reg::A0, -1).bnez(Reg::A0, again).ecall();
//! assert_eq!(a.finish().len(), 12);
//! ```
//! A misuse (a label never placed, an offset out of range) panics: this code writes tests, it parses nothing.

mod instructions;
mod pseudo;

use alloc::vec::Vec;

pub use instructions::Rm;

use crate::op::Inst;

/// A place in the program, possibly not yet known.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Label(usize);

/// Where a branch or jump goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Target {
    /// A label.
    Label(Label),
    /// An offset from the instruction.
    Offset(i32),
}

impl From<Label> for Target {
    fn from(label: Label) -> Target {
        Target::Label(label)
    }
}

impl From<i32> for Target {
    fn from(offset: i32) -> Target {
        Target::Offset(offset)
    }
}

enum Fixup {
    /// The offset of one branch or jump.
    Inst(Inst),
    /// `auipc` and the `addi` after it.
    Address(Inst, Inst),
    /// An absolute address of eight bytes.
    Pointer,
}

/// A program under construction, to be loaded at a fixed address.
pub struct Asm {
    base: u64,
    bytes: Vec<u8>,
    labels: Vec<Option<usize>>,
    fixups: Vec<(usize, Label, Fixup)>,
}

impl Asm {
    /// An empty program that begins at address `base`.
    #[must_use]
    pub fn new(base: u64) -> Asm {
        Asm { base, bytes: Vec::new(), labels: Vec::new(), fixups: Vec::new() }
    }

    /// The address of the next byte.
    #[must_use]
    pub fn pc(&self) -> u64 {
        self.base + self.bytes.len() as u64
    }

    /// A label for later, see [`Asm::place`].
    pub fn label(&mut self) -> Label {
        self.labels.push(None);
        Label(self.labels.len() - 1)
    }

    /// A label at the next byte.
    pub fn here(&mut self) -> Label {
        self.labels.push(Some(self.bytes.len()));
        Label(self.labels.len() - 1)
    }

    /// Puts `label` at the next byte.
    ///
    /// Panics: if it already has a place.
    pub fn place(&mut self, label: Label) -> &mut Asm {
        assert!(self.labels[label.0].replace(self.bytes.len()).is_none(), "label placed twice");
        self
    }

    /// The address of a label.
    ///
    /// Panics: if it has no place yet.
    #[must_use]
    pub fn address(&self, label: Label) -> u64 {
        self.base + self.labels[label.0].expect("label without a place") as u64
    }

    /// Appends an instruction; with `len` 2, its compressed form.
    ///
    /// Panics: if an operand does not fit, or a compressed form is asked for and there is none.
    pub fn inst(&mut self, inst: Inst) -> &mut Asm {
        if inst.len == 2 {
            let half = crate::compress(&inst).unwrap_or_else(|| panic!("no compressed form of {inst:?}"));
            return self.half(half);
        }
        let word = checked(&inst);
        self.word(word)
    }

    /// Appends the compressed form of the next instruction to be appended, by the closure.
    ///
    /// Panics: if the instruction has none.
    pub fn compressed(&mut self, write: impl FnOnce(&mut Asm)) -> &mut Asm {
        let start = self.bytes.len();
        let fixups = self.fixups.len();
        write(self);
        assert!(self.fixups.len() == fixups, "compressed branches take offsets, not labels");
        assert_eq!(self.bytes.len(), start + 4, "one instruction");
        let word = u32::from_le_bytes(self.bytes[start..].try_into().expect("four bytes"));
        let inst = crate::decode(word).expect("an instruction of the table");
        self.bytes.truncate(start);
        self.inst(Inst { len: 2, ..inst })
    }

    /// Appends 16 bits.
    pub fn half(&mut self, half: u16) -> &mut Asm {
        self.data(&half.to_le_bytes())
    }

    /// Appends 32 bits: data, or an instruction word that the table does not know.
    pub fn word(&mut self, word: u32) -> &mut Asm {
        self.data(&word.to_le_bytes())
    }

    /// Appends 64 bits.
    pub fn dword(&mut self, dword: u64) -> &mut Asm {
        self.data(&dword.to_le_bytes())
    }

    /// Appends bytes.
    pub fn data(&mut self, bytes: &[u8]) -> &mut Asm {
        self.bytes.extend_from_slice(bytes);
        self
    }

    /// Appends the address of `label` in 64 bits.
    pub fn pointer(&mut self, label: Label) -> &mut Asm {
        self.fixups.push((self.bytes.len(), label, Fixup::Pointer));
        self.dword(0)
    }

    /// Appends zeros up to a multiple of `alignment`.
    pub fn align(&mut self, alignment: usize) -> &mut Asm {
        while !self.pc().is_multiple_of(alignment as u64) {
            self.bytes.push(0);
        }
        self
    }

    /// Appends zeros up to `address`.
    ///
    /// Panics: if the program is already longer.
    pub fn org(&mut self, address: u64) -> &mut Asm {
        let length = usize::try_from(address - self.base).expect("an address in the program");
        assert!(length >= self.bytes.len(), "org goes back");
        self.bytes.resize(length, 0);
        self
    }

    pub(crate) fn branch(&mut self, inst: Inst, target: Target) -> &mut Asm {
        match target {
            Target::Offset(imm) => self.inst(Inst { imm, ..inst }),
            Target::Label(label) => {
                self.fixups.push((self.bytes.len(), label, Fixup::Inst(inst)));
                self.word(0)
            }
        }
    }

    pub(crate) fn address_of(&mut self, upper: Inst, lower: Inst, label: Label) -> &mut Asm {
        self.fixups.push((self.bytes.len(), label, Fixup::Address(upper, lower)));
        self.dword(0)
    }

    /// The bytes of the program.
    ///
    /// Panics: if a label that was used has no place, or is out of reach.
    #[must_use]
    pub fn finish(mut self) -> Vec<u8> {
        for (at, label, fixup) in core::mem::take(&mut self.fixups) {
            let offset = self.address(label).wrapping_sub(self.base + at as u64).cast_signed();
            let offset = i32::try_from(offset).expect("label out of reach");
            match fixup {
                Fixup::Inst(inst) => self.patch(at, &checked(&Inst { imm: offset, ..inst }).to_le_bytes()),
                Fixup::Address(upper, lower) => {
                    let high = offset.wrapping_add(0x800) & !0xfff;
                    self.patch(at, &checked(&Inst { imm: high, ..upper }).to_le_bytes());
                    self.patch(at + 4, &checked(&Inst { imm: offset - high, ..lower }).to_le_bytes());
                }
                Fixup::Pointer => self.patch(at, &self.address(label).to_le_bytes()),
            }
        }
        self.bytes
    }

    fn patch(&mut self, at: usize, bytes: &[u8]) {
        self.bytes[at..at + bytes.len()].copy_from_slice(bytes);
    }
}

/// The word of `inst`, all of whose operands fit.
fn checked(inst: &Inst) -> u32 {
    let word = crate::encode(inst);
    let mut back = Inst { op: inst.op, raw: inst.raw, ..Inst::NOP };
    inst.op.format().fields().unpack(word, &mut back);
    assert_eq!(back, *inst, "operand out of range");
    word
}
