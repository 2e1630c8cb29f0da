//! What comes in at the port for gdb: packets of the protocol, and bytes that are none.
#![no_main]

use debug::gdb::{Gdb, Port};
use libfuzzer_sys::fuzz_target;
use machine::debug::{Driven, Driver};
use machine::interp::Interpreter;
use machine::node::{Config, Limits, Node, Pause};
use machine::ram::RAM_BASE;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a session is given that does not end by itself.
const PATIENCE: Duration = Duration::from_secs(2);

/// Packets, a line each; `qRcmd,` is followed by words instead of their hexadecimal.
const TALKS: [&str; 4] = [
    "qSupported:multiprocess+;swbreak+\n?\nHg0\ng\nm80000000,20\nZ0,80000008,4\nvCont;c\nz0,80000008,4\nD",
    "vMustReplyEmpty\nqXfer:features:read:target.xml:0,ffb\nqfThreadInfo\nqsThreadInfo\np20\nP20=0000008000000000\n\
     vCont;s:1\nX80000000,0:\nk",
    "qRcmd,help\nqRcmd,harts\nqRcmd,csr satp\nqRcmd,translate 80000000\nqRcmd,xp 80000000 4\nqRcmd,backtrace\n\
     qRcmd,symbol main\nqRcmd,info devices\nqRcmd,digest\nqRcmd,why\nqRcmd,physical on",
    "!raw \x03\x03$#00+-$qC#b4",
];

/// A node of two harts that jump in place.
fn node() -> Node {
    let mut config = Config::default();
    config.board.memory_bytes = 1 << 20;
    config.board.harts = 2;
    let mut node = Node::new(&config, Box::new(Interpreter::new(2))).unwrap();
    for at in 0..16 {
        node.bus.ram.write(RAM_BASE + 4 * at, &0x0000_006fu32.to_le_bytes()).unwrap();
    }
    node.start_machine(RAM_BASE, 0, 0);
    node
}

fn packet(line: &[u8]) -> Vec<u8> {
    let mut body = line.to_vec();
    if let Some(words) = line.strip_prefix(b"qRcmd,") {
        let digits: String = words.iter().map(|byte| format!("{byte:02x}")).collect();
        body = format!("qRcmd,{digits}").into_bytes();
    }
    let sum = body.iter().fold(0u8, |sum, byte| sum.wrapping_add(*byte));
    [b"$", &body[..], format!("#{sum:02x}").as_bytes()].concat()
}

fn stream(data: &[u8]) -> Vec<u8> {
    match data.strip_prefix(b"!raw ") {
        Some(raw) => raw.to_vec(),
        None => data.split(|byte| *byte == b'\n').flat_map(packet).collect(),
    }
}

/// Reads what has been answered so far.
fn hear(mut client: &UnixStream) {
    let mut answers = [0; 1 << 14];
    while matches!(client.read(&mut answers), Ok(1..)) {}
}

fuzz_target!(init: fuzz::seed(TALKS.map(|session| session.into())), |data: &[u8]| {
    let (mut client, server) = UnixStream::pair().unwrap();
    // It all fits into the socket's buffer; answers need not, and are heard whenever the node stands still.
    client.set_nonblocking(true).unwrap();
    let _ = client.write_all(&stream(data));
    let _ = client.shutdown(std::net::Shutdown::Write);
    let listening = client.try_clone().unwrap();
    let started = Instant::now();
    let leave = Box::new(move || {
        hear(&listening);
        (started.elapsed() > PATIENCE).then_some(1)
    });
    let mut node = node();
    let mut gdb = Gdb::listen(Port::connected(server), &node, Arc::default(), leave).unwrap();
    for round in 1..=20 {
        hear(&client);
        match gdb.run(&mut node, Limits { instructions: u64::MAX, cycle: round * 200 }, Node::run) {
            Driven::Pause(Pause::Time) => {}
            _ => break,
        }
    }
});
