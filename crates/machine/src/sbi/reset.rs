//! System reset.

use super::{Action, Call, Reset, SbiError, word};

const NO_REASON: u32 = 0;
const SYSTEM_FAILURE: u32 = 1;

pub(super) fn decide(call: &Call) -> Result<(Action, u64), SbiError> {
    if call.function != 0 {
        return Err(SbiError::NotSupported);
    }
    let kind = match word(call.arguments[0]) {
        0 => Reset::Shutdown,
        1 => Reset::ColdReboot,
        2 => Reset::WarmReboot,
        _ => return Err(SbiError::InvalidParam),
    };
    match word(call.arguments[1]) {
        reason @ (NO_REASON | SYSTEM_FAILURE) => {
            Ok((Action::Reset { kind, failure: reason == SYSTEM_FAILURE }, 0))
        }
        _ => Err(SbiError::InvalidParam),
    }
}
