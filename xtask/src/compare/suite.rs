//! The rows: what each runs, and how much of it.

use anyhow::{Result, bail};

/// What a row is about, which decides the means that it counts in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// User-mode code of the suite, which the host runs natively too; counts in the slowdown against native.
    User,
    /// A loop of requests to the kernel; the host's kernel is not the guest's, so its native time is for the eye.
    Kernel,
    /// Programs of Debian, or the boot: no native time.
    Whole,
}

impl Kind {
    pub(super) fn name(self) -> &'static str {
        match self {
            Kind::User => "user",
            Kind::Kernel => "kernel",
            Kind::Whole => "whole",
        }
    }
}

/// What a row runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Work {
    /// `suite NAME ROUNDS`.
    Suite(u64),
    /// Words for busybox's shell in the guest.
    Shell(&'static str),
    /// From the emulator's start to the first line of the first user process.
    Boot,
}

/// A line of the table.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) work: Work,
}

const fn user(name: &'static str, rounds: u64) -> Row {
    Row { name, kind: Kind::User, work: Work::Suite(rounds) }
}

const fn kernel(name: &'static str, rounds: u64) -> Row {
    Row { name, kind: Kind::Kernel, work: Work::Suite(rounds) }
}

const fn shell(name: &'static str, words: &'static str) -> Row {
    Row { name, kind: Kind::Whole, work: Work::Shell(words) }
}

/// All rows. The guest's `/init` makes `/tmp/text`, 8 MiB, and `/tmp/half` of it, before the first row.
const ROWS: &[Row] = &[
    Row { name: "boot", kind: Kind::Whole, work: Work::Boot },
    user("alu", 150_000_000),
    user("mixed", 8_000),
    user("quicksort", 120),
    user("chase-l1", 120_000_000),
    user("chase-memory", 2_000_000),
    user("copy", 50),
    user("triad", 50),
    user("matmul-double", 120),
    user("matmul-single", 120),
    user("nbody", 500_000),
    user("recursion", 38),
    user("switch", 15_000),
    user("indirect", 120_000_000),
    user("strings", 40_000),
    kernel("syscall", 400_000),
    kernel("fault", 10),
    kernel("fork-exec", 100),
    shell(
        "shell",
        "i=0; s=1; while [ $i -lt 10000 ]; do i=$((i+1)); case $((s%5)) in 0|2) s=$((s*3+i));; *) s=$((s/2+i));; \
         esac; w=w$s; [ ${#w} -gt 9 ] && s=$i; done; echo $s",
    ),
    shell("programs", "i=0; while [ $i -lt 100 ]; do i=$((i+1)); chroot /debian ls /; done | md5sum"),
    shell("md5", "for i in 1 2 3 4 5 6; do cat /tmp/text; done | md5sum"),
    shell("gzip", "chroot /debian gzip -n -6 < /tmp/half | md5sum"),
    shell("zstd", "chroot /debian zstd -q -3 --single-thread < /tmp/text | md5sum"),
    shell("python", "chroot /debian python3 - 400 < /work.py"),
];

/// The rows that were asked for; all of them for none.
///
/// Errors: a name that no row has.
pub(super) fn chosen(names: &[String]) -> Result<Vec<Row>> {
    let known = || ROWS.iter().map(|row| row.name).collect::<Vec<_>>().join(" ");
    if names.is_empty() {
        return Ok(ROWS.to_vec());
    }
    if let Some(name) = names.iter().find(|name| ROWS.iter().all(|row| row.name != **name)) {
        bail!("no row is called `{name}`; there are {}", known());
    }
    Ok(ROWS.iter().filter(|row| names.iter().any(|name| name == row.name)).copied().collect())
}

impl Row {
    /// What the guest's shell runs; nothing for the boot.
    pub(super) fn script(&self) -> String {
        match self.work {
            Work::Suite(rounds) => format!("/suite {} {rounds}\n", self.name),
            Work::Shell(words) => format!("{words}\n"),
            Work::Boot => String::new(),
        }
    }

    /// The native program's arguments, if the row has one.
    pub(super) fn native(&self) -> Option<[String; 2]> {
        match self.work {
            Work::Suite(rounds) => Some([self.name.to_owned(), rounds.to_string()]),
            _ => None,
        }
    }
}

/// Every row's script, for the guest's `/rows`.
pub(super) fn scripts() -> impl Iterator<Item = (&'static str, String)> {
    ROWS.iter().filter(|row| row.work != Work::Boot).map(|row| (row.name, row.script()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_chosen_by_name_in_the_table_s_order() {
        let names: Vec<String> = ["boot", "alu"].map(str::to_owned).into();
        let rows: Vec<&str> = chosen(&names).unwrap().iter().map(|row| row.name).collect();
        assert_eq!(rows, ["boot", "alu"]);
        assert_eq!(chosen(&[]).unwrap().len(), ROWS.len());
        assert!(chosen(&["abacus".to_owned()]).is_err());
    }
}
