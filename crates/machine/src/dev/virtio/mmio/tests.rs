//! The transport's registers, negotiation, and what it does with a device that was driven wrongly.

use super::*;
use crate::dev::virtio::driver::Buffer::In;
use crate::dev::virtio::driver::Driver;
use crate::random::Random;
use crate::state::Source;

fn entropy() -> Peripheral {
    Peripheral::Entropy(Entropy::new(Random::new(1, 0)))
}

#[test]
fn an_empty_slot_has_device_number_zero() {
    let mut board = crate::dev::script::Board::new();
    let mut slot = Mmio::new(1, None);
    for (offset, value) in
        [(0, u64::from(MAGIC)), (4, 2), (8, 0), (0x10, 0), (0x34, 0), (0x100, 0), (0x70, 0)]
    {
        assert_eq!(slot.read(offset, 4, &mut board.context()), Some(value), "{offset:#x}");
    }
    slot.write(0x70, 4, 15, &mut board.context()).unwrap();
    assert_eq!(slot.status(), 0);
}

#[test]
fn registers_say_what_the_device_is() {
    let mut driver = Driver::reset(entropy());
    assert_eq!((driver.register(0), driver.register(4), driver.register(8)), (u64::from(MAGIC), 2, 4));
    assert_eq!((driver.register(0x34), driver.register(0xb0)), (256, u64::from(u32::MAX)));
    driver.set(0x30, 1);
    assert_eq!(driver.register(0x34), 0);
    driver.set(0x14, 1);
    assert_eq!(driver.register(0x10), 1);
    driver.set(0x14, 2);
    assert_eq!(driver.register(0x10), 0);
    let mut board = crate::dev::script::Board::new();
    assert_eq!(driver.slot.read(0, 8, &mut board.context()), Some(2 << 32 | u64::from(MAGIC)));
    assert_eq!(driver.slot.read(0, 2, &mut board.context()), Some(0));
}

#[test]
fn features_are_agreed_on_with_nothing_unknown() {
    let cases = [
        (feature::VERSION_1, true),
        (feature::VERSION_1 | feature::INDIRECT | feature::EVENT_INDEX, true),
        (0, true),
        (feature::INDIRECT, true),
        (feature::INDIRECT | 1 << 20, false),
        (feature::VERSION_1 | 1 << 33, false),
        (feature::VERSION_1 | 1, false),
    ];
    for (features, agreed) in cases {
        let mut driver = Driver::reset(entropy());
        driver.negotiate(features);
        assert_eq!(driver.register(0x70) & 8 != 0, agreed, "{features:#x}");
    }
}

#[test]
fn nothing_is_consumed_before_the_driver_is_ready() {
    let mut driver = Driver::reset(entropy());
    driver.negotiate(feature::VERSION_1);
    driver.set_up_queue(0);
    driver.offer(0, &[In(8)]);
    assert!(driver.used(0).is_empty());
    driver.set(0x70, 15);
    assert_eq!(driver.used(0), [8]);
    assert!(driver.interrupted());
    driver.set(0x64, 1);
    assert!(!driver.interrupted());
}

#[test]
fn a_violation_stops_the_device_until_a_reset() {
    let mut driver = Driver::start(entropy(), 0);
    driver.offer(0, &[In(u64::from(u32::MAX))]);
    assert!(driver.needs_reset() && driver.interrupted());
    assert_eq!(driver.register(0x60), 2);
    driver.set(0x70, 15);
    assert!(driver.needs_reset(), "only a reset clears it");
    driver.set(0x70, 0);
    assert_eq!((driver.register(0x70), driver.register(0x60)), (0, 0));
    assert!(!driver.interrupted());
}

#[test]
fn rings_out_of_memory_need_a_reset_and_addresses_of_a_ready_queue_stay() {
    let mut driver = Driver::reset(entropy());
    driver.negotiate(feature::VERSION_1);
    driver.set(0x84, 0xffff_ffff);
    driver.set(0x44, 1);
    assert!(driver.needs_reset());
    assert_eq!(driver.register(0x44), 0);
    let mut driver = Driver::start(entropy(), 0);
    driver.set(0x80, 0);
    driver.set(0x38, 2);
    driver.offer(0, &[In(5)]);
    assert_eq!(driver.used(0), [5]);
}

#[test]
fn entropy_depends_on_the_seed_alone() {
    let draw = |seed| {
        let mut driver = Driver::start(Peripheral::Entropy(Entropy::new(Random::new(seed, 0))), 0);
        let at = driver.offer(0, &[In(16), In(16)]);
        assert_eq!(driver.used(0), [32]);
        driver.bytes(at, 32)
    };
    assert_eq!(draw(7), draw(7));
    assert_ne!(draw(7), draw(8));
}

#[test]
fn a_saved_slot_goes_on_where_it_was() {
    let mut driver = Driver::start(entropy(), 0);
    driver.offer(0, &[In(8)]);
    let mut saved = Vec::new();
    driver.slot.save(&mut |part| saved.extend_from_slice(part));
    let second = driver.offer(0, &[In(8)]);
    let drawn = driver.bytes(second, 8);
    driver.slot = Mmio::new(1, Some(Peripheral::Entropy(Entropy::new(Random::new(99, 0)))));
    driver.slot.restore(&mut Source::new(&saved)).unwrap();
    driver.set(0x50, 0);
    assert_eq!(driver.bytes(second, 8), drawn);
    assert_eq!(driver.used(0), [8, 8]);
    let mut other = Mmio::new(1, Some(Peripheral::Console(Console::new(80, 24))));
    assert!(other.restore(&mut Source::new(&saved)).is_err());
}
