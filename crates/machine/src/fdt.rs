//! The device tree that describes a board to its guest, in the shape of QEMU's `virt` board.
//!
//! Only what stands on the board is in the tree. Order and numbering depend on the board alone, so equal boards
//! have equal trees.
//!
//! Source: Devicetree Specification 0.4; Linux's bindings for RISC-V CPUs, PLIC, CLINT and virtio-mmio.

use crate::board::{self, Board, Window};
use crate::dev::TIMEBASE_HZ;
use crate::dev::plic::SOURCES_MAX;
use crate::dev::syscon::{POWER_OFF, REBOOT};
use crate::ram::{PAGE_BYTES, RAM_BASE};
use std::ops::Range;
use vm_fdt::{Error, FdtWriter};

/// The single-letter extensions, in canonical order.
const LETTERS: &str = "imafdch";
/// The other extensions, in canonical order; every hart has all of them.
pub const EXTENSIONS: &[&str] = &[
    "zic64b",
    "zicbom",
    "zicbop",
    "zicboz",
    "zicntr",
    "zicond",
    "zicsr",
    "zifencei",
    "zihintpause",
    "zihpm",
    "zmmul",
    "zaamo",
    "zalrsc",
    "zawrs",
    "zfa",
    "zca",
    "zcd",
    "zba",
    "zbb",
    "zbc",
    "zbs",
    "sstc",
    "svadu",
    "svinval",
    "svnapot",
    "svpbmt",
];
/// Bytes in the block of the cache-block instructions.
const CACHE_BLOCK_BYTES: u32 = 64;
/// Clock of the serial port, from which drivers work out divisors.
const UART_CLOCK_HZ: u32 = 3_686_400;

/// Codes of `interrupts-extended` at a hart's own controller: the interrupt's number in `mip`.
mod local {
    pub(super) const SUPERVISOR_SOFTWARE: u32 = 1;
    pub(super) const MACHINE_SOFTWARE: u32 = 3;
    pub(super) const MACHINE_TIMER: u32 = 7;
    pub(super) const SUPERVISOR_EXTERNAL: u32 = 9;
    pub(super) const MACHINE_EXTERNAL: u32 = 11;
}

/// What the tree tells beside the board itself.
#[derive(Clone, Debug, Default)]
pub struct Boot {
    /// The kernel's command line.
    pub arguments: String,
    /// Where the initial RAM disk stands.
    pub initrd: Option<Range<u64>>,
    /// Seed of the kernel's random generator, from the run's own.
    pub rng_seed: [u8; 32],
    /// Whether harts walk page tables; without, the translation cache is software's.
    pub page_tables: bool,
}

/// The tree of `board`, as a flattened blob.
///
/// Errors: when the command line holds a zero byte.
pub fn build(board: &Board, boot: &Boot) -> Result<Vec<u8>, Error> {
    let mut tree = Tree { fdt: FdtWriter::new()?, board, boot };
    let root = tree.fdt.begin_node("")?;
    tree.cells(2, 2)?;
    tree.fdt.property_string("compatible", "riscv-virtio")?;
    tree.fdt.property_string("model", "riscv-virtio,multivac")?;
    tree.chosen()?;
    tree.cpus()?;
    tree.memory()?;
    tree.power()?;
    let soc = tree.fdt.begin_node("soc")?;
    tree.cells(2, 2)?;
    tree.fdt.property_string("compatible", "simple-bus")?;
    tree.fdt.property_null("ranges")?;
    tree.soc()?;
    tree.fdt.end_node(soc)?;
    tree.fdt.end_node(root)?;
    tree.fdt.finish()
}

struct Tree<'a> {
    fdt: FdtWriter,
    board: &'a Board,
    boot: &'a Boot,
}

impl Tree<'_> {
    fn cells(&mut self, address: u32, size: u32) -> Result<(), Error> {
        self.fdt.property_u32("#address-cells", address)?;
        self.fdt.property_u32("#size-cells", size)
    }

    fn harts(&self) -> u32 {
        u32::try_from(self.board.harts).unwrap_or(u32::MAX)
    }

    fn cpu_phandle(hart: u32) -> u32 {
        1 + 2 * hart
    }

    fn cpu_intc_phandle(hart: u32) -> u32 {
        2 + 2 * hart
    }

    fn plic_phandle(&self) -> u32 {
        1 + 2 * self.harts()
    }

    fn syscon_phandle(&self) -> u32 {
        2 + 2 * self.harts()
    }

    fn chosen(&mut self) -> Result<(), Error> {
        let serial = format!("/soc/{}", node_name("serial", board::UART));
        if self.board.uart {
            let aliases = self.fdt.begin_node("aliases")?;
            self.fdt.property_string("serial0", &serial)?;
            self.fdt.end_node(aliases)?;
        }
        let chosen = self.fdt.begin_node("chosen")?;
        if !self.boot.arguments.is_empty() {
            self.fdt.property_string("bootargs", &self.boot.arguments)?;
        }
        if let Some(initrd) = &self.boot.initrd {
            self.fdt.property_u64("linux,initrd-start", initrd.start)?;
            self.fdt.property_u64("linux,initrd-end", initrd.end)?;
        }
        self.fdt.property("rng-seed", &self.boot.rng_seed)?;
        if self.board.uart {
            self.fdt.property_string("stdout-path", &serial)?;
        }
        self.fdt.end_node(chosen)
    }

    fn cpus(&mut self) -> Result<(), Error> {
        let cpus = self.fdt.begin_node("cpus")?;
        self.cells(1, 0)?;
        self.fdt.property_u32("timebase-frequency", TIMEBASE_HZ)?;
        for hart in 0..self.harts() {
            self.cpu(hart)?;
        }
        let map = self.fdt.begin_node("cpu-map")?;
        let cluster = self.fdt.begin_node("cluster0")?;
        for hart in 0..self.harts() {
            let core = self.fdt.begin_node(&format!("core{hart}"))?;
            self.fdt.property_u32("cpu", Self::cpu_phandle(hart))?;
            self.fdt.end_node(core)?;
        }
        self.fdt.end_node(cluster)?;
        self.fdt.end_node(map)?;
        self.fdt.end_node(cpus)
    }

    fn cpu(&mut self, hart: u32) -> Result<(), Error> {
        let cpu = self.fdt.begin_node(&format!("cpu@{hart:x}"))?;
        self.fdt.property_string("device_type", "cpu")?;
        self.fdt.property_u32("reg", hart)?;
        self.fdt.property_string("status", "okay")?;
        self.fdt.property_string("compatible", "riscv")?;
        self.fdt.property_string("riscv,isa", &isa_string())?;
        self.fdt.property_string("riscv,isa-base", "rv64i")?;
        let letters = LETTERS.chars().map(String::from);
        let extensions = letters.chain(EXTENSIONS.iter().map(|name| (*name).to_owned()));
        self.fdt.property_string_list("riscv,isa-extensions", extensions.collect())?;
        for kind in ["cbom", "cbop", "cboz"] {
            self.fdt.property_u32(&format!("riscv,{kind}-block-size"), CACHE_BLOCK_BYTES)?;
        }
        let mmu = if self.boot.page_tables { "riscv,sv57" } else { "riscv,none" };
        self.fdt.property_string("mmu-type", mmu)?;
        self.fdt.property_phandle(Self::cpu_phandle(hart))?;
        let controller = self.fdt.begin_node("interrupt-controller")?;
        self.fdt.property_u32("#interrupt-cells", 1)?;
        self.fdt.property_null("interrupt-controller")?;
        self.fdt.property_string("compatible", "riscv,cpu-intc")?;
        self.fdt.property_phandle(Self::cpu_intc_phandle(hart))?;
        self.fdt.end_node(controller)?;
        self.fdt.end_node(cpu)
    }

    fn memory(&mut self) -> Result<(), Error> {
        let bytes = self.board.memory_bytes.next_multiple_of(PAGE_BYTES);
        let memory = self.fdt.begin_node(&format!("memory@{RAM_BASE:x}"))?;
        self.fdt.property_string("device_type", "memory")?;
        self.fdt.property_array_u64("reg", &[RAM_BASE, bytes])?;
        self.fdt.end_node(memory)
    }

    fn power(&mut self) -> Result<(), Error> {
        if !self.board.syscon {
            return Ok(());
        }
        for (name, value) in [("poweroff", POWER_OFF), ("reboot", REBOOT)] {
            let node = self.fdt.begin_node(name)?;
            self.fdt.property_string("compatible", &format!("syscon-{name}"))?;
            self.fdt.property_u32("regmap", self.syscon_phandle())?;
            self.fdt.property_u32("offset", 0)?;
            self.fdt.property_u32("value", value)?;
            self.fdt.end_node(node)?;
        }
        Ok(())
    }

    fn soc(&mut self) -> Result<(), Error> {
        if self.board.uart {
            self.device("serial", board::UART, 0x100, &["ns16550a"], |tree| {
                tree.fdt.property_u32("clock-frequency", UART_CLOCK_HZ)?;
                tree.interrupt(board::UART_SOURCE)
            })?;
        }
        if self.board.rtc {
            self.device("rtc", board::RTC, 0x1000, &["google,goldfish-rtc"], |tree| {
                tree.interrupt(board::RTC_SOURCE)
            })?;
        }
        if self.board.syscon {
            let compatible = ["sifive,test1", "sifive,test0", "syscon"];
            self.device("test", board::SYSCON, board::SYSCON.bytes, &compatible, |tree| {
                tree.fdt.property_phandle(tree.syscon_phandle())
            })?;
        }
        if self.board.virtio {
            for slot in 0..board::VIRTIO_SLOTS {
                self.device("virtio_mmio", board::virtio_window(slot), 0x1000, &["virtio,mmio"], |tree| {
                    tree.interrupt(board::virtio_source(slot))
                })?;
            }
        }
        self.plic()?;
        if self.board.aclint { self.aclint() } else { self.clint() }
    }

    /// A node with its `reg` of `bytes` and `compatible`, and what else `properties` writes.
    fn device(
        &mut self,
        name: &str,
        window: Window,
        bytes: u64,
        compatible: &[&str],
        properties: impl FnOnce(&mut Self) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let node = self.fdt.begin_node(&node_name(name, window))?;
        self.fdt.property_array_u64("reg", &[window.base, bytes])?;
        self.fdt
            .property_string_list("compatible", compatible.iter().map(|name| (*name).to_owned()).collect())?;
        properties(self)?;
        self.fdt.end_node(node)
    }

    fn interrupt(&mut self, source: u32) -> Result<(), Error> {
        self.fdt.property_u32("interrupt-parent", self.plic_phandle())?;
        self.fdt.property_u32("interrupts", source)
    }

    /// Ties `codes` of every hart's own controller to the device.
    fn local_interrupts(&mut self, codes: &[u32]) -> Result<(), Error> {
        let pairs = |hart| codes.iter().flat_map(move |code| [Self::cpu_intc_phandle(hart), *code]);
        let cells: Vec<u32> = (0..self.harts()).flat_map(pairs).collect();
        self.fdt.property_array_u32("interrupts-extended", &cells)
    }

    fn controller(&mut self, cells: u32) -> Result<(), Error> {
        self.fdt.property_null("interrupt-controller")?;
        self.fdt.property_u32("#interrupt-cells", cells)
    }

    fn plic(&mut self) -> Result<(), Error> {
        let compatible = ["sifive,plic-1.0.0", "riscv,plic0"];
        self.device("plic", board::PLIC, board::PLIC.bytes, &compatible, |tree| {
            tree.controller(1)?;
            tree.fdt.property_u32("#address-cells", 0)?;
            tree.fdt.property_u32("riscv,ndev", SOURCES_MAX)?;
            tree.local_interrupts(&[local::MACHINE_EXTERNAL, local::SUPERVISOR_EXTERNAL])?;
            tree.fdt.property_phandle(tree.plic_phandle())
        })
    }

    fn clint(&mut self) -> Result<(), Error> {
        self.device("clint", board::CLINT, 0x1_0000, &["sifive,clint0", "riscv,clint0"], |tree| {
            tree.local_interrupts(&[local::MACHINE_SOFTWARE, local::MACHINE_TIMER])
        })
    }

    fn aclint(&mut self) -> Result<(), Error> {
        let base = board::CLINT.base;
        let software = Window { base, bytes: 0x4000 };
        self.device("mswi", software, software.bytes, &["riscv,aclint-mswi"], |tree| {
            tree.controller(0)?;
            tree.local_interrupts(&[local::MACHINE_SOFTWARE])
        })?;
        let timer = self.fdt.begin_node(&format!("mtimer@{:x}", base + 0x4000))?;
        self.fdt.property_string("compatible", "riscv,aclint-mtimer")?;
        self.fdt.property_array_u64("reg", &[base + 0xbff8, 0x4008, base + 0x4000, 0x7ff8])?;
        self.local_interrupts(&[local::MACHINE_TIMER])?;
        self.fdt.end_node(timer)?;
        self.device("sswi", board::SSWI, board::SSWI.bytes, &["riscv,aclint-sswi"], |tree| {
            tree.controller(0)?;
            tree.local_interrupts(&[local::SUPERVISOR_SOFTWARE])
        })
    }
}

fn node_name(name: &str, window: Window) -> String {
    format!("{name}@{:x}", window.base)
}

/// The `riscv,isa` string: base, letters, and the longer names after underscores.
pub fn isa_string() -> String {
    EXTENSIONS.iter().fold(format!("rv64{LETTERS}"), |string, name| string + "_" + name)
}

#[cfg(test)]
mod tests;
