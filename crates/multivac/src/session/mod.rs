//! A run from its configuration to its report: files read, node booted, console attached, end told.

mod debugger;
mod files;
mod host;
mod report;
mod surroundings;
mod terminal;
mod trace_file;

use crate::config::{Boot, Config, DiskMode, Elf, EngineKind, Entry, Kernel, Mmu, Timing, canonical};
use crate::exit::{Exit, Failure};
use cluster::boot::{self, BootError, Booted, Devices, Hardware, Payload, Start};
use cluster::control::Command;
use cluster::disk;
use cluster::run::{Bounds, Cluster, End};
pub(crate) use debugger::Onlookers;
use image::BootOptions;
use machine::board::Board;
use machine::dev::virtio::disk::BlockBackend;
use machine::node::Halt;
use machine::timing::Costs;
pub(crate) use report::Report;
use std::path::Path;
use std::time::Instant;
use surroundings::Surroundings;
pub(crate) use surroundings::recorded_config;

/// The program that runs when nothing else is asked for.
const DEMO: &[u8] = include_bytes!("../../../../guest/prebuilt/demo.elf");

/// How a session speaks to people.
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
    /// Who looks on.
    pub(crate) onlookers: Onlookers,
}

/// Runs a configuration to its end and reports.
///
/// Errors: whatever keeps it from running; how it ended is in the exit code.
pub(crate) fn run(config: &Config, manner: &Manner) -> Result<Exit, Failure> {
    if !config.run.command.is_empty() && !matches!(config.node.boot, Boot::Image { .. }) {
        return Err(Failure::new(
            Exit::Usage,
            "a command needs a guest with the control agent",
            "name one that `multivac image build` made: --image NAME",
        ));
    }
    let started = Instant::now();
    let surroundings = Surroundings::new(config, manner.lockstep.is_some())?;
    let booted = boot(config, &surroundings)?;
    surroundings.booted()?;
    let kind = booted.kind;
    if let Some(note) = &booted.note {
        eprintln!("note: {note}");
    }
    let bounds = Bounds { time_ns: config.run.max_time_ns, instructions: config.run.max_instructions };
    let mut cluster = Cluster::new(booted, bounds);
    if !config.run.command.is_empty() {
        cluster.set_command(Command { argv: config.run.command.clone(), ..Command::default() });
        if config.node.disks.iter().any(|disk| disk.mode == DiskMode::Writable) {
            cluster.shut_down_after_command();
        }
    }
    if matches!(config.node.boot, Boot::Image { .. }) {
        cluster.hold_input();
    }
    if let Some(every) = manner.lockstep {
        let mut oracle = config.clone();
        oracle.run.engine = EngineKind::Interp;
        cluster.set_shadow(boot(&oracle, &surroundings)?, every);
    }
    let mut host = host::attach(config, manner, !surroundings.outside.is_playing())?;
    let onlooking = debugger::attach(&mut cluster, &mut host, config, manner)?;
    let cpu_before = cpu_seconds();
    let run_started = Instant::now();
    let end = cluster.run(&mut surroundings.outside.host(&mut host));
    let wall_s = run_started.elapsed().as_secs_f64();
    let cpu_s = cpu_seconds() - cpu_before;
    let exit = exit_of(&end, !config.run.command.is_empty());
    let by_command = matches!(end, End::Job(_) | End::Left(_));
    host.finish(exit != Exit::Ok && !by_command);
    let backtrace = onlooking.backtrace(&mut cluster, &end);
    let signature = write_signature(config, &cluster);
    let digest = cluster.digest(&canonical(&config.for_digest()));
    let virtual_ns = cluster.virtual_ns();
    let conclusion = surroundings.conclude(virtual_ns, cluster.node().retired(), digest, &end);
    let report = Report {
        what: config.node.boot.describe(kind),
        replay: conclusion.again(config),
        harts: config.node.harts,
        memory_bytes: config.node.memory_bytes,
        exit,
        end,
        virtual_ns,
        wall_s,
        cpu_s,
        setup_s: (run_started - started).as_secs_f64(),
        digest: digest.to_hex().to_string(),
        tape: conclusion.line(),
        backtrace,
        telemetry: cluster.telemetry(),
        engine: cluster.node().engine_name(),
    };
    report.print(manner, !config.run.command.is_empty());
    if let Some(text) = cluster.divergence() {
        return Err(Failure::new(Exit::Divergence, text, "this is a defect of Multivac; please report it"));
    }
    conclusion.into_result()?;
    onlooking.conclude()?;
    signature?;
    Ok(exit)
}

/// The exit code of an end; a machine that ends under a command has failed, however it ended.
fn exit_of(end: &End, command: bool) -> Exit {
    match *end {
        End::Halted(_) if command => Exit::GuestFailed,
        End::Halted(Halt::PowerOff | Halt::Reboot | Halt::ToHost(1)) => Exit::Ok,
        End::Halted(Halt::Failed(_) | Halt::ToHost(_)) | End::Deadlock | End::JobLost(_) => Exit::GuestFailed,
        End::Diverged => Exit::Divergence,
        End::Time | End::Instructions => Exit::TimeOut,
        End::Left(status) => Exit::Guest(status),
        End::Job(ended) => Exit::Guest(ended.exit_status()),
    }
}

/// Reads the files and boots the node.
fn boot(config: &Config, surroundings: &Surroundings) -> Result<Booted, Failure> {
    let node = &config.node;
    let hardware = Hardware {
        board: Board {
            harts: node.harts,
            memory_bytes: node.memory_bytes,
            rtc_start_s: node.rtc_s,
            ..Board::default()
        },
        clock_hz: node.clock_hz,
        turn_cycles: node.turn_cycles,
        software_tlb: node.mmu == Mmu::Software,
        timing: (node.timing == Timing::Modelled).then(Costs::default),
        seed: config.seed,
        translate: config.run.engine == EngineKind::Translate && node.timing == Timing::Flat,
        code_cache_bytes: config.run.code_cache_bytes,
        perf_map: config.run.perf_map,
    };
    let memory = node.memory_bytes;
    let devices = devices(config, surroundings)?;
    match &node.boot {
        Boot::Demo => start(
            &hardware,
            devices,
            Payload::Elf { file: DEMO, start: Some(Start::Supervisor) },
            Path::new("demo"),
        ),
        Boot::Elf(Elf { file, entry, .. }) => {
            let bytes = files::program("program", file)?;
            surroundings.file("program", &bytes)?;
            let entry = entry.map(|entry| match entry {
                Entry::M => Start::Machine,
                Entry::S => Start::Supervisor,
            });
            start(&hardware, devices, Payload::Elf { file: &bytes, start: entry }, file)
        }
        Boot::Kernel(Kernel { kernel, initrd, append, bios }) => {
            let kernel_bytes = kernel.as_deref().map(|file| files::program("kernel", file)).transpose()?;
            let initrd_bytes =
                initrd.as_deref().map(|file| files::within("initrd", file, memory)).transpose()?;
            let bios_bytes = bios.as_deref().map(|file| files::within("bios", file, memory)).transpose()?;
            let read = [("kernel", &kernel_bytes), ("initrd", &initrd_bytes), ("bios", &bios_bytes)];
            for (what, bytes) in read {
                bytes.as_ref().map_or(Ok(()), |bytes| surroundings.file(what, bytes))?;
            }
            let payload = Payload::Kernel {
                kernel: kernel_bytes.as_deref(),
                initrd: initrd_bytes.as_deref(),
                arguments: append,
                bios: bios_bytes.as_deref(),
            };
            let named = |error: &BootError| match error {
                BootError::Load { file: "initrd", .. } => initrd.as_deref(),
                BootError::Load { file: "bios", .. } => bios.as_deref(),
                _ => kernel.as_deref(),
            };
            boot::boot(&hardware, devices, payload).map_err(|error| {
                let file = named(&error).unwrap_or(Path::new("")).to_owned();
                refuse(&error, &file)
            })
        }
        Boot::Image { name, append } => boot_image(config, &hardware, devices, (name, append), surroundings),
    }
}

/// Boots an image: its kernel and initramfs, its root as the first disk, the user's behind it.
fn boot_image(
    config: &Config,
    hardware: &Hardware,
    mut devices: Devices,
    (name, append): (&str, &str),
    surroundings: &Surroundings,
) -> Result<Booted, Failure> {
    let refused = |error: image::ImageError| {
        let exit = if error.is_host() { Exit::Host } else { Exit::Image };
        Failure::new(exit, &error, error.help())
    };
    let bundle = image::Store::of_user().and_then(|store| store.open(name)).map_err(refused)?;
    // The key is made of everything that went into the image.
    surroundings.file("image", bundle.manifest().key.to_string().as_bytes())?;
    let kernel = files::program("kernel", &bundle.kernel())?;
    let initrd = files::within("initramfs", &bundle.initramfs(), config.node.memory_bytes)?;
    devices.disks.insert(0, open_disk(&bundle.root(), disk::Mode::ReadOnly)?);
    let command = !config.run.command.is_empty();
    let options =
        BootOptions { shell: !command, quiet: command, append: append.to_owned(), ..BootOptions::default() };
    let arguments = options.command_line();
    let payload =
        Payload::Kernel { kernel: Some(&kernel), initrd: Some(&initrd), arguments: &arguments, bios: None };
    start(hardware, devices, payload, bundle.dir())
}

fn start(
    hardware: &Hardware,
    devices: Devices,
    payload: Payload<'_>,
    file: &Path,
) -> Result<Booted, Failure> {
    boot::boot(hardware, devices, payload).map_err(|error| refuse(&error, file))
}

/// Opens the disks and the shared folders, and looks how large the console is.
fn devices(config: &Config, surroundings: &Surroundings) -> Result<Devices, Failure> {
    let mut disks = Vec::new();
    for disk in &config.node.disks {
        let mode = match disk.mode {
            DiskMode::Overlay => disk::Mode::Overlay,
            DiskMode::ReadOnly => disk::Mode::ReadOnly,
            DiskMode::Writable if surroundings.outside.is_playing() => disk::Mode::Sheltered,
            DiskMode::Writable => disk::Mode::Writable,
        };
        disks.push(open_disk(&disk.file, mode)?);
    }
    let shares = surroundings.shares(config)?;
    Ok(Devices { disks, shares, console_size: surroundings.outside.console_size(0, terminal::size()) })
}

fn open_disk(file: &Path, mode: disk::Mode) -> Result<Box<dyn BlockBackend>, Failure> {
    disk::open(file, mode).map_err(|error| {
        let (exit, help) = match error.kind() {
            std::io::ErrorKind::ResourceBusy => (Exit::Host, "wait for its end, or give each run a copy"),
            _ => (Exit::Image, ""),
        };
        Failure::new(exit, format!("cannot open the disk {}: {error}", file.display()), help)
    })
}

/// A node that does not boot, as an error with its exit code.
fn refuse(error: &BootError, file: &Path) -> Failure {
    match error {
        BootError::Board(_) | BootError::Fork(_) => Failure::new(Exit::Host, error, "try less --memory"),
        BootError::Load { .. } => {
            let help = if error.to_string().contains("memory") { "more --memory may help" } else { "" };
            Failure::new(Exit::Image, format!("{}: {error}", file.display()), help)
        }
        BootError::Disks { .. } => Failure::new(Exit::Config, error, "leave some out"),
        BootError::DeviceTree { .. } => {
            Failure::new(Exit::Config, error, "the kernel's command line has no zero byte")
        }
    }
}

/// Writes the signature where one is asked for.
fn write_signature(config: &Config, cluster: &Cluster) -> Result<(), Failure> {
    let Boot::Elf(Elf { file, signature: Some(path), .. }) = &config.node.boot else { return Ok(()) };
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
