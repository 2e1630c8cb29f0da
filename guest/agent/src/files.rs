//! Small files and folders.

use crate::sys::{self, Errno, Fd};
use crate::text::Text;
use core::ffi::CStr;

/// The first `N - 1` bytes of a file.
pub fn read<const N: usize>(path: &CStr) -> Result<Text<N>, Errno> {
    let fd = sys::open(path, sys::O_RDONLY | sys::O_CLOEXEC)?;
    let mut text = Text::new();
    let mut buffer = [0u8; 256];
    loop {
        match sys::read(fd, &mut buffer) {
            Ok(0) => break,
            Ok(n) => text.push(&buffer[..n]),
            Err(sys::EINTR) => {}
            Err(errno) => {
                sys::close(fd);
                return Err(errno);
            }
        }
    }
    sys::close(fd);
    Ok(text)
}

/// Makes a file of `bytes`, or replaces what it holds.
pub fn write(path: &CStr, bytes: &[u8]) -> Result<(), Errno> {
    let fd = sys::open(path, sys::O_WRONLY | sys::O_CREAT | sys::O_TRUNC | sys::O_CLOEXEC)?;
    let result = sys::write_all(fd, bytes);
    sys::close(fd);
    result
}

/// Makes a file of the pieces that `lines` hands out, or replaces what it holds.
pub fn write_lines(
    path: &CStr,
    lines: impl FnOnce(&mut dyn FnMut(&[u8]) -> Result<(), Errno>) -> Result<(), Errno>,
) -> Result<(), Errno> {
    let fd = sys::open(path, sys::O_WRONLY | sys::O_CREAT | sys::O_TRUNC | sys::O_CLOEXEC)?;
    let result = lines(&mut |bytes| sys::write_all(fd, bytes));
    sys::close(fd);
    result
}

/// Calls `each` with the names in a folder, `.` and `..` left out, until it returns `true`.
pub fn entries(path: &CStr, mut each: impl FnMut(&[u8]) -> bool) -> Result<(), Errno> {
    let fd = sys::open(path, sys::O_RDONLY | sys::O_DIRECTORY | sys::O_CLOEXEC)?;
    let result = entries_of(fd, &mut each);
    sys::close(fd);
    result
}

fn entries_of(fd: Fd, each: &mut impl FnMut(&[u8]) -> bool) -> Result<(), Errno> {
    const NAME: usize = 19;
    let mut buffer = [0u8; 2048];
    loop {
        let filled = sys::read_directory(fd, &mut buffer)?;
        if filled == 0 {
            return Ok(());
        }
        let mut rest = &buffer[..filled];
        while rest.len() > NAME {
            let size = usize::from(u16::from_le_bytes([rest[16], rest[17]])).clamp(NAME, rest.len());
            let name = &rest[NAME..size];
            let name = &name[..name.iter().position(|byte| *byte == 0).unwrap_or(name.len())];
            if name != b"." && name != b".." && each(name) {
                return Ok(());
            }
            rest = &rest[size..];
        }
    }
}
