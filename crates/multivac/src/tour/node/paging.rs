//! The page walk drawn with its entries, and a page fault served.

use super::stage::{DATA, KERNEL, Names, Stage};
use crate::exit::Failure;
use crate::tour::{Entry, Shown};
use isa::asm::Asm;
use isa::csr;
use isa::pte::{Mode, Pte};
use isa::reg::Reg;
use machine::mmu::pte::Meaning;
use machine::mmu::trace::{Step, Trace, walk_trace};
use machine::mmu::{Access, ENVCFG_ADUE, Env, Request};
use machine::ram::RAM_BASE;

/// The four-level walk.
pub(super) const WALK: Entry = Entry {
    name: "page-walk",
    title: ("Four-level page walk", "Tabella delle pagine a quattro livelli"),
    means: "Nine bits of the address choose an entry at each level; the last one names the frame.",
    file: "crates/machine/src/mmu/walk.rs",
    next: "multivac tour tlb",
    run: walk,
};

/// Demand paging.
pub(super) const FAULT: Entry = Entry {
    name: "page-fault",
    title: ("Page fault served, instruction restarted", "Page fault servito, istruzione rieseguita"),
    means: "The load traps, the kernel brings the page and maps it, and the same load runs again, now with success.",
    file: "crates/machine/src/mmu/mod.rs",
    next: "multivac tour software-tlb",
    run: fault,
};

/// The root; tables of the lower levels follow, a page each.
const TABLES: u64 = RAM_BASE + 0x10_0000;
const FRAME: u64 = RAM_BASE + 0x20_0000;
/// The address that is walked: its four indices are 1, 2, 3 and 4.
const CHOSEN: u64 = 1 << 39 | 2 << 30 | 3 << 21 | 4 << 12 | 0x678;
const LEAF: u64 = Pte::V | Pte::R | Pte::W;

/// Maps the code's gigabyte to itself and the page of [`CHOSEN`] to [`FRAME`], by an entry with bits `leaf`.
fn map(stage: &mut Stage, leaf: u64) {
    let pointer = |at: u64| Pte::new(at >> 12, Pte::V).0;
    for level in 0..3 {
        let index = 1 + level;
        stage.put_word(TABLES + level * 0x1000 + index * 8, pointer(TABLES + (level + 1) * 0x1000));
    }
    stage.put_word(TABLES + 0x3000 + 4 * 8, Pte::new(FRAME >> 12, leaf).0);
    // The kernel itself: a table for addresses below 512 GiB, in it one gigabyte page.
    stage.put_word(TABLES, pointer(TABLES + 0x4000));
    let gigabyte = LEAF | Pte::X | Pte::A | Pte::D | Pte::G;
    stage.put_word(TABLES + 0x4000 + 2 * 8, Pte::new(RAM_BASE >> 12, gigabyte).0);
}

const SATP: u64 = Mode::Sv48.field() << 60 | TABLES >> 12;

/// Turns translation on and loads from, or stores to, the chosen address.
fn program(a: &mut Asm, store: bool) -> Names {
    let (kernel, access, end) = (a.here(), a.label(), a.label());
    a.li(Reg::T0, SATP).csrw(csr::SATP, Reg::T0).sfence_vma(Reg::ZERO, Reg::ZERO);
    a.li(Reg::A1, CHOSEN).li(Reg::A0, 42).place(access);
    if store {
        a.sd(Reg::A0, Reg::A1, 0);
    } else {
        a.ld(Reg::A0, Reg::A1, 0);
    }
    a.place(end).nop();
    vec![("kernel", kernel), ("access", access), ("end", end)]
}

fn trace(stage: &Stage, access: Access) -> Trace {
    let hart = &stage.node.harts[0];
    let env =
        Env { satp: hart.csr.satp, vsatp: 0, hgatp: 0, menvcfg: ENVCFG_ADUE, henvcfg: 0, pmp: &hart.pmp };
    let request = Request::supervisor(CHOSEN, 8, access);
    walk_trace(&env, &stage.node.bus.ram, &request)
}

fn walk() -> Result<Shown, Failure> {
    let mut stage = Stage::new(KERNEL, |a| program(a, true))?;
    map(&mut stage, LEAF);
    stage.run_to("access")?;
    let before = trace(&stage, Access::Store);
    let mut picture = format!("virtual address {CHOSEN:#x}\n");
    let digits = |level: u32| Mode::Sv48.index(CHOSEN, level);
    picture.push_str(&format!(
        "  = VPN[3] {} | VPN[2] {} | VPN[1] {} | VPN[0] {} | offset {:#x}\n\n",
        digits(3),
        digits(2),
        digits(1),
        digits(0),
        CHOSEN & 0xfff
    ));
    picture.push_str(&format!("satp  {SATP:#018x}  Sv48, root table at {TABLES:#x}\n"));
    before.steps.iter().for_each(|step| picture.push_str(&draw(step)));
    let pa = before.result.map_or(0, |translation| translation.pa);
    picture.push_str(&format!("{:>50}\nphysical address {pa:#x}\n", "|"));
    let entry = before.steps.last().and_then(|step| step.value).unwrap_or(0);
    stage.run_to("end")?;
    let after = stage.word(TABLES + 0x3000 + 4 * 8);
    picture.push_str(&format!(
        "\nthe store then ran: the word at {pa:#x} is {}, and the hardware has set A and D in the last entry:\n\
         before {}\nafter  {}\n",
        stage.word(pa),
        bits(entry),
        bits(after)
    ));
    let walks = &stage.node.harts[0].stats.walks;
    let steps = before.steps.len();
    let measured = format!(
        "{steps} entries read for the one access; in this run the machine made {} walks of depth 4, {} of depth 2",
        walks[4], walks[2]
    );
    Ok(Shown { picture, measured })
}

/// An entry of the walk: where it is, what it holds, what that means.
fn draw(step: &Step) -> String {
    let entry = step.value.unwrap_or(0);
    let meaning = match step.meaning {
        Meaning::Table { next } => format!("table at {next:#x}"),
        Meaning::Leaf { base, shift, .. } => format!("frame at {base:#x}, {} KiB", (1u64 << shift) >> 10),
        other => format!("{other:?}"),
    };
    format!(
        "{:>50}\nlevel {}  entry {:>3} at {:#x}  {entry:#018x}  {}  -> {meaning}\n",
        "|",
        step.level,
        step.index,
        step.entry_address,
        bits(entry)
    )
}

/// The flags of an entry, as letters from D down to V.
fn bits(entry: u64) -> String {
    "DAGUXWRV".chars().rev().enumerate().fold(String::new(), |text, (bit, letter)| {
        let letter = if entry >> bit & 1 == 1 { letter } else { '-' };
        format!("{letter}{text}")
    })
}

fn fault() -> Result<Shown, Failure> {
    let mut stage = Stage::new(KERNEL, |a| {
        let (handler, disk) = (a.label(), a.label());
        a.la(Reg::T0, handler).csrw(csr::STVEC, Reg::T0);
        let mut names = program(a, false);
        // The page comes from the "disk", one word of it, and its entry becomes valid.
        a.align(4).place(handler).csrr(Reg::T0, csr::STVAL);
        a.la(Reg::T1, disk).ld(Reg::T1, Reg::T1, 0).li(Reg::T2, FRAME + (CHOSEN & 0xfff));
        a.sd(Reg::T1, Reg::T2, 0);
        a.li(Reg::T1, Pte::new(FRAME >> 12, LEAF).0).li(Reg::T2, TABLES + 0x3000 + 4 * 8);
        a.sd(Reg::T1, Reg::T2, 0).sfence_vma(Reg::T0, Reg::ZERO).sret();
        a.align(8).place(disk).dword(1234);
        names.push(("handler", handler));
        names
    })?;
    map(&mut stage, 0);
    stage.put_word(DATA, 0);
    stage.run_to("access")?;
    let before = trace(&stage, Access::Load);
    let start = stage.cycles();
    let steps = stage.run_to("end")?;
    let cycles = stage.cycles() - start;
    let mut picture = String::from("the walk before:\n");
    before.steps.iter().for_each(|step| picture.push_str(&draw(step)));
    picture.push_str("\nwhat happens:\n");
    picture.push_str(&stage.journal(&steps, 40));
    let hart = &stage.node.harts[0];
    picture.push_str(&format!(
        "\nstval = {:#x}, the address; the load at `access` appears twice and completed once: a0 = {}\n",
        hart.csr.stval, hart.x[10]
    ));
    let runs = steps.iter().filter(|step| step.pc == stage.address("access")).count();
    let measured = format!("{cycles} cycles from the load to its completion; it was executed {runs} times");
    Ok(Shown { picture, measured })
}
