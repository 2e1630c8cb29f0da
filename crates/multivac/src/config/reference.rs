//! Every key of a configuration file in one table, and the reference made of it.
//!
//! Invariant: the table has exactly the keys that are read, as the tests below compare, and `docs/configuration.md` is
//! what [`markdown`] writes.

use super::{Config, canonical};
use std::fmt::Write as _;
use toml::{Table, Value};

/// A key.
struct Key {
    name: &'static str,
    /// What its value is, with units.
    value: &'static str,
    /// What it does.
    meaning: &'static str,
    /// The flag of `multivac run` that sets it; empty where there is none.
    flag: &'static str,
}

/// A part of the file.
struct Section {
    /// As it is headed in the file; empty for the top.
    header: &'static str,
    /// What a key of it is called by `--set`: this, a dot, and the key.
    path: &'static str,
    about: &'static str,
    keys: &'static [Key],
}

const fn key(name: &'static str, value: &'static str, flag: &'static str, meaning: &'static str) -> Key {
    Key { name, value, meaning, flag }
}

/// A value that names a file: relative to the configuration's folder.
const FILE: &str = "path, from the file's folder";
const SIZE: &str = "bytes: `512MiB`, `1GiB`";
const BANDWIDTH: &str = "bits a second: `10Gbit/s`";
const TIME: &str = "virtual time: `2s`, `50ms`, `10us`";

const SECTIONS: &[Section] = &[
    Section {
        header: "",
        path: "",
        about: "At the top, before the first section.",
        keys: &[key("schema", "`1`", "", "the version of the format; a file must say it")],
    },
    Section {
        header: "[cluster]",
        path: "cluster",
        about: "The whole machine.",
        keys: &[
            key("name", "string", "", "a name for reports"),
            key("seed", "whole number", "--seed", "seed of everything random; another seed is another run"),
        ],
    },
    Section {
        header: "[[node]]",
        path: "node",
        about: "A node's hardware, what is plugged into it, and what boots: one of `image`, `kernel` (or `bios`) \
                and `elf`; the embedded demo without one.",
        keys: &[
            key("count", "whole number", "--nodes", "nodes of this group"),
            key(
                "name",
                "letters, digits, hyphens",
                "",
                "what the node is called, or with several the beginning of their names; else `n0`, `n1`, ... by place",
            ),
            key("nics", "1 to 4", "", "network interfaces, each on a network of its own of the same kind"),
            key("nic_packet", TIME, "", "what an interface takes for a frame, in each direction"),
            key("nic_dma", BANDWIDTH, "", "how fast an interface moves a frame to or from the node's memory"),
            key("nic_buffer", SIZE, "", "an interface's own memory, in each direction"),
            key("harts", "1 to 64", "--harts", "hardware threads"),
            key("memory", SIZE, "--memory", "main memory, whole pages of 4 KiB"),
            key("clock", "`10MHz` to `100GHz`", "", "cycles in a second of virtual time, of each hart"),
            key("turn", "1 to 10000000 cycles", "", "a hart's share of a round"),
            key(
                "mmu",
                "`hardware`, `software`",
                "--mmu",
                "who walks page tables: with `software` a TLB miss traps",
            ),
            key(
                "timing",
                "`flat`, `modelled`",
                "--timing",
                "what an instruction costs: a cycle, or also page walks, cache misses and contended atomics",
            ),
            key("rtc", "seconds since 1970", "", "the date at which the node's clock starts"),
            key("boot", "`each`, `fork`", "", "how nodes come up: each by itself, or as copies of the first"),
            key(
                "fork_at",
                TIME,
                "",
                "when the first is copied, with `boot = \"fork\"`; without it, once its agent takes commands",
            ),
            key(
                "fork_after",
                "list of strings",
                "",
                "a command that the first carries out before it is copied: what it leaves in memory, all begin with",
            ),
            key("image", "string", "--image", "an image made by `multivac image build`"),
            key("init", "string", "--init", "a program of the image that runs as PID 1, such as `systemd`"),
            key("kernel", FILE, "--kernel", "a Linux Image, an ELF or a bare binary, in supervisor mode"),
            key("initrd", FILE, "--initrd", "the kernel's initial RAM disk"),
            key("append", "string", "--append", "words for the kernel's command line, or for a bare program"),
            key("bios", FILE, "--bios", "machine-mode firmware in place of the built-in SBI"),
            key("elf", FILE, "--elf", "a bare-metal program"),
            key("program", "`demo`, `jacobi`", "", "a bare-metal program that is part of `multivac`"),
            key(
                "entry",
                "`m`, `s`",
                "--entry",
                "how the program starts: all harts in machine mode, or one in supervisor mode; without it, machine \
                 mode when the program has `tohost`",
            ),
            key(
                "signature",
                FILE,
                "--signature",
                "where the words from `begin_signature` to `end_signature` go after the run",
            ),
            key(
                "disk",
                "list of `FILE[,ro][,overlay][,writable]`",
                "--disk",
                "block devices, raw or `.qcow2`; what the guest writes stays in memory, with `writable` it goes to \
                 the file",
            ),
            key(
                "share",
                "list of `HOST:GUEST[,ro]`",
                "--share",
                "folders of the host's that the guest finds at GUEST",
            ),
        ],
    },
    Section {
        header: "[network]",
        path: "network",
        about: "What joins the nodes, where there are several. The time from wire to wire of a frame alone is in \
                `docs/clusters.md`.",
        keys: &[
            key(
                "topology",
                "as for `multivac topology`, or a file",
                "--topology",
                "how nodes and routers are joined; sizes that are left out follow from the number of nodes",
            ),
            key(
                "switching",
                "`store-and-forward`, `cut-through`, `wormhole`, `circuit`",
                "",
                "how packets cross routers",
            ),
            key("level", "`packet`, `flit`", "", "how closely it is simulated"),
            key("routing", "as for `multivac traffic`", "", "how packets find their way"),
            key("latency", TIME, "", "what crossing a link takes, in whole cycles of the network; not zero"),
            key("router", TIME, "", "what a router takes to decide and switch; three cycles at least"),
            key("bandwidth", BANDWIDTH, "", "of a link"),
            key("flit", "1 to 1024 bytes", "", "a link's width: bandwidth over flit is the network's clock"),
            key("channels", "1 to 16", "", "virtual channels of a port, by the flit"),
            key("buffer_flits", "1 to 65535", "", "flits that a virtual channel's buffer holds, by the flit"),
            key("mtu", "68 to 9000", "", "the largest payload of a frame"),
        ],
    },
    Section {
        header: "[[fault]]",
        path: "fault",
        about: "Something that goes wrong: one of `crash`, `partition`, or what a `link` does.",
        keys: &[
            key("at", TIME, "", "when it begins; at once without it"),
            key("until", TIME, "", "when it is over; never without it"),
            key("link", "two names of nodes, or `all`", "", "which link; all without it"),
            key("down", "`true`", "", "the link carries nothing"),
            key("loss", "0 to 1", "", "probability that a packet is lost"),
            key("corruption", "0 to 1", "", "probability that a packet has a wrong bit"),
            key("duplication", "0 to 1", "", "probability that a packet arrives twice"),
            key("reorder", "0 to 1", "", "probability that later packets overtake one"),
            key("reorder_time", TIME, "", "how long a packet that is overtaken is held back, at most"),
            key("delay", TIME, "", "by how much every packet is late"),
            key("partition", "list of nodes", "", "these are cut off from the others"),
            key("crash", "name of a node", "", "the node stops for good"),
        ],
    },
    Section {
        header: "[run]",
        path: "run",
        about: "What is run, how, and for how long.",
        keys: &[
            key("on", "name of a node, or `all`", "", "where the command runs"),
            key(
                "on_failure",
                "`end`, `go-on`",
                "",
                "whether a node that fails ends the run of several; a crash that the file asks for never does",
            ),
            key(
                "console",
                "name of a node",
                "--console",
                "which of several nodes has the terminal, or standard input; the run ends when it does",
            ),
            key("command", "list of strings", "-- COMMAND...", "a command to run in an image's guest"),
            key("max_time", TIME, "--max-time", "the run ends after this, with exit code 124"),
            key(
                "max_instructions",
                "count: `3G`, `500M`",
                "--max-instructions",
                "the run ends after so many instructions of all harts together, with exit code 124",
            ),
            key(
                "engine",
                "`interp`, `translate`",
                "--engine",
                "what executes instructions; the run is the same",
            ),
            key(
                "code_cache",
                SIZE,
                "--code-cache",
                "the translator's code cache with its tables and TLBs, `1MiB` to `1GiB`, at least `1MiB` a hart; full, it starts anew",
            ),
            key("record", FILE, "--record", "write what comes from outside to this file"),
            key("replay", FILE, "--replay", "take what comes from outside from this recording"),
        ],
    },
    Section {
        header: "[output]",
        path: "output",
        about: "What a run leaves behind.",
        keys: &[
            key(
                "pcap",
                "list of nodes and links (`n0:n1`)",
                "",
                "whose frames are captured, in the pcapng format that Wireshark reads",
            ),
            key(
                "pcap_file",
                FILE,
                "--pcap",
                "where the capture goes, else `NAME.pcapng`; of all nodes where none is named",
            ),
            key(
                "trace",
                FILE,
                "--trace",
                "harts, frames, links' load and faults as a trace for the Perfetto UI",
            ),
        ],
    },
];

/// The default of a key, from the canonical form of the default configurations of one node and of two.
fn default_of(defaults: &[Table; 2], section: &Section, name: &str) -> String {
    let [one, two] = defaults.each_ref().map(|defaults| default_in(defaults, section, name));
    if one.is_empty() { two } else { one }
}

fn default_in(defaults: &Table, section: &Section, name: &str) -> String {
    let value = match defaults.get(section.path) {
        Some(Value::Table(table)) => table.get(name),
        Some(Value::Array(groups)) => groups.first().and_then(|group| group.get(name)),
        _ => None,
    };
    match value {
        // The name follows from the file's.
        _ if (section.path, name) == ("cluster", "name") => "the file's".to_owned(),
        None => String::new(),
        Some(Value::Array(list)) if list.is_empty() => String::new(),
        Some(Value::String(text)) => format!("`{text}`"),
        Some(other) => format!("`{other}`"),
    }
}

/// What holds without a file: of one node, and of two, which have more.
fn defaults() -> [Table; 2] {
    let mut two = Config::default();
    two.groups[0].set_count(2);
    [Config::default(), two].map(|config| canonical(&config).parse().unwrap_or_default())
}

/// What the keys are for.
const ABOUT: &str = "\
    A run is described by a TOML file, by flags, or by both: flags go over the file, and `--set KEY=VALUE` over \
    both, with the section before the key (`--set node.harts=2`). `multivac check FILE` shows every problem of a \
    file in its place, and `multivac check FILE --print` what it comes to with all defaults.";

/// Where the meaning of a key begins in [`lines`].
const MEANING_COLUMN: usize = 17;

/// The reference for a terminal: lines, and the column at which each goes on where it has to be broken.
pub(crate) fn lines() -> Vec<(String, usize)> {
    let defaults = defaults();
    let mut lines = vec![(ABOUT.to_owned(), 0)];
    for section in SECTIONS {
        let header = if section.header.is_empty() { "The top" } else { section.header };
        lines.push((format!("\n{header}: {}", section.about), 0));
        for key in section.keys {
            let default = default_of(&defaults, section, key.name);
            let default = if default.is_empty() { default } else { format!("; default {default}") };
            let flag = if key.flag.is_empty() { String::new() } else { format!("; `{}`", key.flag) };
            let line = format!("  {:14} {}: {}{default}{flag}", key.name, key.value, key.meaning);
            lines.push((line, MEANING_COLUMN));
        }
    }
    lines
}

/// The reference as a page.
pub(crate) fn markdown() -> String {
    let defaults = defaults();
    let mut page = format!(
        "# Configuration\n\n{ABOUT}\n\n\
         This page is made from the program's own table of keys, by `multivac check --keys`.\n",
    );
    for section in SECTIONS {
        let header =
            if section.header.is_empty() { "The top".to_owned() } else { format!("`{}`", section.header) };
        let _ = write!(page, "\n## {header}\n\n{}\n\n", section.about);
        page.push_str("| key | value | default | flag | meaning |\n|---|---|---|---|---|\n");
        for key in section.keys {
            let flag = if key.flag.is_empty() { String::new() } else { format!("`{}`", key.flag) };
            let default = default_of(&defaults, section, key.name);
            let _ =
                writeln!(page, "| `{}` | {} | {default} | {flag} | {} |", key.name, key.value, key.meaning);
        }
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    /// The keys that the reader knows in a section: it names them when it meets one that it does not.
    fn known(section: &Section) -> Vec<String> {
        let text = format!("schema = 1\n{}\nqqqqqqqqqqqqqqqq = 1\n", section.header);
        let failure = Config::parse(Path::new("x.toml"), &text).expect_err(&text);
        let names = failure.text.split(" are ").nth(1).expect("the keys are named");
        names.split(',').map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).collect()
    }

    #[test]
    fn the_table_has_every_key_that_is_read() {
        let headers: Vec<&str> = SECTIONS.iter().map(|section| section.path).collect();
        for section in SECTIONS {
            let mut known = known(section);
            known.sort();
            let mut listed: Vec<String> = section.keys.iter().map(|key| key.name.to_owned()).collect();
            if section.path.is_empty() {
                let sections = headers.iter().filter(|name| !name.is_empty());
                listed.extend(sections.map(|name| (*name).to_owned()));
            }
            listed.sort();
            assert_eq!(listed, known, "section `{}`", section.header);
        }
    }

    #[test]
    fn the_page_is_what_the_table_says() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/configuration.md");
        let page = markdown();
        if std::env::var_os("MULTIVAC_BLESS").is_some() {
            std::fs::write(&path, &page).expect("the page can be written");
        }
        let stored = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(stored == page, "docs/configuration.md is stale: run this test with MULTIVAC_BLESS=1");
    }
}
