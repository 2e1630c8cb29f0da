//! Sets the trap vector to unmapped memory and traps: each fetch of the handler faults again, for ever.
//! A machine must end such a run at its limit of time or instructions.

#![no_std]
#![no_main]

use rt::{csr, println};

rt::entry!(first);

fn first(_hart: usize) -> ! {
    println!("traploop: the trap vector goes to unmapped memory");
    // SAFETY: there is no handler there, and that is what this program is for.
    unsafe {
        csr::set_trap_vector(0x7000_0000);
        core::arch::asm!("ebreak", options(noreturn));
    }
}
