//! Recordings: as they come, and with their checksums put right, played to whoever asks.
#![no_main]

use cluster::record::{Ending, Outside, Recording};
use cluster::run::{Host, Moment, Recorder};
use fuzz::{Input, scratch_file, sealed};
use libfuzzer_sys::fuzz_target;
use machine::dev::virtio::disk::MemoryDisk;
use machine::dev::virtio::p9::share::{Name, Share};

const CONFIGURATION: &str = "schema = 1\n";

/// A seed: entries of every kind, each behind its kind, flags, node, instant and length.
fn seeds() -> Vec<Vec<u8>> {
    let entries: [(u8, &[u8]); 7] = [
        (1, &[[7u8; 32].as_slice(), b"kernel"].concat()),
        (2, &[80, 0, 24, 0]),
        (3, &[0, 2, 0, 0, 0, b'h', b'i', b'x']),
        (4, &[[0u8; 2].as_slice(), &[1; 8], &[0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]].concat()),
        (5, &[]),
        (9, &[&[0u8; 4][..], &[1, 0, 0, 0, 0, 0, 0, 0], &[2, b'n', b'o'], &[7; 8]].concat()),
        (6, &[[1u8; 8].as_slice(), &[2; 32], b"powered off"].concat()),
    ];
    let mut parts = vec![1];
    for (kind, payload) in entries {
        parts.extend([kind, 0, 0, 1, u8::try_from(payload.len()).unwrap()]);
        parts.extend(payload);
    }
    let whole = sealed::recording(CONFIGURATION.as_bytes(), &[(5, 0, 0, 9, &[]), (6, 0, 0, 9, &[3; 40])]);
    vec![parts, [vec![0], whole].concat()]
}

fn bytes(data: &[u8]) -> Vec<u8> {
    let mut input = Input(data);
    if input.byte() % 2 == 0 {
        return input.0.to_vec();
    }
    let mut entries = Vec::new();
    while !input.is_empty() {
        let (kind, flags, node, at) =
            (input.byte(), input.byte(), u16::from(input.byte()), u64::from(input.byte()));
        let length = usize::from(input.byte());
        entries.push((kind, flags, node, at * 1_000_000, input.take(length)));
    }
    sealed::recording(CONFIGURATION.as_bytes(), &entries)
}

fn ask(share: &mut dyn Share) {
    let path = [Name::new(b"file").unwrap()];
    let mut buffer = [0; 64];
    let _ = (share.stat(&path), share.list(&[]), share.read(&path, 0, &mut buffer), share.read_link(&path));
    let _ = (share.write(&path, 0, b"x"), share.rename(&path, &path), share.create(&path, true));
}

fuzz_target!(init: fuzz::seed(seeds()), |data: &[u8]| {
    let path = scratch_file("fuzz.mvr", &bytes(data));
    let Ok(recording) = Recording::open(&path) else { return };
    let _ = (recording.configuration().len(), recording.torn(), recording.reached_ns());
    let outside = Outside::playing(recording);
    let _ = outside.console_size(0, Some((80, 24)));
    let _ = outside.file(0, "kernel", b"bytes");
    let _ = outside.files_done();
    let mut share = outside.share(0, 0, true, || unreachable!("a replay opens no folder")).unwrap();
    let mut disk = outside.failures((0, 0), false, Box::new(MemoryDisk::new(vec![1; 4096])));
    let mut nobody = Recorder::default();
    let mut host = outside.host(&mut nobody);
    for period in 0..4u64 {
        let moment =
            Moment {
                virtual_ns: period * 1_000_000,
                instructions: 0,
                asleep: period == 3,
                job_listens: true,
                console_listens: true,
            };
        let _ = host.input(moment);
        ask(&mut *share);
        let mut sector = [0; 512];
        let _ = (disk.read_at(0, &mut sector), disk.write_at(512, &sector), disk.write_zeroes(0, 512), disk.flush());
    }
    drop(host);
    let ending = Ending { virtual_ns: 9, instructions: 9, digest: [0; 32], how: String::new() };
    let _ = outside.finish(&ending, false);
});
