//! The nodes' errands in a run: what their control channels say, and when all of them are done.

use super::course::Course;
use super::host::{End, Host};
use crate::control::Ended;
use crate::crew::station;
use crate::job::{Job, Step, Stream};
use crate::station::{Life, Station};
use std::sync::Mutex;

/// Whether a node has a command that has not ended.
pub(super) fn is_under_way(station: &Station) -> bool {
    station.job.as_ref().is_some_and(|job| job.has_command() && job.ended().is_none())
}

/// Carries the control channels: what the guests sent to their errands, and the answers; tells when all are done.
pub(super) fn exchange(course: &mut Course, stations: &[Mutex<Station>], host: &mut dyn Host) -> Option<End> {
    let now = course.now(stations);
    let mut lost = None;
    let mut news = false;
    for slot in stations {
        let mut station = station(slot);
        let bytes = station.hear_control(now);
        let Some(job) = station.job.as_mut() else { continue };
        for step in job.receive(&bytes) {
            news = true;
            match step {
                Step::Wrote(stream, bytes) => {
                    station.count_command_output(stream == Stream::Error, &bytes);
                    host.job(station.id, stream, &bytes);
                }
                Step::Prepared | Step::Ended(_) => {}
                Step::Lost(reason) => lost = lost.or(Some((station.id, reason))),
            }
        }
    }
    if news && !course.holds_commands() {
        lost = lost.or_else(|| start(stations));
    }
    let end = match lost {
        Some(lost) => Some(told(course, stations, lost)),
        None if course.ended.is_none() => all_ended(stations),
        None => None,
    };
    let end = match end {
        Some(End::Job(ended)) if course.orderly => {
            course.ended = Some(ended);
            let shut_down = |slot: &Mutex<Station>| station(slot).job.iter_mut().for_each(Job::shut_down);
            stations.iter().for_each(shut_down);
            None
        }
        end => end,
    };
    stations.iter().for_each(|slot| station(slot).answer_control(now));
    end
}

/// Starts the commands that wait though their guests do not: where the run was interrupted or restored before them.
pub(super) fn resume(course: &mut Course, stations: &[Mutex<Station>]) -> Option<End> {
    let waits = |slot: &Mutex<Station>| {
        station(slot).job.as_ref().is_some_and(|job| job.waits() && job.has_command())
    };
    if course.holds_commands() || !stations.iter().any(waits) {
        return None;
    }
    let lost = start(stations).map(|lost| told(course, stations, lost));
    let now = course.now(stations);
    stations.iter().for_each(|slot| station(slot).answer_control(now));
    lost
}

/// The end of a run that lost a command.
fn told(course: &mut Course, stations: &[Mutex<Station>], (node, reason): (fabric::NodeId, String)) -> End {
    course.culprit = Some(node);
    let several = stations.len() > 1;
    End::JobLost(if several {
        format!("{}: {reason}", station(&stations[node.index()]).name)
    } else {
        reason
    })
}

/// Starts the commands once every guest with an errand is prepared, but for those that are down.
fn start(stations: &[Mutex<Station>]) -> Option<(fabric::NodeId, String)> {
    let prepared = |slot: &Mutex<Station>| {
        let station = station(slot);
        station.life != Life::Up || station.job.as_ref().is_none_or(Job::is_prepared)
    };
    if !stations.iter().all(prepared) {
        return None;
    }
    stations.iter().find_map(|slot| {
        let mut station = station(slot);
        match station.job.as_mut()?.start()? {
            Step::Lost(reason) => Some((station.id, reason)),
            _ => None,
        }
    })
}

/// How the commands ended, when all have: the first that did not end with status 0, else the first.
fn all_ended(stations: &[Mutex<Station>]) -> Option<End> {
    let mut first = None;
    for slot in stations {
        let station = station(slot);
        let Some(job) = station.job.as_ref().filter(|job| job.has_command()) else { continue };
        let ended = job.ended()?;
        first = match first {
            Some(before) if before != Ended::Status(0) => Some(before),
            None => Some(ended),
            Some(before) => Some(if ended == Ended::Status(0) { before } else { ended }),
        };
    }
    first.map(End::Job)
}
