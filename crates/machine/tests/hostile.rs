//! The bare-metal program that fills every device register and every virtio ring with garbage, on a full board.

use machine::dev::virtio::block::Block;
use machine::dev::virtio::console::Console;
use machine::dev::virtio::disk::{MemoryDisk, Overlay};
use machine::dev::virtio::entropy::Entropy;
use machine::dev::virtio::mmio::Peripheral;
use machine::dev::virtio::net::Net;
use machine::fdt::{self, Boot};
use machine::interp::Interpreter;
use machine::load::{elf, place};
use machine::node::{Config, Halt, Limits, Node, Pause};
use machine::ram::RAM_BASE;
use machine::random::Random;

const PROGRAM: &[u8] = include_bytes!("../../../guest/prebuilt/hostile.elf");
const DEVICE_TREE: u64 = RAM_BASE + (15 << 20);
const LIMITS: Limits = Limits { instructions: 100_000_000, cycle: u64::MAX };

/// Runs the program; returns how it ended, what it printed, and the digest.
fn run() -> (Pause, String, blake3::Hash) {
    let mut config = Config::default();
    config.board.memory_bytes = 16 << 20;
    config.board.aclint = true;
    let mut node = Node::new(&config, Box::new(Interpreter::new(1))).unwrap();
    let disk = Overlay::new(Box::new(MemoryDisk::new(vec![7; 1 << 20])));
    let devices = [
        Peripheral::Console(Console::new(80, 24)),
        Peripheral::Block(Block::new(Box::new(disk), "disk")),
        Peripheral::Net(Net::new([2, 0, 0, 0, 0, 1], true)),
        Peripheral::Entropy(Entropy::new(Random::new(1, 0))),
    ];
    for device in devices {
        node.bus.attach(device).unwrap();
    }
    let program = elf::parse(PROGRAM).unwrap();
    place(&program.parts, &mut node.bus.ram).unwrap();
    let tree = fdt::build(&config.board, &Boot { page_tables: true, ..Boot::default() }).unwrap();
    node.bus.ram.write(DEVICE_TREE, &tree).unwrap();
    node.start_supervisor(0, program.entry, DEVICE_TREE);
    let pause = node.run(LIMITS);
    let mut hash = blake3::Hasher::new();
    node.digest(&mut |bytes| {
        hash.update(bytes);
    });
    let printed = String::from_utf8_lossy(&node.take_console()).into_owned();
    (pause, printed, hash.finalize())
}

#[test]
fn garbage_in_every_register_and_ring_harms_nothing_and_does_the_same_twice() {
    let first = run();
    // The garbage reaches the finisher's neighbours only, so that the program itself says when it is done.
    assert!(first.1.contains("rings of 4 virtio devices"), "{}", first.1);
    assert!(first.1.contains("hostile: still here"), "{}", first.1);
    assert_eq!(first.0, Pause::Halted(Halt::PowerOff));
    assert_eq!(run(), first);
}
