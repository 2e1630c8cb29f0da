//! Calls into machine-mode firmware. Source: RISC-V Supervisor Binary Interface, version 2.0.

use core::arch::asm;

/// The error code of a wrong argument, a hart that does not exist for one.
pub const INVALID_PARAM: isize = -3;

/// A value, or the error code of the specification.
pub type Outcome = Result<usize, isize>;

/// Probes extensions and tells who answers.
const BASE: usize = 0x10;
const TIME: usize = 0x5449_4d45;
const IPI: usize = 0x0073_5049;
const HSM: usize = 0x0048_534d;
const SRST: usize = 0x5352_5354;
const DBCN: usize = 0x4442_434e;

fn call(extension: usize, function: usize, arguments: [usize; 3]) -> Outcome {
    let [mut a0, mut a1, a2] = arguments;
    // SAFETY: the calling convention of SBI; every call below passes values that the callee may use as it does.
    unsafe {
        asm!("ecall", inout("a0") a0, inout("a1") a1, in("a2") a2, in("a6") function, in("a7") extension,
            options(nostack));
    }
    match a0 as isize {
        0 => Ok(a1),
        error => Err(error),
    }
}

/// The version of the specification that the firmware keeps: major and minor.
pub fn version() -> (usize, usize) {
    let version = call(BASE, 0, [0; 3]).unwrap_or(0);
    (version >> 24 & 0x7f, version & 0xff_ffff)
}

/// Sets this hart's timer interrupt for a tick of the timebase; `u64::MAX` is never.
pub fn set_timer(tick: u64) {
    // Every firmware has the timer; without it there would be nothing to do about it either.
    let _ = call(TIME, 0, [tick as usize, 0, 0]);
}

/// Raises a software interrupt on another hart.
pub fn send_ipi(hart: usize) -> Outcome {
    call(IPI, 0, [1, hart, 0])
}

/// Starts a stopped hart at an address, with `opaque` in its `a1`.
pub fn hart_start(hart: usize, address: usize, opaque: usize) -> Outcome {
    call(HSM, 0, [hart, address, opaque])
}

/// The state of a hart (0 is started, 1 stopped), or an error where there is no such hart.
pub fn hart_status(hart: usize) -> Outcome {
    call(HSM, 2, [hart, 0, 0])
}

/// Stops this hart.
pub fn hart_stop() -> ! {
    let _ = call(HSM, 1, [0; 3]);
    loop {
        crate::wait_for_interrupt();
    }
}

/// Writes bytes to the debug console; gives how many it took.
pub fn console_write(bytes: &[u8]) -> Outcome {
    call(DBCN, 0, [bytes.len(), bytes.as_ptr() as usize, 0])
}

/// Powers the machine off, well or as a system failure.
pub fn power_off(well: bool) -> ! {
    let _ = call(SRST, 0, [0, usize::from(!well), 0]);
    loop {
        crate::wait_for_interrupt();
    }
}
