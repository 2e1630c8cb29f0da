//! ELF64 programs for RISC-V: segments, entry and the symbols of the HTIF convention.
//!
//! Source: Tool Interface Standard, "Executable and Linking Format", with the 64-bit extension; RISC-V ELF psABI.

use super::bytes::Bytes;
use super::{LoadError, Part};

const MAGIC: &[u8] = b"\x7fELF";
const CLASS_64: u8 = 2;
const LITTLE_ENDIAN: u8 = 1;
const TYPE_EXECUTABLE: u16 = 2;
const TYPE_DYNAMIC: u16 = 3;
const MACHINE_RISCV: u16 = 243;
const SEGMENT_LOAD: u32 = 1;
const SECTION_SYMBOLS: u32 = 2;
const SEGMENT_BYTES: u64 = 56;
const SECTION_BYTES: u64 = 64;
const SYMBOL_BYTES: u64 = 24;
/// Names longer than this are none that we look for.
const NAME_BYTES_MAX: u64 = 32;

/// A program as its file describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program<'a> {
    /// The physical address of the first instruction.
    pub entry: u64,
    /// What goes into memory.
    pub parts: Vec<Part<'a>>,
    /// Addresses that the outside takes part in.
    pub symbols: Symbols,
}

/// Symbols by which a bare-metal test talks to the outside, as physical addresses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Symbols {
    /// Where a store ends the run.
    pub tohost: Option<u64>,
    /// Where the outside answers.
    pub fromhost: Option<u64>,
    /// The first byte of the test's signature.
    pub begin_signature: Option<u64>,
    /// One past its last byte.
    pub end_signature: Option<u64>,
}

impl Symbols {
    fn named(&mut self, name: &[u8]) -> Option<&mut Option<u64>> {
        match name {
            b"tohost" => Some(&mut self.tohost),
            b"fromhost" => Some(&mut self.fromhost),
            b"begin_signature" => Some(&mut self.begin_signature),
            b"end_signature" => Some(&mut self.end_signature),
            _ => None,
        }
    }
}

/// A loadable segment's addresses.
struct Segment {
    va: u64,
    pa: u64,
    bytes: u64,
}

/// Whether the file says that it is an ELF.
pub fn is_elf(file: &[u8]) -> bool {
    file.starts_with(MAGIC)
}

/// Reads a program.
///
/// Errors: any [`LoadError`] but [`LoadError::OutsideMemory`] and [`LoadError::Overlap`], which come when it is
/// placed.
pub fn parse(file: &[u8]) -> Result<Program<'_>, LoadError> {
    let bytes = Bytes(file);
    header(bytes)?;
    let (segments, parts) = segments(bytes)?;
    if parts.is_empty() {
        return Err(LoadError::Malformed { what: "an ELF without a loadable segment", value: 0 });
    }
    let physical = |va: u64| {
        let holder = segments.iter().find(|segment| va.wrapping_sub(segment.va) < segment.bytes);
        holder.map_or(va, |segment| va - segment.va + segment.pa)
    };
    let mut symbols = symbols(bytes)?;
    // The signature's end may lie one past its segment: it is found from the beginning.
    let signature_bytes = match (symbols.begin_signature, symbols.end_signature) {
        (Some(begin), Some(end)) => Some(
            end.checked_sub(begin)
                .ok_or(LoadError::Malformed { what: "end_signature is below begin_signature", value: end })?,
        ),
        _ => None,
    };
    for address in [&mut symbols.tohost, &mut symbols.fromhost, &mut symbols.begin_signature] {
        *address = address.map(physical);
    }
    symbols.end_signature = match (symbols.begin_signature, signature_bytes) {
        (Some(begin), Some(bytes)) => begin.checked_add(bytes),
        _ => None,
    };
    let entry = physical(bytes.u64("ELF header", 24)?);
    if !parts.iter().any(|part| entry.wrapping_sub(part.start) < part.bytes) {
        return Err(LoadError::Malformed { what: "the ELF begins in none of its segments", value: entry });
    }
    Ok(Program { entry, parts, symbols })
}

fn header(bytes: Bytes<'_>) -> Result<(), LoadError> {
    if !is_elf(bytes.0) {
        return Err(LoadError::NotThis { expected: "an ELF program", found: "it lacks ELF's first bytes" });
    }
    let ident = bytes.slice("ELF header", 0, 64)?;
    if ident[4] != CLASS_64 {
        return Err(LoadError::NotThis { expected: "a 64-bit program", found: "the ELF is of 32 bits" });
    }
    if ident[5] != LITTLE_ENDIAN {
        return Err(LoadError::NotThis {
            expected: "a little-endian program",
            found: "the ELF is big-endian",
        });
    }
    let kind = bytes.u16("ELF header", 16)?;
    if kind != TYPE_EXECUTABLE && kind != TYPE_DYNAMIC {
        return Err(LoadError::Malformed { what: "the ELF is not an executable", value: kind.into() });
    }
    let machine = bytes.u16("ELF header", 18)?;
    if machine != MACHINE_RISCV {
        let what = "the ELF is for another machine than RISC-V, by its number";
        return Err(LoadError::Malformed { what, value: machine.into() });
    }
    Ok(())
}

fn segments(bytes: Bytes<'_>) -> Result<(Vec<Segment>, Vec<Part<'_>>), LoadError> {
    let table = bytes.u64("ELF header", 32)?;
    let size = bytes.u16("ELF header", 54)?;
    let count = bytes.u16("ELF header", 56)?;
    if count > 0 && u64::from(size) != SEGMENT_BYTES {
        return Err(LoadError::Malformed { what: "the size of a program header", value: size.into() });
    }
    let what = "program header table";
    let table = Bytes(bytes.slice(what, table, u64::from(count) * SEGMENT_BYTES)?);
    let (mut segments, mut parts) = (Vec::new(), Vec::new());
    for at in (0..u64::from(count)).map(|index| index * SEGMENT_BYTES) {
        let kind = table.u32(what, at)?;
        let (file_bytes, memory_bytes) = (table.u64(what, at + 32)?, table.u64(what, at + 40)?);
        if kind != SEGMENT_LOAD || memory_bytes == 0 {
            continue;
        }
        if file_bytes > memory_bytes {
            return Err(LoadError::Malformed {
                what: "a segment with more bytes in the file than in memory",
                value: file_bytes,
            });
        }
        let (va, pa) = (table.u64(what, at + 16)?, table.u64(what, at + 24)?);
        if let Some(value) = [va, pa].into_iter().find(|start| start.checked_add(memory_bytes - 1).is_none())
        {
            return Err(LoadError::Malformed { what: "a segment beyond the end of all addresses", value });
        }
        let data = bytes.slice("segment", table.u64(what, at + 8)?, file_bytes)?;
        segments.push(Segment { va, pa, bytes: memory_bytes });
        parts.push(Part { what: "program", start: pa, data, bytes: memory_bytes });
    }
    Ok((segments, parts))
}

/// The known symbols of the first symbol table; a program without section headers has none.
fn symbols(bytes: Bytes<'_>) -> Result<Symbols, LoadError> {
    let mut found = Symbols::default();
    let what = "section header table";
    let offset = bytes.u64("ELF header", 40)?;
    let size = bytes.u16("ELF header", 58)?;
    let count = bytes.u16("ELF header", 60)?;
    if offset == 0 || count == 0 {
        return Ok(found);
    }
    if u64::from(size) != SECTION_BYTES {
        return Err(LoadError::Malformed { what: "the size of a section header", value: size.into() });
    }
    let table = Bytes(bytes.slice(what, offset, u64::from(count) * SECTION_BYTES)?);
    let section = |index: u64| -> Result<Bytes<'_>, LoadError> {
        let (start, length) =
            (table.u64(what, index * SECTION_BYTES + 24)?, table.u64(what, index * SECTION_BYTES + 32)?);
        Ok(Bytes(bytes.slice("section", start, length)?))
    };
    for index in 0..u64::from(count) {
        if table.u32(what, index * SECTION_BYTES + 4)? != SECTION_SYMBOLS {
            continue;
        }
        let strings = table.u32(what, index * SECTION_BYTES + 40)?;
        if strings >= u32::from(count) {
            let what = "a symbol table names a section that is not there";
            return Err(LoadError::Malformed { what, value: strings.into() });
        }
        let (entries, strings) = (section(index)?, section(strings.into())?);
        for entry in entries.0.chunks_exact(usize::try_from(SYMBOL_BYTES).unwrap_or(usize::MAX)) {
            let entry = Bytes(entry);
            let name = name_at(strings, entry.u32("symbol", 0)?);
            if let Some(place) = found.named(name) {
                *place = Some(entry.u64("symbol", 8)?);
            }
        }
        // A file has one; any number of them over the same bytes would take that many times as long.
        break;
    }
    Ok(found)
}

/// The start of the string at an offset, up to its end or to as much as we look at.
fn name_at(strings: Bytes<'_>, offset: u32) -> &[u8] {
    let start = usize::try_from(offset).unwrap_or(usize::MAX);
    let rest = strings.0.get(start..).unwrap_or_default();
    let rest = &rest[..rest.len().min(usize::try_from(NAME_BYTES_MAX).unwrap_or(usize::MAX))];
    rest.split(|byte| *byte == 0).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENTRY: u64 = 0x8000_0000;

    /// A small program: one segment of 8 bytes in the file and 16 in memory, and a `tohost` symbol in it.
    fn sample() -> Vec<u8> {
        let mut file = vec![0; 64];
        file[..6].copy_from_slice(&[0x7f, b'E', b'L', b'F', CLASS_64, LITTLE_ENDIAN]);
        let put = |file: &mut Vec<u8>, at: usize, value: u64, bytes: usize| {
            if file.len() < at + bytes {
                file.resize(at + bytes, 0);
            }
            file[at..at + bytes].copy_from_slice(&value.to_le_bytes()[..bytes]);
        };
        put(&mut file, 16, TYPE_EXECUTABLE.into(), 2);
        put(&mut file, 18, MACHINE_RISCV.into(), 2);
        put(&mut file, 24, 0xffff_0000_0000_0004, 8);
        put(&mut file, 32, 64, 8);
        put(&mut file, 40, 200, 8);
        put(&mut file, 54, SEGMENT_BYTES, 2);
        put(&mut file, 56, 1, 2);
        put(&mut file, 58, SECTION_BYTES, 2);
        put(&mut file, 60, 2, 2);
        for (field, value) in [(0, 1), (8, 120), (16, 0xffff_0000_0000_0000), (24, ENTRY), (32, 8), (40, 16)]
        {
            put(&mut file, 64 + field, value, if field == 0 { 4 } else { 8 });
        }
        put(&mut file, 120, 0x0000_0073_0000_0013, 8);
        // Symbols at 130 (one), strings at 160, section headers at 200: symbols, then strings.
        put(&mut file, 130, 1, 4);
        put(&mut file, 138, 0xffff_0000_0000_0008, 8);
        put(&mut file, 160, 0, 8);
        file[161..167].copy_from_slice(b"tohost");
        for (field, value, bytes) in [(4, 2, 4), (24, 130, 8), (32, 24, 8), (40, 1, 4)] {
            put(&mut file, 200 + field, value, bytes);
        }
        for (field, value, bytes) in [(4, 3, 4), (24, 160, 8), (32, 8, 8)] {
            put(&mut file, 264 + field, value, bytes);
        }
        file.resize(328, 0);
        file
    }

    #[test]
    fn addresses_are_physical() {
        let file = sample();
        let program = parse(&file).unwrap();
        assert_eq!(program.entry, ENTRY + 4);
        assert_eq!(program.symbols.tohost, Some(ENTRY + 8));
        assert_eq!(program.symbols.fromhost, None);
        assert_eq!(program.parts.len(), 1);
        assert_eq!((program.parts[0].start, program.parts[0].bytes), (ENTRY, 16));
        assert_eq!(program.parts[0].data.len(), 8);
    }

    #[test]
    fn every_shorter_file_is_refused() {
        let file = sample();
        for length in 0..file.len() {
            assert!(parse(&file[..length]).is_err(), "{length} bytes were taken for a program");
        }
    }

    #[test]
    fn any_byte_may_be_anything() {
        let file = sample();
        for at in 0..file.len() {
            for value in [0, 1, 0x7f, 0x80, 0xff] {
                let mut hostile = file.clone();
                hostile[at] = value;
                // Whatever it is taken for, it can be placed or is refused.
                if let Ok(program) = parse(&hostile) {
                    let _ = super::super::check(&program.parts, 0x9000_0000);
                }
            }
        }
    }

    #[test]
    fn a_program_begins_in_itself() {
        let mut file = sample();
        for entry in [ENTRY, ENTRY + 15, 0xffff_0000_0000_000f] {
            file[24..32].copy_from_slice(&entry.to_le_bytes());
            assert!(parse(&file).is_ok(), "{entry:#x}");
        }
        for entry in [0, ENTRY - 1, ENTRY + 16, u64::MAX] {
            file[24..32].copy_from_slice(&entry.to_le_bytes());
            assert!(matches!(parse(&file), Err(LoadError::Malformed { value, .. }) if value == entry));
        }
    }

    #[test]
    fn a_segment_may_end_where_addresses_do() {
        for field in [16, 24] {
            let mut file = sample();
            file[24..32].copy_from_slice(&(if field == 16 { u64::MAX } else { ENTRY }).to_le_bytes());
            // 16 bytes are the last of all addresses, or reach round to the first.
            for (start, fits) in [(u64::MAX - 15, true), (u64::MAX - 14, false), (u64::MAX, false)] {
                file[64 + field..72 + field].copy_from_slice(&start.to_le_bytes());
                let refused =
                    matches!(parse(&file), Err(LoadError::Malformed { value, .. }) if value == start);
                assert_eq!(refused, !fits, "{start:#x} in field {field}");
            }
        }
    }

    #[test]
    fn only_the_first_symbol_table_counts() {
        let mut file = sample();
        // The strings at 264 become a second table, with the same names, that gives `tohost` another address.
        file[60] = 3;
        let second = file[200..264].to_vec();
        file.extend(second);
        let moved = u64::try_from(file.len()).unwrap();
        let mut symbol = file[130..154].to_vec();
        symbol[8..16].copy_from_slice(&(ENTRY + 1).to_le_bytes());
        file[328 + 24..328 + 32].copy_from_slice(&moved.to_le_bytes());
        file.extend(symbol);
        assert_eq!(parse(&file).unwrap().symbols.tohost, Some(ENTRY + 8));
    }

    #[test]
    fn a_program_for_another_machine_is_refused() {
        let mut file = sample();
        file[18] = 62;
        assert!(matches!(parse(&file), Err(LoadError::Malformed { value: 62, .. })));
        let mut file = sample();
        file[4] = 1;
        assert!(matches!(parse(&file), Err(LoadError::NotThis { .. })));
    }
}
