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
const ARPHRD_ETHER: u8 = 1;
const AF_INET: u8 = 2;
const INTERFACE: &[u8] = b"eth0";

/// `struct ifreq`: a name of 16 bytes, then what the request is about.
type Request = [u8; 40];

/// Takes the identity of an `IDENTITY` payload. Does all it can, and returns the first error.
pub fn take(payload: &[u8]) -> Result<(), Errno> {
    let (fixed, name) = payload.split_first_chunk::<60>().ok_or(sys::EINVAL)?;
    let name = name.split(|byte| *byte == 0).next().unwrap_or(b"");
    let (mac, address, prefix) = (&fixed[..6], &fixed[6..10], fixed[10].min(32));
    let (machine, seed) = (&fixed[12..28], &fixed[28..60]);
    let steps = [
        host_name(name, address),
        machine_id(machine),
        random_seed(seed),
        boot_id(seed),
        network(mac, address, prefix),
    ];
    steps.into_iter().find(|step| step.is_err()).unwrap_or(Ok(()))
}

fn host_name(name: &[u8], address: &[u8]) -> Result<(), Errno> {
    if name.is_empty() {
        return Ok(());
    }
    sys::set_host_name(name)?;
    files::write(c"/etc/hostname", Text::<128>::of(&[name, b"\n"]).bytes())?;
    let mut hosts = Text::<256>::of(&[b"127.0.0.1 localhost\n"]);
    if address != [0; 4] {
        let _ = write!(hosts, "{}.{}.{}.{} ", address[0], address[1], address[2], address[3]);
        hosts.push(name);
        hosts.push(b"\n");
    }
    files::write(c"/etc/hosts", hosts.bytes())
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

/// Sets hardware address, address and mask of the first network interface; the hardware address with
/// the link down, for virtio-net does not take it otherwise.
fn network(mac: &[u8], address: &[u8], prefix: u8) -> Result<(), Errno> {
    if mac == [0; 6] && address == [0; 4] {
        return Ok(());
    }
    let socket = sys::inet_socket()?;
    let result = set_up(socket, b"lo", None, &[127, 0, 0, 1], 8)
        .and_then(|()| set_up(socket, INTERFACE, Some(mac).filter(|mac| *mac != [0; 6]), address, prefix));
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
