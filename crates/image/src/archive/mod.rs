//! The archive formats that images are made from and of.

pub mod ar;
pub mod cpio;
pub mod squashfs;
