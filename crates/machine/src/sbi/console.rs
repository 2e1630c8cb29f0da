//! The debug console.

use super::{Action, Call, SbiError, View};
use std::ops::Range;

pub(super) fn decide(call: &Call, view: &dyn View) -> Result<(Action, u64), SbiError> {
    if !view.console() {
        return Err(SbiError::NotSupported);
    }
    match call.function {
        0 => Ok((Action::ConsoleWrite { range: buffer(call, view)? }, 0)),
        1 => Ok((Action::ConsoleRead { range: buffer(call, view)? }, 0)),
        2 => Ok((Action::ConsolePut(call.arguments[0].to_le_bytes()[0]), 0)),
        _ => Err(SbiError::NotSupported),
    }
}

/// The caller's buffer: length in bytes, then the low and the high half of its physical address.
fn buffer(call: &Call, view: &dyn View) -> Result<Range<u64>, SbiError> {
    let [length, start, high, ..] = call.arguments;
    let memory = view.memory();
    let end =
        start.checked_add(length).filter(|end| high == 0 && start >= memory.start && *end <= memory.end);
    end.map(|end| start..end).ok_or(SbiError::InvalidParam)
}
