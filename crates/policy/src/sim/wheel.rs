//! A timing wheel of wheels: what comes later, earliest first, in constant time.
//!
//! Source: Varghese and Lauck, "Hashed and hierarchical timing wheels", SOSP 1987.

use crate::unit::Ns;

/// A wheel has a slot for each value of a digit of six bits.
const DIGIT_BITS: usize = 6;
const SLOTS: usize = 1 << DIGIT_BITS;
/// Eleven digits hold any time.
const WHEELS: usize = 11;
/// A slot with at most so many items is sorted at once instead of being spread over the slots of a lower wheel.
const SORTED_MAX: usize = 16;
/// With more than so many items the sorted ones go back into slots.
const NEAR_MAX: usize = 64;
/// As many items come soon enough that what they need is still in a cache then.
const SOON_MAX: usize = 1024;

/// Items by time; equal times in the order in which they were put in.
///
/// Invariants: `near` has the items earlier than `end`, from `taken` on, sorted; the others stand in slots. An item in a slot
/// is in the wheel of the highest digit in which its time differs from `base`, in the slot of that digit, so that the first
/// slot of the lowest wheel in use has the earliest; `filled` has a bit for each slot in use. `base <= end`.
pub(super) struct Wheel<T> {
    near: Vec<(u64, T)>,
    taken: usize,
    end: u64,
    base: u64,
    filled: [u64; WHEELS],
    slots: Vec<Vec<(u64, T)>>,
}

impl<T: Copy> Wheel<T> {
    pub(super) fn new() -> Wheel<T> {
        let slots = (0..WHEELS * SLOTS).map(|_| Vec::new()).collect();
        Wheel { near: Vec::new(), taken: 0, end: 0, base: 0, filled: [0; WHEELS], slots }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.taken == self.near.len() && self.filled == [0; WHEELS]
    }

    /// Puts an item in.
    #[inline(never)]
    pub(super) fn push(&mut self, at: Ns, item: T) {
        if at.0 >= self.end {
            return self.place(at.0, item);
        }
        let mut place = self.near.len();
        while place > self.taken && self.near[place - 1].0 > at.0 {
            place -= 1;
        }
        self.near.insert(place, (at.0, item));
        if self.near.len() - self.taken > NEAR_MAX && self.end - self.base > 1 {
            self.put_back();
        }
    }

    /// The time of the earliest item; `Ns::MAX` without one. Tells `soon` of items that come not long after, many at once.
    pub(super) fn first(&mut self, soon: impl FnMut(&[(u64, T)])) -> Ns {
        if self.taken == self.near.len() && !self.draw_near(soon) {
            return Ns::MAX;
        }
        Ns(self.near[self.taken].0)
    }

    /// Takes the earliest item, which [`first`](Wheel::first) has named.
    pub(super) fn pop(&mut self) -> Option<T> {
        let (_, item) = *self.near.get(self.taken)?;
        self.taken += 1;
        if self.taken == self.near.len() {
            self.near.clear();
            self.taken = 0;
        }
        Some(item)
    }

    /// Sorts the items of the first slots; whether there are any.
    fn draw_near(&mut self, mut soon: impl FnMut(&[(u64, T)])) -> bool {
        loop {
            let Some(wheel) = self.filled.iter().position(|&filled| filled != 0) else { return false };
            let digit = self.filled[wheel].trailing_zeros() as usize;
            self.filled[wheel] &= !(1 << digit);
            let mut items = core::mem::take(&mut self.slots[wheel * SLOTS + digit]);
            let low = wheel * DIGIT_BITS;
            // The digits of `base` above this one, this one, and zeros.
            self.base = (((self.base >> low) & !(SLOTS as u64 - 1)) | digit as u64) << low;
            self.end = self.base;
            let sorted = wheel == 0 || items.len() <= SORTED_MAX;
            if sorted {
                self.end = self.base.saturating_add(1 << low);
                self.near.append(&mut items);
                self.near.sort_by_key(|(at, _)| *at);
            } else {
                if items.len() <= SOON_MAX {
                    soon(&items);
                }
                items.drain(..).for_each(|(at, item)| self.place(at, item));
            }
            // The slot keeps its memory for the next turn.
            self.slots[wheel * SLOTS + digit] = items;
            if sorted {
                return true;
            }
        }
    }

    /// Puts the sorted items from `base` on back into slots.
    fn put_back(&mut self) {
        self.end = self.base;
        let from = self.taken + self.near[self.taken..].partition_point(|(at, _)| *at < self.base);
        let mut items = core::mem::take(&mut self.near);
        items.drain(from..).for_each(|(at, item)| self.place(at, item));
        self.near = items;
    }

    fn place(&mut self, at: u64, item: T) {
        let wheel = ((at ^ self.base) | 1).ilog2() as usize / DIGIT_BITS;
        let slot = digit(at, wheel);
        self.filled[wheel] |= 1 << slot;
        self.slots[wheel * SLOTS + slot].push((at, item));
    }
}

#[expect(clippy::cast_possible_truncation, reason = "six bits")]
fn digit(time: u64, wheel: usize) -> usize {
    (time >> (wheel * DIGIT_BITS)) as usize % SLOTS
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
                    assert_eq!(wheel.first(|_| ()), least.map_or(Ns::MAX, |(at, _)| Ns(at)));
                    assert_eq!(wheel.pop(), least.map(|(_, number)| number));
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
