//! Drawings for the terminal and SVG: networks, tables, and curves of latency against load.

pub(crate) mod canvas;
pub(crate) mod chart;
pub(crate) mod fit;
pub(crate) mod network;
pub(crate) mod plan;
pub(crate) mod svg;
pub(crate) mod table;
