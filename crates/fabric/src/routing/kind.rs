//! What a topology's routes are made of.

use super::{Detour, Table, dragonfly, grid, tree};
use crate::error::Error;
use crate::topology::{Family, Topology};

/// The routes of one kind of network.
#[derive(Clone, Debug)]
pub(super) enum Kind {
    Grid(grid::Grid),
    Tree(tree::Tree),
    FatTree(tree::FatTree),
    Star,
    Crossbar,
    Dragonfly(dragonfly::Dragonfly),
    Table(Table),
}

impl Kind {
    /// The usual routing of a family.
    pub(super) fn natural(topology: &Topology) -> Result<Kind, Error> {
        Ok(match topology.family() {
            Family::Ring { .. } | Family::Torus(_) => {
                Kind::Grid(grid::Grid::new(&topology.family().dims(), true))
            }
            Family::Mesh(_) | Family::Hypercube(_) => {
                Kind::Grid(grid::Grid::new(&topology.family().dims(), false))
            }
            Family::Star(_) => Kind::Star,
            Family::Crossbar(_) => Kind::Crossbar,
            Family::Tree { arity, levels } => Kind::Tree(tree::Tree::new(*arity, *levels)),
            Family::FatTree { arity, levels } => Kind::FatTree(tree::FatTree::new(*arity, *levels)),
            Family::Dragonfly { p: _, a, h } => Kind::Dragonfly(dragonfly::Dragonfly::new(*a, *h)),
            Family::Graph(_) => Kind::up_down(topology)?,
        }
        .for_hypercube(topology.family()))
    }

    /// In a hypercube a router has one port a dimension, not two.
    fn for_hypercube(self, family: &Family) -> Kind {
        match (self, family) {
            (Kind::Grid(grid), Family::Hypercube(_)) => Kind::Grid(grid.with_single_ports()),
            (kind, _) => kind,
        }
    }

    pub(super) fn up_down(topology: &Topology) -> Result<Kind, Error> {
        Ok(match topology.family() {
            Family::Tree { .. } | Family::FatTree { .. } | Family::Star(_) => Kind::natural(topology)?,
            _ => Kind::Table(Table::up_down(topology, |_| true)?),
        })
    }

    pub(super) fn classes(&self, detour: Detour, adaptive: bool) -> u8 {
        match self {
            Kind::Grid(grid) => {
                let of_a_way = grid.ring_classes();
                if adaptive {
                    1 + of_a_way
                } else if detour == Detour::Always {
                    2 * of_a_way
                } else {
                    of_a_way
                }
            }
            Kind::Dragonfly(_) => {
                if detour == Detour::Never {
                    2
                } else {
                    3
                }
            }
            _ => 1,
        }
    }
}
