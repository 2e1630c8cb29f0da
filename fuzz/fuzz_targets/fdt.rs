//! The device tree of any board with any command line: it is written, and read back as a guest reads it.
#![no_main]

use fuzz::Input;
use libfuzzer_sys::fuzz_target;
use machine::board::Board;
use machine::fdt::{Boot, build};

fn word(tree: &[u8], at: usize) -> usize {
    usize::try_from(u32::from_be_bytes(tree[at..at + 4].try_into().unwrap())).unwrap()
}

fn string(bytes: &[u8]) -> &[u8] {
    &bytes[..bytes.iter().position(|byte| *byte == 0).expect("a string ends")]
}

/// Walks the whole tree; the value of the first property of that name.
fn find<'a>(tree: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    assert_eq!((word(tree, 0), word(tree, 4)), (0xd00d_feed, tree.len()));
    let (mut at, strings, mut depth, mut found) = (word(tree, 8), word(tree, 12), 0, None);
    loop {
        let token = word(tree, at);
        at += 4;
        match token {
            1 => {
                depth += 1;
                at = (at + string(&tree[at..]).len() + 1).next_multiple_of(4);
            }
            2 => depth -= 1,
            3 => {
                let (length, offset) = (word(tree, at), word(tree, at + 4));
                let value = &tree[at + 8..at + 8 + length];
                if string(&tree[strings + offset..]) == name {
                    found = found.or(Some(value));
                }
                at = (at + 8 + length).next_multiple_of(4);
            }
            4 => {}
            9 => {
                assert_eq!(depth, 0);
                return found;
            }
            other => panic!("token {other}"),
        }
    }
}

fuzz_target!(init: fuzz::seed([b"\x02\xff\x40console=hvc0".to_vec(), vec![]]), |data: &[u8]| {
    let mut input = Input(data);
    let (harts, flags) = (1 + usize::from(input.byte()) % 64, input.byte());
    let on = |bit: u8| flags & 1 << bit != 0;
    let board = Board {
        harts,
        memory_bytes: u64::from(input.byte()) << 20,
        uart: on(0),
        rtc: on(1),
        syscon: on(2),
        aclint: on(3),
        virtio: on(4),
        ..Board::default()
    };
    let initrd = on(5).then(|| input.long()..input.long());
    let arguments = String::from_utf8_lossy(input.0).into_owned();
    let boot = Boot { arguments: arguments.clone(), initrd, rng_seed: [7; 32], page_tables: on(6) };
    match build(&board, &boot) {
        Ok(tree) if arguments.is_empty() => assert!(find(&tree, b"model").is_some()),
        Ok(tree) => assert_eq!(find(&tree, b"bootargs"), Some([arguments.as_bytes(), b"\0"].concat().as_slice())),
        Err(_) => assert!(arguments.contains('\0')),
    }
});
