//! Harts pass a token; each sees whether time went back since the hart before it looked.

#![no_std]
#![no_main]

use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use rt::{HARTS_MAX, println, sbi};

rt::entry!(first);

const HOPS: usize = 2000;

static HARTS: AtomicUsize = AtomicUsize::new(0);
static READY: AtomicUsize = AtomicUsize::new(0);
/// Whose turn it is: hop n is for hart n modulo the number of harts.
static TOKEN: AtomicUsize = AtomicUsize::new(0);
/// The time that the last holder read.
static LAST: AtomicU64 = AtomicU64::new(0);
static BACKWARDS: AtomicUsize = AtomicUsize::new(0);

fn first(leader: usize) -> ! {
    let harts = (0..HARTS_MAX).take_while(|hart| sbi::hart_status(*hart).is_ok()).count().max(1);
    HARTS.store(harts, Ordering::Release);
    for hart in (0..harts).filter(|hart| *hart != leader) {
        if let Err(error) = rt::start(hart, joined) {
            panic!("hart {hart} does not start: SBI error {error}");
        }
    }
    while READY.load(Ordering::Acquire) + 1 < harts {
        core::hint::spin_loop();
    }
    let began = rt::now();
    pass(leader, harts);
    while TOKEN.load(Ordering::Acquire) < HOPS {
        core::hint::spin_loop();
    }
    let backwards = BACKWARDS.load(Ordering::Acquire);
    println!("token: {HOPS} hops in {} ticks", rt::now() - began);
    println!("token: time went back {backwards} times");
    sbi::power_off(backwards == 0)
}

extern "C" fn joined(hart: usize) -> ! {
    READY.fetch_add(1, Ordering::AcqRel);
    pass(hart, HARTS.load(Ordering::Acquire));
    sbi::hart_stop()
}

fn pass(hart: usize, harts: usize) {
    loop {
        let hop = TOKEN.load(Ordering::Acquire);
        if hop >= HOPS {
            return;
        }
        if hop % harts == hart {
            let now = rt::now();
            if LAST.swap(now, Ordering::AcqRel) > now {
                BACKWARDS.fetch_add(1, Ordering::AcqRel);
            }
            TOKEN.store(hop + 1, Ordering::Release);
        }
    }
}
