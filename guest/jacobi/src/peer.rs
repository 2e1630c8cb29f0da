//! What a node keeps of another one it talks to: frames sent and not acknowledged, frames that came and were not
//! taken, and when to send again.
//!
//! Invariants: `oldest <= next_send <= oldest + WINDOW`, `taken <= expected <= taken + WINDOW` (modulo 2^32); the slot of
//! sequence number `s` is `s % WINDOW`.

use crate::message::PAYLOAD_BYTES_MAX;
use alloc::vec::Vec;

/// Frames under way in each direction.
pub const WINDOW: u32 = 16;

/// Ticks in a millisecond.
const MILLISECOND: u64 = rt::TICKS_PER_SECOND / 1000;
/// Shortest and longest time without an acknowledgement after which a frame is sent again.
const AGAIN_MIN: u64 = MILLISECOND;
const AGAIN_MAX: u64 = 250 * MILLISECOND;
/// How long an acknowledgement waits for a message that takes it along.
pub const ACKNOWLEDGE_AFTER: u64 = MILLISECOND / 5;

/// A frame's contents.
pub struct Slot {
    pub tag: u32,
    pub length: usize,
    pub filled: bool,
    pub bytes: [u8; PAYLOAD_BYTES_MAX],
}

impl Slot {
    fn fill(&mut self, tag: u32, payload: &[u8]) {
        self.tag = tag;
        self.length = payload.len();
        self.bytes[..payload.len()].copy_from_slice(payload);
        self.filled = true;
    }
}

/// A window's slots.
fn slots() -> Vec<Slot> {
    let empty = |_| Slot { tag: 0, length: 0, filled: false, bytes: [0; PAYLOAD_BYTES_MAX] };
    (0..WINDOW).map(empty).collect()
}

/// Another node.
pub struct Peer {
    pub node: usize,
    pub next_send: u32,
    pub oldest: u32,
    sent: Vec<Slot>,
    /// When the oldest frame without acknowledgement was sent, or sent again.
    sent_at: u64,
    /// How often it was.
    pub tries: u32,
    smoothed: u64,
    deviation: u64,
    pub expected: u32,
    pub taken: u32,
    arrived: Vec<Slot>,
    /// When an acknowledgement is due that nothing took along.
    pub acknowledge_at: Option<u64>,
    /// When it was last heard, or waited for after a pause.
    pub heard_at: u64,
}

impl Peer {
    /// A node that nothing was exchanged with.
    pub fn new(node: usize) -> Peer {
        Peer {
            node,
            next_send: 0,
            oldest: 0,
            sent: slots(),
            sent_at: 0,
            tries: 0,
            smoothed: 0,
            deviation: 0,
            expected: 0,
            taken: 0,
            arrived: slots(),
            acknowledge_at: None,
            heard_at: 0,
        }
    }

    /// May another frame be sent?
    pub fn has_window(&self) -> bool {
        self.next_send.wrapping_sub(self.oldest) < WINDOW
    }

    /// Is there a frame without acknowledgement?
    pub fn owes(&self) -> bool {
        self.next_send != self.oldest
    }

    /// Keeps a frame until it is acknowledged; gives its sequence number.
    pub fn keep(&mut self, tag: u32, payload: &[u8], now: u64) -> u32 {
        if !self.owes() {
            self.sent_at = now;
            self.tries = 0;
            self.heard_at = self.heard_at.max(now);
        }
        let sequence = self.next_send;
        self.sent[(sequence % WINDOW) as usize].fill(tag, payload);
        self.next_send = sequence.wrapping_add(1);
        sequence
    }

    /// A kept frame.
    pub fn kept(&self, sequence: u32) -> &Slot {
        &self.sent[(sequence % WINDOW) as usize]
    }

    /// Takes in an acknowledgement.
    pub fn acknowledged(&mut self, expected: u32, now: u64) {
        let news = expected.wrapping_sub(self.oldest);
        if news == 0 || news > self.next_send.wrapping_sub(self.oldest) {
            return;
        }
        // A frame that was sent twice does not tell how long the way is.
        if self.tries == 0 {
            self.measured(now.saturating_sub(self.sent_at));
        }
        self.oldest = expected;
        self.sent_at = now;
        self.tries = 0;
    }

    /// Source: Jacobson and Karels, "Congestion Avoidance and Control".
    fn measured(&mut self, ticks: u64) {
        if self.smoothed == 0 {
            (self.smoothed, self.deviation) = (ticks.max(1), ticks / 2);
        } else {
            self.deviation = (3 * self.deviation + self.smoothed.abs_diff(ticks)) / 4;
            self.smoothed = (7 * self.smoothed + ticks) / 8;
        }
    }

    /// When the oldest frame is sent again.
    pub fn again_at(&self) -> u64 {
        let measured = (self.smoothed + 4 * self.deviation).max(AGAIN_MIN);
        self.sent_at + (measured << self.tries.min(8)).min(AGAIN_MAX)
    }

    /// Counts another try of the oldest frame.
    pub fn tried(&mut self, now: u64) {
        self.tries += 1;
        self.sent_at = now;
    }

    /// Takes in a data frame; false for one that came before.
    pub fn arrived(&mut self, sequence: u32, tag: u32, payload: &[u8]) -> bool {
        let place = sequence.wrapping_sub(self.taken);
        if place >= WINDOW {
            // Far behind: it came before. Far ahead: no room, and no acknowledgement either.
            return place < 1 << 31;
        }
        let slot = &mut self.arrived[(sequence % WINDOW) as usize];
        if slot.filled {
            return false;
        }
        slot.fill(tag, payload);
        while self.expected.wrapping_sub(self.taken) < WINDOW
            && self.arrived[(self.expected % WINDOW) as usize].filled
        {
            self.expected = self.expected.wrapping_add(1);
        }
        true
    }

    /// The next frame in order, if it has come; [`Peer::take`] frees it.
    pub fn first(&self) -> Option<&Slot> {
        (self.taken != self.expected).then(|| &self.arrived[(self.taken % WINDOW) as usize])
    }

    /// Frees the slot of the first frame.
    pub fn take(&mut self) {
        self.arrived[(self.taken % WINDOW) as usize].filled = false;
        self.taken = self.taken.wrapping_add(1);
    }
}
