//! Which host register holds what while translated code runs.
//!
//! | host | holds |
//! |---|---|
//! | `rbp` | the hart, so that its integer registers are at small displacements |
//! | `r15` | the [`Space`](crate::space::Space) of the present translation context |
//! | `r14` | cycles left of the budget |
//! | `rbx rsi rdi r8` to `r13` | guest registers `sp s0 s1 a0` to `a5` |
//! | `rax rcx rdx` | scratch |

use machine::hart::Hart;
use std::mem::offset_of;

/// Scratch.
pub(crate) const RAX: u8 = 0;
/// Scratch.
pub(crate) const RCX: u8 = 1;
/// Scratch.
pub(crate) const RDX: u8 = 2;

/// Guest registers that live in host registers, as (guest, host).
pub(crate) const PINNED: [(u8, u8); 9] =
    [(2, 3), (8, 6), (9, 7), (10, 8), (11, 9), (12, 10), (13, 11), (14, 12), (15, 13)];

/// The host register that holds guest register `guest` throughout.
pub(crate) fn pinned(guest: u8) -> Option<u8> {
    match guest {
        2 => Some(3),
        8 => Some(6),
        9 => Some(7),
        10..=15 => Some(guest - 2),
        _ => None,
    }
}

/// `rbp` points this far behind the start of the hart, so that all of `x` is within one signed byte.
pub(crate) const BIAS: usize = offset_of!(Hart, x) + 128;

/// Displacement from `rbp` of a field of the hart at `offset`.
pub(crate) const fn at(offset: usize) -> i32 {
    offset as i32 - BIAS as i32
}

/// Displacement from `rbp` of integer register `guest`; it fits a signed byte.
pub(crate) fn x_at(guest: u8) -> i8 {
    (i16::from(guest) * 8 - 128) as i8
}

/// Displacement from `rbp` of floating-point register `guest`.
pub(crate) fn f_at(guest: u8) -> i32 {
    at(offset_of!(Hart, f)) + i32::from(guest) * 8
}

/// Displacement from `rbp` of the program counter.
pub(crate) const PC: i32 = at(offset_of!(Hart, pc));

/// Displacement from `rbp` of the reservation, whose word is all ones when there is none.
pub(crate) const RESERVATION: i32 = at(offset_of!(Hart, reservation));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pinned_registers_are_distinct_and_none_is_reserved() {
        let mut hosts: Vec<u8> = PINNED.iter().map(|&(_, host)| host).collect();
        hosts.sort_unstable();
        hosts.dedup();
        assert_eq!(hosts.len(), PINNED.len());
        assert!(hosts.iter().all(|host| ![RAX, RCX, RDX, 4, 5, 14, 15].contains(host)));
        assert!(PINNED.iter().all(|&(guest, host)| pinned(guest) == Some(host)));
    }
}
