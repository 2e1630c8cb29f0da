//! What runs: groups of threads, each with a program of phases, and the objects they synchronize by.

use super::Dist;
use crate::unit::{GroupId, Ns, ThreadId};

/// How a thread waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// It gives its CPU up.
    Block,
    /// It keeps its CPU and looks again and again.
    Spin,
}

/// A synchronizer as a program names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyncRef {
    /// One for the whole workload.
    Global(u32),
    /// One for each group: counted from the group's first.
    Local(u32),
}

/// One phase of a program.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Op {
    /// Useful work.
    Compute(Dist),
    /// Waiting for a device.
    Io(Dist),
    /// Taking a spin lock, a mutex or a monitor.
    Lock(SyncRef),
    /// Giving it back.
    Unlock(SyncRef),
    /// Taking one from a semaphore, waiting while it has none.
    Down(SyncRef),
    /// Giving one to a semaphore.
    Up(SyncRef),
    /// Waiting at a barrier until all its parties have come.
    Barrier(SyncRef),
    /// Leaving the monitor of this condition until it is signalled, then entering it again.
    WaitFor(SyncRef),
    /// Letting one thread that waits for this condition go on.
    Signal(SyncRef),
    /// Sending a message to the thread of this rank in the same group.
    Send(u32),
    /// Sending a message to any thread.
    SendTo(ThreadId),
    /// Waiting for a message.
    Receive(Wait),
    /// The phases up to the matching `End` are done this many times.
    Repeat(u32),
    /// The end of a `Repeat`, which is at this place in the program.
    End(u32),
}

/// A sequence of phases.
pub type Program = Vec<Op>;

/// What kind of synchronizer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyncKind {
    /// A lock for which threads spin.
    SpinLock,
    /// A lock for which threads block.
    Mutex,
    /// A counter, with what it holds at the start.
    Semaphore(u32),
    /// A monitor: a mutex with conditions.
    Monitor,
    /// A condition of the monitor of this number (global or local, as the condition is).
    Condition(u32),
    /// A barrier for this many threads.
    Barrier(u32, Wait),
}

/// A synchronizer.
#[derive(Clone, Debug)]
pub struct Synchronizer {
    /// What reports call it.
    pub name: String,
    /// What it is.
    pub kind: SyncKind,
}

/// A thread to be.
#[derive(Clone, Debug)]
pub struct Task {
    /// What reports call it.
    pub name: String,
    /// Its group, in [`Workload::jobs`].
    pub job: GroupId,
    /// Its program, in [`Workload::programs`].
    pub program: u32,
    /// When it is created.
    pub arrival: Ns,
    /// 0 to 31; a larger one goes first.
    pub priority: u8,
    /// Its share relative to others.
    pub weight: u32,
    /// The most of a CPU it may have, in thousandths; 0 is no cap.
    pub cap_permille: u16,
    /// What it keeps in a cache.
    pub working_set_kib: u64,
}

/// A group of threads: what has a response time.
#[derive(Clone, Debug)]
pub struct Job {
    /// What reports call it.
    pub name: String,
    /// Its first thread; the others follow.
    pub first: ThreadId,
    /// How many threads it has.
    pub width: u32,
    /// Its first local synchronizer, in [`Workload::synchronizers`].
    pub locals: u32,
    /// How long its user says that it runs; without that, [`Workload::expected`].
    pub estimate: Option<Ns>,
}

/// All that runs.
///
/// Invariant: the threads of a job are numbered one after the other, jobs in order.
#[derive(Clone, Debug, Default)]
pub struct Workload {
    /// The programs.
    pub programs: Vec<Program>,
    /// The threads.
    pub tasks: Vec<Task>,
    /// The groups.
    pub jobs: Vec<Job>,
    /// Global synchronizers, then the local ones of each job.
    pub synchronizers: Vec<Synchronizer>,
}

impl Workload {
    /// A workload without threads.
    #[must_use]
    pub fn new() -> Workload {
        Workload::default()
    }

    /// Adds a synchronizer for all.
    pub fn synchronizer(&mut self, name: &str, kind: SyncKind) -> SyncRef {
        self.synchronizers.push(Synchronizer { name: name.into(), kind });
        SyncRef::Global(ThreadId::new(self.synchronizers.len() - 1).0)
    }

    /// Adds a program; its `End`s are set right.
    pub fn program(&mut self, mut ops: Program) -> u32 {
        let mut open = Vec::new();
        for (at, op) in ops.iter_mut().enumerate() {
            match op {
                Op::Repeat(_) => open.push(at),
                Op::End(start) => *start = ThreadId::new(open.pop().unwrap_or(0)).0,
                _ => {}
            }
        }
        self.programs.push(ops);
        ThreadId::new(self.programs.len() - 1).0
    }

    /// Adds a group of `width` threads that all run `program` from `arrival` on; adjust its [`Task`]s afterwards if need be.
    pub fn job(&mut self, name: &str, width: usize, program: u32, arrival: Ns) -> GroupId {
        let job = GroupId::new(self.jobs.len());
        let first = ThreadId::new(self.tasks.len());
        let locals = ThreadId::new(self.synchronizers.len()).0;
        self.jobs.push(Job {
            name: name.into(),
            first,
            width: ThreadId::new(width).0,
            locals,
            estimate: None,
        });
        let colon = if name.ends_with(|c: char| c.is_ascii_digit()) { ":" } else { "" };
        for rank in 0..width {
            let name = if width == 1 { name.to_owned() } else { format!("{name}{colon}{rank}") };
            self.tasks.push(Task {
                name,
                job,
                program,
                arrival,
                priority: 16,
                weight: 1024,
                cap_permille: 0,
                working_set_kib: 0,
            });
        }
        job
    }

    /// What the longest thread of `job` computes and waits for devices on average: what a user who knows it would estimate.
    #[must_use]
    pub fn expected(&self, job: &Job) -> Ns {
        let tasks = &self.tasks[job.first.index()..job.first.index() + job.width as usize];
        let (mut longest, mut last) = (Ns::ZERO, u32::MAX);
        for task in tasks.iter().filter(|task| core::mem::replace(&mut last, task.program) != task.program) {
            let (mut time, mut outer) = (Ns::ZERO, Vec::new());
            for op in &self.programs[task.program as usize] {
                match op {
                    Op::Compute(dist) | Op::Io(dist) => time += dist.mean(),
                    Op::Repeat(times) => outer.push((core::mem::take(&mut time), *times)),
                    Op::End(_) => {
                        let (before, times) = outer.pop().unwrap_or((Ns::ZERO, 1));
                        time = before + Ns(time.0.saturating_mul(u64::from(times)));
                    }
                    _ => {}
                }
            }
            longest = longest.max(time);
        }
        longest
    }

    /// The synchronizer that a thread of `job` means by `name`.
    #[must_use]
    pub fn resolve(&self, job: GroupId, name: SyncRef) -> usize {
        match name {
            SyncRef::Global(index) => index as usize,
            SyncRef::Local(index) => (self.jobs[job.index()].locals + index) as usize,
        }
    }
}
