//! What is written down of a run while it goes on: captures of interfaces and links, and a trace of harts, frames and links.
//!
//! It only listens. Events of a period may come in any order; they are written in that of their instants, once the
//! period has passed.

use super::pcapng::{Capture, Direction, Frame, Interface};
use super::perfetto::{Flow, Trace, Track};
use crate::address;
use crate::run::{Crossed, Look, Seen, Way};
use crate::summary::{LinkLoad, Standing};
use crate::time::Ps;
use fabric::{LinkId, NodeId};
use std::collections::BTreeMap;
use std::io::{self, Write};

/// A link between two routers, with what its ends are called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wire {
    /// Which.
    pub link: LinkId,
    /// Its ends, in the topology's order.
    pub ends: [String; 2],
}

/// Where a frame is captured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    /// At a node's interface.
    Node(NodeId, usize),
    /// On a link of the network of this number, forward or back.
    Link(LinkId, bool, usize),
}

/// Captures the frames of some nodes' interfaces, and those on some links.
#[derive(Debug)]
pub struct Captures<W> {
    capture: Capture<W>,
    /// Numbers of the interfaces in the file.
    interfaces: BTreeMap<Place, u32>,
    /// Frames that are not written yet, by instant and arrival.
    waiting: BTreeMap<(Ps, u64), Kept>,
    seen: u64,
}

#[derive(Debug)]
struct Kept {
    interface: u32,
    /// What became of it at a node's interface; `None` on a link.
    way: Option<Way>,
    bytes: Vec<u8>,
}

impl<W: Write> Captures<W> {
    /// Begins a capture of `rails` interfaces of each of these nodes and of these links in each of the `rails`
    /// networks; `start_s` is what the nodes' clocks show at the beginning.
    ///
    /// Errors: those of `out`.
    pub fn new(
        out: W,
        nodes: &[(NodeId, String)],
        links: &[Wire],
        rails: usize,
        start_s: u64,
    ) -> io::Result<Captures<W>> {
        let mut interfaces = BTreeMap::new();
        let mut described = Vec::new();
        let mut describe = |place, interface| -> io::Result<()> {
            interfaces.insert(place, u32::try_from(described.len()).map_err(io::Error::other)?);
            described.push(interface);
            Ok(())
        };
        for (node, name) in nodes {
            for rail in 0..rails {
                let interface =
                    Interface { name: format!("{name} eth{rail}"), mac: Some(address::mac(*node, rail)) };
                describe(Place::Node(*node, rail), interface)?;
            }
        }
        for Wire { link, ends: [a, b] } in links {
            for (rail, (forward, from, to)) in
                (0..rails).flat_map(|rail| [(rail, (true, a, b)), (rail, (false, b, a))])
            {
                let network = if rails > 1 { format!("network {rail}: ") } else { String::new() };
                let interface = Interface { name: format!("{network}{from} to {to}"), mac: None };
                describe(Place::Link(*link, forward, rail), interface)?;
            }
        }
        let capture = Capture::new(out, &described, start_s)?;
        Ok(Captures { capture, interfaces, waiting: BTreeMap::new(), seen: 0 })
    }

    /// Takes a frame, if it is at one of the interfaces.
    pub fn frame(&mut self, seen: &Seen<'_>) {
        self.keep(Place::Node(seen.node, seen.rail), seen.at, Some(seen.way), seen.bytes);
    }

    /// Takes a frame, if it is on one of the links.
    pub fn crossing(&mut self, crossed: &Crossed<'_>) {
        let place = Place::Link(crossed.link, crossed.forward, crossed.rail);
        self.keep(place, crossed.at, None, crossed.bytes);
    }

    fn keep(&mut self, place: Place, at: Ps, way: Option<Way>, bytes: &[u8]) {
        if let Some(interface) = self.interfaces.get(&place) {
            self.seen += 1;
            let kept = Kept { interface: *interface, way, bytes: bytes.to_vec() };
            self.waiting.insert((at, self.seen), kept);
        }
    }

    /// Writes everything before `until`.
    ///
    /// Errors: those of the output.
    pub fn pass(&mut self, until: Ps) -> io::Result<()> {
        let later = self.waiting.split_off(&(until, 0));
        for ((at, _), kept) in std::mem::replace(&mut self.waiting, later) {
            let (direction, comment) = match kept.way {
                None => (Direction::Along, None),
                Some(Way::Sent) => (Direction::Out, None),
                Some(Way::Received) => (Direction::In, None),
                Some(Way::Lost) => (Direction::In, Some("lost in the network: it did not arrive")),
            };
            let Kept { interface, bytes, .. } = &kept;
            let frame = Frame { interface: *interface, at_ps: at.0, direction, bytes, comment };
            self.capture.frame(&frame)?;
        }
        Ok(())
    }

    /// Writes the rest.
    ///
    /// Errors: those of the output.
    pub fn finish(mut self) -> io::Result<W> {
        self.pass(Ps::NEVER)?;
        self.capture.finish()
    }
}

/// Draws a run as a trace.
#[derive(Debug)]
pub struct Tracing<W> {
    trace: Trace<W>,
    nodes: Vec<NodeTracks>,
    network: Track,
    /// Each link's counter and what it had carried, in order of first appearance.
    links: BTreeMap<(usize, String, String), (Track, u64)>,
    /// Where the last look ended.
    looked: Ps,
    counted: Ps,
}

#[derive(Debug)]
struct NodeTracks {
    node: Track,
    frames: Track,
    harts: Vec<HartTrack>,
    standing: Option<Standing>,
}

#[derive(Debug)]
struct HartTrack {
    track: Track,
    retired: u64,
    runs: bool,
}

impl<W: Write> Tracing<W> {
    /// Begins a trace of these nodes: their names and numbers of harts.
    ///
    /// Errors: those of `out`.
    pub fn new(out: W, nodes: &[(String, usize)]) -> io::Result<Tracing<W>> {
        let mut trace = Trace::new(out)?;
        let mut tracks = Vec::new();
        for (name, harts) in nodes {
            let node = trace.track(None, name)?;
            let mut hart = |number: usize| -> io::Result<HartTrack> {
                let track = trace.track(Some(node), &format!("{name} hart {number}"))?;
                Ok(HartTrack { track, retired: 0, runs: false })
            };
            let harts = (0..*harts).map(&mut hart).collect::<io::Result<_>>()?;
            let frames = trace.track(Some(node), &format!("{name} frames"))?;
            tracks.push(NodeTracks { node, frames, harts, standing: None });
        }
        let network = trace.track(None, "network")?;
        let links = BTreeMap::new();
        Ok(Tracing { trace, nodes: tracks, network, links, looked: Ps(0), counted: Ps(0) })
    }

    /// Puts down something that the configuration makes happen.
    ///
    /// Errors: those of the output.
    pub fn fault(&mut self, at: Ps, what: &str) -> io::Result<()> {
        self.trace.instant(self.network, at.ns(), what, None)
    }

    /// Puts down a frame; what the same frame was before leads to what it becomes.
    ///
    /// Errors: those of the output.
    pub fn frame(&mut self, seen: &Seen<'_>) -> io::Result<()> {
        let Some(node) = self.nodes.get(seen.node.index()) else { return Ok(()) };
        let hash = blake3::hash(seen.bytes);
        let number = hash.as_bytes().first_chunk::<8>().map_or(0, |bytes| u64::from_le_bytes(*bytes));
        let (word, flow) = match seen.way {
            Way::Sent => ("sends", Flow::To(number)),
            Way::Received => ("receives", Flow::From(number)),
            Way::Lost => ("never receives", Flow::From(number)),
        };
        let name = format!("{word} {} bytes", seen.bytes.len());
        self.trace.instant(node.frames, seen.at.ns(), &name, Some(flow))
    }

    /// Takes down who ran from `from` to `to`.
    ///
    /// Errors: those of the output.
    pub fn look(&mut self, from: Ps, to: Ps, nodes: &[Look]) -> io::Result<()> {
        let paused = (from > self.looked).then_some(self.looked);
        for (tracks, look) in self.nodes.iter_mut().zip(nodes) {
            for (hart, retired) in tracks.harts.iter_mut().zip(&look.retired) {
                if let Some(paused) = paused.filter(|_| hart.runs) {
                    self.trace.end(hart.track, paused.ns())?;
                    hart.runs = false;
                }
                let ran = *retired > hart.retired;
                hart.retired = *retired;
                match (hart.runs, ran) {
                    (false, true) => self.trace.begin(hart.track, from.ns(), "runs")?,
                    (true, false) => self.trace.end(hart.track, from.ns())?,
                    _ => {}
                }
                hart.runs = ran;
            }
            let before = tracks.standing.replace(look.standing);
            let word = match look.standing {
                Standing::Halted(_) => "ends",
                Standing::Panicked => "panics",
                Standing::Crashed => "crashes",
                Standing::Running | Standing::Asleep => continue,
            };
            if before != Some(look.standing) {
                self.trace.instant(tracks.node, to.ns(), word, None)?;
            }
        }
        self.looked = to;
        Ok(())
    }

    /// Takes down what the links have carried until `now`, as a share of the flits that they could have carried since
    /// it was last taken down; `cycle_ps` is the time of a flit.
    ///
    /// Errors: those of the output.
    pub fn links(&mut self, now: Ps, cycle_ps: f64, loads: &[LinkLoad]) -> io::Result<()> {
        let cycles = now.0.saturating_sub(self.counted.0) as f64 / cycle_ps;
        for load in loads {
            let key = (load.rail, load.from.clone(), load.to.clone());
            if !self.links.contains_key(&key) {
                if load.flits == 0 {
                    continue;
                }
                let name = format!("{} to {}", load.from, load.to);
                let counter = self.trace.counter(Some(self.network), &name, "%")?;
                self.links.insert(key.clone(), (counter, 0));
            }
            if let Some((counter, before)) = self.links.get_mut(&key) {
                let share = 100.0 * (load.flits - *before) as f64 / cycles.max(1.0);
                self.trace.count(*counter, self.counted.ns(), share.min(100.0))?;
                *before = load.flits;
            }
        }
        self.counted = now;
        Ok(())
    }

    /// Ends what is open.
    ///
    /// Errors: those of the output.
    pub fn finish(mut self) -> io::Result<W> {
        for hart in self.nodes.iter().flat_map(|node| &node.harts).filter(|hart| hart.runs) {
            self.trace.end(hart.track, self.looked.ns())?;
        }
        self.trace.finish()
    }
}
