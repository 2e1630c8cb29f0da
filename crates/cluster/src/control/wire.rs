//! The control channel's numbers, read by both ends: this crate, and the agent in the guest
//! (`guest/agent`), which includes this very file.
//!
//! A frame is a header of three little-endian words (payload length in bytes, kind, job) and the
//! payload. A job is a command's number, chosen by the host and never 0; frames about no job carry 0.
//! Strings in payloads are bytes without a terminator; a list is its entries, each ended by a zero byte.

/// Name of the virtio-console port that carries the channel.
pub const PORT_NAME: &str = "multivac.control";
/// Version that both ends name in their first words.
pub const VERSION: u32 = 1;
/// TCP port on which the agent of a node with an identity takes commands from other nodes of its cluster, in the
/// same frames.
pub const RELAY_PORT: u16 = 5140;
/// Size of a frame's header.
pub const HEADER_BYTES: usize = 12;
/// Largest payload of a frame, in either direction.
pub const PAYLOAD_BYTES_MAX: usize = 64 * 1024;
/// Standard input that may be under way to one job, sent and not yet `CONSUMED`.
pub const STDIN_WINDOW_BYTES: usize = 32 * 1024;
/// Jobs that the agent runs at once.
pub const JOBS_MAX: usize = 16;

/// Guest to host: the agent runs. Payload: version.
pub const HELLO: u32 = 1;
/// Guest to host: the root is mounted and commands are served. No payload.
pub const READY: u32 = 2;
/// Guest to host: a job wrote this on its standard output.
pub const STDOUT: u32 = 3;
/// Guest to host: a job wrote this on its standard error.
pub const STDERR: u32 = 4;
/// Guest to host: a job ended; nothing of it follows. Payload: how (`ENDED_*`), value.
pub const EXITED: u32 = 5;
/// Guest to host: a job has taken this much of its standard input. Payload: bytes.
pub const CONSUMED: u32 = 6;
/// Guest to host: the boot failed. Payload: text.
pub const FAILED: u32 = 7;
/// Guest to host: the answer to `PING`, with its payload.
pub const PONG: u32 = 8;
/// Guest to host: the node has taken its `IDENTITY`. Payload: the first error number, 0 for none.
pub const IDENTIFIED: u32 = 9;

/// Host to guest: start a command. Payload: counts of arguments and of environment entries (two
/// words), then the working directory, the arguments and the environment as lists.
pub const RUN: u32 = 32;
/// Host to guest: standard input for a job.
pub const STDIN: u32 = 33;
/// Host to guest: a job's standard input is at its end.
pub const CLOSE_STDIN: u32 = 34;
/// Host to guest: send a signal to a job's process group. Payload: signal number.
pub const SIGNAL: u32 = 35;
/// Host to guest: who this node is. Payload: MAC (6 bytes), IPv4 address (4), prefix length (1),
/// a zero byte, machine id (16), random seed (32), then the host name as a list of one; then the number of the cluster's
/// nodes (a word), and of each its IPv4 address (4 bytes), its harts (a word) and its host name as a list of one.
/// Interfaces behind the first add their number to the fourth byte of the MAC and to the second of the address.
pub const IDENTITY: u32 = 36;
/// Host to guest: write everything back and end the machine. Payload: 0 power off, 1 restart.
pub const SHUTDOWN: u32 = 37;
/// Host to guest: answer with `PONG` and the same payload.
pub const PING: u32 = 38;

/// `EXITED`: the job returned; the value is its exit status.
pub const ENDED_STATUS: u32 = 0;
/// `EXITED`: a signal ended the job; the value is its number.
pub const ENDED_SIGNAL: u32 = 1;
/// `EXITED`: the job could not be started; the value is the error number.
pub const ENDED_NOT_STARTED: u32 = 2;
