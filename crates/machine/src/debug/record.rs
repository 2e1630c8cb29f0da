//! The record of what harts execute: each instruction with what it changed.

use super::points::Span;
use crate::core::Core;
use crate::csr;
use crate::hart::Hart;
use crate::node::Node;
use isa::csr as n;

/// Bytes of the longest access.
const STORE_BYTES_MAX: usize = 8;
/// Major opcode of instructions that may write control and status registers.
const SYSTEM: u32 = 0x73;

/// A store and what it left in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Store {
    /// Where.
    pub span: Span,
    /// The bytes there now, the lowest first; `None` when they are not in main memory or out of reach.
    pub value: Option<u64>,
}

/// What else happened at an instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Happening {
    /// Nothing: it completed.
    Completed,
    /// It did not complete: an exception, or a call of the built-in firmware.
    Diverted,
    /// Before it, an interrupt was taken; it comes later.
    Interrupted,
}

/// One line of the record.
#[derive(Clone, Debug)]
pub struct Executed<'a> {
    /// Whose.
    pub hart: usize,
    /// Instructions that all harts of the node had completed before.
    pub number: u64,
    /// Where it stands.
    pub pc: u64,
    /// Its bits; `None` when they cannot be fetched.
    pub raw: Option<u32>,
    /// What happened.
    pub happening: Happening,
    /// Changed registers of the hart, by name, with their new values.
    pub registers: &'a [(&'static str, u64)],
    /// Changed control and status registers, by number.
    pub csrs: &'a [(u16, u64)],
    /// Stores, in order.
    pub stores: &'a [Store],
}

/// Whoever keeps the record.
pub type Witness = Box<dyn FnMut(&Executed<'_>) + Send>;

/// A record under way.
pub(crate) struct Recording {
    /// Only this hart's.
    pub(crate) hart: Option<usize>,
    pub(crate) witness: Witness,
    /// Stores of the instruction under way.
    pub(crate) stores: Vec<Span>,
}

impl std::fmt::Debug for Recording {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recording").field("hart", &self.hart).finish_non_exhaustive()
    }
}

/// What a hart looked like before an instruction.
pub(crate) struct Before {
    number: u64,
    raw: Option<u32>,
    hart: Hart,
}

/// Registers that an instruction or a trap may change, for the record.
const CSRS: [u16; 27] = [
    n::MSTATUS,
    n::MEPC,
    n::MCAUSE,
    n::MTVAL,
    n::MTVEC,
    n::MIE,
    n::MIDELEG,
    n::MEDELEG,
    n::MSCRATCH,
    n::SEPC,
    n::SCAUSE,
    n::STVAL,
    n::STVEC,
    n::SSCRATCH,
    n::SATP,
    n::STIMECMP,
    n::HSTATUS,
    n::HGATP,
    n::HTVAL,
    n::VSSTATUS,
    n::VSEPC,
    n::VSCAUSE,
    n::VSTVAL,
    n::VSTVEC,
    n::VSATP,
    n::FFLAGS,
    n::FRM,
];

impl Node {
    /// Keeps a record of what hart `hart`, or every hart, executes from now on; `None` ends it.
    pub fn record(&mut self, hart: Option<usize>, witness: Option<Witness>) {
        self.points().recording = witness.map(|witness| Recording { hart, witness, stores: Vec::new() });
    }

    /// The state of hart `id` before what comes next, if a record of it is kept.
    pub(crate) fn before(&mut self, id: usize) -> Option<Before> {
        let recording = self.bus.debug.as_mut()?.recording.as_mut()?;
        if recording.hart.is_some_and(|only| only != id) {
            return None;
        }
        recording.stores.clear();
        let raw = self.instruction(id, self.harts[id].pc);
        Some(Before { number: self.retired(), raw, hart: self.harts[id].clone() })
    }

    /// Tells what hart `id` did since `before`.
    pub(crate) fn after(&mut self, id: usize, before: Before, interrupt: bool) {
        let Some(mut recording) = self.bus.debug.as_mut().and_then(|points| points.recording.take()) else {
            return;
        };
        let old = &before.hart;
        let stores: Vec<Store> = recording.stores.iter().map(|span| self.stored(id, *span)).collect();
        let hart = &self.harts[id];
        let happening = match (interrupt, hart.retired == old.retired) {
            (true, _) => Happening::Interrupted,
            (false, true) => Happening::Diverted,
            (false, false) => Happening::Completed,
        };
        let mut registers = Vec::new();
        for index in 0..32 {
            if hart.x[index] != old.x[index] {
                registers.push((isa::reg::X_NAMES[index], hart.x[index]));
            }
        }
        for index in 0..32 {
            if hart.f[index] != old.f[index] {
                registers.push((isa::reg::F_NAMES[index], hart.f[index]));
            }
        }
        let system = before.raw.is_some_and(|raw| raw & 0x7f == SYSTEM);
        let floats = hart.fflags != old.fflags || hart.frm != old.frm;
        let mut csrs = Vec::new();
        if happening != Happening::Completed || system || floats {
            let mut earlier = before.hart.clone();
            for number in CSRS {
                let was = {
                    let core = self.core(id);
                    csr::read(
                        &Core {
                            hart: &mut earlier,
                            bus: core.bus,
                            clock: core.clock,
                            architecture: core.architecture,
                        },
                        number,
                    )
                };
                let is = csr::read(&self.core(id), number);
                if is != was {
                    csrs.push((number, is));
                }
            }
        }
        (recording.witness)(&Executed {
            hart: id,
            number: before.number,
            pc: before.hart.pc,
            raw: before.raw,
            happening,
            registers: &registers,
            csrs: &csrs,
            stores: &stores,
        });
        if let Some(points) = &mut self.bus.debug {
            points.recording = Some(recording);
        }
    }

    fn stored(&mut self, id: usize, span: Span) -> Store {
        let mut bytes = [0; STORE_BYTES_MAX];
        let length = usize::try_from(span.bytes).unwrap_or(usize::MAX).min(STORE_BYTES_MAX);
        let read = span.bytes <= STORE_BYTES_MAX as u64
            && self.read_virtual(id, span.start, &mut bytes[..length]).is_ok();
        Store { span, value: read.then(|| u64::from_le_bytes(bytes)) }
    }
}
