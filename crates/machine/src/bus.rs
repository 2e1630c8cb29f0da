//! The bus: main memory, the devices, and the dispatch of physical accesses among them.
//!
//! An access that is misaligned, of a size the device does not take, or where nothing stands is `None`: an access
//! fault. Whatever a device does to its interrupt line has reached the harts' wires when the access returns.

use crate::board::{self, Board, BoardError};
use crate::debug::Points;
use crate::dev::aclint::{Clint, Sswi};
use crate::dev::plic::Plic;
use crate::dev::rtc::Rtc;
use crate::dev::syscon::Syscon;
use crate::dev::uart::Uart;
use crate::dev::virtio::console::Console;
use crate::dev::virtio::entropy::Entropy;
use crate::dev::virtio::mmio::{Mmio, Peripheral};
use crate::dev::virtio::net::Net;
use crate::dev::{Context, Device};
use crate::lines::Lines;
use crate::ram::Ram;
use crate::state::{Source, State, StateError};
use crate::timing::Timing;

/// Everything on a node that is not a hart.
#[derive(Debug)]
pub struct Bus {
    /// Main memory.
    pub ram: Ram,
    /// The wires to the harts.
    pub lines: Lines,
    /// The interrupt controller.
    pub plic: Plic,
    /// Machine software interrupts and timers.
    pub clint: Clint,
    /// Supervisor software interrupts.
    pub sswi: Option<Sswi>,
    /// The serial port.
    pub uart: Option<Uart>,
    /// The real-time clock.
    pub rtc: Option<Rtc>,
    /// The test finisher.
    pub syscon: Option<Syscon>,
    /// The virtio slots.
    pub virtio: Box<[Mmio]>,
    /// What memory costs, when timing is modelled.
    pub timing: Option<Box<Timing>>,
    /// What a debugger set; not simulated state.
    pub debug: Option<Box<Points>>,
}

impl Bus {
    /// The bus of `board`, as it is at power-on.
    ///
    /// Errors: a number of harts or a size of memory that cannot be.
    pub fn new(board: &Board) -> Result<Bus, BoardError> {
        let harts = board.harts;
        if harts == 0 || harts > board::HARTS_MAX {
            return Err(BoardError::Harts { asked: harts });
        }
        let bytes = board.memory_bytes;
        let ram = Ram::new(bytes).map_err(|source| BoardError::Memory { bytes, source })?;
        let slots = if board.virtio { board::VIRTIO_SLOTS } else { 0 };
        let start_ns = board.rtc_start_s.saturating_mul(1_000_000_000);
        Ok(Bus {
            ram,
            lines: Lines::new(harts),
            plic: Plic::new(harts),
            clint: Clint::new(harts),
            sswi: board.aclint.then_some(Sswi),
            uart: board.uart.then(|| Uart::new(board::UART_SOURCE)),
            rtc: board.rtc.then(|| Rtc::new(board::RTC_SOURCE, start_ns)),
            syscon: board.syscon.then(Syscon::default),
            timing: None,
            debug: None,
            virtio: (0..slots).map(|slot| Mmio::new(board::virtio_source(slot), None)).collect(),
        })
    }

    /// Puts a device into the first empty virtio slot; returns which, or the device when there is none.
    pub fn attach(&mut self, peripheral: Peripheral) -> Result<usize, Box<Peripheral>> {
        match self.virtio.iter().position(|slot| slot.peripheral.is_none()) {
            Some(slot) => {
                self.virtio[slot] = Mmio::new(board::virtio_source(slot), Some(peripheral));
                Ok(slot)
            }
            None => Err(Box::new(peripheral)),
        }
    }

    /// The virtio console, if there is one. After changing it, [`Bus::due`] says that there is something to do.
    pub fn console(&mut self) -> Option<&mut Console> {
        self.virtio.iter_mut().find_map(|slot| match &mut slot.peripheral {
            Some(Peripheral::Console(console)) => Some(console),
            _ => None,
        })
    }

    /// The network interfaces, in the order of their slots. After changing one, [`Bus::due`] says that there is
    /// something to do.
    pub fn nets(&mut self) -> impl Iterator<Item = &mut Net> {
        self.virtio.iter_mut().filter_map(|slot| match &mut slot.peripheral {
            Some(Peripheral::Net(net)) => Some(net),
            _ => None,
        })
    }

    /// The source of randomness, if there is one.
    pub fn entropy(&mut self) -> Option<&mut Entropy> {
        self.virtio.iter_mut().find_map(|slot| match &mut slot.peripheral {
            Some(Peripheral::Entropy(entropy)) => Some(entropy),
            _ => None,
        })
    }

    /// Loads `size` (1, 2, 4 or 8) bytes at physical address `pa` at tick `mtime`; `None` is an access fault.
    pub fn load(&mut self, pa: u64, size: u8, mtime: u64) -> Option<u64> {
        if let Some(value) = self.ram.load(pa, u64::from(size)) {
            return Some(value);
        }
        let (device, offset, mut context) = self.device(pa, size, mtime)?;
        let value = device.read(offset, size, &mut context);
        self.settle();
        value
    }

    /// Stores the low `size` (1, 2, 4 or 8) bytes of `value` at physical address `pa` at tick `mtime`; `None` is
    /// an access fault.
    pub fn store(&mut self, pa: u64, size: u8, value: u64, mtime: u64) -> Option<()> {
        let bytes = value.to_le_bytes();
        if self.ram.write(pa, bytes.get(..usize::from(size))?).is_some() {
            return Some(());
        }
        let (device, offset, mut context) = self.device(pa, size, mtime)?;
        let mask = u64::MAX >> (64 - 8 * u32::from(size));
        let stored = device.write(offset, size, value & mask, &mut context);
        self.settle();
        stored
    }

    /// The earliest tick at which some device has something to do by itself; timers are in [`Lines::mtimecmp`].
    pub fn due(&self) -> Option<u64> {
        let slots = self.virtio.iter().filter_map(Device::due);
        self.rtc.iter().filter_map(Device::due).chain(slots).min()
    }

    /// The tick from which on a [`Bus::poll`], or taking the serial port's output, changes something, unless a device is
    /// reached before; 0 where it would at tick `mtime`.
    pub fn still_until(&self, mtime: u64) -> u64 {
        let output = self.uart.as_ref().is_some_and(Uart::has_output);
        if output || !self.plic.has_seen(self.lines.sources) {
            return 0;
        }
        self.due().unwrap_or(u64::MAX).min(Clint::due(&self.lines, mtime))
    }

    /// Does what is due at tick `mtime`: alarms, timers, and work that devices had put off.
    pub fn poll(&mut self, mtime: u64) {
        let mut context = Context { ram: &mut self.ram, lines: &mut self.lines, mtime };
        if let Some(rtc) = &mut self.rtc {
            rtc.poll(&mut context);
        }
        self.virtio.iter_mut().for_each(|slot| slot.poll(&mut context));
        Clint::refresh(&mut self.lines, mtime);
        self.settle();
    }

    /// Whether there are shared folders whose requests wait to be served.
    pub fn is_gated(&self) -> bool {
        self.virtio.iter().any(Mmio::is_gated)
    }

    /// Serves the shared folders whose requests wait for this moment.
    pub fn serve_gated(&mut self, mtime: u64) {
        let mut context = Context { ram: &mut self.ram, lines: &mut self.lines, mtime };
        self.virtio.iter_mut().for_each(|slot| slot.serve_gated(&mut context));
        self.settle();
    }

    /// Carries the devices' interrupt lines through the PLIC to the harts; for use after reaching a device past
    /// the bus, as the run loop does with input.
    pub fn settle(&mut self) {
        if !self.plic.has_seen(self.lines.sources) {
            self.plic.refresh(&mut self.lines);
        }
    }

    /// The device that answers at `pa`, with the offset in its window.
    fn device(&mut self, pa: u64, size: u8, mtime: u64) -> Option<(&mut dyn Device, u64, Context<'_>)> {
        if !matches!(size, 1 | 2 | 4 | 8) || pa & (u64::from(size) - 1) != 0 {
            return None;
        }
        let Bus { ram, lines, plic, clint, sswi, uart, rtc, syscon, virtio, timing: _, debug: _ } = self;
        let context = Context { ram, lines, mtime };
        if let Some(offset) = board::PLIC.offset(pa) {
            return Some((plic, offset, context));
        }
        if let Some(offset) = board::CLINT.offset(pa) {
            return Some((clint, offset, context));
        }
        for (number, slot) in virtio.iter_mut().enumerate() {
            if let Some(offset) = board::virtio_window(number).offset(pa) {
                return Some((slot, offset, context));
            }
        }
        let optional: [(&board::Window, Option<&mut dyn Device>); 4] = [
            (&board::UART, uart.as_mut().map(|device| device as _)),
            (&board::RTC, rtc.as_mut().map(|device| device as _)),
            (&board::SYSCON, syscon.as_mut().map(|device| device as _)),
            (&board::SSWI, sswi.as_mut().map(|device| device as _)),
        ];
        optional
            .into_iter()
            .find_map(|(window, device)| Some((window.offset(pa)?, device)))
            .and_then(|(offset, device)| Some((device?, offset, context)))
    }
}

/// Main memory is not part of it: digests and snapshots take [`Ram::bytes`] as a whole.
impl State for Bus {
    fn save(&self, sink: &mut dyn FnMut(&[u8])) {
        self.lines.save(sink);
        self.plic.save(sink);
        self.clint.save(sink);
        self.uart.iter().for_each(|device| device.save(sink));
        self.rtc.iter().for_each(|device| device.save(sink));
        self.syscon.iter().for_each(|device| device.save(sink));
        self.virtio.save(sink);
        self.timing.iter().for_each(|timing| timing.save(sink));
    }

    fn restore(&mut self, source: &mut Source<'_>) -> Result<(), StateError> {
        self.lines.restore(source)?;
        self.plic.restore(source)?;
        self.clint.restore(source)?;
        self.uart.iter_mut().try_for_each(|device| device.restore(source))?;
        self.rtc.iter_mut().try_for_each(|device| device.restore(source))?;
        self.syscon.iter_mut().try_for_each(|device| device.restore(source))?;
        self.virtio.restore(source)?;
        self.timing.iter_mut().try_for_each(|timing| timing.restore(source))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lines::mip;
    use crate::ram::RAM_BASE;

    fn bus(board: Board) -> Bus {
        Bus::new(&Board { memory_bytes: 1 << 20, harts: 2, ..board }).unwrap()
    }

    #[test]
    fn memory_and_devices_answer_where_the_map_says() {
        let mut bus = bus(Board::default());
        bus.store(RAM_BASE + 3, 2, 0x1_abcd, 0).unwrap();
        assert_eq!(bus.load(RAM_BASE + 3, 4, 0), Some(0xabcd));
        assert_eq!(bus.load(0x1000_0005, 1, 0), Some(0x60));
        assert_eq!(bus.load(0x0200_bff8, 8, 77), Some(77));
        bus.store(0x1000_0000, 1, u64::from(b'!'), 0).unwrap();
        assert_eq!(bus.uart.as_mut().unwrap().take_output(&mut bus.lines), b"!");
    }

    #[test]
    fn nothing_misaligned_absent_or_across_the_end_of_memory_answers() {
        let mut board = bus(Board::default());
        let end = board.ram.end();
        for (pa, size) in [
            (0, 4),
            (0x0200_bffc, 8),
            (0x0c00_0002, 4),
            (0x1000_0008, 1),
            (end - 4, 8),
            (end, 1),
            (u64::MAX, 1),
        ] {
            assert_eq!(board.load(pa, size, 0), None, "load of {size} at {pa:#x}");
            assert_eq!(board.store(pa, size, 0, 0), None, "store of {size} at {pa:#x}");
        }
        assert_eq!(board.load(0x02f0_0000, 4, 0), None);
        let mut bare =
            bus(Board { uart: false, rtc: false, syscon: false, aclint: true, ..Board::default() });
        for pa in [0x1000_0000, 0x10_0000, 0x10_1000] {
            assert_eq!(bare.load(pa, 4, 0), None, "{pa:#x}");
        }
        assert_eq!(bare.load(0x02f0_0000, 4, 0), Some(0));
    }

    #[test]
    fn a_device_interrupt_reaches_the_hart_within_the_access() {
        let mut bus = bus(Board::default());
        bus.store(0x0c00_0028, 4, 1, 0).unwrap();
        bus.store(0x0c00_2180, 4, 1 << 10, 0).unwrap();
        bus.store(0x1000_0001, 1, 2, 0).unwrap();
        assert_eq!(bus.lines.level[..], [0, mip::SEIP]);
        assert_eq!(bus.load(0x0c20_3004, 4, 0), Some(10));
        assert_eq!(bus.lines.level[1], 0);
    }

    #[test]
    fn polling_rings_alarms_and_timers() {
        let mut bus = bus(Board { rtc_start_s: 0, ..Board::default() });
        bus.store(0x0200_4000, 8, 30, 0).unwrap();
        bus.store(0x0010_1008, 4, 1000, 0).unwrap();
        assert_eq!((bus.due(), bus.still_until(0)), (Some(10), 10));
        bus.poll(10);
        assert_eq!((bus.due(), bus.still_until(10)), (None, 30));
        bus.poll(30);
        assert_eq!(bus.still_until(30), u64::MAX);
        assert_eq!(bus.lines.level[0], mip::MTIP);
    }

    #[test]
    fn restored_state_saves_as_it_was() {
        let mut first = bus(Board::default());
        first.store(0x0c00_0028, 4, 5, 0).unwrap();
        first.store(0x1000_0007, 1, 0x5a, 0).unwrap();
        first.store(0x0200_4008, 8, 99, 0).unwrap();
        let saved = |bus: &Bus| {
            let mut bytes = Vec::new();
            bus.save(&mut |part| bytes.extend_from_slice(part));
            bytes
        };
        let mut second = bus(Board::default());
        assert_ne!(saved(&second), saved(&first));
        second.restore(&mut Source::new(&saved(&first))).unwrap();
        assert_eq!(saved(&second), saved(&first));
        assert_eq!(second.load(0x1000_0007, 1, 0), Some(0x5a));
        assert!(Bus::new(&Board::default()).unwrap().restore(&mut Source::new(&saved(&first))).is_err());
    }

    #[test]
    fn impossible_boards_are_refused() {
        for harts in [0, 65] {
            let refused = Bus::new(&Board { harts, ..Board::default() });
            assert!(matches!(refused, Err(BoardError::Harts { asked }) if asked == harts));
        }
    }
}
