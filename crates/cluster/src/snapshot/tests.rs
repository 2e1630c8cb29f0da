use super::*;
use machine::interp::Interpreter;
use machine::node::{Config, Node};
use machine::ram::RAM_BASE;
use std::fs;

fn node() -> Node {
    let mut config = Config::default();
    config.board.memory_bytes = 5 << 19;
    Node::new(&config, Box::new(Interpreter::new(1))).unwrap()
}

/// A node with something in its memory, on both sides of a boundary of checksums and at the end.
fn filled() -> Node {
    let mut node = node();
    for (offset, bytes) in [(0, b"one"), ((1 << 20) - 2, b"two"), ((5 << 19) - 3, b"end")] {
        node.bus.ram.write(RAM_BASE + offset, bytes).unwrap();
    }
    node.harts[0].x[7] = 77;
    node
}

fn saved(dir: &Path, node: &Node, what: &str) -> Result<Manifest, SnapshotError> {
    let sections = vec![("run".to_owned(), 3, b"abc".to_vec())];
    let nodes = vec![("n0".to_owned(), node)];
    write(dir, &Draft { what, virtual_ns: 5, config: "schema = 1\n", disks: &[], nodes, sections })
}

/// What using a snapshot whole comes to.
fn used(dir: &Path) -> Result<Node, SnapshotError> {
    let snapshot = Snapshot::open(dir)?;
    assert_eq!(snapshot.config()?, "schema = 1\n");
    assert_eq!(snapshot.section("run", 3)?, b"abc");
    let mut node = node();
    snapshot.restore_node("n0", &mut node)?;
    Ok(node)
}

fn digest(node: &Node) -> Vec<u8> {
    let mut bytes = Vec::new();
    node.digest(&mut |part| bytes.extend_from_slice(part));
    bytes
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to.join("n0")).unwrap();
    for file in files(from) {
        fs::copy(from.join(&file), to.join(&file)).unwrap();
    }
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let list = |folder: &Path| -> Vec<PathBuf> {
        fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.is_file())
            .collect()
    };
    let all = [list(dir), list(&dir.join("n0"))].concat();
    all.iter().map(|path| path.strip_prefix(dir).unwrap().to_owned()).collect()
}

#[test]
fn what_was_written_is_restored_and_empty_memory_takes_no_room() {
    let temp = tempfile::tempdir().unwrap();
    let dir = temp.path().join("deep").join("snap");
    let node = filled();
    let manifest = saved(&dir, &node, "a test").unwrap();
    assert_eq!((manifest.memories[0].bytes, manifest.memories[0].filled_bytes), (5 << 19, 4 * 4096));
    assert_eq!(digest(&used(&dir).unwrap()), digest(&node));
    let snapshot = Snapshot::open(&dir).unwrap();
    assert_eq!(*snapshot.manifest(), manifest);
    snapshot.verify().unwrap();
    use std::os::unix::fs::MetadataExt;
    let stat = fs::metadata(dir.join("n0/memory.ram")).unwrap();
    assert!(stat.blocks() * 512 < 5 << 18, "{} blocks for 4 pages", stat.blocks());
}

#[test]
fn a_change_of_any_byte_and_any_missing_file_is_found_and_named() {
    let temp = tempfile::tempdir().unwrap();
    let whole = temp.path().join("whole");
    saved(&whole, &filled(), "a test").unwrap();
    let names = files(&whole);
    assert_eq!(names.len(), 8, "{names:?}");
    for (number, name) in names.iter().enumerate() {
        let bytes = fs::read(whole.join(name)).unwrap();
        let filled: Vec<usize> = (0..bytes.len()).filter(|at| bytes[*at] != 0).collect();
        // The first, the last, and some between; of memory only what is not a hole of its own.
        let step = filled.len().div_ceil(9);
        for at in filled.iter().copied().step_by(step).chain(filled.last().copied()) {
            let dir = temp.path().join(format!("flip-{number}-{at}"));
            copy(&whole, &dir);
            let mut bytes = bytes.clone();
            bytes[at] ^= 0x20;
            fs::write(dir.join(name), bytes).unwrap();
            let refused = used(&dir).err().unwrap_or_else(|| panic!("{} byte {at}", name.display()));
            let text = refused.to_string();
            let named = text.contains(&name.display().to_string())
                || text.contains("no snapshot")
                || text.contains("version");
            assert!(named && !refused.is_host(), "{} byte {at}: {text}", name.display());
        }
        for (kind, length) in
            [("short", Some(bytes.len() - 1)), ("long", Some(bytes.len() + 1)), ("gone", None)]
        {
            let dir = temp.path().join(format!("{kind}-{number}"));
            copy(&whole, &dir);
            match length {
                Some(length) => {
                    let mut bytes = bytes.clone();
                    bytes.resize(length, b'x');
                    fs::write(dir.join(name), bytes).unwrap();
                }
                None => fs::remove_file(dir.join(name)).unwrap(),
            }
            let refused = used(&dir).err().unwrap_or_else(|| panic!("{} {kind}", name.display()));
            assert!(!refused.is_host(), "{} {kind}: {refused}", name.display());
        }
    }
}

#[test]
fn a_hart_that_counted_to_the_end_of_numbers_is_refused() {
    let temp = tempfile::tempdir().unwrap();
    for (name, count) in [("far", machine::state::COUNT_MAX - 1), ("end", u64::MAX)] {
        let dir = temp.path().join(name);
        let mut node = filled();
        node.harts[0].retired = count;
        saved(&dir, &node, "a test").unwrap();
        assert_eq!(used(&dir).is_ok(), name == "far", "{count}");
    }
}

#[test]
fn a_memory_is_as_large_as_its_file_before_any_room_is_made_for_it() {
    let temp = tempfile::tempdir().unwrap();
    let dir = temp.path().join("snap");
    let mut manifest = saved(&dir, &filled(), "a test").unwrap();
    manifest.memories[0].bytes = 1 << 45;
    fs::write(dir.join(MANIFEST), manifest.text().unwrap()).unwrap();
    let refused = Snapshot::open(&dir).unwrap().verify().unwrap_err();
    assert!(
        matches!(&refused, SnapshotError::Damaged { file, .. } if file.ends_with("n0/memory.ram")),
        "{refused}"
    );
}

#[test]
fn the_place_in_memory_is_named() {
    let temp = tempfile::tempdir().unwrap();
    let dir = temp.path().join("snap");
    saved(&dir, &filled(), "a test").unwrap();
    let path = dir.join("n0/memory.ram");
    let mut bytes = fs::read(&path).unwrap();
    bytes[(1 << 20) + 5] = 1;
    fs::write(&path, bytes).unwrap();
    let text = used(&dir).err().unwrap().to_string();
    assert!(text.contains("n0/memory.ram is damaged") && text.contains("byte 1048576"), "{text}");
}

#[test]
fn later_versions_and_other_machines_are_refused_by_name() {
    let temp = tempfile::tempdir().unwrap();
    let dir = temp.path().join("snap");
    saved(&dir, &filled(), "a test").unwrap();
    let snapshot = Snapshot::open(&dir).unwrap();
    let newer = snapshot.section("run", 2).unwrap_err().to_string();
    assert!(newer.contains("section `run` has version 3"), "{newer}");
    let mut config = Config::default();
    config.board.memory_bytes = 5 << 19;
    config.board.harts = 2;
    let mut other = Node::new(&config, Box::new(Interpreter::new(2))).unwrap();
    let refused = snapshot.restore_node("n0", &mut other).unwrap_err();
    assert!(matches!(&refused, SnapshotError::State { section, .. } if section == "n0/harts"), "{refused}");

    let manifest = dir.join(MANIFEST);
    fs::write(&manifest, "kind = \"multivac snapshot\"\nformat = 2\nsomething = \"else\"\n").unwrap();
    let refused = Snapshot::open(&dir).unwrap_err();
    assert!(matches!(refused, SnapshotError::Newer { found: 2, known: FORMAT, .. }), "{refused}");
    fs::write(&manifest, "kind = \"recipe\"\nformat = 1\n").unwrap();
    assert!(matches!(Snapshot::open(&dir), Err(SnapshotError::NotOne { .. })));
}

#[test]
fn a_manifest_that_points_elsewhere_is_refused() {
    let temp = tempfile::tempdir().unwrap();
    for name in ["../secret", "/etc/passwd", "a//b", "a/../b", ""] {
        let mut manifest = Manifest::new("a test", 0, 0);
        manifest.sections.push(Section { name: name.into(), version: 1, bytes: 0, blake3: String::new() });
        fs::write(temp.path().join(MANIFEST), manifest.text().unwrap()).unwrap();
        assert!(matches!(Snapshot::open(temp.path()), Err(SnapshotError::Damaged { .. })), "`{name}`");
    }
}

#[test]
fn an_older_snapshot_is_replaced_whole_or_not_at_all() {
    let temp = tempfile::tempdir().unwrap();
    let dir = temp.path().join("snap");
    saved(&dir, &filled(), "the first").unwrap();
    // What an interrupted attempt left behind.
    let partial = temp.path().join(".snap.partial");
    fs::create_dir_all(partial.join("n0")).unwrap();
    fs::write(partial.join("config.toml"), "half").unwrap();
    assert_eq!(Snapshot::open(&dir).unwrap().manifest().what, "the first");
    // An attempt that fails.
    let (node, twice) = (filled(), "n0".to_owned());
    let nodes = vec![(twice.clone(), &node), (twice, &node)];
    let draft =
        Draft { what: "the second", virtual_ns: 0, config: "", disks: &[], nodes, sections: Vec::new() };
    assert!(write(&dir, &draft).is_err(), "two nodes cannot share their files");
    assert_eq!(Snapshot::open(&dir).unwrap().manifest().what, "the first");
    assert!(!partial.exists());
    saved(&dir, &filled(), "the third").unwrap();
    assert_eq!(Snapshot::open(&dir).unwrap().manifest().what, "the third");
    assert_eq!(fs::read_dir(temp.path()).unwrap().count(), 1, "nothing is left beside it");
}

#[test]
fn what_is_no_snapshot_is_left_alone() {
    let temp = tempfile::tempdir().unwrap();
    let dir = temp.path().join("home");
    fs::create_dir(&dir).unwrap();
    saved(&dir, &filled(), "over an empty one").unwrap();
    fs::remove_dir_all(&dir).unwrap();
    fs::create_dir(&dir).unwrap();
    fs::write(dir.join("thesis.txt"), "years of work").unwrap();
    assert!(matches!(saved(&dir, &filled(), "x"), Err(SnapshotError::NotOne { .. })));
    assert!(matches!(saved(&dir.join("thesis.txt"), &filled(), "x"), Err(SnapshotError::NotOne { .. })));
    assert_eq!(fs::read_to_string(dir.join("thesis.txt")).unwrap(), "years of work");
    assert!(matches!(Snapshot::open(&dir), Err(SnapshotError::NotOne { .. })));
    assert!(matches!(Snapshot::open(&temp.path().join("nowhere")), Err(SnapshotError::NotOne { .. })));
}

#[test]
fn a_disk_that_was_written_to_since_is_noticed() {
    let temp = tempfile::tempdir().unwrap();
    let dir = temp.path().join("snap");
    let disk = temp.path().join("disk.img");
    fs::write(&disk, [1; 3000]).unwrap();
    let node = filled();
    let nodes = vec![("n0".to_owned(), &node)];
    let disks = [disk.clone()];
    write(&dir, &Draft { what: "x", virtual_ns: 0, config: "", disks: &disks, nodes, sections: Vec::new() })
        .unwrap();
    let snapshot = Snapshot::open(&dir).unwrap();
    snapshot.check_disks(&disks, &[]).unwrap();
    assert!(matches!(snapshot.check_disks(&[], &[]), Err(SnapshotError::Changed { .. })));
    for contents in [vec![2; 3000], vec![1; 3001]] {
        fs::write(&disk, contents).unwrap();
        let text = snapshot.check_disks(&disks, &[]).unwrap_err().to_string();
        assert!(text.contains("disk.img"), "{text}");
    }
    fs::remove_file(&disk).unwrap();
    assert!(snapshot.check_disks(&disks, &[]).unwrap_err().is_host());
    snapshot.check_disks(&disks, &disks).unwrap();
}

#[test]
fn two_writers_do_not_mix() {
    let temp = tempfile::tempdir().unwrap();
    let dir = temp.path().join("snap");
    let partial = temp.path().join(".snap.partial");
    fs::create_dir(&partial).unwrap();
    let held = fs::File::open(&partial).unwrap();
    rustix::fs::flock(&held, rustix::fs::FlockOperation::NonBlockingLockExclusive).unwrap();
    let busy = saved(&dir, &filled(), "x").unwrap_err();
    assert!(busy.is_host() && busy.to_string().contains("another run"), "{busy}");
    drop(held);
    saved(&dir, &filled(), "x").unwrap();
}
