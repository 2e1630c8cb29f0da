//! Frames on the network as a file that Wireshark reads.
//!
//! Instants are virtual, in picoseconds, counted from the date that the nodes' clocks showed at the beginning.
//!
//! Source: PCAP Next Generation Dump File Format, draft-ietf-opsawg-pcapng.

use std::io::{self, Write};

const SECTION_HEADER: u32 = 0x0a0d_0d0a;
const INTERFACE_DESCRIPTION: u32 = 1;
const ENHANCED_PACKET: u32 = 6;
const BYTE_ORDER: u32 = 0x1a2b_3c4d;
const ETHERNET: u16 = 1;

const OPTION_END: u16 = 0;
const OPTION_COMMENT: u16 = 1;
const SECTION_APPLICATION: u16 = 4;
const INTERFACE_NAME: u16 = 2;
const INTERFACE_MAC: u16 = 6;
const INTERFACE_RESOLUTION: u16 = 9;
const INTERFACE_OFFSET: u16 = 14;
const PACKET_FLAGS: u16 = 2;
/// Ticks are 10^-12 seconds.
const PICOSECONDS: u8 = 12;

/// An interface of a capture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// What it is called, `n0 eth0` for instance.
    pub name: String,
    /// Its hardware address; a link has none.
    pub mac: Option<[u8; 6]>,
}

/// Which way a frame went, seen from its interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// To the node.
    In,
    /// From the node.
    Out,
    /// Over a link.
    Along,
}

/// A frame as it is recorded.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// Which interface saw it, in the order in which they were given.
    pub interface: u32,
    /// When.
    ///
    /// Units: picoseconds of virtual time.
    pub at_ps: u64,
    /// Which way it went.
    pub direction: Direction,
    /// The frame, from its link header on.
    pub bytes: &'a [u8],
    /// What is to be said about it.
    pub comment: Option<&'a str>,
}

/// A capture being written.
#[derive(Debug)]
pub struct Capture<W> {
    out: W,
}

impl<W: Write> Capture<W> {
    /// Begins a capture; `start_s` is what the nodes' clocks showed at the beginning, in seconds since 1970.
    ///
    /// Errors: those of `out`.
    pub fn new(out: W, interfaces: &[Interface], start_s: u64) -> io::Result<Capture<W>> {
        let mut capture = Capture { out };
        let mut body = Vec::new();
        body.extend(BYTE_ORDER.to_le_bytes());
        // Version 1.0, and a length that is not known beforehand.
        body.extend([1, 0, 0, 0]);
        body.extend(u64::MAX.to_le_bytes());
        option(&mut body, SECTION_APPLICATION, b"multivac");
        option(&mut body, OPTION_END, b"");
        capture.block(SECTION_HEADER, &body)?;
        for interface in interfaces {
            let mut body = Vec::new();
            body.extend(u32::from(ETHERNET).to_le_bytes());
            // No frame is cut short.
            body.extend(0u32.to_le_bytes());
            option(&mut body, INTERFACE_NAME, interface.name.as_bytes());
            if let Some(mac) = &interface.mac {
                option(&mut body, INTERFACE_MAC, mac);
            }
            option(&mut body, INTERFACE_RESOLUTION, &[PICOSECONDS]);
            option(&mut body, INTERFACE_OFFSET, &start_s.to_le_bytes());
            option(&mut body, OPTION_END, b"");
            capture.block(INTERFACE_DESCRIPTION, &body)?;
        }
        Ok(capture)
    }

    /// Adds a frame.
    ///
    /// Errors: those of `out`.
    pub fn frame(&mut self, frame: &Frame<'_>) -> io::Result<()> {
        let length = u32::try_from(frame.bytes.len()).map_err(io::Error::other)?;
        let mut body = Vec::with_capacity(frame.bytes.len() + 48);
        body.extend(frame.interface.to_le_bytes());
        let [low, high] = [frame.at_ps & 0xffff_ffff, frame.at_ps >> 32];
        for half in [high, low] {
            body.extend(&half.to_le_bytes()[..4]);
        }
        body.extend(length.to_le_bytes());
        body.extend(length.to_le_bytes());
        body.extend(frame.bytes);
        pad(&mut body);
        let flags: u32 = match frame.direction {
            Direction::In => 1,
            Direction::Out => 2,
            Direction::Along => 0,
        };
        option(&mut body, PACKET_FLAGS, &flags.to_le_bytes());
        if let Some(comment) = frame.comment {
            option(&mut body, OPTION_COMMENT, comment.as_bytes());
        }
        option(&mut body, OPTION_END, b"");
        self.block(ENHANCED_PACKET, &body)
    }

    /// Writes what waits, and gives the output back.
    ///
    /// Errors: those of `out`.
    pub fn finish(mut self) -> io::Result<W> {
        self.out.flush()?;
        Ok(self.out)
    }

    fn block(&mut self, kind: u32, body: &[u8]) -> io::Result<()> {
        let length = u32::try_from(body.len() + 12).map_err(io::Error::other)?;
        self.out.write_all(&kind.to_le_bytes())?;
        self.out.write_all(&length.to_le_bytes())?;
        self.out.write_all(body)?;
        self.out.write_all(&length.to_le_bytes())
    }
}

fn pad(bytes: &mut Vec<u8>) {
    bytes.resize(bytes.len().next_multiple_of(4), 0);
}

fn option(body: &mut Vec<u8>, code: u16, value: &[u8]) {
    let value = &value[..value.len().min(usize::from(u16::MAX))];
    body.extend(code.to_le_bytes());
    body.extend(u16::try_from(value.len()).unwrap_or(u16::MAX).to_le_bytes());
    body.extend(value);
    pad(body);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    const START_S: u64 = 1_767_225_600;

    fn capture() -> Vec<u8> {
        let interface = |name: &str, last| Interface { name: name.into(), mac: Some([2, 0, 0, 0, 0, last]) };
        let interfaces = [interface("n0 eth0", 1), interface("n1 eth0", 2)];
        let mut capture = Capture::new(Vec::new(), &interfaces, START_S).expect("written");
        let mut bytes = vec![2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x88, 0xb5];
        bytes.extend([7; 47]);
        let sent =
            Frame { interface: 0, at_ps: 1_500, direction: Direction::Out, bytes: &bytes, comment: None };
        let received = Frame {
            interface: 1,
            at_ps: 5_000_000_002_500,
            direction: Direction::In,
            comment: Some("damaged"),
            ..sent
        };
        capture.frame(&sent).expect("written");
        capture.frame(&received).expect("written");
        capture.finish().expect("written")
    }

    #[test]
    fn blocks_are_whole_and_say_how_long_they_are() {
        let bytes = capture();
        let word = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().expect("a word"));
        let (mut at, mut kinds) = (0, Vec::new());
        while at < bytes.len() {
            let length = word(at + 4) as usize;
            assert!(length.is_multiple_of(4) && word(at + length - 4) as usize == length, "at {at}");
            kinds.push(word(at));
            at += length;
        }
        let [section, interface, packet] = [SECTION_HEADER, INTERFACE_DESCRIPTION, ENHANCED_PACKET];
        assert_eq!(kinds, [section, interface, interface, packet, packet]);
    }

    /// Wireshark's own reader sees what was written; where there is none, this says so.
    #[test]
    fn wireshark_reads_it() {
        let fields = ["frame.interface_name", "frame.time_epoch", "frame.len", "eth.src", "frame.comment"];
        let mut command = Command::new("tshark");
        command.args(["-n", "-r", "-", "-T", "fields", "-E", "separator=;"]);
        for field in fields {
            command.args(["-e", field]);
        }
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let Ok(mut child) = child else {
            println!("no tshark on this host: not tested");
            return;
        };
        child.stdin.take().expect("a pipe").write_all(&capture()).expect("read");
        let output = child.wait_with_output().expect("ended");
        let text = String::from_utf8_lossy(&output.stdout);
        let expected = "n0 eth0;1767225600.000000001;61;02:00:00:00:00:01;\n\
                        n1 eth0;1767225605.000000002;61;02:00:00:00:00:01;damaged\n";
        assert_eq!(text, expected, "{}", String::from_utf8_lossy(&output.stderr));
    }
}
