//! The block device: a disk of 512-byte sectors behind one queue of requests, served at once and in order.
//!
//! Source: Virtual I/O Device Specification 1.2, "Block Device".

use super::disk::{BlockBackend, SECTOR_BYTES};
use super::queue::{Chain, QUEUE_SIZE_MAX, Violation};
use super::{Service, Virtio};
use crate::state::{Source, State, StateError};

const HEADER_BYTES: u64 = 16;
/// Bytes of the identity that a driver can ask for.
const IDENTITY_BYTES: usize = 20;
/// Largest transfer of one request; a longer one fails.
const TRANSFER_BYTES_MAX: u64 = 32 << 20;
/// Bytes copied at a time between backend and guest.
const COPY_BYTES: u64 = 64 << 10;
/// Most sectors that one segment may discard or zero.
const ZERO_SECTORS_MAX: u32 = 64 << 10;
/// Most segments in a request to discard or to zero.
const ZERO_SEGMENTS_MAX: u32 = 16;

/// Feature bits.
mod feature {
    pub(super) const SEGMENTS_MAX: u64 = 1 << 2;
    pub(super) const READ_ONLY: u64 = 1 << 5;
    pub(super) const BLOCK_SIZE: u64 = 1 << 6;
    pub(super) const FLUSH: u64 = 1 << 9;
    pub(super) const DISCARD: u64 = 1 << 13;
    pub(super) const WRITE_ZEROES: u64 = 1 << 14;
}

/// Types of requests.
mod request {
    pub(super) const IN: u32 = 0;
    pub(super) const OUT: u32 = 1;
    pub(super) const FLUSH: u32 = 4;
    pub(super) const GET_ID: u32 = 8;
    pub(super) const DISCARD: u32 = 11;
    pub(super) const WRITE_ZEROES: u32 = 13;
}

/// How a request ended; the numbers are the specification's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum Status {
    Ok = 0,
    IoError = 1,
    Unsupported = 2,
}

/// What a disk has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Bytes read by the guest.
    pub read_bytes: u64,
    /// Bytes written by the guest.
    pub written_bytes: u64,
    /// Requests that failed.
    pub failed_requests: u64,
}

crate::state_counts!(Counters { read_bytes, written_bytes, failed_requests });

/// The device.
#[derive(Debug)]
pub struct Block {
    backend: Box<dyn BlockBackend>,
    identity: [u8; IDENTITY_BYTES],
    counters: Counters,
}

impl Block {
    /// A disk with the contents of `backend`, called `identity` (its first 20 bytes).
    pub fn new(backend: Box<dyn BlockBackend>, identity: &str) -> Block {
        let mut bytes = [0; IDENTITY_BYTES];
        bytes.iter_mut().zip(identity.bytes()).for_each(|(to, from)| *to = from);
        Block { backend, identity: bytes, counters: Counters::default() }
    }

    /// What it has done so far.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    fn request(&mut self, chain: &Chain, service: &mut Service<'_>) -> Result<u64, Violation> {
        let header = chain.read_array::<16>(service.ram, 0).ok_or(Violation::Request)?;
        let room = chain.writable_bytes().checked_sub(1).ok_or(Violation::Request)?;
        let [t0, t1, t2, t3, _, _, _, _, sector @ ..] = header;
        let start = Some(u64::from_le_bytes(sector));
        let given = chain.readable_bytes() - HEADER_BYTES;
        let (status, written) = match u32::from_le_bytes([t0, t1, t2, t3]) {
            request::IN => self.read(chain, start, room, service),
            request::OUT => (self.write(chain, start, given, service), 0),
            request::FLUSH => (outcome(self.backend.flush()), 0),
            request::GET_ID => {
                let written =
                    chain.write(service.ram, 0, &self.identity[..IDENTITY_BYTES.min(at_most(room))]);
                (Status::Ok, written as u64)
            }
            request::DISCARD => (self.zero(chain, given, 0, service), 0),
            request::WRITE_ZEROES => (self.zero(chain, given, 1, service), 0),
            _ => (Status::Unsupported, 0),
        };
        self.counters.failed_requests += u64::from(status != Status::Ok);
        chain.write(service.ram, room, &[status as u8]);
        Ok(written + 1)
    }

    /// The byte offset of a transfer of `length` bytes from a sector on, if it is on the disk.
    fn place(&self, sector: Option<u64>, length: u64) -> Option<u64> {
        let sectors = length / SECTOR_BYTES;
        let end = sector?.checked_add(sectors)?;
        let whole = length.is_multiple_of(SECTOR_BYTES) && length <= TRANSFER_BYTES_MAX;
        (whole && end <= self.backend.len_sectors()).then_some(sector? * SECTOR_BYTES)
    }

    fn read(
        &mut self,
        chain: &Chain,
        sector: Option<u64>,
        length: u64,
        service: &mut Service<'_>,
    ) -> (Status, u64) {
        let Some(offset) = self.place(sector, length) else { return (Status::IoError, 0) };
        let mut buffer = vec![0; at_most(length.min(COPY_BYTES))];
        let mut done = 0;
        while done < length {
            let part = at_most((length - done).min(COPY_BYTES));
            if self.backend.read_at(offset + done, &mut buffer[..part]).is_err() {
                return (Status::IoError, done);
            }
            chain.write(service.ram, done, &buffer[..part]);
            done += part as u64;
        }
        self.counters.read_bytes += length;
        service.spend(length);
        (Status::Ok, length)
    }

    fn write(
        &mut self,
        chain: &Chain,
        sector: Option<u64>,
        length: u64,
        service: &mut Service<'_>,
    ) -> Status {
        let Some(offset) = self.place(sector, length).filter(|_| !self.backend.read_only()) else {
            return Status::IoError;
        };
        let mut buffer = vec![0; at_most(length.min(COPY_BYTES))];
        let mut done = 0;
        while done < length {
            let part = at_most((length - done).min(COPY_BYTES));
            chain.read(service.ram, HEADER_BYTES + done, &mut buffer[..part]);
            if self.backend.write_at(offset + done, &buffer[..part]).is_err() {
                return Status::IoError;
            }
            done += part as u64;
        }
        self.counters.written_bytes += length;
        service.spend(length);
        Status::Ok
    }

    /// Discards or zeroes the segments that the request lists; both make them read as zeros.
    fn zero(&mut self, chain: &Chain, length: u64, flags_allowed: u32, service: &mut Service<'_>) -> Status {
        let count = length / 16;
        if self.backend.read_only() || !length.is_multiple_of(16) || count == 0 {
            return Status::IoError;
        }
        if count > u64::from(ZERO_SEGMENTS_MAX) {
            return Status::Unsupported;
        }
        for index in 0..count {
            let Some(bytes) = chain.read_array::<16>(service.ram, HEADER_BYTES + 16 * index) else {
                return Status::IoError;
            };
            let [s0, s1, s2, s3, s4, s5, s6, s7, n0, n1, n2, n3, flags @ ..] = bytes;
            if u32::from_le_bytes(flags) & !flags_allowed != 0 {
                return Status::Unsupported;
            }
            let sectors = u32::from_le_bytes([n0, n1, n2, n3]);
            let sector = u64::from_le_bytes([s0, s1, s2, s3, s4, s5, s6, s7]);
            let zeros = u64::from(sectors) * SECTOR_BYTES;
            let Some(offset) = self.place(Some(sector), zeros).filter(|_| sectors <= ZERO_SECTORS_MAX) else {
                return Status::IoError;
            };
            service.spend(zeros / 64);
            if self.backend.write_zeroes(offset, zeros).is_err() {
                return Status::IoError;
            }
        }
        Status::Ok
    }
}

fn outcome(result: std::io::Result<()>) -> Status {
    if result.is_ok() { Status::Ok } else { Status::IoError }
}

fn at_most(length: u64) -> usize {
    usize::try_from(length).unwrap_or(usize::MAX)
}

impl Virtio for Block {
    fn id(&self) -> u32 {
        2
    }

    fn queues(&self) -> usize {
        1
    }

    fn features(&self) -> u64 {
        use feature::{BLOCK_SIZE, DISCARD, FLUSH, READ_ONLY, SEGMENTS_MAX, WRITE_ZEROES};
        let common = SEGMENTS_MAX | BLOCK_SIZE | FLUSH;
        common | if self.backend.read_only() { READ_ONLY } else { DISCARD | WRITE_ZEROES }
    }

    fn config(&self) -> Vec<u8> {
        let mut config = vec![0; 60];
        let mut put = |at: usize, bytes: &[u8]| config[at..at + bytes.len()].copy_from_slice(bytes);
        put(0, &self.backend.len_sectors().to_le_bytes());
        put(12, &(u32::from(QUEUE_SIZE_MAX) - 2).to_le_bytes());
        put(20, &512u32.to_le_bytes());
        for at in [36, 48] {
            put(at, &ZERO_SECTORS_MAX.to_le_bytes());
            put(at + 4, &ZERO_SEGMENTS_MAX.to_le_bytes());
        }
        // Sector alignment of discards: a block of the overlay.
        put(44, &8u32.to_le_bytes());
        // Zeroing may discard.
        put(56, &[1]);
        config
    }

    fn serve(&mut self, _index: usize, service: &mut Service<'_>) -> Result<(), Violation> {
        while let Some(chain) = service.pop()? {
            let written = self.request(&chain, service)?;
            service.push(&chain, written)?;
        }
        Ok(())
    }
}

impl State for Block {
    fn save(&self, sink: &mut dyn FnMut(&[u8])) {
        self.counters.save(sink);
        self.backend.save(sink);
    }

    fn restore(&mut self, source: &mut Source<'_>) -> Result<(), StateError> {
        self.counters.restore(source)?;
        self.backend.restore(source)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dev::virtio::disk::{MemoryDisk, Overlay};
    use crate::dev::virtio::driver::{Buffer, Buffer::In, Buffer::Out, Driver};
    use crate::dev::virtio::mmio::Peripheral;

    /// Eight sectors, each filled with its number.
    fn driver() -> Driver {
        let bytes = (0..8).flat_map(|sector| [sector; 512]).collect();
        let disk = Overlay::new(Box::new(MemoryDisk::new(bytes)));
        Driver::start(Peripheral::Block(Block::new(Box::new(disk), "cube-disk")), 0)
    }

    fn header(kind: u32, sector: u64) -> Vec<u8> {
        [kind.to_le_bytes().to_vec(), vec![0; 4], sector.to_le_bytes().to_vec()].concat()
    }

    /// Offers a request; returns where its first buffer lies and the status that came back.
    fn ask(driver: &mut Driver, kind: u32, sector: u64, data: &[Buffer<'_>]) -> (u64, u8) {
        let header = header(kind, sector);
        let buffers: Vec<_> = [Out(&header)].into_iter().chain(data.iter().copied()).chain([In(1)]).collect();
        let at = driver.offer(0, &buffers);
        let length: u64 = buffers[..buffers.len() - 1].iter().map(Buffer::len).sum();
        (at, driver.bytes(at + length, 1)[0])
    }

    fn zeros(sector: u64, sectors: u32, flags: u32) -> Vec<u8> {
        [sector.to_le_bytes().to_vec(), sectors.to_le_bytes().to_vec(), flags.to_le_bytes().to_vec()].concat()
    }

    #[test]
    fn sectors_are_read_and_written() {
        let mut driver = driver();
        assert_eq!(driver.config(0, 8), 8);
        let (at, status) = ask(&mut driver, request::IN, 3, &[In(512), In(512)]);
        assert_eq!((status, driver.used(0)), (0, vec![1025]));
        assert_eq!(driver.bytes(at + 16 + 511, 2), [3, 4]);
        let (_, status) = ask(&mut driver, request::OUT, 5, &[Out(&[9; 500]), Out(&[8; 12])]);
        assert_eq!((status, driver.used(0)), (0, vec![1025, 1]));
        let (at, _) = ask(&mut driver, request::IN, 5, &[In(512)]);
        assert_eq!(driver.bytes(at + 16 + 499, 2), [9, 8]);
    }

    #[test]
    fn requests_beyond_the_disk_or_of_no_whole_sector_fail() {
        let mut driver = driver();
        let cases = [
            (request::IN, 8, 512),
            (request::IN, 7, 1024),
            (request::IN, u64::MAX, 512),
            (request::IN, 0, 100),
        ];
        for (kind, sector, length) in cases {
            assert_eq!(ask(&mut driver, kind, sector, &[In(length)]).1, 1, "sector {sector}, {length} bytes");
        }
        assert_eq!(ask(&mut driver, request::OUT, 8, &[Out(&[0; 512])]).1, 1);
        assert_eq!(ask(&mut driver, 99, 0, &[]).1, 2);
    }

    #[test]
    fn identity_flush_and_zeros() {
        let mut driver = driver();
        let (at, status) = ask(&mut driver, request::GET_ID, 0, &[In(20)]);
        assert_eq!((status, driver.bytes(at + 16, 11)), (0, b"cube-disk\0\0".to_vec()));
        assert_eq!(ask(&mut driver, request::FLUSH, 0, &[]).1, 0);
        assert_eq!(ask(&mut driver, request::WRITE_ZEROES, 0, &[Out(&zeros(2, 2, 1))]).1, 0);
        assert_eq!(ask(&mut driver, request::DISCARD, 0, &[Out(&zeros(6, 1, 0))]).1, 0);
        let (at, _) = ask(&mut driver, request::IN, 1, &[In(7 * 512)]);
        let starts: Vec<u8> = (0..7).map(|sector| driver.bytes(at + 16 + 512 * sector, 1)[0]).collect();
        assert_eq!(starts, [1, 0, 0, 4, 5, 0, 7]);
        assert_eq!(ask(&mut driver, request::DISCARD, 0, &[Out(&zeros(6, 1, 1))]).1, 2);
        assert_eq!(ask(&mut driver, request::DISCARD, 0, &[Out(&zeros(6, 3, 0))]).1, 1);
        assert_eq!(ask(&mut driver, request::DISCARD, 0, &[Out(&zeros(0, 1, 0)[..15])]).1, 1);
    }

    #[test]
    fn one_call_does_bounded_work_and_the_rest_follows() {
        let disk = MemoryDisk::new(vec![5; 512 << 10]);
        let mut driver = Driver::start(Peripheral::Block(Block::new(Box::new(disk), "")), 0);
        driver.set(0x70, 11);
        for _ in 0..5 {
            driver.offer(0, &[Out(&header(request::IN, 0)), In(512 << 10), In(1)]);
        }
        driver.set(0x70, 15);
        assert_eq!((driver.used(0).len(), driver.slot_due()), (2, Some(0)));
        driver.poll();
        driver.poll();
        assert_eq!((driver.used(0).len(), driver.slot_due()), (5, None));
    }

    #[test]
    fn a_driver_is_asked_to_notify_also_when_the_bound_is_met_exactly() {
        let disk = MemoryDisk::new(vec![5; 1 << 20]);
        let mut driver = Driver::start(Peripheral::Block(Block::new(Box::new(disk), "")), 0);
        for done in 1..=3 {
            driver.offer(0, &[Out(&header(request::IN, 0)), In(1 << 20), In(1)]);
            assert_eq!(driver.used(0).len(), done);
        }
    }

    #[test]
    fn a_chain_without_header_or_status_needs_a_reset() {
        for buffers in [&[Out(&[0; 15]), In(1)][..], &[Out(&[0; 16])], &[In(513)]] {
            let mut driver = driver();
            driver.offer(0, buffers);
            assert!(driver.needs_reset(), "{buffers:?}");
            assert!(driver.used(0).is_empty());
        }
    }
}
