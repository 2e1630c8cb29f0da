//! The command that a run is for: started over the control channel once the guest is ready, fed, and heard to its
//! end.

use crate::control::{Command, ControlError, Ended, Event, JobId, Session};

/// A command on its way through a guest.
#[derive(Debug)]
pub struct Job {
    command: Command,
    session: Session,
    id: Option<JobId>,
    stdin_closed: bool,
    /// Bytes that the port had no room for yet.
    to_guest: Vec<u8>,
}

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
    /// The command ended.
    Ended(Ended),
    /// The guest never got to where commands run, or its agent broke the protocol.
    Lost(String),
}

impl Job {
    /// A command that waits for its guest.
    pub fn new(command: Command) -> Job {
        Job { command, session: Session::new(), id: None, stdin_closed: false, to_guest: Vec::new() }
    }

    /// Whether the command runs and takes input.
    pub fn takes_input(&self) -> bool {
        self.id.is_some_and(|id| self.session.stdin_waiting_bytes(id) == 0) && !self.stdin_closed
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

    /// Takes in what the guest sent, and starts the command when it may.
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
        !self.to_guest.is_empty()
    }

    fn step(&mut self, event: Event) -> Option<Step> {
        Some(match event {
            Event::Ready => {
                self.id = self.session.run(&self.command);
                return self
                    .id
                    .is_none()
                    .then(|| Step::Lost("the command is too long for the guest".to_owned()));
            }
            Event::Stdout(_, bytes) => Step::Wrote(Stream::Output, bytes),
            Event::Stderr(_, bytes) => Step::Wrote(Stream::Error, bytes),
            Event::Exited(_, ended) => Step::Ended(ended),
            Event::BootFailed(text) => Step::Lost(format!("the guest did not boot: {text}")),
            Event::Identified(_) | Event::Pong(_) => return None,
        })
    }
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
        let mut job = Job::new(Command { argv: vec!["cat".into()], ..Command::default() });
        assert!(!job.takes_input());
        let hello = frame(wire::HELLO, 0, &wire::VERSION.to_le_bytes());
        assert_eq!(job.receive(&[hello, frame(wire::READY, 0, &[])].concat()), []);
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
    fn a_guest_that_talks_nonsense_is_lost() {
        let mut job = Job::new(Command::default());
        assert!(matches!(job.receive(&[0xff; 64])[..], [Step::Lost(_)]));
    }
}
