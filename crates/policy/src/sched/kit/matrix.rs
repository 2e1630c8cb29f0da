//! The Ousterhout matrix: CPUs across, time slots down, a gang side by side in one row.
//!
//! Source: Ousterhout, "Scheduling techniques for concurrent systems", ICDCS 1982; packing after Feitelson, "Packing schemes
//! for gang scheduling", JSSPP 1996.

use super::{Buddies, CpuSet, Lists, Roster, Tournament};
use crate::sched::{Arrival, Left, Machine, Refusal, Setup};
use crate::unit::{CpuId, GroupId, ThreadId};
use heap::vec;
use heap::vec::Vec;

const NIL: u32 = u32::MAX;

/// How many cells a decision lays at most: a wider gang takes several, and runs once it is laid.
const CELLS_MAX: usize = 64;

/// A gang that is being laid: it is alone in that, so its room stays.
#[derive(Clone, Copy, Debug)]
struct Laying {
    group: GroupId,
    /// Its row and first column; `None` if it is split over rows.
    at: Option<(usize, usize)>,
    /// Threads laid so far.
    laid: u32,
}

/// How gangs are laid into rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Packing {
    /// Whole, into the first row with enough free cells. A gang wider than the machine is refused.
    #[default]
    FirstFit,
    /// As first fit, but a gang wider than the machine is split: it fills the free cells from the first row on.
    Fill,
    /// Whole, into an aligned block of the next power of two: less compact, quick to find, and blocks reunite.
    Buddy,
}

/// The matrix, the row that has the machine, and the gangs that wait for room.
///
/// Invariants: a thread has at most one cell; no thread of a gang runs before all have theirs; without [`Packing::Fill`] a gang's cells are in one row; a gang that came during
/// a slot runs from the next slot on. Rows are at most four times what the threads would need packed without gaps, plus 16;
/// when all are taken, gangs wait first come, first served.
#[derive(Clone, Debug)]
pub struct Matrix {
    columns: usize,
    packing: Packing,
    cells: Vec<u32>,
    place: Vec<(u32, u32)>,
    free: Vec<CpuSet>,
    /// Free cells of all rows.
    vacant: usize,
    room: Tournament,
    buddies: Option<Buddies>,
    runnable: Vec<bool>,
    ready: Vec<u32>,
    live: CpuSet,
    waiting: Lists,
    roster: Roster,
    /// Of each group: the slot after which it runs, once it is laid.
    since: Vec<u64>,
    laying: Option<Laying>,
    /// Whether there may be more to lay than the last decision did.
    behind: bool,
    row: usize,
    slot: u64,
}

impl Matrix {
    /// An empty matrix for these threads.
    ///
    /// Errors: [`Refusal::GangTooWide`] unless the packing splits gangs.
    pub fn new(setup: &Setup<'_>, packing: Packing) -> Result<Matrix, Refusal> {
        if packing != Packing::Fill {
            setup.refuse_wide_groups()?;
        }
        let (columns, threads) = (setup.cpus, setup.threads.len());
        let rows = 4 * threads.div_ceil(columns) + 16;
        let buddies = (packing == Packing::Buddy).then(|| Buddies::new(rows, columns));
        let room = if buddies.is_some() { columns.next_power_of_two() } else { columns };
        Ok(Matrix {
            columns,
            packing,
            cells: vec![NIL; rows * columns],
            place: vec![(NIL, NIL); threads],
            free: vec![CpuSet::full(columns); rows],
            vacant: rows * columns,
            room: Tournament::new(rows, CpuId::new(room).0),
            buddies,
            runnable: vec![false; threads],
            ready: vec![0; rows],
            live: CpuSet::new(rows),
            waiting: Lists::new(1, threads),
            roster: Roster::new(setup.groups.len()),
            since: vec![u64::MAX; setup.groups.len()],
            laying: None,
            behind: false,
            row: rows - 1,
            slot: 0,
        })
    }

    /// `thread` can run: it is new, or it woke.
    pub fn wake(&mut self, machine: &Machine, thread: ThreadId, how: Arrival) {
        self.runnable[thread.index()] = true;
        let row = self.place[thread.index()].0;
        if row != NIL {
            self.count(row as usize, true);
        }
        if how == Arrival::New && self.roster.come(machine, thread).is_some() {
            self.waiting.push(0, machine.group_of(thread).first);
            self.admit(machine);
        }
    }

    /// `thread` left its CPU; if it ended, its cell is free for another gang.
    pub fn left(&mut self, machine: &Machine, thread: ThreadId, why: Left) {
        match why {
            Left::Preempted => {}
            Left::Blocked => self.sleep(thread),
            Left::Ended => self.end(machine, thread),
        }
    }

    /// `thread` blocked: its cell stays, empty.
    fn sleep(&mut self, thread: ThreadId) {
        self.runnable[thread.index()] = false;
        self.count(self.place[thread.index()].0 as usize, false);
    }

    /// `thread` ended: its cell is free for another gang.
    fn end(&mut self, machine: &Machine, thread: ThreadId) {
        self.sleep(thread);
        let (row, column) = core::mem::replace(&mut self.place[thread.index()], (NIL, NIL));
        let (row, column) = (row as usize, column as usize);
        self.cells[row * self.columns + column] = NIL;
        self.free[row].insert(column);
        self.vacant += 1;
        if let Some(buddies) = &mut self.buddies {
            buddies.free(row, column);
        }
        self.measure(row);
        self.admit(machine);
    }

    /// The next slot begins: the next row in which a thread can run gets the machine.
    pub fn turn(&mut self) {
        self.slot += 1;
        self.row = self.live.round_from(self.row + 1).unwrap_or(self.row);
    }

    /// The thread whose turn it is on `cpu`, if it can run.
    #[must_use]
    pub fn here(&self, machine: &Machine, cpu: CpuId) -> Option<ThreadId> {
        let thread = self.cell(self.row, cpu)?;
        let since = self.since[machine.group(thread).index()];
        (self.runnable[thread.index()] && since < self.slot).then_some(thread)
    }

    /// The same, when `cpu` asks: goes on with gangs that are to be laid.
    pub fn next(&mut self, machine: &Machine, cpu: CpuId) -> Option<ThreadId> {
        if self.behind {
            self.admit(machine);
        }
        self.here(machine, cpu)
    }

    /// The column of `thread`, once it has a cell.
    #[must_use]
    pub fn column(&self, thread: ThreadId) -> Option<CpuId> {
        let column = self.place[thread.index()].1;
        (column != NIL).then_some(CpuId(column))
    }

    /// What stands in a cell.
    #[must_use]
    pub fn cell(&self, row: usize, cpu: CpuId) -> Option<ThreadId> {
        let thread = self.cells[row * self.columns + cpu.index()];
        (thread != NIL).then_some(ThreadId(thread))
    }

    /// How many columns it has: the CPUs.
    #[must_use]
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// How many rows the matrix has; rows in use come first.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.free.len()
    }

    /// Used cells, and cells in rows with at least one used.
    #[must_use]
    pub fn occupancy(&self) -> (usize, usize) {
        let used = self.free.iter().map(|free| self.columns - free.len()).filter(|&used| used > 0);
        used.fold((0, 0), |(cells, all), used| (cells + used, all + self.columns))
    }

    fn count(&mut self, row: usize, up: bool) {
        self.ready[row] = if up { self.ready[row] + 1 } else { self.ready[row] - 1 };
        if self.ready[row] == 0 {
            self.live.remove(row);
        } else {
            self.live.insert(row);
        }
    }

    /// Lays waiting gangs, the oldest first, until one finds no room or enough has been done for one decision.
    fn admit(&mut self, machine: &Machine) {
        self.behind = false;
        for _ in 0..CELLS_MAX {
            if self.laying.is_none() {
                let Some(first) = self.waiting.first(0) else { return };
                let group = machine.group(first);
                let Some(at) = self.find_room(machine.groups[group.index()].width) else { return };
                self.waiting.remove(0, first);
                self.laying = Some(Laying { group, at, laid: 0 });
            }
            self.lay(machine);
        }
        self.behind = true;
    }

    /// Where a gang can be laid: in which row from which column on, or, split over rows, anywhere.
    fn find_room(&self, width: u32) -> Option<Option<(usize, usize)>> {
        if width as usize > self.columns {
            return (self.vacant >= width as usize).then_some(None);
        }
        let size = if self.buddies.is_some() { width.next_power_of_two() } else { width };
        let row = self.room.first_at_least(size)?;
        let from = self.buddies.as_ref().and_then(|buddies| buddies.find(row, size)).unwrap_or(0);
        Some(Some((row, from)))
    }

    /// Gives the next thread of the gang that is being laid its cell; with its last, the gang may run from the next slot on.
    fn lay(&mut self, machine: &Machine) {
        let Some(mut laying) = self.laying else { return };
        let members = machine.groups[laying.group.index()];
        let (row, from) =
            laying.at.unwrap_or_else(|| (self.room.first_at_least(1).expect("counted before"), 0));
        let column = self.free[row].at_or_after(from).expect("the row has room");
        self.set(row, column, ThreadId(members.first.0 + laying.laid));
        laying.laid += 1;
        let done = laying.laid == members.width;
        if done || laying.at.is_none() {
            self.measure(row);
        }
        if done {
            self.since[laying.group.index()] = self.slot;
        }
        self.laying = (!done).then_some(laying);
    }

    fn set(&mut self, row: usize, column: usize, thread: ThreadId) {
        self.cells[row * self.columns + column] = thread.0;
        self.place[thread.index()] = (CpuId::new(row).0, CpuId::new(column).0);
        self.free[row].remove(column);
        self.vacant -= 1;
        if let Some(buddies) = &mut self.buddies {
            buddies.take(row, column);
        }
        if self.runnable[thread.index()] {
            self.count(row, true);
        }
    }

    fn measure(&mut self, row: usize) {
        let room = match &self.buddies {
            // A row that is all free has room for any gang, also for one whose block would go past its end.
            Some(_) if self.free[row].len() == self.columns => CpuId::new(self.columns.next_power_of_two()).0,
            Some(buddies) => buddies.largest(row),
            None => CpuId::new(self.free[row].len()).0,
        };
        self.room.set(row, room);
    }

    /// How gangs are laid into rows.
    #[must_use]
    pub fn packing(&self) -> Packing {
        self.packing
    }
}
