//! A timing wheel of wheels: what comes later, earliest first, in constant time.
//!
//! Source: Varghese and Lauck, "Hashed and hierarchical timing wheels", SOSP 1987.

use crate::unit::Ns;

/// A wheel has a slot for each value of a digit of six bits.
const DIGIT_BITS: u32 = 6;
const SLOTS: usize = 1 << DIGIT_BITS;
/// Eleven digits hold any time.
const WHEELS: usize = 11;

struct Slot<T> {
    /// The earliest of its times.
    first: u64,
    items: Vec<(u64, T)>,
}

/// Items by time; equal times in the order in which they were put in.
///
/// Invariants: no item is earlier than `now`, the time of the last that was taken; an item stands in the wheel of the highest
/// digit in which its time differs from `now`, in the slot of that digit, so that the first slot of the lowest wheel in use
/// has the earliest; `filled` has a bit for each slot in use.
pub(super) struct Wheel<T> {
    now: u64,
    filled: [u64; WHEELS],
    slots: Vec<Slot<T>>,
    /// How many of the slot of `now` have been taken.
    taken: usize,
    len: usize,
}

impl<T: Copy> Wheel<T> {
    pub(super) fn new() -> Wheel<T> {
        let slots = (0..WHEELS * SLOTS).map(|_| Slot { first: u64::MAX, items: Vec::new() }).collect();
        Wheel { now: 0, filled: [0; WHEELS], slots, taken: 0, len: 0 }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Puts an item in for `at` or, if a later one has been taken, for the time of that.
    pub(super) fn push(&mut self, at: Ns, item: T) {
        self.len += 1;
        self.place(at.0.max(self.now), item);
    }

    /// The time of the earliest item; `Ns::MAX` without one.
    pub(super) fn first(&self) -> Ns {
        self.first_slot().map_or(Ns::MAX, |(wheel, slot)| Ns(self.slots[wheel * SLOTS + slot].first))
    }

    /// Takes the earliest item.
    pub(super) fn pop(&mut self) -> Option<(Ns, T)> {
        let (wheel, slot) = self.first_slot()?;
        self.now = self.slots[wheel * SLOTS + slot].first;
        if wheel > 0 {
            self.spread(wheel, slot);
        }
        let slot = digit(self.now, 0);
        let items = &mut self.slots[slot].items;
        let (at, item) = items[self.taken];
        self.taken += 1;
        self.len -= 1;
        if self.taken == items.len() {
            self.taken = 0;
            items.clear();
            self.slots[slot].first = u64::MAX;
            self.filled[0] &= !(1 << slot);
        }
        Some((Ns(at), item))
    }

    /// An item that comes soon, perhaps not the first.
    pub(super) fn glance(&self) -> Option<T> {
        let (wheel, slot) = self.first_slot()?;
        let taken = if wheel == 0 { self.taken } else { 0 };
        self.slots[wheel * SLOTS + slot].items.get(taken).map(|(_, item)| *item)
    }

    fn first_slot(&self) -> Option<(usize, usize)> {
        let wheel = self.filled.iter().position(|&filled| filled != 0)?;
        Some((wheel, self.filled[wheel].trailing_zeros() as usize))
    }

    fn place(&mut self, at: u64, item: T) {
        let wheel = (at ^ self.now).checked_ilog2().map_or(0, |bit| (bit / DIGIT_BITS) as usize);
        let slot = digit(at, wheel);
        self.filled[wheel] |= 1 << slot;
        let slot = &mut self.slots[wheel * SLOTS + slot];
        slot.first = slot.first.min(at);
        slot.items.push((at, item));
    }

    /// Moves the items of a slot, the first of which is due, to lower wheels.
    fn spread(&mut self, wheel: usize, slot: usize) {
        self.filled[wheel] &= !(1 << slot);
        let slot = &mut self.slots[wheel * SLOTS + slot];
        slot.first = u64::MAX;
        let mut items = core::mem::take(&mut slot.items);
        let index = wheel * SLOTS + digit(self.now, wheel);
        items.drain(..).for_each(|(at, item)| self.place(at, item));
        // The slot keeps its memory for the next turn.
        self.slots[index].items = items;
    }
}

#[expect(clippy::cast_possible_truncation, reason = "six bits")]
fn digit(time: u64, wheel: usize) -> usize {
    (time >> (wheel * DIGIT_BITS as usize)) as usize % SLOTS
}

#[cfg(test)]
mod tests {
    use super::Wheel;
    use crate::unit::Ns;

    #[test]
    fn items_come_by_time_and_equal_ones_in_order() {
        for spread in [10, 5_000, 1 << 40] {
            let (mut wheel, mut plain) = (Wheel::new(), Vec::new());
            let (mut rng, mut now) = (crate::rng::Rng::new(spread as u64), 0);
            for number in 0..20_000u32 {
                if rng.below(5) < 3 {
                    let at = now + rng.below(spread) as u64;
                    wheel.push(Ns(at), number);
                    plain.push((at, number));
                } else {
                    let least = plain.iter().min().copied();
                    assert_eq!(wheel.first(), least.map_or(Ns::MAX, |(at, _)| Ns(at)));
                    assert_eq!(wheel.pop(), least.map(|(at, number)| (Ns(at), number)));
                    plain.retain(|item| Some(*item) != least);
                    now = least.map_or(now, |(at, _)| at);
                }
                // Time may also pass between two items.
                if plain.is_empty() {
                    now += rng.below(spread) as u64;
                }
            }
            assert_eq!(wheel.is_empty(), plain.is_empty());
        }
    }
}
