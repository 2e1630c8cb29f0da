//! A run that reads a folder of the host's, recorded, and replayed when the folder is gone.

use crate::exit::{Exit, Failure};
use crate::tour::node::program::{self, STORAGE};
use crate::tour::{Entry, Shown};
use cluster::boot::SharedFolder;
use cluster::record::{Ending, Outside, Recorder, Recording, Replayed, Verdict};
use cluster::share::HostShare;
use machine::dev::virtio::p9::share::Share;
use std::path::Path;

/// The entry of the tour.
pub(in crate::tour) const REPLAY: Entry = Entry {
    name: "replay",
    title: (
        "Record and replay of a virtual machine",
        "Registrazione e riesecuzione di una macchina virtuale",
    ),
    means: "what comes from outside is kept with its virtual instant; given that again, the machine does the same",
    file: "crates/cluster/src/record/mod.rs",
    next: "`multivac run --image NAME --record boot.tape`, type something, then `multivac run --replay boot.tape`",
    run: replay,
};

/// What the guest reads.
const WORDS: &str = "read once from the host\n";

fn replay() -> Result<Shown, Failure> {
    let place = crate::tour::scratch("replay");
    let shown = in_folder(&place);
    let _ = std::fs::remove_dir_all(&place);
    shown
}

fn in_folder(place: &Path) -> Result<Shown, Failure> {
    let host =
        |error: std::io::Error| Failure::new(Exit::Host, error, "a folder for temporary files is needed");
    let tape = |error: cluster::record::RecordError| Failure::new(Exit::Host, error, "");
    let (folder, file) = (place.join("folder"), place.join("run.tape"));
    std::fs::create_dir_all(&folder).map_err(host)?;
    std::fs::write(folder.join("in.txt"), WORDS).map_err(host)?;
    let recording = Outside::recording(Recorder::create(&file, "").map_err(tape)?);
    let one = run(&recording, Some(&folder))?;
    let Verdict::Recorded { bytes } = recording.finish(&one.0, false).map_err(tape)? else {
        return Err(Failure::new(Exit::Host, "nothing was recorded", ""));
    };
    std::fs::remove_dir_all(&folder).map_err(host)?;
    let playing = Outside::playing(Recording::open(&file).map_err(tape)?);
    let two = run(&playing, None)?;
    match playing.finish(&two.0, false).map_err(tape)? {
        Verdict::Replayed(Replayed::Same) => {}
        other => return Err(Failure::new(Exit::Divergence, format!("the replay differs: {other:?}"), "")),
    }
    let mut picture = String::from("recorded, the guest's own words:\n");
    one.1.lines().for_each(|line| picture.push_str(&format!("  {line}\n")));
    picture.push_str("then the folder is deleted, and the recording played:\n");
    two.1.lines().for_each(|line| picture.push_str(&format!("  {line}\n")));
    for (name, ending) in [("recorded", &one.0), ("replayed", &two.0)] {
        let digest = blake3::Hash::from_bytes(ending.digest).to_hex();
        picture.push_str(&format!("{name}  digest {}...\n", &digest[..32]));
    }
    let instructions = two.0.instructions;
    let measured = format!("{instructions} instructions replayed from {bytes} bytes, to the same digest");
    Ok(Shown { picture, measured })
}

/// One run; how it ended, and what the guest said of the folder.
fn run(outside: &Outside, folder: Option<&Path>) -> Result<(Ending, String), Failure> {
    let open = || -> std::io::Result<Box<dyn Share>> {
        let folder = folder.ok_or(std::io::ErrorKind::NotFound)?;
        Ok(Box::new(HostShare::open(folder, false)?))
    };
    let share = outside.share(0, 0, false, open).map_err(|error| Failure::new(Exit::Host, error, ""))?;
    let shares = vec![SharedFolder { tag: "/mnt/host".to_owned(), share, gated: false }];
    let ran = program::run(STORAGE, Vec::new(), shares, outside)?;
    let said: Vec<&str> = ran.console.lines().filter(|line| line.starts_with("folder: in.txt")).collect();
    Ok((ran.ending, said.join("\n")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_replay_reads_what_is_no_longer_there() {
        let shown = replay().unwrap();
        assert_eq!(shown.picture.matches(WORDS.trim_end()).count(), 2, "{}", shown.picture);
        assert!(shown.measured.ends_with("to the same digest"), "{}", shown.measured);
    }
}
