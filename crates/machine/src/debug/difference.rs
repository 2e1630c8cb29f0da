//! What differs between two nodes that should be in the same state.

use crate::hart::{Csrs, F_NAMES, Hart, X_NAMES};
use crate::node::Node;
use crate::ram::RAM_BASE;
use crate::state::State;
use std::fmt::Write;

/// What differs between two nodes, a line each; memory only if asked for.
pub fn difference(a: &Node, b: &Node, memory: bool) -> Option<String> {
    let mut text = String::new();
    for (one, other) in a.harts.iter().zip(&b.harts) {
        if saved(one) != saved(other) {
            hart_difference(one, other, &mut text);
        }
    }
    if saved(&a.bus) != saved(&b.bus) {
        text.push_str("  devices differ\n");
    }
    if memory && let Some(at) = first_difference(a.bus.ram.bytes(), b.bus.ram.bytes()) {
        let _ = writeln!(text, "  memory differs at {:#x}", RAM_BASE + at as u64);
    }
    (!text.is_empty()).then_some(text)
}

fn hart_difference(a: &Hart, b: &Hart, text: &mut String) {
    let id = a.id;
    let mut line = |name: &str, a: u64, b: u64| {
        if a != b {
            let _ = writeln!(text, "  hart {id} {name:12} {a:#018x} against {b:#018x}");
        }
    };
    line("pc", a.pc, b.pc);
    line("retired", a.retired, b.retired);
    line("extra_cycles", a.extra_cycles, b.extra_cycles);
    line("privilege", a.privilege as u64, b.privilege as u64);
    line("virt", u64::from(a.virt), u64::from(b.virt));
    line("fflags", u64::from(a.fflags), u64::from(b.fflags));
    line("frm", u64::from(a.frm), u64::from(b.frm));
    for number in 0..32u8 {
        let index = usize::from(number);
        line(X_NAMES[index], a.x[index], b.x[index]);
        line(F_NAMES[index], a.f[index], b.f[index]);
    }
    let words = |hart: &Hart| -> Vec<u64> {
        saved(&hart.csr).chunks_exact(8).map(|word| word.try_into().map_or(0, u64::from_le_bytes)).collect()
    };
    for ((name, a), b) in Csrs::NAMES.iter().zip(words(a)).zip(words(b)) {
        line(name, a, b);
    }
    if text.is_empty() {
        let _ = writeln!(text, "  hart {id}: its run state, reservation or memory protection differs");
    }
}

fn first_difference(a: &[u8], b: &[u8]) -> Option<usize> {
    if a == b { None } else { a.iter().zip(b).position(|(a, b)| a != b) }
}

fn saved(state: &impl State) -> Vec<u8> {
    let mut bytes = Vec::new();
    state.save(&mut |part| bytes.extend_from_slice(part));
    bytes
}
