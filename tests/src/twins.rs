//! One guest on both engines: the translator is held to the interpreter's whole state at any instruction count.

use machine::board::Board;
use machine::core::Architecture;
use machine::debug::difference;
use machine::interp::Interpreter;
use machine::node::{Config, Limits, Node, Pause};
use std::fmt::Write as _;
use translator::{Options, Translator};

/// The machine that a guest needs.
#[derive(Clone, Copy, Debug)]
pub struct Setup {
    /// How many harts.
    pub harts: usize,
    /// Size of main memory.
    pub memory_bytes: u64,
    /// Cycles of a turn.
    pub slice_cycles: u64,
    /// The clock; at 10 MHz, `time` counts cycles.
    pub clock_hz: u64,
    /// Size of the code cache.
    pub code_bytes: usize,
}

impl Default for Setup {
    fn default() -> Setup {
        Setup {
            harts: 1,
            memory_bytes: 4 << 20,
            slice_cycles: 2000,
            clock_hz: 10_000_000,
            code_bytes: 4 << 20,
        }
    }
}

/// Two nodes in the same state.
pub struct Twins {
    name: String,
    /// The node that the interpreter runs.
    pub oracle: Node,
    /// The node that the translator runs.
    pub translated: Node,
    last: Vec<u64>,
}

impl Twins {
    /// Two nodes that `prepare` has loaded alike; every block is translated when it is first met.
    ///
    /// Panics: if there is no memory for them, or the host has no translator.
    #[must_use]
    pub fn new(name: String, setup: &Setup, prepare: &dyn Fn(&mut Node)) -> Twins {
        let config = Config {
            board: Board { harts: setup.harts, memory_bytes: setup.memory_bytes, ..Board::default() },
            architecture: Architecture { builtin_sbi: false, software_tlb: false },
            clock_hz: setup.clock_hz,
            slice_cycles: setup.slice_cycles,
        };
        #[allow(clippy::needless_update, reason = "of what else there is to set the default is right")]
        let options = Options { threshold: 1, cache_bytes: setup.code_bytes, ..Options::default() };
        let translator = Translator::new(setup.harts, options).expect("a host with a translator");
        let node = |engine| {
            let mut node = Node::new(&config, engine).expect("a small machine");
            prepare(&mut node);
            node
        };
        let oracle = node(Box::new(Interpreter::new(setup.harts)));
        Twins { name, oracle, translated: node(Box::new(translator)), last: Vec::new() }
    }

    /// Changes both nodes alike between two runs.
    pub fn change(&mut self, change: &dyn Fn(&mut Node)) {
        change(&mut self.oracle);
        change(&mut self.translated);
    }

    /// Runs both until `instructions` more are retired or as many traps taken, and compares harts and devices.
    ///
    /// Panics: with what differs.
    pub fn run(&mut self, instructions: u64) -> Pause {
        self.last = self.oracle.harts.iter().map(|hart| hart.pc).collect();
        let traps: u64 = self.oracle.harts.iter().map(machine::hart::Hart::diversions).sum();
        let limits =
            Limits { instructions: self.oracle.retired().max(traps) + instructions, cycle: u64::MAX };
        let (a, b) = (self.oracle.run(limits), self.translated.run(limits));
        let mut found = difference(&self.oracle, &self.translated, false).unwrap_or_default();
        if found.is_empty() && a != b {
            found = format!("  the interpreter stopped with {a:?}, the translator with {b:?}\n");
        }
        assert!(found.is_empty(), "{}", self.report(&found));
        a
    }

    /// Compares memory.
    ///
    /// Panics: with the first address where it differs.
    pub fn compare_memory(&self) {
        let found = difference(&self.oracle, &self.translated, true);
        assert!(found.is_none(), "{}", self.report(&found.unwrap_or_default()));
    }

    /// One of the translator's counters.
    ///
    /// Panics: if it has none of the name.
    #[must_use]
    pub fn counter(&self, name: &str) -> u64 {
        let counters = self.translated.engine_counters();
        counters.iter().find(|(known, _)| *known == name).expect("a counter of the name").1
    }

    fn report(&self, found: &str) -> String {
        let mut text = format!("{}: after {} instructions\n{found}", self.name, self.oracle.retired());
        for (id, pc) in self.last.iter().enumerate() {
            let _ = writeln!(text, "  hart {id} was at {pc:#x} when they last agreed");
        }
        text
    }
}
