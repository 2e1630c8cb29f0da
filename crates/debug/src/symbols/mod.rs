//! Names of addresses: from an ELF, a `System.map`, or the tables that a Linux kernel carries for itself.

mod elf;
mod export;
mod kallsyms;
mod map;

pub use kallsyms::KernelTables;

use machine::ram::Ram;

/// Symbols read at most, from whatever file.
const SYMBOLS_MAX: usize = 4 << 20;
/// Nothing is said to be part of a symbol that lies further below.
const REACH_BYTES: u64 = 1 << 20;

/// Why a file gives no symbols.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SymbolError {
    /// It is neither an ELF, nor a `System.map`, nor a Linux kernel with its tables.
    Unknown,
    /// It is an ELF without symbols.
    Stripped,
    /// It contradicts itself.
    Malformed {
        /// Where.
        what: &'static str,
    },
}

impl std::fmt::Display for SymbolError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            SymbolError::Unknown => f.write_str(
                "neither an ELF, nor a System.map, nor an uncompressed Linux kernel with kallsyms",
            ),
            SymbolError::Stripped => f.write_str("an ELF without symbols"),
            SymbolError::Malformed { what } => write!(f, "the symbols are damaged: {what}"),
        }
    }
}

impl std::error::Error for SymbolError {}

/// A name and its address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Symbol {
    /// Where it is, as the program sees it.
    pub address: u64,
    /// What it is called.
    pub name: Box<str>,
    /// Whether it is code, as far as its source tells.
    pub code: bool,
}

/// The symbols of a program.
///
/// Invariant: sorted by address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Symbols {
    all: Vec<Symbol>,
}

impl Symbols {
    fn new(mut all: Vec<Symbol>) -> Symbols {
        all.retain(|symbol| is_telling(&symbol.name));
        all.sort_by(|a, b| (a.address, &a.name).cmp(&(b.address, &b.name)));
        Symbols { all }
    }

    /// Reads a file of any of the kinds.
    ///
    /// Errors: [`SymbolError`].
    pub fn parse(file: &[u8]) -> Result<Symbols, SymbolError> {
        let all = if file.starts_with(b"\x7fELF") {
            elf::parse(file)?
        } else if let Some(all) = map::parse(file) {
            all
        } else {
            KernelTables::find(file).ok_or(SymbolError::Unknown)?.symbols(file)?
        };
        let symbols = Symbols::new(all);
        if symbols.is_empty() { Err(SymbolError::Stripped) } else { Ok(symbols) }
    }

    /// The symbols of a Linux kernel that lies in memory.
    pub fn of_memory(ram: &Ram) -> Option<Symbols> {
        let tables = KernelTables::find(ram.bytes())?;
        tables.symbols(ram.bytes()).ok().map(Symbols::new)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// All of them, lowest address first.
    pub fn iter(&self) -> impl Iterator<Item = &Symbol> {
        self.all.iter()
    }

    /// The symbol that `address` is in, and how far.
    pub fn at(&self, address: u64) -> Option<(&Symbol, u64)> {
        let past = self.all.partition_point(|symbol| symbol.address <= address);
        let below = self.all[..past].last()?.address;
        let same = self.all[..past].iter().rev().take_while(|symbol| symbol.address == below);
        let symbol = same.max_by_key(|symbol| (symbol.code, std::cmp::Reverse(symbol.name.len())))?;
        (address - below < REACH_BYTES).then_some((symbol, address - below))
    }

    /// The address of the first symbol called `name`.
    pub fn find(&self, name: &str) -> Option<u64> {
        self.all.iter().find(|symbol| &*symbol.name == name).map(|symbol| symbol.address)
    }

    /// `name+0x12` for an address, or nothing.
    pub fn describe(&self, address: u64) -> String {
        match self.at(address) {
            Some((symbol, 0)) => symbol.name.to_string(),
            Some((symbol, past)) => format!("{}+{past:#x}", symbol.name),
            None => String::new(),
        }
    }

    /// An ELF with these symbols and nothing else, for debuggers.
    pub fn to_elf(&self) -> Vec<u8> {
        export::elf(&self.all)
    }
}

/// Whether a name tells a person something: mapping symbols (`$x`, `$d`), local labels and what cannot be printed do not.
fn is_telling(name: &str) -> bool {
    !name.is_empty() && !name.starts_with('$') && !name.starts_with(".L") && !name.contains(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_belongs_to_the_symbol_below_it() {
        let symbols =
            Symbols::parse(b"0000000000001000 T start\n0000000000001000 d .LC0\n0000000000001010 t next\n")
                .unwrap();
        assert_eq!(symbols.describe(0x1000), "start");
        assert_eq!(symbols.describe(0x100f), "start+0xf");
        assert_eq!(symbols.describe(0x1012), "next+0x2");
        assert_eq!(symbols.describe(0xfff), "");
        assert_eq!(symbols.describe(0x1010 + REACH_BYTES), "");
        assert_eq!(symbols.find("next"), Some(0x1010));
    }

    #[test]
    fn names_that_tell_nothing_are_left_out() {
        assert!(Symbols::parse(b"00000000336187\t&\t\0\0\0\t\n").is_err());
        assert!(Symbols::parse(b"0515253545 t $x\n").is_err());
    }

    #[test]
    fn an_exported_file_is_read_back() {
        let symbols = Symbols::parse(
            b"ffffffff80000000 T _start\nffffffff80001000 t idle\nffffffff80c00000 D jiffies\n",
        )
        .unwrap();
        let elf = symbols.to_elf();
        assert_eq!(Symbols::parse(&elf).unwrap(), symbols);
        for length in 0..elf.len() {
            let _ = Symbols::parse(&elf[..length]);
        }
    }

    #[test]
    fn other_files_are_refused() {
        assert_eq!(Symbols::parse(b""), Err(SymbolError::Unknown));
        assert_eq!(Symbols::parse(b"hello\n"), Err(SymbolError::Unknown));
        assert!(Symbols::parse(b"\x7fELF").is_err());
    }
}
