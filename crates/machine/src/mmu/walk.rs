//! The walk: one stage over page tables in physical memory, and two stages, one under the other.
//!
//! The second stage translates every address that the first stage uses: those of its page-table entries, and
//! the one it arrives at.

use super::memory::TableMemory;
use super::mode::{self, Mode};
use super::pte::{self, Features, Meaning};
use super::{
    Access, ENVCFG_ADUE, ENVCFG_PBMTE, Env, PHYSICAL_BITS, Perms, Request, Steps, Translation, Want,
};
use crate::changes::Owner;
use crate::privilege::Privilege;
use isa::pte::{GUEST_ROOT_EXTRA_BITS, LEVEL_BITS, PAGE_BITS, Pte};

/// `tinst` of a guest-page fault on reading a first-stage entry.
const PSEUDO_READ: u64 = 0x3000;
/// `tinst` of a guest-page fault on updating a first-stage entry.
const PSEUDO_WRITE: u64 = 0x3020;
const ENTRY_BYTES: u64 = 8;

/// Why a walk did not arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// The first stage refuses.
    Page,
    /// Memory or PMP refuses.
    Access,
    /// The second stage refuses.
    Guest {
        /// The guest physical address that it was asked for.
        gpa: u64,
        /// What `tinst` shows: 0 for the access itself.
        pseudoinstruction: u64,
    },
}

/// Which table a step of a walk reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The table of `satp`.
    Single,
    /// The table of `vsatp`, at guest physical addresses.
    First,
    /// The table of `hgatp`.
    Second,
}

/// One page-table entry read in a walk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// The table it is in.
    pub stage: Stage,
    /// Its level; 0 is the last.
    pub level: u32,
    /// The address being translated by this stage.
    pub address: u64,
    /// Its index in the table.
    pub index: u64,
    /// Its address as the stage knows it: guest physical in the first stage of two.
    pub entry_address: u64,
    /// Its value; `None` when it could not be read.
    pub value: Option<u64>,
    /// What it says.
    pub meaning: Meaning,
}

/// Watches a walk.
pub(super) trait Observer {
    /// Sees one step.
    fn step(&mut self, step: Step);
}

/// Watches nothing.
pub(super) struct Silent;

impl Observer for Silent {
    #[inline(always)]
    fn step(&mut self, _step: Step) {}
}

/// Where a stage arrived.
#[derive(Clone, Copy)]
pub(super) struct Arrival {
    pub(super) address: u64,
    pub(super) shift: u32,
    pub(super) perms: Perms,
    /// Mapped alike in every address space.
    pub(super) global: bool,
    /// The table of the last level, if the walk got there.
    pub(super) last_table: Option<u64>,
}

impl Arrival {
    /// Where an address that is not translated arrives.
    pub(super) fn bare(address: u64) -> Arrival {
        Arrival { address, shift: PHYSICAL_BITS, perms: Perms::ALL, global: false, last_table: None }
    }
}

/// One stage's table.
#[derive(Clone, Copy)]
struct Table {
    stage: Stage,
    mode: Mode,
    root: u64,
    features: Features,
}

impl Table {
    fn new(stage: Stage, register: u64, envcfg: u64) -> Table {
        Table {
            stage,
            mode: mode::of(register).unwrap_or(Mode::Bare),
            root: mode::root_address(register),
            features: Features {
                update: envcfg & ENVCFG_ADUE != 0,
                memory_types: envcfg & ENVCFG_PBMTE != 0,
            },
        }
    }

    /// Whether the stage's addresses include `address`.
    fn covers(&self, address: u64) -> bool {
        match self.stage {
            Stage::Second => address >> (self.mode.address_bits() + GUEST_ROOT_EXTRA_BITS) == 0,
            _ => self.mode.is_canonical(address),
        }
    }

    /// What the table at `level` on the way to `address` maps; under two stages one cannot tell by an address.
    #[inline]
    fn owner(&self, address: u64, level: u32) -> Owner {
        match self.stage {
            Stage::Single => Owner::new(address, PAGE_BITS + LEVEL_BITS * level, self.mode.address_bits()),
            Stage::First | Stage::Second => Owner::MANY,
        }
    }

    fn index(&self, address: u64, level: u32) -> u64 {
        // Only the root of the second stage is wider than one page.
        let above = if self.stage == Stage::Second && level + 1 == self.mode.levels() {
            address >> self.mode.address_bits() & ((1 << GUEST_ROOT_EXTRA_BITS) - 1)
        } else {
            0
        };
        above << LEVEL_BITS | self.mode.index(address, level)
    }
}

/// A walk in progress.
pub(super) struct Walker<'a, M, O> {
    env: &'a Env<'a>,
    memory: &'a mut M,
    observer: &'a mut O,
    steps: Steps,
}

impl<'a, M: TableMemory, O: Observer> Walker<'a, M, O> {
    pub(super) fn new(env: &'a Env<'a>, memory: &'a mut M, observer: &'a mut O) -> Walker<'a, M, O> {
        Walker { env, memory, observer, steps: Steps::default() }
    }

    /// One stage: from `address` through `table`; Bare passes it on.
    fn stage(&mut self, table: Table, address: u64, want: &Want) -> Result<Arrival, Fault> {
        if table.mode == Mode::Bare {
            return Ok(Arrival::bare(address));
        }
        let refused = match table.stage {
            Stage::Second => Fault::Guest { gpa: address, pseudoinstruction: 0 },
            _ => Fault::Page,
        };
        if !table.covers(address) {
            return Err(refused);
        }
        // An entry that changes while it is being updated sends the walk back to the root; each time round
        // it has gained a bit, so this ends.
        loop {
            if let Some(arrival) = self.descend(table, address, want, refused)? {
                return Ok(arrival);
            }
        }
    }

    /// One descent from the root; `None` when the leaf changed under the update of its A and D bits.
    fn descend(
        &mut self,
        table: Table,
        address: u64,
        want: &Want,
        refused: Fault,
    ) -> Result<Option<Arrival>, Fault> {
        let mut table_address = table.root;
        let mut global = false;
        for level in (0..table.mode.levels()).rev() {
            let index = table.index(address, level);
            let entry_address = table_address + index * ENTRY_BYTES;
            let read = self.read(table.stage, entry_address, table.owner(address, level));
            let meaning = match read {
                Ok(entry) => pte::judge(Pte(entry), level, want, table.features),
                Err(_) => Meaning::Unreadable,
            };
            let stage = table.stage;
            let value = read.ok();
            self.observer.step(Step { stage, level, address, index, entry_address, value, meaning });
            let entry = read?;
            // A global pointer makes everything under it global.
            global |= Pte(entry).is_global();
            match meaning {
                Meaning::Table { next } => table_address = next,
                Meaning::Leaf { base, shift, perms, missing } => {
                    if missing != 0 && !self.update(stage, entry_address, entry, entry | missing)? {
                        return Ok(None);
                    }
                    let offset = address & ((1 << shift) - 1);
                    let last_table = (level == 0).then_some(table_address);
                    return Ok(Some(Arrival { address: base | offset, shift, perms, global, last_table }));
                }
                _ => return Err(refused),
            }
        }
        Err(refused)
    }

    /// Reads an entry of `stage`'s table; a first-stage entry of two is itself translated.
    fn read(&mut self, stage: Stage, address: u64, owner: Owner) -> Result<u64, Fault> {
        let pa = match stage {
            Stage::First => self.implicit(address, Access::Load)?,
            _ => address,
        };
        match stage {
            Stage::Second => self.steps.second += 1,
            _ => self.steps.first += 1,
        }
        self.guard(pa, Access::Load)?;
        self.memory.read_entry(pa, owner).ok_or(Fault::Access)
    }

    /// Sets A and D bits of an entry of `stage`'s table; false when it changed meanwhile.
    fn update(&mut self, stage: Stage, address: u64, old: u64, new: u64) -> Result<bool, Fault> {
        let pa = match stage {
            Stage::First => self.implicit(address, Access::Store)?,
            _ => address,
        };
        self.guard(pa, Access::Store)?;
        Ok(self.memory.update_entry(pa, old, new))
    }

    /// Walks access page tables as supervisor mode does.
    fn guard(&self, pa: u64, access: Access) -> Result<(), Fault> {
        let allowed =
            pa >> PHYSICAL_BITS == 0 && self.env.pmp.allows(pa, ENTRY_BYTES, access, Privilege::Supervisor);
        if allowed { Ok(()) } else { Err(Fault::Access) }
    }

    /// The second stage on behalf of a first-stage entry at `gpa`.
    fn implicit(&mut self, gpa: u64, access: Access) -> Result<u64, Fault> {
        let want = Want { access, user: true, sum: false, mxr: false, execute_to_read: false };
        match self.second(gpa, &want) {
            Ok(arrival) => Ok(arrival.address),
            Err(Fault::Guest { gpa, .. }) => Err(Fault::Guest {
                gpa,
                pseudoinstruction: if access == Access::Store { PSEUDO_WRITE } else { PSEUDO_READ },
            }),
            Err(other) => Err(other),
        }
    }

    /// The second stage; it treats every access as a user's.
    fn second(&mut self, gpa: u64, want: &Want) -> Result<Arrival, Fault> {
        let table = Table::new(Stage::Second, self.env.hgatp, self.env.menvcfg);
        self.stage(table, gpa, want)
    }
}

/// The whole translation of `request`.
pub(super) fn run<M: TableMemory, O: Observer>(
    walker: &mut Walker<'_, M, O>,
    request: &Request,
) -> Result<Translation, Fault> {
    let env = walker.env;
    let mut want = Want::of(request);
    let (arrival, gpa) = if request.virt {
        want.sum = request.vs_sum;
        want.mxr |= request.vs_mxr;
        // What `menvcfg` withholds reads as zero in `henvcfg`.
        let table = Table::new(Stage::First, env.vsatp, env.henvcfg & env.menvcfg);
        let first = walker.stage(table, request.va, &want)?;
        want = Want { user: true, mxr: request.mxr, ..want };
        let second = walker.second(first.address, &want)?;
        let both = Arrival {
            address: second.address,
            shift: first.shift.min(second.shift),
            perms: first.perms.and(second.perms),
            global: first.global,
            last_table: None,
        };
        (both, Some(first.address))
    } else if request.privilege == Privilege::Machine {
        (Arrival::bare(request.va), None)
    } else {
        let table = Table::new(Stage::Single, env.satp, env.menvcfg);
        (walker.stage(table, request.va, &want)?, None)
    };
    let protected = protect(env, request, arrival)?;
    Ok(Translation { gpa, steps: walker.steps, ..protected })
}

/// As [`run`], from the table of the last level at `table_address`, with the first stage alone.
pub(super) fn run_last<M: TableMemory, O: Observer>(
    walker: &mut Walker<'_, M, O>,
    request: &Request,
    table_address: u64,
) -> Option<Translation> {
    let table = Table::new(Stage::Single, walker.env.satp, walker.env.menvcfg);
    let address = table_address + table.index(request.va, 0) * ENTRY_BYTES;
    let entry = Pte(walker.memory.read_entry(address, table.owner(request.va, 0))?);
    let Meaning::Leaf { base, shift, perms, missing: 0 } =
        pte::judge(entry, 0, &Want::of(request), table.features)
    else {
        return None;
    };
    let address = base | request.va & ((1 << shift) - 1);
    let last_table = Some(table_address);
    let arrival = Arrival { address, shift, perms, global: entry.is_global(), last_table };
    walker.steps.first = u8::try_from(table.mode.levels()).unwrap_or(u8::MAX);
    let protected = protect(walker.env, request, arrival).ok()?;
    Some(Translation { steps: walker.steps, ..protected })
}

/// The end of every translation: the physical address has to exist and PMP to allow the access.
pub(super) fn protect(env: &Env<'_>, request: &Request, arrival: Arrival) -> Result<Translation, Fault> {
    let pa = arrival.address;
    if pa >> PHYSICAL_BITS != 0 || !env.pmp.allows(pa, request.bytes, request.access, request.privilege) {
        return Err(Fault::Access);
    }
    let (shift, allowed) = env.pmp.uniform(pa, arrival.shift, request.privilege);
    let perms = arrival.perms.and(allowed);
    Ok(Translation {
        pa,
        shift,
        perms,
        gpa: None,
        global: arrival.global,
        steps: Steps::default(),
        last_table: arrival.last_table,
    })
}
