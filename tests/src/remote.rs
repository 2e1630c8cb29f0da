//! The debugger's remote protocol, as much of it as driving a stopped machine takes.
//!
//! Requests may be sent in a row and their answers read afterwards: a state of a hundred registers is one round.
//! Source: the GDB manual, "GDB Remote Serial Protocol".

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;

/// A connection to a stub.
pub struct Remote {
    stream: UnixStream,
    received: Vec<u8>,
}

impl Remote {
    /// Speaks over `stream`.
    #[must_use]
    pub fn new(stream: UnixStream) -> Remote {
        Remote { stream, received: Vec::new() }
    }

    /// Sends one request.
    ///
    /// Errors: the connection's.
    pub fn send(&mut self, request: &str) -> io::Result<()> {
        let sum = request.bytes().fold(0u8, u8::wrapping_add);
        self.stream.write_all(format!("${request}#{sum:02x}").as_bytes())
    }

    /// Sends requests in a row, then reads as many answers.
    ///
    /// Errors: the connection's.
    pub fn ask_all(&mut self, requests: &[String]) -> io::Result<Vec<String>> {
        let mut bytes = Vec::new();
        for request in requests {
            let sum = request.bytes().fold(0u8, u8::wrapping_add);
            bytes.extend_from_slice(format!("${request}#{sum:02x}").as_bytes());
        }
        self.stream.write_all(&bytes)?;
        requests.iter().map(|_| self.receive()).collect()
    }

    /// Sends a request and reads its answer.
    ///
    /// Errors: the connection's.
    pub fn ask(&mut self, request: &str) -> io::Result<String> {
        self.send(request)?;
        self.receive()
    }

    /// Reads one answer.
    ///
    /// Errors: the connection's, its end included.
    pub fn receive(&mut self) -> io::Result<String> {
        loop {
            if let Some(start) = self.received.iter().position(|&b| b == b'$')
                && let Some(length) = self.received[start..].iter().position(|&b| b == b'#')
                && self.received.len() >= start + length + 3
            {
                let answer = String::from_utf8_lossy(&self.received[start + 1..start + length]).into_owned();
                self.received.drain(..start + length + 3);
                return Ok(expand(&answer));
            }
            let mut chunk = [0; 16384];
            let count = self.stream.read(&mut chunk)?;
            if count == 0 {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the stub closed the connection"));
            }
            self.received.extend_from_slice(&chunk[..count]);
        }
    }
}

/// Undoes the protocol's run-length encoding: `x*n` is `x` and then `n - 29` more of it.
fn expand(answer: &str) -> String {
    let mut out = String::with_capacity(answer.len());
    let mut chars = answer.chars();
    while let Some(c) = chars.next() {
        if c == '*'
            && let (Some(last), Some(count)) = (out.chars().last(), chars.next())
        {
            let more = (count as usize).saturating_sub(29);
            out.extend(std::iter::repeat_n(last, more));
        } else {
            out.push(c);
        }
    }
    out
}

/// The bytes as hexadecimal digits.
#[must_use]
pub fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The bytes that hexadecimal digits stand for; `None` if they do not.
#[must_use]
pub fn from_hex(digits: &str) -> Option<Vec<u8>> {
    (0..digits.len() / 2).map(|i| u8::from_str_radix(digits.get(2 * i..2 * i + 2)?, 16).ok()).collect()
}
