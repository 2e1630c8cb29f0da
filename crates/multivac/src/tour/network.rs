//! The tour's entries of this chapter.

use super::Entry;

/// The chapter's concepts.
pub(super) const ENTRIES: &[Entry] = &[];
