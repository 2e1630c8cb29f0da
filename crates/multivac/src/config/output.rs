//! `[output]`: what a run leaves behind.

use super::read::{Found, Reader};
use super::sections::Source;
use super::{Config, print};
use std::fmt::Write as _;
use std::path::PathBuf;

/// What a run leaves behind; it changes nothing of the run.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Output {
    /// Nodes whose frames are captured; all of them where there is a file and nobody is named.
    pub(crate) pcap: Vec<String>,
    /// Where the capture goes.
    pub(crate) pcap_file: Option<PathBuf>,
    /// Where the trace goes.
    pub(crate) trace: Option<PathBuf>,
}

impl Config {
    /// The file of the capture and the places of the nodes in it; `None` where nothing is captured.
    pub(crate) fn captured(&self) -> Option<(PathBuf, Vec<u32>)> {
        let output = &self.output;
        if output.pcap.is_empty() && output.pcap_file.is_none() {
            return None;
        }
        let file = output.pcap_file.clone().unwrap_or_else(|| PathBuf::from(format!("{}.pcapng", self.name)));
        let named = output.pcap.iter().filter_map(|name| self.place_of(name).ok()).collect();
        Some((file, if output.pcap.is_empty() { (0..self.node_count()).collect() } else { named }))
    }
}

/// Reads the section.
pub(super) fn output(config: &mut Config, reader: &Reader<'_>, source: &Source<'_>) {
    if let Some((found, names)) = reader.get("pcap").and_then(|found| Some((found, found.strings()?))) {
        names.iter().for_each(|name| check(config, &found, name));
        config.output.pcap = names.into_iter().map(str::to_owned).collect();
    }
    let path = |key| Some(source.path(reader.get(key)?.string()?));
    config.output.pcap_file = path("pcap_file").or(config.output.pcap_file.take());
    config.output.trace = path("trace").or(config.output.trace.take());
}

fn check(config: &Config, found: &Found<'_>, name: &str) {
    if let Err(help) = config.place_of(name) {
        found.problem(format!("there is no node `{name}`"), help);
    }
}

/// Writes the section, where there is something to say.
pub(super) fn print(output: &Output, out: &mut String) {
    if *output == Output::default() {
        return;
    }
    out.push_str("\n[output]\n");
    if !output.pcap.is_empty() {
        let names: Vec<String> = output.pcap.iter().map(|name| print::quoted(name)).collect();
        let _ = writeln!(out, "pcap = [{}]", names.join(", "));
    }
    for (key, path) in [("pcap_file", &output.pcap_file), ("trace", &output.trace)] {
        if let Some(path) = path {
            let _ = writeln!(out, "{key} = {}", print::quoted(&path.to_string_lossy()));
        }
    }
}
