//! Lists of ready threads, linked through arrays: no allocation when a thread moves between them.

use super::{CpuSet, Memory, touch};
use crate::unit::{CpuId, ThreadId};
use heap::vec;
use heap::vec::Vec;

const NIL: u32 = u32::MAX;

/// A thread's neighbours in the list in which it stands; together, since each costs a cache miss.
#[derive(Clone, Copy, Debug)]
#[repr(align(16))]
struct Link {
    previous: u32,
    next: u32,
    /// The list in which it stands, or stood last.
    list: u32,
    stands: bool,
}

/// Many first-in first-out lists over one population of threads.
///
/// Invariant: a thread stands in at most one list. The first of a list has no `previous` that counts, the last no `next`.
#[derive(Clone, Debug)]
pub struct Lists {
    ends: Vec<(u32, u32)>,
    links: Vec<Link>,
}

impl Lists {
    /// `lists` empty lists for `threads` threads.
    #[must_use]
    pub fn new(lists: usize, threads: usize) -> Lists {
        let nowhere = Link { previous: NIL, next: NIL, list: NIL, stands: false };
        Lists { ends: vec![(NIL, NIL); lists], links: vec![nowhere; threads] }
    }

    /// The thread that has stood in `list` longest.
    #[must_use]
    pub fn first(&self, list: usize) -> Option<ThreadId> {
        let head = self.ends[list].0;
        (head != NIL).then_some(ThreadId(head))
    }

    fn fetch(&self, threads: &[ThreadId]) {
        touch(threads.iter().map(|thread| self.links[thread.index()].list));
    }

    /// The list in which `thread` stands.
    #[must_use]
    pub fn list_of(&self, thread: ThreadId) -> Option<usize> {
        let Link { list, stands, .. } = self.links[thread.index()];
        stands.then_some(list as usize)
    }

    /// The list in which `thread` stands or stood last, or that it was told to remember.
    #[must_use]
    pub fn last_list_of(&self, thread: ThreadId) -> Option<usize> {
        let list = self.links[thread.index()].list;
        (list != NIL).then_some(list as usize)
    }

    /// Lets `thread`, which stands in no list, remember `list` as if it had stood there.
    ///
    /// Panics: with 2^32 lists or more.
    pub fn remember(&mut self, thread: ThreadId, list: usize) {
        self.links[thread.index()].list = u32::try_from(list).expect("fewer than 2^32 lists");
    }

    /// Appends `thread` to `list`.
    ///
    /// Panics: with 2^32 lists or more.
    pub fn push(&mut self, list: usize, thread: ThreadId) {
        let (head, tail) = &mut self.ends[list];
        let number = u32::try_from(list).expect("fewer than 2^32 lists");
        let previous = core::mem::replace(tail, thread.0);
        self.links[thread.index()] = Link { previous, next: NIL, list: number, stands: true };
        match self.links.get_mut(previous as usize) {
            Some(link) => link.next = thread.0,
            None => *head = thread.0,
        }
    }

    /// Takes the first thread of `list`.
    pub fn pop(&mut self, list: usize) -> Option<ThreadId> {
        let thread = self.first(list)?;
        self.remove(list, thread);
        Some(thread)
    }

    /// Takes `thread` out of `list`, where it stands.
    pub fn remove(&mut self, list: usize, thread: ThreadId) {
        let link = &mut self.links[thread.index()];
        link.stands = false;
        let (previous, next, ends) = (link.previous, link.next, &mut self.ends[list]);
        if ends.0 == ends.1 {
            *ends = (NIL, NIL);
        } else if ends.0 == thread.0 {
            // The next one's link is left alone: it would have to be fetched.
            ends.0 = next;
        } else {
            self.links[previous as usize].next = next;
            if ends.1 == thread.0 {
                ends.1 = previous;
            } else {
                self.links[next as usize].previous = previous;
            }
        }
    }
}

/// How many priorities there are; a larger one goes first.
pub const PRIORITIES: u8 = 32;

/// The course's vector of lists of ready threads by priority, with a bitmap of the lists that are not empty; one such vector
/// for each of `queues` queues.
///
/// Invariant: bit `p` of a queue's bitmap is set iff its list of priority `p` is not empty.
#[derive(Clone, Debug)]
pub struct ReadyVector {
    lists: Lists,
    bitmap: Vec<u32>,
    len: Vec<u32>,
    filled: CpuSet,
}

impl ReadyVector {
    /// Empty vectors: `queues` of them for `threads` threads.
    #[must_use]
    pub fn new(queues: usize, threads: usize) -> ReadyVector {
        ReadyVector {
            lists: Lists::new(queues * usize::from(PRIORITIES), threads),
            bitmap: vec![0; queues],
            len: vec![0; queues],
            filled: CpuSet::new(queues),
        }
    }

    /// How many threads wait in `queue`.
    #[must_use]
    pub fn len(&self, queue: usize) -> usize {
        self.len[queue] as usize
    }

    /// Whether none waits in `queue`.
    #[must_use]
    pub fn is_empty(&self, queue: usize) -> bool {
        self.len[queue] == 0
    }

    /// The queues in which a thread waits.
    #[must_use]
    pub fn filled(&self) -> &CpuSet {
        &self.filled
    }

    /// Whether `thread` waits in any queue.
    #[must_use]
    pub fn contains(&self, thread: ThreadId) -> bool {
        self.lists.list_of(thread).is_some()
    }

    /// The queue in which `thread` waits or waited last, or that it was told to remember.
    #[must_use]
    pub fn last_queue_of(&self, thread: ThreadId) -> Option<usize> {
        self.lists.last_list_of(thread).map(|list| list / usize::from(PRIORITIES))
    }

    /// Lets `thread`, which waits nowhere, remember `queue` as if it had waited there.
    pub fn remember(&mut self, thread: ThreadId, queue: usize) {
        self.lists.remember(thread, queue * usize::from(PRIORITIES));
    }

    /// Appends `thread` to the list of `priority` in `queue`.
    pub fn push(&mut self, queue: usize, priority: u8, thread: ThreadId) {
        let level = priority.min(PRIORITIES - 1);
        let list = queue * usize::from(PRIORITIES) + usize::from(level);
        self.lists.push(list, thread);
        self.bitmap[queue] |= 1 << level;
        self.len[queue] += 1;
        self.filled.insert(queue);
    }

    /// The first thread of the highest priority in `queue`.
    #[must_use]
    pub fn first(&self, queue: usize) -> Option<ThreadId> {
        let level = self.bitmap[queue].checked_ilog2()?;
        self.lists.first(queue * usize::from(PRIORITIES) + level as usize)
    }

    /// Takes the first thread of the highest priority in `queue`.
    pub fn pop(&mut self, queue: usize) -> Option<ThreadId> {
        let thread = self.first(queue)?;
        self.remove(thread);
        Some(thread)
    }

    /// Takes `thread` out of wherever it waits.
    pub fn remove(&mut self, thread: ThreadId) {
        let Some(list) = self.lists.list_of(thread) else { return };
        let (queue, level) = (list / usize::from(PRIORITIES), list % usize::from(PRIORITIES));
        self.lists.remove(list, thread);
        self.len[queue] -= 1;
        if self.lists.first(list).is_none() {
            self.bitmap[queue] &= !(1 << level);
        }
        if self.len[queue] == 0 {
            self.filled.remove(queue);
        }
    }
}

impl Memory for ReadyVector {
    /// The first in the queue of `cpu`, or in the only one.
    fn soon(&self, cpu: CpuId) -> Option<ThreadId> {
        self.first(cpu.index().min(self.bitmap.len() - 1))
    }

    fn fetch(&self, threads: &[ThreadId]) {
        self.lists.fetch(threads);
    }
}

#[cfg(test)]
mod tests {
    use super::{Lists, ReadyVector};
    use crate::unit::ThreadId;

    #[test]
    fn a_list_gives_back_in_order_and_lets_go_of_its_middle() {
        let mut lists = Lists::new(1, 4);
        (0..4).for_each(|t| lists.push(0, ThreadId(t)));
        lists.remove(0, ThreadId(1));
        lists.remove(0, ThreadId(3));
        assert_eq!([lists.pop(0), lists.pop(0), lists.pop(0)], [Some(ThreadId(0)), Some(ThreadId(2)), None]);
    }

    #[test]
    fn higher_priority_goes_first_and_equals_take_turns() {
        let mut ready = ReadyVector::new(2, 4);
        ready.push(1, 3, ThreadId(0));
        ready.push(1, 9, ThreadId(1));
        ready.push(1, 9, ThreadId(2));
        assert_eq!(ready.filled().first(), Some(1));
        let order: [_; 4] = core::array::from_fn(|_| ready.pop(1));
        assert_eq!(order, [Some(ThreadId(1)), Some(ThreadId(2)), Some(ThreadId(0)), None]);
        assert!(ready.filled().is_empty());
    }
}
