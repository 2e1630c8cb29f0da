//! The RV64 instruction set as one declarative table, with everything derived from it.
#![no_std]
#![forbid(unsafe_code)]
