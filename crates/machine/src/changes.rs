//! What engines must drop from their caches of translations: a log that each cache reads at its own pace.
//!
//! Page tables are watched ([`crate::ram`]). A store over a page-table entry that some cached translation was
//! derived from voids just what lies under that entry; a page that gains a mark voids just the permissions to
//! store to it. A cache that is too far behind, or meets a change that concerns everything, starts anew.
//!
//! Invariant: the log is not simulated state.

/// Changes that are kept for caches that lag.
const KEPT: usize = 256;

/// One thing to drop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Virtual addresses from `va` on, `1 << shift` bytes of them, may be mapped otherwise, in whichever address
    /// space.
    Unmapped {
        /// The first address.
        va: u64,
        /// Logarithm of the range's size; at least 12.
        shift: u32,
        /// Whether instructions may have been fetched there.
        code: bool,
    },
    /// Any address may be mapped otherwise in the address space whose root table is page number `page`.
    Root {
        /// The page.
        page: u32,
    },
    /// Stores to page number `page` (from the start of memory) must go through [`crate::ram::Ram::write`].
    Watched {
        /// The page.
        page: u32,
        /// The low bits of the virtual page number under which caches hold it, if it is one alone.
        low_vpn: Option<u16>,
    },
}

/// The log.
#[derive(Debug)]
pub(crate) struct ChangeLog {
    ring: Box<[Change; KEPT]>,
    /// Changes so far.
    count: u64,
    /// Whoever has seen fewer must drop everything.
    floor: u64,
}

impl ChangeLog {
    pub(crate) fn new() -> ChangeLog {
        // No cache has seen anything when it is new, so that its first look drops everything.
        ChangeLog {
            ring: Box::new([Change::Unmapped { va: 0, shift: 12, code: false }; KEPT]),
            count: 1,
            floor: 1,
        }
    }

    /// Changes so far; never 0.
    #[inline]
    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// Notes a change.
    pub(crate) fn push(&mut self, change: Change) {
        self.ring[Self::slot(self.count)] = change;
        self.count += 1;
    }

    /// Declares everything void.
    pub(crate) fn push_all(&mut self) {
        self.count += 1;
        self.floor = self.count;
    }

    /// The changes after the first `seen`; `None` when everything is to be dropped.
    pub(crate) fn since(&self, seen: u64) -> Option<impl Iterator<Item = Change> + '_> {
        let known = seen >= self.floor && self.count - seen <= KEPT as u64;
        known.then(|| (seen..self.count).map(|number| self.ring[Self::slot(number)]))
    }

    fn slot(number: u64) -> usize {
        usize::try_from(number % KEPT as u64).unwrap_or(0)
    }
}

/// Under which virtual addresses the entries of a page of page tables lie.
///
/// A page can be entered at several places or levels; what is derived from it can then not be told from a
/// place in it, and [`Owner::MANY`] stands for that.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Owner {
    /// The address that entry 0 maps, without sign extension, its low bits (zeros) taken by `shift` (6 bits) and
    /// the number of address bits (the 6 above).
    word: u64,
}

const FIELD_BITS: u32 = 6;
const FIELD: u64 = (1 << FIELD_BITS) - 1;

impl Owner {
    /// More than one place.
    pub const MANY: Owner = Owner { word: u64::MAX };

    /// The owner of a table one of whose entries, each covering `1 << shift` bytes, maps `address`, in a mode
    /// with `bits` address bits.
    #[inline]
    pub fn new(address: u64, shift: u32, bits: u32) -> Owner {
        let within = (1u64 << bits) - 1;
        let table = (1u64 << (shift + 9)) - 1;
        Owner { word: address & within & !table | u64::from(bits) << FIELD_BITS | u64::from(shift) }
    }

    /// Whether the table is the root of an address space.
    pub fn is_root(self) -> bool {
        let (shift, bits) = (self.word & FIELD, self.word >> FIELD_BITS & FIELD);
        self != Owner::MANY && shift + 9 == bits
    }

    /// First address and logarithm of the size of what entry `index` maps; `None` for [`Owner::MANY`].
    pub fn entry(self, index: u64) -> Option<(u64, u32)> {
        if self == Owner::MANY {
            return None;
        }
        let shift = u32::try_from(self.word & FIELD).ok()?;
        let bits = u32::try_from(self.word >> FIELD_BITS & FIELD).ok()?;
        let address = self.word & !((1 << (2 * FIELD_BITS)) - 1) | index << shift;
        let extended = (address << (64 - bits)).cast_signed() >> (64 - bits);
        Some((extended.cast_unsigned(), shift))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_gets_what_it_missed_or_is_told_to_start_anew() {
        let mut log = ChangeLog::new();
        assert!(log.since(0).is_none());
        let seen = log.count();
        let change = Change::Watched { page: 3, low_vpn: None };
        log.push(change);
        assert_eq!(log.since(seen).unwrap().collect::<Vec<_>>(), [change]);
        assert_eq!(log.since(log.count()).unwrap().count(), 0);
        (0..KEPT).for_each(|_| log.push(change));
        assert!(log.since(seen).is_none());
        let seen = log.count();
        log.push_all();
        assert!(log.since(seen).is_none());
        assert_eq!(log.since(log.count()).unwrap().count(), 0);
    }

    #[test]
    fn an_owner_knows_the_addresses_of_its_entries() {
        let va = 0xffff_ffff_8123_4000u64;
        let index = |shift: u32| va >> shift & 511;
        for (shift, bits) in [(12, 39), (21, 39), (30, 39), (12, 48), (39, 48), (48, 57)] {
            let owner = Owner::new(va, shift, bits);
            assert_eq!(owner.entry(index(shift)), Some((va >> shift << shift, shift)));
            assert_eq!(owner.is_root(), shift + 9 == bits);
        }
        assert_eq!(Owner::new(0x7fff_f000, 12, 48).entry(511), Some((0x7fff_f000, 12)));
        assert_eq!(Owner::MANY.entry(0), None);
    }
}
