//! Counting primes: pieces of work of unequal size, taken by whoever is free.

use crate::team::MEMBERS;
use core::sync::atomic::{AtomicUsize, Ordering};
use rt::println;

/// Numbers below this are tried.
pub const BELOW: usize = 300_000;
/// The pieces that the range is cut into.
pub const PIECES: usize = 300;
/// The answer, known from number theory: the primes below 300,000.
const EXPECTED: usize = 25_997;
/// Progress is told this many times.
const STEPS: usize = 8;

static NEXT: AtomicUsize = AtomicUsize::new(0);
static DONE: AtomicUsize = AtomicUsize::new(0);
static FOUND: AtomicUsize = AtomicUsize::new(0);
static TOLD: AtomicUsize = AtomicUsize::new(0);

/// Takes pieces until none is left.
pub fn work(hart: usize) {
    loop {
        let piece = NEXT.fetch_add(1, Ordering::Relaxed);
        if piece >= PIECES {
            return;
        }
        let width = BELOW / PIECES;
        let found = (piece * width..(piece + 1) * width).filter(|number| is_prime(*number)).count();
        FOUND.fetch_add(found, Ordering::Relaxed);
        MEMBERS[hart].pieces.fetch_add(1, Ordering::Relaxed);
        DONE.fetch_add(1, Ordering::Release);
    }
}

/// On a timer interrupt: tells how far the work is, when it is a step further.
pub fn on_tick(hart: usize) {
    let done = DONE.load(Ordering::Acquire);
    let step = done * STEPS / PIECES;
    if step == 0 || step == STEPS || TOLD.fetch_max(step, Ordering::Relaxed) >= step {
        return;
    }
    let bar = "########".get(..step).unwrap_or_default();
    println!("  [{bar:8}] {:3} %, seen by hart {hart} in a timer interrupt", done * 100 / PIECES);
}

/// Tells the answer, and whether it is right.
pub fn report() -> bool {
    let found = FOUND.load(Ordering::Relaxed);
    println!("  [########] 100 %: {found} primes, expected {EXPECTED}");
    found == EXPECTED
}

fn is_prime(number: usize) -> bool {
    number == 2
        || (number > 2
            && number % 2 == 1
            && (3..)
                .step_by(2)
                .take_while(|divisor| divisor * divisor <= number)
                .all(|divisor| !number.is_multiple_of(divisor)))
}
