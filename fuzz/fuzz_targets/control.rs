//! What an agent in a guest says over the control channel.
#![no_main]

use cluster::control::{Command, Decoder, Session};
use fuzz::Input;
use libfuzzer_sys::fuzz_target;

/// A frame: length of the payload, kind, job, payload.
fn frame(kind: u32, job: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap();
    [&length.to_le_bytes()[..], &kind.to_le_bytes(), &job.to_le_bytes(), payload].concat()
}

fn seeds() -> Vec<Vec<u8>> {
    let hello = frame(1, 0, &1u32.to_le_bytes());
    let ready = frame(2, 0, &[]);
    let said = [frame(3, 1, b"out"), frame(4, 1, b"err"), frame(6, 1, &3u32.to_le_bytes())].concat();
    let ended = frame(5, 1, &[0, 0, 0, 0, 7, 0, 0, 0]);
    let rest = [frame(7, 1, b"no"), frame(8, 0, &[1; 8]), frame(9, 0, &[])].concat();
    vec![[&[16][..], &hello, &ready, &said, &ended].concat(), [&[255][..], &hello, &ready, &rest].concat()]
}

fuzz_target!(init: fuzz::seed(seeds()), |data: &[u8]| {
    let mut input = Input(data);
    let part = 1 + usize::from(input.byte());
    let (mut decoder, mut session) = (Decoder::default(), Session::new());
    let mut broken = false;
    let _ = session.run(&Command { argv: vec!["true".to_owned()], ..Command::default() });
    while !input.is_empty() {
        let bytes = input.take(part);
        decoder.push(bytes);
        while let Ok(Some(_)) = decoder.next_frame() {}
        if !broken {
            broken = session.receive(bytes).is_err();
        }
        let _ = session.take_output();
    }
});
