//! A hart to watch: a program assembled onto a small node, executed one instruction at a time.

use crate::exit::{Exit, Failure};
use cluster::telemetry::{exception_name, interrupt_name};
use isa::asm::{Asm, Label};
use machine::core::Architecture;
use machine::interp::Interpreter;
use machine::mmu::Access;
use machine::node::{Config, Node};
use machine::privilege::Privilege;
use machine::ram::RAM_BASE;

/// Bytes of memory.
const MEMORY_BYTES: u64 = 4 << 20;
/// Where programs begin.
pub(super) const CODE: u64 = RAM_BASE;
/// Room for data that programs and the tour both know.
pub(super) const DATA: u64 = RAM_BASE + 0x2_0000;
/// No program here runs longer.
const STEPS_MAX: usize = 1_000_000;

/// A kernel's machine: the firmware below it is built in.
pub(super) const KERNEL: Architecture = Architecture { builtin_sbi: true, software_tlb: false };

/// Places in a program, by name.
pub(super) type Names = Vec<(&'static str, Label)>;

/// A node with one hart and a program.
pub(super) struct Stage {
    pub(super) node: Node,
    names: Vec<(u64, &'static str)>,
}

/// One instruction executed, or one trap taken.
pub(super) struct Step {
    /// The mode before it: `U`, `S` or `M`.
    pub(super) mode: char,
    pub(super) pc: u64,
    /// The instruction; nothing when an interrupt came instead.
    pub(super) text: String,
    /// The cause register of the trap that it ended in.
    pub(super) cause: Option<u64>,
    /// The mode after it.
    pub(super) then: char,
}

impl Stage {
    /// A node whose hart stands at the program that `write` assembles, in supervisor mode, as firmware
    /// leaves it.
    pub(super) fn new(
        architecture: Architecture,
        write: impl FnOnce(&mut Asm) -> Names,
    ) -> Result<Stage, Failure> {
        let mut config = Config::default();
        config.board.memory_bytes = MEMORY_BYTES;
        config.architecture = architecture;
        let mut asm = Asm::new(CODE);
        let labels = write(&mut asm);
        let mut names: Vec<_> = labels.iter().map(|(name, label)| (asm.address(*label), *name)).collect();
        names.sort_unstable();
        let engine = Box::new(Interpreter::new(config.board.harts));
        let mut node =
            Node::new(&config, engine).map_err(|error| Failure::new(Exit::Host, error.to_string(), ""))?;
        node.start_supervisor(0, CODE, 0);
        let mut stage = Stage { node, names };
        stage.put(CODE, &asm.finish());
        Ok(stage)
    }

    /// Stores bytes in memory.
    pub(super) fn put(&mut self, at: u64, bytes: &[u8]) {
        assert!(self.node.bus.ram.write(at, bytes).is_some(), "the tour stores within its own memory");
    }

    /// Stores a word in memory.
    pub(super) fn put_word(&mut self, at: u64, word: u64) {
        self.put(at, &word.to_le_bytes());
    }

    /// A word of memory.
    pub(super) fn word(&self, at: u64) -> u64 {
        self.node.bus.ram.load(at, 8).unwrap_or(0)
    }

    /// The address of a named place.
    pub(super) fn address(&self, name: &str) -> u64 {
        self.names.iter().find(|(_, known)| *known == name).map_or(0, |(address, _)| *address)
    }

    /// Cycles since power-on.
    pub(super) fn cycles(&self) -> u64 {
        self.node.harts[0].cycles()
    }

    /// Executes one instruction, or takes one interrupt.
    pub(super) fn step(&mut self) -> Step {
        let hart = &self.node.harts[0];
        let (mode, pc, traps) = (mode(hart.privilege), hart.pc, hart.stats.traps());
        let text = self.instruction(pc);
        self.node.step(0);
        let hart = &self.node.harts[0];
        let cause = (hart.stats.traps() != traps).then_some(match hart.privilege {
            Privilege::Machine => hart.csr.mcause,
            _ => hart.csr.scause,
        });
        let interrupted = cause.is_some_and(|cause| cause >> 63 == 1);
        let text = if interrupted { String::new() } else { text };
        Step { mode, pc, text, cause, then: self::mode(hart.privilege) }
    }

    /// Executes until the next instruction is the one at `name`.
    ///
    /// Errors: it does not come.
    pub(super) fn run_to(&mut self, name: &str) -> Result<Vec<Step>, Failure> {
        let goal = self.address(name);
        let mut steps = Vec::new();
        while self.node.harts[0].pc != goal {
            if steps.len() == STEPS_MAX {
                return Err(Failure::new(Exit::GuestFailed, format!("the program never came to {name}"), ""));
            }
            steps.push(self.step());
        }
        Ok(steps)
    }

    fn instruction(&self, pc: u64) -> String {
        let hart = &self.node.harts[0];
        let ram = &self.node.bus.ram;
        let word = machine::firmware::peek(hart, ram, pc, Access::Fetch).and_then(|pa| ram.load(pa, 4));
        let inst = word.and_then(|word| u32::try_from(word).ok()).and_then(isa::decode);
        inst.map_or_else(|| "?".to_owned(), |inst| isa::disassemble(inst, pc).to_string())
    }

    /// An address as a place and a distance.
    pub(super) fn place(&self, address: u64) -> String {
        match self.names.iter().rev().find(|(start, _)| *start <= address) {
            Some((start, name)) if *start == address => (*name).to_owned(),
            Some((start, name)) if address - start < 0x1000 => format!("{name}+{}", address - start),
            _ => format!("{address:#x}"),
        }
    }

    /// A step as a line of the journal.
    pub(super) fn line(&self, step: &Step) -> String {
        let what = if step.text.is_empty() { "(between two instructions)" } else { &step.text };
        let remark = match step.cause {
            Some(cause) => format!("trap: {}, {} -> {}", cause_name(cause), step.mode, step.then),
            None if step.text == "sret" => format!("return, {} -> {}", step.mode, step.then),
            None => String::new(),
        };
        let line = format!("{}  {:<14} {:<30} {remark}", step.mode, self.place(step.pc), what);
        format!("{}\n", line.trim_end())
    }

    /// Steps as a journal; more than `most` in a row without trap or return are cut short.
    pub(super) fn journal(&self, steps: &[Step], most: usize) -> String {
        let mut text = String::new();
        for stretch in steps.chunk_by(|step, _| step.cause.is_none() && step.text != "sret") {
            if stretch.len() <= most {
                stretch.iter().for_each(|step| text.push_str(&self.line(step)));
                continue;
            }
            let (head, tail) = (most / 2, most - most / 2);
            stretch[..head].iter().for_each(|step| text.push_str(&self.line(step)));
            text.push_str(&format!("   ... {} more instructions\n", stretch.len() - most));
            stretch[stretch.len() - tail..].iter().for_each(|step| text.push_str(&self.line(step)));
        }
        text
    }
}

/// What a cause register says.
pub(super) fn cause_name(cause: u64) -> String {
    let code = usize::try_from(cause & 0x3f).unwrap_or(0);
    let (kind, name) =
        if cause >> 63 == 1 { ("interrupt", interrupt_name(code)) } else { ("cause", exception_name(code)) };
    format!("{kind} {code}, {}", name.unwrap_or("reserved"))
}

fn mode(privilege: Privilege) -> char {
    match privilege {
        Privilege::User => 'U',
        Privilege::Supervisor => 'S',
        Privilege::Machine => 'M',
    }
}
