//! Page tables for programs: built at generation, with odd entries on purpose.

use std::collections::BTreeMap;

use isa::pte::{GUEST_ROOT_EXTRA_BITS, LEVEL_BITS, Mode, PAGE_BITS, Pte};

use crate::rng::Rng;

const PAGE: u64 = 1 << PAGE_BITS;

/// A tree of tables.
pub(super) struct Tables {
    mode: Mode,
    root: u64,
    next: u64,
    /// Second stage: the root is four pages.
    guest: bool,
    words: BTreeMap<u64, u64>,
}

impl Tables {
    /// An empty tree whose pages lie from `root` on.
    pub(super) fn new(mode: Mode, guest: bool, root: u64) -> Tables {
        let root_pages = if guest { 1 << GUEST_ROOT_EXTRA_BITS } else { 1 };
        Tables { mode, root, next: root + root_pages * PAGE, guest, words: BTreeMap::new() }
    }

    /// `satp`, `vsatp` or `hgatp` for this tree.
    pub(super) fn register(&self) -> u64 {
        self.mode.field() << 60 | self.root >> PAGE_BITS
    }

    /// The address of the entry for `va` at `level`, its way there made.
    pub(super) fn entry(&mut self, va: u64, level: u32) -> u64 {
        let mut table = self.root;
        let top = self.mode.levels() - 1;
        for at in (level..=top).rev() {
            let mut index = self.mode.index(va, at);
            if self.guest && at == top {
                index =
                    va >> (PAGE_BITS + LEVEL_BITS * at) & ((1 << (LEVEL_BITS + GUEST_ROOT_EXTRA_BITS)) - 1);
            }
            let entry = table + 8 * index;
            if at == level {
                return entry;
            }
            let next = &mut self.next;
            let word = *self.words.entry(entry).or_insert_with(|| {
                *next += PAGE;
                Pte::new((*next - PAGE) >> PAGE_BITS, Pte::V).0
            });
            table = Pte(word).ppn() << PAGE_BITS;
        }
        unreachable!("the loop ends at the level")
    }

    /// Maps the page of `level` at `va`.
    pub(super) fn map(&mut self, va: u64, pa: u64, flags: u64, level: u32) {
        let entry = self.entry(va, level);
        self.words.insert(entry, Pte::new(pa >> PAGE_BITS, flags).0);
    }

    /// The pages of the tree, from the root on, as they lie in memory.
    pub(super) fn bytes(&self) -> (u64, Vec<u8>) {
        let length = usize::try_from(self.next - self.root).expect("few pages");
        let mut bytes = vec![0; length];
        for (&address, word) in &self.words {
            let at = usize::try_from(address - self.root).expect("in the tree");
            bytes[at..at + 8].copy_from_slice(&word.to_le_bytes());
        }
        (self.root, bytes)
    }
}

/// Random flags of a leaf: mostly usable, sometimes with bits missing, sometimes with reserved ones; not the reserved
/// memory type, which QEMU takes.
pub(super) fn random_flags(rng: &mut Rng, executable: bool) -> u64 {
    let usual = Pte::V | Pte::R | Pte::W | Pte::A | Pte::D | if rng.one_in(2) { Pte::U } else { 0 };
    let mut flags = usual;
    for bit in [Pte::V, Pte::R, Pte::W, Pte::A, Pte::D] {
        if rng.one_in(5) {
            flags &= !bit;
        }
    }
    if executable {
        flags = flags & !Pte::W | if rng.one_in(4) { 0 } else { Pte::X };
    }
    if rng.one_in(6) {
        flags |= rng.pick(&[Pte::G, Pte::RSW, 1 << 54, 1 << 60, 1 << 61, 1 << 62, Pte::N]);
    }
    if flags & Pte::N != 0 {
        // QEMU marks such an entry before it looks whether its frame number is a legal one.
        flags |= Pte::A | Pte::D;
    }
    flags
}
