//! Counters for reports. They are not simulated state: in no digest and no snapshot.

/// What one hart went through.
#[derive(Clone, Debug, Default)]
pub struct HartStats {
    /// Exceptions taken, by cause code.
    pub exceptions: [u64; 32],
    /// Interrupts taken, by cause code.
    pub interrupts: [u64; 16],
    /// Writes that changed `satp` or `vsatp`.
    pub context_switches: u64,
    /// Calls of the built-in SBI.
    pub sbi_calls: u64,
    /// Loads, stores and fetches whose page was in the engine's translation cache.
    pub tlb_hits: u64,
    /// Loads, stores and fetches whose page was not.
    pub tlb_misses: u64,
    /// Page walks by the number of entries read (two-stage walks in the last, with 15 and more).
    pub walks: [u64; 16],
}

impl HartStats {
    /// Exceptions and interrupts taken.
    pub fn traps(&self) -> u64 {
        self.exceptions.iter().sum::<u64>() + self.interrupts.iter().sum::<u64>()
    }
}
