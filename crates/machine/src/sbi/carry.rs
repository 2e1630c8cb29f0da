//! Carrying out the decisions that concern only the bus: the console and interrupts between harts.

use super::{Action, Returned};
use crate::bus::Bus;
use std::ops::Range;

/// What became of an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carried {
    /// Done; the caller finds this in its registers.
    Done(Returned),
    /// The console has no room: the caller repeats the `ecall` once the run loop has drained the output.
    Wait,
    /// Nothing was done: the action is the node's.
    NotMine,
}

/// Does `action` if it concerns only the bus; `returned` is what the decision would have returned.
pub fn on_bus(action: &Action, returned: Returned, bus: &mut Bus) -> Carried {
    match action {
        Action::None => {}
        Action::SendIpi(harts) => {
            for hart in harts.iter() {
                if let Some(raise) = bus.lines.raise_ssip.get_mut(hart) {
                    *raise = true;
                    bus.lines.changed = true;
                }
            }
        }
        Action::ConsoleWrite { range } => return Carried::Done(Returned::Pair(Ok(write(range, bus)))),
        Action::ConsoleRead { range } => return Carried::Done(Returned::Pair(Ok(read(range, bus)))),
        Action::ConsolePut(byte) => {
            let sent = bus.uart.as_mut().is_none_or(|uart| uart.send(*byte));
            if !sent {
                return Carried::Wait;
            }
        }
        Action::ConsoleGet => {
            let byte = receive(bus);
            return Carried::Done(Returned::Legacy(byte.map_or(u64::MAX, u64::from)));
        }
        _ => return Carried::NotMine,
    }
    Carried::Done(returned)
}

fn write(range: &Range<u64>, bus: &mut Bus) -> u64 {
    let length = range.end.saturating_sub(range.start);
    let (Some(uart), Some(bytes)) = (&mut bus.uart, bus.ram.slice(range.start, length)) else { return 0 };
    bytes.iter().take_while(|byte| uart.send(**byte)).count() as u64
}

fn read(range: &Range<u64>, bus: &mut Bus) -> u64 {
    let mut address = range.start;
    while address < range.end {
        let Some(byte) = receive(bus) else { break };
        bus.ram.write(address, &[byte]);
        address += 1;
    }
    address - range.start
}

fn receive(bus: &mut Bus) -> Option<u8> {
    let byte = bus.uart.as_mut()?.receive(&mut bus.lines);
    bus.settle();
    byte
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::board::Board;
    use crate::dev::uart::OUTPUT_BYTES_MAX;
    use crate::ram::RAM_BASE;
    use crate::sbi::HartMask;

    const NOTHING: Returned = Returned::Pair(Ok(0));

    fn bus() -> Bus {
        Bus::new(&Board { memory_bytes: 1 << 20, harts: 2, ..Board::default() }).unwrap()
    }

    fn counted(value: u64) -> Carried {
        Carried::Done(Returned::Pair(Ok(value)))
    }

    #[test]
    fn console_bytes_go_both_ways() {
        let mut bus = bus();
        bus.ram.write(RAM_BASE, b"hello").unwrap();
        let out = Action::ConsoleWrite { range: RAM_BASE..RAM_BASE + 5 };
        assert_eq!(on_bus(&out, NOTHING, &mut bus), counted(5));
        assert_eq!(on_bus(&Action::ConsolePut(b'!'), NOTHING, &mut bus), Carried::Done(NOTHING));
        let uart = bus.uart.as_mut().unwrap();
        assert_eq!(uart.take_output(&mut bus.lines), b"hello!");
        uart.push_input(b"abc", &mut bus.lines);
        let input = Action::ConsoleRead { range: RAM_BASE + 8..RAM_BASE + 10 };
        assert_eq!(on_bus(&input, NOTHING, &mut bus), counted(2));
        assert_eq!(bus.ram.slice(RAM_BASE + 8, 3), Some(&b"ab\0"[..]));
        assert_eq!(on_bus(&Action::ConsoleGet, NOTHING, &mut bus), Carried::Done(Returned::Legacy(99)));
        assert_eq!(on_bus(&Action::ConsoleGet, NOTHING, &mut bus), Carried::Done(Returned::Legacy(u64::MAX)));
    }

    #[test]
    fn a_full_console_takes_what_fits_and_makes_a_byte_wait() {
        let mut bus = bus();
        let range = RAM_BASE..RAM_BASE + OUTPUT_BYTES_MAX as u64 + 9;
        let all = counted(OUTPUT_BYTES_MAX as u64);
        assert_eq!(on_bus(&Action::ConsoleWrite { range }, NOTHING, &mut bus), all);
        assert_eq!(on_bus(&Action::ConsolePut(b'x'), NOTHING, &mut bus), Carried::Wait);
    }

    #[test]
    fn interrupts_go_to_their_harts_and_the_rest_to_the_node() {
        let mut bus = bus();
        on_bus(&Action::SendIpi(HartMask(0b110)), NOTHING, &mut bus);
        assert_eq!(bus.lines.raise_ssip[..], [false, true]);
        assert_eq!(on_bus(&Action::Stop, NOTHING, &mut bus), Carried::NotMine);
    }
}
