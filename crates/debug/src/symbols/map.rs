//! `System.map`, and `/proc/kallsyms`: a line each of address, kind and name.

use super::{SYMBOLS_MAX, Symbol};

/// The symbols; `None` when the file's first line is none of them.
pub(super) fn parse(file: &[u8]) -> Option<Vec<Symbol>> {
    let mut all = Vec::new();
    for row in file.split(|byte| *byte == b'\n').take(SYMBOLS_MAX) {
        match std::str::from_utf8(row).ok().and_then(line) {
            Some(symbol) => all.push(symbol),
            None if all.is_empty() => return None,
            None => {}
        }
    }
    Some(all)
}

fn line(row: &str) -> Option<Symbol> {
    let mut words = row.split_ascii_whitespace();
    let (address, kind, name) = (words.next()?, words.next()?, words.next()?);
    let address = u64::from_str_radix(address, 16).ok().filter(|_| address.len() >= 8)?;
    (kind.len() == 1).then(|| Symbol {
        address,
        name: name.into(),
        code: matches!(kind, "t" | "T" | "w" | "W"),
    })
}
