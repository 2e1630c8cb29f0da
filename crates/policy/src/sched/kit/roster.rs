//! Who of a group has come: a group is scheduled as a unit once all of its threads exist.

use crate::sched::Machine;
use crate::unit::{GroupId, ThreadId};
use heap::vec;
use heap::vec::Vec;

/// Counts the members of each group that have come and that are still there.
#[derive(Clone, Debug)]
pub struct Roster {
    came: Vec<u32>,
    gone: Vec<u32>,
}

impl Roster {
    /// Nobody of `groups` groups has come.
    #[must_use]
    pub fn new(groups: usize) -> Roster {
        Roster { came: vec![0; groups], gone: vec![0; groups] }
    }

    /// `thread` came; its group, if that is now complete.
    pub fn come(&mut self, machine: &Machine, thread: ThreadId) -> Option<GroupId> {
        let group = machine.group(thread);
        let came = &mut self.came[group.index()];
        *came += 1;
        (*came == machine.groups[group.index()].width).then_some(group)
    }

    /// `thread` ended; its group, if nobody of it is left.
    pub fn end(&mut self, machine: &Machine, thread: ThreadId) -> Option<GroupId> {
        let group = machine.group(thread);
        let gone = &mut self.gone[group.index()];
        *gone += 1;
        (*gone == machine.groups[group.index()].width).then_some(group)
    }
}
