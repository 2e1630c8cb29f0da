//! The legacy extensions of version 0.1, which simple bare-metal programs still use.
//!
//! Harts are named by a mask in memory, at a virtual address of the caller; address 0 names all harts.

use super::{Action, Call, Decision, Fence, HartMask, Reset, SbiError, View, fence};

pub(super) fn decide(call: &Call, view: &dyn View) -> Decision {
    let [first, start, size, asid, ..] = call.arguments;
    let fenced = |kind| match mask(first, view) {
        Ok(harts) => {
            let range = if kind == Fence::Instruction { None } else { fence::addresses(start, size) };
            Decision::legacy(Action::RemoteFence { harts, fence: kind, range }, 0)
        }
        Err(error) => failed(error),
    };
    match call.extension {
        0 => Decision::legacy(Action::SetTimer { deadline: first }, 0),
        1 if view.console() => Decision::legacy(Action::ConsolePut(first.to_le_bytes()[0]), 0),
        2 if view.console() => Decision::legacy(Action::ConsoleGet, 0),
        3 => Decision::legacy(Action::ClearIpi, 0),
        4 => match mask(first, view) {
            Ok(harts) => Decision::legacy(Action::SendIpi(harts), 0),
            Err(error) => failed(error),
        },
        5 => fenced(Fence::Instruction),
        6 => fenced(Fence::Supervisor { asid: None }),
        7 => fenced(Fence::Supervisor { asid: Some(asid) }),
        8 => Decision::legacy(Action::Reset { kind: Reset::Shutdown, failure: false }, 0),
        _ => failed(SbiError::NotSupported),
    }
}

fn failed(error: SbiError) -> Decision {
    Decision::legacy(Action::None, i64::from(error as i8).cast_unsigned())
}

fn mask(address: u64, view: &dyn View) -> Result<HartMask, SbiError> {
    let running = fence::running(view);
    if address == 0 {
        return Ok(running);
    }
    let named = view.load_virtual(address).ok_or(SbiError::InvalidAddress)?;
    Ok(HartMask(named & running.0))
}
