//! Meshes and tori of the plain routers, with sources that queue and wires that take their time.

use crate::router::{First, Flit, Move, Router};
use std::collections::VecDeque;

/// A packet to be sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sent {
    pub(crate) at: u64,
    pub(crate) from: usize,
    pub(crate) to: usize,
    /// Random bits: bit `d` is 1 if it goes up in dimension `d` where both ways round are equally long.
    pub(crate) ties: u32,
}

/// The shape and the router's parameters.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub(crate) side: usize,
    pub(crate) dims: usize,
    pub(crate) wrap: bool,
    pub(crate) vcs: usize,
    pub(crate) depth: usize,
    pub(crate) flits: usize,
    /// Whether a route takes a cycle of its own.
    pub(crate) routes_late: bool,
    /// The allocators.
    pub(crate) first: First,
}

impl Shape {
    pub(crate) fn nodes(&self) -> usize {
        self.side.pow(u32::try_from(self.dims).expect("few"))
    }

    fn ports(&self) -> usize {
        2 * self.dims + 1
    }

    fn position(&self, node: usize, dim: usize) -> usize {
        node / self.side.pow(u32::try_from(dim).expect("few")) % self.side
    }

    /// The neighbour at a port: up in dimension `d` at `2d`, down at `2d + 1`.
    fn neighbour(&self, node: usize, port: usize) -> usize {
        let stride = self.side.pow(u32::try_from(port / 2).expect("few"));
        let here = self.position(node, port / 2);
        let there =
            if port.is_multiple_of(2) { (here + 1) % self.side } else { (here + self.side - 1) % self.side };
        node - here * stride + there * stride
    }

    /// The output of a packet at `node`, and the channels between which it may choose: dimension order. In a
    /// torus the upper half of the channels is for packets that cross from the last position to the first or back.
    fn route(&self, node: usize, packet: &Sent) -> (usize, usize, usize) {
        let (side, vcs) = (self.side, self.vcs);
        let differ = |dim: &usize| self.position(node, *dim) != self.position(packet.to, *dim);
        let Some(dim) = (0..self.dims).find(differ) else {
            return (2 * self.dims, 0, vcs);
        };
        let (here, there) = (self.position(node, dim), self.position(packet.to, dim));
        if !self.wrap {
            return (2 * dim + usize::from(there < here), 0, vcs);
        }
        // A ring is entered where the packet started, and which way is decided there.
        let start = self.position(packet.from, dim);
        let distance = (there + side - start) % side;
        let up = 2 * distance < side || (2 * distance == side && packet.ties >> dim & 1 == 1);
        let crosses = up != (there > start);
        let (first, end) = if crosses { (vcs / 2, vcs) } else { (0, vcs / 2) };
        (2 * dim + usize::from(!up), first, end)
    }
}

/// A node as a source.
#[derive(Debug)]
struct Source {
    queue: VecDeque<usize>,
    sent: usize,
    /// The channel of the packet that is being sent, or of the last one.
    vc: usize,
    credits: Vec<usize>,
}

/// Something that arrives later: a flit or credit at a channel of a router, a flit or credit at a node.
#[derive(Clone, Copy, Debug)]
enum Event {
    Flit(usize, usize, Flit),
    Credit(usize, usize),
    Out(usize, usize, Flit),
    SourceCredit(usize, usize),
}

/// When each packet arrived, `None` if it did not by the cycle `until`.
pub(crate) fn run(shape: &Shape, packets: &[Sent], until: u64) -> Vec<Option<u64>> {
    let (nodes, vcs, node_port) = (shape.nodes(), shape.vcs, 2 * shape.dims);
    let mut routers: Vec<Router> = (0..nodes).map(|_| Router::new(shape.ports(), shape)).collect();
    let source = || Source { queue: VecDeque::new(), sent: 0, vc: vcs - 1, credits: vec![shape.depth; vcs] };
    let mut sources: Vec<Source> = (0..nodes).map(|_| source()).collect();
    let mut wires: VecDeque<Vec<Event>> = (0..8).map(|_| Vec::new()).collect();
    let mut arrived = vec![None; packets.len()];
    let mut next = 0;
    for cycle in 0..until {
        let due = wires.pop_front().expect("eight cycles ahead");
        wires.push_back(Vec::new());
        for event in due {
            match event {
                Event::Flit(router, channel, flit) => {
                    routers[router].arrive(channel, flit, |packet| shape.route(router, &packets[packet]));
                }
                Event::Credit(router, channel) => routers[router].credit(channel),
                Event::SourceCredit(node, vc) => sources[node].credits[vc] += 1,
                Event::Out(router, channel, flit) => {
                    // Back to the router, and a cycle to take account of it.
                    wires[2].push(Event::Credit(router, channel));
                    if flit.tail {
                        arrived[flit.packet] = Some(cycle);
                    }
                }
            }
        }
        while packets.get(next).is_some_and(|packet| packet.at == cycle) {
            sources[packets[next].from].queue.push_back(next);
            next += 1;
        }
        for (node, source) in sources.iter_mut().enumerate() {
            if let Some((vc, flit)) = send(source, shape.flits) {
                wires[1].push(Event::Flit(node, node_port * vcs + vc, flit));
            }
        }
        for (router, stages) in routers.iter_mut().enumerate() {
            let route = |packet: usize| shape.route(router, &packets[packet]);
            for Move { flit, input, output } in stages.cycle(route) {
                let (from, to) = (input / vcs, output / vcs);
                if from == node_port {
                    wires[1].push(Event::SourceCredit(router, input % vcs));
                } else {
                    let up = shape.neighbour(router, from);
                    wires[2].push(Event::Credit(up, (from ^ 1) * vcs + input % vcs));
                }
                wires[2].push(if to == node_port {
                    Event::Out(router, output, flit)
                } else {
                    Event::Flit(shape.neighbour(router, to), (to ^ 1) * vcs + output % vcs, flit)
                });
            }
        }
    }
    arrived
}

/// The flit that a source sends: a packet takes the first free channel with a credit behind that of the last one.
fn send(source: &mut Source, flits: usize) -> Option<(usize, Flit)> {
    let packet = *source.queue.front()?;
    let vcs = source.credits.len();
    if source.sent == 0 {
        let credits = &source.credits;
        source.vc = (1..=vcs).map(|step| (source.vc + step) % vcs).find(|vc| credits[*vc] > 0)?;
    }
    if source.credits[source.vc] == 0 {
        return None;
    }
    source.credits[source.vc] -= 1;
    source.sent += 1;
    let flit = Flit { packet, head: source.sent == 1, tail: source.sent == flits };
    if flit.tail {
        source.sent = 0;
        source.queue.pop_front();
    }
    Some((source.vc, flit))
}
