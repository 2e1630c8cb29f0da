//! ELF files: programs, kernel modules, symbols.
#![no_main]

use libfuzzer_sys::fuzz_target;
use machine::load::{self, elf};
use machine::ram::Ram;

const PROGRAMS: [&[u8]; 3] = [
    include_bytes!("../../guest/prebuilt/token.elf"),
    include_bytes!("../../guest/prebuilt/demo.elf"),
    include_bytes!("../../guest/prebuilt/traploop.elf"),
];

fuzz_target!(init: fuzz::seed(PROGRAMS.map(<[u8]>::to_vec)), |data: &[u8]| {
    if let Ok(program) = elf::parse(data) {
        let mut ram = Ram::new(1 << 20).unwrap();
        let _ = load::place(&program.parts, &mut ram);
    }
    if let Ok(symbols) = debug::symbols::Symbols::parse(data) {
        let _ = (symbols.describe(0x8000_0000), symbols.find("main"));
        assert!(symbols.is_empty() || debug::symbols::Symbols::parse(&symbols.to_elf()).is_ok());
    }
    let _ = image::kernel::needs(data);
});
