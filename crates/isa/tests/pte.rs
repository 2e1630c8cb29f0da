//! Page-table entries and the parameters of the modes.

use isa::pte::{Mode, Pte};

#[test]
fn an_entry_holds_its_frame_and_its_flags() {
    let pte = Pte::new(0xfff_ffff_ffff, Pte::V | Pte::R | Pte::A | Pte::N);
    assert_eq!(pte.ppn(), 0xfff_ffff_ffff);
    assert!(pte.is_valid() && pte.is_readable() && pte.is_accessed() && pte.is_napot() && pte.is_leaf());
    assert!(
        !pte.is_writable() && !pte.is_executable() && !pte.is_user() && !pte.is_dirty() && !pte.is_global()
    );
    assert_eq!(Pte(3 << 61).pbmt(), 3);
    assert!(!Pte::new(1, Pte::V | Pte::U).is_leaf());
    let fields = [Pte::PPN, Pte::RESERVED, Pte::PBMT, Pte::N, Pte::RSW, 0xff];
    assert_eq!(fields.iter().fold(0, |all, field| all | field), u64::MAX, "every bit has a field");
    assert_eq!(fields.iter().map(|field| field.count_ones()).sum::<u32>(), 64, "and only one");
}

#[test]
fn modes_divide_an_address() {
    for (mode, field, levels, bits) in
        [(Mode::Sv39, 8, 3, 39), (Mode::Sv48, 9, 4, 48), (Mode::Sv57, 10, 5, 57)]
    {
        assert_eq!(Mode::from_field(field), Some(mode));
        assert_eq!((mode.field(), mode.levels(), mode.address_bits()), (field, levels, bits));
        let top = 1u64 << (bits - 1);
        assert!(
            mode.is_canonical(top - 1) && !mode.is_canonical(top) && mode.is_canonical(top.wrapping_neg())
        );
        let address =
            (0..levels).fold(0, |address, level| address | (u64::from(level) + 5) << (12 + 9 * level));
        assert!((0..levels).all(|level| mode.index(address, level) == u64::from(level) + 5));
    }
    assert_eq!(Mode::from_field(0), Some(Mode::Bare));
    assert!(Mode::Bare.is_canonical(u64::MAX / 2));
    assert_eq!((1..16).filter(|&field| Mode::from_field(field).is_some()).count(), 3);
}
