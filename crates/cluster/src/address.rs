//! Addresses of nodes on their network: node *i* has number *i* + 1, MAC `02:00:00:rr:hh:ll` and IPv4 address
//! `10.r.hh.ll`, where `r` counts its interfaces from 0 and `hhll` is its number.

use fabric::NodeId;

/// The most nodes that the addresses can tell apart.
pub const NODES_MAX: u32 = 65_534;
/// Most network interfaces of a node.
pub const RAILS_MAX: usize = 4;

/// Whom a frame is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Destination {
    /// One node.
    Node(NodeId),
    /// All the others.
    All,
    /// Nobody that there is.
    Nobody,
}

/// The two low bytes of a node's addresses.
fn number(node: NodeId) -> [u8; 2] {
    u16::try_from(node.0 + 1).unwrap_or(u16::MAX).to_be_bytes()
}

/// The address of a node's interface number `rail`.
pub fn mac(node: NodeId, rail: usize) -> [u8; 6] {
    let [high, low] = number(node);
    [2, 0, 0, u8::try_from(rail).unwrap_or(u8::MAX), high, low]
}

/// The IPv4 address of a node's interface number `rail`, in a network of 16 bits.
pub fn ipv4(node: NodeId, rail: usize) -> [u8; 4] {
    let [high, low] = number(node);
    [10, u8::try_from(rail).unwrap_or(u8::MAX), high, low]
}

/// Whom a frame on the network of interfaces number `rail` is for, among `nodes` nodes.
pub fn destination(frame: &[u8], rail: usize, nodes: u32) -> Destination {
    let Some(to) = frame.first_chunk::<6>() else { return Destination::Nobody };
    if to[0] & 1 != 0 {
        return Destination::All;
    }
    let node = u32::from(u16::from_be_bytes([to[4], to[5]])).wrapping_sub(1);
    if node < nodes && *to == mac(NodeId(node), rail) {
        Destination::Node(NodeId(node))
    } else {
        Destination::Nobody
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_lead_back_to_their_nodes() {
        assert_eq!(mac(NodeId(0), 0), [2, 0, 0, 0, 0, 1]);
        assert_eq!(ipv4(NodeId(255), 1), [10, 1, 1, 0]);
        for node in [0, 1, 254, 255, 999] {
            let mut frame = mac(NodeId(node), 2).to_vec();
            frame.extend([0; 20]);
            assert_eq!(destination(&frame, 2, 1000), Destination::Node(NodeId(node)));
            assert_eq!(destination(&frame, 1, 1000), Destination::Nobody);
            assert_eq!(destination(&frame, 2, node), Destination::Nobody);
        }
        assert_eq!(destination(&[0xff; 14], 0, 4), Destination::All);
        assert_eq!(destination(&[0; 14], 0, 4), Destination::Nobody);
        assert_eq!(destination(&[2, 0], 0, 4), Destination::Nobody);
    }
}
