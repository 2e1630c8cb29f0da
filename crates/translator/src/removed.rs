//! The blocks that disappeared, for caches of where blocks are: each reads on from where it stopped.

/// Addresses kept for caches that lag.
const KEPT: usize = 1 << 12;

/// Virtual addresses of blocks that were removed, in order.
pub(crate) struct Removed {
    /// Advances when all blocks disappeared, or so many that nobody remembers which.
    epoch: u64,
    addresses: Vec<u64>,
}

/// How far a cache has read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    epoch: u64,
    count: usize,
}

impl Default for Removed {
    fn default() -> Removed {
        // A cache that has seen nothing starts anew.
        Removed { epoch: 1, addresses: Vec::new() }
    }
}

impl Removed {
    /// Notes that the block at `va` disappeared.
    pub(crate) fn push(&mut self, va: u64) {
        if self.addresses.len() == KEPT {
            self.push_all();
        }
        self.addresses.push(va);
    }

    /// Notes that any block may have disappeared.
    pub(crate) fn push_all(&mut self) {
        self.epoch += 1;
        self.addresses.clear();
    }

    /// What a cache has seen that has seen everything.
    #[inline]
    pub(crate) fn seen(&self) -> Seen {
        Seen { epoch: self.epoch, count: self.addresses.len() }
    }

    /// What disappeared after `seen`; `None` for anything.
    pub(crate) fn since(&self, seen: Seen) -> Option<&[u64]> {
        (seen.epoch == self.epoch).then(|| &self.addresses[seen.count..])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cache_learns_what_it_missed_or_to_start_anew() {
        let mut removed = Removed::default();
        assert!(removed.since(Seen::default()).is_none());
        let seen = removed.seen();
        removed.push(8);
        assert_eq!(removed.since(seen), Some(&[8][..]));
        assert_eq!(removed.since(removed.seen()), Some(&[][..]));
        (0..KEPT as u64).for_each(|va| removed.push(va));
        assert!(removed.since(seen).is_none());
        let seen = removed.seen();
        removed.push_all();
        assert!(removed.since(seen).is_none());
    }
}
