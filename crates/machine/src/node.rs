//! A node: harts, board and engine, run in virtual time.
//!
//! [`Node::run`] executes rounds of turns ([`crate::clock`]) until a limit, the end of the machine, or until
//! all harts sleep with nothing due. It may stop within a turn and goes on from there; where it is stopped has
//! no influence on what happens.

use crate::board::{Board, BoardError};
use crate::bus::Bus;
use crate::clock::Clock;
use crate::core::{Architecture, Core};
use crate::delivery;
use crate::dev::syscon::PowerRequest;
use crate::engine::{Engine, Exit};
use crate::firmware;
use crate::hart::{Hart, Reservation, RunState};
use crate::interp::Interpreter;
use crate::interrupt;
use crate::lines::mip;
use crate::mmu::software::{self, SoftwareTlb};
use crate::ram::PAGE_SHIFT;
use crate::state::State;
use crate::timing::{Costs, Timing};

mod fork;
mod observed;
mod pause;
mod sleep;
mod snapshot;
mod stretch;

pub use fork::{ForkError, Template};
pub use pause::{Halt, Limits, Pause};
pub use snapshot::Part;

/// What a node is made of.
#[derive(Clone, Debug)]
pub struct Config {
    /// Harts, memory and devices.
    pub board: Board,
    /// The harts' clock rate.
    pub clock_hz: u64,
    /// Cycles of a turn.
    pub slice_cycles: u64,
    /// The variant of the architecture.
    pub architecture: Architecture,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            board: Board::default(),
            clock_hz: 1_000_000_000,
            slice_cycles: 2000,
            architecture: Architecture { builtin_sbi: true, software_tlb: false },
        }
    }
}

/// Whose turn it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Turn {
    hart: usize,
    begun: bool,
}

/// One node.
pub struct Node {
    /// Its harts.
    pub harts: Vec<Hart>,
    /// Its memory and devices.
    pub bus: Bus,
    clock: Clock,
    architecture: Architecture,
    engine: Box<dyn Engine>,
    /// What executes while a debugger looks on.
    observed: Option<Box<Interpreter>>,
    /// Whether it was the observed engine that executed last.
    was_observed: bool,
    turn: Turn,
    /// Cycles by which each hart overran its last turn.
    debts: Vec<u64>,
    tohost: Option<u64>,
    halt: Option<Halt>,
    console: Vec<u8>,
}

impl Node {
    /// A node at power-on: all harts stopped, memory zero.
    ///
    /// Errors: a board that cannot be.
    pub fn new(config: &Config, engine: Box<dyn Engine>) -> Result<Node, BoardError> {
        let bus = Bus::new(&config.board)?;
        let count = config.board.harts;
        let entries = if config.architecture.software_tlb { software::ENTRIES_DEFAULT } else { 0 };
        let hart = |id| Hart { tlb: SoftwareTlb::new(entries), ..Hart::new(id) };
        Ok(Node {
            harts: (0..count).map(hart).collect(),
            bus,
            clock: Clock::new(config.clock_hz, count, config.slice_cycles),
            architecture: config.architecture,
            engine,
            observed: None,
            was_observed: false,
            turn: Turn::default(),
            debts: vec![0; count],
            tohost: None,
            halt: None,
            console: Vec::new(),
        })
    }

    /// Virtual time, as of the round that runs.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// The engine's name.
    pub fn engine_name(&self) -> &'static str {
        self.engine.name()
    }

    /// The engine's own counters; see [`Engine::counters`].
    pub fn engine_counters(&self) -> Vec<(&'static str, u64)> {
        self.engine.counters()
    }

    /// What the engine made of the code at virtual address `pc`; see [`Engine::explain`].
    pub fn explain(&self, pc: u64) -> Option<String> {
        self.engine.explain(pc)
    }

    /// Instructions retired by all harts.
    pub fn retired(&self) -> u64 {
        self.harts.iter().map(|hart| hart.retired).sum()
    }

    /// Makes a store of a nonzero word at physical address `pa` end the machine (the HTIF convention).
    pub fn watch_tohost(&mut self, pa: u64) {
        self.tohost = Some(pa);
        self.bus.ram.watch(pa);
    }

    /// Runs until a limit or the end.
    pub fn run(&mut self, limits: Limits) -> Pause {
        self.go(limits, false)
    }

    /// Runs to the very cycle of `limits`: the last round is cut short there, and a node that sleeps for good sleeps
    /// until then. Where such limits lie is part of what happens, unlike in [`Node::run`].
    pub fn run_to(&mut self, limits: Limits) -> Pause {
        self.go(limits, true)
    }

    fn go(&mut self, limits: Limits, exact: bool) -> Pause {
        loop {
            if let Some(halt) = self.halt {
                return Pause::Halted(halt);
            }
            if self.turn == Turn::default() {
                if self.clock.round_start() >= limits.cycle {
                    return Pause::Time;
                }
                self.poll();
                self.clock.begin_round(if exact { limits.cycle } else { u64::MAX });
                if self.all_sleep() {
                    match self.next_event() {
                        None if exact => self.clock.jump(limits.cycle),
                        None => {}
                        Some(cycle) => {
                            self.clock.skip_round(cycle.min(limits.cycle));
                            continue;
                        }
                    }
                    return Pause::Asleep;
                }
            }
            if let Some(pause) = self.run_turn(limits) {
                if self.halt.is_some() {
                    self.drain();
                }
                return pause;
            }
            self.turn.hart += 1;
            if self.turn.hart == self.harts.len() {
                self.turn.hart = 0;
                self.clock.next_round();
                self.drain();
            }
        }
    }

    /// Turns modelled timing on, with all modelled TLBs and caches empty; before the node first runs.
    pub fn use_timing(&mut self, costs: Costs) {
        self.bus.timing = Some(Box::new(Timing::new(self.harts.len(), costs)));
    }

    /// Gives each hart's software-managed TLB `entries` entries in place of the usual number, all invalid; without
    /// effect on a machine that walks page tables.
    pub fn resize_software_tlb(&mut self, entries: usize) {
        if self.architecture.software_tlb {
            self.harts.iter_mut().for_each(|hart| hart.tlb = SoftwareTlb::new(entries));
        }
    }

    /// Feeds all simulated state to `sink`: harts, board, time, and the pages of memory that are not all zeros.
    pub fn digest(&self, sink: &mut dyn FnMut(&[u8])) {
        self.harts.iter().for_each(|hart| hart.save(sink));
        self.clock.save(sink);
        self.debts.iter().chain([&(self.turn.hart as u64)]).for_each(|word| word.save(sink));
        self.bus.save(sink);
        for (start, run) in self.bus.ram.filled_runs() {
            for (page, bytes) in (start as u64 >> PAGE_SHIFT..).zip(run.chunks(1 << PAGE_SHIFT)) {
                page.save(sink);
                sink(bytes);
            }
        }
    }

    /// A view of hart `id` between turns, for inspection.
    pub fn core(&mut self, id: usize) -> Core<'_> {
        Core {
            hart: &mut self.harts[id],
            bus: &mut self.bus,
            clock: &self.clock,
            architecture: self.architecture,
        }
    }

    /// The node's variant of the architecture.
    pub fn architecture(&self) -> Architecture {
        self.architecture
    }

    /// Ends the machine.
    pub(crate) fn stop(&mut self, halt: Halt) {
        self.halt = self.halt.or(Some(halt));
    }

    /// Starts hart `hart` in supervisor mode under the built-in firmware, `a1` pointing at the device tree.
    pub fn start_supervisor(&mut self, hart: usize, entry: u64, device_tree: u64) {
        let software_tlb = self.architecture.software_tlb;
        self.harts.iter_mut().for_each(|hart| firmware::prepare(hart, software_tlb));
        self.harts[hart].enter_supervisor(entry, device_tree);
    }

    /// Starts all harts in machine mode at `entry`, `a1` and `a2` as firmware expects them.
    pub fn start_machine(&mut self, entry: u64, device_tree: u64, a2: u64) {
        for hart in &mut self.harts {
            hart.pc = entry;
            hart.x[10] = hart.id as u64;
            hart.x[11] = device_tree;
            hart.x[12] = a2;
            hart.state = RunState::Running;
        }
    }

    /// What the serial port has sent since the last call.
    pub fn take_console(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.console)
    }

    /// Serves the shared folders whose requests wait for this moment; between two runs of the node.
    pub fn serve_gated(&mut self) {
        self.drop_reservations();
        self.bus.serve_gated(self.clock.mtime_at_round());
    }

    fn run_turn(&mut self, limits: Limits) -> Option<Pause> {
        let id = self.turn.hart;
        let slice = self.clock.round_cycles();
        let cycles = self.harts[id].cycles();
        if !self.turn.begun {
            self.turn.begun = true;
            self.clock.begin_turn(id, cycles.wrapping_sub(self.debts[id]));
        }
        let mut room = self.room(limits);
        let observed = self.observe();
        loop {
            self.take_over_ssip(id);
            let cycles = self.harts[id].cycles();
            let now = self.clock.turn_cycle(cycles);
            if now >= slice || !self.awake(id, now) {
                break;
            }
            let now = self.clock.turn_cycle(cycles);
            let end = if observed { slice } else { self.stretch(limits) };
            let mut core = self.core(id);
            if let Some(taken) = interrupt::next(&core) {
                if observed {
                    let before = self.before(id);
                    delivery::interrupt(&mut self.core(id), taken);
                    if let Some(stop) = self.observed_after(id, before, true) {
                        return Some(Pause::Stopped(stop));
                    }
                } else {
                    delivery::interrupt(&mut core, taken);
                }
                room.1 = room.1.saturating_sub(1);
                continue;
            }
            let due = core.clock.turn_cycle_of(interrupt::next_timer(&core));
            let budget = (end - now).min(due.saturating_sub(now).max(1)).min(room.0).min(room.1);
            if budget == 0 {
                return Some(Pause::Instructions);
            }
            let before = (core.hart.retired, core.hart.diversions());
            let watch = if observed { self.before(id) } else { None };
            let budget = if observed { self.observed_budget(id, budget) } else { budget };
            let exit = self.execute(id, budget);
            self.pass_rounds(id, exit, end);
            let hart = &self.harts[id];
            room.0 -= hart.retired - before.0;
            room.1 = room.1.saturating_sub(hart.diversions() - before.1);
            self.settle(id, exit);
            if observed && let Some(stop) = self.observed_after(id, watch, false) {
                return Some(self.halt.map_or(Pause::Stopped(stop), Pause::Halted));
            }
            if let Some(halt) = self.halt {
                return Some(Pause::Halted(halt));
            }
        }
        let alone = self.is_alone();
        let hart = &mut self.harts[id];
        if !alone {
            hart.reservation = Reservation::NONE;
        }
        self.debts[id] = self.clock.turn_cycle(hart.cycles()).saturating_sub(slice);
        self.turn.begun = false;
        None
    }

    /// Takes over what devices have to say; at fixed points of virtual time, since they notice.
    fn drain(&mut self) {
        if let Some(uart) = &mut self.bus.uart {
            self.console.append(&mut uart.take_output(&mut self.bus.lines));
        }
        self.bus.settle();
    }

    /// Instructions and traps left under the limits.
    fn room(&self, limits: Limits) -> (u64, u64) {
        if limits.instructions == u64::MAX {
            return (u64::MAX, u64::MAX);
        }
        let traps: u64 = self.harts.iter().map(Hart::diversions).sum();
        (limits.instructions.saturating_sub(self.retired()), limits.instructions.saturating_sub(traps))
    }

    fn execute(&mut self, id: usize, budget: u64) -> Exit {
        let mut core = Core {
            hart: &mut self.harts[id],
            bus: &mut self.bus,
            clock: &self.clock,
            architecture: self.architecture,
        };
        match &mut self.observed {
            Some(interpreter) if self.was_observed => interpreter.run(&mut core, budget),
            _ => self.engine.run(&mut core, budget),
        }
    }

    /// Carries out what the engine stopped for.
    fn settle(&mut self, id: usize, exit: Exit) {
        match exit {
            Exit::Budget => {}
            Exit::Recheck => self.look_for_halt(),
            Exit::Wfi => self.harts[id].state = RunState::Waiting,
            Exit::Stall => {
                let cycles = self.harts[id].cycles();
                self.clock.skip_to(cycles, self.clock.round_cycles());
            }
            Exit::Sbi => firmware::call(self, id),
        }
    }

    fn look_for_halt(&mut self) {
        if let Some(pa) = self.tohost
            && let Some(word) = self.bus.ram.load(pa, 8)
            && word != 0
        {
            self.halt = Some(Halt::ToHost(word));
        }
        self.halt = self.halt.or(match self.bus.syscon.as_mut().and_then(|device| device.take_request()) {
            Some(PowerRequest::Off) => Some(Halt::PowerOff),
            Some(PowerRequest::Fail { code }) => Some(Halt::Failed(u64::from(code))),
            Some(PowerRequest::Reset) => Some(Halt::Reboot),
            None => None,
        });
    }

    /// Supervisor software interrupts raised from outside become the hart's own.
    fn take_over_ssip(&mut self, id: usize) {
        if std::mem::take(&mut self.bus.lines.raise_ssip[id]) {
            self.harts[id].csr.mip |= mip::SSIP;
        }
    }
}
