//! The `monitor` commands: what gdb has no words for.

use super::target::state;
use crate::symbols::Symbols;
use crate::unwind;
use machine::board;
use machine::dev::virtio::mmio::{Mmio, Peripheral};
use machine::mmu::mode;
use machine::mmu::trace::{Stage, Step};
use machine::mmu::{Access, Perms};
use machine::node::Node;
use std::borrow::Cow;
use std::fmt::Write;

const HELP: &str = "\
monitor harts                   what each hart is doing
monitor csr NAME [HART]         a control and status register
monitor translate VA [HART]     every page-table entry on the way from a virtual address to a physical one
monitor xp ADDRESS [WORDS]      8-byte words of physical memory
monitor physical on|off         memory commands of gdb take physical addresses
monitor info devices            the devices and where they stand
monitor backtrace [HART]        who called whom, as far as the stack tells; of one hart or of all
monitor symbol NAME|ADDRESS     the address of a name, or the name of an address
monitor time                    virtual time, cycles and instructions
monitor digest                  digest of the node's state: equal on every run that is here
monitor why                     why the node stands still
A hart is one that the command names, or the one that gdb asked about last.
Breakpoints and watchpoints go by virtual address, in every address space; stores by devices are not watched.
";

/// Words that one command shows at most.
const WORDS_MAX: u64 = 512;

/// Answers `line`, asked with `hart` selected.
pub(super) fn answer(node: &mut Node, hart: usize, symbols: &Symbols, line: &str) -> String {
    let words: Vec<&str> = line.split_whitespace().collect();
    let outcome = match words[..] {
        [] | ["help"] => Ok(HELP.to_owned()),
        ["harts"] => Ok(harts(node)),
        ["csr", name] => csr(node, hart, name),
        ["csr", name, id] => hart_named(node, id).and_then(|hart| csr(node, hart, name)),
        ["translate", va] => number(va).map(|va| translate(node, hart, va)),
        ["translate", va, id] => hart_named(node, id).and_then(|hart| Ok(translate(node, hart, number(va)?))),
        ["xp", address] => number(address).and_then(|at| physical(node, at, 1)),
        ["xp", address, count] => number(address).and_then(|at| physical(node, at, number(count)?)),
        ["info", "devices"] => Ok(devices(node)),
        ["backtrace"] => Ok(backtrace(node, None, symbols)),
        ["backtrace", id] => hart_named(node, id).map(|hart| backtrace(node, Some(hart), symbols)),
        ["symbol", what] => symbol(node, symbols, what),
        ["time"] => Ok(time(node)),
        ["digest"] => Ok(digest(node)),
        _ => Err(format!("no such command: {line}; `monitor help` lists them")),
    };
    match outcome {
        Ok(text) => text,
        Err(text) => format!("{text}\n"),
    }
}

fn number(text: &str) -> Result<u64, String> {
    let parsed = match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16),
        None => text.parse(),
    };
    parsed.map_err(|_| format!("`{text}` is no number; hexadecimal ones begin with 0x"))
}

fn hart_named(node: &Node, text: &str) -> Result<usize, String> {
    let id = number(text).ok().and_then(|id| usize::try_from(id).ok());
    id.filter(|id| *id < node.harts.len())
        .ok_or_else(|| format!("no hart `{text}`: they are 0 to {}", node.harts.len() - 1))
}

fn harts(node: &Node) -> String {
    let line = |id: usize| {
        let hart = &node.harts[id];
        format!("{}, pc {:#x}, {} instructions\n", state(node, id), hart.pc, hart.retired)
    };
    (0..node.harts.len()).map(line).collect()
}

/// The program's symbols, or else those of a kernel in memory.
fn known<'a>(node: &Node, symbols: &'a Symbols) -> Cow<'a, Symbols> {
    if symbols.is_empty() {
        Cow::Owned(Symbols::of_memory(&node.bus.ram).unwrap_or_default())
    } else {
        Cow::Borrowed(symbols)
    }
}

fn backtrace(node: &mut Node, hart: Option<usize>, symbols: &Symbols) -> String {
    let symbols = known(node, symbols);
    match hart {
        Some(hart) => unwind::hart(node, hart, &symbols),
        None => unwind::report(node, &symbols),
    }
}

fn symbol(node: &Node, symbols: &Symbols, what: &str) -> Result<String, String> {
    let symbols = known(node, symbols);
    if let Some(address) = symbols.find(what) {
        return Ok(format!("{what} = {address:#x}\n"));
    }
    let address = number(what).map_err(|_| format!("no symbol is called `{what}`"))?;
    let name = symbols.describe(address);
    if name.is_empty() {
        Err(format!("{address:#x} is in no symbol"))
    } else {
        Ok(format!("{address:#x} = {name}\n"))
    }
}

fn csr(node: &mut Node, hart: usize, name: &str) -> Result<String, String> {
    let by_name = isa::csr::numbers().find(|number| isa::csr::name(*number).to_string() == name);
    let by_number = || number(name).ok().and_then(|number| u16::try_from(number).ok());
    let number = by_name.or_else(by_number).ok_or_else(|| format!("no register is called `{name}`"))?;
    let value = node.read_csr(hart, number).ok_or_else(|| format!("this machine has no `{name}`"))?;
    let name = isa::csr::name(number);
    let meaning = match number {
        isa::csr::SATP | isa::csr::VSATP | isa::csr::HGATP => atp(value),
        _ => String::new(),
    };
    Ok(format!("hart {hart}: {name} = {value:#x}{meaning}\n"))
}

/// The fields of a register that names a root table.
fn atp(value: u64) -> String {
    let mode = mode::of(value).map_or_else(|| "unknown mode".to_owned(), |mode| format!("{mode:?}"));
    format!(" ({mode}, address space {:#x}, root table {:#x})", mode::asid(value), mode::root_address(value))
}

fn translate(node: &mut Node, hart: usize, va: u64) -> String {
    let trace = node.trace_walk(hart, va, Access::Load);
    let mut text = format!("hart {hart}, a load at {va:#x}:\n");
    let registers = if node.harts[hart].virt {
        vec![("vsatp", node.harts[hart].csr.vsatp), ("hgatp", node.harts[hart].csr.hgatp)]
    } else {
        vec![("satp", node.harts[hart].csr.satp)]
    };
    for (name, value) in registers {
        let _ = writeln!(text, "  {name} = {value:#x}{}", atp(value));
    }
    trace.steps.iter().for_each(|step| {
        let _ = writeln!(text, "  {}", entry(step));
    });
    let _ = match trace.result {
        Ok(to) => {
            let guest = to.gpa.map(|gpa| format!(" (guest physical {gpa:#x})")).unwrap_or_default();
            let size = if to.shift < 40 {
                format!("in a block of {:#x} bytes", 1u64 << to.shift)
            } else {
                "untranslated".to_owned()
            };
            writeln!(text, "  physical {:#x}{guest}, {size}, {}", to.pa, letters(to.perms))
        }
        Err(trap) => writeln!(text, "  {:?}", trap.cause),
    };
    text
}

fn entry(step: &Step) -> String {
    let stage = match step.stage {
        Stage::Single => "",
        Stage::First => "first stage, ",
        Stage::Second => "second stage, ",
    };
    let value =
        step.value.map_or_else(|| "unreadable".to_owned(), |value| format!("{value:#018x} {}", flags(value)));
    format!(
        "{stage}level {}: entry {} at {:#x} = {value}: {:?}",
        step.level, step.index, step.entry_address, step.meaning
    )
}

/// The low bits of a page-table entry as letters.
fn flags(entry: u64) -> String {
    let letter = |(bit, letter): (usize, char)| if entry >> bit & 1 != 0 { letter } else { '-' };
    "vrwxugad".chars().enumerate().map(letter).collect()
}

fn letters(perms: Perms) -> String {
    let letter = |allowed, letter| if allowed { letter } else { '-' };
    [letter(perms.read, 'r'), letter(perms.write, 'w'), letter(perms.execute, 'x')].iter().collect()
}

fn physical(node: &Node, at: u64, words: u64) -> Result<String, String> {
    let words = words.min(WORDS_MAX);
    let bytes = node.bus.ram.slice(at, words * 8).ok_or_else(|| {
        format!("no main memory at {at:#x}; devices are not read, since that could change them")
    })?;
    let mut text = String::new();
    for (row, chunk) in bytes.chunks(16).enumerate() {
        let _ = write!(text, "{:#x}:", at + row as u64 * 16);
        for word in chunk.as_chunks::<8>().0 {
            let _ = write!(text, " {:#018x}", u64::from_le_bytes(*word));
        }
        text.push('\n');
    }
    Ok(text)
}

fn devices(node: &Node) -> String {
    let bus = &node.bus;
    let mut text = String::new();
    let mut line = |window: &board::Window, what: &str| {
        let _ = writeln!(text, "{:#012x} {:#9x} bytes  {what}", window.base, window.bytes);
    };
    let fixed = [
        (&board::SYSCON, bus.syscon.is_some(), "test finisher: power off and reset".to_owned()),
        (&board::RTC, bus.rtc.is_some(), format!("real-time clock, PLIC source {}", board::RTC_SOURCE)),
        (&board::CLINT, true, "CLINT: machine timers and software interrupts".to_owned()),
        (&board::SSWI, bus.sswi.is_some(), "ACLINT: supervisor software interrupts".to_owned()),
        (&board::PLIC, true, format!("PLIC: interrupt controller, sources raised {:#x}", bus.lines.sources)),
        (&board::UART, bus.uart.is_some(), format!("16550 serial port, PLIC source {}", board::UART_SOURCE)),
    ];
    fixed.iter().filter(|(_, there, _)| *there).for_each(|(window, _, what)| line(window, what));
    for (slot, device) in bus.virtio.iter().enumerate() {
        line(&board::virtio_window(slot), &virtio(slot, device));
    }
    let _ = writeln!(text, "{:#012x} {:#9x} bytes  main memory", machine::ram::RAM_BASE, bus.ram.size());
    text
}

fn virtio(slot: usize, device: &Mmio) -> String {
    let kind = match device.peripheral {
        None => return format!("virtio slot {slot}: empty"),
        Some(Peripheral::Console(_)) => "console",
        Some(Peripheral::Block(_)) => "disk",
        Some(Peripheral::Net(_)) => "network interface",
        Some(Peripheral::Entropy(_)) => "entropy",
        Some(Peripheral::P9(_)) => "shared folder",
    };
    let status = device.status();
    let words = match status {
        0 => "reset",
        _ if status & machine::dev::virtio::mmio::status::NEEDS_RESET != 0 => "needs reset",
        _ if status & machine::dev::virtio::mmio::status::DRIVER_OK != 0 => "in use",
        _ => "being set up",
    };
    format!(
        "virtio slot {slot}: {kind}, PLIC source {}, status {status:#x} ({words})",
        board::virtio_source(slot)
    )
}

fn time(node: &mut Node) -> String {
    let hart = node.in_turn();
    let time = node.read_csr(hart, isa::csr::TIME).unwrap_or(0);
    let clock = node.clock();
    let start = clock.round_start();
    format!(
        "round began at cycle {start}, {} ns; hart {hart} of {} in its turn of {} cycles; time reads {time}; {} instructions\n",
        clock.ps_of_cycle(start) / 1000,
        node.harts.len(),
        clock.slice_cycles(),
        node.retired()
    )
}

fn digest(node: &Node) -> String {
    let mut hasher = blake3::Hasher::new_derive_key("multivac 1 digest of a node's state");
    node.digest(&mut |part| {
        hasher.update(part);
    });
    format!("{} after {} instructions\n", hasher.finalize().to_hex(), node.retired())
}

#[cfg(test)]
mod tests {
    use super::*;
    use machine::interp::Interpreter;
    use machine::node::Config;

    fn answer(node: &mut Node, hart: usize, line: &str) -> String {
        super::answer(node, hart, &Symbols::default(), line)
    }

    fn node() -> Node {
        let config = Config::default();
        Node::new(&config, Box::new(Interpreter::new(1))).unwrap()
    }

    #[test]
    fn a_walk_is_shown_level_by_level() {
        let mut node = node();
        let root = machine::ram::RAM_BASE + 0x1000;
        let entries = [(root, 0x2000u64), (root + 0x1000, 0x3000)];
        for (at, next) in entries {
            let pte = (machine::ram::RAM_BASE + next) >> 12 << 10 | 1;
            node.bus.ram.write(at, &pte.to_le_bytes()).unwrap();
        }
        let leaf = machine::ram::RAM_BASE >> 12 << 10 | 0xdf;
        node.bus.ram.write(root + 0x2000 + 8, &leaf.to_le_bytes()).unwrap();
        node.start_supervisor(0, 0, 0);
        node.harts[0].csr.satp = 8 << 60 | root >> 12;
        node.harts[0].privilege = machine::privilege::Privilege::User;
        let text = answer(&mut node, 0, "translate 0x1234");
        for part in [
            "Sv39",
            "level 2: entry 0",
            "level 1: entry 0",
            "level 0: entry 1",
            "vrwxu-ad",
            "physical 0x80000234",
            "0x1000 bytes, rwx",
        ] {
            assert!(text.contains(part), "{part} is not in\n{text}");
        }
        assert!(answer(&mut node, 0, "translate 0x5000").contains("LoadPageFault"));
    }

    #[test]
    fn commands_answer_or_say_why_not() {
        let mut node = node();
        for (line, part) in [
            ("", "monitor translate"),
            ("harts", "hart 0: M-mode, stopped"),
            ("csr satp", "satp = 0x0 (Bare"),
            ("csr misa 0", "misa = 0x8"),
            ("csr nosuch", "no register is called"),
            ("csr satp 3", "no hart `3`"),
            ("xp 0x80000000 3", "0x80000010: 0x0000000000000000\n"),
            ("xp 0x10000000", "devices are not read"),
            ("xp 12x", "is no number"),
            ("info devices", "16550"),
            ("time", "0 instructions"),
            ("digest", " after 0 instructions"),
            ("backtrace 0", "#0  0x0000000000000000"),
            ("symbol main", "no symbol is called `main`"),
            ("dance", "no such command"),
        ] {
            let text = answer(&mut node, 0, line);
            assert!(text.contains(part), "{line}: {text}");
        }
    }
}
