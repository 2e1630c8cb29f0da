//! The part of OpenPGP that checking an archive's signature takes: version 4 keys and signatures,
//! RSA and Ed25519, SHA-2. The cryptography is `ring`'s; this reads the framing around it.
//!
//! What a verified signature proves: some key of the given keyring, neither revoked nor expired when
//! it signed, made it over exactly these bytes. The keyring itself is trusted as it stands.
//!
//! Source: RFC 4880, RFC 9580.

use ring::digest;
use ring::signature::{self, RsaPublicKeyComponents, UnparsedPublicKey};
use std::fmt;

/// The last eight bytes of a key's fingerprint.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct KeyId(u64);

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016X}", self.0)
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016X}", self.0)
    }
}

/// A public key.
#[derive(Clone, Debug)]
pub struct Key {
    /// Its id.
    pub id: KeyId,
    material: Material,
    created: u32,
    /// Seconds of life from its creation; `None` is for ever.
    lifetime: Option<u32>,
    revoked: bool,
}

#[derive(Clone, Debug)]
enum Material {
    Rsa { n: Vec<u8>, e: Vec<u8> },
    Ed25519([u8; 32]),
    Other,
}

/// A signature over some document.
#[derive(Clone, Debug)]
pub struct Signature {
    /// Who says to have made it.
    pub issuer: KeyId,
    kind: u8,
    algorithm: u8,
    hash: u8,
    created: u32,
    /// From self-signatures: the key's life in seconds.
    key_lifetime: Option<u32>,
    /// What is hashed after the document.
    trailer: Vec<u8>,
    values: Vec<Vec<u8>>,
}

const PUBLIC_KEY: u8 = 6;
const PUBLIC_SUBKEY: u8 = 14;
const SIGNATURE: u8 = 2;

/// The public keys of a keyring, binary form.
///
/// Errors: framing that does not follow the format. Keys of unknown kinds are kept, and verify nothing.
pub fn keys(bytes: &[u8]) -> Result<Vec<Key>, String> {
    let mut keys: Vec<Key> = Vec::new();
    let mut primary = 0;
    for packet in packets(bytes)? {
        match packet.tag {
            PUBLIC_KEY | PUBLIC_SUBKEY => {
                if packet.tag == PUBLIC_KEY {
                    primary = keys.len();
                }
                keys.extend(key(packet.body)?);
            }
            SIGNATURE => {
                let Some(signature) = signature(packet.body)? else { continue };
                let Some(last) = keys.len().checked_sub(1).filter(|last| primary <= *last) else { continue };
                match signature.kind {
                    // Revocations: of the primary key, with which its subkeys go, and of a subkey.
                    0x20 => keys[primary..].iter_mut().for_each(|key| key.revoked = true),
                    0x28 => keys[last].revoked = true,
                    // Self-signatures: by the primary key on a user id or itself, or binding a subkey.
                    0x10..=0x13 | 0x1f if last == primary && signature.issuer == keys[primary].id => {
                        keys[primary].lifetime = signature.key_lifetime;
                    }
                    0x18 => keys[last].lifetime = signature.key_lifetime,
                    _ => {}
                }
            }
            _ => {}
        }
    }
    Ok(keys)
}

/// The signatures of a detached or cleartext signature, binary form.
///
/// Errors: framing that does not follow the format. Signatures of unknown versions are left out.
pub fn signatures(bytes: &[u8]) -> Result<Vec<Signature>, String> {
    let mut signatures = Vec::new();
    for packet in packets(bytes)? {
        if packet.tag == SIGNATURE {
            signatures.extend(signature(packet.body)?);
        }
    }
    Ok(signatures)
}

/// Checks that `key` made `signature` over `document`.
///
/// Errors: why it did not, or must not be believed.
pub fn verify(key: &Key, signature: &Signature, document: &[u8]) -> Result<(), String> {
    let id = key.id;
    if key.revoked {
        return Err(format!("key {id} is revoked"));
    }
    let end = key.lifetime.and_then(|life| key.created.checked_add(life));
    if end.is_some_and(|end| signature.created >= end) || signature.created < key.created {
        return Err(format!("the signature is from outside the life of key {id}"));
    }
    let (rsa, sha): (_, &digest::Algorithm) = match signature.hash {
        8 => (&signature::RSA_PKCS1_2048_8192_SHA256, &digest::SHA256),
        9 => (&signature::RSA_PKCS1_2048_8192_SHA384, &digest::SHA384),
        10 => (&signature::RSA_PKCS1_2048_8192_SHA512, &digest::SHA512),
        other => return Err(format!("hash algorithm {other} is not accepted")),
    };
    let mut signed = document.to_vec();
    signed.extend_from_slice(&signature.trailer);
    let good = match (&key.material, signature.algorithm, signature.values.as_slice()) {
        (Material::Rsa { n, e }, 1 | 3, [value]) => {
            // The value is a number; the algorithm wants it as wide as the modulus.
            let mut wide = vec![0; n.len().saturating_sub(value.len())];
            wide.extend_from_slice(value);
            RsaPublicKeyComponents { n, e }.verify(rsa, &signed, &wide).is_ok()
        }
        (Material::Ed25519(point), 22, [r, s]) => {
            let mut value = [0; 64];
            for (half, number) in value.chunks_exact_mut(32).zip([r, s]) {
                let start = 32usize.checked_sub(number.len()).ok_or("a number is too long")?;
                half[start..].copy_from_slice(number);
            }
            let digest = digest::digest(sha, &signed);
            UnparsedPublicKey::new(&signature::ED25519, point).verify(digest.as_ref(), &value).is_ok()
        }
        _ => return Err(format!("the kind of key {id} is not supported")),
    };
    if good { Ok(()) } else { Err(format!("the signature by key {id} is wrong")) }
}

impl Signature {
    /// Is it one over a text with canonical line ends?
    pub fn is_of_text(&self) -> bool {
        self.kind == 1
    }
}

struct Packet<'a> {
    tag: u8,
    body: &'a [u8],
}

/// Splits a stream into its packets.
fn packets(bytes: &[u8]) -> Result<Vec<Packet<'_>>, String> {
    let mut rest = Reader(bytes);
    let mut packets = Vec::new();
    while !rest.0.is_empty() {
        let head = rest.byte()?;
        if head & 0x80 == 0 {
            return Err("not an OpenPGP packet".into());
        }
        let (tag, len) = if head & 0x40 != 0 {
            let len = match rest.byte()? {
                first @ 0..192 => usize::from(first),
                first @ 192..224 => (usize::from(first) - 192) * 256 + usize::from(rest.byte()?) + 192,
                255 => rest.word()? as usize,
                _ => return Err("a packet in parts".into()),
            };
            (head & 0x3f, len)
        } else {
            let len = match head & 3 {
                0 => usize::from(rest.byte()?),
                1 => usize::from(rest.half()?),
                2 => rest.word()? as usize,
                _ => return Err("a packet of unknown length".into()),
            };
            (head >> 2 & 0xf, len)
        };
        packets.push(Packet { tag, body: rest.take(len)? });
    }
    Ok(packets)
}

/// A version 4 key; `None` for other versions.
fn key(body: &[u8]) -> Result<Option<Key>, String> {
    let mut rest = Reader(body);
    if rest.byte()? != 4 {
        return Ok(None);
    }
    let created = rest.word()?;
    let material = match rest.byte()? {
        1 | 3 => Material::Rsa { n: rest.number()?.to_vec(), e: rest.number()?.to_vec() },
        22 => {
            const ED25519: &[u8] = &[0x2b, 0x06, 0x01, 0x04, 0x01, 0xda, 0x47, 0x0f, 0x01];
            let curve_len = usize::from(rest.byte()?);
            let curve = rest.take(curve_len)?;
            match (curve, rest.number()?.split_first()) {
                (ED25519, Some((0x40, point))) => {
                    Material::Ed25519(point.try_into().map_err(|_| "a key of a wrong size")?)
                }
                _ => Material::Other,
            }
        }
        _ => Material::Other,
    };
    let len = u16::try_from(body.len()).map_err(|_| "a key too long")?;
    let mut hashed = vec![0x99];
    hashed.extend_from_slice(&len.to_be_bytes());
    hashed.extend_from_slice(body);
    let fingerprint = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, &hashed);
    let id = key_id(&fingerprint.as_ref()[12..])?;
    Ok(Some(Key { id, material, created, lifetime: None, revoked: false }))
}

fn key_id(bytes: &[u8]) -> Result<KeyId, String> {
    Ok(KeyId(u64::from_be_bytes(bytes.try_into().map_err(|_| "a key id of a wrong size")?)))
}

/// A version 4 signature; `None` for other versions.
fn signature(body: &[u8]) -> Result<Option<Signature>, String> {
    let mut rest = Reader(body);
    if rest.byte()? != 4 {
        return Ok(None);
    }
    let (kind, algorithm, hash) = (rest.byte()?, rest.byte()?, rest.byte()?);
    let hashed_len = usize::from(rest.half()?);
    let hashed = rest.take(hashed_len)?;
    let hashed_end = body.len() - rest.0.len();
    let unhashed_len = usize::from(rest.half()?);
    let unhashed = rest.take(unhashed_len)?;
    rest.half()?;
    let mut values = Vec::new();
    while !rest.0.is_empty() {
        values.push(rest.number()?.to_vec());
    }
    let mut trailer = body[..hashed_end].to_vec();
    trailer.extend_from_slice(&[4, 0xff]);
    trailer.extend_from_slice(&u32::try_from(hashed_end).map_err(|_| "a signature too long")?.to_be_bytes());
    let mut signature = Signature {
        issuer: KeyId(0),
        kind,
        algorithm,
        hash,
        created: 0,
        key_lifetime: None,
        trailer,
        values,
    };
    // Who made it may stand outside of what is hashed; a wrong one only names a key that fails.
    for (kind, value) in subpackets(unhashed)?.into_iter().chain(subpackets(hashed)?) {
        match kind {
            16 => signature.issuer = key_id(value)?,
            33 if value.len() == 21 => signature.issuer = key_id(&value[13..])?,
            _ => {}
        }
    }
    for (kind, value) in subpackets(hashed)? {
        let seconds = value.try_into().map(u32::from_be_bytes);
        match (kind, seconds) {
            (2, Ok(seconds)) => signature.created = seconds,
            (9, Ok(seconds)) => signature.key_lifetime = Some(seconds).filter(|seconds| *seconds != 0),
            _ => {}
        }
    }
    Ok(Some(signature))
}

fn subpackets(bytes: &[u8]) -> Result<Vec<(u8, &[u8])>, String> {
    let mut rest = Reader(bytes);
    let mut list = Vec::new();
    while !rest.0.is_empty() {
        let len = match rest.byte()? {
            first @ 0..192 => usize::from(first),
            255 => rest.word()? as usize,
            first => (usize::from(first) - 192) * 256 + usize::from(rest.byte()?) + 192,
        };
        let (kind, value) = rest.take(len)?.split_first().ok_or("an empty subpacket")?;
        list.push((kind & 0x7f, value));
    }
    Ok(list)
}

/// Takes fields off the front.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, n: usize) -> Result<&'a [u8], String> {
        let (taken, rest) = self.0.split_at_checked(n).ok_or("cut short")?;
        self.0 = rest;
        Ok(taken)
    }

    fn byte(&mut self) -> Result<u8, String> {
        Ok(self.take(1)?[0])
    }

    fn half(&mut self) -> Result<u16, String> {
        let bytes = self.take(2)?;
        Ok(u16::from_be_bytes([bytes[0], bytes[1]]))
    }

    fn word(&mut self) -> Result<u32, String> {
        let bytes = self.take(4)?;
        Ok(u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
    }

    /// A multi-precision integer, without leading zeros.
    fn number(&mut self) -> Result<&'a [u8], String> {
        let bits = usize::from(self.half()?);
        let bytes = self.take(bits.div_ceil(8))?;
        Ok(&bytes[bytes.iter().position(|byte| *byte != 0).unwrap_or(bytes.len())..])
    }
}
