//! Breakpoints, watchpoints, and the step under way.

use super::record::Recording;
use crate::ram::PAGE_BYTES;

/// Which accesses a watchpoint stops at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Watch {
    /// Stores (AMOs and `sc` too).
    Store,
    /// Loads (`lr` too).
    Load,
    /// Both.
    Access,
}

/// A range of virtual addresses; an empty one contains nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The first address.
    pub start: u64,
    /// How many bytes.
    pub bytes: u64,
}

impl Span {
    /// Whether the two share an address.
    pub fn overlaps(self, other: Span) -> bool {
        let within = |a: Span, b: Span| b.bytes > 0 && a.start.wrapping_sub(b.start) < b.bytes && a.bytes > 0;
        within(self, other) || within(other, self)
    }
}

/// A watched range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Watchpoint {
    /// What is watched.
    pub span: Span,
    /// Which accesses.
    pub watch: Watch,
}

/// A step of one hart; the others go on in their turns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// Whose.
    pub hart: usize,
    /// It goes on while the hart's `pc` is in here.
    pub within: Option<Span>,
}

/// Why a hart stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopReason {
    /// It stands at a breakpoint, whose instruction comes next.
    Breakpoint,
    /// The instruction that it has just completed touched a watched range.
    Watchpoint {
        /// The watchpoint.
        point: Watchpoint,
    },
    /// The step is done.
    Stepped,
}

/// A stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stop {
    /// The hart that stopped; the others stand wherever their turns left them.
    pub hart: usize,
    /// Why.
    pub reason: StopReason,
}

/// All that is set on a node.
#[derive(Debug, Default)]
pub struct Points {
    /// Sorted.
    breakpoints: Vec<u64>,
    watchpoints: Vec<Watchpoint>,
    pub(crate) step: Option<Step>,
    /// A hart that goes on from the breakpoint it stands at.
    pass: Option<(usize, u64)>,
    /// What stopped the engine.
    hit: Option<Stop>,
    pub(crate) recording: Option<Recording>,
}

impl Points {
    /// Whether the node must run under observation.
    pub fn is_active(&self) -> bool {
        !self.breakpoints.is_empty()
            || !self.watchpoints.is_empty()
            || self.step.is_some()
            || self.recording.is_some()
    }

    /// Sets a breakpoint; true unless it was there.
    pub fn insert_breakpoint(&mut self, va: u64) -> bool {
        let place = self.breakpoints.binary_search(&va);
        if let Err(place) = place {
            self.breakpoints.insert(place, va);
        }
        place.is_err()
    }

    /// Removes a breakpoint; true if it was there.
    pub fn remove_breakpoint(&mut self, va: u64) -> bool {
        let place = self.breakpoints.binary_search(&va);
        place.is_ok_and(|place| self.breakpoints.remove(place) == va)
    }

    /// Sets a watchpoint.
    pub fn insert_watchpoint(&mut self, point: Watchpoint) {
        self.watchpoints.push(point);
    }

    /// Removes a watchpoint; true if it was there.
    pub fn remove_watchpoint(&mut self, point: Watchpoint) -> bool {
        let place = self.watchpoints.iter().position(|known| *known == point);
        place.is_some_and(|place| self.watchpoints.remove(place) == point)
    }

    /// Removes everything but the record.
    pub fn clear(&mut self) {
        *self = Points { recording: self.recording.take(), ..Points::default() };
    }

    /// Lets `hart` go on from the breakpoint at `pc`, at which it stands.
    pub fn pass(&mut self, hart: usize, pc: u64) {
        self.pass = Some((hart, pc));
    }

    /// Whether accesses to the page of `va` must all be seen.
    pub(crate) fn sees_page(&self, va: u64) -> bool {
        let page = Span { start: va & !(PAGE_BYTES - 1), bytes: PAGE_BYTES };
        self.recording.is_some() || self.watchpoints.iter().any(|point| point.span.overlaps(page))
    }

    /// Takes note of an access; true if it is one to stop at.
    pub(crate) fn note(&mut self, hart: usize, span: Span, store: bool) -> bool {
        if let Some(recording) = &mut self.recording
            && store
        {
            recording.stores.push(span);
        }
        let point = self.watchpoints.iter().copied().find(|point| {
            let asked = match point.watch {
                Watch::Store => store,
                Watch::Load => !store,
                Watch::Access => true,
            };
            asked && point.span.overlaps(span)
        });
        if let Some(point) = point {
            self.hit.get_or_insert(Stop { hart, reason: StopReason::Watchpoint { point } });
        }
        point.is_some()
    }

    /// Whether `hart` stops before the instruction at `pc`.
    pub(crate) fn stops_at(&mut self, hart: usize, pc: u64) -> bool {
        // A pass is for what the hart executes next: breakpoints may have moved since it was given.
        let pass = self.pass.take_if(|(id, _)| *id == hart);
        if self.breakpoints.binary_search(&pc).is_err() || pass == Some((hart, pc)) {
            return false;
        }
        self.hit = Some(Stop { hart, reason: StopReason::Breakpoint });
        true
    }

    /// The breakpoints in the `bytes` bytes behind `pc`, as distances from it.
    pub(crate) fn ahead(&self, pc: u64, bytes: u64) -> impl Iterator<Item = u64> + '_ {
        let first = self.breakpoints.partition_point(|point| *point <= pc);
        self.breakpoints[first..].iter().map(move |point| point - pc).take_while(move |past| *past < bytes)
    }

    pub(crate) fn is_hit(&self) -> bool {
        self.hit.is_some()
    }

    pub(crate) fn take_hit(&mut self) -> Option<Stop> {
        self.hit.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_overlap_where_they_share_an_address() {
        let span = |start, bytes| Span { start, bytes };
        assert!(span(8, 4).overlaps(span(11, 1)));
        assert!(!span(8, 4).overlaps(span(12, 1)));
        assert!(span(0, 4096).overlaps(span(4095, 8)));
        assert!(!span(8, 0).overlaps(span(8, 8)));
        assert!(span(u64::MAX - 3, 4).overlaps(span(u64::MAX, 1)));
    }

    #[test]
    fn a_hart_passes_its_breakpoint_once() {
        let mut points = Points::default();
        assert!(points.insert_breakpoint(100));
        assert!(!points.insert_breakpoint(100));
        assert!(points.stops_at(0, 100));
        points.pass(0, 100);
        assert!(points.stops_at(1, 100), "it is another hart's pass");
        assert!(!points.stops_at(0, 100));
        assert!(points.stops_at(0, 100));
        points.pass(0, 100);
        assert!(!points.stops_at(0, 96));
        assert!(points.stops_at(0, 100), "the pass was for the instruction that came next");
        assert_eq!(points.ahead(96, 8).collect::<Vec<_>>(), [4]);
        assert_eq!(points.ahead(96, 4).count() + points.ahead(100, 64).count(), 0);
        assert!(points.remove_breakpoint(100));
        assert!(!points.remove_breakpoint(100));
    }
}
