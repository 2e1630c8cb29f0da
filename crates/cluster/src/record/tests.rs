//! Recordings written, read, cut, damaged and played.

use super::reader::Ending;
use super::*;
use crate::job::Stream;
use crate::run::{Host, Input, Moment};
use fabric::NodeId;
use machine::dev::virtio::p9::share::{Errno, Kind, Name, Share, Stat};
use std::path::PathBuf;

/// A file of the test's own, removed with it.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Scratch {
        Scratch(std::env::temp_dir().join(format!("multivac-record-{}-{name}", std::process::id())))
    }

    fn partial(&self) -> PathBuf {
        PathBuf::from(format!("{}{PARTIAL}", self.0.display()))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
        let _ = std::fs::remove_file(self.partial());
    }
}

/// A folder with one file that grows with each request, so that no two replies are the same.
#[derive(Debug, Default)]
struct Growing(u64);

fn name(text: &str) -> Name {
    Name::new(text.as_bytes()).unwrap()
}

impl Share for Growing {
    fn writable(&self) -> bool {
        false
    }

    fn stat(&mut self, path: &[Name]) -> Result<Stat, Errno> {
        self.0 += 1;
        if path.len() > 1 {
            return Err(Errno::NOENT);
        }
        Ok(Stat { kind: Kind::File, size: self.0, executable: true })
    }

    fn list(&mut self, _path: &[Name]) -> Result<Vec<(Name, Kind)>, Errno> {
        Ok(vec![(name("b"), Kind::File), (name("a"), Kind::Link)])
    }

    fn read(&mut self, _path: &[Name], offset: u64, into: &mut [u8]) -> Result<usize, Errno> {
        let length = into.len().min(3);
        into[..length].fill(u8::try_from(offset).unwrap());
        Ok(length)
    }

    fn read_link(&mut self, _path: &[Name]) -> Result<Vec<u8>, Errno> {
        Ok(b"target".to_vec())
    }

    fn write(&mut self, _path: &[Name], _offset: u64, bytes: &[u8]) -> Result<usize, Errno> {
        Ok(bytes.len() / 2)
    }

    fn create(&mut self, _path: &[Name], _executable: bool) -> Result<(), Errno> {
        Err(Errno::ROFS)
    }

    fn truncate(&mut self, _path: &[Name], _size: u64) -> Result<(), Errno> {
        Ok(())
    }

    fn set_executable(&mut self, _path: &[Name], _executable: bool) -> Result<(), Errno> {
        Ok(())
    }

    fn make_folder(&mut self, _path: &[Name]) -> Result<(), Errno> {
        Err(Errno::EXIST)
    }

    fn make_link(&mut self, _path: &[Name], _target: &[u8]) -> Result<(), Errno> {
        Ok(())
    }

    fn remove(&mut self, _path: &[Name], _folder: bool) -> Result<(), Errno> {
        Err(Errno::NOTEMPTY)
    }

    fn rename(&mut self, _from: &[Name], _to: &[Name]) -> Result<(), Errno> {
        Ok(())
    }
}

/// A host that types a letter every third epoch, and leaves after the tenth.
#[derive(Default)]
struct Typist {
    asked: u8,
}

impl Host for Typist {
    fn console(&mut self, _node: NodeId, _bytes: &[u8]) {}

    fn job(&mut self, _node: NodeId, _stream: Stream, _bytes: &[u8]) {}

    fn input(&mut self, _moment: Moment) -> Input {
        self.asked += 1;
        let console = if self.asked.is_multiple_of(3) { vec![b'a' + self.asked] } else { Vec::new() };
        Input { console, leave: (self.asked == 10).then_some(9), open: true, ..Input::default() }
    }
}

/// A host that must not be needed.
struct Nobody;

impl Host for Nobody {
    fn console(&mut self, _node: NodeId, _bytes: &[u8]) {}

    fn job(&mut self, _node: NodeId, _stream: Stream, _bytes: &[u8]) {}

    fn input(&mut self, _moment: Moment) -> Input {
        Input::default()
    }
}

fn ending(digest: u8) -> Ending {
    Ending { virtual_ns: 10_000_000, instructions: 77, digest: [digest; 32], how: "left".into() }
}

/// A run of eleven epochs that uses everything once; what it got from outside.
fn run(outside: &Outside, host: &mut dyn Host) -> Vec<String> {
    let mut got = vec![format!("{:?}", outside.console_size(0, Some((90, 30))))];
    let mut share = outside.share(0, 0, false, || Ok(Box::new(Growing::default()))).unwrap();
    let mut host = outside.host(host);
    let file = [name("file")];
    let deep = [name("file"), name("none")];
    for epoch in 1..=11u64 {
        let moment = Moment {
            virtual_ns: epoch * 1_000_000,
            instructions: epoch,
            asleep: epoch == 6,
            job_listens: false,
            console_listens: true,
        };
        let input = host.input(moment);
        got.push(format!("{:?} {:?}", input.console, input.leave));
        got.push(format!("{:?} {:?}", share.stat(&file), share.stat(&deep)));
        if input.leave.is_some() {
            break;
        }
    }
    let mut bytes = [0; 8];
    got.push(format!("{:?} {:?} {bytes:?}", share.list(&[]), share.read(&file, 4, &mut bytes)));
    got.push(format!("{:?} {:?}", share.read_link(&file), share.write(&file, 1, b"abcd")));
    let changes = [
        share.create(&file, true),
        share.truncate(&file, 3),
        share.set_executable(&file, false),
        share.make_folder(&file),
        share.make_link(&file, b"x"),
        share.remove(&file, true),
        share.rename(&file, &deep),
    ];
    got.push(format!("{changes:?}"));
    got
}

fn recorded(scratch: &Scratch) -> Vec<String> {
    let outside = Outside::recording(Recorder::create(&scratch.0, "seed = 1\n").unwrap());
    outside.file(0, "kernel", b"the kernel").unwrap();
    let got = run(&outside, &mut Typist::default());
    assert!(scratch.partial().exists() && !scratch.0.exists());
    assert!(matches!(outside.finish(&ending(1), false), Ok(Verdict::Recorded { bytes: 100.. })));
    assert!(!scratch.partial().exists());
    got
}

fn verdict(outside: &Outside, ending: &Ending) -> Replayed {
    match outside.finish(ending, false).unwrap() {
        Verdict::Replayed(replayed) => replayed,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_replay_gets_what_was_recorded() {
    let scratch = Scratch::new("whole");
    let got = recorded(&scratch);
    assert!(got.iter().any(|line| line.contains("Some(9)")), "{got:?}");
    let recording = Recording::open(&scratch.0).unwrap();
    assert_eq!(recording.configuration(), "seed = 1\n");
    assert_eq!(recording.ending(), Some(&ending(1)));
    let outside = Outside::playing(recording);
    outside.file(0, "kernel", b"the kernel").unwrap();
    outside.files_done().unwrap();
    assert_eq!(run(&outside, &mut Nobody), got);
    assert_eq!(verdict(&outside, &ending(1)), Replayed::Same);
    assert!(matches!(verdict(&outside, &ending(2)), Replayed::Apart(text) if text.contains("digest")));
}

#[test]
fn other_files_are_refused() {
    let scratch = Scratch::new("files");
    recorded(&scratch);
    let outside = Outside::playing(Recording::open(&scratch.0).unwrap());
    assert!(matches!(outside.files_done(), Err(RecordError::Files { recorded: true, .. })));
    assert!(matches!(outside.file(0, "kernel", b"another"), Err(RecordError::Changed { .. })));
    assert!(matches!(outside.file(0, "initrd", b""), Err(RecordError::Files { recorded: false, .. })));
}

#[test]
fn a_replay_that_asks_something_else_is_told_so() {
    let scratch = Scratch::new("apart");
    recorded(&scratch);
    let outside = Outside::playing(Recording::open(&scratch.0).unwrap());
    let mut share = outside.share(0, 0, false, || panic!("the folder is opened")).unwrap();
    assert!(share.stat(&[name("file")]).is_ok());
    assert_eq!(share.stat(&[name("other")]), Err(Errno::IO));
    let moment = Moment {
        virtual_ns: 1_000_000,
        instructions: 0,
        asleep: false,
        job_listens: false,
        console_listens: true,
    };
    assert_eq!(outside.host(&mut Nobody).input(moment).leave, Some(0));
    let Replayed::Apart(text) = verdict(&outside, &ending(1)) else { panic!() };
    assert!(text.contains("stat /other"), "{text}");
}

#[test]
fn a_killed_run_is_played_as_far_as_it_is_known() {
    let scratch = Scratch::new("killed");
    let got = recorded(&scratch);
    let whole = std::fs::read(&scratch.0).unwrap();
    let mut known = 0;
    for length in 0..whole.len() {
        std::fs::write(&scratch.0, &whole[..length]).unwrap();
        let recording = match Recording::open(&scratch.0) {
            Ok(recording) => recording,
            Err(RecordError::Foreign { .. } | RecordError::Damaged { .. }) => continue,
            Err(other) => panic!("{other}"),
        };
        assert!(recording.ending().is_none());
        let played = Outside::playing(recording);
        let replay = run(&played, &mut Nobody);
        let same = replay.iter().zip(&got).take_while(|(a, b)| a == b).count();
        assert!(same >= known, "{length} bytes are known to play {known} steps, not {same}");
        known = same;
        assert!(matches!(verdict(&played, &ending(1)), Replayed::Unfinished { .. }), "{length}");
    }
    assert_eq!(known, got.len());
}

#[test]
fn no_changed_byte_goes_unnoticed() {
    let scratch = Scratch::new("damaged");
    recorded(&scratch);
    let whole = std::fs::read(&scratch.0).unwrap();
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 1 << (at % 8);
        std::fs::write(&scratch.0, &bytes).unwrap();
        // A length that became larger makes the rest a torn tail, which is told.
        let found = Recording::open(&scratch.0);
        assert!(!found.is_ok_and(|found| found.ending().is_some()), "byte {at}");
    }
    std::fs::write(&scratch.0, [&whole[..], b"x"].concat()).unwrap();
    let Err(RecordError::Damaged { offset, .. }) = Recording::open(&scratch.0) else { panic!() };
    assert_eq!(offset, whole.len() as u64);
}

#[test]
fn a_node_beside_hears_the_same_replies() {
    let mut outside = Outside::live();
    outside.set_shadowed();
    let mut one = outside.share(0, 0, false, || Ok(Box::new(Growing::default()))).unwrap();
    let mut other = outside.share(0, 0, false, || panic!("opened twice")).unwrap();
    let path = [name("file")];
    let replies: Vec<_> = (0..4).map(|_| one.stat(&path)).collect();
    assert_ne!(replies[0], replies[1]);
    assert_eq!((0..4).map(|_| other.stat(&path)).collect::<Vec<_>>(), replies);
}
