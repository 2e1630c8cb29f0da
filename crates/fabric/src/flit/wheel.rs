//! A time wheel: events a bounded number of cycles ahead, in slots that are used again.

/// Events of one kind by the cycle in which they are due.
///
/// Invariant: an event is at most `slots.len() - 1` cycles ahead of the cycle taken last.
#[derive(Debug)]
pub(super) struct Wheel<T> {
    slots: Vec<Vec<T>>,
    mask: u64,
}

impl<T> Wheel<T> {
    /// A wheel for events at most `ahead` cycles in the future.
    pub(super) fn new(ahead: u64) -> Wheel<T> {
        let slots = (ahead + 1).next_power_of_two();
        Wheel { slots: (0..slots).map(|_| Vec::new()).collect(), mask: slots - 1 }
    }

    #[allow(clippy::cast_possible_truncation, reason = "masked to the number of slots")]
    fn slot(&self, cycle: u64) -> usize {
        (cycle & self.mask) as usize
    }

    /// Enters an event that is due at `cycle`.
    pub(super) fn push(&mut self, cycle: u64, event: T) {
        let slot = self.slot(cycle);
        self.slots[slot].push(event);
    }

    /// The events due at `cycle`; give the storage back with [`Wheel::give_back`].
    pub(super) fn take(&mut self, cycle: u64) -> Vec<T> {
        let slot = self.slot(cycle);
        std::mem::take(&mut self.slots[slot])
    }

    /// Returns the storage of a slot, to be filled again without allocation.
    pub(super) fn give_back(&mut self, cycle: u64, mut storage: Vec<T>) {
        storage.clear();
        let slot = self.slot(cycle);
        if self.slots[slot].is_empty() {
            self.slots[slot] = storage;
        }
    }

    /// The first cycle from `from` on with an event.
    pub(super) fn next(&self, from: u64) -> Option<u64> {
        (from..=from + self.mask).find(|cycle| !self.slots[self.slot(*cycle)].is_empty())
    }

    /// All events, in no order of time.
    #[cfg(test)]
    pub(super) fn all(&self) -> impl Iterator<Item = &T> {
        self.slots.iter().flatten()
    }

    /// Forgets all events.
    pub(super) fn clear(&mut self) {
        self.slots.iter_mut().for_each(Vec::clear);
    }
}
