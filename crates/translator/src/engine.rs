//! The dispatcher: which code runs next, and what happens between runs of translated code.

use crate::block::{self, ALONE, Place, Unit};
use crate::cache::CodeMemory;
use crate::emit::trampoline::{Trampoline, reason};
use crate::emit::{self, Target};
use crate::explain;
use crate::perf::PerfMap;
use crate::shares::Shares;
use crate::space::Space;
use crate::spaces::Spaces;
use crate::store::{Block, Store, Stub};
use machine::core::Core;
use machine::engine::{Engine, Exit, SealedEngine};
use machine::interp::Interpreter;
use machine::interrupt;
use machine::ram::{PAGE_SHIFT, RAM_BASE, Ram};
use sealed::Sealed;
use std::sync::Arc;

mod sealed;

/// Counters of how often places were interpreted; direct-mapped.
const HEAT_ENTRIES: usize = 1 << 12;
/// How many times as often as other places one is met, at which a run of the engine resumes, before it is translated:
/// it mostly lies within a block, and runs end anywhere.
const RESUMED_FACTOR: u8 = 16;

/// What can be set.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Size of the code cache with its tables and the harts' TLBs in bytes; at least [`crate::CACHE_BYTES_MIN`] for each
    /// hart.
    pub cache_bytes: usize,
    /// How often a place is met before it is translated; until then it is interpreted.
    pub threshold: u8,
    /// Whether `perf` is told where blocks are.
    pub perf_map: bool,
}

impl Default for Options {
    fn default() -> Options {
        Options { cache_bytes: 64 << 20, threshold: 4, perf_map: false }
    }
}

/// Counters for reports; not simulated state.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counters {
    /// Blocks translated.
    pub(crate) translated: u64,
    /// Guest instructions in them.
    pub(crate) translated_instructions: u64,
    /// Exits linked to their target.
    pub(crate) links: u64,
    /// Blocks dropped because their page was stored over.
    pub(crate) invalidated: u64,
    /// Times that the whole cache was cleared.
    pub(crate) evictions: u64,
    /// Instructions that translated code had interpreted.
    pub(crate) fallbacks: u64,
    /// Loads and stores among them that found their page and were kept.
    pub(crate) tlb_misses: u64,
    /// Times that translated code was entered.
    pub(crate) entries: u64,
    /// Times that the interpreter ran code that was not warm yet or cannot be translated.
    pub(crate) cold_runs: u64,
}

/// Why there is no translator on this host.
#[derive(Debug)]
pub enum Refused {
    /// The processor lacks an instruction that translated code uses.
    Processor(&'static str),
    /// The host refused executable memory.
    Memory(std::io::Error),
    /// The host refused the file for `perf`.
    PerfMap(std::io::Error),
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Refused::Processor(what) => write!(f, "the host's processor has no {what}"),
            Refused::Memory(error) => write!(f, "the host refuses executable memory: {error}"),
            Refused::PerfMap(error) => write!(f, "the map for perf cannot be written: {error}"),
        }
    }
}

impl std::error::Error for Refused {}

/// How the engine came to look for a block.
#[derive(Clone, Copy)]
enum Way {
    /// It goes on where its last run ended.
    Resumed,
    /// The guest went there.
    Jumped,
    /// Translated code left through this slot, which is not linked.
    Linked(u32),
}

/// Everything but the spaces, which translated code reaches by pointer.
pub(crate) struct Parts {
    pub(crate) interpreter: Interpreter,
    pub(crate) store: Store,
    pub(crate) counters: Counters,
    code: CodeMemory,
    pub(crate) trampoline: Trampoline,
    /// Bytes of the code memory that the trampoline takes.
    kept: usize,
    heat: Box<[u8; HEAT_ENTRIES]>,
    threshold: u8,
    options: Options,
    perf_map: Option<PerfMap>,
}

/// The translator of one node.
pub struct Translator {
    parts: Box<Parts>,
    spaces: Vec<Spaces>,
}

impl Translator {
    /// A translator for a node of `harts` harts.
    ///
    /// Errors: [`Refused`], when this host cannot run translated code.
    pub fn new(harts: usize, options: Options) -> Result<Translator, Refused> {
        for (name, present) in [
            ("BMI2", std::is_x86_feature_detected!("bmi2")),
            (
                "LZCNT and TZCNT",
                std::is_x86_feature_detected!("lzcnt") && std::is_x86_feature_detected!("bmi1"),
            ),
            ("POPCNT", std::is_x86_feature_detected!("popcnt")),
            ("AVX", std::is_x86_feature_detected!("avx")),
            ("FMA", std::is_x86_feature_detected!("fma")),
        ] {
            if !present {
                return Err(Refused::Processor(name));
            }
        }
        let shares = Shares::of(options.cache_bytes, harts);
        let mut code = CodeMemory::new(shares.code, shares.slots).map_err(Refused::Memory)?;
        let too_small = || Refused::Memory(std::io::Error::other("the code cache is too small"));
        let trampoline = Trampoline::emit(&mut code).ok_or_else(too_small)?;
        let perf_map = options.perf_map.then(PerfMap::create).transpose().map_err(Refused::PerfMap)?;
        let parts = Parts {
            interpreter: Interpreter::under_translator(harts),
            store: Store::new(shares.slots, shares.tables),
            counters: Counters::default(),
            kept: code.used(),
            code,
            trampoline,
            heat: Box::new([0; HEAT_ENTRIES]),
            threshold: options.threshold,
            options,
            perf_map,
        };
        let spaces = (0..harts).map(|_| Spaces::new(shares.spaces)).collect();
        Ok(Translator { parts: Box::new(parts), spaces })
    }
}

impl Engine for Translator {
    fn name(&self) -> &'static str {
        "translate"
    }

    fn run(&mut self, core: &mut Core<'_>, budget: u64) -> Exit {
        let end = core.hart.cycles().wrapping_add(budget);
        let spaces = &mut self.spaces[core.hart.id];
        let mut way = Way::Resumed;
        let mut pending = interrupt::wakes(core);
        loop {
            let left = end.wrapping_sub(core.hart.cycles());
            if left == 0 || left > budget {
                return Exit::Budget;
            }
            self.parts.synchronize(core);
            let space = spaces.select(core, &self.parts);
            let Some(entry) = self.parts.entry(core, space, std::mem::replace(&mut way, Way::Jumped)) else {
                self.parts.counters.cold_runs += 1;
                match self.parts.interpreter.run_block(core, left) {
                    Exit::Budget => {
                        pending = interrupt::wakes(core);
                        continue;
                    }
                    exit => return exit,
                }
            };
            space.note_unrest(pending);
            let retired = core.hart.retired;
            let (outcome, exit) = self.parts.enter(core, space, entry, left);
            let number = outcome.reason as u32;
            match number {
                reason::LEFT => match exit {
                    Some(exit) => return exit,
                    None => {
                        pending = interrupt::wakes(core);
                        continue;
                    }
                },
                reason::SHORT => {
                    core.hart.retired = retired + (left - outcome.left);
                    match self.parts.interpreter.run(core, outcome.left) {
                        Exit::Budget => continue,
                        exit => return exit,
                    }
                }
                reason::LOOKUP => {}
                slot => {
                    let Stub { target, relative, .. } = self.parts.store.stub(slot);
                    core.hart.pc = space.address(target & !ALONE, relative);
                    way = Way::Linked(slot);
                }
            }
            // An instruction interpreted on the way has left its own count there.
            core.hart.retired = retired + (left - outcome.left);
        }
    }

    fn counters(&self) -> Vec<(&'static str, u64)> {
        let c = &self.parts.counters;
        vec![
            ("translated_blocks", c.translated),
            ("translated_instructions", c.translated_instructions),
            ("code_bytes", self.parts.code.used() as u64),
            ("table_bytes", self.parts.store.bytes() as u64),
            ("tlb_bytes", self.spaces.iter().map(Spaces::bytes).sum::<usize>() as u64),
            ("links", c.links),
            ("invalidated_blocks", c.invalidated),
            ("evictions", c.evictions),
            ("fallbacks", c.fallbacks),
            ("tlb_misses", c.tlb_misses),
            ("entries", c.entries),
            ("cold_runs", c.cold_runs),
        ]
    }

    fn explain(&self, pc: u64) -> Option<String> {
        let block = self.parts.store.block_around(pc)?;
        Some(explain::block(block, self.parts.code.bytes(block.entry, block.bytes)))
    }

    fn seal(&mut self, ram: &mut Ram) -> Option<Arc<dyn SealedEngine>> {
        let options = self.parts.options;
        let fresh = Translator::new(self.spaces.len(), Options { perf_map: false, ..options }).ok()?;
        let mut parts = std::mem::replace(self, fresh).parts;
        let stale = parts.interpreter.take_removed().into_iter().chain(ram.take_stale_code());
        stale.for_each(|page| _ = parts.store.remove_page(u64::from(page), &mut parts.code));
        let Parts { store, code, trampoline, .. } = *parts;
        let harts = self.spaces.len();
        Some(Arc::new(Sealed {
            store: Arc::new(store.into_base()?),
            code: code.seal(),
            trampoline,
            harts,
            options,
        }))
    }

    fn forget(&mut self) {
        self.parts.interpreter.forget();
        self.parts.clear();
        for spaces in &mut self.spaces {
            spaces.clear();
        }
    }
}

impl Parts {
    /// Drops the blocks of pages that were stored over.
    fn synchronize(&mut self, core: &mut Core<'_>) {
        if core.bus.ram.has_stale_code() {
            self.interpreter.synchronize(core);
        }
        if !self.interpreter.has_removed() {
            return;
        }
        for page in self.interpreter.take_removed() {
            self.counters.invalidated += self.store.remove_page(u64::from(page), &mut self.code) as u64;
        }
    }

    /// The code for the hart's `pc`, to which `way` led, translated if it has become warm.
    fn entry(&mut self, core: &mut Core<'_>, space: &mut Space, way: Way) -> Option<u64> {
        let pc = core.hart.pc;
        if !matches!(way, Way::Linked(_))
            && let Some(entry) = space.jump(pc)
        {
            return Some(entry);
        }
        let alone = matches!(way, Way::Linked(slot) if self.store.stub(slot).target & ALONE != 0);
        let place = self.place(core, alone)?;
        let cleared = self.counters.evictions;
        let (id, entry) = match self.store.find(place) {
            Some(found) => found,
            None => {
                let threshold = self.threshold(way);
                let heat = &mut self.heat[(pc >> 1) as usize & (HEAT_ENTRIES - 1)];
                *heat = heat.saturating_add(1);
                if *heat < threshold {
                    return None;
                }
                *heat = 0;
                self.translate(core, place)?
            }
        };
        // What translating marked voids permissions to store, and what it cleared voids the jump cache.
        space.refresh(&core.bus.ram, self.store.removed());
        if !alone {
            space.enter_jump(pc, entry);
        }
        // A slot means nothing any more once the cache was cleared.
        if let Way::Linked(slot) = way
            && cleared == self.counters.evictions
        {
            self.store.link(slot, id, &mut self.code);
            self.counters.links += 1;
        }
        Some(entry)
    }

    /// How often a place is met before it is translated.
    fn threshold(&self, way: Way) -> u8 {
        match way {
            Way::Resumed => (self.threshold.max(1) - 1).saturating_mul(RESUMED_FACTOR).saturating_add(1),
            Way::Jumped | Way::Linked(_) => self.threshold,
        }
    }

    /// Where the block at the hart's `pc` begins; `None` where it is to be interpreted.
    fn place(&mut self, core: &mut Core<'_>, alone: bool) -> Option<Place> {
        let va = core.hart.pc;
        let offset = self.interpreter.code_offset(core, va)?;
        let next = if block::crosses(&core.bus.ram, offset) {
            Some((self.interpreter.code_offset(core, va.wrapping_add(2))? >> PAGE_SHIFT) as u32)
        } else {
            None
        };
        Some(Place { offset, va, next, alone, relative: false })
    }

    /// Translates the block at `place`.
    #[cold]
    #[inline(never)]
    fn translate(&mut self, core: &mut Core<'_>, place: Place) -> Option<(usize, u64)> {
        for _ in 0..2 {
            let key = self.store.key(place);
            let unit = Unit::scan(&core.bus.ram, key)?;
            if self.store.has_room() {
                let target = Target {
                    address: self.code.next_address(),
                    trampoline: self.trampoline,
                    slots: self.code.slots(),
                    first_slot: self.store.next_slot(),
                    first_site: self.store.next_site(),
                };
                let emitted = emit::unit(&target, &unit)?;
                if let Some(entry) = self.code.append(&emitted.code) {
                    for page in place.pages() {
                        core.bus.ram.mark_code(RAM_BASE + (page << PAGE_SHIFT));
                    }
                    self.counters.translated += 1;
                    if let Some(map) = &mut self.perf_map {
                        map.block(entry as u64, emitted.code.len(), place.va);
                    }
                    self.counters.translated_instructions += unit.insts().count() as u64;
                    let block = Block::new(key, &unit, entry as u64, &emitted);
                    let id = self.store.add(block, &emitted.sites, &emitted.stubs, &mut self.code);
                    return Some((id, entry as u64));
                }
            }
            self.clear();
            self.counters.evictions += 1;
        }
        None
    }

    /// Clears the code cache.
    fn clear(&mut self) {
        self.store.clear(&mut self.code);
        self.code.truncate(self.kept);
    }
}
