//! Guest images made from Debian riscv64 packages, and the store that keeps them.
//!
//! An image is a *bundle*: a folder with `kernel`, `initramfs`, `root.squashfs` and `manifest`
//! ([`Bundle`], [`Manifest`]). The [`Store`] names bundles and publishes them whole or not at all.
//! [`build()`] makes one out of a Debian archive, without root and without Debian's tools on the host.
//! [`BootOptions`] gives the kernel command line that a bundle's initramfs understands.
//!
//! Depends on no other crate of the workspace: whoever runs a guest does so elsewhere.

pub mod archive;
mod build;
mod bundle;
pub mod debian;
mod error;
mod initramfs;
pub mod kernel;
mod manifest;
mod progress;
mod sha256;
mod store;
pub mod tree;

pub use build::{Built, Configuration, Recipe, apply, build};
pub use bundle::{BootOptions, Bundle, Console};
pub use error::ImageError;
pub use manifest::{FileEntry, Manifest, PackageEntry};
pub use progress::{Progress, Silent};
pub use sha256::Sha256;
pub use store::{Entry, Store};
