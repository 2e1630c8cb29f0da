//! Which devices a board has and where they stand: the memory map and interrupt numbers of QEMU's `virt` board.

/// The most harts a node has.
pub const HARTS_MAX: usize = 64;

/// A device's place in the physical address space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// The first physical address.
    pub base: u64,
    /// How many bytes answer; what lies further faults.
    pub bytes: u64,
}

impl Window {
    const fn new(base: u64, bytes: u64) -> Window {
        Window { base, bytes }
    }

    /// The offset of `pa` in the window, if it is inside.
    pub fn offset(&self, pa: u64) -> Option<u64> {
        pa.checked_sub(self.base).filter(|offset| *offset < self.bytes)
    }
}

/// The test finisher.
pub const SYSCON: Window = Window::new(0x0010_0000, 0x1000);
/// The real-time clock.
pub const RTC: Window = Window::new(0x0010_1000, 0x24);
/// Machine software interrupts, timers and `mtime`.
pub const CLINT: Window = Window::new(0x0200_0000, 0xc000);
/// Supervisor software interrupts.
pub const SSWI: Window = Window::new(0x02f0_0000, 0x4000);
/// The interrupt controller.
pub const PLIC: Window = Window::new(0x0c00_0000, 0x60_0000);
/// The serial port.
pub const UART: Window = Window::new(0x1000_0000, 8);

/// How many virtio slots there are; each answers, whether or not a device is in it.
pub const VIRTIO_SLOTS: usize = 8;

/// The place of virtio slot `slot`.
pub const fn virtio_window(slot: usize) -> Window {
    Window::new(0x1000_1000 + 0x1000 * slot as u64, 0x200)
}

/// The PLIC source of virtio slot `slot`.
///
/// Panics: for a slot that no board has.
pub fn virtio_source(slot: usize) -> u32 {
    assert!(slot < VIRTIO_SLOTS, "there is no virtio slot {slot}");
    u32::try_from(slot).map_or(0, |slot| slot + 1)
}

/// The PLIC source of the serial port.
pub const UART_SOURCE: u32 = 10;
/// The PLIC source of the real-time clock.
pub const RTC_SOURCE: u32 = 11;

/// The date at which the clock starts unless configured: 2026-01-01T00:00:00Z, in seconds since 1970.
pub const RTC_START_S: u64 = 1_767_225_600;

/// What to build a [`Bus`](crate::bus::Bus) from.
#[derive(Clone, Debug)]
pub struct Board {
    /// How many harts, 1 to [`HARTS_MAX`].
    pub harts: usize,
    /// Size of main memory, rounded up to a page.
    pub memory_bytes: u64,
    /// Whether there is a serial port.
    pub uart: bool,
    /// Whether there is a real-time clock.
    pub rtc: bool,
    /// What the clock reads at virtual time 0, in seconds since 1970.
    pub rtc_start_s: u64,
    /// Whether there is a test finisher, without which only SBI can power off.
    pub syscon: bool,
    /// Whether the core-local interruptor is the ACLINT's three devices, as on QEMU's board with `aclint=on`,
    /// or SiFive's CLINT, which is the same registers without supervisor software interrupts.
    pub aclint: bool,
    /// Whether there are virtio slots, with whatever is attached to them.
    pub virtio: bool,
}

impl Default for Board {
    fn default() -> Board {
        Board {
            harts: 1,
            memory_bytes: 128 << 20,
            uart: true,
            rtc: true,
            rtc_start_s: RTC_START_S,
            syscon: true,
            aclint: false,
            virtio: true,
        }
    }
}

/// Why a board cannot be built.
#[derive(Debug)]
pub enum BoardError {
    /// The number of harts is 0 or above [`HARTS_MAX`].
    Harts {
        /// How many were asked for.
        asked: usize,
    },
    /// The host refused the memory.
    Memory {
        /// How much was asked for.
        bytes: u64,
        /// What the host said.
        source: std::io::Error,
    },
}

impl std::fmt::Display for BoardError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            BoardError::Harts { asked } => write!(f, "a node has 1 to {HARTS_MAX} harts, not {asked}"),
            BoardError::Memory { bytes, .. } => {
                write!(f, "the host has no {bytes} bytes for the node's memory")
            }
        }
    }
}

impl std::error::Error for BoardError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            BoardError::Harts { .. } => None,
            BoardError::Memory { source, .. } => Some(source),
        }
    }
}
