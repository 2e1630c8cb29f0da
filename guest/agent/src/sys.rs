//! Linux system calls by number, for a program without a C library.
//!
//! Invariant: every wrapper returns `Err(errno)` for the kernel's negative results. Paths are
//! byte strings that end in a zero byte (`c"..."` literals or [`CStr`]).

use core::arch::asm;
use core::ffi::CStr;

/// A Linux error number.
pub type Errno = i32;
/// A file descriptor.
pub type Fd = i32;

pub const ENOENT: Errno = 2;
pub const EINTR: Errno = 4;
pub const EAGAIN: Errno = 11;
pub const EEXIST: Errno = 17;
pub const ENODEV: Errno = 19;
pub const EINVAL: Errno = 22;
pub const ECONNREFUSED: Errno = 111;
pub const E2BIG: Errno = 7;

pub const O_RDONLY: usize = 0;
pub const O_WRONLY: usize = 1;
pub const O_RDWR: usize = 2;
pub const O_CREAT: usize = 0o100;
pub const O_TRUNC: usize = 0o1000;
pub const O_NONBLOCK: usize = 0o4000;
pub const O_DIRECTORY: usize = 0o200000;
pub const O_CLOEXEC: usize = 0o2000000;

pub const POLLIN: i16 = 1;
pub const POLLOUT: i16 = 4;
pub const POLLERR: i16 = 8;
pub const POLLHUP: i16 = 16;

pub const MS_MOVE: usize = 8192;
pub const MS_BIND: usize = 4096;
pub const SIGCHLD: usize = 17;

const AT_FDCWD: usize = -100isize as usize;

/// One entry of a poll set.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct PollFd {
    pub fd: Fd,
    pub events: i16,
    pub revents: i16,
}

/// Makes system call `number`.
///
/// # Safety
/// Pointers among the arguments must be valid for what the call does with them.
unsafe fn call(number: usize, a: [usize; 6]) -> Result<usize, Errno> {
    let result: isize;
    // SAFETY: the kernel keeps every register but a0, which is declared; the memory it may touch is
    // the caller's promise.
    unsafe {
        asm!("ecall", in("a7") number, inlateout("a0") a[0] => result, in("a1") a[1], in("a2") a[2],
            in("a3") a[3], in("a4") a[4], in("a5") a[5]);
    }
    if (-4095..0).contains(&result) { Err(-result as Errno) } else { Ok(result as usize) }
}

macro_rules! syscall {
    ($number:literal $(, $arg:expr)*) => {{
        let given = [$($arg as usize),*];
        let mut args = [0usize; 6];
        args[..given.len()].copy_from_slice(&given);
        // SAFETY: every wrapper below passes pointers that come from live references with their
        // own lengths, or pointers that its own contract vouches for.
        unsafe { call($number, args) }
    }};
}

pub fn read(fd: Fd, buffer: &mut [u8]) -> Result<usize, Errno> {
    syscall!(63, fd, buffer.as_mut_ptr(), buffer.len())
}

pub fn write(fd: Fd, bytes: &[u8]) -> Result<usize, Errno> {
    syscall!(64, fd, bytes.as_ptr(), bytes.len())
}

/// Writes all of `bytes` to a blocking descriptor.
pub fn write_all(fd: Fd, mut bytes: &[u8]) -> Result<(), Errno> {
    while !bytes.is_empty() {
        match write(fd, bytes) {
            Ok(n) => bytes = &bytes[n..],
            Err(EINTR) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}

pub fn open(path: &CStr, flags: usize) -> Result<Fd, Errno> {
    syscall!(56, AT_FDCWD, path.as_ptr(), flags, 0o644).map(|fd| fd as Fd)
}

pub fn can_execute(path: &CStr) -> bool {
    const X_OK: usize = 1;
    syscall!(48, AT_FDCWD, path.as_ptr(), X_OK).is_ok()
}

pub fn close(fd: Fd) {
    let _ = syscall!(57, fd);
}

pub fn dup_to(from: Fd, to: Fd) -> Result<(), Errno> {
    syscall!(24, from, to, 0).map(drop)
}

/// A pipe whose both ends close on exec: (read end, write end).
pub fn pipe() -> Result<(Fd, Fd), Errno> {
    let mut ends: [Fd; 2] = [0; 2];
    syscall!(59, ends.as_mut_ptr(), O_CLOEXEC)?;
    Ok((ends[0], ends[1]))
}

pub fn set_nonblocking(fd: Fd) -> Result<(), Errno> {
    const F_SETFL: usize = 4;
    syscall!(25, fd, F_SETFL, O_NONBLOCK).map(drop)
}

pub fn mkdir(path: &CStr) -> Result<(), Errno> {
    match syscall!(34, AT_FDCWD, path.as_ptr(), 0o755) {
        Err(EEXIST) => Ok(()),
        other => other.map(drop),
    }
}

pub fn symlink(target: &CStr, path: &CStr) -> Result<(), Errno> {
    syscall!(36, target.as_ptr(), AT_FDCWD, path.as_ptr()).map(drop)
}

pub fn unlink(path: &CStr, directory: bool) -> Result<(), Errno> {
    syscall!(35, AT_FDCWD, path.as_ptr(), if directory { 0x200 } else { 0 }).map(drop)
}

pub fn mount(source: &CStr, target: &CStr, kind: &CStr, flags: usize, data: &CStr) -> Result<(), Errno> {
    syscall!(40, source.as_ptr(), target.as_ptr(), kind.as_ptr(), flags, data.as_ptr()).map(drop)
}

pub fn unmount(target: &CStr) -> Result<(), Errno> {
    syscall!(39, target.as_ptr(), 0).map(drop)
}

pub fn chdir(path: &CStr) -> Result<(), Errno> {
    syscall!(49, path.as_ptr()).map(drop)
}

pub fn chroot(path: &CStr) -> Result<(), Errno> {
    syscall!(51, path.as_ptr()).map(drop)
}

/// Reads directory entries (`struct linux_dirent64`) into `buffer`.
pub fn read_directory(fd: Fd, buffer: &mut [u8]) -> Result<usize, Errno> {
    syscall!(61, fd, buffer.as_mut_ptr(), buffer.len())
}

/// Waits for one of `set`, for at most `timeout_ms` (negative: for ever).
pub fn poll(set: &mut [PollFd], timeout_ms: i64) -> Result<usize, Errno> {
    let time = [timeout_ms / 1000, timeout_ms % 1000 * 1_000_000];
    let pointer = if timeout_ms < 0 { core::ptr::null() } else { time.as_ptr() };
    syscall!(73, set.as_mut_ptr(), set.len(), pointer, 0, 8)
}

/// Blocks the signals in `mask` (bit n-1 is signal n) for this thread.
pub fn set_signal_mask(mask: u64) {
    const SIG_SETMASK: usize = 2;
    let _ = syscall!(135, SIG_SETMASK, &mask as *const u64, 0, 8);
}

/// A descriptor that is readable while a signal of `mask` is pending.
pub fn signal_fd(mask: u64) -> Result<Fd, Errno> {
    syscall!(74, -1isize, &mask as *const u64, 8, O_CLOEXEC | O_NONBLOCK).map(|fd| fd as Fd)
}

/// Copies the process: `Ok(0)` in the child, the child's id in the parent.
pub fn fork() -> Result<i32, Errno> {
    syscall!(220, SIGCHLD, 0, 0, 0, 0).map(|pid| pid as i32)
}

/// Runs another program here; returns only on failure.
///
/// # Safety
/// `argv` and `envp` must be arrays of pointers to zero-ended strings, ended by a null pointer.
pub unsafe fn execve(path: *const u8, argv: *const *const u8, envp: *const *const u8) -> Errno {
    syscall!(221, path, argv, envp).err().unwrap_or(EINVAL)
}

/// Takes the end of any child: its id and wait status, or `None` when none has ended.
pub fn wait_any() -> Option<(i32, u32)> {
    const WNOHANG: usize = 1;
    let mut status = 0u32;
    match syscall!(260, -1isize, &mut status as *mut u32, WNOHANG, 0) {
        Ok(pid) if pid > 0 => Some((pid as i32, status)),
        _ => None,
    }
}

/// Takes the ends of children, and says whether some still run.
pub fn children_left() -> bool {
    const WNOHANG: usize = 1;
    while wait_any().is_some() {}
    syscall!(260, -1isize, 0, WNOHANG, 0).is_ok()
}

/// Waits for the end of child `pid`: its wait status.
pub fn wait(pid: i32) -> Result<u32, Errno> {
    let mut status = 0u32;
    syscall!(260, pid as isize, &mut status as *mut u32, 0, 0).map(|_| status)
}

pub fn process_id() -> i32 {
    syscall!(172).unwrap_or(0) as i32
}

pub fn exit(code: i32) -> ! {
    loop {
        let _ = syscall!(94, code);
    }
}

pub fn kill(pid: i32, signal: u32) -> Result<(), Errno> {
    syscall!(129, pid as isize, signal).map(drop)
}

pub fn new_session() {
    let _ = syscall!(157);
}

pub fn ioctl(fd: Fd, request: usize, argument: usize) -> Result<usize, Errno> {
    syscall!(29, fd, request, argument)
}

/// A datagram socket of the Internet family, for interface ioctls.
pub fn inet_socket() -> Result<Fd, Errno> {
    syscall!(198, 2, 2 | O_CLOEXEC, 0).map(|fd| fd as Fd)
}

/// A stream socket of the Internet family; `flags` beside close-on-exec, `O_NONBLOCK` for one.
pub fn stream_socket(flags: usize) -> Result<Fd, Errno> {
    syscall!(198, 2, 1 | O_CLOEXEC | flags, 0).map(|fd| fd as Fd)
}

/// `struct sockaddr_in`.
fn socket_address(address: [u8; 4], port: u16) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[0] = 2;
    bytes[2..4].copy_from_slice(&port.to_be_bytes());
    bytes[4..8].copy_from_slice(&address);
    bytes
}

/// Listens on a port of all addresses.
pub fn listen(fd: Fd, port: u16) -> Result<(), Errno> {
    const SOL_SOCKET: usize = 1;
    const SO_REUSEADDR: usize = 2;
    const BACKLOG: usize = 128;
    syscall!(208, fd, SOL_SOCKET, SO_REUSEADDR, &1u32 as *const u32, 4)?;
    let address = socket_address([0; 4], port);
    syscall!(200, fd, address.as_ptr(), address.len())?;
    syscall!(201, fd, BACKLOG).map(drop)
}

/// The next connection, which does not block.
pub fn accept(fd: Fd) -> Result<Fd, Errno> {
    syscall!(242, fd, 0, 0, O_CLOEXEC | O_NONBLOCK).map(|fd| fd as Fd)
}

pub fn connect(fd: Fd, address: [u8; 4], port: u16) -> Result<(), Errno> {
    let address = socket_address(address, port);
    syscall!(203, fd, address.as_ptr(), address.len()).map(drop)
}

pub fn set_host_name(name: &[u8]) -> Result<(), Errno> {
    syscall!(161, name.as_ptr(), name.len()).map(drop)
}

pub fn sync() {
    let _ = syscall!(81);
}

/// Restarts the machine or cuts its power, at once.
pub fn power(restart: bool) -> ! {
    let command: usize = if restart { 0x0123_4567 } else { 0x4321_fedc };
    let _ = syscall!(142, 0xfee1_deadu32, 672_274_793, command, 0);
    loop {
        let _ = poll(&mut [], 1000);
    }
}

pub fn load_module(fd: Fd) -> Result<(), Errno> {
    match syscall!(273, fd, c"".as_ptr(), 0) {
        Err(EEXIST) => Ok(()),
        other => other.map(drop),
    }
}
