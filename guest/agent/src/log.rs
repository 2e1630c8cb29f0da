//! Lines on the console, through the kernel's log.

use crate::sys;
use crate::text::Text;
use core::fmt::{self, Write};

/// Writes one line to the kernel's log, which the console shows.
pub fn line(arguments: fmt::Arguments<'_>) {
    let mut text = Text::<512>::of(&[b"<4>multivac: "]);
    let _ = text.write_fmt(arguments);
    text.push(b"\n");
    if let Ok(fd) = sys::open(c"/dev/kmsg", sys::O_WRONLY | sys::O_CLOEXEC) {
        let _ = sys::write(fd, text.bytes());
        sys::close(fd);
    }
}

/// `log!("...", ...)`: [`line`] with a format string.
#[macro_export]
macro_rules! log {
    ($($argument:tt)*) => { $crate::log::line(format_args!($($argument)*)) };
}
