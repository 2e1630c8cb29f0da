//! Files that may still be opened, by landlock.

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, Ruleset, RulesetAttr,
    RulesetCreatedAttr, RulesetError, RulesetStatus, Scope, make_bitflags, path_beneath_rules,
};
use std::path::PathBuf;

/// The latest version of landlock's rules that is used; an older kernel's are used as far as they go.
const RULES: ABI = ABI::V6;

/// What may still be opened; of a folder, all that is in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Reach {
    pub(super) read: Vec<PathBuf>,
    pub(super) write: Vec<PathBuf>,
    /// Folders out of which files may be removed.
    pub(super) remove: Vec<PathBuf>,
}

impl Reach {
    /// What the C library looks at when threads start and memory is asked for.
    pub(super) fn least() -> Reach {
        let read = ["/proc/self", "/sys/devices/system/cpu"].map(PathBuf::from).into();
        Reach { read, ..Reach::default() }
    }
}

/// Files, folders and links are made; no program is run from there, and no device or pipe is made.
fn writing() -> BitFlags<AccessFs> {
    let never = make_bitflags!(AccessFs::{Execute | MakeChar | MakeBlock | MakeFifo | MakeSock | IoctlDev});
    AccessFs::from_all(RULES) & !never
}

/// Keeps this thread, and those that it starts, to `reach`, and from connections and other processes.
///
/// Errors: why the kernel does not.
pub(super) fn keep(reach: &Reach) -> Result<(), String> {
    let reading = make_bitflags!(AccessFs::{ReadFile | ReadDir});
    let removing: BitFlags<AccessFs> = AccessFs::RemoveFile.into();
    let told = |error: RulesetError| error.to_string();
    let status = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(RULES))
        .and_then(|rules| rules.handle_access(AccessNet::from_all(RULES)))
        .and_then(|rules| rules.scope(Scope::from_all(RULES)))
        .and_then(Ruleset::create)
        .and_then(|rules| rules.add_rules(path_beneath_rules(&reach.read, reading)))
        .and_then(|rules| rules.add_rules(path_beneath_rules(&reach.write, writing())))
        .and_then(|rules| rules.add_rules(path_beneath_rules(&reach.remove, removing)))
        .and_then(|rules| rules.restrict_self())
        .map_err(told)?;
    match status.ruleset {
        RulesetStatus::FullyEnforced | RulesetStatus::PartiallyEnforced => Ok(()),
        RulesetStatus::NotEnforced => Err("the kernel has no landlock, or has it turned off".to_owned()),
    }
}
