//! The context switch: two processes, one CPU, a timer.

use super::stage::{DATA, KERNEL, Names, Stage};
use crate::exit::Failure;
use crate::tour::{Entry, Shown};
use isa::asm::Asm;
use isa::csr;
use isa::reg::Reg;
use machine::csr::{mip, status};

/// Multiprogramming by the timer.
pub(super) const SWITCH: Entry = Entry {
    name: "context-switch",
    title: ("Context switch on the timer", "Cambio di contesto sul timer"),
    means: "Each process has a virtual CPU, a structure that holds its registers; they become real in turn.",
    file: "crates/machine/src/interrupt.rs",
    next: "multivac tour time-sharing",
    run: switch,
};

/// The virtual CPUs: 31 registers, the program counter, the address of the next one.
const VCPU: [u64; 2] = [DATA, DATA + 0x200];
const PC: i32 = 0;
const NEXT: i32 = 256;
/// Ticks of 100 cycles that a process has the CPU for.
const QUANTUM_TICKS: i32 = 6;
const SWITCHES: usize = 8;
/// Cycles that a column of the chart stands for.
const COLUMN_CYCLES: u64 = 100;

fn switch() -> Result<Shown, Failure> {
    let mut stage = Stage::new(KERNEL, program)?;
    for (vcpu, (process, next)) in VCPU.into_iter().zip([("process_a", VCPU[1]), ("process_b", VCPU[0])]) {
        let entry = stage.address(process);
        stage.put_word(vcpu, entry);
        stage.put_word(vcpu + 256, next);
    }
    stage.run_to("process_a")?;
    let (start, border) = (stage.cycles(), stage.address("process_b"));
    // Who had the CPU at each step: the processes or the kernel.
    let mut chart = [String::new(), String::new(), String::new()];
    let (mut switches, mut in_handler, mut costs) = (0, 0, Vec::new());
    let mut column = [0u64; 3];
    let mut lines = Vec::new();
    while switches < SWITCHES {
        let before = stage.cycles();
        let step = stage.step();
        let spent = stage.cycles() - before;
        let who = if step.mode == 'S' || step.cause.is_some() { 2 } else { usize::from(step.pc >= border) };
        column[who] += spent;
        in_handler += if who == 2 { spent } else { 0 };
        if step.mode == 'S' && step.then == 'U' {
            switches += 1;
            costs.push(in_handler);
            in_handler = 0;
        }
        if lines.len() < 90 && (step.cause.is_some() || !lines.is_empty()) && costs.len() < 2 {
            lines.push(step);
        }
        if (stage.cycles() - start) / COLUMN_CYCLES > chart[0].chars().count() as u64 {
            let most = (0..3).max_by_key(|who| column[*who]).unwrap_or(0);
            (0..3).for_each(|who| chart[who].push(if who == most { '█' } else { '·' }));
            column = [0; 3];
        }
    }
    lines.truncate(lines.iter().position(|step| step.mode == 'S' && step.then == 'U').map_or(0, |at| at + 2));
    let mut picture = format!("one column is {COLUMN_CYCLES} cycles\n");
    for (name, row) in ["process A", "process B", "kernel"].iter().zip(&chart) {
        picture.push_str(&format!("{name:<10} {row}\n"));
    }
    picture.push_str("\nthe first switch:\n");
    picture.push_str(&stage.journal(&lines, 14));
    picture.push_str(&format!(
        "\nregister s0 counts in both, yet each has its own: A saved {}, B saved {}\n",
        stage.word(VCPU[0] + 8 * 8),
        stage.word(VCPU[1] + 8 * 8)
    ));
    let each = costs.last().copied().unwrap_or(0);
    let quantum = u64::from(QUANTUM_TICKS.unsigned_abs()) * 100;
    let measured = format!(
        "{each} cycles a switch, 62 of them loads and stores of registers: {}% of a quantum of {quantum} cycles",
        each * 100 / quantum
    );
    Ok(Shown { picture, measured })
}

fn program(a: &mut Asm) -> Names {
    let (kernel, handler, process_a, process_b) = (a.here(), a.label(), a.label(), a.label());
    a.la(Reg::T0, handler).csrw(csr::STVEC, Reg::T0).li(Reg::T0, VCPU[0]).csrw(csr::SSCRATCH, Reg::T0);
    a.la(Reg::T0, process_a).csrw(csr::SEPC, Reg::T0).li(Reg::T0, status::SPP).csrc(csr::SSTATUS, Reg::T0);
    a.csrr(Reg::T0, csr::TIME).addi(Reg::T0, Reg::T0, QUANTUM_TICKS).csrw(csr::STIMECMP, Reg::T0);
    a.li(Reg::T0, mip::STIP).csrw(csr::SIE, Reg::T0).sret();

    // Save into the virtual CPU that `sscratch` points at.
    a.align(4).place(handler).csrrw(Reg::T6, csr::SSCRATCH, Reg::T6);
    each_register(|register, offset| {
        a.sd(register, Reg::T6, offset);
    });
    a.mv(Reg::T5, Reg::T6).csrr(Reg::T6, csr::SSCRATCH).sd(Reg::T6, Reg::T5, 31 * 8);
    a.csrr(Reg::T4, csr::SEPC).sd(Reg::T4, Reg::T5, PC);
    // Choose the next, round robin, and give it a quantum.
    a.ld(Reg::T6, Reg::T5, NEXT).csrw(csr::SSCRATCH, Reg::T6);
    a.csrr(Reg::T4, csr::TIME).addi(Reg::T4, Reg::T4, QUANTUM_TICKS).csrw(csr::STIMECMP, Reg::T4);
    // Load it, and return to its program counter.
    a.ld(Reg::T4, Reg::T6, PC).csrw(csr::SEPC, Reg::T4);
    each_register(|register, offset| {
        a.ld(register, Reg::T6, offset);
    });
    a.ld(Reg::T6, Reg::T6, 31 * 8).sret();

    a.align(8).place(process_a);
    a.addi(Reg::S0, Reg::S0, 1).j(-4);
    a.align(8).place(process_b);
    a.addi(Reg::S0, Reg::S0, 2).j(-4);
    vec![("kernel", kernel), ("handler", handler), ("process_a", process_a), ("process_b", process_b)]
}

/// Registers 1 to 30 and their offsets in a virtual CPU; 31 holds the pointer to it.
fn each_register(mut visit: impl FnMut(Reg, i32)) {
    for number in 1..31u8 {
        if let Some(register) = Reg::new(number) {
            visit(register, i32::from(number) * 8);
        }
    }
}
