//! Back traces: by frame pointers, by the register, and as guesses that are called so.

mod common;

use common::node;
use debug::symbols::Symbols;
use debug::unwind::{Evidence, frames, hart};
use machine::ram::RAM_BASE;

const STACK: u64 = RAM_BASE + 0x8000;

#[test]
fn frames_come_from_pointers_where_there_are_some_and_are_guessed_elsewhere() {
    let (mut node, count) = node();
    // The call in the loop, found as the instruction that goes to the function.
    let call = (RAM_BASE..count)
        .step_by(4)
        .find(|at| {
            let raw = node.instruction(0, *at).unwrap();
            isa::decode(raw).is_some_and(|inst| {
                inst.op == isa::Op::Jal && inst.rd == 1 && at.wrapping_add_signed(inst.imm.into()) == count
            })
        })
        .expect("the program calls its function");
    let returns = call + 4;
    node.harts[0].pc = count;
    node.harts[0].x[1] = 0;
    node.harts[0].x[2] = STACK;
    node.harts[0].x[8] = STACK + 32;
    for (at, value) in [(24, returns), (16, STACK + 64), (56, returns), (48, 0), (8, 0x1234)] {
        node.bus.ram.write(STACK + at, &u64::to_le_bytes(value)).unwrap();
    }
    let evidence: Vec<_> = frames(&mut node, 0).iter().map(|frame| (frame.pc, frame.evidence)).collect();
    let by_pointer = (returns, Evidence::FramePointer);
    assert_eq!(evidence, [(count, Evidence::Counter), by_pointer, by_pointer]);

    node.harts[0].x[8] = 7;
    node.harts[0].x[1] = returns;
    let map = format!("{RAM_BASE:016x} T start\n{count:016x} T count\n");
    let text = hart(&mut node, 0, &Symbols::parse(map.as_bytes()).unwrap());
    assert!(text.contains(&format!("#0  {count:#018x} count\n")), "{text}");
    assert!(text.contains("start+"), "{text}");
    assert!(text.contains("by the register ra"), "{text}");
    assert_eq!(text.matches("a guess").count(), 2, "{text}");
}
