//! A tree of files on its way into an image: paths with owners, modes and times that never touch the
//! host's file system, so that no root is needed.
//!
//! Invariants: every entry's parents are entries and directories; paths have no leading slash, no
//! `.` and no `..`; the order is that of the paths' bytes.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

/// Owner, mode and time of a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Meta {
    /// Permission bits, with set-user-id, set-group-id and sticky.
    pub mode: u16,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Time of change, in seconds of the epoch.
    pub mtime: u32,
}

impl Meta {
    /// A file of root's, of no time.
    pub const fn root(mode: u16) -> Meta {
        Meta { mode, uid: 0, gid: 0, mtime: 0 }
    }
}

/// What a path stands for.
#[derive(Clone, Debug)]
pub enum Node {
    /// A directory.
    Directory,
    /// A file.
    File(Content),
    /// A symbolic link to these bytes.
    Symlink(Vec<u8>),
    /// A character device: major number << 8 | minor.
    Character(u32),
    /// A block device: major number << 8 | minor.
    Block(u32),
    /// A named pipe.
    Fifo,
}

/// The bytes of a file.
#[derive(Clone, Debug)]
pub struct Content(Store);

#[derive(Clone, Debug)]
enum Store {
    Memory(Arc<[u8]>),
    Spooled { spool: Arc<File>, start: u64, len: u64 },
}

impl Content {
    /// Content held in memory.
    pub fn bytes(bytes: impl Into<Vec<u8>>) -> Content {
        Content(Store::Memory(bytes.into().into()))
    }

    /// Its length in bytes.
    pub fn len(&self) -> u64 {
        match &self.0 {
            Store::Memory(bytes) => bytes.len() as u64,
            Store::Spooled { len, .. } => *len,
        }
    }

    /// Is there nothing in it?
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Reads it from the start.
    pub fn reader(&self) -> ContentReader {
        ContentReader { content: self.clone(), at: 0 }
    }

    /// All of it.
    ///
    /// Errors: the spool's.
    pub fn read_all(&self) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.reader().read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

/// Reads a [`Content`].
#[derive(Debug)]
pub struct ContentReader {
    content: Content,
    at: u64,
}

impl Read for ContentReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.content.len() - self.at;
        let want = usize::try_from(left).map_or(buffer.len(), |left| left.min(buffer.len()));
        let n = match &self.content.0 {
            Store::Memory(bytes) => {
                let start = usize::try_from(self.at).map_err(io::Error::other)?;
                buffer[..want].copy_from_slice(&bytes[start..start + want]);
                want
            }
            Store::Spooled { spool, start, .. } => spool.read_at(&mut buffer[..want], start + self.at)?,
        };
        if n == 0 && want > 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.at += n as u64;
        Ok(n)
    }
}

/// A scratch file that holds the content of a tree's files.
#[derive(Debug)]
pub struct Spool {
    file: Arc<File>,
    end: u64,
    refused: Option<io::Error>,
}

impl Spool {
    /// Content shorter than this stays in memory.
    const IN_MEMORY_BYTES: u64 = 4096;

    /// Takes over an empty file that can be read and written.
    pub fn new(file: File) -> Spool {
        Spool { file: Arc::new(file), end: 0, refused: None }
    }

    /// Why the host did not take content, if that is why storing some failed: a full disk, rather than
    /// something wrong with what was read.
    pub fn refusal(&mut self) -> Option<io::Error> {
        self.refused.take()
    }

    /// Stores all that a reader gives.
    ///
    /// Errors: the reader's, or the host's when the scratch file cannot grow.
    pub fn add(&mut self, reader: &mut impl Read) -> io::Result<Content> {
        let mut head = Vec::new();
        reader.by_ref().take(Self::IN_MEMORY_BYTES).read_to_end(&mut head)?;
        if (head.len() as u64) < Self::IN_MEMORY_BYTES {
            return Ok(Content::bytes(head));
        }
        let start = self.end;
        let mut out = At { file: &self.file, at: start, refused: &mut self.refused };
        out.write_all(&head)?;
        io::copy(reader, &mut out)?;
        self.end = out.at;
        Ok(Content(Store::Spooled { spool: self.file.clone(), start, len: self.end - start }))
    }
}

/// Writes at an offset of its own, and keeps the error that it met.
struct At<'a> {
    file: &'a File,
    at: u64,
    refused: &'a mut Option<io::Error>,
}

impl Write for At<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = self.file.write_at(bytes, self.at).map_err(|error| {
            let kind = error.kind();
            *self.refused = Some(error);
            kind
        })?;
        self.at += n as u64;
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// No path is longer: each of its folders is an entry with a path of its own. It is Linux's bound too.
const PATH_BYTES_MAX: usize = 4096;

/// The tree.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    nodes: BTreeMap<Vec<u8>, (Meta, Node)>,
}

impl Tree {
    /// An empty tree.
    pub fn new() -> Tree {
        Tree::default()
    }

    /// Every entry but the root, parents before their children.
    pub fn entries(&self) -> impl Iterator<Item = (&[u8], &Meta, &Node)> {
        self.nodes.iter().map(|(path, (meta, node))| (path.as_slice(), meta, node))
    }

    /// The entry of a path, links among its parents followed.
    pub fn get(&self, path: &[u8]) -> Option<&(Meta, Node)> {
        self.nodes.get(&self.resolve(path).ok()?)
    }

    /// The file at a path, links followed, the last one too.
    pub fn file(&self, path: &[u8]) -> Option<&Content> {
        let mut path = self.resolve(path).ok()?;
        for _ in 0..8 {
            match &self.nodes.get(&path)?.1 {
                Node::File(content) => return Some(content),
                Node::Symlink(target) => path = self.resolve(&aim(&path, target)?).ok()?,
                _ => return None,
            }
        }
        None
    }

    /// Puts an entry at a path. Links among its parents are followed, as `dpkg` does, so that a file
    /// shipped under `/lib` lands in `/usr/lib`. A directory leaves an entry that is there as it is;
    /// anything else replaces it.
    ///
    /// Errors: a path that leaves the tree, or one below something that is no directory.
    pub fn insert(&mut self, path: &[u8], meta: Meta, node: Node) -> Result<(), String> {
        let path = self.resolve(path)?;
        if path.is_empty() {
            return Ok(());
        }
        self.make_parents(&path)?;
        match (self.nodes.get(&path), &node) {
            // Also a directory that a package ships where another made a link (usrmerge).
            (Some((_, Node::Directory | Node::Symlink(_))), Node::Directory) => {}
            (Some((_, Node::Directory)), _) if self.has_children(&path) => {
                return Err(format!("{}: replaces a folder", String::from_utf8_lossy(&path)));
            }
            _ => {
                self.nodes.insert(path, (meta, node));
            }
        }
        Ok(())
    }

    /// The entry of a path, taken as it is: no link is followed.
    pub fn exact(&self, path: &[u8]) -> Option<&(Meta, Node)> {
        self.nodes.get(path)
    }

    /// Puts an entry at a path, taken as it is, and replaces what is there. What was below a folder
    /// goes when something else takes its place.
    ///
    /// Errors: a path that leaves the tree, or one below something that is no directory.
    pub fn place(&mut self, path: &[u8], meta: Meta, node: Node) -> Result<(), String> {
        if path.is_empty() || path == b"." {
            return Ok(());
        }
        check_length(path)?;
        if path.split(|byte| *byte == b'/').any(|part| matches!(part, b"" | b"." | b"..")) {
            return Err(format!("{}: not a plain path", String::from_utf8_lossy(path)));
        }
        self.make_parents(path)?;
        if !matches!(node, Node::Directory) {
            let mut below = path.to_vec();
            below.push(b'/');
            self.nodes.retain(|known, _| !known.starts_with(&below));
        }
        self.nodes.insert(path.to_vec(), (meta, node));
        Ok(())
    }

    /// Removes every entry that `keep` refuses, and what is below it.
    pub fn retain(&mut self, keep: impl Fn(&[u8]) -> bool) {
        self.nodes.retain(|path, _| keep(path));
        // Parents come before their children, so one pass finds all that lost theirs.
        let paths: Vec<Vec<u8>> = self.nodes.keys().cloned().collect();
        for path in paths {
            let parent = path.iter().rposition(|byte| *byte == b'/').map(|at| &path[..at]);
            if parent.is_some_and(|parent| !self.nodes.contains_key(parent)) {
                self.nodes.remove(&path);
            }
        }
    }

    /// Removes an entry that has no children.
    pub fn remove(&mut self, path: &[u8]) {
        if let Ok(path) = self.resolve(path)
            && !self.has_children(&path)
        {
            self.nodes.remove(&path);
        }
    }

    fn has_children(&self, path: &[u8]) -> bool {
        let mut first = path.to_vec();
        first.push(b'/');
        self.nodes.range(first.clone()..).next().is_some_and(|(next, _)| next.starts_with(&first))
    }

    fn make_parents(&mut self, path: &[u8]) -> Result<(), String> {
        for (at, _) in path.iter().enumerate().filter(|(_, byte)| **byte == b'/') {
            let parent = &path[..at];
            match self.nodes.get(parent) {
                Some((_, Node::Directory)) => {}
                Some(_) => return Err(format!("{}: not a folder", String::from_utf8_lossy(parent))),
                None => {
                    self.nodes.insert(parent.to_vec(), (Meta::root(0o755), Node::Directory));
                }
            }
        }
        Ok(())
    }

    /// The path with `.` and doubled slashes removed and links among the parents followed.
    fn resolve(&self, path: &[u8]) -> Result<Vec<u8>, String> {
        let mut path = path.to_vec();
        'again: for _ in 0..16 {
            check_length(&path)?;
            let mut clean: Vec<u8> = Vec::new();
            let mut rest = path.split(|byte| *byte == b'/').filter(|part| !matches!(*part, b"" | b"."));
            while let Some(part) = rest.next() {
                if part == b".." {
                    return Err(format!("{}: leaves the tree", String::from_utf8_lossy(&path)));
                }
                if let Some((_, Node::Symlink(target))) = self.nodes.get(&clean) {
                    let mut next = aim(&clean, target).ok_or_else(|| {
                        format!("{}: a link out of the tree", String::from_utf8_lossy(&path))
                    })?;
                    for part in std::iter::once(part).chain(rest) {
                        next.push(b'/');
                        next.extend_from_slice(part);
                    }
                    path = next;
                    continue 'again;
                }
                if !clean.is_empty() {
                    clean.push(b'/');
                }
                clean.extend_from_slice(part);
            }
            return Ok(clean);
        }
        Err(format!("{}: too many links", String::from_utf8_lossy(&path)))
    }
}

fn check_length(path: &[u8]) -> Result<(), String> {
    if path.len() <= PATH_BYTES_MAX {
        return Ok(());
    }
    let start = String::from_utf8_lossy(&path[..32]);
    Err(format!("{start}...: a path of {} bytes, more than {PATH_BYTES_MAX}", path.len()))
}

/// Where a link at `path` leads, as a path of the tree; `None` if out of it.
fn aim(path: &[u8], target: &[u8]) -> Option<Vec<u8>> {
    let mut parts: Vec<&[u8]> = Vec::new();
    if !target.starts_with(b"/") {
        parts.extend(path.split(|byte| *byte == b'/'));
        parts.pop();
    }
    for part in target.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join(&b'/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(tree: &Tree) -> Vec<String> {
        tree.entries().map(|(path, _, _)| String::from_utf8_lossy(path).into_owned()).collect()
    }

    fn file(content: &str) -> Node {
        Node::File(Content::bytes(content))
    }

    #[test]
    fn links_among_the_parents_are_followed() {
        let mut tree = Tree::new();
        tree.insert(b"./lib", Meta::root(0o777), Node::Symlink(b"usr/lib".to_vec())).expect("inserted");
        tree.insert(b"./lib/", Meta::root(0o755), Node::Directory).expect("inserted");
        tree.insert(b"./lib/a.so", Meta::root(0o644), file("x")).expect("inserted");
        assert_eq!(text(&tree), ["lib", "usr", "usr/lib", "usr/lib/a.so"]);
        assert_eq!(tree.file(b"/lib/a.so").map(Content::len), Some(1));
    }

    #[test]
    fn paths_do_not_leave_the_tree() {
        let mut tree = Tree::new();
        for path in [&b"../x"[..], b"a/../../x"] {
            assert!(tree.insert(path, Meta::root(0o644), file("")).is_err());
        }
        tree.insert(b"out", Meta::root(0o777), Node::Symlink(b"../..".to_vec())).expect("inserted");
        assert!(tree.insert(b"out/x", Meta::root(0o644), file("")).is_err());
        tree.insert(b"a", Meta::root(0o777), Node::Symlink(b"b".to_vec())).expect("inserted");
        tree.insert(b"b", Meta::root(0o777), Node::Symlink(b"a".to_vec())).expect("inserted");
        assert!(tree.insert(b"a/x", Meta::root(0o644), file("")).is_err());
        assert!(tree.file(b"a").is_none());
    }

    #[test]
    fn paths_have_a_longest() {
        let long = b"a/".repeat(PATH_BYTES_MAX);
        let mut tree = Tree::new();
        assert!(tree.insert(&long, Meta::root(0o755), Node::Directory).is_err());
        assert!(tree.place(&long[..long.len() - 1], Meta::root(0o755), Node::Directory).is_err());
        tree.insert(b"l", Meta::root(0o777), Node::Symlink(long)).expect("a target may be anything");
        assert!(tree.insert(b"l/x", Meta::root(0o644), file("")).is_err());
        assert_eq!(text(&tree), ["l"]);
        assert!(tree.insert(&b"a/".repeat(PATH_BYTES_MAX / 2), Meta::root(0o755), Node::Directory).is_ok());
    }

    #[test]
    fn a_file_does_not_take_the_place_of_a_full_folder() {
        let mut tree = Tree::new();
        tree.insert(b"d/x", Meta::root(0o644), file("")).expect("inserted");
        assert!(tree.insert(b"d", Meta::root(0o644), file("")).is_err());
        assert!(tree.insert(b"d/x/y", Meta::root(0o644), file("")).is_err());
    }

    #[test]
    fn what_loses_its_folder_goes_too() {
        let mut tree = Tree::new();
        for path in [&b"a/x/y"[..], b"a-b", b"a.b/z", b"b"] {
            tree.insert(path, Meta::root(0o644), file("")).expect("inserted");
        }
        tree.retain(|path| !matches!(path, b"a" | b"a-b"));
        assert_eq!(text(&tree), ["a.b", "a.b/z", "b"]);
        tree.place(b"a.b", Meta::root(0o644), file("")).expect("placed");
        assert_eq!(text(&tree), ["a.b", "b"]);
        assert!(tree.place(b"b/c", Meta::root(0o644), file("")).is_err());
        assert!(tree.place(b"../c", Meta::root(0o644), file("")).is_err());
    }

    #[test]
    fn a_host_that_refuses_is_told_from_bad_input() {
        let full = File::options().read(true).write(true).open("/dev/full").expect("opened");
        let mut spool = Spool::new(full);
        assert!(spool.add(&mut &[0; 5000][..]).is_err());
        assert_eq!(spool.refusal().map(|error| error.kind()), Some(io::ErrorKind::StorageFull));
        assert!(spool.refusal().is_none());
    }

    #[test]
    fn spooled_content_reads_back() {
        let mut spool = Spool::new(tempfile::tempfile().expect("a scratch file"));
        let long: Vec<u8> = (0..=255).cycle().take(20_000).collect();
        let first = spool.add(&mut &long[..]).expect("stored");
        let second = spool.add(&mut &b"short"[..]).expect("stored");
        assert_eq!(first.read_all().expect("read"), long);
        assert_eq!(second.read_all().expect("read"), b"short");
    }
}
