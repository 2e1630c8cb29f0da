//! Where a network comes from: a specification, an edge list, or a TOML file with links and routes.

use crate::diag::{Problem, unknown_field};
use crate::exit::{Exit, Failure};
use fabric::Error;
use fabric::topology::{GraphFile, Spec, Topology, parse_edge_list};
use serde_spanned::Spanned;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// A network as the user gave it.
pub(crate) struct Loaded {
    /// The network.
    pub(crate) topology: Topology,
    /// The routes that its file gives, as (at, to, via) by number of router and node.
    pub(crate) routes: Vec<(u32, u32, u32)>,
    /// The file.
    path: PathBuf,
    text: String,
    /// Where in it each route stands.
    places: Vec<Range<usize>>,
}

impl Loaded {
    fn without_routes(topology: Topology) -> Loaded {
        Loaded { topology, routes: Vec::new(), path: PathBuf::new(), text: String::new(), places: Vec::new() }
    }

    /// An error in the routes of the network's file, shown at the route that has it.
    pub(crate) fn route_failure(&self, error: &Error) -> Option<Failure> {
        let find = |matches: &dyn Fn(&(u32, u32, u32)) -> bool| self.routes.iter().position(matches);
        let at = match error {
            Error::NoRoute { at, to, .. } => find(&|route| (route.0, route.1) == (*at, *to)),
            Error::Deadlock { links, .. } => {
                links.iter().zip(links.iter().cycle().skip(1)).find_map(|(a, b)| {
                    // A packet that came by one channel of the cycle goes on by the next.
                    let comes = |to: u32| self.routes.contains(&(a.0, to, a.1));
                    find(&|route| (route.0, route.2) == *b && comes(route.1))
                })
            }
            _ => None,
        }?;
        let (span, message, help) = (self.places[at].clone(), error.to_string(), error.help());
        Some(Problem { span, message, help }.failure(&self.path, &self.text))
    }
}

/// A graph in TOML.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    /// A specification, in place of links.
    topology: Option<Spanned<String>>,
    name: Option<String>,
    #[serde(default)]
    switches: Vec<Spanned<String>>,
    #[serde(default)]
    links: Vec<Spanned<(String, String)>>,
    #[serde(default)]
    route: Vec<Route>,
}

/// A packet at `at` for `to` goes to the neighbour `via`.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Route {
    at: Spanned<String>,
    to: Spanned<String>,
    via: Spanned<String>,
}

/// Reads SPEC or the file it names.
pub(crate) fn load(spec: &str, nodes: Option<u32>) -> Result<Loaded, Failure> {
    let path = Path::new(spec);
    let looks_like_a_file = spec.contains('/') || path.extension().is_some_and(|e| !e.is_empty());
    if looks_like_a_file || path.is_file() {
        let text = std::fs::read_to_string(path).map_err(|error| {
            Failure::new(
                Exit::Config,
                format!("cannot read {spec}: {error}"),
                "name a file, or a network as `mesh:8x8`",
            )
        })?;
        return from_file(path, &text);
    }
    let topology = Spec::parse_for(spec, nodes)
        .and_then(|spec| spec.build())
        .map_err(|error| failure(&error, Path::new("topology"), spec))?;
    Ok(Loaded::without_routes(topology))
}

/// A fabric error shown against the text in which it stands.
pub(crate) fn failure(error: &Error, path: &Path, text: &str) -> Failure {
    match error.span() {
        Some(span) if !text.is_empty() => {
            Problem { span, message: error.to_string(), help: error.help() }.failure(path, text)
        }
        _ => Failure::new(Exit::Config, error, error.help()),
    }
}

fn from_file(path: &Path, text: &str) -> Result<Loaded, Failure> {
    let at = |error: Error| failure(&error, path, text);
    let stem = path.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
    if path.extension().is_none_or(|extension| extension != "toml") {
        let topology = parse_edge_list(text).and_then(|graph| graph.build(&stem)).map_err(at)?;
        return Ok(Loaded::without_routes(topology));
    }
    let file: File = toml::from_str(text).map_err(|error| {
        let span = error.span().unwrap_or(0..0);
        let help = || {
            let keys = "a graph file has `links = [[\"a\", \"b\"], ...]`, and may have `switches`, `name`, `[[route]]`";
            keys.to_owned()
        };
        let help = unknown_field(error.message()).unwrap_or_else(help);
        Problem { span, message: error.message().to_owned(), help }.failure(path, text)
    })?;
    let topology = match &file.topology {
        Some(spec) if !(file.links.is_empty() && file.switches.is_empty()) => {
            let message = "a topology is named, and links or switches are listed too".to_owned();
            let help = "keep one of them".to_owned();
            return Err(Problem { span: spec.span(), message, help }.failure(path, text));
        }
        Some(spec) => {
            let inside = spec.span().start + 1;
            Topology::from_spec(spec.get_ref()).map_err(|error| at(error.shifted(inside)))?
        }
        None => {
            let mut graph = GraphFile::default();
            for switch in &file.switches {
                let index = graph.vertex(switch.get_ref()) as usize;
                // Routes name switches by their places in the list.
                if std::mem::replace(&mut graph.switch[index], true) {
                    let message = format!("the switch `{}` is there twice", switch.get_ref());
                    let help = "name each switch once".to_owned();
                    return Err(Problem { span: switch.span(), message, help }.failure(path, text));
                }
            }
            for link in &file.links {
                let (a, b) = link.get_ref();
                graph.edge(a, b, link.span()).map_err(at)?;
            }
            graph.build(file.name.as_deref().unwrap_or(&stem)).map_err(at)?
        }
    };
    let routes = routes(&file, &topology, path, text)?;
    let places = file.route.iter().map(|route| route.at.span().start..route.via.span().end).collect();
    Ok(Loaded { topology, routes, path: path.to_owned(), text: text.to_owned(), places })
}

fn routes(
    file: &File,
    topology: &Topology,
    path: &Path,
    text: &str,
) -> Result<Vec<(u32, u32, u32)>, Failure> {
    let switches = &file.switches;
    let vertex = |name: &Spanned<String>| {
        let node = topology.node_called(name.get_ref()).map(|node| topology.attachment(node).0.0);
        let switch =
            switches.iter().position(|s| s.get_ref() == name.get_ref()).and_then(|i| u32::try_from(i).ok());
        switch.or(node).ok_or_else(|| {
            let message = format!("no node is called `{}`", name.get_ref());
            let help = "name a node or switch of `links`".to_owned();
            Problem { span: name.span(), message, help }.failure(path, text)
        })
    };
    let end = |name: &Spanned<String>| {
        topology.node_called(name.get_ref()).map(|node| node.0).ok_or_else(|| {
            let message = format!("`{}` is no node that a packet can go to", name.get_ref());
            let help = "`to` names a node, not a switch".to_owned();
            Problem { span: name.span(), message, help }.failure(path, text)
        })
    };
    file.route.iter().map(|route| Ok((vertex(&route.at)?, end(&route.to)?, vertex(&route.via)?))).collect()
}
