//! Floating-point registers within a unit, and what host and guest see differently in them: NaNs and boxes.

use super::Emitter;
use super::cold::Cold;
use crate::abi::f_at;
use crate::space::Space;
use dynasmrt::{DynasmApi, DynasmLabelApi, dynasm};
use isa::Inst;
use std::mem::offset_of;

/// Emits the instruction for doubles or the one for singles, with the same operands.
macro_rules! scalar {
    ($e:ident, $double:expr, $for_double:ident / $for_single:ident $($operands:tt)*) => {
        if $double {
            dynasmrt::dynasm!($e.ops ; .arch x64 ; $for_double $($operands)*)
        } else {
            dynasmrt::dynasm!($e.ops ; .arch x64 ; $for_single $($operands)*)
        }
    };
}
pub(crate) use scalar;

impl Emitter<'_> {
    /// The host register that holds floating-point register `f`, loaded into `scratch` if it has no home.
    pub(crate) fn f_get(&mut self, f: u8, scratch: u8) -> u8 {
        if let Some(home) = self.f_home(f) {
            return home;
        }
        dynasm!(self.ops ; .arch x64 ; vmovsd Rx(scratch), [rbp + f_at(f)]);
        scratch
    }

    /// The host register that holds floating-point register `f` throughout the unit.
    pub(crate) fn f_home(&self, f: u8) -> Option<u8> {
        self.homes.f(f)
    }

    /// The host register in which to make the new value of `f`; [`Emitter::f_put`] stores it.
    pub(crate) fn f_destination(&self, f: u8, scratch: u8) -> u8 {
        self.f_home(f).unwrap_or(scratch)
    }

    /// Makes `xmm`, a boxed single if it is `boxed`, the value of `f`.
    pub(crate) fn f_put(&mut self, f: u8, xmm: u8, boxed: bool) {
        match self.f_home(f) {
            Some(home) if home == xmm => {}
            Some(home) => dynasm!(self.ops ; .arch x64 ; vmovaps Rx(home), Rx(xmm)),
            None => dynasm!(self.ops ; .arch x64 ; vmovsd [rbp + f_at(f)], Rx(xmm)),
        }
        self.f_changed(f, boxed);
    }

    /// Notes that `f` has a new value in its place, a boxed single if it is `boxed`.
    pub(crate) fn f_changed(&mut self, f: u8, boxed: bool) {
        self.dirty.insert(f);
        if boxed {
            self.boxed.insert(f);
        } else {
            self.boxed.remove(f);
        }
    }

    /// Makes a NaN in `xmm`, the result of an operation, the canonical one.
    pub(crate) fn canonical(&mut self, xmm: u8, double: bool) {
        let (label, resume) = (self.ops.new_dynamic_label(), self.ops.new_dynamic_label());
        self.cold.push(Cold::Canonical { label, resume, xmm, double });
        scalar!(self, double, vucomisd / vucomiss Rx(xmm), Rx(xmm));
        dynasm!(self.ops ; .arch x64 ; jp =>label ; =>resume);
    }

    /// Has the interpreter execute the instruction, and leaves the block behind it, unless `f` is a boxed single.
    ///
    /// To be called before anything that may have the instruction interpreted without leaving.
    pub(crate) fn check_boxed(&mut self, inst: &Inst, f: u8) {
        if self.boxed.contains(f) {
            return;
        }
        let label = self.fallback_once(inst);
        self.clobber_rax();
        match self.f_home(f) {
            Some(home) => dynasm!(self.ops ; .arch x64 ; vpextrd eax, Rx(home), 1 ; cmp eax, BYTE -1),
            None => dynasm!(self.ops ; .arch x64 ; cmp DWORD [rbp + f_at(f) + 4], BYTE -1),
        }
        dynasm!(self.ops ; .arch x64 ; jne =>label);
        self.boxed.insert(f);
    }

    /// Boxes the single in `xmm`, of whose other bits the low half is zero.
    pub(crate) fn make_boxed(&mut self, xmm: u8) {
        let boxing = offset_of!(Space, float.boxing) as i32;
        dynasm!(self.ops ; .arch x64 ; vorps Rx(xmm), Rx(xmm), [r15 + boxing]);
    }

    /// Puts an empty box into `xmm`, for a conversion that writes no more than the single.
    pub(crate) fn empty_box(&mut self, xmm: u8) {
        let boxing = offset_of!(Space, float.boxing) as i32;
        dynasm!(self.ops ; .arch x64 ; vmovsd Rx(xmm), [r15 + boxing]);
    }
}
