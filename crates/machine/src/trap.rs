//! What an instruction that cannot complete hands to the trap machinery.

/// Exception codes of `mcause`.
///
/// Source: RISC-V Privileged Architecture, "Machine Cause Register"; 24 to 31 are for custom use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
#[allow(missing_docs, reason = "the names are the specification's")]
pub enum Cause {
    InstructionMisaligned = 0,
    InstructionAccessFault = 1,
    IllegalInstruction = 2,
    Breakpoint = 3,
    LoadMisaligned = 4,
    LoadAccessFault = 5,
    StoreMisaligned = 6,
    StoreAccessFault = 7,
    EcallFromU = 8,
    EcallFromS = 9,
    EcallFromVs = 10,
    EcallFromM = 11,
    InstructionPageFault = 12,
    LoadPageFault = 13,
    StorePageFault = 15,
    InstructionGuestPageFault = 20,
    LoadGuestPageFault = 21,
    VirtualInstruction = 22,
    StoreGuestPageFault = 23,
    /// Custom: no entry of the software-managed TLB matches a fetch.
    InstructionTlbMiss = 24,
    /// Custom: no entry of the software-managed TLB matches a load.
    LoadTlbMiss = 25,
    /// Custom: no entry of the software-managed TLB matches a store.
    StoreTlbMiss = 27,
}

/// A synchronous exception, with everything that the trap CSRs will show of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trap {
    /// Goes to `xcause`.
    pub cause: Cause,
    /// Goes to `xtval`.
    pub tval: u64,
    /// Whether `tval` is a guest virtual address (`GVA`).
    pub gva: bool,
    /// Goes to `htval`/`mtval2`: a guest physical address shifted right by 2, or 0.
    pub tval2: u64,
    /// Goes to `htinst`/`mtinst`.
    pub tinst: u64,
}

impl Trap {
    /// A trap whose `tval` is all there is to say.
    pub fn new(cause: Cause, tval: u64) -> Trap {
        Trap { cause, tval, gva: false, tval2: 0, tinst: 0 }
    }

    /// An illegal-instruction exception for the instruction bits `raw`.
    pub fn illegal(raw: u32) -> Trap {
        Trap::new(Cause::IllegalInstruction, u64::from(raw))
    }

    /// A virtual-instruction exception for the instruction bits `raw`.
    pub fn virtual_instruction(raw: u32) -> Trap {
        Trap::new(Cause::VirtualInstruction, u64::from(raw))
    }
}
