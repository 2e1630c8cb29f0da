//! The canonical form of a configuration: every value written out, in one order. It can be read back.

use super::sections::{ENGINE, ENTRY, MMU, TIMING};
use super::{Boot, Config, Disk, DiskMode, SCHEMA, units};
use std::fmt::Write as _;
use std::path::Path;

/// Writes the canonical form.
pub(crate) fn canonical(config: &Config) -> String {
    let mut out = format!("schema = {SCHEMA}\n\n[cluster]\n");
    let mut line = |text: String| {
        out.push_str(&text);
        out.push('\n');
    };
    line(format!("name = {}", quoted(&config.name)));
    line(format!("seed = {}\n", config.seed));
    let node = &config.node;
    line("[[node]]\ncount = 1".to_owned());
    line(format!("harts = {}", node.harts));
    line(format!("memory = {}", quoted(&units::write_bytes(node.memory_bytes))));
    line(format!("clock = {}", quoted(&units::write_hz(node.clock_hz))));
    line(format!("turn = {}", node.turn_cycles));
    line(format!("mmu = {}", quoted(word(&MMU, node.mmu))));
    line(format!("timing = {}", quoted(word(&TIMING, node.timing))));
    line(format!("rtc = {}", node.rtc_s));
    if !node.disks.is_empty() {
        let disks: Vec<String> = node.disks.iter().map(|disk| quoted(&disk_text(disk))).collect();
        line(format!("disk = [{}]", disks.join(", ")));
    }
    boot(&node.boot, &mut line);
    line("\n[run]\non = \"n0\"".to_owned());
    let command: Vec<String> = config.run.command.iter().map(|word| quoted(word)).collect();
    line(format!("command = [{}]", command.join(", ")));
    if let Some(ns) = config.run.max_time_ns {
        line(format!("max_time = {}", quoted(&units::write_ns(ns))));
    }
    if let Some(count) = config.run.max_instructions {
        line(format!("max_instructions = {count}"));
    }
    line(format!("engine = {}", quoted(word(&ENGINE, config.run.engine))));
    out
}

fn boot(boot: &Boot, line: &mut impl FnMut(String)) {
    let file = |key: &str, path: Option<&Path>| {
        path.map(|path| format!("{key} = {}", quoted(&path.to_string_lossy())))
    };
    let lines = match boot {
        Boot::Demo => Vec::new(),
        Boot::Image(name) => vec![Some(format!("image = {}", quoted(name)))],
        Boot::Kernel(kernel) => vec![
            file("kernel", kernel.kernel.as_deref()),
            file("initrd", kernel.initrd.as_deref()),
            file("bios", kernel.bios.as_deref()),
            (!kernel.append.is_empty()).then(|| format!("append = {}", quoted(&kernel.append))),
        ],
        Boot::Elf(elf) => vec![
            file("elf", Some(&elf.file)),
            file("signature", elf.signature.as_deref()),
            elf.entry.map(|entry| format!("entry = {}", quoted(word(&ENTRY, entry)))),
        ],
    };
    lines.into_iter().flatten().for_each(line);
}

/// A disk as it is written on the command line.
pub(crate) fn disk_text(disk: &Disk) -> String {
    let mut text = disk.file.to_string_lossy().into_owned();
    let _ = write!(
        text,
        "{}",
        match disk.mode {
            DiskMode::Overlay => ",overlay",
            DiskMode::ReadOnly => ",ro",
            DiskMode::Writable => ",writable",
        }
    );
    text
}

/// The word of a value in its list.
pub(crate) fn word<T: PartialEq>(words: &[(&'static str, T)], value: T) -> &'static str {
    words.iter().find(|(_, known)| *known == value).map_or("", |(name, _)| name)
}

fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}
