//! Small texts without an allocator: bounded strings that are always ready for a system call.

use core::ffi::CStr;
use core::fmt;

/// A text of at most `N - 1` bytes. What does not fit is cut off.
///
/// Invariant: `len < N`, and every byte from `len` on is zero; before it only what `push_raw` put there is.
pub struct Text<const N: usize> {
    bytes: [u8; N],
    len: usize,
}

impl<const N: usize> Text<N> {
    pub const fn new() -> Self {
        Text { bytes: [0; N], len: 0 }
    }

    /// The parts, one after the other.
    pub fn of(parts: &[&[u8]]) -> Self {
        let mut text = Self::new();
        for part in parts {
            text.push(part);
        }
        text
    }

    pub fn push(&mut self, part: &[u8]) {
        // A zero byte would end the text early for the kernel.
        for byte in part.iter().take_while(|byte| **byte != 0) {
            if self.len + 1 < N {
                self.bytes[self.len] = *byte;
                self.len += 1;
            }
        }
    }

    /// Appends bytes of any value, zero too.
    pub fn push_raw(&mut self, part: &[u8]) {
        for byte in part {
            if self.len + 1 < N {
                self.bytes[self.len] = *byte;
                self.len += 1;
            }
        }
    }

    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    pub fn c_str(&self) -> &CStr {
        CStr::from_bytes_until_nul(&self.bytes).unwrap_or(c"")
    }

    /// Everything before the first line end or blank at the end.
    pub fn trimmed(&self) -> &[u8] {
        self.bytes().trim_ascii()
    }
}

impl<const N: usize> fmt::Write for Text<N> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.push(text.as_bytes());
        Ok(())
    }
}

/// Drops the first `n` bytes: what follows moves to the front.
///
/// In steps that do not overlap, for `copy_within` brings panic texts with paths of the compiler's host.
pub fn drop_front(bytes: &mut [u8], n: usize) {
    let mut at = n;
    while n > 0 && at < bytes.len() {
        let (front, back) = bytes.split_at_mut(at);
        let size = n.min(back.len());
        front[at - n..at - n + size].copy_from_slice(&back[..size]);
        at += size;
    }
}
