//! Text with its signature around it, as `InRelease` files are, and the armor that signatures and keys
//! are written in.

use crate::debian::openpgp::{self, Key};

const BEGIN_TEXT: &str = "-----BEGIN PGP SIGNED MESSAGE-----";
const BEGIN_SIGNATURE: &str = "-----BEGIN PGP SIGNATURE-----";
const END_SIGNATURE: &str = "-----END PGP SIGNATURE-----";

/// The signed text of `document`, once a key of the ring is seen to have signed it; only what was
/// signed is returned, whatever stands around it.
///
/// Errors: why it is not to be trusted: not signed, by nobody known, or wrongly.
pub fn verified(document: &str, keys: &[Key]) -> Result<String, String> {
    let (text, armor) = split(document)?;
    let signatures = openpgp::signatures(&unarmored(armor)?)?;
    // What is signed has its line ends as CR LF, and none behind the last line.
    let canonical = text.replace('\n', "\r\n");
    let mut signers = Vec::new();
    let mut good = false;
    for signature in signatures.iter().filter(|signature| signature.is_of_text()) {
        signers.push(signature.issuer.to_string());
        for key in keys.iter().filter(|key| key.id == signature.issuer) {
            openpgp::verify(key, signature, canonical.as_bytes())?;
            good = true;
        }
    }
    match (good, signers.is_empty()) {
        (true, _) => Ok(text),
        (false, true) => Err("it carries no signature".into()),
        (false, false) => {
            Err(format!("none of the keys known here signed it (signed by {})", signers.join(", ")))
        }
    }
}

/// The text without dash escapes and blanks at line ends, and the armored signature.
fn split(document: &str) -> Result<(String, &str), String> {
    let rest = document.strip_prefix(BEGIN_TEXT).ok_or("not a signed text")?;
    let blank = if rest.starts_with('\r') { "\r\n\r\n" } else { "\n\n" };
    let (_, rest) = rest.split_once(blank).ok_or("no end of the signed text's headers")?;
    let end = format!("\n{BEGIN_SIGNATURE}");
    let at = rest.find(&end).ok_or("no signature behind the text")?;
    let lines = rest[..at].split('\n').map(|line| {
        let line = line.trim_end_matches(['\r', ' ', '\t']);
        line.strip_prefix("- ").unwrap_or(line)
    });
    Ok((lines.collect::<Vec<_>>().join("\n"), &rest[at + 1..]))
}

/// The bytes in an armored block; what is not armored is returned as it is.
///
/// Errors: an armor without its end, or with characters that are not its own.
pub fn unarmored(bytes: impl AsRef<[u8]>) -> Result<Vec<u8>, String> {
    let bytes = bytes.as_ref();
    if !bytes.starts_with(b"-----BEGIN PGP ") {
        return Ok(bytes.to_vec());
    }
    let text = std::str::from_utf8(bytes).map_err(|_| "an armor that is not text")?;
    let mut out = Vec::new();
    let mut in_body = false;
    for line in text.lines().map(str::trim_end) {
        match line {
            END_SIGNATURE | "-----END PGP PUBLIC KEY BLOCK-----" => return Ok(out),
            "" => in_body = true,
            _ if !in_body || line.starts_with('=') => {}
            _ => decode(line, &mut out)?,
        }
    }
    Err("an armor without its end".into())
}

/// Decodes one line of base 64.
fn decode(line: &str, out: &mut Vec<u8>) -> Result<(), String> {
    let (mut bits, mut count) = (0u32, 0);
    for c in line.trim_end_matches('=').bytes() {
        let value = match c {
            b'A'..=b'Z' => c - b'A',
            b'a'..=b'z' => c - b'a' + 26,
            b'0'..=b'9' => c - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return Err("a character that is not base 64".into()),
        };
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            out.push(((bits >> count) & 0xff) as u8);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::debian::keyring;

    /// What GnuPG signed in every fixture.
    const TEXT: &str = "Codename: trixie\nVersion: 13.7\n- a dashed line\ntrailing blanks";
    const RSA: &str = include_str!("../../tests/fixtures/rsa.signed");
    const RSA_KEY: &str = include_str!("../../tests/fixtures/rsa.asc");
    const ED25519: &str = include_str!("../../tests/fixtures/ed25519.signed");
    const ED25519_KEY: &str = include_str!("../../tests/fixtures/ed25519.asc");
    const REVOKED_KEY: &str = include_str!("../../tests/fixtures/revoked.asc");
    const LATE: &str = include_str!("../../tests/fixtures/expired-late.signed");
    const EXPIRED_KEY: &str = include_str!("../../tests/fixtures/expired.asc");
    const PROLONGED_KEY: &str = include_str!("../../tests/fixtures/prolonged.asc");
    const SHA1: &str = include_str!("../../tests/fixtures/sha1.signed");

    fn check(document: &str, keys: &[&str]) -> Result<String, String> {
        let keys: Vec<Key> =
            keys.iter().flat_map(|key| keyring::parse(key.as_bytes()).expect("a keyring")).collect();
        verified(document, &keys)
    }

    #[test]
    fn what_gnupg_signs_is_verified() {
        assert_eq!(check(RSA, &[ED25519_KEY, RSA_KEY]).as_deref(), Ok(TEXT));
        assert_eq!(check(ED25519, &[ED25519_KEY]).as_deref(), Ok(TEXT));
        assert_eq!(check(LATE, &[PROLONGED_KEY]).as_deref(), Ok(TEXT));
        assert_eq!(check(&RSA.replace('\n', "\r\n"), &[RSA_KEY]).as_deref(), Ok(TEXT));
        assert_eq!(check(&format!("{RSA}\ntail"), &[RSA_KEY]).as_deref(), Ok(TEXT));
    }

    #[test]
    fn what_must_not_be_believed_is_not() {
        let error = |document: &str, key: &str| check(document, &[key]).expect_err("refused");
        assert!(error(RSA, ED25519_KEY).contains("none of the keys known here"));
        assert!(error(&RSA.replace("13.7", "13.8"), RSA_KEY).contains("is wrong"));
        assert!(error(&ED25519.replace("13.7", "13.8"), ED25519_KEY).contains("is wrong"));
        assert!(error(ED25519, REVOKED_KEY).contains("revoked"));
        assert!(error(LATE, EXPIRED_KEY).contains("outside the life"));
        assert!(error(SHA1, RSA_KEY).contains("hash algorithm 2"));
        assert!(error(TEXT, RSA_KEY).contains("not a signed text"));
    }

    #[test]
    fn hostile_documents_never_panic() {
        let keys = keyring::parse(RSA_KEY.as_bytes()).expect("a keyring");
        for end in 0..RSA.len() - 1 {
            let _ = verified(&RSA[..end], &keys);
        }
        let binary = unarmored(RSA_KEY).expect("armor");
        for at in 0..binary.len() {
            let mut bad = binary.clone();
            bad[at] ^= 0xff;
            let _ = keyring::parse(&bad);
            let _ = keyring::parse(&binary[..at]);
        }
    }

    #[test]
    fn the_built_in_key_reads() {
        assert!(keyring::trusted(None).is_ok_and(|keys| !keys.is_empty()));
    }
}
