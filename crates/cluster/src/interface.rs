//! The timing of a node's network interface: moving a frame between the node's memory and the card (DMA), a cost a
//! packet, and one frame at a time on the wire. The card itself, with its bounded memory, is
//! [`machine::dev::virtio::net::Net`].
//!
//! A frame that the guest handed over at an instant leaves for the wire once it is on the card and those before it
//! have gone; a frame that has come off the wire reaches the guest's memory once the card has moved it there.

use crate::address::{self, Destination};
use crate::time::{Bandwidth, NetworkClock, Ps};
use fabric::NodeId;
use machine::clock::TIMEBASE_HZ;
use machine::dev::virtio::net::{FRAME_BYTES_MIN, FRAMES_MAX, Net, Sent};
use std::collections::VecDeque;

/// Picoseconds of a tick of a node's timebase.
const TICK_PS: u64 = 1_000_000_000_000 / TIMEBASE_HZ;

/// What the card takes for a frame, in each direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// Per frame.
    pub packet: Ps,
    /// Per byte.
    pub dma: Bandwidth,
}

impl Default for Timing {
    /// Half a microsecond a frame, 32 Gbit/s.
    fn default() -> Timing {
        Timing { packet: Ps(500_000), dma: Bandwidth { bits_per_s: 32_000_000_000 } }
    }
}

impl Timing {
    /// What a frame of `bytes` takes.
    pub fn of(&self, bytes: usize) -> Ps {
        self.packet.after(self.dma.time_of(bytes as u64))
    }

    /// What any frame takes at least.
    pub fn least(&self) -> Ps {
        self.of(FRAME_BYTES_MIN)
    }
}

/// A frame on its way out.
#[derive(Debug)]
pub(crate) struct Departure {
    /// The cycle of the network's clock at which its first flit is on the wire.
    pub(crate) wire: u64,
    pub(crate) to: Destination,
    pub(crate) bytes: Vec<u8>,
}

/// What an interface has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Frames that left for the wire; a broadcast is one.
    pub sent_frames: u64,
    /// Their bytes.
    pub sent_bytes: u64,
    /// Frames that reached the guest's memory or the card's.
    pub received_frames: u64,
    /// Their bytes.
    pub received_bytes: u64,
    /// Frames that found the card full, or the guest not listening.
    pub dropped_frames: u64,
    /// Frames for addresses that no node has.
    pub unaddressed_frames: u64,
}

machine::state_counts!(Traffic {
    sent_frames,
    sent_bytes,
    received_frames,
    received_bytes,
    dropped_frames,
    unaddressed_frames,
});

/// One interface's timing and what is on its way through it.
#[derive(Debug)]
pub(crate) struct Interface {
    node: NodeId,
    rail: usize,
    nodes: u32,
    timing: Timing,
    clock: NetworkClock,
    /// Bytes of frames that the card holds until it has moved them into the node's memory; one is held whatever its
    /// size.
    buffer_bytes: usize,
    /// When the card has moved the last frame out of the node's memory.
    out_free: Ps,
    /// The cycle from which the wire is free.
    wire_free: u64,
    /// When the card has moved the last frame into the node's memory.
    in_free: Ps,
    /// Frames off the wire, by the instant at which the guest's memory has them.
    arriving: VecDeque<(Ps, Vec<u8>)>,
    pub(crate) traffic: Traffic,
}

// The rest follows from the configuration.
machine::state_fields!(Interface { out_free, wire_free, in_free, arriving, traffic });

impl Interface {
    pub(crate) fn new(
        (node, rail): (NodeId, usize),
        nodes: u32,
        timing: Timing,
        clock: NetworkClock,
        buffer_bytes: usize,
    ) -> Interface {
        Interface {
            node,
            rail,
            nodes,
            timing,
            clock,
            buffer_bytes,
            out_free: Ps(0),
            wire_free: 0,
            in_free: Ps(0),
            arriving: VecDeque::new(),
            traffic: Traffic::default(),
        }
    }

    /// Takes a frame off the wire at `at`, or drops it where the card is full; calls are in the order of their
    /// instants.
    pub(crate) fn arrive(&mut self, at: Ps, bytes: Vec<u8>) {
        if !self.has_room(at, bytes.len()) {
            return self.count_arrival(bytes.len(), false);
        }
        let due = at.max(self.in_free).after(self.timing.of(bytes.len()));
        self.in_free = due;
        self.arriving.push_back((due, bytes));
    }

    /// Whether the card, at `at`, can hold a frame of so many bytes beside those that it has not moved by then.
    fn has_room(&self, at: Ps, bytes: usize) -> bool {
        let held = self.arriving.iter().rev().take_while(|(due, _)| *due > at).map(|(_, frame)| frame.len());
        let (frames, held_bytes) = held.fold((0, 0), |(frames, sum), length| (frames + 1, sum + length));
        frames == 0 || frames < FRAMES_MAX && held_bytes + bytes <= self.buffer_bytes
    }

    /// When the next frame is in the guest's memory.
    pub(crate) fn next_arrival(&self) -> Ps {
        self.arriving.front().map_or(Ps::NEVER, |(due, _)| *due)
    }

    /// The next frame that the guest's memory has by `now`.
    pub(crate) fn take_arrival(&mut self, now: Ps) -> Option<Vec<u8>> {
        if self.next_arrival() > now {
            return None;
        }
        self.arriving.pop_front().map(|(_, bytes)| bytes)
    }

    /// Counts a frame that was handed to the card's memory, or found it full.
    pub(crate) fn count_arrival(&mut self, bytes: usize, taken: bool) {
        if taken {
            self.traffic.received_frames += 1;
            self.traffic.received_bytes += bytes as u64;
        } else {
            self.traffic.dropped_frames += 1;
        }
    }

    /// Takes the frames that are on the wire before `until`; the others stay on the card.
    pub(crate) fn depart(&mut self, net: &mut Net, until: Ps, into: &mut Vec<Departure>) {
        // What the guest hands over from now on is not on the wire before this: an epoch counts on it.
        let until = until.after(self.timing.least());
        while let Some((wire, copied)) = net.first_frame().map(|sent| self.start(sent)) {
            if self.clock.instant(wire) >= until {
                return;
            }
            let Some(sent) = net.take_frame() else { return };
            let to = address::destination(&sent.bytes, self.rail, self.nodes);
            let copies = match to {
                Destination::Node(node) if node != self.node => 1,
                Destination::All => u64::from(self.nodes) - 1,
                // Nobody else takes it; it is on the wire once all the same.
                Destination::Node(_) | Destination::Nobody => {
                    self.traffic.unaddressed_frames += 1;
                    1
                }
            };
            self.out_free = copied;
            self.wire_free = wire.saturating_add(copies * self.clock.flits(sent.bytes.len() as u64));
            self.traffic.sent_frames += 1;
            self.traffic.sent_bytes += sent.bytes.len() as u64;
            into.push(Departure { wire, to, bytes: sent.bytes });
        }
    }

    /// The cycle at which a frame is first on the wire, and the instant at which the card has it.
    fn start(&self, sent: &Sent) -> (u64, Ps) {
        // The tick in which the guest handed it over has just ended: the card looks once a tick.
        let handed_over = Ps(sent.tick.saturating_add(1).saturating_mul(TICK_PS));
        let copied = handed_over.max(self.out_free).after(self.timing.of(sent.bytes.len()));
        (self.clock.cycle(copied).max(self.wire_free), copied)
    }

    /// Feeds what is simulated state to `sink`.
    pub(crate) fn digest(&self, sink: &mut dyn FnMut(&[u8])) {
        for word in [self.out_free.0, self.wire_free, self.in_free.0, self.arriving.len() as u64] {
            sink(&word.to_le_bytes());
        }
        for (due, bytes) in &self.arriving {
            sink(&due.0.to_le_bytes());
            sink(&(bytes.len() as u64).to_le_bytes());
            sink(bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interface() -> Interface {
        let clock = NetworkClock::new(Bandwidth { bits_per_s: 10_000_000_000 }, 1);
        Interface::new((NodeId(0), 0), 4, Timing::default(), clock, 2000)
    }

    #[test]
    fn a_full_card_drops_and_counts_what_it_has_not_moved() {
        let mut interface = interface();
        // Each takes 750 ns to move: two are on the card, the third finds it full, and later there is room again.
        for at in [0, 10, 20, 760_000] {
            interface.arrive(Ps(at), vec![0; 1000]);
        }
        assert_eq!((interface.arriving.len(), interface.traffic.dropped_frames), (3, 1));
        let mut small = Interface { buffer_bytes: 1 << 20, ..self::interface() };
        (0..1000).for_each(|_| small.arrive(Ps(0), vec![0; 60]));
        assert_eq!(
            (small.arriving.len(), small.traffic.dropped_frames),
            (FRAMES_MAX, 1000 - FRAMES_MAX as u64)
        );
        let mut tiny = Interface { buffer_bytes: 10, ..self::interface() };
        tiny.arrive(Ps(0), vec![0; 60]);
        assert_eq!(tiny.arriving.len(), 1, "one frame of any size");
    }

    #[test]
    fn frames_are_moved_one_after_the_other() {
        let mut interface = interface();
        // 500 ns and 1000 bytes at 4 bytes a nanosecond.
        interface.arrive(Ps(1_000_000), vec![0; 1000]);
        interface.arrive(Ps(1_100_000), vec![0; 1000]);
        assert_eq!(interface.next_arrival(), Ps(1_750_000));
        assert!(interface.take_arrival(Ps(1_749_999)).is_none());
        assert!(interface.take_arrival(Ps(1_750_000)).is_some());
        assert_eq!(interface.next_arrival(), Ps(2_500_000));
    }

    #[test]
    fn a_frame_leaves_at_the_end_of_its_tick_and_behind_the_card() {
        let interface = interface();
        let sent = Sent { tick: 9, bytes: vec![0; 1000] };
        // Tick 9 ends at 1 us; 750 ns more; 0.8 ns a cycle, rounded up.
        assert_eq!(interface.start(&sent), (2188, Ps(1_750_000)));
    }
}
