//! Virtual time within one node.
//!
//! Harts take turns of `slice` cycles, or of less where a round is cut short; all turns of one round stand for the
//! same `slice` cycles of the node's time. Hart `h` of `H`, at cycle `i` of its turn, reads
//! `round_start + (h * slice + i) / H`, so that time never goes back in the order of execution. (A hart alone may run on
//! over the ends of rounds: `node/stretch.rs`.) Instants are therefore counted in *fine* units of one cycle over the number
//! of harts, in which that sum is a whole number.

use crate::state_fields;

/// Ticks of the timebase in a second (`time`, `mtime`).
pub const TIMEBASE_HZ: u64 = 10_000_000;
const PS_PER_SECOND: u128 = 1_000_000_000_000;

/// The node's clock, and where in its round the running turn stands.
#[derive(Clone, Debug)]
pub struct Clock {
    clock_hz: u64,
    harts: u64,
    slice_cycles: u64,
    /// Cycles of the current round's turns: a slice, or less where the run loop cuts the round short.
    round_cycles: u64,
    /// Cycle of the node at which the current round began.
    round_start: u64,
    /// Whose turn it is.
    hart: u64,
    /// Subtracting this from the hart's executed cycles gives its cycle within the turn.
    base: u64,
    /// Reduced fraction: ticks per fine unit.
    ticks_num: u64,
    ticks_den: u64,
}

impl Clock {
    /// A clock at time zero.
    ///
    /// Panics: when any argument is zero; the configuration is checked before.
    pub fn new(clock_hz: u64, harts: usize, slice_cycles: u64) -> Clock {
        let harts = harts as u64;
        assert!(clock_hz > 0 && harts > 0 && slice_cycles > 0, "a clock needs a rate, a hart and a slice");
        let den = clock_hz.checked_mul(harts).expect("the clock rate is bounded by the configuration");
        let divisor = gcd(TIMEBASE_HZ, den);
        Clock {
            clock_hz,
            harts,
            slice_cycles,
            round_cycles: slice_cycles,
            round_start: 0,
            hart: 0,
            base: 0,
            ticks_num: TIMEBASE_HZ / divisor,
            ticks_den: den / divisor,
        }
    }

    /// Cycles of a turn.
    pub fn slice_cycles(&self) -> u64 {
        self.slice_cycles
    }

    /// Cycles of a turn of the current round.
    pub fn round_cycles(&self) -> u64 {
        self.round_cycles
    }

    /// Cycle of the node at which the current round began.
    pub fn round_start(&self) -> u64 {
        self.round_start
    }

    /// Begins a round whose turns end at cycle `end` of the node at the latest.
    pub fn begin_round(&mut self, end: u64) {
        self.round_cycles = end.saturating_sub(self.round_start).clamp(1, self.slice_cycles);
    }

    /// Whether a restored round is one that this clock can have.
    pub(crate) fn round_is_possible(&self) -> bool {
        (1..=self.slice_cycles).contains(&self.round_cycles)
    }

    /// Begins the turn of `hart`, which has executed `cycles` so far.
    pub fn begin_turn(&mut self, hart: usize, cycles: u64) {
        self.hart = hart as u64;
        self.base = cycles;
    }

    /// The cycle within the turn at which a hart that has executed `cycles` stands.
    #[inline]
    pub fn turn_cycle(&self, cycles: u64) -> u64 {
        cycles.wrapping_sub(self.base)
    }

    /// Skips the turn of a hart that has executed `cycles` forward to cycle `to` of the turn.
    pub fn skip_to(&mut self, cycles: u64, to: u64) {
        self.base = cycles.wrapping_sub(to);
    }

    /// Goes to the next round.
    pub fn next_round(&mut self) {
        self.jump(self.round_start + self.round_cycles);
    }

    /// Passes over the ends of `rounds` rounds within the turn of the only hart.
    pub(crate) fn pass_rounds(&mut self, rounds: u64) {
        self.round_start += rounds * self.round_cycles;
        self.base = self.base.wrapping_add(rounds * self.round_cycles);
    }

    /// Skips a round in which nothing executes: the next one begins at `cycle`, where something is due, or where it
    /// would have begun anyhow when that is over already. Skipping in several steps ends where one step does.
    pub fn skip_round(&mut self, cycle: u64) {
        if cycle > self.round_start {
            self.jump(cycle);
        } else {
            self.next_round();
        }
    }

    /// Goes to the round that begins at cycle `start`.
    pub fn jump(&mut self, start: u64) {
        self.round_start = start;
        self.hart = 0;
        self.base = 0;
    }

    /// The timebase counter as the running hart, having executed `cycles`, reads it.
    pub fn mtime(&self, cycles: u64) -> u64 {
        self.ticks(self.fine(self.turn_cycle(cycles)))
    }

    /// The timebase counter at the start of the round.
    pub fn mtime_at_round(&self) -> u64 {
        self.ticks(u128::from(self.round_start) * u128::from(self.harts))
    }

    /// The first cycle of the running turn at which the counter reaches `tick`; may lie past the turn's end.
    pub fn turn_cycle_of(&self, tick: u64) -> u64 {
        let due = self.fine_of(tick);
        u64::try_from(due.saturating_sub(self.fine(0))).unwrap_or(u64::MAX)
    }

    /// The first cycle of the node at which the counter has reached `tick`.
    pub fn node_cycle_of(&self, tick: u64) -> u64 {
        u64::try_from(self.fine_of(tick).div_ceil(u128::from(self.harts))).unwrap_or(u64::MAX)
    }

    /// Virtual time at node cycle `cycle`, in picoseconds.
    pub fn ps_of_cycle(&self, cycle: u64) -> u64 {
        let ps = u128::from(cycle) * PS_PER_SECOND / u128::from(self.clock_hz);
        u64::try_from(ps).unwrap_or(u64::MAX)
    }

    /// The first node cycle at or after `ps` picoseconds.
    pub fn cycle_of_ps(&self, ps: u64) -> u64 {
        let cycle = (u128::from(ps) * u128::from(self.clock_hz)).div_ceil(PS_PER_SECOND);
        u64::try_from(cycle).unwrap_or(u64::MAX)
    }

    fn fine(&self, turn_cycle: u64) -> u128 {
        u128::from(self.round_start) * u128::from(self.harts)
            + u128::from(self.hart) * u128::from(self.round_cycles)
            + u128::from(turn_cycle)
    }

    fn ticks(&self, fine: u128) -> u64 {
        let scaled = fine * u128::from(self.ticks_num);
        match u64::try_from(scaled) {
            Ok(small) => small / self.ticks_den,
            Err(_) => u64::try_from(scaled / u128::from(self.ticks_den)).unwrap_or(u64::MAX),
        }
    }

    fn fine_of(&self, tick: u64) -> u128 {
        match tick.checked_mul(self.ticks_den) {
            Some(small) => u128::from(small.div_ceil(self.ticks_num)),
            None => (u128::from(tick) * u128::from(self.ticks_den)).div_ceil(u128::from(self.ticks_num)),
        }
    }
}

// The rates follow from the configuration.
state_fields!(Clock { round_start, round_cycles, hart, base });

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_never_goes_back_from_turn_to_turn() {
        let mut clock = Clock::new(1_000_000_000, 3, 700);
        let mut last = 0;
        for _ in 0..50 {
            for hart in 0..3 {
                clock.begin_turn(hart, 1000);
                for cycle in [0, 1, 350, 700] {
                    let now = clock.mtime(1000 + cycle);
                    assert!(now >= last, "{now} after {last}");
                    last = now;
                }
            }
            clock.next_round();
        }
        assert_eq!(last, 50 * 700 / 100);
    }

    #[test]
    fn a_due_cycle_is_the_first_that_reads_the_tick() {
        for hz in [1_000_000_000, 999_999_937, 3_333_333] {
            let mut clock = Clock::new(hz, 4, 2000);
            clock.skip_round(12_345);
            clock.begin_turn(2, 0);
            let tick = clock.mtime(0) + 5;
            let due = clock.turn_cycle_of(tick);
            assert_eq!(clock.mtime(due), tick);
            assert_eq!(clock.mtime(due - 1), tick - 1);
        }
    }

    #[test]
    fn a_round_is_skipped_in_one_step_as_in_several() {
        let mut clock = Clock::new(1_000_000_000, 2, 1000);
        for (cycle, begins) in [(300, 300), (1200, 1200), (1200, 2200), (7, 3200), (3201, 3201)] {
            clock.skip_round(cycle);
            assert_eq!(clock.round_start(), begins);
        }
    }

    #[test]
    fn picoseconds_and_cycles_agree() {
        let clock = Clock::new(3_333_333, 1, 1);
        for cycle in [0, 1, 2, 1_000_000, 123_456_789] {
            assert_eq!(clock.cycle_of_ps(clock.ps_of_cycle(cycle)), cycle);
        }
    }
}
