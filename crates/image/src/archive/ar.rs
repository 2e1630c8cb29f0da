//! Reads `ar` archives, the outer format of a `.deb`.

/// One member of an archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member<'a> {
    /// Its name, without padding and trailing slash.
    pub name: &'a str,
    /// Its content.
    pub content: &'a [u8],
}

const MAGIC: &[u8] = b"!<arch>\n";
const HEADER_BYTES: usize = 60;

/// The members of an archive.
///
/// Errors: the first thing that does not follow the format.
/// Source: deb(5), ar(5).
pub fn members(bytes: &[u8]) -> Result<Vec<Member<'_>>, String> {
    let mut rest = bytes.strip_prefix(MAGIC).ok_or("not an ar archive")?;
    let mut members = Vec::new();
    while !rest.is_empty() {
        let (header, after) = rest.split_at_checked(HEADER_BYTES).ok_or("a member's header is cut short")?;
        let field = |from: usize, to: usize| {
            std::str::from_utf8(&header[from..to]).map(str::trim_end).map_err(|_| "a header is not text")
        };
        if &header[58..] != b"`\n" {
            return Err("a member's header has no end mark".into());
        }
        let size: usize = field(48, 58)?.parse().map_err(|_| "a member's size is no number")?;
        let (content, after) = after.split_at_checked(size).ok_or("a member is cut short")?;
        members.push(Member { name: field(0, 16)?.trim_end_matches('/'), content });
        rest = if size % 2 == 1 { after.get(1..).unwrap_or(&[]) } else { after };
    }
    Ok(members)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn archive(members: &[(&str, &[u8])]) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        for (name, content) in members {
            let size = content.len();
            bytes.extend(format!("{name:<16}{:<12}{:<6}{:<6}{:<8}{size:<10}`\n", 0, 0, 0, 100644).bytes());
            bytes.extend_from_slice(content);
            bytes.resize(bytes.len() + size % 2, b'\n');
        }
        bytes
    }

    #[test]
    fn members_come_back_in_order() {
        let bytes = archive(&[("debian-binary", b"2.0\n"), ("odd", b"abc"), ("last/", b"")]);
        let read = members(&bytes).expect("an archive");
        let names: Vec<_> = read.iter().map(|member| (member.name, member.content)).collect();
        assert_eq!(names, [("debian-binary", &b"2.0\n"[..]), ("odd", b"abc"), ("last", b"")]);
    }

    #[test]
    fn every_cut_is_an_error_or_a_shorter_archive() {
        let bytes = archive(&[("debian-binary", b"2.0\n"), ("odd", b"abc")]);
        for end in 0..bytes.len() {
            let _ = members(&bytes[..end]);
        }
        assert!(members(&bytes[..bytes.len() - 2]).is_err());
    }
}
