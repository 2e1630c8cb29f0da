//! Garbage into every device register and every virtio ring. The machine may stop this program; the program that
//! runs the machine must survive it.

#![no_std]
#![no_main]

mod virtio;

use core::sync::atomic::{AtomicUsize, Ordering};
use rt::trap::{INTERRUPT, Trap};
use rt::{csr, println, sbi};

rt::entry!(first);

/// Windows of the board: name, base, bytes.
const WINDOWS: &[(&str, usize, usize)] = &[
    ("rtc", 0x10_1000, 0x1000),
    ("clint", 0x200_0000, 0x1_0000),
    ("sswi", 0x2f0_0000, 0x4000),
    ("plic", 0xc00_0000, 0x60_0000),
    ("uart", 0x1000_0000, 0x100),
    ("fw_cfg", 0x1010_0000, 0x18),
    ("virtio", 0x1000_1000, 0x8000),
    ("flash", 0x2000_0000, 0x1000),
    ("pcie", 0x3000_0000, 0x1000),
    ("nothing", 0x7000_0000, 0x1000),
    ("above memory", 0xff_ffff_f000, 0x1000),
];

/// Faults taken and passed over.
static FAULTS: AtomicUsize = AtomicUsize::new(0);

fn first(_hart: usize) -> ! {
    rt::trap::handle(step_over);
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    // The UART's registers decide whether a character goes out: this speaks through the firmware throughout.
    for (name, base, bytes) in WINDOWS {
        let before = FAULTS.load(Ordering::Relaxed);
        storm(*base, *bytes, &mut random);
        println!("hostile: {name}: {} faults", FAULTS.load(Ordering::Relaxed) - before);
    }
    let devices = virtio::storm(&mut random);
    println!("hostile: rings of {devices} virtio devices filled with garbage");
    println!("hostile: still here");
    sbi::power_off(true)
}

/// Reads and writes all over a window, in every size, aligned and not.
fn storm(base: usize, bytes: usize, random: &mut Random) {
    let step = (bytes / 256).max(1);
    for offset in (0..bytes).step_by(step) {
        for width in [1usize, 2, 4, 8] {
            let address = base + (offset & !(width - 1));
            touch(address, width, random.word());
        }
        touch(base + random.below(bytes), 4, random.word());
        touch(base + (random.below(bytes) & !3), 4, random.word() & 0xff);
    }
}

/// One read and one write; whatever faults is stepped over.
fn touch(address: usize, width: usize, value: u64) {
    // SAFETY: the windows hold no memory of this program, and the trap handler steps over what faults.
    unsafe {
        match width {
            1 => {
                core::arch::asm!("lbu {t}, 0({a})", "sb {v}, 0({a})", a = in(reg) address, v = in(reg) value, t = out(reg) _)
            }
            2 => {
                core::arch::asm!("lhu {t}, 0({a})", "sh {v}, 0({a})", a = in(reg) address, v = in(reg) value, t = out(reg) _)
            }
            4 => {
                core::arch::asm!("lwu {t}, 0({a})", "sw {v}, 0({a})", a = in(reg) address, v = in(reg) value, t = out(reg) _)
            }
            _ => {
                core::arch::asm!("ld {t}, 0({a})", "sd {v}, 0({a})", a = in(reg) address, v = in(reg) value, t = out(reg) _)
            }
        }
    }
}

/// Counts a fault and goes on behind the instruction; silences an interrupt that the garbage raised.
fn step_over(trap: &mut Trap) {
    if trap.cause & INTERRUPT != 0 {
        csr::disable(usize::MAX);
        return;
    }
    FAULTS.fetch_add(1, Ordering::Relaxed);
    // SAFETY: `pc` is an instruction of this program.
    let low = unsafe { core::ptr::read_unaligned(trap.pc as *const u16) };
    trap.pc += if low & 3 == 3 { 4 } else { 2 };
}

/// xorshift64*: the same garbage in every run.
pub struct Random(u64);

impl Random {
    /// The next 64 bits.
    pub fn word(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A number below `bound`.
    pub fn below(&mut self, bound: usize) -> usize {
        (self.word() % bound as u64) as usize
    }
}
