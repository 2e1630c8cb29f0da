//! The guest code of a unit as it was fetched, kept small, for whoever wants to see what was translated.

use crate::block::Unit;
use isa::Inst;

/// The code: the words of one block after another.
pub(crate) struct GuestCode {
    /// Address and number of instructions of each block.
    blocks: Box<[(u64, u32)]>,
    words: Box<[u32]>,
}

impl GuestCode {
    pub(crate) fn of(unit: &Unit) -> GuestCode {
        let length = |insts: &[Inst]| insts.len() as u32;
        GuestCode {
            blocks: unit.blocks.iter().map(|block| (block.va, length(&block.insts))).collect(),
            words: unit.insts().map(|inst| inst.raw).collect(),
        }
    }

    /// Its instructions with their addresses.
    pub(crate) fn placed(&self) -> impl Iterator<Item = (u64, Inst)> {
        let mut words = self.words.iter();
        self.blocks.iter().flat_map(move |&(va, count)| {
            let insts: Vec<Inst> =
                words.by_ref().take(count as usize).filter_map(|word| isa::decode(*word)).collect();
            insts.into_iter().scan(va, |pc, inst| {
                let at = *pc;
                *pc = pc.wrapping_add(u64::from(inst.len));
                Some((at, inst))
            })
        })
    }

    /// Whether one of its instructions lies at `va`.
    pub(crate) fn contains(&self, va: u64) -> bool {
        self.placed().any(|(pc, inst)| va.wrapping_sub(pc) < u64::from(inst.len))
    }

    /// Bytes of memory that it takes beside itself.
    pub(crate) fn bytes(&self) -> usize {
        size_of_val(&*self.blocks) + size_of_val(&*self.words)
    }
}
