//! Programs that the tests and the comparisons use where they are there.

use super::Finding;
use std::process::{Command, Stdio};

/// Name, program, what it is for, and how to get it.
const TOOLS: &[(&str, &str, &str, &str)] = &[
    (
        "QEMU",
        "qemu-system-riscv64",
        "the differential tests compare with it",
        "apt-get install qemu-system-misc",
    ),
    ("gdb", "gdb-multiarch", "it debugs guests", "apt-get install gdb-multiarch"),
    ("tshark", "tshark", "the tests read captured packets with it", "apt-get install tshark"),
    (
        "cross compiler",
        "riscv64-linux-gnu-gcc",
        "the benches compile guest programs with it",
        "apt-get install gcc-riscv64-linux-gnu",
    ),
    ("mke2fs", "mke2fs", "it makes disks out of folders", "apt-get install e2fsprogs"),
];

/// Looks for the programs.
pub(super) fn look() -> Vec<Finding> {
    TOOLS.iter().map(|(name, program, purpose, help)| tool(name, program, purpose, help)).collect()
}

fn tool(name: &'static str, program: &str, purpose: &str, help: &str) -> Finding {
    let flag = if program == "mke2fs" { "-V" } else { "--version" };
    let asked = Command::new(program).arg(flag).stdin(Stdio::null()).output();
    match asked {
        Ok(output) => {
            let said = [output.stdout, output.stderr].concat();
            let said = String::from_utf8_lossy(&said);
            Finding::fine(name, said.lines().next().unwrap_or(program).trim().to_owned())
        }
        Err(_) => Finding::missing(name, format!("no {program}: {purpose}"), help),
    }
}
