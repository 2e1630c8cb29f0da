//! Which loads and stores of a block share one look into the TLB.
//!
//! Accesses off one base at nearby displacements mostly lie in one page, the base being a value that may meanwhile
//! be copied, or moved by constants. The first of such a group looks the whole range up and keeps the host address of
//! its base register for the others, which then need no check. Where the range is not in one cached page, the first
//! access is interpreted and the block left behind it.
//!
//! Invariant: nothing that voids a translation or withdraws a permission to store happens between the accesses
//! of a group without leaving the block.

use super::operands::x_written;
use isa::{Format, Inst, Op};

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
        /// How far from it the access is.
        displacement: i32,
    },
}

/// The roles of the instructions of a block.
pub(crate) fn roles(insts: &[Inst]) -> Vec<Role> {
    let mut roles = vec![Role::Alone; insts.len()];
    if insts.iter().filter(|inst| access(inst).is_some()).nth(1).is_none() {
        return roles;
    }
    let accesses = accesses(insts);
    let mut kept = 0;
    for first in 0..accesses.len() {
        if roles[accesses[first].index] != Role::Alone || kept == KEPT_MAX {
            continue;
        }
        // Where the range is not cached, the group is looked up again when its first access is done.
        let inst = &insts[accesses[first].index];
        if x_written(inst) == Some(inst.rs1) {
            continue;
        }
        let Some(group) = group(&accesses[first..], &roles) else { continue };
        let at = accesses[first].offset;
        for member in &group.members {
            roles[member.index] = Role::Later { kept, displacement: member.start() - at };
        }
        roles[accesses[first].index] =
            Role::First { kept, low: group.low - at, high: group.high - at, stores: group.stores };
        kept += 1;
    }
    roles
}

/// A load or a store of a block.
#[derive(Clone, Copy)]
struct Access {
    /// Which instruction it is.
    index: usize,
    /// The value that its base register is derived from, and how far it is from that.
    origin: u32,
    offset: i32,
    /// Displacement from the base register.
    displacement: i32,
    bytes: i32,
    stores: bool,
    /// Branches before it in the block.
    branches: u32,
}

impl Access {
    /// Its first byte, from its origin.
    fn start(&self) -> i32 {
        self.offset + self.displacement
    }
}

/// Farthest that a register is followed from the value it is derived from.
const OFFSET_MAX: i32 = 1 << 16;

/// The loads and stores of a block.
fn accesses(insts: &[Inst]) -> Vec<Access> {
    let mut found = Vec::new();
    // What each register is derived from: the number of a value, and how far it is from that.
    let mut origins: [(u32, i32); 32] = std::array::from_fn(|register| (register as u32, 0));
    let mut values = 32;
    let mut branches = 0;
    for (index, inst) in insts.iter().enumerate() {
        let (origin, offset) = origins[usize::from(inst.rs1)];
        if let Some((bytes, stores)) = access(inst).filter(|_| inst.rs1 != 0) {
            found.push(Access { index, origin, offset, displacement: inst.imm, bytes, stores, branches });
        }
        branches += u32::from(inst.op.format() == Format::B);
        if let Some(register) = x_written(inst) {
            values += 1;
            let derived = match inst.op {
                Op::Addi if inst.rs1 != 0 => (origin, offset + inst.imm),
                Op::Add if inst.rs1 == 0 => origins[usize::from(inst.rs2)],
                _ => (values, 0),
            };
            origins[usize::from(register)] = if derived.1.abs() < OFFSET_MAX { derived } else { (values, 0) };
        }
    }
    found
}

/// A group, by distances from its origin.
struct Group {
    members: Vec<Access>,
    low: i32,
    high: i32,
    stores: bool,
}

/// The group that the first of `accesses` leads; `None` when it would be the only one.
fn group(accesses: &[Access], roles: &[Role]) -> Option<Group> {
    let first = accesses[0];
    let (low, high) = (first.start(), first.start() + first.bytes);
    let mut group = Group { members: Vec::new(), low, high, stores: first.stores };
    for member in &accesses[1..] {
        if member.origin != first.origin || roles[member.index] != Role::Alone {
            continue;
        }
        let (low, high) = (group.low.min(member.start()), group.high.max(member.start() + member.bytes));
        // A store that may not be reached must not ask for a page that can be stored to.
        let certain = member.branches == first.branches;
        if high - low <= RANGE_MAX && (!member.stores || group.stores || certain) {
            group.members.push(*member);
            (group.low, group.high, group.stores) = (low, high, group.stores | member.stores);
        }
    }
    (!group.members.is_empty()).then_some(group)
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

#[cfg(test)]
mod tests {
    use super::*;

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
            Role::Later { kept: 0, displacement: 24 },
            Role::Later { kept: 0, displacement: 0 },
            Role::Alone,
        ];
        assert_eq!(roles(&block), expected);
    }

    #[test]
    fn a_base_is_followed_through_copies_and_constants() {
        let block = [
            inst(Op::Addi, 10, 12, 8),
            inst(Op::Ld, 13, 10, 8),
            inst(Op::Ld, 10, 13, 0),
            inst(Op::Addi, 12, 12, 32),
            inst(Op::Ld, 11, 12, -8),
        ];
        let accesses: Vec<Role> = roles(&block).into_iter().filter(|role| *role != Role::Alone).collect();
        let first = Role::First { kept: 0, low: 8, high: 24, stores: false };
        assert_eq!(accesses, [first, Role::Later { kept: 0, displacement: 16 }]);
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
