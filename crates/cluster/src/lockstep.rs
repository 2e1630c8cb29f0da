//! Two engines side by side on the same node: the whole state is compared every so many instructions.
//!
//! Harts and devices are compared at each step, memory at every [`STEPS_PER_MEMORY`]th and at the end of an
//! epoch that many steps long; what differs in memory alone is therefore found a little later.

use machine::debug::{Go, difference};
use machine::hart::Hart;
use machine::node::{Limits, Node, Pause};
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
    pub(crate) fn run(&mut self, node: &mut Node, limits: Limits, run: Go) -> Option<Pause> {
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
