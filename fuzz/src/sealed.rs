//! Checksums put right again: behind them lies what there is to be found.

/// Bytes of a recording's entry before its payload.
const HEAD_BYTES: usize = 16;
/// Bytes of an entry's checksum.
const CHECK_BYTES: usize = 16;

/// A recording of this configuration with these entries (head and payload each), with the right checksums.
///
/// Source: `crates/cluster/src/record/format.rs`.
pub fn recording(configuration: &[u8], entries: &[(u8, u8, u16, u64, &[u8])]) -> Vec<u8> {
    let mut bytes = b"multivac record\0".to_vec();
    bytes.extend(4u32.to_le_bytes());
    bytes.extend(u32::try_from(configuration.len()).unwrap_or(u32::MAX).to_le_bytes());
    bytes.extend(configuration);
    let hash = blake3::hash(&bytes);
    bytes.extend(hash.as_bytes());
    let mut check = hash.as_bytes()[..CHECK_BYTES].to_vec();
    for (kind, flags, node, at_ns, payload) in entries {
        let mut entry = Vec::with_capacity(HEAD_BYTES + payload.len());
        entry.extend(u32::try_from(payload.len()).unwrap_or(u32::MAX).to_le_bytes());
        entry.extend([*kind, *flags]);
        entry.extend(node.to_le_bytes());
        entry.extend(at_ns.to_le_bytes());
        entry.extend(*payload);
        let hash = blake3::Hasher::new().update(&check).update(&entry).finalize();
        check = hash.as_bytes()[..CHECK_BYTES].to_vec();
        bytes.extend(entry);
        bytes.extend(&check);
    }
    bytes
}

/// A snapshot's manifest with the right last line.
///
/// Source: `crates/cluster/src/snapshot/manifest.rs`.
pub fn manifest(body: &str) -> String {
    format!("{body}# blake3 of the lines above: {}\n", blake3::hash(body.as_bytes()))
}
