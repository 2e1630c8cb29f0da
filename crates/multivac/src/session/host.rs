//! The outside of a run: the console on this process's terminal or streams, and the wall clock where someone
//! types.

use super::Manner;
use super::terminal::{Raw, Signals};
use crate::config::{Boot, Config, On};
use crate::exit::{self, Exit, Failure};
use cluster::job::Stream;
use cluster::run::{Host, Input, Moment};
use cluster::summary::{NodeSummary, Standing};
use fabric::NodeId;
use machine::node::Halt;
use std::collections::BTreeMap;
use std::io::{IsTerminal, Read, Write, stderr, stdin, stdout};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError, channel};
use std::time::{Duration, Instant};

/// Ctrl-A, which begins a word to us instead of the guest.
const ESCAPE: u8 = 1;
/// How long a sleeping guest is given for input that is not typed.
const PIPE_PATIENCE: Duration = Duration::from_secs(2);
/// How long a wait goes on without a look at signals.
const NAP: Duration = Duration::from_millis(50);
/// How long input for a command is waited for before the command starts.
const INPUT_PATIENCE: Duration = Duration::from_millis(200);
/// How much of a line is held back until its end, where lines of several nodes go to one place.
const LINE_BYTES_MAX: usize = 1024;
const HINT: &str =
    "Ctrl-A x leaves, Ctrl-A c shows where the machine is, Ctrl-C is the guest's once it listens";
/// Ctrl-C, which is ours as long as nobody in the guest listens.
const INTERRUPT: u8 = 3;
/// The status of a run that the person at the terminal interrupts: that of signal 2.
const INTERRUPTED: u8 = 128 + 2;

/// Where the console goes, and where it comes from.
pub(super) struct Console {
    to: To,
    /// The command's standard output is not ours.
    job_to_stderr: bool,
    /// Input is the command's, not the console's.
    for_command: bool,
    /// The nodes' names, where there are several: each line says whose it is.
    names: Vec<String>,
    /// The node that has the console, where it is one of several: the others' are not shown.
    chosen: Option<NodeId>,
    /// Lines that have not ended, by node and by where they go.
    lines: BTreeMap<(NodeId, Sink), Vec<u8>>,
    /// The command runs on several nodes and a person looks: its lines say whose they are.
    job_is_named: bool,
    /// The command's input is being read; it is given time to end before the command starts.
    input_is_fresh: bool,
    keys: Option<Receiver<Vec<u8>>>,
    terminal: Option<Raw>,
    signals: Signals,
    typist: Typist,
    /// Wall and virtual instant from which virtual time is held back to the wall's pace.
    pace: Option<(Instant, u64)>,
    broken: bool,
    /// Why the host did not take what the guest said, where that is not for want of a reader.
    refused: Result<(), Failure>,
    at_line_start: bool,
    /// Each is set when somebody else wants a node, asleep or not.
    attention: Vec<Arc<AtomicBool>>,
}

/// Where a line goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Sink {
    Console,
    Output,
    Error,
}

/// Where what the console says goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum To {
    Stdout,
    Stderr,
    /// Unseen; its end is shown when the run fails.
    Nowhere,
}

/// Attaches the console as the configuration and the streams call for.
///
/// Errors: the host does not let signals be heard.
///
/// A console that does not listen only shows.
pub(super) fn attach(config: &Config, manner: &Manner, listens: bool) -> Result<Console, Failure> {
    let command = !config.run.command.is_empty();
    let chosen = config.console_place().map(NodeId);
    let several = config.node_count() > 1 && chosen.is_none();
    let typed = stdin().is_terminal();
    // A command's input is for every node that it runs on; a console's is for one.
    let heard = if command { true } else { !several && !matches!(config.first().boot, Boot::Demo) };
    if listens
        && !heard
        && !typed
        && !manner.quiet
        && rustix::io::ioctl_fionread(stdin()).is_ok_and(|left| left > 0)
    {
        let help = if several { ": --console NODE gives it to a node" } else { "" };
        eprintln!("note: standard input is not read{help}");
    }
    let listens = listens && heard;
    let terminal = listens && !command && !manner.json && typed && stdout().is_terminal();
    let signals = Signals::listen(!terminal)
        .map_err(|error| Failure::new(Exit::Host, format!("cannot listen for signals: {error}"), ""))?;
    if terminal && !manner.quiet {
        eprintln!("{HINT}");
    }
    Ok(Console {
        to: match (manner.json, command) {
            (true, _) => To::Stderr,
            (false, true) if !manner.verbose => To::Nowhere,
            (false, true) => To::Stderr,
            (false, false) => To::Stdout,
        },
        job_to_stderr: manner.json,
        for_command: command,
        names: if several { config.names() } else { Vec::new() },
        chosen,
        lines: BTreeMap::new(),
        job_is_named: several && config.run.on == On::All && stdout().is_terminal(),
        input_is_fresh: true,
        keys: (terminal || listens && (command || !typed)).then(listen),
        terminal: if terminal { Raw::enter() } else { None },
        signals,
        typist: Typist::default(),
        pace: None,
        broken: false,
        refused: Ok(()),
        at_line_start: true,
        attention: Vec::new(),
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
    /// Ends a sleeping node's wait for typing whenever `attention` is set.
    pub(super) fn add_attention(&mut self, attention: Arc<AtomicBool>) {
        self.attention.push(attention);
    }

    /// Tells, from any thread, which status a signal asks for.
    pub(super) fn leaving(&self) -> impl Fn() -> Option<u8> + Send + use<> {
        self.signals.teller()
    }

    fn is_wanted(&self) -> bool {
        self.attention.iter().any(|flag| flag.load(Ordering::Relaxed))
    }

    /// Gives the terminal back; shows what the consoles said last, when the run `failed` unseen.
    pub(super) fn finish(&mut self, failed: bool, nodes: &[NodeSummary]) {
        self.terminal = None;
        for ((node, sink), line) in std::mem::take(&mut self.lines) {
            if !line.is_empty() {
                self.line(node, sink, &line);
            }
        }
        if !self.at_line_start && self.to == To::Stdout && !self.broken {
            let _ = writeln!(stdout());
        }
        let mut err = stderr();
        let bad = |standing| matches!(standing, Standing::Panicked | Standing::Halted(Halt::Failed(_)));
        // Of a run that went well the words of those that did not.
        let told = |node: &NodeSummary| failed || bad(node.standing);
        for node in
            nodes.iter().filter(|node| told(node) && self.to == To::Nowhere && !node.last_words.is_empty())
        {
            let whose = if nodes.len() > 1 {
                format!("the last words of {}", node.name)
            } else {
                "the console's last words".to_owned()
            };
            let _ = writeln!(err, "{whose}:");
            let _ = err.write_all(&node.last_words).and_then(|()| writeln!(err));
        }
    }

    /// Sorts what came in into the guest's and ours.
    fn sort(&mut self, typed: &[u8], moment: Moment, input: &mut Input) {
        if self.terminal.is_some() {
            self.typist.sort(typed, moment, input);
        } else {
            input.console.extend_from_slice(typed);
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

    /// Errors: the host did not take all that the guest said.
    pub(super) fn conclude(&mut self) -> Result<(), Failure> {
        std::mem::replace(&mut self.refused, Ok(()))
    }

    /// Writes; a reader that went away, or a full disk, stops the printing, not the run.
    fn write(&mut self, to_stderr: bool, bytes: &[u8]) {
        if self.broken {
            return;
        }
        let written = if to_stderr {
            stderr().write_all(bytes)
        } else {
            stdout().write_all(bytes).and_then(|()| stdout().flush())
        };
        self.broken = written.is_err();
        self.refused = exit::printed(written);
    }

    /// Puts together the lines of a node, and passes on those that have ended.
    fn gather(&mut self, node: NodeId, sink: Sink, bytes: &[u8]) {
        let mut line = self.lines.remove(&(node, sink)).unwrap_or_default();
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            line.extend_from_slice(part);
            if line.ends_with(b"\n") || line.len() > LINE_BYTES_MAX {
                self.line(node, sink, &line);
                line.clear();
            }
        }
        self.lines.insert((node, sink), line);
    }

    /// Writes a line with the name of its node before it.
    fn line(&mut self, node: NodeId, sink: Sink, line: &[u8]) {
        let named = sink == Sink::Console || self.job_is_named;
        let mut out = Vec::new();
        if let Some(name) = self.names.get(node.index()).filter(|_| named) {
            let width = self.names.iter().map(String::len).max().unwrap_or(0);
            out.extend_from_slice(format!("{name:width$} | ").as_bytes());
        }
        let text = line.strip_suffix(b"\n").unwrap_or(line);
        out.extend_from_slice(text.strip_suffix(b"\r").filter(|_| named).unwrap_or(text));
        out.push(b'\n');
        let to_stderr = match sink {
            Sink::Console => self.to == To::Stderr,
            Sink::Output => self.job_to_stderr,
            Sink::Error => true,
        };
        self.at_line_start = true;
        self.write(to_stderr, &out);
    }

    /// What there is for the command's standard input. A file or a pipe that ends soon is read to its end before
    /// the command starts, so that such a run is the same each time.
    fn job_input(&mut self, moment: Moment, input: &mut Input) {
        if std::mem::take(&mut self.input_is_fresh) && !stdin().is_terminal() {
            let deadline = Instant::now() + INPUT_PATIENCE;
            while self.keys.is_some() && Instant::now() < deadline {
                let typed = self.typed(NAP / 10);
                input.job.extend(typed);
            }
        } else {
            let wait = if moment.asleep { NAP } else { Duration::ZERO };
            let typed = self.typed(wait);
            input.job.extend(typed);
        }
        input.job_end = self.keys.is_none();
        input.open = self.keys.is_some();
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

/// Who types on a terminal.
#[derive(Debug, Default)]
struct Typist {
    /// A word to us has begun.
    escaped: bool,
}

impl Typist {
    /// Sorts what was typed into the guest's and ours.
    fn sort(&mut self, typed: &[u8], moment: Moment, input: &mut Input) {
        for byte in typed {
            if !std::mem::take(&mut self.escaped) {
                match *byte {
                    ESCAPE => self.escaped = true,
                    // A shell that is still starting would be ended by it, and the machine with the shell.
                    INTERRUPT if !moment.console_listens => input.leave = Some(INTERRUPTED),
                    byte => input.console.push(byte),
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
}

impl Host for Console {
    fn console(&mut self, node: NodeId, bytes: &[u8]) {
        match self.to {
            To::Nowhere => {}
            _ if self.chosen.is_some_and(|chosen| chosen != node) => {}
            _ if !self.names.is_empty() => self.gather(node, Sink::Console, bytes),
            to => {
                self.at_line_start = bytes.ends_with(b"\n");
                self.write(to == To::Stderr, bytes);
            }
        }
    }

    fn job(&mut self, node: NodeId, stream: Stream, bytes: &[u8]) {
        let sink = if stream == Stream::Error { Sink::Error } else { Sink::Output };
        if self.names.is_empty() {
            self.write(sink == Sink::Error || self.job_to_stderr, bytes);
        } else {
            self.gather(node, sink, bytes);
        }
    }

    fn input(&mut self, moment: Moment) -> Input {
        let mut input = Input { node: self.chosen.unwrap_or_default(), ..Input::default() };
        if self.for_command {
            if moment.job_listens {
                self.job_input(moment, &mut input);
            }
            input.leave = self.signals.status();
            return input;
        }
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
            if over || input.leave.is_some() || !input.console.is_empty() || self.is_wanted() {
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

#[cfg(test)]
mod tests {
    use super::*;

    /// What the guest and what the run get of what was typed.
    fn sorted(typed: &[u8], console_listens: bool) -> (Vec<u8>, Option<u8>) {
        let (mut typist, mut input) = (Typist::default(), Input::default());
        let moment =
            Moment { virtual_ns: 0, instructions: 0, asleep: false, job_listens: false, console_listens };
        // However it is cut.
        typed.chunks(1).for_each(|byte| typist.sort(byte, moment, &mut input));
        (input.console, input.leave)
    }

    #[test]
    fn an_interrupt_is_the_guest_s_once_it_listens() {
        assert_eq!(sorted(b"a\x03b", true), (b"a\x03b".to_vec(), None));
        assert_eq!(sorted(b"a\x03b", false), (b"ab".to_vec(), Some(130)));
        for listens in [false, true] {
            assert_eq!(sorted(b"a\x01x", listens), (b"a".to_vec(), Some(0)));
            assert_eq!(sorted(b"\x01a\x01\x01", listens), (vec![1, 1], None));
            assert_eq!(sorted(b"\x01\x03", listens), (Vec::new(), None));
        }
    }
}
