//! Every integer, atomic, control and system instruction executed on edge values, as data through `check`s.
//!
//! The expectations are written from the specification, by means that share nothing with the interpreter: wide
//! arithmetic, bits one by one, words put down as they should come out. Floating point has its own tests.

mod atomic;
mod bits;
mod compressed;
mod control;
mod integer;
mod memory;
mod privileged;
mod scene;
mod system;
mod traps;
