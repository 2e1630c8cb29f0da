//! From instructions to host code: one file for each kind.

mod atomic;
mod bits;
mod control;
mod float;
mod integer;
mod memory;
mod multiply;
mod system;

use crate::emit::Emitter;
use isa::Inst;

pub(crate) use memory::{if_begins_in_cached_page, look_up};

/// Emits host code for `inst`; false, with nothing emitted, when the interpreter is to execute it.
pub(crate) fn lower(e: &mut Emitter<'_>, inst: &Inst) -> bool {
    integer::lower(e, inst)
        || memory::lower(e, inst)
        || atomic::lower(e, inst)
        || control::lower(e, inst)
        || multiply::lower(e, inst)
        || bits::lower(e, inst)
        || float::lower(e, inst)
        || system::lower(e, inst)
}

/// Where to compute an operation whose operands may change places: the host register, the operand to begin with, and
/// the other, which is not in that register.
fn in_place(e: &Emitter<'_>, inst: &Inst) -> (u8, u8, u8) {
    let d = e.destination(inst.rd);
    if e.home(inst.rs2) == Some(d) { (d, inst.rs2, inst.rs1) } else { (d, inst.rs1, inst.rs2) }
}

/// Emits `op destination, operand`, the operand being a guest register wherever it lives.
macro_rules! with_operand {
    ($e:ident, $op:ident $width:ident, $destination:expr, $guest:expr) => {
        match $e.home($guest) {
            Some(host) => dynasmrt::dynasm!($e.ops ; .arch x64 ; $op $width($destination), $width(host)),
            None => {
                dynasmrt::dynasm!($e.ops ; .arch x64 ; $op $width($destination), [BYTE rbp + crate::abi::x_at($guest)])
            }
        }
    };
}
pub(crate) use with_operand;
