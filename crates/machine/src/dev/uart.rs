//! The serial port: a 16550A whose line takes no time.
//!
//! Sending puts a byte into the output queue at once; when that queue is full the transmitter reads as busy until
//! the run loop has drained it. Input waits in a backlog and enters the receive FIFO as the guest makes room, so
//! none is lost to an overrun. The receive time-out interrupt comes at once: with no line time there is nothing
//! to wait for.
//!
//! Source: National Semiconductor PC16550D data sheet; modem inputs as a null-modem cable has them.

use super::{Context, Device};
use crate::lines::Lines;
use crate::state_fields;
use std::collections::VecDeque;

/// Registers that follow each other in the port's window; a further offset is no register.
const REGISTERS: u64 = 8;
/// Depth of the receive FIFO.
const FIFO_BYTES: usize = 16;
/// Most output that waits for the run loop before the transmitter reads as busy.
pub const OUTPUT_BYTES_MAX: usize = 64 * 1024;
/// Most input that waits behind the FIFO.
pub const BACKLOG_BYTES_MAX: usize = 64 * 1024;

const IER_RECEIVE: u8 = 1;
const IER_TRANSMIT: u8 = 2;
const IER_LINE_STATUS: u8 = 4;
const IER_IMPLEMENTED: u8 = 0x0f;
const IIR_NONE: u8 = 0x01;
const IIR_TRANSMIT: u8 = 0x02;
const IIR_RECEIVE: u8 = 0x04;
const IIR_LINE_STATUS: u8 = 0x06;
const IIR_TIMEOUT: u8 = 0x0c;
const IIR_FIFO_ENABLED: u8 = 0xc0;
const FCR_ENABLE: u8 = 0x01;
const FCR_CLEAR_RECEIVE: u8 = 0x02;
const FCR_CLEAR_TRANSMIT: u8 = 0x04;
const FCR_KEPT: u8 = 0xc9;
const LCR_DIVISOR: u8 = 0x80;
const MCR_LOOP: u8 = 0x10;
const MCR_IMPLEMENTED: u8 = 0x1f;
const LSR_DATA: u8 = 0x01;
const LSR_OVERRUN: u8 = 0x02;
const LSR_TRANSMITTER_EMPTY: u8 = 0x60;
const MSR_CABLE: u8 = 0xb0;

/// A 16550A.
#[derive(Debug)]
pub struct Uart {
    source: u32,
    interrupt_enable: u8,
    fifo_control: u8,
    line_control: u8,
    modem_control: u8,
    scratch: u8,
    divisor: [u8; 2],
    overrun: bool,
    transmit_pending: bool,
    fifo: VecDeque<u8>,
    backlog: VecDeque<u8>,
    output: VecDeque<u8>,
}

state_fields!(Uart {
    interrupt_enable,
    fifo_control,
    line_control,
    modem_control,
    scratch,
    divisor,
    overrun,
    transmit_pending,
    fifo,
    backlog,
    output,
});

impl Uart {
    /// A port that drives PLIC source `source`.
    pub fn new(source: u32) -> Uart {
        Uart {
            source,
            interrupt_enable: 0,
            fifo_control: 0,
            line_control: 0,
            modem_control: 0x08,
            scratch: 0,
            divisor: [0x0c, 0],
            overrun: false,
            transmit_pending: false,
            fifo: VecDeque::new(),
            backlog: VecDeque::new(),
            output: VecDeque::new(),
        }
    }

    /// Offers input; returns how many bytes were taken, the first ones, the rest being for later.
    pub fn push_input(&mut self, input: &[u8], lines: &mut Lines) -> usize {
        let taken = input.len().min(BACKLOG_BYTES_MAX - self.backlog.len().min(BACKLOG_BYTES_MAX));
        self.backlog.extend(&input[..taken]);
        self.refill();
        self.drive(lines);
        taken
    }

    /// Takes everything the guest has sent.
    pub fn take_output(&mut self, lines: &mut Lines) -> Vec<u8> {
        let output = std::mem::take(&mut self.output).into();
        self.drive(lines);
        output
    }

    /// Whether [`Uart::take_output`] has something to give.
    pub fn has_output(&self) -> bool {
        !self.output.is_empty()
    }

    /// Sends a byte from outside the register interface, as firmware's console does.
    pub fn send(&mut self, byte: u8) -> bool {
        let room = self.output.len() < OUTPUT_BYTES_MAX;
        if room {
            self.output.push_back(byte);
        }
        room
    }

    /// Takes one byte of input from outside the register interface, as firmware's console does.
    pub fn receive(&mut self, lines: &mut Lines) -> Option<u8> {
        let byte = self.fifo.pop_front();
        self.refill();
        self.drive(lines);
        byte
    }

    fn fifo_enabled(&self) -> bool {
        self.fifo_control & FCR_ENABLE != 0
    }

    fn fifo_capacity(&self) -> usize {
        if self.fifo_enabled() { FIFO_BYTES } else { 1 }
    }

    fn trigger(&self) -> usize {
        [1, 4, 8, 14][usize::from(self.fifo_control >> 6)]
    }

    fn refill(&mut self) {
        if self.modem_control & MCR_LOOP != 0 {
            return;
        }
        while self.fifo.len() < self.fifo_capacity() {
            let Some(byte) = self.backlog.pop_front() else { return };
            self.fifo.push_back(byte);
        }
    }

    fn transmitter_empty(&self) -> bool {
        self.output.len() < OUTPUT_BYTES_MAX
    }

    /// The highest-priority interrupt cause, as IIR shows it.
    fn cause(&self) -> u8 {
        let enabled = |bit| self.interrupt_enable & bit != 0;
        if enabled(IER_LINE_STATUS) && self.overrun {
            IIR_LINE_STATUS
        } else if enabled(IER_RECEIVE) && !self.fifo.is_empty() {
            let waiting = self.fifo_enabled() && self.fifo.len() < self.trigger();
            if waiting { IIR_TIMEOUT } else { IIR_RECEIVE }
        } else if enabled(IER_TRANSMIT) && self.transmit_pending && self.transmitter_empty() {
            IIR_TRANSMIT
        } else {
            IIR_NONE
        }
    }

    fn drive(&self, lines: &mut Lines) {
        lines.set_source(self.source, self.cause() != IIR_NONE);
    }

    fn transmit(&mut self, byte: u8) {
        if self.modem_control & MCR_LOOP == 0 {
            self.send(byte);
        } else if self.fifo.len() < self.fifo_capacity() {
            self.fifo.push_back(byte);
        } else {
            self.overrun = true;
        }
        self.transmit_pending = true;
    }

    fn set_fifo_control(&mut self, value: u8) {
        let toggled = (value ^ self.fifo_control) & FCR_ENABLE != 0;
        self.fifo_control = value & FCR_KEPT;
        if toggled || value & FCR_CLEAR_RECEIVE != 0 {
            self.fifo.clear();
        }
        if toggled || value & FCR_CLEAR_TRANSMIT != 0 {
            self.transmit_pending = true;
        }
    }

    fn set_interrupt_enable(&mut self, value: u8) {
        let newly = value & !self.interrupt_enable;
        self.interrupt_enable = value & IER_IMPLEMENTED;
        if newly & IER_TRANSMIT != 0 {
            self.transmit_pending = true;
        }
    }

    fn line_status(&mut self) -> u8 {
        let data = if self.fifo.is_empty() { 0 } else { LSR_DATA };
        let overrun = if std::mem::take(&mut self.overrun) { LSR_OVERRUN } else { 0 };
        let transmitter = if self.transmitter_empty() { LSR_TRANSMITTER_EMPTY } else { 0 };
        data | overrun | transmitter
    }

    fn modem_status(&self) -> u8 {
        let control = self.modem_control;
        if control & MCR_LOOP == 0 {
            return MSR_CABLE;
        }
        // Looped back: RTS to CTS, DTR to DSR, OUT1 to RI, OUT2 to DCD.
        (control & 0x02) << 3 | (control & 0x01) << 5 | (control & 0x0c) << 4
    }

    fn identify(&mut self) -> u8 {
        let cause = self.cause();
        if cause == IIR_TRANSMIT {
            self.transmit_pending = false;
        }
        cause | if self.fifo_enabled() { IIR_FIFO_ENABLED } else { 0 }
    }
}

impl Device for Uart {
    fn read(&mut self, offset: u64, _size: u8, context: &mut Context<'_>) -> Option<u64> {
        let divisor = self.line_control & LCR_DIVISOR != 0;
        let value = match offset {
            0 if divisor => self.divisor[0],
            0 => {
                let byte = self.fifo.pop_front().unwrap_or(0);
                self.refill();
                byte
            }
            1 if divisor => self.divisor[1],
            1 => self.interrupt_enable,
            2 => self.identify(),
            3 => self.line_control,
            4 => self.modem_control,
            5 => self.line_status(),
            6 => self.modem_status(),
            7 => self.scratch,
            REGISTERS.. => return None,
        };
        self.drive(context.lines);
        Some(u64::from(value))
    }

    fn write(&mut self, offset: u64, _size: u8, value: u64, context: &mut Context<'_>) -> Option<()> {
        let divisor = self.line_control & LCR_DIVISOR != 0;
        let value = value.to_le_bytes()[0];
        match offset {
            0 if divisor => self.divisor[0] = value,
            0 => self.transmit(value),
            1 if divisor => self.divisor[1] = value,
            1 => self.set_interrupt_enable(value),
            2 => self.set_fifo_control(value),
            3 => self.line_control = value,
            4 => self.modem_control = value & MCR_IMPLEMENTED,
            5 | 6 => {}
            7 => self.scratch = value,
            REGISTERS.. => return None,
        }
        self.refill();
        self.drive(context.lines);
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dev::script::{Step, run};
    use Step::{In, Low, R, Raised, W};

    fn check(steps: &[Step]) -> Vec<u8> {
        let mut uart = Uart::new(10);
        run(&mut uart, 10, steps, |uart, bytes, lines| {
            uart.push_input(bytes, lines);
        });
        uart.take_output(&mut Lines::new(1))
    }

    #[test]
    fn sends_what_is_written() {
        assert_eq!(check(&[R(5, 1, 0x60), W(0, 1, 0x68), W(0, 4, 0x69), R(5, 1, 0x60)]), b"hi");
    }

    #[test]
    fn receive_interrupt_stands_until_the_data_is_read() {
        check(&[In(b"ab"), Low, W(1, 1, 1), Raised, R(2, 1, 0x04), R(5, 1, 0x61), R(0, 1, 0x61), Raised]);
        check(&[W(1, 1, 1), In(b"a"), Raised, R(0, 1, 0x61), Low, R(2, 1, 0x01), R(0, 1, 0)]);
    }

    #[test]
    fn fifo_trigger_tells_data_from_time_out() {
        check(&[W(2, 1, 0x41), W(1, 1, 1), In(b"abc"), R(2, 1, 0xcc), In(b"d"), R(2, 1, 0xc4), Raised]);
    }

    #[test]
    fn input_beyond_the_fifo_waits_for_room() {
        check(&[
            W(2, 1, 1),
            In(b"0123456789abcdefXY"),
            W(2, 1, 3),
            R(0, 1, 0x58),
            R(0, 1, 0x59),
            R(5, 1, 0x60),
        ]);
    }

    #[test]
    fn transmit_interrupt_is_cleared_by_reading_its_cause() {
        check(&[W(1, 1, 2), Raised, R(2, 1, 0x02), Low, W(0, 1, 0x21), Raised, W(1, 1, 0), Low]);
    }

    #[test]
    fn divisor_latch_hides_data_and_enable() {
        check(&[
            W(3, 1, 0x83),
            W(0, 1, 0x34),
            W(1, 1, 0x12),
            R(0, 1, 0x34),
            R(1, 1, 0x12),
            W(3, 1, 3),
            R(1, 1, 0),
        ]);
    }

    #[test]
    fn loop_back_turns_modem_outputs_and_data_around() {
        let steps = [W(4, 1, 0x1a), R(6, 1, 0x90), W(0, 1, 0x55), R(0, 1, 0x55), W(4, 1, 0), R(6, 1, 0xb0)];
        assert!(check(&steps).is_empty(), "looped data leaves the port");
        check(&[W(4, 1, 0x10), W(0, 1, 1), W(0, 1, 2), W(1, 1, 4), Raised, R(2, 1, 6), R(5, 1, 0x63), Low]);
    }

    #[test]
    fn a_full_output_queue_reads_as_a_busy_transmitter() {
        let mut uart = Uart::new(10);
        let mut lines = Lines::new(1);
        (0..OUTPUT_BYTES_MAX).for_each(|_| uart.transmit(b'x'));
        uart.transmit(b'y');
        assert_eq!(uart.line_status(), 0);
        assert_eq!(uart.take_output(&mut lines).len(), OUTPUT_BYTES_MAX);
        assert_eq!(uart.line_status(), LSR_TRANSMITTER_EMPTY);
    }

    #[test]
    fn beyond_the_registers_is_nothing() {
        let mut uart = Uart::new(10);
        let mut board = crate::dev::script::Board::new();
        assert_eq!(uart.read(8, 1, &mut board.context()), None);
        assert_eq!(uart.write(255, 1, 0, &mut board.context()), None);
    }
}
