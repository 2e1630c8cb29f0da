//! The course of a run: the outside asked, the nodes run through a period, their output taken, the end told.

use super::PERIOD_NS;
use super::errands;
use super::host::{Bounds, End, Host, Look, Mark, Moment, Watch};
use crate::control::Ended;
use crate::crew::{Crew, station};
use crate::interconnect::Interconnect;
use crate::job::Job;
use crate::station::{Life, Station};
use crate::time::Ps;
use fabric::NodeId;
use machine::node::{Halt, Limits, Pause};
use machine::state::{Source, State, StateError};
use std::sync::Mutex;

/// Lets whoever drives the station's node have a look at it between two periods; the status with which they end the run.
fn pause(slot: &Mutex<Station>) -> Option<u8> {
    let Station { driver, node, .. } = &mut *station(slot);
    driver.as_mut().and_then(|driver| driver.pause(node))
}

/// How a period went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Passed {
    /// To its end.
    Time,
    /// To the limit of instructions.
    Instructions,
    /// Everything sleeps, and nothing is due or under way.
    Asleep,
    /// A node halted, crashed or diverged.
    Changed,
}

/// Everything of a run that is not a station.
pub(super) struct Course {
    pub(super) interconnect: Option<Interconnect>,
    /// The lock step of nodes and network.
    pub(super) epoch: Ps,
    /// Virtual time, where there is a network; a single node has its own.
    now: Ps,
    bounds: Bounds,
    /// Shut the guests down behind the command.
    pub(super) orderly: bool,
    /// A node that fails does not end the run.
    pub(super) survives: bool,
    /// How the command ended, while the guests shut down behind it.
    pub(super) ended: Option<Ended>,
    pub(super) culprit: Option<NodeId>,
    /// The run is over when this node ends.
    pub(super) leader: Option<NodeId>,
    /// Where the run is to be interrupted.
    pub(super) marks: Vec<Mark>,
    /// The last period left everything asleep.
    asleep: bool,
    /// The stations of the next epoch.
    active: Vec<usize>,
}

impl Course {
    pub(super) fn new(interconnect: Option<Interconnect>, epoch: Ps, bounds: Bounds) -> Course {
        Course {
            interconnect,
            epoch,
            now: Ps(0),
            bounds,
            orderly: false,
            survives: false,
            ended: None,
            culprit: None,
            leader: None,
            marks: Vec::new(),
            asleep: false,
            active: Vec::new(),
        }
    }

    pub(super) fn now(&self, stations: &[Mutex<Station>]) -> Ps {
        match (&self.interconnect, stations.first()) {
            (None, Some(slot)) => {
                let station = station(slot);
                Ps(station.node.clock().ps_of_cycle(station.node.clock().round_start()))
            }
            _ => self.now,
        }
    }

    /// Runs to the end, at which a driver has a last look at its node.
    pub(super) fn run(&mut self, stations: &[Mutex<Station>], crew: &Crew<'_>, host: &mut dyn Host) -> End {
        let end = self.run_to_end(stations, crew, host);
        let goes_on = matches!(end, End::Reached(_));
        for slot in stations.iter().filter(|_| !goes_on) {
            let Station { driver, node, .. } = &mut *station(slot);
            driver.iter_mut().for_each(|driver| driver.end(node, &end.to_string(), end.is_failure()));
        }
        end
    }

    fn run_to_end(&mut self, stations: &[Mutex<Station>], crew: &Crew<'_>, host: &mut dyn Host) -> End {
        loop {
            if let Some(mark) = self.reached(stations) {
                return End::Reached(mark);
            }
            if let Some(end) = errands::resume(self, stations) {
                return end;
            }
            if let Some(status) = stations.iter().find_map(pause) {
                return End::Left(status);
            }
            let moment = self.moment(stations, self.asleep);
            let input = host.input(moment);
            if let Some(slot) = stations.get(input.node.index()) {
                station(slot).console.say(&input.console);
            }
            if let Some(status) = input.leave {
                return End::Left(status);
            }
            let job_input = moment.job_listens && (!input.job.is_empty() || input.job_end);
            if job_input {
                let feed = |job: &mut Job| job.feed(&input.job, input.job_end);
                stations.iter().for_each(|slot| station(slot).job.iter_mut().for_each(feed));
            }
            if moment.asleep && !stations.iter().any(waits_for_input) && !job_input && !input.open {
                return End::Deadlock;
            }
            let now = self.now(stations);
            stations.iter().for_each(|slot| station(slot).feed_console(now, moment.asleep));
            let from = now;
            let passed = match self.pass(stations, crew, host) {
                Ok(passed) => passed,
                Err(end) => return end,
            };
            let now = self.now(stations);
            self.show(stations, host, from, now);
            for slot in stations {
                let mut station = station(slot);
                let bytes = station.hear_console(now);
                if !bytes.is_empty() {
                    host.console(station.id, &bytes);
                }
            }
            if let Some(end) = errands::exchange(self, stations, host) {
                return end;
            }
            self.asleep = passed == Passed::Asleep;
            if let Some(end) = self.verdict(stations, passed) {
                return end;
            }
        }
    }

    /// Whether commands wait until the run was interrupted before them.
    pub(super) fn holds_commands(&self) -> bool {
        self.marks.contains(&Mark::Ready)
    }

    /// The first mark that is reached, which is then forgotten.
    fn reached(&mut self, stations: &[Mutex<Station>]) -> Option<Mark> {
        if self.marks.is_empty() {
            return None;
        }
        let now = self.now(stations).ns();
        let waits = |slot: &Mutex<Station>| station(slot).job.as_ref().map(Job::waits);
        let mut jobs = stations.iter().filter_map(waits).peekable();
        let ready = jobs.peek().is_some() && jobs.all(|waits| waits);
        let reached = |mark: &Mark| match mark {
            Mark::Time { ns } => *ns <= now,
            Mark::Ready => ready,
        };
        let index = self.marks.iter().position(reached)?;
        Some(self.marks.remove(index))
    }

    fn moment(&self, stations: &[Mutex<Station>], asleep: bool) -> Moment {
        let mut moment = Moment {
            virtual_ns: self.now(stations).ns(),
            instructions: 0,
            asleep,
            job_listens: false,
            console_listens: true,
        };
        // Who is fed waits for the slowest, but not for the dead.
        let mut sated = false;
        for slot in stations {
            let station = station(slot);
            moment.instructions = moment.instructions.saturating_add(station.node.retired());
            moment.asleep &= station.console.is_quiet() && !station.job.as_ref().is_some_and(Job::has_more);
            if station.life == Life::Up {
                moment.job_listens |= station.job.as_ref().is_some_and(Job::takes_input);
                sated |= station.job.as_ref().is_some_and(Job::has_input_left);
            }
            if station.id == self.leader.unwrap_or_default() {
                moment.console_listens = station.console.listens();
            }
        }
        moment.job_listens &= !sated;
        moment
    }

    /// Runs to the end of this period, or less.
    ///
    /// Errors: the end, where a driver leaves.
    fn pass(
        &mut self,
        stations: &[Mutex<Station>],
        crew: &Crew<'_>,
        host: &mut dyn Host,
    ) -> Result<Passed, End> {
        if self.interconnect.is_none() {
            return stations.first().map_or(Ok(Passed::Asleep), |slot| self.pass_alone(&mut station(slot)));
        }
        let period = Ps::from_ns(PERIOD_NS);
        let mark = self.now.on_grid(period).after(period);
        let mark = self.bounds.time_ns.map_or(mark, |limit| mark.min(Ps::from_ns(limit)));
        while self.now < mark {
            let next = self.next_instant(stations);
            if next == Ps::NEVER {
                return Ok(Passed::Asleep);
            }
            let start = self.now.max(next.on_grid(self.epoch));
            if start >= mark {
                self.now = mark;
                break;
            }
            let end = start.on_grid(self.epoch).after(self.epoch).min(mark);
            if self.step(stations, crew, host, end) {
                let left = stations.iter().find_map(|slot| station(slot).left);
                return left.map_or(Ok(Passed::Changed), |status| Err(End::Left(status)));
            }
        }
        let retired =
            || stations.iter().map(|slot| station(slot).node.retired()).fold(0, u64::saturating_add);
        Ok(match self.bounds.instructions {
            Some(limit) if retired() >= limit => Passed::Instructions,
            _ => Passed::Time,
        })
    }

    /// Runs an epoch that ends at `end`; whether a node ended in it.
    fn step(&mut self, stations: &[Mutex<Station>], crew: &Crew<'_>, host: &mut dyn Host, end: Ps) -> bool {
        let Some(interconnect) = &mut self.interconnect else { return false };
        interconnect.advance(end, host, |node, rail, at, bytes| {
            station(&stations[node.index()]).arrive(rail, at, bytes);
        });
        self.active.extend((0..stations.len()).filter(|index| station(&stations[*index]).next < end));
        let ran = self.active.clone();
        crew.run(&mut self.active, end);
        let mut changed = false;
        for index in ran {
            let mut station = station(&stations[index]);
            station.serve_gated();
            changed |= station.life != Life::Up && station.next == Ps::NEVER || station.left.is_some();
            let from = station.id;
            for (rail, departure) in station.departures.drain(..) {
                interconnect.send(from, rail, departure, host);
            }
        }
        if host.watch() == Watch::Epochs {
            let start = Ps(end.0.saturating_sub(self.epoch.0)).max(self.now);
            host.look(start, end, &looks(stations));
        }
        self.now = end;
        changed
    }

    /// Lets the outside look after a period, where it does not after each epoch.
    fn show(&self, stations: &[Mutex<Station>], host: &mut dyn Host, from: Ps, to: Ps) {
        let watch = host.watch();
        if watch == Watch::Periods || watch == Watch::Epochs && self.interconnect.is_none() {
            host.look(from, to, &looks(stations));
        }
        if let (Watch::Epochs, Some(interconnect)) = (watch, &self.interconnect) {
            host.links(to, interconnect.cycle_ps(), &interconnect.loads());
        }
    }

    /// When anything next happens, in a node or between them.
    fn next_instant(&self, stations: &[Mutex<Station>]) -> Ps {
        let nodes = stations.iter().map(|slot| station(slot).next).min().unwrap_or(Ps::NEVER);
        self.interconnect.as_ref().map_or(nodes, |interconnect| nodes.min(interconnect.next_arrival()))
    }

    /// A single node's period.
    ///
    /// Errors: the end, where its driver leaves.
    fn pass_alone(&mut self, station: &mut Station) -> Result<Passed, End> {
        let clock = station.node.clock();
        let cycle_of = |ns: u64| clock.cycle_of_ps(ns.saturating_mul(1000));
        let period_cycles = cycle_of(PERIOD_NS).max(1);
        let next = (clock.round_start() / period_cycles + 1) * period_cycles;
        let limits = Limits {
            instructions: self.bounds.instructions.unwrap_or(u64::MAX),
            cycle: self.bounds.time_ns.map_or(next, |limit| next.min(cycle_of(limit))),
        };
        let pause = station.run_alone(limits);
        if let Some(status) = station.left {
            return Err(End::Left(status));
        }
        Ok(match pause {
            Some(Pause::Halted(_)) | None => Passed::Changed,
            Some(Pause::Instructions) => Passed::Instructions,
            // A driver answers for stops, and without one nothing sets any.
            Some(Pause::Time | Pause::Stopped(_)) => Passed::Time,
            Some(Pause::Asleep) => Passed::Asleep,
        })
    }

    /// Whether the run is over.
    fn verdict(&mut self, stations: &[Mutex<Station>], passed: Passed) -> Option<End> {
        // Where failures are survived, what a dead node's command came to is told once no other's is under way.
        let goes_on = |slot: &Mutex<Station>| {
            let station = station(slot);
            station.life == Life::Up && errands::is_under_way(&station)
        };
        let others = self.survives && stations.iter().any(goes_on);
        let mut worst: Option<(Option<NodeId>, End)> = None;
        let mut up = 0;
        for slot in stations {
            let station = station(slot);
            match station.life {
                Life::Up => up += 1,
                Life::Diverged => return Some(End::Diverged),
                Life::Crashed if errands::is_under_way(&station) && self.ended.is_none() && !others => {
                    self.culprit = Some(station.id);
                    return Some(End::JobLost(format!("{} crashed, and the command with it", station.name)));
                }
                Life::Crashed => {}
                Life::Halted(halt) => {
                    let panicked = station.panicked();
                    let fails = panicked || fails(halt);
                    let end = if panicked { End::Panicked } else { End::Halted(halt) };
                    let leads = self.leader == Some(station.id);
                    let ends = fails && !self.survives || errands::is_under_way(&station) && !others || leads;
                    if ends && self.ended.is_none() {
                        self.culprit = Some(station.id);
                        return Some(end);
                    }
                    // The worst of several ends is told.
                    if worst.as_ref().is_none_or(|(culprit, _)| culprit.is_none() && fails) {
                        worst = Some((fails.then_some(station.id), end));
                    }
                }
            }
        }
        let over = up == 0 || passed == Passed::Asleep;
        if let Some(ended) = self.ended.filter(|_| over) {
            return Some(End::Job(ended));
        }
        if up == 0 {
            let (culprit, end) = worst.unwrap_or((None, End::Deadlock));
            self.culprit = culprit;
            return Some(end);
        }
        let time = self.bounds.time_ns.is_some_and(|limit| self.now(stations).ns() >= limit);
        let end = match passed {
            Passed::Instructions => End::Instructions,
            Passed::Time if time => End::Time,
            _ => return None,
        };
        // Who was waited for.
        self.culprit = stations.iter().find(|slot| goes_on(slot)).map(|slot| station(slot).id);
        Some(end)
    }
}

/// What is neither a station, nor the networks', nor the configuration's.
impl State for Course {
    fn save(&self, sink: &mut dyn FnMut(&[u8])) {
        let Course { now, orderly, ended, culprit, asleep, .. } = self;
        let fields: [&dyn State; 5] = [now, orderly, ended, &culprit.map(|node| node.0), asleep];
        fields.into_iter().for_each(|field| field.save(sink));
    }

    fn restore(&mut self, source: &mut Source<'_>) -> Result<(), StateError> {
        let Course { now, orderly, ended, culprit, asleep, .. } = self;
        let mut number = None::<u32>;
        let fields: [&mut dyn State; 5] = [now, orderly, ended, &mut number, asleep];
        fields.into_iter().try_for_each(|field| field.restore(source))?;
        *culprit = number.map(NodeId);
        Ok(())
    }
}

/// Whether a node that ends so has failed.
fn fails(halt: Halt) -> bool {
    matches!(halt, Halt::Failed(_)) || matches!(halt, Halt::ToHost(value) if value != 1)
}

fn looks(stations: &[Mutex<Station>]) -> Vec<Look> {
    stations.iter().map(|slot| station(slot).look()).collect()
}

fn waits_for_input(slot: &Mutex<Station>) -> bool {
    !station(slot).console.is_quiet()
}
