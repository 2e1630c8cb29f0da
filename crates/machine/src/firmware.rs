//! The node's own firmware at work: the state in which supervisors start, and the carrying out of SBI calls.

use crate::core::Core;
use crate::csr::{environment, status};
use crate::hart::{Hart, Resume, RunState};
use crate::mmu::memory::Peek;
use crate::mmu::pmp::Pmp;
use crate::mmu::{self, Access, Env, Request};
use crate::node::{Halt, Node};
use crate::sbi::carry::{self, Carried};
use crate::sbi::{self, Action, Call, HartState, Reset, Returned, View};
use std::ops::Range;

/// Every exception that may be delegated, except those that the firmware takes itself.
const DELEGATED_EXCEPTIONS: u64 = 0x0bf0_b5ff;
const DELEGATED_INTERRUPTS: u64 = crate::csr::S_LEVEL;
const COUNTERS: u64 = 0xffff_ffff;
/// `cycle`, `time` and `instret`, open to users from the start as OpenSBI leaves them.
const USER_COUNTERS: u64 = 7;

/// Sets the machine-level state of a hart as firmware leaves it before it enters a supervisor.
pub(crate) fn prepare(hart: &mut Hart, software_tlb: bool) {
    let custom = if software_tlb { DELEGATED_EXCEPTIONS } else { DELEGATED_EXCEPTIONS & 0x00ff_ffff };
    hart.csr.medeleg = custom;
    hart.csr.mideleg |= DELEGATED_INTERRUPTS;
    hart.csr.mcounteren = COUNTERS;
    hart.csr.scounteren = USER_COUNTERS;
    hart.csr.menvcfg = environment::STCE
        | environment::PBMTE
        | environment::ADUE
        | environment::CBZE
        | environment::CBCFE
        | environment::CBIE;
    // The floating-point registers are on, in their initial state.
    hart.csr.mstatus |= 1 << status::FS.trailing_zeros();
    hart.pmp = Pmp::open();
}

/// Carries out the SBI call at which hart `id` stands; costs a cycle.
pub(crate) fn call(node: &mut Node, id: usize) {
    let call = Call::from_registers(&node.harts[id].x);
    let states: Vec<HartState> = node.harts.iter().map(|hart| state_of(hart.state)).collect();
    let core = node.core(id);
    let view = NodeView { core: &core, states: &states };
    let decision = sbi::decide(&call, &view);
    let hart = &mut node.harts[id];
    hart.extra_cycles += 1;
    hart.stats.sbi_calls += 1;
    let returned = match carry::on_bus(&decision.action, decision.returned, &mut node.bus) {
        Carried::Done(returned) => returned,
        Carried::Wait => return,
        Carried::NotMine => {
            act(node, id, &decision.action);
            decision.returned
        }
    };
    let hart = &mut node.harts[id];
    hart.pc = hart.pc.wrapping_add(4);
    hart.x[10] = returned.a0();
    if let Returned::Pair(_) = returned {
        hart.x[11] = returned.a1().unwrap_or(0);
    }
}

/// What concerns harts and the node.
fn act(node: &mut Node, id: usize, action: &Action) {
    match *action {
        Action::SetTimer { deadline } => node.harts[id].csr.stimecmp = deadline,
        Action::ClearIpi => node.harts[id].csr.mip &= !crate::lines::mip::SSIP,
        Action::Start { hart, address, opaque } => {
            let Some(target) = node.harts.get_mut(hart) else { return };
            target.enter_supervisor(address, opaque);
        }
        Action::Stop => node.harts[id].state = RunState::Stopped,
        Action::Suspend { resume } => {
            let resume = resume.map_or(Resume::Retentive, |(entry, opaque)| Resume::At { entry, opaque });
            node.harts[id].state = RunState::Suspended(resume);
        }
        Action::Reset { kind, failure } => node.stop(match (kind, failure) {
            (_, true) => Halt::Failed(1),
            (Reset::Shutdown, false) => Halt::PowerOff,
            (Reset::ColdReboot | Reset::WarmReboot, false) => Halt::Reboot,
        }),
        // Translations and code are never stale, so that a fence has nothing to do; under the software-managed
        // TLB its entries are the guest's own affair. The rest concerned the bus.
        _ => {}
    }
}

fn state_of(state: RunState) -> HartState {
    match state {
        RunState::Running | RunState::Waiting => HartState::Started,
        RunState::Stopped => HartState::Stopped,
        RunState::Suspended(_) => HartState::Suspended,
    }
}

struct NodeView<'a> {
    core: &'a Core<'a>,
    states: &'a [HartState],
}

impl View for NodeView<'_> {
    fn harts(&self) -> &[HartState] {
        self.states
    }

    fn memory(&self) -> Range<u64> {
        crate::ram::RAM_BASE..self.core.bus.ram.end()
    }

    fn console(&self) -> bool {
        self.core.bus.uart.is_some()
    }

    fn load_virtual(&self, address: u64) -> Option<u64> {
        let hart = &*self.core.hart;
        let pa = peek(hart, &self.core.bus.ram, address, Access::Load)?;
        self.core.bus.ram.load(pa, 8)
    }
}

/// The physical address behind `va` for the hart's current mode, found without leaving a trace.
pub fn peek(hart: &Hart, ram: &crate::ram::Ram, va: u64, access: Access) -> Option<u64> {
    let csr = &hart.csr;
    let env = Env {
        satp: csr.satp,
        vsatp: csr.vsatp,
        hgatp: csr.hgatp,
        menvcfg: csr.menvcfg,
        henvcfg: environment::henvcfg(hart),
        pmp: &hart.pmp,
    };
    let request = Request {
        va,
        bytes: 1,
        access,
        privilege: hart.privilege,
        virt: hart.virt,
        hlvx: false,
        sum: csr.mstatus & status::SUM != 0,
        mxr: csr.mstatus & status::MXR != 0,
        vs_sum: csr.vsstatus & status::SUM != 0,
        vs_mxr: csr.vsstatus & status::MXR != 0,
    };
    let mut memory = Peek::new(ram);
    let translation = if hart.tlb.entries().is_empty() {
        mmu::translate(&env, &mut memory, &request)
    } else {
        hart.tlb.look_up(&env, &mut memory, &request)
    };
    translation.ok().map(|translation| translation.pa)
}
