//! Faults as data: what goes wrong on a link, and plans of when.
//!
//! What a link does to a packet is decided as its head crosses it, from the seed, the packet and the link alone;
//! it takes effect at the destination's interface, where a lost packet is a failed checksum and a late one waits.

mod plan;

pub use plan::{Change, Plan, boundary, parse_plan};

use crate::ids::Cycle;
use crate::network::Delivery;
use crate::rng::mix;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

/// What a link does to packets. Probabilities lie in 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq, Default)]
pub struct Hazard {
    /// Probability that a packet is lost.
    pub loss: f64,
    /// Probability that it arrives with wrong contents.
    pub corruption: f64,
    /// Probability that it arrives twice.
    pub duplication: f64,
    /// Probability that it is held back, so that later ones overtake it.
    pub reorder: f64,
    /// Cycles for which a reordered packet is held back, at most.
    pub reorder_cycles: u32,
    /// Cycles by which every packet is late.
    pub delay_cycles: u32,
}

/// What has befallen a packet on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) struct Fate {
    pub(crate) lost: bool,
    pub(crate) corrupted: bool,
    pub(crate) duplicated: bool,
    pub(crate) late_cycles: u32,
}

/// A delivery that is held back: by instant, then in the order in which it came.
#[derive(Debug)]
struct Held(u64, u64, Delivery);

impl PartialEq for Held {
    fn eq(&self, other: &Held) -> bool {
        (self.0, self.1) == (other.0, other.1)
    }
}
impl Eq for Held {}
impl PartialOrd for Held {
    fn partial_cmp(&self, other: &Held) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Held {
    fn cmp(&self, other: &Held) -> std::cmp::Ordering {
        (self.0, self.1).cmp(&(other.0, other.1))
    }
}

/// The hazards of a network's links and the deliveries that they hold back.
#[derive(Debug, Default)]
pub(crate) struct Hazards {
    seed: u64,
    /// By index of the link's direction.
    by_link: BTreeMap<usize, Hazard>,
    held: BinaryHeap<Reverse<Held>>,
    order: u64,
}

impl Hazards {
    pub(crate) fn new(seed: u64) -> Hazards {
        Hazards { seed: mix(seed ^ 0xfa17), ..Hazards::default() }
    }

    /// Sets what the link `index` does; the default does nothing.
    pub(crate) fn set(&mut self, index: usize, hazard: Hazard) {
        if hazard == Hazard::default() {
            self.by_link.remove(&index);
        } else {
            self.by_link.insert(index, hazard);
        }
    }

    /// Whether no link does anything.
    pub(crate) fn none(&self) -> bool {
        self.by_link.is_empty()
    }

    /// A packet's head crosses a link.
    pub(crate) fn cross(&self, index: usize, packet: u64, fate: &mut Fate) {
        let Some(hazard) = self.by_link.get(&index) else { return };
        let base = mix(self.seed ^ mix(packet) ^ mix(index as u64).rotate_left(17));
        let roll = |salt: u64, p: f64| {
            #[allow(clippy::cast_precision_loss, reason = "53 bits fit an f64 exactly")]
            let unit = (mix(base ^ salt) >> 11) as f64 / (1u64 << 53) as f64;
            unit < p
        };
        fate.lost |= roll(1, hazard.loss);
        fate.corrupted |= roll(2, hazard.corruption);
        fate.duplicated |= roll(3, hazard.duplication);
        if roll(4, hazard.reorder) {
            fate.late_cycles += 1 + crate::rng::pick(mix(base ^ 5), hazard.reorder_cycles.max(1));
        }
        fate.late_cycles += hazard.delay_cycles;
    }

    /// Hands a delivery over, now or later, once or twice; true if it was lost instead.
    pub(crate) fn deliver(&mut self, mut delivery: Delivery, fate: Fate, out: &mut Vec<Delivery>) -> bool {
        if fate.lost {
            return true;
        }
        delivery.corrupted = fate.corrupted;
        delivery.again = fate.duplicated;
        let at = delivery.delivered.0 + u64::from(fate.late_cycles);
        delivery.delivered = Cycle(at);
        if fate.late_cycles == 0 {
            out.push(delivery);
        } else {
            self.hold(at, delivery);
        }
        if fate.duplicated {
            (delivery.again, delivery.repeat) = (false, true);
            let again = at + u64::from(delivery.packet.flits);
            delivery.delivered = Cycle(again);
            self.hold(again, delivery);
        }
        false
    }

    fn hold(&mut self, at: u64, delivery: Delivery) {
        self.order += 1;
        self.held.push(Reverse(Held(at, self.order, delivery)));
    }

    /// Hands over what was held back until before `until`.
    pub(crate) fn release(&mut self, until: u64, out: &mut Vec<Delivery>) {
        let before = out.len();
        while self.held.peek().is_some_and(|held| held.0.0 < until) {
            out.extend(self.held.pop().map(|held| held.0.2));
        }
        if out.len() > before {
            out.sort_by_key(|delivery| delivery.delivered);
        }
    }

    /// When the next delivery that is held back is due.
    pub(crate) fn next(&self) -> Option<u64> {
        self.held.peek().map(|held| held.0.0)
    }
}
