//! The order of Debian's version numbers.

use std::cmp::Ordering;

/// Compares two versions.
///
/// Source: deb-version(7).
pub fn compare(a: &str, b: &str) -> Ordering {
    let (epoch_a, upstream_a, revision_a) = parts(a);
    let (epoch_b, upstream_b, revision_b) = parts(b);
    digits(epoch_a, epoch_b)
        .then_with(|| component(upstream_a.as_bytes(), upstream_b.as_bytes()))
        .then_with(|| component(revision_a.as_bytes(), revision_b.as_bytes()))
}

/// Epoch, upstream version, Debian revision; what is absent counts as 0.
fn parts(version: &str) -> (&[u8], &str, &str) {
    let (epoch, rest) = version.split_once(':').unwrap_or(("0", version));
    let (upstream, revision) = rest.rsplit_once('-').unwrap_or((rest, "0"));
    (epoch.as_bytes(), upstream, revision)
}

/// Compares by turns a part without digits and a number.
fn component(mut a: &[u8], mut b: &[u8]) -> Ordering {
    while !a.is_empty() || !b.is_empty() {
        let (text_a, rest_a) = a.split_at(a.iter().take_while(|c| !c.is_ascii_digit()).count());
        let (text_b, rest_b) = b.split_at(b.iter().take_while(|c| !c.is_ascii_digit()).count());
        for at in 0..text_a.len().max(text_b.len()) {
            let order = weight(text_a.get(at)).cmp(&weight(text_b.get(at)));
            if order.is_ne() {
                return order;
            }
        }
        let (number_a, after_a) = rest_a.split_at(rest_a.iter().take_while(|c| c.is_ascii_digit()).count());
        let (number_b, after_b) = rest_b.split_at(rest_b.iter().take_while(|c| c.is_ascii_digit()).count());
        let order = digits(number_a, number_b);
        if order.is_ne() {
            return order;
        }
        (a, b) = (after_a, after_b);
    }
    Ordering::Equal
}

/// `~` before the end, the end before letters, letters before the rest.
fn weight(c: Option<&u8>) -> u16 {
    match c {
        Some(b'~') => 0,
        None => 1,
        Some(c) if c.is_ascii_alphabetic() => 2 + u16::from(*c),
        Some(c) => 300 + u16::from(*c),
    }
}

/// Compares numbers of any length.
fn digits(a: &[u8], b: &[u8]) -> Ordering {
    let strip = |digits: &[u8]| digits.iter().position(|d| *d != b'0').unwrap_or(digits.len());
    let (a, b) = (&a[strip(a)..], &b[strip(b)..]);
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_ordered_as_dpkg_orders_them() {
        let ascending = [
            "0~~",
            "0~~a",
            "0~",
            "0",
            "0+b1",
            "1.0~rc1-1",
            "1.0-1~bpo1",
            "1.0-1",
            "1.0-1+b1",
            "1.0-1.1",
            "1.0-2",
            "1.0a-1",
            "1.0+dfsg-1",
            "1.2",
            "1.10",
            "9.9-1",
            "1:0.1",
            "1:0.1-1",
            "2:0",
            "10:0",
        ];
        for (i, a) in ascending.iter().enumerate() {
            for (j, b) in ascending.iter().enumerate() {
                assert_eq!(compare(a, b), i.cmp(&j), "{a} against {b}");
            }
        }
        assert_eq!(compare("1.0", "1.00-0"), Ordering::Equal);
        assert_eq!(compare("0:1", "1"), Ordering::Equal);
    }
}
