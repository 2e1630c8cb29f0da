//! A driver that does everything wrong, against every device: registers, rings and descriptors of garbage.
//!
//! Whatever it does, the device neither panics nor hoards, and after a reset it serves an honest driver.

use super::block::Block;
use super::console::{CONSOLE_PORT, CONTROL_PORT, Console, PORT_BYTES_MAX};
use super::disk::{MemoryDisk, Overlay};
use super::driver::Buffer::{In, Out};
use super::driver::{Driver, RING_STRIDE, RINGS};
use super::entropy::Entropy;
use super::mmio::Peripheral;
use super::net::{FRAMES_MAX, Net};
use super::p9::P9;
use super::p9::tests::tree;
use super::{Virtio, feature};
use crate::ram::RAM_BASE;
use crate::random::Random;
use crate::state::{Source, State};
use proptest::prelude::*;

/// The registers worth writing to.
const REGISTERS: [u64; 19] = [
    0x14, 0x20, 0x24, 0x30, 0x38, 0x44, 0x50, 0x50, 0x50, 0x64, 0x70, 0x80, 0x84, 0x90, 0x94, 0xa0, 0xa4,
    0x100, 0x108,
];

fn peripheral(kind: u8) -> Peripheral {
    match kind {
        0 => Peripheral::Console(Console::new(80, 24)),
        1 => {
            let disk = Overlay::new(Box::new(MemoryDisk::new(vec![1; 1 << 16])));
            Peripheral::Block(Block::new(Box::new(disk), "disk"))
        }
        2 => Peripheral::Net(Net::new([2, 0, 0, 0, 0, 1], true)),
        3 => Peripheral::P9(P9::new("share", Box::new(tree(false)), 0)),
        _ => Peripheral::Entropy(Entropy::new(Random::new(3, 0))),
    }
}

/// An attacker that draws from a seed.
struct Attack {
    random: Random,
}

impl Attack {
    fn below(&mut self, bound: u64) -> u64 {
        self.random.draw() % bound
    }

    /// An address that is good, at an edge, or nonsense.
    fn address(&mut self) -> u64 {
        let inside = RAM_BASE + self.below(8 << 20);
        match self.below(8) {
            0 => self.random.draw(),
            1 => RAM_BASE + (8 << 20) - self.below(64),
            2 => u64::MAX - self.below(64),
            3 => RINGS + self.below(RING_STRIDE),
            _ => inside,
        }
    }

    fn length(&mut self) -> u32 {
        let drawn = match self.below(8) {
            0 => self.random.draw() & u64::from(u32::MAX),
            1 => 16 * self.below(1100),
            2 => 0,
            3 => 1 << 20,
            _ => self.below(2000),
        };
        u32::try_from(drawn).unwrap()
    }

    fn descriptor(&mut self) -> Vec<u8> {
        let mut bytes = self.address().to_le_bytes().to_vec();
        bytes.extend(self.length().to_le_bytes());
        let flags = if self.below(4) == 0 { self.below(8) } else { self.below(4) };
        bytes.extend(&flags.to_le_bytes()[..2]);
        bytes.extend(&self.below(260).to_le_bytes()[..2]);
        bytes
    }

    /// A chain of up to three buffers as an honest driver might offer it, the first of them of random bytes.
    fn plausible(&mut self, driver: &mut Driver, rings: u64, first: u64) {
        let ram = &mut driver.board.ram;
        let buffers = 1 + self.below(3);
        let readable = self.below(buffers + 1);
        for position in 0..buffers {
            let address = RAM_BASE + (1 << 20) + self.below(6 << 20);
            let length =
                u32::try_from([1, 8, 16, 512, 1500][usize::try_from(self.below(5)).unwrap()]).unwrap();
            let header = [self.below(16), self.below(128)];
            ram.write(address, &header.map(u64::to_le_bytes).concat()).unwrap();
            let flags = u16::from(position + 1 < buffers) | if position >= readable { 2 } else { 0 };
            let mut entry = address.to_le_bytes().to_vec();
            entry.extend(length.to_le_bytes());
            entry.extend(flags.to_le_bytes());
            entry.extend(&(first + position + 1).to_le_bytes()[..2]);
            ram.write(rings + 16 * (first + position), &entry).unwrap();
        }
    }

    /// Writes chains into a queue, in most rounds one of them spoilt, and notifies it.
    fn offer(&mut self, driver: &mut Driver, queue: usize) {
        let rings = RINGS + queue as u64 * RING_STRIDE;
        let index = driver.board.ram.load(rings + 0x1002, 2).unwrap();
        let chains = 1 + self.below(8);
        for chain in 0..chains {
            self.plausible(driver, rings, 4 * chain);
            let slot = (index + chain) % 256;
            driver.board.ram.write(rings + 0x1004 + 2 * slot, &(4 * chain).to_le_bytes()[..2]).unwrap();
        }
        if self.below(3) == 0 {
            let descriptor = self.descriptor();
            let spoilt = self.below(4 * chains);
            driver.board.ram.write(rings + 16 * spoilt, &descriptor).unwrap();
        }
        let jump = if self.below(20) == 0 { self.below(70000) } else { chains };
        driver.board.ram.write(rings + 0x1002, &(index + jump).to_le_bytes()[..2]).unwrap();
        driver.set(0x50, queue as u64);
    }

    fn far_side(&mut self, driver: &mut Driver) {
        let bytes = vec![0x41; usize::try_from(self.below(3000)).unwrap()];
        match &mut driver.slot.peripheral {
            Some(Peripheral::Console(console)) => {
                console.push_input(usize::try_from(self.below(3)).unwrap(), &bytes);
            }
            Some(Peripheral::Net(net)) => {
                net.push_frame(bytes);
            }
            _ => {}
        }
        driver.poll();
    }

    fn step(&mut self, driver: &mut Driver, queues: usize) {
        match self.below(12) {
            0 => {
                let register = REGISTERS[usize::try_from(self.below(19)).unwrap()];
                let value = if self.below(2) == 0 { self.below(8) } else { self.random.draw() & 0xffff_ffff };
                driver.set(register, value);
            }
            1 => {
                driver.register(self.random.draw() & 0x1fc);
            }
            2 => self.far_side(driver),
            3 => driver.restart(0),
            _ if driver.needs_reset() && self.below(2) == 0 => driver.restart(feature::INDIRECT),
            _ => {
                let queue = usize::try_from(self.below(queues as u64)).unwrap();
                self.offer(driver, queue);
            }
        }
    }
}

fn check_hoard(driver: &mut Driver) {
    match &mut driver.slot.peripheral {
        Some(Peripheral::Console(console)) => {
            for port in [CONSOLE_PORT, CONTROL_PORT] {
                assert!(console.take_output(port).len() <= 2 * PORT_BYTES_MAX);
            }
        }
        Some(Peripheral::Net(net)) => assert!(std::iter::from_fn(|| net.take_frame()).count() <= FRAMES_MAX),
        _ => {}
    }
}

/// One honest request of each device, which must be served.
fn check_honest(driver: &mut Driver, kind: u8) {
    match kind {
        0 => {
            driver.offer(1, &[Out(b"honest")]);
            let Some(Peripheral::Console(console)) = &mut driver.slot.peripheral else { unreachable!() };
            assert_eq!(console.take_output(CONSOLE_PORT), b"honest");
        }
        1 => {
            let header = [0; 16];
            let at = driver.offer(0, &[Out(&header), In(512), In(1)]);
            assert_eq!(driver.bytes(at + 16 + 512, 1), [0]);
        }
        2 => {
            driver.offer(1, &[Out(&[0; 72])]);
            let Some(Peripheral::Net(net)) = &mut driver.slot.peripheral else { unreachable!() };
            let sent: Vec<_> = std::iter::from_fn(|| net.take_frame()).map(|sent| sent.bytes).collect();
            assert_eq!(sent, [vec![0; 60]]);
        }
        3 => {
            let version = [21, 0, 0, 0, 100, 1, 0, 0, 32, 0, 0, 8, 0];
            driver.offer(0, &[Out(&version), Out(b"9P2000.L"), In(64)]);
            assert_eq!(driver.used(0), [21]);
        }
        _ => {
            driver.offer(0, &[In(8)]);
            assert_eq!(driver.used(0), [8]);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_driver_harms_a_device(kind in 0u8..5, seed: u64) {
        let mut driver = Driver::start(peripheral(kind), 0);
        let queues = match &driver.slot.peripheral {
            Some(Peripheral::Console(console)) => console.queues(),
            Some(Peripheral::Net(net)) => net.queues(),
            _ => 1,
        };
        let mut attack = Attack { random: Random::new(seed, 0) };
        for step in 0..150 {
            attack.step(&mut driver, queues);
            if step % 10 == 9 {
                check_hoard(&mut driver);
            }
        }
        driver.restart(0);
        check_hoard(&mut driver);
        check_honest(&mut driver, kind);
    }

    #[test]
    fn no_saved_state_harms_a_device(kind in 0u8..5, seed: u64) {
        let mut saved = Vec::new();
        Driver::start(peripheral(kind), 0).slot.save(&mut |part| saved.extend_from_slice(part));
        let mut attack = Attack { random: Random::new(seed, 1) };
        for _ in 0..4 {
            let at = usize::try_from(attack.below(saved.len() as u64)).unwrap();
            saved[at] = attack.random.draw().to_le_bytes()[0];
        }
        let mut driver = Driver::reset(peripheral(kind));
        let _ = driver.slot.restore(&mut Source::new(&saved));
        (0..20).for_each(|_| attack.step(&mut driver, 1));
    }
}
