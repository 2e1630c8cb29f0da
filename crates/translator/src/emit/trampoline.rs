//! The ways into translated code and out of it.

use super::exits::jump_place;
use super::plan::KEPT_MAX;
use crate::abi::{BIAS, PINNED, x_at};
use crate::cache::CodeMemory;
use crate::runtime;
use crate::space::{JumpEntry, Space};
use dynasmrt::x64::X64Relocation;
use dynasmrt::{DynasmApi, DynasmLabelApi, VecAssembler, dynasm};
use machine::hart::Hart;
use std::mem::offset_of;

/// Why translated code came back: the number of the link slot through which it left, or one of these.
pub(crate) mod reason {
    /// The block at `pc` is in no cache that host code looks into.
    pub(crate) const LOOKUP: u32 = u32::MAX;
    /// The block at `pc` is longer than the budget.
    pub(crate) const SHORT: u32 = u32::MAX - 1;
    /// An instruction was interpreted and the hart's state is complete in memory.
    pub(crate) const LEFT: u32 = u32::MAX - 2;
}

/// What [`Trampoline::enter`] gives back.
#[derive(Clone, Copy)]
#[repr(C)]
pub(crate) struct Outcome {
    /// See [`reason`].
    pub(crate) reason: u64,
    /// Cycles left of the budget; nothing when the reason is [`reason::LEFT`].
    pub(crate) left: u64,
}

/// Bytes of stack that translated code has: the host addresses it keeps, and what aligns the rest.
const FRAME: i32 = 8 + KEPT_MAX as i32 * 8;

/// Addresses of the shared pieces of code.
#[derive(Clone, Copy, Default)]
pub(crate) struct Trampoline {
    enter: usize,
    /// Leaves through the unlinked slot in `eax`.
    pub(crate) exit: usize,
    /// Leaves since the block at `rax` is longer than the budget.
    pub(crate) short: usize,
    /// Goes to the block at `rax`, which is not in its place of the jump cache, if it is beside that, or leaves for it.
    pub(crate) lookup: usize,
    /// Called with the number of a site in `eax`: has the interpreter execute its instruction.
    pub(crate) fallback: usize,
    /// As `fallback`, when memory holds all registers of the guest and host registers need not be kept.
    pub(crate) interpret: usize,
}

impl Trampoline {
    /// The same pieces in a mapping `offset` further.
    pub(crate) fn moved(self, offset: u64) -> Trampoline {
        let moved = |address: usize| address.wrapping_add(offset as usize);
        Trampoline {
            enter: moved(self.enter),
            exit: moved(self.exit),
            short: moved(self.short),
            lookup: moved(self.lookup),
            fallback: moved(self.fallback),
            interpret: moved(self.interpret),
        }
    }

    /// Emits the shared code at the start of `code`.
    pub(crate) fn emit(code: &mut CodeMemory) -> Option<Trampoline> {
        let base = code.next_address();
        let mut ops: VecAssembler<X64Relocation> = VecAssembler::new(base);
        let slot_mxcsr = offset_of!(Space, guest_mxcsr) as i32;
        let host_mxcsr = offset_of!(Space, host_mxcsr) as i32;
        let run = offset_of!(Space, run) as i32;
        let stack = offset_of!(Space, stack) as i32;
        dynasm!(ops
            ; .arch x64
            ; push rbp
            ; push rbx
            ; push r12
            ; push r13
            ; push r14
            ; push r15
            ; sub rsp, FRAME
            ; lea rbp, [rdi + BIAS as i32]
            ; mov r15, rsi
            ; mov r14, rcx
            ; mov rax, [rbp + crate::abi::PC]
            ; mov [r15 + stack], rsp
            ; stmxcsr [r15 + host_mxcsr]
            ; ldmxcsr [r15 + slot_mxcsr]
        );
        for (guest, host) in PINNED {
            dynasm!(ops ; .arch x64 ; mov Rq(host), [BYTE rbp + x_at(guest)]);
        }
        dynasm!(ops ; .arch x64 ; jmp rdx);

        let lookup = base + ops.offset().0;
        let jumps = offset_of!(Space, jumps) as i32;
        jump_place(&mut ops);
        dynasm!(ops
            ; .arch x64
            ; xor ecx, size_of::<JumpEntry>() as i32
            ; cmp rax, [r15 + rcx + jumps]
            ; jne >unknown
            ; jmp QWORD [r15 + rcx + jumps + 8]
            ; unknown:
            ; and rax, BYTE -2
            ; mov [rbp + crate::abi::PC], rax
            ; mov eax, reason::LOOKUP as i32
        );
        dynasm!(ops ; .arch x64 ; jmp >leave);
        let short = base + ops.offset().0;
        dynasm!(ops
            ; .arch x64
            ; mov [rbp + crate::abi::PC], rax
            ; mov eax, reason::SHORT as i32
        );
        let exit = base + ops.offset().0;
        dynasm!(ops ; .arch x64 ; leave:);
        for (guest, host) in PINNED {
            dynasm!(ops ; .arch x64 ; mov [BYTE rbp + x_at(guest)], Rq(host));
        }
        dynasm!(ops
            ; .arch x64
            ; stmxcsr [r15 + slot_mxcsr]
            ; ldmxcsr [r15 + host_mxcsr]
            ; ->out:
            ; mov rdx, r14
            ; add rsp, FRAME
            ; pop r15
            ; pop r14
            ; pop r13
            ; pop r12
            ; pop rbx
            ; pop rbp
            ; ret
        );

        let fallback = base + ops.offset().0;
        for (guest, host) in PINNED {
            dynasm!(ops ; .arch x64 ; mov [BYTE rbp + x_at(guest)], Rq(host));
        }
        dynasm!(ops ; .arch x64 ; sub rsp, 8 ; call >interpret ; add rsp, 8);
        for (guest, host) in PINNED {
            dynasm!(ops ; .arch x64 ; mov Rq(host), [BYTE rbp + x_at(guest)]);
        }
        dynasm!(ops ; .arch x64 ; ret);
        let interpret = base + ops.offset().0;
        dynasm!(ops
            ; .arch x64
            ; interpret:
            ; stmxcsr [r15 + slot_mxcsr]
            ; ldmxcsr [r15 + host_mxcsr]
            ; mov rdi, [r15 + run]
            ; mov esi, eax
            ; mov rdx, r14
            ; sub rsp, 8
            ; mov rax, QWORD runtime::fallback as *const () as i64
            ; call rax
            ; add rsp, 8
            ; test eax, eax
            ; jnz >left
            ; ldmxcsr [r15 + slot_mxcsr]
            ; ret
            ; left:
            ; mov rsp, [r15 + stack]
            ; mov eax, reason::LEFT as i32
            ; jmp ->out
        );
        let bytes = ops.finalize().ok()?;
        code.append(&bytes)?;
        Some(Trampoline { enter: base, exit, short, lookup, fallback, interpret })
    }

    /// Runs translated code from `entry`, the block's at the hart's `pc`, until it leaves.
    ///
    /// # Safety
    /// `entry` is the entry of a live block of the code memory that `self` was emitted into; `space` is the
    /// present context's, its `slots` and `run` valid throughout; nobody else touches the hart or the memory
    /// that the space's entries name.
    #[allow(unsafe_code, reason = "this is the door to translated code")]
    pub(crate) unsafe fn enter(
        &self,
        hart: *mut Hart,
        space: *mut Space,
        entry: u64,
        budget: u64,
    ) -> Outcome {
        // SAFETY: a type's declaration; who calls such a function has the obligations above.
        type Enter = unsafe extern "sysv64" fn(*mut Hart, *mut Space, u64, u64) -> Outcome;
        // SAFETY: `self.enter` is the address of code emitted above with exactly this signature.
        let enter: Enter = unsafe { std::mem::transmute(self.enter) };
        // SAFETY: the caller's obligations are those of the code.
        unsafe { enter(hart, space, entry, budget) }
    }
}
