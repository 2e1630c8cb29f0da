//! The interrupt controller, as far as one hart needs it to be woken by a device.
//!
//! Source: RISC-V Platform-Level Interrupt Controller Specification 1.0; the places are those of QEMU's `virt` board.

const BASE: usize = 0xc00_0000;
const ENABLE: usize = BASE + 0x2000;
const ENABLE_STRIDE: usize = 0x80;
const CONTEXT: usize = BASE + 0x20_0000;
const CONTEXT_STRIDE: usize = 0x1000;
const CLAIM: usize = 4;

/// The supervisor's context of a hart: each hart has one for machine mode before it.
fn context(hart: usize) -> usize {
    2 * hart + 1
}

fn register(address: usize) -> *mut u32 {
    address as *mut u32
}

/// Lets a source interrupt a hart's supervisor.
pub fn enable(source: u32, hart: usize) {
    let word = ENABLE + context(hart) * ENABLE_STRIDE + source as usize / 32 * 4;
    // SAFETY: registers of the controller, of this hart's own context and of the source that it asks for.
    unsafe {
        register(BASE + 4 * source as usize).write_volatile(1);
        register(word).write_volatile(register(word).read_volatile() | 1 << (source % 32));
        register(CONTEXT + context(hart) * CONTEXT_STRIDE).write_volatile(0);
    }
}

/// Takes the most urgent pending source; 0 is none.
pub fn claim(hart: usize) -> u32 {
    // SAFETY: a register of this hart's own context.
    unsafe { register(CONTEXT + context(hart) * CONTEXT_STRIDE + CLAIM).read_volatile() }
}

/// Hands a claimed source back.
pub fn complete(source: u32, hart: usize) {
    // SAFETY: as `claim`.
    unsafe { register(CONTEXT + context(hart) * CONTEXT_STRIDE + CLAIM).write_volatile(source) }
}
