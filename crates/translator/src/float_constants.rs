//! What floating-point code refers to in memory; each space holds it, where one register points already.

/// Bit patterns for floating-point code, as wide as the host's instructions read them.
#[repr(C)]
pub(crate) struct FloatConstants {
    /// Where MXCSR is stored to be looked at.
    pub(crate) mxcsr: u32,
    /// For each set of exceptions in MXCSR the one in `fflags`.
    pub(crate) flags: [u8; 64],
    /// The canonical NaN.
    pub(crate) nan_double: u64,
    /// The canonical NaN in single precision, boxed.
    pub(crate) nan_single: u64,
    /// What boxes a single.
    pub(crate) boxing: [u64; 2],
    pub(crate) sign_double: [u64; 2],
    pub(crate) sign_single: [u64; 2],
}

impl FloatConstants {
    /// They, before MXCSR was ever stored.
    pub(crate) const USUAL: FloatConstants = FloatConstants {
        mxcsr: 0,
        flags: guest_flags(),
        nan_double: 0x7ff8_0000_0000_0000,
        nan_single: 0xffff_ffff_7fc0_0000,
        boxing: [0xffff_ffff_0000_0000, 0],
        sign_double: [1 << 63, 0],
        sign_single: [1 << 31, 0],
    };
}

/// Invalid, divide by zero, overflow, underflow and inexact, which the host has in the bits 0, 2, 3, 4 and 5.
const fn guest_flags() -> [u8; 64] {
    let mut flags = [0; 64];
    let mut host = 0;
    while host < flags.len() {
        let bits = host as u8;
        flags[host] = (bits & 1) << 4 | (bits & 4) << 1 | (bits & 8) >> 1 | (bits & 16) >> 3 | bits >> 5;
        host += 1;
    }
    flags
}
