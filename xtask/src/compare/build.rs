//! Makes what is measured: multivac, the suite for host and guest, and the guest's kernel, initramfs and root.

use super::cpio::Archive;
use super::options::Options;
use super::{System, suite};
use crate::tree;
use anyhow::{Context, Result, bail, ensure};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The image whose kernel, busybox, modules and root are used.
const IMAGE: &str = "bench-compare";
/// What the rows need besides the image's own packages.
const PACKAGES: &str = "python3-minimal,gzip,zstd";
const SOURCES: &str = "benches/suite";

/// Files that the systems run.
pub(super) struct Pieces {
    pub(super) multivac: PathBuf,
    pub(super) native: PathBuf,
    pub(super) kernel: PathBuf,
    pub(super) initramfs: PathBuf,
    pub(super) root: PathBuf,
}

/// Builds everything that the chosen systems need.
///
/// Errors: a compiler or emulator that is not there, with the package that brings it; a build that fails.
pub(super) fn pieces(options: &Options) -> Result<Pieces> {
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| tree::root().join("target"), PathBuf::from);
    let folder = target.join("bench-compare");
    std::fs::create_dir_all(&folder)?;
    if options.systems.iter().any(|system| matches!(system, System::Qemu | System::QemuIcount)) {
        require("qemu-system-riscv64", "qemu-system-misc")?;
    }
    let native = compile("gcc", "gcc", &folder.join("suite-native"))?;
    let guest = compile("riscv64-linux-gnu-gcc", "gcc-riscv64-linux-gnu", &folder.join("suite-riscv64"))?;
    let multivac = match &options.multivac {
        Some(path) => std::fs::canonicalize(path).with_context(|| path.display().to_string())?,
        None => build_multivac(&target)?,
    };
    let bundle = image(&multivac, &folder)?;
    let initramfs = folder.join("initramfs");
    std::fs::write(&initramfs, archive(&bundle, &guest)?)?;
    Ok(Pieces {
        multivac,
        native,
        kernel: bundle.join("kernel"),
        initramfs,
        root: bundle.join("root.squashfs"),
    })
}

/// Errors: the program does not start.
fn require(program: &str, package: &str) -> Result<()> {
    let started = Command::new(program).arg("--version").output();
    if started.is_err() {
        bail!("`{program}` is not installed; on Debian: apt install {package}");
    }
    Ok(())
}

fn compile(compiler: &str, package: &str, to: &Path) -> Result<PathBuf> {
    require(compiler, package)?;
    let mut sources = Vec::new();
    for entry in std::fs::read_dir(tree::root().join(SOURCES))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "c") {
            sources.push(path);
        }
    }
    sources.sort();
    let status = Command::new(compiler)
        .args(["-O2", "-static", "-std=gnu11", "-Wall", "-Wextra", "-o"])
        .arg(to)
        .args(sources)
        .arg("-lm")
        .status()?;
    ensure!(status.success(), "{compiler} does not compile {SOURCES}");
    Ok(to.to_owned())
}

fn build_multivac(target: &Path) -> Result<PathBuf> {
    let status = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["build", "--release", "--quiet", "--package", "multivac"])
        .current_dir(tree::root())
        .status()?;
    ensure!(status.success(), "multivac does not build");
    Ok(target.join("release/multivac"))
}

/// The bundle of the image, in a store of its own; built when it is not there.
fn image(multivac: &Path, folder: &Path) -> Result<PathBuf> {
    let home = folder.join("home");
    let bundle = home.join("images").join(IMAGE);
    if !bundle.join("manifest").exists() {
        eprintln!("building the image of Debian packages ({PACKAGES} and what they need), once");
        let status = Command::new(multivac)
            .args(["image", "build", "debian:13", "--unpack-only", "--packages", PACKAGES, "--name", IMAGE])
            .env("MULTIVAC_HOME", &home)
            .status()?;
        ensure!(status.success(), "the image does not build");
    }
    Ok(bundle)
}

/// The image's initramfs with the suite, its scripts and another `/init` behind it.
fn archive(bundle: &Path, guest: &Path) -> Result<Vec<u8>> {
    let sources = tree::root().join(SOURCES);
    let mut archive = Archive::behind(std::fs::read(bundle.join("initramfs"))?);
    for folder in ["rows", "tmp", "debian"] {
        archive.folder(folder);
    }
    archive.program("init", &std::fs::read(sources.join("init.sh"))?);
    archive.program("work.py", &std::fs::read(sources.join("work.py"))?);
    archive.program("suite", &std::fs::read(guest)?);
    for (name, script) in suite::scripts() {
        archive.program(&format!("rows/{name}"), script.as_bytes());
    }
    Ok(archive.finish())
}
