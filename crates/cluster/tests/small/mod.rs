//! A small cluster that runs a parallel program; the fuzz target of snapshots has it too.

use cluster::boot::{self, Attachment, Booted, Devices, Hardware, Payload, Start};
use cluster::interconnect::Wiring;
use cluster::interface::Timing;
use cluster::run::{Bounds, Cluster, Member};
use cluster::time::{Bandwidth, NetworkClock, Ps};
use fabric::NodeId;
use fabric::topology::Spec;
use machine::board::Board;

const PROGRAM: &[u8] = include_bytes!("../../../../guest/prebuilt/jacobi.elf");

/// How the nodes are built.
#[derive(Clone, Copy)]
pub(crate) struct Small {
    /// How many there are.
    pub(crate) nodes: u32,
    /// The memory of each.
    pub(crate) memory_bytes: u64,
    /// The program's words, behind the number of nodes.
    pub(crate) words: &'static str,
}

impl Small {
    fn hardware(self, place: NodeId, translate: bool) -> Hardware {
        Hardware {
            board: Board { memory_bytes: self.memory_bytes, ..Board::default() },
            clock_hz: 1_000_000_000,
            turn_cycles: 40_000,
            software_tlb: false,
            timing: None,
            seed: u64::from(place.0) + 7,
            translate,
            code_cache_bytes: 4 << 20,
            perf_map: false,
        }
    }

    /// A node with the program.
    pub(crate) fn booted(self, place: NodeId, translate: bool) -> Booted {
        let arguments = format!("nodes={} {}", self.nodes, self.words);
        let payload = Payload::Elf { file: PROGRAM, start: Some(Start::Supervisor), arguments: &arguments };
        boot::boot(&self.hardware(place, translate), devices(place), payload).unwrap()
    }

    /// A node with nothing in it.
    pub(crate) fn bare(self, place: NodeId, translate: bool) -> Booted {
        boot::bare(&self.hardware(place, translate), devices(place)).unwrap()
    }

    /// Such a network.
    pub(crate) fn wiring(self, topology: &str, fabric: fabric::Config) -> Wiring {
        Wiring {
            topology: Spec::parse_for(topology, Some(self.nodes)).unwrap().build().unwrap(),
            table: None,
            fabric,
            clock: NetworkClock::new(Bandwidth { bits_per_s: 10_000_000_000 }, 1),
            latency: Ps(1_000_000),
            router: Ps(0),
            faults: Vec::new(),
        }
    }

    /// The nodes, joined.
    pub(crate) fn cluster(self, wiring: Wiring, bounds: Bounds, node: impl Fn(NodeId) -> Booted) -> Cluster {
        let member = |place: NodeId| Member {
            name: place.to_string(),
            booted: node(place),
            timing: Timing::default(),
            crash_at: None,
        };
        let members = (0..self.nodes).map(NodeId).map(member).collect();
        Cluster::joined(members, wiring, 1, bounds).unwrap()
    }
}

fn devices(place: NodeId) -> Devices {
    let network = Attachment { node: place, connected: true, ..Attachment::default() };
    Devices { network, ..Devices::default() }
}
