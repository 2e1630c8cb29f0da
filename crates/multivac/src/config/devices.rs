//! Disks, shared folders and an image's first program, as they are written in a file and on the command line.

use super::read::Reader;
use super::sections::Source;
use super::{Boot, Disk, DiskMode, Node, Share};
use std::path::PathBuf;

/// Longest path at which a guest finds a folder: that of a mount tag.
const GUEST_BYTES_MAX: usize = 255;
/// Longest `init`.
const INIT_BYTES_MAX: usize = 200;

/// A disk as `FILE[,ro][,overlay][,writable]`; without a mode the guest's writes stay in memory.
pub(crate) fn disk(text: &str) -> Result<Disk, String> {
    let mut words = text.split(',');
    let file = words.next().unwrap_or_default();
    if file.is_empty() {
        return Err("a disk is written as FILE[,ro][,overlay][,writable]".to_owned());
    }
    let mut disk = Disk { file: PathBuf::from(file), mode: DiskMode::Overlay };
    let modes =
        [("ro", DiskMode::ReadOnly), ("overlay", DiskMode::Overlay), ("writable", DiskMode::Writable)];
    let mut given = Vec::new();
    for word in words {
        given.push(super::one_of(word, &modes).map_err(|help| format!("unknown option `{word}`: {help}"))?);
    }
    // Read-only and overlay together: nothing is written, so there is nothing to lay over.
    if given.contains(&DiskMode::Writable) && given.len() > 1 {
        return Err("a writable disk is neither `ro` nor `overlay`".to_owned());
    }
    if let Some(mode) = given.iter().find(|mode| **mode != DiskMode::Overlay) {
        disk.mode = *mode;
    }
    Ok(disk)
}

/// A shared folder as `HOST:GUEST[,ro]`.
pub(crate) fn share(text: &str) -> Result<Share, String> {
    const SYNTAX: &str = "a shared folder is written as HOST:GUEST[,ro], GUEST from `/` on";
    let (paths, read_only) = match text.rsplit_once(',') {
        Some((paths, "ro")) => (paths, true),
        Some((_, word)) if !word.contains('/') => {
            return Err(format!("unknown option `{word}`: the only one is `ro`"));
        }
        _ => (text, false),
    };
    let at = paths.rfind(":/").ok_or(SYNTAX)?;
    let (host, guest) = (&paths[..at], &paths[at + 1..]);
    if host.is_empty() {
        return Err(SYNTAX.to_owned());
    }
    if guest.len() > GUEST_BYTES_MAX || guest.contains('\0') || guest.split('/').any(|name| name == "..") {
        return Err(format!("GUEST is at most {GUEST_BYTES_MAX} bytes long and has no `..`"));
    }
    if guest.trim_matches('/').is_empty() {
        return Err("a folder cannot be the guest's root".to_owned());
    }
    let guest = guest.trim_end_matches('/').to_owned();
    Ok(Share { host: PathBuf::from(host), guest, read_only })
}

/// A program of an image to run as PID 1: a path, or a name that the guest searches for.
pub(crate) fn init(text: &str) -> Result<String, String> {
    if text.is_empty() || text.len() > INIT_BYTES_MAX || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(format!("a program is 1 to {INIT_BYTES_MAX} letters, digits and marks, without blanks"));
    }
    Ok(text.to_owned())
}

/// Reads a node's `init`.
pub(super) fn init_of(node: &mut Node, reader: &Reader<'_>) {
    let Some(found) = reader.get("init") else { return };
    let Some(text) = found.string() else { return };
    match (init(text), &mut node.boot) {
        (Err(help), _) => found.problem(format!("`{text}` is not a program"), help),
        (Ok(program), Boot::Image { init, .. }) => *init = Some(program),
        _ => found.problem("`init` is for an image, and none is named", "add `image = \"NAME\"`"),
    }
}

/// The folders of a node's `share`.
pub(super) fn shares(node: &mut Node, reader: &Reader<'_>, source: &Source<'_>) {
    let Some(found) = reader.get("share") else { return };
    let Some(texts) = found.strings() else { return };
    node.shares.clear();
    for text in texts {
        match share(text) {
            Ok(share) if node.shares.iter().any(|known| known.guest == share.guest) => {
                found.problem(format!("two folders are at `{}`", share.guest), "");
            }
            Ok(share) => {
                node.shares.push(Share { host: source.path(&share.host.to_string_lossy()), ..share })
            }
            Err(help) => found.problem(format!("`{text}` is not a shared folder"), help),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_read() {
        let plain = share("a:b/c:/mnt/x").unwrap();
        assert_eq!(
            (plain.host.to_str(), plain.guest.as_str(), plain.read_only),
            (Some("a:b/c"), "/mnt/x", false)
        );
        assert!(share(".:/mnt/,ro").unwrap().read_only);
        assert_eq!(share(".:/mnt/a,b/c").unwrap().guest, "/mnt/a,b/c");
        for wrong in ["", ".", ".:", ":/x", ".:x", ".:/", ".:/a/../b", ".:/x,rw"] {
            assert!(share(wrong).is_err(), "{wrong} was taken");
        }
    }
}
