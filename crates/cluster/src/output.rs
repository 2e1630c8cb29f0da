//! The hash over all that a run has written, which can be saved in the middle and gone on with.
//!
//! BLAKE3's own state cannot be saved, so output is hashed in chunks, each together with the hash of what came before.

use machine::state_fields;

/// Bytes hashed at a time.
const CHUNK_BYTES: usize = 4096;

/// The hash so far. It depends on the bytes alone, not on the portions in which they came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OutputHash {
    chain: [u8; 32],
    /// What waits for its chunk to be full.
    open: Vec<u8>,
    bytes: u64,
}

state_fields!(OutputHash { chain, open, bytes });

impl OutputHash {
    /// Takes in what was written.
    pub fn update(&mut self, mut bytes: &[u8]) {
        self.bytes = self.bytes.saturating_add(bytes.len() as u64);
        while !bytes.is_empty() {
            let room = CHUNK_BYTES.saturating_sub(self.open.len());
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            self.open.extend_from_slice(now);
            bytes = later;
            if self.open.len() >= CHUNK_BYTES {
                self.chain = self.finish();
                self.open.clear();
            }
        }
    }

    /// How many bytes were taken in.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The hash over all of them.
    pub fn finish(&self) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new_derive_key("multivac 1 chunk of output");
        hasher.update(&self.chain);
        hasher.update(&self.open);
        *hasher.finalize().as_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use machine::state::{Source, State};

    #[test]
    fn portions_and_saving_in_between_change_nothing() {
        let output: Vec<u8> = (0..20_000u32).map(|number| number.to_le_bytes()[0]).collect();
        let mut whole = OutputHash::default();
        whole.update(&output);
        for portion in [1, 7, 4095, 4096, 4097] {
            let mut hash = OutputHash::default();
            for part in output.chunks(portion) {
                let mut saved = Vec::new();
                hash.save(&mut |bytes| saved.extend_from_slice(bytes));
                hash = OutputHash::default();
                hash.restore(&mut Source::new(&saved)).unwrap();
                hash.update(part);
            }
            assert_eq!((hash.finish(), hash.bytes()), (whole.finish(), 20_000), "portions of {portion}");
        }
        let mut other = OutputHash::default();
        other.update(&output[..19_999]);
        assert_ne!(other.finish(), whole.finish());
    }
}
