//! Zifencei: fetches see stores at once, so that the fence only ends the block.

use super::cpu::{Cpu, Flow, Step, Stop};
use isa::Inst;

pub(super) fn fence_i(cpu: &mut Cpu<'_>, _: &Inst) -> Step {
    cpu.charge_code_fence();
    cpu.stop = Stop::Refetch;
    Ok(Flow::Next)
}
