//! Latencies, counted exactly.

/// Latencies up to which each has a counter of its own.
const DIRECT: usize = 1 << 16;

/// How often each latency occurred.
#[derive(Clone, Debug, Default)]
pub struct Histogram {
    direct: Vec<u32>,
    /// Longer latencies, one by one.
    long: Vec<u64>,
    count: u64,
    sum: u64,
}

impl Histogram {
    /// Counts a latency.
    pub fn add(&mut self, cycles: u64) {
        self.count += 1;
        self.sum += cycles;
        match usize::try_from(cycles) {
            Ok(index) if index < DIRECT => {
                if self.direct.len() <= index {
                    self.direct.resize((index + 1).next_power_of_two(), 0);
                }
                self.direct[index] += 1;
            }
            _ => self.long.push(cycles),
        }
    }

    /// Counts all that `other` has counted.
    pub fn merge(&mut self, other: &Histogram) {
        self.count += other.count;
        self.sum += other.sum;
        if self.direct.len() < other.direct.len() {
            self.direct.resize(other.direct.len(), 0);
        }
        self.direct.iter_mut().zip(&other.direct).for_each(|(to, from)| *to += from);
        self.long.extend(&other.long);
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Their mean, `None` when there are none.
    #[allow(clippy::cast_precision_loss, reason = "a mean for people")]
    pub fn mean(&self) -> Option<f64> {
        (self.count > 0).then(|| self.sum as f64 / self.count as f64)
    }

    /// The least latency that `per_cent` of all do not exceed.
    pub fn percentile(&self, per_cent: u64) -> Option<u64> {
        let rank = (self.count * per_cent).div_ceil(100).max(1);
        if self.count == 0 {
            return None;
        }
        let mut seen = 0;
        for (cycles, count) in self.direct.iter().enumerate() {
            seen += u64::from(*count);
            if seen >= rank {
                return Some(cycles as u64);
            }
        }
        let mut long = self.long.clone();
        long.sort_unstable();
        let index = usize::try_from(rank - seen - 1).unwrap_or(usize::MAX).min(long.len().saturating_sub(1));
        long.get(index).copied()
    }

    /// The longest.
    pub fn max(&self) -> Option<u64> {
        let direct = self.direct.iter().rposition(|count| *count > 0).map(|cycles| cycles as u64);
        self.long.iter().copied().chain(direct).max()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_exact() {
        let mut histogram = Histogram::default();
        (1..=100).for_each(|cycles| histogram.add(cycles));
        assert_eq!((histogram.percentile(50), histogram.percentile(99)), (Some(50), Some(99)));
        histogram.add(1_000_000);
        assert_eq!((histogram.percentile(100), histogram.max()), (Some(1_000_000), Some(1_000_000)));
        assert_eq!(Histogram::default().percentile(99), None);
    }
}
