//! The binary translator: the type-2 hypervisor's engine.
//!
//! Guest code is scanned for straight-line blocks, which are translated once into host code in a code cache and
//! chained to each other, so that the guest runs at nearly the host's own speed. What has no translation, and
//! everything rare, is executed by the interpreter one instruction at a time ([`runtime`]): it is the lowest tier
//! and the oracle.
//!
//! One file a concept: [`block`] (scanning), [`emit`] and [`lower`] (host code), [`abi`] (which register is
//! what), [`emit::trampoline`] (in and out of the cache), [`cache`] (executable memory), [`space`] (what host code sees
//! of one translation context), [`spaces`] (which contexts a hart has), [`access`] (misses of the TLB), [`store`] (which
//! blocks there are), [`removed`] (which are no more), [`shares`] (how much memory each takes), [`engine`] (the
//! dispatcher).

#![cfg(target_arch = "x86_64")]
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "displacements, indices and immediates are cut to the fields that instructions have for them"
)]
#![allow(clippy::useless_conversion, reason = "what the assembler's macro expands to")]

mod abi;
mod access;
mod block;
mod cache;
mod emit;
mod engine;
mod explain;
mod float_constants;
mod guest;
mod held;
mod lower;
mod mixer;
mod perf;
mod removed;
mod runtime;
mod shares;
mod space;
mod spaces;
mod store;

pub use emit::probe::interpreted;
pub use engine::{Options, Refused, Translator};
pub use shares::{CACHE_BYTES_MAX, CACHE_BYTES_MIN};
