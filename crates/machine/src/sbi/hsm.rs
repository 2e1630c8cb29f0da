//! Hart state management: starting, stopping and suspending harts.

use super::{Action, Call, HartState, SbiError, View, word};

const RETENTIVE: u32 = 0;
const NON_RETENTIVE: u32 = 0x8000_0000;

pub(super) fn decide(call: &Call, view: &dyn View) -> Result<(Action, u64), SbiError> {
    let [first, address, opaque, ..] = call.arguments;
    match call.function {
        0 => {
            let (hart, state) = hart(first, view)?;
            check_entry(address, view)?;
            if state != HartState::Stopped {
                return Err(SbiError::AlreadyAvailable);
            }
            Ok((Action::Start { hart, address, opaque }, 0))
        }
        1 => Ok((Action::Stop, 0)),
        2 => Ok((Action::None, hart(first, view)?.1 as u64)),
        3 => match word(first) {
            RETENTIVE => Ok((Action::Suspend { resume: None }, 0)),
            NON_RETENTIVE => {
                check_entry(address, view)?;
                Ok((Action::Suspend { resume: Some((address, opaque)) }, 0))
            }
            _ => Err(SbiError::InvalidParam),
        },
        _ => Err(SbiError::NotSupported),
    }
}

fn hart(number: u64, view: &dyn View) -> Result<(usize, HartState), SbiError> {
    let index = usize::try_from(number).map_err(|_| SbiError::InvalidParam)?;
    let state = view.harts().get(index).ok_or(SbiError::InvalidParam)?;
    Ok((index, *state))
}

/// Whether a hart can begin to execute at a physical address.
fn check_entry(address: u64, view: &dyn View) -> Result<(), SbiError> {
    let possible = view.memory().contains(&address) && address & 1 == 0;
    possible.then_some(()).ok_or(SbiError::InvalidAddress)
}
