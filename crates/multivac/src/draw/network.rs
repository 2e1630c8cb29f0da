//! A network drawn with characters, each family in the shape by which people know it.

use super::canvas::Canvas;
use super::plan;
use fabric::topology::{Family, Topology};

/// The drawing of `topology`; a large one is drawn as a small one of its family, which the text says.
pub(crate) fn draw(topology: &Topology) -> String {
    let family = topology.family();
    if let Some(small) = smaller(family) {
        let note = format!("(drawn: {small}, the same family in small)\n");
        return small.build().map_or(note.clone(), |small| format!("{}{note}", draw(&small)));
    }
    match family {
        Family::Ring { nodes, token } => ring(*nodes as usize, *token),
        Family::Tree { arity, levels } => tree(*arity as usize, *levels),
        Family::Mesh(dims) if dims.len() <= 2 => grid(dims, false),
        Family::Torus(dims) if dims.len() <= 2 => grid(dims, true),
        Family::Crossbar(nodes) => crossbar(*nodes as usize),
        Family::Hypercube(dims) => hypercube(*dims),
        Family::Dragonfly { p, a, h } => dragonfly(*p, *a, *h),
        Family::Graph(_) if topology.routers() > 20 => neighbours(topology),
        _ => planned(topology),
    }
}

/// A member of the family small enough for a terminal, if `family` is not.
fn smaller(family: &Family) -> Option<Family> {
    Some(match family {
        Family::Star(n) if *n > 16 => Family::Star(16),
        Family::Ring { nodes, token } if *nodes > 32 => Family::Ring { nodes: 16, token: *token },
        Family::Tree { arity, levels } if arity.pow(*levels) > 16 => {
            let levels = if *arity == 2 { 4 } else { 2 };
            Family::Tree { arity: (*arity).min(4), levels }
        }
        Family::FatTree { arity, levels } if arity.pow(*levels) > 9 => {
            Family::FatTree { arity: 2, levels: 3 }
        }
        Family::Mesh(dims) if dims.len() <= 2 && dims.iter().any(|k| *k > 16) => {
            Family::Mesh(dims.iter().map(|k| (*k).min(8)).collect())
        }
        Family::Torus(dims) if dims.len() <= 2 && dims.iter().any(|k| *k > 16) => {
            Family::Torus(dims.iter().map(|k| (*k).min(8)).collect())
        }
        Family::Mesh(dims) if dims.len() == 3 && dims.iter().any(|k| *k > 4) => Family::Mesh(vec![3; 3]),
        Family::Torus(dims) if dims.len() == 3 && dims.iter().any(|k| *k > 4) => Family::Torus(vec![3; 3]),
        Family::Mesh(dims) if dims.len() > 3 => Family::Mesh(dims[..3].iter().map(|k| (*k).min(3)).collect()),
        Family::Torus(dims) if dims.len() > 3 => {
            Family::Torus(dims[..3].iter().map(|k| (*k).min(3)).collect())
        }
        Family::Hypercube(dims) if *dims > 4 => Family::Hypercube(4),
        Family::Crossbar(n) if *n > 16 => Family::Crossbar(8),
        Family::Dragonfly { p, a, h } if a * h + 1 > 12 => {
            Family::Dragonfly { p: (*p).min(2), a: 4, h: 2.min(*h) }
        }
        _ => return None,
    })
}

/// Two rows joined at their ends; the token lies with node 0.
fn ring(nodes: usize, token: bool) -> String {
    let mut canvas = Canvas::default();
    let top = nodes.div_ceil(2);
    let x = |i: usize| 3 + 5 * i;
    canvas.across(1, x(top - 1) + 2, 0, '─');
    canvas.across(1, x(top - 1) + 2, 2, '─');
    canvas.word(0, 0, "╭─");
    canvas.word(0, 1, "│");
    canvas.word(0, 2, "╰─");
    canvas.word(x(top - 1) + 3, 0, "╮");
    canvas.word(x(top - 1) + 3, 1, "│");
    canvas.word(x(top - 1) + 3, 2, "╯");
    for node in 0..nodes {
        let (place, row) = if node < top { (node, 0) } else { (2 * top - 1 - node, 2) };
        canvas.centred(x(place), row, &node.to_string());
    }
    if token {
        canvas.word(x(0) - 1, 1, "◆ the token: node 0 may transmit, then passes it on");
    }
    canvas.to_string()
}

/// Switches `■` above, nodes at the leaves.
fn tree(arity: usize, levels: u32) -> String {
    let mut canvas = Canvas::default();
    let leaves = arity.pow(levels);
    let gap = if leaves > 9 { 4 } else { 5 };
    let centre = |level: u32, i: usize| {
        let span = arity.pow(levels - level);
        2 + gap * (2 * i * span + span - 1) / 2
    };
    for level in 0..levels {
        let y = 2 * level as usize;
        for i in 0..arity.pow(level) {
            let (first, last) = (centre(level + 1, i * arity), centre(level + 1, i * arity + arity - 1));
            canvas.across(first, last, y + 1, '─');
            for child in 0..arity {
                let c = if child == 0 { '┌' } else { '┬' };
                canvas.put(centre(level + 1, i * arity + child), y + 1, c);
            }
            canvas.put(last, y + 1, '┐');
            let middle = centre(level, i);
            let joined = (0..arity).any(|child| centre(level + 1, i * arity + child) == middle);
            canvas.put(middle, y + 1, if joined { '┼' } else { '┴' });
            canvas.put(middle, y, '■');
        }
    }
    for leaf in 0..leaves {
        canvas.centred(centre(levels, leaf), 2 * levels as usize, &leaf.to_string());
    }
    canvas.to_string()
}

/// Rows of nodes; the wrap links of a torus leave on one side and come back on the other, dashed.
fn grid(dims: &[u32], wrap: bool) -> String {
    let mut canvas = Canvas::default();
    let (width, height) = (dims[0] as usize, dims.get(1).map_or(1, |k| *k as usize));
    let digits = (width * height - 1).to_string().len();
    let (step, margin) = (digits + 3, if wrap { 3 } else { 0 });
    let top = usize::from(wrap && height > 1);
    for y in 0..height {
        let row = 2 * y + top;
        for x in 0..width {
            let column = margin + x * step;
            if x + 1 < width {
                canvas.across(column + digits, column + step - 1, row, '─');
            }
            if y + 1 < height {
                canvas.put(column + digits / 2, row + 1, '│');
            }
            let number = (y * width + x).to_string();
            let pad = if x == 0 && !wrap { " " } else { "─" };
            canvas.word(column, row, &format!("{}{number}", pad.repeat(digits - number.len())));
            if wrap && height > 1 && (y == 0 || y + 1 == height) {
                canvas.put(column + digits / 2, if y == 0 { 0 } else { row + 1 }, '┆');
            }
        }
        if wrap && width > 1 {
            canvas.word(0, row, "┄┄┄");
            canvas.word(margin + (width - 1) * step + digits, row, "┄┄┄");
        }
    }
    let mut text = canvas.to_string();
    if wrap {
        text.push_str("(┄ ┆ join the opposite edges)\n");
    }
    text
}

/// A matrix of crosspoints.
fn crossbar(nodes: usize) -> String {
    let mut canvas = Canvas::default();
    for row in 0..nodes {
        canvas.word(0, row, &format!("{row:>2} "));
        for column in 0..nodes {
            canvas.word(3 + 4 * column, row, if row == column { "────" } else { "──╋─" });
        }
        canvas.centred(5 + 4 * row, nodes, &row.to_string());
    }
    format!("{canvas}(each ╋ is a switch of its own: any pairs of nodes talk at once)\n")
}

/// Dimension by dimension: each drawing is two of the one before.
fn hypercube(dims: u32) -> String {
    // Where flipping each bit leads: right, down, into the page, and to the second cube.
    const STEPS: [(usize, usize); 4] = [(12, 0), (0, 6), (6, 3), (36, 0)];
    let mut canvas = Canvas::default();
    let place = |node: usize| {
        let bits = (0..dims as usize).filter(|bit| node >> bit & 1 == 1);
        bits.fold((2, 0), |(x, y), bit| (x + STEPS[bit].0, y + STEPS[bit].1))
    };
    let nodes = 1usize << dims;
    for bit in (0..dims as usize).rev() {
        for node in (0..nodes).filter(|node| node >> bit & 1 == 0) {
            let (a, b) = (place(node), place(node | 1 << bit));
            if bit == 3 {
                if node == 1 || node == 7 || node == 3 || node == 5 {
                    (a.0 + 1..b.0).step_by(2).for_each(|x| canvas.put(x, a.1, '·'));
                }
            } else {
                canvas.line(a, b);
            }
        }
    }
    for node in 0..nodes {
        let (x, y) = place(node);
        canvas.centred(x, y, &format!("{node:0width$b}", width = dims as usize));
    }
    let mut text = canvas.to_string();
    if dims == 4 {
        text.push_str("(two 3-cubes; each node is joined to its twin, some drawn ····)\n");
    }
    text
}

/// The groups of a dragonfly around group 0, whose global links are drawn.
fn dragonfly(p: u32, a: u32, h: u32) -> String {
    let groups = (a * h + 1) as usize;
    let mut canvas = Canvas::default();
    let label = |g: usize| {
        let routers: Vec<String> = (0..a as usize).map(|r| (g * a as usize + r).to_string()).collect();
        format!("[{}]", routers.join("-"))
    };
    let width = label(groups - 1).len() + 3;
    let per_row = (groups - 1).div_ceil(2).max(1);
    let middle = per_row * width / 2;
    let place = |g: usize| {
        let (row, column) = if g <= per_row { (0, g - 1) } else { (8, g - per_row - 1) };
        (width / 2 + column * width, row)
    };
    for g in 1..groups {
        canvas.line((middle, 4), place(g));
    }
    for g in 1..groups {
        canvas.centred(place(g).0, place(g).1, &label(g));
    }
    canvas.centred(middle, 4, &label(0));
    format!(
        "{canvas}([groups] of {a} joined routers, {p} nodes each; drawn: the links of group 0, as every group has)\n"
    )
}

/// A graph too large to draw: who is joined to whom.
fn neighbours(topology: &Topology) -> String {
    let mut text = String::new();
    for router in (0..topology.routers()).take(24) {
        let id = fabric::RouterId(u32::try_from(router).unwrap_or(u32::MAX));
        let others: Vec<String> = topology.neighbours(id).map(|(_, other, _)| other.0.to_string()).collect();
        text.push_str(&format!("{router:>5} ── {}\n", others.join(" ")));
    }
    if topology.routers() > 24 {
        text.push_str(&format!("  ... {} more\n", topology.routers() - 24));
    }
    text
}

/// Any other network: its plan, scaled to the terminal.
fn planned(topology: &Topology) -> String {
    let plan = plan::of(topology);
    let mut canvas = Canvas::default();
    let (width, height) = (64.0, 20.0);
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the plan lies in 0..=1")]
    let at = |(x, y): (f64, f64)| (2 + (x * width).round() as usize, (y * height).round() as usize);
    for edge in plan.edges.iter().filter(|edge| !edge.wraps) {
        canvas.line(at(plan.points[edge.a].at), at(plan.points[edge.b].at));
    }
    for point in &plan.points {
        let (x, y) = at(point.at);
        canvas.centred(x, y, if point.switch { "■" } else { &point.label });
    }
    let mut text = canvas.to_string();
    if plan.edges.iter().any(|edge| edge.wraps) {
        text.push_str("(and each edge node is joined to the opposite edge)\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(text: &str) -> String {
        draw(&Topology::from_spec(text).unwrap())
    }

    #[test]
    fn a_ring_closes_and_a_torus_wraps() {
        assert_eq!(drawn("ring:4"), "╭──0────1──╮\n│          │\n╰──3────2──╯\n");
        assert_eq!(drawn("mesh:3x2"), "0───1───2\n│   │   │\n3───4───5\n");
        assert!(drawn("torus:3x2").starts_with("   ┆   ┆   ┆\n┄┄┄0───1───2┄┄┄\n"));
    }

    #[test]
    fn a_tree_branches() {
        assert_eq!(drawn("tree:2:1"), "    ■\n  ┌─┴──┐\n  0    1\n");
    }

    #[test]
    fn every_family_draws_every_node() {
        for text in ["star:16", "fattree:2:3", "cube:3", "hypercube:4", "dragonfly:2:4:2", "crossbar:8"] {
            let text = drawn(text);
            assert!(
                text.lines().count() > 6 && text.lines().all(|line| line.chars().count() < 120),
                "{text}"
            );
        }
        assert!((0..16).all(|node| drawn("hypercube:4").contains(&format!("{node:04b}"))));
        assert!((0..16).all(|node| drawn("star:16").contains(&node.to_string())));
    }
}
