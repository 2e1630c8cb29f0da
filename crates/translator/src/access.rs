//! Plain loads and stores that miss the TLB: made here, without the interpreter, when their pages can be found.

use crate::engine::Parts;
use crate::space::Space;
use isa::{Inst, Op};
use machine::core::Core;
use machine::interp::Kind;
use machine::ram::{PAGE_BYTES, RAM_BASE};

/// What a plain load or store does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Access {
    bytes: u64,
    kind: Kind,
    /// Of a floating-point register.
    float: bool,
}

impl Access {
    fn of(op: Op) -> Option<Access> {
        let load = |bytes, float| Access { bytes, kind: Kind::Read, float };
        let store = |bytes, float| Access { bytes, kind: Kind::Write, float };
        Some(match op {
            Op::Lb | Op::Lbu => load(1, false),
            Op::Lh | Op::Lhu => load(2, false),
            Op::Lw | Op::Lwu => load(4, false),
            Op::Ld => load(8, false),
            Op::Flw => load(4, true),
            Op::Fld => load(8, true),
            Op::Sb => store(1, false),
            Op::Sh => store(2, false),
            Op::Sw => store(4, false),
            Op::Sd => store(8, false),
            Op::Fsw => store(4, true),
            Op::Fsd => store(8, true),
            _ => return None,
        })
    }

    /// Whether its registers may be used.
    fn is_allowed(&self, space: &Space) -> bool {
        let ready = if self.kind == Kind::Write { space.float_on } else { space.float_ready };
        !self.float || ready != 0
    }
}

/// Byte offsets in memory of the two parts of an access, and the length of the first; the second is empty mostly.
struct Parted {
    first: usize,
    length: usize,
    second: usize,
}

impl Parts {
    /// Makes the access of `inst` at `va` and puts the hart behind it; false, with nothing done, when the interpreter
    /// is to do that. Enters the pages into the space's TLB.
    pub(crate) fn access(&mut self, core: &mut Core<'_>, space: &mut Space, inst: &Inst, va: u64) -> bool {
        let Some(access) = Access::of(inst.op).filter(|access| access.is_allowed(space)) else {
            return false;
        };
        let Some(parted) = self.find(core, space, access, va) else { return false };
        self.counters.tlb_misses += 1;
        let (rd, rs2) = (usize::from(inst.rd), usize::from(inst.rs2));
        if access.kind == Kind::Write {
            let value = if access.float { core.hart.f[rs2] } else { core.hart.x[rs2] };
            parted.store(core, value, access.bytes as usize);
        } else {
            let value = parted.load(core, access.bytes as usize);
            match inst.op {
                Op::Flw => core.hart.f[rd] = value | 0xffff_ffff << 32,
                Op::Fld => core.hart.f[rd] = value,
                _ if rd != 0 => core.hart.x[rd] = extended(inst.op, value),
                _ => {}
            }
        }
        core.hart.pc = core.hart.pc.wrapping_add(u64::from(inst.len));
        core.hart.retired += 1;
        true
    }

    fn find(&mut self, core: &mut Core<'_>, space: &mut Space, access: Access, va: u64) -> Option<Parted> {
        let length = access.bytes.min(PAGE_BYTES - (va & (PAGE_BYTES - 1)));
        let first = self.page(core, space, access.kind, va, length)?;
        let rest = access.bytes - length;
        if rest == 0 {
            return Some(Parted { first, length: length as usize, second: first });
        }
        let second = self.page(core, space, access.kind, va.wrapping_add(length), rest)?;
        // The second walk may have found that the first page holds tables.
        let first = self.page(core, space, access.kind, va, length)?;
        Some(Parted { first, length: length as usize, second })
    }

    /// The byte offset in memory of an access within a page, which is entered into the TLB.
    fn page(
        &mut self,
        core: &mut Core<'_>,
        space: &mut Space,
        kind: Kind,
        va: u64,
        bytes: u64,
    ) -> Option<usize> {
        let base = core.bus.ram.host_base() as u64;
        let offset = self.interpreter.data_offset(core, kind, va, bytes)?;
        // What the walk voided must be dropped before what it found is entered.
        space.refresh(&core.bus.ram, self.store.removed());
        if kind == Kind::Write {
            core.bus.ram.note_writer(RAM_BASE + offset, va);
            space.enter_write(va, base + offset);
        } else {
            space.enter_read(va, base + offset);
        }
        Some(offset as usize)
    }
}

impl Parted {
    fn load(&self, core: &Core<'_>, bytes: usize) -> u64 {
        let memory = core.bus.ram.bytes();
        let mut value = [0; 8];
        value[..self.length].copy_from_slice(&memory[self.first..self.first + self.length]);
        let rest = bytes - self.length;
        value[self.length..bytes].copy_from_slice(&memory[self.second..self.second + rest]);
        u64::from_le_bytes(value)
    }

    fn store(&self, core: &mut Core<'_>, value: u64, bytes: usize) {
        let value = value.to_le_bytes();
        for (index, byte) in value[..bytes].iter().enumerate() {
            let place =
                if index < self.length { self.first + index } else { self.second + index - self.length };
            core.bus.ram.write_unmarked(place, [*byte]);
        }
    }
}

/// What a load of `op` makes of the bytes it read.
fn extended(op: Op, value: u64) -> u64 {
    match op {
        Op::Lb => (value as i8 as i64).cast_unsigned(),
        Op::Lh => (value as i16 as i64).cast_unsigned(),
        Op::Lw => (value as i32 as i64).cast_unsigned(),
        _ => value,
    }
}
