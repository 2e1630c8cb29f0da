//! Performance monitoring: present, with no counter for it to manage. `cycle` and `instret` count by themselves.

use super::{Action, Call, SbiError};

pub(super) fn decide(call: &Call) -> Result<(Action, u64), SbiError> {
    match call.function {
        // The number of counters.
        0 => Ok((Action::None, 0)),
        // No event can be counted.
        2 => Err(SbiError::NotSupported),
        // What concerns a counter by its number.
        1 | 3..=6 => Err(SbiError::InvalidParam),
        _ => Err(SbiError::NotSupported),
    }
}
