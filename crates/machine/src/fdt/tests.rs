//! Trees are read back by a small reader of the flattened format.

use super::*;
use std::collections::BTreeMap;

/// Every property by its path, as its bytes.
fn read(blob: &[u8]) -> BTreeMap<String, Vec<u8>> {
    let word = |at: usize| u32::from_be_bytes(*blob[at..].first_chunk().unwrap()) as usize;
    let name = |at: usize| {
        let bytes = blob[at..].split(|byte| *byte == 0).next().unwrap();
        String::from_utf8(bytes.to_vec()).unwrap()
    };
    assert_eq!((word(0), word(4)), (0xd00d_feed, blob.len()));
    let (mut at, strings) = (word(8), word(12));
    let (mut path, mut found) = (Vec::new(), BTreeMap::new());
    loop {
        match word(at) {
            1 => {
                let node = name(at + 4);
                at += 4 + ((node.len() + 4) & !3);
                path.push(node);
            }
            2 => {
                path.pop();
                at += 4;
            }
            3 => {
                let length = word(at + 4);
                let key = format!("{}/{}", path.join("/"), name(strings + word(at + 8)));
                found.insert(key, blob[at + 12..at + 12 + length].to_vec());
                at += 12 + length.next_multiple_of(4);
            }
            9 => return found,
            token => panic!("token {token} at {at}"),
        }
    }
}

fn tree(board: &Board) -> BTreeMap<String, Vec<u8>> {
    let boot = Boot {
        arguments: "console=hvc0".to_owned(),
        initrd: Some(0x8400_0000..0x8480_0000),
        rng_seed: [7; 32],
        page_tables: true,
    };
    read(&build(board, &boot).unwrap())
}

fn two_harts() -> Board {
    Board { harts: 2, memory_bytes: 512 << 20, ..Board::default() }
}

fn check_cells(found: &BTreeMap<String, Vec<u8>>, key: &str, cells: &[u32]) {
    let bytes: Vec<u8> = cells.iter().flat_map(|cell| cell.to_be_bytes()).collect();
    assert_eq!(found.get(key), Some(&bytes), "{key}");
}

fn check_text(found: &BTreeMap<String, Vec<u8>>, key: &str, text: &str) {
    assert_eq!(
        found.get(key).map(|bytes| String::from_utf8_lossy(bytes).into_owned()).as_deref(),
        Some(text)
    );
}

/// The values are those of the blob that QEMU 10.0.2 makes with `-M virt -smp 2 -m 512M`, phandles apart.
#[test]
fn devices_stand_where_qemu_has_them() {
    let found = tree(&two_harts());
    check_cells(&found, "/soc/serial@10000000/reg", &[0, 0x1000_0000, 0, 0x100]);
    check_cells(&found, "/soc/serial@10000000/interrupts", &[10]);
    check_cells(&found, "/soc/serial@10000000/clock-frequency", &[0x38_4000]);
    check_cells(&found, "/soc/rtc@101000/reg", &[0, 0x10_1000, 0, 0x1000]);
    check_cells(&found, "/soc/rtc@101000/interrupts", &[11]);
    check_text(&found, "/soc/test@100000/compatible", "sifive,test1\0sifive,test0\0syscon\0");
    check_cells(&found, "/soc/plic@c000000/reg", &[0, 0x0c00_0000, 0, 0x60_0000]);
    check_cells(&found, "/soc/plic@c000000/riscv,ndev", &[0x5f]);
    check_cells(&found, "/soc/plic@c000000/interrupts-extended", &[2, 11, 2, 9, 4, 11, 4, 9]);
    check_cells(&found, "/soc/clint@2000000/reg", &[0, 0x0200_0000, 0, 0x1_0000]);
    check_cells(&found, "/soc/clint@2000000/interrupts-extended", &[2, 3, 2, 7, 4, 3, 4, 7]);
    check_cells(&found, "/soc/virtio_mmio@10001000/reg", &[0, 0x1000_1000, 0, 0x1000]);
    check_cells(&found, "/soc/virtio_mmio@10008000/interrupts", &[8]);
    check_cells(&found, "/poweroff/value", &[0x5555]);
    check_cells(&found, "/reboot/value", &[0x7777]);
    check_cells(&found, "/memory@80000000/reg", &[0, 0x8000_0000, 0, 0x2000_0000]);
}

#[test]
fn harts_say_what_they_can() {
    let found = tree(&two_harts());
    check_cells(&found, "/cpus/timebase-frequency", &[10_000_000]);
    check_cells(&found, "/cpus/cpu@1/reg", &[1]);
    check_cells(&found, "/cpus/cpu@1/riscv,cboz-block-size", &[64]);
    check_cells(&found, "/cpus/cpu@1/interrupt-controller/phandle", &[4]);
    check_cells(&found, "/cpus/cpu-map/cluster0/core1/cpu", &[3]);
    check_text(&found, "/cpus/cpu@0/mmu-type", "riscv,sv57\0");
    let isa = String::from_utf8(found["/cpus/cpu@0/riscv,isa"].clone()).unwrap();
    assert!(isa.starts_with("rv64imafdch_zic64b_zicbom_"), "{isa}");
    let listed = String::from_utf8(found["/cpus/cpu@0/riscv,isa-extensions"].clone()).unwrap();
    assert!(listed.starts_with("i\0m\0a\0") && listed.ends_with("svpbmt\0"), "{listed}");
    assert!(!found.contains_key("/cpus/cpu@2/reg"));
}

#[test]
fn the_kernel_finds_its_command_line_disk_and_seed() {
    let found = tree(&two_harts());
    check_text(&found, "/chosen/bootargs", "console=hvc0\0");
    check_text(&found, "/chosen/stdout-path", "/soc/serial@10000000\0");
    check_cells(&found, "/chosen/linux,initrd-start", &[0, 0x8400_0000]);
    check_cells(&found, "/chosen/linux,initrd-end", &[0, 0x8480_0000]);
    assert_eq!(found["/chosen/rng-seed"], [7; 32]);
}

#[test]
fn absent_devices_are_absent() {
    let bare = Board { uart: false, rtc: false, syscon: false, aclint: true, virtio: false, ..two_harts() };
    let found = tree(&bare);
    for gone in ["serial", "rtc", "test", "poweroff", "reboot", "stdout-path", "virtio", "clint@"] {
        let kept: Vec<_> = found.keys().filter(|key| key.contains(gone) && !key.contains("aclint")).collect();
        assert!(kept.is_empty(), "{gone}: {kept:?}");
    }
    check_cells(&found, "/soc/mtimer@2004000/reg", &[0, 0x0200_bff8, 0, 0x4008, 0, 0x0200_4000, 0, 0x7ff8]);
    check_cells(&found, "/soc/sswi@2f00000/interrupts-extended", &[2, 1, 4, 1]);
    let many = tree(&Board { harts: 64, ..Board::default() });
    check_cells(&many, "/cpus/cpu@3f/reg", &[63]);
}

#[test]
fn a_command_line_with_a_zero_byte_is_refused() {
    let boot = Boot { arguments: "a\0b".to_owned(), ..Boot::default() };
    assert!(build(&Board::default(), &boot).is_err());
}
