//! What a simulated network is made of besides its topology.

use crate::error::Error;
use crate::routing::Algorithm;

/// How packets cross routers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Switching {
    /// A router stores a whole packet before it forwards it.
    StoreAndForward,
    /// A packet moves on as it arrives, but only into a buffer that could hold all of it.
    CutThrough,
    /// Flits move on as they arrive; a packet that waits lies across several routers.
    #[default]
    Wormhole,
    /// A path is set up first, then data flow over it without being stored.
    Circuit,
}

impl Switching {
    /// The words for switching schemes.
    pub const NAMES: &'static [&'static str] = &["store-and-forward", "cut-through", "wormhole", "circuit"];

    /// The scheme that `word` names.
    ///
    /// Errors: [`Error::Unknown`].
    pub fn parse(word: &str) -> Result<Switching, Error> {
        Ok(match word {
            "store-and-forward" => Switching::StoreAndForward,
            "cut-through" | "virtual-cut-through" => Switching::CutThrough,
            "wormhole" => Switching::Wormhole,
            "circuit" => Switching::Circuit,
            _ => {
                return Err(Error::Unknown {
                    kind: "switching scheme",
                    word: word.to_owned(),
                    span: 0..word.len(),
                    known: Switching::NAMES,
                });
            }
        })
    }

    /// The word for the scheme.
    pub fn name(self) -> &'static str {
        match self {
            Switching::StoreAndForward => "store-and-forward",
            Switching::CutThrough => "cut-through",
            Switching::Wormhole => "wormhole",
            Switching::Circuit => "circuit",
        }
    }
}

/// How closely the network is simulated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Level {
    /// Every flit in every router, cycle by cycle.
    #[default]
    Flit,
    /// Links as servers with queues of packets; see `packet::OMITTED` for what that leaves out.
    Packet,
}

impl Level {
    /// The words for fidelities.
    pub const NAMES: &'static [&'static str] = &["flit", "packet"];

    /// The fidelity that `word` names.
    ///
    /// Errors: [`Error::Unknown`].
    pub fn parse(word: &str) -> Result<Level, Error> {
        match word {
            "flit" => Ok(Level::Flit),
            "packet" => Ok(Level::Packet),
            _ => Err(Error::Unknown {
                kind: "level",
                word: word.to_owned(),
                span: 0..word.len(),
                known: Level::NAMES,
            }),
        }
    }

    /// The word for the fidelity.
    pub fn name(self) -> &'static str {
        match self {
            Level::Flit => "flit",
            Level::Packet => "packet",
        }
    }
}

/// The stages of a router and its links.
///
/// Units: cycles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delays {
    /// Computing a packet's output; 0 when the router before has done it.
    pub route: u32,
    /// Allocating a virtual channel, at least 1.
    pub vc_alloc: u32,
    /// Allocating the switch, at least 1.
    pub switch_alloc: u32,
    /// Crossing the switch, at least 1.
    pub switch: u32,
    /// Crossing a link between routers, at least 1.
    pub link: u32,
    /// Crossing the link between a node and its router, at least 1. Only packets by themselves ([`Level::Packet`],
    /// no circuits, no token) may have it differ from the other links.
    pub node_link: u32,
    /// Taking account of a credit that has arrived.
    pub credit: u32,
}

impl Default for Delays {
    fn default() -> Delays {
        Delays { route: 0, vc_alloc: 1, switch_alloc: 1, switch: 1, link: 1, node_link: 1, credit: 1 }
    }
}

impl Delays {
    /// Cycles from a head flit's arrival at one router to its arrival at the next, unloaded.
    pub fn hop_cycles(&self) -> u64 {
        self.decide_cycles() + u64::from(self.switch) + u64::from(self.link)
    }

    /// Cycles that a router needs to decide where a head flit goes: t_r of the textbook.
    pub fn decide_cycles(&self) -> u64 {
        u64::from(self.route) + u64::from(self.vc_alloc) + u64::from(self.switch_alloc)
    }

    /// Cycles from a node's sending of a flit to its arrival in the first router.
    pub fn inject_cycles(&self) -> u64 {
        u64::from(self.node_link) + 1
    }

    /// Latency of a packet of `flits` flits through `routers` routers, alone in the network, by scheme.
    ///
    /// Store-and-forward is the textbook's (D+1)(t_r + L/b) + D t_c with D+1 routers, t_r the cycles to decide,
    /// b one flit a cycle and t_c the link, and besides the injection and ejection links. Wormhole and
    /// cut-through: the head's latency and L-1 more. Circuit: the set-up's way there and back, then the data
    /// cross only switches and links.
    pub fn zero_load_cycles(&self, switching: Switching, routers: u64, flits: u64) -> u64 {
        // The last router's link is the one to the node.
        let head = self.inject_cycles() + routers * self.hop_cycles() - u64::from(self.link)
            + u64::from(self.node_link);
        match switching {
            Switching::Wormhole | Switching::CutThrough => head + flits - 1,
            Switching::StoreAndForward => head + routers * (flits - 1),
            Switching::Circuit => {
                let way = self.inject_cycles() + routers * u64::from(self.switch + self.link);
                debug_assert_eq!(self.link, self.node_link, "circuits have links of one kind");
                head + way + way + flits - 1
            }
        }
    }
}

/// The configuration of a simulated network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// How packets cross routers.
    pub switching: Switching,
    /// How closely it is simulated.
    pub level: Level,
    /// How packets find their way.
    pub routing: Algorithm,
    /// Virtual channels of a port, 1 to 16.
    pub vcs: u32,
    /// Flits that the buffer of one virtual channel holds.
    pub buffer_flits: u32,
    /// Priority classes, 1 to 4; each has virtual channels of its own and a higher one is served first.
    pub classes: u32,
    /// The pipeline.
    pub delays: Delays,
    /// The seed of what is random: ties, detours, back-off.
    pub seed: u64,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            switching: Switching::Wormhole,
            level: Level::Flit,
            routing: Algorithm::Auto,
            vcs: 4,
            buffer_flits: 8,
            classes: 1,
            delays: Delays::default(),
            seed: 1,
        }
    }
}

impl Config {
    /// Refuses parameters outside their ranges; `packet_flits` is the longest packet that will be sent.
    ///
    /// Errors: [`Error::Parameter`] with the parameter's name.
    pub fn check(&self, packet_flits: u32) -> Result<(), Error> {
        let range = |name: &'static str, value: u32, low: u32, high: u32| {
            if (low..=high).contains(&value) {
                return Ok(());
            }
            Err(Error::Parameter {
                name,
                value: value.to_string(),
                reason: format!("it must be between {low} and {high}"),
                way_out: format!("choose a value from {low} to {high}"),
            })
        };
        range("vcs", self.vcs, 1, 16)?;
        range("buffer-flits", self.buffer_flits, 1, 65_535)?;
        range("classes", self.classes, 1, 4)?;
        range("packet-flits", packet_flits, 1, 65_535)?;
        let delays = &self.delays;
        range("route-delay", delays.route, 0, 10_000)?;
        range("vc-alloc-delay", delays.vc_alloc, 1, 10_000)?;
        range("switch-alloc-delay", delays.switch_alloc, 1, 10_000)?;
        range("switch-delay", delays.switch, 1, 10_000)?;
        range("link-delay", delays.link, 1, 1_000_000)?;
        range("node-link-delay", delays.node_link, 1, 1_000_000)?;
        let alone = self.level == Level::Packet && self.switching != Switching::Circuit;
        if delays.node_link != delays.link && !alone {
            return Err(Error::Parameter {
                name: "node-link-delay",
                value: delays.node_link.to_string(),
                reason: "by the flit and for circuits all links are of one kind".to_owned(),
                way_out: format!("choose {}, or the level `packet`", delays.link),
            });
        }
        range("credit-delay", delays.credit, 0, 10_000)?;
        let whole = matches!(self.switching, Switching::CutThrough | Switching::StoreAndForward);
        if whole && self.level == Level::Flit && packet_flits > self.buffer_flits {
            return Err(Error::Parameter {
                name: "buffer-flits",
                value: self.buffer_flits.to_string(),
                reason: format!(
                    "under {} a buffer must hold a whole packet, and packets have {packet_flits} flits",
                    self.switching.name()
                ),
                way_out: format!("use --buffer-flits {packet_flits} or more, shorter packets, or wormhole"),
            });
        }
        Ok(())
    }
}
