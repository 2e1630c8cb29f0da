//! Every compressed half-word, and every form with its expansion.

use isa::{Form, Inst, Op, compress, decode, disassemble, encode};

#[test]
fn encoding_undoes_decoding_of_every_half_word() {
    for half in 0..=u16::MAX {
        if half & 3 == 3 {
            continue;
        }
        // What stands above is the next instruction's and must not matter.
        let inst = decode(u32::from(half));
        assert_eq!(inst, decode(0xdead_0000 | u32::from(half)));
        let Some(inst) = inst else { continue };
        assert_eq!(encode(&inst), u32::from(half), "{half:#06x} {inst:?}");
        assert_eq!((inst.len, inst.raw), (2, u32::from(half)));
        // The expansion is an instruction in its own right.
        let wide = Inst { len: 4, ..inst };
        let back = decode(encode(&wide)).expect("the expansion decodes");
        assert_eq!(Inst { raw: inst.raw, ..back }, wide, "{half:#06x}");
        if let Some(short) = compress(&inst) {
            let again = decode(u32::from(short)).expect("a compressed form");
            assert_eq!(Inst { raw: inst.raw, ..again }, inst);
        }
    }
}

/// Legal encodings of each form, counted by hand from the operand fields and the reserved values.
#[test]
fn each_form_has_as_many_encodings_as_the_specification_gives() {
    let count = |form: Form| {
        (0..=u16::MAX)
            .filter(|&half| half & 3 != 3 && Form::of(half) == Some(form) && decode(half.into()).is_some())
            .count()
    };
    for (form, expected) in [
        (Form::Addi4spn, 8 * 255),
        (Form::Fld, 8 * 8 * 32),
        (Form::Lw, 8 * 8 * 32),
        (Form::Ld, 8 * 8 * 32),
        (Form::Fsd, 8 * 8 * 32),
        (Form::Sw, 8 * 8 * 32),
        (Form::Sd, 8 * 8 * 32),
        (Form::Nop, 64),
        (Form::Addi, 31 * 64),
        (Form::Addiw, 31 * 64),
        (Form::Li, 32 * 64),
        (Form::Addi16sp, 63),
        (Form::Lui, 31 * 63),
        (Form::Srli, 8 * 64),
        (Form::Srai, 8 * 64),
        (Form::Andi, 8 * 64),
        (Form::Sub, 64),
        (Form::Xor, 64),
        (Form::Or, 64),
        (Form::And, 64),
        (Form::Subw, 64),
        (Form::Addw, 64),
        (Form::J, 2048),
        (Form::Beqz, 8 * 256),
        (Form::Bnez, 8 * 256),
        (Form::Slli, 32 * 64),
        (Form::Fldsp, 32 * 64),
        (Form::Lwsp, 31 * 64),
        (Form::Ldsp, 31 * 64),
        (Form::Jr, 31),
        (Form::Mv, 32 * 31),
        (Form::Ebreak, 1),
        (Form::Jalr, 31),
        (Form::Add, 32 * 31),
        (Form::Fsdsp, 32 * 64),
        (Form::Swsp, 32 * 64),
        (Form::Sdsp, 32 * 64),
    ] {
        assert_eq!(count(form), expected, "{form:?}");
    }
}

#[test]
fn reserved_encodings_are_illegal() {
    for (half, why) in [
        (0x0000, "all zeros"),
        (0x0010, "c.addi4spn with immediate 0"),
        (0x8000, "quadrant 0, funct3 4 (Zcb)"),
        (0x2001, "c.addiw with rd 0"),
        (0x6101, "c.addi16sp with immediate 0"),
        (0x6081, "c.lui with immediate 0 (Zcmop)"),
        (0x6001, "c.lui with immediate 0 and rd 0"),
        (0x9c41, "c.mul (Zcb)"),
        (0x9c61, "c.zext.b (Zcb)"),
        (0x4002, "c.lwsp with rd 0"),
        (0x6002, "c.ldsp with rd 0"),
        (0x8002, "c.jr with rs1 0"),
    ] {
        assert_eq!(decode(half), None, "{why}");
    }
}

#[test]
fn hints_expand_to_instructions_without_effect() {
    for half in [0x0005, 0x1001, 0x0081, 0x4005, 0x6005, 0x8006, 0x900a, 0x0006, 0x0082, 0x8001] {
        let inst = decode(half).expect("a hint is legal");
        let moves_nothing = inst.rd == 0 || (inst.rd == inst.rs1 && inst.imm == 0);
        assert!(moves_nothing, "{half:#06x} {inst:?}");
    }
}

#[test]
fn expansions() {
    for (half, form, text) in [
        (0x1fe8, Form::Addi4spn, "addi a0,sp,1020"),
        (0x3d68, Form::Fld, "fld fa0,248(a0)"),
        (0x5d68, Form::Lw, "lw a0,124(a0)"),
        (0x7d68, Form::Ld, "ld a0,248(a0)"),
        (0xb36c, Form::Fsd, "fsd fa1,224(a4)"),
        (0xc1d8, Form::Sw, "sw a4,4(a1)"),
        (0xe394, Form::Sd, "sd a3,0(a5)"),
        (0x0001, Form::Nop, "addi zero,zero,0"),
        (0x157d, Form::Addi, "addi a0,a0,-1"),
        (0x2505, Form::Addiw, "addiw a0,a0,1"),
        (0x5501, Form::Li, "addi a0,zero,-32"),
        (0x7139, Form::Addi16sp, "addi sp,sp,-64"),
        (0x757d, Form::Lui, "lui a0,0xfffff"),
        (0x917d, Form::Srli, "srli a0,a0,0x3f"),
        (0x8505, Form::Srai, "srai a0,a0,0x1"),
        (0x997d, Form::Andi, "andi a0,a0,-1"),
        (0x8d0d, Form::Sub, "sub a0,a0,a1"),
        (0x8d2d, Form::Xor, "xor a0,a0,a1"),
        (0x8d4d, Form::Or, "or a0,a0,a1"),
        (0x8d6d, Form::And, "and a0,a0,a1"),
        (0x9d0d, Form::Subw, "subw a0,a0,a1"),
        (0x9d2d, Form::Addw, "addw a0,a0,a1"),
        (0xbffd, Form::J, "jal zero,0x7ffffffe"),
        (0xd575, Form::Beqz, "beq a0,zero,0x7fffffec"),
        (0xe111, Form::Bnez, "bne a0,zero,0x80000004"),
        (0x0506, Form::Slli, "slli a0,a0,0x1"),
        (0x2572, Form::Fldsp, "fld fa0,280(sp)"),
        (0x50fe, Form::Lwsp, "lw ra,252(sp)"),
        (0x70fe, Form::Ldsp, "ld ra,504(sp)"),
        (0x8082, Form::Jr, "jalr zero,0(ra)"),
        (0x852e, Form::Mv, "add a0,zero,a1"),
        (0x9002, Form::Ebreak, "ebreak"),
        (0x9502, Form::Jalr, "jalr ra,0(a0)"),
        (0x952e, Form::Add, "add a0,a0,a1"),
        (0xbfaa, Form::Fsdsp, "fsd fa0,504(sp)"),
        (0xdf86, Form::Swsp, "sw ra,252(sp)"),
        (0xff86, Form::Sdsp, "sd ra,504(sp)"),
    ] {
        let inst = decode(half).unwrap_or_else(|| panic!("{half:#06x} is legal"));
        assert_eq!(format!("{:#}", disassemble(inst, 0x8000_0000)), text, "{half:#06x}");
        assert_eq!(Form::of(u16::try_from(half).expect("a half-word")), Some(form));
        assert_eq!(compress(&Inst { len: 4, ..inst }).map(u32::from), Some(half), "{text}");
    }
    assert_eq!(compress(&Inst::of(Op::Mul)), None);
}
