//! Both machines through one program, side by side.

use std::fmt::Write as _;
use std::io;

use isa::csr::PMPCFG0;

use crate::ours::Ours;
use crate::program::Program;
use crate::qemu::Qemu;

/// Instructions and traps after which a program that loops is given up.
const STEPS_MAX: usize = 3000;
/// The register that programs address with.
const ADDRESS: usize = 25;
/// Instructions shown before the one that differs.
const SHOWN: usize = 12;

/// What a comparison covered.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Covered {
    /// Instructions executed and traps taken.
    pub steps: usize,
    /// Traps among them.
    pub traps: usize,
    /// Steps in each privilege level, that of user mode first.
    pub by_privilege: [usize; 4],
    /// Steps in virtualization mode.
    pub virt: usize,
    /// Whether the last program ended outside virtualization mode.
    pub left_guest: bool,
}

/// Runs `program` on both machines and compares their states after each step, and their memory at the end.
///
/// Errors: a description of the first difference with the instructions before it, or what went wrong with QEMU.
pub fn compare(qemu: &mut Qemu, program: &Program) -> Result<Covered, String> {
    let mut stepped = Vec::new();
    let outcome = compare_inner(qemu, program, &mut stepped);
    // A reset of QEMU does not leave the guest's mode: what stopped there starts anew.
    let started =
        if matches!(outcome, Ok(Ok(Covered { left_guest: true, .. }))) { Ok(()) } else { qemu.restart() };
    let outcome = started.and(outcome);
    outcome.unwrap_or_else(|error| Err(report(program, &stepped, &format!("  QEMU: {error}"))))
}

fn compare_inner(
    qemu: &mut Qemu,
    program: &Program,
    stepped: &mut Vec<String>,
) -> io::Result<Result<Covered, String>> {
    let mut ours = Ours::new(program);
    qemu.load(program, &ours.state())?;
    if qemu.state()?.csr(PMPCFG0) != 0 {
        // Locked protection outlives some resets.
        qemu.restart()?;
        qemu.load(program, &ours.state())?;
    }
    let mut covered = Covered::default();
    let mut executed = None;
    for _ in 0..STEPS_MAX {
        let theirs = qemu.state()?;
        let actual = ours.state();
        let (shown, corrections) = actual.as_qemu_shows(&theirs, executed);
        let differences = shown.differences(&theirs);
        if !differences.is_empty() {
            let walks = [false, true].map(|virt| ours.describe_walk(actual.x[ADDRESS], virt)).join("\n  ");
            let found = format!("{differences}  ours: {}\n  {walks}", actual.summary());
            return Ok(Err(report(program, stepped, &found)));
        }
        covered.left_guest = actual.virt != Some(true);
        if actual.pc == program.end || ours.next_is_incomparable() {
            break;
        }
        qemu.correct(&corrections)?;
        covered.steps += 1;
        covered.by_privilege[usize::try_from(actual.privilege & 3).unwrap_or(0)] += 1;
        covered.virt += usize::from(actual.virt == Some(true));
        stepped.push(ours.describe());
        executed = ours.next_op();
        let retired = ours.retired();
        ours.step();
        covered.traps += usize::from(ours.retired() == retired);
        qemu.step()?;
    }
    for &(address, length) in &program.compared {
        let (here, there) = (ours.memory(address, length), qemu.memory(address, length)?);
        if let Some(at) = here.iter().zip(&there).position(|(a, b)| a != b) {
            let (a, b) = (here[at], there[at]);
            let line = format!("  memory at {:#x}: ours {a:#04x}, qemu {b:#04x}", address + at as u64);
            return Ok(Err(report(program, stepped, &line)));
        }
    }
    Ok(Ok(covered))
}

fn report(program: &Program, stepped: &[String], differences: &str) -> String {
    let mut text = format!("{}: after step {}\n", program.name, stepped.len());
    for line in &stepped[stepped.len().saturating_sub(SHOWN)..] {
        let _ = writeln!(text, "  {line}");
    }
    text + differences
}

impl Covered {
    /// Adds what another comparison covered.
    pub fn add(&mut self, other: Covered) {
        self.steps += other.steps;
        self.traps += other.traps;
        self.virt += other.virt;
        for (sum, steps) in self.by_privilege.iter_mut().zip(other.by_privilege) {
            *sum += steps;
        }
    }
}

impl std::fmt::Display for Covered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [user, supervisor, _, machine] = self.by_privilege;
        let (steps, traps, virt) = (self.steps, self.traps, self.virt);
        write!(f, "{steps} steps alike, {traps} of them traps; user {user}, supervisor {supervisor}, ")?;
        write!(f, "machine {machine}; in a guest {virt}")
    }
}
