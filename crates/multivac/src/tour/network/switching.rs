//! One message through six routers by each switching scheme, as a diagram of space and time.
//!
//! The diagram follows from the delays; the run beside it must end in the cycle that the diagram shows.

use super::shapes::failure;
use crate::exit::{Exit, Failure};
use crate::tour::Shown;
use fabric::topology::Topology;
use fabric::{Config, Cycle, Delays, NodeId, Packet, Switching, simulate};
use std::fmt::Write;

/// Routers on the way and flits of the message.
const ROUTERS: u64 = 6;
const FLITS: u64 = 24;
/// Cycles of a column.
const COLUMN: u64 = 3;

/// Spans of one router's row: first and last cycle, and the character that fills them.
type Spans = Vec<(u64, u64, char)>;

/// What router `i` does and when, under `switching`.
fn spans(switching: Switching, i: u64) -> Spans {
    let delays = Delays::default();
    let (hop, decide, inject) = (delays.hop_cycles(), delays.decide_cycles(), delays.inject_cycles());
    let pass = u64::from(delays.switch + delays.link);
    match switching {
        Switching::StoreAndForward => {
            let head = inject + i * (hop + FLITS - 1);
            let stored = if i == 0 { head } else { head + FLITS - 1 - (FLITS - 1) };
            let begin = head + decide;
            let storing = if i == 0 { begin } else { begin - decide - (FLITS - 1) };
            vec![(storing.min(stored), begin, '░'), (begin, begin + FLITS, '█')]
        }
        Switching::CutThrough | Switching::Wormhole => {
            let begin = inject + i * hop + decide;
            vec![(begin - decide, begin, '░'), (begin, begin + FLITS, '█')]
        }
        Switching::Circuit => {
            let probe = inject + i * hop;
            let back = inject + ROUTERS * hop + (ROUTERS - 1 - i) * pass;
            let begin = inject + ROUTERS * hop + ROUTERS * pass + inject + inject + i * pass;
            vec![(probe, probe + hop, '→'), (back, back + pass, '←'), (begin, begin + FLITS, '█')]
        }
    }
}

#[allow(clippy::cast_possible_truncation, reason = "columns of a diagram")]
fn diagram(switching: Switching) -> String {
    let mut text = String::new();
    for i in 0..ROUTERS {
        let mut row = Vec::new();
        for (from, to, c) in spans(switching, i) {
            let last = to.saturating_sub(1).max(from) / COLUMN;
            for column in from / COLUMN..=last {
                let column = column as usize;
                if row.len() <= column {
                    row.resize(column + 1, ' ');
                }
                row[column] = c;
            }
        }
        let _ = writeln!(text, "router {i} │{}", row.iter().collect::<String>());
    }
    text
}

/// Sends the message alone through a real network and returns its latency.
fn run(switching: Switching) -> Result<u64, Failure> {
    let topology = Topology::from_spec(&format!("mesh:{ROUTERS}")).map_err(failure)?;
    let flits = u32::try_from(FLITS).unwrap_or(u32::MAX);
    let config = Config { switching, buffer_flits: flits, ..Config::default() };
    let mut network = simulate::build(&topology, None, &config, flits).map_err(failure)?.network;
    let last = u32::try_from(ROUTERS - 1).unwrap_or(0);
    let packet = Packet { from: NodeId(0), to: NodeId(last), flits, class: 0, tag: 0 };
    network.inject(packet, Cycle(0)).map_err(failure)?;
    network.advance(Cycle(10_000));
    let mut found = Vec::new();
    network.collect(&mut found);
    let measured = found.first().map_or(0, fabric::Delivery::latency_cycles);
    let formula = config.delays.zero_load_cycles(switching, ROUTERS, FLITS);
    if measured != formula {
        let cause = format!("{} took {measured} cycles, its formula {formula}", switching.name());
        return Err(Failure::new(
            Exit::Divergence,
            cause,
            "the simulation and its formula disagree: report it",
        ));
    }
    Ok(measured)
}

fn one(switching: Switching, formula: &str) -> Result<Shown, Failure> {
    let cycles = run(switching)?;
    let picture = format!(
        "{FLITS} flits through {ROUTERS} routers; a column is {COLUMN} cycles; ░ waits or is decided, █ flits leave, → ← set-up\n\n{}",
        diagram(switching)
    );
    Ok(Shown { picture, measured: format!("{cycles} cycles, as the formula says: {formula}") })
}

pub(super) fn store_and_forward() -> Result<Shown, Failure> {
    one(Switching::StoreAndForward, "(D+1)(t_r + L/b) + D t_c, and 3 for the links of the two nodes")
}

pub(super) fn cut_through() -> Result<Shown, Failure> {
    one(Switching::CutThrough, "4 H + 2 + (L - 1)")
}

pub(super) fn wormhole() -> Result<Shown, Failure> {
    one(Switching::Wormhole, "4 H + 2 + (L - 1)")
}

pub(super) fn circuit() -> Result<Shown, Failure> {
    one(Switching::Circuit, "set-up 4 H + 2, answer 2 H + 2, data 2 H + 2 + (L - 1)")
}

pub(super) fn side_by_side() -> Result<Shown, Failure> {
    let mut picture = format!("{FLITS} flits through {ROUTERS} routers; a column is {COLUMN} cycles\n");
    let mut measured = Vec::new();
    for switching in
        [Switching::StoreAndForward, Switching::CutThrough, Switching::Wormhole, Switching::Circuit]
    {
        let cycles = run(switching)?;
        let _ = write!(picture, "\n{} ({cycles} cycles)\n{}", switching.name(), diagram(switching));
        measured.push(format!("{} {cycles}", switching.name()));
    }
    Ok(Shown { picture, measured: format!("cycles: {}", measured.join(", ")) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_diagrams_end_where_the_runs_do() {
        for switching in
            [Switching::StoreAndForward, Switching::CutThrough, Switching::Wormhole, Switching::Circuit]
        {
            let (_, end, _) = spans(switching, ROUTERS - 1).pop().unwrap();
            // The last flit leaves the switch, crosses the link and is there.
            assert_eq!(end + 1, run(switching).unwrap(), "{}", switching.name());
        }
    }
}
