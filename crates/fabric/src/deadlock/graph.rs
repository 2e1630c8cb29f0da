//! A directed graph of channels and its cycles.

/// Channels and which depends on which.
#[derive(Debug)]
pub(super) struct Graph {
    next: Vec<Vec<u32>>,
}

impl Graph {
    /// `channels` channels without dependencies.
    pub(super) fn new(channels: usize) -> Graph {
        Graph { next: vec![Vec::new(); channels] }
    }

    /// Channel `from` depends on channel `to`.
    pub(super) fn depend(&mut self, from: usize, to: usize) {
        let to = crate::ids::small(to);
        let list = &mut self.next[from];
        if !list.contains(&to) {
            list.push(to);
        }
    }

    /// How many dependencies there are.
    pub(super) fn edges(&self) -> usize {
        self.next.iter().map(Vec::len).sum()
    }

    /// A cycle, if there is one: each channel depends on the next, the last on the first.
    pub(super) fn cycle(&self) -> Option<Vec<usize>> {
        const NEW: u8 = 0;
        const OPEN: u8 = 1;
        const DONE: u8 = 2;
        let mut mark = vec![NEW; self.next.len()];
        // The path from the start, each with how many of its dependencies were followed.
        let mut path: Vec<(usize, usize)> = Vec::new();
        for start in 0..self.next.len() {
            if mark[start] != NEW {
                continue;
            }
            mark[start] = OPEN;
            path.push((start, 0));
            while let Some((at, followed)) = path.last_mut() {
                let Some(to) = self.next[*at].get(*followed) else {
                    mark[*at] = DONE;
                    path.pop();
                    continue;
                };
                *followed += 1;
                let to = *to as usize;
                if mark[to] == OPEN {
                    let from = path.iter().position(|(channel, _)| *channel == to).unwrap_or(0);
                    return Some(path[from..].iter().map(|(channel, _)| *channel).collect());
                }
                if mark[to] == NEW {
                    mark[to] = OPEN;
                    path.push((to, 0));
                }
            }
        }
        None
    }
}
