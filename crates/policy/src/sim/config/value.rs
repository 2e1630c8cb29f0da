//! Times, sizes and distributions as people write them: "1.5ms", "64KiB", { exp = "2ms" }.

use super::super::Dist;
use crate::unit::Ns;
use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};
use std::fmt;

/// A length of time: a number with `ns`, `us`, `ms` or `s`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Time(pub(super) Ns);

/// The longest time a file may name: 10^7 seconds, so that sums stay far from the end of 64 bits.
const TIME_MAX_NS: f64 = 1e16;

impl Time {
    pub(super) fn parse(text: &str) -> Result<Time, String> {
        let (number, unit) = split(text);
        let value: f64 =
            number.parse().map_err(|_| format!("`{text}` is not a time: write it as \"1.5ms\""))?;
        let scale = match unit {
            "ns" => 1.0,
            "us" | "µs" => 1e3,
            "ms" => 1e6,
            "s" => 1e9,
            "" => return Err(format!("`{text}` has no unit: ns, us, ms or s")),
            _ => return Err(format!("`{unit}` is no unit of time: ns, us, ms or s")),
        };
        let ns = value * scale;
        if ns < 0.0 {
            return Err(format!("`{text}` is negative: time does not run backwards"));
        }
        if !ns.is_finite() || ns > TIME_MAX_NS {
            return Err(format!("`{text}` is too long: at most 10,000,000 s"));
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked above")]
        let whole = (ns + 0.5) as u64;
        Ok(Time(Ns(whole)))
    }
}

/// A size in KiB: a number with `B`, `KiB`, `MiB` or `GiB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Kib(pub(super) u64);

impl Kib {
    fn parse(text: &str) -> Result<Kib, String> {
        let (number, unit) = split(text);
        let value: f64 =
            number.parse().map_err(|_| format!("`{text}` is not a size: write it as \"64KiB\""))?;
        let scale = match unit {
            "B" => 1.0 / 1024.0,
            "KiB" => 1.0,
            "MiB" => 1024.0,
            "GiB" => 1024.0 * 1024.0,
            _ => return Err(format!("`{text}` is not a size: use B, KiB, MiB or GiB")),
        };
        if value < 0.0 || !value.is_finite() || value * scale > 1e12 {
            return Err(format!("`{text}` is not a possible size"));
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked above")]
        let kib = (value * scale).ceil() as u64;
        Ok(Kib(kib))
    }
}

fn split(text: &str) -> (&str, &str) {
    let text = text.trim();
    let at = text.find(|c: char| c.is_alphabetic()).unwrap_or(text.len());
    (text[..at].trim(), text[at..].trim())
}

struct Text<T>(fn(&str) -> Result<T, String>, &'static str);

impl<T> Visitor<'_> for Text<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.1)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        self.0(text).map_err(E::custom)
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Time, D::Error> {
        from.deserialize_str(Text(Time::parse, "a time with its unit, such as \"1.5ms\""))
    }
}

impl<'de> Deserialize<'de> for Kib {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Kib, D::Error> {
        from.deserialize_str(Text(Kib::parse, "a size with its unit, such as \"64KiB\""))
    }
}

/// A time or a distribution of times.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Times(pub(super) Dist);

struct TimesVisitor;

impl<'de> Visitor<'de> for TimesVisitor {
    type Value = Times;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "a time such as \"1.5ms\", or { exp = mean }, { uniform = [low, high] }, { pareto = min, shape = number }",
        )
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Times, E> {
        Time::parse(text).map(|time| Times(Dist::Fixed(time.0))).map_err(E::custom)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Times, A::Error> {
        let (mut dist, mut shape) = (None, 1.5);
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "exp" => dist = Some(Dist::Exp(map.next_value::<Time>()?.0)),
                "uniform" => {
                    let (low, high) = map.next_value::<(Time, Time)>()?;
                    if low.0 > high.0 {
                        return Err(de::Error::custom("the low end is above the high end"));
                    }
                    dist = Some(Dist::Uniform(low.0, high.0));
                }
                "pareto" => dist = Some(Dist::Pareto(map.next_value::<Time>()?.0, shape)),
                "shape" => {
                    shape = map.next_value::<f64>()?;
                    if !(0.1..=100.0).contains(&shape) {
                        return Err(de::Error::custom("a shape is between 0.1 and 100"));
                    }
                }
                other => return Err(de::Error::unknown_field(other, &["exp", "uniform", "pareto", "shape"])),
            }
        }
        if let Some(Dist::Pareto(min, _)) = dist {
            dist = Some(Dist::Pareto(min, shape));
        }
        dist.map(Times).ok_or_else(|| de::Error::custom("a distribution is exp, uniform or pareto"))
    }
}

impl<'de> Deserialize<'de> for Times {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Times, D::Error> {
        from.deserialize_any(TimesVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::{Kib, Time};
    use crate::unit::Ns;

    #[test]
    fn times_and_sizes_need_units_and_sense() {
        assert_eq!(Time::parse("1.5ms").unwrap().0, Ns(1_500_000));
        assert_eq!(Kib::parse("2MiB").unwrap().0, 2048);
        for (text, says) in [
            ("5", "no unit"),
            ("-5ms", "negative"),
            ("5 parsec", "no unit"),
            ("x", "not a time"),
            ("90000000s", "too long"),
        ] {
            let error = Time::parse(text).unwrap_err();
            assert!(error.contains(says), "{text}: {error}");
        }
    }
}
