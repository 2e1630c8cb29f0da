//! The harts of the machine as a team: found, started, kept in step, counted.

use core::fmt;
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use rt::sync::{Barrier, SpinLock};
use rt::{HARTS_MAX, println, sbi};

/// Who works: every hart below `harts`, led by `leader`.
#[derive(Clone, Copy)]
pub struct Team {
    pub harts: usize,
    pub leader: usize,
}

/// What a hart counts of itself.
pub struct Member {
    here: AtomicBool,
    pub pieces: AtomicUsize,
    pub timer: AtomicUsize,
    pub software: AtomicUsize,
    pub spins: AtomicUsize,
}

pub static MEMBERS: [Member; HARTS_MAX] = [const {
    Member {
        here: AtomicBool::new(false),
        pieces: AtomicUsize::new(0),
        timer: AtomicUsize::new(0),
        software: AtomicUsize::new(0),
        spins: AtomicUsize::new(0),
    }
}; HARTS_MAX];

static BARRIER: Barrier = Barrier::new();
static GO: AtomicUsize = AtomicUsize::new(0);
static LEADER: AtomicUsize = AtomicUsize::new(0);

impl Team {
    /// Waits for everyone.
    pub fn wait(self) {
        BARRIER.wait(self.harts);
    }

    /// The leader speaks before anyone goes on.
    pub fn say(self, leads: bool, speak: impl FnOnce()) {
        if leads {
            speak();
        }
        self.wait();
    }
}

/// Finds the harts and starts all but the leader.
pub fn muster(leader: usize) -> Team {
    let harts = (0..HARTS_MAX).take_while(|hart| sbi::hart_status(*hart).is_ok()).count().max(1);
    LEADER.store(leader, Ordering::Release);
    MEMBERS[leader].here.store(true, Ordering::Release);
    for hart in (0..harts).filter(|hart| *hart != leader) {
        if let Err(error) = rt::start(hart, crate::joined) {
            panic!("hart {hart} does not start: SBI error {error}");
        }
        while !MEMBERS[hart].here.load(Ordering::Acquire) {
            core::hint::spin_loop();
        }
    }
    Team { harts, leader }
}

/// Lets the started harts work.
pub fn go(team: Team) {
    GO.store(team.harts, Ordering::Release);
}

/// A started hart reports, and waits until the leader lets it work.
pub fn join(hart: usize) -> Team {
    MEMBERS[hart].here.store(true, Ordering::Release);
    loop {
        let harts = GO.load(Ordering::Acquire);
        if harts > 0 {
            return Team { harts, leader: LEADER.load(Ordering::Acquire) };
        }
        core::hint::spin_loop();
    }
}

/// The harts that were started, as a person reads them.
pub struct Started(pub Team, pub usize);

impl fmt::Display for Started {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Started(team, leader) = *self;
        if team.harts == 1 {
            return f.write_str("none, this machine has one hart");
        }
        for hart in (0..team.harts).filter(|hart| *hart != leader) {
            write!(f, "{hart} ")?;
        }
        Ok(())
    }
}

/// What each hart did, and whether the shared counter is right.
pub fn report(team: Team, counter: &SpinLock<usize>, lockings: usize) -> bool {
    println!("\nhart  pieces of work  timer interrupts  software interrupts  lock found taken");
    for (hart, member) in MEMBERS.iter().enumerate().take(team.harts) {
        let of = |count: &AtomicUsize| count.load(Ordering::Relaxed);
        println!(
            "{hart:4}  {:14}  {:16}  {:19}  {:16}",
            of(&member.pieces),
            of(&member.timer),
            of(&member.software),
            of(&member.spins)
        );
    }
    let mut total = 0;
    counter.with(|count| total = *count);
    let expected = team.harts * lockings;
    println!("counter behind the lock: {total}, expected {expected}");
    total == expected && MEMBERS[..team.harts].iter().all(|member| member.timer.load(Ordering::Relaxed) > 0)
}
