//! The translator of a frozen node, for the nodes forked from it.

use super::{Counters, HEAT_ENTRIES, Options, Parts, Translator};
use crate::cache::{CodeMemory, SealedCode};
use crate::emit::trampoline::Trampoline;
use crate::shares::Shares;
use crate::spaces::Spaces;
use crate::store::{Base, Store};
use machine::engine::{Engine, SealedEngine};
use machine::interp::Interpreter;
use std::sync::Arc;

/// What a translator had made of a node that was frozen.
pub(super) struct Sealed {
    pub(super) store: Arc<Base>,
    pub(super) code: SealedCode,
    pub(super) trampoline: Trampoline,
    pub(super) harts: usize,
    pub(super) options: Options,
}

impl Sealed {
    /// A translator that goes on with it.
    fn translator(&self) -> std::io::Result<Translator> {
        let mut code = CodeMemory::on(&self.code)?;
        let offset = code.offset_from(&self.code);
        let store = Store::on(&self.store, offset, &mut code);
        let parts = Parts {
            interpreter: Interpreter::under_translator(self.harts),
            store,
            counters: Counters::default(),
            kept: code.used(),
            code,
            trampoline: self.trampoline.moved(offset),
            heat: Box::new([0; HEAT_ENTRIES]),
            threshold: self.options.threshold,
            options: self.options,
            perf_map: None,
        };
        let shares = Shares::of(self.options.cache_bytes, self.harts);
        let spaces = (0..self.harts).map(|_| Spaces::new(shares.spaces)).collect();
        Ok(Translator { parts: Box::new(parts), spaces })
    }
}

impl SealedEngine for Sealed {
    fn engine(self: Arc<Self>) -> Option<Box<dyn Engine>> {
        self.translator().ok().map(|engine| Box::new(engine) as Box<dyn Engine>)
    }
}
