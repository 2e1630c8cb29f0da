//! A run that is watched as closely as can be, and one that nobody watches.

use super::multicomputer::heat;
use crate::exit::{Exit, Failure};
use crate::session;
use crate::tour::Shown;
use cluster::job::Stream;
use cluster::run::{Cluster, Crossed, End, Host, Input, Look, Moment, Recorder, Seen, Watch, Way};
use cluster::summary::LinkLoad;
use cluster::time::Ps;
use fabric::{LinkId, NodeId};
use machine::node::Halt;

/// Counts what it is shown.
#[derive(Default)]
struct Counter {
    frames: [u64; 3],
    crossings: u64,
    looks: u64,
    loads: u64,
}

impl Host for Counter {
    fn console(&mut self, _node: NodeId, _bytes: &[u8]) {}

    fn job(&mut self, _node: NodeId, _stream: Stream, _bytes: &[u8]) {}

    fn input(&mut self, _moment: Moment) -> Input {
        Input::default()
    }

    fn frame(&mut self, seen: &Seen<'_>) {
        let way = match seen.way {
            Way::Sent => 0,
            Way::Received => 1,
            Way::Lost => 2,
        };
        self.frames[way] += 1;
    }

    fn crossing(&mut self, _crossed: &Crossed<'_>) {
        self.crossings += 1;
    }

    fn watch(&self) -> Watch {
        Watch::Epochs
    }

    fn look(&mut self, _from: Ps, _to: Ps, _nodes: &[Look]) {
        self.looks += 1;
    }

    fn links(&mut self, _now: Ps, _cycle_ps: f64, _loads: &[LinkLoad]) {
        self.loads += 1;
    }
}

/// Runs the program to its end; the digest.
fn run(cluster: &mut Cluster, host: &mut dyn Host) -> Result<String, Failure> {
    match cluster.run(host) {
        End::Halted(Halt::PowerOff) => Ok(cluster.digest("").to_hex().to_string()),
        end => Err(Failure::new(Exit::GuestFailed, format!("the program ended badly: {end}"), "")),
    }
}

/// Watching changes nothing.
pub(super) fn watched() -> Result<Shown, Failure> {
    let config = heat(4, "ring", "grid=16 tolerance=1000000");
    let links = u32::try_from(config.wiring()?.topology.links().len()).unwrap_or(0);
    let mut counter = Counter::default();
    let mut cluster = session::cluster(&config)?;
    cluster.watch_links(&(0..links).map(LinkId).collect::<Vec<_>>());
    let watched = run(&mut cluster, &mut counter)?;
    let alone = run(&mut session::cluster(&config)?, &mut Recorder::default())?;
    let [sent, received, lost] = counter.frames;
    let picture = format!(
        "{sent:>7} frames seen as they left, {received} as they arrived, {lost} lost on the way\n\
         {:>7} times a frame was seen on one of {links} links\n\
         {:>7} times all nodes were looked at, once an epoch\n\
         {:>7} times the links' load was taken\n\n\
         digest {watched}  watched\ndigest {alone}  not watched\n",
        counter.crossings, counter.looks, counter.loads
    );
    let equal = if watched == alone { "the same run" } else { "not the same run: this is a defect" };
    Ok(Shown { picture, measured: format!("{equal}, to the bit and the cycle") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_watched_run_is_the_same() {
        let shown = watched().expect("it runs");
        assert!(shown.measured.starts_with("the same run"), "{}", shown.picture);
        assert!(!shown.picture.contains("      0 times"), "{}", shown.picture);
    }
}
