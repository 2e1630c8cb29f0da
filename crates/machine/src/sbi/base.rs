//! The base extension: versions, identities, and which extensions there are.

use super::{Call, SbiError, View, extension};

/// Version 2.0 of the specification.
const SPECIFICATION: u64 = 2 << 24;
/// Multivac's number as an implementation, which the specification has not assigned to another.
const IMPLEMENTATION: u64 = 0x4d56;
const IMPLEMENTATION_VERSION: u64 = 1;

pub(super) fn decide(call: &Call, view: &dyn View) -> Result<u64, SbiError> {
    match call.function {
        0 => Ok(SPECIFICATION),
        1 => Ok(IMPLEMENTATION),
        2 => Ok(IMPLEMENTATION_VERSION),
        3 => Ok(u64::from(is_present(call.arguments[0], view))),
        // The machine's identity registers all read zero.
        4..=6 => Ok(0),
        _ => Err(SbiError::NotSupported),
    }
}

fn is_present(number: u64, view: &dyn View) -> bool {
    match number {
        0..=extension::LEGACY_LAST
        | extension::BASE
        | extension::TIME
        | extension::IPI
        | extension::RFENCE
        | extension::HSM
        | extension::SRST
        | extension::PMU => true,
        extension::DBCN => view.console(),
        _ => false,
    }
}
