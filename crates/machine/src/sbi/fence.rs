//! Interrupts between harts, and remote fences: both name their harts by a mask and where it begins.

use super::{Action, Call, Fence, HartMask, HartState, SbiError, View};
use std::ops::Range;

/// In place of a mask's base: every hart.
const ALL_HARTS: u64 = u64::MAX;

pub(super) fn send_ipi(call: &Call, view: &dyn View) -> Result<(Action, u64), SbiError> {
    match call.function {
        0 => Ok((Action::SendIpi(harts(call.arguments[0], call.arguments[1], view)?), 0)),
        _ => Err(SbiError::NotSupported),
    }
}

pub(super) fn remote(call: &Call, view: &dyn View) -> Result<(Action, u64), SbiError> {
    let [mask, base, start, size, space, _] = call.arguments;
    let fence = match call.function {
        0 => Fence::Instruction,
        1 => Fence::Supervisor { asid: None },
        2 => Fence::Supervisor { asid: Some(space) },
        3 => Fence::Guest { vmid: Some(space) },
        4 => Fence::Guest { vmid: None },
        5 => Fence::Virtual { asid: Some(space) },
        6 => Fence::Virtual { asid: None },
        _ => return Err(SbiError::NotSupported),
    };
    let harts = harts(mask, base, view)?;
    let range = if fence == Fence::Instruction { None } else { addresses(start, size) };
    Ok((Action::RemoteFence { harts, fence, range }, 0))
}

/// The addresses that a fence concerns; none is the whole space.
pub(super) fn addresses(start: u64, size: u64) -> Option<Range<u64>> {
    let whole = (start == 0 && size == 0) || size == u64::MAX;
    if whole { None } else { Some(start..start.checked_add(size)?) }
}

/// The harts that a mask names, less those that are stopped.
fn harts(mask: u64, base: u64, view: &dyn View) -> Result<HartMask, SbiError> {
    let running = running(view);
    if base == ALL_HARTS {
        return Ok(running);
    }
    let last = u64::from(63 - mask.leading_zeros().min(63));
    let count = view.harts().len() as u64;
    if mask != 0 && base.checked_add(last).is_none_or(|last| last >= count) {
        return Err(SbiError::InvalidParam);
    }
    let named = if mask == 0 { 0 } else { mask << base };
    Ok(HartMask(named & running.0))
}

/// The harts that an interrupt or a fence reaches.
pub(super) fn running(view: &dyn View) -> HartMask {
    let states = view.harts().iter().take(64).enumerate();
    HartMask(
        states.filter(|(_, state)| **state != HartState::Stopped).fold(0, |mask, (hart, _)| mask | 1 << hart),
    )
}
