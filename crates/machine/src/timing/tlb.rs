//! The modelled TLB: which page translations a hart's hardware would hold.
//!
//! It decides only what an access costs. Where the access goes is the page tables' word, always.

use super::Geometry;
use super::assoc::SetAssociative;
use crate::state_fields;
use isa::pte::PAGE_BITS;

/// The address space in which an address is translated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Space {
    /// Of `satp` or `vsatp`.
    pub asid: u16,
    /// Of `hgatp`; meaningful in virtualization mode.
    pub vmid: u16,
    /// Virtualization mode.
    pub virt: bool,
}

/// Which translations a fence removes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fence {
    /// Those of virtualization mode, of this machine; or those without.
    pub virt: Option<u16>,
    /// Only those of one address.
    pub va: Option<u64>,
    /// Only those of one address space; global ones stay.
    pub asid: Option<u16>,
}

impl Fence {
    /// Everything outside virtualization mode.
    pub const ALL: Fence = Fence { virt: None, va: None, asid: None };

    fn removes(&self, entry: &Entry) -> bool {
        let machine = match self.virt {
            Some(vmid) => entry.space.virt && entry.space.vmid == vmid,
            None => !entry.space.virt,
        };
        machine
            && self.va.is_none_or(|va| va >> PAGE_BITS == entry.vpn)
            && self.asid.is_none_or(|asid| !entry.global && entry.space.asid == asid)
    }
}

/// A cached translation. Superpages are entered by the base page, as in cores whose TLBs hold one size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Entry {
    vpn: u64,
    space: Space,
    global: bool,
}

state_fields!(Space { asid, vmid, virt });
state_fields!(Entry { vpn, space, global });

impl Entry {
    fn serves(&self, vpn: u64, space: Space) -> bool {
        let same_machine = self.space.virt == space.virt && (!space.virt || self.space.vmid == space.vmid);
        self.vpn == vpn && same_machine && (self.global || self.space.asid == space.asid)
    }
}

/// One TLB.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tlb(SetAssociative<Entry>);

impl Tlb {
    pub(super) fn new(geometry: Geometry) -> Tlb {
        Tlb(SetAssociative::new(geometry.sets, geometry.ways))
    }

    /// Whether the page of `va` is held; it is then the most recently used.
    pub(super) fn look_up(&mut self, space: Space, va: u64) -> bool {
        let vpn = va >> PAGE_BITS;
        self.0.touch(vpn, |entry| entry.serves(vpn, space)).is_some()
    }

    /// Enters the page of `va`.
    pub(super) fn fill(&mut self, space: Space, va: u64, global: bool) {
        let vpn = va >> PAGE_BITS;
        self.0.insert(vpn, Entry { vpn, space, global });
    }

    pub(super) fn fence(&mut self, fence: Fence) {
        self.0.retain(|entry| !fence.removes(entry));
    }

    /// Removes everything of a machine (second-stage fences).
    pub(super) fn forget_machine(&mut self, vmid: Option<u16>) {
        self.0.retain(|entry| !entry.space.virt || vmid.is_some_and(|vmid| entry.space.vmid != vmid));
    }
}

impl crate::state::State for Tlb {
    fn save(&self, sink: &mut dyn FnMut(&[u8])) {
        self.0.save(sink);
    }

    fn restore(&mut self, source: &mut crate::state::Source<'_>) -> Result<(), crate::state::StateError> {
        self.0.restore(source)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Space = Space { asid: 1, vmid: 0, virt: false };
    const B: Space = Space { asid: 2, vmid: 0, virt: false };
    const GUEST: Space = Space { asid: 1, vmid: 5, virt: true };

    #[test]
    fn spaces_share_only_global_pages() {
        let mut tlb = Tlb::new(Geometry { sets: 2, ways: 2 });
        tlb.fill(A, 0x1000, false);
        tlb.fill(A, 0x2000, true);
        assert!(tlb.look_up(A, 0x1fff) && tlb.look_up(B, 0x2000));
        assert!(!tlb.look_up(B, 0x1000) && !tlb.look_up(GUEST, 0x2000));
    }

    #[test]
    fn fences_remove_what_they_name() {
        let full = || {
            let mut tlb = Tlb::new(Geometry { sets: 1, ways: 8 });
            tlb.fill(A, 0x1000, false);
            tlb.fill(B, 0x1000, false);
            tlb.fill(A, 0x2000, true);
            tlb.fill(GUEST, 0x1000, false);
            tlb
        };
        let left = |fence| {
            let mut tlb = full();
            tlb.fence(fence);
            [(A, 0x1000), (B, 0x1000), (A, 0x2000), (GUEST, 0x1000)].map(|(s, va)| tlb.look_up(s, va))
        };
        assert_eq!(left(Fence::ALL), [false, false, false, true]);
        assert_eq!(left(Fence { va: Some(0x1008), ..Fence::ALL }), [false, false, true, true]);
        assert_eq!(left(Fence { asid: Some(1), ..Fence::ALL }), [false, true, true, true]);
        assert_eq!(left(Fence { virt: Some(5), ..Fence::ALL }), [true, true, true, false]);
        let mut tlb = full();
        tlb.forget_machine(Some(4));
        assert!(tlb.look_up(GUEST, 0x1000));
        tlb.forget_machine(Some(5));
        assert!(!tlb.look_up(GUEST, 0x1000) && tlb.look_up(A, 0x1000));
    }
}
