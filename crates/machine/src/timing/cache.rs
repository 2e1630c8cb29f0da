//! The modelled data caches: one a hart, kept coherent by the MESI protocol over a bus that all of them watch.
//!
//! Only tags and states are kept, never data. A line is in one cache as modified or exclusive, or in any number
//! as shared; a store takes it away from all others. So a word that harts take turns to write, such as a lock,
//! costs each of them a transfer, and the cost needs no rule of its own.

use super::assoc::SetAssociative;
use super::{Costs, Geometry};
use crate::state::{Source, State, StateError};
use crate::state_fields;

/// What a cache may do with a line of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Ownership {
    /// Others may hold it too.
    #[default]
    Shared,
    /// No other holds it, and it is as in memory.
    Exclusive,
    /// No other holds it, and memory is out of date.
    Modified,
}

impl State for Ownership {
    fn save(&self, sink: &mut dyn FnMut(&[u8])) {
        (*self as u8).save(sink);
    }

    fn restore(&mut self, source: &mut Source<'_>) -> Result<(), StateError> {
        let offset = source.offset();
        let mut code = 0u8;
        code.restore(source)?;
        *self = match code {
            0 => Ownership::Shared,
            1 => Ownership::Exclusive,
            2 => Ownership::Modified,
            _ => return Err(StateError::Invalid { offset }),
        };
        Ok(())
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Line {
    number: u64,
    ownership: Ownership,
}

state_fields!(Line { number, ownership });

/// What an access found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// The line, with the rights that it needs.
    Hit,
    /// The line, shared: the others' copies had to be invalidated for a store.
    Upgrade,
    /// Nothing; the line came from the level below.
    Miss,
    /// Nothing; another hart had modified the line and gave it.
    Transfer,
}

impl Found {
    /// Cycles that it adds.
    pub(super) fn cycles(self, costs: &Costs) -> u64 {
        match self {
            Found::Hit => 0,
            Found::Upgrade => costs.upgrade_cycles,
            Found::Miss => costs.miss_cycles,
            Found::Transfer => costs.transfer_cycles,
        }
    }
}

/// The data caches of all harts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Caches(Box<[SetAssociative<Line>]>);

impl Caches {
    pub(super) fn new(harts: usize, geometry: Geometry) -> Caches {
        Caches(vec![SetAssociative::new(geometry.sets, geometry.ways); harts].into())
    }

    /// Hart `hart` reads line `number`.
    pub(super) fn read(&mut self, hart: usize, number: u64) -> Found {
        if self.0[hart].touch(number, |line| line.number == number).is_some() {
            return Found::Hit;
        }
        let mut found = Found::Miss;
        let mut alone = true;
        for cache in self.others(hart) {
            if let Some(line) = cache.find(number, |line| line.number == number) {
                alone = false;
                if line.ownership == Ownership::Modified {
                    found = Found::Transfer;
                }
                line.ownership = Ownership::Shared;
            }
        }
        let ownership = if alone { Ownership::Exclusive } else { Ownership::Shared };
        self.0[hart].insert(number, Line { number, ownership });
        found
    }

    /// Hart `hart` writes line `number`.
    pub(super) fn write(&mut self, hart: usize, number: u64) -> Found {
        let own = self.0[hart].touch(number, |line| line.number == number);
        let held = own.is_some();
        if let Some(line) = own {
            let before = std::mem::replace(&mut line.ownership, Ownership::Modified);
            if before != Ownership::Shared {
                return Found::Hit;
            }
        }
        let mut found = if held { Found::Upgrade } else { Found::Miss };
        for cache in self.others(hart) {
            if let Some(line) = cache.remove(number, |line| line.number == number)
                && line.ownership == Ownership::Modified
            {
                found = Found::Transfer;
            }
        }
        if !held {
            self.0[hart].insert(number, Line { number, ownership: Ownership::Modified });
        }
        found
    }

    fn others(&mut self, hart: usize) -> impl Iterator<Item = &mut SetAssociative<Line>> {
        self.0.iter_mut().enumerate().filter(move |(id, _)| *id != hart).map(|(_, cache)| cache)
    }
}

impl State for Caches {
    fn save(&self, sink: &mut dyn FnMut(&[u8])) {
        self.0.save(sink);
    }

    fn restore(&mut self, source: &mut Source<'_>) -> Result<(), StateError> {
        self.0.restore(source)
    }
}

/// An instruction cache: lines are read and, at `fence.i`, forgotten.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CodeCache(SetAssociative<u64>);

impl CodeCache {
    pub(super) fn new(geometry: Geometry) -> CodeCache {
        CodeCache(SetAssociative::new(geometry.sets, geometry.ways))
    }

    /// Fetches from line `number`.
    pub(super) fn fetch(&mut self, number: u64) -> Found {
        if self.0.touch(number, |line| *line == number).is_some() {
            return Found::Hit;
        }
        self.0.insert(number, number);
        Found::Miss
    }

    /// Forgets all lines.
    pub(super) fn clear(&mut self) {
        self.0.retain(|_| false);
    }
}

impl State for CodeCache {
    fn save(&self, sink: &mut dyn FnMut(&[u8])) {
        self.0.save(sink);
    }

    fn restore(&mut self, source: &mut Source<'_>) -> Result<(), StateError> {
        self.0.restore(source)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    enum Step {
        Read(usize, u64),
        Write(usize, u64),
    }
    use Step::{Read, Write};

    fn check(steps: &[(Step, Found)]) {
        let mut caches = Caches::new(3, Geometry { sets: 2, ways: 2 });
        for (number, (step, expected)) in steps.iter().enumerate() {
            let found = match *step {
                Read(hart, line) => caches.read(hart, line),
                Write(hart, line) => caches.write(hart, line),
            };
            assert_eq!(found, *expected, "step {number}");
        }
    }

    #[test]
    fn a_line_of_ones_own_costs_once() {
        check(&[
            (Read(0, 7), Found::Miss),
            (Read(0, 7), Found::Hit),
            (Write(0, 7), Found::Hit),
            (Write(0, 7), Found::Hit),
        ]);
    }

    #[test]
    fn a_line_written_in_turns_is_passed_around() {
        check(&[
            (Write(0, 7), Found::Miss),
            (Write(1, 7), Found::Transfer),
            (Write(0, 7), Found::Transfer),
            (Read(2, 7), Found::Transfer),
            (Read(1, 7), Found::Miss),
            (Write(2, 7), Found::Upgrade),
            (Write(2, 7), Found::Hit),
            (Read(0, 7), Found::Transfer),
        ]);
    }

    #[test]
    fn shared_readers_cost_nothing_until_someone_writes() {
        check(&[
            (Read(0, 7), Found::Miss),
            (Read(1, 7), Found::Miss),
            (Read(0, 7), Found::Hit),
            (Write(0, 7), Found::Upgrade),
            (Read(0, 7), Found::Hit),
            (Read(1, 7), Found::Transfer),
        ]);
    }

    #[test]
    fn a_full_set_loses_its_oldest_line() {
        check(&[
            (Read(0, 0), Found::Miss),
            (Read(0, 2), Found::Miss),
            (Read(0, 4), Found::Miss),
            (Read(0, 2), Found::Hit),
            (Read(0, 0), Found::Miss),
        ]);
    }
}
