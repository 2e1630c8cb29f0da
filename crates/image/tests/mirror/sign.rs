//! Signs a text as GnuPG's clear-signing does, with an Ed25519 key that is the same in every run.

use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA512, digest};
use ring::signature::{Ed25519KeyPair, KeyPair};

const CREATED: u32 = 1_700_000_000;

fn pair() -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[7; 32]).expect("a key")
}

fn packet(tag: u8, body: &[u8]) -> Vec<u8> {
    let mut packet = vec![0xc0 | tag, 0xff];
    packet.extend(u32::try_from(body.len()).expect("short").to_be_bytes());
    packet.extend_from_slice(body);
    packet
}

fn number(bytes: &[u8]) -> Vec<u8> {
    let bytes = &bytes[bytes.iter().position(|byte| *byte != 0).unwrap_or(bytes.len())..];
    let bits = bytes.first().map_or(0, |first| bytes.len() * 8 - first.leading_zeros() as usize);
    let mut number = u16::try_from(bits).expect("short").to_be_bytes().to_vec();
    number.extend_from_slice(bytes);
    number
}

fn key_body() -> Vec<u8> {
    let mut body = vec![4];
    body.extend(CREATED.to_be_bytes());
    body.extend([22, 9, 0x2b, 0x06, 0x01, 0x04, 0x01, 0xda, 0x47, 0x0f, 0x01]);
    let mut point = vec![0x40];
    point.extend_from_slice(pair().public_key().as_ref());
    body.extend(number(&point));
    body
}

/// The public key, as a keyring file holds it.
pub(crate) fn public_key() -> Vec<u8> {
    packet(6, &key_body())
}

/// The text with its signature around it; lines must not start with a dash nor end in blanks.
pub(crate) fn clearsigned(text: &str) -> String {
    let body = key_body();
    let mut hashed_key = vec![0x99];
    hashed_key.extend(u16::try_from(body.len()).expect("short").to_be_bytes());
    hashed_key.extend(&body);
    let fingerprint = digest(&SHA1_FOR_LEGACY_USE_ONLY, &hashed_key);
    let mut hashed = vec![5, 2];
    hashed.extend((CREATED + 1).to_be_bytes());
    let mut signature = vec![4, 1, 22, 10];
    signature.extend(u16::try_from(hashed.len()).expect("short").to_be_bytes());
    signature.extend(&hashed);
    let mut trailer = signature.clone();
    trailer.extend([4, 0xff]);
    trailer.extend(u32::try_from(signature.len()).expect("short").to_be_bytes());
    let mut signed = text.replace('\n', "\r\n").into_bytes();
    signed.extend(&trailer);
    let value = pair().sign(digest(&SHA512, &signed).as_ref());
    signature.extend([0, 10, 9, 16]);
    signature.extend_from_slice(&fingerprint.as_ref()[12..]);
    signature.extend([0, 0]);
    signature.extend(number(&value.as_ref()[..32]));
    signature.extend(number(&value.as_ref()[32..]));
    let armor = base64(&packet(2, &signature));
    format!(
        "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\n{text}\n-----BEGIN PGP SIGNATURE-----\n\n{armor}\
         -----END PGP SIGNATURE-----\n"
    )
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for line in bytes.chunks(48) {
        for group in line.chunks(3) {
            let bits = group
                .iter()
                .enumerate()
                .fold(0u32, |bits, (at, byte)| bits | u32::from(*byte) << (16 - 8 * at));
            for at in 0..4 {
                let digit = DIGITS[(bits >> (18 - 6 * at) & 63) as usize];
                text.push(if at <= group.len() { digit as char } else { '=' });
            }
        }
        text.push('\n');
    }
    text
}
