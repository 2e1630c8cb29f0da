//! A token passed round by software interrupts: each hart sleeps until it is woken, and wakes the next.

use crate::team::Team;
use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use rt::{csr, println, sbi};

/// Rounds of the token.
const ROUNDS: usize = 100;

/// The hops made so far; hop n is for hart n modulo the number of harts.
static HOPS: AtomicUsize = AtomicUsize::new(0);
static BEGAN: AtomicU64 = AtomicU64::new(0);
static ENDED: AtomicU64 = AtomicU64::new(0);

/// Sleeps, takes the token, passes it on, until all rounds are made.
pub fn work(hart: usize, team: Team) {
    if team.harts == 1 {
        return;
    }
    csr::disable(csr::TIMER);
    let last = ROUNDS * team.harts;
    if hart == 0 {
        BEGAN.store(rt::now(), Ordering::Relaxed);
    }
    loop {
        // Interrupts off between the look and the sleep: a wake-up in between ends the sleep at once.
        csr::interrupts_off();
        let hops = HOPS.load(Ordering::Acquire);
        if hops < last && hops % team.harts != hart {
            rt::wait_for_interrupt();
        }
        csr::interrupts_on();
        if hops >= last {
            break;
        }
        if hops % team.harts == hart {
            HOPS.store(hops + 1, Ordering::Release);
            if hops + 1 == last {
                ENDED.store(rt::now(), Ordering::Relaxed);
            }
            wake(team, hart, hops + 1 == last);
        }
    }
    csr::enable(csr::TIMER);
}

/// Wakes the next hart, or at the end everyone.
fn wake(team: Team, hart: usize, all: bool) {
    let next = (hart + 1) % team.harts;
    for other in (0..team.harts).filter(|other| *other != hart && (all || *other == next)) {
        if let Err(error) = sbi::send_ipi(other) {
            panic!("no interrupt reaches hart {other}: SBI error {error}");
        }
    }
}

/// Tells how long a hop took, and whether every hop was made.
pub fn report(team: Team) -> bool {
    if team.harts == 1 {
        return true;
    }
    let hops = HOPS.load(Ordering::Acquire);
    let ticks = ENDED.load(Ordering::Relaxed).saturating_sub(BEGAN.load(Ordering::Relaxed));
    let nanoseconds = ticks * (1_000_000_000 / rt::TICKS_PER_SECOND) / hops.max(1) as u64;
    println!("\ntoken round the harts by software interrupts: {hops} hops, {nanoseconds} ns each");
    hops == ROUNDS * team.harts
}
