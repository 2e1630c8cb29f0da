//! The process locks itself in before a guest executes anything: whatever a guest might find, it reaches no file,
//! no program and no network beyond what the run needs.
//!
//! Landlock keeps opening of files to a list; seccomp refuses system calls by which a process gets new powers.
//! Both hold for threads made afterwards, so this comes before any is made.

use super::Manner;
use crate::config::{Boot, Config, Elf, Tape};
use landlock::{
    ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, Ruleset, RulesetAttr, RulesetCreatedAttr,
    RulesetStatus, path_beneath_rules,
};
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, TargetArch};
use std::collections::BTreeMap;
use std::io::{IsTerminal, stderr};
use std::path::{Path, PathBuf};

/// How far the process could be locked in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Confinement {
    /// What could not be had, and why; empty when all could.
    pub(crate) missing: Vec<String>,
}

impl Confinement {
    /// Tells a person what could not be had.
    pub(super) fn note(&self, manner: &Manner) {
        let seen = manner.verbose || stderr().is_terminal() && !manner.quiet;
        for what in self.missing.iter().filter(|_| seen) {
            eprintln!("note: the guest is not locked in on all sides: {what}");
        }
    }
}

/// What may still be opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Reach {
    read: Vec<PathBuf>,
    write: Vec<PathBuf>,
}

/// Locks the process in for a run of `config`; what it opens later is among `inputs`, beside `outputs`, or shared.
pub(super) fn confine(config: &Config, inputs: &[PathBuf], outputs: &[PathBuf]) -> Confinement {
    let reach = reach(config, inputs, outputs);
    let mut confinement = Confinement::default();
    if let Err(reason) = keep_files(&reach) {
        confinement.missing.push(format!("files are not kept from it: {reason}"));
    }
    if let Err(reason) = keep_calls() {
        confinement.missing.push(format!("system calls are not kept from it: {reason}"));
    }
    confinement
}

/// The list of what a run may open after its set-up.
fn reach(config: &Config, inputs: &[PathBuf], outputs: &[PathBuf]) -> Reach {
    // The C library looks at these when threads start and memory is asked for.
    let mut reach = Reach {
        read: ["/proc/self", "/sys/devices/system/cpu"].map(PathBuf::from).into(),
        write: Vec::new(),
    };
    reach.read.extend_from_slice(inputs);
    let nodes = || config.groups.iter().map(|group| &group.node);
    for share in nodes().flat_map(|node| &node.shares) {
        if share.read_only { &mut reach.read } else { &mut reach.write }.push(share.host.clone());
    }
    let mut folder_of = |path: &Path| {
        // Folders that are still to be made are made in the nearest one there is.
        let there = |folder: &&Path| !folder.as_os_str().is_empty() && folder.exists();
        let folder = path.ancestors().skip(1).find(there);
        reach.write.push(folder.unwrap_or(Path::new(".")).to_owned());
    };
    for node in nodes() {
        if let Boot::Elf(Elf { signature: Some(path), .. }) = &node.boot {
            folder_of(path);
        }
    }
    if let Tape::Record(path) = &config.run.tape {
        folder_of(path);
    }
    outputs.iter().for_each(|path| folder_of(path));
    reach
}

fn keep_files(reach: &Reach) -> Result<(), String> {
    let abi = ABI::V5;
    let told = |error: landlock::RulesetError| error.to_string();
    let status = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(abi))
        .and_then(|rules| rules.handle_access(AccessNet::from_all(abi)))
        .and_then(Ruleset::create)
        .and_then(|rules| rules.add_rules(path_beneath_rules(&reach.read, AccessFs::from_read(abi))))
        .and_then(|rules| rules.add_rules(path_beneath_rules(&reach.write, AccessFs::from_all(abi))))
        .and_then(|rules| rules.restrict_self())
        .map_err(told)?;
    match status.ruleset {
        RulesetStatus::FullyEnforced | RulesetStatus::PartiallyEnforced => Ok(()),
        RulesetStatus::NotEnforced => Err("the kernel has no landlock, or has it turned off".to_owned()),
    }
}

/// System calls that a run needs no more: other programs, connections, other processes, the system's set-up.
const REFUSED: &[libc::c_long] = &[
    libc::SYS_execve,
    libc::SYS_execveat,
    libc::SYS_socket,
    libc::SYS_connect,
    libc::SYS_bind,
    libc::SYS_listen,
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_pidfd_getfd,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_io_uring_setup,
    libc::SYS_keyctl,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    libc::SYS_reboot,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_open_by_handle_at,
];

fn keep_calls() -> Result<(), String> {
    let architecture = TargetArch::try_from(std::env::consts::ARCH).map_err(|error| error.to_string())?;
    let refused: BTreeMap<i64, _> = REFUSED.iter().map(|call| (*call, Vec::new())).collect();
    let denied = u32::try_from(libc::EPERM).map_err(|error| error.to_string())?;
    let filter =
        SeccompFilter::new(refused, SeccompAction::Allow, SeccompAction::Errno(denied), architecture)
            .map_err(|error| error.to_string())?;
    let program: BpfProgram =
        filter.try_into().map_err(|error: seccompiler::BackendError| error.to_string())?;
    seccompiler::apply_filter_all_threads(&program).map_err(|error| error.to_string())
}

/// Whether this host can keep a process to its files, found out on a thread that is then thrown away.
///
/// Errors: why it cannot.
pub(crate) fn probe_files() -> Result<(), String> {
    let tried = std::thread::spawn(|| keep_files(&Reach::default())).join();
    tried.unwrap_or_else(|_| Err("it could not be tried".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Share;

    #[test]
    fn what_a_run_writes_stays_in_reach() {
        let mut config = Config::demo();
        config.run.tape = Tape::Record("src/run.mvr".into());
        let folder = |host: &str, read_only| Share { host: host.into(), guest: "x".to_owned(), read_only };
        config.groups[0].node.shares = vec![folder("/srv/in", true), folder("/srv/out", false)];
        let reach = reach(&config, &[], &[PathBuf::from("no-such-folder/snapshot")]);
        assert!(reach.read.contains(&PathBuf::from("/srv/in")));
        let writes = ["/srv/out", "src", "."].map(PathBuf::from);
        assert_eq!(reach.write, writes);
    }

    #[test]
    fn a_confined_thread_opens_nothing_else() {
        if let Err(reason) = probe_files() {
            eprintln!("this host cannot confine, passed over: {reason}");
            return;
        }
        let opened = std::thread::spawn(|| {
            keep_files(&Reach::default()).unwrap();
            std::fs::File::open("/etc/passwd").map(drop).map_err(|error| error.kind())
        });
        assert_eq!(opened.join().unwrap(), Err(std::io::ErrorKind::PermissionDenied));
    }
}
