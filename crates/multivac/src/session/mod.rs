//! A run from its configuration to its report: files read, nodes booted, console attached, end told.

mod boot;
mod build;
mod debugger;
mod figures;
mod files;
mod host;
mod report;
pub(crate) mod sandbox;
mod snapshot;
mod surroundings;
mod terminal;
mod trace_file;
mod watch;

use crate::config::{Boot, Config, DiskMode, Elf, Node, Tape, canonical};
use crate::exit::{self, Exit, Failure};
use cluster::run::{Cluster, End};
pub(crate) use debugger::{OfNode, Onlookers};
use machine::node::Halt;
pub(crate) use report::Report;
pub(crate) use snapshot::{Plan, Planned, failure as snapshot_failure};
use std::time::Instant;
use surroundings::Surroundings;
pub(crate) use surroundings::recorded_config;
use watch::Watched;

/// How a session speaks to people, and what of the host it uses.
#[derive(Clone, Debug, Default)]
pub(crate) struct Manner {
    /// The report is one JSON document, alone on standard output.
    pub(crate) json: bool,
    /// Say less: no report, no hints.
    pub(crate) quiet: bool,
    /// Say more: counters of each hart.
    pub(crate) verbose: bool,
    /// Run the other engine beside and compare every so many instructions.
    pub(crate) lockstep: Option<u64>,
    /// Do not lock the process in.
    pub(crate) unconfined: bool,
    /// Who looks on.
    pub(crate) onlookers: Onlookers,
    /// Show a table of the nodes while they run.
    pub(crate) live: bool,
    /// Host threads; as many as the host has CPUs, where there is none.
    pub(crate) threads: Option<usize>,
}

/// Runs a configuration to its end and reports.
///
/// Errors: whatever keeps it from running; how it ended is in the exit code.
pub(crate) fn run(config: &Config, manner: &Manner, plan: &Plan) -> Result<Exit, Failure> {
    let command = !config.run.command.is_empty();
    if command && let Some(name) = without_agent(config) {
        let whose = if config.node_count() > 1 { format!(", and {name} is none") } else { String::new() };
        return Err(Failure::new(
            Exit::Usage,
            format!("a command needs a guest with the control agent{whose}"),
            "name one that `multivac image build` made: --image NAME",
        ));
    }
    let writes =
        config.groups.iter().flat_map(|group| &group.node.disks).any(|disk| disk.mode == DiskMode::Writable);
    if manner.lockstep.is_some() && writes && !matches!(config.run.tape, Tape::Replay(_)) {
        let cause = "--lockstep runs each node twice, and a `writable` disk is written to once";
        return Err(Failure::new(
            Exit::Usage,
            cause,
            "leave `writable` out, or record the run and replay it so",
        ));
    }
    let started = Instant::now();
    let surroundings = Surroundings::new(config, manner.lockstep.is_some(), plan.restore.as_ref())?;
    let prepared = debugger::prepare(config, manner)?;
    let forks = config.groups.iter().any(|group| group.node.fork) && plan.restore.is_none();
    if forks && !manner.unconfined {
        // A guest boots to be forked while other nodes are still to be built.
        sandbox::confine(config, &sandbox::Needs::of_building(config, plan)?);
    }
    let built = build::build(config, manner, plan, &surroundings)?;
    if let Some(note) = &built.note {
        eprintln!("note: {note}");
    }
    let mut cluster = built.cluster;
    let what = match &plan.restore {
        Some(snapshot) => snapshot.manifest().what.clone(),
        None => config.first().boot.describe(built.kind),
    };
    let mut recorder = snapshot::Recorder::new(config, &what, &mut cluster, plan)?;
    let files = watch::Files::create(config)?;
    let needs = sandbox::Needs {
        reads: recorder.reads().to_owned(),
        writes: plan.outputs(),
        removes: prepared.leaves_behind(),
    };
    let confinement = (!manner.unconfined).then(|| sandbox::confine(config, &needs));
    if let Some(confinement) = &confinement {
        confinement.note(manner);
    }
    let mut host = host::attach(config, manner, !surroundings.outside.is_playing())?;
    let onlooking = debugger::attach(&mut cluster, &mut host, prepared, manner)?;
    let inherited = cluster.nodes();
    let cpu_before = cpu_seconds();
    let run_started = Instant::now();
    let mut watched = Watched::new(&mut host, files, config.names(), manner.live);
    let end = recorder.run(&mut cluster, &mut surroundings.outside.host(&mut watched));
    let written = watched.finish();
    let wall_s = run_started.elapsed().as_secs_f64();
    let cpu_s = cpu_seconds() - cpu_before;
    let end = end.inspect_err(|_| host.finish(false, &[]))?;
    let exit = exit_of(&end, command);
    let by_command = matches!(end, End::Job(_) | End::Left(_));
    let nodes = cluster.nodes();
    host.finish(exit != Exit::Ok && !by_command, &nodes);
    let backtrace = onlooking.backtrace(&mut cluster, &end);
    let signature = write_signature(config, &cluster);
    let digest = cluster.digest(&canonical(&config.for_digest()));
    let virtual_ns = cluster.virtual_ns();
    let instructions = nodes.iter().map(|node| node.telemetry.instructions).sum();
    let conclusion = surroundings.conclude(virtual_ns, instructions, digest, &end);
    let report = Report {
        what: what.clone(),
        snapshots: recorder.written(),
        restored_ns: plan.restore.as_ref().map(|snapshot| snapshot.manifest().virtual_ns),
        replay: conclusion.again(config),
        exit,
        end,
        culprit: cluster.culprit().and_then(|node| nodes.get(node.index())).map(|node| node.name.clone()),
        virtual_ns,
        wall_s,
        cpu_s,
        setup_s: (run_started - started).as_secs_f64(),
        digest: digest.to_hex().to_string(),
        tape: conclusion.line(),
        backtrace,
        confinement,
        epoch_ns: cluster.epoch().map(cluster::time::Ps::ns),
        network: cluster.network(),
        nodes: report::since(nodes, &inherited),
    };
    let printed = report.print(manner, command);
    if let Some(text) = cluster.divergence() {
        return Err(Failure::new(Exit::Divergence, text, "this is a defect of Multivac; please report it"));
    }
    conclusion.into_result()?;
    onlooking.conclude()?;
    signature?;
    written?;
    host.conclude().and_then(|()| exit::printed(printed))?;
    Ok(exit)
}

/// The first node that is to carry out the command and boots no image, whose agent would.
fn without_agent(config: &Config) -> Option<String> {
    let bare = |(name, node): &(String, &Node)| {
        config.run.on.includes(name) && !matches!(node.boot, Boot::Image { .. })
    };
    config.members().into_iter().find(bare).map(|(name, _)| name)
}

/// A cluster of this configuration, about to run.
///
/// Errors: whatever keeps it from running.
pub(crate) fn cluster(config: &Config) -> Result<Cluster, Failure> {
    let surroundings = Surroundings::new(config, false, None)?;
    build::build(config, &Manner::default(), &Plan::default(), &surroundings).map(|built| built.cluster)
}

/// The exit code of an end; a machine that ends under a command has failed, however it ended.
fn exit_of(end: &End, command: bool) -> Exit {
    match *end {
        // A mark is where a run goes on.
        End::Reached(_) => Exit::Ok,
        End::Halted(_) if command => Exit::GuestFailed,
        End::Halted(Halt::PowerOff | Halt::Reboot | Halt::ToHost(1)) => Exit::Ok,
        End::Halted(Halt::Failed(_) | Halt::ToHost(_)) | End::Deadlock | End::JobLost(_) => Exit::GuestFailed,
        End::Panicked => Exit::GuestFailed,
        End::Diverged => Exit::Divergence,
        End::Time | End::Instructions => Exit::TimeOut,
        End::Left(status) => Exit::Guest(status),
        End::Job(ended) => Exit::Guest(ended.exit_status()),
    }
}

/// Writes the signature where one is asked for.
fn write_signature(config: &Config, cluster: &Cluster) -> Result<(), Failure> {
    let Boot::Elf(Elf { file, signature: Some(path), .. }) = &config.first().boot else { return Ok(()) };
    let Some(text) = cluster.signature() else {
        let cause = format!("{} has no `begin_signature` and `end_signature` in memory", file.display());
        return Err(Failure::new(Exit::Image, cause, "leave --signature out"));
    };
    std::fs::write(path, text)
        .map_err(|error| Failure::new(Exit::Host, format!("cannot write {}: {error}", path.display()), ""))
}

/// CPU time of this process.
fn cpu_seconds() -> f64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    // Nanoseconds of a second are exact in a double, and a process lives less than 2^53 seconds.
    #[expect(clippy::cast_precision_loss, reason = "exact for any process's lifetime")]
    let (seconds, nanoseconds) = (now.tv_sec as f64, now.tv_nsec as f64);
    seconds + nanoseconds / 1e9
}
