//! The virtio transport over memory-mapped registers, version 2.
//!
//! A slot without a device answers with device number 0, as QEMU's does, so that programs that look through the
//! slots find the end. A driver that breaks the rules of a queue finds `DEVICE_NEEDS_RESET` in the status, and
//! nothing more happens until it resets the device.
//!
//! Source: Virtual I/O Device Specification 1.2, "Virtio Over MMIO", "Device Status Field".

use super::block::Block;
use super::console::Console;
use super::entropy::Entropy;
use super::net::Net;
use super::p9::P9;
use super::queue::{QUEUE_SIZE_MAX, Queue, Violation};
use super::{QueueSet, Service, Virtio, feature};
use crate::dev::{Context, Device};
use crate::state::{Source, State, StateError};

const MAGIC: u32 = u32::from_le_bytes(*b"virt");
const VERSION: u32 = 2;
const VENDOR: u32 = u32::from_le_bytes(*b"MVAC");
const CONFIG: u64 = 0x100;

/// Bits of the device status.
pub mod status {
    /// The driver is set up.
    pub const DRIVER_OK: u8 = 4;
    /// Features are agreed on.
    pub const FEATURES_OK: u8 = 8;
    /// The device met a violation and waits for a reset.
    pub const NEEDS_RESET: u8 = 0x40;
    /// The driver has given up.
    pub const FAILED: u8 = 0x80;
}

const USED_BUFFER: u8 = 1;
const CONFIG_CHANGE: u8 = 2;

/// The device in a slot.
#[derive(Debug)]
pub enum Peripheral {
    /// Console ports.
    Console(Console),
    /// A disk.
    Block(Block),
    /// A network interface.
    Net(Net),
    /// A source of randomness.
    Entropy(Entropy),
    /// A shared folder.
    P9(P9),
}

impl Peripheral {
    fn get(&self) -> &dyn Virtio {
        match self {
            Peripheral::Console(device) => device,
            Peripheral::Block(device) => device,
            Peripheral::Net(device) => device,
            Peripheral::Entropy(device) => device,
            Peripheral::P9(device) => device,
        }
    }

    fn get_mut(&mut self) -> &mut dyn Virtio {
        match self {
            Peripheral::Console(device) => device,
            Peripheral::Block(device) => device,
            Peripheral::Net(device) => device,
            Peripheral::Entropy(device) => device,
            Peripheral::P9(device) => device,
        }
    }
}

/// A slot: the transport's registers, its queues, and the device behind them.
#[derive(Debug)]
pub struct Mmio {
    source: u32,
    /// The device, reached by the run loop for its far side; [`Device::poll`] then carries on.
    pub peripheral: Option<Peripheral>,
    status: u8,
    interrupt_status: u8,
    device_features_select: u32,
    driver_features_select: u32,
    driver_features: u64,
    queue_select: u32,
    queues: Box<[Queue]>,
    /// Queues that were notified and not yet served to the end.
    pending: QueueSet,
    config_generation: u32,
}

impl Mmio {
    /// A slot that drives PLIC source `source`.
    pub fn new(source: u32, peripheral: Option<Peripheral>) -> Mmio {
        let queues = peripheral.as_ref().map_or(0, |device| device.get().queues());
        Mmio {
            source,
            peripheral,
            status: 0,
            interrupt_status: 0,
            device_features_select: 0,
            driver_features_select: 0,
            driver_features: 0,
            queue_select: 0,
            queues: vec![Queue::new(); queues].into(),
            pending: 0,
            config_generation: 0,
        }
    }

    /// The device status.
    pub fn status(&self) -> u8 {
        self.status
    }

    fn offered(&self) -> u64 {
        let own = self.peripheral.as_ref().map_or(0, |device| device.get().features());
        own | feature::VERSION_1 | feature::INDIRECT | feature::EVENT_INDEX
    }

    fn operates(&self) -> bool {
        use status::{DRIVER_OK, FAILED, FEATURES_OK, NEEDS_RESET};
        let relevant = DRIVER_OK | FEATURES_OK | NEEDS_RESET | FAILED;
        self.status & relevant == DRIVER_OK | FEATURES_OK
    }

    fn queue(&self) -> Option<&Queue> {
        self.queues.get(self.queue_select as usize)
    }

    fn violation(&mut self, _violation: Violation) {
        self.status |= status::NEEDS_RESET;
        self.pending = 0;
        self.interrupt_status |= CONFIG_CHANGE;
    }

    fn reset(&mut self) {
        self.status = 0;
        self.interrupt_status = 0;
        self.driver_features = 0;
        self.pending = 0;
        self.queues.iter_mut().for_each(|queue| *queue = Queue::new());
        if let Some(device) = &mut self.peripheral {
            device.get_mut().reset();
        }
    }

    fn set_status(&mut self, value: u8) {
        if value == 0 {
            return self.reset();
        }
        let mut new = value & !status::NEEDS_RESET | self.status & status::NEEDS_RESET;
        let asked = new & !self.status & status::FEATURES_OK != 0;
        if asked {
            // Drivers that leave VERSION_1 out are served, as QEMU serves them: some are written for both transports.
            let agreed = self.driver_features & !self.offered() == 0;
            if !agreed {
                new &= !status::FEATURES_OK;
            } else if let Some(device) = &mut self.peripheral {
                device.get_mut().accept(self.driver_features);
            }
        }
        self.status = new;
    }

    fn set_queue_ready(&mut self, ready: bool, context: &Context<'_>) {
        let features = self.driver_features;
        let Some(queue) = self.queues.get_mut(self.queue_select as usize) else { return };
        if !ready {
            queue.ready = false;
        } else if !queue.ready {
            let (event, indirect) = (features & feature::EVENT_INDEX, features & feature::INDIRECT);
            if let Err(violation) = queue.start(context.ram, event != 0, indirect != 0) {
                self.violation(violation);
            }
        }
    }

    /// Sets half of a ring's address, which a queue in operation does not take.
    fn set_ring(&mut self, ring: usize, high: bool, value: u32) {
        let Some(queue) = self.queues.get_mut(self.queue_select as usize).filter(|queue| !queue.ready) else {
            return;
        };
        let shift = if high { 32 } else { 0 };
        let kept = queue.rings[ring] & !(u64::from(u32::MAX) << shift);
        queue.rings[ring] = kept | u64::from(value) << shift;
    }

    fn set_queue_size(&mut self, value: u32) {
        let size = u16::try_from(value).unwrap_or(0);
        let usable = size.is_power_of_two() && size <= QUEUE_SIZE_MAX;
        let queue = self.queues.get_mut(self.queue_select as usize);
        if let Some(queue) = queue.filter(|queue| usable && !queue.ready) {
            queue.size = size;
        }
    }

    fn set_driver_features(&mut self, value: u32) {
        if self.status & status::FEATURES_OK != 0 || self.driver_features_select > 1 {
            return;
        }
        let shift = 32 * self.driver_features_select;
        let kept = self.driver_features & !(u64::from(u32::MAX) << shift);
        self.driver_features = kept | u64::from(value) << shift;
    }

    fn register(&self, offset: u64) -> u32 {
        if self.peripheral.is_none() && offset > 0x0c {
            return 0;
        }
        match offset {
            0x000 => MAGIC,
            0x004 => VERSION,
            0x008 => self.peripheral.as_ref().map_or(0, |device| device.get().id()),
            0x00c => VENDOR,
            0x010 => half(self.offered(), self.device_features_select),
            0x034 => self.queue().map_or(0, |_| u32::from(QUEUE_SIZE_MAX)),
            0x044 => self.queue().map_or(0, |queue| u32::from(queue.ready)),
            0x060 => u32::from(self.interrupt_status),
            0x070 => u32::from(self.status),
            // No shared memory region has a length or a place.
            0x0b0 | 0x0b4 | 0x0b8 | 0x0bc => u32::MAX,
            0x0fc => self.config_generation,
            _ => 0,
        }
    }

    fn set_register(&mut self, offset: u64, value: u32, context: &mut Context<'_>) {
        if self.peripheral.is_none() {
            return;
        }
        match offset {
            0x014 => self.device_features_select = value,
            0x020 => self.set_driver_features(value),
            0x024 => self.driver_features_select = value,
            0x030 => self.queue_select = value,
            0x038 => self.set_queue_size(value),
            0x044 => self.set_queue_ready(value & 1 != 0, context),
            0x050 if (value as usize) < self.queues.len() => self.pending |= 1 << value,
            0x064 => self.interrupt_status &= !value.to_le_bytes()[0],
            0x070 => self.set_status(value.to_le_bytes()[0]),
            0x080 | 0x084 => self.set_ring(0, offset & 4 != 0, value),
            0x090 | 0x094 => self.set_ring(1, offset & 4 != 0, value),
            0x0a0 | 0x0a4 => self.set_ring(2, offset & 4 != 0, value),
            _ => {}
        }
        self.work(context);
    }

    fn config(&self, offset: u64, size: u8) -> u64 {
        let Some(device) = &self.peripheral else { return 0 };
        let config = device.get().config();
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        let mut bytes = [0; 8];
        let found = config.get(start..).unwrap_or_default().iter().take(usize::from(size));
        bytes.iter_mut().zip(found).for_each(|(to, from)| *to = *from);
        u64::from_le_bytes(bytes)
    }

    /// Whether a shared folder is here whose requests wait.
    pub(crate) fn is_gated(&self) -> bool {
        matches!(&self.peripheral, Some(Peripheral::P9(device)) if device.is_gated())
    }

    /// Serves a shared folder whose requests wait for this moment.
    pub(crate) fn serve_gated(&mut self, context: &mut Context<'_>) {
        let set = |slot: &mut Mmio, ajar| match &mut slot.peripheral {
            Some(Peripheral::P9(device)) => device.set_ajar(ajar),
            _ => false,
        };
        if self.pending != 0 && set(self, true) {
            self.work(context);
            set(self, false);
        }
    }

    /// Serves what is pending, within the bound of a call, and drives the interrupt line.
    fn work(&mut self, context: &mut Context<'_>) {
        if self.operates() {
            self.serve(context);
        }
        context.lines.set_source(self.source, self.interrupt_status != 0);
    }

    fn serve(&mut self, context: &mut Context<'_>) {
        let Some(peripheral) = &mut self.peripheral else { return };
        let device = peripheral.get_mut();
        if device.take_config_change() {
            self.config_generation = self.config_generation.wrapping_add(1);
            self.interrupt_status |= CONFIG_CHANGE;
        }
        let mut left = self.pending | device.take_ready();
        self.pending = 0;
        // Serving one queue may make another ready, as a console's answers to control messages do; each is
        // served once a call, and what then remains is put off.
        let mut served: QueueSet = 0;
        while left & !served != 0 {
            let index = (left & !served).trailing_zeros() as usize;
            served |= 1 << index;
            left &= !(1 << index);
            let Some(queue) = self.queues.get_mut(index).filter(|queue| queue.ready) else { continue };
            let before = queue.used_index();
            let mut service = Service::new(queue, context.ram, context.mtime);
            let result = device.serve(index, &mut service);
            left |= device.take_ready() | u64::from(service.more()) << index;
            let interrupt = result.and_then(|()| queue.wants_interrupt(context.ram, before));
            match interrupt {
                Ok(true) => self.interrupt_status |= USED_BUFFER,
                Ok(false) => {}
                Err(violation) => return self.violation(violation),
            }
        }
        self.pending = left;
    }
}

/// Bits 32 * `select` to 32 * `select` + 31 of the features.
fn half(features: u64, select: u32) -> u32 {
    match select {
        0 => u32::try_from(features & u64::from(u32::MAX)).unwrap_or(0),
        1 => u32::try_from(features >> 32).unwrap_or(0),
        _ => 0,
    }
}

impl Device for Mmio {
    fn read(&mut self, offset: u64, size: u8, _context: &mut Context<'_>) -> Option<u64> {
        Some(match (offset, size) {
            (CONFIG.., _) => self.config(offset - CONFIG, size),
            (_, 4) => u64::from(self.register(offset)),
            (_, 8) => u64::from(self.register(offset)) | u64::from(self.register(offset + 4)) << 32,
            _ => 0,
        })
    }

    fn write(&mut self, offset: u64, size: u8, value: u64, context: &mut Context<'_>) -> Option<()> {
        let low = half(value, 0);
        match (offset, size) {
            (CONFIG.., _) => {
                if let Some(device) = &mut self.peripheral {
                    let bytes = value.to_le_bytes();
                    device.get_mut().write_config(offset - CONFIG, &bytes[..usize::from(size).min(8)]);
                }
            }
            (_, 4) => self.set_register(offset, low, context),
            (_, 8) => {
                self.set_register(offset, low, context);
                self.set_register(offset + 4, half(value, 1), context);
            }
            _ => {}
        }
        Some(())
    }

    fn due(&self) -> Option<u64> {
        let ready = self.peripheral.as_ref().is_some_and(|device| device.get().has_ready());
        (self.operates() && (self.pending != 0 || ready)).then_some(0)
    }

    fn poll(&mut self, context: &mut Context<'_>) {
        self.work(context);
    }
}

impl State for Mmio {
    fn save(&self, sink: &mut dyn FnMut(&[u8])) {
        self.status.save(sink);
        self.interrupt_status.save(sink);
        self.device_features_select.save(sink);
        self.driver_features_select.save(sink);
        self.driver_features.save(sink);
        self.queue_select.save(sink);
        self.queues.save(sink);
        self.pending.save(sink);
        self.config_generation.save(sink);
        if let Some(device) = &self.peripheral {
            device.get().id().save(sink);
            device.get().save(sink);
        }
    }

    fn restore(&mut self, source: &mut Source<'_>) -> Result<(), StateError> {
        self.status.restore(source)?;
        self.interrupt_status.restore(source)?;
        self.device_features_select.restore(source)?;
        self.driver_features_select.restore(source)?;
        self.driver_features.restore(source)?;
        self.queue_select.restore(source)?;
        let offset = source.offset();
        self.queues.restore(source)?;
        if !self.queues.iter().all(Queue::is_possible) {
            return Err(StateError::Invalid { offset });
        }
        self.pending.restore(source)?;
        self.config_generation.restore(source)?;
        let Some(device) = &mut self.peripheral else { return Ok(()) };
        let (offset, mut id) = (source.offset(), 0u32);
        id.restore(source)?;
        if id != device.get().id() {
            return Err(StateError::Invalid { offset });
        }
        device.get_mut().restore(source)?;
        if self.status & status::FEATURES_OK != 0 {
            device.get_mut().accept(self.driver_features);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
