//! `print!` and `println!` on the firmware's debug console, a whole call at a time.

use crate::{csr, sbi, sync::SpinLock};
use core::fmt::{self, Write};

static LOCK: SpinLock<Line> = SpinLock::new(Line { bytes: [0; 160], length: 0 });

/// Bytes gathered, so that a line is one call to the firmware.
struct Line {
    bytes: [u8; 160],
    length: usize,
}

impl Line {
    fn flush(&mut self) {
        let mut rest = &self.bytes[..self.length];
        while !rest.is_empty() {
            match sbi::console_write(rest) {
                Ok(taken) => rest = rest.get(taken..).unwrap_or_default(),
                Err(_) => break,
            }
        }
        self.length = 0;
    }
}

impl Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            if self.length == self.bytes.len() {
                self.flush();
            }
            self.bytes[self.length] = byte;
            self.length += 1;
        }
        Ok(())
    }
}

/// Prints; what the macros expand to.
pub fn print(arguments: fmt::Arguments<'_>) {
    let were_on = csr::interrupts_off();
    LOCK.with(|line| {
        // Writing to the buffer cannot fail.
        let _ = line.write_fmt(arguments);
        line.flush();
    });
    if were_on {
        csr::interrupts_on();
    }
}

/// Prints to the console.
#[macro_export]
macro_rules! print {
    ($($part:tt)*) => { $crate::console::print(format_args!($($part)*)) };
}

/// Prints a line to the console.
#[macro_export]
macro_rules! println {
    () => { $crate::console::print(format_args!("\n")) };
    ($($part:tt)*) => {
        $crate::console::print(format_args!("{}\n", format_args!($($part)*)))
    };
}
