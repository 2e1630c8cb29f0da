//! Networks in snapshots: what they were given, which they are given again.
//!
//! A simulated network depends on nothing but its configuration and the packets that were handed to it, and when. So a
//! snapshot holds those, 40 bytes a packet, and the frames that are still on their way; a restored network is a new
//! one that is handed the same packets. That is exact for every fidelity and switching, and takes the network's own
//! share of the time that the run took.

use super::{Flying, Interconnect};
use crate::run::Recorder;
use fabric::{Cycle, NodeId, Packet};
use machine::state::{Source, State, StateError};

/// A packet handed to a network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Injected {
    /// The network's cycle at that moment.
    pub(super) now: u64,
    /// The cycle at which its first flit was on its sender's wire.
    pub(super) wire: u64,
    /// Bytes of its frame.
    pub(super) bytes: u64,
    pub(super) from: u32,
    pub(super) to: u32,
}

machine::state_fields!(Injected { now, wire, bytes, from, to });
machine::state_fields!(Flying { bytes, wire });

impl Interconnect {
    /// Begins to note what is sent, which a snapshot needs from the beginning on.
    pub(crate) fn keep_journal(&mut self) {
        self.keeps_journal = true;
    }

    /// Whether everything that was sent is noted.
    pub(crate) fn has_journal(&self) -> bool {
        self.rails.iter().all(|rail| rail.journal.len() as u64 == rail.next_tag)
    }

    /// By which two networks are found to have done the same.
    fn account(&self, number: usize) -> [u64; 6] {
        let rail = &self.rails[number];
        let counters = rail.network.counters();
        let (now, flying) = (rail.network.now().0, rail.flying.len() as u64);
        [
            now,
            flying,
            rail.network.in_flight(),
            counters.injected_packets,
            counters.dropped_packets,
            counters.hops,
        ]
    }

    /// Hands the network of rail `number` the packets of `journal` at the moments at which it had them.
    fn replay(&mut self, number: usize, journal: &[Injected]) -> Option<()> {
        // Nobody is told again, and nothing arrives again.
        let mut silent = Recorder::default();
        let (edge, clock) = (self.edge, self.wiring.clock);
        for injected in journal {
            self.advance_rail(number, injected.now, &mut silent, &mut |_, _, _, _| {});
            let rail = &mut self.rails[number];
            let tag = rail.next_tag;
            rail.next_tag += 1;
            let flits = u32::try_from(clock.flits(injected.bytes)).ok()?;
            let (from, to) = (NodeId(injected.from), NodeId(injected.to));
            let packet = Packet { from, to, flits, class: 0, tag };
            rail.network.inject(packet, Cycle(injected.wire.checked_add(edge)?)).ok()?;
            let bytes = vec![0; usize::try_from(injected.bytes).ok()?];
            rail.flying.insert(tag, Flying { bytes, wire: injected.wire });
        }
        Some(())
    }
}

impl State for Interconnect {
    fn save(&self, sink: &mut dyn FnMut(&[u8])) {
        self.history.save(sink);
        for (number, rail) in self.rails.iter().enumerate() {
            rail.journal.save(sink);
            rail.flying.save(sink);
            self.account(number).save(sink);
        }
    }

    fn restore(&mut self, source: &mut Source<'_>) -> Result<(), StateError> {
        let mut history = crate::output::OutputHash::default();
        history.restore(source)?;
        for number in 0..self.rails.len() {
            let offset = source.offset();
            let mut journal = Vec::<Injected>::new();
            journal.restore(source)?;
            let mut flying = std::collections::BTreeMap::new();
            flying.restore(source)?;
            let mut account = [0; 6];
            account.restore(source)?;
            self.replay(number, &journal).ok_or(StateError::Invalid { offset })?;
            self.advance_rail(number, account[0], &mut Recorder::default(), &mut |_, _, _, _| {});
            if self.account(number) != account {
                return Err(StateError::Invalid { offset });
            }
            let rail = &mut self.rails[number];
            rail.flying = flying;
            rail.journal = journal;
        }
        self.history = history;
        self.keeps_journal = true;
        Ok(())
    }
}
