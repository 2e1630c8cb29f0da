//! Debian's archive and packages: finding a mirror, checking its signature, reading its index, meeting
//! dependencies, and taking packages apart. Parsers are pure functions from bytes to results.

pub mod clearsign;
pub mod database;
pub mod deb;
pub mod fetch;
pub mod index;
pub mod keyring;
pub mod mirror;
pub mod openpgp;
pub mod relation;
pub mod release;
pub mod resolve;
pub mod version;
