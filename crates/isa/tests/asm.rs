//! The assembler: constants, labels, data, and that its methods write what they are named after.

use isa::asm::{Asm, Rm};
use isa::reg::{FReg, Reg};
use isa::{Op, csr, decode, disassemble};

fn listing(write: impl FnOnce(&mut Asm)) -> Vec<String> {
    let mut a = Asm::new(0x8000_0000);
    write(&mut a);
    let bytes = a.finish();
    let mut lines = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let mut word = [0; 4];
        let end = bytes.len().min(at + 4);
        word[..end - at].copy_from_slice(&bytes[at..end]);
        let inst = decode(u32::from_le_bytes(word)).expect("an instruction");
        lines.push(disassemble(inst, 0x8000_0000 + at as u64).to_string());
        at += usize::from(inst.len);
    }
    lines
}

#[test]
fn one_method_of_each_kind() {
    let (a0, a1, a2) = (Reg::A0, Reg::A1, Reg::A2);
    let (fa0, fa1, fa2, fa3) = (FReg::FA0, FReg::FA1, FReg::FA2, FReg::FA3);
    let lines = listing(|a| {
        a.lui(a0, 0x12345).auipc(a0, -1).jal(Reg::RA, 16).jalr(Reg::RA, a0, -4);
        a.blt(a0, a1, -8).lw(a0, a1, -4).sd(a0, a1, 2040).srai(a0, a1, 63).add(a0, a1, a2);
        a.clz(a0, a1).csrrw(a0, csr::MSTATUS, a1).csrrwi(a0, csr::MIE, 31);
        a.amoadd_w(a0, a1, a2).lr_d(a0, a1).sfence_vma(a0, a1).hlv_wu(a0, a1).hsv_d(a0, a1);
        a.cbo_zero(a0).prefetch_w(a0, -32).fld(fa0, a0, 8).fsw(fa0, a0, -8).fsgnj_s(fa0, fa1, fa2);
        a.fadd_d(fa0, fa1, fa2, Rm::Rup).fsqrt_s(fa0, fa1, Rm::Dyn).feq_d(a0, fa1, fa2).fclass_s(a0, fa0);
        a.fcvt_lu_d(a0, fa0, Rm::Rtz).fmv_d_x(fa0, a0).fcvt_s_l(fa0, a0, Rm::Rmm);
        a.fmadd_d(fa0, fa1, fa2, fa3, Rm::Rne).fli_d(fa0, 31).fence().fence_tso().wfi().pause();
    });
    assert_eq!(
        lines.join("\n"),
        "lui a0,0x12345\nauipc a0,0xfffff\njal 0x80000018\njalr ra,-4(a0)\n\
         blt a0,a1,0x80000008\nlw a0,-4(a1)\nsd a0,2040(a1)\nsrai a0,a1,0x3f\nadd a0,a1,a2\n\
         clz a0,a1\ncsrrw a0,mstatus,a1\ncsrrwi a0,mie,31\n\
         amoadd.w a0,a1,(a2)\nlr.d a0,(a1)\nsfence.vma a0,a1\nhlv.wu a0,(a1)\nhsv.d a0,(a1)\n\
         cbo.zero (a0)\nprefetch.w -32(a0)\nfld fa0,8(a0)\nfsw fa0,-8(a0)\nfsgnj.s fa0,fa1,fa2\n\
         fadd.d fa0,fa1,fa2,rup\nfsqrt.s fa0,fa1\nfeq.d a0,fa1,fa2\nfclass.s a0,fa0\n\
         fcvt.lu.d a0,fa0,rtz\nfmv.d.x fa0,a0\nfcvt.s.l fa0,a0,rmm\n\
         fmadd.d fa0,fa1,fa2,fa3,rne\nfli.d fa0,nan\nfence iorw,iorw\nfence.tso\nwfi\npause"
    );
}

#[test]
fn labels_reach_forwards_and_backwards() {
    let lines = listing(|a| {
        let end = a.label();
        let top = a.here();
        a.la(Reg::A0, end).beqz(Reg::A0, end).j(top).place(end).nop();
    });
    assert_eq!(lines, ["auipc a0,0x0", "addi a0,a0,16", "beqz a0,0x80000010", "j 0x80000000", "nop"]);
}

#[test]
fn compressed_forms_on_demand() {
    let lines = listing(|a| {
        a.compressed(|a| {
            a.addi(Reg::SP, Reg::SP, -64);
        });
        a.compressed(|a| {
            a.ld(Reg::A0, Reg::SP, 8);
        });
    });
    assert_eq!(lines, ["addi sp,sp,-64", "ld a0,8(sp)"]);
}

#[test]
fn a_hint_of_another_name_may_be_written_as_what_it_is() {
    let lines = listing(|a| {
        a.ori(Reg::ZERO, Reg::A0, 33).ori(Reg::ZERO, Reg::A0, 34);
    });
    assert_eq!(lines, ["prefetch.r 32(a0)", "ori zero,a0,34"]);
}

#[test]
#[should_panic(expected = "operand out of range")]
fn an_operand_that_does_not_fit_is_refused() {
    Asm::new(0).addi(Reg::A0, Reg::A0, 2048);
}

/// Executes the instructions that `li` uses.
fn run_li(value: u64) -> u64 {
    let mut a = Asm::new(0);
    a.li(Reg::A0, value);
    let mut x = 0u64;
    for word in a.finish().chunks(4) {
        let inst = decode(u32::from_le_bytes(word.try_into().expect("four bytes"))).expect("legal");
        let imm = i64::from(inst.imm);
        x = match inst.op {
            Op::Lui => imm.cast_unsigned(),
            Op::Addi if inst.rs1 == 0 => imm.cast_unsigned(),
            Op::Addi => x.wrapping_add_signed(imm),
            Op::Addiw => {
                let sum = x.wrapping_add_signed(imm);
                ((sum << 32).cast_signed() >> 32).cast_unsigned()
            }
            Op::Slli => x << imm,
            other => panic!("{other:?} in li"),
        };
    }
    x
}

#[test]
fn li_loads_every_constant() {
    let mut values = vec![0, 1, u64::MAX, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff, 0x7fff_f800, 1 << 63];
    for bit in 0..64 {
        for near in -2049i64..=2049 {
            if !(3..2040).contains(&near.abs()) {
                values.push((1u64 << bit).wrapping_add_signed(near));
            }
        }
    }
    for value in values {
        assert_eq!(run_li(value), value, "{value:#x}");
    }
}
