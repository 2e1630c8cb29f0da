//! The registers of a hart as gdb numbers and names them.
//!
//! Source: gdb's manual, "Standard Target Features: RISC-V Features".

use gdbstub::arch::{Arch, RegId, Registers};
use machine::hart::{F_NAMES, X_NAMES};
use std::fmt::Write;
use std::num::NonZeroUsize;

const PC: usize = 32;
const FLOATS: usize = 33;
const CSRS: usize = 65;
const PRIVILEGE: usize = CSRS + 4096;

/// RV64 as gdb is told of it.
pub(super) enum Riscv {}

impl Arch for Riscv {
    type Usize = u64;
    type Registers = General;
    type BreakpointKind = usize;
    type RegId = Register;
}

/// The integer registers and `pc`, which gdb asks for all at once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct General {
    pub(super) x: [u64; 32],
    pub(super) pc: u64,
}

impl Registers for General {
    type ProgramCounter = u64;

    fn pc(&self) -> u64 {
        self.pc
    }

    fn gdb_serialize(&self, mut write_byte: impl FnMut(Option<u8>)) {
        let words = self.x.iter().chain([&self.pc]);
        words.flat_map(|word| word.to_le_bytes()).for_each(|byte| write_byte(Some(byte)));
    }

    fn gdb_deserialize(&mut self, bytes: &[u8]) -> Result<(), ()> {
        let (words, rest) = bytes.as_chunks::<8>();
        if words.len() < 33 || !rest.is_empty() {
            return Err(());
        }
        for (place, word) in self.x.iter_mut().chain([&mut self.pc]).zip(words) {
            *place = u64::from_le_bytes(*word);
        }
        Ok(())
    }
}

/// A register by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Register {
    X(usize),
    Pc,
    F(usize),
    Csr(u16),
    Privilege,
}

impl RegId for Register {
    fn from_raw_id(id: usize) -> Option<(Register, Option<NonZeroUsize>)> {
        let register = match id {
            0..PC => Register::X(id),
            PC => Register::Pc,
            FLOATS..CSRS => Register::F(id - FLOATS),
            CSRS..PRIVILEGE => Register::Csr(u16::try_from(id - CSRS).ok()?),
            PRIVILEGE => Register::Privilege,
            _ => return None,
        };
        Some((register, NonZeroUsize::new(8)))
    }
}

/// Registers that read as 0 on every machine of ours and would only fill the screen.
fn is_dull(number: u16) -> bool {
    use isa::csr as n;
    let series = [n::HPMCOUNTER3, n::MHPMCOUNTER3, n::MHPMEVENT3];
    series.iter().any(|first| (*first..*first + 29).contains(&number))
}

/// The description of a hart with the control and status registers for which `has` is true.
pub(super) fn description(has: impl Fn(u16) -> bool) -> String {
    let mut xml = String::from(
        "<?xml version=\"1.0\"?>\n<!DOCTYPE target SYSTEM \"gdb-target.dtd\">\n<target version=\"1.0\">\n\
         <architecture>riscv:rv64</architecture>\n<feature name=\"org.gnu.gdb.riscv.cpu\">\n",
    );
    let register = |xml: &mut String, name: &str, number: usize, rest: &str| {
        let _ = writeln!(xml, "<reg name=\"{name}\" bitsize=\"64\" regnum=\"{number}\" {rest}/>");
    };
    for (number, name) in X_NAMES.iter().enumerate() {
        let kind = match *name {
            "ra" => "type=\"code_ptr\"",
            "sp" | "gp" | "tp" => "type=\"data_ptr\"",
            _ => "type=\"int\"",
        };
        // gdb's own name of register 8.
        let name = if number == 8 { "fp" } else { name };
        register(&mut xml, name, number, kind);
    }
    register(&mut xml, "pc", PC, "type=\"code_ptr\"");
    xml.push_str("</feature>\n<feature name=\"org.gnu.gdb.riscv.fpu\">\n");
    xml.push_str(
        "<union id=\"riscv_double\"><field name=\"float\" type=\"ieee_single\"/>\
         <field name=\"double\" type=\"ieee_double\"/></union>\n",
    );
    for (number, name) in F_NAMES.iter().enumerate() {
        register(&mut xml, name, FLOATS + number, "type=\"riscv_double\"");
    }
    xml.push_str("</feature>\n<feature name=\"org.gnu.gdb.riscv.csr\">\n");
    let mut numbers: Vec<u16> =
        isa::csr::numbers().filter(|number| has(*number) && !is_dull(*number)).collect();
    numbers.sort_unstable();
    numbers.dedup();
    for number in numbers {
        let name = isa::csr::name(number).to_string();
        register(
            &mut xml,
            &name,
            CSRS + usize::from(number),
            "type=\"int\" group=\"csr\" save-restore=\"no\"",
        );
    }
    xml.push_str("</feature>\n<feature name=\"org.gnu.gdb.riscv.virtual\">\n");
    register(&mut xml, "priv", PRIVILEGE, "type=\"int\" save-restore=\"no\"");
    xml.push_str("</feature>\n</target>\n");
    xml
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_go_round() {
        let of = |id| Register::from_raw_id(id).map(|(register, _)| register);
        assert_eq!(of(31), Some(Register::X(31)));
        assert_eq!(of(32), Some(Register::Pc));
        assert_eq!(of(64), Some(Register::F(31)));
        assert_eq!(of(CSRS + 0x180), Some(Register::Csr(0x180)));
        assert_eq!(of(PRIVILEGE), Some(Register::Privilege));
        assert_eq!(of(PRIVILEGE + 1), None);
    }

    #[test]
    fn the_description_names_each_register_once() {
        let xml = description(|number| number != isa::csr::SATP);
        assert!(xml.contains("name=\"sepc\""), "{xml}");
        assert!(!xml.contains("name=\"satp\""));
        let mut names: Vec<&str> = xml.split("<reg name=\"").skip(1).collect();
        let all = names.len();
        names.sort_unstable();
        names.dedup_by_key(|rest| rest.split('"').next());
        assert_eq!(names.len(), all);
    }

    #[test]
    fn short_register_files_are_refused() {
        let mut file = General::default();
        assert!(file.gdb_deserialize(&[0; 33 * 8 - 1]).is_err());
        assert!(file.gdb_deserialize(&[1; 33 * 8]).is_ok());
        assert_eq!(file.pc, 0x0101_0101_0101_0101);
    }
}
