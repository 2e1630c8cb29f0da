//! Frames of the control channel: messages to bytes and back.

use super::{ControlError, wire};
use machine::state::{Source, State, StateError};

/// How a job ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It returned this exit status.
    Status(u8),
    /// This signal ended it.
    Signal(u8),
    /// It could not be started, for this Linux error number.
    NotStarted(u32),
}

impl Ended {
    /// The status that a shell would report.
    pub fn exit_status(self) -> u8 {
        const ENOENT: u32 = 2;
        match self {
            Ended::Status(status) => status,
            Ended::Signal(signal) => signal.saturating_add(128),
            Ended::NotStarted(ENOENT) => 127,
            Ended::NotStarted(_) => 126,
        }
    }
}

machine::state_fields!(Identity { mac, address, prefix, machine_id, seed, host_name, nodes });
machine::state_fields!(Neighbor { name, address, harts });

impl Default for Ended {
    fn default() -> Ended {
        Ended::Status(0)
    }
}

impl State for Ended {
    fn save(&self, sink: &mut dyn FnMut(&[u8])) {
        let (kind, value) = match *self {
            Ended::Status(status) => (wire::ENDED_STATUS, status.into()),
            Ended::Signal(signal) => (wire::ENDED_SIGNAL, signal.into()),
            Ended::NotStarted(error) => (wire::ENDED_NOT_STARTED, error),
        };
        [kind, value].save(sink);
    }

    fn restore(&mut self, source: &mut Source<'_>) -> Result<(), StateError> {
        let offset = source.offset();
        let mut words = [0u32; 2];
        words.restore(source)?;
        let byte = u8::try_from(words[1]).map_err(|_| StateError::Invalid { offset });
        *self = match words {
            [wire::ENDED_STATUS, _] => Ended::Status(byte?),
            [wire::ENDED_SIGNAL, _] => Ended::Signal(byte?),
            [wire::ENDED_NOT_STARTED, error] => Ended::NotStarted(error),
            _ => return Err(StateError::Invalid { offset }),
        };
        Ok(())
    }
}

/// Who a node is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// Hardware address of its first network interface; all zero leaves it. Others have their number in the fourth
    /// byte.
    pub mac: [u8; 6],
    /// IPv4 address of its first network interface; all zero leaves the network alone. Others have their number in the
    /// second byte.
    pub address: [u8; 4],
    /// Prefix length of its network.
    pub prefix: u8,
    /// Machine id; all zero leaves it.
    pub machine_id: [u8; 16],
    /// What its random numbers grow from.
    pub seed: [u8; 32],
    /// Host name; empty leaves it.
    pub host_name: String,
    /// All nodes of the cluster, this one too; none leaves the lists of them.
    pub nodes: Vec<Neighbor>,
}

impl Identity {
    /// Whether a message has room for it, which the list of all nodes decides.
    pub fn fits(&self) -> bool {
        ToGuest::Identity(self).encode(&mut Vec::new())
    }
}

/// A node of the cluster, as every node knows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Neighbor {
    /// Host name.
    pub name: String,
    /// IPv4 address.
    pub address: [u8; 4],
    /// Harts: how many processes of a parallel program it takes before it is full.
    pub harts: u32,
}

/// What the host says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToGuest<'a> {
    /// Start a command.
    Run {
        /// The job's number, not 0.
        job: u32,
        /// Program and arguments.
        argv: &'a [String],
        /// Environment, `KEY=VALUE`; the agent adds `PATH`, `HOME`, `LANG` and `TERM` if not given.
        env: &'a [String],
        /// Working directory; empty for `/`.
        directory: &'a str,
    },
    /// Standard input for a job.
    Stdin {
        /// The job.
        job: u32,
        /// At most [`wire::PAYLOAD_BYTES_MAX`] bytes.
        bytes: &'a [u8],
    },
    /// A job's standard input is at its end.
    CloseStdin {
        /// The job.
        job: u32,
    },
    /// Send a signal to a job and its children.
    Signal {
        /// The job.
        job: u32,
        /// Linux's number of the signal.
        number: u32,
    },
    /// Take an identity.
    Identity(&'a Identity),
    /// Write everything back and end the machine.
    Shutdown {
        /// Restart instead of powering off.
        restart: bool,
    },
    /// Answer with the same number.
    Ping(u64),
}

impl ToGuest<'_> {
    /// Appends the frame to `out`; `false`, and nothing appended, if it is longer than frames may be.
    #[must_use]
    pub fn encode(&self, out: &mut Vec<u8>) -> bool {
        let (kind, job) = match self {
            ToGuest::Run { job, .. } => (wire::RUN, *job),
            ToGuest::Stdin { job, .. } => (wire::STDIN, *job),
            ToGuest::CloseStdin { job } => (wire::CLOSE_STDIN, *job),
            ToGuest::Signal { job, .. } => (wire::SIGNAL, *job),
            ToGuest::Identity(_) => (wire::IDENTITY, 0),
            ToGuest::Shutdown { .. } => (wire::SHUTDOWN, 0),
            ToGuest::Ping(_) => (wire::PING, 0),
        };
        let mut payload = Vec::new();
        match self {
            ToGuest::Run { argv, env, directory, .. } => {
                for count in [argv.len(), env.len()] {
                    payload.extend_from_slice(&u32::try_from(count).unwrap_or(u32::MAX).to_le_bytes());
                }
                for string in std::iter::once(*directory).chain(argv.iter().chain(*env).map(String::as_str)) {
                    push_string(&mut payload, string);
                }
            }
            ToGuest::Stdin { bytes, .. } => payload.extend_from_slice(bytes),
            ToGuest::CloseStdin { .. } => {}
            ToGuest::Signal { number, .. } => payload.extend_from_slice(&number.to_le_bytes()),
            ToGuest::Identity(identity) => {
                payload.extend_from_slice(&identity.mac);
                payload.extend_from_slice(&identity.address);
                payload.extend_from_slice(&[identity.prefix, 0]);
                payload.extend_from_slice(&identity.machine_id);
                payload.extend_from_slice(&identity.seed);
                push_string(&mut payload, &identity.host_name);
                let count = u32::try_from(identity.nodes.len()).unwrap_or(u32::MAX);
                payload.extend_from_slice(&count.to_le_bytes());
                for node in &identity.nodes {
                    payload.extend_from_slice(&node.address);
                    payload.extend_from_slice(&node.harts.to_le_bytes());
                    push_string(&mut payload, &node.name);
                }
            }
            ToGuest::Shutdown { restart } => payload.extend_from_slice(&u32::from(*restart).to_le_bytes()),
            ToGuest::Ping(number) => payload.extend_from_slice(&number.to_le_bytes()),
        }
        if payload.len() > wire::PAYLOAD_BYTES_MAX {
            return false;
        }
        let len = u32::try_from(payload.len()).unwrap_or(u32::MAX);
        for word in [len, kind, job] {
            out.extend_from_slice(&word.to_le_bytes());
        }
        out.extend_from_slice(&payload);
        true
    }
}

/// A string ends at its first zero byte: none is sent.
fn push_string(payload: &mut Vec<u8>, string: &str) {
    payload.extend(string.bytes().take_while(|byte| *byte != 0));
    payload.push(0);
}

/// What a guest says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FromGuest {
    /// The agent runs.
    Hello {
        /// Its version of the protocol.
        version: u32,
    },
    /// Commands are served.
    Ready,
    /// A job wrote on its standard output.
    Stdout {
        /// The job.
        job: u32,
        /// What it wrote.
        bytes: Vec<u8>,
    },
    /// A job wrote on its standard error.
    Stderr {
        /// The job.
        job: u32,
        /// What it wrote.
        bytes: Vec<u8>,
    },
    /// A job ended.
    Exited {
        /// The job.
        job: u32,
        /// How.
        ended: Ended,
    },
    /// A job took input.
    Consumed {
        /// The job.
        job: u32,
        /// How much.
        bytes: u32,
    },
    /// The boot failed.
    Failed {
        /// Why.
        text: String,
    },
    /// The answer to a ping.
    Pong(u64),
    /// The identity was taken.
    Identified {
        /// The first error number; 0 for none.
        errno: u32,
    },
}

/// Cuts a stream of bytes from a guest into its frames.
///
/// Invariant: holds less than one frame of the largest size, plus what was pushed last.
#[derive(Debug, Default)]
pub struct Decoder {
    bytes: Vec<u8>,
    read: usize,
}

impl State for Decoder {
    fn save(&self, sink: &mut dyn FnMut(&[u8])) {
        let unread = &self.bytes[self.read..];
        (unread.len() as u64).save(sink);
        sink(unread);
    }

    fn restore(&mut self, source: &mut Source<'_>) -> Result<(), StateError> {
        self.read = 0;
        self.bytes.restore(source)
    }
}

impl Decoder {
    /// Takes in bytes of the stream.
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.drain(..self.read);
        self.read = 0;
        self.bytes.extend_from_slice(bytes);
    }

    /// The next whole frame, if there is one.
    ///
    /// Errors: the frame does not follow the protocol; the stream is of no use from there on.
    pub fn next_frame(&mut self) -> Result<Option<FromGuest>, ControlError> {
        let rest = &self.bytes[self.read..];
        let Some((header, rest)) = rest.split_first_chunk::<{ wire::HEADER_BYTES }>() else {
            return Ok(None);
        };
        let word =
            |at: usize| u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
        let (bytes, kind, job) = (word(0), word(4), word(8));
        let len = usize::try_from(bytes).unwrap_or(usize::MAX);
        if len > wire::PAYLOAD_BYTES_MAX {
            return Err(ControlError::TooLong { bytes });
        }
        let Some(payload) = rest.get(..len) else { return Ok(None) };
        let frame = parse(kind, job, payload).ok_or(ControlError::Malformed { kind })?;
        self.read += wire::HEADER_BYTES + len;
        Ok(Some(frame))
    }
}

fn parse(kind: u32, job: u32, payload: &[u8]) -> Option<FromGuest> {
    let one_word = || Some(u32::from_le_bytes(payload.try_into().ok()?));
    Some(match kind {
        wire::HELLO => FromGuest::Hello { version: one_word()? },
        wire::READY => FromGuest::Ready,
        wire::STDOUT => FromGuest::Stdout { job, bytes: payload.to_vec() },
        wire::STDERR => FromGuest::Stderr { job, bytes: payload.to_vec() },
        wire::EXITED => {
            let (how, value) = payload.split_first_chunk::<4>()?;
            let value = u32::from_le_bytes(value.try_into().ok()?);
            let ended = match u32::from_le_bytes(*how) {
                wire::ENDED_STATUS => Ended::Status(u8::try_from(value).ok()?),
                wire::ENDED_SIGNAL => Ended::Signal(u8::try_from(value).ok()?),
                wire::ENDED_NOT_STARTED => Ended::NotStarted(value),
                _ => return None,
            };
            FromGuest::Exited { job, ended }
        }
        wire::CONSUMED => FromGuest::Consumed { job, bytes: one_word()? },
        wire::FAILED => {
            let text = String::from_utf8_lossy(payload);
            // Shown to a person: no control characters of the guest's.
            FromGuest::Failed { text: text.chars().filter(|c| !c.is_control()).collect() }
        }
        wire::PONG => FromGuest::Pong(u64::from_le_bytes(payload.try_into().ok()?)),
        wire::IDENTIFIED => FromGuest::Identified { errno: one_word()? },
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn frame(kind: u32, job: u32, payload: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let len = u32::try_from(payload.len()).expect("short");
        [len, kind, job].iter().for_each(|word| bytes.extend_from_slice(&word.to_le_bytes()));
        bytes.extend_from_slice(payload);
        bytes
    }

    #[test]
    fn frames_come_back_however_the_stream_is_cut() {
        let exited = [wire::ENDED_SIGNAL.to_le_bytes(), 9u32.to_le_bytes()].concat();
        let stream = [
            frame(wire::HELLO, 0, &1u32.to_le_bytes()),
            frame(wire::READY, 0, &[]),
            frame(wire::STDOUT, 7, b"out"),
            frame(wire::EXITED, 7, &exited),
        ]
        .concat();
        let expected = vec![
            FromGuest::Hello { version: 1 },
            FromGuest::Ready,
            FromGuest::Stdout { job: 7, bytes: b"out".to_vec() },
            FromGuest::Exited { job: 7, ended: Ended::Signal(9) },
        ];
        for size in 1..=stream.len() {
            let mut decoder = Decoder::default();
            let mut frames = Vec::new();
            for part in stream.chunks(size) {
                decoder.push(part);
                while let Some(frame) = decoder.next_frame().expect("a frame") {
                    frames.push(frame);
                }
            }
            assert_eq!(frames, expected, "in parts of {size}");
        }
    }

    #[test]
    fn what_no_guest_may_send_is_refused() {
        let check = |bytes: &[u8]| {
            let mut decoder = Decoder::default();
            decoder.push(bytes);
            decoder.next_frame().expect_err("refused")
        };
        assert_eq!(check(&frame(99, 0, &[])), ControlError::Malformed { kind: 99 });
        assert_eq!(check(&frame(wire::EXITED, 1, &[0; 7])), ControlError::Malformed { kind: wire::EXITED });
        assert_eq!(check(&frame(wire::HELLO, 0, &[0; 5])), ControlError::Malformed { kind: wire::HELLO });
        let long = u32::MAX.to_le_bytes();
        assert_eq!(check(&[&long[..], &[0; 8]].concat()), ControlError::TooLong { bytes: u32::MAX });
    }

    #[test]
    fn a_command_is_laid_out_as_the_agent_reads_it() {
        let (argv, env) = (["ls".to_owned(), "-l\0x".to_owned()], ["A=b".to_owned()]);
        let mut out = Vec::new();
        assert!(ToGuest::Run { job: 3, argv: &argv, env: &env, directory: "/tmp" }.encode(&mut out));
        assert_eq!(out, frame(wire::RUN, 3, b"\x02\0\0\0\x01\0\0\0/tmp\0ls\0-l\0A=b\0"));
        let huge = ["x".repeat(wire::PAYLOAD_BYTES_MAX)];
        assert!(!ToGuest::Run { job: 3, argv: &huge, env: &[], directory: "" }.encode(&mut out));
    }

    #[test]
    fn an_identity_is_laid_out_as_the_agent_reads_it() {
        let identity = Identity {
            mac: [2, 0, 0, 0, 0, 1],
            address: [10, 0, 0, 1],
            prefix: 16,
            machine_id: [7; 16],
            seed: [8; 32],
            host_name: "n0".into(),
            nodes: vec![Neighbor { name: "n0".into(), address: [10, 0, 0, 1], harts: 2 }],
        };
        let mut out = Vec::new();
        assert!(ToGuest::Identity(&identity).encode(&mut out));
        let fixed = [&[2, 0, 0, 0, 0, 1, 10, 0, 0, 1, 16, 0][..], &[7; 16], &[8; 32]].concat();
        assert!(identity.fits());
        let nodes = vec![identity.nodes[0].clone(); 6000];
        assert!(!Identity { nodes, ..identity }.fits());
        let lists = b"n0\0\x01\0\0\0\x0a\0\0\x01\x02\0\0\0n0\0";
        assert_eq!(out, frame(wire::IDENTITY, 0, &[&fixed[..], lists].concat()));
    }

    #[test]
    fn statuses_are_those_of_a_shell() {
        let all = [
            Ended::Status(3),
            Ended::Signal(9),
            Ended::NotStarted(2),
            Ended::NotStarted(13),
            Ended::Signal(255),
        ];
        assert_eq!(all.map(Ended::exit_status), [3, 137, 127, 126, 255]);
    }

    proptest! {
        #[test]
        fn garbage_never_panics_and_never_piles_up(parts in proptest::collection::vec(
            proptest::collection::vec(any::<u8>(), 0..64), 0..32)) {
            let mut decoder = Decoder::default();
            for part in parts {
                decoder.push(&part);
                while let Ok(Some(_)) = decoder.next_frame() {}
                prop_assert!(decoder.bytes.len() <= wire::PAYLOAD_BYTES_MAX + wire::HEADER_BYTES + 64);
            }
        }
    }
}
