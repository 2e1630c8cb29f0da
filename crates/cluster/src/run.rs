//! The run loop: epochs of virtual time, between which the outside is heard.
//!
//! Invariant: the outside is heard at whole epochs of virtual time only, so that a run depends on what comes in
//! and in which epoch, never on how fast the host is. The length of an epoch is part of the configuration.

use crate::boot::Booted;
use crate::control::{Command, Ended};
use crate::job::{Job, Step, Stream};
use crate::lockstep::Shadow;
use crate::telemetry::Telemetry;
use machine::debug::{Driven, Driver};
use machine::dev::virtio::console::{CONSOLE_PORT, CONTROL_PORT};
use machine::load::elf::Symbols;
use machine::node::{Halt, Limits, Node, Pause};

/// Virtual time between two looks at the outside.
pub const EPOCH_NS: u64 = 1_000_000;

/// Where a run ends at the latest.
#[derive(Clone, Copy, Debug, Default)]
pub struct Bounds {
    /// Virtual time.
    pub time_ns: Option<u64>,
    /// Instructions of all harts together.
    pub instructions: Option<u64>,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// The machine ended by itself.
    Halted(Halt),
    /// The limit of virtual time.
    Time,
    /// The limit of instructions.
    Instructions,
    /// Every hart sleeps and nothing is due, inside or outside.
    Deadlock,
    /// The two engines of a run in lock step differ.
    Diverged,
    /// The outside ended it, with a status of its own.
    Left(u8),
    /// The command that the run was for ended.
    Job(Ended),
    /// The command could not be run, or was lost.
    JobLost(String),
}

impl End {
    /// Whether somebody will want to know what went wrong.
    pub fn is_failure(&self) -> bool {
        match self {
            End::Halted(Halt::PowerOff | Halt::Reboot | Halt::ToHost(1)) | End::Left(_) => false,
            End::Halted(Halt::Failed(_) | Halt::ToHost(_)) | End::Deadlock | End::Diverged => true,
            End::Time | End::Instructions | End::JobLost(_) => true,
            End::Job(ended) => ended.exit_status() != 0,
        }
    }
}

impl std::fmt::Display for End {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            End::Halted(Halt::PowerOff) => f.write_str("the guest powered off"),
            End::Halted(Halt::Reboot) => f.write_str("the guest asked for a reboot"),
            End::Halted(Halt::Failed(code)) => write!(f, "the guest powered off with failure code {code}"),
            End::Halted(Halt::ToHost(1)) => f.write_str("the program passed (tohost = 1)"),
            End::Halted(Halt::ToHost(value)) => {
                write!(f, "the program failed: tohost = {value:#x} (test {})", value >> 1)
            }
            End::Time => f.write_str("the limit of virtual time (--max-time) is reached"),
            End::Instructions => f.write_str("the limit of instructions (--max-instructions) is reached"),
            End::Deadlock => {
                f.write_str("deadlock: every hart sleeps and nothing is due that could wake one")
            }
            End::Diverged => f.write_str("the engines differ"),
            End::Left(status) => write!(f, "left from outside, status {status}"),
            End::Job(Ended::Status(status)) => write!(f, "the command ended with status {status}"),
            End::Job(Ended::Signal(number)) => write!(f, "signal {number} ended the command"),
            End::Job(Ended::NotStarted(error)) => {
                write!(f, "the command could not be started: error {error}")
            }
            End::JobLost(reason) => f.write_str(reason),
        }
    }
}

/// What the node is doing when the outside is asked.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// Virtual time.
    pub virtual_ns: u64,
    /// Instructions so far, all harts together.
    pub instructions: u64,
    /// Every hart sleeps and nothing is due: only input goes on from here.
    pub asleep: bool,
    /// The command runs and takes input.
    pub job_listens: bool,
}

/// What the outside does in an epoch.
#[derive(Clone, Debug, Default)]
pub struct Input {
    /// Bytes for the console.
    pub console: Vec<u8>,
    /// Bytes for the command's standard input.
    pub job: Vec<u8>,
    /// The command's standard input ends behind these.
    pub job_end: bool,
    /// End the run with this status.
    pub leave: Option<u8>,
    /// More input may come later: a sleeping node is no deadlock.
    pub open: bool,
}

/// The outside of a run.
pub trait Host {
    /// Takes what the guest wrote to its console.
    fn console(&mut self, bytes: &[u8]);
    /// Takes what the command wrote.
    fn job(&mut self, stream: Stream, bytes: &[u8]);
    /// Asked once an epoch, and may wait where the node sleeps.
    fn input(&mut self, moment: Moment) -> Input;
}

/// An outside that says nothing, and keeps what the console says.
#[derive(Debug, Default)]
pub struct Recorder {
    /// Everything the guest wrote.
    pub console: Vec<u8>,
}

impl Host for Recorder {
    fn console(&mut self, bytes: &[u8]) {
        self.console.extend_from_slice(bytes);
    }

    fn job(&mut self, _stream: Stream, _bytes: &[u8]) {}

    fn input(&mut self, _moment: Moment) -> Input {
        Input::default()
    }
}

/// A device that is a console.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mouth {
    Serial,
    Virtio,
}

/// How long console input waits for a guest that has said nothing: it may still be setting its console up, and
/// would lose what comes before.
const SILENCE_NS: u64 = 100_000_000;

/// A cluster of one node, and its run.
pub struct Cluster {
    node: Node,
    /// The same node on the other engine, run beside it and compared.
    shadow: Option<Shadow>,
    /// Runs the node in our place, looking on.
    driver: Option<Box<dyn Driver>>,
    symbols: Symbols,
    bounds: Bounds,
    job: Option<Job>,
    /// Shut the guest down behind the command.
    orderly: bool,
    /// How the command ended, while the guest shuts down behind it.
    ended: Option<Ended>,
    /// Console input that waits for the guest to listen, or for room.
    pending: Vec<u8>,
    /// Console input waits until the guest opens its virtio console.
    input_waits: bool,
    /// Through which device the guest spoke last: it listens there.
    mouth: Option<Mouth>,
    output: blake3::Hasher,
    output_bytes: u64,
}

impl Cluster {
    /// A cluster about to run.
    pub fn new(booted: Booted, bounds: Bounds) -> Cluster {
        Cluster {
            node: booted.node,
            shadow: None,
            driver: None,
            symbols: booted.symbols,
            bounds,
            job: None,
            orderly: false,
            ended: None,
            pending: Vec::new(),
            input_waits: false,
            mouth: None,
            output: blake3::Hasher::new(),
            output_bytes: 0,
        }
    }

    /// Makes the run one for a command: it ends when the command does.
    pub fn set_command(&mut self, command: Command) {
        self.job = Some(Job::new(command));
    }

    /// Makes console input wait until the guest opens its virtio console: for guests whose console that is, since
    /// what comes earlier would go to the serial port, which they do not read.
    pub fn hold_input(&mut self) {
        self.input_waits = true;
    }

    /// Shuts the guest down behind its command, which writes back what it still holds.
    pub fn shut_down_after_command(&mut self) {
        self.orderly = true;
    }

    /// Runs the same node on another engine beside it and compares their states every `every` instructions.
    pub fn set_shadow(&mut self, booted: Booted, every: u64) {
        self.shadow = Some(Shadow::new(booted.node, every));
    }

    /// Lets `driver` run the node: a debugger, or whoever keeps a record. Not together with a shadow.
    pub fn set_driver(&mut self, driver: Box<dyn Driver>) {
        self.driver = Some(driver);
    }

    /// How the two engines came to differ, after [`End::Diverged`].
    pub fn divergence(&self) -> Option<&str> {
        self.shadow.as_ref().and_then(Shadow::divergence)
    }

    /// The node.
    pub fn node(&self) -> &Node {
        &self.node
    }

    /// The node, for a look that changes nothing.
    pub fn node_mut(&mut self) -> &mut Node {
        &mut self.node
    }

    /// Virtual time.
    ///
    /// Units: nanoseconds, rounded down.
    pub fn virtual_ns(&self) -> u64 {
        self.node.clock().ps_of_cycle(self.node.clock().round_start()) / 1000
    }

    /// Runs to the end, at which the driver has a last look at the node.
    pub fn run(&mut self, host: &mut dyn Host) -> End {
        let end = self.run_to_end(host);
        if let Some(driver) = &mut self.driver {
            driver.end(&mut self.node, &end.to_string(), end.is_failure());
        }
        end
    }

    fn run_to_end(&mut self, host: &mut dyn Host) -> End {
        let mut asleep = false;
        loop {
            let moment = Moment {
                virtual_ns: self.virtual_ns(),
                instructions: self.node.retired(),
                asleep: asleep && self.pending.is_empty() && !self.job.as_ref().is_some_and(Job::has_more),
                job_listens: self.job.as_ref().is_some_and(Job::takes_input),
            };
            let input = host.input(moment);
            self.pending.extend_from_slice(&input.console);
            if let Some(status) = input.leave {
                return End::Left(status);
            }
            let job_input = moment.job_listens && (!input.job.is_empty() || input.job_end);
            if let Some(job) = self.job.as_mut().filter(|_| job_input) {
                job.feed(&input.job, input.job_end);
            }
            if moment.asleep && self.pending.is_empty() && !job_input && !input.open {
                return End::Deadlock;
            }
            self.feed(moment.asleep);
            let pause = match self.epoch() {
                Ok(pause) => pause,
                Err(end) => return end,
            };
            self.deliver(host);
            if let Some(end) = self.exchange(host) {
                return end;
            }
            match pause {
                Pause::Halted(_) | Pause::Asleep if self.ended.is_some() => {
                    return self.ended.map_or(End::Deadlock, End::Job);
                }
                Pause::Halted(halt) => return End::Halted(halt),
                Pause::Instructions => return End::Instructions,
                Pause::Time if self.bounds.time_ns.is_some_and(|limit| self.virtual_ns() >= limit) => {
                    return End::Time;
                }
                Pause::Time => asleep = false,
                Pause::Asleep => asleep = true,
                // A driver answers for stops, and without one nothing sets any.
                Pause::Stopped(_) => {}
            }
        }
    }

    /// Counters of the run so far.
    pub fn telemetry(&self) -> Telemetry {
        Telemetry::of(&self.node)
    }

    /// The digest over the state of the machine, all its output, and `configuration` in its canonical form.
    pub fn digest(&self, configuration: &str) -> blake3::Hash {
        let mut hasher = blake3::Hasher::new_derive_key("multivac 1 digest of a run");
        let mut feed = |part: &[u8]| {
            hasher.update(part);
        };
        feed(&(configuration.len() as u64).to_le_bytes());
        feed(configuration.as_bytes());
        feed(&self.output_bytes.to_le_bytes());
        feed(self.output.finalize().as_bytes());
        self.node.digest(&mut feed);
        hasher.finalize()
    }

    /// The program's signature as lines of 4-byte words, lowest address first, as the architecture tests compare
    /// it; `None` when the program has no such symbols or they are not in memory.
    pub fn signature(&self) -> Option<String> {
        let (begin, end) = (self.symbols.begin_signature?, self.symbols.end_signature?);
        let bytes = self.node.bus.ram.slice(begin, end.checked_sub(begin)?)?;
        let word = |chunk: &[u8]| {
            let mut word = [0; 4];
            word[..chunk.len()].copy_from_slice(chunk);
            format!("{:08x}\n", u32::from_le_bytes(word))
        };
        Some(bytes.chunks(4).map(word).collect())
    }

    /// Runs to the end of this epoch, or less.
    ///
    /// Errors: the end, when the shadow differs or the driver leaves.
    fn epoch(&mut self) -> Result<Pause, End> {
        let clock = self.node.clock();
        let cycle_of = |ns: u64| clock.cycle_of_ps(ns.saturating_mul(1000));
        let epoch_cycles = cycle_of(EPOCH_NS).max(1);
        let next = (clock.round_start() / epoch_cycles + 1) * epoch_cycles;
        let limits = Limits {
            instructions: self.bounds.instructions.unwrap_or(u64::MAX),
            cycle: self.bounds.time_ns.map_or(next, |limit| next.min(cycle_of(limit))),
        };
        if let Some(driver) = &mut self.driver {
            return match driver.run(&mut self.node, limits) {
                Driven::Pause(pause) => Ok(pause),
                Driven::Leave(status) => Err(End::Left(status)),
            };
        }
        match &mut self.shadow {
            Some(shadow) => shadow.run(&mut self.node, limits).ok_or(End::Diverged),
            None => Ok(self.node.run(limits)),
        }
    }

    /// Gives the console as much input as it takes, where the guest listens. A node that is `asleep` for good
    /// gets what it was to wait for.
    fn feed(&mut self, asleep: bool) {
        let closed = self.node.bus.console().is_some_and(|console| !console.is_open(CONSOLE_PORT));
        let silent = self.mouth.is_none() && self.virtual_ns() < SILENCE_NS;
        if self.pending.is_empty() || !asleep && (silent || self.input_waits && closed) {
            return;
        }
        let mouth = if self.input_waits { Mouth::Virtio } else { self.mouth.unwrap_or(Mouth::Serial) };
        let taken = push_console(&mut self.node, mouth, &self.pending);
        if let Some(shadow) = &mut self.shadow {
            push_console(&mut shadow.node, mouth, &self.pending);
        }
        self.pending.drain(..taken);
    }

    /// Carries the control channel: what the guest sent to the job, and the job's answer; tells when it is over.
    fn exchange(&mut self, host: &mut dyn Host) -> Option<End> {
        let console = self.node.bus.console()?;
        let mut shadow = self.shadow.as_mut().and_then(|shadow| shadow.node.bus.console());
        let bytes = console.take_output(CONTROL_PORT);
        if let Some(shadow) = &mut shadow {
            shadow.take_output(CONTROL_PORT);
        }
        let job = self.job.as_mut()?;
        let mut end = None;
        for step in job.receive(&bytes) {
            match step {
                Step::Wrote(stream, bytes) => {
                    self.output.update(&[u8::from(stream == Stream::Error)]);
                    self.output.update(&bytes);
                    self.output_bytes += bytes.len() as u64;
                    host.job(stream, &bytes);
                }
                Step::Ended(ended) if self.orderly => {
                    self.ended = Some(ended);
                    job.shut_down();
                }
                Step::Ended(ended) => end = end.or(Some(End::Job(ended))),
                Step::Lost(reason) => end = end.or(Some(End::JobLost(reason))),
            }
        }
        job.send(|bytes| {
            if let Some(shadow) = &mut shadow {
                shadow.push_input(CONTROL_PORT, bytes);
            }
            console.push_input(CONTROL_PORT, bytes)
        });
        end
    }

    /// Takes what the guest wrote.
    fn deliver(&mut self, host: &mut dyn Host) {
        let (bytes, mouth) = take_console(&mut self.node);
        self.mouth = mouth.or(self.mouth);
        if let Some(shadow) = &mut self.shadow {
            take_console(&mut shadow.node);
        }
        if !bytes.is_empty() {
            self.output.update(&bytes);
            self.output_bytes += bytes.len() as u64;
            host.console(&bytes);
        }
    }
}

/// Gives a console as much of `input` as it takes.
fn push_console(node: &mut Node, mouth: Mouth, input: &[u8]) -> usize {
    let bus = &mut node.bus;
    let taken = match (mouth, bus.console()) {
        (Mouth::Virtio, Some(console)) => console.push_input(CONSOLE_PORT, input),
        _ => match &mut bus.uart {
            Some(uart) => uart.push_input(input, &mut bus.lines),
            None => input.len(),
        },
    };
    bus.settle();
    taken
}

/// What the guest wrote to its consoles, and on which last.
fn take_console(node: &mut Node) -> (Vec<u8>, Option<Mouth>) {
    let mut bytes = node.take_console();
    let mut mouth = (!bytes.is_empty()).then_some(Mouth::Serial);
    let console = node.bus.console();
    let mut spoken = console.map(|console| console.take_output(CONSOLE_PORT)).unwrap_or_default();
    if !spoken.is_empty() {
        mouth = Some(Mouth::Virtio);
        bytes.append(&mut spoken);
    }
    (bytes, mouth)
}
