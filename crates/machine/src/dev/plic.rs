//! The platform-level interrupt controller: level-triggered sources, priorities, and two contexts a hart.
//!
//! Context 2h is hart h in machine mode and drives its `MEIP`; 2h + 1 is supervisor mode and drives `SEIP`.
//! A source's gateway forwards one request when its line is high and none is under way; the request stays pending
//! until claimed, even if the line falls, and the next is forwarded after completion.
//!
//! As on QEMU's board, a completion counts whether or not the completing context has the source enabled; kernels
//! that complete after disabling rely on it. A claim disregards the threshold, as the specification says.
//!
//! Source: RISC-V Platform-Level Interrupt Controller Specification 1.0.0.

use super::{Context, Device};
use crate::lines::{Lines, mip};
use crate::state_fields;

/// The highest source number; source 0 means none.
pub const SOURCES_MAX: u32 = 95;
/// The highest priority.
const PRIORITY_MAX: usize = 7;
const SOURCES: u128 = (1 << (SOURCES_MAX + 1)) - 2;

const PENDING: u64 = 0x1000;
const ENABLE: u64 = 0x2000;
const ENABLE_STRIDE: u64 = 0x80;
const CONTEXT: u64 = 0x20_0000;
const CONTEXT_STRIDE: u64 = 0x1000;

/// What one context has set.
#[derive(Clone, Debug, Default)]
struct Target {
    enabled: u128,
    threshold: u8,
}

state_fields!(Target { enabled, threshold });

/// The controller.
///
/// Invariant: each source is in exactly one set of `by_priority`, and in at most one of `pending` and `claimed`.
#[derive(Debug)]
pub struct Plic {
    by_priority: [u128; PRIORITY_MAX + 1],
    pending: u128,
    claimed: u128,
    targets: Box<[Target]>,
}

state_fields!(Plic { by_priority, pending, claimed, targets });

impl Plic {
    /// A controller for `harts` harts, everything disabled.
    pub fn new(harts: usize) -> Plic {
        let mut by_priority = [0; PRIORITY_MAX + 1];
        by_priority[0] = SOURCES;
        Plic { by_priority, pending: 0, claimed: 0, targets: vec![Target::default(); 2 * harts].into() }
    }

    /// Takes over the sources' levels and drives the harts' external interrupts.
    pub fn refresh(&mut self, lines: &mut Lines) {
        self.pending |= lines.sources & !self.claimed & SOURCES;
        for (index, target) in self.targets.iter().enumerate() {
            let bit = if index % 2 == 0 { mip::MEIP } else { mip::SEIP };
            lines.set(index / 2, bit, self.interrupts(target));
        }
    }

    /// Whether the gateways would forward nothing new for these levels.
    pub fn has_seen(&self, sources: u128) -> bool {
        sources & !self.claimed & !self.pending & SOURCES == 0
    }

    fn interrupts(&self, target: &Target) -> bool {
        let waiting = self.pending & target.enabled;
        let above = self.by_priority.iter().skip(usize::from(target.threshold) + 1);
        waiting != 0 && above.fold(0, |set, level| set | level) & waiting != 0
    }

    fn claim(&mut self, context: usize) -> u32 {
        let Some(target) = self.targets.get(context) else { return 0 };
        let waiting = self.pending & target.enabled;
        let best = self.by_priority[1..].iter().rev().map(|level| level & waiting).find(|set| *set != 0);
        let Some(source) = best.map(u128::trailing_zeros) else { return 0 };
        self.pending &= !(1 << source);
        self.claimed |= 1 << source;
        source
    }

    fn priority(&self, source: u32) -> u32 {
        let bit = 1u128 << source & SOURCES;
        self.by_priority.iter().zip(0..).find(|(level, _)| *level & bit != 0).map_or(0, |(_, number)| number)
    }

    fn set_priority(&mut self, source: u32, priority: u32) {
        let bit = 1u128 << source & SOURCES;
        self.by_priority.iter_mut().for_each(|level| *level &= !bit);
        self.by_priority[priority as usize & PRIORITY_MAX] |= bit;
    }

    fn read_register(&mut self, offset: u64) -> u32 {
        match register(offset) {
            Register::Priority(source) => self.priority(source),
            Register::Pending(word) => part(self.pending, word),
            Register::Enable(context, word) => self.targets.get(context).map_or(0, |t| part(t.enabled, word)),
            Register::Threshold(context) => self.targets.get(context).map_or(0, |t| u32::from(t.threshold)),
            Register::Claim(context) => self.claim(context),
            Register::None => 0,
        }
    }

    fn write_register(&mut self, offset: u64, value: u32) {
        match register(offset) {
            Register::Priority(source) => self.set_priority(source, value),
            Register::Enable(context, word) => {
                if let Some(target) = self.targets.get_mut(context) {
                    let kept = target.enabled & !(u128::from(u32::MAX) << (32 * word));
                    target.enabled = (kept | u128::from(value) << (32 * word)) & SOURCES;
                }
            }
            Register::Threshold(context) => {
                if let Some(target) = self.targets.get_mut(context) {
                    target.threshold = value.to_le_bytes()[0] & 7;
                }
            }
            Register::Claim(_) if value <= SOURCES_MAX => self.claimed &= !(1 << value),
            Register::Claim(_) | Register::Pending(_) | Register::None => {}
        }
    }
}

/// What an offset names.
enum Register {
    Priority(u32),
    Pending(u32),
    Enable(usize, u32),
    Threshold(usize),
    Claim(usize),
    None,
}

fn register(offset: u64) -> Register {
    let small = |value: u64| u32::try_from(value).unwrap_or(u32::MAX);
    let index = |value: u64| usize::try_from(value).unwrap_or(usize::MAX);
    match offset {
        0..PENDING if offset / 4 <= u64::from(SOURCES_MAX) => Register::Priority(small(offset / 4)),
        PENDING..0x1010 => Register::Pending(small((offset - PENDING) / 4)),
        ENABLE..CONTEXT => match ((offset - ENABLE) / ENABLE_STRIDE, (offset - ENABLE) % ENABLE_STRIDE / 4) {
            (context, word @ 0..4) => Register::Enable(index(context), small(word)),
            _ => Register::None,
        },
        CONTEXT.. => {
            let context = index((offset - CONTEXT) / CONTEXT_STRIDE);
            match (offset - CONTEXT) % CONTEXT_STRIDE {
                0 => Register::Threshold(context),
                4 => Register::Claim(context),
                _ => Register::None,
            }
        }
        _ => Register::None,
    }
}

/// The 32 sources of `set` from number 32 * `word` on.
fn part(set: u128, word: u32) -> u32 {
    u32::try_from(set >> (32 * word) & u128::from(u32::MAX)).unwrap_or(0)
}

impl Device for Plic {
    fn read(&mut self, offset: u64, size: u8, context: &mut Context<'_>) -> Option<u64> {
        if size != 4 {
            return None;
        }
        let value = self.read_register(offset);
        self.refresh(context.lines);
        Some(u64::from(value))
    }

    fn write(&mut self, offset: u64, size: u8, value: u64, context: &mut Context<'_>) -> Option<()> {
        if size != 4 {
            return None;
        }
        self.write_register(offset, u32::try_from(value & u64::from(u32::MAX)).unwrap_or(0));
        self.refresh(context.lines);
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dev::script::Board;

    /// What happens to a controller of two harts: register accesses, wires, and the external interrupts expected.
    enum Do {
        W(u64, u64),
        R(u64, u64),
        Line(u32, bool),
        /// `MEIP` and `SEIP` of a hart.
        Harts(usize, bool, bool),
    }
    use Do::{Harts, Line, R, W};

    const ENABLE_M0: u64 = 0x2000;
    const ENABLE_S1: u64 = 0x2180;
    const THRESHOLD_M0: u64 = 0x20_0000;
    const CLAIM_M0: u64 = 0x20_0004;
    const CLAIM_S1: u64 = 0x20_3004;

    fn check(steps: &[Do]) {
        let mut plic = Plic::new(2);
        let mut board = Board::new();
        for (number, step) in steps.iter().enumerate() {
            match *step {
                W(offset, value) => assert_eq!(plic.write(offset, 4, value, &mut board.context()), Some(())),
                R(offset, value) => {
                    let read = plic.read(offset, 4, &mut board.context());
                    assert_eq!(read, Some(value), "step {number}: {offset:#x}");
                }
                Line(source, high) => {
                    board.lines.set_source(source, high);
                    plic.refresh(&mut board.lines);
                }
                Harts(hart, machine, supervisor) => {
                    let level = board.lines.level[hart];
                    let found = (level & mip::MEIP != 0, level & mip::SEIP != 0);
                    assert_eq!(found, (machine, supervisor), "step {number}: hart {hart}");
                }
            }
        }
    }

    #[test]
    fn a_source_reaches_the_contexts_that_enable_it() {
        let steps =
            [W(40, 1), W(ENABLE_M0, 1 << 10), Line(10, true), Harts(0, true, false), Harts(1, false, false)];
        check(&steps);
        check(&[
            W(132, 1),
            W(ENABLE_S1 + 4, 2),
            Line(33, true),
            Harts(1, false, true),
            R(0x1004, 2),
            R(CLAIM_S1, 33),
        ]);
    }

    #[test]
    fn claim_takes_the_highest_priority_and_then_the_lowest_number() {
        let wires = [Line(3, true), Line(4, true), Line(5, true)];
        let set = [W(12, 2), W(16, 7), W(20, 7), W(ENABLE_M0, 0x38)];
        let claims = [R(CLAIM_M0, 4), R(CLAIM_M0, 5), R(CLAIM_M0, 3), R(CLAIM_M0, 0), Harts(0, false, false)];
        check(&wires.into_iter().chain(set).chain(claims).collect::<Vec<_>>());
    }

    #[test]
    fn priority_zero_never_interrupts_and_the_threshold_masks() {
        check(&[W(ENABLE_M0, 2), Line(1, true), Harts(0, false, false), R(CLAIM_M0, 0), R(0x1000, 2)]);
        let steps = [W(4, 3), W(ENABLE_M0, 2), W(THRESHOLD_M0, 3), Line(1, true), Harts(0, false, false)];
        check(&steps);
        check(&[W(4, 3), W(ENABLE_M0, 2), W(THRESHOLD_M0, 2), Line(1, true), Harts(0, true, false)]);
    }

    #[test]
    fn a_high_line_is_pending_again_after_completion_only() {
        let claimed = [W(4, 1), W(ENABLE_M0, 2), Line(1, true), R(CLAIM_M0, 1), Harts(0, false, false)];
        let again = [Line(1, true), Harts(0, false, false), W(CLAIM_M0, 1), Harts(0, true, false)];
        check(&claimed.into_iter().chain(again).collect::<Vec<_>>());
        let fallen = [W(4, 1), W(ENABLE_M0, 2), Line(1, true), Line(1, false), Harts(0, true, false)];
        let done = [R(CLAIM_M0, 1), W(CLAIM_M0, 1), Harts(0, false, false), R(CLAIM_M0, 0)];
        check(&fallen.into_iter().chain(done).collect::<Vec<_>>());
    }

    #[test]
    fn registers_that_are_not_there_read_zero_and_ignore_writes() {
        check(&[
            W(0, 7),
            R(0, 0),
            W(0x180, 7),
            R(0x180, 0),
            W(ENABLE_M0, 1),
            R(ENABLE_M0, 0),
            W(0x1000, 2),
            R(0x1000, 0),
        ]);
        check(&[
            W(0x20_4000, 7),
            R(0x20_4004, 0),
            W(0x2200, 2),
            R(0x2200, 0),
            W(CLAIM_M0, 500),
            R(0x5f_fffc, 0),
        ]);
        let mut board = Board::new();
        assert_eq!(Plic::new(1).read(4, 8, &mut board.context()), None);
    }
}
