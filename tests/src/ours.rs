//! Our machine, one step at a time.

use isa::{Format, Inst, Op, decode, disassemble};
use machine::board::Board;
use machine::core::Architecture;
use machine::hart::RunState;
use machine::interp::Interpreter;
use machine::mmu::trace::walk_trace;
use machine::mmu::{Access, Env, Request};
use machine::node::{Config, Node};
use machine::privilege::Privilege;

use crate::generate::USER_ALIAS;
use crate::program::{Program, RAM_BYTES};
use crate::state::{COMPARED, State};

/// A node of one hart without firmware.
pub struct Ours {
    node: Node,
}

impl Ours {
    /// A machine with `program` loaded, at its entry.
    ///
    /// Panics: if there is no memory for it.
    #[must_use]
    pub fn new(program: &Program) -> Ours {
        let config = Config {
            board: Board { harts: 1, memory_bytes: RAM_BYTES, ..Board::default() },
            architecture: Architecture { builtin_sbi: false, software_tlb: false },
            ..Config::default()
        };
        let mut node = Node::new(&config, Box::new(Interpreter::new(1))).expect("a small machine");
        for (address, bytes) in &program.memory {
            node.bus.ram.write(*address, bytes).expect("programs lie in RAM");
        }
        let hart = &mut node.harts[0];
        hart.state = RunState::Running;
        hart.pc = program.entry;
        hart.x = program.x;
        hart.x[0] = 0;
        hart.f = program.f;
        hart.csr.mstatus |= 0x6000;
        Ours { node }
    }

    /// Executes one instruction or takes one trap.
    pub fn step(&mut self) {
        self.node.step(0);
    }

    /// Instructions retired.
    #[must_use]
    pub fn retired(&self) -> u64 {
        self.node.retired()
    }

    /// The state of the hart.
    pub fn state(&mut self) -> State {
        let core = self.node.core(0);
        let csr = COMPARED.iter().map(|&number| Some(machine::csr::read(&core, number))).collect();
        State {
            pc: core.hart.pc,
            privilege: match core.hart.privilege {
                Privilege::User => 0,
                Privilege::Supervisor => 1,
                Privilege::Machine => 3,
            },
            virt: Some(core.hart.virt),
            x: core.hart.x,
            f: core.hart.f,
            csr,
        }
    }

    fn next_word(&self) -> Option<u32> {
        let word = self.node.bus.ram.load(self.node.harts[0].pc & !USER_ALIAS, 4)?;
        u32::try_from(word & 0xffff_ffff).ok()
    }

    /// The next instruction, as far as its address tells where it lies.
    #[must_use]
    pub fn next_op(&self) -> Option<Op> {
        Some(decode(self.next_word()?)?.op)
    }

    /// Whether the next instruction is one on which QEMU differs from the specification with lasting effect: an
    /// access of a guest's user mode to a supervisor's register, which it calls illegal and not virtual.
    #[must_use]
    pub fn next_is_incomparable(&self) -> bool {
        let hart = &self.node.harts[0];
        let guest_user = hart.virt && hart.privilege == Privilege::User;
        let inst = self.next_word().and_then(decode);
        let supervisor =
            |inst: Inst| matches!(inst.op.format(), Format::Csr | Format::CsrImm) && inst.imm >> 8 & 3 == 1;
        guest_user && inst.is_some_and(supervisor)
    }

    /// The next instruction in words, as far as its address tells where it lies.
    #[must_use]
    pub fn describe(&self) -> String {
        let hart = &self.node.harts[0];
        let word = self.next_word();
        let text = match word.map(|word| (word, decode(word))) {
            Some((word, Some(inst))) => format!("{word:08x} {}", disassemble(inst, hart.pc)),
            Some((word, None)) => format!("{word:08x} illegal"),
            None => "not in RAM".to_owned(),
        };
        let guest = if hart.virt { "V" } else { "" };
        format!("{:#x} {guest}{:?}  {text}", hart.pc, hart.privilege)
    }

    /// The page-table entries that lead to `va` in the guest's address space or, without one, the supervisor's.
    #[must_use]
    pub fn describe_walk(&self, va: u64, virt: bool) -> String {
        let hart = &self.node.harts[0];
        let csr = &hart.csr;
        let env = Env {
            satp: csr.satp,
            vsatp: csr.vsatp,
            hgatp: csr.hgatp,
            menvcfg: csr.menvcfg,
            henvcfg: csr.henvcfg,
            pmp: &hart.pmp,
        };
        let request = Request {
            va,
            bytes: 1,
            access: Access::Load,
            privilege: Privilege::Supervisor,
            virt,
            hlvx: false,
            sum: true,
            mxr: true,
            vs_sum: true,
            vs_mxr: true,
        };
        let trace = walk_trace(&env, &self.node.bus.ram, &request);
        let steps: Vec<String> = trace.steps.iter().map(|step| format!("{step:x?}")).collect();
        format!("walk of {va:#x}: {}\n    {:x?}", steps.join("\n    "), trace.result)
    }

    /// `length` bytes of RAM.
    ///
    /// Panics: if they are not in RAM.
    #[must_use]
    pub fn memory(&self, address: u64, length: u64) -> Vec<u8> {
        self.node.bus.ram.slice(address, length).expect("in RAM").to_vec()
    }
}
