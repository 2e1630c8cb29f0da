//! The symbol table of an ELF.

use super::{SYMBOLS_MAX, Symbol, SymbolError};
use machine::load::bytes::Bytes;

const SECTION_BYTES: u64 = 64;
const SYMBOL_BYTES: usize = 24;
const SYMTAB: u32 = 2;
const FUNCTION: u8 = 2;
const OBJECT: u8 = 1;
const NO_TYPE: u8 = 0;
const UNDEFINED: u16 = 0;
/// Bytes of the longest name that is kept whole.
const NAME_BYTES_MAX: usize = 512;

/// The symbols of the file's symbol table, of which it has one.
///
/// Errors: [`SymbolError`].
pub(super) fn parse(file: &[u8]) -> Result<Vec<Symbol>, SymbolError> {
    let bytes = Bytes(file);
    let damaged = |what| move |_| SymbolError::Malformed { what };
    let field = |at| bytes.u64("", at).map_err(damaged("the ELF header"));
    let sections = field(40)?;
    let count = u64::from(bytes.u16("", 60).map_err(damaged("the ELF header"))?);
    if sections == 0 || count == 0 {
        return Err(SymbolError::Stripped);
    }
    let table = bytes.slice("", sections, count * SECTION_BYTES).map_err(damaged("the section headers"))?;
    let table = Bytes(table);
    let contents = |index: u64| {
        let at = index * SECTION_BYTES;
        let start = table.u64("", at + 24).map_err(damaged("a section header"))?;
        let length = table.u64("", at + 32).map_err(damaged("a section header"))?;
        bytes.slice("", start, length).map_err(damaged("a section"))
    };
    for index in 0..count {
        let kind = table.u32("", index * SECTION_BYTES + 4).map_err(damaged("a section header"))?;
        if kind != SYMTAB {
            continue;
        }
        let strings = table.u32("", index * SECTION_BYTES + 40).map_err(damaged("a section header"))?;
        if u64::from(strings) >= count {
            return Err(SymbolError::Malformed { what: "a symbol table without its names" });
        }
        let (entries, strings) = (contents(index)?, contents(strings.into())?);
        let entries = entries.chunks_exact(SYMBOL_BYTES).take(SYMBOLS_MAX);
        return Ok(entries.filter_map(|entry| symbol(entry, strings)).collect());
    }
    Err(SymbolError::Stripped)
}

fn symbol(entry: &[u8], strings: &[u8]) -> Option<Symbol> {
    let fields = Bytes(entry);
    let start = usize::try_from(fields.u32("", 0).ok()?).ok()?;
    let kind = entry[4] & 0xf;
    let section = fields.u16("", 6).ok()?;
    if section == UNDEFINED || !matches!(kind, FUNCTION | OBJECT | NO_TYPE) {
        return None;
    }
    let rest = strings.get(start..)?;
    let name = rest[..rest.len().min(NAME_BYTES_MAX)].split(|byte| *byte == 0).next()?;
    let name = String::from_utf8_lossy(name).into();
    Some(Symbol { address: fields.u64("", 8).ok()?, name, code: kind == FUNCTION })
}
