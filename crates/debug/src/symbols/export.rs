//! An ELF that has symbols and no contents, as `objcopy --only-keep-debug` leaves one.

use super::Symbol;

const HEADER_BYTES: u64 = 64;
const SECTION_BYTES: u16 = 64;
/// Section names: empty, `.text`, `.symtab`, `.strtab`, `.shstrtab`.
const NAMES: &[u8] = b"\0.text\0.symtab\0.strtab\0.shstrtab\0";
const NOBITS: u32 = 8;
const ALLOC_EXECUTE: u64 = 6;

/// The file.
pub(super) fn elf(symbols: &[Symbol]) -> Vec<u8> {
    let mut strings = vec![0];
    let mut entries = vec![0; 24];
    for symbol in symbols {
        let name = u32::try_from(strings.len()).unwrap_or(0);
        entries.extend(name.to_le_bytes());
        let kind = if symbol.code { 2 } else { 0 };
        entries.extend([0x10 | kind, 0]);
        entries.extend(1u16.to_le_bytes());
        entries.extend(symbol.address.to_le_bytes());
        entries.extend(0u64.to_le_bytes());
        strings.extend(symbol.name.bytes().chain([0]));
    }
    let low = symbols.first().map_or(0, |symbol| symbol.address);
    let high = symbols.last().map_or(0, |symbol| symbol.address);
    let (entries_bytes, strings_bytes) = (entries.len() as u64, strings.len() as u64);
    let strings_at = HEADER_BYTES + entries_bytes;
    let names_at = strings_at + strings_bytes;
    let sections_at = names_at + NAMES.len() as u64;

    let mut file = vec![0x7f, b'E', b'L', b'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    file.extend(2u16.to_le_bytes());
    file.extend(243u16.to_le_bytes());
    file.extend(1u32.to_le_bytes());
    [low, 0, sections_at].iter().for_each(|word| file.extend(word.to_le_bytes()));
    // The floating-point ABI and compressed instructions, which debuggers take their defaults from.
    file.extend(5u32.to_le_bytes());
    [64, 0, 0, SECTION_BYTES, 5, 4].iter().for_each(|half: &u16| file.extend(half.to_le_bytes()));
    file.extend(entries);
    file.extend(strings);
    file.extend(NAMES);
    let mut section = |name: u32, kind: u32, words: [u64; 4], link: u32, info: u32, entry: u64| {
        file.extend(name.to_le_bytes());
        file.extend(kind.to_le_bytes());
        words.iter().for_each(|word| file.extend(word.to_le_bytes()));
        file.extend(link.to_le_bytes());
        file.extend(info.to_le_bytes());
        file.extend(8u64.to_le_bytes());
        file.extend(entry.to_le_bytes());
    };
    section(0, 0, [0; 4], 0, 0, 0);
    section(1, NOBITS, [ALLOC_EXECUTE, low, HEADER_BYTES, (high - low).saturating_add(4096)], 0, 0, 0);
    section(7, 2, [0, 0, HEADER_BYTES, entries_bytes], 3, 1, 24);
    section(15, 3, [0, 0, strings_at, strings_bytes], 0, 0, 0);
    section(23, 3, [0, 0, names_at, NAMES.len() as u64], 0, 0, 0);
    file
}
