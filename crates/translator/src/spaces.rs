//! The spaces of one hart: one for each context that it was in lately.
//!
//! Address spaces of one kernel share their upper half: the same entries in the upper halves of their root tables lead
//! to the same tables below. So a supervisor's space goes on serving when only the root changes and the halves are
//! equal, without what lies in the lower one.

use crate::engine::Parts;
use crate::space::Space;
use machine::core::Core;
use machine::interp::Context;
use machine::ram::{PAGE_BYTES, Ram};

/// The spaces, the current one first looked at.
pub(crate) struct Spaces {
    all: Vec<Box<Space>>,
    /// How many there may be.
    most: usize,
    current: usize,
    uses: u64,
}

impl Spaces {
    /// A space that serves nothing yet, of `most` that there may be.
    pub(crate) fn new(most: usize) -> Spaces {
        Spaces { all: vec![Space::new()], most, current: 0, uses: 0 }
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        *self = Spaces::new(self.most);
    }

    /// Bytes of memory that they take.
    pub(crate) fn bytes(&self) -> usize {
        self.all.len() * size_of::<Space>()
    }

    /// The space of the hart's present context, brought up to date.
    pub(crate) fn select(&mut self, core: &mut Core<'_>, parts: &Parts) -> &mut Space {
        let context = Context::of(core.hart);
        if !self.all[self.current].serves(&context) {
            self.uses += 1;
            self.current = match self.all.iter().position(|space| space.serves(&context)) {
                Some(found) => found,
                None => self.change(context, &mut core.bus.ram, parts),
            };
            self.all[self.current].used = self.uses;
        }
        let space = &mut self.all[self.current];
        space.refresh(&core.bus.ram, parts.store.removed());
        space.refresh_mode(core.hart);
        space
    }

    /// Has a space serve `context`, which none does.
    #[cold]
    #[inline(never)]
    fn change(&mut self, context: Context, ram: &mut Ram, parts: &Parts) -> usize {
        if let Some(kin) = self.all.iter().position(|space| space.is_kin(&context)) {
            let space = &mut self.all[kin];
            space.refresh(ram, parts.store.removed());
            if has_same_upper_half(ram, space.context(), &context) {
                // What it holds is derived from this root, too, from now on.
                context.mark_root(ram);
                space.move_to(context);
            } else {
                space.take(context);
            }
            return kin;
        }
        if self.all.len() < self.most {
            self.all.push(Space::new());
        }
        let oldest = (0..self.all.len()).min_by_key(|&index| self.all[index].used).unwrap_or(0);
        self.all[oldest].take(context);
        oldest
    }
}

/// Whether the root tables of two contexts have the same entries for the upper half of the addresses.
fn has_same_upper_half(ram: &Ram, one: &Context, other: &Context) -> bool {
    let half = |context: &Context| {
        let start = context.root_address().wrapping_add(PAGE_BYTES / 2);
        ram.slice(start, PAGE_BYTES / 2)
    };
    half(one).is_some_and(|entries| Some(entries) == half(other))
}
