//! `[output]`: what a run leaves behind.

use super::network::Shape;
use super::read::{Found, Reader};
use super::sections::Source;
use super::{Config, print};
use crate::exit::{Exit, Failure};
use cluster::telemetry::scribe::Wire;
use fabric::{NodeId, RouterId};
use std::fmt::Write as _;
use std::path::PathBuf;

/// What a run leaves behind; it changes nothing of the run.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Output {
    /// Nodes and links (`n0:n1`) whose frames are captured; all nodes where there is a file and nothing is named.
    pub(crate) pcap: Vec<String>,
    /// Where the capture goes.
    pub(crate) pcap_file: Option<PathBuf>,
    /// Where the trace goes.
    pub(crate) trace: Option<PathBuf>,
}

/// What is captured.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Captured {
    /// Where it goes.
    pub(crate) file: PathBuf,
    /// Nodes, of which all interfaces are.
    pub(crate) nodes: Vec<(NodeId, String)>,
    /// Links.
    pub(crate) links: Vec<Wire>,
}

impl Config {
    /// What is captured; `None` where nothing is.
    ///
    /// Errors: a name that there is not.
    pub(crate) fn captured(&self) -> Result<Option<Captured>, Failure> {
        let output = &self.output;
        if output.pcap.is_empty() && output.pcap_file.is_none() {
            return Ok(None);
        }
        let file = output.pcap_file.clone().unwrap_or_else(|| PathBuf::from(format!("{}.pcapng", self.name)));
        let mut captured = Captured { file, nodes: Vec::new(), links: Vec::new() };
        if output.pcap.is_empty() {
            captured.nodes = (0..).map(NodeId).zip(self.names()).collect();
        }
        let shape = Shape::default();
        for name in &output.pcap {
            let refused = |(cause, help): (String, String)| Failure::new(Exit::Config, cause, help);
            match name.split_once(':') {
                Some(ends) => captured.links.push(wire(self, &shape, ends).map_err(refused)?),
                None => captured.nodes.push((node(self, name).map_err(refused)?, name.clone())),
            }
        }
        Ok(Some(captured))
    }
}

/// The node called `name`; else what is wrong and what to do about it.
fn node(config: &Config, name: &str) -> Result<NodeId, (String, String)> {
    config.place_of(name).map(NodeId).map_err(|help| (format!("there is no node `{name}`"), help))
}

/// The link between the routers of two nodes, or between two routers, `r0` for instance; else as [`node`].
fn wire(config: &Config, shape: &Shape, (a, b): (&str, &str)) -> Result<Wire, (String, String)> {
    let topology = shape.of(config).map_err(|text| (text, String::new()))?;
    let router = |name: &str| {
        let number = name.strip_prefix('r').and_then(|number| number.parse().ok());
        match (node(config, name), number) {
            (Ok(node), _) => Ok(topology.attachment(node).0),
            (Err(_), Some(number)) if (number as usize) < topology.routers() => Ok(RouterId(number)),
            (Err(problem), _) => Err(problem),
        }
    };
    let (from, to) = (router(a)?, router(b)?);
    let found = topology.neighbours(from).find(|(_, other, _)| *other == to);
    let Some((_, _, link)) = found else {
        let cause = format!("no link of the {} joins `{a}` and `{b}`", topology.name());
        return Err((cause, "`multivac topology` draws it".to_owned()));
    };
    let first = topology.links()[link.index()].a.0;
    let ends = if first == from { [a, b] } else { [b, a] };
    Ok(Wire { link, ends: ends.map(str::to_owned) })
}

/// Reads the section.
pub(super) fn output(config: &mut Config, reader: &Reader<'_>, source: &Source<'_>) {
    if let Some((found, names)) = reader.get("pcap").and_then(|found| Some((found, found.strings()?))) {
        let shape = Shape::default();
        names.iter().for_each(|name| check(config, &shape, &found, name));
        config.output.pcap = names.into_iter().map(str::to_owned).collect();
    }
    let path = |key| Some(source.path(reader.get(key)?.string()?));
    config.output.pcap_file = path("pcap_file").or(config.output.pcap_file.take());
    config.output.trace = path("trace").or(config.output.trace.take());
}

fn check(config: &Config, shape: &Shape, found: &Found<'_>, name: &str) {
    let problem = match name.split_once(':') {
        Some(ends) => wire(config, shape, ends).err(),
        None => node(config, name).err(),
    };
    if let Some((cause, help)) = problem {
        found.problem(cause, help);
    }
}

/// Writes the section, where there is something to say.
pub(super) fn print(output: &Output, out: &mut String) {
    if *output == Output::default() {
        return;
    }
    out.push_str("\n[output]\n");
    if !output.pcap.is_empty() {
        let _ = writeln!(out, "pcap = {}", print::quoted_list(&output.pcap));
    }
    for (key, path) in [("pcap_file", &output.pcap_file), ("trace", &output.trace)] {
        if let Some(path) = path {
            let _ = writeln!(out, "{key} = {}", print::quoted(&path.to_string_lossy()));
        }
    }
}
