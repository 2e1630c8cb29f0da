//! Random instructions for straight-line code that reads and writes registers and the data near `gp` and `tp`.

use isa::asm::Asm;
use isa::csr as n;
use isa::reg::Reg;
use isa::{Extension, Format, Inst, Op};

use crate::rng::Rng;

/// Registers that random instructions may write: not `zero`, `ra`, `sp`, `gp`, `tp` and `t0` to `t2`.
const DESTINATIONS: std::ops::Range<u64> = 8..32;
/// Counters, which are exact wherever they are read.
const COUNTERS: [u16; 3] = [n::CYCLE, n::TIME, n::INSTRET];

/// Appends one instruction, often a compressed one.
pub fn instruction(rng: &mut Rng, asm: &mut Asm) {
    if rng.one_in(3) {
        let (rd, imm) = (destination(rng), i32::try_from(rng.below(31)).expect("small") + 1);
        let rs = destination(rng);
        match rng.below(5) {
            0 => asm.compressed(|a| {
                a.addi(rd, rd, imm);
            }),
            1 => asm.compressed(|a| {
                a.addi(rd, Reg::ZERO, imm);
            }),
            2 => asm.compressed(|a| {
                a.add(rd, rd, rs);
            }),
            3 => asm.compressed(|a| {
                a.slli(rd, rd, imm);
            }),
            _ => asm.compressed(|a| {
                a.add(rd, Reg::ZERO, rs);
            }),
        };
    } else {
        instruction_of_four(rng, asm);
    }
}

/// Appends one instruction of four bytes.
pub fn instruction_of_four(rng: &mut Rng, asm: &mut Asm) {
    match rng.below(16) {
        0 => {
            let (rd, counter) = (destination(rng), rng.pick(&COUNTERS));
            asm.csrr(rd, counter);
        }
        1 | 2 => {
            // Over the next instruction, which may be of two bytes: then into the middle of the one behind.
            let (a, b) = (any_register(rng), any_register(rng));
            let to = rng.pick(&[8, 8, 12]);
            match rng.below(4) {
                0 => asm.beq(a, b, to),
                1 => asm.bne(a, b, to),
                2 => asm.blt(a, b, to),
                _ => asm.bgeu(a, b, to),
            };
            for _ in 0..2 {
                let (rd, rs) = (destination(rng), any_register(rng));
                asm.add(rd, rd, rs);
            }
        }
        _ => {
            let inst = any(rng);
            asm.inst(inst);
        }
    }
}

/// An instruction without the next address in it, of any extension but the privileged ones.
pub fn any(rng: &mut Rng) -> Inst {
    loop {
        let op = rng.pick(&Op::ALL);
        if matches!(op.extension(), Extension::H | Extension::Svinval) {
            continue;
        }
        let mut inst = Inst::of(op);
        let small = |rng: &mut Rng, bound| i32::try_from(rng.below(bound)).expect("small");
        inst.rd = destination(rng).number();
        (inst.rs1, inst.rs2, inst.rs3) =
            (any_register(rng).number(), any_register(rng).number(), any_register(rng).number());
        match op.format() {
            Format::U => inst.imm = small(rng, 1 << 19) << 12,
            Format::I => inst.imm = small(rng, 4096) - 2048,
            Format::Shift6 => inst.imm = small(rng, 64),
            Format::Shift5 => inst.imm = small(rng, 32),
            Format::Load | Format::Store | Format::FLoad | Format::FStore => {
                inst.rs1 = base(rng).number();
                let mask = if rng.one_in(4) { !0 } else { !7 };
                inst.imm = small(rng, 2040) & mask;
            }
            Format::Amo | Format::Lr => inst.rs1 = base(rng).number(),
            Format::FRm | Format::FUnaryRm | Format::FToXRm | Format::XToFRm | Format::FR4 => {
                inst.rm = rng.pick(&[7, 7, 7, 7, 0, 1, 2, 3, 4, 5]);
            }
            Format::R | Format::RUnary | Format::FR | Format::FCmp | Format::FToX | Format::XToF => {}
            Format::Fli => {}
            _ => continue,
        }
        // What the format has no field for is 0.
        return isa::decode(isa::encode(&inst)).expect("an instruction of the table");
    }
}

/// Where loads, stores and atomics go.
fn base(rng: &mut Rng) -> Reg {
    rng.pick(&[Reg::GP, Reg::GP, Reg::TP])
}

fn destination(rng: &mut Rng) -> Reg {
    let number = DESTINATIONS.start + rng.below(DESTINATIONS.end - DESTINATIONS.start);
    Reg::new(u8::try_from(number).expect("small")).expect("a register")
}

fn any_register(rng: &mut Rng) -> Reg {
    Reg::new(u8::try_from(rng.below(32)).expect("small")).expect("a register")
}
