//! A node's simulated state in named parts, written out and taken over again.
//!
//! Memory is not among the parts: it is large and mostly empty, so that snapshots and forks carry it their own way
//! ([`crate::ram::Ram::bytes`], [`crate::ram::image::RamImage`]). A node that took over all parts and the memory of another of the same
//! shape goes on exactly as that one would have, whatever engine either has.

use super::{Halt, Node, Turn};
use crate::state::{COUNT_MAX, Source, State, StateError};

/// A part of a node's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Registers, CSRs and run states of all harts.
    Harts,
    /// Where in virtual time the node stands, whose turn it is, how it ended, what its console has not handed over.
    Progress,
    /// Wires, interrupt controllers, devices with all that is under way in them, and modelled caches.
    Board,
}

/// No node lives this many cycles: 146 years at 2 GHz.
const CYCLES_MAX: u64 = 1 << 63;

impl Part {
    /// All of them, in the order in which they are restored.
    pub const ALL: [Part; 3] = [Part::Harts, Part::Progress, Part::Board];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Part::Harts => "harts",
            Part::Progress => "progress",
            Part::Board => "board",
        }
    }

    /// The version of its layout; a change of any field that it lists is a new one.
    pub fn version(self) -> u32 {
        1
    }
}

impl Node {
    /// Hands one part of the state to `sink`.
    pub fn save(&self, part: Part, sink: &mut dyn FnMut(&[u8])) {
        match part {
            Part::Harts => self.harts.iter().for_each(|hart| hart.save(sink)),
            Part::Board => self.bus.save(sink),
            Part::Progress => {
                self.clock.save(sink);
                self.architecture.builtin_sbi.save(sink);
                (self.turn.hart as u64).save(sink);
                self.turn.begun.save(sink);
                self.debts.iter().for_each(|debt| debt.save(sink));
                self.tohost.save(sink);
                self.halt.save(sink);
                self.console.save(sink);
            }
        }
    }

    /// Takes over one part as [`Node::save`] wrote it; `bytes` is that part and nothing else.
    ///
    /// Errors: when it cannot come from such a node, which is then of no more use.
    pub fn restore(&mut self, part: Part, bytes: &[u8]) -> Result<(), StateError> {
        self.engine.forget();
        self.take_over(part, bytes)
    }

    /// As [`Node::restore`], where the engine holds nothing of another state.
    pub(super) fn take_over(&mut self, part: Part, bytes: &[u8]) -> Result<(), StateError> {
        let mut source = Source::new(bytes);
        match part {
            Part::Harts => {
                for hart in &mut self.harts {
                    let offset = source.offset();
                    hart.restore(&mut source)?;
                    hart.x[0] = 0;
                    if hart.retired.max(hart.extra_cycles) >= COUNT_MAX {
                        return Err(StateError::Invalid { offset });
                    }
                }
            }
            Part::Board => self.bus.restore(&mut source)?,
            Part::Progress => self.restore_progress(&mut source)?,
        }
        self.bus.ram.drop_translations();
        if source.remaining() > 0 {
            return Err(StateError::Invalid { offset: source.offset() });
        }
        Ok(())
    }

    fn restore_progress(&mut self, source: &mut Source<'_>) -> Result<(), StateError> {
        let offset = source.offset();
        self.clock.restore(source)?;
        self.architecture.builtin_sbi.restore(source)?;
        let mut hart = 0u64;
        hart.restore(source)?;
        let hart = usize::try_from(hart).ok().filter(|hart| *hart < self.harts.len());
        let possible = self.clock.round_start() < CYCLES_MAX && self.clock.round_is_possible();
        let Some(hart) = hart.filter(|_| possible) else {
            return Err(StateError::Invalid { offset });
        };
        self.turn = Turn { hart, begun: false };
        self.turn.begun.restore(source)?;
        self.debts.iter_mut().try_for_each(|debt| debt.restore(source))?;
        let mut tohost = None;
        tohost.restore(source)?;
        if let Some(pa) = tohost {
            self.watch_tohost(pa);
        }
        self.halt.restore(source)?;
        self.console.restore(source)
    }
}

impl State for Halt {
    fn save(&self, sink: &mut dyn FnMut(&[u8])) {
        let word: (u8, u64) = match *self {
            Halt::PowerOff => (0, 0),
            Halt::Failed(code) => (1, code),
            Halt::Reboot => (2, 0),
            Halt::ToHost(word) => (3, word),
        };
        word.save(sink);
    }

    fn restore(&mut self, source: &mut Source<'_>) -> Result<(), StateError> {
        let offset = source.offset();
        let mut word = (0u8, 0u64);
        word.restore(source)?;
        *self = match word {
            (0, _) => Halt::PowerOff,
            (1, code) => Halt::Failed(code),
            (2, _) => Halt::Reboot,
            (3, word) => Halt::ToHost(word),
            _ => return Err(StateError::Invalid { offset }),
        };
        Ok(())
    }
}
