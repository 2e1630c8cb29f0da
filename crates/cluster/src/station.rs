//! One node of a cluster and what stands around it: its console, its errand, its network interfaces, and the same
//! node on another engine where both are compared.
//!
//! Invariant: within an epoch a station depends on nothing but itself and what was handed to its interfaces before,
//! so that any thread may run it at any time.

use crate::boot::Booted;
use crate::console::Console;
use crate::interface::{Departure, Interface, Traffic};
use crate::job::Job;
use crate::lockstep::Shadow;
use crate::output::OutputHash;
use crate::run::Look;
use crate::summary::{NodeSummary, Standing};
use crate::telemetry::Telemetry;
use crate::time::Ps;
use fabric::NodeId;
use machine::debug::{Driven, Driver, Go};
use machine::dev::virtio::console::CONTROL_PORT;
use machine::load::elf::Symbols;
use machine::node::{Halt, Limits, Node, Pause};
use machine::state::{Source, State, StateError};

/// Whether a station still runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Life {
    Up,
    Halted(Halt),
    /// A fault of the configuration ended it.
    Crashed,
    /// Its two engines differ.
    Diverged,
}

/// A node and its surroundings.
pub(crate) struct Station {
    pub(crate) id: NodeId,
    pub(crate) name: String,
    pub(crate) node: Node,
    pub(crate) symbols: Symbols,
    pub(crate) console: Console,
    pub(crate) job: Option<Job>,
    pub(crate) shadow: Option<Shadow>,
    /// Runs the node in our place, looking on; not together with a shadow.
    pub(crate) driver: Option<Box<dyn Driver>>,
    /// The driver ends the run, with this status.
    pub(crate) left: Option<u8>,
    pub(crate) interfaces: Vec<Interface>,
    /// What left for the wires in the last epoch, with the interface's number.
    pub(crate) departures: Vec<(usize, Departure)>,
    pub(crate) life: Life,
    /// When a fault of the configuration ends it.
    pub(crate) crash_at: Ps,
    /// It has nothing to do before this instant.
    pub(crate) next: Ps,
    output: OutputHash,
    /// Requests of its shared folders wait for the end of an epoch.
    gated: bool,
}

impl Station {
    pub(crate) fn new(id: NodeId, name: String, booted: Booted) -> Station {
        // A forked node stands where it was frozen.
        let next = own_time(&booted.node);
        Station {
            id,
            name,
            gated: booted.node.bus.is_gated(),
            node: booted.node,
            symbols: booted.symbols,
            console: Console::default(),
            job: None,
            shadow: None,
            driver: None,
            left: None,
            interfaces: Vec::new(),
            departures: Vec::new(),
            life: Life::Up,
            crash_at: Ps::NEVER,
            next,
            output: OutputHash::default(),
        }
    }

    /// Runs the node by itself, to `limits` or a little beyond; `None` when the shadow differs.
    pub(crate) fn run_alone(&mut self, limits: Limits) -> Option<Pause> {
        self.go(limits, Node::run)
    }

    /// Runs the node as `go` does, in company if it has any, and takes note of how it stopped.
    fn go(&mut self, limits: Limits, go: Go) -> Option<Pause> {
        let pause = match (&mut self.driver, &mut self.shadow) {
            (Some(driver), _) => match driver.run(&mut self.node, limits, go) {
                Driven::Pause(pause) => Some(pause),
                Driven::Leave(status) => {
                    self.left = Some(status);
                    Some(Pause::Time)
                }
            },
            (None, Some(shadow)) => shadow.run(&mut self.node, limits, go),
            (None, None) => Some(go(&mut self.node, limits)),
        };
        match pause {
            Some(Pause::Halted(halt)) => self.life = Life::Halted(halt),
            Some(_) => {}
            None => self.life = Life::Diverged,
        }
        pause
    }

    /// Runs to the end of an epoch: frames are handed over at their instants, and what is on the wires before
    /// `until` is taken from the cards.
    pub(crate) fn run_epoch(&mut self, until: Ps) {
        let stop = until.min(self.crash_at);
        while self.life == Life::Up && self.left.is_none() {
            let arrival = self.next_arrival();
            self.advance(arrival.min(stop));
            if arrival >= stop {
                break;
            }
            self.land(arrival);
        }
        if self.life == Life::Up && self.crash_at <= until {
            self.life = Life::Crashed;
        }
        self.depart(until);
        self.next = self.next_instant(until);
    }

    /// Serves the requests of shared folders that several nodes have; between two epochs.
    pub(crate) fn serve_gated(&mut self) {
        if !self.gated || self.life != Life::Up {
            return;
        }
        self.node.serve_gated();
        if let Some(shadow) = &mut self.shadow {
            shadow.node.serve_gated();
        }
    }

    /// Takes a frame off the wire of interface `rail`; a node that is down loses it.
    pub(crate) fn arrive(&mut self, rail: usize, at: Ps, bytes: Vec<u8>) {
        let interface = &mut self.interfaces[rail];
        if self.life == Life::Up {
            interface.arrive(at, bytes);
            self.next = self.next.min(self.next_arrival());
        } else {
            interface.count_arrival(bytes.len(), false);
        }
    }

    fn next_arrival(&self) -> Ps {
        self.interfaces.iter().map(Interface::next_arrival).min().unwrap_or(Ps::NEVER)
    }

    fn advance(&mut self, to: Ps) {
        let limits = Limits { instructions: u64::MAX, cycle: self.node.clock().cycle_of_ps(to.0) };
        let _ = self.go(limits, Node::run_to);
    }

    /// Hands the frames that are in by `now` to the cards, which the node sees at once.
    fn land(&mut self, now: Ps) {
        for (rail, interface) in self.interfaces.iter_mut().enumerate() {
            while let Some(bytes) = interface.take_arrival(now) {
                let length = bytes.len();
                if let Some(net) = self.shadow.as_mut().and_then(|shadow| shadow.node.bus.nets().nth(rail)) {
                    net.push_frame(bytes.clone());
                }
                let taken = self.node.bus.nets().nth(rail).is_some_and(|net| net.push_frame(bytes));
                interface.count_arrival(length, taken);
            }
        }
    }

    /// Takes from the cards what is on the wires before `until`.
    fn depart(&mut self, until: Ps) {
        let mut left = Vec::new();
        for ((rail, interface), net) in self.interfaces.iter_mut().enumerate().zip(self.node.bus.nets()) {
            interface.depart(net, until, &mut left);
            if let Some(net) = self.shadow.as_mut().and_then(|shadow| shadow.node.bus.nets().nth(rail)) {
                left.iter().for_each(|_| drop(net.take_frame()));
            }
            self.departures.extend(left.drain(..).map(|departure| (rail, departure)));
        }
    }

    /// When the station next has something to do, as it stands at `now`.
    fn next_instant(&mut self, now: Ps) -> Ps {
        let sends = self.node.bus.nets().any(|net| net.first_frame().is_some());
        if sends && self.life != Life::Crashed {
            return now;
        }
        if self.life != Life::Up {
            return Ps::NEVER;
        }
        let wakes = match self.node.sleeps_until() {
            None => now.max(own_time(&self.node)),
            Some(u64::MAX) => Ps::NEVER,
            Some(cycle) => Ps(self.node.clock().ps_of_cycle(cycle)),
        };
        wakes.min(self.next_arrival()).min(self.crash_at)
    }

    /// Brings a node of a network that sleeps, whose clock stands where it fell asleep, to the present before
    /// anything from outside reaches it.
    fn catch_up(&mut self, now: Ps) {
        if !self.interfaces.is_empty() && self.life == Life::Up {
            self.advance(now);
            // What comes from outside is for the devices to look at.
            self.next = now.max(own_time(&self.node));
        }
    }

    /// Gives the console its input; nodes that are `asleep` for good get what they were to wait for.
    pub(crate) fn feed_console(&mut self, now: Ps, asleep: bool) {
        if self.console.is_quiet() || self.life != Life::Up {
            return;
        }
        self.catch_up(now);
        let shadow = self.shadow.as_mut().map(|shadow| &mut shadow.node);
        self.console.feed(&mut self.node, shadow, now.ns(), asleep);
    }

    /// Takes what the guest said on its console; it counts for the digest.
    pub(crate) fn hear_console(&mut self, now: Ps) -> Vec<u8> {
        let shadow = self.shadow.as_mut().map(|shadow| &mut shadow.node);
        let bytes = self.console.hear(&mut self.node, shadow);
        if !bytes.is_empty() {
            self.catch_up(now);
            self.count_output(&bytes);
        }
        bytes
    }

    /// Takes what the guest sent on its control channel.
    pub(crate) fn hear_control(&mut self, now: Ps) -> Vec<u8> {
        let bytes =
            self.node.bus.console().map(|console| console.take_output(CONTROL_PORT)).unwrap_or_default();
        if let Some(console) = self.shadow.as_mut().and_then(|shadow| shadow.node.bus.console()) {
            console.take_output(CONTROL_PORT);
        }
        if !bytes.is_empty() {
            self.catch_up(now);
        }
        bytes
    }

    /// Sends the guest what its errand has for it.
    pub(crate) fn answer_control(&mut self, now: Ps) {
        if !self.job.as_ref().is_some_and(Job::has_more) {
            return;
        }
        self.catch_up(now);
        let Station { node, shadow, job, .. } = self;
        let (Some(job), Some(console)) = (job, node.bus.console()) else { return };
        job.send(|bytes| {
            if let Some(console) = shadow.as_mut().and_then(|shadow| shadow.node.bus.console()) {
                console.push_input(CONTROL_PORT, bytes);
            }
            console.push_input(CONTROL_PORT, bytes)
        });
    }

    /// Counts output for the digest.
    pub(crate) fn count_output(&mut self, bytes: &[u8]) {
        self.output.update(bytes);
    }

    /// Counts what a command wrote for the digest, with the stream on which it did.
    pub(crate) fn count_command_output(&mut self, error: bool, bytes: &[u8]) {
        self.output.update(&[u8::from(error)]);
        self.output.update(bytes);
    }

    /// Feeds the station's part of the digest.
    pub(crate) fn digest(&self, sink: &mut dyn FnMut(&[u8])) {
        sink(&self.output.bytes().to_le_bytes());
        sink(&self.output.finish());
        self.node.digest(sink);
        self.interfaces.iter().for_each(|interface| interface.digest(sink));
    }

    /// Whether its kernel panicked, which then asks for a reset as one that is rebooted does.
    pub(crate) fn panicked(&self) -> bool {
        self.life == Life::Halted(Halt::Reboot) && self.console.tells_of_panic()
    }

    fn standing(&mut self) -> Standing {
        match self.life {
            _ if self.panicked() => Standing::Panicked,
            Life::Halted(halt) => Standing::Halted(halt),
            Life::Crashed => Standing::Crashed,
            Life::Up | Life::Diverged if self.node.sleeps_until().is_some() => Standing::Asleep,
            Life::Up | Life::Diverged => Standing::Running,
        }
    }

    /// How it stands now.
    pub(crate) fn look(&mut self) -> Look {
        let sum = |of: fn(&Traffic) -> u64| self.interfaces.iter().map(|card| of(&card.traffic)).sum();
        Look {
            retired: self.node.harts.iter().map(|hart| hart.retired).collect(),
            sent_frames: sum(|traffic| traffic.sent_frames),
            received_frames: sum(|traffic| traffic.received_frames),
            dropped_frames: sum(|traffic| traffic.dropped_frames),
            standing: self.standing(),
        }
    }

    /// What it came to.
    pub(crate) fn summary(&mut self) -> NodeSummary {
        NodeSummary {
            name: self.name.clone(),
            standing: self.standing(),
            harts: self.node.harts.len(),
            memory_bytes: self.node.bus.ram.bytes().len() as u64,
            engine: self.node.engine_name(),
            telemetry: Telemetry::of(&self.node),
            traffic: self.interfaces.iter().map(|interface| interface.traffic).collect(),
            last_words: self.console.last_words(),
        }
    }

    /// The program's signature as lines of 4-byte words, lowest address first, as the architecture tests compare
    /// it; `None` when the program has no such symbols or they are not in memory.
    pub(crate) fn signature(&self) -> Option<String> {
        let (begin, end) = (self.symbols.begin_signature?, self.symbols.end_signature?);
        let bytes = self.node.bus.ram.slice(begin, end.checked_sub(begin)?)?;
        let word = |chunk: &[u8]| {
            let mut word = [0; 4];
            word[..chunk.len()].copy_from_slice(chunk);
            format!("{:08x}\n", u32::from_le_bytes(word))
        };
        Some(bytes.chunks(4).map(word).collect())
    }
}

/// The instant at which the node stands.
fn own_time(node: &Node) -> Ps {
    Ps(node.clock().ps_of_cycle(node.clock().round_start()))
}

/// What stands around the node; the node itself is saved by its parts, and what the configuration says is not saved.
/// Between periods nothing is left to depart.
impl State for Station {
    fn save(&self, sink: &mut dyn FnMut(&[u8])) {
        let Station { console, job, life, next, output, interfaces, symbols, .. } = self;
        let fields: [&dyn State; 5] = [console, job, life, next, output];
        fields.into_iter().for_each(|field| field.save(sink));
        interfaces.iter().for_each(|interface| interface.save(sink));
        [symbols.begin_signature, symbols.end_signature].save(sink);
    }

    fn restore(&mut self, source: &mut Source<'_>) -> Result<(), StateError> {
        let Station { console, job, life, next, output, interfaces, symbols, .. } = self;
        let fields: [&mut dyn State; 5] = [console, job, life, next, output];
        fields.into_iter().try_for_each(|field| field.restore(source))?;
        interfaces.iter_mut().try_for_each(|interface| interface.restore(source))?;
        let mut signature = [None; 2];
        signature.restore(source)?;
        [symbols.begin_signature, symbols.end_signature] = signature;
        self.console.awake();
        Ok(())
    }
}

impl State for Life {
    fn save(&self, sink: &mut dyn FnMut(&[u8])) {
        let (kind, halt): (u8, Option<Halt>) = match *self {
            Life::Up => (0, None),
            Life::Halted(halt) => (1, Some(halt)),
            Life::Crashed => (2, None),
            Life::Diverged => (3, None),
        };
        kind.save(sink);
        halt.save(sink);
    }

    fn restore(&mut self, source: &mut Source<'_>) -> Result<(), StateError> {
        let offset = source.offset();
        let (mut kind, mut halt) = (0u8, None::<Halt>);
        kind.restore(source)?;
        halt.restore(source)?;
        *self = match (kind, halt) {
            (0, None) => Life::Up,
            (1, Some(halt)) => Life::Halted(halt),
            (2, None) => Life::Crashed,
            (3, None) => Life::Diverged,
            _ => return Err(StateError::Invalid { offset }),
        };
        Ok(())
    }
}
