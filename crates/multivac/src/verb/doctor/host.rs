//! What the host itself offers: processor, memory, files, confinement.

use super::{Finding, State};
use crate::config::units::write_bytes;
use std::path::Path;

/// Free memory with which the smallest Linux guest runs.
const MEMORY_BYTES: u64 = 1 << 30;
/// Free space with which an image is built.
const IMAGE_BYTES: u64 = 1 << 30;

/// Looks at the host.
pub(super) fn look() -> Vec<Finding> {
    vec![processor(), translator(), shared_memory(), memory(), store(), mirror(), landlock(), seccomp()]
}

fn processor() -> Finding {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let plural = if cores == 1 { "" } else { "s" };
    Finding::fine("processor", format!("{}, {cores} host thread{plural}", std::env::consts::ARCH))
}

/// Whether the translator runs: the processor has what it emits, and memory may be executed.
#[cfg(target_arch = "x86_64")]
fn translator() -> Finding {
    match translator::Translator::new(1, translator::Options::default()) {
        Ok(_) => Finding::fine("translator", "the processor and executable memory are there"),
        Err(refused) => {
            let help = match refused {
                translator::Refused::Processor(_) => "a processor of 2013 or later has what it takes",
                _ => "a policy of the host forbids memory that is executed; its administrator can allow it",
            };
            Finding::missing("translator", format!("{refused}: the interpreter runs instead"), help)
        }
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn translator() -> Finding {
    Finding::missing(
        "translator",
        "it translates to x86-64 only: the interpreter runs instead",
        "run it on an x86-64 host",
    )
}

/// Memory without a name, from which nodes are forked.
fn shared_memory() -> Finding {
    match rustix::fs::memfd_create("multivac-doctor", rustix::fs::MemfdFlags::CLOEXEC) {
        Ok(_) => Finding::fine("memfd", "nodes can be forked copy-on-write"),
        Err(error) => Finding::missing(
            "memfd",
            format!("refused: {error}"),
            "Linux 3.17 or later has it, without a filter",
        ),
    }
}

fn memory() -> Finding {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"));
    let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
    match kib.map(|kib| kib << 10) {
        None => Finding::fine("memory", "not known"),
        Some(bytes) if bytes >= MEMORY_BYTES => Finding::fine("memory", format!("{} MiB free", bytes >> 20)),
        Some(bytes) => Finding {
            state: if bytes < 64 << 20 { State::Fatal } else { State::Missing },
            ..Finding::missing(
                "memory",
                format!("{} MiB free: too little for Linux guests", bytes >> 20),
                format!("free {}, or give nodes less with --memory", write_bytes(MEMORY_BYTES)),
            )
        },
    }
}

/// Room for images, where the store is or will be.
fn store() -> Finding {
    let store = match image::Store::of_user() {
        Ok(store) => store,
        Err(error) => return Finding::missing("image store", error.to_string(), error.help()),
    };
    let there = |path: &Path| path.ancestors().find(|path| path.exists()).map(Path::to_owned);
    let Some(folder) = there(store.data()) else {
        return Finding::missing("image store", "no folder for it", "set MULTIVAC_HOME");
    };
    let free = rustix::fs::statvfs(&folder).map(|stat| stat.f_bavail.saturating_mul(stat.f_frsize));
    let writable = rustix::fs::access(&folder, rustix::fs::Access::WRITE_OK).is_ok();
    let place = store.data().display();
    match free {
        _ if !writable => Finding::missing(
            "image store",
            format!("{place} cannot be written"),
            "set MULTIVAC_HOME to a folder that can",
        ),
        Ok(bytes) if bytes < IMAGE_BYTES => Finding::missing(
            "image store",
            format!("{} MiB free for {place}", bytes >> 20),
            format!("an image takes up to {}: free it, or set MULTIVAC_HOME", write_bytes(IMAGE_BYTES)),
        ),
        Ok(bytes) => Finding::fine("image store", format!("{place}, {} MiB free", bytes >> 20)),
        Err(error) => Finding::missing("image store", format!("{place}: {error}"), "set MULTIVAC_HOME"),
    }
}

fn mirror() -> Finding {
    match image::debian::mirror::Mirror::of_host() {
        Some(_) => Finding::fine("Debian archive", "the one that the host's apt is set up with"),
        None => Finding::missing(
            "Debian archive",
            "the host's apt names none: images are not built by default",
            "name one with `multivac image build --mirror ADDRESS`",
        ),
    }
}

fn landlock() -> Finding {
    match crate::session::sandbox::probe_files() {
        Ok(()) => Finding::fine("landlock", "a run is kept to its own files"),
        Err(reason) => {
            Finding::missing("landlock", reason, "boot Linux 5.13 or later with `lsm=landlock,...`")
        }
    }
}

fn seccomp() -> Finding {
    match crate::session::sandbox::probe_calls() {
        Ok(()) => Finding::fine("seccomp", "a run is kept to the system calls that it needs"),
        Err(reason) => Finding::missing("seccomp", reason, "a kernel with CONFIG_SECCOMP_FILTER has it"),
    }
}
