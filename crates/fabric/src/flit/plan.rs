//! Which virtual channels serve which priority class and class of channels.

use super::state::State;
use crate::config::Config;
use crate::error::Error;
use crate::routing::{EJECT, Routes};

/// The most virtual channels of a port.
const VCS_MAX: usize = 16;

/// Which virtual channels belong to each priority class and class of channels, and back.
#[derive(Clone, Debug)]
pub(super) struct VcPlan {
    /// Masks by `priority * (classes + 1) + class`; the last class of each priority stands for all of its channels.
    masks: Vec<u16>,
    classes: usize,
    /// The class of each channel.
    class_of: [u8; VCS_MAX],
    /// The priority class of each channel.
    priority_of: [u8; VCS_MAX],
}

impl VcPlan {
    /// Divides the channels evenly; an adaptive class takes what the escape classes leave.
    ///
    /// Errors: [`Error::Parameter`] when there are too few.
    pub(super) fn new(config: &Config, routes: &Routes) -> Result<VcPlan, Error> {
        let (vcs, classes, priorities) =
            (config.vcs as usize, usize::from(routes.classes()), config.classes as usize);
        let share = vcs / priorities;
        if share < classes {
            return Err(Error::Parameter {
                name: "vcs",
                value: vcs.to_string(),
                reason: format!(
                    "{} on this network needs {classes} virtual channels{} to be free of deadlock",
                    routes.algorithm().name(),
                    if priorities > 1 {
                        format!(" for each of {priorities} priority classes")
                    } else {
                        String::new()
                    }
                ),
                way_out: format!("use --vcs {} or more", classes * priorities),
            });
        }
        let nothing = [0; VCS_MAX];
        let mut plan = VcPlan { masks: Vec::new(), classes, class_of: nothing, priority_of: nothing };
        for priority in 0..priorities {
            let (start, end) = (priority * vcs / priorities, (priority + 1) * vcs / priorities);
            let mut whole = 0;
            for class in 0..classes {
                let bounds = if routes.is_adaptive() {
                    // Class 0 is adaptive; each escape class has one channel at the end.
                    let adaptive = end - (classes - 1);
                    if class == 0 { start..adaptive } else { adaptive + class - 1..adaptive + class }
                } else {
                    let count = end - start;
                    start + class * count / classes..start + (class + 1) * count / classes
                };
                let mut mask = 0u16;
                for vc in bounds {
                    mask |= 1 << vc;
                    plan.class_of[vc] = u8::try_from(class).unwrap_or(u8::MAX);
                }
                whole |= mask;
                plan.masks.push(mask);
            }
            plan.masks.push(whole);
            plan.priority_of[start..end].fill(u8::try_from(priority).unwrap_or(u8::MAX));
        }
        Ok(plan)
    }

    /// The channels of a class; all of the priority's for a port to a node.
    pub(super) fn mask(&self, priority: u8, class: u8) -> u16 {
        // `EJECT` is above all classes.
        self.masks[usize::from(priority) * (self.classes + 1) + usize::from(class).min(self.classes)]
    }

    /// All channels of a priority class.
    pub(super) fn whole(&self, priority: u8) -> u16 {
        self.mask(priority, EJECT)
    }

    /// The class of a channel.
    pub(super) fn class_of(&self, vc: usize) -> u8 {
        self.class_of[vc % VCS_MAX]
    }

    /// The priority class of a channel.
    pub(super) fn priority_of(&self, vc: usize) -> u8 {
        self.priority_of[vc % VCS_MAX]
    }

    /// Among several ready channels of an input: the highest class, then the output whose turn it is, then the
    /// channel whose turn it is.
    pub(super) fn choose(&self, state: &State, first: usize, input: usize, mut ready: u64) -> usize {
        let place = first + (input << state.vc_bits);
        let turns = &state.port[place >> state.vc_bits];
        // Behind a start come the ports or channels from it on, then those before it.
        let rank = |index: usize, start: u8| index.wrapping_sub(usize::from(start)) & 127;
        let mut best = (usize::MAX, 0);
        while ready != 0 {
            let vc = ready.trailing_zeros() as usize;
            ready &= ready - 1;
            let output = usize::from(state.channel[place + vc].out) >> state.vc_bits;
            let class = usize::from(u8::MAX - self.priority_of(vc));
            let key = class << 16 | rank(output, turns.next_output) << 8 | rank(vc, turns.next_vc);
            if key < best.0 {
                best = (key, vc);
            }
        }
        best.1
    }

    /// The inputs among `asking` whose chosen channels have the highest class.
    pub(super) fn highest(&self, asking: u64, chosen: &[u8]) -> u64 {
        let mut best = (0, 0u64);
        let mut left = asking;
        while left != 0 {
            let input = left.trailing_zeros() as usize;
            left &= left - 1;
            let class = self.priority_of(usize::from(chosen[input]));
            if best.1 == 0 || class > best.0 {
                best = (class, 0);
            }
            if class == best.0 {
                best.1 |= 1 << input;
            }
        }
        best.1
    }
}
