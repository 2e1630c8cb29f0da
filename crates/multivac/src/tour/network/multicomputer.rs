//! Messages of real programs on a multicomputer: one followed on its way, a program over several shapes, and what is
//! lost on the way.

use crate::config::{Config, Effect, Fault, What};
use crate::exit::{Exit, Failure};
use crate::session;
use crate::tour::Shown;
use cluster::address::{Destination, destination};
use cluster::job::Stream;
use cluster::run::{Cluster, Crossed, End, Host, Input, Moment, Seen, Way};
use cluster::time::Ps;
use fabric::{LinkId, NodeId};
use machine::node::Halt;
use std::fmt::Write as _;

/// A run of the heat equation that every shape can have within the time of an entry.
pub(super) fn heat(nodes: u32, topology: &str, words: &str) -> Config {
    let mut config = Config::heat();
    config.groups[0].set_count(nodes);
    topology.clone_into(&mut config.network.topology);
    config.each_node(|node| node.boot = crate::config::Boot::Jacobi { append: words.to_owned() });
    config
}

/// Follows the first message from one node to another.
#[derive(Default)]
struct Follower {
    nodes: u32,
    /// Sender, receiver, when it left, its bytes.
    left: Option<(NodeId, NodeId, Ps, Vec<u8>)>,
    /// The links on which it was, forward or back, and when.
    crossed: Vec<(LinkId, bool, Ps)>,
    arrived: Option<Ps>,
}

impl Host for Follower {
    fn console(&mut self, _node: NodeId, _bytes: &[u8]) {}

    fn job(&mut self, _node: NodeId, _stream: Stream, _bytes: &[u8]) {}

    fn input(&mut self, _moment: Moment) -> Input {
        Input { leave: self.arrived.map(|_| 0), ..Input::default() }
    }

    fn frame(&mut self, seen: &Seen<'_>) {
        match (&self.left, seen.way, destination(seen.bytes, seen.rail, self.nodes)) {
            (None, Way::Sent, Destination::Node(to)) => {
                self.left = Some((seen.node, to, seen.at, seen.bytes.to_vec()));
            }
            (Some((_, to, _, bytes)), Way::Received, _) if seen.node == *to && seen.bytes == bytes => {
                self.arrived = self.arrived.or(Some(seen.at));
            }
            _ => {}
        }
    }

    fn crossing(&mut self, crossed: &Crossed<'_>) {
        if self.arrived.is_none() && self.left.as_ref().is_some_and(|(.., bytes)| crossed.bytes == bytes) {
            self.crossed.push((crossed.link, crossed.forward, crossed.at));
        }
    }
}

fn us(at: Ps) -> String {
    let ns = at.ns();
    format!("{}.{:03} us", ns / 1000, ns % 1000)
}

/// A cluster's first message, hop by hop.
pub(super) fn first_message() -> Result<Shown, Failure> {
    let config = heat(8, "hypercube", "grid=16 tolerance=1000000");
    let wiring = config.wiring()?;
    let links = wiring.topology.links();
    let mut cluster = session::cluster(&config)?;
    cluster.watch_links(&(0..).map(LinkId).take(links.len()).collect::<Vec<_>>());
    let mut host = Follower { nodes: 8, ..Follower::default() };
    cluster.run(&mut host);
    let (Some((from, to, left, bytes)), Some(arrived)) = (host.left, host.arrived) else {
        return Err(Failure::new(Exit::GuestFailed, "no message arrived", "this is a defect: report it"));
    };
    let distance = (from.0 ^ to.0).count_ones();
    let mut picture =
        format!("{} bytes from {from} to {to}, {distance} links apart in a hypercube of 8\n\n", bytes.len());
    let _ = writeln!(picture, "  {:>12}  first flit on the wire of {from}", us(left));
    for (link, forward, at) in host.crossed {
        let ends = links[link.index()];
        let (here, there) = if forward { (ends.a, ends.b) } else { (ends.b, ends.a) };
        // Routers of a hypercube have their nodes' numbers.
        let (here, there) = (NodeId(here.0.0), NodeId(there.0.0));
        let _ = writeln!(picture, "  {:>12}  first flit on the link from {here} to {there}", us(at));
    }
    let _ = writeln!(picture, "  {:>12}  last flit off the wire of {to}", us(arrived));
    let expected = wiring.zero_load(u64::from(distance) + 1, bytes.len() as u64);
    Ok(Shown {
        picture,
        measured: format!(
            "{} from wire to wire; the formula for a message alone says {}",
            us(Ps(arrived.0 - left.0)),
            us(expected)
        ),
    })
}

/// Runs to the end, which is a good one.
fn run(config: &Config) -> Result<Cluster, Failure> {
    let mut cluster = session::cluster(config)?;
    match cluster.run(&mut cluster::run::Recorder::default()) {
        End::Halted(Halt::PowerOff) => Ok(cluster),
        end => Err(Failure::new(Exit::GuestFailed, format!("the program ended badly: {end}"), "")),
    }
}

/// The same program over five shapes.
pub(super) fn shapes() -> Result<Shown, Failure> {
    let mut picture = format!(
        "{:12} {:>6} {:>14} {:>14} {:>12}\n",
        "network", "links", "mean latency", "99 % within", "all in all"
    );
    let mut means = Vec::new();
    for shape in ["star", "ring", "mesh", "torus", "hypercube"] {
        let config = heat(16, shape, "grid=32 tolerance=1000000 map=rows");
        let links = config.wiring()?.topology.links().len();
        let cluster = run(&config)?;
        let network = cluster.network().unwrap_or_default();
        let time = cluster.virtual_ns();
        means.extend(network.mean_latency_ns);
        let _ = writeln!(
            picture,
            "{:12} {links:>6} {:>11.3} us {:>14} {:>12}",
            network.topology,
            network.mean_latency_ns.unwrap_or_default() / 1000.0,
            us(Ps::from_ns(network.p99_latency_ns.unwrap_or_default())),
            us(Ps::from_ns(time))
        );
    }
    let (fast, slow) =
        means.iter().fold((f64::MAX, 0.0), |(low, high), mean| (mean.min(low), mean.max(high)));
    Ok(Shown {
        picture,
        measured: format!(
            "a message takes {:.2} times as long on the slowest shape as on the fastest",
            slow / fast
        ),
    })
}

/// A network that loses a packet in fifty.
pub(super) fn lost() -> Result<Shown, Failure> {
    let mut config = heat(8, "hypercube", "grid=16 tolerance=1000000");
    let whole = run(&config)?;
    config.faults.push(Fault {
        at_ps: 0,
        until_ps: None,
        what: What::Link {
            ends: None,
            effect: Effect::Hazard {
                loss: 0.02,
                corruption: 0.0,
                duplication: 0.0,
                reorder: 0.0,
                reorder_ps: 0,
                delay_ps: 0,
            },
        },
    });
    let lossy = run(&config)?;
    let mut picture = format!("{:18} {:>9} {:>6} {:>12}\n", "", "packets", "lost", "time");
    for (name, cluster) in [("nothing is lost", &whole), ("2 % at each link", &lossy)] {
        let network = cluster.network().unwrap_or_default();
        let (packets, lost) = (network.packets, network.dropped);
        let _ = writeln!(
            picture,
            "{name:18} {packets:>9} {lost:>6} {:>12}",
            us(Ps::from_ns(cluster.virtual_ns()))
        );
    }
    picture.push_str("\nboth answers were compared with the sequential one, bit for bit: right\n");
    let lost = lossy.network().unwrap_or_default().dropped;
    Ok(Shown {
        picture,
        measured: format!("{lost} packets lost, each sent again after a time without acknowledgement"),
    })
}
