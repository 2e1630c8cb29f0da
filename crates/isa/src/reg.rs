//! Register names of the calling convention and the newtypes that the assembler takes.

use core::fmt;

/// An integer register.
///
/// Invariant: the number is below 32.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Reg(u8);

/// A floating-point register.
///
/// Invariant: the number is below 32.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct FReg(u8);

/// Names of `x0` to `x31`.
pub const X_NAMES: [&str; 32] = [
    "zero", "ra", "sp", "gp", "tp", "t0", "t1", "t2", "s0", "s1", "a0", "a1", "a2", "a3", "a4", "a5", "a6",
    "a7", "s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9", "s10", "s11", "t3", "t4", "t5", "t6",
];

/// Names of `f0` to `f31`.
pub const F_NAMES: [&str; 32] = [
    "ft0", "ft1", "ft2", "ft3", "ft4", "ft5", "ft6", "ft7", "fs0", "fs1", "fa0", "fa1", "fa2", "fa3", "fa4",
    "fa5", "fa6", "fa7", "fs2", "fs3", "fs4", "fs5", "fs6", "fs7", "fs8", "fs9", "fs10", "fs11", "ft8",
    "ft9", "ft10", "ft11",
];

macro_rules! registers {
    ($type:ident $names:ident: $($name:ident $number:literal)*) => {
        impl $type {
            $(#[doc = concat!("Register number ", stringify!($number), ".")] pub const $name: $type = $type($number);)*

            /// Register `number`, or nothing from 32 up.
            #[must_use]
            pub const fn new(number: u8) -> Option<$type> {
                if number < 32 { Some($type(number)) } else { None }
            }

            /// The register's number.
            #[must_use]
            pub const fn number(self) -> u8 {
                self.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str($names[usize::from(self.0)])
            }
        }
    };
}

registers!(Reg X_NAMES: ZERO 0 RA 1 SP 2 GP 3 TP 4 T0 5 T1 6 T2 7 S0 8 S1 9 A0 10 A1 11 A2 12 A3 13 A4 14 A5 15
    A6 16 A7 17 S2 18 S3 19 S4 20 S5 21 S6 22 S7 23 S8 24 S9 25 S10 26 S11 27 T3 28 T4 29 T5 30 T6 31);
registers!(FReg F_NAMES: FT0 0 FT1 1 FT2 2 FT3 3 FT4 4 FT5 5 FT6 6 FT7 7 FS0 8 FS1 9 FA0 10 FA1 11 FA2 12 FA3 13
    FA4 14 FA5 15 FA6 16 FA7 17 FS2 18 FS3 19 FS4 20 FS5 21 FS6 22 FS7 23 FS8 24 FS9 25 FS10 26 FS11 27 FT8 28
    FT9 29 FT10 30 FT11 31);
