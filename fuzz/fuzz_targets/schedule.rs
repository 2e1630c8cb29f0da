//! Files of the scheduling simulator.
#![no_main]

use libfuzzer_sys::fuzz_target;

const FILE: &str = "schema = 1\ncpus = 2\npolicy = \"round-robin\"\nquantum = \"10ms\"\n[let]\nn = 3\n\
    [[job]]\nname = \"a\"\narrive = \"0ms\"\ncompute = \"30ms\"\ncount = \"$n\"\n[sweep]\nover = \"n\"\nvalues = [1, 2]\n";

fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = vec![FILE.as_bytes().to_vec()];
    let examples = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/schedule");
    for entry in std::fs::read_dir(examples).into_iter().flatten().flatten() {
        seeds.extend(std::fs::read(entry.path()).ok());
    }
    seeds
}

fuzz_target!(init: fuzz::seed(seeds()), |data: &[u8]| {
    if let Ok(text) = std::str::from_utf8(data) {
        let _ = policy::sim::config::parse(text);
    }
});
