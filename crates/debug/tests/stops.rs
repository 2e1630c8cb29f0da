//! Stopping and stepping a node: exact, and without influence on the run.

mod common;

use common::{COUNTERS, END, FREE, ROUNDS, digest, node, undisturbed};
use machine::debug::{Span, Step, Stop, StopReason, Watch, Watchpoint};
use machine::node::Pause;

#[test]
fn a_breakpoint_stops_every_hart_each_time_and_changes_nothing() {
    let (mut node, count) = node();
    node.points().insert_breakpoint(count);
    let mut stops = [0u64; 2];
    loop {
        match node.run(FREE) {
            Pause::Stopped(Stop { hart, reason: StopReason::Breakpoint }) => {
                assert_eq!(node.harts[hart].pc, count);
                let before = node.bus.ram.load(COUNTERS + 8 * hart as u64, 8);
                assert_eq!(before, Some(stops[hart]), "the instruction at the breakpoint comes next");
                stops[hart] += 1;
                node.pass_breakpoint(hart);
            }
            pause => {
                assert_eq!(pause, END);
                break;
            }
        }
    }
    assert_eq!(stops, [ROUNDS; 2]);
    assert_eq!(digest(&node), undisturbed());
}

#[test]
fn a_breakpoint_within_a_block_stops_there() {
    let (mut node, count) = node();
    node.points().insert_breakpoint(count + 8);
    let stop = Stop { hart: 0, reason: StopReason::Breakpoint };
    assert_eq!(node.run(FREE), Pause::Stopped(stop));
    assert_eq!(node.harts[0].pc, count + 8);
    assert_eq!(node.bus.ram.load(COUNTERS, 8), Some(0));
    node.points().clear();
    assert_eq!(node.run(FREE), END);
    assert_eq!(digest(&node), undisturbed());
}

#[test]
fn a_watchpoint_stops_behind_the_access() {
    for (watch, bytes) in [(Watch::Store, 8), (Watch::Access, 1)] {
        let (mut node, count) = node();
        let point = Watchpoint { span: Span { start: COUNTERS + 8, bytes }, watch };
        node.points().insert_watchpoint(point);
        let mut stops = 0;
        while let Pause::Stopped(stop) = node.run(FREE) {
            assert_eq!(stop.reason, StopReason::Watchpoint { point });
            let pc = node.harts[stop.hart].pc;
            if stop.hart == 1 && pc == count + 12 {
                stops += 1;
                assert_eq!(node.bus.ram.load(COUNTERS + 8, 8), Some(stops));
            } else {
                assert_eq!(watch, Watch::Access, "hart {} at {pc:#x}", stop.hart);
            }
        }
        assert_eq!(stops, ROUNDS);
        assert_eq!(digest(&node), undisturbed());
    }
}

#[test]
fn a_hart_is_stepped_through_its_whole_life() {
    let (mut node, _) = node();
    let mut steps = 0u64;
    loop {
        let before = node.harts[1].cycles();
        node.set_step(Some(Step { hart: 1, within: None }));
        match node.run(FREE) {
            Pause::Stopped(stop) => {
                assert_eq!(stop, Stop { hart: 1, reason: StopReason::Stepped });
                assert_eq!(node.harts[1].cycles(), before + 1, "one instruction, or one trap");
                steps += 1;
            }
            pause => {
                assert_eq!(pause, END);
                break;
            }
        }
    }
    assert_eq!(steps + 1, node.harts[1].cycles(), "its last instruction ended the run");
    assert_eq!(digest(&node), undisturbed());
}

#[test]
fn a_step_over_a_range_ends_outside_of_it() {
    let (mut node, count) = node();
    node.points().insert_breakpoint(count);
    assert!(matches!(node.run(FREE), Pause::Stopped(_)));
    node.points().clear();
    let within = Some(Span { start: count, bytes: 16 });
    node.set_step(Some(Step { hart: 0, within }));
    assert_eq!(node.run(FREE), Pause::Stopped(Stop { hart: 0, reason: StopReason::Stepped }));
    assert_eq!(node.harts[0].pc, node.harts[0].x[1]);
    assert_eq!(node.bus.ram.load(COUNTERS, 8), Some(1));
    assert_eq!(node.run(FREE), END);
    assert_eq!(digest(&node), undisturbed());
}

#[test]
fn looking_around_while_stopped_changes_nothing() {
    let (mut node, count) = node();
    node.points().insert_breakpoint(count);
    for _ in 0..50 {
        let Pause::Stopped(stop) = node.run(FREE) else { break };
        for hart in 0..2 {
            isa::csr::numbers().for_each(|number| {
                let _ = node.read_csr(hart, number);
            });
            assert!(node.instruction(hart, count).is_some());
            assert!(node.read_virtual(hart, 0x1000_0000, &mut [0]).is_err(), "a device is not looked at");
        }
        let times = [node.read_csr(0, isa::csr::TIME), node.read_csr(1, isa::csr::TIME)];
        assert!(times[0] <= times[1] || stop.hart == 0, "{times:?}");
        node.pass_breakpoint(stop.hart);
    }
    node.points().clear();
    assert_eq!(node.run(FREE), END);
    assert_eq!(digest(&node), undisturbed());
}
