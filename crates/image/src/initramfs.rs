//! The initramfs of a bundle: the agent as `/init`, busybox for rescue, and the modules that lead to
//! the root.

use crate::kernel::Modules;
use crate::tree::{Content, Meta, Node, Tree};

/// The agent, built from `guest/agent`.
pub(crate) const AGENT: &[u8] = include_bytes!("../../../guest/prebuilt/agent.elf");

/// Loaded before the root is looked for.
const ALWAYS: [&str; 4] = ["virtio_mmio", "virtio_blk", "squashfs", "overlay"];
/// Loaded where a virtio device of the type is there.
const WITH_DEVICE: [(&str, &[&str]); 4] = [
    ("virtio:1", &["virtio_net"]),
    ("virtio:3", &["virtio_console"]),
    ("virtio:4", &["virtio_rng"]),
    ("virtio:9", &["9pnet_virtio", "9p"]),
];

/// Where the modules lie; the list of them is `/multivac/modules`.
const MODULES: &str = "multivac/modules.d";

/// Makes the initramfs's tree from an unpacked kernel package and busybox.
///
/// Errors: a module that cannot be read.
pub(crate) fn tree(modules: &Modules, kernel: &Tree, busybox: Option<Content>) -> Result<Tree, String> {
    let mut tree = Tree::new();
    for folder in ["dev", "proc", "sys", "bin", "multivac"] {
        tree.insert(folder.as_bytes(), Meta::root(0o755), Node::Directory)?;
    }
    tree.insert(b"dev/console", Meta::root(0o600), Node::Character(0x501))?;
    tree.insert(b"init", Meta::root(0o755), Node::File(Content::bytes(AGENT)))?;
    if let Some(busybox) = busybox {
        tree.insert(b"bin/busybox", Meta::root(0o755), Node::File(busybox))?;
    }
    let mut list = String::new();
    let mut placed = Vec::new();
    let conditions = std::iter::once(("-", &ALWAYS[..])).chain(WITH_DEVICE);
    for (condition, wanted) in conditions {
        for (name, bytes) in modules.closure(kernel, wanted)? {
            let path = format!("{MODULES}/{name}.ko");
            // A module of the first, unconditional list is loaded by then.
            if placed.contains(&(name.clone(), "-")) {
                continue;
            }
            list.push_str(&format!("{condition} /{path}\n"));
            if !placed.iter().any(|(known, _)| *known == name) {
                tree.insert(path.as_bytes(), Meta::root(0o644), Node::File(Content::bytes(bytes)))?;
            }
            placed.push((name, condition));
        }
    }
    tree.insert(b"multivac/modules", Meta::root(0o644), Node::File(Content::bytes(list)))?;
    Ok(tree)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::tests::module;

    #[test]
    fn modules_are_listed_once_in_order_with_their_condition() {
        let mut kernel = Tree::new();
        let all = [("virtio_blk", ""), ("squashfs", "lz"), ("lz", ""), ("virtio_net", "net,lz"), ("net", "")];
        for (name, needed) in all {
            let path = format!("lib/modules/6.1/kernel/{name}.ko");
            let file = Node::File(Content::bytes(module(needed)));
            kernel.insert(path.as_bytes(), Meta::root(0o644), file).expect("inserted");
        }
        let modules = Modules::find(&kernel).expect("modules");
        let tree = tree(&modules, &kernel, None).expect("a tree");
        let list = tree.file(b"multivac/modules").expect("a list").read_all().expect("read");
        let expected = "- /multivac/modules.d/virtio_blk.ko\n- /multivac/modules.d/lz.ko\n\
                        - /multivac/modules.d/squashfs.ko\nvirtio:1 /multivac/modules.d/net.ko\n\
                        virtio:1 /multivac/modules.d/virtio_net.ko\n";
        assert_eq!(String::from_utf8_lossy(&list), expected);
        assert!(tree.file(b"init").is_some_and(|init| init.len() == AGENT.len() as u64));
    }
}
