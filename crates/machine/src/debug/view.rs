//! A look at a node between two instructions that leaves no trace: registers and memory as a debugger sees them.

use crate::core::Core;
use crate::csr;
use crate::mmu::memory::Peek;
use crate::mmu::trace::{Trace, walk_trace};
use crate::mmu::{Access, Request};
use crate::node::Node;
use crate::privilege::Privilege;
use crate::ram::PAGE_BYTES;
use crate::trap::Trap;

/// Why memory cannot be looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadError {
    /// The address does not translate.
    Untranslated {
        /// The address.
        va: u64,
        /// What an access would take.
        trap: Trap,
    },
    /// Something else than main memory is there: a device, which a look might change, or nothing.
    NotMemory {
        /// The physical address.
        pa: u64,
    },
}

impl std::fmt::Display for ReadError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            ReadError::Untranslated { va, trap } => {
                write!(f, "{va:#x} does not translate: {:?}", trap.cause)
            }
            ReadError::NotMemory { pa } => write!(f, "no main memory at physical address {pa:#x}"),
        }
    }
}

impl std::error::Error for ReadError {}

impl Node {
    /// The value of control and status register `number` of hart `id`; `None` when the machine has none.
    pub fn read_csr(&mut self, id: usize, number: u16) -> Option<u64> {
        let clock = self.clock_of(id);
        let core = Core { clock: &clock, ..self.core(id) };
        csr::exists(core.architecture, number).then(|| csr::read(&core, number))
    }

    /// Writes a control and status register as an instruction in machine mode would; false when the machine has
    /// none that can be written.
    pub fn write_csr(&mut self, id: usize, number: u16, value: u64) -> bool {
        let mut core = self.core(id);
        let writable = csr::exists(core.architecture, number) && !isa::csr::is_read_only(number);
        if writable {
            csr::write(&mut core, number, value);
        }
        writable
    }

    /// The walk of hart `id` for `access` at `va`, in its present mode. On a machine whose TLB software fills
    /// there are no steps.
    pub fn trace_walk(&mut self, id: usize, va: u64, access: Access) -> Trace {
        let request = self.harts[id].request(va, 1, access);
        self.walk(id, &request)
    }

    /// The physical address of `va` as a debugger on hart `id` means it: in the hart's present address space,
    /// with the permissions of its mode or, failing that, of the supervisor.
    ///
    /// Errors: the trap that an access would take.
    pub fn translate(&mut self, id: usize, va: u64) -> Result<u64, Trap> {
        let own = Request {
            sum: true,
            mxr: true,
            vs_sum: true,
            vs_mxr: true,
            ..self.harts[id].request(va, 1, Access::Load)
        };
        let as_supervisor = Request { privilege: Privilege::Supervisor, ..own };
        let outcome = self.walk(id, &own).result;
        let outcome = match outcome {
            Err(_) if own.privilege == Privilege::User => self.walk(id, &as_supervisor).result.or(outcome),
            outcome => outcome,
        };
        outcome.map(|translation| translation.pa)
    }

    /// Reads memory at virtual address `va` as [`Node::translate`] finds it.
    ///
    /// Errors: [`ReadError`], and nothing is read.
    pub fn read_virtual(&mut self, id: usize, va: u64, into: &mut [u8]) -> Result<(), ReadError> {
        let mut done = 0;
        while done < into.len() {
            let va = va.wrapping_add(done as u64);
            let pa = self.translate(id, va).map_err(|trap| ReadError::Untranslated { va, trap })?;
            let length = part(va, into.len() - done);
            let bytes = self.bus.ram.slice(pa, length as u64).ok_or(ReadError::NotMemory { pa })?;
            into[done..done + length].copy_from_slice(bytes);
            done += length;
        }
        Ok(())
    }

    /// Writes memory at virtual address `va`, whatever the page's permissions; this changes the run.
    ///
    /// Errors: [`ReadError`]; what comes before the address in it is written.
    pub fn write_virtual(&mut self, id: usize, va: u64, bytes: &[u8]) -> Result<(), ReadError> {
        let mut done = 0;
        while done < bytes.len() {
            let va = va.wrapping_add(done as u64);
            let pa = self.translate(id, va).map_err(|trap| ReadError::Untranslated { va, trap })?;
            let length = part(va, bytes.len() - done);
            self.write_physical(pa, &bytes[done..done + length])?;
            done += length;
        }
        Ok(())
    }

    /// Writes main memory; this changes the run.
    ///
    /// Errors: [`ReadError::NotMemory`].
    pub fn write_physical(&mut self, pa: u64, bytes: &[u8]) -> Result<(), ReadError> {
        self.bus.ram.write(pa, bytes).ok_or(ReadError::NotMemory { pa })
    }

    /// The bits of the instruction at `pc` of hart `id`.
    pub fn instruction(&mut self, id: usize, pc: u64) -> Option<u32> {
        let mut low = [0; 2];
        self.read_virtual(id, pc, &mut low).ok()?;
        let low = u16::from_le_bytes(low);
        if low & 3 != 3 {
            return Some(u32::from(low));
        }
        let mut high = [0; 2];
        self.read_virtual(id, pc.wrapping_add(2), &mut high).ok()?;
        Some(u32::from(low) | u32::from(u16::from_le_bytes(high)) << 16)
    }

    fn walk(&mut self, id: usize, request: &Request) -> Trace {
        let software = self.architecture().software_tlb;
        let hart = &self.harts[id];
        let env = hart.csr.translation_env(&hart.pmp);
        if software {
            let result = hart.tlb.look_up(&env, &mut Peek::new(&self.bus.ram), request);
            return Trace { steps: Vec::new(), result };
        }
        walk_trace(&env, &self.bus.ram, request)
    }
}

/// How many of `left` bytes at `va` lie in its page.
fn part(va: u64, left: usize) -> usize {
    let room = PAGE_BYTES - (va & (PAGE_BYTES - 1));
    left.min(usize::try_from(room).unwrap_or(usize::MAX))
}
