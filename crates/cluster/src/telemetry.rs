//! Counters of a run, per node and hart, and the names of what is counted.

pub mod live;
pub mod pcapng;
pub mod perfetto;
mod protobuf;
pub mod scribe;

use machine::node::Node;
use machine::timing::Charges;

/// Counters of one hart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HartTelemetry {
    /// Number of the hart.
    pub hart: usize,
    /// Instructions retired.
    pub instructions: u64,
    /// Exceptions taken, by cause.
    pub exceptions: Vec<(String, u64)>,
    /// Interrupts taken, by cause.
    pub interrupts: Vec<(String, u64)>,
    /// Accesses whose translation was at hand.
    pub tlb_hits: u64,
    /// Accesses whose translation was not.
    pub tlb_misses: u64,
    /// Page walks, by the number of entries read.
    pub walks: Vec<(usize, u64)>,
    /// Writes that changed `satp` or `vsatp`.
    pub context_switches: u64,
    /// Calls of the built-in SBI.
    pub sbi_calls: u64,
    /// What modelled timing charged for.
    pub charges: Option<Charges>,
}

/// Counters of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Telemetry {
    /// Instructions retired by all harts.
    pub instructions: u64,
    /// Each hart's counters.
    pub harts: Vec<HartTelemetry>,
    /// The engine's own counters.
    pub engine: Vec<(&'static str, u64)>,
}

impl Telemetry {
    /// The counters of a node now.
    pub fn of(node: &Node) -> Telemetry {
        let harts = node.harts.iter().map(|hart| {
            let stats = &hart.stats;
            HartTelemetry {
                hart: hart.id,
                instructions: hart.retired,
                exceptions: counted(&stats.exceptions, exception_name),
                interrupts: counted(&stats.interrupts, interrupt_name),
                tlb_hits: stats.tlb_hits,
                tlb_misses: stats.tlb_misses,
                walks: counted_walks(&stats.walks),
                context_switches: stats.context_switches,
                sbi_calls: stats.sbi_calls,
                charges: node.bus.timing.as_ref().map(|timing| *timing.charges(hart.id)),
            }
        });
        Telemetry { instructions: node.retired(), harts: harts.collect(), engine: node.engine_counters() }
    }

    /// Counts no instructions that had retired at `before`, an earlier instant of the same node. The other counters begin
    /// anew in a node that is forked or restored.
    pub fn since(mut self, before: &Telemetry) -> Telemetry {
        self.instructions = self.instructions.saturating_sub(before.instructions);
        for (hart, before) in self.harts.iter_mut().zip(&before.harts) {
            hart.instructions = hart.instructions.saturating_sub(before.instructions);
        }
        self
    }
}

/// Walks that read an entry at all, by how many.
fn counted_walks(walks: &[u64]) -> Vec<(usize, u64)> {
    walks.iter().copied().enumerate().skip(1).filter(|(_, count)| *count > 0).collect()
}

/// What was counted at all, with names.
fn counted(counts: &[u64], name: fn(usize) -> Option<&'static str>) -> Vec<(String, u64)> {
    let named = |(code, count): (usize, &u64)| {
        let name = name(code).map_or_else(|| format!("cause {code}"), str::to_owned);
        (*count > 0).then_some((name, *count))
    };
    counts.iter().enumerate().filter_map(named).collect()
}

/// An exception's name by its cause code.
///
/// Source: RISC-V Privileged Architecture, "Supervisor Cause Register", and the hypervisor extension.
pub fn exception_name(code: usize) -> Option<&'static str> {
    Some(match code {
        0 => "instruction address misaligned",
        1 => "instruction access fault",
        2 => "illegal instruction",
        3 => "breakpoint",
        4 => "load address misaligned",
        5 => "load access fault",
        6 => "store address misaligned",
        7 => "store access fault",
        8 => "system call from user",
        9 => "system call from supervisor",
        10 => "system call from virtual supervisor",
        11 => "system call from machine",
        12 => "instruction page fault",
        13 => "load page fault",
        15 => "store page fault",
        20 => "instruction guest-page fault",
        21 => "load guest-page fault",
        22 => "virtual instruction",
        23 => "store guest-page fault",
        24 => "instruction TLB miss",
        25 => "load TLB miss",
        27 => "store TLB miss",
        _ => return None,
    })
}

/// An interrupt's name by its cause code.
///
/// Source: as [`exception_name`].
pub fn interrupt_name(code: usize) -> Option<&'static str> {
    Some(match code {
        1 => "supervisor software",
        2 => "virtual supervisor software",
        3 => "machine software",
        5 => "supervisor timer",
        6 => "virtual supervisor timer",
        7 => "machine timer",
        9 => "supervisor external",
        10 => "virtual supervisor external",
        11 => "machine external",
        12 => "supervisor guest external",
        _ => return None,
    })
}
