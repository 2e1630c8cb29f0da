//! An emulator that runs the suite's node: read line by line, stopped and let go on, its CPU time at each mark.

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::time::{ClockId, clock_getcpuclockid, clock_gettime};
use nix::unistd::Pid;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

/// How long a guest may say nothing.
const PATIENCE: Duration = Duration::from_secs(600);

/// A line of the guest's console, with the CPU time that the emulator had used when it came.
struct Line {
    text: String,
    cpu: Duration,
}

/// What a stretch of the guest's work came to.
#[derive(Clone, Debug)]
pub(super) struct Measured {
    pub(super) cpu: Duration,
    /// The lines printed meanwhile.
    pub(super) output: Vec<String>,
}

/// A running emulator; ended when dropped.
pub(super) struct Machine {
    name: &'static str,
    child: Child,
    pid: Pid,
    lines: Receiver<Line>,
}

impl Machine {
    /// Errors: the emulator does not start.
    pub(super) fn start(name: &'static str, mut command: Command) -> Result<Machine> {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .with_context(|| format!("starting {name}"))?;
        let pid = Pid::from_raw(i32::try_from(child.id())?);
        let clock = clock_getcpuclockid(pid).context("the clock of a process")?;
        let output = child.stdout.take().context("a child without output")?;
        let (send, lines) = channel();
        // Reads ahead of the measuring thread, so that each line's time is taken when the line comes.
        std::thread::spawn(move || {
            let mut output = BufReader::new(output);
            let mut bytes = Vec::new();
            while output.read_until(b'\n', &mut bytes).is_ok_and(|length| length > 0) {
                let Ok(cpu) = read(clock) else { break };
                let text = String::from_utf8_lossy(&bytes).trim_end().to_owned();
                bytes.clear();
                if send.send(Line { text, cpu }).is_err() {
                    break;
                }
            }
        });
        Ok(Machine { name, child, pid, lines })
    }

    /// Lets the emulator run until its guest says that `work` ended; stops it then.
    ///
    /// Errors: the guest ends or says nothing for long, or what it ran fails.
    pub(super) fn work(&mut self, work: &str) -> Result<Measured> {
        self.signal(Signal::SIGCONT)?;
        let begin = format!("@begin {work}");
        let end = format!("@end {work} ");
        let mut from = None;
        let mut output = Vec::new();
        loop {
            let line = self.line(work)?;
            match (from, line.text.strip_prefix(&end)) {
                (Some(from), Some("0")) => {
                    self.signal(Signal::SIGSTOP)?;
                    return Ok(Measured { cpu: line.cpu - from, output });
                }
                (Some(_), Some(status)) => {
                    bail!("{}: {work} ended with {status}: {}", self.name, output.join("\n"))
                }
                (None, _) if line.text == begin => from = Some(line.cpu),
                (Some(_), None) => output.push(line.text),
                (None, _) => {}
            }
        }
    }

    /// Lets the emulator run until its guest's first process speaks, and stops it then: the time since the start.
    ///
    /// Errors: as of [`Machine::work`].
    pub(super) fn boot(&mut self) -> Result<Measured> {
        loop {
            let line = self.line("the boot")?;
            if line.text == "@boot" {
                self.signal(Signal::SIGSTOP)?;
                return Ok(Measured { cpu: line.cpu, output: Vec::new() });
            }
        }
    }

    fn line(&self, work: &str) -> Result<Line> {
        self.lines
            .recv_timeout(PATIENCE)
            .with_context(|| format!("{}: ended, or silent for long, in {work}", self.name))
    }

    fn signal(&self, signal: Signal) -> Result<()> {
        kill(self.pid, signal).with_context(|| format!("{signal} for {}", self.name))
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// CPU time of all threads of a process, user and system.
fn read(clock: ClockId) -> Result<Duration> {
    Ok(Duration::from(clock_gettime(clock)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Machine {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        Machine::start("sh", command).unwrap()
    }

    #[test]
    fn only_what_lies_between_the_marks_is_measured() {
        let spin = "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done";
        let mut machine = shell(&format!(
            "echo @boot; echo noise; {spin}; echo @begin a; echo out; echo @end a 0; echo @begin b; {spin}; echo @end b 0"
        ));
        machine.boot().unwrap();
        let (a, b) = (machine.work("a").unwrap(), machine.work("b").unwrap());
        assert_eq!((a.output, b.output.len()), (vec!["out".to_owned()], 0));
        assert!(a.cpu < b.cpu, "{:?} {:?}", a.cpu, b.cpu);
    }

    #[test]
    fn failing_work_is_an_error() {
        let mut machine = shell("echo @begin a; echo why; echo @end a 3");
        assert!(machine.work("a").unwrap_err().to_string().contains("ended with 3: why"));
        assert!(shell("true").work("a").is_err());
    }
}
