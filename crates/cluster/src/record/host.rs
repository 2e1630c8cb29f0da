//! The host of a run, with the tape between.

use super::format::{Kind, input};
use super::outside::{Outside, Tape};
use super::player::write_input;
use super::share::lock;
use crate::job::Stream;
use crate::run::{Crossed, Host, Input, Look, Moment, Seen, Watch};
use crate::summary::LinkLoad;
use crate::time::Ps;
use fabric::NodeId;
use std::sync::atomic::Ordering;

/// A host behind a tape.
pub(super) struct Hook<'a> {
    pub(super) outside: &'a Outside,
    pub(super) host: &'a mut dyn Host,
}

impl Host for Hook<'_> {
    fn console(&mut self, node: NodeId, bytes: &[u8]) {
        self.host.console(node, bytes);
    }

    fn job(&mut self, node: NodeId, stream: Stream, bytes: &[u8]) {
        self.host.job(node, stream, bytes);
    }

    fn crossing(&mut self, crossed: &Crossed<'_>) {
        self.host.crossing(crossed);
    }

    fn frame(&mut self, seen: &Seen<'_>) {
        self.host.frame(seen);
    }

    fn watch(&self) -> Watch {
        self.host.watch()
    }

    fn look(&mut self, from: Ps, to: Ps, nodes: &[Look]) {
        self.host.look(from, to, nodes);
    }

    fn links(&mut self, now: Ps, cycle_ps: f64, loads: &[LinkLoad]) {
        self.host.links(now, cycle_ps, loads);
    }

    fn input(&mut self, moment: Moment) -> Input {
        match &self.outside.tape {
            Tape::Off => {
                let said = self.host.input(moment);
                if !said.console.is_empty() || !said.job.is_empty() || said.leave.is_some() {
                    self.outside.spoke.store(true, Ordering::Relaxed);
                }
                said
            }
            Tape::Recording(recorder) => {
                lock(recorder).epoch(moment.virtual_ns);
                let said = self.host.input(moment);
                let job = moment.job_listens && (!said.job.is_empty() || said.job_end);
                if job || !said.console.is_empty() || said.leave.is_some() {
                    let (mut flags, payload) = write_input(&said);
                    if moment.asleep {
                        flags |= input::ASLEEP;
                    }
                    let node = u16::try_from(said.node.0).unwrap_or(u16::MAX);
                    lock(recorder).put(Kind::Input, flags, node, moment.virtual_ns, &payload);
                }
                said
            }
            Tape::Playing(player) => {
                // The person may still leave, and is not waited for.
                let said = self.host.input(Moment { asleep: false, job_listens: false, ..moment });
                let played = lock(player).input(moment);
                Input { leave: said.leave.or(played.leave), ..played }
            }
        }
    }
}
