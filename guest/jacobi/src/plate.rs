//! A plate of cells with a rim around it: one step of Jacobi's method, and where a node's block lies.

use crate::settings::{Map, Settings};
use alloc::vec;
use alloc::vec::Vec;
use core::ops::Range;

/// The temperature of the plate's upper edge; the other edges and the inside start at 0.
pub const HOT: f64 = 100.0;

/// Cells and their rim, now and one step ago.
pub struct Plate {
    pub rows: usize,
    pub columns: usize,
    now: Vec<f64>,
    before: Vec<f64>,
}

impl Plate {
    /// A cold plate, whose upper rim is hot if `top` says so.
    pub fn new(rows: usize, columns: usize, top: bool) -> Plate {
        let mut now = vec![0.0; (rows + 2) * (columns + 2)];
        if top {
            now[1..=columns].fill(HOT);
        }
        Plate { rows, columns, before: now.clone(), now }
    }

    fn stride(&self) -> usize {
        self.columns + 2
    }

    /// Every cell becomes the mean of its four neighbours one step ago; gives the largest change.
    pub fn step(&mut self) -> f64 {
        core::mem::swap(&mut self.now, &mut self.before);
        let (stride, columns) = (self.stride(), self.columns);
        let mut largest = 0.0;
        for row in 1..=self.rows {
            let start = row * stride;
            let above = &self.before[start - stride..][..columns + 2];
            let here = &self.before[start..][..columns + 2];
            let below = &self.before[start + stride..][..columns + 2];
            let new = &mut self.now[start + 1..][..columns];
            let vertical = above[1..].iter().zip(&below[1..]);
            for ((new, beside), (above, below)) in new.iter_mut().zip(here.windows(3)).zip(vertical) {
                let mean = 0.25 * ((above + below) + (beside[0] + beside[2]));
                let change = (mean - beside[1]).abs();
                if change > largest {
                    largest = change;
                }
                *new = mean;
            }
        }
        largest
    }

    /// Cells `columns` (rim included, from 0) of row `row` (as well).
    pub fn row(&self, row: usize, columns: Range<usize>) -> &[f64] {
        let start = row * self.stride();
        &self.now[start + columns.start..start + columns.end]
    }

    /// As [`Plate::row`].
    pub fn row_mut(&mut self, row: usize, columns: Range<usize>) -> &mut [f64] {
        let start = row * self.stride();
        &mut self.now[start + columns.start..start + columns.end]
    }

    /// Copies a column's cells out.
    pub fn column(&self, column: usize, cells: &mut [f64]) {
        let stride = self.stride();
        for (row, cell) in cells.iter_mut().enumerate() {
            *cell = self.now[(row + 1) * stride + column];
        }
    }

    /// Copies a column's cells in.
    pub fn set_column(&mut self, column: usize, cells: &[f64]) {
        let stride = self.stride();
        for (row, cell) in cells.iter().enumerate() {
            self.now[(row + 1) * stride + column] = *cell;
        }
    }
}

/// A node's part of the plate.
#[derive(Clone, Copy)]
pub struct Block {
    /// Where it is among the blocks.
    pub place: (usize, usize),
    /// First row and column of its cells, from 0.
    pub first: (usize, usize),
    /// Rows and columns of its cells.
    pub size: (usize, usize),
}

fn gray(number: usize) -> usize {
    number ^ number >> 1
}

/// The part of `total` cells that the `index`th of `parts` gets: its first, and how many.
fn share(total: usize, parts: usize, index: usize) -> (usize, usize) {
    let first = total * index / parts;
    (first, total * (index + 1) / parts - first)
}

/// The node with the block at a place.
pub fn node_at(settings: &Settings, place: (usize, usize)) -> usize {
    let (_, columns) = settings.blocks();
    match settings.map {
        Map::Gray => gray(place.0) * columns + gray(place.1),
        Map::Rows => place.0 * columns + place.1,
    }
}

/// The block of a node.
pub fn block_of(settings: &Settings, node: usize) -> Block {
    let (rows, columns) = settings.blocks();
    let places = (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column)));
    let place = places.into_iter().find(|place| node_at(settings, *place) == node).unwrap_or((0, 0));
    let (first_row, height) = share(settings.grid, rows, place.0);
    let (first_column, width) = share(settings.grid, columns, place.1);
    Block { place, first: (first_row, first_column), size: (height, width) }
}
