//! The 9P device: a folder of the host's, shared with the guest by messages of 9P2000.L.
//!
//! The device reaches the host only through [`share::Share`]. What the guest sees beside names, contents, types and
//! the executable bit is synthesized, so that it does not depend on the host: names are sorted, inode numbers are
//! hashes of paths, everything belongs to user 0, and times are the configured date or the virtual instant of the
//! guest's own last change. Fids hold paths, never open files, so that the state can be saved.
//!
//! Source: Virtual I/O Device Specification 1.2, "9P Device".

/// Goes on with the value, or answers with the error.
macro_rules! attempt {
    ($result:expr) => {
        match $result {
            Ok(value) => value,
            Err(errno) => return Some(Err(errno)),
        }
    };
}

mod operations;
mod reply;
mod server;
pub mod share;
mod wire;

use super::queue::Violation;
use super::{Service, Virtio};
use crate::state::{Source, State, StateError};
use server::Server;
use share::Share;

/// Offers a mount tag in the configuration space.
const MOUNT_TAG: u64 = 1;
/// Longest mount tag.
const TAG_BYTES_MAX: usize = 255;
/// Bytes of the shortest reply, an error.
const ERROR_BYTES: u64 = 11;

/// The device.
#[derive(Debug)]
pub struct P9 {
    tag: Vec<u8>,
    server: Server,
    /// Requests wait while this is closed.
    gate: Gate,
}

/// When requests are served. No part of the state: the configuration decides, and a gate is open only for a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Gate {
    /// As they come.
    Open,
    /// At the moments that the run loop chooses.
    Closed,
    /// Now, of a gate that is closed otherwise.
    Ajar,
}

impl P9 {
    /// Shares `share` under mount tag `tag` (its first 255 bytes); untouched files bear the date `start_s`, in
    /// seconds since 1970, which is also when virtual time begins.
    pub fn new(tag: &str, share: Box<dyn Share>, start_s: u64) -> P9 {
        let tag = tag.bytes().take(TAG_BYTES_MAX).collect();
        P9 { tag, server: Server::new(share, start_s.saturating_mul(1_000_000_000)), gate: Gate::Open }
    }
}

impl P9 {
    /// Makes requests wait for whoever opens the gate: for a folder that others change too, whose requests must have
    /// one order on every host.
    pub fn close_gate(&mut self) {
        self.gate = Gate::Closed;
    }

    /// Whether requests wait for a moment that is chosen for them.
    pub(super) fn is_gated(&self) -> bool {
        self.gate != Gate::Open
    }

    /// Opens a closed gate, or closes it again; whether there is one.
    pub(super) fn set_ajar(&mut self, ajar: bool) -> bool {
        if self.gate != Gate::Open {
            self.gate = if ajar { Gate::Ajar } else { Gate::Closed };
        }
        self.gate != Gate::Open
    }
}

impl Virtio for P9 {
    fn id(&self) -> u32 {
        9
    }

    fn queues(&self) -> usize {
        1
    }

    fn features(&self) -> u64 {
        MOUNT_TAG
    }

    fn config(&self) -> Vec<u8> {
        let length = u16::try_from(self.tag.len()).unwrap_or(0);
        [&length.to_le_bytes()[..], &self.tag].concat()
    }

    fn reset(&mut self) {
        self.server.reset();
    }

    fn serve(&mut self, _index: usize, service: &mut Service<'_>) -> Result<(), Violation> {
        if self.gate == Gate::Closed {
            service.put_off();
            return Ok(());
        }
        while let Some(chain) = service.pop()? {
            let room = chain.writable_bytes();
            let length = chain.readable_bytes().min(u64::from(server::MESSAGE_BYTES_MAX));
            if room < ERROR_BYTES {
                return Err(Violation::Request);
            }
            let mut request = vec![0; usize::try_from(length).unwrap_or(0)];
            chain.read(service.ram, 0, &mut request);
            let reply = self.server.answer(&request, room, service.mtime).ok_or(Violation::Request)?;
            chain.write(service.ram, 0, &reply);
            service.spend(length + reply.len() as u64 + self.server.take_cost_bytes());
            service.push(&chain, reply.len() as u64)?;
        }
        Ok(())
    }
}

impl State for P9 {
    fn save(&self, sink: &mut dyn FnMut(&[u8])) {
        self.server.save(sink);
    }

    fn restore(&mut self, source: &mut Source<'_>) -> Result<(), StateError> {
        self.server.restore(source)
    }
}

#[cfg(test)]
pub(super) mod tests;
