//! From files to a node that is about to execute its first instruction.

use crate::address;
use fabric::NodeId;
use machine::board::{Board, BoardError, VIRTIO_SLOTS};
use machine::core::Architecture;
use machine::dev::virtio::block::Block;
use machine::dev::virtio::console::Console;
use machine::dev::virtio::disk::BlockBackend;
use machine::dev::virtio::entropy::Entropy;
use machine::dev::virtio::mmio::Peripheral;
use machine::dev::virtio::net::{Capacity, Net};
use machine::dev::virtio::p9::P9;
use machine::dev::virtio::p9::share::Share;
use machine::engine::Engine;
use machine::fdt;
use machine::interp::Interpreter;
use machine::load::elf::{self, Symbols};
use machine::load::kernel::{self, SUPERVISOR_BASE};
use machine::load::{self, LoadError, Part, layout};
use machine::node::{self, ForkError, Node, Template};
use machine::ram::RAM_BASE;
use machine::random::Random;
use machine::timing::Costs;

/// A node's hardware.
#[derive(Clone, Debug)]
pub struct Hardware {
    /// Harts, memory and devices.
    pub board: Board,
    /// Cycles in a second of virtual time.
    pub clock_hz: u64,
    /// Cycles of a hart's turn.
    pub turn_cycles: u64,
    /// TLB misses trap to system software.
    pub software_tlb: bool,
    /// What memory costs; `None` is flat timing.
    pub timing: Option<Costs>,
    /// Seed of what the node draws at random.
    pub seed: u64,
    /// Whether to translate, where this host can and the timing is flat; else the interpreter runs everything.
    pub translate: bool,
    /// Size of the translator's code cache with its tables and TLBs.
    pub code_cache_bytes: u64,
    /// Whether the translator tells `perf` where its blocks are.
    pub perf_map: bool,
}

/// What is plugged into a node.
#[derive(Debug, Default)]
pub struct Devices {
    /// Disks, in the order in which the guest finds them.
    pub disks: Vec<Box<dyn BlockBackend>>,
    /// Folders that the guest may mount.
    pub shares: Vec<SharedFolder>,
    /// Columns and rows of the console, where its size is known.
    pub console_size: Option<(u16, u16)>,
    /// How it hangs on the network.
    pub network: Attachment,
}

/// A node's network interfaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attachment {
    /// The node, which gives the interfaces their addresses.
    pub node: NodeId,
    /// How many interfaces it has.
    pub interfaces: usize,
    /// Whether there is a network at all: else what they send is dropped.
    pub connected: bool,
    /// What each can hold and carry.
    pub capacity: Capacity,
}

impl Default for Attachment {
    /// A single node's one interface, connected to nothing.
    fn default() -> Attachment {
        Attachment { node: NodeId(0), interfaces: 1, connected: false, capacity: Capacity::default() }
    }
}

/// A folder that the guest may mount.
#[derive(Debug)]
pub struct SharedFolder {
    /// By which the guest mounts it; the agent of an image mounts one that begins with `/` at that path.
    pub tag: String,
    /// The folder.
    pub share: Box<dyn Share>,
    /// Several nodes have it and one of them may change it: requests are served between epochs, in the order of nodes.
    pub gated: bool,
}

impl SharedFolder {
    fn device(self, start_s: u64) -> P9 {
        let mut device = P9::new(&self.tag, self.share, start_s);
        if self.gated {
            device.close_gate();
        }
        device
    }
}

/// What a node is given to run.
#[derive(Clone, Copy, Debug)]
pub enum Payload<'a> {
    /// A bare-metal program.
    Elf {
        /// The file.
        file: &'a [u8],
        /// How it starts; `None` decides by the program: machine mode when it has `tohost`.
        start: Option<Start>,
        /// The words of its `bootargs`.
        arguments: &'a str,
    },
    /// A kernel, by the boot protocol of its kind.
    Kernel {
        /// The file; `None` when the firmware is all there is.
        kernel: Option<&'a [u8]>,
        /// The initial RAM disk.
        initrd: Option<&'a [u8]>,
        /// The kernel's command line.
        arguments: &'a str,
        /// Machine-mode firmware, in place of the built-in SBI.
        bios: Option<&'a [u8]>,
    },
}

/// How a bare-metal program starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// All harts at the entry in machine mode, no SBI.
    Machine,
    /// One hart in supervisor mode under the built-in SBI.
    Supervisor,
}

/// A node ready to run.
pub struct Booted {
    /// The node.
    pub node: Node,
    /// The program's symbols, where it has some.
    pub symbols: Symbols,
    /// What kind of program it is, for reports.
    pub kind: &'static str,
    /// What the user should know of how it runs.
    pub note: Option<String>,
}

/// Why a node does not boot.
#[derive(Debug)]
pub enum BootError {
    /// The board cannot be.
    Board(BoardError),
    /// A file cannot be loaded.
    Load {
        /// Which one: `kernel`, `initrd`, `bios`, `elf`.
        file: &'static str,
        /// Why.
        source: LoadError,
    },
    /// There are more disks and shared folders than slots for them.
    Disks {
        /// How many were asked for.
        asked: usize,
    },
    /// The node cannot begin where the frozen one stood.
    Fork(ForkError),
    /// The node that was to be forked never got to where its agent takes commands.
    NeverReady {
        /// Why.
        reason: String,
        /// The end of what its command said, or else of what it said on its console.
        last_words: String,
    },
    /// The device tree cannot be written.
    DeviceTree {
        /// Why.
        reason: String,
    },
}

impl std::fmt::Display for BootError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            BootError::Board(error) => error.fmt(f),
            BootError::Load { file, source } => write!(f, "the {file} cannot be loaded: {source}"),
            BootError::Disks { asked } => {
                write!(f, "a node has at most {DISKS_MAX} disks and shared folders, not {asked}")
            }
            BootError::Fork(error) => error.fmt(f),
            BootError::NeverReady { reason, last_words } => {
                write!(f, "the node to be forked does not get ready: {reason}")?;
                if last_words.is_empty() { Ok(()) } else { write!(f, "; its last words:\n{last_words}") }
            }
            BootError::DeviceTree { reason } => write!(f, "the device tree cannot be written: {reason}"),
        }
    }
}

impl std::error::Error for BootError {}

/// Most disks and shared folders, beside one network interface: slots are also taken by that, the console and the
/// entropy device.
pub const DISKS_MAX: usize = VIRTIO_SLOTS - 3;
/// The stream of the seed from which the entropy device draws.
const ENTROPY_STREAM: u64 = 1;
/// The console's size where nobody sees it: that of the first terminals.
const CONSOLE_SIZE: (u16, u16) = (80, 24);

/// Plugs in all devices: disks first, so that the first disk is in the first slot; shared folders last.
fn plug(node: &mut Node, hardware: &Hardware, devices: Devices) -> Result<(), BootError> {
    let asked = devices.disks.len() + devices.shares.len();
    let (columns, rows) = devices.console_size.unwrap_or(CONSOLE_SIZE);
    let disks = devices
        .disks
        .into_iter()
        .enumerate()
        .map(|(index, backend)| Peripheral::Block(Block::new(backend, &format!("multivac-{index}"))));
    let network = devices.network;
    let interfaces = (0..network.interfaces).map(|rail| {
        let net = Net::new(address::mac(network.node, rail), network.connected);
        Peripheral::Net(net.with_capacity(network.capacity))
    });
    let others = [
        Peripheral::Console(Console::new(columns, rows)),
        Peripheral::Entropy(Entropy::new(Random::new(hardware.seed, ENTROPY_STREAM))),
    ];
    let start_s = hardware.board.rtc_start_s;
    let shares = devices.shares.into_iter().map(|shared| Peripheral::P9(shared.device(start_s)));
    for peripheral in disks.chain(interfaces).chain(others).chain(shares) {
        node.bus.attach(peripheral).map_err(|_| BootError::Disks { asked })?;
    }
    Ok(())
}

mod ready;

pub use ready::{to_instant, to_ready};

/// How execution begins, once everything stands in memory.
enum First {
    Supervisor { entry: u64 },
    Machine { entry: u64, next: u64 },
}

/// Builds a node and loads what it is given.
///
/// Errors: [`BootError`]; no memory of the host is kept then.
pub fn boot(hardware: &Hardware, devices: Devices, payload: Payload<'_>) -> Result<Booted, BootError> {
    let (first, loaded) = plan(payload)?;
    let (engine, note) = engine(hardware);
    let builtin_sbi = matches!(first, First::Supervisor { .. });
    let mut node = build(hardware, devices, builtin_sbi, engine)?;
    let (initrd, arguments) = match payload {
        Payload::Elf { arguments, .. } => (None, arguments),
        Payload::Kernel { initrd, arguments, .. } => (initrd, arguments),
    };
    let initrd_bytes = initrd.map(|initrd| initrd.len() as u64);
    let main = if matches!(payload, Payload::Elf { .. }) { "elf" } else { "kernel" };
    let refused = |source: LoadError| {
        let file = match &source {
            LoadError::OutsideMemory { what: "initrd", .. } | LoadError::Overlap { what: "initrd", .. } => {
                "initrd"
            }
            LoadError::Overlap { with: "initrd", .. } => "initrd",
            _ => main,
        };
        BootError::Load { file, source }
    };
    let mut parts = loaded.parts;
    let places = layout::find(&parts, initrd_bytes, node.bus.ram.end()).map_err(refused)?;
    let tree = device_tree(hardware, arguments, places.initrd.zip(initrd_bytes))?;
    parts.push(Part { what: "device tree", start: places.dtb, data: &tree, bytes: tree.len() as u64 });
    if let (Some(start), Some(data)) = (places.initrd, initrd) {
        parts.push(Part { what: "initrd", start, data, bytes: data.len() as u64 });
    }
    let next = if let First::Machine { next, .. } = first { next } else { 0 };
    let info = layout::firmware_info(next);
    if next != 0 {
        let (start, bytes) = (places.firmware_info, info.len() as u64);
        parts.push(Part { what: "firmware's data", start, data: &info, bytes });
    }
    load::place(&parts, &mut node.bus.ram).map_err(refused)?;
    match first {
        First::Supervisor { entry } => node.start_supervisor(0, entry, places.dtb),
        First::Machine { entry, next } => {
            let info = if next == 0 { 0 } else { places.firmware_info };
            node.start_machine(entry, places.dtb, info);
        }
    }
    if let Some(tohost) = loaded.symbols.tohost {
        node.watch_tohost(tohost);
    }
    Ok(Booted { node, symbols: loaded.symbols, kind: loaded.kind, note })
}

/// Builds a node and loads nothing: its state will come from a snapshot.
///
/// Errors: [`BootError`]; no memory of the host is kept then.
pub fn bare(hardware: &Hardware, devices: Devices) -> Result<Booted, BootError> {
    let (engine, note) = engine(hardware);
    let node = build(hardware, devices, true, engine)?;
    Ok(Booted { node, symbols: Symbols::default(), kind: "snapshot", note })
}

/// Builds a node that goes on where a frozen one of the same hardware stood, but with its own addresses and random
/// numbers.
///
/// Errors: [`BootError`]; no memory of the host is kept then.
pub fn fork(template: &Template, hardware: &Hardware, devices: Devices) -> Result<Node, BootError> {
    let place = devices.network.node;
    let shared = template.engine().filter(|_| hardware.translate);
    let mut node = build(hardware, devices, true, shared.unwrap_or_else(|| engine(hardware).0))?;
    template.begin(&mut node).map_err(BootError::Fork)?;
    for (rail, net) in node.bus.nets().enumerate() {
        net.set_mac(address::mac(place, rail));
    }
    if let Some(entropy) = node.bus.entropy() {
        entropy.reseed(Random::new(hardware.seed, ENTROPY_STREAM));
    }
    Ok(node)
}

/// A node with everything plugged in, and nothing in memory.
fn build(
    hardware: &Hardware,
    devices: Devices,
    builtin_sbi: bool,
    engine: Box<dyn Engine>,
) -> Result<Node, BootError> {
    let config = node::Config {
        board: hardware.board.clone(),
        clock_hz: hardware.clock_hz,
        slice_cycles: hardware.turn_cycles,
        architecture: Architecture { builtin_sbi, software_tlb: hardware.software_tlb },
    };
    let mut node = Node::new(&config, engine).map_err(BootError::Board)?;
    plug(&mut node, hardware, devices)?;
    if let Some(costs) = hardware.timing {
        node.use_timing(costs);
    }
    Ok(node)
}

/// The engine that the hardware asks for, or the interpreter with the reason why it is not.
fn engine(hardware: &Hardware) -> (Box<dyn Engine>, Option<String>) {
    let harts = hardware.board.harts;
    let interpreter = || -> Box<dyn Engine> { Box::new(Interpreter::new(harts)) };
    if !hardware.translate {
        return (interpreter(), None);
    }
    match translator(hardware) {
        Ok(engine) => (engine, None),
        Err(reason) => {
            (interpreter(), Some(format!("the interpreter runs instead of the translator: {reason}")))
        }
    }
}

#[cfg(target_arch = "x86_64")]
fn translator(hardware: &Hardware) -> Result<Box<dyn Engine>, String> {
    let options = translator::Options {
        cache_bytes: usize::try_from(hardware.code_cache_bytes).unwrap_or(usize::MAX),
        perf_map: hardware.perf_map,
        ..translator::Options::default()
    };
    match translator::Translator::new(hardware.board.harts, options) {
        Ok(engine) => Ok(Box::new(engine)),
        Err(refused) => Err(refused.to_string()),
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn translator(_hardware: &Hardware) -> Result<Box<dyn Engine>, String> {
    Err("it translates to x86-64 only".to_owned())
}

/// What the main file comes to.
struct Loaded<'a> {
    parts: Vec<Part<'a>>,
    symbols: Symbols,
    kind: &'static str,
}

/// Where everything goes that says so itself, and where execution begins.
fn plan(payload: Payload<'_>) -> Result<(First, Loaded<'_>), BootError> {
    let refused = |file| move |source| BootError::Load { file, source };
    match payload {
        Payload::Elf { file, start, .. } => {
            let program = elf::parse(file).map_err(refused("elf"))?;
            let by_program =
                if program.symbols.tohost.is_some() { Start::Machine } else { Start::Supervisor };
            let (first, kind) = match start.unwrap_or(by_program) {
                Start::Supervisor => (First::Supervisor { entry: program.entry }, "ELF in supervisor mode"),
                Start::Machine => (First::Machine { entry: program.entry, next: 0 }, "ELF in machine mode"),
            };
            Ok((first, Loaded { parts: program.parts, symbols: program.symbols, kind }))
        }
        Payload::Kernel { kernel, bios, .. } => {
            let kernel = kernel.map(|file| kernel::parse(file).map_err(refused("kernel"))).transpose()?;
            let entry = kernel.as_ref().map_or(SUPERVISOR_BASE, |kernel| kernel.entry);
            let kind = kernel.as_ref().map_or("firmware", |kernel| kernel.kind);
            let symbols = kernel.as_ref().map_or_else(Symbols::default, |kernel| kernel.symbols);
            let mut parts = kernel.map_or_else(Vec::new, |kernel| kernel.parts);
            let first = match bios {
                None => First::Supervisor { entry },
                Some(file) => {
                    let firmware = firmware(file).map_err(refused("bios"))?;
                    parts.extend(firmware.parts);
                    First::Machine { entry: firmware.entry, next: entry }
                }
            };
            Ok((first, Loaded { parts, symbols, kind }))
        }
    }
}

/// Firmware stands at the start of memory; an ELF of it that may stand anywhere is moved there.
fn firmware(file: &[u8]) -> Result<kernel::Kernel<'_>, LoadError> {
    let mut firmware = if elf::is_elf(file) { kernel::parse(file)? } else { kernel::raw(file, RAM_BASE)? };
    if firmware.parts.iter().all(|part| part.end() < RAM_BASE) {
        firmware.parts.iter_mut().for_each(|part| part.start += RAM_BASE);
        firmware.entry += RAM_BASE;
    }
    firmware.parts.iter_mut().for_each(|part| part.what = "bios");
    Ok(firmware)
}

fn device_tree(
    hardware: &Hardware,
    arguments: &str,
    initrd: Option<(u64, u64)>,
) -> Result<Vec<u8>, BootError> {
    let mut context = blake3::Hasher::new_derive_key("multivac 1 rng-seed of the device tree");
    context.update(&hardware.seed.to_le_bytes());
    let boot = fdt::Boot {
        arguments: arguments.to_owned(),
        initrd: initrd.map(|(start, bytes)| start..start + bytes),
        rng_seed: *context.finalize().as_bytes(),
        page_tables: !hardware.software_tlb,
    };
    let tree = fdt::build(&hardware.board, &boot);
    let tree = tree.map_err(|error| BootError::DeviceTree { reason: error.to_string() })?;
    if tree.len() as u64 > layout::DTB_BYTES_MAX {
        return Err(BootError::DeviceTree { reason: format!("it would take {} bytes", tree.len()) });
    }
    Ok(tree)
}
