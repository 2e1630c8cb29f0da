//! One image on disk, and how to boot it.
//!
//! # The kernel's command line
//!
//! A bundle's initramfs reads these words ([`BootOptions`] writes them):
//!
//! | word | meaning |
//! |---|---|
//! | `console=hvc0` or `console=ttyS0` | the kernel's console: virtio-console or UART |
//! | `multivac.shell=none` | no shell: commands come over the control channel |
//! | `multivac.shell=TTY` | a login shell on `/dev/TTY`; the machine powers off when it ends |
//! | (no `multivac.shell`) | a login shell on the kernel's console |
//! | `multivac.root=vdX` | the disk that holds the root; otherwise the first with a squashfs on it |
//! | `multivac.hostname=NAME` | the host name; otherwise the image's `/etc/hostname` |
//! | `multivac.init=PATH` | run this program of the image as PID 1, the agent beside it, no shell |
//!
//! The machine must have: the root as a virtio-blk disk (read-only is enough: writes go to a tmpfs),
//! and, for commands, a virtio-console port named `multivac.control`.

use crate::archive::squashfs;
use crate::manifest::Manifest;
use crate::{ImageError, Sha256, kernel};
use std::fmt::Write as _;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

pub(crate) const KERNEL: &str = "kernel";
pub(crate) const INITRAMFS: &str = "initramfs";
pub(crate) const ROOT: &str = "root.squashfs";
pub(crate) const MANIFEST: &str = "manifest";

/// An image on disk whose manifest was read and whose files have the sizes that it gives.
#[derive(Clone, Debug)]
pub struct Bundle {
    dir: PathBuf,
    manifest: Manifest,
}

impl Bundle {
    /// Opens the bundle in a folder; checks that it is whole, by sizes, and that kernel and root are such,
    /// by their first bytes.
    ///
    /// Errors: [`ImageError::Damaged`] when it is not, [`ImageError::Host`] when it cannot be read.
    pub fn open(dir: &Path) -> Result<Bundle, ImageError> {
        let damaged = |what: String| ImageError::Damaged { dir: dir.to_owned(), what };
        let path = dir.join(MANIFEST);
        let text = match std::fs::read(&path) {
            Ok(bytes) => String::from_utf8(bytes).map_err(|_| damaged("its manifest is not text".into()))?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(damaged("it has no manifest".into()));
            }
            Err(error) => return Err(ImageError::at(path)(error)),
        };
        let manifest = Manifest::parse(&text).map_err(damaged)?;
        for name in [KERNEL, INITRAMFS, ROOT] {
            let entry =
                manifest.file(name).ok_or_else(|| damaged(format!("its manifest lists no {name}")))?;
            match std::fs::metadata(dir.join(name)) {
                Ok(data) if data.is_file() && data.len() == entry.bytes => {}
                Ok(data) => {
                    let bytes = entry.bytes;
                    return Err(damaged(format!("{name} has {} bytes instead of {bytes}", data.len())));
                }
                Err(_) => return Err(damaged(format!("{name} is missing"))),
            }
        }
        let bundle = Bundle { dir: dir.to_owned(), manifest };
        let (kernel, _) = head(&bundle.kernel())?;
        kernel::check_image(&kernel).map_err(|what| damaged(format!("{KERNEL}: {what}")))?;
        let (root, root_bytes) = head(&bundle.root())?;
        squashfs::check(&root, root_bytes).map_err(|what| damaged(format!("{ROOT}: {what}")))?;
        Ok(bundle)
    }

    /// Checks every file against its checksum: reads the whole image.
    ///
    /// Errors: [`ImageError::Damaged`], naming the first file that differs.
    pub fn verify(&self) -> Result<(), ImageError> {
        for file in &self.manifest.files {
            if Sha256::of_file(&self.dir.join(&file.name))? != file.sha256 {
                let what = format!("{} is not what its checksum says", file.name);
                return Err(ImageError::Damaged { dir: self.dir.clone(), what });
            }
        }
        Ok(())
    }

    /// The bundle's folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// What is in it.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The kernel: an uncompressed `Image`.
    pub fn kernel(&self) -> PathBuf {
        self.dir.join(KERNEL)
    }

    /// The initramfs: an uncompressed cpio archive.
    pub fn initramfs(&self) -> PathBuf {
        self.dir.join(INITRAMFS)
    }

    /// The root: a squashfs, to be attached as a read-only virtio-blk disk.
    pub fn root(&self) -> PathBuf {
        self.dir.join(ROOT)
    }
}

/// The first bytes of a file, and its size.
fn head(path: &Path) -> Result<(Vec<u8>, u64), ImageError> {
    let file = File::open(path).map_err(ImageError::at(path))?;
    let bytes = file.metadata().map_err(ImageError::at(path))?.len();
    let mut head = Vec::new();
    file.take(squashfs::SUPERBLOCK_BYTES as u64).read_to_end(&mut head).map_err(ImageError::at(path))?;
    Ok((head, bytes))
}

/// Where the kernel's console and the shell are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Console {
    /// The first virtio console, `hvc0`.
    #[default]
    Virtio,
    /// The 16550 UART, `ttyS0`.
    Uart,
}

/// How to boot a bundle.
#[derive(Clone, Debug, Default)]
pub struct BootOptions {
    /// The console.
    pub console: Console,
    /// Start a login shell there (interactive runs), or none (commands over the control channel).
    pub shell: bool,
    /// Keep the kernel's messages below errors off the console.
    pub quiet: bool,
    /// The host name, when not the image's own.
    pub hostname: Option<String>,
    /// A program of the image to run as PID 1, for instance `/sbin/init`.
    pub init: Option<String>,
    /// Words to put behind all others.
    pub append: String,
}

impl BootOptions {
    /// The kernel's command line.
    pub fn command_line(&self) -> String {
        let tty = match self.console {
            Console::Virtio => "hvc0",
            Console::Uart => "ttyS0",
        };
        // A kernel that panics asks for a reset, which ends its run, instead of waiting for somebody to look.
        let mut line = format!("console={tty} panic=-1");
        if self.quiet {
            line.push_str(" quiet loglevel=4");
        }
        line.push_str(if self.shell { " multivac.shell=" } else { " multivac.shell=none" });
        line.push_str(if self.shell { tty } else { "" });
        for (key, value) in [("hostname", &self.hostname), ("init", &self.init)] {
            if let Some(value) = value {
                let _ = write!(line, " multivac.{key}={value}");
            }
        }
        if !self.append.is_empty() {
            let _ = write!(line, " {}", self.append);
        }
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_says_what_was_asked() {
        let shell = BootOptions { shell: true, ..BootOptions::default() };
        assert_eq!(shell.command_line(), "console=hvc0 panic=-1 multivac.shell=hvc0");
        let command = BootOptions {
            console: Console::Uart,
            quiet: true,
            hostname: Some("n3".into()),
            append: "nokaslr".into(),
            ..BootOptions::default()
        };
        assert_eq!(
            command.command_line(),
            "console=ttyS0 panic=-1 quiet loglevel=4 multivac.shell=none multivac.hostname=n3 nokaslr"
        );
    }
}
