//! The port from gdb's side, spoken by hand: what gdb says, nonsense, and going away in the middle.

mod common;

use common::{COUNTERS, END, FREE, digest, node, undisturbed};
use debug::gdb::{Address, Gdb, Port};
use machine::debug::{Driven, Driver};
use machine::node::{Limits, Node, Pause};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

/// A node that runs to its end under a debugger.
struct Session {
    path: PathBuf,
    run: JoinHandle<(Driven, Node)>,
}

fn session(name: &str, flags: &str) -> Session {
    let path = std::env::temp_dir().join(format!("multivac-gdb-{}-{name}", std::process::id()));
    let address: Address = format!("{}{flags}", path.display()).parse().unwrap();
    let (mut node, _) = node();
    let mut gdb =
        Gdb::listen(Port::open(&address).unwrap(), &node, Arc::default(), Box::new(|| None)).unwrap();
    let run = std::thread::spawn(move || {
        // Epoch by epoch, as the run loop does it: gdb is heard in between.
        let mut cycle = 0;
        let driven = loop {
            cycle += 100_000;
            match gdb.run(&mut node, Limits { cycle, ..FREE }, Node::run) {
                Driven::Pause(Pause::Time) => {}
                driven => break driven,
            }
        };
        gdb.end(&mut node, "the end", false);
        (driven, node)
    });
    Session { path, run }
}

impl Session {
    fn connect(&self) -> Client {
        let socket = UnixStream::connect(&self.path).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        Client(socket)
    }

    /// The digest after the run has gone to its end.
    fn finish(self) -> blake3::Hash {
        let (driven, node) = self.run.join().unwrap();
        assert_eq!(driven, Driven::Pause(END));
        digest(&node)
    }
}

struct Client(UnixStream);

impl Client {
    fn send(&mut self, packet: &str) {
        let sum = packet.bytes().fold(0u8, u8::wrapping_add);
        self.0.write_all(format!("${packet}#{sum:02x}").as_bytes()).unwrap();
    }

    fn byte(&mut self) -> u8 {
        let mut byte = [0];
        self.0.read_exact(&mut byte).unwrap();
        byte[0]
    }

    fn receive(&mut self) -> String {
        while self.byte() != b'$' {}
        let mut text = String::new();
        loop {
            match self.byte() {
                b'#' => break,
                // The last character again, as often as the next says.
                b'*' => {
                    let times = usize::from(self.byte() - 29);
                    let last = text.chars().next_back().unwrap();
                    text.extend(std::iter::repeat_n(last, times));
                }
                byte => text.push(char::from(byte)),
            }
        }
        let _sum = [self.byte(), self.byte()];
        // After its last word nobody listens.
        let _ = self.0.write_all(b"+");
        text
    }

    fn ask(&mut self, packet: &str) -> String {
        self.send(packet);
        self.receive()
    }

    /// A monitor command's output.
    fn monitor(&mut self, command: &str) -> String {
        let hex: String = command.bytes().map(|byte| format!("{byte:02x}")).collect();
        self.send(&format!("qRcmd,{hex}"));
        let mut text = String::new();
        loop {
            let reply = self.receive();
            let Some(hex) = reply.strip_prefix('O').filter(|_| reply != "OK") else { return text };
            let bytes =
                (0..hex.len() / 2).map(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).unwrap());
            text.extend(bytes.map(char::from));
        }
    }

    fn hello(&mut self) {
        let features =
            self.ask("qSupported:multiprocess+;swbreak+;hwbreak+;vContSupported+;xmlRegisters=riscv");
        assert!(features.contains("qXfer:features:read+"), "{features}");
        assert!(self.ask("?").contains("05"));
    }
}

#[test]
fn stops_steps_and_looks_leave_the_run_as_it_was() {
    let (_, count) = node();
    let session = session("whole", "");
    let mut gdb = session.connect();
    gdb.hello();
    let xml = gdb.ask("qXfer:features:read:target.xml:0,1000");
    assert!(xml.contains("riscv:rv64"), "{xml}");
    assert_eq!(gdb.ask("qfThreadInfo"), "mp01.01,p01.02");
    assert_eq!(gdb.ask(&format!("Z0,{count:x},4")), "OK");
    let stop = gdb.ask("vCont;c");
    assert!(stop.starts_with("T05") && stop.contains("swbreak"), "{stop}");
    let pc = gdb.ask("p20");
    assert_eq!(pc, count.to_le_bytes().map(|byte| format!("{byte:02x}")).concat());
    assert_eq!(gdb.ask("g").len(), 33 * 16);
    assert_eq!(gdb.ask(&format!("z0,{count:x},4")), "OK");
    assert_eq!(gdb.ask(&format!("Z2,{:x},8", COUNTERS)), "OK");
    let stop = gdb.ask("vCont;c");
    assert!(stop.contains(&format!("watch:{COUNTERS:x}")), "{stop}");
    assert_eq!(gdb.ask(&format!("m{COUNTERS:x},8")), "0100000000000000");
    assert!(gdb.ask("m0,8").starts_with('E'));
    assert_eq!(gdb.ask(&format!("z2,{:x},8", COUNTERS)), "OK");
    assert!(gdb.ask("vCont;s:p1.1").starts_with("T05"));
    assert!(gdb.ask("vCont;s:p1.2").starts_with("T05"));
    assert!(gdb.ask(&format!("vCont;r{count:x},{:x}:p1.1", count + 16)).starts_with("T05"));
    assert!(gdb.monitor("harts").contains("hart 1: M-mode"));
    assert!(gdb.monitor("why").contains("a step is done"));
    assert!(gdb.ask("vCont;c").starts_with('W'));
    assert_eq!(session.finish(), undisturbed());
}

#[test]
fn a_gdb_that_talks_nonsense_or_goes_lets_the_run_go_on() {
    let session = session("nonsense", ",hold");
    for words in [
        &b"$?#00"[..],
        b"\x03\x03\x03",
        b"$vCont;s:p9.9#aa",
        b"$m,#99$Hgpx#00$Z0,zz,#00",
        &[b'$'; 40_000],
        &[0xff; 300],
    ] {
        let mut gdb = session.connect();
        let _ = gdb.0.write_all(words);
    }
    let mut gdb = session.connect();
    gdb.hello();
    for packet in [
        "vCont;s:p1.7f",
        "pffffff",
        "P1001=00",
        "Hgp1.99",
        "qRcmd,zz",
        "vNoSuch",
        "Z9,0,0",
        "mffffffffffffffff,8",
    ] {
        // It may have been shown the door already.
        let _ = gdb.0.write_all(format!("${packet}#00").as_bytes());
    }
    drop(gdb);
    let mut gdb = session.connect();
    gdb.hello();
    assert!(gdb.ask("vCont;c").starts_with('W'));
    assert_eq!(session.finish(), undisturbed());
}

#[test]
fn an_interrupt_stops_and_a_kill_ends() {
    let session = session("kill", "");
    let mut gdb = session.connect();
    gdb.hello();
    // Hart 0 waits for hart 1, which never gets there.
    assert_eq!(gdb.ask(&format!("M{:x},8:ff00000000000000", COUNTERS + 8)), "OK");
    gdb.send("vCont;c");
    gdb.0.write_all(&[3]).unwrap();
    assert!(gdb.receive().starts_with("T02"));
    assert!(gdb.monitor("why").contains("interrupted"));
    gdb.send("k");
    drop(gdb);
    let (driven, _) = session.run.join().unwrap();
    assert_eq!(driven, Driven::Leave(137));
}
