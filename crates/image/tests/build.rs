//! Builds images from a small archive that the test makes and signs.

mod mirror;

use image::debian::mirror::Mirror;
use image::{Built, Bundle, ImageError, Recipe, Silent, Store};
use mirror::{Archive, Server};
use std::fs;
use std::path::Path;

fn recipe(archive: &Archive, mirror: Mirror) -> Recipe {
    Recipe {
        distribution: "debian:13".into(),
        packages: Vec::new(),
        mirror: Some(mirror),
        keyring: Some(archive.keyring()),
        name: "small".into(),
        configure: false,
    }
}

fn build(archive: &Archive, store: &Path) -> Result<(Bundle, bool), ImageError> {
    let mirror = Mirror::Folder(archive.folder().to_owned());
    run(&recipe(archive, mirror), store)
}

/// The bundle, and whether it was there.
fn run(recipe: &Recipe, store: &Path) -> Result<(Bundle, bool), ImageError> {
    match image::build(recipe, &Store::at(store), &mut Silent)? {
        Built::Unchanged(bundle) => Ok((bundle, true)),
        Built::New(bundle) => Ok((bundle, false)),
        Built::Unpacked(_) => panic!("it was not to be configured"),
    }
}

fn scratch() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

#[test]
fn the_same_packages_give_the_same_bytes() {
    let archive = Archive::new();
    let (one, two) = (scratch(), scratch());
    let (first, was_there) = build(&archive, one.path()).expect("built");
    let (second, _) = build(&archive, two.path()).expect("built");
    assert!(!was_there);
    first.verify().expect("whole");
    for (a, b) in [
        (first.kernel(), second.kernel()),
        (first.initramfs(), second.initramfs()),
        (first.root(), second.root()),
        (first.dir().join("manifest"), second.dir().join("manifest")),
    ] {
        assert!(fs::read(&a).expect("read") == fs::read(&b).expect("read"), "{}", a.display());
    }
    let (_, was_there) = build(&archive, one.path()).expect("built");
    assert!(was_there, "an unchanged rebuild finds the bundle");
    let names: Vec<_> = first.manifest().packages.iter().map(|package| package.name.as_str()).collect();
    assert_eq!(names, mirror::IN_THE_ROOT);
}

#[test]
fn systemd_comes_with_what_it_waits_for_at_the_console() {
    let (archive, dir) = (Archive::new(), scratch());
    let mut wanted = recipe(&archive, Mirror::Folder(archive.folder().to_owned()));
    wanted.packages = vec!["systemd-sysv".into()];
    let (bundle, _) = run(&wanted, dir.path()).expect("built");
    let has = |name: &str| bundle.manifest().packages.iter().any(|package| package.name == name);
    assert!(["dbus", "libpam-systemd", "login", "udev"].into_iter().all(has));
}

#[test]
fn owners_and_modes_and_the_database_are_in_the_root() {
    let archive = Archive::new();
    let dir = scratch();
    let (bundle, _) = build(&archive, dir.path()).expect("built");
    let seen = mirror::listing(&bundle.root());
    let line =
        |path: &str| seen.iter().find(|line| line.starts_with(&format!("{path} "))).map(String::as_str);
    assert_eq!(line("/usr/bin/tool"), Some("/usr/bin/tool 4755 0:8 tool"));
    assert_eq!(line("/usr/lib/libtool.so"), Some("/usr/lib/libtool.so 644 0:0 library"), "by way of /lib");
    assert_eq!(line("/lib"), Some("/lib 777 0:0 -> usr/lib"));
    assert!(line("/var/lib/dpkg/status").is_some_and(|line| line.contains("Status: install ok unpacked")));
    assert!(line("/var/lib/dpkg/info/base-files.list").is_some_and(|line| line.contains("/usr/bin/tool")));
}

#[test]
fn a_failed_build_leaves_the_old_image() {
    let mut archive = Archive::new();
    let dir = scratch();
    let (old, _) = build(&archive, dir.path()).expect("built");
    archive.change("base-files", "2");
    archive.publish();
    fs::write(archive.package("base-files"), b"not what was signed").expect("written");
    let error = build(&archive, dir.path()).expect_err("refused");
    assert!(matches!(error, ImageError::Mismatch { .. } | ImageError::Fetch { .. }), "{error}");
    let kept = Store::at(dir.path()).open("small").expect("there");
    assert_eq!(kept.manifest(), old.manifest());
    kept.verify().expect("whole");
}

/// Names the folder of an archive and of a store for the build on a full disk, which has a process of its own.
const FULL_DISK: &str = "MULTIVAC_TEST_FULL_DISK";

#[test]
fn a_full_disk_in_the_middle_of_a_build_leaves_the_old_image() {
    if let Some(places) = std::env::var_os(FULL_DISK) {
        let places = places.into_string().expect("text");
        let (archive, store) = places.split_once(':').expect("two folders");
        let recipe = Recipe {
            keyring: Some(Path::new(archive).join("keyring")),
            mirror: Some(Mirror::Folder(archive.into())),
            distribution: "debian:13".into(),
            packages: Vec::new(),
            name: "small".into(),
            configure: false,
        };
        let error = run(&recipe, Path::new(store)).expect_err("the disk is full");
        assert!(matches!(error, ImageError::Host { .. }), "{error}");
        println!("the build said: {error}");
        return;
    }
    let mut archive = Archive::new();
    let dir = scratch();
    let (old, _) = build(&archive, dir.path()).expect("built");
    archive.change("base-files", "2");
    archive.publish();
    fs::copy(archive.keyring(), archive.folder().join("keyring")).expect("copied");
    // No file may grow beyond a few blocks, as on a disk that is full.
    let limited = "trap '' XFSZ; ulimit -f 24; exec \"$0\" \"$@\"";
    let output = std::process::Command::new("sh")
        .args(["-c", limited])
        .arg(std::env::current_exe().expect("this test"))
        .args(["--exact", "a_full_disk_in_the_middle_of_a_build_leaves_the_old_image", "--nocapture"])
        .env(FULL_DISK, format!("{}:{}", archive.folder().display(), dir.path().display()))
        .output()
        .expect("it runs");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("the build said: "), "{output:?}");
    let kept = Store::at(dir.path()).open("small").expect("there");
    assert_eq!(kept.manifest(), old.manifest());
    kept.verify().expect("whole");
    let (new, _) = build(&archive, dir.path()).expect("built, once there is room");
    assert_ne!(new.manifest(), old.manifest());
}

#[test]
fn an_archive_that_was_tampered_with_is_refused() {
    let archive = Archive::new();
    let dir = scratch();
    let release = archive.folder().join("dists/trixie/InRelease");
    let good = fs::read_to_string(&release).expect("read");
    fs::write(&release, good.replace("Version: 13.7", "Version: 13.8")).expect("written");
    assert!(matches!(build(&archive, dir.path()), Err(ImageError::Untrusted { .. })));
    fs::write(&release, &good).expect("written");
    let index = archive.folder().join("dists/trixie/main/binary-riscv64/Packages");
    let text = fs::read_to_string(&index).expect("read");
    fs::write(&index, text.replace("Priority: required", "Priority: optional")).expect("written");
    assert!(matches!(
        build(&archive, dir.path()),
        Err(ImageError::Mismatch { .. } | ImageError::Fetch { .. })
    ));
    assert!(Store::at(dir.path()).names().expect("names").is_empty());
}

#[test]
fn unknown_packages_and_keys_are_named() {
    let archive = Archive::new();
    let dir = scratch();
    let mut wanted = recipe(&archive, Mirror::Folder(archive.folder().to_owned()));
    wanted.packages = vec!["nonesuch".into()];
    let error = run(&wanted, dir.path()).expect_err("refused");
    assert_eq!(error.to_string(), "the archive has no package `nonesuch`");
    wanted.keyring = None;
    let error = run(&wanted, dir.path()).expect_err("refused");
    assert!(
        matches!(&error, ImageError::Untrusted { reason, .. } if reason.contains("none of the keys")),
        "{error}"
    );
}

#[test]
fn a_transfer_that_was_cut_off_goes_on_where_it_was() {
    let archive = Archive::new();
    let dir = scratch();
    // The server closes each connection after 1000 bytes, so every larger file takes several.
    let server = Server::start(archive.folder().to_owned(), 1000);
    let wanted = recipe(&archive, Mirror::parse(&server.address()));
    let (bundle, _) = run(&wanted, dir.path()).expect("built");
    bundle.verify().expect("whole");
    assert!(server.ranges() > 8, "it asked for the rest, not for the whole again");
}

#[test]
fn what_a_killed_build_fetched_is_used() {
    let archive = Archive::new();
    let dir = scratch();
    let deb = fs::read(archive.package("kmod")).expect("read");
    let sum = image::Sha256::of(&deb).to_string();
    let folder = dir.path().join("cache/sha256").join(&sum[..2]);
    fs::create_dir_all(&folder).expect("made");
    fs::write(folder.join(format!("{sum}.part")), &deb[..deb.len() / 2]).expect("written");
    let server = Server::start(archive.folder().to_owned(), usize::MAX);
    let wanted = recipe(&archive, Mirror::parse(&server.address()));
    run(&wanted, dir.path()).expect("built");
    assert_eq!(server.ranges(), 1);
}
