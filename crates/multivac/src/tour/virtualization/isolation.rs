//! A guest that attacks the machine it runs on, and what becomes of it and of us.

use crate::exit::{Exit, Failure};
use crate::tour::node::program;
use crate::tour::{Entry, Shown};
use cluster::record::Outside;
use machine::dev::virtio::disk::MemoryDisk;

/// The entry of the tour.
pub(super) const ISOLATION: Entry = Entry {
    name: "isolation",
    title: ("Isolation: what a hostile guest cannot do", "Isolamento: che cosa un guest ostile non può fare"),
    means: "garbage in every device register and every ring faults in the guest or is ignored; the machine goes on",
    file: "crates/machine/src/dev/virtio/queue.rs",
    next: "`multivac run --elf guest/prebuilt/hostile.elf --json`: `sandbox` says how far the process locked itself in besides",
    run: isolation,
};

/// Writes garbage into every window of the board and every ring.
const HOSTILE: &[u8] = include_bytes!("../../../../../guest/prebuilt/hostile.elf");
/// What is on the disk whose rings are attacked.
const TREASURE: &[u8] = b"what the guest must not reach";

fn isolation() -> Result<Shown, Failure> {
    let mut contents = TREASURE.to_vec();
    contents.resize(4096, 0);
    let ran = program::run(HOSTILE, vec![Box::new(MemoryDisk::new(contents))], Vec::new(), &Outside::live())?;
    // What the guest wrote to its serial port is in the middle of what it said.
    let said: Vec<&str> =
        ran.console.split("hostile: ").skip(1).filter_map(|part| part.lines().next()).collect();
    if said.last() != Some(&"still here") {
        return Err(Failure::new(
            Exit::GuestFailed,
            format!("the guest did not live:\n{}", said.join("\n")),
            "",
        ));
    }
    let faults: u64 = said
        .iter()
        .filter_map(|line| line.strip_suffix(" faults")?.rsplit(' ').next()?.parse::<u64>().ok())
        .sum();
    let picture: Vec<String> = said.iter().map(|line| format!("  {line}")).collect();
    let measured = format!(
        "{faults} accesses faulted in the guest itself in {:.1} ms of its time; this process lives and says so",
        ran.ending.virtual_ns as f64 / 1e6
    );
    Ok(Shown { picture: picture.join("\n"), measured })
}
