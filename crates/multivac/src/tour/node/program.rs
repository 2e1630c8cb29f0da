//! Prebuilt bare-metal programs on a node with disks and shared folders.

use crate::exit::{Exit, Failure};
use cluster::boot::{self, Devices, Hardware, Payload, SharedFolder, Start};
use cluster::record::{Ending, Outside};
use cluster::run::{Bounds, Cluster, End, Recorder};
use machine::board::Board;
use machine::dev::virtio::disk::BlockBackend;
use machine::node::Halt;

/// Drives a disk and shared folders, and shows the rings of the disk.
pub(in crate::tour) const STORAGE: &[u8] = include_bytes!("../../../../../guest/prebuilt/storage.elf");

/// No program here runs longer.
const TIME_NS_MAX: u64 = 1_000_000_000;

/// A program that has run.
pub(in crate::tour) struct Ran {
    /// What it said.
    pub(in crate::tour) console: String,
    /// How it ended.
    pub(in crate::tour) ending: Ending,
}

/// Runs a program to its end.
///
/// Errors: it does not boot, or does not power off.
pub(in crate::tour) fn run(
    program: &[u8],
    disks: Vec<Box<dyn BlockBackend>>,
    shares: Vec<SharedFolder>,
    outside: &Outside,
) -> Result<Ran, Failure> {
    let hardware = Hardware {
        board: Board { harts: 1, memory_bytes: 16 << 20, ..Board::default() },
        clock_hz: 1_000_000_000,
        turn_cycles: 40_000,
        software_tlb: false,
        timing: None,
        seed: 0,
        translate: true,
        code_cache_bytes: 64 << 20,
        perf_map: false,
    };
    let devices = Devices { disks, shares, ..Devices::default() };
    let payload = Payload::Elf { file: program, start: Some(Start::Supervisor), arguments: "" };
    let booted =
        boot::boot(&hardware, devices, payload).map_err(|error| Failure::new(Exit::Host, error, ""))?;
    let mut cluster = Cluster::new(booted, Bounds { time_ns: Some(TIME_NS_MAX), instructions: None });
    let mut host = Recorder::default();
    let end = cluster.run(&mut outside.host(&mut host));
    let console = String::from_utf8_lossy(&host.console).into_owned();
    if end != End::Halted(Halt::PowerOff) {
        return Err(Failure::new(Exit::GuestFailed, format!("the program ended: {end:?}\n{console}"), ""));
    }
    let ending = Ending {
        virtual_ns: cluster.virtual_ns(),
        instructions: cluster.node(fabric::NodeId(0)).retired(),
        digest: *cluster.digest("").as_bytes(),
        how: String::new(),
    };
    Ok(Ran { console, ending })
}
