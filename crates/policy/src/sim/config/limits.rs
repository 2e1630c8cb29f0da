//! Values that must lie within bounds.

use super::{Checked, ConfigError};
use crate::sched::kit;
use serde_spanned::Spanned;

pub(super) fn check_priority(given: Option<&Spanned<u8>>) -> Checked<u8> {
    match given {
        Some(priority) if *priority.get_ref() >= kit::PRIORITIES => {
            Err(ConfigError::new(priority.span(), "priorities are 0 to 31; a larger one goes first", ""))
        }
        Some(priority) => Ok(*priority.get_ref()),
        None => Ok(16),
    }
}

pub(super) fn check_weight(given: Option<&Spanned<u32>>) -> Checked<u32> {
    match given {
        Some(weight) if !(1..=1_000_000).contains(weight.get_ref()) => {
            Err(ConfigError::new(weight.span(), "weights are 1 to 1,000,000; 1024 is usual", ""))
        }
        Some(weight) => Ok(*weight.get_ref()),
        None => Ok(1024),
    }
}

pub(super) fn check_cap(given: Option<&Spanned<f64>>) -> Checked<u16> {
    match given {
        Some(cap) if !(0.001..=1.0).contains(cap.get_ref()) => {
            Err(ConfigError::new(cap.span(), "a cap is a part of one CPU: 0.001 to 1", ""))
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "1 to 1000")]
        Some(cap) => Ok((cap.get_ref() * 1000.0).round() as u16),
        None => Ok(0),
    }
}
