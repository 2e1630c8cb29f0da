//! Reads and writes a disk and shared folders without an operating system, and shows how the rings look meanwhile.
//!
//! Sector 0 of the first disk is shown; sector 1 counts the runs of this program on it. In each shared folder the
//! names are listed, and `in.txt` is read and written to `out.txt` in capitals.

#![no_std]
#![no_main]

mod disk;
mod folder;
mod message;

use rt::virtio::{SLOTS, kind};
use rt::{println, sbi};

rt::entry!(first);

const DISK: u32 = 2;
const FOLDER: u32 = 9;

fn first(_hart: usize) -> ! {
    let of_kind = |wanted| (0..SLOTS).filter(move |slot| kind(*slot) == wanted);
    let mut right = true;
    for slot in of_kind(DISK).take(1) {
        right &= disk::visit(slot);
    }
    for (slot, rings) in of_kind(FOLDER).zip(&folder::RINGS) {
        if let Err(error) = folder::visit(slot, rings) {
            println!("folder: error {error}");
            right = false;
        }
    }
    println!("storage: done");
    sbi::power_off(right)
}
