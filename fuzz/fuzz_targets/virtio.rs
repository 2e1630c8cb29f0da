//! Every virtio device under a driver that writes what it likes into registers, rings and buffers.
#![no_main]

use fuzz::Input;
use fuzz::driver::{BUFFERS, Driver, MEMORY_BYTES, RING_STRIDE, RINGS};
use libfuzzer_sys::fuzz_target;
use machine::dev::virtio::block::Block;
use machine::dev::virtio::console::{CONSOLE_PORT, CONTROL_PORT, Console};
use machine::dev::virtio::disk::{MemoryDisk, Overlay};
use machine::dev::virtio::entropy::Entropy;
use machine::dev::virtio::mmio::Peripheral;
use machine::dev::virtio::net::Net;
use machine::ram::RAM_BASE;
use machine::random::Random;

/// The most actions of an input.
const ACTIONS_MAX: usize = 256;

fn device(kind: u8) -> (Peripheral, u64) {
    match kind % 4 {
        0 => (Peripheral::Console(Console::new(80, 24)), 6),
        1 => {
            let disk = Overlay::new(Box::new(MemoryDisk::new(vec![1; 1 << 16])));
            (Peripheral::Block(Block::new(Box::new(disk), "disk")), 1)
        }
        2 => (Peripheral::Net(Net::new([2, 0, 0, 0, 0, 1], true)), 3),
        _ => (Peripheral::Entropy(Entropy::new(Random::new(3, 0))), 1),
    }
}

/// Each device, and chains of two as an honest driver offers them.
fn seeds() -> Vec<Vec<u8>> {
    let offer = |queue: u8| {
        let readable = [1, queue, 0, 0, 0, 16, 0, 1, 0, 1, 0];
        let writable = [1, queue, 1, 16, 0, 0, 2, 2, 0, 0, 0];
        [&readable[..], &writable, &[0, queue, 0, 0]].concat()
    };
    let seed =
        |device: u8| [vec![device], offer(0), offer(1), vec![5, 1, 4, 70, 7, 0, 0, 0, 6, 0x70]].concat();
    (0..4).map(seed).collect()
}

/// An address that is good, at an edge, or nonsense.
fn address(input: &mut Input<'_>) -> u64 {
    let (kind, offset) = (input.byte(), u64::from(input.half()));
    match kind & 0x0f {
        13 => RAM_BASE + MEMORY_BYTES - offset % 64,
        14 => u64::MAX - offset,
        15 => input.long(),
        12 => RINGS + offset,
        _ => BUFFERS + offset * 8,
    }
}

fn act(driver: &mut Driver, input: &mut Input<'_>) {
    let action = input.byte() % 8;
    let queue = u64::from(input.byte() % 8);
    match action {
        0 => driver.offer(queue, input.half()),
        1 => {
            let (number, at) = (u64::from(input.byte()), address(input));
            let (length, flags, next) = (u32::from(input.half()), input.half(), input.half());
            driver.describe(queue, number, at, length << (flags >> 12), flags & 7, next);
        }
        2 => {
            let at = address(input);
            let length = usize::from(input.byte());
            let _ = driver.node.bus.ram.write(at, input.take(length));
        }
        3 => {
            let at = RINGS + queue * RING_STRIDE + u64::from(input.half()) % RING_STRIDE;
            let _ = driver.node.bus.ram.write(at, &input.array::<4>());
        }
        4 => {
            let register = u64::from(input.byte()) * 4;
            let value = input.word();
            driver.set(register & 0x1fc, value.into());
        }
        5 => far_side(driver, input),
        6 => {
            let offset = u64::from(input.byte()) * 2;
            driver.get(offset, 1 << (offset & 3));
        }
        _ => driver.start(u64::from(input.word()) | u64::from(input.byte()) << 28, queue),
    }
}

/// What the run loop does with a device.
fn far_side(driver: &mut Driver, input: &mut Input<'_>) {
    let length = usize::from(input.byte());
    let bytes = vec![0x41; length * 16];
    if let Some(console) = driver.node.bus.console() {
        for port in [CONSOLE_PORT, CONTROL_PORT] {
            console.push_input(port, &bytes);
            let _ = console.take_output(port);
        }
        console.resize(100, 50);
    }
    if let Some(net) = driver.node.bus.nets().next() {
        net.push_frame(bytes);
        let _ = net.take_frame();
        net.set_link(length % 2 == 0);
    }
    driver.set(0x64, 3);
}

fuzz_target!(init: fuzz::seed(seeds()), |data: &[u8]| {
    let mut input = Input(data);
    let (device, queues) = device(input.byte());
    let mut driver = Driver::new(device, queues);
    for _ in 0..ACTIONS_MAX {
        if input.is_empty() {
            break;
        }
        act(&mut driver, &mut input);
    }
    driver.start(0, queues);
    assert_eq!(driver.get(0x70, 4), Some(15), "after a reset the device serves an honest driver");
});
