//! The supervisor's control and status registers that programs here use.

use core::arch::asm;

/// `sstatus.SIE`: interrupts are on.
pub const SSTATUS_SIE: usize = 1 << 1;
/// `sie`/`sip`: supervisor software interrupt.
pub const SOFTWARE: usize = 1 << 1;
/// `sie`/`sip`: supervisor timer interrupt.
pub const TIMER: usize = 1 << 5;

/// `sie`/`sip`: supervisor external interrupt.
pub const EXTERNAL: usize = 1 << 9;

/// Enables kinds of interrupt in `sie`.
pub fn enable(kinds: usize) {
    // SAFETY: the trap vector stands from the hart's entry on.
    unsafe { asm!("csrs sie, {}", in(reg) kinds, options(nostack)) };
}

/// Disables kinds of interrupt in `sie`.
pub fn disable(kinds: usize) {
    // SAFETY: only holds interrupts back.
    unsafe { asm!("csrc sie, {}", in(reg) kinds, options(nostack)) };
}

/// Declares the supervisor software interrupt taken.
pub fn clear_software() {
    // SAFETY: clears a pending bit.
    unsafe { asm!("csrc sip, {}", in(reg) SOFTWARE, options(nostack)) };
}

/// Turns interrupts on.
pub fn interrupts_on() {
    // SAFETY: the trap vector stands from the hart's entry on.
    unsafe { asm!("csrs sstatus, {}", in(reg) SSTATUS_SIE, options(nostack)) };
}

/// Turns interrupts off, and tells whether they were on.
pub fn interrupts_off() -> bool {
    let before: usize;
    // SAFETY: only holds interrupts back.
    unsafe { asm!("csrrc {}, sstatus, {}", out(reg) before, in(reg) SSTATUS_SIE, options(nostack)) };
    before & SSTATUS_SIE != 0
}

/// Sets the trap vector to an address, whatever is there.
///
/// # Safety
/// The next trap goes there: the address must hold a trap handler, or the program must want to find out.
pub unsafe fn set_trap_vector(address: usize) {
    // SAFETY: the caller's obligation.
    unsafe { asm!("csrw stvec, {}", in(reg) address, options(nostack)) };
}
