//! Configures an unpacked image in a guest on our own machine.

use super::failure;
use crate::config::{Config, EngineKind};
use crate::exit::{Exit, Failure};
use crate::session::sandbox;
use cluster::boot::{self, Devices, Hardware, Payload};
use cluster::control::{Command, Ended};
use cluster::disk;
use cluster::job::Stream;
use cluster::run::{Bounds, Cluster, End, Host, Input, Moment};
use fabric::NodeId;
use image::{BootOptions, Bundle, Configuration, ImageError, Progress, Store};
use machine::board::Board;
use std::collections::BTreeSet;
use std::io::{BufWriter, Write};
use std::path::Path;

/// How many lines at the end of its log a failed configuration shows.
const LINES_SHOWN: usize = 20;
/// With how many of dpkg's errors before.
const ERRORS_SHOWN: usize = 3;
/// How many lines before each of them.
const LINES_BEFORE: usize = 10;
/// What dpkg says when a package's script fails.
const DPKG_ERROR: &str = "dpkg: error processing";
/// How much of its log is kept.
const LOG_BYTES_MAX: usize = 4 << 20;
/// Virtual time that the packages' scripts may take.
const TIME_NS_MAX: u64 = 4 * 3_600_000_000_000;

/// Runs the guest and publishes what it made.
///
/// Errors: a guest that fails, with the end of its log; the store's images are then as they were.
pub(super) fn configure(
    configuration: Configuration,
    store: &Store,
    progress: &mut dyn Progress,
) -> Result<Bundle, Failure> {
    let packages = configuration.bundle().manifest().packages.len() as u64;
    let output = configuration.output().map_err(|error| failure(&error))?;
    progress.phase("configuring", packages, false);
    let mut host =
        Listener { output: BufWriter::new(output), refused: None, log: Vec::new(), said: 0, progress };
    let end = run(&configuration, &mut host)?;
    let flushed = host.output.flush();
    let refused = host.refused.take().or(flushed.err());
    let log = std::mem::take(&mut host.log);
    progress.done();
    if let Some(source) = refused {
        let path = configuration.bundle().dir().to_owned();
        return Err(failure(&ImageError::Host { path, source }));
    }
    if end != End::Job(Ended::Status(0)) {
        return Err(failed(&end, &log));
    }
    configuration.finish(store, progress).map_err(|error| failure(&error))
}

/// Runs the guest on a thread that is locked in; this one goes on with the image afterwards.
fn run(configuration: &Configuration, host: &mut Listener<'_>) -> Result<End, Failure> {
    std::thread::scope(|scope| {
        let guest = scope.spawn(|| {
            let mut cluster = boot(configuration)?;
            sandbox::confine_this_thread();
            let command = Command { argv: configuration.command(), ..Command::default() };
            cluster.set_errand(NodeId(0), None, Some(command));
            Ok(cluster.run(host))
        });
        guest.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// A node with the unpacked image, about to run.
fn boot(configuration: &Configuration) -> Result<Cluster, Failure> {
    let bundle = configuration.bundle();
    let read = |path: &Path| {
        std::fs::read(path).map_err(|source| failure(&ImageError::Host { path: path.to_owned(), source }))
    };
    let (kernel, initramfs) = (read(&bundle.kernel())?, read(&bundle.initramfs())?);
    let root = disk::open(&bundle.root(), disk::Mode::ReadOnly)
        .map_err(|source| failure(&ImageError::Host { path: bundle.root(), source }))?;
    let config = Config::default();
    let standard = config.first();
    let board = Board {
        harts: 1,
        memory_bytes: Configuration::MEMORY_MIB << 20,
        rtc_start_s: standard.rtc_s,
        ..Board::default()
    };
    let hardware = Hardware {
        board,
        clock_hz: standard.clock_hz,
        turn_cycles: standard.turn_cycles,
        software_tlb: false,
        timing: None,
        seed: config.seed,
        translate: config.run.engine == EngineKind::Translate,
        code_cache_bytes: config.run.code_cache_bytes,
        perf_map: false,
    };
    let arguments = BootOptions { quiet: true, ..BootOptions::default() }.command_line();
    let payload = Payload::Kernel {
        kernel: Some(&kernel),
        initrd: Some(&initramfs),
        arguments: &arguments,
        bios: None,
    };
    let devices = Devices { disks: vec![root], ..Devices::default() };
    let booted = boot::boot(&hardware, devices, payload).map_err(|error| {
        Failure::new(Exit::Image, format!("the unpacked image does not boot: {error}"), "")
    })?;
    Ok(Cluster::new(booted, Bounds { time_ns: Some(TIME_NS_MAX), instructions: None }))
}

/// A guest that did not configure its packages, with the end of what it said.
fn failed(end: &End, log: &[u8]) -> Failure {
    let why = match end {
        End::Job(ended) => format!("it ended with status {}", ended.exit_status()),
        End::JobLost(why) => why.clone(),
        End::Time => "it did not end within four hours of virtual time".to_owned(),
        other => format!("the machine ended: {other:?}"),
    };
    let log = String::from_utf8_lossy(log);
    let cause = format!("configuring the packages failed: {why}; of its log:\n{}", excerpt(&log));
    Failure::new(Exit::GuestFailed, cause, "--unpack-only leaves the packages unconfigured")
}

/// What came before each of dpkg's first errors, since the other packages are still configured after one, and the end.
fn excerpt(log: &str) -> String {
    let lines: Vec<&str> = log.lines().collect();
    let errors = lines.iter().enumerate().filter(|(_, line)| line.starts_with(DPKG_ERROR));
    let mut shown: BTreeSet<usize> =
        errors.take(ERRORS_SHOWN).flat_map(|(at, _)| at.saturating_sub(LINES_BEFORE)..=at).collect();
    shown.extend(lines.len().saturating_sub(LINES_SHOWN)..lines.len());
    let mut text = String::new();
    let mut next = 0;
    for at in shown {
        text.push_str(if at == next { "" } else { "...\n" });
        text.push_str(lines[at]);
        text.push('\n');
        next = at + 1;
    }
    text.trim_end().to_owned()
}

/// Takes what the guest hands back, and shows how far it is.
struct Listener<'a> {
    output: BufWriter<std::fs::File>,
    /// Why the host did not take what the guest handed back.
    refused: Option<std::io::Error>,
    /// The end of what the scripts said.
    log: Vec<u8>,
    /// How much of the log was looked at.
    said: usize,
    progress: &'a mut dyn Progress,
}

impl Host for Listener<'_> {
    fn console(&mut self, _node: NodeId, bytes: &[u8]) {
        self.log.extend_from_slice(bytes);
    }

    fn job(&mut self, _node: NodeId, stream: Stream, bytes: &[u8]) {
        match stream {
            Stream::Output if self.refused.is_none() => self.refused = self.output.write_all(bytes).err(),
            Stream::Output => {}
            Stream::Error => {
                self.log.extend_from_slice(bytes);
                self.count();
            }
        }
    }

    fn input(&mut self, moment: Moment) -> Input {
        let leave = self.refused.is_some().then_some(1);
        Input { leave, job_end: moment.job_listens, ..Input::default() }
    }
}

impl Listener<'_> {
    /// Looks for packages that are done, in the whole lines that are new.
    fn count(&mut self) {
        let Some(end) = self.log.iter().rposition(|byte| *byte == b'\n') else { return };
        let fresh = &self.log[self.said.min(end)..end];
        let done = fresh.split(|byte| *byte == b'\n').filter(|line| line.starts_with(b"Setting up ")).count();
        self.progress.advance(done as u64);
        self.said = end + 1;
        if self.log.len() > LOG_BYTES_MAX {
            self.log.drain(..self.said);
            self.said = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failing_script_s_words_are_shown_though_others_went_on() {
        let mut lines: Vec<String> = (0..200).map(|number| format!("Setting up package{number}")).collect();
        lines[50] = "no more of this".to_owned();
        lines[51] = format!("{DPKG_ERROR} package hello (--configure):");
        let shown = excerpt(&lines.join("\n"));
        let first = shown.lines().take(2).collect::<Vec<_>>();
        assert_eq!(first, ["...", "Setting up package41"]);
        assert!(
            shown.contains("no more of this\ndpkg: error processing package hello (--configure):\n...\n")
        );
        assert_eq!(shown.lines().count(), 2 + LINES_BEFORE + 1 + LINES_SHOWN);
        assert_eq!(excerpt("one\ntwo"), "one\ntwo");
    }
}
