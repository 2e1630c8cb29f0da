//! What stands behind a 9P device: a tree of files, reached by paths from its root.

use std::fmt;

/// An error as the guest is told it: Linux's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Errno(pub u32);

#[allow(missing_docs, reason = "the names are POSIX's")]
impl Errno {
    pub const PERM: Errno = Errno(1);
    pub const NOENT: Errno = Errno(2);
    pub const IO: Errno = Errno(5);
    pub const BADF: Errno = Errno(9);
    pub const EXIST: Errno = Errno(17);
    pub const NOTDIR: Errno = Errno(20);
    pub const ISDIR: Errno = Errno(21);
    pub const INVAL: Errno = Errno(22);
    pub const NFILE: Errno = Errno(23);
    pub const NOSPC: Errno = Errno(28);
    pub const ROFS: Errno = Errno(30);
    pub const NAMETOOLONG: Errno = Errno(36);
    pub const NOTEMPTY: Errno = Errno(39);
    pub const LOOP: Errno = Errno(40);
    pub const PROTO: Errno = Errno(71);
    pub const OPNOTSUPP: Errno = Errno(95);
}

/// A name in a folder.
///
/// Invariant: not empty, at most 255 bytes, neither `.` nor `..`, without `/` and zero bytes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(Vec<u8>);

impl Name {
    /// The name that `bytes` spell.
    ///
    /// Errors: `NAMETOOLONG` or `INVAL` for what cannot be a name.
    pub fn new(bytes: &[u8]) -> Result<Name, Errno> {
        if bytes.len() > 255 {
            return Err(Errno::NAMETOOLONG);
        }
        let spells =
            !matches!(bytes, b"" | b"." | b"..") && !bytes.iter().any(|byte| matches!(byte, 0 | b'/'));
        if spells { Ok(Name(bytes.to_vec())) } else { Err(Errno::INVAL) }
    }

    /// Its bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.escape_ascii())
    }
}

/// A path from the share's root; empty for the root itself.
pub type TreePath = Vec<Name>;

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A file of bytes.
    File,
    /// A folder.
    Folder,
    /// A symbolic link, which only the guest follows.
    Link,
}

/// What is to be known of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stat {
    /// What it is.
    pub kind: Kind,
    /// Size in bytes; of a link, the length of its target.
    pub size: u64,
    /// Whether its owner may execute it.
    pub executable: bool,
}

/// A tree of files.
///
/// The results are all that comes from outside, so that recording them makes a run repeatable. No operation follows
/// a symbolic link, whatever part of the path it is; nothing outside the tree is reachable.
pub trait Share: fmt::Debug + Send {
    /// Whether the guest may change anything.
    fn writable(&self) -> bool;

    /// What `path` is.
    ///
    /// Errors: `NOENT`, `NOTDIR`, or the host's, as for every operation.
    fn stat(&mut self, path: &[Name]) -> Result<Stat, Errno>;

    /// The names in a folder, in any order.
    ///
    /// Errors: as [`Share::stat`].
    fn list(&mut self, path: &[Name]) -> Result<Vec<(Name, Kind)>, Errno>;

    /// Reads from byte `offset` of a file; returns how many bytes there were.
    ///
    /// Errors: as [`Share::stat`].
    fn read(&mut self, path: &[Name], offset: u64, into: &mut [u8]) -> Result<usize, Errno>;

    /// Where a symbolic link points.
    ///
    /// Errors: `INVAL` when it is none.
    fn read_link(&mut self, path: &[Name]) -> Result<Vec<u8>, Errno>;

    /// Writes at byte `offset` of a file; returns how many bytes were taken.
    ///
    /// Errors: as [`Share::stat`].
    fn write(&mut self, path: &[Name], offset: u64, bytes: &[u8]) -> Result<usize, Errno>;

    /// Makes an empty file.
    ///
    /// Errors: `EXIST`.
    fn create(&mut self, path: &[Name], executable: bool) -> Result<(), Errno>;

    /// Gives a file another size.
    ///
    /// Errors: as [`Share::stat`].
    fn truncate(&mut self, path: &[Name], size: u64) -> Result<(), Errno>;

    /// Lets a file be executed, or not.
    ///
    /// Errors: as [`Share::stat`].
    fn set_executable(&mut self, path: &[Name], executable: bool) -> Result<(), Errno>;

    /// Makes a folder.
    ///
    /// Errors: `EXIST`.
    fn make_folder(&mut self, path: &[Name]) -> Result<(), Errno>;

    /// Makes a symbolic link to `target`.
    ///
    /// Errors: `EXIST`.
    fn make_link(&mut self, path: &[Name], target: &[u8]) -> Result<(), Errno>;

    /// Removes a file or a link, or with `folder` an empty folder.
    ///
    /// Errors: `ISDIR`, `NOTDIR`, `NOTEMPTY`.
    fn remove(&mut self, path: &[Name], folder: bool) -> Result<(), Errno>;

    /// Gives a file, link or folder another path, in place of what was there.
    ///
    /// Errors: as for POSIX's `rename`.
    fn rename(&mut self, from: &[Name], to: &[Name]) -> Result<(), Errno>;
}
