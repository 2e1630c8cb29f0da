//! Figures of a report: numbers as people read them, and each hart's, node's and link's share, as text and as JSON.

use crate::config::units::write_bytes;
use crate::draw::table::Table;
use cluster::interface::Traffic;
use cluster::summary::{NetworkSummary, NodeSummary, Standing};
use cluster::telemetry::HartTelemetry;
use machine::node::Halt;
use machine::timing::Charges;
use serde_json::{Map, Value, json};

/// How many of the busiest links are shown.
const LINKS_SHOWN: usize = 4;

/// A hart's counters in a line.
pub(super) fn hart_text(hart: &HartTelemetry) -> String {
    let counts = |named: &[(String, u64)]| {
        let all: Vec<String> =
            named.iter().map(|(name, count)| format!("{name} {}", grouped(*count))).collect();
        if all.is_empty() { "none".to_owned() } else { all.join(", ") }
    };
    let walks: Vec<String> =
        hart.walks.iter().map(|(depth, count)| format!("depth {depth}: {}", grouped(*count))).collect();
    format!(
        "{} instructions; exceptions: {}; interrupts: {}; TLB {} hits, {} misses; walks: {}; {} context switches{}",
        grouped(hart.instructions),
        counts(&hart.exceptions),
        counts(&hart.interrupts),
        grouped(hart.tlb_hits),
        grouped(hart.tlb_misses),
        if walks.is_empty() { "none".to_owned() } else { walks.join(", ") },
        grouped(hart.context_switches),
        hart.charges.as_ref().map(charges_text).unwrap_or_default()
    )
}

/// A hart's counters.
pub(super) fn hart_json(hart: &HartTelemetry) -> Value {
    let object = |named: &[(String, u64)]| -> Value {
        named.iter().map(|(name, count)| (name.clone(), json!(count))).collect::<Map<_, _>>().into()
    };
    let walks: Map<String, Value> =
        hart.walks.iter().map(|(depth, count)| (depth.to_string(), json!(count))).collect();
    json!({
        "hart": hart.hart,
        "instructions": hart.instructions,
        "traps": object(&hart.exceptions),
        "interrupts": object(&hart.interrupts),
        "tlb_hits": hart.tlb_hits,
        "tlb_misses": hart.tlb_misses,
        "page_walks": walks,
        "context_switches": hart.context_switches,
        "sbi_calls": hart.sbi_calls,
        "modelled": hart.charges.as_ref().map(charges_json),
    })
}

/// What modelled timing charged for.
fn charges_json(charges: &Charges) -> Value {
    json!({
        "tlb_hits": charges.tlb_hits,
        "tlb_misses": charges.tlb_misses,
        "walk_steps": charges.walk_steps,
        "cache_hits": charges.cache_hits,
        "cache_misses": charges.cache_misses,
        "transfers": charges.transfers,
        "upgrades": charges.upgrades,
        "stall_cycles": charges.cycles,
    })
}

fn charges_text(charges: &Charges) -> String {
    format!(
        "; modelled: {} stall cycles, TLB {} misses, cache {} misses, {} transfers, {} upgrades",
        grouped(charges.cycles),
        grouped(charges.tlb_misses),
        grouped(charges.cache_misses),
        grouped(charges.transfers),
        grouped(charges.upgrades)
    )
}

/// How a node stands, in a word.
fn standing(standing: Standing) -> String {
    match standing {
        Standing::Running => "running".to_owned(),
        Standing::Asleep => "asleep".to_owned(),
        Standing::Crashed => "crashed".to_owned(),
        Standing::Panicked => "panicked".to_owned(),
        Standing::Halted(Halt::PowerOff) => "off".to_owned(),
        Standing::Halted(Halt::Reboot) => "reboot".to_owned(),
        Standing::Halted(Halt::Failed(code)) => format!("failed {code}"),
        Standing::Halted(Halt::ToHost(1)) => "passed".to_owned(),
        Standing::Halted(Halt::ToHost(value)) => format!("failed {value:#x}"),
    }
}

/// All interfaces of a node together.
fn total(traffic: &[Traffic]) -> Traffic {
    let mut all = Traffic::default();
    for one in traffic {
        all.sent_frames += one.sent_frames;
        all.sent_bytes += one.sent_bytes;
        all.received_frames += one.received_frames;
        all.received_bytes += one.received_bytes;
        all.dropped_frames += one.dropped_frames;
        all.unaddressed_frames += one.unaddressed_frames;
    }
    all
}

/// Columns of the table of nodes that a narrow terminal does without, the first first.
const SPARED: [&[usize]; 4] = [&[4, 6], &[7], &[3, 5], &[1]];

/// A row for each node, no longer than `columns` where as much as that can be left out.
pub(super) fn nodes_text(nodes: &[NodeSummary], columns: Option<usize>) -> String {
    let header = ["node", "", "instructions", "sent", "bytes", "received", "bytes", "dropped"];
    let rows = nodes.iter().map(|node| {
        let traffic = total(&node.traffic);
        vec![
            node.name.clone(),
            standing(node.standing),
            grouped(node.telemetry.instructions),
            grouped(traffic.sent_frames),
            grouped(traffic.sent_bytes),
            grouped(traffic.received_frames),
            grouped(traffic.received_bytes),
            grouped(traffic.dropped_frames),
        ]
    });
    Table::new(&header, rows.collect()).with_left(2).without(&SPARED, columns)
}

/// What the network did, as lines of a name and a text.
pub(super) fn network_text(network: &NetworkSummary) -> Vec<(&'static str, String)> {
    let lost = match (network.dropped, network.corrupted) {
        (0, 0) => String::new(),
        (lost, 0) => format!(", {} lost", grouped(lost)),
        (lost, wrong) => format!(", {} lost, {} with a wrong bit", grouped(lost), grouped(wrong)),
    };
    let mut lines = vec![
        ("network", format!("{}, {}, by the {}", network.topology, network.switching, network.level)),
        (
            "messages",
            format!("{} packets, {} bytes arrived{lost}", grouped(network.delivered), grouped(network.bytes)),
        ),
    ];
    if let (Some(mean), Some(p99), Some(max)) =
        (network.mean_latency_ns, network.p99_latency_ns, network.max_latency_ns)
    {
        let text =
            format!("{:.3} us mean, {} for 99 %, {} longest", mean / 1000.0, seconds(p99), seconds(max));
        lines.push(("latency", text));
    }
    let busy = network.links.iter().take(LINKS_SHOWN).filter(|link| link.flits > 0);
    let links: Vec<String> =
        busy.map(|link| format!("{} to {} {:.2} %", link.from, link.to, 100.0 * link.share)).collect();
    if !links.is_empty() {
        lines.push(("busiest", links.join(", ")));
    }
    lines
}

/// The nodes for programs.
pub(super) fn nodes_json(nodes: &[NodeSummary]) -> Value {
    let node = |node: &NodeSummary| {
        json!({
            "name": node.name,
            "standing": standing(node.standing),
            "memory_bytes": node.memory_bytes,
            "instructions": node.telemetry.instructions,
            "harts": node.telemetry.harts.iter().map(hart_json).collect::<Vec<_>>(),
            "interfaces": node.traffic.iter().map(traffic_json).collect::<Vec<_>>(),
        })
    };
    nodes.iter().map(node).collect()
}

fn traffic_json(traffic: &Traffic) -> Value {
    json!({
        "sent_frames": traffic.sent_frames,
        "sent_bytes": traffic.sent_bytes,
        "received_frames": traffic.received_frames,
        "received_bytes": traffic.received_bytes,
        "dropped_frames": traffic.dropped_frames,
        "unaddressed_frames": traffic.unaddressed_frames,
    })
}

/// What the network did, for programs.
pub(super) fn network_json(network: &NetworkSummary) -> Value {
    let links = network.links.iter().map(|link| {
        json!({ "from": link.from, "to": link.to, "rail": link.rail, "flits": link.flits, "share": link.share })
    });
    json!({
        "topology": network.topology,
        "switching": network.switching,
        "level": network.level,
        "packets": network.packets,
        "delivered": network.delivered,
        "dropped": network.dropped,
        "corrupted": network.corrupted,
        "bytes": network.bytes,
        "mean_latency_ns": network.mean_latency_ns,
        "p99_latency_ns": network.p99_latency_ns,
        "max_latency_ns": network.max_latency_ns,
        "links": links.collect::<Vec<_>>(),
    })
}

/// The hardware of all nodes in a few words.
pub(super) fn hardware_text(nodes: &[NodeSummary]) -> String {
    let Some(first) = nodes.first() else { return String::new() };
    let alike = nodes.iter().all(|node| (node.harts, node.memory_bytes) == (first.harts, first.memory_bytes));
    let harts: usize = nodes.iter().map(|node| node.harts).sum();
    let plural = |count: usize| if count == 1 { "1 hart".to_owned() } else { format!("{count} harts") };
    match nodes.len() {
        1 => format!("{}, {}", plural(first.harts), write_bytes(first.memory_bytes)),
        count if alike => {
            format!("{count} nodes of {} and {}", plural(first.harts), write_bytes(first.memory_bytes))
        }
        count => {
            let memory: u64 = nodes.iter().map(|node| node.memory_bytes).sum();
            format!("{count} nodes, {} and {} together", plural(harts), write_bytes(memory))
        }
    }
}

/// A virtual time as a person reads it.
pub(super) fn seconds(ns: u64) -> String {
    match ns {
        0..1_000_000 => format!("{}.{:03} us", ns / 1000, ns % 1000),
        1_000_000..1_000_000_000 => format!("{}.{:03} ms", ns / 1_000_000, ns / 1000 % 1000),
        _ => format!("{}.{:03} s", ns / 1_000_000_000, ns / 1_000_000 % 1000),
    }
}

/// Digits in threes.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_of_nodes_fits_its_terminal() {
        let node = NodeSummary {
            name: "n0".to_owned(),
            standing: Standing::Asleep,
            harts: 1,
            memory_bytes: 1 << 28,
            engine: "",
            telemetry: cluster::telemetry::Telemetry {
                instructions: 10_259_329_952,
                harts: Vec::new(),
                engine: Vec::new(),
            },
            traffic: vec![Traffic { sent_frames: 111_383, sent_bytes: 856_089_933, ..Traffic::default() }],
            last_words: Vec::new(),
        };
        let wide = nodes_text(std::slice::from_ref(&node), None);
        assert!(wide.contains("dropped") && wide.contains("856,089,933"), "{wide}");
        for columns in [80, 60, 40, 20] {
            let narrow = nodes_text(std::slice::from_ref(&node), Some(columns));
            assert!(narrow.lines().all(|line| line.len() <= columns), "{columns}: {narrow}");
            assert!(narrow.contains("10,259,329,952"), "{narrow}");
        }
    }

    #[test]
    fn numbers_are_readable() {
        assert_eq!(grouped(1_234_567), "1,234,567");
        assert_eq!(grouped(123), "123");
        assert_eq!(seconds(1_500), "1.500 us");
        assert_eq!(seconds(2_000_001_000), "2.000 s");
    }
}
