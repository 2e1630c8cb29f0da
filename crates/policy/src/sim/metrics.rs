//! What a run is judged by.

use super::trace::{Activity, Trace};
use super::{Options, Workload};
use crate::sched::kit::Matrix;
use crate::unit::{CpuId, Ns, ThreadId};
use serde::Serialize;

/// A sample of times, summed up.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Distribution {
    /// How many.
    pub count: u64,
    /// Their mean, in nanoseconds.
    pub mean_ns: f64,
    /// Half are at most this.
    pub p50_ns: u64,
    /// 99 of 100 are at most this.
    pub p99_ns: u64,
    /// The largest.
    pub max_ns: u64,
    /// How many are below each power of two and at least the one before: `buckets[i]` counts `2^(i-1) <= t < 2^i`.
    pub buckets: Vec<u64>,
}

impl Distribution {
    #[expect(clippy::cast_precision_loss, reason = "means need no more than 53 bits")]
    fn of(mut times: Vec<u64>) -> Distribution {
        times.sort_unstable();
        let count = times.len();
        let Some(&max_ns) = times.last() else { return Distribution::default() };
        let mut buckets = vec![0; 65 - max_ns.leading_zeros() as usize];
        times.iter().for_each(|time| buckets[64 - time.leading_zeros() as usize] += 1);
        Distribution {
            count: count as u64,
            mean_ns: times.iter().map(|&time| time as f64).sum::<f64>() / count as f64,
            p50_ns: times[(count - 1) / 2],
            p99_ns: times[(count * 99).div_ceil(100) - 1],
            max_ns,
            buckets,
        }
    }
}

/// What the CPUs did, in parts of all their time; the parts make 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Utilization {
    /// Work of threads.
    pub useful: f64,
    /// Waiting with a CPU in hand.
    pub spinning: f64,
    /// Deciding and switching.
    pub switching: f64,
    /// Filling cold caches.
    pub reloading: f64,
    /// Nothing.
    pub idle: f64,
}

/// What came of a run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Outcome {
    /// The policy.
    pub policy: String,
    /// When the last thread ended, in nanoseconds.
    pub makespan_ns: u64,
    /// Jobs (groups) that ended.
    pub jobs: usize,
    /// Threads that ended.
    pub threads: usize,
    /// Jobs a second.
    pub throughput_per_s: f64,
    /// From the arrival of a job's first thread to the end of its last.
    pub response: Distribution,
    /// Response over what the job would take alone with a CPU for each thread and no waiting, on average.
    pub slowdown_mean: f64,
    /// What the CPUs did.
    pub utilization: Utilization,
    /// Threads that lost their CPU to another.
    pub preemptions: u64,
    /// Threads that went on where they had not been.
    pub migrations: u64,
    /// Changes of the thread on a CPU.
    pub switches: u64,
    /// Extra quanta given.
    pub extra_quanta: u64,
    /// Jain's index over the jobs' speeds (1 over slowdown): 1 when all are slowed alike.
    pub fairness: f64,
    /// Mean wait for the lock of the shared ready structure, beyond its cost without contention, in nanoseconds.
    pub queue_wait_mean_ns: f64,
    /// Mean wait for a lock or semaphore, over all requests, in nanoseconds.
    pub lock_wait_mean_ns: f64,
    /// Lock and semaphore requests.
    pub lock_requests: u64,
    /// Barriers passed.
    pub barriers: u64,
    /// Messages sent.
    pub messages: u64,
    /// From a message sent to the next received by the same thread.
    pub exchange: Distribution,
    /// Slots of gang scheduling.
    pub slots: u64,
    /// Used cells of the matrix, in parts of the cells of rows in use, averaged over slots; 1 without a matrix.
    pub matrix_use: f64,
    /// The fullest matrix seen: rows of thread names, `null` for an empty cell (not kept beyond 4096 cells).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub matrix: Vec<Vec<Option<String>>>,
    /// Useful CPU time of each job, in nanoseconds (not kept beyond 64 jobs).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub job_times: Vec<JobTime>,
    /// Events of the simulation.
    pub events: u64,
    /// Decisions the policy made.
    pub decisions: u64,
    /// What each CPU did when, if that was recorded.
    #[serde(skip)]
    pub trace: Trace,
}

/// One job's share of the outcome.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct JobTime {
    /// The job.
    pub name: String,
    /// Compute and I/O of its threads together, in nanoseconds.
    pub demand_ns: u64,
    /// From its arrival to its end, in nanoseconds.
    pub response_ns: u64,
}

#[derive(Clone, Copy)]
struct JobTally {
    arrived: Ns,
    ended: Ns,
    longest: Ns,
    demand: Ns,
}

/// A thread that has ended.
struct End {
    thread: ThreadId,
    demand: Ns,
    at: Ns,
}

/// The counters of a run in progress.
#[derive(Default)]
pub(super) struct Tally {
    /// In the order of time: what they mean for their jobs is found out at the end, since each job is far from the last.
    ends: Vec<End>,
    times: [Ns; 4],
    exchanges: Vec<u64>,
    cells: (u64, u64),
    fullest: usize,
    pub(super) matrix: Option<Vec<Vec<Option<String>>>>,
    pub(super) events: u64,
    pub(super) decisions: u64,
    pub(super) switches: u64,
    pub(super) preemptions: u64,
    pub(super) migrations: u64,
    pub(super) extensions: u64,
    pub(super) slots: u64,
    pub(super) queue_requests: u64,
    pub(super) queue_wait: Ns,
    pub(super) lock_requests: u64,
    pub(super) lock_wait: Ns,
    pub(super) barriers: u64,
    pub(super) messages: u64,
}

impl Tally {
    pub(super) fn new(workload: &Workload) -> Tally {
        Tally { ends: Vec::with_capacity(workload.tasks.len()), ..Tally::default() }
    }

    pub(super) fn ended(&mut self, thread: ThreadId, demand: Ns, at: Ns) {
        self.ends.push(End { thread, demand, at });
    }

    /// What came of each job, when all its threads have ended.
    fn jobs(&self, workload: &Workload) -> Vec<JobTally> {
        let empty = JobTally { arrived: Ns::MAX, ended: Ns::ZERO, longest: Ns::ZERO, demand: Ns::ZERO };
        let mut jobs = vec![empty; workload.jobs.len()];
        for task in &workload.tasks {
            let arrived = &mut jobs[task.job.index()].arrived;
            *arrived = task.arrival.min(*arrived);
        }
        for end in &self.ends {
            let job = &mut jobs[workload.tasks[end.thread.index()].job.index()];
            job.ended = end.at;
            job.longest = job.longest.max(end.demand);
            job.demand += end.demand;
        }
        jobs
    }

    pub(super) fn book(&mut self, activity: Activity, time: Ns) {
        self.times[activity as usize] += time;
    }

    pub(super) fn exchanged(&mut self, time: Ns) {
        self.exchanges.push(time.0);
    }

    pub(super) fn look_at(&mut self, matrix: Option<&Matrix>, workload: &Workload) {
        let Some(matrix) = matrix else { return };
        let (used, cells) = matrix.occupancy();
        self.cells = (self.cells.0 + used as u64, self.cells.1 + cells as u64);
        if used <= self.fullest || cells > 4096 || cells == 0 {
            return;
        }
        self.fullest = used;
        let columns = matrix.columns();
        let name = |row, column| {
            let thread = matrix.cell(row, CpuId::new(column))?;
            Some(workload.tasks[thread.index()].name.clone())
        };
        let rows =
            (0..matrix.rows()).map(|row| (0..columns).map(|column| name(row, column)).collect::<Vec<_>>());
        self.matrix = Some(rows.filter(|row| row.iter().any(Option::is_some)).collect());
    }

    #[expect(clippy::cast_precision_loss, reason = "ratios need no more than 53 bits")]
    pub(super) fn outcome(
        &mut self,
        policy: &str,
        workload: &Workload,
        options: &Options,
        trace: Trace,
        matrix: Option<Vec<Vec<Option<String>>>>,
    ) -> Outcome {
        let jobs = self.jobs(workload);
        let makespan = jobs.iter().map(|job| job.ended).max().unwrap_or_default();
        let all = (makespan.0 as f64 * options.cpus as f64).max(1.0);
        let [useful, spinning, switching, reloading] = self.times.map(|time| time.0 as f64 / all);
        let idle = (1.0 - useful - spinning - switching - reloading).max(0.0);
        let response = |job: &JobTally| (job.ended - job.arrived).0;
        let slowdowns: Vec<f64> = jobs
            .iter()
            .filter(|job| job.longest > Ns::ZERO)
            .map(|job| response(job) as f64 / job.longest.0 as f64)
            .collect();
        let mean = |sum: u64, count: u64| sum as f64 / count.max(1) as f64;
        let job_time = |(job, tally): (&super::Job, &JobTally)| JobTime {
            name: job.name.clone(),
            demand_ns: tally.demand.0,
            response_ns: response(tally),
        };
        let few = workload.jobs.len() <= 64;
        Outcome {
            policy: policy.to_owned(),
            makespan_ns: makespan.0,
            jobs: workload.jobs.len(),
            threads: workload.tasks.len(),
            throughput_per_s: workload.jobs.len() as f64 / makespan.seconds().max(1e-9),
            response: Distribution::of(jobs.iter().map(response).collect()),
            slowdown_mean: slowdowns.iter().sum::<f64>() / slowdowns.len().max(1) as f64,
            utilization: Utilization { useful, spinning, switching, reloading, idle },
            preemptions: self.preemptions,
            migrations: self.migrations,
            switches: self.switches,
            extra_quanta: self.extensions,
            fairness: jain(slowdowns.iter().map(|slowdown| 1.0 / slowdown)),
            queue_wait_mean_ns: mean(self.queue_wait.0, self.queue_requests),
            lock_wait_mean_ns: mean(self.lock_wait.0, self.lock_requests),
            lock_requests: self.lock_requests,
            barriers: self.barriers,
            messages: self.messages,
            exchange: Distribution::of(core::mem::take(&mut self.exchanges)),
            slots: self.slots,
            matrix_use: if self.cells.1 == 0 { 1.0 } else { mean(self.cells.0, self.cells.1) },
            matrix: matrix.unwrap_or_default(),
            job_times: if few { workload.jobs.iter().zip(&jobs).map(job_time).collect() } else { Vec::new() },
            events: self.events,
            decisions: self.decisions,
            trace,
        }
    }
}

/// Jain's fairness index: `(sum x)^2 / (n sum x^2)`; 1 for an empty sample.
///
/// Source: Jain, Chiu, Hawe, "A quantitative measure of fairness and discrimination", DEC TR-301, 1984.
#[expect(clippy::cast_precision_loss, reason = "a count")]
pub(crate) fn jain(values: impl Iterator<Item = f64>) -> f64 {
    let (mut n, mut sum, mut squares) = (0u64, 0.0, 0.0);
    for value in values {
        (n, sum, squares) = (n + 1, sum + value, squares + value * value);
    }
    if squares == 0.0 { 1.0 } else { sum * sum / (n as f64 * squares) }
}
