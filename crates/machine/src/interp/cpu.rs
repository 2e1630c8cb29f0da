//! What a handler works on: the hart in its turn, and the helpers that all handlers share.

use super::tlb::Tlb;
use crate::bus::Bus;
use crate::clock::Clock;
use crate::core::{Architecture, Core};
use crate::csr::{Effect, status};
use crate::engine::Exit;
use crate::hart::Hart;
use crate::interrupt;
use crate::trap::Trap;

/// Where a completed instruction leaves the program counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flow {
    /// At the instruction that follows.
    Next,
    /// Where the handler has put it.
    Jump,
    /// Where it was: the instruction did not retire, somebody else will finish it.
    Stay,
}

/// The outcome of a handler.
pub(super) type Step = Result<Flow, Trap>;

/// Why the block being executed must not go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// It may go on.
    No,
    /// Code or translations may have changed: look the next instruction up again.
    Refetch,
    /// The node has something to do.
    Exit(Exit),
}

/// The hart in its turn, as handlers see it.
pub(super) struct Cpu<'a> {
    pub(super) hart: &'a mut Hart,
    pub(super) bus: &'a mut Bus,
    pub(super) clock: &'a Clock,
    pub(super) architecture: Architecture,
    pub(super) tlb: &'a mut Tlb,
    pub(super) stop: Stop,
    /// Timing is modelled: every access and every fetched line is charged.
    pub(super) timed: bool,
    /// The page that instructions were last fetched from, and what added to an address in it gives the byte
    /// offset in memory; the translation cache holds it too.
    pub(super) page: (u64, u64),
}

/// A value of [`Cpu::page`] in which no address is.
pub(super) const NO_PAGE: (u64, u64) = (u64::MAX, 0);

impl<'a> Cpu<'a> {
    pub(super) fn new(core: &'a mut Core<'_>, tlb: &'a mut Tlb) -> Cpu<'a> {
        let Core { hart, bus, clock, architecture } = core;
        let timed = bus.timing.is_some();
        tlb.veil(timed);
        Cpu { hart, bus, clock, architecture: *architecture, tlb, stop: Stop::Refetch, timed, page: NO_PAGE }
    }

    /// The view that the machinery outside the interpreter works on.
    pub(super) fn core(&mut self) -> Core<'_> {
        Core { hart: self.hart, bus: self.bus, clock: self.clock, architecture: self.architecture }
    }

    /// An integer register.
    #[inline(always)]
    pub(super) fn x(&self, register: u8) -> u64 {
        self.hart.x[usize::from(register & 31)]
    }

    /// Writes an integer register; `x0` stays 0.
    #[inline(always)]
    pub(super) fn set_x(&mut self, register: u8, value: u64) {
        self.hart.x[usize::from(register & 31)] = value;
        self.hart.x[0] = 0;
    }

    /// Goes to `target`.
    #[inline(always)]
    pub(super) fn jump(&mut self, target: u64) -> Step {
        self.hart.pc = target;
        Ok(Flow::Jump)
    }

    /// Takes note of what a write to a register may have changed.
    pub(super) fn after(&mut self, effect: Effect) {
        if effect == Effect::Enables {
            // The timer that is due next is among what bounds the budget already.
            if interrupt::next(&self.core()).is_some() {
                self.stop = Stop::Exit(Exit::Recheck);
            }
            return;
        }
        let interrupts = matches!(effect, Effect::Interrupts | Effect::Both);
        let translation = matches!(effect, Effect::Translation | Effect::Both);
        if interrupts {
            self.stop = Stop::Exit(Exit::Recheck);
        } else if translation {
            self.stop = Stop::Refetch;
        }
    }

    /// Leaves the block, and the engine too if an interrupt is to be taken now.
    pub(super) fn recheck(&mut self) {
        let pending = interrupt::next(&self.core()).is_some();
        self.stop = if pending { Stop::Exit(Exit::Recheck) } else { Stop::Refetch };
    }

    /// Whether floating-point instructions are on.
    #[inline]
    pub(super) fn float_enabled(&self) -> bool {
        self.hart.csr.mstatus & status::FS != 0
            && (!self.hart.virt || self.hart.csr.vsstatus & status::FS != 0)
    }
}
