//! `.deb` files out of nothing, and the listing of a squashfs.

use std::io::Read;
use std::path::Path;

/// One thing that a package ships.
pub(crate) enum Entry<'a> {
    /// A folder.
    Folder(&'a str),
    /// A link: path, target.
    Link(&'a str, &'a str),
    /// A file: path, mode, group, content.
    File(&'a str, u32, u64, &'a [u8]),
}

/// A package with the control file `about`.
pub(crate) fn deb(about: &str, files: &[Entry<'_>]) -> Vec<u8> {
    let control = tarball(&[Entry::File("./control", 0o644, 0, about.as_bytes())]);
    let data = tarball(files);
    let mut bytes = b"!<arch>\n".to_vec();
    for (name, content) in [("debian-binary", &b"2.0\n"[..]), ("control.tar", &control), ("data.tar", &data)]
    {
        let size = content.len();
        bytes.extend(format!("{name:<16}{:<12}{:<6}{:<6}{:<8}{size:<10}`\n", 0, 0, 0, 100644).bytes());
        bytes.extend_from_slice(content);
        bytes.resize(bytes.len() + size % 2, b'\n');
    }
    bytes
}

fn tarball(entries: &[Entry<'_>]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for entry in entries {
        let mut header = tar::Header::new_gnu();
        header.set_mtime(1_700_000_000);
        header.set_size(0);
        header.set_uid(0);
        header.set_gid(0);
        let appended = match entry {
            Entry::Folder(path) => {
                header.set_entry_type(tar::EntryType::Directory);
                header.set_mode(0o755);
                builder.append_data(&mut header, path, &b""[..])
            }
            Entry::Link(path, target) => {
                header.set_entry_type(tar::EntryType::Symlink);
                header.set_mode(0o777);
                builder.append_link(&mut header, path, target)
            }
            Entry::File(path, mode, group, content) => {
                header.set_mode(*mode);
                header.set_gid(*group);
                header.set_size(content.len() as u64);
                builder.append_data(&mut header, path, *content)
            }
        };
        appended.expect("appended");
    }
    builder.into_inner().expect("an archive")
}

/// A kernel module that needs nothing.
pub(crate) fn module() -> Vec<u8> {
    let mut elf = vec![0; 0x40];
    elf[..6].copy_from_slice(&[0x7f, b'E', b'L', b'F', 2, 1]);
    // One section, the names' own: there is no `.modinfo`, so no dependency.
    elf[0x28] = 0x40;
    elf[0x3a] = 0x40;
    elf[0x3c] = 1;
    elf.resize(0x80, 0);
    elf
}

/// Each entry of a squashfs in a line: path, mode, owner and group, content or target.
pub(crate) fn listing(path: &Path) -> Vec<String> {
    let file = std::io::BufReader::new(std::fs::File::open(path).expect("opened"));
    let squashfs = backhand::FilesystemReader::from_reader(file).expect("a squashfs");
    let line = |node: &backhand::Node<backhand::SquashfsFileReader>| {
        let header = node.header;
        let what = match &node.inner {
            backhand::InnerNode::File(file) => {
                let mut content = String::new();
                let read = squashfs.file(file).reader().read_to_string(&mut content);
                read.map_or("(binary)".to_owned(), |_| content)
            }
            backhand::InnerNode::Symlink(link) => format!("-> {}", link.link.display()),
            _ => String::new(),
        };
        format!("{} {:o} {}:{} {what}", node.fullpath.display(), header.permissions, header.uid, header.gid)
    };
    squashfs.files().map(line).collect()
}
