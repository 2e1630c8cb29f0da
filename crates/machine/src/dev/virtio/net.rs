//! The network interface. Frames that the guest sends wait in an outbox until the run loop takes them, and those
//! for the guest in an inbox until its driver offers buffers.
//!
//! While the interface is unconnected, what is sent is dropped and counted. A full outbox leaves the driver's
//! buffers where they are; a full inbox drops and counts. Both are the interface's on-board memory, bounded in frames
//! and in bytes.
//!
//! A sent frame carries the tick of the node's timebase at which the interface took it: the one at which the driver
//! notified it, or that of the round in which there was room again.
//!
//! Source: Virtual I/O Device Specification 1.2, "Network Device".

use super::queue::Violation;
use super::{QueueSet, Service, Virtio, feature};
use crate::state::{Source, State, StateError};
use crate::{state_counts, state_fields};
use std::collections::VecDeque;

/// Most frames that wait in each direction.
pub const FRAMES_MAX: usize = 256;
/// Largest frame that is carried, link header included.
pub const FRAME_BYTES_MAX: usize = 9018;
/// Smallest frame that is carried: a link header alone.
pub const FRAME_BYTES_MIN: usize = 14;

/// Bytes of the header before each frame.
const HEADER_BYTES: usize = 12;
/// The same for drivers that did not accept `VERSION_1`: it lacks the number of buffers.
const SHORT_HEADER_BYTES: usize = 10;
const RECEIVE: usize = 0;
const TRANSMIT: usize = 1;
const MTU: u64 = 1 << 3;
const MAC: u64 = 1 << 5;
const STATUS: u64 = 1 << 16;

/// What an interface has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Frames taken from the guest.
    pub sent_frames: u64,
    /// Frames given to the guest.
    pub received_frames: u64,
    /// Frames from the guest that were malformed or found nobody connected.
    pub sent_dropped_frames: u64,
    /// Frames for the guest that found no room.
    pub received_dropped_frames: u64,
}

state_counts!(Counters { sent_frames, received_frames, sent_dropped_frames, received_dropped_frames });

/// A frame that the guest has sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// Tick of the node's timebase at which it was taken.
    pub tick: u64,
    /// The frame, from its link header on.
    pub bytes: Vec<u8>,
}

state_fields!(Sent { tick, bytes });

/// What an interface can hold and carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capacity {
    /// Bytes of frames that wait in each direction; one frame is held whatever its size.
    pub buffer_bytes: usize,
    /// The largest payload of a frame, which drivers are told; `None` leaves it to them.
    pub mtu: Option<u16>,
}

impl Default for Capacity {
    fn default() -> Capacity {
        Capacity { buffer_bytes: FRAMES_MAX * FRAME_BYTES_MAX, mtu: None }
    }
}

/// The device.
#[derive(Debug)]
pub struct Net {
    mac: [u8; 6],
    connected: bool,
    link_up: bool,
    /// Set by the configuration, and no state.
    capacity: Capacity,
    inbox: VecDeque<Vec<u8>>,
    inbox_bytes: usize,
    outbox: VecDeque<Sent>,
    outbox_bytes: usize,
    counters: Counters,
    ready_queues: QueueSet,
    config_changed: bool,
    /// Follows from the accepted features, by [`Virtio::accept`].
    header_bytes: usize,
}

impl State for Net {
    fn save(&self, sink: &mut dyn FnMut(&[u8])) {
        let Net { mac, connected, link_up, inbox, outbox, counters, ready_queues, config_changed, .. } = self;
        let fields: [&dyn State; 8] =
            [mac, connected, link_up, inbox, outbox, counters, ready_queues, config_changed];
        fields.into_iter().for_each(|field| field.save(sink));
    }

    fn restore(&mut self, source: &mut Source<'_>) -> Result<(), StateError> {
        let Net { mac, connected, link_up, inbox, outbox, counters, ready_queues, config_changed, .. } = self;
        let fields: [&mut dyn State; 8] =
            [mac, connected, link_up, inbox, outbox, counters, ready_queues, config_changed];
        let offset = source.offset();
        fields.into_iter().try_for_each(|field| field.restore(source))?;
        if !(are_carried(&self.inbox) && are_carried(self.outbox.iter().map(|sent| &sent.bytes))) {
            return Err(StateError::Invalid { offset });
        }
        self.inbox_bytes = self.inbox.iter().map(Vec::len).sum();
        self.outbox_bytes = self.outbox.iter().map(|sent| sent.bytes.len()).sum();
        Ok(())
    }
}

/// Whether these are frames that can wait on a card.
fn are_carried<'a>(frames: impl IntoIterator<Item = &'a Vec<u8>>) -> bool {
    let mut count = 0..FRAMES_MAX;
    frames
        .into_iter()
        .all(|frame| count.next().is_some() && (FRAME_BYTES_MIN..=FRAME_BYTES_MAX).contains(&frame.len()))
}

impl Net {
    /// An interface with address `mac`, its link up, connected to something or not.
    pub fn new(mac: [u8; 6], connected: bool) -> Net {
        Net {
            mac,
            connected,
            link_up: true,
            capacity: Capacity::default(),
            inbox: VecDeque::new(),
            inbox_bytes: 0,
            outbox: VecDeque::new(),
            outbox_bytes: 0,
            counters: Counters::default(),
            ready_queues: 0,
            config_changed: false,
            header_bytes: HEADER_BYTES,
        }
    }

    /// What it has done so far.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// The same interface with this capacity.
    #[must_use]
    pub fn with_capacity(self, capacity: Capacity) -> Net {
        Net { capacity, ..self }
    }

    /// What it can hold and carry.
    pub fn capacity(&self) -> Capacity {
        self.capacity
    }

    /// Its address.
    pub fn mac(&self) -> [u8; 6] {
        self.mac
    }

    /// The frame that the guest sent first of those that wait.
    pub fn first_frame(&self) -> Option<&Sent> {
        self.outbox.front()
    }

    /// Takes the frame that [`Net::first_frame`] gives.
    pub fn take_frame(&mut self) -> Option<Sent> {
        if self.outbox_is_full() {
            self.ready_queues |= 1 << TRANSMIT;
        }
        let sent = self.outbox.pop_front()?;
        self.outbox_bytes -= sent.bytes.len();
        Some(sent)
    }

    /// Whether the driver has to wait.
    fn outbox_is_full(&self) -> bool {
        self.outbox.len() >= FRAMES_MAX || self.outbox_bytes >= self.capacity.buffer_bytes
    }

    /// Hands a frame to the guest; false when it was dropped.
    pub fn push_frame(&mut self, frame: Vec<u8>) -> bool {
        let carried = (FRAME_BYTES_MIN..=FRAME_BYTES_MAX).contains(&frame.len());
        let bytes = self.inbox_bytes + frame.len();
        let room = self.inbox.is_empty() || bytes <= self.capacity.buffer_bytes;
        if !carried || !self.link_up || !room || self.inbox.len() >= FRAMES_MAX {
            self.counters.received_dropped_frames += 1;
            return false;
        }
        self.inbox_bytes = bytes;
        self.inbox.push_back(frame);
        self.ready_queues |= 1 << RECEIVE;
        true
    }

    /// Pulls or plugs the cable, which the guest is told.
    pub fn set_link(&mut self, up: bool) {
        self.config_changed |= self.link_up != up;
        self.link_up = up;
    }

    /// Gives the interface another address, which drivers read when they set up the device.
    pub fn set_mac(&mut self, mac: [u8; 6]) {
        self.mac = mac;
    }

    fn serve_transmit(&mut self, service: &mut Service<'_>) -> Result<(), Violation> {
        while !self.outbox_is_full() {
            let Some(chain) = service.pop()? else { break };
            let bytes = chain.readable_bytes();
            let header = self.header_bytes as u64;
            let length = usize::try_from(bytes.checked_sub(header).ok_or(Violation::Request)?);
            let length = length.unwrap_or(usize::MAX);
            let carried = (FRAME_BYTES_MIN..=FRAME_BYTES_MAX).contains(&length);
            if carried && self.connected && self.link_up {
                let mut frame = vec![0; length];
                chain.read(service.ram, header, &mut frame);
                self.outbox_bytes += length;
                self.outbox.push_back(Sent { tick: service.mtime, bytes: frame });
                self.counters.sent_frames += 1;
            } else {
                self.counters.sent_dropped_frames += 1;
            }
            service.spend(bytes);
            service.push(&chain, 0)?;
        }
        Ok(())
    }

    fn serve_receive(&mut self, service: &mut Service<'_>) -> Result<(), Violation> {
        while let Some(frame) = self.inbox.front() {
            let Some(chain) = service.pop()? else { break };
            let length = self.header_bytes + frame.len();
            if chain.writable_bytes() < length as u64 {
                service.unpop();
                self.counters.received_dropped_frames += 1;
                self.inbox_bytes -= frame.len();
                self.inbox.pop_front();
                service.spend(0);
                continue;
            }
            let mut header = [0; HEADER_BYTES];
            // One buffer holds the whole frame.
            header[10] = 1;
            chain.write(service.ram, 0, &header[..self.header_bytes]);
            chain.write(service.ram, self.header_bytes as u64, frame);
            self.inbox_bytes -= frame.len();
            self.inbox.pop_front();
            self.counters.received_frames += 1;
            service.spend(length as u64);
            service.push(&chain, length as u64)?;
        }
        Ok(())
    }
}

impl Virtio for Net {
    fn id(&self) -> u32 {
        1
    }

    fn queues(&self) -> usize {
        2
    }

    fn features(&self) -> u64 {
        MAC | STATUS | if self.capacity.mtu.is_some() { MTU } else { 0 }
    }

    fn accept(&mut self, features: u64) {
        self.header_bytes =
            if features & feature::VERSION_1 != 0 { HEADER_BYTES } else { SHORT_HEADER_BYTES };
    }

    fn config(&self) -> Vec<u8> {
        let mut config = self.mac.to_vec();
        config.extend([u8::from(self.link_up), 0]);
        if let Some(mtu) = self.capacity.mtu {
            // The number of queue pairs stands between, and is not offered.
            config.extend([0, 0]);
            config.extend(mtu.to_le_bytes());
        }
        config
    }

    fn reset(&mut self) {
        self.inbox.clear();
        self.inbox_bytes = 0;
        self.ready_queues = 0;
    }

    fn serve(&mut self, index: usize, service: &mut Service<'_>) -> Result<(), Violation> {
        match index {
            RECEIVE => self.serve_receive(service),
            TRANSMIT => self.serve_transmit(service),
            _ => Ok(()),
        }
    }

    fn take_ready(&mut self) -> QueueSet {
        std::mem::take(&mut self.ready_queues)
    }

    fn has_ready(&self) -> bool {
        self.ready_queues != 0 || self.config_changed
    }

    fn take_config_change(&mut self) -> bool {
        std::mem::take(&mut self.config_changed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dev::virtio::driver::{Buffer::In, Buffer::Out, Driver};
    use crate::dev::virtio::mmio::{Mmio, Peripheral};

    const ADDRESS: [u8; 6] = [2, 0, 0, 0, 0, 1];

    fn driver(connected: bool) -> Driver {
        Driver::start(Peripheral::Net(Net::new(ADDRESS, connected)), MAC | STATUS)
    }

    fn net(driver: &mut Driver) -> &mut Net {
        match &mut driver.slot.peripheral {
            Some(Peripheral::Net(net)) => net,
            _ => unreachable!("the slot has an interface"),
        }
    }

    fn taken(driver: &mut Driver) -> Vec<Vec<u8>> {
        std::iter::from_fn(|| net(driver).take_frame()).map(|sent| sent.bytes).collect()
    }

    #[test]
    fn a_card_that_cannot_be_is_not_restored() {
        let restored = |spoil: fn(&mut Net)| {
            let mut net = Net::new(ADDRESS, true);
            net.outbox.push_back(Sent { tick: 1, bytes: vec![0; FRAME_BYTES_MAX] });
            spoil(&mut net);
            let mut bytes = Vec::new();
            net.save(&mut |part| bytes.extend_from_slice(part));
            Net::new(ADDRESS, true).restore(&mut Source::new(&bytes))
        };
        assert_eq!(restored(|_| {}), Ok(()));
        let spoils: [fn(&mut Net); 4] = [
            |net| net.outbox[0].bytes.push(0),
            |net| net.inbox.push_back(vec![0; FRAME_BYTES_MIN - 1]),
            |net| net.inbox = vec![vec![0; 60]; FRAMES_MAX + 1].into(),
            |net| net.counters.received_frames = u64::MAX,
        ];
        for (number, spoil) in spoils.into_iter().enumerate() {
            assert!(restored(spoil).is_err(), "spoil {number}");
        }
    }

    #[test]
    fn on_board_memory_is_bounded_in_bytes() {
        let capacity = Capacity { buffer_bytes: 100, mtu: Some(9000) };
        let device = Net::new(ADDRESS, true).with_capacity(capacity);
        let mut driver = Driver::start(Peripheral::Net(device), MAC | STATUS | MTU);
        assert_eq!(driver.config(10, 2), 9000);
        for _ in 0..3 {
            driver.offer(1, &[Out(&[0; 12]), Out(&[1; 60])]);
        }
        assert_eq!(driver.used(1).len(), 2);
        assert_eq!(taken(&mut driver).len(), 2);
        driver.poll();
        assert_eq!(taken(&mut driver).len(), 1);
        assert!(net(&mut driver).push_frame(vec![7; 200]), "one frame of any size");
        assert!(!net(&mut driver).push_frame(vec![7; 60]));
    }

    #[test]
    fn sent_frames_lose_their_header() {
        let mut driver = driver(true);
        driver.offer(1, &[Out(&[0; 12]), Out(&[1; 60])]);
        driver.offer(1, &[Out(&[&[0; 12][..], &[2; 100]].concat())]);
        assert_eq!(driver.used(1), [0, 0]);
        assert_eq!(taken(&mut driver), [vec![1; 60], vec![2; 100]]);
    }

    #[test]
    fn drivers_without_version_1_have_shorter_headers() {
        let mut driver = Driver::reset(Peripheral::Net(Net::new(ADDRESS, true)));
        driver.negotiate(MAC | STATUS);
        (0..2).for_each(|queue| driver.set_up_queue(queue));
        driver.set(0x70, 15);
        driver.offer(1, &[Out(&[0; 10]), Out(&[1; 60])]);
        assert_eq!(taken(&mut driver), [vec![1; 60]]);
        let mut saved = Vec::new();
        driver.slot.save(&mut |part| saved.extend_from_slice(part));
        driver.slot = Mmio::new(1, Some(Peripheral::Net(Net::new(ADDRESS, true))));
        driver.slot.restore(&mut Source::new(&saved)).unwrap();
        let buffer = driver.offer(0, &[In(1514)]);
        assert!(net(&mut driver).push_frame(vec![7; 60]));
        driver.poll();
        assert_eq!((driver.used(0), driver.bytes(buffer, 11)), (vec![70], [vec![0; 10], vec![7]].concat()));
    }

    #[test]
    fn nobody_connected_drops_and_counts() {
        let mut driver = driver(false);
        driver.offer(1, &[Out(&[0; 72])]);
        assert_eq!(driver.used(1), [0]);
        assert!(taken(&mut driver).is_empty());
        assert_eq!(net(&mut driver).counters().sent_dropped_frames, 1);
    }

    #[test]
    fn received_frames_get_a_header_for_one_buffer() {
        let mut driver = driver(true);
        let buffer = driver.offer(0, &[In(12), In(1514)]);
        assert!(net(&mut driver).push_frame(vec![7; 60]));
        driver.poll();
        assert_eq!(driver.used(0), [72]);
        assert_eq!(driver.bytes(buffer, 12), [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0]);
        assert!(!net(&mut driver).push_frame(vec![7; 13]));
        assert!(!net(&mut driver).push_frame(vec![7; FRAME_BYTES_MAX + 1]));
    }

    #[test]
    fn a_frame_too_large_for_its_buffer_is_dropped_and_the_buffer_kept() {
        let mut driver = driver(true);
        driver.offer(0, &[In(64)]);
        net(&mut driver).push_frame(vec![7; 60]);
        net(&mut driver).push_frame(vec![8; 20]);
        driver.poll();
        assert_eq!(driver.used(0), [32]);
        assert_eq!(net(&mut driver).counters().received_dropped_frames, 1);
    }

    #[test]
    fn full_queues_hold_back_or_drop() {
        let mut driver = driver(true);
        for _ in 0..FRAMES_MAX {
            driver.offer(1, &[Out(&[0; 72])]);
        }
        driver.offer(1, &[Out(&[0; 72])]);
        assert_eq!(driver.used(1).len(), FRAMES_MAX);
        assert_eq!(taken(&mut driver).len(), FRAMES_MAX);
        driver.poll();
        assert_eq!(taken(&mut driver).len(), 1);
        let taken = (0..FRAMES_MAX + 1).filter(|_| net(&mut driver).push_frame(vec![0; 60])).count();
        assert_eq!(taken, FRAMES_MAX);
    }

    #[test]
    fn the_link_and_the_address_are_configuration() {
        let mut driver = driver(true);
        assert_eq!(driver.config(0, 4) | driver.config(4, 2) << 32, 0x0100_0000_0002);
        assert_eq!(driver.config(6, 2), 1);
        net(&mut driver).set_link(false);
        driver.poll();
        assert_eq!((driver.register(0x60), driver.config(6, 2)), (2, 0));
        driver.offer(1, &[Out(&[0; 72])]);
        assert_eq!(net(&mut driver).counters().sent_dropped_frames, 1);
    }
}
