//! The node's own firmware at work: the state in which supervisors start, and the carrying out of SBI calls.

use crate::core::Core;
use crate::csr::{environment, status};
use crate::hart::{Hart, Resume, RunState};
use crate::mmu::memory::Peek;
use crate::mmu::pmp::Pmp;
use crate::mmu::{self, Access};
use crate::node::{Halt, Node};
use crate::ram::PAGE_BYTES;
use crate::sbi::carry::{self, Carried};
use crate::sbi::{self, Action, Call, Fence, HartState, Reset, Returned, View};
use crate::timing::{self, Timing};
use std::ops::Range;

/// Every exception that may be delegated, except those that the firmware takes itself.
const DELEGATED_EXCEPTIONS: u64 = 0x0bf0_b5ff;
/// Longer ranges are fenced as the whole space, as Linux does.
const FENCE_PAGES_MAX: u64 = 64;
const PAGE_STEP: usize = 4096;
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
        // Translations and code are never stale, so that a fence only tells the model of their cost; under the
        // software-managed TLB its entries are the guest's own affair.
        Action::RemoteFence { harts, fence, ref range } => {
            let vmid = mmu::mode::vmid(node.harts[id].csr.hgatp);
            if let Some(timing) = &mut node.bus.timing {
                let named = (0..node.harts.len()).filter(|hart| harts.contains(*hart));
                named.for_each(|hart| fence_remotely(timing, hart, fence, range.as_ref(), vmid));
            }
        }
        // The rest concerned the bus.
        _ => {}
    }
}

/// Has `hart` forget what a remote fence names; `vmid` is the caller's virtual machine.
fn fence_remotely(timing: &mut Timing, hart: usize, fence: Fence, range: Option<&Range<u64>>, vmid: u16) {
    // Identifiers wider than their registers name nothing that could be held.
    let narrow = |id: Option<u64>| id.map(|id| u16::try_from(id).unwrap_or(u16::MAX));
    let (virt, asid) = match fence {
        Fence::Instruction => return timing.fence_code(hart),
        Fence::Guest { vmid } => return timing.fence_machine(hart, narrow(vmid)),
        Fence::Supervisor { asid } => (None, narrow(asid)),
        Fence::Virtual { asid } => (Some(vmid), narrow(asid)),
    };
    let whole = timing::Fence { virt, va: None, asid };
    match range {
        Some(range) if range.end - range.start <= FENCE_PAGES_MAX * PAGE_BYTES => {
            let pages = (range.start..range.end).step_by(PAGE_STEP);
            pages.for_each(|va| timing.fence(hart, timing::Fence { va: Some(va), ..whole }));
        }
        _ => timing.fence(hart, whole),
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
    let (env, request) = (hart.csr.translation_env(&hart.pmp), hart.request(va, 1, access));
    let mut memory = Peek::new(ram);
    let translation = if hart.tlb.entries().is_empty() {
        mmu::translate(&env, &mut memory, &request)
    } else {
        hart.tlb.look_up(&env, &mut memory, &request)
    };
    translation.ok().map(|translation| translation.pa)
}
