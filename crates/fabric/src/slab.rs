//! Records in slots that are used again, so that what comes and goes costs no allocation.

use crate::ids::small;
use std::ops::{Index, IndexMut};

/// Records by slot; the slot left last is taken first.
///
/// Invariant: `free` names each slot that is not in use, once.
#[derive(Clone, Debug)]
pub(crate) struct Slab<T> {
    slots: Vec<T>,
    free: Vec<u32>,
}

impl<T> Default for Slab<T> {
    fn default() -> Slab<T> {
        Slab { slots: Vec::new(), free: Vec::new() }
    }
}

impl<T> Slab<T> {
    /// Stores a record and says in which slot.
    pub(crate) fn insert(&mut self, record: T) -> u32 {
        if let Some(slot) = self.free.pop() {
            self[slot] = record;
            return slot;
        }
        self.slots.push(record);
        small(self.slots.len() - 1)
    }

    /// Gives up a slot in use; its record can be read until another takes its place.
    pub(crate) fn remove(&mut self, slot: u32) -> &mut T {
        self.free.push(slot);
        &mut self[slot]
    }

    /// How many slots are in use.
    pub(crate) fn len(&self) -> u64 {
        (self.slots.len() - self.free.len()) as u64
    }

    /// The slots in use, in order.
    pub(crate) fn live(&self) -> impl Iterator<Item = u32> {
        let mut live = vec![true; self.slots.len()];
        self.free.iter().for_each(|slot| live[*slot as usize] = false);
        live.into_iter().enumerate().filter(|(_, live)| *live).map(|(slot, _)| small(slot))
    }
}

impl<T> Index<u32> for Slab<T> {
    type Output = T;

    fn index(&self, slot: u32) -> &T {
        &self.slots[slot as usize]
    }
}

impl<T> IndexMut<u32> for Slab<T> {
    fn index_mut(&mut self, slot: u32) -> &mut T {
        &mut self.slots[slot as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::Slab;

    #[test]
    fn slots_are_used_again_and_those_in_use_are_known() {
        let mut slab = Slab::default();
        assert_eq!([10, 11, 12].map(|record| slab.insert(record)), [0, 1, 2]);
        assert_eq!((*slab.remove(1), slab.len()), (11, 2));
        assert_eq!(slab.live().collect::<Vec<_>>(), [0, 2]);
        assert_eq!((slab.insert(13), slab[1]), (1, 13));
        assert_eq!(slab.live().collect::<Vec<_>>(), [0, 1, 2]);
    }
}
