//! A session over a tree in memory, through the rings.

use super::share::{Errno, Kind, Name, Stat, TreePath};
use super::*;
use crate::dev::Device;
use crate::dev::virtio::driver::Buffer::{In, Out};
use crate::dev::virtio::driver::Driver;
use crate::dev::virtio::mmio::Peripheral;
use crate::random::Random;
use std::collections::BTreeMap;

/// Files by path; folders are those paths that hold none.
#[derive(Debug, Default)]
pub(in crate::dev::virtio) struct Tree {
    nodes: BTreeMap<TreePath, Node>,
    read_only: bool,
}

#[derive(Debug, Clone)]
enum Node {
    File(Vec<u8>, bool),
    Folder,
    Link(Vec<u8>),
}

fn path(text: &str) -> TreePath {
    text.split('/').filter(|name| !name.is_empty()).map(|name| Name::new(name.as_bytes()).unwrap()).collect()
}

impl Tree {
    fn node(&mut self, path: &[Name]) -> Result<&mut Node, Errno> {
        self.nodes.get_mut(path).ok_or(Errno::NOENT)
    }

    fn file(&mut self, path: &[Name]) -> Result<&mut Vec<u8>, Errno> {
        match self.node(path)? {
            Node::File(bytes, _) => Ok(bytes),
            Node::Folder => Err(Errno::ISDIR),
            Node::Link(_) => Err(Errno::LOOP),
        }
    }

    fn add(&mut self, path: &[Name], node: Node) -> Result<(), Errno> {
        if self.nodes.contains_key(path) {
            return Err(Errno::EXIST);
        }
        self.nodes.insert(path.to_vec(), node);
        Ok(())
    }
}

impl Share for Tree {
    fn writable(&self) -> bool {
        !self.read_only
    }

    fn stat(&mut self, path: &[Name]) -> Result<Stat, Errno> {
        Ok(match self.node(path)? {
            Node::File(bytes, executable) => {
                Stat { kind: Kind::File, size: bytes.len() as u64, executable: *executable }
            }
            Node::Folder => Stat { kind: Kind::Folder, size: 0, executable: true },
            Node::Link(target) => Stat { kind: Kind::Link, size: target.len() as u64, executable: true },
        })
    }

    fn list(&mut self, path: &[Name]) -> Result<Vec<(Name, Kind)>, Errno> {
        let names: Vec<Name> = self
            .nodes
            .keys()
            .filter(|other| other.len() == path.len() + 1 && other.starts_with(path))
            .filter_map(|other| other.last().cloned())
            .rev()
            .collect();
        let kind = |name: &Name, tree: &mut Tree| {
            let child: TreePath = path.iter().chain([name]).cloned().collect();
            tree.stat(&child).unwrap().kind
        };
        Ok(names.into_iter().map(|name| (name.clone(), kind(&name, self))).collect())
    }

    fn read(&mut self, path: &[Name], offset: u64, into: &mut [u8]) -> Result<usize, Errno> {
        let bytes = self.file(path)?;
        let rest = bytes.get(usize::try_from(offset).unwrap_or(usize::MAX)..).unwrap_or_default();
        let length = rest.len().min(into.len());
        into[..length].copy_from_slice(&rest[..length]);
        Ok(length)
    }

    fn read_link(&mut self, path: &[Name]) -> Result<Vec<u8>, Errno> {
        match self.node(path)? {
            Node::Link(target) => Ok(target.clone()),
            _ => Err(Errno::INVAL),
        }
    }

    fn write(&mut self, path: &[Name], offset: u64, bytes: &[u8]) -> Result<usize, Errno> {
        let start = usize::try_from(offset).ok().filter(|start| *start < 1 << 20).ok_or(Errno::NOSPC)?;
        let file = self.file(path)?;
        file.resize(file.len().max(start + bytes.len()), 0);
        file[start..start + bytes.len()].copy_from_slice(bytes);
        Ok(bytes.len())
    }

    fn create(&mut self, path: &[Name], executable: bool) -> Result<(), Errno> {
        self.add(path, Node::File(Vec::new(), executable))
    }

    fn truncate(&mut self, path: &[Name], size: u64) -> Result<(), Errno> {
        let size = usize::try_from(size).ok().filter(|size| *size < 1 << 20).ok_or(Errno::NOSPC)?;
        self.file(path)?.resize(size, 0);
        Ok(())
    }

    fn set_executable(&mut self, path: &[Name], value: bool) -> Result<(), Errno> {
        if let Node::File(_, executable) = self.node(path)? {
            *executable = value;
        }
        Ok(())
    }

    fn make_folder(&mut self, path: &[Name]) -> Result<(), Errno> {
        self.add(path, Node::Folder)
    }

    fn make_link(&mut self, path: &[Name], target: &[u8]) -> Result<(), Errno> {
        self.add(path, Node::Link(target.to_vec()))
    }

    fn remove(&mut self, path: &[Name], folder: bool) -> Result<(), Errno> {
        if folder && !self.list(path)?.is_empty() {
            return Err(Errno::NOTEMPTY);
        }
        self.nodes.remove(path).map(drop).ok_or(Errno::NOENT)
    }

    fn rename(&mut self, from: &[Name], to: &[Name]) -> Result<(), Errno> {
        let moved = self.node(from)?.clone();
        self.nodes.remove(from);
        self.nodes.insert(to.to_vec(), moved);
        Ok(())
    }
}

/// `/`, `/b` (hello), `/a/` and `/a/run` (executable), `/link` to `b`.
pub(in crate::dev::virtio) fn tree(read_only: bool) -> Tree {
    let nodes = [
        ("", Node::Folder),
        ("b", Node::File(b"hello".to_vec(), false)),
        ("a", Node::Folder),
        ("a/run", Node::File(b"#!".to_vec(), true)),
        ("link", Node::Link(b"b".to_vec())),
    ];
    Tree { nodes: nodes.map(|(text, node)| (path(text), node)).into(), read_only }
}

/// A client with the root as fid 0.
struct Client {
    driver: Driver,
}

impl Client {
    fn new(read_only: bool) -> Client {
        let device = P9::new("share", Box::new(tree(read_only)), 1000);
        let mut client = Client { driver: Driver::start(Peripheral::P9(device), MOUNT_TAG) };
        client.ok(100, &[&8192u32.to_le_bytes(), &text("9P2000.L")]);
        client.ok(104, &[&n(0), &n(u32::MAX), &text("root"), &text(""), &n(0)]);
        client
    }

    /// Sends a message; returns the reply's type and body.
    fn send(&mut self, kind: u8, parts: &[&[u8]]) -> (u8, Vec<u8>) {
        let body = parts.concat();
        let size = u32::try_from(body.len() + 7).unwrap();
        let request = [&size.to_le_bytes()[..], &[kind, 9, 0], &body].concat();
        let at = self.driver.offer(0, &[Out(&request), In(8192)]) + u64::from(size);
        let header = self.driver.bytes(at, 7);
        assert_eq!(header[5..], [9, 0], "the tag comes back");
        let length = u32::from_le_bytes(*header.first_chunk().unwrap());
        (header[4], self.driver.bytes(at + 7, u64::from(length) - 7))
    }

    fn ok(&mut self, kind: u8, parts: &[&[u8]]) -> Vec<u8> {
        let (reply, body) = self.send(kind, parts);
        assert_eq!(reply, kind + 1, "message {kind} was refused: {body:?}");
        body
    }

    fn refused(&mut self, kind: u8, parts: &[&[u8]], errno: Errno) {
        assert_eq!(self.send(kind, parts), (7, errno.0.to_le_bytes().to_vec()), "message {kind}");
    }

    /// Walks from the root to a path as `fid`.
    fn walk(&mut self, fid: u32, names: &[&str]) {
        let texts: Vec<u8> = names.iter().flat_map(|name| text(name)).collect();
        let count = u16::try_from(names.len()).unwrap();
        let body = self.ok(110, &[&n(0), &n(fid), &count.to_le_bytes(), &texts]);
        assert_eq!(body.len(), 2 + 13 * names.len());
    }

    fn read(&mut self, fid: u32) -> Vec<u8> {
        let body = self.ok(116, &[&n(fid), &[0; 8], &n(100)]);
        body[4..].to_vec()
    }

    /// The names in a folder that is open as `fid`, in pieces of `room` bytes.
    fn names(&mut self, fid: u32, room: u32) -> Vec<String> {
        let (mut names, mut offset) = (Vec::new(), [0; 8]);
        loop {
            let body = self.ok(40, &[&n(fid), &offset, &n(room)]);
            let mut rest = &body[4..];
            if rest.is_empty() {
                return names;
            }
            while !rest.is_empty() {
                offset.copy_from_slice(&rest[13..21]);
                let length = usize::from(rest[22]);
                names.push(String::from_utf8(rest[24..24 + length].to_vec()).unwrap());
                rest = &rest[24 + length..];
            }
        }
    }

    /// Mode, size and time of change of a fid.
    fn attributes(&mut self, fid: u32) -> (u32, u64, u64) {
        let body = self.ok(24, &[&n(fid), &[0xff; 8]]);
        let word = |at: usize| u64::from_le_bytes(*body[at..].first_chunk().unwrap());
        (u32::from_le_bytes(*body[21..].first_chunk().unwrap()), word(49), word(89))
    }
}

fn n(value: u32) -> [u8; 4] {
    value.to_le_bytes()
}

fn text(value: &str) -> Vec<u8> {
    let length = u16::try_from(value.len()).unwrap();
    [&length.to_le_bytes()[..], value.as_bytes()].concat()
}

#[test]
fn the_tag_is_in_the_configuration() {
    let mut client = Client::new(true);
    assert_eq!(client.driver.config(0, 8), u64::from_le_bytes(*b"\x05\0share\0"));
}

#[test]
fn files_are_read_and_names_are_sorted() {
    let mut client = Client::new(true);
    client.walk(1, &["b"]);
    client.ok(12, &[&n(1), &n(0)]);
    assert_eq!(client.read(1), b"hello");
    assert_eq!(client.attributes(1), (0o100_644, 5, 1000));
    client.walk(2, &["a", "run"]);
    assert_eq!(client.attributes(2), (0o100_755, 2, 1000));
    client.walk(3, &[]);
    client.ok(12, &[&n(3), &n(0)]);
    for room in [30, 60, 4000] {
        assert_eq!(client.names(3, room), [".", "..", "a", "b", "link"]);
    }
    client.walk(4, &["link"]);
    assert_eq!(client.ok(22, &[&n(4)]), text("b"));
    client.refused(12, &[&n(4), &n(0)], Errno::LOOP);
}

#[test]
fn walks_stay_in_the_tree() {
    let mut client = Client::new(true);
    client.walk(1, &["..", "..", "a", "..", "b"]);
    client.refused(110, &[&n(0), &n(2), &1u16.to_le_bytes(), &text("a/run")], Errno::NOENT);
    client.refused(110, &[&n(0), &n(2), &1u16.to_le_bytes(), &text("")], Errno::NOENT);
    let partial = client.ok(110, &[&n(0), &n(2), &2u16.to_le_bytes(), &text("a"), &text("none")]);
    assert_eq!(partial[..2], [1, 0]);
    client.refused(120, &[&n(2)], Errno::BADF);
}

#[test]
fn what_is_read_only_stays_as_it_is() {
    let mut client = Client::new(true);
    client.walk(1, &["b"]);
    client.refused(12, &[&n(1), &n(1)], Errno::ROFS);
    client.refused(14, &[&n(0), &text("new"), &n(1), &n(0o644), &n(0)], Errno::ROFS);
    client.refused(72, &[&n(0), &text("new"), &n(0o755), &n(0)], Errno::ROFS);
    client.refused(76, &[&n(0), &text("b"), &n(0)], Errno::ROFS);
    client.refused(74, &[&n(0), &text("b"), &n(0), &text("c")], Errno::ROFS);
}

#[test]
fn files_are_made_written_moved_and_removed() {
    let mut client = Client::new(false);
    client.driver.board.mtime = 20_000_000;
    client.walk(1, &[]);
    client.ok(14, &[&n(1), &text("new"), &n(2), &n(0o755), &n(0)]);
    let written = client.ok(118, &[&n(1), &3u64.to_le_bytes(), &n(4), b"data"]);
    assert_eq!(written, n(4));
    assert_eq!(client.read(1), b"\0\0\0data");
    assert_eq!(client.attributes(1), (0o100_755, 7, 1002));
    client.ok(72, &[&n(0), &text("d"), &n(0o755), &n(0)]);
    client.walk(2, &["d"]);
    client.ok(74, &[&n(0), &text("new"), &n(2), &text("moved")]);
    assert_eq!(client.read(1), b"\0\0\0data");
    client.walk(3, &["d", "moved"]);
    let size: Vec<u8> = [n(8).to_vec(), vec![0; 12], 2u64.to_le_bytes().to_vec(), vec![0; 32]].concat();
    client.ok(26, &[&n(3), &size]);
    assert_eq!(client.attributes(3).1, 2);
    client.refused(76, &[&n(0), &text("d"), &n(0)], Errno::ISDIR);
    client.refused(76, &[&n(0), &text("d"), &n(0x200)], Errno::NOTEMPTY);
    client.ok(76, &[&n(2), &text("moved"), &n(0)]);
    client.ok(122, &[&n(2)]);
    client.refused(110, &[&n(0), &n(5), &1u16.to_le_bytes(), &text("d")], Errno::NOENT);
    client.ok(16, &[&n(0), &text("s"), &text("/etc/passwd"), &n(0)]);
    client.refused(110, &[&n(0), &n(5), &2u16.to_le_bytes(), &text("s2"), &text("x")], Errno::NOENT);
}

#[test]
fn malformed_messages_are_refused_and_hopeless_ones_need_a_reset() {
    let mut client = Client::new(true);
    client.refused(110, &[&n(0)], Errno::PROTO);
    client.refused(116, &[&n(99), &[0; 8], &n(10)], Errno::BADF);
    client.refused(200, &[], Errno::OPNOTSUPP);
    client.driver.offer(0, &[Out(&[99, 0, 0, 0, 24, 0, 0]), In(100)]);
    assert!(client.driver.needs_reset());
    let mut client = Client::new(true);
    client.driver.offer(0, &[Out(&[7, 0, 0, 0, 24, 0, 0]), In(10)]);
    assert!(client.driver.needs_reset());
}

#[test]
fn a_saved_session_goes_on_where_it_was() {
    let mut client = Client::new(true);
    client.walk(7, &["a", "run"]);
    client.ok(12, &[&n(7), &n(0)]);
    let mut saved = Vec::new();
    client.driver.slot.save(&mut |part| saved.extend_from_slice(part));
    client.ok(120, &[&n(7)]);
    client.driver.slot.restore(&mut Source::new(&saved)).unwrap();
    let used = client.driver.used_index(0);
    client.driver.rewind(0, used);
    assert_eq!(client.read(7), b"#!");
}

#[test]
fn random_messages_never_harm() {
    let mut random = Random::new(5, 0);
    let mut server = Server::new(Box::new(tree(false)), 0);
    for _ in 0..20_000 {
        let length = usize::try_from(random.draw() % 48).unwrap();
        let mut request = vec![0; 7 + length];
        random.fill(&mut request);
        request
            .iter_mut()
            .skip(7)
            .for_each(|byte| *byte &= if random.draw().is_multiple_of(4) { 0x7f } else { 3 });
        let size = u32::try_from(request.len()).unwrap();
        request[..4].copy_from_slice(&size.to_le_bytes());
        let kinds = [12, 14, 16, 20, 22, 24, 26, 40, 72, 74, 76, 100, 104, 110, 116, 118, 120, 122];
        request[4] = kinds[usize::try_from(random.draw() % 18).unwrap()];
        let reply = server.answer(&request, 200, 0).unwrap();
        assert!(reply.len() <= 200);
    }
}

#[test]
fn a_folder_that_takes_long_to_list_holds_the_next_request_up() {
    let mut tree = tree(false);
    (0..20_000).for_each(|number| tree.add(&path(&format!("a/{number}")), Node::Folder).unwrap());
    let mut device = P9::new("share", Box::new(tree), 1000);
    device.close_gate();
    let mut driver = Driver::start(Peripheral::P9(device), MOUNT_TAG);
    let message = |kind: u8, parts: &[&[u8]]| {
        let body = parts.concat();
        [&n(u32::try_from(body.len() + 7).unwrap())[..], &[kind, 9, 0], &body].concat()
    };
    // Attached, walked to `a`, opened, and listed twice, of which a reply has room for nothing.
    let list = message(40, &[&n(1), &[0; 8], &n(0)]);
    let walk = message(110, &[&n(0), &n(1), &[1, 0], &text("a")]);
    let attach = message(104, &[&n(0), &n(u32::MAX), &text("root"), &text(""), &n(0)]);
    for request in [&attach, &walk, &message(12, &[&n(1), &n(0)]), &list, &list] {
        driver.offer(0, &[Out(request), In(64)]);
    }
    for served in [4, 5] {
        let Driver { slot, board, .. } = &mut driver;
        slot.serve_gated(&mut board.context());
        assert_eq!(driver.used(0).len(), served);
    }
}

#[test]
fn behind_a_closed_gate_requests_wait() {
    let mut device = P9::new("share", Box::new(tree(false)), 1000);
    device.close_gate();
    let mut driver = Driver::start(Peripheral::P9(device), MOUNT_TAG);
    let version = [&n(21)[..], &[100, 9, 0], &8192u32.to_le_bytes(), &text("9P2000.L")].concat();
    let at = driver.offer(0, &[Out(&version), In(64)]) + version.len() as u64;
    assert_eq!(driver.bytes(at, 7), [0; 7]);
    for served in [false, true] {
        let Driver { slot, board, .. } = &mut driver;
        let mut context = board.context();
        if served {
            slot.serve_gated(&mut context)
        } else {
            slot.poll(&mut context)
        }
        assert_eq!(slot.due(), (!served).then_some(0));
        assert_eq!(driver.bytes(at, 7)[4], if served { 101 } else { 0 });
    }
}
