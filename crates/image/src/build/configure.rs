//! The second half of an image's build: a guest runs the packages' scripts, and what it changed goes
//! back into the root.
//!
//! This crate makes the plan and takes the result; who called [`build`](super::build) runs the guest:
//! boots the bundle of [`Configuration::bundle`], runs [`Configuration::command`] over the control
//! channel, writes the command's standard output to [`Configuration::output`], shows its standard error
//! if it fails, and calls [`Configuration::finish`] when it returned 0.

use super::{Recipe, content_bytes, describe, extras};
use crate::archive::squashfs;
use crate::bundle::{Bundle, ROOT};
use crate::debian::deb;
use crate::manifest::Manifest;
use crate::store::Workspace;
use crate::tree::{Spool, Tree};
use crate::{ImageError, Progress, Sha256, Store};
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufReader, Read};
use tar::EntryType;

/// What runs in the guest.
const SCRIPT: &str = include_str!("configure.sh");
/// The member of the guest's answer that lists the finished root.
const PATHS: &[u8] = b".multivac-paths";
/// Mounted over while the guest ran: what it says of these says nothing about the root.
const MOUNTED: [&[u8]; 5] = [b"dev", b"proc", b"run", b"sys", b"tmp"];
/// No list of a root's paths is longer.
const PATHS_BYTES_MAX: usize = 16 << 20;

/// The checksum that determines a configured image, from that of its unpacked state.
pub(super) fn key(unpacked: Sha256) -> Sha256 {
    Sha256::of(format!("configured\n{unpacked}\n{SCRIPT}").as_bytes())
}

/// An image whose packages are unpacked and wait for a guest to configure them.
#[derive(Debug)]
pub struct Configuration {
    pub(super) name: String,
    pub(super) work: Workspace,
    pub(super) bundle: Bundle,
    pub(super) tree: Tree,
    pub(super) spool: Spool,
}

impl Configuration {
    /// The unpacked image: what to boot.
    pub fn bundle(&self) -> &Bundle {
        &self.bundle
    }

    /// The command to run in the guest.
    pub fn command(&self) -> Vec<String> {
        ["/bin/sh", "-c", SCRIPT].map(str::to_owned).to_vec()
    }

    /// Memory that the guest needs: its root's changes stay in it.
    pub const MEMORY_MIB: u64 = 1024;

    /// A new file for the command's standard output.
    ///
    /// Errors: [`ImageError::Host`].
    pub fn output(&self) -> Result<File, ImageError> {
        let path = self.work.dir().join("changes");
        File::create(&path).map_err(ImageError::at(path))
    }

    /// Takes back what the guest wrote into [`Configuration::output`], and publishes the image.
    ///
    /// Errors: [`ImageError::Malformed`] for an answer that is cut short or no root's,
    /// [`ImageError::Host`]; the store's images are then as they were.
    pub fn finish(mut self, store: &Store, progress: &mut dyn Progress) -> Result<Bundle, ImageError> {
        let path = self.work.dir().join("changes");
        let changes = BufReader::new(File::open(&path).map_err(ImageError::at(&path))?);
        let applied = apply(&mut self.tree, &mut self.spool, changes);
        applied.map_err(|reason| match self.spool.refusal() {
            Some(source) => ImageError::Host { path: path.clone(), source },
            None => ImageError::malformed("the configured root", reason),
        })?;
        std::fs::remove_file(&path).map_err(ImageError::at(&path))?;
        extras::add(&mut self.tree).map_err(|reason| ImageError::malformed("the root", reason))?;
        let root = self.work.dir().join(ROOT);
        progress.phase("writing the root", content_bytes(&self.tree), true);
        squashfs::write(&self.tree, &root, |bytes| progress.advance(bytes))?;
        progress.done();
        let unpacked = self.bundle.manifest();
        let manifest = Manifest {
            state: "configured".into(),
            key: key(unpacked.key),
            files: Vec::new(),
            ..unpacked.clone()
        };
        let key = manifest.key;
        describe(manifest, &self.work)?;
        store.publish(&self.name, key, self.work)
    }
}

/// The checksum that names a recipe's bundle, from that of its unpacked state.
pub(super) fn key_of(recipe: &Recipe, unpacked: Sha256) -> Sha256 {
    if recipe.configure { key(unpacked) } else { unpacked }
}

/// Brings a tree to the state that a guest's answer describes.
///
/// Errors: an answer that does not follow its format, or that is cut short.
pub fn apply(tree: &mut Tree, spool: &mut Spool, changes: impl Read) -> Result<(), String> {
    let mut archive = tar::Archive::new(changes);
    let mut entries = archive.entries().map_err(|error| error.to_string())?;
    let mut first = match entries.next() {
        Some(entry) => entry.map_err(|error| error.to_string())?,
        None => return Err("the guest handed nothing back".into()),
    };
    // Of another kind it could be long without as many bytes: a file with holes.
    if first.path_bytes().as_ref() != PATHS || first.header().entry_type() != EntryType::Regular {
        return Err("it does not begin with the list of paths".into());
    }
    let mut list = Vec::new();
    (&mut first)
        .take(PATHS_BYTES_MAX as u64 + 1)
        .read_to_end(&mut list)
        .map_err(|error| error.to_string())?;
    if list.len() > PATHS_BYTES_MAX {
        return Err(format!("its list of paths is longer than {PATHS_BYTES_MAX} bytes"));
    }
    let kept: BTreeSet<&[u8]> =
        list.split(|byte| *byte == 0).map(|path| path.strip_prefix(b"./").unwrap_or(path)).collect();
    let top = |path: &[u8]| path.split(|byte| *byte == b'/').next().unwrap_or(b"").to_vec();
    tree.retain(|path| kept.contains(path) || MOUNTED.contains(&top(path).as_slice()));
    let mut placed = BTreeSet::new();
    for entry in entries {
        let mut entry = entry.map_err(|error| error.to_string())?;
        let path = entry.path_bytes().into_owned();
        let (meta, node) = deb::node(&mut entry, tree, spool)?;
        let clean = path.strip_prefix(b"./").unwrap_or(&path);
        let clean = clean.strip_suffix(b"/").unwrap_or(clean);
        tree.place(clean, meta, node)?;
        placed.insert(clean.to_vec());
    }
    // Every path that the root has is one that the packages shipped, or one that came back.
    let missing = kept.iter().find(|path| {
        !matches!(**path, b"" | b".")
            && !MOUNTED.contains(&top(path).as_slice())
            && tree.exact(path).is_none()
    });
    match missing {
        Some(path) => Err(format!("{} did not come back", String::from_utf8_lossy(path))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::{Content, Meta, Node};

    fn spool() -> Spool {
        Spool::new(tempfile::tempfile().expect("a scratch file"))
    }

    fn unpacked() -> Tree {
        let mut tree = Tree::new();
        let file = |text: &str| Node::File(Content::bytes(text));
        for (path, text) in
            [("etc/kept", "kept"), ("etc/gone", "gone"), ("etc/changed", "old"), ("dev/x", "x")]
        {
            tree.insert(path.as_bytes(), Meta::root(0o644), file(text)).expect("inserted");
        }
        tree
    }

    /// A guest's answer: the list of paths, then files.
    fn answer(paths: &str, files: &[(&str, &str)]) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        let list = paths.replace(' ', "\0");
        for (path, content) in [(".multivac-paths", list.as_str())].iter().chain(files) {
            let mut header = tar::Header::new_gnu();
            header.set_size(content.len() as u64);
            header.set_mode(0o600);
            header.set_uid(3);
            header.set_gid(4);
            header.set_mtime(5);
            builder.append_data(&mut header, path, content.as_bytes()).expect("appended");
        }
        builder.into_inner().expect("an archive")
    }

    #[test]
    fn changes_go_over_the_tree_and_what_is_not_listed_goes() {
        let mut tree = unpacked();
        let answer = answer(
            ". ./etc ./etc/kept ./etc/changed ./etc/new ./dev",
            &[("etc/changed", "changed"), ("etc/new", "new")],
        );
        apply(&mut tree, &mut spool(), &answer[..]).expect("applied");
        let seen: Vec<String> = tree
            .entries()
            .map(|(path, meta, node)| {
                let content = match node {
                    Node::File(content) => content.read_all().expect("read"),
                    _ => Vec::new(),
                };
                let (path, content) = (String::from_utf8_lossy(path), String::from_utf8_lossy(&content));
                format!("{path} {:o} {}:{} {content}", meta.mode, meta.uid, meta.gid)
            })
            .collect();
        let expected = [
            "dev 755 0:0 ",
            "dev/x 644 0:0 x",
            "etc 755 0:0 ",
            "etc/changed 600 3:4 changed",
            "etc/kept 644 0:0 kept",
            "etc/new 600 3:4 new",
        ];
        assert_eq!(seen, expected);
    }

    #[test]
    fn an_answer_that_is_cut_short_is_refused() {
        let whole = answer("./etc ./etc/kept ./etc/new", &[("etc/new", "new")]);
        for end in [0, 100, 512, 700, 1024, 1536] {
            assert!(apply(&mut unpacked(), &mut spool(), &whole[..end]).is_err(), "cut at {end}");
        }
        let error = apply(&mut unpacked(), &mut spool(), &answer("./etc/new", &[])[..]);
        assert_eq!(error, Err("etc/new did not come back".to_owned()));
        let error = apply(&mut unpacked(), &mut spool(), &answer("./etc", &[("etc", "file")])[..]);
        assert_eq!(error, Ok(()), "a folder may become a file");
        let long = answer(&" ".repeat(PATHS_BYTES_MAX + 1), &[]);
        let error = apply(&mut unpacked(), &mut spool(), &long[..]);
        assert!(error.as_ref().is_err_and(|error| error.contains("longer than")), "{error:?}");
        let mut holed = answer("./etc ./etc/kept", &[]);
        // The kind of the first entry becomes that of a file with holes, and the sum of the header that of its bytes.
        holed[156] = b'S';
        holed[148..156].fill(b' ');
        let sum: u32 = holed[..512].iter().map(|byte| u32::from(*byte)).sum();
        holed[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        assert!(apply(&mut unpacked(), &mut spool(), &holed[..]).is_err());
        let unlisted = answer("./etc", &[])[1024..].to_vec();
        assert!(apply(&mut unpacked(), &mut spool(), &unlisted[..]).is_err());
    }
}
