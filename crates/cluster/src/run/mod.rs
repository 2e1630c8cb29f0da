//! A cluster and its run: periods of virtual time, between which the outside is heard, made of epochs, between which
//! the nodes and their network meet.
//!
//! Invariant: the outside is heard at whole periods of virtual time only, so that a run depends on what comes in
//! and in which period, never on how fast the host is or how many threads it has. The length of a period is part of
//! the configuration, and that of an epoch follows from it.

mod course;
mod errands;
mod host;
mod saved;

pub use host::{Bounds, Crossed, End, Host, Input, Look, Mark, Moment, Recorder, Seen, Watch, Way};

use crate::boot::Booted;
use crate::control::{Command, Identity};
use crate::crew::{Board, Crew, station};
use crate::interconnect::{self, Interconnect, Wiring};
use crate::interface::Timing;
use crate::job::Job;
use crate::lockstep::Shadow;
use crate::station::Station;
use crate::summary::{NetworkSummary, NodeSummary};
use crate::time::Ps;
use course::Course;
use fabric::{LinkId, NodeId};
use machine::debug::Driver;
use machine::node::Node;
use std::sync::{Mutex, PoisonError};

/// Virtual time between two looks at the outside.
pub const PERIOD_NS: u64 = 1_000_000;

/// A node on its way into a cluster.
pub struct Member {
    /// Its name.
    pub name: String,
    /// The node.
    pub booted: Booted,
    /// What its network interfaces take.
    pub timing: Timing,
    /// When a fault ends it.
    pub crash_at: Option<Ps>,
}

/// Nodes, the network between them, and how they are run.
pub struct Cluster {
    stations: Vec<Mutex<Station>>,
    course: Course,
    threads: usize,
}

impl Cluster {
    /// A single node about to run, which has no network.
    pub fn new(booted: Booted, bounds: Bounds) -> Cluster {
        let station = Station::new(NodeId(0), NodeId(0).to_string(), booted);
        Cluster { stations: vec![Mutex::new(station)], course: Course::new(None, Ps(0), bounds), threads: 1 }
    }

    /// Nodes about to run on a network, each with `rails` interfaces that are plugged in already.
    ///
    /// Errors: a network that cannot be.
    ///
    /// Panics: when there are more or fewer nodes than the network has.
    pub fn joined(
        members: Vec<Member>,
        wiring: Wiring,
        rails: usize,
        bounds: Bounds,
    ) -> Result<Cluster, fabric::Error> {
        assert_eq!(members.len(), wiring.topology.nodes(), "a network has a place for each node");
        let least = interconnect::least(members.iter().map(|member| member.timing));
        let epoch = wiring.epoch(least, least);
        let interconnect = Interconnect::new(wiring, rails, least)?;
        let clock = interconnect.clock();
        let nodes = u32::try_from(members.len()).unwrap_or(u32::MAX);
        let stations = (0..nodes).map(NodeId).zip(members).map(|(id, member)| {
            let mut station = Station::new(id, member.name, member.booted);
            let cards: Vec<_> = station.node.bus.nets().map(|net| net.capacity()).collect();
            station.interfaces = interconnect::interfaces(id, nodes, &cards, member.timing, clock);
            station.crash_at = member.crash_at.unwrap_or(Ps::NEVER);
            Mutex::new(station)
        });
        Ok(Cluster {
            stations: stations.collect(),
            course: Course::new(Some(interconnect), epoch, bounds),
            threads: 1,
        })
    }

    /// Runs the nodes on so many host threads, which nothing shows but the wall clock.
    pub fn set_threads(&mut self, threads: usize) {
        self.threads = threads.max(1);
    }

    /// A node that fails no longer ends the run of several: the others go on.
    pub fn survive_failures(&mut self) {
        self.course.survives = true;
    }

    /// The run is over when this node ends, whatever the others do.
    pub fn follow(&mut self, node: NodeId) {
        self.course.leader = Some(node);
    }

    /// Gives a node its identity and a command, where there is one: a run with commands ends when they have ended.
    /// None starts before every node that has an errand is ready.
    pub fn set_errand(&mut self, node: NodeId, identity: Option<Identity>, command: Option<Command>) {
        self.station(node).job = Some(Job::new(identity, command));
    }

    /// As [`Cluster::set_errand`], for a node that was forked from one that was ready.
    pub fn set_errand_of_fork(&mut self, node: NodeId, identity: Option<Identity>, command: Option<Command>) {
        self.station(node).job = Some(Job::forked(identity, command));
    }

    /// Makes a node's console input wait until the guest opens its virtio console: for guests whose console that is,
    /// since what comes earlier would go to the serial port, which they do not read.
    pub fn hold_input(&mut self, node: NodeId) {
        self.station(node).console.hold();
    }

    /// Shuts the guests down behind their commands, which writes back what they still hold.
    pub fn shut_down_after_command(&mut self) {
        self.course.orderly = true;
    }

    /// Runs the same node on another engine beside it and compares their states every `every` instructions.
    pub fn set_shadow(&mut self, node: NodeId, booted: Booted, every: u64) {
        self.station(node).shadow = Some(Shadow::new(booted.node, every));
    }

    /// Lets `driver` run a node: a debugger, or whoever keeps a record. Not together with a shadow.
    pub fn set_driver(&mut self, node: NodeId, driver: Box<dyn Driver>) {
        self.station(node).driver = Some(driver);
    }

    /// How the two engines of a node came to differ, after [`End::Diverged`].
    pub fn divergence(&mut self) -> Option<String> {
        let found = |slot: &mut Mutex<Station>| {
            let station = slot.get_mut().unwrap_or_else(PoisonError::into_inner);
            station
                .shadow
                .as_ref()
                .and_then(Shadow::divergence)
                .map(|text| format!("{}: {text}", station.name))
        };
        self.stations.iter_mut().find_map(found)
    }

    /// Tells the host of every frame on these links, which changes nothing.
    pub fn watch_links(&mut self, links: &[LinkId]) {
        self.course.interconnect.iter_mut().for_each(|interconnect| interconnect.watch(links));
    }

    /// How many nodes there are.
    pub fn len(&self) -> usize {
        self.stations.len()
    }

    /// Whether there is no node, which cannot be.
    pub fn is_empty(&self) -> bool {
        self.stations.is_empty()
    }

    /// A node.
    pub fn node(&mut self, node: NodeId) -> &mut Node {
        &mut self.station(node).node
    }

    /// Virtual time.
    ///
    /// Units: nanoseconds, rounded down.
    pub fn virtual_ns(&self) -> u64 {
        self.course.now(&self.stations).ns()
    }

    /// The length of an epoch; none where there is no network.
    pub fn epoch(&self) -> Option<Ps> {
        self.course.interconnect.is_some().then_some(self.course.epoch)
    }

    /// Interrupts the run at `mark`, once.
    pub fn interrupt_at(&mut self, mark: Mark) {
        self.course.marks.push(mark);
    }

    /// Gives a node that has an errand another command, or none; false when it was given its command already.
    pub fn set_command(&mut self, node: NodeId, command: Option<Command>) -> bool {
        let job = self.station(node).job.get_or_insert_default();
        job.command() == command.as_ref() || job.set_command(command)
    }

    /// Runs to the end, or to the next mark.
    pub fn run(&mut self, host: &mut dyn Host) -> End {
        let Cluster { stations, course, threads } = self;
        let board = Board::default();
        std::thread::scope(|scope| {
            let crew = Crew::muster(scope, &board, stations, *threads);
            course.run(stations, &crew, host)
        })
    }

    /// The node whose failure ended the run.
    pub fn culprit(&self) -> Option<NodeId> {
        self.course.culprit
    }

    /// What each node did so far.
    pub fn nodes(&self) -> Vec<NodeSummary> {
        self.stations.iter().map(|slot| station(slot).summary()).collect()
    }

    /// What the network did so far.
    pub fn network(&self) -> Option<NetworkSummary> {
        self.course.interconnect.as_ref().map(Interconnect::summary)
    }

    /// The digest over the state of the machines and their network, all output, and `configuration` in its canonical
    /// form.
    pub fn digest(&self, configuration: &str) -> blake3::Hash {
        let mut hasher = blake3::Hasher::new_derive_key("multivac 1 digest of a run");
        let mut feed = |part: &[u8]| {
            hasher.update(part);
        };
        feed(&(configuration.len() as u64).to_le_bytes());
        feed(configuration.as_bytes());
        let Some(interconnect) = &self.course.interconnect else {
            self.stations.iter().for_each(|slot| station(slot).digest(&mut feed));
            return hasher.finalize();
        };
        self.station_digests().iter().for_each(|hash| feed(hash.as_bytes()));
        interconnect.digest(&mut feed);
        feed(&self.course.now(&self.stations).0.to_le_bytes());
        hasher.finalize()
    }

    /// The signature of the first node's program; see [`Station::signature`].
    pub fn signature(&self) -> Option<String> {
        station(self.stations.first()?).signature()
    }

    /// Each station's digest, made on all threads.
    fn station_digests(&self) -> Vec<blake3::Hash> {
        let digest = |slot: &Mutex<Station>| {
            let mut hasher = blake3::Hasher::new_derive_key("multivac 1 digest of a node");
            station(slot).digest(&mut |part| {
                hasher.update(part);
            });
            hasher.finalize()
        };
        let share = self.stations.len().div_ceil(self.threads).max(1);
        std::thread::scope(|scope| {
            let threads: Vec<_> = self
                .stations
                .chunks(share)
                .map(|slots| scope.spawn(move || slots.iter().map(digest).collect::<Vec<_>>()))
                .collect();
            let hashes = threads.into_iter().map(|thread| thread.join());
            hashes
                .flat_map(|hashes| hashes.unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
                .collect()
        })
    }

    fn station(&mut self, node: NodeId) -> &mut Station {
        self.stations[node.index()].get_mut().unwrap_or_else(PoisonError::into_inner)
    }
}
