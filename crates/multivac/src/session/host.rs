//! The outside of a run: the console on this process's terminal or streams, and the wall clock where someone
//! types.

use super::Manner;
use super::terminal::{Raw, Signals};
use crate::config::{Boot, Config};
use crate::exit::{Exit, Failure};
use cluster::run::{Host, Input, Moment};
use std::io::{IsTerminal, Read, Write, stderr, stdin, stdout};
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError, channel};
use std::time::{Duration, Instant};

/// Ctrl-A, which begins a word to us instead of the guest.
const ESCAPE: u8 = 1;
/// How long a sleeping guest is given for input that is not typed.
const PIPE_PATIENCE: Duration = Duration::from_secs(2);
/// How long a wait goes on without a look at signals.
const NAP: Duration = Duration::from_millis(50);
const HINT: &str = "Ctrl-A x leaves, Ctrl-A c shows where the machine is";

/// Where the console goes, and where it comes from.
pub(super) struct Console {
    to_stderr: bool,
    keys: Option<Receiver<Vec<u8>>>,
    terminal: Option<Raw>,
    signals: Signals,
    escaped: bool,
    /// Wall and virtual instant from which virtual time is held back to the wall's pace.
    pace: Option<(Instant, u64)>,
    broken: bool,
    at_line_start: bool,
}

/// Attaches the console as the configuration and the streams call for.
///
/// Errors: the host does not let signals be heard.
pub(super) fn attach(config: &Config, manner: Manner) -> Result<Console, Failure> {
    let listens = !matches!(config.node.boot, Boot::Demo) && config.run.command.is_empty();
    let terminal = listens && !manner.json && stdin().is_terminal() && stdout().is_terminal();
    let signals = Signals::listen(!terminal)
        .map_err(|error| Failure::new(Exit::Host, format!("cannot listen for signals: {error}"), ""))?;
    if terminal && !manner.quiet {
        eprintln!("{HINT}");
    }
    Ok(Console {
        to_stderr: manner.json || !config.run.command.is_empty(),
        keys: (terminal || listens && !stdin().is_terminal()).then(listen),
        terminal: if terminal { Raw::enter() } else { None },
        signals,
        escaped: false,
        pace: None,
        broken: false,
        at_line_start: true,
    })
}

/// Reads standard input in a thread of its own, since a read may block for ever.
fn listen() -> Receiver<Vec<u8>> {
    let (send, receive) = channel();
    std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(length @ 1..) = stdin().lock().read(&mut buffer) {
            if send.send(buffer[..length].to_vec()).is_err() {
                break;
            }
        }
    });
    receive
}

impl Console {
    /// Gives the terminal back.
    pub(super) fn finish(&mut self) {
        let had_terminal = self.terminal.take().is_some();
        if !self.at_line_start && (had_terminal || !self.to_stderr) && !self.broken {
            let _ = writeln!(stdout());
        }
    }

    /// Sorts what was typed into the guest's and ours.
    fn sort(&mut self, typed: &[u8], moment: Moment, input: &mut Input) {
        if self.terminal.is_none() {
            input.console.extend_from_slice(typed);
            return;
        }
        for byte in typed {
            if !std::mem::take(&mut self.escaped) {
                self.escaped = *byte == ESCAPE;
                if !self.escaped {
                    input.console.push(*byte);
                }
                continue;
            }
            match byte {
                b'x' | b'X' => input.leave = Some(0),
                b'c' | b'C' => status_line(moment),
                b'a' | b'A' | &ESCAPE => input.console.push(ESCAPE),
                _ => {
                    let _ = write!(stderr(), "\r\n{HINT}, Ctrl-A a sends Ctrl-A\r\n");
                }
            }
        }
    }

    /// Takes what was typed; waits no longer than `wait`, and only when there is nothing.
    fn typed(&mut self, wait: Duration) -> Vec<u8> {
        let Some(keys) = &self.keys else {
            std::thread::sleep(wait);
            return Vec::new();
        };
        let mut typed = Vec::new();
        loop {
            match keys.try_recv() {
                Ok(bytes) => typed.extend(bytes),
                Err(TryRecvError::Disconnected) => {
                    self.keys = None;
                    return typed;
                }
                Err(TryRecvError::Empty) => break,
            }
        }
        if typed.is_empty() && !wait.is_zero() {
            match keys.recv_timeout(wait) {
                Ok(bytes) => typed = bytes,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => self.keys = None,
            }
        }
        typed
    }

    /// How far virtual time is ahead of the wall's, where someone types; behind, the pace starts anew.
    fn ahead(&mut self, moment: Moment) -> Duration {
        if self.terminal.is_none() {
            return Duration::ZERO;
        }
        let now = Instant::now();
        let (wall, virtual_ns) = *self.pace.get_or_insert((now, moment.virtual_ns));
        let due = wall + Duration::from_nanos(moment.virtual_ns.saturating_sub(virtual_ns));
        if due < now {
            self.pace = Some((now, moment.virtual_ns));
        }
        due.saturating_duration_since(now)
    }
}

impl Host for Console {
    fn console(&mut self, bytes: &[u8]) {
        self.at_line_start = bytes.ends_with(b"\n");
        if self.broken {
            return;
        }
        let written = if self.to_stderr {
            stderr().write_all(bytes)
        } else {
            stdout().write_all(bytes).and_then(|()| stdout().flush())
        };
        // A reader that went away stops the printing, not the run.
        self.broken = written.is_err();
    }

    fn input(&mut self, moment: Moment) -> Input {
        let mut input = Input::default();
        let ahead = self.ahead(moment);
        let deadline = Instant::now() + if moment.asleep { PIPE_PATIENCE } else { ahead };
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let waits = if self.keys.is_some() || !ahead.is_zero() { left.min(NAP) } else { Duration::ZERO };
            let typed = self.typed(waits);
            self.sort(&typed, moment, &mut input);
            input.leave = input.leave.or_else(|| self.signals.status());
            let typing_goes_on = self.terminal.is_some() && self.keys.is_some();
            let over =
                if moment.asleep && typing_goes_on { false } else { left.is_zero() || waits.is_zero() };
            if over || input.leave.is_some() || !input.console.is_empty() {
                return input;
            }
        }
    }
}

/// A line on where the machine is, for Ctrl-A c.
fn status_line(moment: Moment) {
    let state = if moment.asleep { "asleep until something is typed" } else { "running" };
    // The terminal is raw: a line needs its carriage return.
    let _ = write!(
        stderr(),
        "\r\n[multivac: {:.3} s of virtual time, {} instructions, {state}]\r\n",
        Duration::from_nanos(moment.virtual_ns).as_secs_f64(),
        moment.instructions
    );
}
