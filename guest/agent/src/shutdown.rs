//! The machine's orderly end: processes are told, disks and shared folders are left clean.

use crate::sys;
use crate::text::Text;
use crate::{files, spawn};
use core::ffi::CStr;

const SIGKILL: u32 = 9;
const SIGTERM: u32 = 15;
/// How long processes may take to end once they were told.
const PATIENCE_MS: u32 = 2000;
const STEP_MS: u32 = 10;
/// File systems that have nothing to write back.
const KEPT: [&[u8]; 8] =
    [b"proc", b"sysfs", b"devtmpfs", b"devpts", b"tmpfs", b"overlay", b"squashfs", b"cgroup2"];

/// Ends the machine, by restarting it or by powering it off. Beside an image's own init, that is asked to.
pub fn end_machine(restart: bool) -> ! {
    if sys::process_id() != 1 {
        let program = if restart { c"reboot" } else { c"poweroff" };
        if spawn::succeeds(program) {
            loop {
                let _ = sys::poll(&mut [], -1);
            }
        }
    } else {
        for signal in [SIGTERM, SIGKILL] {
            let _ = sys::kill(-1, signal);
            for _ in 0..PATIENCE_MS / STEP_MS {
                if !sys::children_left() {
                    break;
                }
                let _ = sys::poll(&mut [], i64::from(STEP_MS));
            }
        }
    }
    sys::sync();
    leave_mounts();
    sys::power(restart)
}

/// Unmounts what was mounted, the last first; what is still in use becomes read-only.
fn leave_mounts() {
    let Ok(list) = files::read::<16384>(c"/proc/self/mounts") else { return };
    for line in list.bytes().rsplit(|byte| *byte == b'\n') {
        let mut words = line.split(|byte| *byte == b' ').skip(1);
        let (Some(target), Some(kind)) = (words.next(), words.next()) else { continue };
        if KEPT.contains(&kind) {
            continue;
        }
        let target = plain(target);
        if sys::unmount(target.c_str()).is_err() {
            leave_read_only(target.c_str());
        }
    }
}

fn leave_read_only(target: &CStr) {
    const READ_ONLY_AGAIN: usize = 32 | 1;
    let _ = sys::mount(c"", target, c"", READ_ONLY_AGAIN, c"");
}

/// A path of the list of mounts, whose blanks and backslashes stand there as `\` and three octal digits.
fn plain(path: &[u8]) -> Text<512> {
    let mut text = Text::new();
    let mut rest = path;
    while let [first, tail @ ..] = rest {
        rest = tail;
        match (first, tail) {
            (b'\\', [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', after @ ..]) => {
                text.push(&[(a - b'0') << 6 | (b - b'0') << 3 | (c - b'0')]);
                rest = after;
            }
            _ => text.push(&[*first]),
        }
    }
    text
}
