//! Those who look on while a session runs: gdb, the trace of instructions, and whoever asks afterwards where the
//! harts were.

use super::Manner;
use super::files::Files;
use super::host::Console;
use super::trace_file;
use crate::config::{Boot, Config, Elf};
use crate::exit::{Exit, Failure};
use cluster::run::{Cluster, End};
use debug::gdb::{Address, Gdb, Port};
use debug::symbols::Symbols;
use debug::trace::{Order, Tracer};
use debug::unwind;
use fabric::NodeId;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Whom the user named.
#[derive(Clone, Debug, Default)]
pub(crate) struct Onlookers {
    /// Listen for gdb here.
    pub(crate) gdb: Option<Address>,
    /// Keep a trace.
    pub(crate) trace: Option<Order>,
    /// Names for addresses.
    pub(crate) symbols: Option<PathBuf>,
}

/// Tells what went wrong in writing.
type Complaint = Box<dyn Fn() -> Option<String>>;

/// The onlookers of a session that runs.
pub(super) struct Onlooking {
    symbols: Arc<Symbols>,
    trace: Option<(PathBuf, Complaint)>,
}

/// What looking on needs of the host, before the process locks itself in.
pub(super) struct Prepared {
    symbols: Arc<Symbols>,
    port: Option<Port>,
    trace: Option<Box<dyn Write + Send>>,
    /// The socket of the port, where it is a file.
    socket: Option<PathBuf>,
}

impl Prepared {
    /// Files that are removed when the run is over.
    pub(super) fn leaves_behind(&self) -> Vec<PathBuf> {
        self.socket.iter().cloned().collect()
    }
}

/// Opens and reads what the user named.
///
/// Errors: the port cannot be had, a file cannot be read or written.
pub(super) fn prepare(config: &Config, manner: &Manner) -> Result<Prepared, Failure> {
    let onlookers = &manner.onlookers;
    if onlookers.gdb.is_some() || onlookers.trace.is_some() {
        only_one_node(config)?;
    }
    let symbols = Arc::new(symbols(config, onlookers.symbols.as_deref())?);
    let open = |address: &Address| {
        Port::open(address).map_err(|error| {
            let cause = format!("cannot listen for gdb at {address}: {error}");
            Failure::new(Exit::Host, cause, "name another port or path")
        })
    };
    let port = onlookers.gdb.as_ref().map(open).transpose()?;
    if let Some(hart) = onlookers.trace.as_ref().and_then(|order| order.hart)
        && hart >= config.first().harts
    {
        let cause = format!("there is no hart {hart} to trace");
        return Err(Failure::new(Exit::Usage, cause, "harts count from 0"));
    }
    let trace = onlookers.trace.as_ref().map(|order| trace_file::create(&order.file)).transpose()?;
    let socket = onlookers.gdb.as_ref().and_then(|address| address.path().map(Path::to_owned));
    Ok(Prepared { symbols, port, trace, socket })
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
    let Prepared { symbols, port, trace, .. } = prepared;
    let mut onlooking = Onlooking { symbols: Arc::clone(&symbols), trace: None };
    if let (Some(port), Some(address)) = (port, &manner.onlookers.gdb) {
        let gdb = Gdb::listen(port, cluster.node(NodeId(0)), symbols, Box::new(host.leaving()))
            .map_err(|error| Failure::new(Exit::Host, format!("no thread for gdb: {error}"), ""))?;
        host.set_attention(gdb.attention());
        cluster.set_driver(Box::new(gdb));
        if !manner.quiet {
            let wait = if address.waits { "the node waits for it" } else { "the node runs meanwhile" };
            eprintln!("note: gdb is listened for; {wait}: gdb-multiarch -ex 'target remote {address}'");
        }
    } else if let (Some(sink), Some(order)) = (trace, &manner.onlookers.trace) {
        let tracer = Tracer::new(order.clone(), symbols, sink);
        onlooking.trace = Some((order.file.clone(), Box::new(tracer.error())));
        cluster.set_driver(Box::new(tracer));
    }
    Ok(onlooking)
}

/// Errors: there are several nodes.
fn only_one_node(config: &Config) -> Result<(), Failure> {
    if config.node_count() == 1 {
        return Ok(());
    }
    let cause = "gdb and the trace of instructions look at a single node, and there are several";
    Err(Failure::new(Exit::Usage, cause, "run one: --nodes 1"))
}

/// The symbols that the user named, or else those of the program.
fn symbols(config: &Config, named: Option<&Path>) -> Result<Symbols, Failure> {
    if let Some(path) = named {
        let bytes = Files::default().program("symbol file", path)?;
        return Symbols::parse(&bytes).map_err(|error| {
            let cause = format!("{} gives no symbols: {error}", path.display());
            Failure::new(Exit::Image, cause, "an ELF, a System.map or an uncompressed Linux kernel does")
        });
    }
    // A program without symbols runs as well; what is wrong with it was said when it was loaded.
    Ok(match &config.first().boot {
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
        let Some((path, complaint)) = &self.trace else { return Ok(()) };
        let Some(error) = complaint() else { return Ok(()) };
        let cause = format!("the trace {} ends early: {error}", path.display());
        Err(Failure::new(Exit::Host, cause, "make room, or trace less: ,count=N"))
    }
}
