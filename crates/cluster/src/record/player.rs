//! Playing a recording back: who asks gets what was recorded for them, in order.

use super::disk::{Failed, Opening};
use super::format::input;
use super::outcome::{Outcome, Request};
use super::reader::Recording;
use crate::run::{Input, Moment};
use fabric::NodeId;
use machine::dev::virtio::p9::share::Errno;
use std::collections::{BTreeMap, VecDeque};

/// A recording being played.
#[derive(Debug)]
pub(super) struct Player {
    pub(super) recording: Recording,
    /// How many replies of each share were given.
    given: BTreeMap<(u16, u16), usize>,
    /// How the replay came apart from the recording.
    pub(super) apart: Option<String>,
    /// The replay came to where a recording of a killed run ends.
    pub(super) exhausted: bool,
}

impl Player {
    pub(super) fn new(recording: Recording) -> Player {
        Player { recording, given: BTreeMap::new(), apart: None, exhausted: false }
    }

    /// Notes the first thing in which the replay differs.
    fn note(&mut self, what: impl FnOnce() -> String) {
        self.apart.get_or_insert_with(what);
    }

    /// The reply of a share to its next request.
    pub(super) fn reply(&mut self, node: u16, share: u16, request: Request<'_>) -> Outcome {
        let given = self.given.entry((node, share)).or_default();
        let index = *given;
        *given += 1;
        let failed = Outcome::Failed(Errno::IO);
        let place = self.recording.shares.get(&(node, share)).and_then(|places| places.get(index));
        let Some(place) = place.copied() else {
            if self.recording.ending().is_some() {
                self.note(|| format!("the replay asks `{request}` of share {share}, which was not recorded"));
            }
            self.exhausted = true;
            return failed;
        };
        let payload = match self.recording.payload(place) {
            Ok(payload) => payload,
            Err(error) => {
                self.note(|| format!("the recording cannot be read any more: {error}"));
                return failed;
            }
        };
        let recorded = payload.get(2..).and_then(|rest| rest.split_first_chunk::<8>());
        let (hash, outcome) = recorded.map_or((0, &[][..]), |(hash, rest)| (u64::from_le_bytes(*hash), rest));
        if hash != request.hash() {
            let offset = place.offset;
            self.note(|| {
                format!("the replay asks `{request}` of share {share}; at byte {offset} another was recorded")
            });
            return failed;
        }
        Outcome::read(outcome).unwrap_or_else(|| {
            let offset = place.offset;
            self.note(|| format!("the recording holds no reply at byte {offset}"));
            failed
        })
    }

    /// The requests to a disk that failed since this opening of it, in order.
    pub(super) fn failures(&mut self, opening: Opening) -> VecDeque<Failed> {
        let places = self.recording.failures.get(&opening).cloned().unwrap_or_default();
        let mut failures = VecDeque::new();
        for place in places {
            match self.recording.payload(place) {
                Ok(payload) => {
                    failures.extend(Failed::read(opening.node, &payload).map(|(_, failed)| failed))
                }
                Err(error) => self.note(|| format!("the recording cannot be read any more: {error}")),
            }
        }
        failures
    }

    /// What was recorded for this moment.
    pub(super) fn input(&mut self, moment: Moment) -> Input {
        if self.apart.is_some() {
            return leave();
        }
        let Some(next) = self.recording.inputs.front().copied() else {
            let over = self.exhausted || moment.asleep || moment.virtual_ns >= self.recording.reached_ns;
            if self.recording.ending().is_none() && over {
                self.exhausted = true;
                return leave();
            }
            return Input::default();
        };
        let now = (moment.virtual_ns, moment.asleep);
        let due = (next.at_ns, next.flags & input::ASLEEP != 0);
        if now < due {
            // More is to come: a sleeping node is no deadlock of the replay's own.
            return Input { open: true, ..Input::default() };
        }
        if now > due {
            self.note(|| {
                format!(
                    "what came {} ns into the recorded run finds the replay {} ns further",
                    due.0,
                    now.0 - due.0
                )
            });
            return leave();
        }
        self.recording.inputs.pop_front();
        match self.recording.payload(next.place) {
            Ok(payload) => Input { node: NodeId(u32::from(next.node)), ..read_input(next.flags, &payload) },
            Err(error) => {
                self.note(|| format!("the recording cannot be read any more: {error}"));
                leave()
            }
        }
    }
}

/// The end of a replay that cannot go on.
fn leave() -> Input {
    Input { leave: Some(0), ..Input::default() }
}

/// The payload of an input: status, length of the console's bytes, these, and the command's.
pub(super) fn write_input(said: &Input) -> (u8, Vec<u8>) {
    let mut flags = 0;
    if said.job_end {
        flags |= input::JOB_END;
    }
    if said.leave.is_some() {
        flags |= input::LEAVE;
    }
    let mut payload = vec![said.leave.unwrap_or(0)];
    payload.extend(u32::try_from(said.console.len()).unwrap_or(u32::MAX).to_le_bytes());
    payload.extend(&said.console);
    payload.extend(&said.job);
    (flags, payload)
}

/// Reads what [`write_input`] wrote; a length beyond the end is cut, as checksums keep it from occurring.
fn read_input(flags: u8, payload: &[u8]) -> Input {
    let Some(([status, a, b, c, d], rest)) = payload.split_first_chunk::<5>() else { return leave() };
    let length = usize::try_from(u32::from_le_bytes([*a, *b, *c, *d])).unwrap_or(usize::MAX);
    let (console, job) = rest.split_at(length.min(rest.len()));
    Input {
        console: console.to_vec(),
        job: job.to_vec(),
        job_end: flags & input::JOB_END != 0,
        leave: (flags & input::LEAVE != 0).then_some(*status),
        open: true,
        ..Input::default()
    }
}
