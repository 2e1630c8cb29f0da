//! Page-table entries and the parameters of the translation modes.
//!
//! Pure layout: nothing here decides whether an access is allowed.
//! Source: RISC-V Privileged Architecture, "Sv39" to "Sv57", "Svnapot", "Svpbmt", "Two-Stage Address Translation".

/// A page-table entry as it lies in memory.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Pte(pub u64);

macro_rules! flags {
    ($($constant:ident $bit:literal $test:ident $doc:literal;)*) => {
        impl Pte {
            $(#[doc = concat!("Bit ", stringify!($bit), ": ", $doc, ".")]
            pub const $constant: u64 = 1 << $bit;

            #[doc = concat!("Whether bit ", stringify!($bit), " is set: ", $doc, ".")]
            #[must_use]
            pub const fn $test(self) -> bool {
                self.0 & Self::$constant != 0
            }
)*
        }
    };
}

flags! {
    V 0 is_valid "valid";
    R 1 is_readable "readable";
    W 2 is_writable "writable";
    X 3 is_executable "executable";
    U 4 is_user "accessible to user mode";
    G 5 is_global "in every address space";
    A 6 is_accessed "accessed";
    D 7 is_dirty "dirty";
    N 63 is_napot "part of a naturally aligned power-of-two range";
}

impl Pte {
    /// Bits for software.
    pub const RSW: u64 = 3 << 8;
    /// Bits of the frame number.
    pub const PPN: u64 = ((1 << 44) - 1) << 10;
    /// Bits that must be 0.
    pub const RESERVED: u64 = 0x7f << 54;
    /// Bits of the page-based memory type.
    pub const PBMT: u64 = 3 << 61;

    /// An entry that points to frame `ppn` with `flags`.
    #[must_use]
    pub const fn new(ppn: u64, flags: u64) -> Pte {
        Pte(ppn << 10 & Self::PPN | flags)
    }

    /// The frame number.
    ///
    /// Units: frames of 4 KiB.
    #[must_use]
    pub const fn ppn(self) -> u64 {
        (self.0 & Self::PPN) >> 10
    }

    /// The page-based memory type: 0 as the PMA says, 1 non-cacheable, 2 I/O, 3 reserved.
    #[must_use]
    pub const fn pbmt(self) -> u64 {
        (self.0 & Self::PBMT) >> 61
    }

    /// Whether any of R, W and X is set, so that the entry maps a page; only says something of a valid entry.
    #[must_use]
    pub const fn is_leaf(self) -> bool {
        self.0 & (Self::R | Self::W | Self::X) != 0
    }
}

/// A translation mode, of one stage.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Mode {
    /// No translation.
    Bare,
    /// Three levels.
    Sv39,
    /// Four levels.
    Sv48,
    /// Five levels.
    Sv57,
}

/// Bits of a virtual address that are the offset in a page.
pub const PAGE_BITS: u32 = 12;
/// Bits of a virtual address that one level resolves.
pub const LEVEL_BITS: u32 = 9;
/// Bits that the root level of the second stage resolves beyond [`LEVEL_BITS`].
pub const GUEST_ROOT_EXTRA_BITS: u32 = 2;
/// Bits of a physical address.
pub const PHYSICAL_BITS: u32 = 56;

impl Mode {
    /// The mode that the MODE field of `satp`, `vsatp` or `hgatp` names; `None` is reserved.
    #[must_use]
    pub const fn from_field(field: u64) -> Option<Mode> {
        match field {
            0 => Some(Mode::Bare),
            8 => Some(Mode::Sv39),
            9 => Some(Mode::Sv48),
            10 => Some(Mode::Sv57),
            _ => None,
        }
    }

    /// The MODE field for this mode.
    #[must_use]
    pub const fn field(self) -> u64 {
        match self {
            Mode::Bare => 0,
            Mode::Sv39 => 8,
            Mode::Sv48 => 9,
            Mode::Sv57 => 10,
        }
    }

    /// Levels of the table; 0 for [`Mode::Bare`].
    #[must_use]
    pub const fn levels(self) -> u32 {
        match self {
            Mode::Bare => 0,
            Mode::Sv39 => 3,
            Mode::Sv48 => 4,
            Mode::Sv57 => 5,
        }
    }

    /// Bits of a translated address of the first stage; 64 for [`Mode::Bare`].
    #[must_use]
    pub const fn address_bits(self) -> u32 {
        match self {
            Mode::Bare => 64,
            mode => PAGE_BITS + LEVEL_BITS * mode.levels(),
        }
    }

    /// The name in the specification, as a first stage.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Mode::Bare => "Bare",
            Mode::Sv39 => "Sv39",
            Mode::Sv48 => "Sv48",
            Mode::Sv57 => "Sv57",
        }
    }

    /// Whether `address` is canonical: the bits above [`Mode::address_bits`] equal the highest one below.
    #[must_use]
    pub const fn is_canonical(self, address: u64) -> bool {
        let unused = 64 - self.address_bits();
        (address << unused).cast_signed() >> unused == address.cast_signed()
    }

    /// The index into the table of `level`, 0 being that of the leaf pages of 4 KiB.
    #[must_use]
    pub const fn index(self, address: u64, level: u32) -> u64 {
        address >> (PAGE_BITS + LEVEL_BITS * level) & ((1 << LEVEL_BITS) - 1)
    }
}
