//! The core-local interruptor: software interrupts between harts, the timebase, and a timer a hart.
//!
//! [`Clint`] has machine-mode software interrupts and timers at the offsets of SiFive's CLINT; [`Sswi`] is the
//! supervisor software interrupt device of the ACLINT specification.
//!
//! A guest may write `mtime`. What it adds to the node's timebase stands in [`Lines::mtime_offset`], while
//! [`Lines::mtimecmp`] stays in ticks of the node's own timebase, so the run loop knows when each timer is due.
//!
//! Source: RISC-V Advanced Core Local Interruptor Specification 1.0; SiFive FU540-C000 manual, CLINT.

use super::{Context, Device};
use crate::lines::{Lines, mip};
use crate::state_fields;

const MTIMECMP: u64 = 0x4000;
const MTIME: u64 = 0xbff8;

/// Machine software interrupts and timers.
#[derive(Debug)]
pub struct Clint {
    /// What each hart's `mtimecmp` reads as.
    compare: Box<[u64]>,
}

state_fields!(Clint { compare });

impl Clint {
    /// A device for `harts` harts, no timer set.
    pub fn new(harts: usize) -> Clint {
        Clint { compare: vec![u64::MAX; harts].into() }
    }

    /// Raises `MTIP` of every hart whose timer is due at tick `now`, and lowers the others'.
    pub fn refresh(lines: &mut Lines, now: u64) {
        for hart in 0..lines.mtimecmp.len() {
            let due = lines.mtimecmp[hart] <= now;
            lines.set(hart, mip::MTIP, due);
        }
    }

    /// The tick at which [`Clint::refresh`] will change something; 0 where it would at tick `now`.
    pub fn due(lines: &Lines, now: u64) -> u64 {
        let timers = lines.mtimecmp.iter().zip(&lines.level);
        let due = timers.map(|(&tick, level)| match level & mip::MTIP != 0 {
            true if tick <= now => u64::MAX,
            true => 0,
            false => tick,
        });
        due.min().unwrap_or(u64::MAX)
    }

    fn set_compare(&mut self, hart: usize, value: u64, context: &mut Context<'_>) {
        self.compare[hart] = value;
        self.schedule(hart, context);
    }

    /// Works out the tick of the node's timebase at which the hart's timer is due.
    fn schedule(&self, hart: usize, context: &mut Context<'_>) {
        let seen = context.mtime.wrapping_add(context.lines.mtime_offset);
        let ahead = self.compare[hart].checked_sub(seen);
        context.lines.mtimecmp[hart] = match ahead {
            Some(ticks) => context.mtime.saturating_add(ticks),
            None => context.mtime,
        };
        context.lines.changed = true;
        context.lines.set(hart, mip::MTIP, ahead.is_none_or(|ticks| ticks == 0));
    }

    fn set_mtime(&mut self, value: u64, context: &mut Context<'_>) {
        context.lines.mtime_offset = value.wrapping_sub(context.mtime);
        (0..self.compare.len()).for_each(|hart| self.schedule(hart, context));
    }

    fn hart(&self, offset: u64, base: u64, stride: u64) -> Option<usize> {
        let hart = usize::try_from((offset - base) / stride).ok()?;
        (hart < self.compare.len()).then_some(hart)
    }

    /// The 64-bit register around `offset`, with whether it is there.
    fn double(&self, offset: u64, context: &Context<'_>) -> u64 {
        if offset & !7 == MTIME {
            return context.mtime.wrapping_add(context.lines.mtime_offset);
        }
        self.hart(offset, MTIMECMP, 8).map_or(0, |hart| self.compare[hart])
    }

    fn set_double(&mut self, offset: u64, value: u64, context: &mut Context<'_>) {
        if offset & !7 == MTIME {
            self.set_mtime(value, context);
        } else if let Some(hart) = self.hart(offset, MTIMECMP, 8) {
            self.set_compare(hart, value, context);
        }
    }
}

impl Device for Clint {
    fn read(&mut self, offset: u64, size: u8, context: &mut Context<'_>) -> Option<u64> {
        match (offset, size) {
            (0..MTIMECMP, 4) => {
                let level = self.hart(offset, 0, 4).map_or(0, |hart| context.lines.level[hart]);
                Some(u64::from(level & mip::MSIP != 0))
            }
            (MTIMECMP.., 8) => Some(self.double(offset, context)),
            (MTIMECMP.., 4) => Some(self.double(offset, context) >> (8 * (offset & 4)) & u64::from(u32::MAX)),
            _ => None,
        }
    }

    fn write(&mut self, offset: u64, size: u8, value: u64, context: &mut Context<'_>) -> Option<()> {
        match (offset, size) {
            (0..MTIMECMP, 4) => {
                if let Some(hart) = self.hart(offset, 0, 4) {
                    context.lines.set(hart, mip::MSIP, value & 1 != 0);
                }
            }
            (MTIMECMP.., 8) => self.set_double(offset, value, context),
            (MTIMECMP.., 4) => {
                let shift = 8 * (offset & 4);
                let kept = self.double(offset, context) & !(u64::from(u32::MAX) << shift);
                self.set_double(offset, kept | (value & u64::from(u32::MAX)) << shift, context);
            }
            _ => return None,
        }
        Some(())
    }
}

/// Supervisor software interrupts: a store of 1 raises the hart's `SSIP`, which the hart itself clears.
#[derive(Debug, Default)]
pub struct Sswi;

state_fields!(Sswi {});

impl Device for Sswi {
    fn read(&mut self, _offset: u64, size: u8, _context: &mut Context<'_>) -> Option<u64> {
        (size == 4).then_some(0)
    }

    fn write(&mut self, offset: u64, size: u8, value: u64, context: &mut Context<'_>) -> Option<()> {
        if size != 4 {
            return None;
        }
        let hart = usize::try_from(offset / 4).ok().filter(|_| value & 1 != 0);
        if let Some(raise) = hart.and_then(|hart| context.lines.raise_ssip.get_mut(hart)) {
            *raise = true;
            context.lines.changed = true;
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dev::script::Board;

    fn board(mtime: u64) -> (Clint, Board) {
        let mut board = Board::new();
        board.mtime = mtime;
        (Clint::new(2), board)
    }

    fn timer(board: &Board, hart: usize) -> bool {
        board.lines.level[hart] & mip::MTIP != 0
    }

    #[test]
    fn software_interrupts_keep_one_bit_a_hart() {
        let (mut clint, mut board) = board(0);
        clint.write(4, 4, 0xffff_ffff, &mut board.context()).unwrap();
        assert_eq!(board.lines.level[1], mip::MSIP);
        assert_eq!(clint.read(4, 4, &mut board.context()), Some(1));
        assert_eq!(clint.read(0, 4, &mut board.context()), Some(0));
        clint.write(4, 4, 0xfffe, &mut board.context()).unwrap();
        assert_eq!(board.lines.level[1], 0);
    }

    #[test]
    fn timer_is_due_from_its_tick_on() {
        let (mut clint, mut board) = board(100);
        clint.write(0x4008, 8, 150, &mut board.context()).unwrap();
        assert_eq!((board.lines.mtimecmp[1], timer(&board, 1)), (150, false));
        Clint::refresh(&mut board.lines, 149);
        assert!(!timer(&board, 1));
        Clint::refresh(&mut board.lines, 150);
        assert!(timer(&board, 1) && !timer(&board, 0));
        clint.write(0x4008, 8, 100, &mut board.context()).unwrap();
        assert!(timer(&board, 1));
    }

    #[test]
    fn halves_can_be_accessed_alone() {
        let (mut clint, mut board) = board(0x1_2345_6789);
        assert_eq!(clint.read(0xbff8, 4, &mut board.context()), Some(0x2345_6789));
        assert_eq!(clint.read(0xbffc, 4, &mut board.context()), Some(1));
        clint.write(0x4004, 4, 2, &mut board.context()).unwrap();
        clint.write(0x4000, 4, 5, &mut board.context()).unwrap();
        assert_eq!(clint.read(0x4000, 8, &mut board.context()), Some(0x2_0000_0005));
        assert_eq!(board.lines.mtimecmp[0], 0x2_0000_0005);
    }

    #[test]
    fn writing_mtime_moves_what_timers_are_due() {
        let (mut clint, mut board) = board(1000);
        clint.write(0x4000, 8, 1500, &mut board.context()).unwrap();
        clint.write(0xbff8, 8, 0, &mut board.context()).unwrap();
        assert_eq!(clint.read(0xbff8, 8, &mut board.context()), Some(0));
        assert_eq!(board.lines.mtimecmp[0], 2500);
        board.mtime = 1200;
        assert_eq!(clint.read(0xbff8, 8, &mut board.context()), Some(200));
        clint.write(0xbff8, 8, 1500, &mut board.context()).unwrap();
        assert!(timer(&board, 0));
    }

    #[test]
    fn absent_harts_read_zero_and_wrong_sizes_fault() {
        let (mut clint, mut board) = board(7);
        assert_eq!(clint.write(8, 4, 1, &mut board.context()), Some(()));
        assert_eq!(clint.read(8, 4, &mut board.context()), Some(0));
        assert_eq!(clint.read(0x4010, 8, &mut board.context()), Some(0));
        assert_eq!(clint.read(0, 8, &mut board.context()), None);
        assert_eq!(clint.write(0xbff8, 2, 1, &mut board.context()), None);
    }

    #[test]
    fn supervisor_software_interrupt_is_an_edge() {
        let (_, mut board) = board(0);
        Sswi.write(4, 4, 1, &mut board.context()).unwrap();
        Sswi.write(0, 4, 2, &mut board.context()).unwrap();
        Sswi.write(0x3ffc, 4, 1, &mut board.context()).unwrap();
        assert_eq!(board.lines.raise_ssip[..], [false, true, false, false]);
        assert_eq!(Sswi.read(4, 4, &mut board.context()), Some(0));
    }
}
