//! The table agrees with itself, and decoding with a plain scan of it.

use isa::{Inst, Op, decode, encode};
use proptest::prelude::*;

/// The first row that matches, found the slow way.
fn scan(word: u32) -> Option<Op> {
    if word & 3 != 3 {
        return None;
    }
    Op::ALL.into_iter().find(|op| word & op.mask() == op.match_bits())
}

#[test]
fn every_bit_of_an_encoding_is_fixed_or_an_operand() {
    for op in Op::ALL {
        assert_eq!(op.match_bits() & !op.mask(), 0, "{op:?}");
        assert_eq!(op.mask() | op.format().operand_mask(), u32::MAX, "{op:?}");
        let shared = op.mask() & op.format().operand_mask();
        let refines = matches!(op, Op::FenceTso);
        assert!(shared == 0 || refines, "{op:?} fixes operand bits {shared:#010x}");
    }
}

#[test]
fn of_overlapping_rows_the_more_specific_stands_first() {
    for (i, a) in Op::ALL.into_iter().enumerate() {
        let free = a.format().operand_mask() & !a.mask();
        assert_eq!(decode(a.match_bits() | free).map(|inst| inst.op), Some(a));
        assert_eq!(Op::from_mnemonic(a.mnemonic()), Some(a), "{a:?} shares its name");
        for b in &Op::ALL[i + 1..] {
            let both = a.mask() & b.mask();
            if a.match_bits() & both == b.match_bits() & both {
                assert_eq!(both, b.mask(), "{a:?} hides part of {b:?} without refining it");
            }
        }
    }
}

#[test]
fn decoding_equals_a_scan_of_the_table_over_all_fixed_fields() {
    for fields in 0..1u32 << 20 {
        let (opcode, funct3, rs2, funct7) =
            (fields & 31, fields >> 5 & 7, fields >> 8 & 31, fields >> 13 & 127);
        for (rd, rs1) in [(0, 0), (1, 0), (0, 1), (31, 31), (10, 21)] {
            let word = funct7 << 25 | rs2 << 20 | rs1 << 15 | funct3 << 12 | rd << 7 | opcode << 2 | 3;
            let inst = decode(word);
            assert_eq!(inst.map(|inst| inst.op), scan(word), "{word:#010x}");
            if let Some(inst) = inst {
                assert_eq!((encode(&inst), inst.raw, inst.len), (word, word, 4), "{inst:?}");
            }
        }
    }
}

#[test]
fn instructions_are_small() {
    assert!(size_of::<Inst>() <= 20);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn encoding_undoes_decoding(word: u32) {
        if let Some(inst) = decode(word) {
            prop_assert_eq!(encode(&inst), if inst.len == 2 { word & 0xffff } else { word });
        }
    }

    #[test]
    fn encoding_undoes_decoding_of_every_operation(row in 0..Op::COUNT, operands: u32) {
        let op = Op::ALL[row];
        let word = op.match_bits() | operands & !op.mask();
        let inst = decode(word).expect("a word of a row decodes");
        prop_assert_eq!(encode(&inst), word);
        // `fence` and `ori` hold the rows that refine them.
        prop_assert!(inst.op == op || inst.op.mask() & op.mask() == op.mask());
    }
}
