//! A node run by itself until its control agent takes commands, and has carried one out, or to an instant: what is
//! frozen and forked.

use super::{BootError, Booted};
use crate::console::Console;
use crate::control::{Command, Ended};
use crate::job::{Job, Step};
use crate::run::End;
use crate::time::Ps;
use machine::dev::virtio::console::CONTROL_PORT;
use machine::node::{Limits, Node, Pause};

/// Virtual time between two looks at the agent.
const PERIOD_NS: u64 = 1_000_000;
/// The longest boot, and the command behind it.
const BOOT_NS_MAX: u64 = 600_000_000_000;

/// Runs the node until its agent takes commands, and has carried out `command` if there is one, and to the end of that
/// period of a millisecond. Frames that it sends meanwhile are lost, as there is nobody yet.
///
/// Errors: [`BootError::NeverReady`], also where the command does not end well.
pub fn to_ready(booted: &mut Booted, command: Option<Command>) -> Result<(), BootError> {
    let mut console = Console::default();
    let mut errand = Errand { job: Job::new(None, command), said: Vec::new() };
    run(&mut booted.node, &mut console, &mut errand).map_err(|reason| {
        let said = if errand.said.is_empty() { console.last_words() } else { errand.said };
        BootError::NeverReady { reason, last_words: String::from_utf8_lossy(&said).into_owned() }
    })
}

/// Runs the node to the virtual instant `at`, or until it sleeps for good. Frames that it sends meanwhile are lost.
///
/// Errors: [`BootError::NeverReady`] when it ends before.
pub fn to_instant(booted: &mut Booted, at: Ps) -> Result<(), BootError> {
    let node = &mut booted.node;
    let cycle = node.clock().cycle_of_ps(at.0);
    let pause = node.run_to(Limits { instructions: u64::MAX, cycle });
    let mut console = Console::default();
    console.hear(node, None);
    node.bus.nets().for_each(|net| while net.take_frame().is_some() {});
    match pause {
        Pause::Time | Pause::Asleep => Ok(()),
        Pause::Halted(_) | Pause::Instructions | Pause::Stopped(_) => Err(BootError::NeverReady {
            reason: format!("it ended before {} ns of virtual time", at.ns()),
            last_words: String::from_utf8_lossy(&console.last_words()).into_owned(),
        }),
    }
}

/// How much of what the command writes is kept, for the case that it fails.
const SAID_BYTES_MAX: usize = 1024;

/// The command before the fork, and the end of what it wrote.
struct Errand {
    job: Job,
    said: Vec<u8>,
}

impl Errand {
    /// Takes in what the guest sent; whether all is done.
    fn receive(&mut self, bytes: &[u8]) -> Result<bool, String> {
        for step in self.job.receive(bytes) {
            match step {
                Step::Prepared if !self.job.has_command() => return Ok(true),
                Step::Prepared => {
                    if let Some(Step::Lost(reason)) = self.job.start() {
                        return Err(reason);
                    }
                    self.job.feed(&[], true);
                }
                Step::Wrote(_, bytes) => {
                    self.said.extend_from_slice(&bytes);
                    self.said.drain(..self.said.len().saturating_sub(SAID_BYTES_MAX));
                }
                Step::Ended(Ended::Status(0)) => return Ok(true),
                Step::Ended(ended) => {
                    return Err(format!("before the fork, {}", End::Job(ended)));
                }
                Step::Lost(reason) => return Err(reason),
            }
        }
        Ok(false)
    }
}

fn run(node: &mut Node, console: &mut Console, errand: &mut Errand) -> Result<(), String> {
    for period in 1..=BOOT_NS_MAX / PERIOD_NS {
        let cycle = node.clock().cycle_of_ps(period * PERIOD_NS * 1000);
        let pause = node.run_to(Limits { instructions: u64::MAX, cycle });
        console.hear(node, None);
        node.bus.nets().for_each(|net| while net.take_frame().is_some() {});
        let said = node.bus.console().map(|console| console.take_output(CONTROL_PORT)).unwrap_or_default();
        let done = errand.receive(&said)?;
        if let Some(console) = node.bus.console() {
            errand.job.send(|bytes| console.push_input(CONTROL_PORT, bytes));
        }
        match pause {
            _ if done => return Ok(()),
            Pause::Time => {}
            Pause::Asleep => return Err("all its harts sleep and nothing is due".to_owned()),
            Pause::Halted(halt) => return Err(format!("it ended: {halt:?}")),
            Pause::Instructions | Pause::Stopped(_) => return Err("it stopped".to_owned()),
        }
    }
    Err(format!("it took longer than {} s of virtual time", BOOT_NS_MAX / 1_000_000_000))
}
