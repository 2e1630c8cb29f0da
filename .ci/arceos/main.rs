//! A program on ArceOS: eight threads under the preemptive scheduler, and a file on the disk's ext4.

#![no_std]
#![no_main]

extern crate axstd as std;

use core::sync::atomic::{AtomicU64, Ordering};
use std::io::{Read, Write};
use std::sync::Mutex;
use std::{format, fs, println, string::String, thread, vec::Vec};

static DIGEST: AtomicU64 = AtomicU64::new(0);
static SUM: Mutex<u64> = Mutex::new(0);

/// Two million steps of a generator: several turns of the scheduler.
fn generated(seed: u64) -> u64 {
    (0..2_000_000).fold(seed, |mut x, _| {
        x ^= x << 13;
        x ^= x >> 7;
        x ^ x << 17
    })
}

fn work(seed: u64) {
    DIGEST.fetch_xor(generated(seed), Ordering::Relaxed);
    *SUM.lock() += seed;
}

#[unsafe(no_mangle)]
fn main() {
    let threads: Vec<_> = (1..=8).map(|seed| thread::spawn(move || work(seed))).collect();
    for thread in threads {
        thread.join().expect("a thread");
    }
    println!("threads {:016x} {}", DIGEST.load(Ordering::Relaxed), *SUM.lock());

    let mut file = fs::File::create("/hello.txt").expect("created");
    for number in 0..200 {
        file.write_all(format!("line {number}\n").as_bytes()).expect("written");
    }
    drop(file);
    let mut text = String::new();
    fs::File::open("/hello.txt").expect("opened").read_to_string(&mut text).expect("read");
    println!("file {} bytes, {} lines", text.len(), text.lines().count());
}
