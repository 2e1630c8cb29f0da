//! One guest's session: commands under way, their input within its window, and what they tell.

use super::frame::{Decoder, Ended, FromGuest, Identity, ToGuest};
use super::{ControlError, wire};
use machine::state::{Source, State, StateError};
use machine::state_fields;
use std::collections::{BTreeMap, VecDeque};

/// A command to run in a guest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Command {
    /// Program and arguments.
    pub argv: Vec<String>,
    /// Environment, `KEY=VALUE`.
    pub env: Vec<String>,
    /// Working directory; empty for `/`.
    pub directory: String,
}

state_fields!(Command { argv, env, directory });

/// A command under way in a guest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JobId(u32);

state_fields!(JobId { 0 });

/// What a guest told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Commands can be started.
    Ready,
    /// A job wrote on its standard output.
    Stdout(JobId, Vec<u8>),
    /// A job wrote on its standard error.
    Stderr(JobId, Vec<u8>),
    /// A job ended; nothing of it follows.
    Exited(JobId, Ended),
    /// The guest did not get to its root.
    BootFailed(String),
    /// The guest has its identity; the first Linux error number on the way, or 0.
    Identified(u32),
    /// The answer to a ping.
    Pong(u64),
}

/// One guest's control channel, seen from the host.
#[derive(Debug, Default)]
pub struct Session {
    decoder: Decoder,
    output: Vec<u8>,
    ready: bool,
    last_job: u32,
    jobs: BTreeMap<JobId, Input>,
}

/// A job's standard input.
#[derive(Debug, Default)]
struct Input {
    waiting: VecDeque<u8>,
    under_way_bytes: usize,
    close: bool,
    closed: bool,
}

state_fields!(Session { decoder, output, ready, last_job, jobs });

impl State for Input {
    fn save(&self, sink: &mut dyn FnMut(&[u8])) {
        let Input { waiting, under_way_bytes, close, closed } = self;
        let fields: [&dyn State; 4] = [waiting, under_way_bytes, close, closed];
        fields.into_iter().for_each(|field| field.save(sink));
    }

    fn restore(&mut self, source: &mut Source<'_>) -> Result<(), StateError> {
        self.waiting.restore(source)?;
        let offset = source.offset();
        self.under_way_bytes.restore(source)?;
        if self.under_way_bytes > wire::STDIN_WINDOW_BYTES {
            return Err(StateError::Invalid { offset });
        }
        self.close.restore(source)?;
        self.closed.restore(source)
    }
}

impl Session {
    /// A session with a guest that has not said anything yet.
    pub fn new() -> Session {
        Session::default()
    }

    /// A session with a guest that has said that it is ready, to another.
    pub fn of_ready_guest() -> Session {
        Session { ready: true, ..Session::default() }
    }

    /// Can commands be started?
    pub fn is_ready(&self) -> bool {
        self.ready
    }

    /// Takes in bytes from the port, and tells what they mean.
    ///
    /// Errors: the guest broke the protocol; the session is of no use from there on.
    pub fn receive(&mut self, bytes: &[u8]) -> Result<Vec<Event>, ControlError> {
        self.decoder.push(bytes);
        let mut events = Vec::new();
        while let Some(frame) = self.decoder.next_frame()? {
            events.extend(self.take(frame)?);
        }
        Ok(events)
    }

    /// Whether there are bytes to write to the port.
    pub fn has_output(&self) -> bool {
        !self.output.is_empty()
    }

    /// Bytes to write to the port, in order.
    pub fn take_output(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.output)
    }

    /// Starts a command; `None` if the guest is not ready, runs as many as it can, or the command is
    /// longer than a frame.
    pub fn run(&mut self, command: &Command) -> Option<JobId> {
        if !self.ready || self.jobs.len() == wire::JOBS_MAX {
            return None;
        }
        let id = JobId(self.last_job.checked_add(1)?);
        let Command { argv, env, directory } = command;
        if !(ToGuest::Run { job: id.0, argv, env, directory }).encode(&mut self.output) {
            return None;
        }
        self.last_job = id.0;
        self.jobs.insert(id, Input::default());
        Some(id)
    }

    /// How many bytes of input wait for a job to take them: whoever feeds it stops when this is much.
    pub fn stdin_waiting_bytes(&self, job: JobId) -> usize {
        self.jobs.get(&job).map_or(0, |input| input.waiting.len())
    }

    /// Gives a job standard input; of no effect once it ended.
    pub fn write_stdin(&mut self, job: JobId, bytes: &[u8]) {
        if let Some(input) = self.jobs.get_mut(&job).filter(|input| !input.close) {
            input.waiting.extend(bytes);
            input.send(job, &mut self.output);
        }
    }

    /// Ends a job's standard input, behind what it was given.
    pub fn close_stdin(&mut self, job: JobId) {
        if let Some(input) = self.jobs.get_mut(&job) {
            input.close = true;
            input.send(job, &mut self.output);
        }
    }

    /// Sends a signal to a job and its children.
    pub fn signal(&mut self, job: JobId, number: u32) {
        if self.jobs.contains_key(&job) {
            self.put(&ToGuest::Signal { job: job.0, number });
        }
    }

    /// Gives the node its identity; `Event::Identified` follows.
    pub fn identify(&mut self, identity: &Identity) {
        self.put(&ToGuest::Identity(identity));
    }

    /// Asks for an answer; `Event::Pong` follows.
    pub fn ping(&mut self, number: u64) {
        self.put(&ToGuest::Ping(number));
    }

    /// Ends the machine from within.
    pub fn shut_down(&mut self, restart: bool) {
        self.put(&ToGuest::Shutdown { restart });
    }

    /// Sends a message that is always short enough.
    fn put(&mut self, message: &ToGuest<'_>) {
        let fits = message.encode(&mut self.output);
        debug_assert!(fits, "{message:?}");
    }

    fn take(&mut self, frame: FromGuest) -> Result<Option<Event>, ControlError> {
        let known = |jobs: &BTreeMap<JobId, Input>, job: u32| {
            let known = jobs.contains_key(&JobId(job)).then_some(JobId(job));
            known.ok_or(ControlError::UnknownJob { job })
        };
        Ok(Some(match frame {
            FromGuest::Hello { version } => {
                return if version == wire::VERSION {
                    Ok(None)
                } else {
                    Err(ControlError::Version { guest: version })
                };
            }
            FromGuest::Ready => {
                self.ready = true;
                Event::Ready
            }
            FromGuest::Stdout { job, bytes } => Event::Stdout(known(&self.jobs, job)?, bytes),
            FromGuest::Stderr { job, bytes } => Event::Stderr(known(&self.jobs, job)?, bytes),
            FromGuest::Exited { job, ended } => {
                let id = known(&self.jobs, job)?;
                self.jobs.remove(&id);
                Event::Exited(id, ended)
            }
            FromGuest::Consumed { job, bytes } => {
                let id = known(&self.jobs, job)?;
                let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
                if let Some(input) = self.jobs.get_mut(&id) {
                    let left = input.under_way_bytes.checked_sub(bytes);
                    input.under_way_bytes = left.ok_or(ControlError::Malformed { kind: wire::CONSUMED })?;
                    input.send(id, &mut self.output);
                }
                return Ok(None);
            }
            FromGuest::Failed { text } => Event::BootFailed(text),
            FromGuest::Pong(number) => Event::Pong(number),
            FromGuest::Identified { errno } => Event::Identified(errno),
        }))
    }
}

impl Input {
    /// Sends what the window allows, and the close once nothing waits.
    fn send(&mut self, job: JobId, output: &mut Vec<u8>) {
        let room = wire::STDIN_WINDOW_BYTES - self.under_way_bytes;
        let n = room.min(self.waiting.len());
        if n > 0 {
            let bytes: Vec<u8> = self.waiting.drain(..n).collect();
            let fits = ToGuest::Stdin { job: job.0, bytes: &bytes }.encode(output);
            debug_assert!(fits, "the window is smaller than a frame");
            self.under_way_bytes += n;
        }
        if self.close && !self.closed && self.waiting.is_empty() {
            self.closed = ToGuest::CloseStdin { job: job.0 }.encode(output);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u32, job: u32, words: &[u32]) -> Vec<u8> {
        let len = u32::try_from(words.len() * 4).expect("short");
        [len, kind, job].iter().chain(words).flat_map(|word| word.to_le_bytes()).collect()
    }

    fn ready() -> Session {
        let mut session = Session::new();
        assert_eq!(session.run(&Command::default()), None, "not before the guest is ready");
        assert_eq!(session.receive(&frame(wire::HELLO, 0, &[wire::VERSION])), Ok(vec![]));
        assert_eq!(session.receive(&frame(wire::READY, 0, &[])), Ok(vec![Event::Ready]));
        session
    }

    /// The kinds and payload sizes of the frames in the session's output.
    fn sent(session: &mut Session) -> Vec<(u32, usize)> {
        let bytes = session.take_output();
        let word = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().expect("a word"));
        let (mut at, mut frames) = (0, Vec::new());
        while at < bytes.len() {
            let len = word(at) as usize;
            frames.push((word(at + 4), len));
            at += wire::HEADER_BYTES + len;
        }
        frames
    }

    #[test]
    fn a_command_runs_to_its_status() {
        let mut session = ready();
        let job = session.run(&Command { argv: vec!["true".into()], ..Command::default() }).expect("started");
        assert_eq!(sent(&mut session), [(wire::RUN, 8 + 1 + 5)]);
        let mut bytes = frame(wire::STDOUT, 1, &[0x6f6c6c61]);
        bytes.extend(frame(wire::EXITED, 1, &[wire::ENDED_STATUS, 3]));
        let events = [Event::Stdout(job, b"allo".to_vec()), Event::Exited(job, Ended::Status(3))];
        assert_eq!(session.receive(&bytes), Ok(events.to_vec()));
        let late = session.receive(&frame(wire::STDOUT, 1, &[0]));
        assert_eq!(late, Err(ControlError::UnknownJob { job: 1 }));
    }

    #[test]
    fn input_stays_within_its_window_and_closes_behind_the_last_byte() {
        const WINDOW: usize = wire::STDIN_WINDOW_BYTES;
        let mut session = ready();
        let job = session.run(&Command::default()).expect("started");
        let _ = session.take_output();
        session.write_stdin(job, &vec![0; WINDOW + 100]);
        session.close_stdin(job);
        assert_eq!(sent(&mut session), [(wire::STDIN, WINDOW)]);
        assert_eq!(session.stdin_waiting_bytes(job), 100);
        assert_eq!(session.receive(&frame(wire::CONSUMED, 1, &[60])), Ok(vec![]));
        assert_eq!(sent(&mut session), [(wire::STDIN, 60)]);
        assert_eq!(session.receive(&frame(wire::CONSUMED, 1, &[50])), Ok(vec![]));
        assert_eq!(sent(&mut session), [(wire::STDIN, 40), (wire::CLOSE_STDIN, 0)]);
        session.write_stdin(job, b"after the close");
        assert_eq!(sent(&mut session), []);
    }

    #[test]
    fn lies_end_the_session() {
        let consumed = ready_with_job().receive(&frame(wire::CONSUMED, 1, &[1]));
        assert_eq!(consumed, Err(ControlError::Malformed { kind: wire::CONSUMED }));
        let unknown = ready_with_job().receive(&frame(wire::EXITED, 2, &[0, 0]));
        assert_eq!(unknown, Err(ControlError::UnknownJob { job: 2 }));
        let version = Session::new().receive(&frame(wire::HELLO, 0, &[9]));
        assert_eq!(version, Err(ControlError::Version { guest: 9 }));
    }

    fn ready_with_job() -> Session {
        let mut session = ready();
        session.run(&Command::default()).expect("started");
        session
    }

    #[test]
    fn no_more_jobs_than_the_agent_takes() {
        let mut session = ready();
        for _ in 0..wire::JOBS_MAX {
            assert!(session.run(&Command::default()).is_some());
        }
        assert_eq!(session.run(&Command::default()), None);
    }
}
