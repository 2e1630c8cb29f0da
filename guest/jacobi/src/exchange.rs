//! What the nodes tell each other: the rims of their blocks, the largest change of all, the finished blocks.

use crate::links::Links;
use crate::plate::{Block, Plate, node_at};
use crate::settings::Settings;
use alloc::vec;
use alloc::vec::Vec;

/// What a message is: the upper byte of its tag, the iteration below.
const HALO: u32 = 1 << 24;
const REDUCE: u32 = 2 << 24;
const FETCH: u32 = 3 << 24;
const BLOCK: u32 = 4 << 24;
const VERDICT: u32 = 5 << 24;
const NUMBER: u32 = 0xff_ffff;

/// A side of a block on which another node's block lies.
struct Side {
    node: usize,
    /// Own cells to tell, and rim to fill: a row or a column.
    vertical: bool,
    own: usize,
    rim: usize,
}

/// Exchanges the rims of a block with its neighbours.
pub struct Halo {
    sides: Vec<Side>,
    cells: Vec<f64>,
    bytes: Vec<u8>,
}

impl Halo {
    /// The sides of a block.
    pub fn new(settings: &Settings, block: Block) -> Halo {
        let (blocks, (row, column), (height, width)) = (settings.blocks(), block.place, block.size);
        let node = |place| node_at(settings, place);
        let mut sides = Vec::new();
        if row > 0 {
            sides.push(Side { node: node((row - 1, column)), vertical: false, own: 1, rim: 0 });
        }
        if row + 1 < blocks.0 {
            sides.push(Side { node: node((row + 1, column)), vertical: false, own: height, rim: height + 1 });
        }
        if column > 0 {
            sides.push(Side { node: node((row, column - 1)), vertical: true, own: 1, rim: 0 });
        }
        if column + 1 < blocks.1 {
            sides.push(Side { node: node((row, column + 1)), vertical: true, own: width, rim: width + 1 });
        }
        let longest = height.max(width);
        Halo { sides, cells: vec![0.0; longest], bytes: vec![0; 8 * longest] }
    }

    /// Sends the outermost own cells and receives the neighbours'.
    pub fn exchange(&mut self, links: &mut Links, plate: &mut Plate, iteration: usize) {
        let tag = HALO | iteration as u32 & NUMBER;
        for side in &self.sides {
            let length = if side.vertical { plate.rows } else { plate.columns };
            let cells = &mut self.cells[..length];
            if side.vertical {
                plate.column(side.own, cells);
            } else {
                cells.copy_from_slice(plate.row(side.own, 1..length + 1));
            }
            encode(cells, &mut self.bytes);
            links.send(side.node, tag, &self.bytes[..8 * length]);
        }
        for side in &self.sides {
            let length = if side.vertical { plate.rows } else { plate.columns };
            links.receive(side.node, tag, &mut self.bytes[..8 * length]);
            let cells = &mut self.cells[..length];
            decode(&self.bytes, cells);
            if side.vertical {
                plate.set_column(side.rim, cells);
            } else {
                plate.row_mut(side.rim, 1..length + 1).copy_from_slice(cells);
            }
        }
    }
}

fn encode(cells: &[f64], bytes: &mut [u8]) {
    for (cell, bytes) in cells.iter().zip(bytes.chunks_exact_mut(8)) {
        bytes.copy_from_slice(&cell.to_le_bytes());
    }
}

fn decode(bytes: &[u8], cells: &mut [f64]) {
    for (cell, bytes) in cells.iter_mut().zip(bytes.chunks_exact(8)) {
        *cell = bytes.try_into().map_or(0.0, f64::from_le_bytes);
    }
}

/// The largest of all nodes' values, on every node: by recursive doubling where the number of nodes is a power of
/// two, else up a binomial tree to node 0 and down again.
pub fn largest_of_all(links: &mut Links, nodes: usize, iteration: usize, value: f64) -> f64 {
    let tag = REDUCE | iteration as u32 & NUMBER;
    let mut largest = value;
    let (node, mut bytes) = (links.node, [0; 8]);
    let steps = || (0..usize::BITS).map(|bit| 1 << bit).take_while(|step| *step < nodes);
    if nodes.is_power_of_two() {
        for step in steps() {
            links.send(node ^ step, tag, &largest.to_le_bytes());
            links.receive(node ^ step, tag, &mut bytes);
            largest = larger(largest, f64::from_le_bytes(bytes));
        }
        return largest;
    }
    // The lowest bit of its number is the step at which a node leaves upwards.
    for step in steps() {
        if node & step != 0 {
            links.send(node - step, tag, &largest.to_le_bytes());
            links.receive(node - step, tag, &mut bytes);
            largest = f64::from_le_bytes(bytes);
            break;
        }
        if node + step < nodes {
            links.receive(node + step, tag, &mut bytes);
            largest = larger(largest, f64::from_le_bytes(bytes));
        }
    }
    let left_at = if node == 0 { nodes.next_power_of_two() } else { node & node.wrapping_neg() };
    for step in steps().filter(|step| *step < left_at && node + step < nodes) {
        links.send(node + step, tag, &largest.to_le_bytes());
    }
    largest
}

fn larger(a: f64, b: f64) -> f64 {
    if b > a { b } else { a }
}

/// Sends this node's block when node 0 asks for it.
pub fn hand_in(links: &mut Links, plate: &Plate) {
    links.receive(0, FETCH, &mut [0; 1]);
    let mut bytes = vec![0; 8 * plate.columns];
    for row in 1..=plate.rows {
        encode(plate.row(row, 1..plate.columns + 1), &mut bytes);
        links.send(0, BLOCK | row as u32, &bytes);
    }
}

/// Fetches another node's block and shows each row of it to `take`.
pub fn fetch(links: &mut Links, node: usize, block: Block, mut take: impl FnMut(usize, &[f64])) {
    links.send(node, FETCH, &[0]);
    let (mut bytes, mut cells) = (vec![0; 8 * block.size.1], vec![0.0; block.size.1]);
    for row in 1..=block.size.0 {
        links.receive(node, BLOCK | row as u32, &mut bytes);
        decode(&bytes, &mut cells);
        take(row, &cells);
    }
}

/// Node 0 tells all others whether the answer is right; they return what it says.
pub fn verdict(links: &mut Links, nodes: usize, right: bool) -> bool {
    if links.node == 0 {
        (1..nodes).for_each(|node| links.send(node, VERDICT, &[u8::from(right)]));
        return right;
    }
    let mut told = [0];
    links.receive(0, VERDICT, &mut told);
    told == [1]
}
