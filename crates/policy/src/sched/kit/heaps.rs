//! Many priority queues over one population of threads: heaps of four children in chunks of memory.
//!
//! Source: LaMarca and Ladner, "The influence of caches on the performance of heaps", ACM JEA 1996.

use crate::unit::ThreadId;
use heap::vec;
use heap::vec::Vec;

/// Entries at least in a chunk of the first size; each further size is twice as large.
const CHUNK_MIN: usize = 8;
/// The root stands here, so that the children of `i`, from `4 i - 8` on, are one line.
const ROOT: usize = 3;
/// Larger than any entry.
const NOTHING: u128 = u128::MAX;

/// Four entries with the same parent, as key and thread number in one number: a cache line.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
struct Siblings([u128; 4]);

/// Where a heap's chunk of each size begins.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
struct Chunks([u32; 32]);

/// `heaps` heaps by smallest key; equal keys go by smaller thread number. Putting in and taking out are O(log n).
///
/// Invariants: a thread stands in at most one heap. A heap of `n` has its entries in the first places of the chunks of the
/// first sizes, as many as it needs, and [`NOTHING`] beside its last ones; there are as many chunks of a size as heaps of
/// `threads` between them can need, so that all of them have O(`threads` log `threads`) entries.
#[derive(Clone, Debug)]
pub struct Heaps {
    siblings: Vec<Siblings>,
    len: Vec<u32>,
    chunks: Vec<Chunks>,
    /// Entries in a chunk of the first size, as a power of two: about twice what a heap has if all have the same, since what
    /// is near each other in memory is found sooner.
    chunk_bits: u32,
    /// Of each size: the chunks that no heap has.
    free: Vec<Vec<u32>>,
}

impl Heaps {
    /// Empty heaps for `threads` threads.
    ///
    /// Panics: if they would take 2^34 entries or more.
    #[must_use]
    pub fn new(heaps: usize, threads: usize) -> Heaps {
        let chunk = (threads / heaps.max(1)).next_power_of_two().max(CHUNK_MIN / 2) * 2;
        let (mut free, mut lines) = (Vec::new(), 0);
        for size in 0.. {
            // A heap that has a chunk of this size has all smaller ones full.
            let filled = chunk * ((1 << size) - 1);
            let count = heaps.min(threads / (filled + 1).saturating_sub(ROOT).max(1));
            if count == 0 {
                break;
            }
            let length = (chunk / 4) << size;
            let start = |number| u32::try_from(lines + number * length).expect("fewer than 2^32 lines");
            free.push((0..count).rev().map(start).collect());
            lines += count * length;
        }
        let (len, chunks) = (vec![0; heaps], vec![Chunks([0; 32]); heaps]);
        Heaps { siblings: vec![Siblings([0; 4]); lines], len, chunks, chunk_bits: chunk.ilog2(), free }
    }

    /// The thread with the smallest key in `heap`, and that key.
    #[must_use]
    pub fn first(&self, heap: usize) -> Option<(ThreadId, u64)> {
        (self.len[heap] > 0).then(|| unpack(self.siblings[self.chunks[heap].0[0] as usize].0[ROOT]))
    }

    /// Puts `thread` into `heap` under `key`.
    pub fn push(&mut self, heap: usize, key: u64, thread: ThreadId) {
        let mut place = ROOT + self.len[heap] as usize;
        self.len[heap] += 1;
        let (size, offset) = self.split(place);
        if offset == 0 || place == ROOT {
            self.chunks[heap].0[size] =
                self.free[size].pop().expect("a chunk for each heap that can need one");
        }
        if place.is_multiple_of(4) {
            let at = self.line(heap, place);
            self.siblings[at] = Siblings([NOTHING; 4]);
        }
        let entry = (u128::from(key) << 32) | u128::from(thread.0);
        while place > ROOT {
            let parent = place / 4 + 2;
            let above = self.siblings[self.line(heap, parent)].0[parent % 4];
            if above <= entry {
                break;
            }
            let at = self.line(heap, place);
            self.siblings[at].0[place % 4] = above;
            place = parent;
        }
        let at = self.line(heap, place);
        self.siblings[at].0[place % 4] = entry;
    }

    /// Takes the thread with the smallest key out of `heap`.
    pub fn pop(&mut self, heap: usize) -> Option<(ThreadId, u64)> {
        let first = self.first(heap)?;
        self.len[heap] -= 1;
        let end = ROOT + self.len[heap] as usize;
        let (size, offset) = self.split(end);
        if offset == 0 || end == ROOT {
            self.free[size].push(self.chunks[heap].0[size]);
        }
        let at = self.line(heap, end);
        let last = core::mem::replace(&mut self.siblings[at].0[end % 4], NOTHING);
        let (mut place, mut at) = (ROOT, self.line(heap, ROOT));
        while 4 * place - 8 < end {
            let below = self.line(heap, 4 * place - 8);
            let (nth, least) = least(&self.siblings[below].0);
            if last <= least {
                break;
            }
            self.siblings[at].0[place % 4] = least;
            (place, at) = (4 * place - 8 + nth, below);
        }
        self.siblings[at].0[place % 4] = last;
        Some(first)
    }

    /// In which line `place` of `heap` stands.
    fn line(&self, heap: usize, place: usize) -> usize {
        let (size, offset) = self.split(place);
        self.chunks[heap].0[size] as usize + offset / 4
    }

    /// In which size of chunk a place is, and where in it.
    fn split(&self, place: usize) -> (usize, usize) {
        let size = ((place >> self.chunk_bits) + 1).ilog2() as usize;
        (size, place - (((1 << size) - 1) << self.chunk_bits))
    }
}

/// The smallest of four entries, and which it is.
fn least(entries: &[u128; 4]) -> (usize, u128) {
    let smaller = |one: (usize, u128), other: (usize, u128)| if other.1 < one.1 { other } else { one };
    let [a, b, c, d] = *entries;
    smaller(smaller((0, a), (1, b)), smaller((2, c), (3, d)))
}

fn unpack(entry: u128) -> (ThreadId, u64) {
    #[expect(clippy::cast_possible_truncation, reason = "a key of 64 bits above a number of 32")]
    let parts = (ThreadId(entry as u32), (entry >> 32) as u64);
    parts
}

#[cfg(test)]
mod tests {
    use super::Heaps;
    use crate::rng::Rng;
    use crate::unit::ThreadId;
    use std::vec::Vec;

    #[test]
    fn keys_come_out_in_order_from_each_heap() {
        let mut heaps = Heaps::new(2, 1_000);
        let mut rng = Rng::new(1);
        (0..1_000).for_each(|t| heaps.push(t as usize % 2, rng.below(300) as u64, ThreadId(t)));
        for heap in 0..2 {
            let (mut last, mut count) = ((0, 0), 0);
            while let Some((thread, key)) = heaps.pop(heap) {
                assert!(last <= (key, thread.0) && thread.index() % 2 == heap);
                (last, count) = ((key, thread.0), count + 1);
            }
            assert_eq!(count, 500);
        }
    }

    #[test]
    fn threads_wander_between_heaps_and_there_is_room_wherever_they_are() {
        for (number, threads) in [(1, 1), (1, 90), (7, 200), (300, 40)] {
            let (mut heaps, mut rng) = (Heaps::new(number, threads), Rng::new(threads as u64));
            let mut plain: Vec<Vec<(u64, u32)>> = std::vec![Vec::new(); number];
            (0..threads).for_each(|t| {
                heaps.push(0, 5, ThreadId::new(t));
                plain[0].push((5, ThreadId::new(t).0));
            });
            for _ in 0..20_000 {
                // Threads gather in one heap after the other.
                let (from, to) = (rng.below(number), rng.below(number) * rng.below(2));
                let least = plain[from].iter().min().copied();
                assert_eq!(heaps.first(from), least.map(|(key, thread)| (ThreadId(thread), key)));
                let Some((thread, key)) = heaps.pop(from) else { continue };
                plain[from].retain(|entry| *entry != (key, thread.0));
                let key = rng.below(100) as u64;
                heaps.push(to, key, thread);
                plain[to].push((key, thread.0));
            }
        }
    }
    extern crate std;
}
