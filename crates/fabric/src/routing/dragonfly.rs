//! Minimal and detoured routing on a dragonfly.
//!
//! The class counts the links between groups that a packet has taken, so a local channel of class `i` waits for
//! a global one of class `i`, and that for a local one of class `i + 1`: no cycle.

use super::{Arrival, Hop, NO_DETOUR, Trip};
use crate::ids::Port;
use crate::rng::pick;

/// The sizes of a dragonfly.
#[derive(Clone, Debug)]
pub(super) struct Dragonfly {
    a: u32,
    h: u32,
    groups: u32,
}

fn port(index: u32) -> Port {
    Port(u8::try_from(index).unwrap_or(u8::MAX))
}

impl Dragonfly {
    pub(super) fn new(a: u32, h: u32) -> Dragonfly {
        Dragonfly { a, h, groups: a * h + 1 }
    }

    /// A random group that is neither that of `from` nor that of `to`, if there is one.
    pub(super) fn intermediate(&self, from: u32, to: u32, random: u64) -> u32 {
        let (first, last) = (from / self.a, to / self.a);
        let taken = if first == last { 1 } else { 2 };
        if first == last || self.groups <= taken {
            return NO_DETOUR;
        }
        let mut group = pick(random, self.groups - taken);
        let (low, high) = (first.min(last), first.max(last));
        group += u32::from(group >= low);
        group += u32::from(group >= high);
        group
    }

    /// The next hop towards router `home`, by way of the group `trip.via` if it has not been passed.
    pub(super) fn hop(&self, at: u32, arrival: Arrival, home: u32, trip: &mut Trip) -> Hop {
        let (group, member) = (at / self.a, at % self.a);
        let local = self.a - 1;
        let class = match arrival {
            Arrival { fresh: true, .. } => 0,
            Arrival { port, class, .. } if u32::from(port.0) >= local => class + 1,
            Arrival { class, .. } => class,
        };
        if trip.via == group {
            trip.passed = true;
        }
        let target = if trip.via != NO_DETOUR && !trip.passed { trip.via } else { home / self.a };
        let to_member = |other: u32| if other < member { other } else { other - 1 };
        if target == group {
            return Hop { port: port(to_member(home % self.a)), class };
        }
        let link = (target + self.groups - group - 1) % self.groups;
        let owner = link / self.h;
        if owner == member {
            Hop { port: port(local + link % self.h), class }
        } else {
            Hop { port: port(to_member(owner)), class }
        }
    }
}
