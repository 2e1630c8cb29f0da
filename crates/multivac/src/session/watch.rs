//! Who watches a run: files that are written while it goes on, and a table on the terminal. The console stands behind.

use super::terminal;
use crate::config::{Captured, Config, fault_words};
use crate::exit::{Exit, Failure};
use cluster::job::Stream;
use cluster::run::{Crossed, Host, Input, Look, Moment, Seen, Watch};
use cluster::summary::LinkLoad;
use cluster::telemetry::live::Live;
use cluster::telemetry::scribe::{Captures, Tracing};
use cluster::time::Ps;
use fabric::NodeId;
use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, Write, stderr};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Wall time between two tables.
const TABLE_EVERY: Duration = Duration::from_millis(250);

/// A host that also watches.
pub(super) struct Watched<'a> {
    host: &'a mut dyn Host,
    captures: Option<(PathBuf, Captures<BufWriter<File>>)>,
    trace: Option<(PathBuf, Tracing<BufWriter<File>>)>,
    table: Option<Table>,
    /// The first file that could not be written, and why.
    refused: Option<(PathBuf, io::Error)>,
}

/// Files about to be written while a run goes on.
pub(super) struct Files {
    captures: Option<(PathBuf, Captures<BufWriter<File>>)>,
    trace: Option<(PathBuf, Tracing<BufWriter<File>>)>,
}

/// The table on the terminal.
struct Table {
    live: Live,
    drawn_at: Instant,
    /// Lines of it that stand on the terminal.
    lines: usize,
}

fn refusal(path: &Path, error: &io::Error) -> Failure {
    let help = if error.kind() == io::ErrorKind::StorageFull { "make room" } else { "check the path" };
    Failure::new(Exit::Host, format!("cannot write {}: {error}", path.display()), help)
}

fn create(path: &Path) -> io::Result<BufWriter<File>> {
    File::create(path).map(BufWriter::new)
}

impl Files {
    /// Opens the files that the configuration asks for.
    ///
    /// Errors: a file that cannot be written.
    pub(super) fn create(config: &Config) -> Result<Files, Failure> {
        let members = config.members();
        let captures = config.captured()?.map(|Captured { file: path, nodes, links }| {
            let rails = config.groups.iter().map(|group| group.node.interfaces.count).max().unwrap_or(1);
            let begin = |file| Captures::new(file, &nodes, &links, rails, config.first().rtc_s);
            let opened = create(&path).and_then(begin);
            opened.map_err(|error| refusal(&path, &error)).map(|captures| (path, captures))
        });
        let trace = config.output.trace.clone().map(|path| {
            let nodes: Vec<(String, usize)> =
                members.iter().map(|(name, node)| (name.clone(), node.harts)).collect();
            let opened = create(&path).and_then(|file| {
                let mut trace = Tracing::new(file, &nodes)?;
                config
                    .faults
                    .iter()
                    .try_for_each(|fault| trace.fault(Ps(fault.at_ps), &fault_words(fault)))?;
                Ok(trace)
            });
            opened.map_err(|error| refusal(&path, &error)).map(|trace| (path, trace))
        });
        Ok(Files { captures: captures.transpose()?, trace: trace.transpose()? })
    }
}

impl<'a> Watched<'a> {
    /// Stands before `host` and writes `files`; `live` draws a table of the nodes of these names too, on a terminal.
    pub(super) fn new(host: &'a mut dyn Host, files: Files, names: Vec<String>, live: bool) -> Watched<'a> {
        let table = (live && stderr().is_terminal()).then(|| Table {
            live: Live::new(names),
            drawn_at: Instant::now(),
            lines: 0,
        });
        let Files { captures, trace } = files;
        Watched { host, captures, trace, table, refused: None }
    }

    /// Writes the rest.
    ///
    /// Errors: the first file that could not be written.
    pub(super) fn finish(mut self) -> Result<(), Failure> {
        if let Some(table) = &mut self.table {
            table.erase();
        }
        if let Some((path, captures)) = self.captures.take() {
            let written = captures.finish().map(drop);
            self.note(written, &path);
        }
        if let Some((path, trace)) = self.trace.take() {
            let written = trace.finish().map(drop);
            self.note(written, &path);
        }
        self.refused.map_or(Ok(()), |(path, error)| Err(refusal(&path, &error)))
    }

    fn note(&mut self, written: io::Result<()>, path: &Path) {
        if let Err(error) = written {
            self.refused.get_or_insert((path.to_owned(), error));
        }
    }

    /// Does something with the trace; a trace that cannot be written is given up.
    fn trace(&mut self, write: impl FnOnce(&mut Tracing<BufWriter<File>>) -> io::Result<()>) {
        if let Some((path, mut trace)) = self.trace.take() {
            match write(&mut trace) {
                Ok(()) => self.trace = Some((path, trace)),
                Err(error) => self.note(Err(error), &path),
            }
        }
    }

    /// Takes the table off the terminal before something else is written there.
    fn clear(&mut self) {
        if let Some(table) = &mut self.table {
            table.erase();
        }
    }
}

impl Table {
    fn erase(&mut self) {
        if self.lines > 0 {
            let _ = write!(stderr(), "\x1b[{}A\x1b[J", self.lines);
            self.lines = 0;
        }
    }

    fn draw(&mut self, now: Ps, nodes: &[Look]) {
        let wall = self.drawn_at.elapsed();
        if wall < TABLE_EVERY {
            return;
        }
        self.erase();
        self.drawn_at = Instant::now();
        let (columns, rows) = terminal::size().unwrap_or((80, 24));
        let lines = self.live.table(now, wall, nodes, usize::from(rows).saturating_sub(4).max(1));
        self.lines = lines.len();
        let mut out = String::new();
        for line in lines {
            out.extend(line.chars().take(usize::from(columns)));
            out.push_str("\r\n");
        }
        let _ = stderr().write_all(out.as_bytes());
    }
}

impl Host for Watched<'_> {
    fn console(&mut self, node: NodeId, bytes: &[u8]) {
        self.clear();
        self.host.console(node, bytes);
    }

    fn job(&mut self, node: NodeId, stream: Stream, bytes: &[u8]) {
        self.clear();
        self.host.job(node, stream, bytes);
    }

    fn input(&mut self, moment: Moment) -> Input {
        if let Some((path, mut captures)) = self.captures.take() {
            match captures.pass(Ps::from_ns(moment.virtual_ns)) {
                Ok(()) => self.captures = Some((path, captures)),
                Err(error) => self.note(Err(error), &path),
            }
        }
        self.host.input(moment)
    }

    fn frame(&mut self, seen: &Seen<'_>) {
        self.host.frame(seen);
        if let Some((_, captures)) = &mut self.captures {
            captures.frame(seen);
        }
        self.trace(|trace| trace.frame(seen));
    }

    fn crossing(&mut self, crossed: &Crossed<'_>) {
        self.host.crossing(crossed);
        if let Some((_, captures)) = &mut self.captures {
            captures.crossing(crossed);
        }
    }

    fn watch(&self) -> Watch {
        let own = match (&self.trace, &self.table) {
            (Some(_), _) => Watch::Epochs,
            (None, Some(_)) => Watch::Periods,
            (None, None) => Watch::Nothing,
        };
        own.max(self.host.watch())
    }

    fn look(&mut self, from: Ps, to: Ps, nodes: &[Look]) {
        self.host.look(from, to, nodes);
        self.trace(|trace| trace.look(from, to, nodes));
        if let Some(table) = &mut self.table {
            table.draw(to, nodes);
        }
    }

    fn links(&mut self, now: Ps, cycle_ps: f64, loads: &[LinkLoad]) {
        self.host.links(now, cycle_ps, loads);
        self.trace(|trace| trace.links(now, cycle_ps, loads));
    }
}
