//! `multivac run`: boots a machine and runs its job.

use crate::config::{self, Boot, Config, Elf, EngineKind, Entry, Kernel, Mmu, Node, Timing, units};
use crate::exit::{Exit, Failure};
use crate::session::{self, Manner, Plan, Planned};
use std::path::{Path, PathBuf};

/// A configuration and its name.
type Preset = (&'static str, fn() -> Config);

/// Configurations that have a name instead of a file.
const PRESETS: &[Preset] = &[("heat", Config::heat), ("demo", Config::demo)];

/// Flags of `multivac run`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// A TOML file, or the name of a preset: `heat`, a heat equation on a hypercube of 16 nodes, which runs when
    /// nothing else is asked for, or `demo`, one node of four harts.
    config: Option<String>,
    #[command(flatten)]
    boot: BootFlags,
    #[command(flatten)]
    node: NodeFlags,
    #[command(flatten)]
    cluster: ClusterFlags,
    /// Run ends after this much virtual time (`2s`, `50ms`), with exit code 124.
    #[arg(long, value_name = "TIME", value_parser = units::nanoseconds)]
    max_time: Option<u64>,
    /// Run ends after this many instructions of all harts together, with exit code 124.
    #[arg(long, value_name = "COUNT", value_parser = units::count)]
    max_instructions: Option<u64>,
    /// Seed of everything random.
    #[arg(long)]
    seed: Option<u64>,
    /// What executes instructions.
    #[arg(long, value_enum)]
    engine: Option<EngineKind>,
    /// Size of the translator's code cache with its tables and TLBs, 64MiB unless said.
    #[arg(long, value_name = "SIZE", value_parser = code_cache)]
    code_cache: Option<u64>,
    /// Write /tmp/perf-PID.map, by which `perf report` names the blocks that the translator made.
    #[arg(long)]
    perf_map: bool,
    /// Run both engines side by side and compare their states every COUNT instructions; exit code 7 where they
    /// differ.
    #[arg(long, value_name = "COUNT", value_parser = units::count, conflicts_with = "engine")]
    lockstep: Option<u64>,
    /// Listen for gdb at HOST:PORT, :PORT or a socket's path, and wait for it before the first instruction; with
    /// `,nowait` run at once, with `,hold` wait again when it goes. One of several nodes is named, each for a gdb of its
    /// own.
    #[arg(long, value_name = "[NODE=]ADDR[,nowait][,hold]", conflicts_with = "lockstep")]
    gdb: Vec<session::OfNode<debug::gdb::Address>>,
    /// Write each executed instruction with what it changed: FILE[,from=N][,count=N][,hart=N]; at most a million
    /// lines unless told. A FILE that ends in `.zst` is compressed. One of several nodes is named.
    #[arg(long, value_name = "[NODE=]FILE[,from=N]...", conflicts_with = "lockstep")]
    trace_instructions: Vec<session::OfNode<debug::trace::Order>>,
    /// Do not lock the process in. Otherwise, once the guest starts, no file can be opened that the run does not need, no
    /// program run, and no connection made.
    #[arg(long)]
    no_sandbox: bool,
    /// Names for addresses in traces and reports: an ELF, a System.map, or a Linux kernel; without it the
    /// program's own, or those in a kernel's memory.
    #[arg(long, value_name = "FILE")]
    symbols: Option<PathBuf>,
    /// Host threads, on which nothing but the wall time depends; one node runs on one. As many as the host has
    /// CPUs, unless given.
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
    threads: Option<u16>,
    /// Write what comes from outside (input, shared folders) to a file from which the run can be replayed.
    #[arg(long, value_name = "FILE", conflicts_with = "replay")]
    record: Option<PathBuf>,
    /// Replay a recorded run: its configuration, and what came from outside at the same virtual instants.
    #[arg(long, value_name = "FILE")]
    replay: Option<PathBuf>,
    /// Make a snapshot of the run in directory DIR: WHEN is a virtual time (`2s`), `ready` (the guests can take their
    /// command) or `exit`; may be repeated.
    #[arg(long = "snapshot-at", value_name = "WHEN=DIR")]
    snapshots: Vec<Planned>,
    /// Go on from a snapshot; engine, threads, limits and, if it was made before it started, the command may be
    /// others than they were. With --replay, where the snapshot is now that the recorded run went on from.
    #[arg(long, value_name = "DIR", conflicts_with_all = [
        "config", "image", "init", "kernel", "initrd", "append", "bios", "disks", "shares", "elf", "entry", "signature",
        "harts", "memory", "timing", "mmu", "nodes", "topology", "seed", "sets",
    ])]
    restore: Option<PathBuf>,
    /// Capture the frames of all nodes, or of those of `[output] pcap`, in a file for Wireshark (pcapng).
    #[arg(long, value_name = "FILE")]
    pcap: Option<PathBuf>,
    /// Write a trace for the Perfetto UI: harts, frames, links' load, faults.
    #[arg(long, value_name = "FILE")]
    trace: Option<PathBuf>,
    /// Show a table of the nodes while they run, on a terminal: how fast each is, what it does, its frames.
    #[arg(long)]
    live: bool,
    /// Change a key of the configuration, as in `node.harts=2`; may be repeated.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    sets: Vec<String>,
    /// The report is one JSON document on standard output; the guest's console goes to standard error.
    #[arg(long)]
    json: bool,
    /// A command to run in the guest; its output and exit status become ours.
    #[arg(last = true)]
    command: Vec<String>,
}

/// What boots.
#[derive(clap::Args)]
struct BootFlags {
    /// An image made by `multivac image build`.
    #[arg(long, value_name = "NAME", conflicts_with_all = ["kernel", "bios", "elf"])]
    image: Option<String>,
    /// A program of the image that runs as PID 1, such as `systemd`; `multivac image build --packages systemd-sysv`.
    #[arg(long, value_name = "PROGRAM", requires = "image", value_parser = config::init)]
    init: Option<String>,
    /// A kernel: a Linux Image, an ELF, or a bare binary such as U-Boot's.
    #[arg(long, value_name = "FILE", conflicts_with = "elf")]
    kernel: Option<PathBuf>,
    /// The kernel's initial RAM disk.
    #[arg(long, value_name = "FILE", conflicts_with = "elf")]
    initrd: Option<PathBuf>,
    /// The kernel's command line, or the words for a bare-metal program.
    #[arg(long, value_name = "WORDS")]
    append: Option<String>,
    /// Machine-mode firmware in place of the built-in SBI (OpenSBI's fw_jump or fw_dynamic).
    #[arg(long, value_name = "FILE", conflicts_with = "elf")]
    bios: Option<PathBuf>,
    /// A disk image, raw or (by its name) .qcow2: FILE[,ro][,overlay][,writable]; may be repeated. What the guest writes stays in memory.
    #[arg(long = "disk", value_name = "FILE[,MODE]", value_parser = config::disk)]
    disks: Vec<config::Disk>,
    /// A folder of the host's that the guest finds at GUEST: HOST:GUEST[,ro]; may be repeated.
    #[arg(long = "share", value_name = "HOST:GUEST[,ro]", value_parser = config::share)]
    shares: Vec<config::Share>,
    /// A bare-metal program.
    #[arg(long, value_name = "FILE")]
    elf: Option<PathBuf>,
    /// How the program starts: all harts in machine mode, or one in supervisor mode under SBI.
    #[arg(long, value_enum, requires = "elf")]
    entry: Option<Entry>,
    /// Where the words from `begin_signature` to `end_signature` go after the run.
    #[arg(long, value_name = "FILE", requires = "elf")]
    signature: Option<PathBuf>,
}

/// The node's hardware.
#[derive(clap::Args)]
struct NodeFlags {
    /// Hardware threads, 1 to 64.
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=64))]
    harts: Option<u16>,
    /// Size of main memory, as in `512MiB`.
    #[arg(long, value_name = "SIZE", value_parser = memory)]
    memory: Option<u64>,
    /// What an instruction costs.
    #[arg(long, value_enum)]
    timing: Option<Timing>,
    /// Who walks page tables.
    #[arg(long, value_enum)]
    mmu: Option<Mmu>,
}

/// How many nodes, and what joins them.
#[derive(clap::Args)]
struct ClusterFlags {
    /// How many nodes; with several groups of them in a file, change the file.
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..65_535))]
    nodes: Option<u32>,
    /// Which of several nodes has the terminal, or standard input; the run ends when it does.
    #[arg(long, value_name = "NODE")]
    console: Option<String>,
    /// What joins the nodes, as in `hypercube` or `torus:4x4`; see `multivac topology`.
    #[arg(long, value_name = "SPEC")]
    topology: Option<String>,
}

fn memory(text: &str) -> Result<u64, String> {
    config::memory(units::bytes(text)?)
}

impl Args {
    /// Carries the verb out.
    pub(crate) fn run(mut self) -> Result<Exit, Failure> {
        let tone = crate::diag::tone();
        let manner = Manner {
            json: self.json,
            quiet: tone.quiet,
            verbose: tone.verbose,
            lockstep: self.lockstep,
            unconfined: self.no_sandbox,
            onlookers: self.onlookers(),
            threads: self.threads.map(usize::from),
            live: self.live,
        };
        let mut plan = Plan { snapshots: std::mem::take(&mut self.snapshots), restore: None };
        let restore = self.restore.take();
        let base = match &restore {
            Some(dir) if self.replay.is_none() => plan.restoring(dir)?,
            _ => self.base()?,
        };
        let config = self.resolve(base)?;
        if let config::Tape::Replay(path) = &config.run.tape {
            plan.replaying(path, restore)?;
        }
        session::run(&config, &manner, &plan)
    }

    fn onlookers(&self) -> session::Onlookers {
        session::Onlookers {
            gdb: self.gdb.clone(),
            trace: self.trace_instructions.clone(),
            symbols: self.symbols.clone(),
        }
    }

    /// What `base`, flags and `--set` come to; flags go over the file, `--set` over both.
    fn resolve(self, mut config: Config) -> Result<Config, Failure> {
        let Args { boot, node, cluster, .. } = self;
        boot.apply(&mut config)?;
        cluster.apply(&mut config)?;
        config.each_node(|to| {
            to.harts = node.harts.map_or(to.harts, usize::from);
            to.memory_bytes = node.memory.unwrap_or(to.memory_bytes);
            to.timing = node.timing.unwrap_or(to.timing);
            to.mmu = node.mmu.unwrap_or(to.mmu);
        });
        config.seed = self.seed.unwrap_or(config.seed);
        config.run.max_time_ns = self.max_time.or(config.run.max_time_ns);
        config.run.max_instructions = self.max_instructions.or(config.run.max_instructions);
        config.run.engine = self.engine.unwrap_or(config.run.engine);
        config.run.code_cache_bytes = self.code_cache.unwrap_or(config.run.code_cache_bytes);
        config.run.perf_map |= self.perf_map;
        if !self.command.is_empty() {
            config.run.command = self.command;
        }
        config.run.tape = match (self.record, self.replay) {
            (Some(path), _) => config::Tape::Record(path),
            (None, Some(path)) => config::Tape::Replay(path),
            (None, None) => config.run.tape,
        };
        config.output.pcap_file = self.pcap.or(config.output.pcap_file.take());
        config.output.trace = self.trace.or(config.output.trace.take());
        config.apply_sets(&self.sets)?;
        Ok(config)
    }

    /// What the flags go over: a file, a preset, or what the flags themselves call for.
    fn base(&self) -> Result<Config, Failure> {
        let Some(name) = &self.config else {
            let boot = &self.boot;
            if let Some(path) = &self.replay {
                return session::recorded_config(path);
            }
            if boot.image.is_none() && boot.kernel.is_none() && boot.bios.is_none() && boot.elf.is_none() {
                return Ok(Config::heat());
            }
            return Ok(Config { name: "run".to_owned(), ..Config::default() });
        };
        if let Some((_, preset)) = PRESETS.iter().find(|(known, _)| known == name) {
            return Ok(preset());
        }
        let path = Path::new(name);
        let looks_like_a_file = path.extension().is_some() || name.contains('/') || path.exists();
        if looks_like_a_file {
            return Config::load(path, &[]);
        }
        let known = PRESETS.iter().map(|(known, _)| *known);
        let help = match crate::diag::did_you_mean(name, known) {
            Some(near) => format!("did you mean `{near}`? A file is named with its extension: {name}.toml"),
            None => "presets: heat, demo; a file is named with its extension".to_owned(),
        };
        Err(Failure::new(Exit::Config, format!("no preset is called `{name}`"), help))
    }
}

impl ClusterFlags {
    fn apply(self, config: &mut Config) -> Result<(), Failure> {
        if let Some(nodes) = self.nodes {
            let [group] = &mut config.groups[..] else {
                let cause =
                    "--nodes is for a configuration with one group of nodes, and this one has several";
                return Err(Failure::new(Exit::Usage, cause, "change `count` in the file"));
            };
            group.set_count(nodes);
        }
        if let Some(topology) = self.topology {
            config.network.topology = topology;
        }
        if let Some(name) = self.console {
            config.place_of(&name).map_err(|help| {
                Failure::new(Exit::Usage, format!("--console: there is no node `{name}`"), help)
            })?;
            config.run.console = Some(name);
        }
        Ok(())
    }
}

impl BootFlags {
    fn apply(self, config: &mut Config) -> Result<(), Failure> {
        let mut result = Ok(());
        config.each_node(|node| {
            if result.is_ok() {
                result = self.apply_to(node);
            }
        });
        result
    }

    fn apply_to(&self, node: &mut Node) -> Result<(), Failure> {
        if !self.disks.is_empty() {
            node.disks.clone_from(&self.disks);
        }
        if !self.shares.is_empty() {
            node.shares.clone_from(&self.shares);
        }
        let append = || self.append.clone().unwrap_or_default();
        if let Some(name) = &self.image {
            node.boot = Boot::Image { name: name.clone(), append: append(), init: self.init.clone() };
        } else if let Some(file) = &self.elf {
            node.boot = Boot::Elf(Elf {
                file: file.clone(),
                entry: self.entry,
                signature: self.signature.clone(),
                append: append(),
            });
        } else if self.kernel.is_some() || self.bios.is_some() {
            node.boot = Boot::Kernel(Kernel {
                kernel: self.kernel.clone(),
                initrd: self.initrd.clone(),
                append: append(),
                bios: self.bios.clone(),
            });
        } else if self.initrd.is_some() || self.append.is_some() {
            return self.change(node);
        }
        Ok(())
    }

    /// Changes what was named before: the words of its command line, or a kernel's initial RAM disk.
    fn change(&self, node: &mut Node) -> Result<(), Failure> {
        match (&mut node.boot, &self.initrd, &self.append) {
            (Boot::Kernel(kernel), initrd, append) => {
                kernel.initrd = initrd.clone().or(kernel.initrd.take());
                kernel.append = append.clone().unwrap_or(std::mem::take(&mut kernel.append));
            }
            (
                Boot::Image { append: words, .. }
                | Boot::Jacobi { append: words }
                | Boot::Elf(Elf { append: words, .. }),
                None,
                Some(append),
            ) => words.clone_from(append),
            _ => {
                let cause = "--initrd and --append are for a kernel, and none is named";
                return Err(Failure::new(Exit::Usage, cause, "name one with --kernel FILE"));
            }
        }
        Ok(())
    }
}

/// Reads a size of the code cache.
fn code_cache(text: &str) -> Result<u64, String> {
    config::code_cache(units::bytes(text)?)
}
