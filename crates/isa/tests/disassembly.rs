//! One word of every instruction in the syntax of the GNU tools, and the common pseudo-instructions.
//!
//! `BLESS=1` rewrites the golden file; the text was compared with that of binutils 2.40 for what it knows.

use isa::{Op, csr, decode, disassemble};

const PC: u64 = 0x8000_0000;
const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/disassembly.txt");

/// A word of `op` whose operands are not all alike.
fn sample(op: Op) -> u32 {
    let operands = 0x1234_5678u32.rotate_left((op as u32).wrapping_mul(7)) ^ 0x0aa5_5aa0;
    op.match_bits() | operands & !op.mask()
}

#[test]
fn every_instruction_reads_as_in_the_golden_file() {
    let mut text = String::new();
    for op in Op::ALL {
        let word = sample(op);
        let inst = decode(word).expect("a word of a row decodes");
        let (extension, section) = (op.extension(), op.spec());
        text += &format!("{word:08x}  {:#}  ; {extension}, {section}\n", disassemble(inst, PC));
    }
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(GOLDEN, &text).expect("the golden file can be written");
    }
    let golden = std::fs::read_to_string(GOLDEN).expect("the golden file");
    for (found, expected) in text.lines().zip(golden.lines()) {
        assert_eq!(found, expected);
    }
    assert_eq!(text.len(), golden.len());
}

#[test]
fn pseudo_instructions() {
    for (word, text) in [
        (0x0000_0013, "nop"),
        (0xfff0_0513, "li a0,-1"),
        (0x0005_8513, "mv a0,a1"),
        (0x0005_851b, "sext.w a0,a1"),
        (0x0ff5_f513, "zext.b a0,a1"),
        (0x0805_853b, "zext.w a0,a1"),
        (0xfff5_c513, "not a0,a1"),
        (0x40b0_0533, "neg a0,a1"),
        (0x0015_b513, "seqz a0,a1"),
        (0x00b0_3533, "snez a0,a1"),
        (0x0000_006f, "j 0x80000000"),
        (0x0080_00ef, "jal 0x80000008"),
        (0x0000_8067, "ret"),
        (0x0005_0067, "jr a0"),
        (0x0005_00e7, "jalr a0"),
        (0x0005_0463, "beqz a0,0x80000008"),
        (0xfe05_1ee3, "bnez a0,0x7ffffffc"),
        (0x3000_2573, "csrr a0,mstatus"),
        (0x1805_1073, "csrw satp,a0"),
        (0x3040_6073, "csrsi mie,0"),
        (0x1200_0073, "sfence.vma"),
        (0xb0a0_2573, "csrr a0,mhpmcounter10"),
        (0x3a40_2573, "csrr a0,pmpcfg4"),
        (0x8005_1073, "csrw 0x800,a0"),
        (0x0000_4505, "li a0,1"),
        (0x0000_8082, "ret"),
    ] {
        let inst = decode(word).unwrap_or_else(|| panic!("{word:#010x} is legal"));
        assert_eq!(disassemble(inst, PC).to_string(), text);
    }
}

#[test]
fn csr_names_and_numbers() {
    for (number, name) in [
        (csr::FCSR, "fcsr"),
        (csr::HPMCOUNTER3 + 28, "hpmcounter31"),
        (csr::PMPADDR0 + 63, "pmpaddr63"),
        (csr::PMPCFG0 + 14, "pmpcfg14"),
        // The odd ones exist with 32 bits only.
        (csr::PMPCFG0 + 1, "0x3a1"),
        (csr::MHPMEVENT3 + 28, "mhpmevent31"),
        (csr::SSTATEEN0 + 3, "sstateen3"),
        (csr::STLBVPN, "stlbvpn"),
        (0x7ff, "0x7ff"),
    ] {
        assert_eq!(csr::name(number).to_string(), name);
        assert_eq!(csr::is_known(number), !name.starts_with("0x"));
    }
    let mut numbers: Vec<u16> = csr::numbers().collect();
    let count = numbers.len();
    numbers.sort_unstable();
    numbers.dedup();
    assert_eq!(numbers.len(), count, "two registers share a number");
    assert!(
        csr::is_read_only(csr::CYCLE) && csr::is_read_only(csr::MHARTID) && csr::is_read_only(csr::HGEIP)
    );
    assert!(!csr::is_read_only(csr::MSTATUS) && !csr::is_read_only(csr::FCSR));
    assert_eq!(csr::privilege(csr::VSATP), csr::Privilege::Hypervisor);
    assert_eq!(csr::privilege(csr::STLBCMD), csr::Privilege::Supervisor);
}
