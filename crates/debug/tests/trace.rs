//! The trace of instructions: complete, the same each time, and without influence on the run.

mod common;

use common::{COUNTERS, END, FREE, digest, node, undisturbed};
use debug::symbols::Symbols;
use debug::trace::{Order, Tracer};
use machine::debug::{Driven, Driver};
use machine::node::{Limits, Node, Pause};
use std::io::Write;
use std::sync::{Arc, Mutex};

#[derive(Clone, Default)]
struct Page(Arc<Mutex<Vec<u8>>>);

impl Write for Page {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// The trace of a whole run in epochs of `epoch` cycles.
fn trace(order: &str, epoch: u64) -> Vec<String> {
    let (mut node, count) = node();
    let map = format!("{:016x} T start\n{count:016x} T count\n", machine::ram::RAM_BASE);
    let symbols = Symbols::parse(map.as_bytes()).unwrap();
    let page = Page::default();
    let order: Order = order.parse().unwrap();
    let mut tracer = Tracer::new(order, Arc::new(symbols), Box::new(page.clone()));
    let mut cycle = epoch;
    while tracer.run(&mut node, Limits { cycle, ..FREE }, Node::run) == Driven::Pause(Pause::Time) {
        cycle += epoch;
    }
    tracer.end(&mut node, "the end", false);
    assert_eq!(node.run(FREE), END);
    assert_eq!(digest(&node), undisturbed());
    assert_eq!(tracer.error()(), None);
    let text = String::from_utf8(page.0.lock().unwrap().clone()).unwrap();
    text.lines().map(str::to_owned).collect()
}

#[test]
fn a_trace_shows_each_instruction_with_what_it_changed() {
    let lines = trace("t", 1000);
    let (node, _) = node();
    assert!(lines[0].starts_with("0 h0 0000000080000000 start f1402573 csrr a0,mhartid"), "{}", lines[0]);
    let store = lines.iter().find(|line| line.contains("count+0x8")).unwrap();
    assert!(store.ends_with(&format!("sd t0,0(s1) ; [{COUNTERS:x}+8]=0x1")), "{store}");
    let sum = lines.iter().find(|line| line.contains("count+0x4")).unwrap();
    assert!(sum.ends_with("addi t0,t0,1 ; t0=0x1"), "{sum}");
    assert!(lines.iter().any(|line| line.contains(" h1 ")));
    assert_eq!(node.retired(), 0);
    assert_eq!(lines, trace("t", 333), "epochs leave no trace in the trace");
}

#[test]
fn a_trace_is_bounded_where_it_is_told() {
    let whole = trace("t", 1000);
    assert_eq!(trace("t,from=100,count=50", 1000), whole[100..150]);
    let second: Vec<String> = whole.iter().filter(|line| line.contains(" h1 ")).cloned().collect();
    assert_eq!(trace("t,hart=1", 1000), second);
}
