//! Which registers an instruction reads and writes.

use isa::Format::{
    Amo, B, Cbo, Csr, FCmp, FLoad, FR, FR4, FRm, FStore, FToX, FToXRm, FUnaryRm, Fence, Fli, HLoad, HStore,
    I, Jalr, Load, Lr, Nullary, Prefetch, R, RUnary, Sfence, Shift5, Shift6, Store, XToF, XToFRm,
};
use isa::Inst;

/// The integer register that the instruction may write; not `x0`.
pub(crate) fn x_written(inst: &Inst) -> Option<u8> {
    let none =
        matches!(inst.op.format(), B | Store | HStore | Sfence | Cbo | Prefetch | Fence | Nullary | FStore);
    (!none && f_written(inst).is_none() && inst.rd != 0).then_some(inst.rd)
}

/// The integer registers that the instruction reads; `x0` stands for none.
pub(crate) fn x_read(inst: &Inst) -> [u8; 2] {
    match inst.op.format() {
        B | Store | R | Amo | Sfence | HStore => [inst.rs1, inst.rs2],
        Jalr | Load | I | Shift5 | Shift6 | RUnary | Csr | Lr | HLoad | Cbo | Prefetch | FLoad | FStore
        | XToF | XToFRm => [inst.rs1, 0],
        _ => [0, 0],
    }
}

/// The floating-point register that the instruction may write.
pub(crate) fn f_written(inst: &Inst) -> Option<u8> {
    matches!(inst.op.format(), FLoad | FR | FRm | FUnaryRm | FR4 | XToF | XToFRm | Fli).then_some(inst.rd)
}

/// Whether the instruction has to do with floating-point registers.
pub(crate) fn is_float(inst: &Inst) -> bool {
    matches!(
        inst.op.format(),
        FLoad | FStore | FR | FRm | FUnaryRm | FR4 | FCmp | FToX | FToXRm | XToF | XToFRm | Fli
    )
}

/// The floating-point registers that the instruction reads.
pub(crate) fn f_read(inst: &Inst) -> [Option<u8>; 3] {
    match inst.op.format() {
        FStore => [None, Some(inst.rs2), None],
        FR | FRm | FCmp => [Some(inst.rs1), Some(inst.rs2), None],
        FUnaryRm | FToX | FToXRm => [Some(inst.rs1), None, None],
        FR4 => [Some(inst.rs1), Some(inst.rs2), Some(inst.rs3)],
        _ => [None; 3],
    }
}

/// A set of registers of one kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Registers(u32);

impl Registers {
    pub(crate) fn insert(&mut self, register: u8) {
        self.0 |= 1 << register;
    }

    pub(crate) fn remove(&mut self, register: u8) {
        self.0 &= !(1 << register);
    }

    pub(crate) fn contains(self, register: u8) -> bool {
        self.0 >> register & 1 != 0
    }
}
