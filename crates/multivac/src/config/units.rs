//! Numbers as people write them: `512MiB`, `1us`, `1GHz`; and back.

/// A kind of quantity and its units, each with what it multiplies.
struct Scale {
    /// What the quantity is called in messages.
    name: &'static str,
    /// A value that shows how to write it.
    example: &'static str,
    /// Suffixes with their factors, the largest first; the one without a name is last, if there is one.
    units: &'static [(&'static str, u128)],
}

const BYTES: Scale = Scale {
    name: "size",
    example: "512MiB",
    units: &[
        ("TiB", 1 << 40),
        ("GiB", 1 << 30),
        ("MiB", 1 << 20),
        ("KiB", 1 << 10),
        ("TB", 1_000_000_000_000),
        ("GB", 1_000_000_000),
        ("MB", 1_000_000),
        ("kB", 1000),
        ("T", 1 << 40),
        ("G", 1 << 30),
        ("M", 1 << 20),
        ("K", 1 << 10),
        ("B", 1),
        ("", 1),
    ],
};

/// Times in picoseconds; a bare number is seconds.
const TIME: Scale = Scale {
    name: "time",
    example: "10ms",
    units: &[
        ("h", 3_600_000_000_000_000),
        ("min", 60_000_000_000_000),
        ("s", 1_000_000_000_000),
        ("ms", 1_000_000_000),
        ("us", 1_000_000),
        ("µs", 1_000_000),
        ("ns", 1000),
        ("ps", 1),
        ("", 1_000_000_000_000),
    ],
};

const BANDWIDTH: Scale = Scale {
    name: "bandwidth",
    example: "10Gbit/s",
    units: &[
        ("Tbit/s", 1_000_000_000_000),
        ("Gbit/s", 1_000_000_000),
        ("Mbit/s", 1_000_000),
        ("kbit/s", 1000),
        ("bit/s", 1),
    ],
};

const RATE: Scale = Scale {
    name: "clock rate",
    example: "1GHz",
    units: &[("GHz", 1_000_000_000), ("MHz", 1_000_000), ("kHz", 1000), ("Hz", 1), ("", 1)],
};

/// A size in bytes.
pub(crate) fn bytes(text: &str) -> Result<u64, String> {
    BYTES.parse(text)
}

/// A time in nanoseconds; a bare number is seconds.
pub(crate) fn nanoseconds(text: &str) -> Result<u64, String> {
    TIME.parse(text).map(|ps| ps / 1000)
}

/// A time in picoseconds; a bare number is seconds.
pub(crate) fn picoseconds(text: &str) -> Result<u64, String> {
    TIME.parse(text)
}

/// A bandwidth in bits a second.
pub(crate) fn bits_per_second(text: &str) -> Result<u64, String> {
    BANDWIDTH.parse(text)
}

/// A rate in cycles a second.
pub(crate) fn hertz(text: &str) -> Result<u64, String> {
    RATE.parse(text)
}

/// A count; `k`, `M` and `G` are decimal, and underscores may group.
pub(crate) fn count(text: &str) -> Result<u64, String> {
    const COUNT: Scale = Scale {
        name: "count",
        example: "100M",
        units: &[("G", 1_000_000_000), ("M", 1_000_000), ("k", 1000), ("", 1)],
    };
    COUNT.parse(text)
}

impl Scale {
    /// Reads a decimal number with a suffix; exact, and what is left over below 1 must be nothing.
    fn parse(&self, text: &str) -> Result<u64, String> {
        let text = text.trim();
        let split = text.find(|c: char| !(c.is_ascii_digit() || c == '.' || c == '_')).unwrap_or(text.len());
        let (number, suffix) = (text[..split].replace('_', ""), text[split..].trim());
        let Some((_, factor)) = self.units.iter().find(|(name, _)| *name == suffix) else {
            let names: Vec<&str> =
                self.units.iter().map(|(name, _)| *name).filter(|n| !n.is_empty()).collect();
            let near = names.iter().find(|name| name.eq_ignore_ascii_case(suffix));
            return Err(match near {
                Some(near) => format!("did you mean `{number}{near}`?"),
                None => format!(
                    "a {} is written like {}; units are {}",
                    self.name,
                    self.example,
                    names.join(", ")
                ),
            });
        };
        let bad = || format!("a {} is written like {}", self.name, self.example);
        let (whole, fraction) = number.split_once('.').unwrap_or((&number, ""));
        if whole.is_empty() || fraction.len() > 18 {
            return Err(bad());
        }
        let too_large = || format!("this {} is too large", self.name);
        let whole: u128 = whole.parse().map_err(|_| bad())?;
        let mut value = whole.checked_mul(*factor).ok_or_else(too_large)?;
        if !fraction.is_empty() {
            let parts: u128 = fraction.parse().map_err(|_| bad())?;
            let scale = 10u128.pow(u32::try_from(fraction.len()).unwrap_or(0));
            value = value.checked_add(parts * factor / scale).ok_or_else(too_large)?;
        }
        u64::try_from(value).map_err(|_| too_large())
    }

    /// Writes a value in the largest unit that leaves no fraction.
    fn write(&self, value: u64) -> String {
        let value = u128::from(value);
        let fits =
            |(name, factor): &&(&str, u128)| !name.is_empty() && value >= *factor && value % factor == 0;
        match self.units.iter().find(fits) {
            Some((name, factor)) => format!("{}{name}", value / factor),
            None => {
                format!("{value}{}", self.units.iter().find(|(_, f)| *f == 1).map_or("", |(name, _)| name))
            }
        }
    }
}

/// A size as people write it.
pub(crate) fn write_bytes(value: u64) -> String {
    BYTES.write(value)
}

/// A time as people write it.
pub(crate) fn write_ns(value: u64) -> String {
    value.checked_mul(1000).map_or_else(|| format!("{value}ns"), |ps| TIME.write(ps))
}

/// A time as people write it.
pub(crate) fn write_ps(value: u64) -> String {
    TIME.write(value)
}

/// A bandwidth as people write it.
pub(crate) fn write_bits_per_second(value: u64) -> String {
    BANDWIDTH.write(value)
}

/// A rate as people write it.
pub(crate) fn write_hz(value: u64) -> String {
    RATE.write(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_exactly_and_written_back() {
        for (text, value) in [("512MiB", 512 << 20), ("1GiB", 1 << 30), ("1.5GiB", 3 << 29), ("7B", 7)] {
            assert_eq!(bytes(text), Ok(value), "{text}");
        }
        assert_eq!(bytes("64 M"), Ok(64 << 20));
        assert_eq!(write_bytes(3 << 29), "1536MiB");
        assert_eq!(nanoseconds("1us"), Ok(1000));
        assert_eq!(nanoseconds("2"), Ok(2_000_000_000));
        assert_eq!(nanoseconds("0.25s"), Ok(250_000_000));
        assert_eq!(write_ns(1500), "1500ns");
        assert_eq!(write_ns(90_000_000_000), "90s");
        assert_eq!(picoseconds("0.8ns"), Ok(800));
        assert_eq!(write_ps(1_000_000), "1us");
        assert_eq!(bits_per_second("2.5Gbit/s"), Ok(2_500_000_000));
        assert_eq!(write_bits_per_second(2_500_000_000), "2500Mbit/s");
        assert!(bits_per_second("10gbit/s").unwrap_err().contains("`10Gbit/s`"));
        assert_eq!(hertz("1GHz"), Ok(1_000_000_000));
        assert_eq!(write_hz(1_500_000), "1500kHz");
        assert_eq!(count("1_000"), Ok(1000));
        assert_eq!(count("2.5M"), Ok(2_500_000));
    }

    #[test]
    fn what_is_no_quantity_says_how_to_write_one() {
        assert_eq!(bytes("512mib"), Err("did you mean `512MiB`?".to_owned()));
        assert!(bytes("512 furlongs").unwrap_err().contains("512MiB"));
        for text in ["", "MiB", "-1", ".5s", "1e9", "99999999999999999999999999999999999999999", "1.x"] {
            assert!(bytes(text).is_err(), "{text}");
            assert!(nanoseconds(text).is_err(), "{text}");
        }
        assert!(bytes("16777216TiB").unwrap_err().contains("too large"));
        // The whole part just fits what is reckoned in, and the fraction no longer does.
        assert!(bytes("340282366920938463463374607431768211.999kB").unwrap_err().contains("too large"));
    }
}
