//! The arguments that the kernel put on the stack.

use core::ffi::CStr;

/// Number of arguments, and pointers to them.
///
/// Invariant: behind the number stand so many pointers to zero-ended strings that live as long as the process.
#[derive(Clone, Copy)]
pub struct Args(*const usize);

impl Args {
    /// # Safety
    /// `stack` must be the stack pointer with which the kernel entered the program.
    pub unsafe fn new(stack: *const usize) -> Args {
        Args(stack)
    }

    pub fn get(self, index: usize) -> Option<&'static [u8]> {
        // SAFETY: the invariant: a number, then as many pointers.
        unsafe {
            let pointer = (index < *self.0).then(|| *self.0.add(1 + index) as *const core::ffi::c_char)?;
            Some(CStr::from_ptr(pointer).to_bytes())
        }
    }

    /// The name that the program was called by, without folders.
    pub fn program(self) -> &'static [u8] {
        self.get(0).and_then(|path| path.rsplit(|byte| *byte == b'/').next()).unwrap_or(b"")
    }
}
