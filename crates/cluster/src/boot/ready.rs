//! A node run by itself until its control agent takes commands, or to an instant: what is frozen and forked.

use super::{BootError, Booted};
use crate::console::Console;
use crate::control::{Event, Session};
use crate::time::Ps;
use machine::dev::virtio::console::CONTROL_PORT;
use machine::node::{Limits, Node, Pause};

/// Virtual time between two looks at the agent.
const PERIOD_NS: u64 = 1_000_000;
/// The longest boot.
const BOOT_NS_MAX: u64 = 600_000_000_000;

/// Runs the node until its agent takes commands, and to the end of that period of a millisecond. Frames that it sends
/// meanwhile are lost, as there is nobody yet.
///
/// Errors: [`BootError::NeverReady`].
pub fn to_ready(booted: &mut Booted) -> Result<(), BootError> {
    let mut console = Console::default();
    run(&mut booted.node, &mut console).map_err(|reason| {
        let last_words = String::from_utf8_lossy(&console.last_words()).into_owned();
        BootError::NeverReady { reason, last_words }
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

fn run(node: &mut Node, console: &mut Console) -> Result<(), String> {
    let mut session = Session::new();
    for period in 1..=BOOT_NS_MAX / PERIOD_NS {
        let cycle = node.clock().cycle_of_ps(period * PERIOD_NS * 1000);
        let pause = node.run_to(Limits { instructions: u64::MAX, cycle });
        console.hear(node, None);
        node.bus.nets().for_each(|net| while net.take_frame().is_some() {});
        let said = node.bus.console().map(|console| console.take_output(CONTROL_PORT)).unwrap_or_default();
        for event in session.receive(&said).map_err(|error| error.to_string())? {
            if let Event::BootFailed(reason) = event {
                return Err(reason);
            }
        }
        match pause {
            _ if session.is_ready() => return Ok(()),
            Pause::Time => {}
            Pause::Asleep => return Err("all its harts sleep and nothing is due".to_owned()),
            Pause::Halted(halt) => return Err(format!("it ended: {halt:?}")),
            Pause::Instructions | Pause::Stopped(_) => return Err("it stopped".to_owned()),
        }
    }
    Err(format!("it took longer than {} s of virtual time", BOOT_NS_MAX / 1_000_000_000))
}
