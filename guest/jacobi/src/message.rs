//! The frames that nodes exchange: an Ethernet frame of the experimental type with a header of 20 bytes.
//!
//! | offset | bytes | what it is (numbers little-endian) |
//! |---:|---:|---|
//! | 0 | 12 | MAC addresses: receiver, sender (`02:00:00:00:hh:ll`, the number from 1) |
//! | 12 | 2 | `88 b5`, the type kept for local experiments |
//! | 14 | 1 | version, 1 |
//! | 15 | 1 | kind: 1 data, 2 acknowledgement, 3 probe, 4 stop |
//! | 16 | 2 | length of the payload |
//! | 18 | 4 | sequence number, from 0 in each direction between two nodes (data); the silent node (stop) |
//! | 22 | 4 | acknowledgement: the sequence number that the sender expects next |
//! | 26 | 4 | tag: what the message is, and the iteration it belongs to |
//! | 30 | 4 | checksum over everything from the receiver's address on, with zero in its own place |
//! | 34 | | payload |

/// Bytes of a frame's head.
pub const HEAD_BYTES: usize = 34;
/// Most bytes of payload in a frame: Ethernet carries 1500.
pub const PAYLOAD_BYTES_MAX: usize = 1480;

const TYPE: [u8; 2] = [0x88, 0xb5];
const VERSION: u8 = 1;
const CHECKSUM: usize = 30;

/// What a frame is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A piece of a message; it is sent until acknowledged.
    Data = 1,
    /// Only the acknowledgement in it counts.
    Acknowledgement = 2,
    /// Asks for an acknowledgement: is the other still there?
    Probe = 3,
    /// To everyone: a node is silent, the computation is over.
    Stop = 4,
}

/// A frame's head in numbers.
#[derive(Clone, Copy)]
pub struct Head {
    pub kind: Kind,
    pub length: usize,
    pub sequence: u32,
    pub expected: u32,
    pub tag: u32,
}

/// A node's hardware address; everyone's for `None`.
pub fn address(node: Option<usize>) -> [u8; 6] {
    let Some(node) = node else { return [0xff; 6] };
    let [.., high, low] = (node as u32 + 1).to_be_bytes();
    [2, 0, 0, 0, high, low]
}

/// The node with a hardware address.
pub fn node_of(mac: &[u8]) -> Option<usize> {
    match mac {
        [2, 0, 0, 0, high, low] => (usize::from(*high) << 8 | usize::from(*low)).checked_sub(1),
        _ => None,
    }
}

impl Head {
    /// The head as bytes, for a frame between two nodes.
    pub fn encode(&self, to: Option<usize>, from: usize, payload: &[u8]) -> [u8; HEAD_BYTES] {
        let mut bytes = [0; HEAD_BYTES];
        bytes[..6].copy_from_slice(&address(to));
        bytes[6..12].copy_from_slice(&address(Some(from)));
        bytes[12..14].copy_from_slice(&TYPE);
        bytes[14] = VERSION;
        bytes[15] = self.kind as u8;
        bytes[16..18].copy_from_slice(&(self.length as u16).to_le_bytes());
        for (at, word) in [(18, self.sequence), (22, self.expected), (26, self.tag)] {
            bytes[at..at + 4].copy_from_slice(&word.to_le_bytes());
        }
        let sum = checksum(&bytes, payload);
        bytes[CHECKSUM..].copy_from_slice(&sum.to_le_bytes());
        bytes
    }

    /// A frame's sender, head and payload; `None` for a foreign or damaged frame.
    pub fn decode(frame: &[u8]) -> Option<(usize, Head, &[u8])> {
        let (bytes, rest) = frame.split_first_chunk::<HEAD_BYTES>()?;
        if bytes[12..14] != TYPE || bytes[14] != VERSION {
            return None;
        }
        let kind = match bytes[15] {
            1 => Kind::Data,
            2 => Kind::Acknowledgement,
            3 => Kind::Probe,
            4 => Kind::Stop,
            _ => return None,
        };
        let length = usize::from(u16::from_le_bytes([bytes[16], bytes[17]]));
        let payload = rest.get(..length).filter(|_| length <= PAYLOAD_BYTES_MAX)?;
        let word = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        let mut summed = *bytes;
        summed[CHECKSUM..].fill(0);
        if checksum(&summed, payload) != word(CHECKSUM) {
            return None;
        }
        let head = Head { kind, length, sequence: word(18), expected: word(22), tag: word(26) };
        Some((node_of(&bytes[6..12])?, head, payload))
    }
}

/// A sum that any one changed word changes: each step is a bijection of the sum and of the word.
fn checksum(head: &[u8; HEAD_BYTES], payload: &[u8]) -> u32 {
    const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut sum = payload.len() as u64;
    for part in [&head[..], payload] {
        let mut words = part.chunks_exact(8);
        for word in &mut words {
            let word = word.try_into().map_or(0, u64::from_le_bytes);
            sum = (sum ^ word).wrapping_mul(ODD).rotate_left(29);
        }
        for byte in words.remainder() {
            sum = (sum ^ u64::from(*byte)).wrapping_mul(ODD).rotate_left(29);
        }
    }
    (sum ^ sum >> 32) as u32
}
