//! The kernel's command line: words of the form `multivac.KEY=VALUE`.

use crate::files;
use crate::text::Text;

/// What the host asks of this boot. The keys and their meaning are documented where they are
/// written: `BootOptions` in `crates/image`.
pub struct Options {
    line: Text<4096>,
}

impl Options {
    /// Reads `/proc/cmdline`.
    pub fn read() -> Options {
        Options { line: files::read(c"/proc/cmdline").unwrap_or(Text::new()) }
    }

    /// The last value of `multivac.KEY`.
    pub fn get(&self, key: &[u8]) -> Option<&[u8]> {
        let words = self.line.trimmed().split(|byte| *byte == b' ');
        let value = |word: &'_ [u8]| -> Option<usize> {
            let rest = word.strip_prefix(b"multivac.")?.strip_prefix(key)?;
            rest.starts_with(b"=").then_some(word.len() - rest.len() + 1)
        };
        words.rev().find_map(|word| value(word).map(|start| &word[start..]))
    }
}

/// The number that `digits` spell in `radix` (at most 16).
pub fn number(digits: &[u8], radix: u32) -> Option<u32> {
    u32::from_str_radix(core::str::from_utf8(digits).ok()?, radix).ok()
}
