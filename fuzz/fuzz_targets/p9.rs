//! Requests of 9P on a folder of the host's, outside of which nothing changes.
#![no_main]

use cluster::share::HostShare;
use fuzz::driver::Driver;
use fuzz::{Input, scratch};
use libfuzzer_sys::fuzz_target;
use machine::dev::virtio::mmio::Peripheral;
use machine::dev::virtio::p9::P9;

/// A message of this type, which carries its own length.
fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(7 + body.len()).unwrap();
    let size = u32::from(length).to_le_bytes();
    [&length.to_le_bytes()[..], &size, &[kind, 1, 0], body].concat()
}

fn seeds() -> Vec<Vec<u8>> {
    let string = |text: &[u8]| [&u16::try_from(text.len()).unwrap().to_le_bytes()[..], text].concat();
    let fids = |first: u32, second: u32| [first.to_le_bytes(), second.to_le_bytes()].concat();
    let version = message(100, &[&[0, 0, 1, 0][..], &string(b"9P2000.L")].concat());
    let attach = message(104, &[fids(0, u32::MAX), string(b""), string(b""), vec![0; 4]].concat());
    let walk = |name: &[u8]| message(110, &[fids(0, 1), vec![1, 0], string(name)].concat());
    let start = [version, attach].concat();
    let read = [message(12, &fids(1, 0)), message(116, &[&fids(1, 0)[..], &[0; 4], &[64, 0, 0, 0]].concat())]
        .concat();
    let folder =
        [message(12, &fids(0, 0)), message(40, &[&fids(0, 0)[..], &[0; 4], &[0, 2, 0, 0]].concat())].concat();
    let create =
        message(14, &[&[0; 4][..], &string(b"new"), &[2, 0, 0, 0], &[0xa4, 1, 0, 0], &[0; 4]].concat());
    let write = message(118, &[&[0; 12][..], &[2, 0, 0, 0], b"hi"].concat());
    let link = message(16, &[&[0; 4][..], &string(b"l"), &string(b"../outside"), &[0; 4]].concat());
    let rename = message(74, &[&[0; 4][..], &string(b"file"), &[0; 4], &string(b"../outside")].concat());
    vec![
        [start.clone(), walk(b"file"), read, message(24, &[1, 0, 0, 0]), message(120, &[1, 0, 0, 0])]
            .concat(),
        [start.clone(), folder, walk(b"..")].concat(),
        [start.clone(), create, write, message(122, &[0; 4])].concat(),
        [start, link, walk(b"l"), rename].concat(),
    ]
}

fuzz_target!(init: fuzz::seed(seeds()), |data: &[u8]| {
    let folder = scratch().join("folder");
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(folder.join("sub")).unwrap();
    std::fs::write(folder.join("file"), "contents").unwrap();
    let outside = scratch().join("outside");
    std::fs::write(&outside, "untouched").unwrap();
    let share = HostShare::open(&folder, true).unwrap();
    let mut driver = Driver::new(Peripheral::P9(P9::new("share", Box::new(share), 0)), 1);
    let mut input = Input(data);
    for _ in 0..64 {
        if input.is_empty() {
            break;
        }
        let length = usize::from(input.half());
        driver.request(input.take(length), 0x1_0000);
    }
    assert_eq!(std::fs::read(&outside).unwrap(), b"untouched");
});
