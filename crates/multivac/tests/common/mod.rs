//! What the end-to-end tests share: the binary run, and small programs to run on it.

#![allow(dead_code, reason = "each test file uses a part")]

use isa::asm::Asm;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Where test programs stand.
pub(crate) const BASE: u64 = 0x8000_0000;
/// Where their `tohost` stands.
pub(crate) const TOHOST: u64 = BASE + 0x1000;

/// What a run of the binary left.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Outcome {
    /// The value of a field of the JSON report.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The digest that the report names.
    pub(crate) fn digest(&self) -> String {
        let digest = self.json()["digest"].as_str().expect("a digest").to_owned();
        assert_eq!(digest.len(), 64);
        digest
    }
}

/// Runs the binary with nothing on standard input.
pub(crate) fn multivac(words: &[&str]) -> Outcome {
    let output = Command::new(env!("CARGO_BIN_EXE_multivac"))
        .args(words)
        .stdin(Stdio::null())
        .output()
        .expect("the binary runs");
    outcome(&output)
}

/// Runs words for the shell.
pub(crate) fn shell(words: &str) -> Outcome {
    let output = Command::new("sh").args(["-c", words]).stdin(Stdio::null()).output().expect("a shell");
    outcome(&output)
}

fn outcome(output: &std::process::Output) -> Outcome {
    Outcome {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// Runs the binary with these pieces on standard input, which stay a moment apart.
pub(crate) fn typed(words: &[&str], pieces: &[&str]) -> Outcome {
    typed_to(env!("CARGO_BIN_EXE_multivac"), words, pieces)
}

/// Runs a program likewise.
pub(crate) fn typed_to(program: &str, words: &[&str], pieces: &[&str]) -> Outcome {
    use std::io::Write;
    let mut child = Command::new(program)
        .args(words)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    let mut stdin = child.stdin.take().expect("a pipe");
    for piece in pieces {
        std::thread::sleep(std::time::Duration::from_millis(20));
        // The guest may have ended: its reader's choice.
        let _ = stdin.write_all(piece.as_bytes()).and_then(|()| stdin.flush());
    }
    drop(stdin);
    outcome(&child.wait_with_output().expect("the binary ends"))
}

/// A file of this test's own, with these bytes; in the build's folder for such files.
pub(crate) fn file(name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{}-{name}", std::process::id()));
    std::fs::write(&path, bytes).expect("the build's folder can be written");
    path
}

/// A prebuilt program of `guest/`.
pub(crate) fn prebuilt(name: &str) -> String {
    format!("{}/../../guest/prebuilt/{name}.elf", env!("CARGO_MANIFEST_DIR"))
}

/// The path as the command line takes it.
pub(crate) fn word(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}

/// An ELF program at [`BASE`] with these symbols, 64 KiB of memory, its code written by `write`.
pub(crate) fn elf(symbols: &[(&str, u64)], write: impl FnOnce(&mut Asm)) -> Vec<u8> {
    let mut asm = Asm::new(BASE);
    write(&mut asm);
    let code = asm.finish();
    let mut strings = vec![0];
    let mut entries = vec![0; 24];
    for (name, value) in symbols {
        let offset = u32::try_from(strings.len()).expect("few symbols");
        entries.extend(offset.to_le_bytes());
        entries.extend([0x10, 0, 0xf1, 0xff]);
        entries.extend(value.to_le_bytes());
        entries.extend(0u64.to_le_bytes());
        strings.extend(name.bytes().chain([0]));
    }
    let code_at = 64 + 56;
    let symbols_at = code_at + code.len();
    let strings_at = symbols_at + entries.len();
    let sections_at = strings_at + strings.len();
    let mut file = vec![0x7f, b'E', b'L', b'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    file.extend(2u16.to_le_bytes());
    file.extend(243u16.to_le_bytes());
    file.extend(1u32.to_le_bytes());
    for wide in [BASE, 64, sections_at as u64] {
        file.extend(wide.to_le_bytes());
    }
    file.extend(0u32.to_le_bytes());
    for half in [64u16, 56, 1, 64, 3, 0] {
        file.extend(half.to_le_bytes());
    }
    file.extend(1u32.to_le_bytes());
    file.extend(7u32.to_le_bytes());
    for wide in [code_at as u64, BASE, BASE, code.len() as u64, 0x10000, 0x1000] {
        file.extend(wide.to_le_bytes());
    }
    file.extend(&code);
    file.extend(&entries);
    file.extend(&strings);
    let section = |kind: u32, at: usize, length: usize, link: u32| {
        let mut header = vec![0; 64];
        header[4..8].copy_from_slice(&kind.to_le_bytes());
        header[24..32].copy_from_slice(&(at as u64).to_le_bytes());
        header[32..40].copy_from_slice(&(length as u64).to_le_bytes());
        header[40..44].copy_from_slice(&link.to_le_bytes());
        header
    };
    file.extend(section(0, 0, 0, 0));
    file.extend(section(2, symbols_at, entries.len(), 2));
    file.extend(section(3, strings_at, strings.len(), 0));
    file
}
