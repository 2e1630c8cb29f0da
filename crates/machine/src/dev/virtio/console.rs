//! The console device, with two ports: port 0 is the guest's console (`hvc0`), port 1 the control channel.
//!
//! Output waits in a queue that the run loop drains; while it is full the driver's buffers are left where they
//! are. Input waits until the driver offers buffers, which it does when something in the guest opens the port.
//!
//! Queues, in the specification's order: 0 and 1 are input and output of port 0, 2 and 3 control messages to and
//! from the driver, 4 and 5 input and output of port 1.
//!
//! Source: Virtual I/O Device Specification 1.2, "Console Device".

use super::queue::Violation;
use super::{QueueSet, Service, Virtio};
use crate::state_fields;
use std::collections::VecDeque;

/// The port that is the guest's console.
pub const CONSOLE_PORT: usize = 0;
/// The port that is the control channel.
pub const CONTROL_PORT: usize = 1;
/// The name by which the guest finds the control channel, in `/dev/virtio-ports`.
pub const CONTROL_NAME: &str = "multivac.control";
/// Most bytes that wait in each direction of a port.
pub const PORT_BYTES_MAX: usize = 256 * 1024;

const PORTS: usize = 2;
/// Control messages to the driver that may wait before its own are no longer taken.
const MESSAGES_MAX: usize = 64;
/// Queues of control messages to and from the driver.
const CONTROL_IN: usize = 2;
const CONTROL_OUT: usize = 3;

const SIZE: u64 = 1;
const MULTIPORT: u64 = 1 << 1;
const EMERGENCY_WRITE: u64 = 1 << 2;
/// Offset of the emergency-write register in the configuration space.
const EMERGENCY_OFFSET: u64 = 8;

/// Events of control messages.
mod event {
    pub(super) const DEVICE_READY: u16 = 0;
    pub(super) const PORT_ADD: u16 = 1;
    pub(super) const PORT_READY: u16 = 3;
    pub(super) const CONSOLE_PORT: u16 = 4;
    pub(super) const RESIZE: u16 = 5;
    pub(super) const PORT_OPEN: u16 = 6;
    pub(super) const PORT_NAME: u16 = 7;
}

/// One port.
#[derive(Debug, Default)]
struct Port {
    input: VecDeque<u8>,
    output: VecDeque<u8>,
    /// The driver has said that it is ready for the port.
    ready: bool,
    /// Something in the guest has the port open.
    open: bool,
}

state_fields!(Port { input, output, ready, open });

/// The device.
#[derive(Debug)]
pub struct Console {
    ports: [Port; PORTS],
    messages: VecDeque<Vec<u8>>,
    columns: u16,
    rows: u16,
    multiport: bool,
    ready_queues: QueueSet,
    config_changed: bool,
}

state_fields!(Console { ports, messages, columns, rows, multiport, ready_queues, config_changed });

impl Console {
    /// A device whose console is `columns` by `rows` characters.
    pub fn new(columns: u16, rows: u16) -> Console {
        Console {
            ports: Default::default(),
            messages: VecDeque::new(),
            columns,
            rows,
            multiport: false,
            ready_queues: 0,
            config_changed: false,
        }
    }

    /// Offers input to a port; returns how many bytes were taken, the first ones, the rest being for later.
    pub fn push_input(&mut self, port: usize, input: &[u8]) -> usize {
        let Some(state) = self.ports.get_mut(port) else { return 0 };
        let taken = input.len().min(PORT_BYTES_MAX.saturating_sub(state.input.len()));
        state.input.extend(&input[..taken]);
        self.ready_queues |= 1 << input_queue(port);
        taken
    }

    /// Takes everything that the guest has sent to a port.
    pub fn take_output(&mut self, port: usize) -> Vec<u8> {
        let Some(state) = self.ports.get_mut(port) else { return Vec::new() };
        if state.output.is_empty() {
            return Vec::new();
        }
        self.ready_queues |= 1 << (input_queue(port) + 1);
        std::mem::take(&mut state.output).into()
    }

    /// Whether a port has output to take.
    pub fn has_output(&self, port: usize) -> bool {
        self.ports.get(port).is_some_and(|state| !state.output.is_empty())
    }

    /// Whether something in the guest has the port open.
    pub fn is_open(&self, port: usize) -> bool {
        self.ports.get(port).is_some_and(|state| state.open)
    }

    /// Tells the guest that its console has another size.
    pub fn resize(&mut self, columns: u16, rows: u16) {
        (self.columns, self.rows) = (columns, rows);
        self.config_changed = true;
        if self.multiport && self.ports[CONSOLE_PORT].ready {
            self.send_size();
        }
    }

    fn send(&mut self, port: usize, event: u16, value: u16, more: &[u8]) {
        let number = u32::try_from(port).unwrap_or(0);
        let mut message = number.to_le_bytes().to_vec();
        message.extend(event.to_le_bytes());
        message.extend(value.to_le_bytes());
        message.extend(more);
        self.messages.push_back(message);
        self.ready_queues |= 1 << CONTROL_IN;
    }

    fn send_size(&mut self) {
        if self.messages.len() < MESSAGES_MAX {
            let [columns, rows] = [self.columns, self.rows].map(u16::to_le_bytes);
            self.send(CONSOLE_PORT, event::RESIZE, 0, &[columns, rows].concat());
        }
    }

    fn receive(&mut self, port: u32, event: u16, value: u16) {
        let port = port as usize;
        match event {
            event::DEVICE_READY if value == 1 => {
                (0..PORTS).for_each(|port| self.send(port, event::PORT_ADD, 1, &[]));
            }
            event::PORT_READY if port < PORTS => {
                self.ports[port].ready = value == 1;
                if value != 1 {
                    return;
                }
                if port == CONSOLE_PORT {
                    self.send(port, event::CONSOLE_PORT, 1, &[]);
                    self.send_size();
                } else {
                    self.send(port, event::PORT_NAME, 1, CONTROL_NAME.as_bytes());
                }
                self.send(port, event::PORT_OPEN, 1, &[]);
            }
            event::PORT_OPEN if port < PORTS => self.ports[port].open = value == 1,
            _ => {}
        }
    }

    fn serve_input(&mut self, port: usize, service: &mut Service<'_>) -> Result<(), Violation> {
        let state = &mut self.ports[port];
        while !state.input.is_empty() {
            let Some(chain) = service.pop()? else { break };
            let room = usize::try_from(chain.writable_bytes()).unwrap_or(usize::MAX);
            let bytes: Vec<u8> = state.input.drain(..room.min(state.input.len())).collect();
            let written = chain.write(service.ram, 0, &bytes);
            service.spend(written as u64);
            service.push(&chain, written as u64)?;
        }
        Ok(())
    }

    fn serve_output(&mut self, port: usize, service: &mut Service<'_>) -> Result<(), Violation> {
        let state = &mut self.ports[port];
        while state.output.len() < PORT_BYTES_MAX {
            let Some(chain) = service.pop()? else { break };
            // What is beyond the queue's bound in a single chain is cut off; no driver sends such a chain.
            let length = chain.readable_bytes().min(PORT_BYTES_MAX as u64);
            let mut bytes = vec![0; usize::try_from(length).unwrap_or(0)];
            let read = chain.read(service.ram, 0, &mut bytes);
            state.output.extend(&bytes[..read]);
            service.spend(length);
            service.push(&chain, 0)?;
        }
        Ok(())
    }

    fn serve_control_in(&mut self, service: &mut Service<'_>) -> Result<(), Violation> {
        while let Some(message) = self.messages.front() {
            let Some(chain) = service.pop()? else { break };
            let written = chain.write(service.ram, 0, message);
            self.messages.pop_front();
            service.spend(written as u64);
            service.push(&chain, written as u64)?;
        }
        if self.messages.is_empty() {
            self.ready_queues |= 1 << CONTROL_OUT;
        }
        Ok(())
    }

    fn serve_control_out(&mut self, service: &mut Service<'_>) -> Result<(), Violation> {
        while self.messages.len() < MESSAGES_MAX {
            let Some(chain) = service.pop()? else { break };
            let [p0, p1, p2, p3, e0, e1, v0, v1] =
                chain.read_array(service.ram, 0).ok_or(Violation::Request)?;
            let port = u32::from_le_bytes([p0, p1, p2, p3]);
            self.receive(port, u16::from_le_bytes([e0, e1]), u16::from_le_bytes([v0, v1]));
            service.spend(8);
            service.push(&chain, 0)?;
        }
        Ok(())
    }
}

/// The queue of input to a port.
fn input_queue(port: usize) -> usize {
    if port == CONSOLE_PORT { 0 } else { 2 + 2 * port }
}

impl Virtio for Console {
    fn id(&self) -> u32 {
        3
    }

    fn queues(&self) -> usize {
        2 * (PORTS + 1)
    }

    fn features(&self) -> u64 {
        SIZE | MULTIPORT | EMERGENCY_WRITE
    }

    fn accept(&mut self, features: u64) {
        self.multiport = features & MULTIPORT != 0;
    }

    fn config(&self) -> Vec<u8> {
        let ports = u32::try_from(PORTS).unwrap_or(0);
        let size = [self.columns, self.rows].map(u16::to_le_bytes).concat();
        [size, ports.to_le_bytes().to_vec(), vec![0; 4]].concat()
    }

    fn write_config(&mut self, offset: u64, bytes: &[u8]) {
        let output = &mut self.ports[CONSOLE_PORT].output;
        if offset == EMERGENCY_OFFSET && output.len() < PORT_BYTES_MAX {
            output.extend(bytes.first());
        }
    }

    fn reset(&mut self) {
        self.messages.clear();
        self.multiport = false;
        self.ready_queues = 0;
        for (port, state) in self.ports.iter_mut().enumerate() {
            (state.ready, state.open) = (false, false);
            if !state.input.is_empty() {
                self.ready_queues |= 1 << input_queue(port);
            }
        }
    }

    fn serve(&mut self, index: usize, service: &mut Service<'_>) -> Result<(), Violation> {
        match index {
            CONTROL_IN => self.serve_control_in(service),
            CONTROL_OUT => self.serve_control_out(service),
            0 => self.serve_input(CONSOLE_PORT, service),
            1 => self.serve_output(CONSOLE_PORT, service),
            4 => self.serve_input(CONTROL_PORT, service),
            5 => self.serve_output(CONTROL_PORT, service),
            _ => Ok(()),
        }
    }

    fn take_ready(&mut self) -> QueueSet {
        std::mem::take(&mut self.ready_queues)
    }

    fn has_ready(&self) -> bool {
        self.ready_queues != 0 || self.config_changed
    }

    fn take_config_change(&mut self) -> bool {
        std::mem::take(&mut self.config_changed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dev::virtio::driver::{Buffer::In, Buffer::Out, Driver};
    use crate::dev::virtio::mmio::Peripheral;

    fn driver() -> Driver {
        Driver::start(Peripheral::Console(Console::new(80, 24)), MULTIPORT | SIZE)
    }

    fn console(driver: &mut Driver) -> &mut Console {
        match &mut driver.slot.peripheral {
            Some(Peripheral::Console(console)) => console,
            _ => unreachable!("the slot has a console"),
        }
    }

    fn message(port: u32, event: u16, value: u16) -> Vec<u8> {
        [port.to_le_bytes().to_vec(), event.to_le_bytes().to_vec(), value.to_le_bytes().to_vec()].concat()
    }

    #[test]
    fn output_reaches_the_port_it_was_written_to() {
        let mut driver = driver();
        driver.offer(1, &[Out(b"to the "), Out(b"console")]);
        driver.offer(5, &[Out(b"to the control channel")]);
        assert_eq!(driver.used(1), [0]);
        assert!(driver.interrupted());
        assert_eq!(console(&mut driver).take_output(CONSOLE_PORT), b"to the console");
        assert_eq!(console(&mut driver).take_output(CONTROL_PORT), b"to the control channel");
    }

    #[test]
    fn input_waits_for_buffers_and_buffers_for_input() {
        let mut driver = driver();
        console(&mut driver).push_input(CONSOLE_PORT, b"abcdef");
        let first = driver.offer(0, &[In(4)]);
        assert_eq!(driver.used(0), [4]);
        assert_eq!(driver.bytes(first, 4), b"abcd");
        let second = driver.offer(0, &[In(4)]);
        assert_eq!(driver.bytes(second, 4), b"ef\0\0");
        driver.offer(0, &[In(4)]);
        assert_eq!(driver.used(0), [4, 2]);
        console(&mut driver).push_input(CONSOLE_PORT, b"g");
        assert_eq!(driver.slot_due(), Some(0));
        driver.poll();
        assert_eq!(driver.used(0), [4, 2, 1]);
        assert_eq!(driver.slot_due(), None);
    }

    #[test]
    fn ports_are_announced_named_and_opened() {
        let mut driver = driver();
        let room: Vec<u64> = (0..8).map(|_| driver.offer(2, &[In(64)])).collect();
        driver.offer(3, &[Out(&message(u32::MAX, event::DEVICE_READY, 1))]);
        driver.offer(3, &[Out(&message(0, event::PORT_READY, 1))]);
        driver.offer(3, &[Out(&message(1, event::PORT_READY, 1))]);
        driver.offer(3, &[Out(&message(1, event::PORT_OPEN, 1))]);
        let expected = [
            message(0, event::PORT_ADD, 1),
            message(1, event::PORT_ADD, 1),
            message(0, event::CONSOLE_PORT, 1),
            [message(0, event::RESIZE, 0), vec![80, 0, 24, 0]].concat(),
            message(0, event::PORT_OPEN, 1),
            [message(1, event::PORT_NAME, 1), CONTROL_NAME.into()].concat(),
            message(1, event::PORT_OPEN, 1),
        ];
        let lengths: Vec<u32> =
            expected.iter().map(|message| u32::try_from(message.len()).unwrap()).collect();
        assert_eq!(driver.used(2), lengths);
        for (address, message) in room.iter().zip(&expected) {
            assert_eq!(driver.bytes(*address, message.len() as u64), *message);
        }
        assert!(console(&mut driver).is_open(CONTROL_PORT));
        assert!(!console(&mut driver).is_open(CONSOLE_PORT));
    }

    #[test]
    fn a_flood_of_control_messages_waits_for_its_answers() {
        let mut driver = driver();
        for _ in 0..100 {
            driver.offer(3, &[Out(&message(1, event::PORT_READY, 1))]);
        }
        let taken = driver.used(3).len();
        assert!((MESSAGES_MAX / 3..MESSAGES_MAX).contains(&taken), "{taken} messages taken");
        for _ in 0..200 {
            driver.offer(2, &[In(64)]);
        }
        (0..20).for_each(|_| driver.poll());
        assert_eq!(driver.used(3).len(), 100);
    }

    #[test]
    fn a_full_output_queue_leaves_buffers_with_the_driver() {
        let mut driver = driver();
        let half = vec![b'x'; PORT_BYTES_MAX / 2];
        for _ in 0..3 {
            driver.offer(1, &[Out(&half)]);
        }
        assert_eq!(driver.used(1).len(), 2);
        assert_eq!(driver.slot_due(), None);
        assert_eq!(console(&mut driver).take_output(CONSOLE_PORT).len(), PORT_BYTES_MAX);
        driver.poll();
        assert_eq!(driver.used(1).len(), 3);
    }

    #[test]
    fn the_size_is_in_the_configuration_and_its_change_is_told() {
        let mut driver = driver();
        assert_eq!(driver.config(0, 4), 80 | 24 << 16);
        assert_eq!(driver.config(4, 4), 2);
        console(&mut driver).resize(132, 50);
        driver.poll();
        assert_eq!(driver.register(0x60), 2);
        assert_eq!((driver.config(0, 2), driver.config(2, 2), driver.register(0xfc)), (132, 50, 1));
        driver.set_config(8, 4, u64::from(b'!'));
        assert_eq!(console(&mut driver).take_output(CONSOLE_PORT), b"!");
    }
}
