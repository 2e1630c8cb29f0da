//! What is read, what is refused, and with which words.

use super::*;

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
    for text in
        [GOOD, "schema = 1\n", "schema = 1\n[[node]]\nelf = \"a.elf\"\nentry = \"m\"\nsignature = \"s\"\n"]
    {
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
    assert_eq!(config.captured(), Some((PathBuf::from("x.pcapng"), vec![0, 2])));
    assert_eq!(config.output.trace, Some(PathBuf::from("dir/t")));
    assert!(canonical(&config).contains("pcap = [\"n0\", \"n2\"]"));
    assert!(!canonical(&config.for_digest()).contains("[output]"));
    let found = refused("schema = 1\n[[node]]\ncount = 3\n[output]\npcap = [\"n3\"]\n");
    assert!(found.contains("there is no node `n3`"), "{found}");
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
