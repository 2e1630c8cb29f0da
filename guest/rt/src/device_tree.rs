//! The device tree that the firmware handed over, as far as a program asks: properties of the root's children.
//!
//! Source: Devicetree Specification 0.4, "Flattened Devicetree (DTB) Format".

use core::sync::atomic::{AtomicUsize, Ordering};

/// Where the firmware put the tree; the entry code stores it.
// SAFETY: the symbol is this crate's own.
#[unsafe(no_mangle)]
static rt_device_tree: AtomicUsize = AtomicUsize::new(0);

const MAGIC: u32 = 0xd00d_feed;
const BEGIN_NODE: u32 = 1;
const END_NODE: u32 = 2;
const PROPERTY: u32 = 3;
const NOP: u32 = 4;

/// The address of the tree.
pub fn address() -> usize {
    rt_device_tree.load(Ordering::Acquire)
}

/// The bytes of the tree; none where there is no tree.
fn bytes() -> &'static [u8] {
    let address = address();
    if address == 0 || !address.is_multiple_of(8) {
        return &[];
    }
    // SAFETY: the boot protocol has a tree at this address, whose first two words are magic and size.
    let head = unsafe { core::slice::from_raw_parts(address as *const u8, 8) };
    if word(head, 0) != Some(MAGIC) {
        return &[];
    }
    let size = word(head, 4).unwrap_or(0) as usize;
    // SAFETY: the tree says how long it is, and nothing writes to it.
    unsafe { core::slice::from_raw_parts(address as *const u8, size) }
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

/// The string at the start of `bytes`, without its zero byte.
fn string(bytes: &[u8]) -> &[u8] {
    &bytes[..bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len())]
}

/// A property of a child of the root: `property("chosen", "bootargs")`. A child is named without its address.
pub fn property(node: &str, name: &str) -> Option<&'static [u8]> {
    let tree = bytes();
    let (structure, strings) = (word(tree, 8)? as usize, word(tree, 12)? as usize);
    let (mut at, mut depth, mut inside) = (structure, 0, false);
    loop {
        let token = word(tree, at)?;
        at += 4;
        match token {
            BEGIN_NODE => {
                let found = string(tree.get(at..)?);
                let plain = found.split(|byte| *byte == b'@').next().unwrap_or(found);
                depth += 1;
                inside = depth == 2 && plain == node.as_bytes();
                at = (at + found.len() + 1).next_multiple_of(4);
            }
            END_NODE => {
                depth -= 1;
                inside = false;
            }
            PROPERTY => {
                let (length, offset) = (word(tree, at)? as usize, word(tree, at + 4)? as usize);
                if inside && string(tree.get(strings + offset..)?) == name.as_bytes() {
                    return tree.get(at + 8..at + 8 + length);
                }
                at = (at + 8 + length).next_multiple_of(4);
            }
            NOP => {}
            _ => return None,
        }
    }
}

/// The words that the program was started with.
pub fn arguments() -> &'static str {
    let bytes = property("chosen", "bootargs").map_or(&[][..], string);
    core::str::from_utf8(bytes).unwrap_or("")
}
