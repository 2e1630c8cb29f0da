//! A port for gdb: the harts of a node are its threads.
//!
//! Two sides talk through channels ([`link`]): a thread of its own speaks the protocol ([`server`], [`target`]),
//! and [`Gdb`], which runs the node in the run loop's place, carries out what that thread asks between two
//! instructions. The node therefore never waits for the network while it runs.

mod address;
mod connection;
mod link;
mod monitor;
mod registers;
mod server;
mod target;

pub use address::Address;
pub(crate) use target::state;

use crate::symbols::Symbols;
use link::{Far, Near, Request, Word};
use machine::debug::{Driven, Driver, Go, Step, StopReason};
use machine::node::{Limits, Node, Pause};
use std::cell::Cell;
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::RecvTimeoutError;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// How long a stopped node waits between two looks at whether the run is to end.
const NAP: Duration = Duration::from_millis(50);
/// How long gdb is given to hear that the run ended.
const PARTING: Duration = Duration::from_secs(1);
/// The status of a run that gdb killed.
const KILLED: u8 = 137;

/// Tells whether the run is to end from outside, and with which status.
pub type Leave = Box<dyn Fn() -> Option<u8> + Send>;

/// The debugger's end of a run.
pub struct Gdb {
    near: Near,
    leave: Leave,
    /// The node stands still.
    stopped: bool,
    attached: bool,
    /// The node waits for the next gdb when one goes.
    holds: bool,
    /// The hart that was reported at a breakpoint, and where.
    reported: Option<(usize, u64)>,
    killed: bool,
    reason: Arc<Mutex<String>>,
}

/// A port that is open, and how it is to be used.
pub struct Port {
    listener: connection::Listener,
    waits: bool,
    holds: bool,
}

impl Port {
    /// Opens the port.
    ///
    /// Errors: the host's, when it does not let us listen there.
    pub fn open(address: &Address) -> std::io::Result<Port> {
        let listener = connection::Listener::bind(address)?;
        Ok(Port { listener, waits: address.waits, holds: address.holds })
    }

    /// Host and port over TCP, where the host has chosen the port if number 0 was asked for.
    pub fn address(&self) -> Option<SocketAddr> {
        self.listener.address()
    }

    /// A port for the one gdb at the other end of `stream`, for which the run waits.
    pub fn connected(stream: UnixStream) -> Port {
        let listener = connection::Listener::Come(Cell::new(Some(stream)));
        Port { listener, waits: true, holds: false }
    }
}

impl Gdb {
    /// Listens for gdb, on behalf of `node`, whose program has `symbols`. `leave` is asked while the node stands still.
    ///
    /// Errors: the host's, when it does not give a thread.
    pub fn listen(port: Port, node: &Node, symbols: Arc<Symbols>, leave: Leave) -> std::io::Result<Gdb> {
        let Port { listener, waits, holds } = port;
        let (near, far) = link::pair();
        let reason = Arc::new(Mutex::new("the node runs".to_owned()));
        let facts = target::Facts::of(node, symbols, Arc::clone(&reason));
        std::thread::Builder::new()
            .name("gdb".to_owned())
            .spawn(move || server::serve(&listener, &far, &facts))?;
        Ok(Gdb { near, leave, stopped: waits, attached: false, holds, reported: None, killed: false, reason })
    }

    /// Set while gdb wants something of a node that may be asleep.
    pub fn attention(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.near.attention)
    }

    fn explain(&self, reason: &str) {
        if let Ok(mut text) = self.reason.lock() {
            reason.clone_into(&mut text);
        }
    }

    fn handle(&mut self, request: Request, node: &mut Node) {
        match request {
            Request::Errand(errand) => errand(node),
            Request::Attach => {
                self.attached = true;
                self.stopped = true;
            }
            Request::Interrupt if !self.stopped => {
                self.stopped = true;
                self.explain("interrupted from gdb");
                self.near.say(Word::Interrupted { hart: node.in_turn() });
            }
            Request::Interrupt => {}
            Request::Resume(step) => self.resume(step, node),
            Request::Detach => {
                node.points().clear();
                self.attached = false;
                self.stopped = self.holds;
            }
            Request::Kill => self.killed = true,
        }
    }

    fn resume(&mut self, step: Option<Step>, node: &mut Node) {
        if let Some((hart, pc)) = self.reported.take()
            && node.harts[hart].pc == pc
        {
            node.pass_breakpoint(hart);
        }
        node.set_step(step);
        self.explain("the node runs");
        self.stopped = false;
    }

    /// Does what gdb asks until the node may go on; a status when the run is to end.
    fn attend(&mut self, node: &mut Node) -> Option<u8> {
        while self.stopped && !self.killed {
            match self.near.requests.recv_timeout(NAP) {
                Ok(request) => self.handle(request, node),
                Err(RecvTimeoutError::Timeout) => {
                    if let Some(status) = (self.leave)() {
                        return Some(status);
                    }
                }
                Err(RecvTimeoutError::Disconnected) => self.stopped = false,
            }
        }
        self.killed.then_some(KILLED)
    }

    /// Takes note of what gdb asked meanwhile.
    fn hear(&mut self, node: &mut Node) {
        self.near.attention.store(false, Ordering::Relaxed);
        while let Ok(request) = self.near.requests.try_recv() {
            self.handle(request, node);
        }
    }
}

impl Driver for Gdb {
    fn run(&mut self, node: &mut Node, limits: Limits, go: Go) -> Driven {
        loop {
            if let Some(status) = self.pause(node) {
                return Driven::Leave(status);
            }
            match go(node, limits) {
                Pause::Stopped(stop) => {
                    self.stopped = true;
                    self.explain(match stop.reason {
                        StopReason::Breakpoint => "a breakpoint",
                        StopReason::Watchpoint { .. } => "a watchpoint",
                        StopReason::Stepped => "a step is done",
                    });
                    let at_breakpoint = stop.reason == StopReason::Breakpoint;
                    self.reported = at_breakpoint.then(|| (stop.hart, node.harts[stop.hart].pc));
                    self.near.say(Word::Stopped(stop));
                }
                pause => return Driven::Pause(pause),
            }
        }
    }

    fn pause(&mut self, node: &mut Node) -> Option<u8> {
        self.hear(node);
        self.attend(node)
    }

    fn end(&mut self, node: &mut Node, reason: &str, failed: bool) {
        if self.attached && failed {
            self.explain(reason);
            self.stopped = true;
            self.near.say(Word::Failed { hart: node.in_turn() });
            self.attend(node);
        }
        if self.attached {
            self.near.say(Word::Exited { status: u8::from(failed) });
            // Gdb that does not listen is not waited for any longer.
            let _ = self.near.parted.recv_timeout(PARTING);
        }
    }
}

/// Runs `errand` on the node, from the protocol's thread.
///
/// Errors: [`link::Gone`] when the run has ended.
fn ask<R: Send + 'static>(
    far: &Far,
    errand: impl FnOnce(&mut Node) -> R + Send + 'static,
) -> Result<R, link::Gone> {
    let (answer, answered) = std::sync::mpsc::channel();
    far.request(Request::Errand(Box::new(move |node| {
        // Whoever asked may have gone.
        let _ = answer.send(errand(node));
    })))?;
    answered.recv().map_err(|_| link::Gone)
}
