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
    let (_, rest) = rest
        .split_once("\n\n")
        .or_else(|| rest.split_once("\r\n\r\n"))
        .ok_or("no end of the signed text's headers")?;
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
