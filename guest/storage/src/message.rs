//! Messages of 9P2000.L: written field by field, sent, and their replies read.
//!
//! Source: diod, `protocol.md`.

use rt::request::{Buffer, Device};

/// Largest message: two of them fit on a stack.
pub const BYTES: usize = 4096;
const HEADER: usize = 7;
const ERROR: u8 = 7;

/// A session with a server, and room for a message each way.
pub struct Session {
    pub device: Device,
    request: [u8; BYTES],
    length: usize,
    reply: [u8; BYTES],
    replied: usize,
    at: usize,
}

impl Session {
    /// A session that has said nothing.
    pub fn new(device: Device) -> Session {
        Session { device, request: [0; BYTES], length: HEADER, reply: [0; BYTES], replied: 0, at: HEADER }
    }

    /// Appends bytes to the request.
    pub fn raw(&mut self, bytes: &[u8]) -> &mut Session {
        self.request[self.length..self.length + bytes.len()].copy_from_slice(bytes);
        self.length += bytes.len();
        self
    }

    pub fn u16(&mut self, value: u16) -> &mut Session {
        self.raw(&value.to_le_bytes())
    }

    pub fn u32(&mut self, value: u32) -> &mut Session {
        self.raw(&value.to_le_bytes())
    }

    pub fn u64(&mut self, value: u64) -> &mut Session {
        self.raw(&value.to_le_bytes())
    }

    pub fn text(&mut self, text: &str) -> &mut Session {
        self.u16(text.len() as u16).raw(text.as_bytes())
    }

    /// Sends what was appended as a message of this type, and waits for its reply; the server's error number.
    pub fn send(&mut self, kind: u8) -> Result<(), u32> {
        let length = self.length;
        self.request[..4].copy_from_slice(&(length as u32).to_le_bytes());
        self.request[4..HEADER].copy_from_slice(&[kind, 1, 0]);
        self.replied = self.device.ask([Buffer::Out(&self.request[..length]), Buffer::In(&mut self.reply)]);
        self.length = HEADER;
        self.at = HEADER;
        if self.reply[4] == ERROR { Err(u32::from_le_bytes(self.take())) } else { Ok(()) }
    }

    /// Takes the next bytes of the reply.
    pub fn take<const N: usize>(&mut self) -> [u8; N] {
        let bytes = core::array::from_fn(|at| self.reply.get(self.at + at).copied().unwrap_or(0));
        self.at += N;
        bytes
    }

    /// Skips bytes of the reply.
    pub fn skip(&mut self, bytes: usize) {
        self.at += bytes;
    }

    /// Whether the reply goes on.
    pub fn has_more(&self) -> bool {
        self.at < self.replied.min(BYTES)
    }

    /// The next so many bytes of the reply.
    pub fn bytes(&mut self, length: usize) -> &[u8] {
        let start = self.at.min(BYTES);
        self.at = (start + length).min(BYTES);
        &self.reply[start..self.at]
    }
}
