//! The node as gdb's library wants to see it. Nothing is kept here that the node knows: every question goes to
//! it.

use super::link::{Far, Gone, Request};
use super::registers::{General, Register, Riscv, description};
use super::{ask, monitor};
use crate::symbols::Symbols;
use gdbstub::common::{Signal, Tid};
use gdbstub::target::ext::base::BaseOps;
use gdbstub::target::ext::base::multithread::{
    MultiThreadBase, MultiThreadRangeStepping, MultiThreadRangeSteppingOps, MultiThreadResume,
    MultiThreadResumeOps, MultiThreadSchedulerLocking, MultiThreadSchedulerLockingOps, MultiThreadSingleStep,
    MultiThreadSingleStepOps,
};
use gdbstub::target::ext::base::single_register_access::{SingleRegisterAccess, SingleRegisterAccessOps};
use gdbstub::target::ext::breakpoints::{
    Breakpoints, BreakpointsOps, HwBreakpoint, HwBreakpointOps, HwWatchpoint, HwWatchpointOps, SwBreakpoint,
    SwBreakpointOps, WatchKind,
};
use gdbstub::target::ext::monitor_cmd::{ConsoleOutput, MonitorCmd, MonitorCmdOps};
use gdbstub::target::ext::target_description_xml_override::{
    TargetDescriptionXmlOverride, TargetDescriptionXmlOverrideOps,
};
use gdbstub::target::ext::thread_extra_info::{ThreadExtraInfo, ThreadExtraInfoOps};
use gdbstub::target::{self, TargetError, TargetResult};
use machine::csr;
use machine::debug::{Span, Step, Watch, Watchpoint};
use machine::hart::RunState;
use machine::node::Node;
use machine::privilege::Privilege;
use machine::ram::PAGE_BYTES;
use std::sync::{Arc, Mutex};

/// What does not change while a run lasts.
pub(super) struct Facts {
    harts: usize,
    description: String,
    symbols: Arc<Symbols>,
    /// Why the node stands still.
    reason: Arc<Mutex<String>>,
}

impl Facts {
    pub(super) fn of(node: &Node, symbols: Arc<Symbols>, reason: Arc<Mutex<String>>) -> Facts {
        let architecture = node.architecture();
        Facts {
            harts: node.harts.len(),
            description: description(|number| csr::exists(architecture, number)),
            symbols,
            reason,
        }
    }
}

/// The thread of a hart.
pub(super) fn tid_of(hart: usize) -> Tid {
    Tid::MIN.saturating_add(hart)
}

fn hart_of(tid: Tid) -> usize {
    tid.get() - 1
}

/// A node under gdb.
pub(super) struct Target<'a> {
    pub(super) far: &'a Far,
    facts: &'a Facts,
    step: Option<Step>,
    /// Memory is read at physical addresses.
    physical: bool,
    /// The hart that gdb asked about last.
    hart: usize,
}

impl<'a> Target<'a> {
    pub(super) fn new(far: &'a Far, facts: &'a Facts) -> Target<'a> {
        Target { far, facts, step: None, physical: false, hart: 0 }
    }

    fn ask<R: Send + 'static>(
        &self,
        errand: impl FnOnce(&mut Node) -> R + Send + 'static,
    ) -> Result<R, TargetError<Gone>> {
        ask(self.far, errand).map_err(TargetError::Fatal)
    }

    /// The hart behind a thread, which is remembered.
    fn select(&mut self, tid: Tid) -> TargetResult<usize, Self> {
        let hart = hart_of(tid);
        if hart >= self.facts.harts {
            return Err(TargetError::NonFatal);
        }
        self.hart = hart;
        Ok(hart)
    }
}

impl target::Target for Target<'_> {
    type Arch = Riscv;
    type Error = Gone;

    fn base_ops(&mut self) -> BaseOps<'_, Riscv, Gone> {
        BaseOps::MultiThread(self)
    }

    fn support_breakpoints(&mut self) -> Option<BreakpointsOps<'_, Self>> {
        Some(self)
    }

    fn support_monitor_cmd(&mut self) -> Option<MonitorCmdOps<'_, Self>> {
        Some(self)
    }

    fn support_target_description_xml_override(
        &mut self,
    ) -> Option<TargetDescriptionXmlOverrideOps<'_, Self>> {
        Some(self)
    }
}

impl MultiThreadBase for Target<'_> {
    fn read_registers(&mut self, registers: &mut General, tid: Tid) -> TargetResult<(), Self> {
        let hart = self.select(tid)?;
        *registers = self.ask(move |node| General { x: node.harts[hart].x, pc: node.harts[hart].pc })?;
        Ok(())
    }

    fn write_registers(&mut self, registers: &General, tid: Tid) -> TargetResult<(), Self> {
        let hart = self.select(tid)?;
        let General { mut x, pc } = registers.clone();
        x[0] = 0;
        self.ask(move |node| (node.harts[hart].x, node.harts[hart].pc) = (x, pc))
    }

    fn support_single_register_access(&mut self) -> Option<SingleRegisterAccessOps<'_, Tid, Self>> {
        Some(self)
    }

    fn read_addrs(&mut self, start: u64, data: &mut [u8], tid: Tid) -> TargetResult<usize, Self> {
        let hart = self.select(tid)?;
        let (length, physical) = (data.len(), self.physical);
        let bytes = self.ask(move |node| read(node, hart, physical, start, length))?;
        data[..bytes.len()].copy_from_slice(&bytes);
        if bytes.is_empty() && !data.is_empty() { Err(TargetError::NonFatal) } else { Ok(bytes.len()) }
    }

    fn write_addrs(&mut self, start: u64, data: &[u8], tid: Tid) -> TargetResult<(), Self> {
        let hart = self.select(tid)?;
        let (data, physical) = (data.to_vec(), self.physical);
        let written = self.ask(move |node| {
            if physical { node.write_physical(start, &data) } else { node.write_virtual(hart, start, &data) }
        })?;
        written.map_err(|_| TargetError::NonFatal)
    }

    fn list_active_threads(&mut self, thread_is_active: &mut dyn FnMut(Tid)) -> Result<(), Gone> {
        (0..self.facts.harts).for_each(|hart| thread_is_active(tid_of(hart)));
        Ok(())
    }

    fn support_resume(&mut self) -> Option<MultiThreadResumeOps<'_, Self>> {
        Some(self)
    }

    fn support_thread_extra_info(&mut self) -> Option<ThreadExtraInfoOps<'_, Self>> {
        Some(self)
    }
}

/// As much as can be read, up to the first page that cannot.
fn read(node: &mut Node, hart: usize, physical: bool, start: u64, length: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while bytes.len() < length {
        let address = start.wrapping_add(bytes.len() as u64);
        let room = usize::try_from(PAGE_BYTES - address % PAGE_BYTES).unwrap_or(usize::MAX);
        let mut part = vec![0; room.min(length - bytes.len())];
        if physical {
            let Some(there) = node.bus.ram.slice(address, part.len() as u64) else { break };
            part.copy_from_slice(there);
        } else if node.read_virtual(hart, address, &mut part).is_err() {
            break;
        }
        bytes.append(&mut part);
    }
    bytes
}

impl SingleRegisterAccess<Tid> for Target<'_> {
    fn read_register(&mut self, tid: Tid, register: Register, buf: &mut [u8]) -> TargetResult<usize, Self> {
        let hart = self.select(tid)?;
        let value = self.ask(move |node| match register {
            Register::X(index) => Some(node.harts[hart].x[index]),
            Register::Pc => Some(node.harts[hart].pc),
            Register::F(index) => Some(node.harts[hart].f[index]),
            Register::Csr(number) => node.read_csr(hart, number),
            Register::Privilege => Some(privilege(node, hart)),
        })?;
        let Some(value) = value else { return Ok(0) };
        buf[..8].copy_from_slice(&value.to_le_bytes());
        Ok(8)
    }

    fn write_register(&mut self, tid: Tid, register: Register, value: &[u8]) -> TargetResult<(), Self> {
        let hart = self.select(tid)?;
        let value = value.first_chunk::<8>().map(|bytes| u64::from_le_bytes(*bytes));
        let value = value.ok_or(TargetError::NonFatal)?;
        let written = self.ask(move |node| {
            match register {
                Register::X(0) => {}
                Register::X(index) => node.harts[hart].x[index] = value,
                Register::Pc => node.harts[hart].pc = value,
                Register::F(index) => node.harts[hart].f[index] = value,
                Register::Csr(number) => return node.write_csr(hart, number, value),
                Register::Privilege => return false,
            }
            true
        })?;
        if written { Ok(()) } else { Err(TargetError::NonFatal) }
    }
}

/// gdb's virtual register: the privilege level, with bit 2 for virtualization mode.
fn privilege(node: &Node, hart: usize) -> u64 {
    let hart = &node.harts[hart];
    hart.privilege as u64 | u64::from(hart.virt) << 2
}

impl ThreadExtraInfo for Target<'_> {
    fn thread_extra_info(&self, tid: Tid, buf: &mut [u8]) -> Result<usize, Gone> {
        let hart = hart_of(tid).min(self.facts.harts - 1);
        let text = ask(self.far, move |node| state(node, hart))?;
        let length = text.len().min(buf.len());
        buf[..length].copy_from_slice(&text.as_bytes()[..length]);
        Ok(length)
    }
}

/// A hart in a few words.
pub(crate) fn state(node: &Node, id: usize) -> String {
    let hart = &node.harts[id];
    let mode = match (hart.privilege, hart.virt) {
        (Privilege::Machine, _) => "M",
        (Privilege::Supervisor, false) => "S",
        (Privilege::Supervisor, true) => "VS",
        (Privilege::User, false) => "U",
        (Privilege::User, true) => "VU",
    };
    let state = match hart.state {
        RunState::Running if id == node.in_turn() => "running, in its turn",
        RunState::Running => "running",
        RunState::Waiting => "waiting for an interrupt",
        RunState::Stopped => "stopped",
        RunState::Suspended(_) => "suspended",
    };
    format!("hart {id}: {mode}-mode, {state}")
}

impl MultiThreadResume for Target<'_> {
    fn resume(&mut self) -> Result<(), Gone> {
        self.far.request(Request::Resume(self.step.take()))
    }

    fn clear_resume_actions(&mut self) -> Result<(), Gone> {
        self.step = None;
        Ok(())
    }

    fn set_resume_action_continue(&mut self, _tid: Tid, _signal: Option<Signal>) -> Result<(), Gone> {
        Ok(())
    }

    fn support_single_step(&mut self) -> Option<MultiThreadSingleStepOps<'_, Self>> {
        Some(self)
    }

    fn support_range_step(&mut self) -> Option<MultiThreadRangeSteppingOps<'_, Self>> {
        Some(self)
    }

    fn support_scheduler_locking(&mut self) -> Option<MultiThreadSchedulerLockingOps<'_, Self>> {
        Some(self)
    }
}

/// Harts that gdb would hold go on in their turns all the same: holding them would make it another run.
impl MultiThreadSchedulerLocking for Target<'_> {
    fn set_resume_action_scheduler_lock(&mut self) -> Result<(), Gone> {
        Ok(())
    }
}

impl MultiThreadSingleStep for Target<'_> {
    fn set_resume_action_step(&mut self, tid: Tid, _signal: Option<Signal>) -> Result<(), Gone> {
        self.step = Some(Step { hart: hart_of(tid).min(self.facts.harts - 1), within: None });
        Ok(())
    }
}

impl MultiThreadRangeStepping for Target<'_> {
    fn set_resume_action_range_step(&mut self, tid: Tid, start: u64, end: u64) -> Result<(), Gone> {
        let within = Some(Span { start, bytes: end.saturating_sub(start) });
        self.step = Some(Step { hart: hart_of(tid).min(self.facts.harts - 1), within });
        Ok(())
    }
}

impl Breakpoints for Target<'_> {
    fn support_sw_breakpoint(&mut self) -> Option<SwBreakpointOps<'_, Self>> {
        Some(self)
    }

    fn support_hw_breakpoint(&mut self) -> Option<HwBreakpointOps<'_, Self>> {
        Some(self)
    }

    fn support_hw_watchpoint(&mut self) -> Option<HwWatchpointOps<'_, Self>> {
        Some(self)
    }
}

impl SwBreakpoint for Target<'_> {
    fn add_sw_breakpoint(&mut self, address: u64, _kind: usize) -> TargetResult<bool, Self> {
        self.ask(move |node| node.points().insert_breakpoint(address))?;
        Ok(true)
    }

    fn remove_sw_breakpoint(&mut self, address: u64, _kind: usize) -> TargetResult<bool, Self> {
        self.ask(move |node| node.points().remove_breakpoint(address))
    }
}

impl HwBreakpoint for Target<'_> {
    fn add_hw_breakpoint(&mut self, address: u64, kind: usize) -> TargetResult<bool, Self> {
        self.add_sw_breakpoint(address, kind)
    }

    fn remove_hw_breakpoint(&mut self, address: u64, kind: usize) -> TargetResult<bool, Self> {
        self.remove_sw_breakpoint(address, kind)
    }
}

fn watchpoint(start: u64, bytes: u64, kind: WatchKind) -> Watchpoint {
    let watch = match kind {
        WatchKind::Write => Watch::Store,
        WatchKind::Read => Watch::Load,
        WatchKind::ReadWrite => Watch::Access,
    };
    Watchpoint { span: Span { start, bytes }, watch }
}

impl HwWatchpoint for Target<'_> {
    fn add_hw_watchpoint(&mut self, start: u64, bytes: u64, kind: WatchKind) -> TargetResult<bool, Self> {
        let point = watchpoint(start, bytes, kind);
        self.ask(move |node| node.points().insert_watchpoint(point))?;
        Ok(true)
    }

    fn remove_hw_watchpoint(&mut self, start: u64, bytes: u64, kind: WatchKind) -> TargetResult<bool, Self> {
        let point = watchpoint(start, bytes, kind);
        self.ask(move |node| node.points().remove_watchpoint(point))
    }
}

impl MonitorCmd for Target<'_> {
    fn handle_monitor_cmd(&mut self, command: &[u8], mut out: ConsoleOutput<'_>) -> Result<(), Gone> {
        let line = String::from_utf8_lossy(command).into_owned();
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            ["physical", "on"] => self.physical = true,
            ["physical", "off"] => self.physical = false,
            ["why"] => {
                let reason = self.facts.reason.lock().map(|text| text.clone()).unwrap_or_default();
                out.write_raw(format!("{reason}\n").as_bytes());
            }
            _ => {
                let hart = self.hart;
                let symbols = Arc::clone(&self.facts.symbols);
                let text = ask(self.far, move |node| monitor::answer(node, hart, &symbols, &line))?;
                out.write_raw(text.as_bytes());
            }
        }
        Ok(())
    }
}

impl TargetDescriptionXmlOverride for Target<'_> {
    fn target_description_xml(
        &self,
        annex: &[u8],
        offset: u64,
        length: usize,
        buf: &mut [u8],
    ) -> TargetResult<usize, Self> {
        if annex != b"target.xml" {
            return Err(TargetError::NonFatal);
        }
        let text = self.facts.description.as_bytes();
        let rest = usize::try_from(offset).ok().and_then(|offset| text.get(offset..)).unwrap_or_default();
        let length = length.min(rest.len()).min(buf.len());
        buf[..length].copy_from_slice(&rest[..length]);
        Ok(length)
    }
}
