//! Round robin: the baseline that knows nothing of traffic.

use super::{Allocation, NoWay, Problem};
use crate::unit::NodeId;
use heap::vec;

pub(super) fn solve(problem: &Problem, _: u64) -> Result<Allocation, NoWay> {
    let mut left: heap::vec::Vec<(u64, u64)> =
        problem.nodes.iter().map(|node| (node.cpu, node.memory_kib)).collect();
    let mut allocation = vec![NodeId(0); problem.processes.len()];
    for (index, process) in problem.processes.iter().enumerate() {
        let order = (0..left.len()).map(|step| (index + step) % left.len());
        let fits = |&node: &usize| left[node].0 >= process.cpu && left[node].1 >= process.memory_kib;
        let node = match process.pinned {
            Some(pin) => Some(pin.index()).filter(fits),
            None => order.clone().find(fits),
        };
        let node = node.ok_or(NoWay::DoesNotFit { process: index })?;
        left[node] = (left[node].0 - process.cpu, left[node].1 - process.memory_kib);
        allocation[index] = NodeId::new(node);
    }
    Ok(allocation)
}
