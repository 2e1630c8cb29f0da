//! A translation shown step by step, without side effects: for drawings and debuggers.

pub use super::walk::{Stage, Step};

use super::memory::Peek;
use super::walk::{self, Observer, Walker};
use super::{Env, Request, Translation, trap_of};
use crate::ram::Ram;
use crate::trap::Trap;

/// Every page-table entry that a translation reads, in order, and where it arrives.
#[derive(Clone, Debug)]
pub struct Trace {
    /// The entries; with two stages, those of the second come before the step that they serve.
    pub steps: Vec<Step>,
    /// What [`super::translate`] would return.
    pub result: Result<Translation, Trap>,
}

struct Recorder(Vec<Step>);

impl Observer for Recorder {
    fn step(&mut self, step: Step) {
        self.0.push(step);
    }
}

/// Walks as [`super::translate`] does, marks nothing and sets no A or D bit.
pub fn walk_trace(env: &Env<'_>, ram: &Ram, request: &Request) -> Trace {
    let mut recorder = Recorder(Vec::new());
    let mut memory = Peek::new(ram);
    let result = walk::run(&mut Walker::new(env, &mut memory, &mut recorder), request)
        .map_err(|fault| trap_of(fault, request));
    Trace { steps: recorder.0, result }
}
