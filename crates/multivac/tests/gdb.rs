//! Debian's `gdb-multiarch` on a program with symbols; passed over where it is not installed.

mod common;

use common::{BASE, Outcome, TOHOST, elf, file, multivac, word};
use isa::asm::Asm;
use isa::reg::Reg;
use std::path::Path;
use std::process::{Command, Stdio};

/// Where the program counts.
const COUNTER: u64 = BASE + 0x2000;

/// Counts to ten in a function of its own: the program's file, and where the function is.
fn program() -> (Vec<u8>, u64) {
    let mut count = 0;
    let file = elf(&[("tohost", TOHOST)], |asm| count = write(asm));
    (file, count)
}

fn write(asm: &mut Asm) -> u64 {
    let (s0, s1, t0, t1) = (Reg::S0, Reg::S1, Reg::T0, Reg::T1);
    let count = asm.label();
    asm.li(s1, COUNTER).li(s0, 10);
    let again = asm.here();
    asm.call(count).addi(s0, s0, -1).bnez(s0, again);
    asm.li(t0, TOHOST).li(t1, 1).sd(t1, t0, 0);
    let here = asm.here();
    asm.j(here);
    asm.place(count);
    let address = asm.address(count);
    asm.ld(t0, s1, 0).addi(t0, t0, 1).sd(t0, s1, 0).ret();
    address
}

const SCRIPT: &str = "\
info threads
break *&count
continue
backtrace
printf \"mhartid %d mtvec %#lx\\n\", $mhartid, $mtvec
info symbol $pc
delete
watch *(long *)&counter
continue
continue
delete
stepi
x/i $pc
monitor harts
monitor translate 0x80000000
print $priv
continue
";

/// Runs the binary with a port for gdb at `socket`, and gdb with what it is to do; what gdb said, and how the run ended.
fn under_gdb(run: &[&str], socket: &Path, port: &str, gdb: &[&str]) -> (String, Outcome) {
    let child = Command::new(env!("CARGO_BIN_EXE_multivac"))
        .args(run)
        .args(["--gdb", port])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    for _ in 0..200 {
        if socket.exists() {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    let target = format!("target remote {}", socket.display());
    let gdb = Command::new("gdb-multiarch")
        .args(["-nx", "-batch", "-ex", "set pagination off", "-ex", "set remotetimeout 30"])
        .args(["-ex", "set architecture riscv:rv64", "-ex", &target])
        .args(gdb)
        .stdin(Stdio::null())
        .output()
        .expect("gdb runs");
    let said = String::from_utf8_lossy(&gdb.stdout) + String::from_utf8_lossy(&gdb.stderr);
    let output = child.wait_with_output().expect("the run ends");
    let outcome = Outcome {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    };
    (said.into_owned(), outcome)
}

#[test]
fn gdb_debugs_a_program_without_changing_the_run() {
    if Command::new("gdb-multiarch").arg("--version").output().is_err() {
        eprintln!("gdb-multiarch is not installed: passed over");
        return;
    }
    let (bytes, count) = program();
    let elf = file("count.elf", bytes);
    let map = format!("{BASE:016x} T start\n{count:016x} T count\n{COUNTER:016x} D counter\n");
    let map = file("count.map", map);
    let names = std::env::temp_dir().join(format!("multivac-gdb-{}.elf", std::process::id()));
    let exported = multivac(&["symbols", word(&map), "--output", word(&names)]);
    assert_eq!(exported.code, 0, "{exported:?}");
    let socket = std::env::temp_dir().join(format!("multivac-gdb-{}", std::process::id()));
    let script = file("script.gdb", SCRIPT);
    let alone = multivac(&["run", "--elf", word(&elf), "--json"]);
    assert_eq!(alone.code, 0, "{alone:?}");
    let run = ["run", "--elf", word(&elf), "--json"];
    let (said, debugged) = under_gdb(&run, &socket, word(&socket), &["-x", word(&script), word(&names)]);
    for part in [
        "hart 0: M-mode, running",
        "Breakpoint 1, ",
        "#0  ",
        "mhartid 0 mtvec 0",
        "count in section",
        "count ()",
        "Hardware watchpoint 2",
        "Old value = 0\nNew value = 1",
        "Old value = 1\nNew value = 2",
        "hart 0: M-mode, running, in its turn, pc",
        "untranslated, rwx",
        "= 3",
        "exited normally",
    ] {
        assert!(said.contains(part), "`{part}` is not in what gdb said:\n{said}\n{debugged:?}");
    }
    assert_eq!(debugged.code, 0, "{debugged:?}");
    assert_eq!(debugged.digest(), alone.digest(), "the debugger changed the run");
}

/// A cluster of which two nodes are looked at.
const CLUSTER: [&str; 5] = ["run", "heat", "--nodes=4", "--append=grid=24 tolerance=200000", "--json"];

#[test]
fn gdb_looks_at_a_node_of_a_cluster() {
    if Command::new("gdb-multiarch").arg("--version").output().is_err() {
        eprintln!("gdb-multiarch is not installed: passed over");
        return;
    }
    let alone = multivac(&CLUSTER);
    let socket = std::env::temp_dir().join(format!("multivac-gdb-n2-{}", std::process::id()));
    let trace = file("n1.trace", "");
    let script = "stepi\nstepi\nx/i $pc\nmonitor time\ninfo threads\nhbreak *($pc + 4)\ncontinue\ncontinue\n";
    let script = file("cluster.gdb", script);
    let traced = format!("n1={},count=50", word(&trace));
    let run = [&CLUSTER[..], &["--threads=3", "--trace-instructions", &traced]].concat();
    let (said, debugged) = under_gdb(&run, &socket, &format!("n2={}", word(&socket)), &["-x", word(&script)]);
    for part in ["=> 0x", "hart 0: S-mode", "Breakpoint 1, "] {
        assert!(said.contains(part), "`{part}` is not in what gdb said:\n{said}");
    }
    assert_eq!(debugged.digest(), alone.digest(), "the debugger changed the run: {said}");
    assert_eq!(std::fs::read_to_string(&trace).expect("a trace").lines().count(), 50);
}

#[test]
fn a_node_to_look_at_is_named() {
    for flags in [["--gdb", ":1234"], ["--gdb", "n9=:1234"], ["--trace-instructions", "t"]] {
        let run = multivac(&[&CLUSTER[..], &flags].concat());
        assert_eq!(run.code, 2, "{run:?}");
        assert!(run.stderr.contains("n0="), "{run:?}");
    }
}

#[test]
fn a_port_of_the_host_s_choice_is_named() {
    let outcome = multivac(&["run", "demo", "--gdb", "127.0.0.1:0,nowait"]);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    let port = outcome.stderr.split("127.0.0.1:").nth(1).map(|rest| rest.trim_end_matches(['\'', '\n']));
    assert!(port.and_then(|port| port.parse().ok()).is_some_and(|port: u16| port > 0), "{outcome:?}");
}

#[test]
fn a_port_that_cannot_be_had_is_refused() {
    let outcome = multivac(&["run", "demo", "--gdb", "/no/such/folder/socket"]);
    assert_eq!(outcome.code, 5, "{outcome:?}");
    assert!(outcome.stderr.contains("cannot listen for gdb"), "{outcome:?}");
    assert_eq!(multivac(&["run", "--gdb", "nowhere"]).code, 2);
}
