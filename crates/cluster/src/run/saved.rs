//! Runs in snapshots: what a run is besides its nodes, and its nodes.

use super::{Cluster, Mutex, PoisonError};
use crate::crew::station;
use crate::interconnect::Interconnect;
use crate::snapshot::{self, Draft, Manifest, Snapshot, SnapshotError};
use machine::state::State;
use std::path::{Path, PathBuf};

/// The latest version of each section's layout.
const VERSION: u32 = 1;
/// The run loop.
const RUN: &str = "run";
/// What is on its way between the nodes.
const NETWORK: &str = "network";

impl Cluster {
    /// Makes snapshots possible; before the run begins.
    pub fn prepare_snapshots(&mut self) {
        self.course.interconnect.iter_mut().for_each(Interconnect::keep_journal);
    }

    /// Writes the run as it stands to directory `dir`: `what` it is in words, its resolved configuration, and the
    /// files under its disks.
    ///
    /// Errors: [`SnapshotError`]; what was at `dir` before is then still there.
    pub fn snapshot(
        &self,
        dir: &Path,
        what: &str,
        config: &str,
        disks: &[PathBuf],
    ) -> Result<Manifest, SnapshotError> {
        let virtual_ns = self.virtual_ns();
        let mut sections = vec![(RUN.to_owned(), VERSION, saved(&self.course))];
        if let Some(interconnect) = &self.course.interconnect {
            if !interconnect.has_journal() {
                let what = "the network was not told beforehand that it would be saved".to_owned();
                return Err(SnapshotError::Changed { what });
            }
            sections.push((NETWORK.to_owned(), VERSION, saved(interconnect)));
        }
        let stations: Vec<_> = self.stations.iter().map(station).collect();
        let around = stations.iter().map(|station| (section(&station.name), VERSION, saved(&**station)));
        sections.extend(around);
        let nodes = stations.iter().map(|station| (station.name.clone(), &station.node)).collect();
        let draft = Draft { what, virtual_ns, config, disks, nodes, sections };
        snapshot::write(dir, &draft)
    }

    /// Goes on from a snapshot of a run with the same configuration; the nodes must not have run yet, and their
    /// memory must be zero.
    ///
    /// Errors: [`SnapshotError`]; the cluster is then of no use.
    pub fn restore_from(&mut self, snapshot: &Snapshot) -> Result<(), SnapshotError> {
        for slot in &mut self.stations {
            let station = Mutex::get_mut(slot).unwrap_or_else(PoisonError::into_inner);
            let name = station.name.clone();
            snapshot.restore_node(&name, &mut station.node)?;
            if let Some(shadow) = &mut station.shadow {
                snapshot.restore_node(&name, &mut shadow.node)?;
            }
            snapshot.restore(&section(&name), VERSION, station)?;
        }
        snapshot.restore(RUN, VERSION, &mut self.course)?;
        match &mut self.course.interconnect {
            Some(interconnect) => snapshot.restore(NETWORK, VERSION, interconnect),
            None => Ok(()),
        }
    }
}

/// The section of what stands around a node.
fn section(node: &str) -> String {
    format!("{node}/station")
}

fn saved(state: &dyn State) -> Vec<u8> {
    let mut bytes = Vec::new();
    state.save(&mut |part| bytes.extend_from_slice(part));
    bytes
}
