//! The vector table, filled at boot.

use super::stage::{DATA, KERNEL, Stage, cause_name};
use crate::exit::Failure;
use crate::tour::{Entry, Shown};
use isa::asm::{Asm, Label};
use isa::csr;
use isa::reg::Reg;
use machine::csr::{mip, status};

/// The table that links causes to handlers.
pub(super) const TABLE: Entry = Entry {
    name: "vector-table",
    title: ("Vector table filled at boot", "Tabella dei vettori (IDT) riempita all'avvio"),
    means: "The kernel fills the table before anything can trap; a trap's code then chooses its handler.",
    file: "crates/machine/src/delivery.rs",
    next: "multivac tour interrupt",
    run: table,
};

/// Exceptions in the table; the interrupts follow.
const EXCEPTIONS: u64 = 16;
const ENTRIES: u64 = 32;
/// Where each handler counts, one word a code.
const COUNTS: u64 = DATA + 0x1000;
const TIMER: u64 = EXCEPTIONS + 5;
const SOFTWARE: u64 = EXCEPTIONS + 1;

fn table() -> Result<Shown, Failure> {
    let mut stage = Stage::new(KERNEL, program)?;
    stage.run_to("start")?;
    let filled = stage.cycles();
    let empty = (0..ENTRIES).all(|code| stage.word(DATA + 8 * code) == stage.address("unexpected"));
    stage.run_to("end")?;
    let mut picture = format!(
        "stvec = {}; the table is at {DATA:#x}, one word a code\n\n",
        stage.place(stage.address("entry"))
    );
    picture.push_str(&format!("{:<44} {:<14} {}\n", "code", "handler", "traps taken"));
    let mut taken = 0;
    for code in 0..ENTRIES {
        let handler = stage.place(stage.word(DATA + 8 * code));
        if handler == "unexpected" {
            continue;
        }
        let cause = if code < EXCEPTIONS { code } else { 1 << 63 | (code - EXCEPTIONS) };
        let count = stage.word(COUNTS + 8 * code);
        taken += count;
        picture.push_str(&format!("{:<44} {handler:<14} {count}\n", cause_name(cause)));
    }
    picture.push_str(&format!("{:<44} {:<14} {}\n", "every other code", "unexpected", 0));
    let state = if empty { "empty" } else { "full" };
    let measured =
        format!("the table was {state} before `start`, {filled} cycles in; {taken} traps went through it");
    Ok(Shown { picture, measured })
}

/// `t0` is the kernel's within a trap; the program below uses other registers.
fn program(a: &mut Asm) -> Vec<(&'static str, Label)> {
    let (boot, entry, start, user, end) = (a.here(), a.label(), a.label(), a.label(), a.label());
    let handlers = ["illegal", "breakpoint", "system_call", "timer", "software", "unexpected"];
    let labels = handlers.map(|name| (name, a.label()));
    let [illegal, breakpoint, call, timer, software, unexpected] = labels.map(|(_, label)| label);
    // First every code to `unexpected`, then those that the kernel knows.
    a.la(Reg::T1, unexpected).li(Reg::T2, DATA).li(Reg::T3, ENTRIES);
    let again = a.here();
    a.sd(Reg::T1, Reg::T2, 0).addi(Reg::T2, Reg::T2, 8).addi(Reg::T3, Reg::T3, -1).bnez(Reg::T3, again);
    a.place(start).li(Reg::T2, DATA);
    let known = [(2, illegal), (3, breakpoint), (8, call), (TIMER, timer), (SOFTWARE, software)];
    for (code, handler) in known {
        let offset = i32::try_from(8 * code).unwrap_or(0);
        a.la(Reg::T1, handler).sd(Reg::T1, Reg::T2, offset);
    }
    a.la(Reg::T0, entry).csrw(csr::STVEC, Reg::T0);
    a.li(Reg::T0, mip::STIP | mip::SSIP).csrw(csr::SIE, Reg::T0);
    a.csrr(Reg::T0, csr::TIME).addi(Reg::T0, Reg::T0, 3).csrw(csr::STIMECMP, Reg::T0);
    a.la(Reg::T0, user).csrw(csr::SEPC, Reg::T0).li(Reg::T0, status::SPP).csrc(csr::SSTATUS, Reg::T0);
    a.li(Reg::T0, mip::SSIP).csrs(csr::SIP, Reg::T0).sret();

    a.place(user).ecall().ebreak().ecall().csrr(Reg::A0, csr::SSTATUS).word(0);
    a.li(Reg::A1, 500);
    let wait = a.here();
    a.addi(Reg::A1, Reg::A1, -1).bnez(Reg::A1, wait).ecall().place(end).nop();

    // The one entry: the table's index from the cause, a count, and the jump.
    a.align(4).place(entry).csrr(Reg::T0, csr::SCAUSE).slli(Reg::T1, Reg::T0, 3).andi(Reg::T1, Reg::T1, 0xff);
    let synchronous = a.label();
    a.bge(Reg::T0, Reg::ZERO, synchronous);
    a.addi(Reg::T1, Reg::T1, 8 * 16).place(synchronous);
    a.li(Reg::T2, COUNTS).add(Reg::T2, Reg::T2, Reg::T1).ld(Reg::T3, Reg::T2, 0);
    a.addi(Reg::T3, Reg::T3, 1).sd(Reg::T3, Reg::T2, 0);
    a.li(Reg::T2, DATA).add(Reg::T2, Reg::T2, Reg::T1).ld(Reg::T2, Reg::T2, 0).jr(Reg::T2);
    for label in [illegal, breakpoint, call] {
        a.place(label).csrr(Reg::T0, csr::SEPC).addi(Reg::T0, Reg::T0, 4).csrw(csr::SEPC, Reg::T0).sret();
    }
    a.place(timer).li(Reg::T0, u64::MAX).csrw(csr::STIMECMP, Reg::T0).sret();
    a.place(software).li(Reg::T0, mip::SSIP).csrc(csr::SIP, Reg::T0).sret();
    a.place(unexpected).j(unexpected);
    let mut names = vec![("boot", boot), ("entry", entry), ("start", start), ("user", user), ("end", end)];
    names.extend(labels);
    names
}
