//! The state of all routers in flat arrays by (router, port, virtual channel).
//!
//! Router `r`'s port `p` has index `r * ports + p`, its channel `v` index `(r * ports + p) * vcs + v`. The same
//! index names an input channel in the input arrays and an output channel in the output arrays.

use super::Flit;
use crate::config::Config;
use crate::error::Error;
use crate::ids::{NodeId, RouterId, small};
use crate::routing::Routes;
use crate::topology::{Peer, Topology};

/// Marks an entry of [`PortState::down`] and `up` that is a node.
pub(super) const NODE: u32 = 1 << 31;
/// A port that leads nowhere.
pub(super) const NOWHERE: u32 = u32::MAX;
/// An output channel that no input channel holds.
pub(super) const FREE: u16 = u16::MAX;
/// The most ports of a router: a request mask is one word.
const PORTS_MAX: usize = 64;

/// What an input channel is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(super) enum Stage {
    /// No packet.
    #[default]
    Idle,
    /// Its packet is not yet whole (store-and-forward) or its route is being computed.
    Hold,
    /// Its head waits for an output channel.
    Wait,
    /// It holds an output channel.
    Active,
}

/// An input channel: a ring of `depth` flits and what becomes of the packet at its front.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Channel {
    /// The front's place in the ring.
    pub(super) head: u16,
    /// Where the next flit from upstream goes; it is written when it is sent.
    pub(super) tail: u16,
    /// Flits that have arrived.
    pub(super) visible: u16,
    /// The output channels that the front packet may ask for, or, once it has one, the packet's class mask.
    pub(super) wanted: u16,
    /// The output port.
    pub(super) port: u8,
    /// The output channel at that port, once held.
    pub(super) vc: u8,
    /// The packet's priority class.
    pub(super) class: u8,
    /// What it is doing.
    pub(super) stage: Stage,
    /// Where its round robin over output channels starts: after the one granted last.
    pub(super) next_out: u16,
}

/// An output channel.
#[derive(Clone, Copy, Debug)]
pub(super) struct OutChannel {
    /// Free places of its buffer downstream, as far as is known here.
    pub(super) credits: u16,
    /// The input channel (`port * vcs + vc`) that holds it, or [`FREE`].
    pub(super) owner: u16,
    /// Where its round robin over input channels starts.
    pub(super) next_in: u16,
}

/// A port, as input and as output.
#[derive(Clone, Copy, Debug)]
pub(super) struct PortState {
    /// Where the output leads: the port index of an input, or a node.
    pub(super) down: u32,
    /// Where the input comes from: the port index of an output, or a node.
    pub(super) up: u32,
    /// Its router and its number there.
    pub(super) router: u32,
    pub(super) number: u8,
    /// Input channels that ask for the switch: they hold a flit, an output channel and a credit.
    pub(super) ready: u16,
    /// Input channels whose head waits for an output channel.
    pub(super) waiting: u16,
    /// Output channels that are free.
    pub(super) free: u16,
    /// Where the input's round robin over outputs starts.
    pub(super) next_output: u8,
    /// Where the output's round robin over inputs starts.
    pub(super) next_input: u8,
    /// Where the input's round robin over channels starts.
    pub(super) next_vc: u8,
}

/// All routers.
#[derive(Debug)]
pub(super) struct State {
    pub(super) ports: usize,
    /// Channels of a port in the arrays: a power of two, of which the first are in use.
    pub(super) vcs: usize,
    /// Its logarithm.
    pub(super) vc_bits: u32,
    pub(super) depth: usize,
    pub(super) port: Vec<PortState>,
    pub(super) channel: Vec<Channel>,
    pub(super) flits: Vec<Flit>,
    pub(super) out: Vec<OutChannel>,
    /// Ports of each router with a ready channel.
    pub(super) ready_ports: Vec<u64>,
    /// Ports of each router with a waiting channel.
    pub(super) waiting_ports: Vec<u64>,
    /// Routers in which a waiting head may find a channel: since the last try a head came, or a channel became free.
    pub(super) retry: Vec<u64>,
    /// Routers with something to do.
    pub(super) active: Vec<u64>,
    /// Flits that left by each port.
    pub(super) sent: Vec<u64>,
}

impl State {
    /// Routers at rest.
    ///
    /// Errors: more ports at a router than a request mask has bits.
    pub(super) fn new(topology: &Topology, config: &Config) -> Result<State, Error> {
        let (routers, ports) = (topology.routers(), topology.ports_max());
        if ports > PORTS_MAX {
            return Err(Error::Impossible {
                reason: format!(
                    "{} has routers of {ports} ports; by the flit {PORTS_MAX} can be",
                    topology.name()
                ),
                span: 0..0,
                way_out: "simulate it by the packet (--level packet), or choose routers of fewer ports"
                    .to_owned(),
            });
        }
        let vcs = config.vcs.next_power_of_two() as usize;
        let depth = config.buffer_flits as usize;
        let all = all_vcs(config.vcs as usize);
        let mut port = Vec::with_capacity(routers * ports);
        for router in 0..routers {
            let peers = topology.ports(RouterId(small(router)));
            for p in 0..ports {
                let other = match peers.get(p) {
                    Some(Peer::Router(r, q, _)) => small(r.index() * ports + q.index()),
                    Some(Peer::Node(NodeId(node))) => NODE | node,
                    _ => NOWHERE,
                };
                port.push(PortState {
                    down: other,
                    up: other,
                    router: small(router),
                    number: u8::try_from(p).unwrap_or(u8::MAX),
                    ready: 0,
                    waiting: 0,
                    free: all,
                    next_output: 0,
                    next_input: 0,
                    next_vc: 0,
                });
            }
        }
        let channels = routers * ports * vcs;
        Ok(State {
            ports,
            vcs,
            vc_bits: vcs.trailing_zeros(),
            depth,
            port,
            channel: vec![Channel::default(); channels],
            flits: vec![Flit::default(); channels * depth],
            out: vec![OutChannel { credits: depth_u16(depth), owner: FREE, next_in: 0 }; channels],
            ready_ports: vec![0; routers],
            waiting_ports: vec![0; routers],
            retry: vec![0; routers.div_ceil(64)],
            active: vec![0; routers.div_ceil(64)],
            sent: vec![0; routers * ports],
        })
    }

    /// Empties all buffers and forgets all claims; what links have carried is kept.
    pub(super) fn clear(&mut self) {
        let all = all_vcs(self.vcs);
        for port in &mut self.port {
            port.ready = 0;
            port.waiting = 0;
            port.free = all;
        }
        self.channel.fill(Channel::default());
        let depth = depth_u16(self.depth);
        self.out.fill(OutChannel { credits: depth, owner: FREE, next_in: 0 });
        self.ready_ports.fill(0);
        self.waiting_ports.fill(0);
        self.retry.fill(0);
        self.active.fill(0);
    }

    /// Router, port and channel of an index.
    pub(super) fn place(&self, channel: usize) -> (usize, usize, usize) {
        let port = &self.port[channel >> self.vc_bits];
        (port.router as usize, usize::from(port.number), channel & (self.vcs - 1))
    }

    /// The flit at the front of an input channel.
    pub(super) fn front(&self, channel: usize) -> Flit {
        self.flits[channel * self.depth + usize::from(self.channel[channel].head)]
    }

    pub(super) fn wake(&mut self, router: usize) {
        self.active[router / 64] |= 1 << (router % 64);
    }

    /// Waiting heads of `router`, if there are any, may find a channel.
    pub(super) fn try_again(&mut self, router: usize) {
        if self.waiting_ports[router] != 0 {
            self.retry[router / 64] |= 1 << (router % 64);
            self.wake(router);
        }
    }

    /// Takes the mark of [`State::try_again`].
    pub(super) fn take_retry(&mut self, router: usize) -> bool {
        let (word, bit) = (&mut self.retry[router / 64], 1 << (router % 64));
        let marked = *word & bit != 0;
        *word &= !bit;
        marked
    }

    /// Lets an input channel ask for the switch.
    pub(super) fn set_ready(&mut self, router: usize, port: usize, vc: usize) {
        self.port[router * self.ports + port].ready |= 1 << vc;
        self.ready_ports[router] |= 1 << port;
        self.wake(router);
    }

    /// Stops an input channel's asking for the switch.
    pub(super) fn clear_ready(&mut self, router: usize, port: usize, vc: usize) {
        let state = &mut self.port[router * self.ports + port];
        state.ready &= !(1 << vc);
        if state.ready == 0 {
            self.ready_ports[router] &= !(1 << port);
        }
    }

    /// Lets an input channel ask for an output channel.
    pub(super) fn set_waiting(&mut self, router: usize, port: usize, vc: usize) {
        self.port[router * self.ports + port].waiting |= 1 << vc;
        self.waiting_ports[router] |= 1 << port;
        self.try_again(router);
    }

    /// Stops an input channel's asking for an output channel.
    pub(super) fn clear_waiting(&mut self, router: usize, port: usize, vc: usize) {
        let state = &mut self.port[router * self.ports + port];
        state.waiting &= !(1 << vc);
        if state.waiting == 0 {
            self.waiting_ports[router] &= !(1 << port);
        }
    }
}

fn depth_u16(depth: usize) -> u16 {
    u16::try_from(depth).unwrap_or(u16::MAX)
}

fn all_vcs(vcs: usize) -> u16 {
    u16::try_from((1u32 << vcs) - 1).unwrap_or(u16::MAX)
}

/// Which virtual channels belong to each priority class and class of channels, and back.
#[derive(Clone, Debug)]
pub(super) struct VcPlan {
    /// Masks by `priority * classes + class`.
    masks: Vec<u16>,
    classes: usize,
    /// All channels of each priority class.
    whole: Vec<u16>,
    /// The class of each channel.
    class_of: Vec<u8>,
}

impl VcPlan {
    /// Divides the channels evenly; an adaptive class takes what the escape classes leave.
    ///
    /// Errors: [`Error::Parameter`] when there are too few.
    pub(super) fn new(config: &Config, routes: &Routes) -> Result<VcPlan, Error> {
        let (vcs, classes, priorities) =
            (config.vcs as usize, usize::from(routes.classes()), config.classes as usize);
        let share = vcs / priorities;
        if share < classes {
            return Err(Error::Parameter {
                name: "vcs",
                value: vcs.to_string(),
                reason: format!(
                    "{} on this network needs {classes} virtual channels for each of {priorities} priority class(es) \
                     to be free of deadlock",
                    routes.algorithm().name()
                ),
                way_out: format!("use --vcs {} or more", classes * priorities),
            });
        }
        let mut plan = VcPlan { masks: Vec::new(), classes, whole: Vec::new(), class_of: vec![0; vcs] };
        for priority in 0..priorities {
            let (start, end) = (priority * vcs / priorities, (priority + 1) * vcs / priorities);
            let mut whole = 0;
            for class in 0..classes {
                let bounds = if routes.is_adaptive() {
                    // Class 0 is adaptive; each escape class has one channel at the end.
                    let adaptive = end - (classes - 1);
                    if class == 0 { start..adaptive } else { adaptive + class - 1..adaptive + class }
                } else {
                    let count = end - start;
                    start + class * count / classes..start + (class + 1) * count / classes
                };
                let mut mask = 0u16;
                for vc in bounds {
                    mask |= 1 << vc;
                    plan.class_of[vc] = u8::try_from(class).unwrap_or(u8::MAX);
                }
                whole |= mask;
                plan.masks.push(mask);
            }
            plan.whole.push(whole);
        }
        Ok(plan)
    }

    /// The channels of a class; all of the priority's for a port to a node.
    pub(super) fn mask(&self, priority: u8, class: u8) -> u16 {
        if class == crate::routing::EJECT {
            self.whole[usize::from(priority)]
        } else {
            self.masks[usize::from(priority) * self.classes + usize::from(class)]
        }
    }

    /// All channels of a priority class.
    pub(super) fn whole(&self, priority: u8) -> u16 {
        self.whole[usize::from(priority)]
    }

    /// The class of a channel.
    pub(super) fn class_of(&self, vc: usize) -> u8 {
        self.class_of[vc]
    }
}
