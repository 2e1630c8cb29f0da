//! The root's tree: the packages' files, dpkg's database, and the little that a root needs before any
//! maintainer script ran.

use super::{Debs, Plan, unpack};
use crate::debian::database::Database;
use crate::debian::deb::content;
use crate::debian::index::Package;
use crate::kernel::Modules;
use crate::tree::{Meta, Node, Spool, Tree};
use crate::{ImageError, Progress};
use std::collections::BTreeMap;

/// The package that makes the top folders and the links of the merged `/usr`; unpacked first.
const FIRST: &str = "base-files";

pub(super) fn tree(
    plan: &Plan<'_, '_>,
    debs: &Debs,
    spool: &mut Spool,
    (modules, kernel): (&Modules, &Tree),
    progress: &mut dyn Progress,
) -> Result<Tree, ImageError> {
    let mut tree = Tree::new();
    let mut database = Database::default();
    let (first, rest): (Vec<&Package<'_>>, Vec<&Package<'_>>) =
        plan.root.iter().copied().partition(|package| package.name == FIRST);
    let mut unpacked = BTreeMap::new();
    for package in first.into_iter().chain(rest) {
        unpacked.insert(package.name, unpack(debs, package.name, &mut tree, spool, &|_| true)?);
        progress.advance(1);
    }
    for (name, package) in &unpacked {
        let added = database.add(&package.control, &package.shipped, &tree);
        added.map_err(|reason| ImageError::malformed(format!("package {name}"), reason))?;
    }
    let made = database.write(&mut tree).and_then(|()| supply(&mut tree));
    made.and_then(|()| super::modules::add(&mut tree, modules, kernel))
        .map_err(|reason| ImageError::malformed("the root", reason))?;
    Ok(tree)
}

/// What maintainer scripts make and a shell cannot do without.
fn supply(tree: &mut Tree) -> Result<(), String> {
    let copies = [
        ("usr/share/base-passwd/passwd.master", "etc/passwd"),
        ("usr/share/base-passwd/group.master", "etc/group"),
        ("usr/share/base-files/profile", "etc/profile"),
        ("usr/share/base-files/nsswitch.conf", "etc/nsswitch.conf"),
        ("usr/share/base-files/dot.bashrc", "root/.bashrc"),
        ("usr/share/base-files/dot.profile", "root/.profile"),
    ];
    for (from, to) in copies {
        if let Some(file) = tree.file(from.as_bytes()).cloned()
            && tree.get(to.as_bytes()).is_none()
        {
            tree.insert(to.as_bytes(), Meta::root(0o644), Node::File(file))?;
        }
    }
    for (path, text) in [
        ("etc/hostname", "multivac\n"),
        ("etc/hosts", "127.0.0.1 localhost multivac\n::1 localhost\n"),
        ("etc/fstab", ""),
        ("etc/resolv.conf", ""),
    ] {
        if tree.get(path.as_bytes()).is_none() {
            tree.insert(path.as_bytes(), Meta::root(0o644), content(text.as_bytes().to_vec()))?;
        }
    }
    for folder in ["dev", "proc", "sys", "run", "tmp"] {
        let mode = if folder == "tmp" { 0o1777 } else { 0o755 };
        tree.insert(folder.as_bytes(), Meta::root(mode), Node::Directory)?;
    }
    Ok(())
}
