//! Who this node is, told by the host: needed when booted nodes are copied, since copies share
//! everything that they made up at boot.

use crate::files;
use crate::sys::{self, Errno, Fd};
use crate::text::Text;
use core::fmt::Write;

const SIOCGIFFLAGS: usize = 0x8913;
const SIOCSIFFLAGS: usize = 0x8914;
const SIOCSIFADDR: usize = 0x8916;
const SIOCSIFNETMASK: usize = 0x891c;
const SIOCSIFHWADDR: usize = 0x8924;
const IFF_UP: u8 = 1;
const IFF_RUNNING: u8 = 0x40;
/// How long the kernel is given to notice that a link is up.
const LINK_TRIES: usize = 200;
const LINK_TRY_MS: i64 = 10;
const ARPHRD_ETHER: u8 = 1;
const AF_INET: u8 = 2;
/// A node has at most so many interfaces, `eth0` first.
const INTERFACES: [&[u8]; 4] = [b"eth0", b"eth1", b"eth2", b"eth3"];

/// `struct ifreq`: a name of 16 bytes, then what the request is about.
type Request = [u8; 40];

/// Takes the identity of an `IDENTITY` payload. Does all it can, and returns the first error.
pub fn take(payload: &[u8]) -> Result<(), Errno> {
    let (fixed, rest) = payload.split_first_chunk::<60>().ok_or(sys::EINVAL)?;
    let (name, rest) = string(rest).ok_or(sys::EINVAL)?;
    let nodes = Nodes::new(rest);
    let (mac, address, prefix) = (&fixed[..6], &fixed[6..10], fixed[10].min(32));
    let (machine, seed) = (&fixed[12..28], &fixed[28..60]);
    let steps = [
        host_name(name),
        hosts(name, address, nodes),
        node_lists(nodes),
        machine_id(machine),
        random_seed(seed),
        boot_id(seed),
        network(mac, address, prefix),
    ];
    steps.into_iter().find(|step| step.is_err()).unwrap_or(Ok(()))
}

/// Takes a zero-ended string off the front.
fn string(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = bytes.iter().position(|byte| *byte == 0)?;
    Some((&bytes[..end], &bytes[end + 1..]))
}

/// The cluster's nodes: address, harts, name.
#[derive(Clone, Copy)]
struct Nodes<'a> {
    left: u32,
    rest: &'a [u8],
}

impl<'a> Nodes<'a> {
    /// The nodes at the end of a payload; none for a host that does not tell of them.
    fn new(payload: &'a [u8]) -> Nodes<'a> {
        match payload.split_first_chunk::<4>() {
            Some((count, rest)) => Nodes { left: u32::from_le_bytes(*count), rest },
            None => Nodes { left: 0, rest: payload },
        }
    }
}

impl<'a> Iterator for Nodes<'a> {
    type Item = ([u8; 4], u32, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let (address, rest) = self.rest.split_first_chunk::<4>()?;
        let (harts, rest) = rest.split_first_chunk::<4>()?;
        let (name, rest) = string(rest)?;
        self.rest = rest;
        Some((*address, u32::from_le_bytes(*harts), name))
    }
}

fn host_name(name: &[u8]) -> Result<(), Errno> {
    if name.is_empty() {
        return Ok(());
    }
    sys::set_host_name(name)?;
    files::write(c"/etc/hostname", Text::<128>::of(&[name, b"\n"]).bytes())
}

/// Writes names and addresses of all nodes, at least of this one.
fn hosts(name: &[u8], own: &[u8], nodes: Nodes<'_>) -> Result<(), Errno> {
    if name.is_empty() {
        return Ok(());
    }
    let line = |address: &[u8], name: &[u8]| {
        let mut line = Text::<320>::new();
        let _ = write!(line, "{}.{}.{}.{} ", address[0], address[1], address[2], address[3]);
        line.push(name);
        line.push(b"\n");
        line
    };
    files::write_lines(c"/etc/hosts", |out| {
        out(b"127.0.0.1 localhost\n::1 localhost\n")?;
        if own != [0; 4] && !nodes.into_iter().any(|(_, _, known)| known == name) {
            out(line(own, name).bytes())?;
        }
        nodes.into_iter().try_for_each(|(address, _, name)| out(line(&address, name).bytes()))
    })
}

/// Tells the launchers of Open MPI and MPICH which nodes there are, and how many harts each has.
fn node_lists(nodes: Nodes<'_>) -> Result<(), Errno> {
    if nodes.left == 0 {
        return Ok(());
    }
    let _ = sys::mkdir(c"/etc/multivac");
    for (path, before) in [(c"/etc/multivac/nodes", ":"), (c"/etc/openmpi/prte-default-hostfile", " slots=")]
    {
        let written = files::write_lines(path, |out| {
            nodes.into_iter().try_for_each(|(_, harts, name)| {
                let mut line = Text::<320>::of(&[name]);
                let _ = writeln!(line, "{before}{harts}");
                out(line.bytes())
            })
        });
        // An image without Open MPI has no folder for the second.
        if let Err(errno) = written.or_else(|errno| if errno == sys::ENOENT { Ok(()) } else { Err(errno) }) {
            return Err(errno);
        }
    }
    Ok(())
}

fn hex(bytes: &[u8], into: &mut impl Write) {
    for byte in bytes {
        let _ = write!(into, "{byte:02x}");
    }
}

fn machine_id(id: &[u8]) -> Result<(), Errno> {
    if id.iter().all(|byte| *byte == 0) {
        return Ok(());
    }
    let mut text = Text::<64>::new();
    hex(id, &mut text);
    text.push(b"\n");
    files::write(c"/etc/machine-id", text.bytes())
}

/// Mixes the seed into the kernel's random pool.
fn random_seed(seed: &[u8]) -> Result<(), Errno> {
    let fd = sys::open(c"/dev/urandom", sys::O_WRONLY | sys::O_CLOEXEC)?;
    let result = sys::write_all(fd, seed);
    const RNDRESEEDCRNG: usize = 0x5207;
    let _ = sys::ioctl(fd, RNDRESEEDCRNG, 0);
    sys::close(fd);
    result
}

/// Lays a new boot id over the kernel's: programs infer from equal ids that they share memory.
fn boot_id(seed: &[u8]) -> Result<(), Errno> {
    let mut text = Text::<64>::new();
    for (at, part) in [&seed[..4], &seed[4..6], &seed[6..8], &seed[8..10], &seed[10..16]].iter().enumerate() {
        text.push(if at == 0 { b"" } else { b"-" });
        hex(part, &mut text);
    }
    text.push(b"\n");
    files::write(c"/run/boot_id", text.bytes())?;
    sys::mount(c"/run/boot_id", c"/proc/sys/kernel/random/boot_id", c"", sys::MS_BIND, c"")
}

/// Sets hardware address, address and mask of the network interfaces; the hardware address with
/// the link down, for virtio-net does not take it otherwise.
fn network(mac: &[u8], address: &[u8], prefix: u8) -> Result<(), Errno> {
    if mac == [0; 6] && address == [0; 4] {
        return Ok(());
    }
    let socket = sys::inet_socket()?;
    let mut result = Ok(());
    let mut present = 0;
    for (number, name) in INTERFACES.into_iter().enumerate() {
        let (mut mac, mut address): ([u8; 6], [u8; 4]) =
            (mac.try_into().unwrap_or_default(), address.try_into().unwrap_or_default());
        let given = mac != [0; 6];
        mac[3] += number as u8;
        address[1] += number as u8;
        match set_up(socket, name, Some(&mac[..]).filter(|_| given), &address, prefix) {
            Err(sys::ENODEV) if number > 0 => break,
            other => result = result.and(other),
        }
        present = number + 1;
    }
    INTERFACES[..present].iter().for_each(|name| await_link(socket, name));
    sys::close(socket);
    result
}

/// Waits until the interface counts as running, as it does a while after it was raised: some programs pass over one that
/// does not.
fn await_link(socket: Fd, name: &[u8]) {
    for _ in 0..LINK_TRIES {
        let mut flags: Request = [0; 40];
        flags[..name.len()].copy_from_slice(name);
        let asked = sys::ioctl(socket, SIOCGIFFLAGS, flags.as_mut_ptr() as usize);
        if asked.is_err() || flags[16] & IFF_RUNNING != 0 {
            return;
        }
        let _ = sys::poll(&mut [], LINK_TRY_MS);
    }
}

/// Raises the loopback interface.
pub fn raise_loopback() -> Result<(), Errno> {
    let socket = sys::inet_socket()?;
    let result = set_up(socket, b"lo", None, &[127, 0, 0, 1], 8);
    sys::close(socket);
    result
}

fn set_up(socket: Fd, name: &[u8], mac: Option<&[u8]>, address: &[u8], prefix: u8) -> Result<(), Errno> {
    let ask = |code: usize, request: &mut Request| sys::ioctl(socket, code, request.as_mut_ptr() as usize);
    let mut blank: Request = [0; 40];
    blank[..name.len()].copy_from_slice(name);
    let mut flags = blank;
    ask(SIOCGIFFLAGS, &mut flags)?;
    if let Some(mac) = mac {
        flags[16] &= !IFF_UP;
        ask(SIOCSIFFLAGS, &mut flags)?;
        let mut request = blank;
        request[16] = ARPHRD_ETHER;
        request[18..24].copy_from_slice(mac);
        ask(SIOCSIFHWADDR, &mut request)?;
    }
    let mask = if prefix == 0 { 0 } else { u32::MAX << (32 - u32::from(prefix)) };
    for (code, value) in [(SIOCSIFADDR, address), (SIOCSIFNETMASK, &mask.to_be_bytes()[..])] {
        let mut request = blank;
        request[16] = AF_INET;
        request[20..24].copy_from_slice(value);
        ask(code, &mut request)?;
    }
    flags[16] |= IFF_UP;
    ask(SIOCSIFFLAGS, &mut flags).map(drop)
}
