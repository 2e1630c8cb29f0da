//! The test finisher, through which a guest powers off, reports a failure, or resets.
//!
//! Source: SiFive test finisher as in QEMU's `virt` board ("sifive,test0").

use super::{Context, Device};
use crate::state_fields;

/// Stored to the finisher by the device tree's `poweroff` node.
pub const POWER_OFF: u32 = 0x5555;
/// Stored to the finisher by the device tree's `reboot` node.
pub const REBOOT: u32 = 0x7777;
const FAIL: u32 = 0x3333;

/// What a guest asked of the board's power.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PowerRequest {
    /// Off, all well.
    Off,
    /// Off with a failure code.
    Fail {
        /// What the guest gave as the reason.
        code: u16,
    },
    /// Start again.
    Reset,
}

/// The finisher; holds the first request until the run loop takes it.
#[derive(Debug, Default)]
pub struct Syscon {
    /// The word that was stored, 0 for none.
    word: u32,
}

state_fields!(Syscon { word });

impl Syscon {
    /// Takes the request, if there is one.
    pub fn take_request(&mut self) -> Option<PowerRequest> {
        let request = self.request();
        self.word = 0;
        request
    }

    /// The request that stands.
    pub fn request(&self) -> Option<PowerRequest> {
        let [low, high, code_low, code_high] = self.word.to_le_bytes();
        match u32::from(u16::from_le_bytes([low, high])) {
            POWER_OFF => Some(PowerRequest::Off),
            REBOOT => Some(PowerRequest::Reset),
            FAIL => Some(PowerRequest::Fail { code: u16::from_le_bytes([code_low, code_high]) }),
            _ => None,
        }
    }
}

impl Device for Syscon {
    fn read(&mut self, _offset: u64, size: u8, _context: &mut Context<'_>) -> Option<u64> {
        matches!(size, 2 | 4).then_some(0)
    }

    fn write(&mut self, offset: u64, size: u8, value: u64, _context: &mut Context<'_>) -> Option<()> {
        if !matches!(size, 2 | 4) {
            return None;
        }
        if offset == 0 && self.request().is_none() {
            self.word = u32::try_from(value & u64::from(u32::MAX)).unwrap_or(0);
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dev::script::Board;

    fn check(size: u8, value: u64, request: Option<PowerRequest>) {
        let mut syscon = Syscon::default();
        assert_eq!(syscon.write(0, size, value, &mut Board::new().context()), Some(()));
        assert_eq!(syscon.take_request(), request, "{value:#x}");
        assert_eq!(syscon.take_request(), None);
    }

    #[test]
    fn words_ask_for_what_they_say() {
        check(4, 0x5555, Some(PowerRequest::Off));
        check(2, 0x5555, Some(PowerRequest::Off));
        check(4, 0x7777, Some(PowerRequest::Reset));
        check(4, 0x002a_3333, Some(PowerRequest::Fail { code: 42 }));
        check(4, 0x1234, None);
    }

    #[test]
    fn the_first_request_stands_and_bytes_fault() {
        let mut syscon = Syscon::default();
        let mut board = Board::new();
        syscon.write(0, 4, 0x7777, &mut board.context()).unwrap();
        syscon.write(0, 4, 0x5555, &mut board.context()).unwrap();
        assert_eq!(syscon.request(), Some(PowerRequest::Reset));
        assert_eq!(syscon.write(0, 1, 0x55, &mut board.context()), None);
        assert_eq!(syscon.read(0, 8, &mut board.context()), None);
    }
}
