//! Forking: a node frozen at an instant, and any number of nodes that begin there.
//!
//! Those nodes share the frozen memory and the frozen engine's translations, and copy only what they change.

use super::{Node, Part};
use crate::engine::{Engine, SealedEngine};
use crate::ram::Ram;
use crate::ram::image::RamImage;
use crate::state::StateError;
use std::sync::Arc;

/// A frozen node.
///
/// Invariant: nothing changes it, so that any number of threads may fork from it at once.
pub struct Template {
    image: RamImage,
    parts: [Vec<u8>; Part::ALL.len()],
    engine: Option<Arc<dyn SealedEngine>>,
}

/// Why no node could be forked.
#[derive(Debug)]
pub enum ForkError {
    /// The host refused memory.
    Memory {
        /// How much was asked for.
        bytes: u64,
        /// What the host said.
        source: std::io::Error,
    },
    /// The new node is of another shape than the frozen one.
    Shape(StateError),
}

impl std::fmt::Display for ForkError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            ForkError::Memory { bytes, .. } => {
                write!(f, "the host has no room for a copy of {bytes} bytes of memory")
            }
            ForkError::Shape(error) => write!(f, "a forked node is of another shape: {error}"),
        }
    }
}

impl std::error::Error for ForkError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            ForkError::Memory { source, .. } => Some(source),
            ForkError::Shape(error) => Some(error),
        }
    }
}

impl Node {
    /// Freezes the node as it stands.
    ///
    /// Errors: [`ForkError::Memory`].
    pub fn freeze(mut self) -> Result<Template, ForkError> {
        let parts = Part::ALL.map(|part| {
            let mut bytes = Vec::new();
            self.save(part, &mut |piece| bytes.extend_from_slice(piece));
            bytes
        });
        // First the engine, which drops what was stored over; the marks that remain are of what it kept.
        let engine = self.engine.seal(&mut self.bus.ram);
        let bytes = self.bus.ram.size();
        let image = RamImage::of(&self.bus.ram).map_err(|source| ForkError::Memory { bytes, source })?;
        Ok(Template { image, parts, engine })
    }
}

impl Template {
    /// An engine with the frozen one's translations, where there are some to share; for [`Template::begin`].
    pub fn engine(&self) -> Option<Box<dyn Engine>> {
        Arc::clone(self.engine.as_ref()?).engine()
    }

    /// Makes `node`, which has the same shape and devices and has not run, go on where the frozen node stood. Its
    /// engine must be new, or from [`Template::engine`].
    ///
    /// Errors: [`ForkError`]; the node is then of no use.
    pub fn begin(&self, node: &mut Node) -> Result<(), ForkError> {
        let bytes = node.bus.ram.size();
        if self.image.bytes() != bytes {
            let expected = usize::try_from(bytes).unwrap_or(usize::MAX);
            return Err(ForkError::Shape(StateError::Shape { expected, found: self.image.bytes() }));
        }
        node.bus.ram = Ram::on(&self.image).map_err(|source| ForkError::Memory { bytes, source })?;
        let mut parts = Part::ALL.into_iter().zip(&self.parts);
        parts.try_for_each(|(part, bytes)| node.take_over(part, bytes)).map_err(ForkError::Shape)
    }

    /// Bytes of memory that the forked nodes share, zeros aside.
    pub fn shared_bytes(&self) -> u64 {
        self.image.filled_pages() * crate::ram::PAGE_BYTES
    }
}
