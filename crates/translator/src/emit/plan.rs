//! Which loads and stores of a block share one look into the TLB.
//!
//! Accesses off one base register at nearby displacements mostly lie in one page. The first of such a group
//! looks the whole range up and keeps the host address of the base for the others, which then need no check.
//! Where the range is not in one cached page, the first access is interpreted and the block left behind it.
//!
//! Invariant: nothing that voids a translation or withdraws a permission to store happens between the accesses
//! of a group without leaving the block.

use super::operands::x_written;
use isa::{Format, Inst};

/// Host addresses that a block can keep at a time.
pub(crate) const KEPT_MAX: usize = 16;
/// Widest range of a group in bytes; wider ones would often lie across pages.
const RANGE_MAX: i32 = 512;

/// How one instruction gets at memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// By its own look into the TLB, if it accesses memory at all.
    Alone,
    /// By a look for the whole group, from byte `low` to before byte `high` off the base register.
    First {
        /// Where the host address is kept.
        kept: usize,
        /// First byte of the range.
        low: i32,
        /// End of the range.
        high: i32,
        /// Whether the group stores.
        stores: bool,
    },
    /// Through the host address kept by the first of its group.
    Later {
        /// Where the host address is kept.
        kept: usize,
    },
}

/// The roles of the instructions of a block.
pub(crate) fn roles(insts: &[Inst]) -> Vec<Role> {
    let mut roles = vec![Role::Alone; insts.len()];
    let mut taken = vec![false; insts.len()];
    let mut kept = 0;
    for first in 0..insts.len() {
        if taken[first] || kept == KEPT_MAX {
            continue;
        }
        let Some(group) = group(insts, first, &taken) else { continue };
        for &member in &group.members {
            taken[member] = true;
            roles[member] = Role::Later { kept };
        }
        roles[first] = Role::First { kept, low: group.low, high: group.high, stores: group.stores };
        kept += 1;
    }
    roles
}

struct Group {
    members: Vec<usize>,
    low: i32,
    high: i32,
    stores: bool,
}

/// The group that the access `first` leads; `None` when it would be the only one.
fn group(insts: &[Inst], first: usize, taken: &[bool]) -> Option<Group> {
    let base = insts[first].rs1;
    let (bytes, stores) = access(&insts[first])?;
    if base == 0 || writes(&insts[first], base) {
        return None;
    }
    let low = insts[first].imm;
    let mut group = Group { members: vec![first], low, high: low + bytes, stores };
    let mut certain = true;
    for (index, inst) in insts.iter().enumerate().skip(first + 1) {
        if let Some((bytes, stores)) = access(inst)
            && inst.rs1 == base
            && !taken[index]
        {
            let (low, high) = (group.low.min(inst.imm), group.high.max(inst.imm + bytes));
            // A store that may not be reached must not ask for a page that can be stored to.
            if high - low <= RANGE_MAX && (!stores || group.stores || certain) {
                group.members.push(index);
                (group.low, group.high, group.stores) = (low, high, group.stores | stores);
            }
        }
        if writes(inst, base) {
            break;
        }
        certain &= inst.op.format() != Format::B;
    }
    (group.members.len() > 1).then_some(group)
}

/// Bytes that a load or store accesses, and whether it stores.
fn access(inst: &Inst) -> Option<(i32, bool)> {
    use isa::Op::{Fld, Flw, Fsd, Fsw, Lb, Lbu, Ld, Lh, Lhu, Lw, Lwu, Sb, Sd, Sh, Sw};
    Some(match inst.op {
        Lb | Lbu => (1, false),
        Lh | Lhu => (2, false),
        Lw | Lwu | Flw => (4, false),
        Ld | Fld => (8, false),
        Sb => (1, true),
        Sh => (2, true),
        Sw | Fsw => (4, true),
        Sd | Fsd => (8, true),
        _ => return None,
    })
}

/// Whether the instruction may write integer register `register`.
fn writes(inst: &Inst, register: u8) -> bool {
    x_written(inst) == Some(register)
}

#[cfg(test)]
mod tests {
    use super::*;
    use isa::Op;

    fn inst(op: Op, rd: u8, rs1: u8, imm: i32) -> Inst {
        Inst { rd, rs1, imm, ..Inst::of(op) }
    }

    #[test]
    fn accesses_off_one_register_share_a_look() {
        let block = [
            inst(Op::Ld, 10, 2, 8),
            inst(Op::Ld, 11, 12, 0),
            inst(Op::Sd, 0, 2, 24),
            inst(Op::Ld, 2, 2, 0),
            inst(Op::Ld, 10, 2, 8),
        ];
        let expected = [
            Role::First { kept: 0, low: 0, high: 32, stores: true },
            Role::Alone,
            Role::Later { kept: 0 },
            Role::Later { kept: 0 },
            Role::Alone,
        ];
        assert_eq!(roles(&block), expected);
    }

    #[test]
    fn a_store_behind_a_branch_and_a_far_access_stay_apart() {
        let block = [
            inst(Op::Lw, 10, 13, 0),
            inst(Op::Beq, 0, 10, 8),
            inst(Op::Sw, 0, 13, 4),
            inst(Op::Lw, 9, 13, 2000),
        ];
        assert!(roles(&block).iter().all(|role| *role == Role::Alone));
    }
}
