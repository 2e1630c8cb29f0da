//! `multivac-rsh HOST COMMAND...`: this program under another name runs a command on another node of the cluster.
//!
//! Called as `ssh` is called by what starts daemons on other nodes: options before the host are passed over, the words of
//! the command are joined by blanks and go to the other node's shell, its streams and its status come back. The status is
//! 255 when the other node cannot be reached.

use crate::args::Args;
use crate::port::{Input, Output};
use crate::sys::{self, Errno, Fd, PollFd};
use crate::text::Text;
use crate::{files, wire};
use core::cell::UnsafeCell;
use core::fmt::Write;
use core::mem::MaybeUninit;

/// The name under which the agent is this program.
pub const PROGRAM: &[u8] = b"multivac-rsh";

const JOB: u32 = 1;
const UNREACHED: i32 = 255;
const HOSTS_BYTES: usize = 128 * 1024;
const COMMAND_BYTES: usize = 32 * 1024;
/// A node whose agent does not listen yet is tried again for so long.
const TRIES: usize = 50;
const TRY_MS: i64 = 100;

/// The two ends of the connection.
struct Ends {
    out: Output,
    input: Input,
}

struct Memory(UnsafeCell<MaybeUninit<Ends>>);
// SAFETY: the program has one thread.
unsafe impl Sync for Memory {}
static MEMORY: Memory = Memory(UnsafeCell::new(MaybeUninit::zeroed()));

/// Runs the command that the arguments name.
pub fn run(arguments: Args) -> ! {
    let mut index = 1;
    while let Some(option) = arguments.get(index).filter(|word| word.starts_with(b"-")) {
        // These two have a value of their own.
        index += if option == b"-l" || option == b"-p" { 2 } else { 1 };
    }
    let Some(host) = arguments.get(index) else { fail("usage: multivac-rsh HOST COMMAND...", b"") };
    let host = host.rsplit(|byte| *byte == b'@').next().unwrap_or(host);
    let mut command = Text::<COMMAND_BYTES>::new();
    let mut words = 0;
    while let Some(word) = arguments.get(index + 1 + words) {
        command.push(if words == 0 { b"" } else { b" " });
        command.push(word);
        words += 1;
    }
    if words == 0 {
        fail("no command for ", host)
    }
    let Some(address) = resolve(host) else { fail("no such node: ", host) };
    match connect(address) {
        Ok(connection) => talk(connection, host, command.bytes()),
        Err(errno) => {
            let mut text = Text::<64>::new();
            let _ = write!(text, "error {errno} on the way to ");
            fail(core::str::from_utf8(text.bytes()).unwrap_or(""), host)
        }
    }
}

fn fail(what: &str, name: &[u8]) -> ! {
    let text = Text::<256>::of(&[b"multivac-rsh: ", what.as_bytes(), name, b"\n"]);
    let _ = sys::write_all(2, text.bytes());
    sys::exit(UNREACHED)
}

/// The address of a node: four numbers, or a name of `/etc/hosts`.
fn resolve(host: &[u8]) -> Option<[u8; 4]> {
    if let Some(address) = parse(host) {
        return Some(address);
    }
    let hosts = files::read::<HOSTS_BYTES>(c"/etc/hosts").ok()?;
    hosts.bytes().split(|byte| *byte == b'\n').find_map(|line| {
        let mut words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
        let address = parse(words.next()?)?;
        words.any(|name| name == host).then_some(address)
    })
}

fn parse(text: &[u8]) -> Option<[u8; 4]> {
    let mut address = [0; 4];
    let mut parts = text.split(|byte| *byte == b'.');
    for byte in &mut address {
        *byte = core::str::from_utf8(parts.next()?).ok()?.parse().ok()?;
    }
    parts.next().is_none().then_some(address)
}

fn connect(address: [u8; 4]) -> Result<Fd, Errno> {
    let mut last = sys::ECONNREFUSED;
    for _ in 0..TRIES {
        let fd = sys::stream_socket(0)?;
        match sys::connect(fd, address, wire::RELAY_PORT) {
            Ok(()) => return sys::set_nonblocking(fd).map(|()| fd),
            Err(errno) => last = errno,
        }
        sys::close(fd);
        if last != sys::ECONNREFUSED {
            break;
        }
        let _ = sys::poll(&mut [], TRY_MS);
    }
    Err(last)
}

/// Sends the command, then carries its streams until it ends.
fn talk(connection: Fd, host: &[u8], command: &[u8]) -> ! {
    // SAFETY: `talk` runs once, so this is the only reference; every field is an integer, an array of integers or a
    // bool, for which zero is a value.
    let Ends { out, input } = unsafe { (*MEMORY.0.get()).assume_init_mut() };
    out.attach(connection);
    input.attach(connection);
    let mut payload = Text::<{ COMMAND_BYTES + 64 }>::new();
    payload.push_raw(&[3, 0, 0, 0, 0, 0, 0, 0]);
    payload.push_raw(b"/root\0/bin/sh\0-c\0");
    payload.push_raw(command);
    payload.push_raw(b"\0");
    out.send(wire::RUN, JOB, payload.bytes());
    let mut window = wire::STDIN_WINDOW_BYTES;
    let mut reads = true;
    loop {
        out.flush();
        let write = if out.pending() { sys::POLLOUT } else { 0 };
        let stdin = if reads && window > 0 && out.room() >= 4096 { 0 } else { -1 };
        let mut set = [
            PollFd { fd: connection, events: sys::POLLIN | write, revents: 0 },
            PollFd { fd: stdin, events: sys::POLLIN, revents: 0 },
        ];
        let _ = sys::poll(&mut set, -1);
        if set[1].revents != 0 {
            match out.send_from(wire::STDIN, JOB, 0, window.min(4096)) {
                Ok(n) if n > 0 => window -= n,
                Err(sys::EINTR | sys::EAGAIN) => {}
                _ => {
                    reads = false;
                    out.send(wire::CLOSE_STDIN, JOB, b"");
                }
            }
        }
        let open = input.fill();
        while let Some((head, payload)) = input.frame() {
            let word = |at: usize| {
                let bytes = payload.get(at..at + 4).and_then(|bytes| bytes.try_into().ok());
                bytes.map_or(0, u32::from_le_bytes)
            };
            match head.kind {
                wire::STDOUT => drop(sys::write_all(1, payload)),
                wire::STDERR => drop(sys::write_all(2, payload)),
                wire::CONSUMED => window += word(0) as usize,
                wire::EXITED => sys::exit(status(word(0), word(4))),
                _ => {}
            }
            input.consume(head);
        }
        if !open {
            fail("the connection is lost: ", host);
        }
    }
}

/// The status that a shell would report.
fn status(how: u32, value: u32) -> i32 {
    match how {
        wire::ENDED_STATUS => value as i32,
        wire::ENDED_SIGNAL => 128 + value as i32,
        _ => 127,
    }
}
