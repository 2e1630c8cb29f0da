//! The process locks itself in before a guest executes anything: whatever a guest might find, it reaches no file,
//! no program and no network beyond what the run needs.
//!
//! Landlock keeps opening of files to a list ([`files`]), seccomp system calls ([`calls`]). Both hold for threads made
//! afterwards, so this comes before any is made.

mod calls;
mod files;

use super::{Manner, Plan};
use crate::config::{Boot, Config, DiskMode, Elf, Tape};
use crate::exit::Failure;
use files::Reach;
use std::path::{Path, PathBuf};

/// How far the process could be locked in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Confinement {
    /// What could not be had, and why; empty when all could.
    pub(crate) missing: Vec<String>,
}

impl Confinement {
    /// Tells a person in a line what could not be had.
    pub(super) fn note(&self, manner: &Manner) {
        if !manner.quiet && !self.missing.is_empty() {
            eprintln!("note: the guest is not locked in on all sides: {}", self.missing.join("; "));
        }
    }
}

/// What a run opens after it was locked in, beside what its configuration names.
#[derive(Clone, Debug, Default)]
pub(super) struct Needs {
    /// Files and folders that are read.
    pub(super) reads: Vec<PathBuf>,
    /// Files that are made.
    pub(super) writes: Vec<PathBuf>,
    /// Files that are removed.
    pub(super) removes: Vec<PathBuf>,
}

impl Needs {
    /// What a run opens from the moment that its first node is built.
    ///
    /// Errors: an image that is not there.
    pub(super) fn of_building(config: &Config, plan: &Plan) -> Result<Needs, Failure> {
        let mut needs = Needs { reads: super::snapshot::disks(config)?, ..Needs::default() };
        needs.reads.extend(image::Store::of_user().iter().map(|store| store.data().to_owned()));
        needs.reads.push(PathBuf::from(&config.network.topology));
        for node in config.groups.iter().map(|group| &group.node) {
            match &node.boot {
                Boot::Kernel(kernel) => {
                    needs.reads.extend(
                        [&kernel.kernel, &kernel.initrd, &kernel.bios].into_iter().flatten().cloned(),
                    );
                }
                Boot::Elf(elf) => needs.reads.push(elf.file.clone()),
                Boot::Demo | Boot::Jacobi { .. } | Boot::Image { .. } => {}
            }
            let writable = node.disks.iter().filter(|disk| disk.mode == DiskMode::Writable);
            needs.writes.extend(writable.map(|disk| disk.file.clone()));
        }
        needs.writes.extend(plan.outputs());
        needs.writes.extend(config.captured()?.map(|captured| captured.file));
        needs.writes.extend(config.output.trace.clone());
        // Where `perf` looks.
        needs.writes.extend(config.run.perf_map.then(|| PathBuf::from("/tmp/perf.map")));
        Ok(needs)
    }
}

/// Locks the process in for a run of `config` that opens what it `needs`.
pub(super) fn confine(config: &Config, needs: &Needs) -> Confinement {
    lock_in(&reach(config, needs), calls::keep_all_threads)
}

/// Locks this thread in, and those that it starts, for a guest that needs nothing of the host.
pub(crate) fn confine_this_thread() -> Confinement {
    lock_in(&Reach::least(), calls::keep_this_thread)
}

fn lock_in(reach: &Reach, keep_calls: impl FnOnce() -> Result<(), String>) -> Confinement {
    let mut confinement = Confinement::default();
    if let Err(reason) = files::keep(reach) {
        confinement.missing.push(format!("files are not kept from it: {reason}"));
    }
    if let Err(reason) = keep_calls() {
        confinement.missing.push(format!("system calls are not kept from it: {reason}"));
    }
    confinement
}

/// The list of what a run may open after its set-up.
fn reach(config: &Config, needs: &Needs) -> Reach {
    let mut reach = Reach::least();
    reach.read.extend_from_slice(&needs.reads);
    let nodes = || config.groups.iter().map(|group| &group.node);
    for share in nodes().flat_map(|node| &node.shares) {
        if share.read_only { &mut reach.read } else { &mut reach.write }.push(share.host.clone());
    }
    for node in nodes() {
        if let Boot::Elf(Elf { signature: Some(path), .. }) = &node.boot {
            reach.write.push(folder_of(path));
        }
    }
    if let Tape::Record(path) = &config.run.tape {
        reach.write.push(folder_of(path));
    }
    reach.write.extend(needs.writes.iter().map(|path| folder_of(path)));
    reach.remove.extend(needs.removes.iter().map(|path| folder_of(path)));
    reach
}

/// The folder that a file is in. One that is still to be made is made in the nearest one there is.
fn folder_of(path: &Path) -> PathBuf {
    let there = |folder: &&Path| !folder.as_os_str().is_empty() && folder.exists();
    path.ancestors().skip(1).find(there).unwrap_or(Path::new(".")).to_owned()
}

/// Whether this host can keep a process to its files, found out on a thread that is then thrown away.
///
/// Errors: why it cannot.
pub(crate) fn probe_files() -> Result<(), String> {
    on_a_thread(|| files::keep(&Reach::default()))
}

/// Whether this host can keep a process from system calls, found out likewise.
///
/// Errors: why it cannot.
pub(crate) fn probe_calls() -> Result<(), String> {
    on_a_thread(calls::keep_this_thread)
}

fn on_a_thread(probe: impl FnOnce() -> Result<(), String> + Send + 'static) -> Result<(), String> {
    std::thread::spawn(probe).join().unwrap_or_else(|_| Err("it could not be tried".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Share;
    use std::fs::File;
    use std::io::ErrorKind;

    /// Does something on a thread that is locked in as that of a run is; `None` where the host cannot.
    fn confined<R: Send + 'static>(
        reach: Reach,
        attempt: impl FnOnce() -> std::io::Result<R> + Send + 'static,
    ) -> Option<Result<R, ErrorKind>> {
        if let Err(reason) = probe_files().and_then(|()| probe_calls()) {
            eprintln!("this host cannot confine, passed over: {reason}");
            return None;
        }
        let tried = std::thread::spawn(move || {
            let confinement = lock_in(&reach, calls::keep_this_thread);
            assert_eq!(confinement, Confinement::default());
            attempt().map_err(|error| error.kind())
        });
        Some(tried.join().unwrap())
    }

    #[track_caller]
    fn check_refused<R: std::fmt::Debug + Send + 'static>(
        attempt: impl FnOnce() -> std::io::Result<R> + Send + 'static,
    ) {
        if let Some(tried) = confined(Reach::least(), attempt) {
            assert_eq!(tried.map(|_| "allowed"), Err(ErrorKind::PermissionDenied));
        }
    }

    #[test]
    fn what_a_run_writes_stays_in_reach() {
        let mut config = Config::demo();
        config.run.tape = Tape::Record("src/run.mvr".into());
        let folder = |host: &str, read_only| Share { host: host.into(), guest: "x".to_owned(), read_only };
        config.groups[0].node.shares = vec![folder("/srv/in", true), folder("/srv/out", false)];
        let needs = Needs {
            reads: vec!["disk.img".into()],
            writes: vec!["no-such-folder/snapshot".into()],
            removes: vec!["src/gdb.socket".into()],
        };
        let reach = reach(&config, &needs);
        assert!(["/srv/in", "disk.img"].iter().all(|path| reach.read.contains(&PathBuf::from(path))));
        assert_eq!(reach.write, ["/srv/out", "src", "."].map(PathBuf::from));
        assert_eq!(reach.remove, ["src"].map(PathBuf::from));
    }

    #[test]
    fn foreign_files_are_not_opened() {
        check_refused(|| File::open("/etc/passwd"));
        check_refused(|| std::fs::read_dir("/"));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new");
        check_refused(move || File::create(path));
        let socket = folder.path().join("socket");
        check_refused(move || std::os::unix::net::UnixListener::bind(socket));
    }

    #[test]
    fn no_program_runs_and_no_connection_is_made() {
        check_refused(|| std::process::Command::new("true").spawn());
        check_refused(|| std::net::TcpListener::bind("127.0.0.1:0"));
        check_refused(|| std::net::TcpStream::connect("127.0.0.1:9"));
    }

    #[test]
    fn what_a_run_needs_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let (old, new, made) =
            (folder.path().join("old"), folder.path().join("new"), folder.path().join("made"));
        let reach = Reach { write: vec![folder.path().to_owned()], ..Reach::least() };
        let tried = confined(reach, move || {
            std::fs::write(&old, "x")?;
            std::fs::rename(&old, &new)?;
            std::fs::create_dir(&made)?;
            std::fs::remove_dir(&made)?;
            std::thread::spawn(|| vec![1u8; 1 << 20].len()).join().unwrap();
            std::fs::read_to_string(&new)
        });
        assert!(tried.is_none_or(|tried| tried == Ok("x".to_owned())));
    }
}
