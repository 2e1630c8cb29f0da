//! What is known of each page of memory that engines have to be told about: that it holds decoded code, that a
//! walk read it, that some cache lets stores to it pass.

use crate::changes::{Change, ChangeLog, Owner};
use isa::pte::{PAGE_BITS, Pte};

/// Several caches, or one in several places, let stores to the page pass.
const WRITERS_MANY: u16 = u16::MAX;
/// After so many stores over entries that are not valid, with no walk between, a page of tables is likely none any
/// more, and is taken for one no longer.
const IDLE_STORES_MAX: u8 = 32;
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
    /// Stores over entries that are not valid since a walk last read it.
    idle_stores: u8,
    /// [`Mark::CODE`] and [`Mark::TOUCHED`].
    flags: u8,
}

impl Mark {
    /// Some engine holds decoded instructions of it.
    const CODE: u8 = 1;
    /// Something may have been stored to it since memory was all zeros.
    const TOUCHED: u8 = 2;
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
        mark.flags & Mark::CODE != 0 || mark.table == self.generation
    }

    /// Whether the entries of `page` matter.
    #[inline]
    pub(crate) fn is_table(&self, page: usize) -> bool {
        self.pages[page].table == self.generation
    }

    /// Notes decoded code in `page`; true when there was none.
    pub(crate) fn mark_code(&mut self, page: usize) -> bool {
        let flags = &mut self.pages[page].flags;
        let fresh = *flags & Mark::CODE == 0;
        *flags |= Mark::CODE;
        if fresh {
            self.withdraw(page);
        }
        fresh
    }

    /// The pages with decoded code.
    pub(crate) fn code_pages(&self) -> impl Iterator<Item = u32> + '_ {
        (0..).zip(&self.pages).filter(|(_, mark)| mark.flags & Mark::CODE != 0).map(|(page, _)| page)
    }

    /// Notes that a walk read `page`, whose entries lie where `owner` says.
    #[inline]
    pub(crate) fn mark_table(&mut self, page: usize, owner: Owner) {
        let mark = &mut self.pages[page];
        mark.idle_stores = 0;
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
        self.pages[page].flags |= Mark::TOUCHED;
        let writer = &mut self.pages[page].writer;
        *writer = if *writer == 0 || *writer == low { low } else { WRITERS_MANY };
    }

    /// Whether something may have been stored to `page`.
    pub(crate) fn is_touched(&self, page: usize) -> bool {
        self.pages[page].flags & Mark::TOUCHED != 0
    }

    /// Notes that every page may hold something.
    pub(crate) fn touch_all(&mut self) {
        self.pages.iter_mut().for_each(|mark| mark.flags |= Mark::TOUCHED);
    }

    /// Notes a store to `page`; decoded code there is stale.
    pub(crate) fn touch(&mut self, page: usize) {
        let flags = &mut self.pages[page].flags;
        let had_code = *flags & Mark::CODE != 0;
        *flags = Mark::TOUCHED;
        if had_code {
            self.stale_code.push(number(page));
        }
    }

    /// Notes that entry `index` of the tables in `page`, which was `old` and valid, changes.
    pub(crate) fn entry_changed(&mut self, page: usize, index: u64, old: u64, child: Option<usize>) {
        let owner = self.pages[page].owner;
        if owner.is_root() {
            return self.table_gone(page);
        }
        let Some((va, shift)) = owner.entry(index) else { return self.drop_all() };
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

    /// Notes a store to a page of tables over entries that are not valid.
    pub(crate) fn entry_filled(&mut self, page: usize) {
        self.pages[page].idle_stores += 1;
        if self.pages[page].idle_stores > IDLE_STORES_MAX {
            self.table_gone(page);
        }
    }

    /// Has caches drop all that is derived from the table in `page`, which counts as one no longer.
    fn table_gone(&mut self, page: usize) {
        let owner = self.pages[page].owner;
        match owner.entry(0) {
            // The tables under a root may be other address spaces' too.
            Some(_) if owner.is_root() => self.log.push(Change::Root { page: number(page) }),
            Some((va, shift)) => {
                self.log.push(Change::Unmapped { va, shift: shift + isa::pte::LEVEL_BITS, code: true });
            }
            None => return self.drop_all(),
        }
        self.pages[page].table = 0;
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
            self.log.push(Change::Watched { page: number(page), low_vpn });
        }
    }
}

fn number(page: usize) -> u32 {
    u32::try_from(page).unwrap_or(u32::MAX)
}
