//! Many priority queues over one population of threads: heaps of four children in chunks of memory.
//!
//! Source: LaMarca and Ladner, "The influence of caches on the performance of heaps", ACM JEA 1996.

use crate::unit::ThreadId;
use heap::vec;
use heap::vec::Vec;

/// Entries in a chunk of the first size; each further size is twice as large.
const CHUNK: usize = 8;
/// The root stands here, so that the children of `i`, from `4 i - 8` on, never straddle two chunks.
const ROOT: usize = 3;

/// `heaps` heaps by smallest key; equal keys go by smaller thread number. Putting in and taking out are O(log n).
///
/// Invariants: a thread stands in at most one heap. A heap of `n` has its entries in the first places of the chunks of the
/// first sizes, as many as it needs; there are as many chunks of a size as heaps of `threads` between them can need, so
/// that all of them have O(`threads` log `threads`) entries.
#[derive(Clone, Debug)]
pub struct Heaps {
    /// Entries, as key and thread number in one number.
    entries: Vec<u128>,
    len: Vec<u32>,
    /// Of each heap: where its chunk of each size begins.
    chunks: Vec<u32>,
    /// Of each size: the chunks that no heap has.
    free: Vec<Vec<u32>>,
}

impl Heaps {
    /// Empty heaps for `threads` threads.
    ///
    /// Panics: if they would take 2^32 entries or more.
    #[must_use]
    pub fn new(heaps: usize, threads: usize) -> Heaps {
        let (mut free, mut entries) = (Vec::new(), 0);
        for size in 0.. {
            // A heap that has a chunk of this size has all smaller ones full.
            let filled = CHUNK * ((1 << size) - 1);
            let count = heaps.min(threads / (filled + 1).saturating_sub(ROOT).max(1));
            if count == 0 {
                break;
            }
            let start =
                |number| u32::try_from(entries + number * (CHUNK << size)).expect("fewer than 2^32 entries");
            free.push((0..count).rev().map(start).collect());
            entries += count * (CHUNK << size);
        }
        Heaps { entries: vec![0; entries], len: vec![0; heaps], chunks: vec![0; heaps * free.len()], free }
    }

    /// The thread with the smallest key in `heap`, and that key.
    #[must_use]
    pub fn first(&self, heap: usize) -> Option<(ThreadId, u64)> {
        (self.len[heap] > 0).then(|| unpack(self.entries[self.at(heap, ROOT)]))
    }

    /// Puts `thread` into `heap` under `key`.
    pub fn push(&mut self, heap: usize, key: u64, thread: ThreadId) {
        let mut place = ROOT + self.len[heap] as usize;
        self.len[heap] += 1;
        let (size, offset) = split(place);
        if offset == 0 || place == ROOT {
            let chunk = self.free[size].pop().expect("a chunk for each heap that can need one");
            self.chunks[heap * self.free.len() + size] = chunk;
        }
        let entry = (u128::from(key) << 32) | u128::from(thread.0);
        let mut at = self.at(heap, place);
        while place > ROOT {
            let parent = place / 4 + 2;
            let above = self.at(heap, parent);
            if self.entries[above] <= entry {
                break;
            }
            self.entries[at] = self.entries[above];
            (place, at) = (parent, above);
        }
        self.entries[at] = entry;
    }

    /// Takes the thread with the smallest key out of `heap`.
    pub fn pop(&mut self, heap: usize) -> Option<(ThreadId, u64)> {
        let first = self.first(heap)?;
        self.len[heap] -= 1;
        let end = ROOT + self.len[heap] as usize;
        let entry = self.entries[self.at(heap, end)];
        let (mut place, mut at) = (ROOT, self.at(heap, ROOT));
        loop {
            let children = 4 * place - 8;
            if children >= end {
                break;
            }
            let from = self.at(heap, children);
            let among = &self.entries[from..from + (end - children).min(4)];
            let (nth, least) =
                among.iter().enumerate().min_by_key(|(_, entry)| **entry).expect("one or more");
            if entry <= *least {
                break;
            }
            self.entries[at] = *least;
            (place, at) = (children + nth, from + nth);
        }
        self.entries[at] = entry;
        let (size, offset) = split(end);
        if offset == 0 || end == ROOT {
            let chunk = self.chunks[heap * self.free.len() + size];
            self.free[size].push(chunk);
        }
        Some(first)
    }

    /// Where `place` of `heap` is among the entries.
    fn at(&self, heap: usize, place: usize) -> usize {
        let (size, offset) = split(place);
        self.chunks[heap * self.free.len() + size] as usize + offset
    }
}

/// In which size of chunk a place is, and where in it.
fn split(place: usize) -> (usize, usize) {
    let size = (place / CHUNK + 1).ilog2() as usize;
    (size, place - CHUNK * ((1 << size) - 1))
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
