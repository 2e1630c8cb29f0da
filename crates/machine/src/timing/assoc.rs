//! A set-associative array with least-recently-used replacement: what TLBs and caches are made of.

use crate::state::{Source, State, StateError};

/// `sets` sets of `ways` places each.
///
/// Invariant: the items of a set stand first, the most recently used foremost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SetAssociative<T> {
    ways: usize,
    places: Box<[Option<T>]>,
}

impl<T: Copy> SetAssociative<T> {
    /// An empty array.
    ///
    /// Panics: when there is no set or no way; [`super::Geometry`] has neither.
    pub(super) fn new(sets: usize, ways: usize) -> SetAssociative<T> {
        assert!(sets > 0 && ways > 0, "an array has places");
        SetAssociative { ways, places: vec![None; sets * ways].into() }
    }

    /// The set that `number` falls in.
    fn set(&mut self, number: u64) -> &mut [Option<T>] {
        let sets = self.places.len() / self.ways;
        // The remainder is below the number of sets.
        let first = usize::try_from(number % sets as u64).unwrap_or(0) * self.ways;
        &mut self.places[first..first + self.ways]
    }

    /// The item in the set of `number` that `matches`, as it is used: it becomes the most recent.
    pub(super) fn touch(&mut self, number: u64, matches: impl Fn(&T) -> bool) -> Option<&mut T> {
        let set = self.set(number);
        let place = set.iter().position(|item| item.as_ref().is_some_and(&matches))?;
        set[..=place].rotate_right(1);
        set[0].as_mut()
    }

    /// The item in the set of `number` that `matches`, leaving the order as it is.
    pub(super) fn find(&mut self, number: u64, matches: impl Fn(&T) -> bool) -> Option<&mut T> {
        self.set(number).iter_mut().flatten().find(|item| matches(item))
    }

    /// Enters an item in the set of `number` as the most recent; the least recent falls out of a full set.
    pub(super) fn insert(&mut self, number: u64, item: T) {
        let set = self.set(number);
        set.rotate_right(1);
        set[0] = Some(item);
    }

    /// Removes the item in the set of `number` that `matches`.
    pub(super) fn remove(&mut self, number: u64, matches: impl Fn(&T) -> bool) -> Option<T> {
        let set = self.set(number);
        let place = set.iter().position(|item| item.as_ref().is_some_and(&matches))?;
        set[place..].rotate_left(1);
        set.last_mut().and_then(Option::take)
    }

    /// Keeps only the items that pass.
    pub(super) fn retain(&mut self, keep: impl Fn(&T) -> bool) {
        for set in self.places.chunks_mut(self.ways) {
            let mut kept = 0;
            for place in 0..set.len() {
                if set[place].as_ref().is_some_and(&keep) {
                    set.swap(kept, place);
                    kept += 1;
                } else {
                    set[place] = None;
                }
            }
        }
    }
}

impl<T: State + Default> State for SetAssociative<T> {
    fn save(&self, sink: &mut dyn FnMut(&[u8])) {
        self.places.save(sink);
    }

    fn restore(&mut self, source: &mut Source<'_>) -> Result<(), StateError> {
        self.places.restore(source)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(ways: usize, items: &[u64]) -> SetAssociative<u64> {
        let mut array = SetAssociative::new(2, ways);
        items.iter().for_each(|item| array.insert(*item, *item));
        array
    }

    #[test]
    fn the_least_recently_used_falls_out() {
        let mut array = filled(2, &[2, 4]);
        assert!(array.touch(2, |item| *item == 2).is_some());
        array.insert(6, 6);
        assert!(array.find(4, |item| *item == 4).is_none());
        assert!(array.find(2, |item| *item == 2).is_some());
        assert!(array.touch(3, |_| true).is_none(), "the other set is empty");
    }

    #[test]
    fn removing_leaves_no_gap() {
        let mut array = filled(3, &[2, 4, 6]);
        assert_eq!(array.remove(0, |item| *item == 4), Some(4));
        assert_eq!(array.remove(0, |item| *item == 4), None);
        array.insert(8, 8);
        assert!([2, 6, 8].iter().all(|wanted| array.find(0, |item| item == wanted).is_some()));
    }

    #[test]
    fn retaining_keeps_the_order() {
        let mut array = filled(4, &[2, 4, 6, 8]);
        array.retain(|item| item % 4 != 0);
        assert_eq!(array.places[..4], [Some(6), Some(2), None, None]);
    }
}
