//! Rebuilds the bare-metal programs of `guest/` and compares them with `guest/prebuilt/`.
//!
//! The manifest records the compiler's commit. On that commit a rebuild must give the same bytes; on another,
//! both the stored and the rebuilt program are run, and each must print the lines that the manifest expects.

use crate::tree;
use anyhow::{Context, Result, bail, ensure};
use std::path::{Path, PathBuf};
use std::process::Command;

const TARGET: &str = "riscv64gc-unknown-none-elf";
const MANIFEST: &str = "guest/prebuilt/manifest.toml";

/// A compiler that has the target.
struct Toolchain {
    /// What `cargo` and `rustc` take first; empty for the default one.
    select: Option<&'static str>,
    commit: String,
    sysroot: PathBuf,
}

/// One program of the manifest.
struct Program {
    name: String,
    blake3: String,
    /// Flags of `multivac run` with which it is run.
    flags: Vec<String>,
    /// Lines that it prints, whichever compiler built it.
    says: Vec<String>,
}

/// Compares, and fails when the stored programs are not what the sources give.
pub(crate) fn check() -> Result<()> {
    let (commit, programs) = manifest()?;
    for program in &programs {
        let bytes = std::fs::read(stored(&program.name)).with_context(|| stored_name(&program.name))?;
        let found = blake3::hash(&bytes).to_hex();
        ensure!(
            found.as_str() == program.blake3,
            "{}: not what the manifest records",
            stored_name(&program.name)
        );
    }
    let Some(toolchain) = find_toolchain() else {
        println!(
            "guest: no installed toolchain has {TARGET}; {} stored programs kept as they are",
            programs.len()
        );
        return Ok(());
    };
    let built = build(&toolchain)?;
    for program in &programs {
        let rebuilt = built.join(&program.name);
        if toolchain.commit == commit {
            let same = std::fs::read(&rebuilt).with_context(|| program.name.clone())?
                == std::fs::read(stored(&program.name))?;
            ensure!(same, "{}: the rebuild differs; `cargo xtask guest bless` stores it", program.name);
            println!("guest: {}: the rebuild is the same, byte for byte", program.name);
        } else {
            for file in [&stored(&program.name), &rebuilt] {
                expect_lines(program, file)?;
            }
            println!("guest: {}: another compiler; stored and rebuilt say the same", program.name);
        }
    }
    Ok(())
}

/// Rebuilds, and stores what came out with its checksums and the compiler's commit.
pub(crate) fn bless() -> Result<()> {
    let (_, programs) = manifest()?;
    let toolchain = find_toolchain().with_context(|| format!("no installed toolchain has {TARGET}"))?;
    let built = build(&toolchain)?;
    let text = std::fs::read_to_string(tree::root().join(MANIFEST))?;
    let mut lines = Vec::new();
    let mut program = String::new();
    for line in text.lines() {
        let value = |key: &str| {
            line.strip_prefix(key)?
                .trim_start()
                .strip_prefix('=')
                .map(|rest| rest.trim().trim_matches('"').to_owned())
        };
        if let Some(name) = value("name") {
            program = name;
        }
        if value("rustc_commit").is_some() {
            lines.push(format!("rustc_commit = \"{}\"", toolchain.commit));
        } else if value("blake3").is_some() {
            let bytes = std::fs::read(built.join(&program)).with_context(|| program.clone())?;
            std::fs::write(stored(&program), &bytes)?;
            println!("guest: {program}: {} bytes", bytes.len());
            lines.push(format!("blake3 = \"{}\"", blake3::hash(&bytes).to_hex()));
        } else {
            lines.push(line.to_owned());
        }
    }
    std::fs::write(tree::root().join(MANIFEST), lines.join("\n") + "\n")?;
    println!("guest: {} programs stored", programs.len());
    Ok(())
}

fn stored_name(name: &str) -> String {
    format!("guest/prebuilt/{name}.elf")
}

fn stored(name: &str) -> PathBuf {
    tree::root().join(stored_name(name))
}

/// The compiler's commit and the programs that the manifest lists.
fn manifest() -> Result<(String, Vec<Program>)> {
    let text = std::fs::read_to_string(tree::root().join(MANIFEST)).context(MANIFEST)?;
    let table: toml::Table = text.parse().context(MANIFEST)?;
    let string = |table: &toml::Table, key: &str| -> Result<String> {
        let value = table.get(key).and_then(toml::Value::as_str);
        Ok(value.with_context(|| format!("{MANIFEST}: no `{key}`"))?.to_owned())
    };
    let strings = |table: &toml::Table, key: &str| -> Vec<String> {
        let values = table.get(key).and_then(toml::Value::as_array).into_iter().flatten();
        values.filter_map(|value| value.as_str().map(str::to_owned)).collect()
    };
    let mut programs = Vec::new();
    for value in table.get("program").and_then(toml::Value::as_array).into_iter().flatten() {
        let entry = value.as_table().with_context(|| format!("{MANIFEST}: a program that is no table"))?;
        programs.push(Program {
            name: string(entry, "name")?,
            blake3: string(entry, "blake3")?,
            flags: strings(entry, "flags"),
            says: strings(entry, "says"),
        });
    }
    ensure!(!programs.is_empty(), "{MANIFEST}: lists no program");
    Ok((string(&table, "rustc_commit")?, programs))
}

/// The first toolchain that has the target: the default one, then stable, then nightly.
fn find_toolchain() -> Option<Toolchain> {
    [None, Some("+stable"), Some("+nightly")].into_iter().find_map(|select| {
        let ask = |words: &[&str]| {
            let output = command("rustc", select).args(words).output().ok()?;
            output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
        };
        let sysroot = PathBuf::from(ask(&["--print", "sysroot"])?.trim());
        let has_target = sysroot.join("lib/rustlib").join(TARGET).join("lib").is_dir();
        let version = ask(&["-vV"])?;
        let commit = version.lines().find_map(|line| line.strip_prefix("commit-hash: "))?.to_owned();
        has_target.then_some(Toolchain { select, commit, sysroot })
    })
}

/// `program` as the user's shell would start it, not as this cargo's own toolchain would.
fn command(program: &str, select: Option<&str>) -> Command {
    let mut command = Command::new(program);
    for variable in
        ["RUSTUP_TOOLCHAIN", "RUSTC", "CARGO", "RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_BUILD_TARGET"]
    {
        command.env_remove(variable);
    }
    command.args(select);
    command
}

/// Builds every package of `guest/` and gives the folder with the programs.
fn build(toolchain: &Toolchain) -> Result<PathBuf> {
    let guest = tree::root().join("guest");
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| tree::root().join("target"), PathBuf::from)
        .join("guest");
    let cargo_home = std::env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo")));
    let remap = |from: &Path, to: &str| format!("--remap-path-prefix={}={to}", from.display());
    let mut flags =
        vec![remap(&guest, "/guest"), remap(&toolchain.sysroot, "/rust"), remap(&target, "/target")];
    flags.extend(cargo_home.map(|home| remap(&home, "/cargo")));
    let status = command("cargo", toolchain.select)
        .args(["build", "--release", "--locked", "--workspace", "--target", TARGET])
        .current_dir(&guest)
        .env("CARGO_TARGET_DIR", &target)
        .env("CARGO_ENCODED_RUSTFLAGS", flags.join("\u{1f}"))
        .env("CARGO_INCREMENTAL", "0")
        .status()
        .context("running cargo in guest/")?;
    ensure!(status.success(), "guest/ does not build");
    Ok(target.join(TARGET).join("release"))
}

/// Runs a program on our own machine and looks for the lines that the manifest expects.
fn expect_lines(program: &Program, elf: &Path) -> Result<()> {
    if program.says.is_empty() {
        return Ok(());
    }
    let output = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["run", "--quiet", "--release", "--package", "multivac", "--", "run", "--elf"])
        .arg(elf)
        .args(&program.flags)
        .current_dir(tree::root())
        .output()
        .context("running multivac")?;
    let text = String::from_utf8_lossy(&output.stdout);
    for line in &program.says {
        if !text.lines().any(|printed| printed.trim_end() == line) {
            bail!("{} ({}): does not print `{line}`", program.name, elf.display());
        }
    }
    Ok(())
}
