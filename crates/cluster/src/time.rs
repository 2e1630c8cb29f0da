//! Virtual instants that all nodes and the network share.

/// An instant or a span of virtual time.
///
/// Units: picoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ps(pub u64);

machine::state_fields!(Ps { 0 });

impl Ps {
    /// Later than everything.
    pub const NEVER: Ps = Ps(u64::MAX);

    /// The instant so many nanoseconds after the beginning.
    pub fn from_ns(ns: u64) -> Ps {
        Ps(ns.saturating_mul(1000))
    }

    /// Units: nanoseconds, rounded down.
    pub fn ns(self) -> u64 {
        self.0 / 1000
    }

    /// The instant `span` later.
    #[must_use]
    pub fn after(self, span: Ps) -> Ps {
        Ps(self.0.saturating_add(span.0))
    }

    /// The last multiple of `step` that is no later.
    #[must_use]
    pub fn on_grid(self, step: Ps) -> Ps {
        Ps(self.0 - self.0 % step.0.max(1))
    }
}

/// A rate and what one unit of it takes, kept as the rational that it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bandwidth {
    /// Bits in a second of virtual time, at least 1.
    pub bits_per_s: u64,
}

const PS_PER_SECOND: u128 = 1_000_000_000_000;

impl Bandwidth {
    /// How long `bytes` take, rounded up.
    pub fn time_of(self, bytes: u64) -> Ps {
        let ps = (u128::from(bytes) * 8 * PS_PER_SECOND).div_ceil(u128::from(self.bits_per_s.max(1)));
        Ps(u64::try_from(ps).unwrap_or(u64::MAX))
    }
}

/// The network's clock: one flit over a link in each cycle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NetworkClock {
    bandwidth: Bandwidth,
    flit_bytes: u64,
}

impl NetworkClock {
    /// The clock of links of this bandwidth, flits of so many bytes.
    pub fn new(bandwidth: Bandwidth, flit_bytes: u64) -> NetworkClock {
        NetworkClock { bandwidth, flit_bytes: flit_bytes.max(1) }
    }

    fn numerator(self) -> u128 {
        u128::from(self.flit_bytes) * 8 * PS_PER_SECOND
    }

    /// The instant at which cycle `cycle` begins, rounded up.
    pub fn instant(self, cycle: u64) -> Ps {
        let ps =
            (u128::from(cycle) * self.numerator()).div_ceil(u128::from(self.bandwidth.bits_per_s.max(1)));
        Ps(u64::try_from(ps).unwrap_or(u64::MAX))
    }

    /// The first cycle that begins at `at` or later.
    pub fn cycle(self, at: Ps) -> u64 {
        let cycle = (u128::from(at.0) * u128::from(self.bandwidth.bits_per_s)).div_ceil(self.numerator());
        u64::try_from(cycle).unwrap_or(u64::MAX)
    }

    /// The whole cycles that cover a span.
    pub fn cycles_of(self, span: Ps) -> u64 {
        self.cycle(span)
    }

    /// The flits that carry `bytes`, at least 1.
    pub fn flits(self, bytes: u64) -> u64 {
        bytes.div_ceil(self.flit_bytes).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cycles_and_instants_agree_for_rates_that_divide_nothing() {
        for (bits_per_s, flit) in [(10_000_000_000, 1), (100_000_000, 16), (7_777_777_777, 3)] {
            let clock = NetworkClock::new(Bandwidth { bits_per_s }, flit);
            for cycle in [0, 1, 2, 1250, 999_999_937] {
                let at = clock.instant(cycle);
                assert!(
                    clock.cycle(at) == cycle || clock.cycle(Ps(at.0 - 1)) == cycle,
                    "{cycle} of {clock:?}"
                );
                assert!(clock.instant(clock.cycle(at)) >= at);
            }
        }
        let clock = NetworkClock::new(Bandwidth { bits_per_s: 10_000_000_000 }, 1);
        assert_eq!((clock.instant(1250), clock.cycle(Ps(1_000_000))), (Ps(1_000_000), 1250));
        assert_eq!(Bandwidth { bits_per_s: 100_000_000 }.time_of(1514), Ps(121_120_000));
        assert_eq!(Ps(10_500).on_grid(Ps(1000)), Ps(10_000));
    }
}
