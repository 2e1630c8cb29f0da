//! dpkg's database for packages that were unpacked but not configured: what `dpkg --configure -a` in a
//! guest goes on from.
//!
//! Source: dpkg(1), deb-triggers(5), and the layout of `/var/lib/dpkg` on an installed system.

use crate::debian::deb::{Shipped, content};
use crate::debian::index::fields;
use crate::tree::{Meta, Node, Tree};
use md5::{Digest, Md5};
use std::collections::BTreeMap;

/// The database in the making.
#[derive(Debug, Default)]
pub struct Database {
    status: String,
    info: BTreeMap<String, (u16, Vec<u8>)>,
    file_triggers: String,
    named_triggers: BTreeMap<String, String>,
}

const FOLDER: &str = "var/lib/dpkg";
/// Control files that dpkg reads itself and does not keep.
const NOT_KEPT: [&str; 1] = ["control"];

impl Database {
    /// Notes a package: its control files and what it shipped. `tree` holds its files.
    ///
    /// Errors: what in its control files does not follow the format.
    pub fn add(
        &mut self,
        control: &[(String, u16, Vec<u8>)],
        shipped: &Shipped,
        tree: &Tree,
    ) -> Result<(), String> {
        let text = |name: &str| -> Result<&str, String> {
            let file = control.iter().find(|(known, ..)| known == name);
            let bytes = file.map_or(&[][..], |(_, _, content)| content);
            std::str::from_utf8(bytes).map_err(|_| format!("{name} is not text"))
        };
        let about = text("control")?.trim_matches('\n');
        let field = |wanted: &str| fields(about).find(|(key, _)| *key == wanted).map(|(_, value)| value);
        let name = field("Package").filter(|name| !name.contains('/')).ok_or("no package name")?;
        let architecture = field("Architecture").unwrap_or("all");
        let qualified = match field("Multi-Arch") {
            Some("same") => format!("{name}:{architecture}"),
            _ => name.to_owned(),
        };
        self.add_status(about, text("conffiles")?, tree)?;
        for (file, mode, content) in control {
            let plain = !file.is_empty() && !file.contains('/');
            if plain && !NOT_KEPT.contains(&file.as_str()) {
                self.info.insert(format!("{qualified}.{file}"), (*mode, content.clone()));
            }
        }
        let mut list = Vec::new();
        for path in shipped {
            list.extend_from_slice(path);
            list.push(b'\n');
        }
        self.info.insert(format!("{qualified}.list"), (0o644, list));
        self.add_triggers(&qualified, text("triggers")?);
        Ok(())
    }

    fn add_status(&mut self, about: &str, conffiles: &str, tree: &Tree) -> Result<(), String> {
        let (first, rest) = about.split_once('\n').ok_or("control has one line")?;
        self.status.push_str(&format!("{first}\nStatus: install ok unpacked\n{rest}\n"));
        let mut sums = String::new();
        // `remove-on-upgrade PATH` names a file that the package does not ship.
        for path in conffiles.lines().map(str::trim).filter(|line| line.starts_with('/')) {
            if let Some(content) = tree.file(path.as_bytes()) {
                let bytes = content.read_all().map_err(|error| error.to_string())?;
                let sum: String = Md5::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
                sums.push_str(&format!(" {path} {sum}\n"));
            }
        }
        if !sums.is_empty() {
            self.status.push_str(&format!("Conffiles:\n{sums}"));
        }
        self.status.push('\n');
        Ok(())
    }

    fn add_triggers(&mut self, package: &str, triggers: &str) {
        for line in triggers.lines().map(|line| line.split('#').next().unwrap_or("")) {
            let mut words = line.split_ascii_whitespace();
            let (Some(kind), Some(name)) = (words.next(), words.next()) else { continue };
            let suffix = match kind {
                "interest" | "interest-await" => "",
                "interest-noawait" => "/noawait",
                _ => continue,
            };
            if name.starts_with('/') {
                self.file_triggers.push_str(&format!("{name} {package}{suffix}\n"));
            } else if !name.contains('/') {
                let list = self.named_triggers.entry(name.to_owned()).or_default();
                list.push_str(&format!("{package}{suffix}\n"));
            }
        }
    }

    /// Puts the database into a tree.
    ///
    /// Errors: the tree's.
    pub fn write(self, tree: &mut Tree) -> Result<(), String> {
        let mut put = |name: &str, mode: u16, bytes: Vec<u8>| {
            tree.insert(format!("{FOLDER}/{name}").as_bytes(), Meta::root(mode), content(bytes))
        };
        put("status", 0o644, self.status.into_bytes())?;
        put("available", 0o644, Vec::new())?;
        put("diversions", 0o644, Vec::new())?;
        put("statoverride", 0o644, Vec::new())?;
        put("info/format", 0o644, b"1\n".to_vec())?;
        put("triggers/File", 0o644, self.file_triggers.into_bytes())?;
        put("triggers/Unincorp", 0o644, Vec::new())?;
        for (name, list) in self.named_triggers {
            put(&format!("triggers/{name}"), 0o644, list.into_bytes())?;
        }
        for (name, (mode, bytes)) in self.info {
            put(&format!("info/{name}"), mode, bytes)?;
        }
        tree.insert(format!("{FOLDER}/updates").as_bytes(), Meta::root(0o755), Node::Directory)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::Content;

    #[test]
    fn an_unpacked_package_is_recorded_as_dpkg_does() {
        let mut tree = Tree::new();
        let file = Node::File(Content::bytes(*b"a\n"));
        tree.insert(b"etc/x.conf", Meta::root(0o644), file).expect("inserted");
        let about = b"Package: x\nVersion: 1\nArchitecture: riscv64\nMulti-Arch: same\n";
        let control = [
            ("control".to_owned(), 0o644, about.to_vec()),
            ("conffiles".to_owned(), 0o644, b"/etc/x.conf\nremove-on-upgrade /etc/y\n".to_vec()),
            ("postinst".to_owned(), 0o755, b"#!/bin/sh\n".to_vec()),
            ("triggers".to_owned(), 0o644, b"interest-noawait ldconfig\ninterest /usr/x # c\n".to_vec()),
        ];
        let shipped = vec![b"/.".to_vec(), b"/etc".to_vec(), b"/etc/x.conf".to_vec()];
        let mut database = Database::default();
        database.add(&control, &shipped, &tree).expect("added");
        database.write(&mut tree).expect("written");
        let read = |path: &str| {
            let content = tree.file(path.as_bytes()).unwrap_or_else(|| panic!("{path}"));
            String::from_utf8(content.read_all().expect("read")).expect("text")
        };
        let status = "Package: x\nStatus: install ok unpacked\nVersion: 1\nArchitecture: riscv64\n\
                      Multi-Arch: same\nConffiles:\n /etc/x.conf 60b725f10c9c85c70d97880dfe8191b3\n\n";
        assert_eq!(read("var/lib/dpkg/status"), status);
        assert_eq!(read("var/lib/dpkg/info/x:riscv64.list"), "/.\n/etc\n/etc/x.conf\n");
        assert_eq!(read("var/lib/dpkg/triggers/File"), "/usr/x x:riscv64\n");
        assert_eq!(read("var/lib/dpkg/triggers/ldconfig"), "x:riscv64/noawait\n");
        assert!(
            tree.get(b"var/lib/dpkg/info/x:riscv64.postinst").is_some_and(|(meta, _)| meta.mode == 0o755)
        );
        assert!(tree.get(b"var/lib/dpkg/info/x:riscv64.control").is_none());
    }
}
