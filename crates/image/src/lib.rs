//! Guest images made from Debian riscv64 packages.
