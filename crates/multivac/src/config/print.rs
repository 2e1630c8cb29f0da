//! The canonical form of a configuration: every value written out, in one order. It can be read back.

use super::nodes::FORK;
use super::sections::{ENGINE, ENTRY, MMU, ON_FAILURE, TIMING};
use super::{Boot, Config, Disk, DiskMode, Node, On, SCHEMA, Share, Tape, fault, network, output, units};
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
    for (index, group) in config.groups.iter().enumerate() {
        line(format!("{}[[node]]\ncount = {}", if index > 0 { "\n" } else { "" }, group.count()));
        if let Some(name) = &group.name {
            line(format!("name = {}", quoted(name)));
        }
        node(&group.node, config.node_count() > 1, &mut line);
    }
    if config.node_count() > 1 {
        network::print(&config.network, &mut out);
    }
    config.faults.iter().for_each(|fault| fault::print(fault, &mut out));
    let mut line = |text: String| {
        out.push_str(&text);
        out.push('\n');
    };
    let on = match &config.run.on {
        On::All => "all",
        On::Node(name) => name,
    };
    line(format!("\n[run]\non = {}", quoted(on)));
    line(format!("command = {}", quoted_list(&config.run.command)));
    if let Some(name) = &config.run.console {
        line(format!("console = {}", quoted(name)));
    }
    if let Some(ns) = config.run.max_time_ns {
        line(format!("max_time = {}", quoted(&units::write_ns(ns))));
    }
    if let Some(count) = config.run.max_instructions {
        line(format!("max_instructions = {count}"));
    }
    line(format!("engine = {}", quoted(word(&ENGINE, config.run.engine))));
    line(format!("code_cache = {}", quoted(&units::write_bytes(config.run.code_cache_bytes))));
    if config.run.survives {
        line(format!("on_failure = {}", quoted(word(&ON_FAILURE, true))));
    }
    match &config.run.tape {
        Tape::Off => {}
        Tape::Record(path) => line(format!("record = {}", quoted(&path.to_string_lossy()))),
        Tape::Replay(path) => line(format!("replay = {}", quoted(&path.to_string_lossy()))),
    }
    output::print(&config.output, &mut out);
    out
}

/// What each node of a group is; a node by itself has no network, and its interface's timing is not told.
fn node(node: &Node, several: bool, line: &mut impl FnMut(String)) {
    line(format!("harts = {}", node.harts));
    line(format!("memory = {}", quoted(&units::write_bytes(node.memory_bytes))));
    line(format!("clock = {}", quoted(&units::write_hz(node.clock_hz))));
    line(format!("turn = {}", node.turn_cycles));
    line(format!("mmu = {}", quoted(word(&MMU, node.mmu))));
    line(format!("timing = {}", quoted(word(&TIMING, node.timing))));
    line(format!("rtc = {}", node.rtc_s));
    if node.fork {
        line(format!("boot = {}", quoted(word(&FORK, true))));
    }
    if let Some(at) = node.fork_at_ps {
        line(format!("fork_at = {}", quoted(&units::write_ps(at))));
    }
    if !node.fork_after.is_empty() {
        line(format!("fork_after = {}", quoted_list(&node.fork_after)));
    }
    if !node.disks.is_empty() {
        line(format!("disk = {}", quoted_list(node.disks.iter().map(disk_text))));
    }
    if !node.shares.is_empty() {
        line(format!("share = {}", quoted_list(node.shares.iter().map(share_text))));
    }
    let interfaces = &node.interfaces;
    if several || interfaces.count != 1 {
        line(format!("nics = {}", interfaces.count));
    }
    if several {
        line(format!("nic_packet = {}", quoted(&units::write_ps(interfaces.packet_ps))));
        line(format!("nic_dma = {}", quoted(&units::write_bits_per_second(interfaces.dma_bits_per_s))));
        line(format!("nic_buffer = {}", quoted(&units::write_bytes(interfaces.buffer_bytes))));
    }
    boot(&node.boot, line);
}

fn boot(boot: &Boot, line: &mut impl FnMut(String)) {
    let file = |key: &str, path: Option<&Path>| {
        path.map(|path| format!("{key} = {}", quoted(&path.to_string_lossy())))
    };
    let lines = match boot {
        Boot::Demo => Vec::new(),
        Boot::Jacobi { append } => vec![
            Some("program = \"jacobi\"".to_owned()),
            (!append.is_empty()).then(|| format!("append = {}", quoted(append))),
        ],
        Boot::Image { name, append, init } => vec![
            Some(format!("image = {}", quoted(name))),
            init.as_ref().map(|init| format!("init = {}", quoted(init))),
            (!append.is_empty()).then(|| format!("append = {}", quoted(append))),
        ],
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
            (!elf.append.is_empty()).then(|| format!("append = {}", quoted(&elf.append))),
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

/// A shared folder as it is written on the command line.
fn share_text(share: &Share) -> String {
    let mode = if share.read_only { ",ro" } else { "" };
    format!("{}:{}{mode}", share.host.display(), share.guest)
}

/// The command that runs the configuration of a single node again.
pub(crate) fn flags(config: &Config) -> String {
    let node = config.first();
    let mut words: Vec<String> = vec!["multivac".to_owned(), "run".to_owned()];
    if matches!(node.boot, Boot::Demo) {
        words.push("demo".to_owned());
    }
    let mut flag = |name: &str, value: String| words.extend([name.to_owned(), shell_word(&value)]);
    let path = |path: &Path| path.to_string_lossy().into_owned();
    match &node.boot {
        Boot::Demo | Boot::Jacobi { .. } => {}
        Boot::Image { name, append, init } => {
            flag("--image", name.clone());
            if let Some(init) = init {
                flag("--init", init.clone());
            }
            if !append.is_empty() {
                flag("--append", append.clone());
            }
        }
        Boot::Kernel(kernel) => {
            for (name, file) in
                [("--bios", &kernel.bios), ("--kernel", &kernel.kernel), ("--initrd", &kernel.initrd)]
            {
                if let Some(file) = file {
                    flag(name, path(file));
                }
            }
            if !kernel.append.is_empty() {
                flag("--append", kernel.append.clone());
            }
        }
        Boot::Elf(elf) => {
            flag("--elf", path(&elf.file));
            if let Some(entry) = elf.entry {
                flag("--entry", word(&ENTRY, entry).to_owned());
            }
            if !elf.append.is_empty() {
                flag("--append", elf.append.clone());
            }
        }
    }
    node.disks.iter().for_each(|disk| flag("--disk", disk_text(disk)));
    node.shares.iter().for_each(|share| flag("--share", share_text(share)));
    flag("--harts", node.harts.to_string());
    flag("--memory", units::write_bytes(node.memory_bytes));
    flag("--seed", config.seed.to_string());
    let standard = Node::default();
    if node.timing != standard.timing {
        flag("--timing", word(&TIMING, node.timing).to_owned());
    }
    if node.mmu != standard.mmu {
        flag("--mmu", word(&MMU, node.mmu).to_owned());
    }
    for (changed, key, value) in [
        (node.clock_hz != standard.clock_hz, "node.clock", units::write_hz(node.clock_hz)),
        (node.turn_cycles != standard.turn_cycles, "node.turn", node.turn_cycles.to_string()),
        (node.rtc_s != standard.rtc_s, "node.rtc", node.rtc_s.to_string()),
    ] {
        if changed {
            flag("--set", format!("{key}={value}"));
        }
    }
    if let Some(ns) = config.run.max_time_ns {
        flag("--max-time", units::write_ns(ns));
    }
    if let Some(count) = config.run.max_instructions {
        flag("--max-instructions", count.to_string());
    }
    if !config.run.command.is_empty() {
        words.push("--".to_owned());
        words.extend(config.run.command.iter().map(|word| shell_word(word)));
    }
    words.join(" ")
}

/// A word as a shell reads it back.
pub(crate) fn shell_word(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=./:,+@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

/// The word of a value in its list.
pub(crate) fn word<T: PartialEq>(words: &[(&'static str, T)], value: T) -> &'static str {
    words.iter().find(|(_, known)| *known == value).map_or("", |(name, _)| name)
}

pub(super) fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

/// An array of strings.
pub(super) fn quoted_list<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> String {
    let texts: Vec<String> = texts.into_iter().map(|text| quoted(text.as_ref())).collect();
    format!("[{}]", texts.join(", "))
}
