//! The entropy device: bytes of a generator seeded from the run, so that equal runs draw equal numbers.
//!
//! Source: Virtual I/O Device Specification 1.2, "Entropy Device".

use super::queue::Violation;
use super::{Service, Virtio};
use crate::random::Random;
use crate::state_fields;

/// Most bytes given for one request; the driver asks again for more.
const REQUEST_BYTES_MAX: u64 = 4096;

/// The device.
#[derive(Debug)]
pub struct Entropy {
    random: Random,
}

state_fields!(Entropy { random });

impl Entropy {
    /// A device that gives the numbers of `random`.
    pub fn new(random: Random) -> Entropy {
        Entropy { random }
    }

    /// Goes on with the numbers of another generator.
    pub fn reseed(&mut self, random: Random) {
        self.random = random;
    }
}

impl Virtio for Entropy {
    fn id(&self) -> u32 {
        4
    }

    fn queues(&self) -> usize {
        1
    }

    fn features(&self) -> u64 {
        0
    }

    fn config(&self) -> Vec<u8> {
        Vec::new()
    }

    fn serve(&mut self, _index: usize, service: &mut Service<'_>) -> Result<(), Violation> {
        while let Some(chain) = service.pop()? {
            let length = chain.writable_bytes().min(REQUEST_BYTES_MAX);
            let mut bytes = vec![0; usize::try_from(length).unwrap_or(0)];
            self.random.fill(&mut bytes);
            let written = chain.write(service.ram, 0, &bytes);
            service.spend(length);
            service.push(&chain, written as u64)?;
        }
        Ok(())
    }
}
