//! A split virtqueue as the device sees it: three rings in guest memory.
//!
//! Nothing that stands in guest memory is believed. Indices, descriptors and tables are checked as they are read,
//! once, and copied; a chain is followed for at most as many descriptors as the queue or its table has. What breaks
//! the rules is a [`Violation`], upon which the transport stops the device until the driver resets it.
//!
//! Source: Virtual I/O Device Specification 1.2, "Split Virtqueues".

use crate::ram::Ram;
use crate::state_fields;

/// The most entries a queue has.
pub const QUEUE_SIZE_MAX: u16 = 256;
/// The most descriptors that an indirect table may chain.
const TABLE_MAX: u32 = 1024;
const DESCRIPTOR_BYTES: u64 = 16;

const NEXT: u16 = 1;
const WRITE: u16 = 2;
const INDIRECT: u16 = 4;
const NO_INTERRUPT: u16 = 1;

/// How a driver broke the rules of its queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Violation {
    /// A ring is misaligned or not in memory.
    Ring,
    /// The driver's index is further ahead than the queue is long.
    Index,
    /// A descriptor's number is not one of its table's.
    Descriptor,
    /// A chain is longer than its table, so it has a cycle.
    Cycle,
    /// A buffer is not in memory.
    Buffer,
    /// A buffer to read follows one to write.
    Order,
    /// An indirect table is empty, misshapen, nested, or was not negotiated.
    Indirect,
    /// The chain's buffers do not fit the device's requests.
    Request,
}

/// A buffer in guest memory, wholly inside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Where it begins.
    pub address: u64,
    /// How many bytes it has.
    pub bytes: u64,
}

/// The buffers that the driver offers at once: first those to read, then those to write.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chain {
    head: u16,
    /// For the device to read.
    pub readable: Vec<Segment>,
    /// For the device to write.
    pub writable: Vec<Segment>,
}

impl Chain {
    /// How many bytes there are to read.
    pub fn readable_bytes(&self) -> u64 {
        self.readable.iter().map(|segment| segment.bytes).sum()
    }

    /// How many bytes can be written.
    pub fn writable_bytes(&self) -> u64 {
        self.writable.iter().map(|segment| segment.bytes).sum()
    }

    /// Reads as many of the bytes from `offset` on as there are, into `into`; returns how many.
    pub fn read(&self, ram: &Ram, offset: u64, into: &mut [u8]) -> usize {
        let mut done = 0;
        for part in parts(&self.readable, offset, into.len()) {
            let Some(bytes) = ram.slice(part.address, part.bytes) else { break };
            into[done..done + bytes.len()].copy_from_slice(bytes);
            done += bytes.len();
        }
        done
    }

    /// Reads `N` bytes from `offset` on, if there are so many.
    pub fn read_array<const N: usize>(&self, ram: &Ram, offset: u64) -> Option<[u8; N]> {
        let mut bytes = [0; N];
        (self.read(ram, offset, &mut bytes) == N).then_some(bytes)
    }

    /// Writes as many of `bytes` from `offset` on as there is room for; returns how many.
    pub fn write(&self, ram: &mut Ram, offset: u64, bytes: &[u8]) -> usize {
        let mut done = 0;
        for part in parts(&self.writable, offset, bytes.len()) {
            let Some(length) = usize::try_from(part.bytes).ok() else { break };
            if ram.write(part.address, &bytes[done..done + length]).is_none() {
                break;
            }
            done += length;
        }
        done
    }
}

/// The pieces of `segments` that hold up to `length` bytes from `offset` on.
fn parts(segments: &[Segment], offset: u64, length: usize) -> impl Iterator<Item = Segment> + '_ {
    let (mut skip, mut left) = (offset, length as u64);
    segments.iter().filter_map(move |segment| {
        let skipped = skip.min(segment.bytes);
        skip -= skipped;
        let bytes = left.min(segment.bytes - skipped);
        left -= bytes;
        (bytes > 0).then_some(Segment { address: segment.address + skipped, bytes })
    })
}

/// A queue: where its rings are, and how far the device has come in them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Queue {
    /// Entries, a power of two up to [`QUEUE_SIZE_MAX`].
    pub size: u16,
    /// Whether the driver has set it up.
    pub ready: bool,
    /// Physical addresses of the descriptor table, the driver's ring and the device's ring.
    pub rings: [u64; 3],
    next_available: u16,
    next_used: u16,
    event_index: bool,
    indirect: bool,
}

state_fields!(Queue { size, ready, rings, next_available, next_used, event_index, indirect });

/// One descriptor, copied out of guest memory.
struct Descriptor {
    address: u64,
    bytes: u32,
    flags: u16,
    next: u16,
}

impl Queue {
    /// A queue that is not set up.
    pub fn new() -> Queue {
        Queue { size: QUEUE_SIZE_MAX, ..Queue::default() }
    }

    /// Whether a restored queue is one that this code can have saved.
    pub fn is_possible(&self) -> bool {
        let sized = self.size.is_power_of_two() && self.size <= QUEUE_SIZE_MAX;
        sized && (!self.ready || self.rings.iter().all(|ring| *ring < 1 << 56))
    }

    /// Begins operation with empty rings, with the negotiated event-index and indirect-descriptor features.
    ///
    /// Errors: when the rings are misaligned or not in memory; the queue is then not ready.
    pub fn start(&mut self, ram: &Ram, event_index: bool, indirect: bool) -> Result<(), Violation> {
        let size = u64::from(self.size);
        let shapes = [(16, DESCRIPTOR_BYTES * size), (2, 6 + 2 * size), (4, 6 + 8 * size)];
        let fits = |(address, (align, bytes)): (&u64, (u64, u64))| {
            address % align == 0 && ram.contains(*address, bytes)
        };
        self.ready = size > 0 && self.rings.iter().zip(shapes).all(fits);
        (self.next_available, self.next_used) = (0, 0);
        (self.event_index, self.indirect) = (event_index, indirect);
        if self.ready { Ok(()) } else { Err(Violation::Ring) }
    }

    /// How many entries the device has put into its ring, modulo 2^16.
    pub fn used_index(&self) -> u16 {
        self.next_used
    }

    /// Whether the driver has offered more than the device has taken.
    pub fn has_available(&self, ram: &Ram) -> Result<bool, Violation> {
        let ahead = self.available_index(ram)?.wrapping_sub(self.next_available);
        if ahead > self.size { Err(Violation::Index) } else { Ok(ahead > 0) }
    }

    /// Takes the next chain, or asks to be notified of it when there is none.
    pub fn pop(&mut self, ram: &mut Ram) -> Result<Option<Chain>, Violation> {
        if !self.has_available(ram)? {
            self.ask_for_notification(ram)?;
            return Ok(None);
        }
        let slot = u64::from(self.next_available % self.size);
        let head = load16(ram, self.rings[1] + 4 + 2 * slot)?;
        let chain = self.follow(ram, head)?;
        self.next_available = self.next_available.wrapping_add(1);
        Ok(Some(chain))
    }

    /// Puts back the chain that was taken last.
    pub fn unpop(&mut self) {
        self.next_available = self.next_available.wrapping_sub(1);
    }

    /// Returns a chain to the driver with `written` bytes in it.
    pub fn push(&mut self, ram: &mut Ram, chain: &Chain, written: u32) -> Result<(), Violation> {
        let slot = u64::from(self.next_used % self.size);
        let entry = u64::from(chain.head) | u64::from(written) << 32;
        let ring = self.rings[2];
        ram.write(ring + 4 + 8 * slot, &entry.to_le_bytes()).ok_or(Violation::Ring)?;
        self.next_used = self.next_used.wrapping_add(1);
        ram.write(ring + 2, &self.next_used.to_le_bytes()).ok_or(Violation::Ring)
    }

    /// Whether the driver wants an interrupt now that the device's index has moved on from `before`.
    pub fn wants_interrupt(&self, ram: &Ram, before: u16) -> Result<bool, Violation> {
        if before == self.next_used {
            return Ok(false);
        }
        if !self.event_index {
            return Ok(load16(ram, self.rings[1])? & NO_INTERRUPT == 0);
        }
        let event = load16(ram, self.rings[1] + 4 + 2 * u64::from(self.size))?;
        let since_event = self.next_used.wrapping_sub(event).wrapping_sub(1);
        Ok(since_event < self.next_used.wrapping_sub(before))
    }

    fn available_index(&self, ram: &Ram) -> Result<u16, Violation> {
        load16(ram, self.rings[1] + 2)
    }

    fn ask_for_notification(&self, ram: &mut Ram) -> Result<(), Violation> {
        if !self.event_index {
            return Ok(());
        }
        let event = self.rings[2] + 4 + 8 * u64::from(self.size);
        ram.write(event, &self.next_available.to_le_bytes()).ok_or(Violation::Ring)
    }

    /// Collects the chain that begins at descriptor `head`.
    fn follow(&self, ram: &Ram, head: u16) -> Result<Chain, Violation> {
        let mut chain = Chain { head, ..Chain::default() };
        let first = descriptor(ram, self.rings[0], u32::from(self.size), head)?;
        if first.flags & INDIRECT == 0 {
            return collect(ram, self.rings[0], u32::from(self.size), first, chain);
        }
        let count = first.bytes / 16;
        let shaped = first.bytes % 16 == 0 && (1..=TABLE_MAX).contains(&count);
        if !self.indirect || !shaped || first.flags & NEXT != 0 {
            return Err(Violation::Indirect);
        }
        if !ram.contains(first.address, u64::from(first.bytes)) {
            return Err(Violation::Buffer);
        }
        let inner = descriptor(ram, first.address, count, 0)?;
        chain = collect(ram, first.address, count, inner, chain)?;
        Ok(chain)
    }
}

/// Follows a chain within one table of `count` descriptors.
fn collect(
    ram: &Ram,
    table: u64,
    count: u32,
    first: Descriptor,
    mut chain: Chain,
) -> Result<Chain, Violation> {
    let mut current = first;
    for _ in 0..count {
        if current.flags & INDIRECT != 0 {
            return Err(Violation::Indirect);
        }
        let segment = Segment { address: current.address, bytes: u64::from(current.bytes) };
        if !ram.contains(segment.address, segment.bytes) {
            return Err(Violation::Buffer);
        }
        if current.flags & WRITE != 0 {
            chain.writable.push(segment);
        } else if chain.writable.is_empty() {
            chain.readable.push(segment);
        } else {
            return Err(Violation::Order);
        }
        if current.flags & NEXT == 0 {
            return Ok(chain);
        }
        current = descriptor(ram, table, count, current.next)?;
    }
    Err(Violation::Cycle)
}

fn descriptor(ram: &Ram, table: u64, count: u32, number: u16) -> Result<Descriptor, Violation> {
    if u32::from(number) >= count {
        return Err(Violation::Descriptor);
    }
    let at = table + DESCRIPTOR_BYTES * u64::from(number);
    let address = ram.read::<8>(at).ok_or(Violation::Ring)?;
    let bytes = ram.read::<4>(at + 8).ok_or(Violation::Ring)?;
    Ok(Descriptor {
        address: u64::from_le_bytes(address),
        bytes: u32::from_le_bytes(bytes),
        flags: load16(ram, at + 12)?,
        next: load16(ram, at + 14)?,
    })
}

fn load16(ram: &Ram, address: u64) -> Result<u16, Violation> {
    ram.read(address).map(u16::from_le_bytes).ok_or(Violation::Ring)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ram::RAM_BASE;

    const TABLE: u64 = RAM_BASE;
    const AVAILABLE: u64 = RAM_BASE + 0x1000;
    const USED: u64 = RAM_BASE + 0x2000;
    const INNER: u64 = RAM_BASE + 0x3000;
    const DATA: u64 = RAM_BASE + 0x4000;

    type Entry = (u64, u32, u16, u16);

    fn queue(ram: &Ram) -> Queue {
        let mut queue = Queue { size: 4, rings: [TABLE, AVAILABLE, USED], ..Queue::new() };
        queue.start(ram, false, true).unwrap();
        queue
    }

    fn place(ram: &mut Ram, table: u64, entries: &[Entry]) {
        for ((address, bytes, flags, next), at) in entries.iter().zip((table..).step_by(16)) {
            ram.write(at, &address.to_le_bytes()).unwrap();
            ram.write(at + 8, &bytes.to_le_bytes()).unwrap();
            ram.write(at + 12, &flags.to_le_bytes()).unwrap();
            ram.write(at + 14, &next.to_le_bytes()).unwrap();
        }
    }

    /// Offers descriptor 0 of `direct`, with `inner` as the table at [`INNER`], and pops it.
    fn popped(direct: &[Entry], inner: &[Entry]) -> Result<Chain, Violation> {
        let mut ram = Ram::new(0x1_0000).unwrap();
        let mut queue = queue(&ram);
        place(&mut ram, TABLE, direct);
        place(&mut ram, INNER, inner);
        ram.write(AVAILABLE + 2, &1u16.to_le_bytes()).unwrap();
        queue.pop(&mut ram).map(Option::unwrap)
    }

    #[test]
    fn chains_are_collected_in_order() {
        let chain = popped(&[(DATA, 8, NEXT, 2), (0, 0, 0, 0), (DATA + 64, 32, WRITE, 0)], &[]).unwrap();
        assert_eq!((chain.readable_bytes(), chain.writable_bytes()), (8, 32));
        let table = [(INNER, 48, INDIRECT, 0)];
        let inner = [(DATA, 3, NEXT, 1), (DATA + 9, 5, NEXT, 2), (DATA + 64, 1, WRITE, 0)];
        let chain = popped(&table, &inner).unwrap();
        assert_eq!(
            chain.readable,
            [Segment { address: DATA, bytes: 3 }, Segment { address: DATA + 9, bytes: 5 }]
        );
    }

    #[test]
    fn broken_chains_are_violations() {
        let outside = RAM_BASE + 0x1_0000;
        let cases: &[(&[Entry], &[Entry], Violation)] = &[
            (&[(DATA, 8, NEXT, 0)], &[], Violation::Cycle),
            (&[(DATA, 8, NEXT, 1), (DATA, 8, NEXT, 0)], &[], Violation::Cycle),
            (&[(DATA, 8, NEXT, 4)], &[], Violation::Descriptor),
            (&[(outside - 4, 8, 0, 0)], &[], Violation::Buffer),
            (&[(u64::MAX - 2, 8, 0, 0)], &[], Violation::Buffer),
            (&[(0, u32::MAX, WRITE, 0)], &[], Violation::Buffer),
            (&[(DATA, 8, WRITE | NEXT, 1), (DATA, 8, 0, 0)], &[], Violation::Order),
            (&[(INNER, 0, INDIRECT, 0)], &[], Violation::Indirect),
            (&[(INNER, 24, INDIRECT, 0)], &[], Violation::Indirect),
            (&[(INNER, 16 * 1025, INDIRECT, 0)], &[], Violation::Indirect),
            (&[(INNER, 16, INDIRECT | NEXT, 1)], &[], Violation::Indirect),
            (&[(outside, 16, INDIRECT, 0)], &[], Violation::Buffer),
            (&[(INNER, 16, INDIRECT, 0)], &[(INNER, 16, INDIRECT, 0)], Violation::Indirect),
            (&[(INNER, 32, INDIRECT, 0)], &[(DATA, 1, NEXT, 2)], Violation::Descriptor),
            (&[(INNER, 32, INDIRECT, 0)], &[(DATA, 1, NEXT, 1), (DATA, 1, NEXT, 0)], Violation::Cycle),
            (&[(DATA, 8, NEXT, 1), (INNER, 16, INDIRECT, 0)], &[], Violation::Indirect),
        ];
        for (number, (direct, inner, violation)) in cases.iter().enumerate() {
            assert_eq!(popped(direct, inner), Err(*violation), "case {number}");
        }
    }

    #[test]
    fn rings_must_be_aligned_and_in_memory() {
        let ram = Ram::new(0x1_0000).unwrap();
        let outside = ram.end() - 16;
        for rings in
            [[TABLE + 8, AVAILABLE, USED], [TABLE, AVAILABLE + 1, USED], [TABLE, AVAILABLE, USED + 2]]
        {
            let mut queue = Queue { size: 4, rings, ..Queue::new() };
            assert_eq!(queue.start(&ram, false, false), Err(Violation::Ring), "{rings:x?}");
        }
        for rings in [[outside, AVAILABLE, USED], [TABLE, 0, USED], [TABLE, AVAILABLE, u64::MAX - 3]] {
            let mut queue = Queue { size: 4, rings, ..Queue::new() };
            assert_eq!(queue.start(&ram, false, false), Err(Violation::Ring), "{rings:x?}");
            assert!(!queue.ready);
        }
    }

    #[test]
    fn a_jumping_index_is_a_violation_and_wrapping_is_not() {
        let mut ram = Ram::new(0x1_0000).unwrap();
        let mut queue = queue(&ram);
        ram.write(AVAILABLE + 2, &5u16.to_le_bytes()).unwrap();
        assert_eq!(queue.pop(&mut ram), Err(Violation::Index));
        (queue.next_available, queue.next_used) = (u16::MAX, u16::MAX);
        ram.write(AVAILABLE + 2, &1u16.to_le_bytes()).unwrap();
        place(&mut ram, TABLE, &[(DATA, 4, WRITE, 0)]);
        for _ in 0..2 {
            let chain = queue.pop(&mut ram).unwrap().unwrap();
            queue.push(&mut ram, &chain, 4).unwrap();
        }
        assert_eq!(queue.pop(&mut ram), Ok(None));
        assert_eq!(ram.load(USED + 2, 2), Some(1));
    }

    #[test]
    fn bytes_cross_segments() {
        let mut ram = Ram::new(0x1_0000).unwrap();
        let segments = vec![Segment { address: DATA, bytes: 3 }, Segment { address: DATA + 8, bytes: 4 }];
        let chain = Chain { head: 0, readable: segments.clone(), writable: segments };
        assert_eq!(chain.write(&mut ram, 1, b"abcdefgh"), 6);
        assert_eq!(ram.slice(DATA, 12), Some(&b"\0ab\0\0\0\0\0cdef"[..]));
        let mut bytes = [0; 9];
        assert_eq!(chain.read(&ram, 2, &mut bytes), 5);
        assert_eq!(&bytes[..5], b"bcdef");
        assert_eq!(chain.read_array::<4>(&ram, 4), None);
    }

    #[test]
    fn interrupts_follow_the_flag_or_the_event_index() {
        let mut ram = Ram::new(0x1_0000).unwrap();
        let mut queue = queue(&ram);
        queue.next_used = 3;
        assert_eq!(queue.wants_interrupt(&ram, 3), Ok(false));
        assert_eq!(queue.wants_interrupt(&ram, 1), Ok(true));
        ram.write(AVAILABLE, &1u16.to_le_bytes()).unwrap();
        assert_eq!(queue.wants_interrupt(&ram, 1), Ok(false));
        queue.event_index = true;
        for (event, wanted) in [(0u16, false), (1, true), (2, true), (3, false)] {
            ram.write(AVAILABLE + 4 + 8, &event.to_le_bytes()).unwrap();
            assert_eq!(queue.wants_interrupt(&ram, 1), Ok(wanted), "event {event}");
        }
        ram.write(AVAILABLE + 2, &0u16.to_le_bytes()).unwrap();
        queue.pop(&mut ram).unwrap();
        assert_eq!(ram.load(USED + 4 + 32, 2), Some(0));
    }
}
