//! Messages in protobuf's wire format, as far as a writer needs it.
//!
//! Source: Protocol Buffers, "Encoding".

/// A message being put together: its fields so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Message {
    bytes: Vec<u8>,
}

const VARINT: u64 = 0;
const FIXED64: u64 = 1;
const LENGTH: u64 = 2;

impl Message {
    /// The fields as bytes.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.bytes.push(value.to_le_bytes()[0] | 0x80);
            value >>= 7;
        }
        self.bytes.push(value.to_le_bytes()[0]);
    }

    fn key(&mut self, field: u32, kind: u64) {
        self.varint(u64::from(field) << 3 | kind);
    }

    /// A field of an unsigned or enumerated type.
    pub(super) fn number(mut self, field: u32, value: u64) -> Message {
        self.key(field, VARINT);
        self.varint(value);
        self
    }

    /// A field of type `fixed64`.
    pub(super) fn fixed(mut self, field: u32, value: u64) -> Message {
        self.key(field, FIXED64);
        self.bytes.extend(value.to_le_bytes());
        self
    }

    /// A field of type `double`.
    pub(super) fn double(self, field: u32, value: f64) -> Message {
        self.fixed(field, value.to_bits())
    }

    /// A field of type `string`.
    pub(super) fn text(self, field: u32, value: &str) -> Message {
        self.raw(field, value.as_bytes())
    }

    /// A field that is a message.
    pub(super) fn message(self, field: u32, value: &Message) -> Message {
        self.raw(field, &value.bytes)
    }

    fn raw(mut self, field: u32, value: &[u8]) -> Message {
        self.key(field, LENGTH);
        self.varint(value.len() as u64);
        self.bytes.extend(value);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of the specification.
    #[test]
    fn fields_are_laid_out_as_specified() {
        assert_eq!(Message::default().number(1, 150).bytes(), [0x08, 0x96, 0x01]);
        assert_eq!(Message::default().text(2, "testing").bytes(), b"\x12\x07testing");
        let inner = Message::default().number(1, 150);
        assert_eq!(Message::default().message(3, &inner).bytes(), [0x1a, 0x03, 0x08, 0x96, 0x01]);
        assert_eq!(Message::default().fixed(47, 1).bytes(), [0xf9, 0x02, 1, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(Message::default().number(1, u64::MAX).bytes().len(), 11);
    }
}
