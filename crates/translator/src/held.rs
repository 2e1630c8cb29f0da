//! What a TLB holds where, roughly: so that it need not be searched for what mostly is not there.

use crate::space::{TlbEntry, tlb_index};

/// Logarithm of the size of the regions of [`Held`]: what one entry of a table of tables of pages covers.
pub(crate) const REGION_SHIFT: u32 = 30;
const REGIONS: usize = 64;

/// How many entries of a TLB lie in each region of the address space, modulo their number: mostly none do where
/// a whole region is unmapped, and the TLB need not be searched.
pub(crate) struct Held([u16; REGIONS]);

impl Default for Held {
    fn default() -> Held {
        Held([0; REGIONS])
    }
}

impl Held {
    fn region(va: u64) -> usize {
        (va >> REGION_SHIFT) as usize % REGIONS
    }

    /// Whether an entry may lie in the `1 << shift` bytes, at least a region, from `va` on.
    pub(crate) fn may_hold(&self, va: u64, shift: u32) -> bool {
        let among = if shift == REGION_SHIFT { Held::region(va)..Held::region(va) + 1 } else { 0..REGIONS };
        self.0[among].iter().any(|count| *count != 0)
    }

    /// Puts `new` in the place of `entry`.
    pub(crate) fn replace(&mut self, entry: &mut TlbEntry, new: TlbEntry) {
        let old = std::mem::replace(entry, new);
        if old.last() != 0 {
            self.0[Held::region(old.last())] -= 1;
        }
        if new.last() != 0 {
            self.0[Held::region(new.last())] += 1;
        }
    }
}

/// Places remembered.
const LOW_MAX: usize = 64;

/// In which places of a TLB entries of the lower half of the addresses may be. All zeros is nowhere.
pub(crate) struct LowPlaces {
    places: [u16; LOW_MAX],
    /// How many; more than there is room for means anywhere.
    count: usize,
}

impl LowPlaces {
    /// Notes that the page of `va` is entered.
    pub(crate) fn note(&mut self, va: u64) {
        if va >> 63 == 0 && self.count <= LOW_MAX {
            if self.count < LOW_MAX {
                self.places[self.count] = tlb_index(va) as u16;
            }
            self.count += 1;
        }
    }

    /// The places; `None` for anywhere.
    pub(crate) fn places(&self) -> Option<&[u16]> {
        self.places.get(..self.count)
    }

    /// Notes that there are none any more.
    pub(crate) fn clear(&mut self) {
        self.count = 0;
    }
}
