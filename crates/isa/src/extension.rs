//! The extensions whose instructions the table holds, under the specification's own names.

use core::fmt;

/// The extension that defines an instruction.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Extension {
    /// RV64I, the base.
    I,
    /// Integer multiplication and division.
    M,
    /// Atomics: load-reserved/store-conditional and memory operations.
    A,
    /// Single-precision floating point.
    F,
    /// Double-precision floating point.
    D,
    /// Access to control and status registers.
    Zicsr,
    /// Instruction-fetch fence.
    Zifencei,
    /// Pause hint.
    Zihintpause,
    /// Address generation.
    Zba,
    /// Basic bit manipulation.
    Zbb,
    /// Carry-less multiplication.
    Zbc,
    /// Single-bit instructions.
    Zbs,
    /// Integer conditional operations.
    Zicond,
    /// Cache-block management.
    Zicbom,
    /// Cache-block prefetch hints.
    Zicbop,
    /// Cache-block zero.
    Zicboz,
    /// Wait on reservation set.
    Zawrs,
    /// Additional floating point.
    Zfa,
    /// Machine and supervisor mode of the privileged architecture.
    Priv,
    /// Fine-grained invalidation of address-translation caches.
    Svinval,
    /// Hypervisor.
    H,
}

impl Extension {
    /// The name as the specification writes it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::I => "I",
            Self::M => "M",
            Self::A => "A",
            Self::F => "F",
            Self::D => "D",
            Self::Zicsr => "Zicsr",
            Self::Zifencei => "Zifencei",
            Self::Zihintpause => "Zihintpause",
            Self::Zba => "Zba",
            Self::Zbb => "Zbb",
            Self::Zbc => "Zbc",
            Self::Zbs => "Zbs",
            Self::Zicond => "Zicond",
            Self::Zicbom => "Zicbom",
            Self::Zicbop => "Zicbop",
            Self::Zicboz => "Zicboz",
            Self::Zawrs => "Zawrs",
            Self::Zfa => "Zfa",
            Self::Priv => "Privileged",
            Self::Svinval => "Svinval",
            Self::H => "H",
        }
    }
}

impl fmt::Display for Extension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
