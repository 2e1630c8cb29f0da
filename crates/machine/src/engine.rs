//! The seam between a node and what executes its instructions.
//!
//! A node hands a hart and a budget of cycles to its engine; the engine executes from `pc`, takes synchronous
//! exceptions itself, and comes back with the reason why it stopped. Interrupts, time, sleep and firmware are
//! the node's business. Two engines given the same node leave it in the same state.
//!
//! An engine caches code and translations outside the node. What it must drop it learns from [`crate::ram::Ram`]:
//! `changes_since` (translations, and permissions to store without a look at the marks) and `take_stale_code`
//! (pages stored over); stores by devices and by loaders count like those of harts.

use crate::core::Core;
use crate::ram::Ram;
use std::sync::Arc;

/// Why an engine stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// The budget is used up.
    Budget,
    /// Interrupts, timers or devices may have changed; look again and go on.
    Recheck,
    /// The hart executed WFI.
    Wfi,
    /// The hart waits for its reservation to fall (`wrs.nto`, `wrs.sto`).
    Stall,
    /// The supervisor called the built-in SBI; `pc` still points at the `ecall`.
    Sbi,
}

/// Executes instructions.
pub trait Engine: Send {
    /// A word for reports: `interp` or `translate`.
    fn name(&self) -> &'static str;

    /// Executes the hart of `core` for at most `budget` cycles.
    ///
    /// The state left behind is exact: `pc`, `retired` and `extra_cycles` are those of the instruction that
    /// comes next.
    fn run(&mut self, core: &mut Core<'_>, budget: u64) -> Exit;

    /// Drops everything cached: the node was restored or replaced.
    fn forget(&mut self);

    /// Hands over what is cached, for the engines of forked nodes to begin with; `ram` is the node's memory, whose
    /// marks will be those of the forked ones. The engine is empty afterwards. `None` where nothing is worth it.
    fn seal(&mut self, _ram: &mut Ram) -> Option<Arc<dyn SealedEngine>> {
        None
    }

    /// Counters for reports, each with its name; not simulated state.
    fn counters(&self) -> Vec<(&'static str, u64)> {
        Vec::new()
    }

    /// What the engine made of the code at virtual address `pc`, for a person: guest and host instructions.
    fn explain(&self, _pc: u64) -> Option<String> {
        None
    }
}

/// What an engine had cached of a node that was frozen.
pub trait SealedEngine: Send + Sync {
    /// An engine for a node that goes on where the frozen one stood; `None` where the host refuses it.
    fn engine(self: Arc<Self>) -> Option<Box<dyn Engine>>;
}
