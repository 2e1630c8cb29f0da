//! What to run: the resolved configuration. A file, `--set key=value` and the flags of `run` all end up here.
//!
//! Invariant: a [`Config`] that left this module names only what this version can do.

mod devices;
mod differ;
mod fault;
mod network;
mod nodes;
mod output;
mod print;
mod read;
mod reference;
mod sections;
pub(crate) mod units;

pub(crate) use devices::{disk, init, share};
pub(crate) use differ::difference;
pub(crate) use fault::{Effect, Fault, What, changes as fault_changes, words as fault_words};
pub(crate) use network::Network;
pub(crate) use nodes::{Group, Interfaces, memory_problem};
pub(crate) use output::{Captured, Output};
pub(crate) use print::{canonical, flags, shell_word};
pub(crate) use reference::{lines as reference_lines, markdown as reference_page};
pub(crate) use sections::{code_cache, memory};

use crate::diag::{Problem, did_you_mean};
use crate::exit::{Exit, Failure};
use std::path::{Path, PathBuf};

/// The version of the file format.
const SCHEMA: u64 = 1;

/// A run, resolved: every default filled in.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Config {
    /// A name for reports.
    pub(crate) name: String,
    /// The seed of everything random.
    pub(crate) seed: u64,
    /// Groups of nodes, at least one.
    pub(crate) groups: Vec<Group>,
    /// What joins them, where there are several.
    pub(crate) network: Network,
    /// What goes wrong, in the order of the file.
    pub(crate) faults: Vec<Fault>,
    /// What is run, and for how long.
    pub(crate) run: Run,
    /// What the run leaves behind.
    pub(crate) output: Output,
}

/// A node's hardware and what boots on it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Node {
    /// Hardware threads.
    pub(crate) harts: usize,
    /// Size of main memory.
    pub(crate) memory_bytes: u64,
    /// Cycles in a second of virtual time, of each hart.
    pub(crate) clock_hz: u64,
    /// Cycles of a hart's turn.
    pub(crate) turn_cycles: u64,
    /// Who walks page tables.
    pub(crate) mmu: Mmu,
    /// What an instruction costs.
    pub(crate) timing: Timing,
    /// Where the clock of the board starts, in seconds since 1970.
    pub(crate) rtc_s: u64,
    /// What boots.
    pub(crate) boot: Boot,
    /// One node of the group boots, and all go on as copies of it.
    pub(crate) fork: bool,
    /// The instant at which it is copied; without it, once its agent takes commands.
    pub(crate) fork_at_ps: Option<u64>,
    /// A command that it carries out before it is copied; empty for none.
    pub(crate) fork_after: Vec<String>,
    /// Block devices, in order.
    pub(crate) disks: Vec<Disk>,
    /// Folders of the host's that the guest sees, in order.
    pub(crate) shares: Vec<Share>,
    /// Network interfaces.
    pub(crate) interfaces: Interfaces,
}

/// What boots on a node.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Boot {
    /// The program for one node that is embedded in this binary.
    Demo,
    /// The parallel program for bare nodes that is embedded in this binary, and the words it is given.
    Jacobi {
        /// Words behind `nodes=N`.
        append: String,
    },
    /// An image made by `multivac image build`.
    Image {
        /// Its name.
        name: String,
        /// Words behind the kernel's command line.
        append: String,
        /// A program of it that runs as PID 1, by path or by name.
        init: Option<String>,
    },
    /// A kernel by the boot protocol of its kind.
    Kernel(Kernel),
    /// A bare-metal program.
    Elf(Elf),
}

/// A kernel and what it is given.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Kernel {
    /// The kernel's file; `None` with firmware that needs none.
    pub(crate) kernel: Option<PathBuf>,
    /// The initial RAM disk.
    pub(crate) initrd: Option<PathBuf>,
    /// The kernel's command line.
    pub(crate) append: String,
    /// Machine-mode firmware, in place of the built-in SBI.
    pub(crate) bios: Option<PathBuf>,
}

/// A bare-metal program and how it starts.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Elf {
    /// The program's file.
    pub(crate) file: PathBuf,
    /// How it starts; `None` decides by the program: machine mode when it has `tohost`.
    pub(crate) entry: Option<Entry>,
    /// Where the signature goes after the run.
    pub(crate) signature: Option<PathBuf>,
    /// The words of its `bootargs`; in a cluster `nodes=N` stands before them.
    pub(crate) append: String,
}

/// How a bare-metal program starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Entry {
    /// All harts at the entry in machine mode, no SBI.
    M,
    /// One hart in supervisor mode under the built-in SBI.
    S,
}

/// Who walks page tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Mmu {
    /// The hardware.
    Hardware,
    /// System software: a TLB miss traps.
    Software,
}

/// What an instruction costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Timing {
    /// One cycle.
    Flat,
    /// One cycle, and page-walk steps, cache misses and contended atomics on top.
    Modelled,
}

/// What executes instructions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum EngineKind {
    /// The interpreter.
    Interp,
    /// The translator.
    Translate,
}

/// A block device.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Disk {
    /// The raw image.
    pub(crate) file: PathBuf,
    /// Whether the guest may write, and where its writes go.
    pub(crate) mode: DiskMode,
}

/// Where a guest's writes to a disk go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DiskMode {
    /// Into memory: the file stays as it is.
    Overlay,
    /// Nowhere: the device refuses them.
    ReadOnly,
    /// Into the file.
    Writable,
}

/// A folder of the host's that the guest sees.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Share {
    /// The folder.
    pub(crate) host: PathBuf,
    /// Where the guest finds it; also the mount tag.
    pub(crate) guest: String,
    /// The guest may not change anything.
    pub(crate) read_only: bool,
}

/// Where the command runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum On {
    /// On all nodes.
    All,
    /// On the node of this name.
    Node(String),
}

impl On {
    /// Whether the node called `name` carries it out.
    pub(crate) fn includes(&self, name: &str) -> bool {
        match self {
            On::All => true,
            On::Node(node) => node == name,
        }
    }
}

/// What is run, and its limits.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Run {
    /// Where the command runs.
    pub(crate) on: On,
    /// A node that fails does not end the run of several.
    pub(crate) survives: bool,
    /// The node whose console is that of the run; a node by itself has it anyhow.
    pub(crate) console: Option<String>,
    /// The command to run in the guest; empty for a console.
    pub(crate) command: Vec<String>,
    /// Virtual time after which the run ends.
    pub(crate) max_time_ns: Option<u64>,
    /// Instructions after which the run ends.
    pub(crate) max_instructions: Option<u64>,
    /// What executes instructions.
    pub(crate) engine: EngineKind,
    /// Size of the translator's code cache with its tables and TLBs.
    pub(crate) code_cache_bytes: u64,
    /// Whether the translator tells `perf` where its blocks are.
    pub(crate) perf_map: bool,
    /// What is done with what comes from outside.
    pub(crate) tape: Tape,
}

/// What is done with what comes from outside.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) enum Tape {
    /// It is let through.
    #[default]
    Off,
    /// It is written to this file.
    Record(PathBuf),
    /// It is what this file says.
    Replay(PathBuf),
}

/// Virtual date at which the board's clock starts: 2026-01-01T00:00:00Z.
pub(crate) const RTC_S: u64 = machine::board::RTC_START_S;

impl Boot {
    /// What runs, in words; `kind` is what its file turned out to be.
    pub(crate) fn describe(&self, kind: &str) -> String {
        let name = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        match self {
            Boot::Demo => "the embedded demo".to_owned(),
            Boot::Jacobi { .. } => "the embedded heat equation".to_owned(),
            Boot::Image { name, .. } => format!("image {name}"),
            Boot::Kernel(kernel) => {
                let files = [&kernel.bios, &kernel.kernel];
                let names: Vec<String> = files.into_iter().flatten().map(|file| name(file)).collect();
                format!("{} ({kind})", names.join(" and "))
            }
            Boot::Elf(elf) => format!("{} ({kind})", name(&elf.file)),
        }
    }
}

impl Default for Node {
    fn default() -> Node {
        Node {
            harts: 1,
            memory_bytes: 512 << 20,
            clock_hz: 1_000_000_000,
            turn_cycles: 40_000,
            mmu: Mmu::Hardware,
            timing: Timing::Flat,
            rtc_s: RTC_S,
            boot: Boot::Demo,
            fork: false,
            fork_at_ps: None,
            fork_after: Vec::new(),
            disks: Vec::new(),
            shares: Vec::new(),
            interfaces: Interfaces::default(),
        }
    }
}

impl Default for Config {
    fn default() -> Config {
        Config {
            name: "demo".to_owned(),
            seed: 0,
            groups: vec![Group::default()],
            network: Network::default(),
            faults: Vec::new(),
            run: Run {
                on: On::Node("n0".to_owned()),
                survives: false,
                console: None,
                command: Vec::new(),
                max_time_ns: None,
                max_instructions: None,
                engine: EngineKind::Translate,
                code_cache_bytes: 64 << 20,
                perf_map: false,
                tape: Tape::Off,
            },
            output: Output::default(),
        }
    }
}

impl Config {
    /// The embedded demo on one node of four harts.
    pub(crate) fn demo() -> Config {
        let mut config = Config::default();
        let node = config.first_mut();
        node.harts = 4;
        node.memory_bytes = 64 << 20;
        config
    }

    /// What `run` does without arguments: a heat equation on a hypercube of 16 nodes.
    pub(crate) fn heat() -> Config {
        let mut config = Config { name: "heat".to_owned(), ..Config::default() };
        config.groups[0].set_count(16);
        let node = config.first_mut();
        node.memory_bytes = 16 << 20;
        node.boot = Boot::Jacobi { append: String::new() };
        config.network.topology = "hypercube".to_owned();
        config
    }

    /// The configuration as the digest sees it: what a run is, not what it is called, where its files lie, what
    /// executes it, or where it is cut off.
    pub(crate) fn for_digest(&self) -> Config {
        let mut config = self.clone();
        config.name.clear();
        config.output = Output::default();
        let Run { on, console, command, .. } = config.run;
        config.run = Run { on, console, command, ..Config::default().run };
        config.each_node(|node| {
            node.disks.iter_mut().for_each(|disk| disk.file = PathBuf::new());
            node.shares.iter_mut().for_each(|share| share.host = PathBuf::new());
            match &mut node.boot {
                Boot::Demo | Boot::Jacobi { .. } | Boot::Image { .. } => {}
                Boot::Kernel(kernel) => {
                    let files = [&mut kernel.kernel, &mut kernel.initrd, &mut kernel.bios];
                    files.into_iter().flatten().for_each(PathBuf::clear);
                }
                Boot::Elf(elf) => {
                    elf.file.clear();
                    elf.signature = None;
                }
            }
        });
        config
    }

    /// Reads a file, then each `--set`.
    ///
    /// Errors: [`Exit::Config`], with every problem found in the text.
    pub(crate) fn load(path: &Path, sets: &[String]) -> Result<Config, Failure> {
        let text = std::fs::read(path).map_err(|error| {
            let help = "`multivac run` takes a TOML file, or no file for the embedded programs";
            Failure::new(Exit::Config, format!("cannot read {}: {error}", path.display()), help)
        })?;
        let text = String::from_utf8(text).map_err(|error| {
            let at = error.utf8_error().valid_up_to();
            let cause = format!("{} is not text: byte {at} is not UTF-8", path.display());
            Failure::new(Exit::Config, cause, "a configuration is a TOML file")
        })?;
        let mut config = Config::parse(path, &text)?;
        config.apply_sets(sets)?;
        Ok(config)
    }

    /// Reads a configuration from text; `path` is for messages, and for files named relative to it.
    ///
    /// Errors: as [`Config::load`].
    pub(crate) fn parse(path: &Path, text: &str) -> Result<Config, Failure> {
        let mut config = Config { name: stem(path), ..Config::default() };
        let folder = path.parent().unwrap_or(Path::new(""));
        let problems = sections::apply(&mut config, text, &sections::Source::File { folder });
        report(path, text, &problems)?;
        Ok(config)
    }

    /// Applies `--set key=value` in order; a key is a dotted path such as `node.harts`.
    ///
    /// Errors: [`Exit::Config`].
    pub(crate) fn apply_sets(&mut self, sets: &[String]) -> Result<(), Failure> {
        for set in sets {
            let Some((key, value)) = set.split_once('=') else {
                let cause = format!("`--set {set}` has no `=`");
                return Err(Failure::new(Exit::Config, cause, "write it as --set node.harts=2"));
            };
            let (key, value) = (key.trim(), value.trim());
            // A value that is no TOML is a string: --set node.memory=512MiB.
            let quoted = toml::Value::String(value.to_owned()).to_string();
            let is_toml = toml::de::DeValue::parse(value).is_ok();
            let text = format!("{key} = {}", if is_toml { value } else { &quoted });
            let problems = sections::apply(self, &text, &sections::Source::Set);
            report(Path::new("--set"), &text, &problems)?;
        }
        Ok(())
    }
}

/// All problems of a text as one failure.
fn report(path: &Path, text: &str, problems: &[Problem]) -> Result<(), Failure> {
    if problems.is_empty() {
        return Ok(());
    }
    let texts: Vec<String> = problems.iter().map(|problem| problem.failure(path, text).text).collect();
    Err(Failure { exit: Exit::Config, text: texts.join("\n\n") })
}

/// A name for reports, from the file's.
fn stem(path: &Path) -> String {
    path.file_stem().map_or_else(|| "run".to_owned(), |stem| stem.to_string_lossy().into_owned())
}

/// A word of a fixed list, or what was meant.
fn one_of<T: Copy>(word: &str, known: &[(&'static str, T)]) -> Result<T, String> {
    if let Some((_, value)) = known.iter().find(|(name, _)| *name == word) {
        return Ok(*value);
    }
    Err(match did_you_mean(word, known.iter().map(|(name, _)| *name)) {
        Some(near) => format!("did you mean `{near}`?"),
        None => {
            let names: Vec<String> = known.iter().map(|(name, _)| format!("`{name}`")).collect();
            format!("it is one of {}", names.join(", "))
        }
    })
}

#[cfg(test)]
mod tests;
