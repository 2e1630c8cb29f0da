//! What is known of each page of memory that engines have to be told about: that it holds decoded code, that a
//! walk read it, that some cache lets stores to it pass.

use crate::changes::{Change, ChangeLog, Owner};
use isa::pte::{PAGE_BITS, Pte};

/// An entry that covers this much is rare to be stored over (a root's): everything is dropped then.
const WHOLE_SHIFT: u32 = 30;
/// Several caches, or one in several places, let stores to the page pass.
const WRITERS_MANY: u16 = u16::MAX;
/// Bits of a virtual page number that [`Mark::writer`] keeps.
const LOW_VPN: u64 = 0x7fff;

/// What is known of a page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Mark {
    /// What its entries map, if it holds page tables.
    owner: Owner,
    /// The generation in which a walk last read it; 0 is never.
    table: u32,
    /// 0, or one more than the low bits of the page number under which a cache lets stores pass, or
    /// [`WRITERS_MANY`].
    writer: u16,
    /// Some engine holds decoded instructions of it.
    code: bool,
    /// Something may have been stored to it since memory was all zeros.
    touched: bool,
}

/// The marks of all pages, and the log of what follows from changes of them.
#[derive(Debug)]
pub(crate) struct Marks {
    pages: Vec<Mark>,
    generation: u32,
    pub(crate) log: ChangeLog,
    /// Pages whose decoded code was stored over.
    pub(crate) stale_code: Vec<u32>,
}

impl Marks {
    pub(crate) fn new(pages: usize) -> Marks {
        Marks {
            pages: vec![Mark::default(); pages],
            generation: 1,
            log: ChangeLog::new(),
            stale_code: Vec::new(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.pages.len()
    }

    /// Whether stores to `page` must be looked at.
    #[inline]
    pub(crate) fn is_marked(&self, page: usize) -> bool {
        let mark = self.pages[page];
        mark.code || mark.table == self.generation
    }

    /// Whether the entries of `page` matter.
    #[inline]
    pub(crate) fn is_table(&self, page: usize) -> bool {
        self.pages[page].table == self.generation
    }

    /// Notes decoded code in `page`; true when there was none.
    pub(crate) fn mark_code(&mut self, page: usize) -> bool {
        let fresh = !std::mem::replace(&mut self.pages[page].code, true);
        if fresh {
            self.withdraw(page);
        }
        fresh
    }

    /// The pages with decoded code.
    pub(crate) fn code_pages(&self) -> impl Iterator<Item = u32> + '_ {
        (0..).zip(&self.pages).filter(|(_, mark)| mark.code).map(|(page, _)| page)
    }

    /// Notes that a walk read `page`, whose entries lie where `owner` says.
    #[inline]
    pub(crate) fn mark_table(&mut self, page: usize, owner: Owner) {
        let mark = &mut self.pages[page];
        if mark.table != self.generation {
            (mark.table, mark.owner) = (self.generation, owner);
            self.withdraw(page);
        } else if mark.owner != owner {
            mark.owner = Owner::MANY;
        }
    }

    /// Notes that some cache lets stores to `page` pass under virtual address `va`.
    pub(crate) fn note_writer(&mut self, page: usize, va: u64) {
        let low = u16::try_from(va >> PAGE_BITS & LOW_VPN).unwrap_or(0) + 1;
        self.pages[page].touched = true;
        let writer = &mut self.pages[page].writer;
        *writer = if *writer == 0 || *writer == low { low } else { WRITERS_MANY };
    }

    /// Whether something may have been stored to `page`.
    pub(crate) fn is_touched(&self, page: usize) -> bool {
        self.pages[page].touched
    }

    /// Notes that every page may hold something.
    pub(crate) fn touch_all(&mut self) {
        self.pages.iter_mut().for_each(|mark| mark.touched = true);
    }

    /// Notes a store to `page`; decoded code there is stale.
    pub(crate) fn touch(&mut self, page: usize) {
        self.pages[page].touched = true;
        if std::mem::take(&mut self.pages[page].code) {
            self.stale_code.push(u32::try_from(page).unwrap_or(u32::MAX));
        }
    }

    /// Notes that entry `index` of the tables in `page`, which was `old` and valid, changes.
    pub(crate) fn entry_changed(&mut self, page: usize, index: u64, old: u64, child: Option<usize>) {
        match self.pages[page].owner.entry(index) {
            Some((va, shift)) if shift < WHOLE_SHIFT => {
                let code = !Pte(old).is_leaf() || Pte(old).is_executable();
                self.log.push(Change::Unmapped { va, shift, code });
                if let Some(child) = child
                    && !Pte(old).is_leaf()
                    && self.pages[child].owner.entry(0) == Some((va, shift - isa::pte::LEVEL_BITS))
                {
                    // Nothing is derived from the table under the entry any more.
                    self.pages[child].table = 0;
                }
            }
            _ => self.drop_all(),
        }
    }

    /// Declares every cached translation void; no page counts as holding tables any more.
    pub(crate) fn drop_all(&mut self) {
        if self.generation == u32::MAX {
            self.pages.iter_mut().for_each(|mark| mark.table = 0);
            self.generation = 0;
        }
        self.generation += 1;
        self.log.push_all();
    }

    /// Has caches withdraw their permission to store to `page`.
    fn withdraw(&mut self, page: usize) {
        let writer = std::mem::take(&mut self.pages[page].writer);
        if writer != 0 {
            let low_vpn = (writer != WRITERS_MANY).then(|| writer - 1);
            self.log.push(Change::Watched { page: u32::try_from(page).unwrap_or(u32::MAX), low_vpn });
        }
    }
}
