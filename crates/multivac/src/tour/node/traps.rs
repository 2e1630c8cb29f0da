//! Privilege levels, and the path of a trap: system call, interrupt, exception.

use super::stage::{KERNEL, Names, Stage, cause_name};
use crate::draw::fit;
use crate::draw::table::Table;
use crate::exit::Failure;
use crate::tour::{Entry, Shown};
use isa::asm::{Asm, Label};
use isa::csr;
use isa::reg::Reg;
use machine::core::Architecture;
use machine::csr::status;
use machine::privilege::Privilege;

/// Who may do what.
pub(super) const LEVELS: Entry = Entry {
    name: "privilege-levels",
    title: ("Privilege levels", "Livelli di privilegio (modo utente e modo sistema)"),
    means: "An instruction that touches the system traps in user mode, so only handlers reach system mode.",
    file: "crates/machine/src/csr/access.rs",
    next: "multivac tour system-call",
    run: levels,
};

/// The voluntary trap.
pub(super) const SYSTEM_CALL: Entry = Entry {
    name: "system-call",
    title: ("Trap: a system call, step by step", "Trap: una chiamata di sistema, passo per passo"),
    means: "`ecall` raises the level and jumps where the kernel said at boot; `sret` lowers it again and goes back.",
    file: "crates/machine/src/delivery.rs",
    next: "multivac tour exception",
    run: system_call,
};

/// The asynchronous trap.
pub(super) const INTERRUPT: Entry = Entry {
    name: "interrupt",
    title: ("Interrupt, step by step", "Interruzione, passo per passo"),
    means: "Nothing in the program asks for it: the timer is due, the instruction at hand ends, the handler runs.",
    file: "crates/machine/src/interrupt.rs",
    next: "multivac tour context-switch",
    run: interrupt,
};

/// The synchronous trap.
pub(super) const EXCEPTION: Entry = Entry {
    name: "exception",
    title: ("Exception, step by step", "Eccezione, passo per passo"),
    means: "The instruction itself is at fault, so it is served at once, and its address and its bits are known.",
    file: "crates/machine/src/delivery.rs",
    next: "multivac tour page-fault",
    run: exception,
};

/// An instruction to try.
type Attempt = (&'static str, fn(&mut Asm));

const ATTEMPTS: [Attempt; 8] = [
    ("add a0, a0, a0", |a| {
        a.add(Reg::A0, Reg::A0, Reg::A0);
    }),
    ("csrr a0, time", |a| {
        a.csrr(Reg::A0, csr::TIME);
    }),
    ("csrr a0, sstatus", |a| {
        a.csrr(Reg::A0, csr::SSTATUS);
    }),
    ("csrr a0, satp", |a| {
        a.csrr(Reg::A0, csr::SATP);
    }),
    ("sfence.vma", |a| {
        a.sfence_vma(Reg::ZERO, Reg::ZERO);
    }),
    ("csrr a0, mstatus", |a| {
        a.csrr(Reg::A0, csr::MSTATUS);
    }),
    ("csrr a0, mhartid", |a| {
        a.csrr(Reg::A0, csr::MHARTID);
    }),
    ("ecall", |a| {
        a.ecall();
    }),
];

fn levels() -> Result<Shown, Failure> {
    let modes = [Privilege::User, Privilege::Supervisor, Privilege::Machine];
    let mut rows = Vec::new();
    let mut trapped = [0; 3];
    for (name, write) in ATTEMPTS {
        let mut row = vec![(*name).to_owned()];
        for (mode, count) in modes.into_iter().zip(&mut trapped) {
            let outcome = attempt(mode, write)?;
            *count += u32::from(outcome.is_some());
            row.push(outcome.map_or_else(|| "runs".to_owned(), cause_name));
        }
        rows.push(row);
    }
    let header = ["instruction", "U (user)", "S (kernel)", "M (firmware)"];
    let picture = Table::new(&header, rows).with_left(4).within(1, fit::columns());
    let [user, kernel, firmware] = trapped;
    let all = ATTEMPTS.len();
    let measured = format!("of {all} instructions {user} trap in U, {kernel} in S, {firmware} in M");
    Ok(Shown { picture, measured })
}

/// What comes of an instruction in a mode: the cause of the trap, if any.
fn attempt(mode: Privilege, write: fn(&mut Asm)) -> Result<Option<u64>, Failure> {
    let architecture = Architecture { builtin_sbi: false, ..KERNEL };
    let mut stage = Stage::new(architecture, |a| {
        write(a);
        Names::new()
    })?;
    let hart = &mut stage.node.harts[0];
    hart.privilege = mode;
    // Machine mode takes every trap.
    hart.csr.medeleg = 0;
    Ok(stage.step().cause)
}

/// A kernel that starts the program at `user` in user mode with its handler installed.
fn boot(a: &mut Asm, handler: Label, user: Label) {
    a.la(Reg::T0, handler).csrw(csr::STVEC, Reg::T0);
    a.la(Reg::T0, user).csrw(csr::SEPC, Reg::T0);
    a.li(Reg::T0, status::SPP).csrc(csr::SSTATUS, Reg::T0).sret();
}

fn system_call() -> Result<Shown, Failure> {
    let mut stage = Stage::new(KERNEL, |a| {
        let (kernel, handler, user, after, end) = (a.here(), a.label(), a.label(), a.label(), a.label());
        boot(a, handler, user);
        a.place(user).li(Reg::A7, 1).li(Reg::A0, 21).ecall();
        a.place(after).mv(Reg::S0, Reg::A0).place(end).nop();
        a.align(4).place(handler).csrr(Reg::T0, csr::SCAUSE).csrr(Reg::T1, csr::SEPC);
        a.addi(Reg::T1, Reg::T1, 4).csrw(csr::SEPC, Reg::T1).add(Reg::A0, Reg::A0, Reg::A0).sret();
        vec![("kernel", kernel), ("handler", handler), ("user", user), ("after", after), ("end", end)]
    })?;
    let before = stage.run_to("user")?;
    let mut steps = before;
    let asked = stage.cycles() + 2;
    steps.extend(stage.run_to("after")?);
    let cycles = stage.cycles() - asked;
    steps.extend(stage.run_to("end")?);
    let mut picture = stage.journal(&steps, 20);
    let hart = &stage.node.harts[0];
    picture.push_str(&format!(
        "\nscause: {}; sepc: {}; stvec: {}; the service doubled 21: s0 = {}\n",
        cause_name(hart.csr.scause),
        stage.place(hart.csr.sepc),
        stage.place(hart.csr.stvec),
        hart.x[8]
    ));
    let measured =
        format!("{cycles} cycles from the ecall to the instruction after it, the trap itself 1 of them");
    Ok(Shown { picture, measured })
}

fn interrupt() -> Result<Shown, Failure> {
    let mut stage = Stage::new(KERNEL, |a| {
        let (kernel, handler, user, served) = (a.here(), a.label(), a.label(), a.label());
        // The timer of the supervisor, two ticks of 100 cycles from now.
        a.csrr(Reg::T0, csr::TIME).addi(Reg::T0, Reg::T0, 2).csrw(csr::STIMECMP, Reg::T0);
        a.li(Reg::T0, machine::csr::mip::STIP).csrs(csr::SIE, Reg::T0);
        boot(a, handler, user);
        a.place(user);
        let again = a.here();
        a.addi(Reg::S0, Reg::S0, 1).j(again);
        a.align(4).place(handler).csrw(csr::SSCRATCH, Reg::T0).csrr(Reg::T0, csr::SCAUSE);
        a.li(Reg::T0, u64::MAX).csrw(csr::STIMECMP, Reg::T0).csrr(Reg::T0, csr::SSCRATCH);
        a.place(served).sret();
        vec![("kernel", kernel), ("handler", handler), ("user", user), ("served", served)]
    })?;
    let mut steps = stage.run_to("handler")?;
    let due = stage.node.harts[0].csr.stimecmp;
    let late = stage.cycles() - due * 100;
    steps.extend(stage.run_to("served")?);
    steps.extend((0..3).map(|_| stage.step()));
    let mut picture = stage.journal(&steps, 8);
    let hart = &stage.node.harts[0];
    picture.push_str(&format!(
        "\nscause: {}; sepc: {}; the program goes on where it was, s0 = {}\n",
        cause_name(hart.csr.scause),
        stage.place(hart.csr.sepc),
        hart.x[8]
    ));
    let measured = format!("from the tick that was due to the handler's first instruction: {late} cycle(s)");
    Ok(Shown { picture, measured })
}

fn exception() -> Result<Shown, Failure> {
    let mut stage = Stage::new(KERNEL, |a| {
        let (kernel, handler, user, end) = (a.here(), a.label(), a.label(), a.label());
        boot(a, handler, user);
        a.place(user).li(Reg::A0, 7).csrw(csr::SATP, Reg::ZERO);
        a.addi(Reg::A0, Reg::A0, 1).place(end).nop();
        a.align(4).place(handler).csrr(Reg::T0, csr::SCAUSE).csrr(Reg::T1, csr::STVAL);
        a.csrr(Reg::T2, csr::SEPC).addi(Reg::T2, Reg::T2, 4).csrw(csr::SEPC, Reg::T2).sret();
        vec![("kernel", kernel), ("handler", handler), ("user", user), ("end", end)]
    })?;
    let steps = stage.run_to("end")?;
    let mut picture = stage.journal(&steps, 20);
    let hart = &stage.node.harts[0];
    let bits = hart.csr.stval;
    let inst = u32::try_from(bits).ok().and_then(isa::decode);
    let inst = inst.map_or_else(String::new, |inst| isa::disassemble(inst, 0).to_string());
    picture.push_str(&format!(
        "\nscause: {}; stval = {bits:#010x}, the bits of `{inst}`\n\
         this handler skips it; an operating system would end the process, a hypervisor carry it out for its guest\n",
        cause_name(hart.csr.scause)
    ));
    let position = steps.iter().position(|step| step.cause.is_some()).map_or(0, |index| index + 1);
    let measured = format!("the trap is instruction {position} of {}, at once and every time", steps.len());
    Ok(Shown { picture, measured })
}
