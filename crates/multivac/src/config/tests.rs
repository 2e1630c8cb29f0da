//! What is read, what is refused, and with which words.

use super::*;
use fabric::NodeId;

const GOOD: &str = r#"schema = 1
[cluster]
name = "one"
seed = 42
[[node]]
harts = 2
memory = "1GiB"
clock = "500MHz"
mmu = "software"
timing = "modelled"
kernel = "Image"
initrd = "/boot/initrd"
append = "console=ttyS0 quiet"
disk = ["root.img,ro", "data.img"]
[run]
command = ["uname", "-a"]
max_time = "20s"
max_instructions = "3G"
"#;

fn parse(text: &str) -> Result<Config, Failure> {
    Config::parse(Path::new("folder/x.toml"), text)
}

fn refused(text: &str) -> String {
    let failure = parse(text).expect_err(text);
    assert_eq!(failure.exit, Exit::Config);
    failure.text
}

#[test]
fn a_full_file_is_read() {
    let config = parse(GOOD).unwrap();
    assert_eq!((config.name.as_str(), config.seed), ("one", 42));
    assert_eq!((config.first().harts, config.first().memory_bytes), (2, 1 << 30));
    assert_eq!((config.first().mmu, config.first().timing), (Mmu::Software, Timing::Modelled));
    assert_eq!(config.first().clock_hz, 500_000_000);
    let Boot::Kernel(kernel) = &config.first().boot else { panic!("{:?}", config.first().boot) };
    assert_eq!(kernel.kernel.as_deref(), Some(Path::new("folder/Image")));
    assert_eq!(kernel.initrd.as_deref(), Some(Path::new("/boot/initrd")));
    assert_eq!(config.first().disks[0].mode, DiskMode::ReadOnly);
    assert_eq!(config.first().disks[1].mode, DiskMode::Overlay);
    assert_eq!(config.run.command, ["uname", "-a"]);
    assert_eq!(config.run.max_time_ns, Some(20_000_000_000));
    assert_eq!(config.run.max_instructions, Some(3_000_000_000));
}

#[test]
fn the_canonical_form_reads_back_as_itself() {
    for text in [
        GOOD,
        "schema = 1\n",
        "schema = 1\n[[node]]\nimage = \"a\"\ninit = \"systemd\"\n",
        "schema = 1\n[[node]]\nelf = \"a.elf\"\nentry = \"m\"\nsignature = \"s\"\n",
    ] {
        let config = parse(text).unwrap();
        let printed = canonical(&config);
        // Paths were made relative to the file's folder once already.
        let again = Config::parse(Path::new("one.toml"), &printed).unwrap();
        assert_eq!(canonical(&again), printed);
        assert_eq!(again, config);
    }
}

#[test]
fn unknown_words_are_named_with_their_place_and_what_was_meant() {
    let text = refused("schema = 1\n[[node]]\nhartz = 2\n");
    assert!(text.contains("folder/x.toml:3:1") && text.contains("did you mean `harts`?"), "{text}");
    let text = refused("schema = 1\n[[node]]\nmmu = \"sofware\"\n");
    assert!(text.contains("x.toml:3") && text.contains("did you mean `software`?"), "{text}");
    let text = refused("schema = 1\n[[node]]\ninit = \"systemd\"\n");
    assert!(text.contains("x.toml:3") && text.contains("`init` is for an image"), "{text}");
    let text = refused("schema = 1\n[[node]]\nimage = \"a\"\ninit = \"a b\"\n");
    assert!(text.contains("`a b` is not a program"), "{text}");
    let text = refused("schema = 1\n[clustr]\nseed = 1\n");
    assert!(text.contains("did you mean `cluster`?"), "{text}");
    let text = refused("schema = 1\n[[node]]\nmemory = \"512mib\"\n");
    assert!(text.contains("did you mean `512MiB`?"), "{text}");
}

#[test]
fn every_problem_is_reported_at_once() {
    let text = refused("schema = 1\n[[node]]\nharts = 65\nmemory = 512\n[run]\nmax_tyme = \"1s\"\n");
    for part in ["1 to 64", "did you mean `512MiB`?", "did you mean `max_time`?"] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
}

#[test]
fn a_capture_is_of_nodes_that_there_are() {
    let text = "schema = 1\n[[node]]\ncount = 3\n[output]\npcap = [\"n0\", \"n2\"]\ntrace = \"t\"\n";
    let config = Config::parse(Path::new("dir/x.toml"), text).expect(text);
    let captured = config.captured().unwrap().unwrap();
    assert_eq!(captured.file, PathBuf::from("x.pcapng"));
    assert_eq!(captured.nodes, [(NodeId(0), "n0".to_owned()), (NodeId(2), "n2".to_owned())]);
    assert_eq!(config.output.trace, Some(PathBuf::from("dir/t")));
    assert!(canonical(&config).contains("pcap = [\"n0\", \"n2\"]"));
    assert!(!canonical(&config.for_digest()).contains("[output]"));
    let found = refused("schema = 1\n[[node]]\ncount = 3\n[output]\npcap = [\"n3\"]\n");
    assert!(found.contains("there is no node `n3`"), "{found}");
}

#[test]
fn a_capture_may_be_of_links() {
    let text = |pcap: &str| {
        format!(
            "schema = 1\n[[node]]\ncount = 4\n[network]\ntopology = \"ring\"\n[output]\npcap = [{pcap}]\n"
        )
    };
    let good = text("\"n3:n0\", \"r1:r2\", \"n1\"");
    let captured = parse(&good).unwrap().captured().unwrap().unwrap();
    let ends: Vec<[&str; 2]> =
        captured.links.iter().map(|wire| wire.ends.each_ref().map(String::as_str)).collect();
    assert!(ends.len() == 2 && ends.contains(&["r1", "r2"]), "{ends:?}");
    assert_eq!(captured.nodes.len(), 1);
    let found = refused(&text("\"n0:n2\""));
    assert!(found.contains("no link of the ring:4 joins `n0` and `n2`"), "{found}");
    let found = refused(&text("\"n0:n9\""));
    assert!(found.contains("there is no node `n9`"), "{found}");
}

#[test]
fn forks_and_consoles_are_of_nodes_that_there_are() {
    let text = "schema = 1\n[[node]]\ncount = 4\nboot = \"fork\"\nfork_at = \"2ms\"\nprogram = \"jacobi\"\n\
                memory = \"16MiB\"\n[run]\nconsole = \"n2\"\n";
    let config = parse(text).unwrap();
    assert_eq!((config.first().fork_at_ps, config.console_place()), (Some(2_000_000_000), Some(2)));
    assert_eq!(config.memory_bytes(), 4 * (16 << 20), "no more than each has");
    let found = refused("schema = 1\n[[node]]\nfork_at = \"2ms\"\n");
    assert!(found.contains("`fork_at` is for nodes that are forked"), "{found}");
    let text =
        "schema = 1\n[[node]]\ncount = 4\nboot = \"fork\"\nimage = \"x\"\nfork_after = [\"true\", \"\\n\"]\n";
    let config = parse(text).unwrap();
    assert_eq!(config.first().fork_after, ["true", "\n"]);
    assert_eq!(parse(&canonical(&config)).unwrap(), config);
    let found = refused(&text.replace("\nimage", "\nfork_at = \"2ms\"\nimage"));
    assert!(found.contains("at an instant or after a command"), "{found}");
    let found = refused("schema = 1\n[[node]]\ncount = 2\n[run]\nconsole = \"n2\"\n");
    assert!(found.contains("there is no node `n2`"), "{found}");
    // Forked nodes share their memory: 256 of 512 MiB are not 128 GiB.
    let many = parse("schema = 1\n[[node]]\ncount = 256\nboot = \"fork\"\nimage = \"x\"\n").unwrap();
    assert_eq!(many.memory_bytes(), (512 << 20) + 255 * (20 << 20));
}

#[test]
fn a_large_cluster_is_built_once_whatever_names_its_parts() {
    let links: String = (0..400)
        .map(|node| format!("[[fault]]\nlink = [\"n{node}\", \"n{}\"]\nloss = 0.5\n", node + 1))
        .collect();
    let wires: Vec<String> = (0..400).map(|node| format!("\"n{node}:n{}\"", node + 1)).collect();
    let text = format!(
        "schema = 1\n[[node]]\ncount = 60000\nmemory = \"4MiB\"\nboot = \"fork\"\n[network]\ntopology = \"ring\"\n{links}\
         [output]\npcap = [{}]\n",
        wires.join(", ")
    );
    // With the network built anew for each link this takes minutes.
    let config = match parse(&text) {
        Ok(config) => config,
        // A host with little memory refuses that many nodes, after all has been read.
        Err(refused) => return assert!(refused.text.matches("error:").count() == 1, "{}", refused.text),
    };
    assert_eq!(config.faults.len(), 400);
    assert_eq!(config.captured().unwrap().unwrap().links.len(), 400);
}

#[test]
fn nodes_are_found_by_name() {
    let text = "schema = 1\n[[node]]\ncount = 2\n[[node]]\ncount = 3\nname = \"a\"\n[[node]]\nname = \"b\"\n[[node]]\n";
    let config = parse(text).unwrap();
    for (place, name) in (0..).zip(config.names()) {
        assert_eq!((config.place_of(&name), config.name_at(place)), (Ok(place), Some(name)));
    }
    assert_eq!((config.node_count(), config.name_at(7)), (7, None));
    for wrong in ["n2", "n7", "n", "n00", "n+1", "a3", "a", "b0", "n99999999999", ""] {
        assert!(config.place_of(wrong).is_err(), "{wrong}");
    }
    assert_eq!(config.place_of("nn").unwrap_err(), "did you mean `n0`?");
    assert_eq!(config.place_of("zzzzzz").unwrap_err(), "nodes are `n0` to `n6`");
    let crowd = "[[node]]\ncount = 65534\n".repeat(3);
    let found = refused(&format!(
        "schema = 1\n{crowd}[network]\ntopology = \"torus\"\n[[fault]]\nlink = [\"n0\", \"n1\"]\ndown = true\n"
    ));
    assert!(found.contains("more than their addresses"), "{found}");
}

#[test]
fn broken_and_foreign_text_is_refused() {
    for text in [
        "",
        "schema = 2\n",
        "schema = \"1\"\n",
        "schema = 1\nnode = 3\n",
        "= 1",
        "schema = 1\n[run]\non = \"n7\"\n",
        "schema = 1\n[[node]]\nelf = \"a\"\nkernel = \"b\"\n",
        "schema = 1\n[[node]]\nappend = \"b\"\n",
        "schema = 1\n[[node]]\nharts = -1\n",
        "schema = 1\n[[node]]\nharts = 99999999999999999999999\n",
        "schema = 1\n[[node]]\ndisk = [\"a,rw\"]\n",
        "schema = 1\n[[node]]\nclock = \"1Hz\"\n",
    ] {
        refused(text);
    }
}

#[test]
fn sets_change_one_key_each() {
    let mut config = parse(GOOD).unwrap();
    let sets = [
        "node.harts=4",
        "cluster.seed = 7",
        "node.memory=256MiB",
        "run.command=[\"true\"]",
        "node.append=quiet",
    ];
    config.apply_sets(&sets.map(str::to_owned)).unwrap();
    assert_eq!((config.first().harts, config.seed, config.first().memory_bytes), (4, 7, 256 << 20));
    assert_eq!(config.run.command, ["true"]);
    let Boot::Kernel(kernel) = &config.first().boot else { panic!("{:?}", config.first().boot) };
    assert_eq!(kernel.append, "quiet");
    for set in ["node.hart=4", "node", "x=1", "node.harts=many", "=", "a.=1"] {
        let failure = config.apply_sets(&[set.to_owned()]).expect_err(set);
        assert_eq!(failure.exit, Exit::Config, "{set}");
    }
}

const CLUSTER: &str = r#"schema = 1
[[node]]
name = "head"
memory = "32MiB"
clock = "2GHz"
program = "jacobi"
[[node]]
count = 7
memory = "16MiB"
nics = 2
elf = "a.elf"
append = "grid=8"
[network]
topology = "hypercube"
switching = "store-and-forward"
latency = "250ns"
bandwidth = "2.5Gbit/s"
[[fault]]
at = "2ms"
until = "3ms"
link = ["head", "n1"]
loss = 0.25
delay = "5us"
[[fault]]
link = "all"
corruption = 0.5
[[fault]]
at = "1s"
partition = ["head", "n1"]
[[fault]]
at = "2s"
crash = "n7"
[run]
on = "all"
on_failure = "go-on"
"#;

#[test]
fn a_cluster_is_read_and_its_canonical_form_reads_back() {
    let config = parse(CLUSTER).unwrap();
    assert_eq!(
        (config.node_count(), config.names()[0].as_str(), config.names()[7].as_str()),
        (8, "head", "n7")
    );
    assert_eq!(config.groups[1].node.interfaces.count, 2);
    assert_eq!((config.network.latency_ps, config.network.bits_per_s), (250_000, 2_500_000_000));
    assert_eq!((config.faults.len(), &config.run.on, config.run.survives), (4, &On::All, true));
    let printed = canonical(&config);
    let again = Config::parse(Path::new("one.toml"), &printed).unwrap();
    assert_eq!(canonical(&again), printed);
    let wiring = config.wiring().unwrap();
    assert_eq!((wiring.topology.name(), wiring.latency.0), ("hypercube:3", 250_000));
    let changes = fault_changes(&config, &wiring.topology, wiring.clock).unwrap();
    // Twelve links hurt for ever, one of them also for a while, a cut that stays, and a crash.
    assert_eq!(changes.len(), 12 + 2 + 1 + 1);
}

#[test]
fn clusters_that_cannot_be_say_where_and_what_can() {
    let node = "schema = 1\n[[node]]\ncount = 8\n";
    for (text, parts) in [
        ("[network]\ntopology = \"hypercub\"\n", &["x.toml:5:13", "did you mean `hypercube`?"][..]),
        ("[network]\ntopology = \"mesh:3x3\"\n", &["9 nodes", "leave the sizes out"]),
        ("[network]\nlatency = \"0us\"\n", &["latency of zero", ":5:"]),
        ("[network]\nswitching = \"wormhol\"\n", &["did you mean `wormhole`?"]),
        ("[network]\nbandwidth = \"10gbit/s\"\n", &["did you mean `10Gbit/s`?"]),
        (
            "[network]\ntopology = \"ring\"\n[[fault]]\nlink = [\"n0\", \"n4\"]\ndown = true\n",
            &["joins `n0` and `n4`", "`n0` is joined to `n1`, `n7`"],
        ),
        ("[[fault]]\nlink = [\"n0\", \"n1\"]\ndown = true\n", &["switches only"]),
        ("[[fault]]\ncrash = \"m3\"\n", &["there is no node `m3`", "did you mean"]),
        ("[[fault]]\nat = \"2s\"\n", &["a fault is one of"]),
        ("[[fault]]\nlink = \"all\"\nloss = 2\n", &["probability"]),
        ("[[node]]\nname = \"n3\"\n", &["two nodes are called `n3`"]),
        ("[[node]]\nname = \"a b\"\n", &["letters, digits and hyphens"]),
        ("[run]\non = \"n8\"\n", &["there is no node `n8`"]),
        ("[[node]]\nmemory = \"1TiB\"\n", &["more than the host has"]),
        ("[[node]]\nnics = 5\n", &["1 to 4"]),
        ("[[node]]\ncount = 0\n", &["`count` is 0"]),
    ] {
        let found = refused(&format!("{node}{text}"));
        for part in parts {
            assert!(found.contains(part), "`{part}` is not in\n{found}\nfor\n{text}");
        }
    }
}
