//! Where an initial RAM disk, a device tree and firmware's data go beside what was loaded: as high as they can,
//! so that a kernel may grow.

use super::{LoadError, Part};
use crate::ram::{PAGE_BYTES, RAM_BASE};

/// Kernels find a device tree and a RAM disk below this address, whatever the size of memory.
const HIGHEST: u64 = 0xc000_0000;
/// The device tree's alignment, so that a large page maps it.
const DTB_ALIGN: u64 = 0x20_0000;
/// Room kept for the device tree, which is written after its place is known.
pub const DTB_BYTES_MAX: u64 = 0x10_0000;
/// Room kept behind the device tree for what firmware is told.
pub const FIRMWARE_INFO_BYTES: u64 = 4096;

/// Places found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Places {
    /// Where the device tree goes.
    pub dtb: u64,
    /// Where the initial RAM disk goes, if there is one.
    pub initrd: Option<u64>,
    /// Where firmware finds what comes next (`fw_dynamic_info`).
    pub firmware_info: u64,
}

/// Finds places that keep clear of `loaded`.
///
/// Errors: memory is too small for the parts, the RAM disk and the device tree.
pub fn find(loaded: &[Part<'_>], initrd_bytes: Option<u64>, memory_end: u64) -> Result<Places, LoadError> {
    let outside = |what, start, bytes| LoadError::OutsideMemory { what, start, bytes, memory_end };
    let top = memory_end.min(HIGHEST);
    let own = DTB_BYTES_MAX + FIRMWARE_INFO_BYTES;
    // In a memory too small for the alignment of large pages, a page's must do.
    let align = if memory_end - RAM_BASE >= 4 * DTB_ALIGN { DTB_ALIGN } else { PAGE_BYTES };
    let dtb = top.saturating_sub(own) & !(align - 1);
    if dtb < RAM_BASE {
        return Err(outside("device tree", RAM_BASE, own));
    }
    let tree = Part { what: "device tree", start: dtb, data: &[], bytes: own };
    let mut parts = loaded.to_vec();
    parts.push(tree);
    let mut places = Places { dtb, initrd: None, firmware_info: dtb + DTB_BYTES_MAX };
    if let Some(bytes) = initrd_bytes {
        let start = dtb.saturating_sub(bytes) & !(PAGE_BYTES - 1);
        if start < RAM_BASE || bytes > dtb {
            return Err(outside("initrd", RAM_BASE, bytes));
        }
        parts.push(Part { what: "initrd", start, data: &[], bytes });
        places.initrd = Some(start);
    }
    super::check(&parts, memory_end)?;
    Ok(places)
}

/// What OpenSBI's `fw_dynamic` finds at the address in `a2`: what to start next, and in which mode.
///
/// Source: OpenSBI, `docs/firmware/fw_dynamic.md` (structure version 2).
pub fn firmware_info(next: u64) -> Vec<u8> {
    const MAGIC: u64 = 0x4942_534f;
    const VERSION: u64 = 2;
    const SUPERVISOR: u64 = 1;
    const NO_OPTIONS: u64 = 0;
    const ANY_HART: u64 = u64::MAX;
    [MAGIC, VERSION, next, SUPERVISOR, NO_OPTIONS, ANY_HART]
        .iter()
        .flat_map(|word| word.to_le_bytes())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    fn kernel(bytes: u64) -> Vec<Part<'static>> {
        vec![Part { what: "kernel", start: RAM_BASE + 2 * MIB, data: &[], bytes }]
    }

    #[test]
    fn everything_stands_clear_at_every_size_of_memory() {
        for memory in [8, 16, 128, 1024, 4096, 65536] {
            let end = RAM_BASE + memory * MIB;
            let places = find(&kernel(MIB), Some(MIB / 2 + 1), end).unwrap();
            let initrd = places.initrd.unwrap();
            assert!(initrd >= RAM_BASE + 3 * MIB && initrd + MIB / 2 < places.dtb, "{places:x?}");
            assert!(places.firmware_info < end.min(HIGHEST));
            assert_eq!(initrd % PAGE_BYTES, 0);
        }
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let end = RAM_BASE + 64 * MIB;
        let refused = find(&kernel(MIB), Some(65 * MIB), end);
        assert!(matches!(refused, Err(LoadError::OutsideMemory { what: "initrd", .. })), "{refused:?}");
        let refused = find(&kernel(MIB), Some(u64::MAX), end);
        assert!(matches!(refused, Err(LoadError::OutsideMemory { what: "initrd", .. })), "{refused:?}");
        let refused = find(&kernel(40 * MIB), Some(30 * MIB), end);
        assert!(matches!(refused, Err(LoadError::Overlap { .. })), "{refused:?}");
        let refused = find(&[], None, RAM_BASE + MIB);
        assert!(matches!(refused, Err(LoadError::OutsideMemory { what: "device tree", .. })), "{refused:?}");
    }
}
