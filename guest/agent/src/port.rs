//! The control port: frames in and out of a virtio-console port, without ever blocking on it.
//!
//! Invariant: [`Output`] holds whole frames, of which the first may be partly sent.

use crate::sys::{self, Fd};
use crate::text::{Text, drop_front};
use crate::{files, wire};

const OUT_BYTES: usize = 4 * (wire::PAYLOAD_BYTES_MAX + wire::HEADER_BYTES);
const IN_BYTES: usize = wire::PAYLOAD_BYTES_MAX + wire::HEADER_BYTES;

/// Frames on their way to the host.
pub struct Output {
    fd: Fd,
    bytes: [u8; OUT_BYTES],
    len: usize,
}

/// Bytes that came from the host.
pub struct Input {
    fd: Fd,
    bytes: [u8; IN_BYTES],
    len: usize,
    /// A whole frame has come.
    began: bool,
}

/// A frame's head, as the host sent it.
#[derive(Clone, Copy)]
pub struct Head {
    pub kind: u32,
    pub job: u32,
    pub len: usize,
}

impl Output {
    pub fn attach(&mut self, fd: Fd) {
        self.fd = fd;
        self.len = 0;
    }

    /// Room for a payload of the returned size, when one more frame fits.
    pub fn room(&self) -> usize {
        (OUT_BYTES - self.len).saturating_sub(wire::HEADER_BYTES).min(wire::PAYLOAD_BYTES_MAX)
    }

    pub fn pending(&self) -> bool {
        self.len > 0
    }

    /// Queues a frame whose payload is the given words. Callers see to it that `room` allows it;
    /// a frame that does not fit is left out.
    pub fn send_words(&mut self, kind: u32, job: u32, words: &[u32]) {
        let mut payload = [0u8; 16];
        for (slot, word) in payload.chunks_exact_mut(4).zip(words) {
            slot.copy_from_slice(&word.to_le_bytes());
        }
        self.send(kind, job, &payload[..words.len() * 4]);
    }

    pub fn send(&mut self, kind: u32, job: u32, payload: &[u8]) {
        if payload.len() > self.room() {
            return;
        }
        let start = self.len + wire::HEADER_BYTES;
        self.bytes[start..start + payload.len()].copy_from_slice(payload);
        self.seal(kind, job, payload.len());
    }

    /// Queues a frame whose payload comes straight from a descriptor: what the read returned.
    ///
    /// At most `most` bytes.
    pub fn send_from(&mut self, kind: u32, job: u32, from: Fd, most: usize) -> Result<usize, sys::Errno> {
        let room = self.room().min(most);
        let start = self.len + wire::HEADER_BYTES;
        let n = sys::read(from, &mut self.bytes[start..start + room])?;
        if n > 0 {
            self.seal(kind, job, n);
        }
        Ok(n)
    }

    fn seal(&mut self, kind: u32, job: u32, len: usize) {
        let head = &mut self.bytes[self.len..self.len + wire::HEADER_BYTES];
        head[..4].copy_from_slice(&(len as u32).to_le_bytes());
        head[4..8].copy_from_slice(&kind.to_le_bytes());
        head[8..].copy_from_slice(&job.to_le_bytes());
        self.len += wire::HEADER_BYTES + len;
    }

    /// Sends what the port takes now.
    pub fn flush(&mut self) {
        let mut sent = 0;
        while sent < self.len {
            match sys::write(self.fd, &self.bytes[sent..self.len]) {
                Ok(n) if n > 0 => sent += n,
                Err(sys::EINTR) => {}
                _ => break,
            }
        }
        drop_front(&mut self.bytes[..self.len], sent);
        self.len -= sent;
    }
}
impl Input {
    pub fn attach(&mut self, fd: Fd) {
        self.fd = fd;
        self.len = 0;
        self.began = false;
    }

    /// Has a whole frame ever come?
    pub fn began(&self) -> bool {
        self.began
    }

    /// Takes in what the port has now; false if nothing more will ever come.
    pub fn fill(&mut self) -> bool {
        while self.len < IN_BYTES {
            match sys::read(self.fd, &mut self.bytes[self.len..]) {
                Ok(0) => return false,
                Ok(n) => self.len += n,
                Err(sys::EINTR) => {}
                Err(sys::EAGAIN) => break,
                Err(_) => return false,
            }
        }
        true
    }

    /// The next whole frame: its head and payload. Call [`Input::consume`] when done with it.
    pub fn frame(&self) -> Option<(Head, &[u8])> {
        let word = |at: usize| -> Option<u32> {
            Some(u32::from_le_bytes(self.bytes[..self.len].get(at..at + 4)?.try_into().ok()?))
        };
        // A length that no frame may have cannot be waited for; the host is trusted not to send one,
        // and cutting it keeps the indices within the buffer.
        let len = (word(0)? as usize).min(wire::PAYLOAD_BYTES_MAX);
        let head = Head { kind: word(4)?, job: word(8)?, len };
        let payload = self.bytes[..self.len].get(wire::HEADER_BYTES..wire::HEADER_BYTES + len)?;
        Some((head, payload))
    }

    pub fn consume(&mut self, head: Head) {
        let size = wire::HEADER_BYTES + head.len;
        drop_front(&mut self.bytes[..self.len], size);
        self.len -= size;
        self.began = true;
    }
}

/// Opens the port named [`wire::PORT_NAME`], if the machine has it.
pub fn open() -> Option<Fd> {
    let mut found = None;
    let _ = files::entries(c"/sys/class/virtio-ports", |name| {
        let label = Text::<128>::of(&[b"/sys/class/virtio-ports/", name, b"/name"]);
        let matches =
            files::read::<64>(label.c_str()).is_ok_and(|label| label.trimmed() == wire::PORT_NAME.as_bytes());
        if matches {
            let device = Text::<128>::of(&[b"/dev/", name]);
            let flags = sys::O_RDWR | sys::O_NONBLOCK | sys::O_CLOEXEC;
            found = sys::open(device.c_str(), flags).ok();
        }
        found.is_some()
    });
    found
}
