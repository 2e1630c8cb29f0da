//! What is done with a guest over its control channel: it is given its identity, and the command that the run is for
//! is started, fed, and heard to its end.

use crate::control::{Command, ControlError, Ended, Event, Identity, JobId, Session};

/// A guest's errand: an identity, a command, or both.
#[derive(Debug, Default)]
pub struct Job {
    identity: Option<Identity>,
    command: Option<Command>,
    session: Session,
    prepared: bool,
    ended: Option<Ended>,
    id: Option<JobId>,
    stdin_closed: bool,
    /// Bytes that the port had no room for yet.
    to_guest: Vec<u8>,
}

machine::state_fields!(Job { identity, command, session, prepared, ended, id, stdin_closed, to_guest });

/// Where a command's output goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Its standard output.
    Output,
    /// Its standard error.
    Error,
}

/// What came of an exchange with the guest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// The command wrote.
    Wrote(Stream, Vec<u8>),
    /// The guest is ready, and has its identity if it is to have one: the command may start.
    Prepared,
    /// The command ended.
    Ended(Ended),
    /// The guest never got to where commands run, or its agent broke the protocol.
    Lost(String),
}

impl Job {
    /// An errand that waits for its guest.
    pub fn new(identity: Option<Identity>, command: Option<Command>) -> Job {
        Job { identity, command, ..Job::default() }
    }

    /// The errand of a guest that was forked from one which was ready: it is told who it is at once.
    pub fn forked(identity: Option<Identity>, command: Option<Command>) -> Job {
        let mut job = Job::new(identity, command);
        job.session = Session::of_ready_guest();
        job.prepared = job.identity.is_none();
        if let Some(identity) = &job.identity {
            job.session.identify(identity);
        }
        job
    }

    /// The command, where there is one.
    pub fn command(&self) -> Option<&Command> {
        self.command.as_ref()
    }

    /// Gives it a command in place of the one that it has, or takes that away; false when it was started already.
    pub fn set_command(&mut self, command: Option<Command>) -> bool {
        if self.id.is_none() {
            self.command = command;
        }
        self.id.is_none()
    }

    /// Whether the guest can take its command and was not given it.
    pub fn waits(&self) -> bool {
        self.prepared && self.id.is_none()
    }

    /// Whether the guest is ready, and has its identity.
    pub fn is_prepared(&self) -> bool {
        self.prepared
    }

    /// How the command ended, if it has.
    pub fn ended(&self) -> Option<Ended> {
        self.ended
    }

    /// Whether there is a command at all.
    pub fn has_command(&self) -> bool {
        self.command.is_some()
    }

    /// Starts the command of a guest that is prepared; says why it cannot.
    pub fn start(&mut self) -> Option<Step> {
        let command = self.command.as_ref().filter(|_| self.prepared && self.id.is_none())?;
        self.id = self.session.run(command);
        self.id.is_none().then(|| Step::Lost("the command is too long for the guest".to_owned()))
    }

    /// Whether the command runs and takes input.
    pub fn takes_input(&self) -> bool {
        self.id.is_some() && self.ended.is_none() && !self.stdin_closed && !self.has_input_left()
    }

    /// Whether input waits that the command has not taken.
    pub fn has_input_left(&self) -> bool {
        self.id.is_some_and(|id| self.session.stdin_waiting_bytes(id) > 0)
    }

    /// Gives the running command input, and with `last` its end.
    pub fn feed(&mut self, bytes: &[u8], last: bool) {
        let Some(id) = self.id else { return };
        if !bytes.is_empty() {
            self.session.write_stdin(id, bytes);
        }
        if last && !self.stdin_closed {
            self.stdin_closed = true;
            self.session.close_stdin(id);
        }
    }

    /// Asks the guest to write everything back and power off.
    pub fn shut_down(&mut self) {
        self.session.shut_down(false);
    }

    /// Takes in what the guest sent.
    pub fn receive(&mut self, bytes: &[u8]) -> Vec<Step> {
        match self.session.receive(bytes) {
            Ok(events) => events.into_iter().filter_map(|event| self.step(event)).collect(),
            Err(error) => vec![Step::Lost(lost(&error))],
        }
    }

    /// Bytes for the guest, the first of which `accept` takes; it gives how many.
    pub fn send(&mut self, accept: impl FnOnce(&[u8]) -> usize) {
        self.to_guest.append(&mut self.session.take_output());
        if !self.to_guest.is_empty() {
            let taken = accept(&self.to_guest);
            self.to_guest.drain(..taken);
        }
    }

    /// Whether bytes for the guest wait.
    pub fn has_more(&self) -> bool {
        !self.to_guest.is_empty() || self.session.has_output()
    }

    fn step(&mut self, event: Event) -> Option<Step> {
        Some(match event {
            Event::Ready => match &self.identity {
                Some(identity) => {
                    self.session.identify(identity);
                    return None;
                }
                None => self.prepare(),
            },
            Event::Identified(0) => self.prepare(),
            Event::Identified(error) => {
                Step::Lost(format!("the guest could not take its identity: {}", linux_error(error)))
            }
            Event::Stdout(_, bytes) => Step::Wrote(Stream::Output, bytes),
            Event::Stderr(_, bytes) => Step::Wrote(Stream::Error, bytes),
            Event::Exited(_, ended) => {
                self.ended = Some(ended);
                Step::Ended(ended)
            }
            Event::BootFailed(text) => Step::Lost(format!("the guest did not boot: {}", told(text))),
            Event::Pong(_) => return None,
        })
    }

    fn prepare(&mut self) -> Step {
        self.prepared = true;
        Step::Prepared
    }
}

/// A guest's error number in words.
pub(crate) fn linux_error(number: u32) -> String {
    i32::try_from(number).map_or_else(
        |_| format!("error {number}"),
        |number| std::io::Error::from_raw_os_error(number).to_string(),
    )
}

/// What the agent said of a failure, `STEP: error NUMBER`, with the number in words.
fn told(text: String) -> String {
    let Some((step, number)) = text.rsplit_once(": error ") else { return text };
    number.parse().map_or_else(|_| text.clone(), |number| format!("{step}: {}", linux_error(number)))
}

fn lost(error: &ControlError) -> String {
    format!("the control channel is lost: {error}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::wire;

    fn frame(kind: u32, job: u32, payload: &[u8]) -> Vec<u8> {
        let length = u32::try_from(payload.len()).expect("short");
        let words = [length, kind, job];
        words.iter().flat_map(|word| word.to_le_bytes()).chain(payload.iter().copied()).collect()
    }

    #[test]
    fn a_command_is_started_fed_and_heard() {
        let command = Command { argv: vec!["cat".into()], ..Command::default() };
        let mut job = Job::new(None, Some(command));
        assert!(!job.takes_input());
        let hello = frame(wire::HELLO, 0, &wire::VERSION.to_le_bytes());
        assert_eq!(job.start(), None);
        assert_eq!(job.receive(&[hello, frame(wire::READY, 0, &[])].concat()), [Step::Prepared]);
        assert!(!job.takes_input());
        assert_eq!(job.start(), None);
        assert!(job.takes_input());
        job.feed(b"x", true);
        assert!(!job.takes_input());
        let mut sent = Vec::new();
        job.send(|bytes| {
            sent.extend_from_slice(&bytes[..5]);
            5
        });
        assert!(job.has_more());
        job.send(|bytes| {
            sent.extend_from_slice(bytes);
            bytes.len()
        });
        assert!(!job.has_more() && sent.len() > 3 * wire::HEADER_BYTES);
        let ended = [wire::ENDED_STATUS.to_le_bytes(), 3u32.to_le_bytes()].concat();
        let bytes = [frame(wire::STDERR, 1, b"oh"), frame(wire::EXITED, 1, &ended)].concat();
        let steps = [Step::Wrote(Stream::Error, b"oh".to_vec()), Step::Ended(Ended::Status(3))];
        assert_eq!(job.receive(&bytes), steps);
    }

    #[test]
    fn a_command_takes_input_while_it_runs_and_has_taken_what_there_was() {
        let mut job = Job::new(None, Some(Command { argv: vec!["cat".into()], ..Command::default() }));
        let hello = frame(wire::HELLO, 0, &wire::VERSION.to_le_bytes());
        job.receive(&[hello, frame(wire::READY, 0, &[])].concat());
        assert_eq!(job.start(), None);
        job.feed(&vec![7; wire::STDIN_WINDOW_BYTES + 1], false);
        assert!(job.has_input_left() && !job.takes_input());
        job.receive(&frame(wire::CONSUMED, 1, &1000u32.to_le_bytes()));
        assert!(!job.has_input_left() && job.takes_input());
        let ended = [wire::ENDED_STATUS.to_le_bytes(), [0; 4]].concat();
        job.receive(&frame(wire::EXITED, 1, &ended));
        assert!(!job.takes_input());
    }

    #[test]
    fn an_error_of_the_guest_s_is_told_in_words() {
        let mut job = Job::new(None, None);
        let bytes = [
            frame(wire::HELLO, 0, &wire::VERSION.to_le_bytes()),
            frame(wire::FAILED, 0, b"mounting the root: error 2"),
        ];
        let steps = job.receive(&bytes.concat());
        let [Step::Lost(reason)] = &steps[..] else { panic!("{steps:?}") };
        assert!(reason.ends_with("mounting the root: No such file or directory (os error 2)"), "{reason}");
        assert_eq!(told("all is lost".to_owned()), "all is lost");
        assert_eq!(linux_error(u32::MAX), "error 4294967295");
    }

    #[test]
    fn a_guest_that_talks_nonsense_is_lost() {
        let mut job = Job::new(None, Some(Command::default()));
        assert!(matches!(job.receive(&[0xff; 64])[..], [Step::Lost(_)]));
    }
}
