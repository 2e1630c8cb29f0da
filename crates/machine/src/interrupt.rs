//! Which interrupts are pending, which one is taken, and when a timer will be due.

use crate::core::Core;
use crate::csr::{environment, status};
use crate::lines::mip as bit;
use crate::privilege::Privilege;

/// Order in which simultaneous interrupts of one level are taken.
///
/// Source: RISC-V Privileged Architecture, "Machine Interrupt Registers", "Hypervisor Extension: Traps".
const PRIORITY: [u32; 10] = [11, 3, 7, 9, 1, 5, 12, 10, 2, 6];

/// An interrupt to take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interrupt {
    /// Its code, as in `mcause` without the interrupt bit.
    pub code: u32,
    /// The mode whose handler takes it.
    pub target: Target,
}

/// The mode that handles a trap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// M-mode.
    Machine,
    /// HS-mode (plain S-mode where no guest is concerned).
    Supervisor,
    /// VS-mode.
    VirtualSupervisor,
}

/// `mip`: what wires, timers and software have pending.
pub fn mip(core: &Core<'_>) -> u64 {
    let hart = &*core.hart;
    let csr = &hart.csr;
    let mut pending = csr.mip | csr.hvip;
    let lines = &core.bus.lines;
    pending |= lines.level.get(hart.id).copied().unwrap_or(0);
    // The wire is driven when the timer is set and between rounds; within a turn, what counts is the tick.
    if lines.mtimecmp.get(hart.id).is_some_and(|due| *due != u64::MAX && *due <= core.mtime()) {
        pending |= bit::MTIP;
    }
    if csr.menvcfg & environment::STCE != 0 {
        pending &= !bit::STIP;
        let guest = environment::henvcfg(&hart.csr) & environment::STCE != 0 && csr.vstimecmp != u64::MAX;
        if csr.stimecmp != u64::MAX || guest {
            let now = core.time();
            if now >= csr.stimecmp {
                pending |= bit::STIP;
            }
            if guest && now.wrapping_add(csr.htimedelta) >= csr.vstimecmp {
                pending |= bit::VSTIP;
            }
        }
    }
    pending
}

/// The interrupt that the hart takes before its next instruction, if any.
pub fn next(core: &Core<'_>) -> Option<Interrupt> {
    let hart = &*core.hart;
    let csr = &hart.csr;
    if csr.mie == 0 {
        return None;
    }
    let active = mip(core) & csr.mie;
    if active == 0 {
        return None;
    }
    let machine = active & !csr.mideleg;
    if machine != 0 && (hart.privilege < Privilege::Machine || csr.mstatus & status::MIE != 0) {
        return Some(choose(machine, Target::Machine));
    }
    let supervisor = active & csr.mideleg & !csr.hideleg;
    let enabled = match hart.privilege {
        Privilege::Machine => false,
        Privilege::Supervisor => hart.virt || csr.mstatus & status::SIE != 0,
        Privilege::User => true,
    };
    if supervisor != 0 && enabled {
        return Some(choose(supervisor, Target::Supervisor));
    }
    let guest = active & csr.mideleg & csr.hideleg;
    let enabled = hart.virt && (hart.privilege == Privilege::User || csr.vsstatus & status::SIE != 0);
    (guest != 0 && enabled).then(|| choose(guest, Target::VirtualSupervisor))
}

/// Whether an interrupt is pending that ends WFI: enabled in `mie`, whatever the global enables say.
pub fn wakes(core: &Core<'_>) -> bool {
    core.hart.csr.mie != 0 && mip(core) & core.hart.csr.mie != 0
}

/// The timebase tick at which the next enabled timer of the hart is due; `u64::MAX` for never.
///
/// A timer that is due already and pending is not counted again.
pub fn next_timer(core: &Core<'_>) -> u64 {
    let csr = &core.hart.csr;
    let now = core.mtime();
    let offset = core.bus.lines.mtime_offset;
    let mut next = u64::MAX;
    let mut consider = |tick: u64| {
        if tick > now {
            next = next.min(tick);
        }
    };
    consider(core.bus.lines.mtimecmp.get(core.hart.id).copied().unwrap_or(u64::MAX));
    if csr.menvcfg & environment::STCE != 0 {
        if csr.stimecmp != u64::MAX {
            consider(csr.stimecmp.wrapping_sub(offset));
        }
        if environment::henvcfg(&core.hart.csr) & environment::STCE != 0 && csr.vstimecmp != u64::MAX {
            consider(csr.vstimecmp.wrapping_sub(csr.htimedelta).wrapping_sub(offset));
        }
    }
    next
}

fn choose(pending: u64, target: Target) -> Interrupt {
    let first = PRIORITY.into_iter().find(|code| pending >> code & 1 != 0);
    Interrupt { code: first.unwrap_or_else(|| pending.trailing_zeros()), target }
}
