//! What `multivac run demo` runs: a program for a machine with 1 to 64 harts.
//!
//! It starts the harts through SBI, lets them take work from one shared queue while each takes timer interrupts,
//! passes a token round by software interrupts, and shares a lock; each result is checked. Its first and last
//! lines are what the rebuild check looks for.

#![no_std]
#![no_main]

mod matrix;
mod primes;
mod ring;
mod team;

use core::sync::atomic::{AtomicUsize, Ordering};
use rt::sync::SpinLock;
use rt::trap::{SOFTWARE_INTERRUPT, TIMER_INTERRUPT, Trap};
use rt::{csr, println, sbi};
use team::{MEMBERS, Team};

rt::entry!(first);

/// Ticks of the timebase between two timer interrupts of a hart: half a millisecond.
const TICK: u64 = rt::TICKS_PER_SECOND / 2000;
/// How often each hart takes the lock of the last part.
const LOCKINGS: usize = 500;

static COUNTER: SpinLock<usize> = SpinLock::new(0);

/// The hart that the firmware started: it leads.
fn first(leader: usize) -> ! {
    let (major, minor) = sbi::version();
    println!("Multivac demo: one node, one memory, supervisor mode under SBI {major}.{minor}");
    rt::trap::handle(on_trap);
    let team = team::muster(leader);
    println!("hart {leader} leads; started through SBI HSM: {}", team::Started(team, leader));
    team::go(team);
    work(leader, team)
}

/// Where a started hart begins.
extern "C" fn joined(hart: usize) -> ! {
    let team = team::join(hart);
    work(hart, team)
}

/// What every hart does; the leader also tells of it.
fn work(hart: usize, team: Team) -> ! {
    let leads = hart == team.leader;
    csr::enable(csr::TIMER | csr::SOFTWARE);
    sbi::set_timer(rt::now() + TICK);
    csr::interrupts_on();

    let mut right = true;
    team.say(leads, || {
        println!("\nprimes below {}, in {} pieces from one queue:", primes::BELOW, primes::PIECES)
    });
    primes::work(hart);
    team.wait();
    if leads {
        right &= primes::report();
    }
    team.say(leads, || println!("\nproduct of two {0} x {0} matrices, a row at a time:", matrix::SIDE));
    matrix::work(hart);
    team.wait();
    if leads {
        right &= matrix::report();
    }
    team.wait();
    ring::work(hart, team);
    if leads {
        right &= ring::report(team);
    }
    team.wait();
    let mut spins = 0;
    for _ in 0..LOCKINGS {
        spins += COUNTER.with(|count| *count += 1);
    }
    MEMBERS[hart].spins.fetch_add(spins, Ordering::Relaxed);
    team.wait();
    if !leads {
        loop {
            csr::disable(csr::TIMER | csr::SOFTWARE);
            rt::wait_for_interrupt();
        }
    }
    csr::disable(csr::TIMER);
    right &= team::report(team, &COUNTER, LOCKINGS);
    println!("\n{}", if right { "all answers are right; powering off" } else { "an answer is WRONG" });
    sbi::power_off(right)
}

/// Every trap of the program: the two interrupts it asked for, and nothing else.
fn on_trap(trap: &mut Trap) {
    let hart = rt::hart();
    match trap.cause {
        TIMER_INTERRUPT => {
            add_one(&MEMBERS[hart].timer);
            sbi::set_timer(rt::now() + TICK);
            primes::on_tick(hart);
        }
        SOFTWARE_INTERRUPT => {
            csr::clear_software();
            add_one(&MEMBERS[hart].software);
        }
        other => panic!("trap {other:#x} at {:#x}, value {:#x}", trap.pc, trap.value),
    }
}

fn add_one(count: &AtomicUsize) {
    count.fetch_add(1, Ordering::Relaxed);
}
