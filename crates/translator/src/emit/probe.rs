//! Which operations of the instruction table have host code, for reports.

use super::{Emitter, Target};
use crate::block::{self, Block, Unit};
use crate::lower;
use isa::{Format, Inst, Op, csr};

/// Registers with which accesses are tried: host code knows some of them.
const REGISTERS: [u16; 5] = [csr::SSCRATCH, csr::SEPC, csr::SCAUSE, csr::STVAL, csr::FRM];

/// Operations that translated code always hands to the interpreter, in the order of the instruction table.
pub fn interpreted() -> Vec<Op> {
    Op::ALL.into_iter().filter(|op| !has_host_code(*op)).collect()
}

/// Whether some instruction of `op` is lowered.
fn has_host_code(op: Op) -> bool {
    !block::leaves(op) && samples(op).iter().any(lowers)
}

fn lowers(inst: &Inst) -> bool {
    let target = Target::default();
    let unit = Unit {
        blocks: vec![Block { va: 0, insts: vec![*inst] }],
        loops: false,
        alone: false,
        relative: false,
    };
    let mut emitter = Emitter::new(&target, &unit);
    emitter.begin(0);
    lower::lower(&mut emitter, inst)
}

/// Ordinary instructions of `op`: different registers, a short offset.
fn samples(op: Op) -> Vec<Inst> {
    let plain = Inst { rd: 10, rs1: 11, rs2: 12, rs3: 13, imm: 8, ..Inst::of(op) };
    let variants = match op.format() {
        Format::Csr | Format::CsrImm => {
            REGISTERS.iter().map(|number| Inst { imm: i32::from(*number), ..plain }).collect()
        }
        Format::U => vec![Inst { imm: 1 << 12, ..plain }],
        // Dynamic rounding, where the format has a mode.
        _ => vec![Inst { rm: 7, ..plain }],
    };
    let exact = |inst: &Inst| isa::decode(isa::encode(inst)).filter(|inst| inst.op == op);
    variants.iter().filter_map(exact).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_is_tried() {
        let untried: Vec<Op> = Op::ALL.into_iter().filter(|op| samples(*op).is_empty()).collect();
        assert!(untried.is_empty(), "no sample of {untried:?}");
    }

    #[test]
    fn the_usual_ones_have_host_code_and_the_rare_ones_have_none() {
        let interpreted = interpreted();
        for op in [Op::Add, Op::Ld, Op::Sd, Op::Beq, Op::Jalr, Op::FaddD, Op::AmoaddD, Op::Mul] {
            assert!(!interpreted.contains(&op), "{op:?}");
        }
        for op in [Op::Ecall, Op::Mret, Op::Wfi, Op::HlvD] {
            assert!(interpreted.contains(&op), "{op:?}");
        }
    }
}
