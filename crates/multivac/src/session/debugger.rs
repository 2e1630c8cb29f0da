//! Those who look on while a session runs: gdb, the trace of instructions, and whoever asks afterwards where the
//! harts were.

use super::Manner;
use super::files::Files;
use super::host::Console;
use super::trace_file;
use crate::config::{Boot, Config, Elf, Node};
use crate::exit::{Exit, Failure};
use cluster::run::{Cluster, End};
use debug::gdb::{Address, Gdb, Port};
use debug::symbols::Symbols;
use debug::trace::{Order, Tracer};
use debug::unwind;
use fabric::NodeId;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

/// Something that is of one node: `NODE=IT`, or `IT` where there is only one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OfNode<T> {
    node: Option<String>,
    it: T,
}

impl<T: FromStr> FromStr for OfNode<T> {
    type Err = T::Err;

    fn from_str(text: &str) -> Result<OfNode<T>, T::Err> {
        // The options of a file have an `=` too, behind a comma.
        let is_name = |name: &str| {
            !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
        };
        match text.split_once('=').filter(|(name, _)| is_name(name)) {
            Some((name, rest)) => Ok(OfNode { node: Some(name.to_owned()), it: rest.parse()? }),
            None => Ok(OfNode { node: None, it: text.parse()? }),
        }
    }
}

impl<T> OfNode<T> {
    /// The place of its node, for a flag that is called `flag`.
    fn place(&self, config: &Config, flag: &str) -> Result<NodeId, Failure> {
        let names = config.names();
        let refused = |cause: String| {
            let help = format!("name one: {flag} {}=...", names.first().map_or("n0", String::as_str));
            Err(Failure::new(Exit::Usage, cause, help))
        };
        match &self.node {
            None if names.len() > 1 => refused(format!("{flag} is for one of the {} nodes", names.len())),
            None => Ok(NodeId(0)),
            Some(name) => match (0..).zip(&names).find(|(_, known)| *known == name) {
                Some((place, _)) => Ok(NodeId(place)),
                None => refused(format!("{flag}: no node is called `{name}`")),
            },
        }
    }
}

/// Whom the user named.
#[derive(Clone, Debug, Default)]
pub(crate) struct Onlookers {
    /// Listen for gdb here.
    pub(crate) gdb: Vec<OfNode<Address>>,
    /// Keep a trace.
    pub(crate) trace: Vec<OfNode<Order>>,
    /// Names for addresses.
    pub(crate) symbols: Option<PathBuf>,
}

/// Tells what went wrong in writing.
type Complaint = Box<dyn Fn() -> Option<String>>;

/// The onlookers of a session that runs.
pub(super) struct Onlooking {
    symbols: Arc<Symbols>,
    traces: Vec<(PathBuf, Complaint)>,
    /// Sockets of ports; whoever waits at one is not told of the end.
    sockets: Vec<PathBuf>,
}

impl Drop for Onlooking {
    fn drop(&mut self) {
        for path in &self.sockets {
            // On the way out there is nothing else to try.
            let _ = std::fs::remove_file(path);
        }
    }
}

/// What looking on needs of the host, before the process locks itself in.
pub(super) struct Prepared {
    /// Those that the user named, or the first node's.
    symbols: Arc<Symbols>,
    ports: Vec<Opened<Address, Port>>,
    traces: Vec<Opened<Order, Box<dyn Write + Send>>>,
}

/// What one onlooker asked for, and what was opened for it.
struct Opened<T, R> {
    place: NodeId,
    symbols: Arc<Symbols>,
    asked: T,
    opened: R,
}

impl Prepared {
    /// Files that are removed when the run is over.
    pub(super) fn leaves_behind(&self) -> Vec<PathBuf> {
        self.ports.iter().filter_map(|port| port.asked.path().map(Path::to_owned)).collect()
    }
}

/// Opens and reads what the user named.
///
/// Errors: no such node, the port cannot be had, a file cannot be read or written.
pub(super) fn prepare(config: &Config, manner: &Manner) -> Result<Prepared, Failure> {
    let onlookers = &manner.onlookers;
    let members = config.members();
    let symbols_of = |place: NodeId| {
        let node = members.get(place.index()).map_or_else(|| config.first(), |(_, node)| *node);
        symbols(node, onlookers.symbols.as_deref()).map(Arc::new)
    };
    let mut prepared = Prepared { symbols: symbols_of(NodeId(0))?, ports: Vec::new(), traces: Vec::new() };
    for gdb in &onlookers.gdb {
        let (place, mut asked) = (gdb.place(config, "--gdb")?, gdb.it.clone());
        let opened = Port::open(&asked).map_err(|error| {
            let cause = format!("cannot listen for gdb at {asked}: {error}");
            Failure::new(Exit::Host, cause, "name another port or path")
        })?;
        if let Some(chosen) = opened.address() {
            asked.settle(chosen);
        }
        prepared.ports.push(Opened { place, symbols: symbols_of(place)?, asked, opened });
    }
    for trace in &onlookers.trace {
        let (place, asked) = (trace.place(config, "--trace-instructions")?, trace.it.clone());
        let harts = members.get(place.index()).map_or(0, |(_, node)| node.harts);
        if let Some(hart) = asked.hart.filter(|hart| *hart >= harts) {
            let cause = format!("there is no hart {hart} to trace");
            return Err(Failure::new(Exit::Usage, cause, "harts count from 0"));
        }
        let opened = trace_file::create(&asked.file)?;
        prepared.traces.push(Opened { place, symbols: symbols_of(place)?, asked, opened });
    }
    let mut places: Vec<NodeId> = prepared.ports.iter().map(|port| port.place).collect();
    places.extend(prepared.traces.iter().map(|trace| trace.place));
    places.sort_unstable();
    if places.windows(2).any(|pair| pair[0] == pair[1]) {
        let cause = "one gdb, or one trace of instructions, looks at a node";
        return Err(Failure::new(Exit::Usage, cause, "name another node"));
    }
    Ok(prepared)
}

/// Lets whoever the user named look on.
///
/// Errors: the host does not give a thread.
pub(super) fn attach(
    cluster: &mut Cluster,
    host: &mut Console,
    prepared: Prepared,
    manner: &Manner,
) -> Result<Onlooking, Failure> {
    let sockets = prepared.leaves_behind();
    let mut onlooking = Onlooking { symbols: prepared.symbols, traces: Vec::new(), sockets };
    for Opened { place, symbols, asked: address, opened } in prepared.ports {
        let gdb = Gdb::listen(opened, cluster.node(place), symbols, Box::new(host.leaving()))
            .map_err(|error| Failure::new(Exit::Host, format!("no thread for gdb: {error}"), ""))?;
        host.add_attention(gdb.attention());
        cluster.set_driver(place, Box::new(gdb));
        if !manner.quiet {
            let whose = if cluster.len() > 1 { format!(" for {place}") } else { String::new() };
            let wait = if address.waits { "the node waits for it" } else { "the node runs meanwhile" };
            eprintln!(
                "note: gdb is listened for{whose}; {wait}: gdb-multiarch -ex 'target remote {address}'"
            );
        }
    }
    for Opened { place, symbols, asked: order, opened } in prepared.traces {
        let tracer = Tracer::new(order.clone(), symbols, opened);
        onlooking.traces.push((order.file, Box::new(tracer.error())));
        cluster.set_driver(place, Box::new(tracer));
    }
    Ok(onlooking)
}

/// The symbols that the user named, or else those of the program.
fn symbols(node: &Node, named: Option<&Path>) -> Result<Symbols, Failure> {
    if let Some(path) = named {
        let bytes = Files::default().program("symbol file", path)?;
        return Symbols::parse(&bytes).map_err(|error| {
            let cause = format!("{} gives no symbols: {error}", path.display());
            Failure::new(Exit::Image, cause, "an ELF, a System.map or an uncompressed Linux kernel does")
        });
    }
    // A program without symbols runs as well; what is wrong with it was said when it was loaded.
    Ok(match &node.boot {
        Boot::Elf(Elf { file, .. }) => Files::default()
            .program("program", file)
            .ok()
            .and_then(|bytes| Symbols::parse(&bytes).ok())
            .unwrap_or_default(),
        _ => Symbols::default(),
    })
}

impl Onlooking {
    /// Where the harts are, after an end that asks for it.
    pub(super) fn backtrace(&self, cluster: &mut Cluster, end: &End) -> Option<String> {
        if !end.is_failure() || matches!(end, End::Job(_)) {
            return None;
        }
        let node = cluster.node(cluster.culprit().unwrap_or(NodeId(0)));
        let of_kernel = || Symbols::of_memory(&node.bus.ram).unwrap_or_default();
        let symbols = if self.symbols.is_empty() { &of_kernel() } else { &*self.symbols };
        Some(unwind::report(node, symbols))
    }

    /// Errors: the trace could not be written to its end.
    pub(super) fn conclude(&self) -> Result<(), Failure> {
        let complaint = self.traces.iter().find_map(|(path, complaint)| Some((path, complaint()?)));
        let Some((path, error)) = complaint else { return Ok(()) };
        let cause = format!("the trace {} ends early: {error}", path.display());
        Err(Failure::new(Exit::Host, cause, "make room, or trace less: ,count=N"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_may_stand_before_what_is_its_own() {
        let order = |text: &str| text.parse::<OfNode<Order>>().map(|it| (it.node, it.it.file, it.it.from));
        assert_eq!(order("n1=t.zst,from=5"), Ok((Some("n1".to_owned()), "t.zst".into(), 5)));
        assert_eq!(order("t.zst,from=5"), Ok((None, "t.zst".into(), 5)));
        assert_eq!(order("./a=b"), Ok((None, "./a=b".into(), 0)));
        let gdb: OfNode<Address> = "n2=:1234,nowait".parse().unwrap();
        assert_eq!((gdb.node.as_deref(), gdb.it.waits), (Some("n2"), false));
        let heat = Config::heat();
        assert_eq!(gdb.place(&heat, "--gdb").unwrap(), NodeId(2));
        for wrong in ["n99=:1", ":1"] {
            let gdb: OfNode<Address> = wrong.parse().unwrap();
            assert!(gdb.place(&heat, "--gdb").unwrap_err().text.contains("--gdb n0="));
        }
    }
}
