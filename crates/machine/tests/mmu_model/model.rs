//! The translation algorithm once more, straight from the specification's text: an address is a list of digits,
//! an entry a record of its bits, and a table is descended by recursion. It shares nothing with the machine but
//! the types of the request.

use crate::world::{POOL_BYTES, World};
use machine::mmu::{Access, Request};
use machine::privilege::Privilege;
use machine::ram::RAM_BASE;

/// What an access comes to.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Answer {
    At { pa: u64, gpa: Option<u64>, reads: (u8, u8) },
    Trap { cause: u64, tval2: u64, tinst: u64 },
}

impl Answer {
    /// A name to count it by.
    pub(crate) fn name(&self, request: &Request) -> String {
        let outcome = match self {
            Answer::At { .. } if request.virt => "two stages",
            Answer::At { .. } => "one stage",
            Answer::Trap { tinst: 0x3000, .. } => "guest page fault on a first-stage read",
            Answer::Trap { tinst: 0x3020, .. } => "guest page fault on a first-stage update",
            Answer::Trap { cause: 20.., .. } => "guest page fault",
            Answer::Trap { cause: 12.., .. } => "page fault",
            Answer::Trap { .. } => "access fault",
        };
        format!("{:?}: {outcome}", request.access)
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Which {
    Satp,
    Vsatp,
    Hgatp,
}

enum Wrong {
    Page,
    Access,
    Guest {
        gpa: u64,
        tinst: u64,
    },
    /// The entry changed while its own address was translated.
    Again,
}

/// The bits of an entry, by their names in the specification.
struct Bits {
    v: bool,
    r: bool,
    w: bool,
    x: bool,
    u: bool,
    a: bool,
    d: bool,
    ppn: u64,
    reserved: u64,
    pbmt: u64,
    n: bool,
}

impl Bits {
    fn of(entry: u64) -> Bits {
        let bit = |i: u32| entry >> i & 1 == 1;
        Bits {
            v: bit(0),
            r: bit(1),
            w: bit(2),
            x: bit(3),
            u: bit(4),
            a: bit(6),
            d: bit(7),
            ppn: entry << 10 >> 20,
            reserved: entry >> 54 & 0x7f,
            pbmt: entry >> 61 & 3,
            n: bit(63),
        }
    }
}

/// The rules that one access is held to in one stage.
#[derive(Clone, Copy)]
struct Rules {
    access: Access,
    as_user: bool,
    sum: bool,
    mxr: bool,
    hlvx: bool,
}

pub(crate) struct Model<'a> {
    world: &'a World,
    pub(crate) words: Vec<u64>,
    reads: (u8, u8),
}

impl<'a> Model<'a> {
    pub(crate) fn new(world: &'a World) -> Model<'a> {
        Model { world, words: world.words.clone(), reads: (0, 0) }
    }

    pub(crate) fn translate(&mut self, request: &Request) -> Answer {
        let base = match request.access {
            Access::Fetch => (1, 12, 20),
            Access::Load => (5, 13, 21),
            Access::Store | Access::Manage => (7, 15, 23),
        };
        let trap = |cause, tval2, tinst| Answer::Trap { cause, tval2, tinst };
        match self.arrive(request) {
            Ok((pa, gpa)) => Answer::At { pa, gpa, reads: self.reads },
            Err(Wrong::Access) => trap(base.0, 0, 0),
            Err(Wrong::Page) => trap(base.1, 0, 0),
            Err(Wrong::Guest { gpa, tinst }) => trap(base.2, gpa / 4, tinst),
            Err(Wrong::Again) => unreachable!("handled where the stage begins"),
        }
    }

    fn arrive(&mut self, request: &Request) -> Result<(u64, Option<u64>), Wrong> {
        let rules = Rules {
            access: request.access,
            as_user: request.privilege == Privilege::User,
            sum: if request.virt { request.vs_sum } else { request.sum },
            mxr: request.mxr || request.virt && request.vs_mxr,
            hlvx: request.hlvx,
        };
        let (pa, gpa) = match (request.virt, request.privilege) {
            (true, _) => {
                let gpa = self.stage(Which::Vsatp, request.va, rules)?;
                let second = Rules { as_user: true, mxr: request.mxr, ..rules };
                (self.stage(Which::Hgatp, gpa, second)?, Some(gpa))
            }
            (false, Privilege::Machine) => (request.va, None),
            (false, _) => (self.stage(Which::Satp, request.va, rules)?, None),
        };
        self.protected(pa, request.bytes, request.access, request.privilege)?;
        Ok((pa, gpa))
    }

    fn stage(&mut self, which: Which, address: u64, rules: Rules) -> Result<u64, Wrong> {
        let register = match which {
            Which::Satp => self.world.satp,
            Which::Vsatp => self.world.vsatp,
            Which::Hgatp => self.world.hgatp,
        };
        let levels = match register >> 60 {
            0 => return Ok(address),
            mode => u32::try_from(mode).unwrap() - 5,
        };
        // Digits of the address in the order of the tables, and what is left above them.
        let mut digits: Vec<u64> = (0..levels).rev().map(|i| (address >> (12 + 9 * i)) % 512).collect();
        let above = address >> (12 + 9 * levels);
        let in_range = if which == Which::Hgatp {
            digits[0] += 512 * (above % 4);
            above < 4
        } else {
            let sign = digits[0] >= 256;
            let ones = u64::MAX >> (12 + 9 * levels);
            above == if sign { ones } else { 0 }
        };
        if !in_range {
            return Err(Self::refuse(which, address));
        }
        let root = register % (1 << 44) * 4096;
        loop {
            match self.descend(which, root, &digits, address, rules) {
                Err(Wrong::Again) => {}
                outcome => return outcome,
            }
        }
    }

    fn refuse(which: Which, address: u64) -> Wrong {
        if which == Which::Hgatp { Wrong::Guest { gpa: address, tinst: 0 } } else { Wrong::Page }
    }

    fn descend(
        &mut self,
        which: Which,
        table: u64,
        digits: &[u64],
        address: u64,
        rules: Rules,
    ) -> Result<u64, Wrong> {
        let [digit, rest @ ..] = digits else { return Err(Self::refuse(which, address)) };
        let at = table + digit * 8;
        let entry = self.fetch(which, at)?;
        let bits = Bits::of(entry);
        let (updates, types) = self.options(which);
        let bad_type = bits.pbmt == 3 || bits.pbmt != 0 && !types;
        if !bits.v || bits.w && !bits.r || bits.reserved != 0 || bad_type {
            return Err(Self::refuse(which, address));
        }
        if !(bits.r || bits.x) {
            if bits.a || bits.d || bits.u || bits.n || bits.pbmt != 0 {
                return Err(Self::refuse(which, address));
            }
            return self.descend(which, bits.ppn * 4096, rest, address, rules);
        }
        let low_digits = 512u64.pow(u32::try_from(rest.len()).unwrap());
        let napot_ok = !bits.n || rest.is_empty() && bits.ppn % 16 == 8;
        let needs_dirty = rules.access == Access::Store;
        let marked = bits.a && (bits.d || !needs_dirty);
        if !permitted(&bits, rules)
            || !bits.ppn.is_multiple_of(low_digits)
            || !napot_ok
            || !marked && !updates
        {
            return Err(Self::refuse(which, address));
        }
        if !marked {
            let new = entry | 1 << 6 | if needs_dirty { 1 << 7 } else { 0 };
            self.replace(which, at, entry, new)?;
        }
        let span = if bits.n { 16 * 4096 } else { low_digits * 4096 };
        Ok(bits.ppn * 4096 / span * span + address % span)
    }

    /// (hardware updates A and D, PBMT is defined)
    fn options(&self, which: Which) -> (bool, bool) {
        let word = match which {
            Which::Vsatp => self.world.henvcfg & self.world.menvcfg,
            _ => self.world.menvcfg,
        };
        (word >> 61 & 1 == 1, word >> 62 & 1 == 1)
    }

    /// Where an entry really is.
    fn place(&mut self, which: Which, at: u64, access: Access) -> Result<u64, Wrong> {
        if which != Which::Vsatp {
            return Ok(at);
        }
        let rules = Rules { access, as_user: true, sum: false, mxr: false, hlvx: false };
        self.stage(Which::Hgatp, at, rules).map_err(|wrong| match wrong {
            Wrong::Guest { gpa, .. } => {
                Wrong::Guest { gpa, tinst: if access == Access::Store { 0x3020 } else { 0x3000 } }
            }
            other => other,
        })
    }

    fn fetch(&mut self, which: Which, at: u64) -> Result<u64, Wrong> {
        let pa = self.place(which, at, Access::Load)?;
        if which == Which::Hgatp {
            self.reads.1 += 1;
        } else {
            self.reads.0 += 1;
        }
        self.protected(pa, 8, Access::Load, Privilege::Supervisor)?;
        let slot = self.slot(pa)?;
        Ok(self.words[slot])
    }

    fn replace(&mut self, which: Which, at: u64, old: u64, new: u64) -> Result<(), Wrong> {
        let pa = self.place(which, at, Access::Store)?;
        self.protected(pa, 8, Access::Store, Privilege::Supervisor)?;
        let slot = self.slot(pa)?;
        if self.words[slot] != old {
            return Err(Wrong::Again);
        }
        self.words[slot] = new;
        Ok(())
    }

    fn slot(&self, pa: u64) -> Result<usize, Wrong> {
        let inside = (RAM_BASE..RAM_BASE + POOL_BYTES).contains(&pa);
        if inside { Ok(usize::try_from((pa - RAM_BASE) / 8).unwrap()) } else { Err(Wrong::Access) }
    }

    /// PMP byte by byte: all bytes must have the same first matching entry.
    fn protected(&self, pa: u64, bytes: u64, access: Access, privilege: Privilege) -> Result<(), Wrong> {
        if pa >= 1 << 56 {
            return Err(Wrong::Access);
        }
        let mut firsts = (pa..pa + bytes).map(|byte| (0..16).find(|&entry| self.matches(entry, byte)));
        let first = firsts.next().unwrap();
        if firsts.any(|other| other != first) {
            return Err(Wrong::Access);
        }
        let machine = privilege == Privilege::Machine;
        let allowed = match first.map(|entry| self.world.pmp_config[entry]) {
            None => machine,
            Some(config) if machine && config < 0x80 => true,
            Some(config) => match access {
                Access::Fetch => config & 4 != 0,
                Access::Store => config & 2 != 0,
                Access::Load | Access::Manage => config & 1 != 0,
            },
        };
        if allowed { Ok(()) } else { Err(Wrong::Access) }
    }

    fn matches(&self, entry: usize, byte: u64) -> bool {
        let address = self.world.pmp_address[entry];
        let word = byte / 4;
        match self.world.pmp_config[entry] / 8 % 4 {
            0 => false,
            1 => word < address && (entry == 0 || word >= self.world.pmp_address[entry - 1]),
            2 => word == address,
            // yyyy01..1 stands for yyyy: a trailing 0 and the ones below it match anything.
            _ => (word | address ^ (address + 1)) == (address | address ^ (address + 1)),
        }
    }
}

fn permitted(bits: &Bits, rules: Rules) -> bool {
    let fetch = rules.access == Access::Fetch;
    let page_is_ours = match (rules.as_user, bits.u) {
        (true, user_page) => user_page,
        (false, true) => rules.sum && !fetch,
        (false, false) => true,
    };
    let right = match rules.access {
        Access::Fetch => bits.x,
        Access::Store => bits.w,
        Access::Load | Access::Manage if rules.hlvx => bits.x,
        Access::Load | Access::Manage => bits.r || rules.mxr && bits.x,
    };
    page_is_ours && right
}
