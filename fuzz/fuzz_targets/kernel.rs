//! Kernels: Linux images, bare binaries, the symbol tables that a kernel carries, and where things go beside one.
#![no_main]

use fuzz::Input;
use libfuzzer_sys::fuzz_target;
use machine::load::{self, kernel, layout};
use machine::ram::{RAM_BASE, Ram};

/// A Linux image that is all header: magic, version and sizes as the boot protocol has them.
fn image() -> Vec<u8> {
    let mut bytes = vec![0; 256];
    bytes[8..16].copy_from_slice(&0x20_0000u64.to_le_bytes());
    bytes[16..24].copy_from_slice(&0x1000u64.to_le_bytes());
    bytes[32..36].copy_from_slice(&2u32.to_le_bytes());
    bytes[48..56].copy_from_slice(b"RISCV\0\0\0");
    bytes[56..60].copy_from_slice(b"RSC\x05");
    [vec![1, 0], vec![0; 8], bytes].concat()
}

/// The smallest tables of symbols that are found: tokens, their index, markers.
fn tables() -> Vec<u8> {
    let mut bytes = vec![0; 10];
    let mut index = Vec::new();
    let mut tokens = Vec::new();
    for token in 0..=255u8 {
        index.extend(u16::try_from(tokens.len()).unwrap_or(0).to_le_bytes());
        tokens.extend([if token.is_ascii_graphic() { token } else { b'?' }, 0]);
    }
    for part in [&4u32.to_le_bytes()[..], &[2, b'T', b'a'], &[0; 13], &[0; 8], &tokens, &index, &[0; 64]] {
        bytes.extend(part);
    }
    bytes
}

fuzz_target!(init: fuzz::seed([image(), tables()]), |data: &[u8]| {
    let mut input = Input(data);
    let (memory, initrd) = (u64::from(input.byte()) << 16, input.byte());
    let initrd = (initrd > 0).then(|| input.long());
    let _ = image::kernel::check_image(input.0);
    for parsed in [kernel::parse(input.0), kernel::raw(input.0, RAM_BASE)].into_iter().flatten() {
        let end = RAM_BASE + memory.max(4096);
        if let Ok(places) = layout::find(&parsed.parts, initrd, end) {
            assert!(places.dtb < end);
        }
        let mut ram = Ram::new(memory.max(4096)).unwrap();
        let _ = load::place(&parsed.parts, &mut ram);
    }
    if let Some(tables) = debug::symbols::KernelTables::find(input.0) {
        let _ = tables.symbols(input.0);
    }
    let _ = debug::symbols::Symbols::parse(input.0);
});
