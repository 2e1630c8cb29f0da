//! The least that a bare-metal program in supervisor mode needs: entry and stacks, SBI calls, traps, a console.
//!
//! A program names its first function with [`entry!`]; it runs on the hart that the firmware started, with
//! interrupts off. Other harts are started with [`start`].

#![no_std]

pub mod console;
pub mod csr;
pub mod device_tree;
pub mod heap;
pub mod net;
pub mod plic;
pub mod request;
pub mod sbi;
pub mod sync;
pub mod trap;
pub mod virtio;
mod virtqueue;

use core::arch::global_asm;

/// As many harts as the linker script has stacks for.
pub const HARTS_MAX: usize = 64;
/// Ticks of the timebase in a second: 10 MHz, as on QEMU's `virt` board.
pub const TICKS_PER_SECOND: u64 = 10_000_000;

global_asm!(
    ".section .text.entry, \"ax\"",
    ".globl _start",
    "_start:",
    "  la   t0, __bss_start",
    "  la   t1, __bss_end",
    "1: bgeu t0, t1, 2f",
    "  sd   zero, 0(t0)",
    "  addi t0, t0, 8",
    "  j    1b",
    "2: la   t0, rt_device_tree",
    "  sd   a1, 0(t0)",
    "  la   a1, rt_program",
    // A hart started by HSM comes here with its function in a1; the number of the hart is in a0.
    ".globl rt_hart_start",
    "rt_hart_start:",
    "  csrw sie, zero",
    "  mv   tp, a0",
    "  la   sp, __stacks",
    "  addi t0, a0, 1",
    "  slli t0, t0, 14",
    "  add  sp, sp, t0",
    "  li   t0, 0x2000",
    "  csrs sstatus, t0",
    "  la   t0, rt_trap_entry",
    "  csrw stvec, t0",
    "  jr   a1",
);

// SAFETY: the entry code above defines it.
unsafe extern "C" {
    fn rt_hart_start();
}

/// Names the program's first function, `fn(hart: usize) -> !`.
#[macro_export]
macro_rules! entry {
    ($function:path) => {
        // SAFETY: the symbol is the runtime's own, and the runtime calls it with this signature.
        #[unsafe(no_mangle)]
        extern "C" fn rt_program(hart: usize) -> ! {
            $function(hart)
        }
    };
}

/// Starts another hart in `function`, through SBI HSM.
pub fn start(hart: usize, function: extern "C" fn(usize) -> !) -> sbi::Outcome {
    if hart >= HARTS_MAX {
        return Err(sbi::INVALID_PARAM);
    }
    sbi::hart_start(hart, rt_hart_start as *const () as usize, function as usize)
}

/// The hart that runs this.
pub fn hart() -> usize {
    let hart;
    // SAFETY: reads a register that the entry code set and nothing else writes.
    unsafe { core::arch::asm!("mv {}, tp", out(reg) hart, options(nomem, nostack)) };
    hart
}

/// The timebase counter.
pub fn now() -> u64 {
    let ticks;
    // SAFETY: reads a counter. It orders memory accesses around it on purpose (no `nomem`).
    unsafe { core::arch::asm!("rdtime {}", out(reg) ticks, options(nostack)) };
    ticks
}

/// Sleeps until an interrupt is pending, whether or not interrupts are on.
pub fn wait_for_interrupt() {
    // SAFETY: a hint; memory may change meanwhile.
    unsafe { core::arch::asm!("wfi", options(nostack)) };
}

#[panic_handler]
fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
    println!("panic on hart {}: {}", hart(), info.message());
    sbi::power_off(false)
}
