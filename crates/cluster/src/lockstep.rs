//! Two engines side by side on the same node: the whole state is compared every so many instructions.
//!
//! Harts and devices are compared at each step, memory at every [`STEPS_PER_MEMORY`]th and at the end of an
//! epoch that many steps long; what differs in memory alone is therefore found a little later.

use machine::hart::{Csrs, F_NAMES, Hart, X_NAMES};
use machine::node::{Limits, Node, Pause};
use machine::state::State;
use std::fmt::Write;

/// Steps between two comparisons of memory.
const STEPS_PER_MEMORY: u64 = 4096;

/// The node on the other engine.
pub(crate) struct Shadow {
    pub(crate) node: Node,
    every: u64,
    steps: u64,
    divergence: Option<String>,
}

impl Shadow {
    pub(crate) fn new(node: Node, every: u64) -> Shadow {
        Shadow { node, every: every.max(1), steps: 0, divergence: None }
    }

    pub(crate) fn divergence(&self) -> Option<&str> {
        self.divergence.as_deref()
    }

    /// Runs both nodes to `limits`, as `run` does; `None` when they differ.
    pub(crate) fn run(
        &mut self,
        node: &mut Node,
        limits: Limits,
        run: fn(&mut Node, Limits) -> Pause,
    ) -> Option<Pause> {
        loop {
            let before: Vec<u64> = node.harts.iter().map(|hart| hart.pc).collect();
            // The limit bounds traps as well, of which a guest may take more than it retires instructions.
            let traps = node.harts.iter().map(Hart::diversions).sum();
            let at = node.retired().max(traps).saturating_add(self.every).min(limits.instructions);
            let step = Limits { instructions: at, ..limits };
            let (ours, theirs) = (run(node, step), run(&mut self.node, step));
            self.steps += 1;
            let ended = !(ours == Pause::Instructions && at < limits.instructions);
            let memory = self.steps.is_multiple_of(STEPS_PER_MEMORY) || matches!(ours, Pause::Halted(_));
            if let Some(what) = difference(node, &self.node, memory) {
                self.divergence = Some(self.report(node, &before, &what));
                return None;
            }
            if ours != theirs {
                let what = format!("one stopped with {ours:?}, the other with {theirs:?}");
                self.divergence = Some(self.report(node, &before, &what));
                return None;
            }
            if ended {
                return Some(ours);
            }
        }
    }

    fn report(&self, node: &Node, before: &[u64], what: &str) -> String {
        let mut text = format!(
            "the engines `{}` and `{}` differ after {} instructions (checked every {}):\n{what}",
            node.engine_name(),
            self.node.engine_name(),
            node.retired(),
            self.every
        );
        for (id, pc) in before.iter().enumerate() {
            let _ = writeln!(text, "hart {id} was at {pc:#x} when they last agreed");
            if let Some(code) = node.explain(*pc).or_else(|| self.node.explain(*pc)) {
                text.push_str(&code);
            }
        }
        text
    }
}

/// What differs between two nodes, a line each; memory only if asked for.
fn difference(a: &Node, b: &Node, memory: bool) -> Option<String> {
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
        let _ = writeln!(text, "  memory differs at {:#x}", machine::ram::RAM_BASE + at as u64);
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

#[cfg(test)]
mod tests {
    use super::*;
    use machine::hart::RunState;
    use machine::interp::Interpreter;
    use machine::node::Config;
    use machine::ram::RAM_BASE;

    /// A node whose only instruction is illegal, and the trap handler, too.
    fn trapping() -> Node {
        let mut config = Config::default();
        config.board.memory_bytes = 1 << 20;
        let mut node = Node::new(&config, Box::new(Interpreter::new(1))).unwrap();
        node.harts[0].pc = RAM_BASE;
        node.harts[0].csr.mtvec = RAM_BASE;
        node.harts[0].state = RunState::Running;
        node
    }

    #[test]
    fn a_guest_that_only_traps_ends_at_its_limit() {
        let mut node = trapping();
        let mut shadow = Shadow::new(trapping(), 10);
        let limits = Limits { instructions: 1000, cycle: u64::MAX };
        assert_eq!(shadow.run(&mut node, limits, Node::run), Some(Pause::Instructions));
        assert_eq!((node.retired(), node.harts[0].diversions()), (0, 1000));
    }
}
