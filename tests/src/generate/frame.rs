//! The frame of a random program: registers at the start, data, and the trap handlers.

use isa::asm::{Asm, Label};
use isa::csr as n;
use isa::reg::Reg;

use crate::program::{BASE, DATA, DATA_BYTES, Program};
use crate::rng::Rng;

/// A program being made.
pub struct Frame {
    /// Its instructions.
    pub asm: Asm,
    /// Where chance comes from.
    pub rng: Rng,
    name: String,
    memory: Vec<(u64, Vec<u8>)>,
    compared: Vec<(u64, u64)>,
    supervisor_handler: Label,
    entry: u64,
    /// Whether the guest of the next visit translates its own addresses.
    pub(super) stage_one_on: bool,
    /// The one interrupt of the supervisor that becomes pending, as a bit of `mip`, and the one of the guest.
    ///
    /// Of several QEMU takes the lowest number first where the specification has another order, so there is never
    /// a choice; the guest's number is the higher one, which is its place in both orders.
    pub(super) supervisor_interrupt: u64,
    pub(super) guest_interrupt: u64,
    /// Whether the visit under way is to a guest's user mode.
    pub(super) in_guest_user: bool,
    /// Whether the program has guests.
    pub(super) hypervisor: bool,
    /// Where the visit under way ends, in machine mode.
    pub(super) visit_end: Option<Label>,
}

/// Scratch of the handlers.
const SCRATCH: [Reg; 3] = [Reg::T6, Reg::T5, Reg::T4];
/// Where a handler goes on after a fetch that faulted.
pub(super) const RESUME: Reg = Reg::T3;
/// Holds [`TO_MACHINE`] when an `ecall` asks to go on in machine mode.
pub(super) const REQUEST: Reg = Reg::S11;
/// Base of loads and stores.
pub(super) const POINTER: Reg = Reg::S10;
/// The address of the next atomic or indirect jump.
pub(super) const ADDRESS: Reg = Reg::S9;
/// Asks the machine handler to return to machine mode.
pub(super) const TO_MACHINE: u64 = 0x4d;

/// Causes after which the instruction cannot be looked at: misaligned, faulting and guest-faulting fetches.
const FETCH_FAULTS: u64 = 1 << 0 | 1 << 1 | 1 << 12 | 1 << 20;

/// Distance of the code as user mode sees it, where there are page tables.
pub const USER_ALIAS: u64 = 1 << 30;
/// The address of a protection entry that covers all memory.
pub(super) const EVERYTHING: u64 = (1 << 54) - 1;
/// Cause that no program delegates: a misaligned load.
pub(super) const NEVER_DELEGATED: u64 = 1 << 4;

impl Frame {
    /// Registers that no random instruction writes; `sp` and `s1` are bases of compressed loads and stores.
    pub const RESERVED: [Reg; 9] =
        [SCRATCH[0], SCRATCH[1], SCRATCH[2], RESUME, REQUEST, POINTER, ADDRESS, Reg::SP, Reg::S1];

    /// A program that starts with the handlers in place; random data at [`DATA`].
    #[must_use]
    pub fn new(name: String, seed: u64) -> Frame {
        let mut rng = Rng::new(seed);
        let data = (0..DATA_BYTES / 8).flat_map(|_| rng.integer().to_le_bytes()).collect();
        let (supervisor, guest) = rng.pick(&[(1, 2), (1, 6), (1, 10), (5, 6), (5, 10), (9, 10)]);
        let mut asm = Asm::new(BASE);
        let machine_handler = asm.here();
        handler(&mut asm, [n::MEPC, n::MCAUSE], true);
        asm.align(4);
        let supervisor_handler = asm.here();
        handler(&mut asm, [n::SEPC, n::SCAUSE], false);
        asm.align(16);
        let entry = asm.pc();
        asm.la(SCRATCH[0], machine_handler).csrw(n::MTVEC, SCRATCH[0]);
        asm.la(SCRATCH[0], supervisor_handler).csrw(n::STVEC, SCRATCH[0]);
        Frame {
            asm,
            rng,
            name,
            memory: vec![(DATA, data)],
            compared: vec![(DATA, DATA_BYTES)],
            supervisor_handler,
            entry,
            stage_one_on: false,
            in_guest_user: false,
            hypervisor: false,
            supervisor_interrupt: 1 << supervisor,
            guest_interrupt: 1 << guest,
            visit_end: None,
        }
    }

    /// The handler of supervisor mode, which virtual supervisor mode may use too.
    #[must_use]
    pub fn supervisor_handler(&self) -> Label {
        self.supervisor_handler
    }

    /// Puts more into memory; it is compared at the end too.
    pub fn place(&mut self, address: u64, bytes: Vec<u8>) {
        self.compared.push((address, bytes.len() as u64));
        self.memory.push((address, bytes));
    }

    /// Appends what traps to machine mode from everywhere: a misaligned `lr`.
    pub(super) fn trap_to_machine(a: &mut Asm, scratch: Reg) {
        a.addi(scratch, POINTER, 1).lr_w(Reg::ZERO, scratch);
    }

    /// A register that random instructions may write.
    pub fn destination(&mut self) -> Reg {
        loop {
            let number = u8::try_from(self.rng.below(32)).expect("a register");
            if let Some(reg) = Reg::new(number)
                && !Self::RESERVED.contains(&reg)
            {
                return reg;
            }
        }
    }

    /// Ends the program.
    #[must_use]
    pub fn finish(mut self) -> Program {
        let end = self.asm.pc();
        self.asm.j(0);
        let mut x = [0; 32];
        let mut f = [0; 32];
        for register in &mut x[1..] {
            *register = self.rng.integer();
        }
        for register in &mut f {
            *register = self.rng.float();
        }
        for base in [POINTER, ADDRESS, Reg::SP, Reg::S1] {
            x[usize::from(base.number())] = DATA + DATA_BYTES / 2;
        }
        x[usize::from(REQUEST.number())] = 0;
        let code = std::mem::replace(&mut self.asm, Asm::new(0)).finish();
        assert!(BASE + (code.len() as u64) < DATA, "the code reaches into the data");
        self.memory.push((BASE, code));
        let Frame { name, memory, compared, entry, .. } = self;
        Program { name, memory, compared, entry, end, x, f }
    }
}

/// A handler. An interrupt is masked; a faulting fetch goes on at [`RESUME`] in machine mode; any other exception
/// goes on behind the instruction, in machine mode if [`REQUEST`] asks for it.
///
/// User mode runs at an alias of the code, [`USER_ALIAS`] higher, where there are page tables.
fn handler(a: &mut Asm, [epc, cause]: [u16; 2], machine: bool) {
    let [t6, t5, t4] = SCRATCH;
    let (interrupt, fetch, done) = (a.label(), a.label(), a.label());
    a.csrr(t4, cause).blt(t4, Reg::ZERO, interrupt);
    a.li(t5, FETCH_FAULTS).srl(t5, t5, t4).andi(t5, t5, 1).bnez(t5, fetch);
    a.csrr(t6, epc).li(t5, USER_ALIAS).andn(t5, t6, t5);
    a.lhu(t5, t5, 0).andi(t5, t5, 3).addi(t5, t5, -3).sltiu(t5, t5, 1).slli(t5, t5, 1);
    a.add(t6, t6, t5).addi(t6, t6, 2).csrw(epc, t6);
    if machine {
        let leave = a.label();
        a.addi(t5, Reg::ZERO, i32::try_from(TO_MACHINE).expect("small")).beq(t5, REQUEST, leave);
        a.place(done).mret();
        a.place(fetch).csrw(epc, RESUME);
        a.place(leave).csrr(t6, epc).li(t5, USER_ALIAS).andn(t6, t6, t5).csrw(epc, t6);
        a.lui(t5, 2).addiw(t5, t5, -0x800).csrs(n::MSTATUS, t5);
        a.li(t5, 1 << 39).csrc(n::MSTATUS, t5).mret();
        a.place(interrupt).csrw(n::MIE, Reg::ZERO).j(done);
    } else {
        a.place(done).sret();
        // Here when the return is trapped, or after a faulting fetch: on in machine mode, whose handler leaves
        // nothing in the scratch registers.
        a.csrr(RESUME, epc);
        a.place(fetch).li(t5, USER_ALIAS).andn(RESUME, RESUME, t5);
        a.li(REQUEST, TO_MACHINE);
        Frame::trap_to_machine(a, t5);
        a.li(REQUEST, 0).jr(RESUME);
        a.place(interrupt).csrw(n::SIE, Reg::ZERO).csrw(n::HIE, Reg::ZERO).j(done);
    }
}
