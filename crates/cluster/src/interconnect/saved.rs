//! Networks in snapshots: what they were given, which they are given again.
//!
//! A simulated network depends on nothing but its configuration and the packets that were handed to it, and when. So a
//! snapshot holds those, 40 bytes a packet, and the frames that are still on their way; a restored network is a new
//! one that is handed the same packets. That is exact for every fidelity and switching, and takes the network's own
//! share of the time that the run took.

use super::{Flying, Interconnect};
use crate::run::Recorder;
use fabric::{Cycle, NodeId, Packet};
use machine::dev::virtio::net::FRAME_BYTES_MAX;
use machine::state::{Source, State, StateError};
use std::collections::BTreeMap;

/// No network comes to this cycle.
const CYCLES_MAX: u64 = 1 << 62;

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
        let possible = |injected: &Injected| {
            injected.now.max(injected.wire) < CYCLES_MAX && injected.bytes <= FRAME_BYTES_MAX as u64
        };
        if !journal.iter().all(possible) {
            return None;
        }
        for injected in journal {
            self.advance_rail(number, injected.now, &mut silent, &mut |_, _, _, _| {});
            let rail = &mut self.rails[number];
            let tag = rail.next_tag;
            rail.next_tag += 1;
            let flits = u32::try_from(clock.flits(injected.bytes)).ok()?;
            let (from, to) = (NodeId(injected.from), NodeId(injected.to));
            let packet = Packet { from, to, flits, class: 0, tag };
            rail.network.inject(packet, Cycle(injected.wire + edge)).ok()?;
            let bytes = vec![0; usize::try_from(injected.bytes).ok()?];
            rail.flying.insert(tag, Flying { bytes, wire: injected.wire });
        }
        Some(())
    }
}

/// Whether frames on their way are those that a replay left there, but for what is in them.
fn alike(replayed: &BTreeMap<u64, Flying>, saved: &BTreeMap<u64, Flying>) -> bool {
    let shape = |(tag, flying): (&u64, &Flying)| (*tag, flying.wire, flying.bytes.len());
    replayed.iter().map(shape).eq(saved.iter().map(shape))
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
            let mut flying = BTreeMap::<u64, Flying>::new();
            flying.restore(source)?;
            let mut account = [0; 6];
            account.restore(source)?;
            if account[0] >= CYCLES_MAX {
                return Err(StateError::Invalid { offset });
            }
            self.replay(number, &journal).ok_or(StateError::Invalid { offset })?;
            self.advance_rail(number, account[0], &mut Recorder::default(), &mut |_, _, _, _| {});
            if self.account(number) != account || !alike(&self.rails[number].flying, &flying) {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::Destination;
    use crate::interconnect::Wiring;
    use crate::interface::Departure;
    use crate::time::{Bandwidth, NetworkClock, Ps};
    use fabric::topology::Topology;

    fn wiring() -> Wiring {
        Wiring {
            topology: Topology::from_spec("ring:3").unwrap(),
            table: None,
            fabric: fabric::Config { level: fabric::Level::Packet, ..fabric::Config::default() },
            clock: NetworkClock::new(Bandwidth { bits_per_s: 10_000_000_000 }, 1),
            latency: Ps(1_000_000),
            router: Ps(0),
            faults: Vec::new(),
        }
    }

    fn interconnect() -> Interconnect {
        let mut interconnect = Interconnect::new(wiring(), 1, Ps(0)).unwrap();
        interconnect.keep_journal();
        interconnect
    }

    fn send(interconnect: &mut Interconnect, wire: u64) {
        let departure = Departure { wire, to: Destination::All, bytes: vec![1; 64] };
        interconnect.send(NodeId(0), 0, departure, &mut Recorder::default());
    }

    /// How many frames arrive by `until`.
    fn arrivals(interconnect: &mut Interconnect, until: Ps) -> usize {
        let mut count = 0;
        interconnect.advance(until, &mut Recorder::default(), |_, _, _, _| count += 1);
        count
    }

    /// What a snapshot has of a network.
    #[derive(Debug)]
    struct Saved {
        journal: Vec<Injected>,
        flying: BTreeMap<u64, Flying>,
        account: [u64; 6],
    }

    impl Saved {
        /// Two frames on their way.
        fn new() -> Saved {
            let mut whole = interconnect();
            send(&mut whole, 5000);
            let (account, rail) = (whole.account(0), whole.rails.remove(0));
            Saved { journal: rail.journal, flying: rail.flying, account }
        }

        fn restored(&self) -> Result<Interconnect, StateError> {
            let mut bytes = Vec::new();
            let parts: [&dyn State; 4] =
                [&crate::output::OutputHash::default(), &self.journal, &self.flying, &self.account];
            parts.iter().for_each(|part| part.save(&mut |saved| bytes.extend_from_slice(saved)));
            let mut interconnect = interconnect();
            interconnect.restore(&mut Source::new(&bytes)).map(|()| interconnect)
        }
    }

    #[test]
    fn a_saved_network_that_cannot_be_is_refused() {
        let mut restored = Saved::new().restored().unwrap();
        assert_eq!(arrivals(&mut restored, Ps(1_000_000_000)), 2);
        let spoils: [fn(&mut Saved); 9] = [
            |saved| saved.journal[0].bytes = u64::MAX,
            |saved| saved.journal[0].bytes = FRAME_BYTES_MAX as u64 + 1,
            |saved| saved.journal[0].wire = u64::MAX,
            |saved| saved.journal[0].now = u64::MAX,
            |saved| saved.journal[1].to = 3,
            |saved| saved.account[0] = u64::MAX,
            |saved| saved.account[1] = 0,
            |saved| saved.flying.values_mut().for_each(|flying| flying.wire = u64::MAX),
            |saved| drop(saved.flying.pop_first()),
        ];
        for (number, spoil) in spoils.iter().enumerate() {
            let mut saved = Saved::new();
            spoil(&mut saved);
            assert!(saved.restored().is_err(), "spoil {number}: {saved:?}");
        }
    }

    #[test]
    fn the_slowest_cards_make_the_longest_epoch_and_no_longer_one() {
        let most = Ps(u64::MAX - 1);
        assert_eq!(wiring().epoch(most, most), Ps::NEVER);
        assert_eq!(wiring().epoch(Ps(0), Ps(0)), Ps(2 * (1_000_000 - 800) - 1));
    }

    #[test]
    fn what_a_card_says_was_sent_in_the_past_is_sent_now() {
        let mut interconnect = interconnect();
        assert_eq!(arrivals(&mut interconnect, Ps(1_000_000_000)), 0);
        send(&mut interconnect, 0);
        assert_eq!(arrivals(&mut interconnect, Ps(2_000_000_000)), 2);
    }
}
