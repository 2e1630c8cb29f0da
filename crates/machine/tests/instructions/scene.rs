//! A node of one hart about to execute one instruction, or a short program.

use isa::asm::Asm;
use isa::{Inst, encode};
use machine::board::Board;
use machine::core::Architecture;
use machine::hart::{Hart, RunState};
use machine::interp::Interpreter;
use machine::node::{Config, Node};
use machine::privilege::Privilege;
use machine::ram::RAM_BASE;

/// Where the instruction lies.
pub(crate) const CODE: u64 = RAM_BASE + 0x1000;
/// Data that tests may use, in the middle of some.
pub(crate) const DATA: u64 = RAM_BASE + 0x8000;
/// Handlers of machine, supervisor and virtual supervisor mode.
pub(crate) const VECTOR_M: u64 = RAM_BASE + 0x100;
pub(crate) const VECTOR_S: u64 = RAM_BASE + 0x200;
pub(crate) const VECTOR_VS: u64 = RAM_BASE + 0x300;

/// The modes of a hart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Mode {
    M,
    S,
    U,
    VS,
    VU,
}

/// A node with one hart.
pub(crate) struct Scene {
    pub(crate) node: Node,
}

/// What an instruction did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Outcome {
    /// It retired; where it went.
    Retired(u64),
    /// It trapped to a mode, with a cause and a trap value.
    Trapped(Mode, u64, u64),
}

impl Scene {
    /// Empty memory, machine mode at [`CODE`], all memory open to all modes.
    pub(crate) fn new() -> Scene {
        let config = Config {
            board: Board { harts: 1, memory_bytes: 1 << 20, ..Board::default() },
            architecture: Architecture { builtin_sbi: false, ..Config::default().architecture },
            ..Config::default()
        };
        let mut node = Node::new(&config, Box::new(Interpreter::new(1))).expect("a small node");
        let hart = &mut node.harts[0];
        hart.state = RunState::Running;
        hart.pc = CODE;
        hart.csr.mtvec = VECTOR_M;
        hart.csr.stvec = VECTOR_S;
        hart.csr.vstvec = VECTOR_VS;
        hart.pmp.write_addr(0, (1 << 54) - 1);
        hart.pmp.write_cfg(0, 0x1f);
        Scene { node }
    }

    pub(crate) fn hart(&mut self) -> &mut Hart {
        &mut self.node.harts[0]
    }

    pub(crate) fn put(&mut self, address: u64, bytes: &[u8]) {
        self.node.bus.ram.write(address, bytes).expect("in memory");
    }

    pub(crate) fn get(&self, address: u64, bytes: u64) -> Vec<u8> {
        self.node.bus.ram.slice(address, bytes).expect("in memory").to_vec()
    }

    pub(crate) fn enter(&mut self, mode: Mode) {
        let hart = self.hart();
        hart.virt = matches!(mode, Mode::VS | Mode::VU);
        hart.privilege = match mode {
            Mode::M => Privilege::Machine,
            Mode::S | Mode::VS => Privilege::Supervisor,
            Mode::U | Mode::VU => Privilege::User,
        };
    }

    pub(crate) fn mode(&self) -> Mode {
        let hart = &self.node.harts[0];
        match (hart.privilege, hart.virt) {
            (Privilege::Machine, _) => Mode::M,
            (Privilege::Supervisor, false) => Mode::S,
            (Privilege::User, false) => Mode::U,
            (Privilege::Supervisor, true) => Mode::VS,
            (Privilege::User, true) => Mode::VU,
        }
    }

    /// Writes a register as machine mode would.
    pub(crate) fn set_csr(&mut self, number: u16, value: u64) {
        machine::csr::write(&mut self.node.core(0), number, value);
    }

    pub(crate) fn csr(&mut self, number: u16) -> u64 {
        machine::csr::read(&self.node.core(0), number)
    }

    /// Executes `inst` at [`CODE`], in its own length.
    pub(crate) fn execute(&mut self, inst: &Inst) -> Outcome {
        let word = encode(inst).to_le_bytes();
        self.put(CODE, &word[..usize::from(inst.len)]);
        self.hart().pc = CODE;
        self.step()
    }

    /// Executes the instruction that comes next, whatever it is.
    pub(crate) fn step(&mut self) -> Outcome {
        let retired = self.node.retired();
        self.node.step(0);
        let pc = self.hart().pc;
        if self.node.retired() != retired {
            return Outcome::Retired(pc);
        }
        let hart = self.hart();
        let csr = &hart.csr;
        match pc {
            VECTOR_M => Outcome::Trapped(Mode::M, csr.mcause, csr.mtval),
            VECTOR_S => Outcome::Trapped(Mode::S, csr.scause, csr.stval),
            VECTOR_VS => Outcome::Trapped(Mode::VS, csr.vscause, csr.vstval),
            _ => panic!("stopped at {pc:#x} without retiring"),
        }
    }

    /// Runs a program from [`CODE`] on until it comes to its end.
    pub(crate) fn run(&mut self, write: impl FnOnce(&mut Asm)) {
        let mut asm = Asm::new(CODE);
        write(&mut asm);
        let end = asm.pc();
        self.put(CODE, &asm.finish());
        self.hart().pc = CODE;
        for _ in 0..1000 {
            if self.hart().pc == end {
                return;
            }
            self.node.step(0);
        }
        panic!("the program does not end; it is at {:#x}", self.hart().pc);
    }
}
