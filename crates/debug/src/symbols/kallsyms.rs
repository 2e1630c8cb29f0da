//! The symbol tables inside a Linux kernel (`CONFIG_KALLSYMS`), found in its Image or in memory that it runs in.
//!
//! Names are stored as strings of tokens, one byte each; a table of 256 tokens follows them. The token table is
//! found by the tokens of the ten digits, which stand for themselves, and is confirmed by the index behind it,
//! which must be the one that the tokens come to. Everything else is found from there.
//!
//! Source: `scripts/kallsyms.c` and `kernel/kallsyms.c` of Linux 6.4 and later.

use super::{SYMBOLS_MAX, Symbol, SymbolError};

const TOKENS: usize = 256;
/// Symbols between two markers.
const STRIDE: usize = 256;
const DIGITS: &[u8] = b"0\x001\x002\x003\x004\x005\x006\x007\x008\x009\0";
/// The most that all tokens together take.
const TOKEN_BYTES_MAX: usize = 1 << 15;
/// The most that the names of [`STRIDE`] symbols take.
const STRETCH_BYTES_MAX: usize = STRIDE * 256;
/// The longest name, its kind included: the kernel's own bound.
const NAME_BYTES_MAX: usize = 512;
/// The most that all names together take.
const NAMES_BYTES_MAX: usize = 256 << 20;
/// Tables of tokens that are looked at before the search is given up: a kernel has one, and others were put there.
const CANDIDATES_MAX: usize = 16;
/// Where 64-bit RISC-V kernels are linked, for tables whose base a loader is to fill in.
const LINK_BASE: u64 = 0xffff_ffff_8000_0000;

/// Where the tables lie in what was searched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KernelTables {
    names: usize,
    count: usize,
    tokens: Vec<(usize, usize)>,
    offsets: usize,
}

impl KernelTables {
    /// Looks for the tables in `bytes`.
    pub fn find(bytes: &[u8]) -> Option<KernelTables> {
        let (mut from, mut candidates) = (0, 0);
        while let Some(found) = find(&bytes[from..], DIGITS) {
            let digits = from + found;
            if let Some(tokens) = tokens_at(bytes, digits) {
                if let Some(tables) = around(bytes, tokens) {
                    return Some(tables);
                }
                candidates += 1;
                if candidates == CANDIDATES_MAX {
                    return None;
                }
            }
            from = digits + 1;
        }
        None
    }

    /// Reads the symbols.
    ///
    /// Errors: [`SymbolError::Malformed`].
    pub fn symbols(&self, bytes: &[u8]) -> Result<Vec<Symbol>, SymbolError> {
        let damaged = |what| SymbolError::Malformed { what };
        let base_at = (self.offsets + self.count * 4).next_multiple_of(8);
        let base = bytes.get(base_at..).and_then(|rest| rest.first_chunk::<8>());
        let base = base.map(|base| u64::from_le_bytes(*base)).ok_or(damaged("no base address"))?;
        let base = if base == 0 { LINK_BASE } else { base };
        let mut symbols = Vec::with_capacity(self.count);
        let mut at = self.names;
        let (mut text, mut names_bytes) = (Vec::new(), 0);
        for index in 0..self.count {
            let (start, length) = name_at(bytes, at).ok_or(damaged("a name"))?;
            let codes = bytes.get(start..start + length).ok_or(damaged("a name"))?;
            text.clear();
            for code in codes {
                let (from, to) = self.tokens[usize::from(*code)];
                if text.len() + (to - from) > NAME_BYTES_MAX {
                    return Err(damaged("a name too long"));
                }
                text.extend_from_slice(&bytes[from..to]);
            }
            names_bytes += text.len();
            if names_bytes > NAMES_BYTES_MAX {
                return Err(damaged("the names together"));
            }
            let offset = word(bytes, self.offsets + index * 4).ok_or(damaged("an address"))?;
            let (kind, name) = text.split_first().ok_or(damaged("an empty name"))?;
            symbols.push(Symbol {
                address: base.wrapping_add(u64::from(offset)),
                name: String::from_utf8_lossy(name).into(),
                code: matches!(kind, b't' | b'T' | b'w' | b'W'),
            });
            at = start + length;
        }
        Ok(symbols)
    }
}

/// The tokens, and where the index behind them ends, which confirms them.
type Tokens = (Vec<(usize, usize)>, usize);

fn tokens_at(bytes: &[u8], digits: usize) -> Option<Tokens> {
    let start = token_start(bytes, digits)?;
    let tokens = tokens(bytes, start)?;
    let index_at = (tokens.last()?.1 + 1).next_multiple_of(8);
    for (number, (from, _)) in tokens.iter().enumerate() {
        let expected = u16::try_from(from - start).ok()?;
        let half = bytes.get(index_at + number * 2..)?.first_chunk::<2>()?;
        if u16::from_le_bytes(*half) != expected {
            return None;
        }
    }
    Some((tokens, index_at + TOKENS * 2))
}

/// The tables before and behind the tokens.
fn around(bytes: &[u8], (tokens, index_end): Tokens) -> Option<KernelTables> {
    let markers = markers(bytes, tokens.first()?.0)?;
    let (names, count) = names(bytes, &markers)?;
    Some(KernelTables { names, count, tokens, offsets: index_end.next_multiple_of(8) })
}

/// The first token's place: 48 tokens before the digits, at a multiple of 8.
fn token_start(bytes: &[u8], digits: usize) -> Option<usize> {
    let mut at = digits;
    let mut ends = 0;
    let lowest = digits.saturating_sub(TOKEN_BYTES_MAX);
    // Backwards over 48 closing zeros, and on to the one that closes what stands before the table.
    while at > lowest {
        at -= 1;
        if bytes[at] == 0 {
            ends += 1;
            if ends == usize::from(b'0') + 1 {
                return (at + 1).is_multiple_of(8).then_some(at + 1);
            }
        }
    }
    None
}

fn tokens(bytes: &[u8], start: usize) -> Option<Vec<(usize, usize)>> {
    let mut tokens = Vec::with_capacity(TOKENS);
    let mut at = start;
    while tokens.len() < TOKENS {
        let rest = bytes.get(at..bytes.len().min(start + TOKEN_BYTES_MAX))?;
        let length = rest.iter().position(|byte| *byte == 0)?;
        tokens.push((at, at + length));
        at += length + 1;
    }
    Some(tokens)
}

/// The offset in the names of each [`STRIDE`]th symbol, and where these numbers begin: they lie before the
/// tokens, grow, and begin with 0.
fn markers(bytes: &[u8], tokens: usize) -> Option<(usize, Vec<u32>)> {
    // An odd number of markers is followed by four bytes of padding.
    for padding in [0, 4] {
        let mut at = tokens.checked_sub(padding)?;
        let mut found = Vec::new();
        let mut above = u32::MAX;
        while found.len() < SYMBOLS_MAX / STRIDE {
            at = at.checked_sub(4)?;
            let marker = word(bytes, at)?;
            if marker >= above {
                break;
            }
            found.push(marker);
            above = marker;
            if marker == 0 {
                found.reverse();
                if found.len() > 1 || padding == 4 {
                    return Some((at, found));
                }
                break;
            }
        }
    }
    None
}

/// Where the names begin and how many there are: the count stands 8 bytes before them, and reading that many
/// must meet every marker and end where the markers begin.
fn names(bytes: &[u8], (markers_at, markers): &(usize, Vec<u32>)) -> Option<(usize, usize)> {
    let last = usize::try_from(*markers.last()?).ok()?;
    let highest = markers_at.checked_sub(last)?;
    let lowest = highest.saturating_sub(STRETCH_BYTES_MAX);
    let counts = (markers.len() - 1) * STRIDE + 1..=markers.len() * STRIDE;
    let mut at = highest & !7;
    while at > lowest && at >= 8 {
        let count = usize::try_from(word(bytes, at - 8)?).ok()?;
        if counts.contains(&count)
            && word(bytes, at - 4) == Some(0)
            && agree(bytes, at, count, *markers_at, markers)
        {
            return Some((at, count));
        }
        at -= 8;
    }
    None
}

fn agree(bytes: &[u8], names: usize, count: usize, end: usize, markers: &[u32]) -> bool {
    let mut at = names;
    for index in 0..count {
        if index % STRIDE == 0 && u32::try_from(at - names).ok() != markers.get(index / STRIDE).copied() {
            return false;
        }
        let Some((start, length)) = name_at(bytes, at).filter(|(start, length)| start + length <= end) else {
            return false;
        };
        at = start + length;
    }
    at.next_multiple_of(8) == end
}

/// Where the codes of the name at `at` begin, and how many there are.
fn name_at(bytes: &[u8], at: usize) -> Option<(usize, usize)> {
    let first = usize::from(*bytes.get(at)?);
    if first & 0x80 == 0 {
        return Some((at + 1, first));
    }
    let second = usize::from(*bytes.get(at + 1)?);
    Some((at + 2, first & 0x7f | second << 7))
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk::<4>().map(|word| u32::from_le_bytes(*word))
}

/// The first place of `needle`, which begins with a rare pair of bytes.
fn find(hay: &[u8], needle: &[u8]) -> Option<usize> {
    let mut from = 0;
    while let Some(found) = hay[from..].iter().position(|byte| *byte == needle[0]) {
        let at = from + found;
        if hay[at..].starts_with(needle) {
            return Some(at);
        }
        from = at + 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tables of `count` symbols, each byte a token of itself.
    fn sample(count: usize) -> Vec<u8> {
        let mut file = vec![0xaa; 64];
        file.extend(u32::try_from(count).unwrap().to_le_bytes());
        file.extend([0; 4]);
        let names = file.len();
        let mut markers: Vec<u32> = Vec::new();
        for index in 0..count {
            if index % STRIDE == 0 {
                markers.push(u32::try_from(file.len() - names).unwrap());
            }
            let name = format!("Tsymbol_{index}");
            if index == 3 {
                // A long one has its length in two bytes.
                let name = format!("T{}", "x".repeat(199));
                file.extend([0x80 | 200 & 0x7f, 1]);
                file.extend(name.bytes());
                continue;
            }
            file.push(u8::try_from(name.len()).unwrap());
            file.extend(name.bytes());
        }
        let pad = |file: &mut Vec<u8>| file.resize(file.len().next_multiple_of(8), 0);
        pad(&mut file);
        markers.iter().for_each(|marker| file.extend(marker.to_le_bytes()));
        pad(&mut file);
        let start = file.len();
        let mut index = Vec::new();
        for code in 0..=255u8 {
            index.push(u16::try_from(file.len() - start).unwrap());
            file.push(if code == 0 { 0x7f } else { code });
            file.push(0);
        }
        pad(&mut file);
        index.iter().for_each(|offset| file.extend(offset.to_le_bytes()));
        pad(&mut file);
        (0..count).for_each(|index| file.extend((u32::try_from(index).unwrap() * 16).to_le_bytes()));
        pad(&mut file);
        file.extend(LINK_BASE.to_le_bytes());
        file
    }

    #[test]
    fn tables_are_found_and_read() {
        for count in [5, 256, 257, 700] {
            let file = sample(count);
            let tables = KernelTables::find(&file).unwrap_or_else(|| panic!("{count} symbols"));
            let symbols = tables.symbols(&file).unwrap();
            assert_eq!(symbols.len(), count);
            assert_eq!(&*symbols[4].name, "symbol_4");
            assert_eq!(symbols[3].name.len(), 199);
            assert_eq!(symbols[4].address, LINK_BASE + 64);
            assert!(symbols[4].code);
        }
    }

    #[test]
    fn a_name_of_tokens_is_no_longer_than_the_kernel_s() {
        let mut file = sample(5);
        // The token of `s`, of which every name has one, becomes longer than any name, and those behind it move on.
        let tables = KernelTables::find(&file).unwrap();
        let (start, (from, _)) = (tables.tokens[0].0, tables.tokens[usize::from(b's')]);
        file.splice(from..from, b"s".repeat(NAME_BYTES_MAX + 8));
        let ends = tables.tokens[255].1 + NAME_BYTES_MAX + 8 + 1;
        let index = ends.next_multiple_of(8);
        for code in usize::from(b's') + 1..TOKENS {
            let offset = u16::try_from(tables.tokens[code].0 + NAME_BYTES_MAX + 8 - start).unwrap();
            let at = index + 2 * code;
            file[at..at + 2].copy_from_slice(&offset.to_le_bytes());
        }
        let tables = KernelTables::find(&file).expect("the tables agree with each other");
        assert_eq!(tables.symbols(&file), Err(SymbolError::Malformed { what: "a name too long" }));
    }

    #[test]
    fn a_search_that_was_led_astray_ends() {
        let mut file = Vec::new();
        // Tokens with their index, and nothing before them.
        let sample = sample(5);
        let tables = KernelTables::find(&sample).unwrap();
        let tokens = &sample[tables.tokens[0].0 - 8..tables.offsets];
        (0..CANDIDATES_MAX).for_each(|_| file.extend(tokens));
        file.extend(&sample);
        assert_eq!(KernelTables::find(&file), None);
        assert!(KernelTables::find(&file[tokens.len()..]).is_some());
    }

    #[test]
    fn damaged_tables_are_not_taken() {
        let file = sample(300);
        for length in (0..file.len()).step_by(61) {
            if let Some(tables) = KernelTables::find(&file[..length]) {
                assert!(tables.symbols(&file[..length]).is_err(), "{length}");
            }
        }
        for at in (0..file.len()).step_by(37) {
            let mut hostile = file.clone();
            hostile[at] ^= 0xff;
            if let Some(tables) = KernelTables::find(&hostile) {
                let _ = tables.symbols(&hostile);
            }
        }
    }
}
