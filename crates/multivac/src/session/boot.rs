//! From a node's configuration to a node that is about to execute its first instruction: files read, disks opened.

use super::build;
use super::files::{Files, way_out};
use super::surroundings::{Surroundings, number, refuse as refuse_tape};
use super::terminal;
use crate::config::{Boot, Config, Disk, DiskMode, Elf, EngineKind, Entry, Kernel, Mmu, Node, Timing};
use crate::exit::{Exit, Failure};
use cluster::boot::{self, Attachment, BootError, Booted, Devices, Hardware, Payload, Start};
use cluster::disk;
use cluster::time::Ps;
use fabric::NodeId;
use fabric::rng::mix;
use image::BootOptions;
use machine::board::Board;
use machine::dev::virtio::disk::BlockBackend;
use machine::dev::virtio::net::Capacity;
use machine::load::LoadError;
use machine::load::elf::Symbols;
use machine::node::Template;
use machine::timing::Costs;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The program for one node.
const DEMO: &[u8] = include_bytes!("../../../../guest/prebuilt/demo.elf");
/// The parallel program for bare nodes.
const JACOBI: &[u8] = include_bytes!("../../../../guest/prebuilt/jacobi.elf");

/// The number on the tape of the disk that is an image's root: the user's begin at 0.
const ROOT: u16 = u16::MAX;

/// Boots the nodes of one configuration, and reads each of their files once.
pub(super) struct Boots<'a> {
    config: &'a Config,
    engine: EngineKind,
    surroundings: &'a Surroundings,
    files: Files,
    /// Frozen nodes by their groups.
    templates: BTreeMap<usize, Frozen>,
    /// Its nodes run beside others.
    beside: bool,
}

/// A frozen node, what is known of its program, and what the user should know.
struct Frozen {
    template: Template,
    symbols: Symbols,
    kind: &'static str,
    note: Option<String>,
}

impl<'a> Boots<'a> {
    /// Nothing is read yet.
    pub(super) fn new(config: &'a Config, engine: EngineKind, surroundings: &'a Surroundings) -> Boots<'a> {
        let (files, templates) = (Files::default(), BTreeMap::new());
        Boots { config, engine, surroundings, files, templates, beside: false }
    }

    /// As [`Boots::new`], of nodes that run beside others and have the same of what comes from outside.
    pub(super) fn beside(
        config: &'a Config,
        engine: EngineKind,
        surroundings: &'a Surroundings,
    ) -> Boots<'a> {
        Boots { beside: true, ..Boots::new(config, engine, surroundings) }
    }

    /// Boots the node at `place` in the cluster, or forks it from the first of its group.
    ///
    /// Errors: files that are not there or not what they should be, memory that the host does not give.
    pub(super) fn boot(&mut self, place: NodeId, node: &Node) -> Result<Booted, Failure> {
        if node.fork { self.fork(place, node) } else { self.load(place, node) }
    }

    /// Builds the node at `place` with nothing in it: its state comes from a snapshot.
    ///
    /// Errors: as [`Boots::boot`].
    pub(super) fn bare(&mut self, place: NodeId, node: &Node) -> Result<Booted, Failure> {
        let devices = self.devices(place, node)?;
        boot::bare(&self.hardware(place, node), devices).map_err(|error| refuse(&error, Path::new("")))
    }

    /// Forks the node at `place` from the first of its group, which boots here.
    fn fork(&mut self, place: NodeId, node: &Node) -> Result<Booted, Failure> {
        if node.fork_at_ps.is_none() && !matches!(node.boot, Boot::Image { .. }) {
            let cause = "nobody says when the node is to be forked: an image's agent would";
            return Err(Failure::new(Exit::Config, cause, "say when: `fork_at = \"2ms\"`"));
        }
        if node.disks.iter().any(|disk| disk.mode == DiskMode::Writable) {
            let cause = "forked nodes cannot all write to one disk";
            return Err(Failure::new(
                Exit::Config,
                cause,
                "leave `writable` out: each then keeps its own changes",
            ));
        }
        let group = self.config.groups.iter().position(|group| std::ptr::eq(&group.node, node)).unwrap_or(0);
        if !self.templates.contains_key(&group) {
            let mut booted = self.load(place, node)?;
            let refused = |error: BootError| refuse(&error, Path::new(""));
            match node.fork_at_ps {
                Some(at) => boot::to_instant(&mut booted, Ps(at)),
                None => boot::to_ready(&mut booted, build::command_of(&node.fork_after)),
            }
            .map_err(refused)?;
            let Booted { node, symbols, kind, note } = booted;
            let template = node.freeze().map_err(|error| refused(BootError::Fork(error)))?;
            self.templates.insert(group, Frozen { template, symbols, kind, note });
        }
        let (hardware, devices) = (self.hardware(place, node), self.devices(place, node)?);
        let Frozen { template, symbols, kind, note } = &self.templates[&group];
        let forked = boot::fork(template, &hardware, devices);
        let mut node = forked.map_err(|error| refuse(&error, Path::new("")))?;
        if let Some(tohost) = symbols.tohost {
            node.watch_tohost(tohost);
        }
        Ok(Booted { node, symbols: *symbols, kind, note: note.clone() })
    }

    fn load(&mut self, place: NodeId, node: &Node) -> Result<Booted, Failure> {
        let hardware = self.hardware(place, node);
        let devices = self.devices(place, node)?;
        let memory = node.memory_bytes;
        let nodes = self.config.node_count();
        let words = |append: &str| match nodes {
            1 => append.to_owned(),
            _ => format!("nodes={nodes} {append}").trim_end().to_owned(),
        };
        match &node.boot {
            Boot::Demo => {
                let payload = Payload::Elf { file: DEMO, start: Some(Start::Supervisor), arguments: "" };
                start(&hardware, devices, payload, Path::new("demo"))
            }
            Boot::Jacobi { append } => {
                let arguments = words(append);
                let payload =
                    Payload::Elf { file: JACOBI, start: Some(Start::Supervisor), arguments: &arguments };
                start(&hardware, devices, payload, Path::new("jacobi"))
            }
            Boot::Elf(Elf { file, entry, append, .. }) => {
                let bytes = self.files.program("program", file)?;
                self.surroundings.file(place, "program", &bytes)?;
                let entry = entry.map(|entry| match entry {
                    Entry::M => Start::Machine,
                    Entry::S => Start::Supervisor,
                });
                let payload = Payload::Elf { file: &bytes, start: entry, arguments: &words(append) };
                start(&hardware, devices, payload, file)
            }
            Boot::Kernel(Kernel { kernel, initrd, append, bios }) => {
                let kernel_bytes =
                    kernel.as_deref().map(|file| self.files.program("kernel", file)).transpose()?;
                let initrd_bytes =
                    initrd.as_deref().map(|file| self.files.within("initrd", file, memory)).transpose()?;
                let bios_bytes =
                    bios.as_deref().map(|file| self.files.within("bios", file, memory)).transpose()?;
                let read = [("kernel", &kernel_bytes), ("initrd", &initrd_bytes), ("bios", &bios_bytes)];
                for (what, bytes) in read {
                    bytes.as_ref().map_or(Ok(()), |bytes| self.surroundings.file(place, what, bytes))?;
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
            Boot::Image { name, append, init } => {
                let options =
                    BootOptions { append: append.clone(), init: init.clone(), ..BootOptions::default() };
                self.image((place, node), &hardware, devices, name, options)
            }
        }
    }

    fn hardware(&self, place: NodeId, node: &Node) -> Hardware {
        // A node by itself draws from the seed as it is; those of a cluster each from their own.
        let seed = match self.config.node_count() {
            1 => self.config.seed,
            _ => mix(self.config.seed ^ mix(u64::from(place.0) + 1)),
        };
        Hardware {
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
            seed,
            translate: self.engine == EngineKind::Translate && node.timing == Timing::Flat,
            code_cache_bytes: self.config.run.code_cache_bytes,
            perf_map: self.config.run.perf_map,
        }
    }

    /// Opens the disks, an image's root foremost, and the shared folders, plugs in the interfaces, and looks how large the console is.
    fn devices(&self, place: NodeId, node: &Node) -> Result<Devices, Failure> {
        let root = root_of(node)?.map(|file| Disk { file, mode: DiskMode::ReadOnly });
        // What is in an image's root is in the image's key.
        let mut disks =
            root.iter().map(|disk| self.open_disk(place, ROOT, disk)).collect::<Result<Vec<_>, _>>()?;
        for (index, disk) in (0..).zip(&node.disks) {
            disks.push(self.disk(place, index, disk)?);
        }
        let shares = self.surroundings.shares(place, node, self.config)?;
        let several = self.config.node_count() > 1;
        let interfaces = &node.interfaces;
        let mtu = self.config.network.mtu;
        let capacity = Capacity {
            buffer_bytes: usize::try_from(interfaces.buffer_bytes).unwrap_or(usize::MAX),
            mtu: (mtu != 1500).then_some(mtu),
        };
        let network = Attachment {
            node: place,
            interfaces: interfaces.count,
            connected: several,
            capacity: if several { capacity } else { Capacity::default() },
        };
        let has_console = !several || self.config.console_place() == Some(place.0);
        let size = terminal::size().filter(|_| has_console);
        let console_size = self.surroundings.outside.console_size(number(place), size);
        Ok(Devices { disks, shares, console_size, network })
    }

    /// Whether somebody may type to the node, or, where it is frozen, to one of its copies.
    fn has_shell(&self, place: NodeId, node: &Node) -> bool {
        let Some(chosen) = self.config.console_place() else { return self.config.node_count() == 1 };
        let members = self.config.members();
        let of_group = |(_, member): &(String, &Node)| std::ptr::eq(*member, node);
        chosen == place.0 || node.fork && members.get(chosen as usize).is_some_and(of_group)
    }

    /// Opens a disk of the user's, which is on the tape too.
    fn disk(&self, place: NodeId, index: u16, disk: &Disk) -> Result<Box<dyn BlockBackend>, Failure> {
        let outside = &self.surroundings.outside;
        let kept = outside.kept_disk(number(place), index).map_err(|error| refuse_tape(&error))?;
        let opened = match kept {
            Some(bytes) => disk::kept(&disk.file, &bytes, &|inner| self.watched(place, index, disk, inner))
                .map_err(|error| refuse_disk(disk, &error))?,
            None => self.open_disk(place, index, disk)?,
        };
        let changes = disk.mode == DiskMode::Writable;
        let noted = outside.disk(number(place), index, &disk.file, changes);
        noted.map_err(|error| refuse_tape(&error))?;
        Ok(opened)
    }

    fn watched(
        &self,
        place: NodeId,
        index: u16,
        disk: &Disk,
        inner: Box<dyn BlockBackend>,
    ) -> Box<dyn BlockBackend> {
        self.surroundings.watched(&disk.file, (place, index), self.beside, inner)
    }

    /// Opens a disk; where a recording is played, nothing is written to it.
    fn open_disk(&self, place: NodeId, index: u16, disk: &Disk) -> Result<Box<dyn BlockBackend>, Failure> {
        let playing = self.surroundings.outside.is_playing();
        let mode = match disk.mode {
            DiskMode::Overlay => disk::Mode::Overlay,
            DiskMode::ReadOnly => disk::Mode::ReadOnly,
            DiskMode::Writable if playing => disk::Mode::Sheltered,
            DiskMode::Writable => disk::Mode::Writable,
        };
        let around = |inner| self.watched(place, index, disk, inner);
        disk::open_with(&disk.file, mode, &around).map_err(|error| refuse_disk(disk, &error))
    }

    /// Boots an image: its kernel and initramfs, its root as the first disk, the user's behind it.
    fn image(
        &mut self,
        (place, node): (NodeId, &Node),
        hardware: &Hardware,
        devices: Devices,
        name: &str,
        options: BootOptions,
    ) -> Result<Booted, Failure> {
        let bundle = open_image(name)?;
        // The key is made of everything that went into the image.
        self.surroundings.file(place, "image", bundle.manifest().key.to_string().as_bytes())?;
        let kernel = self.files.program("kernel", &bundle.kernel())?;
        let initrd = self.files.within("initramfs", &bundle.initramfs(), node.memory_bytes)?;
        let command = !self.config.run.command.is_empty();
        let options = BootOptions {
            shell: !command && options.init.is_none() && self.has_shell(place, node),
            quiet: command,
            ..options
        };
        let arguments = options.command_line();
        let payload = Payload::Kernel {
            kernel: Some(&kernel),
            initrd: Some(&initrd),
            arguments: &arguments,
            bios: None,
        };
        start(hardware, devices, payload, bundle.dir())
    }
}

/// Finds an image among the user's.
fn open_image(name: &str) -> Result<image::Bundle, Failure> {
    image::Store::of_user().and_then(|store| store.open(name)).map_err(|error| {
        let exit = if error.is_host() { Exit::Host } else { Exit::Image };
        Failure::new(exit, &error, error.help())
    })
}

/// The root of the image that a node boots, if it boots one.
pub(super) fn root_of(node: &Node) -> Result<Option<PathBuf>, Failure> {
    match &node.boot {
        Boot::Image { name, .. } => Ok(Some(open_image(name)?.root())),
        _ => Ok(None),
    }
}

fn start(
    hardware: &Hardware,
    devices: Devices,
    payload: Payload<'_>,
    file: &Path,
) -> Result<Booted, Failure> {
    boot::boot(hardware, devices, payload).map_err(|error| refuse(&error, file))
}

/// A disk that cannot be opened, as an error with its exit code.
fn refuse_disk(disk: &Disk, error: &std::io::Error) -> Failure {
    let (exit, help) = match error.kind() {
        std::io::ErrorKind::ResourceBusy => (Exit::Host, "wait for its end, or give each run a copy"),
        std::io::ErrorKind::InvalidData => (Exit::Image, "`qemu-img check` tells more of it"),
        _ => (Exit::Image, way_out(error)),
    };
    Failure::new(exit, format!("cannot open the disk {}: {error}", disk.file.display()), help)
}

/// A node that does not boot, as an error with its exit code.
fn refuse(error: &BootError, file: &Path) -> Failure {
    match error {
        BootError::NeverReady { .. } => Failure::new(Exit::Image, error, ""),
        BootError::Board(_) | BootError::Fork(_) => Failure::new(Exit::Host, error, "try less --memory"),
        BootError::Load { source, .. } => {
            let help = match source {
                LoadError::OutsideMemory { .. } | LoadError::Overlap { .. } => "more --memory may help",
                LoadError::Truncated { .. } => "it was cut short: get it again",
                LoadError::NotThis { .. } => "check the path, and the flag that names it",
                LoadError::Malformed { .. } => "it is damaged: get it again",
            };
            Failure::new(Exit::Image, format!("{}: {error}", file.display()), help)
        }
        BootError::Disks { .. } => Failure::new(Exit::Config, error, "leave some out"),
        BootError::DeviceTree { .. } => {
            Failure::new(Exit::Config, error, "the kernel's command line has no zero byte")
        }
    }
}
