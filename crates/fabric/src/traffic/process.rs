//! When packets come: every cycle with one probability, or in bursts.

use crate::error::Error;
use crate::rng::Rng;

/// The process by which a node makes packets.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Process {
    /// Each cycle with the same probability.
    Bernoulli,
    /// Only while on; on and off times are geometric.
    Bursty {
        /// Mean cycles of a burst.
        burst_cycles: f64,
        /// The share of time that is on; raised where the rate needs more.
        duty: f64,
    },
}

impl Process {
    /// The words for processes.
    pub const NAMES: &'static [&'static str] = &["bernoulli", "bursty"];

    /// The process that `text` names; `bursty:100` has bursts of 100 cycles in the mean, a quarter of the time.
    ///
    /// Errors: [`Error::Unknown`], [`Error::Malformed`].
    pub fn parse(text: &str) -> Result<Process, Error> {
        let (word, rest) = text.split_once(':').unwrap_or((text, "100"));
        match (word, rest.parse::<f64>()) {
            ("bernoulli", _) => Ok(Process::Bernoulli),
            ("bursty", Ok(burst_cycles)) if (1.0..1e9).contains(&burst_cycles) => {
                Ok(Process::Bursty { burst_cycles, duty: 0.25 })
            }
            ("bursty", _) => Err(Error::Malformed {
                reason: format!("`{rest}` is no length of a burst"),
                span: word.len() + 1..text.len(),
                way_out: "write the mean burst in cycles, 1 or more: `bursty:100`".to_owned(),
            }),
            _ => Err(Error::Unknown {
                kind: "injection process",
                word: word.to_owned(),
                span: 0..word.len(),
                known: Process::NAMES,
            }),
        }
    }
}

/// The instants of one node's packets.
#[derive(Clone, Debug)]
pub(super) struct Arrivals {
    process: Process,
    /// Packets a cycle.
    rate: f64,
    /// The end of the present burst.
    on_until: u64,
    rng: Rng,
}

impl Arrivals {
    pub(super) fn new(process: Process, packets_per_cycle: f64, rng: Rng) -> Arrivals {
        Arrivals { process, rate: packets_per_cycle, on_until: 0, rng }
    }

    pub(super) fn rng(&mut self) -> &mut Rng {
        &mut self.rng
    }

    /// The first instant after `now` at which a packet comes; `now` is one before the first cycle at the start.
    pub(super) fn next(&mut self, now: u64) -> Option<u64> {
        match self.process {
            Process::Bernoulli => Some(now + self.rng.geometric(self.rate)?),
            Process::Bursty { burst_cycles, duty } => self.next_in_burst(now, burst_cycles, duty),
        }
    }

    fn next_in_burst(&mut self, now: u64, burst_cycles: f64, duty: f64) -> Option<u64> {
        if self.rate <= 0.0 {
            return None;
        }
        let duty = duty.max(self.rate).min(1.0);
        let within = self.rate / duty;
        let off_cycles = burst_cycles * (1.0 - duty) / duty;
        let mut at = now;
        loop {
            let candidate = at + self.rng.geometric(within)?;
            if candidate <= self.on_until {
                return Some(candidate);
            }
            // No packet in what was left of this burst: the next one starts after a pause.
            let pause = if off_cycles < 1e-9 { 0 } else { self.rng.geometric(1.0 / (off_cycles + 1.0))? - 1 };
            at = self.on_until.max(at) + pause;
            self.on_until = at + self.rng.geometric((1.0 / burst_cycles).min(1.0))?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate_of(process: Process, rate: f64) -> (f64, f64) {
        let mut arrivals = Arrivals::new(process, rate, Rng::new(3));
        let (mut now, mut counts) = (0, vec![0u32; 4000]);
        while let Some(next) = arrivals.next(now) {
            assert!(next > now);
            now = next;
            match usize::try_from(next / 1000).ok().and_then(|window| counts.get_mut(window)) {
                Some(count) => *count += 1,
                None => break,
            }
        }
        let mean = counts.iter().map(|c| f64::from(*c)).sum::<f64>() / 4000.0;
        let variance = counts.iter().map(|c| (f64::from(*c) - mean).powi(2)).sum::<f64>() / 4000.0;
        (mean / 1000.0, variance / mean)
    }

    #[test]
    fn both_have_the_rate_and_bursts_vary_more() {
        let (steady, spread) = rate_of(Process::Bernoulli, 0.05);
        let (bursty, burst_spread) = rate_of(Process::Bursty { burst_cycles: 200.0, duty: 0.25 }, 0.05);
        assert!((steady - 0.05).abs() < 0.001 && (bursty - 0.05).abs() < 0.002, "{steady} {bursty}");
        assert!(spread < 1.2 && burst_spread > 5.0, "{spread} {burst_spread}");
    }
}
