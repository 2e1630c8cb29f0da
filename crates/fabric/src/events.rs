//! Events by instant, for the simulators that jump from one to the next: a timing wheel of wheels.
//!
//! Source: Varghese and Lauck, "Hashed and hierarchical timing wheels", SOSP 1987.

/// A wheel has a slot for each value of a digit of six bits.
const DIGIT_BITS: u32 = 6;
const SLOTS: usize = 1 << DIGIT_BITS;
/// Eleven digits hold any cycle.
const WHEELS: usize = 11;

#[derive(Clone, Debug)]
struct Slot<E> {
    /// The earliest of its cycles.
    first: u64,
    events: Vec<(u64, E)>,
}

/// Events by cycle; those of one cycle in the order in which they were entered.
///
/// Invariants: no event is earlier than `now`, the cycle of the last that was taken; an event stands in the wheel of the highest
/// digit in which its cycle differs from `now`, in the slot of that digit, so that the first slot of the lowest wheel in use
/// has the earliest; `filled` has a bit for each slot in use.
#[derive(Clone, Debug)]
pub(crate) struct Events<E> {
    now: u64,
    filled: [u64; WHEELS],
    slots: Vec<Slot<E>>,
    /// How many of the slot of `now` have been taken.
    taken: usize,
    entered: u64,
    /// How many have ever been taken.
    left: u64,
}

impl<E: Copy> Events<E> {
    /// No events.
    pub(crate) fn new() -> Events<E> {
        let slot = || Slot { first: u64::MAX, events: Vec::new() };
        let slots = (0..WHEELS * SLOTS).map(|_| slot()).collect();
        Events { now: 0, filled: [0; WHEELS], slots, taken: 0, entered: 0, left: 0 }
    }

    /// How many have ever been entered.
    pub(crate) fn entered(&self) -> u64 {
        self.entered
    }

    /// How many are to come.
    pub(crate) fn len(&self) -> u64 {
        self.entered - self.left
    }

    /// Enters an event; one for the past counts for the cycle of the last that was taken.
    pub(crate) fn enter(&mut self, at: u64, event: E) {
        self.entered += 1;
        self.place(at.max(self.now), event);
    }

    /// The cycle of the earliest event.
    pub(crate) fn first(&self) -> Option<u64> {
        self.first_slot().map(|(wheel, slot)| self.slots[wheel * SLOTS + slot].first)
    }

    /// Takes the earliest event, if it is before `until`.
    pub(crate) fn take_before(&mut self, until: u64) -> Option<(u64, E)> {
        let slot = self.bring_first(until)?;
        let events = &mut self.slots[slot].events;
        let taken = events[self.taken];
        self.taken += 1;
        self.left += 1;
        if self.taken == events.len() {
            self.taken = 0;
            events.clear();
            self.slots[slot].first = u64::MAX;
            self.filled[0] &= !(1 << slot);
        }
        Some(taken)
    }

    /// Takes the events of the earliest cycle that has any, if it is before `until`, and says which it is.
    pub(crate) fn take_cycle(&mut self, until: u64, into: &mut Vec<E>) -> Option<u64> {
        let slot = self.bring_first(until)?;
        let events = &mut self.slots[slot].events;
        into.extend(events.drain(..).skip(self.taken).map(|(_, event)| event));
        self.left += into.len() as u64;
        self.taken = 0;
        self.slots[slot].first = u64::MAX;
        self.filled[0] &= !(1 << slot);
        Some(self.now)
    }

    /// Makes the cycle of the earliest event the present, if it is before `until`, and brings its events to the lowest
    /// wheel: to the slot that comes back.
    fn bring_first(&mut self, until: u64) -> Option<usize> {
        let (wheel, slot) = self.first_slot()?;
        let first = self.slots[wheel * SLOTS + slot].first;
        if first >= until {
            return None;
        }
        self.now = first;
        if wheel > 0 {
            self.spread(wheel, slot);
        }
        Some(digit(first, 0))
    }

    /// Takes all events, in their order.
    pub(crate) fn take_all(&mut self) -> Vec<(u64, E)> {
        let mut all = Vec::new();
        let now = self.now;
        while let Some(event) = self.take_before(u64::MAX) {
            all.push(event);
        }
        self.now = now;
        all
    }

    fn first_slot(&self) -> Option<(usize, usize)> {
        let wheel = self.filled.iter().position(|filled| *filled != 0)?;
        Some((wheel, self.filled[wheel].trailing_zeros() as usize))
    }

    fn place(&mut self, at: u64, event: E) {
        let wheel = (at ^ self.now).checked_ilog2().map_or(0, |bit| (bit / DIGIT_BITS) as usize);
        let slot = digit(at, wheel);
        self.filled[wheel] |= 1 << slot;
        let slot = &mut self.slots[wheel * SLOTS + slot];
        slot.first = slot.first.min(at);
        slot.events.push((at, event));
    }

    /// Moves the events of a slot, the first of which is due, to lower wheels.
    fn spread(&mut self, wheel: usize, slot: usize) {
        self.filled[wheel] &= !(1 << slot);
        let index = wheel * SLOTS + slot;
        self.slots[index].first = u64::MAX;
        let mut events = std::mem::take(&mut self.slots[index].events);
        events.drain(..).for_each(|(at, event)| self.place(at, event));
        // The slot keeps its storage for the next turn.
        self.slots[index].events = events;
    }
}

#[allow(clippy::cast_possible_truncation, reason = "six bits")]
fn digit(cycle: u64, wheel: usize) -> usize {
    (cycle >> (wheel * DIGIT_BITS as usize)) as usize % SLOTS
}

#[cfg(test)]
mod tests {
    use super::Events;

    #[test]
    fn events_come_by_cycle_and_those_of_one_cycle_in_order() {
        for spread in [10u32, 5_000, u32::MAX] {
            let (mut events, mut plain, mut now) = (Events::new(), Vec::new(), 0);
            let mut rng = crate::rng::Rng::new(spread.into());
            for number in 0..10_000u32 {
                if rng.below(5) < 3 {
                    let at = now + u64::from(rng.below(spread));
                    events.enter(at, number);
                    plain.push((at, number));
                    continue;
                }
                let least = plain.iter().min().copied();
                assert_eq!(events.first(), least.map(|(at, _)| at));
                let until = now + u64::from(spread) / 2;
                if rng.below(2) == 0 {
                    let due = least.map(|(at, _)| at).filter(|at| *at < until);
                    let mut found = Vec::new();
                    assert_eq!(events.take_cycle(until, &mut found), due);
                    let expected = plain.iter().filter(|(at, _)| Some(*at) == due).map(|(_, number)| *number);
                    assert_eq!(found, expected.collect::<Vec<_>>());
                    plain.retain(|(at, _)| Some(*at) != due);
                    now = due.unwrap_or(now);
                    continue;
                }
                let due = least.filter(|(at, _)| *at < until);
                assert_eq!(events.take_before(until), due);
                plain.retain(|event| Some(*event) != due);
                now = due.map_or(now, |(at, _)| at);
            }
            plain.sort_unstable();
            assert_eq!(events.take_all(), plain);
            assert_eq!(events.first(), None);
        }
    }
}
