//! A matrix product in double precision, its rows shared among the harts.
//!
//! The entries are small whole numbers, so that every sum is exact and the order of additions does not matter.

use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use rt::println;

/// Rows and columns.
pub const SIDE: usize = 64;

static NEXT: AtomicUsize = AtomicUsize::new(0);
/// The product, as the bits of doubles; each row is written by the one hart that took it.
static PRODUCT: [[AtomicU64; SIDE]; SIDE] = [const { [const { AtomicU64::new(0) }; SIDE] }; SIDE];

fn left(row: usize, column: usize) -> f64 {
    ((row * 3 + column * 5) % 17) as f64
}

fn right(row: usize, column: usize) -> f64 {
    ((row * 7 + column * 11) % 19) as f64
}

/// Takes rows until none is left.
pub fn work(_hart: usize) {
    loop {
        let row = NEXT.fetch_add(1, Ordering::Relaxed);
        let Some(cells) = PRODUCT.get(row) else { return };
        for (column, cell) in cells.iter().enumerate() {
            let sum: f64 = (0..SIDE).map(|k| left(row, k) * right(k, column)).sum();
            cell.store(sum.to_bits(), Ordering::Relaxed);
        }
    }
}

/// Checks the product by Freivalds' test: (left x right) v = left (right v) for a vector v.
pub fn report() -> bool {
    let vector: [f64; SIDE] = core::array::from_fn(|k| (k % 7) as f64);
    let apply = |entry: &dyn Fn(usize, usize) -> f64, to: &[f64; SIDE]| -> [f64; SIDE] {
        core::array::from_fn(|row| (0..SIDE).map(|k| entry(row, k) * to[k]).sum())
    };
    let product = |row: usize, k: usize| f64::from_bits(PRODUCT[row][k].load(Ordering::Relaxed));
    let direct = apply(&product, &vector);
    let same = direct == apply(&left, &apply(&right, &vector));
    println!("  checked against a vector (Freivalds): {}", if same { "right" } else { "WRONG" });
    same
}
