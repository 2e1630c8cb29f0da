//! Loads and stores: an inline look into the space's TLB, alone or for a group, and the interpreter on a miss.

use crate::abi::{RAX, RCX, RDX};
use crate::emit::plan::Role;
use crate::emit::{Emitter, Range};
use crate::space::{LAST, Space, TLB_ENTRIES, TlbEntry, tlb_index};
use dynasmrt::{DynamicLabel, DynasmApi, DynasmLabelApi, dynasm};
use isa::{Inst, Op};
use std::mem::offset_of;

pub(super) fn lower(e: &mut Emitter<'_>, inst: &Inst) -> bool {
    match inst.op {
        Op::Lb | Op::Lbu => load(e, inst, 1),
        Op::Lh | Op::Lhu => load(e, inst, 2),
        Op::Lw | Op::Lwu => load(e, inst, 4),
        Op::Ld => load(e, inst, 8),
        Op::Sb => store(e, inst, 1),
        Op::Sh => store(e, inst, 2),
        Op::Sw => store(e, inst, 4),
        Op::Sd => store(e, inst, 8),
        Op::CboZero => zero_block(e, inst),
        _ => return false,
    }
    true
}

/// Where an access goes: host address `rcx` plus this.
#[derive(Clone, Copy)]
enum Place {
    /// A register.
    Register(u8),
    /// A displacement of one byte.
    Near(i8),
    /// A displacement.
    Far(i32),
}

/// Emits `op register, [place]`.
macro_rules! from_place {
    ($e:ident, $place:expr, $op:ident $width:ident($register:expr), $size:ident) => {
        match $place {
            Place::Register(a) => dynasm!($e.ops ; .arch x64 ; $op $width($register), $size [rcx + Rq(a)]),
            Place::Near(d) => dynasm!($e.ops ; .arch x64 ; $op $width($register), $size [BYTE rcx + d]),
            Place::Far(d) => dynasm!($e.ops ; .arch x64 ; $op $width($register), $size [rcx + d]),
        }
    };
}

/// Emits `op [place], register`.
macro_rules! to_place {
    ($e:ident, $place:expr, $op:ident $width:ident($register:expr), $size:ident) => {
        match $place {
            Place::Register(a) => dynasm!($e.ops ; .arch x64 ; $op $size [rcx + Rq(a)], $width($register)),
            Place::Near(d) => dynasm!($e.ops ; .arch x64 ; $op $size [BYTE rcx + d], $width($register)),
            Place::Far(d) => dynasm!($e.ops ; .arch x64 ; $op $size [rcx + d], $width($register)),
        }
    };
}

/// Looks up the pages of an access of a load or store; goes to the interpreter when they are not cached.
fn place(e: &mut Emitter<'_>, inst: &Inst, bytes: i8, stores: bool) -> Place {
    let near = |displacement: i32| i8::try_from(displacement).map_or(Place::Far(displacement), Place::Near);
    match e.role() {
        Role::Alone => Place::Register(translate(e, inst, bytes, stores)),
        Role::First { kept, low, high, stores } => {
            let range = Range { low, high, stores, kept };
            let slow = e.group_fallback(inst, range);
            look_up(e, inst.rs1, range, slow);
            e.kept_in_rcx = Some(kept);
            near(inst.imm)
        }
        Role::Later { kept, displacement } => {
            if e.kept_in_rcx.replace(kept) != Some(kept) {
                dynasm!(e.ops ; .arch x64 ; mov rcx, [BYTE rsp + kept_at(kept)]);
            }
            near(displacement)
        }
    }
}

/// Displacement from `rsp` of a host address that a block keeps.
fn kept_at(kept: usize) -> i8 {
    (kept * 8) as i8
}

/// Leaves the host address of guest register `base` in `rcx` and keeps it, or goes to `miss` when the range off
/// it is not in one cached page, the place of the entry looked into then being in `rdx`. Clobbers `rax` and `rdx`.
pub(crate) fn look_up(e: &mut Emitter<'_>, base: u8, range: Range, miss: DynamicLabel) {
    let register = e.get(base, RAX);
    let address = if range.low == 0 { register } else { RDX };
    if range.low != 0 {
        dynasm!(e.ops ; .arch x64 ; lea edx, [Rd(register) + range.low]);
    }
    let table = if range.stores { offset_of!(Space, write) } else { offset_of!(Space, read) } as i32;
    let mask = ((TLB_ENTRIES - 1) * size_of::<TlbEntry>()) as i32;
    let kept = kept_at(range.kept);
    dynasm!(e.ops
        ; .arch x64
        ; rorx edx, Rd(address), 8
        ; and edx, mask
        ; lea rcx, [Rq(register) + range.high - 1]
        ; or rcx, LAST as i32
        ; cmp rcx, [r15 + rdx + table]
        ; jne =>miss
        ; mov rcx, [r15 + rdx + table + 8]
        ; add rcx, Rq(register)
        ; mov [BYTE rsp + kept], rcx
    );
}

/// Goes to `hit` if the page in which the range off guest register `base` begins is cached; `rdx` holds the place of its
/// entry, as [`look_up`] leaves it. Clobbers `rax` and `rcx`.
pub(crate) fn if_begins_in_cached_page(e: &mut Emitter<'_>, base: u8, range: Range, hit: DynamicLabel) {
    let register = e.get(base, RAX);
    let table = if range.stores { offset_of!(Space, write) } else { offset_of!(Space, read) } as i32;
    dynasm!(e.ops
        ; .arch x64
        ; lea rcx, [Rq(register) + range.low]
        ; or rcx, LAST as i32
        ; cmp rcx, [r15 + rdx + table]
        ; je =>hit
    );
}

/// Leaves the guest address in the register returned, and in `rcx` what to add to it for the host address; goes
/// to the interpreter when the page is not cached or the access crosses it. Clobbers `rax`, `rcx`, `rdx`.
pub(super) fn translate(e: &mut Emitter<'_>, inst: &Inst, bytes: i8, stores: bool) -> u8 {
    let slow = e.fallback(inst);
    let table = if stores { offset_of!(Space, write) } else { offset_of!(Space, read) } as i32;
    if let Some(base) = e.known(inst.rs1) {
        let address = base.wrapping_add(i64::from(inst.imm).cast_unsigned());
        // Across pages it must miss: no entry is of this.
        let crosses = address & 0xfff > 0x1000 - bytes as u64;
        let entry = table + (tlb_index(address) * size_of::<TlbEntry>()) as i32;
        e.constant(RAX, address);
        e.constant(RCX, if crosses { 3 } else { address | LAST });
        dynasm!(e.ops ; .arch x64 ; cmp rcx, [r15 + entry] ; jne =>slow ; mov rcx, [r15 + entry + 8]);
        return RAX;
    }
    let base = e.get(inst.rs1, RAX);
    let address = if inst.imm == 0 {
        base
    } else {
        match i8::try_from(inst.imm) {
            Ok(small) => dynasm!(e.ops ; .arch x64 ; lea rax, [BYTE Rq(base) + small]),
            Err(_) => dynasm!(e.ops ; .arch x64 ; lea rax, [Rq(base) + inst.imm]),
        }
        RAX
    };
    let mask = ((TLB_ENTRIES - 1) * size_of::<TlbEntry>()) as i32;
    dynasm!(e.ops ; .arch x64 ; rorx edx, Rd(address), 8 ; and edx, mask);
    if bytes == 1 {
        dynasm!(e.ops ; .arch x64 ; mov rcx, Rq(address));
    } else {
        // The end of the last byte's page, so that an access across pages misses.
        dynasm!(e.ops ; .arch x64 ; lea rcx, [BYTE Rq(address) + bytes - 1]);
    }
    dynasm!(e.ops
        ; .arch x64
        ; or rcx, LAST as i32
        ; cmp rcx, [r15 + rdx + table]
        ; jne =>slow
        ; mov rcx, [r15 + rdx + table + 8]
    );
    address
}

fn load(e: &mut Emitter<'_>, inst: &Inst, bytes: i8) {
    let place = place(e, inst, bytes, false);
    let d = e.destination(inst.rd);
    match inst.op {
        Op::Lb => from_place!(e, place, movsx Rq(d), BYTE),
        Op::Lbu => from_place!(e, place, movzx Rd(d), BYTE),
        Op::Lh => from_place!(e, place, movsx Rq(d), WORD),
        Op::Lhu => from_place!(e, place, movzx Rd(d), WORD),
        Op::Lw => from_place!(e, place, movsxd Rq(d), DWORD),
        Op::Lwu => from_place!(e, place, mov Rd(d), DWORD),
        _ => from_place!(e, place, mov Rq(d), QWORD),
    }
    e.put(inst.rd, d);
}

fn store(e: &mut Emitter<'_>, inst: &Inst, bytes: i8) {
    let place = place(e, inst, bytes, true);
    let value = e.get(inst.rs2, RDX);
    match inst.op {
        Op::Sb => to_place!(e, place, mov Rb(value), BYTE),
        Op::Sh => to_place!(e, place, mov Rw(value), WORD),
        Op::Sw => to_place!(e, place, mov Rd(value), DWORD),
        _ => to_place!(e, place, mov Rq(value), QWORD),
    }
}

fn zero_block(e: &mut Emitter<'_>, inst: &Inst) {
    let inst = Inst { imm: 0, ..*inst };
    let slow = e.fallback(&inst);
    let ready = offset_of!(Space, zero_ready) as i32;
    dynasm!(e.ops ; .arch x64 ; cmp BYTE [r15 + ready], 0 ; je =>slow);
    let a = translate(e, &inst, 1, true);
    dynasm!(e.ops
        ; .arch x64
        ; lea rax, [rcx + Rq(a)]
        ; and rax, BYTE -64
        ; xorps xmm0, xmm0
        ; movups [rax], xmm0
        ; movups [BYTE rax + 16], xmm0
        ; movups [BYTE rax + 32], xmm0
        ; movups [BYTE rax + 48], xmm0
    );
}

/// `flw` and `fld`; the caller has checked that floating point may run.
pub(super) fn load_float(e: &mut Emitter<'_>, inst: &Inst) {
    let double = inst.op == Op::Fld;
    let place = place(e, inst, if double { 8 } else { 4 }, false);
    let d = e.f_destination(inst.rd, 0);
    if double {
        from_place!(e, place, vmovsd Rx(d), QWORD);
    } else {
        from_place!(e, place, vmovss Rx(d), DWORD);
        e.make_boxed(d);
    }
    e.f_put(inst.rd, d, !double);
}

/// `fsw` and `fsd`; the caller has checked that floating point may run.
pub(super) fn store_float(e: &mut Emitter<'_>, inst: &Inst) {
    let double = inst.op == Op::Fsd;
    let place = place(e, inst, if double { 8 } else { 4 }, true);
    let value = e.f_get(inst.rs2, 0);
    if double {
        to_place!(e, place, vmovsd Rx(value), QWORD);
    } else {
        to_place!(e, place, vmovss Rx(value), DWORD);
    }
}

const _: () = assert!(RCX == 1 && size_of::<TlbEntry>() == 16);
