//! A heat equation on a multicomputer: each node has a block of the plate in its own memory, and the nodes exchange
//! the rims of their blocks by messages.
//!
//! In each iteration every cell becomes the mean of its four neighbours (Jacobi's method). Every few iterations the nodes
//! agree on the largest change of any cell; when it is small they stop. Node 0 then collects the blocks, solves the
//! same problem alone, and compares bit for bit: a cell's new value does not depend on who computes it.
//!
//! The numbers of the nodes follow from their MAC addresses. `settings.rs` has the words of the command line,
//! `message.rs` the frames.

#![no_std]
#![no_main]

extern crate alloc;

mod exchange;
mod links;
mod message;
mod peer;
mod plate;
mod settings;

use exchange::Halo;
use links::Links;
use plate::{Plate, block_of};
use rt::{println, sbi};
use settings::{Map, Settings};

rt::entry!(first);

#[global_allocator]
static HEAP: rt::heap::Bump = rt::heap::Bump;

const TICKS_PER_MS: u64 = rt::TICKS_PER_SECOND / 1000;
/// How long a node that is done answers others.
const LINGER: u64 = 50 * TICKS_PER_MS;

fn first(hart: usize) -> ! {
    let settings = match Settings::read(rt::device_tree::arguments()) {
        Ok(settings) => settings,
        Err(word) => {
            println!("jacobi: cannot make sense of `{word}`");
            sbi::power_off(false)
        }
    };
    let mut links = Links::new(hart, settings.patience_ms as u64 * TICKS_PER_MS);
    if links.node >= settings.nodes {
        println!("jacobi: not needed: {} nodes work", settings.nodes);
        sbi::power_off(true)
    }
    let right = solve(&mut links, &settings);
    links.linger(LINGER);
    sbi::power_off(right)
}

/// Solves the whole problem; true if the answer is right.
fn solve(links: &mut Links, settings: &Settings) -> bool {
    let block = block_of(settings, links.node);
    let leads = links.node == 0;
    if leads {
        announce(settings);
    }
    let mut plate = Plate::new(block.size.0, block.size.1, block.first.0 == 0);
    let mut halo = Halo::new(settings, block);
    let tolerance = settings.tolerance_millionths as f64 / 1e6;
    let together = |links: &mut Links, iteration: usize, change: f64| {
        exchange::largest_of_all(links, settings.nodes, iteration, change)
    };

    // Everyone is there before the clock starts.
    together(links, 0, 0.0);
    let start = rt::now();
    let (mut computing, mut iteration) = (0, 0);
    loop {
        iteration += 1;
        let from = rt::now();
        let change = plate.step();
        computing += rt::now() - from;
        if is_checked(settings, iteration) {
            let change = together(links, iteration, change);
            if leads && iteration.is_multiple_of(5 * settings.check) {
                println!("iteration {iteration:4}: largest change {}", Decimal((change * 1e4) as u64, 4));
            }
            if change <= tolerance || iteration == settings.iterations {
                break;
            }
        }
        halo.exchange(links, &mut plate, iteration);
    }
    let parallel = rt::now() - start;
    let figures = links.figures;
    links.settle();
    let right = if leads {
        compare(links, settings, &plate, (iteration, parallel))
    } else {
        exchange::hand_in(links, &plate);
        true
    };
    let right = exchange::verdict(links, settings.nodes, right);
    println!(
        "block {},{} of {} x {} cells: computed {} ms, slept {} ms; sent {} messages with {} bytes, {} frames again",
        block.place.0,
        block.place.1,
        block.size.0,
        block.size.1,
        ms(computing),
        ms(figures.asleep),
        figures.messages,
        figures.bytes,
        links.figures.again
    );
    right
}

fn is_checked(settings: &Settings, iteration: usize) -> bool {
    iteration.is_multiple_of(settings.check) || iteration == settings.iterations
}

fn announce(settings: &Settings) {
    let (rows, columns) = settings.blocks();
    println!(
        "heat equation: {0} x {0} cells on {1} node{2}, {rows} x {columns} blocks, {3}",
        settings.grid,
        settings.nodes,
        if settings.nodes == 1 { "" } else { "s" },
        if settings.map == Map::Gray { "placed by Gray code" } else { "placed row by row" }
    );
}

/// Node 0 solves the problem alone and compares.
fn compare(links: &mut Links, settings: &Settings, own: &Plate, found: (usize, u64)) -> bool {
    let (iterations, parallel) = found;
    let tolerance = settings.tolerance_millionths as f64 / 1e6;
    let start = rt::now();
    let mut alone = Plate::new(settings.grid, settings.grid, true);
    let mut iteration = 0;
    loop {
        iteration += 1;
        let change = alone.step();
        // A node that computes for long still answers who asks for it.
        links.poll();
        if is_checked(settings, iteration) && (change <= tolerance || iteration == settings.iterations) {
            break;
        }
    }
    let sequential = rt::now() - start;
    println!(
        "settled after {iterations} iterations in {} ms; node 0 alone: {iteration} in {} ms",
        ms(parallel),
        ms(sequential)
    );
    println!("speed-up {}", Decimal(sequential * 100 / parallel.max(1), 2));

    let mut different = 0;
    for node in 0..settings.nodes {
        let block = block_of(settings, node);
        let mut compare = |row: usize, cells: &[f64]| {
            let first = block.first.1 + 1;
            let expected = alone.row(block.first.0 + row, first..first + cells.len());
            different += cells.iter().zip(expected).filter(|(a, b)| a.to_bits() != b.to_bits()).count();
        };
        if node == 0 {
            (1..=own.rows).for_each(|row| compare(row, own.row(row, 1..own.columns + 1)));
        } else {
            exchange::fetch(links, node, block, compare);
        }
    }
    let right = different == 0 && iteration == iterations;
    if right {
        println!("all {} cells equal the sequential answer, bit for bit", settings.grid * settings.grid);
    } else {
        println!("{different} cells DIFFER from the sequential answer");
    }
    right
}

/// Ticks as milliseconds.
fn ms(ticks: u64) -> Decimal {
    Decimal(ticks * 100 / TICKS_PER_MS, 2)
}

/// A number with so many digits behind the point.
struct Decimal(u64, u32);

impl core::fmt::Display for Decimal {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let unit = 10_u64.pow(self.1);
        write!(f, "{}.{:02$}", self.0 / unit, self.0 % unit, self.1 as usize)
    }
}
