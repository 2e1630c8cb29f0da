//! The mechanism of load balancing: moves jobs as the balancer says, and counts what that takes.

use super::{Experiment, Result};
use crate::balance::{Balancer, Registered, Sight};
use crate::rng::Rng;
use crate::sim::logarithm::ln;
use crate::sim::metrics::jain;
use crate::unit::NodeId;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

/// Ticks of the clock in a mean service time.
const UNIT: f64 = 1e9;
/// Sub-buckets of a power of two in the histogram of responses.
const SUB: u64 = 8;

#[derive(Clone, Copy)]
struct Job {
    came: u64,
    origin: u32,
    moves: u32,
    service: u64,
}

struct Node {
    queue: VecDeque<Job>,
    /// Time owed to transfers and probes.
    owed: u64,
    /// Until when it is busy with transfers and probes.
    moving: u64,
    speed: f64,
    /// Whether it waits to ask again.
    asking: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    Lands(u32, u32),
    Asks(u32),
}

struct Run<'a> {
    experiment: &'a Experiment,
    balancer: Box<dyn Balancer>,
    rng: Rng,
    now: u64,
    nodes: Vec<Node>,
    /// When the running job of each node ends; `u64::MAX` without one.
    done: Vec<u64>,
    /// The node whose job ends first and when, unless that must be looked for.
    first: Option<(u64, NodeId)>,
    lengths: Vec<u32>,
    due: BinaryHeap<Reverse<(u64, u64, Due)>>,
    /// Jobs between nodes, by slot; free slots are reused.
    flying: Vec<Job>,
    free: Vec<u32>,
    number: u64,
    probes: u64,
    transfers: u64,
    overhead: u64,
    wasted: u128,
    idle: u32,
    waiting: u64,
    since: u64,
    measuring: bool,
    ended: u64,
    sums: Vec<(f64, u64)>,
    histogram: Vec<u64>,
}

/// Runs one balancer at one load.
#[must_use]
pub fn run(experiment: &Experiment, policy: &Registered, load: f64, seed: u64) -> Result {
    let speeds = experiment.speeds.iter().copied().cycle().take(experiment.nodes);
    let nodes: Vec<Node> = speeds
        .map(|speed| Node { queue: VecDeque::new(), owed: 0, moving: 0, speed, asking: false })
        .collect();
    let mut run = Run {
        experiment,
        balancer: (policy.build)(experiment.limits),
        rng: Rng::stream(seed, load.to_bits()),
        now: 0,
        done: vec![u64::MAX; nodes.len()],
        first: None,
        lengths: vec![0; nodes.len()],
        idle: NodeId::new(nodes.len()).0,
        sums: vec![(0.0, 0); nodes.len()],
        nodes,
        due: BinaryHeap::new(),
        flying: Vec::new(),
        free: Vec::new(),
        number: 0,
        probes: 0,
        transfers: 0,
        overhead: 0,
        wasted: 0,
        waiting: 0,
        since: 0,
        measuring: false,
        ended: 0,
        histogram: vec![0; 64 * usize::try_from(SUB).unwrap_or(8)],
    };
    let diverges = run.go(load);
    run.result(policy.name, load, diverges)
}

impl Run<'_> {
    /// Runs to the end; whether the queues grew without bound.
    #[expect(clippy::cast_precision_loss, reason = "counts of jobs")]
    fn go(&mut self, load: f64) -> bool {
        let rate = load * self.nodes.iter().map(|node| node.speed).sum::<f64>();
        let (warm, all) = (self.experiment.jobs / 10, self.experiment.jobs + self.experiment.jobs / 10);
        // A stable system of this size and load holds a few dozen jobs a node; this is far beyond.
        let bound = (self.nodes.len() as f64 * 60.0 / (1.0 - load).max(0.02)).max(all as f64 * 0.02);
        let (mut next, mut came) = (self.exponential(1.0 / rate), 0);
        // A node that never had a job asks too, if its balancer asks again and again.
        (0..self.nodes.len()).for_each(|node| self.pull(NodeId::new(node)));
        while self.ended < self.experiment.jobs {
            let (done, node) = self.first_done();
            let due = self.due.peek().map_or(u64::MAX, |Reverse((at, ..))| *at);
            let at = next.min(done).min(due);
            self.pass(at);
            if at == next {
                if came == warm && !self.measuring {
                    self.start_measuring();
                }
                let origin =
                    NodeId::new(self.rng.below(self.experiment.arrivals_at.clamp(1, self.nodes.len())));
                let service = self.exponential(1.0);
                self.place(origin, Job { came: self.now, origin: origin.0, moves: 0, service });
                came += 1;
                next = self.now + self.exponential(1.0 / rate);
                let served = self.nodes.len() as u64 - u64::from(self.idle);
                let flying = (self.flying.len() - self.free.len()) as u64;
                if (served + self.waiting + flying) as f64 > bound {
                    return true;
                }
            } else if at == done {
                self.finish(node);
            } else if let Some(Reverse((.., due))) = self.due.pop() {
                match due {
                    Due::Lands(slot, node) => {
                        self.free.push(slot);
                        self.receive(NodeId(node), self.flying[slot as usize]);
                    }
                    Due::Asks(node) => {
                        self.nodes[node as usize].asking = false;
                        self.pull(NodeId(node));
                    }
                }
            }
        }
        false
    }

    fn start_measuring(&mut self) {
        self.measuring = true;
        (self.probes, self.transfers, self.overhead, self.wasted) = (0, 0, 0, 0);
        self.since = self.now;
    }

    /// Lets time pass, and books the idle time that a waiting job could have used.
    fn pass(&mut self, to: u64) {
        let waste = u64::from(self.idle).min(self.waiting);
        self.wasted += u128::from(waste) * u128::from(to - self.now);
        self.now = to;
    }

    /// The node whose job ends first, and when; of equal ones that of the smallest number.
    fn first_done(&mut self) -> (u64, NodeId) {
        let done = &self.done;
        *self.first.get_or_insert_with(|| {
            let first = (0..done.len()).min_by_key(|&node| done[node]).expect("a node");
            (done[first], NodeId::new(first))
        })
    }

    /// Sets when the job of a node ends.
    fn set_done(&mut self, node: NodeId, at: u64) {
        self.done[node.index()] = at;
        self.first = match self.first {
            Some(first) if first.1 != node => Some(first.min((at, node))),
            _ => None,
        };
    }

    /// Asks the balancer, and pays for its probes from the time of `at`.
    fn ask<T>(&mut self, at: NodeId, question: impl FnOnce(&mut dyn Balancer, &mut Sight<'_>) -> T) -> T {
        let before = self.probes;
        let mut sight = Sight::new(&self.lengths, &mut self.rng, &mut self.probes);
        let answer = question(self.balancer.as_mut(), &mut sight);
        let probes = self.probes - before;
        if probes > 0 && self.experiment.probe_cpu > 0.0 {
            let each = ticks(self.experiment.probe_cpu);
            self.owe(at, each * probes);
        }
        answer
    }

    /// Takes time of `node` for a transfer or probes, one after the other, ahead of its jobs; until when.
    fn owe(&mut self, node: NodeId, time: u64) -> u64 {
        self.overhead += time;
        let done = self.done[node.index()];
        let owes = &mut self.nodes[node.index()];
        owes.moving = owes.moving.max(self.now) + time;
        let until = owes.moving;
        if done == u64::MAX {
            owes.owed += time;
        } else if time > 0 {
            self.set_done(node, done + time);
        }
        until
    }

    fn place(&mut self, at: NodeId, job: Job) {
        let to = self.ask(at, |balancer, sight| balancer.place(at, job.moves, sight));
        if to == at { self.join(at, job) } else { self.transfer(at, to, job) }
    }

    fn transfer(&mut self, from: NodeId, to: NodeId, job: Job) {
        self.transfers += 1;
        let sent = self.owe(from, ticks(self.experiment.transfer_cpu));
        let job = Job { moves: job.moves + 1, ..job };
        let delay = sent - self.now + ticks(self.experiment.transfer_delay);
        if delay == 0 {
            return self.receive(to, job);
        }
        let slot = self.free.pop().unwrap_or_else(|| {
            self.flying.push(job);
            NodeId::new(self.flying.len() - 1).0
        });
        self.flying[slot as usize] = job;
        self.schedule(delay, Due::Lands(slot, to.0));
    }

    fn receive(&mut self, at: NodeId, job: Job) {
        self.owe(at, ticks(self.experiment.transfer_cpu));
        // A job that was pulled, or has been moved as often as it may, stays.
        if job.moves >= self.experiment.limits.transfers_max {
            self.join(at, job)
        } else {
            self.place(at, job)
        }
    }

    fn join(&mut self, at: NodeId, job: Job) {
        self.lengths[at.index()] += 1;
        self.nodes[at.index()].queue.push_back(job);
        if self.lengths[at.index()] == 1 {
            self.idle -= 1;
            self.start(at);
        } else {
            self.waiting += 1;
        }
    }

    fn start(&mut self, at: NodeId) {
        let node = &mut self.nodes[at.index()];
        let owed = core::mem::take(&mut node.owed);
        let service = node.queue.front().expect("a job to start").service;
        #[expect(clippy::cast_precision_loss, reason = "a random time")]
        let service = if node.speed == 1.0 { service } else { ticks(service as f64 / node.speed / UNIT) };
        self.set_done(at, self.now + owed + service);
    }

    fn finish(&mut self, at: NodeId) {
        let node = &mut self.nodes[at.index()];
        let job = node.queue.pop_front().expect("the job that ended");
        self.set_done(at, u64::MAX);
        self.lengths[at.index()] -= 1;
        self.book(job);
        if self.lengths[at.index()] > 0 {
            self.waiting -= 1;
            self.start(at);
        } else {
            self.idle += 1;
        }
        self.pull(at);
    }

    #[expect(clippy::cast_precision_loss, reason = "a mean")]
    fn book(&mut self, job: Job) {
        if !self.measuring || job.came < self.since {
            return;
        }
        self.ended += 1;
        let response = self.now - job.came;
        let sum = &mut self.sums[job.origin as usize];
        *sum = (sum.0 + response as f64 / UNIT, sum.1 + 1);
        self.histogram[bucket(response)] += 1;
    }

    fn pull(&mut self, at: NodeId) {
        let from = self.ask(at, |balancer, sight| balancer.pull(at, sight));
        match from.filter(|from| *from != at && self.lengths[from.index()] > 1) {
            Some(from) => {
                let job = self.nodes[from.index()].queue.pop_back().expect("more than one");
                self.lengths[from.index()] -= 1;
                self.waiting -= 1;
                let moves = job.moves.max(self.experiment.limits.transfers_max);
                self.transfer(from, at, Job { moves, ..job });
            }
            None if self.lengths[at.index()] == 0
                && self.balancer.repolls()
                && !self.nodes[at.index()].asking =>
            {
                self.nodes[at.index()].asking = true;
                self.schedule(ticks(self.experiment.repoll).max(1), Due::Asks(at.0));
            }
            None => {}
        }
    }

    fn schedule(&mut self, after: u64, due: Due) {
        self.number += 1;
        self.due.push(Reverse((self.now + after, self.number, due)));
    }

    fn exponential(&mut self, mean: f64) -> u64 {
        ticks(-mean * ln(self.rng.unit()))
    }

    #[expect(clippy::cast_precision_loss, reason = "ratios")]
    fn result(&self, policy: &str, load: f64, diverges: bool) -> Result {
        let (sum, jobs) = self.sums.iter().fold((0.0, 0), |(sum, n), (s, m)| (sum + s, n + m));
        let time = ((self.now - self.since) as f64 * self.nodes.len() as f64).max(1.0);
        let per_job = |count: u64| count as f64 / (jobs.max(1)) as f64;
        let means = self.sums.iter().filter(|(_, n)| *n > 0).map(|(sum, n)| sum / *n as f64);
        Result {
            policy: policy.to_owned(),
            load,
            response_mean: sum / jobs.max(1) as f64,
            response_p50: self.percentile(jobs / 2),
            response_p99: self.percentile(jobs - jobs / 100),
            diverges,
            wasted_idle: self.wasted as f64 / time,
            wasted_overhead: self.overhead as f64 / time,
            transfers_per_job: per_job(self.transfers),
            probes_per_job: per_job(self.probes),
            fairness: jain(means),
            jobs,
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "the edge of a bucket")]
    fn percentile(&self, rank: u64) -> f64 {
        let mut seen = 0;
        for (bucket, count) in self.histogram.iter().enumerate() {
            seen += count;
            if seen >= rank.max(1) {
                let (power, part) = (bucket as u64 / SUB, bucket as u64 % SUB);
                return (1u128 << power) as f64 * (1.0 + (part + 1) as f64 / SUB as f64) / UNIT;
            }
        }
        0.0
    }
}

#[expect(clippy::cast_possible_truncation, reason = "64 powers of 8 parts")]
fn bucket(time: u64) -> usize {
    let power = time.max(1).ilog2();
    let part = ((u128::from(time.max(1)) * u128::from(SUB)) >> power) - u128::from(SUB);
    power as usize * SUB as usize + part as usize
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "positive; the cast saturates")]
fn ticks(units: f64) -> u64 {
    (units * UNIT + 0.5) as u64
}
