//! The prebuilt heat equation of `guest/jacobi` on nodes whose interfaces are joined by hand: what a node sends in one
//! epoch, the others hear in the next.

use machine::board::Board;
use machine::core::Architecture;
use machine::dev::virtio::mmio::Peripheral;
use machine::dev::virtio::net::Net;
use machine::fdt;
use machine::interp::Interpreter;
use machine::load::{self, Part, elf, layout};
use machine::node::{Config, Halt, Limits, Node, Pause};

const PROGRAM: &[u8] = include_bytes!("../../../guest/prebuilt/jacobi.elf");
const EPOCH_CYCLES: u64 = 2000;

fn address(node: usize) -> [u8; 6] {
    [2, 0, 0, 0, 0, u8::try_from(node + 1).expect("few nodes")]
}

fn node(number: usize, arguments: &str) -> Node {
    let board = Board { memory_bytes: 8 << 20, ..Board::default() };
    let architecture = Architecture { builtin_sbi: true, software_tlb: false };
    let config = Config { board, architecture, ..Config::default() };
    let mut node = Node::new(&config, Box::new(Interpreter::new(1))).expect("a node");
    node.bus.attach(Peripheral::Net(Net::new(address(number), true))).expect("a free slot");
    let program = elf::parse(PROGRAM).expect("an ELF file");
    let places = layout::find(&program.parts, None, node.bus.ram.end()).expect("room");
    let boot = fdt::Boot { arguments: arguments.to_owned(), page_tables: true, ..fdt::Boot::default() };
    let tree = fdt::build(&config.board, &boot).expect("a tree");
    let mut parts = program.parts;
    parts.push(Part { what: "device tree", start: places.dtb, data: &tree, bytes: tree.len() as u64 });
    load::place(&parts, &mut node.bus.ram).expect("room");
    node.start_supervisor(0, program.entry, places.dtb);
    node
}

/// A frame on its way: whether it arrives, how often, and in which state.
type Fate<'a> = dyn FnMut(&mut Vec<u8>) -> usize + 'a;

/// Runs nodes to their ends; gives what each said, and how it ended.
fn run(count: usize, words: &str, fate: &mut Fate<'_>) -> Vec<(String, Halt)> {
    let arguments = format!("nodes={count} {words}");
    let mut nodes: Vec<Node> = (0..count).map(|number| node(number, &arguments)).collect();
    let mut ends = vec![None; count];
    let mut said = vec![Vec::new(); count];
    for epoch in 1..10_000_000 {
        let mut under_way = Vec::new();
        for (number, node) in nodes.iter_mut().enumerate() {
            let limits = Limits { instructions: u64::MAX, cycle: epoch * EPOCH_CYCLES };
            if let Pause::Halted(halt) = node.run(limits) {
                ends[number] = Some(halt);
            }
            said[number].append(&mut node.take_console());
            let net = node.bus.nets().next().expect("an interface");
            under_way.extend(std::iter::from_fn(|| net.take_frame()).map(|sent| sent.bytes));
        }
        for mut frame in under_way {
            for _ in 0..fate(&mut frame) {
                for (number, node) in nodes.iter_mut().enumerate() {
                    let to_all = frame[..6] == [0xff; 6] && frame[6..12] != address(number);
                    if to_all || frame[..6] == address(number) {
                        node.bus.nets().next().expect("an interface").push_frame(frame.clone());
                    }
                }
            }
        }
        if ends.iter().all(Option::is_some) {
            let text = said.into_iter().map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
            return text.zip(ends.into_iter().flatten()).collect();
        }
    }
    panic!("no end: {}", said.iter().map(|bytes| String::from_utf8_lossy(bytes)).collect::<String>());
}

fn check(nodes: usize, words: &str, fate: &mut Fate<'_>) -> Vec<(String, Halt)> {
    let ends = run(nodes, words, fate);
    let report = &ends[0].0;
    assert!(report.contains("cells equal the sequential answer, bit for bit"), "{report}");
    assert!(ends.iter().all(|(_, halt)| *halt == Halt::PowerOff), "{ends:?}");
    ends
}

#[test]
fn any_number_of_nodes_gives_the_sequential_answer() {
    for nodes in [1, 2, 3, 4, 6, 7] {
        check(nodes, "grid=20 tolerance=200000", &mut |_| 1);
    }
}

#[test]
fn a_network_that_loses_repeats_and_damages_frames_changes_nothing() {
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let ends = check(4, "grid=16 tolerance=400000", &mut |frame| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        match random % 20 {
            0 | 1 => 0,
            2 => 2,
            3 => {
                let at = usize::try_from(random >> 40).expect("24 bits") % frame.len();
                frame[at] ^= 0x10;
                1
            }
            _ => 1,
        }
    });
    let again = |text: &str| !text.contains(" 0 frames again");
    assert!(ends.iter().any(|(text, _)| again(text)), "nothing was sent again: {ends:?}");
}

#[test]
fn a_silent_node_ends_the_run_on_all_others() {
    let mut frames = 0;
    let ends = run(4, "grid=16 patience=20", &mut |frame| {
        frames += 1;
        let silent = frames > 100 && (frame[..6] == address(2) || frame[6..12] == address(2));
        usize::from(!silent)
    });
    assert!(ends.iter().all(|(_, halt)| *halt != Halt::PowerOff), "{ends:?}");
    assert!(ends.iter().any(|(text, _)| text.contains("node 2 has been silent for 20 ms")), "{ends:?}");
}
