//! Register-level programs for devices, written as tables: what tests run against a device on its own.

use super::{Context, Device};
use crate::lines::Lines;
use crate::ram::Ram;

/// One step of a program.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Step<'a> {
    /// Reads `size` bytes at an offset and expects a value.
    R(u64, u8, u64),
    /// Writes a value of `size` bytes at an offset.
    W(u64, u8, u64),
    /// Input arrives from outside.
    In(&'a [u8]),
    /// The timebase reaches a tick, and the device is polled.
    At(u64),
    /// The device's interrupt source is high.
    Raised,
    /// The device's interrupt source is low.
    Low,
}

/// What a device under test stands on.
pub(crate) struct Board {
    pub(crate) ram: Ram,
    pub(crate) lines: Lines,
    pub(crate) mtime: u64,
}

impl Board {
    pub(crate) fn new() -> Board {
        Board { ram: Ram::new(1 << 20).unwrap(), lines: Lines::new(4), mtime: 0 }
    }

    pub(crate) fn context(&mut self) -> Context<'_> {
        Context { ram: &mut self.ram, lines: &mut self.lines, mtime: self.mtime }
    }
}

/// Runs `steps` on `device`, which drives `source`; input goes through `push`.
pub(crate) fn run<D: Device>(
    device: &mut D,
    source: u32,
    steps: &[Step<'_>],
    push: impl Fn(&mut D, &[u8], &mut Lines),
) {
    let mut board = Board::new();
    for (number, step) in steps.iter().enumerate() {
        let raised = board.lines.sources >> source & 1 == 1;
        match *step {
            Step::R(offset, size, value) => {
                let read = device.read(offset, size, &mut board.context());
                assert_eq!(read, Some(value), "step {number}: {step:x?} read {read:x?}");
            }
            Step::W(offset, size, value) => {
                let written = device.write(offset, size, value, &mut board.context());
                assert_eq!(written, Some(()), "step {number}: {step:x?} faulted");
            }
            Step::In(bytes) => push(device, bytes, &mut board.lines),
            Step::At(tick) => {
                board.mtime = tick;
                device.poll(&mut board.context());
            }
            Step::Raised => assert!(raised, "step {number}: source {source} is low"),
            Step::Low => assert!(!raised, "step {number}: source {source} is high"),
        }
    }
}
