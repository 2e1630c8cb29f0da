//! The network between nodes, as the configuration has it.

use super::read::{Found, Reader};
use super::{Config, units};
use crate::exit::{Exit, Failure};
use crate::verb::topology::{Loaded, load};
use cluster::address::NODES_MAX;
use cluster::interconnect::Wiring;
use cluster::time::{Bandwidth, NetworkClock, Ps};
use fabric::routing::{Algorithm, Table};
use fabric::topology::{Spec, Topology};
use fabric::{Level, Switching};
use std::cell::OnceCell;
use std::fmt::Write as _;
use std::path::Path;

/// What joins the nodes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Network {
    /// A specification, whose sizes may be left out, or a file with a graph.
    pub(crate) topology: String,
    /// How packets cross routers.
    pub(crate) switching: Switching,
    /// How closely it is simulated.
    pub(crate) level: Level,
    /// How packets find their way.
    pub(crate) routing: Algorithm,
    /// What crossing a link takes.
    pub(crate) latency_ps: u64,
    /// What a router takes.
    pub(crate) router_ps: u64,
    /// Bits a second over a link.
    pub(crate) bits_per_s: u64,
    /// The width of a link, in bytes.
    pub(crate) flit_bytes: u64,
    /// Virtual channels of a port.
    pub(crate) channels: u32,
    /// Flits that a virtual channel's buffer holds.
    pub(crate) buffer_flits: u32,
    /// The largest payload of a frame.
    pub(crate) mtu: u16,
}

impl Default for Network {
    fn default() -> Network {
        let fabric = fabric::Config::default();
        Network {
            topology: "star".to_owned(),
            switching: fabric.switching,
            level: Level::Packet,
            routing: fabric.routing,
            latency_ps: 1_000_000,
            router_ps: 0,
            bits_per_s: 10_000_000_000,
            flit_bytes: 1,
            channels: fabric.vcs,
            // Covers a credit's way back over a link of the default latency.
            buffer_flits: 4096,
            mtu: 1500,
        }
    }
}

/// The shape of the network that a configuration asks for, built when somebody first asks, and once: a file may name
/// many links of a large one.
#[derive(Default)]
pub(super) struct Shape(OnceCell<Result<Topology, String>>);

impl Shape {
    /// The shape.
    ///
    /// Errors: why there is none, in words.
    pub(super) fn of(&self, config: &Config) -> Result<&Topology, String> {
        let built = || config.wiring().map(|wiring| wiring.topology).map_err(|failure| failure.text);
        self.0.get_or_init(built).as_ref().map_err(Clone::clone)
    }
}

/// Reads the section.
pub(super) fn network(network: &mut Network, reader: &Reader<'_>, folder: Option<&Path>) {
    if let Some(text) = reader.get("topology").and_then(|found| found.string()) {
        let path = Path::new(text);
        let is_file = path.extension().is_some() || text.contains('/');
        let joined =
            folder.filter(|_| is_file).map(|folder| folder.join(path).to_string_lossy().into_owned());
        network.topology = joined.unwrap_or_else(|| text.to_owned());
    }
    if let Some(switching) = reader.get("switching").and_then(|found| named(&found, Switching::parse)) {
        network.switching = switching;
    }
    if let Some(level) = reader.get("level").and_then(|found| named(&found, Level::parse)) {
        network.level = level;
    }
    if let Some(routing) = reader.get("routing").and_then(|found| named(&found, Algorithm::parse)) {
        network.routing = routing;
    }
    if let Some(found) = reader.get("latency")
        && let Some(ps) = found.quantity(units::picoseconds)
    {
        if ps == 0 {
            found.problem(
                "a link cannot have a latency of zero",
                "nothing is instantaneous: write `1us`, or `5ns`",
            );
        } else {
            network.latency_ps = ps;
        }
    }
    if let Some(ps) = reader.get("router").and_then(|found| found.quantity(units::picoseconds)) {
        network.router_ps = ps;
    }
    if let Some(found) = reader.get("bandwidth")
        && let Some(rate) = found.quantity(units::bits_per_second)
    {
        if rate < 1000 {
            found.problem("a link cannot be this slow", "it carries at least `1kbit/s`");
        } else {
            network.bits_per_s = rate;
        }
    }
    if let Some(bytes) = reader.get("flit").and_then(|found| found.integer(1..=1024)) {
        network.flit_bytes = bytes;
    }
    if let Some(number) = reader.get("channels").and_then(|found| found.integer(1..=16)) {
        network.channels = u32::try_from(number).unwrap_or(1);
    }
    if let Some(number) = reader.get("buffer_flits").and_then(|found| found.integer(1..=65_535)) {
        network.buffer_flits = u32::try_from(number).unwrap_or(1);
    }
    if let Some(number) = reader.get("mtu").and_then(|found| found.integer(68..=9000)) {
        network.mtu = u16::try_from(number).unwrap_or(1500);
    }
}

/// A word that the fabric knows.
fn named<T>(found: &Found<'_>, parse: fn(&str) -> Result<T, fabric::Error>) -> Option<T> {
    let word = found.string()?;
    parse(word).map_err(|error| found.problem(error.to_string(), error.help())).ok()
}

/// Notes a topology that the nodes cannot have; its place is that of the words in the text.
pub(super) fn check_topology(config: &Config, found: &Found<'_>) {
    let Some((text, start)) = found.string_at() else { return };
    let is_file = Path::new(text).extension().is_some() || text.contains('/');
    if is_file || config.node_count() < 2 {
        return;
    }
    if let Err(error) = Spec::parse_for(text, Some(config.node_count())) {
        let error = error.shifted(start);
        let whole = start..start + text.len();
        found.problem_at(error.span().unwrap_or(whole), error.to_string(), error.help());
    }
}

impl Config {
    /// The network to be built, without its faults.
    ///
    /// Errors: [`Exit::Config`] for one that cannot be, or that the number of nodes does not fit.
    pub(crate) fn wiring(&self) -> Result<Wiring, Failure> {
        let network = &self.network;
        let nodes = self.node_count();
        if nodes > NODES_MAX {
            let cause = format!("{nodes} nodes are more than their addresses can tell apart");
            return Err(Failure::new(Exit::Config, cause, format!("a cluster has at most {NODES_MAX}")));
        }
        let Loaded { topology, routes, .. } = load(&network.topology, Some(nodes))?;
        let plain = |error: &fabric::Error| Failure::new(Exit::Config, error, error.help());
        if topology.nodes() != nodes as usize {
            let cause = format!(
                "the network of {} has {} nodes, the cluster {nodes}",
                network.topology,
                topology.nodes()
            );
            return Err(Failure::new(Exit::Config, cause, format!("ask for --nodes {}", topology.nodes())));
        }
        let table = (!routes.is_empty())
            .then(|| Table::given(&topology, &routes))
            .transpose()
            .map_err(|error| plain(&error))?;
        Ok(Wiring {
            topology,
            table,
            fabric: fabric::Config {
                switching: network.switching,
                level: network.level,
                routing: network.routing,
                vcs: network.channels,
                buffer_flits: network.buffer_flits,
                seed: self.seed,
                ..fabric::Config::default()
            },
            clock: NetworkClock::new(Bandwidth { bits_per_s: network.bits_per_s }, network.flit_bytes),
            latency: Ps(network.latency_ps),
            router: Ps(network.router_ps),
            faults: Vec::new(),
        })
    }
}

/// Writes the section.
pub(super) fn print(network: &Network, out: &mut String) {
    let quoted = super::print::quoted;
    let _ = write!(
        out,
        "\n[network]\ntopology = {}\nswitching = {}\nlevel = {}\nrouting = {}\nlatency = {}\nrouter = {}\n\
         bandwidth = {}\nflit = {}\nchannels = {}\nbuffer_flits = {}\nmtu = {}\n",
        quoted(&network.topology),
        quoted(network.switching.name()),
        quoted(network.level.name()),
        quoted(network.routing.name()),
        quoted(&units::write_ps(network.latency_ps)),
        quoted(&units::write_ps(network.router_ps)),
        quoted(&units::write_bits_per_second(network.bits_per_s)),
        network.flit_bytes,
        network.channels,
        network.buffer_flits,
        network.mtu
    );
}
