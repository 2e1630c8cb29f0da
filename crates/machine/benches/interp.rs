//! How many guest instructions the interpreter executes in a second, on loops of one kind each.
//!
//! `cargo bench -p multivac-machine --bench interp` prints each as a throughput: 1 Melem/s is 1 MIPS.

use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use isa::asm::{Asm, Rm};
use isa::reg::{FReg, Reg};
use machine::csr::status;
use machine::hart::RunState;
use machine::interp::Interpreter;
use machine::node::{Config, Limits, Node};
use machine::ram::RAM_BASE;

const BUFFER: u64 = RAM_BASE + 0x1_0000;
const BATCH: u64 = 1_000_000;

/// A node of one hart in machine mode that executes what `write` assembles, an endless loop.
fn node(write: impl FnOnce(&mut Asm)) -> Node {
    let mut config = Config::default();
    config.board.memory_bytes = 1 << 20;
    let mut asm = Asm::new(RAM_BASE);
    write(&mut asm);
    let mut node = Node::new(&config, Box::new(Interpreter::new(1))).expect("a small board");
    node.bus.ram.write(RAM_BASE, &asm.finish()).expect("room for the program");
    let hart = &mut node.harts[0];
    hart.pc = RAM_BASE;
    hart.state = RunState::Running;
    hart.csr.mstatus |= status::FS;
    node
}

/// Integer arithmetic in registers: ten instructions and a branch.
fn registers(asm: &mut Asm) {
    let (a, b, c, d) = (Reg::A0, Reg::A1, Reg::A2, Reg::A3);
    asm.li(a, 0x1234_5678).li(b, 77).li(c, 3).li(d, 1);
    let again = asm.here();
    asm.add(a, a, b).xor(b, b, c).slli(c, a, 3).addi(d, d, 7).and_(b, b, d);
    asm.sub(a, a, c).or(c, c, b).srli(b, a, 5).addw(d, d, a).sltu(c, a, b);
    asm.j(again);
}

/// A copy loop: loads and stores over four pages.
fn memory(asm: &mut Asm) {
    let (from, to, end, word) = (Reg::A0, Reg::A1, Reg::A2, Reg::T0);
    let outer = asm.here();
    asm.li(from, BUFFER).li(to, BUFFER + 0x2000).li(end, BUFFER + 0x2000);
    let again = asm.here();
    asm.ld(word, from, 0).sd(word, to, 0).ld(word, from, 8).sd(word, to, 8);
    asm.addi(from, from, 16).addi(to, to, 16).bltu(from, end, again);
    asm.j(outer);
}

/// Calls, returns and branches both ways: blocks of two or three instructions.
fn calls(asm: &mut Asm) {
    let (callee, even) = (asm.label(), asm.label());
    let (count, bit) = (Reg::A0, Reg::T0);
    let again = asm.here();
    asm.jal(Reg::RA, callee).jal(Reg::RA, callee).j(again);
    asm.place(callee).addi(count, count, 1).andi(bit, count, 1).beqz(bit, even);
    asm.addi(Reg::A1, Reg::A1, 1);
    asm.place(even).ret();
}

/// A dot product in double precision, as compilers write it.
fn float(asm: &mut Asm) {
    let (at, end) = (Reg::A0, Reg::A1);
    let (x, y, sum, scale) = (FReg::FT0, FReg::FT1, FReg::FT2, FReg::FT3);
    asm.li(Reg::T0, 3).fcvt_d_l(scale, Reg::T0, Rm::Rne).li(Reg::T0, 1).fcvt_d_l(x, Reg::T0, Rm::Rne);
    asm.fdiv_d(scale, x, scale, Rm::Rne);
    let outer = asm.here();
    asm.li(at, BUFFER).li(end, BUFFER + 0x1000);
    let again = asm.here();
    asm.fld(x, at, 0).fld(y, at, 8).fadd_d(x, x, scale, Rm::Dyn).fmadd_d(sum, x, y, sum, Rm::Dyn);
    asm.fmul_d(y, x, scale, Rm::Dyn).fsd(y, at, 8).addi(at, at, 16).bltu(at, end, again);
    asm.j(outer);
}

fn interpreter(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("interp");
    group.throughput(Throughput::Elements(BATCH)).sample_size(20);
    group.warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2));
    let programs = [
        ("registers", node(registers)),
        ("memory", node(memory)),
        ("calls", node(calls)),
        ("float", node(float)),
    ];
    for (name, mut node) in programs {
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let instructions = node.retired() + BATCH;
                node.run(Limits { instructions, cycle: u64::MAX })
            });
        });
    }
    group.finish();
}

criterion_group!(benches, interpreter);
criterion_main!(benches);
