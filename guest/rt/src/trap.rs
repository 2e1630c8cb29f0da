//! The trap path: save what a function may change, call the program's handler, restore, return.

use core::arch::global_asm;
use core::sync::atomic::{AtomicUsize, Ordering};

/// What the handler sees of a trap.
pub struct Trap {
    /// `scause`: the top bit is set for an interrupt.
    pub cause: usize,
    /// `stval`: the address or instruction at fault.
    pub value: usize,
    /// `sepc`: where the trap returns to; the handler may move it.
    pub pc: usize,
}

/// Set in `cause` for interrupts.
pub const INTERRUPT: usize = 1 << 63;
/// `cause` of a supervisor software interrupt.
pub const SOFTWARE_INTERRUPT: usize = INTERRUPT | 1;
/// `cause` of a supervisor timer interrupt.
pub const TIMER_INTERRUPT: usize = INTERRUPT | 5;

/// The program's handler; it uses no floating point.
pub type Handler = fn(&mut Trap);

static HANDLER: AtomicUsize = AtomicUsize::new(0);

/// Names the handler of all harts.
pub fn handle(handler: Handler) {
    HANDLER.store(handler as usize, Ordering::Release);
}

global_asm!(
    ".balign 4",
    ".globl rt_trap_entry",
    "rt_trap_entry:",
    "  addi sp, sp, -128",
    "  sd   ra, 0(sp)",
    "  sd   t0, 8(sp)",
    "  sd   t1, 16(sp)",
    "  sd   t2, 24(sp)",
    "  sd   t3, 32(sp)",
    "  sd   t4, 40(sp)",
    "  sd   t5, 48(sp)",
    "  sd   t6, 56(sp)",
    "  sd   a0, 64(sp)",
    "  sd   a1, 72(sp)",
    "  sd   a2, 80(sp)",
    "  sd   a3, 88(sp)",
    "  sd   a4, 96(sp)",
    "  sd   a5, 104(sp)",
    "  sd   a6, 112(sp)",
    "  sd   a7, 120(sp)",
    "  csrr a0, scause",
    "  csrr a1, stval",
    "  csrr a2, sepc",
    "  call rt_trap",
    "  csrw sepc, a0",
    "  ld   ra, 0(sp)",
    "  ld   t0, 8(sp)",
    "  ld   t1, 16(sp)",
    "  ld   t2, 24(sp)",
    "  ld   t3, 32(sp)",
    "  ld   t4, 40(sp)",
    "  ld   t5, 48(sp)",
    "  ld   t6, 56(sp)",
    "  ld   a0, 64(sp)",
    "  ld   a1, 72(sp)",
    "  ld   a2, 80(sp)",
    "  ld   a3, 88(sp)",
    "  ld   a4, 96(sp)",
    "  ld   a5, 104(sp)",
    "  ld   a6, 112(sp)",
    "  ld   a7, 120(sp)",
    "  addi sp, sp, 128",
    "  sret",
);

/// Called by the entry code; gives the address to return to.
// SAFETY: the symbol is this crate's own, and only the entry code above calls it.
#[unsafe(no_mangle)]
extern "C" fn rt_trap(cause: usize, value: usize, pc: usize) -> usize {
    let mut trap = Trap { cause, value, pc };
    let handler = HANDLER.load(Ordering::Acquire);
    if handler == 0 {
        panic!("trap {cause:#x} at {pc:#x}, value {value:#x}, and no handler");
    }
    // SAFETY: the only non-zero value ever stored is a `Handler`.
    let handler: Handler = unsafe { core::mem::transmute(handler) };
    handler(&mut trap);
    trap.pc
}
