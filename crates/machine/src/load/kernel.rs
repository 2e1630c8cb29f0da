//! What `--kernel` takes: a Linux `Image`, an ELF, or a bare binary that is plainly code (U-Boot's).
//!
//! Source: Linux, "Boot image header in RISC-V Linux"; Microsoft, "PE Format", for the sections of an EFI stub.

use super::bytes::Bytes;
use super::elf::{self, Symbols};
use super::{LoadError, Part};
use crate::ram::RAM_BASE;

/// Where a supervisor's binary stands when it does not say: 2 MiB into memory, above the firmware.
pub const SUPERVISOR_BASE: u64 = RAM_BASE + 0x20_0000;

const IMAGE: &str = "Linux Image";
const IMAGE_HEADER_BYTES: u64 = 64;
const MAGIC: u64 = u64::from_le_bytes(*b"RISCV\0\0\0");
const MAGIC_2: u32 = u32::from_le_bytes(*b"RSC\x05");
const BIG_ENDIAN: u64 = 1;
/// How many instructions at the start of a bare binary must be ones that the machine knows.
const PLAUSIBLE_INSTRUCTIONS: usize = 24;

/// A kernel, ready to be placed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kernel<'a> {
    /// What kind of file it was.
    pub kind: &'static str,
    /// The physical address of its first instruction.
    pub entry: u64,
    /// What goes into memory.
    pub parts: Vec<Part<'a>>,
    /// Symbols, where the file has some.
    pub symbols: Symbols,
}

/// Reads a kernel of any kind.
///
/// Errors: [`LoadError`], also for a compressed kernel and for a file that no machine could run.
pub fn parse(file: &[u8]) -> Result<Kernel<'_>, LoadError> {
    if elf::is_elf(file) {
        let program = elf::parse(file)?;
        let (entry, parts, symbols) = (program.entry, program.parts, program.symbols);
        return Ok(Kernel { kind: "ELF", entry, parts, symbols });
    }
    if let Some(found) = compressed(file) {
        return Err(LoadError::NotThis { expected: "an unpacked kernel", found });
    }
    let bytes = Bytes(file);
    let has_magic =
        bytes.u64(IMAGE, 48).is_ok_and(|found| found == MAGIC) || bytes.u32(IMAGE, 56) == Ok(MAGIC_2);
    if has_magic {
        return image(bytes);
    }
    if file.starts_with(b"MZ") {
        bytes.slice("header of the Linux Image", 0, IMAGE_HEADER_BYTES)?;
        return Err(LoadError::NotThis {
            expected: "a kernel for RISC-V",
            found: "an EFI program without the header of a RISC-V Linux Image",
        });
    }
    raw(file, SUPERVISOR_BASE)
}

/// Takes a file as code that runs where it is put, as firmware and boot loaders are.
///
/// Errors: when it does not begin like code.
pub fn raw(file: &[u8], start: u64) -> Result<Kernel<'_>, LoadError> {
    if !begins_like_code(file) {
        return Err(LoadError::NotThis {
            expected: "a program",
            found: "neither an ELF, nor a Linux Image, nor code of RISC-V",
        });
    }
    let parts = vec![Part { what: "program", start, data: file, bytes: file.len() as u64 }];
    Ok(Kernel { kind: "binary", entry: start, parts, symbols: Symbols::default() })
}

fn image(bytes: Bytes<'_>) -> Result<Kernel<'_>, LoadError> {
    let what = "header of the Linux Image";
    bytes.slice(what, 0, IMAGE_HEADER_BYTES)?;
    let (text_offset, image_bytes, flags) = (bytes.u64(what, 8)?, bytes.u64(what, 16)?, bytes.u64(what, 24)?);
    if flags & BIG_ENDIAN != 0 {
        return Err(LoadError::Malformed { what: "the flags of a big-endian kernel", value: flags });
    }
    if bytes.u64(what, 48)? != MAGIC && bytes.u32(what, 56)? != MAGIC_2 {
        return Err(LoadError::Malformed { what: "the magic number", value: bytes.u64(what, 48)? });
    }
    sections(bytes)?;
    let length = bytes.0.len() as u64;
    // Kernels before the field was defined left it zero.
    let image_bytes = if image_bytes == 0 { length } else { image_bytes };
    let start = RAM_BASE
        .checked_add(text_offset)
        .ok_or(LoadError::Malformed { what: "where the Linux Image wants to stand", value: text_offset })?;
    let part = Part { what: "kernel", start, data: bytes.0, bytes: image_bytes.max(length) };
    Ok(Kernel { kind: IMAGE, entry: start, parts: vec![part], symbols: Symbols::default() })
}

/// An EFI stub lists its sections: a file that ends inside one was cut off.
fn sections(bytes: Bytes<'_>) -> Result<(), LoadError> {
    if !bytes.0.starts_with(b"MZ") {
        return Ok(());
    }
    let what = "PE header";
    let header = u64::from(bytes.u32(what, 60)?);
    if bytes.slice(what, header, 4)? != b"PE\0\0" {
        return Err(LoadError::Malformed { what: "the place of the PE header", value: header });
    }
    let count = u64::from(bytes.u16(what, header + 6)?);
    let first = header + 24 + u64::from(bytes.u16(what, header + 20)?);
    let table = Bytes(bytes.slice("section table of the PE header", first, count * 40)?);
    for at in (0..count).map(|index| index * 40) {
        let (length, offset) = (table.u32(what, at + 16)?, table.u32(what, at + 20)?);
        bytes.slice("section of the Linux Image", offset.into(), length.into())?;
    }
    Ok(())
}

/// Names a compression by the first bytes.
fn compressed(file: &[u8]) -> Option<&'static str> {
    let known: [(&[u8], &str); 6] = [
        (b"\x1f\x8b", "it is compressed with gzip; unpack it first (gunzip)"),
        (b"\x28\xb5\x2f\xfd", "it is compressed with zstd; unpack it first (unzstd)"),
        (b"\xfd7zXZ", "it is compressed with xz; unpack it first (unxz)"),
        (b"BZh", "it is compressed with bzip2; unpack it first (bunzip2)"),
        (b"\x02\x21\x4c\x18", "it is compressed with lz4; unpack it first (unlz4)"),
        (b"\x89LZO", "it is compressed with lzop; unpack it first"),
    ];
    let by_first = known.iter().find(|(magic, _)| file.starts_with(magic)).map(|(_, found)| *found);
    let zboot = file.starts_with(b"MZ") && file.get(4..8) == Some(b"zimg");
    by_first.or(zboot.then_some("it is a compressed EFI kernel (vmlinuz.efi); give the Image inside"))
}

/// Whether the first instructions are all ones that the machine knows, and not letters: text is full of what
/// could be compressed instructions.
fn begins_like_code(file: &[u8]) -> bool {
    if file
        .iter()
        .take(PLAUSIBLE_INSTRUCTIONS)
        .all(|byte| byte.is_ascii_graphic() || byte.is_ascii_whitespace())
    {
        return false;
    }
    let mut rest = file;
    for _ in 0..PLAUSIBLE_INSTRUCTIONS {
        let mut word = [0; 4];
        let length = rest.len().min(4);
        if length < 2 {
            return false;
        }
        word[..length].copy_from_slice(&rest[..length]);
        let Some(found) = isa::decode(u32::from_le_bytes(word)) else { return false };
        let Some(next) = rest.get(usize::from(found.len)..) else { return false };
        rest = next;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A Linux Image of 4096 bytes with an EFI stub's one section over all but its first 512.
    fn sample() -> Vec<u8> {
        let mut file = vec![0; 4096];
        file[..2].copy_from_slice(b"MZ");
        file[8..16].copy_from_slice(&0x20_0000u64.to_le_bytes());
        file[16..24].copy_from_slice(&8192u64.to_le_bytes());
        file[48..56].copy_from_slice(&MAGIC.to_le_bytes());
        file[56..60].copy_from_slice(&MAGIC_2.to_le_bytes());
        file[60..64].copy_from_slice(&64u32.to_le_bytes());
        file[64..68].copy_from_slice(b"PE\0\0");
        file[70..72].copy_from_slice(&1u16.to_le_bytes());
        file[64 + 24 + 16..64 + 24 + 20].copy_from_slice(&3584u32.to_le_bytes());
        file[64 + 24 + 20..64 + 24 + 24].copy_from_slice(&512u32.to_le_bytes());
        file
    }

    #[test]
    fn an_image_says_where_it_stands_and_how_much_it_takes() {
        let file = sample();
        let kernel = parse(&file).unwrap();
        assert_eq!((kernel.kind, kernel.entry), (IMAGE, RAM_BASE + 0x20_0000));
        assert_eq!(kernel.parts[0].bytes, 8192);
    }

    #[test]
    fn every_shorter_image_is_refused() {
        let file = sample();
        for length in 0..file.len() {
            assert!(parse(&file[..length]).is_err(), "{length} bytes were taken for a kernel");
        }
    }

    #[test]
    fn any_byte_of_the_headers_may_be_anything() {
        let file = sample();
        for at in 0..160 {
            for value in [0, 1, 0x7f, 0x80, 0xff] {
                let mut hostile = file.clone();
                hostile[at] = value;
                if let Ok(kernel) = parse(&hostile) {
                    let _ = super::super::check(&kernel.parts, 0x9000_0000);
                }
            }
        }
    }

    #[test]
    fn what_is_no_kernel_is_named() {
        let found = |file: &[u8]| parse(file).unwrap_err().to_string();
        assert!(found(b"\x1f\x8bxxxxxxxxxxxxxxxxxx").contains("gzip"));
        assert!(found(b"This is some text, long enough to be taken for something else.").contains("neither"));
        assert!(found(&[0; 4096]).contains("neither"));
        assert!(found(b"").contains("neither"));
    }

    #[test]
    fn a_bare_binary_stands_above_the_firmware() {
        let nops = 0x13u32.to_le_bytes().repeat(PLAUSIBLE_INSTRUCTIONS);
        let kernel = parse(&nops).unwrap();
        assert_eq!((kernel.kind, kernel.entry), ("binary", SUPERVISOR_BASE));
    }
}
