//! Starting processes: the host's commands, the console's shell.

use crate::sys::{self, Errno, Fd};
use crate::text::Text;
use core::ffi::CStr;

const ENTRIES_MAX: usize = 2048;
/// What a command finds in its environment unless the host says otherwise.
///
/// The launchers of Open MPI and MPICH learn here that root is who uses a node, how to reach other nodes, and which there
/// are. The first of all is the path, the last is the terminal.
const ENVIRONMENT: [&CStr; 11] = [
    c"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    c"HOME=/root",
    c"LANG=C.UTF-8",
    c"OMPI_ALLOW_RUN_AS_ROOT=1",
    c"OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1",
    c"PRTE_ALLOW_RUN_AS_ROOT=1",
    c"PRTE_ALLOW_RUN_AS_ROOT_CONFIRM=1",
    c"HYDRA_LAUNCHER=ssh",
    c"HYDRA_LAUNCHER_EXEC=/usr/bin/multivac-rsh",
    c"HYDRA_HOST_FILE=/etc/multivac/nodes",
    c"TERM=dumb",
];

/// A started command and our ends of its streams.
pub struct Process {
    pub pid: i32,
    pub stdin: Fd,
    pub streams: [Fd; 2],
}

/// Pointers to zero-ended strings, ended by a null pointer.
struct Pointers {
    list: [*const u8; ENTRIES_MAX + 1],
    len: usize,
}

impl Pointers {
    const fn new() -> Pointers {
        Pointers { list: [core::ptr::null(); ENTRIES_MAX + 1], len: 0 }
    }

    fn push(&mut self, string: &CStr) -> Result<(), Errno> {
        if self.len == ENTRIES_MAX {
            return Err(sys::E2BIG);
        }
        self.list[self.len] = string.as_ptr().cast();
        self.len += 1;
        Ok(())
    }
}

/// Starts the command of a `RUN` payload with three pipes, in a session of its own.
pub fn command(payload: &[u8]) -> Result<Process, Errno> {
    let (argc, rest) = word(payload)?;
    let (envc, mut rest) = word(rest)?;
    let directory = string(&mut rest)?;
    let (mut argv, mut envp) = (Pointers::new(), Pointers::new());
    for _ in 0..argc {
        argv.push(string(&mut rest)?)?;
    }
    let mut given: &[u8] = rest;
    for _ in 0..envc {
        envp.push(string(&mut rest)?)?;
    }
    let mut path = ENVIRONMENT[0];
    for default in ENVIRONMENT {
        let key_end = default.to_bytes().iter().position(|byte| *byte == b'=').map_or(0, |at| at + 1);
        let key = &default.to_bytes()[..key_end];
        let mut scan = given;
        let mut found = None;
        for _ in 0..envc {
            let entry = string(&mut scan)?;
            if entry.to_bytes().starts_with(key) {
                found = Some(entry);
            }
        }
        match found {
            Some(entry) if key == b"PATH=" => path = entry,
            Some(_) => {}
            None => envp.push(default)?,
        }
    }
    given = &path.to_bytes()[b"PATH=".len()..];
    if argv.len == 0 {
        return Err(sys::EINVAL);
    }
    start(&argv, &envp, directory, given)
}

fn word(bytes: &[u8]) -> Result<(u32, &[u8]), Errno> {
    let (word, rest) = bytes.split_first_chunk::<4>().ok_or(sys::EINVAL)?;
    Ok((u32::from_le_bytes(*word), rest))
}

/// Takes the next zero-ended string off `rest`.
fn string<'a>(rest: &mut &'a [u8]) -> Result<&'a CStr, Errno> {
    let string = CStr::from_bytes_until_nul(rest).map_err(|_| sys::EINVAL)?;
    *rest = &rest[string.to_bytes_with_nul().len()..];
    Ok(string)
}

fn start(argv: &Pointers, envp: &Pointers, directory: &CStr, path: &[u8]) -> Result<Process, Errno> {
    let (stdin_theirs, stdin) = sys::pipe()?;
    let (stdout, stdout_theirs) = sys::pipe()?;
    let (stderr, stderr_theirs) = sys::pipe()?;
    // Closed by a successful exec; otherwise carries the error number.
    let (verdict, verdict_theirs) = sys::pipe()?;
    let pid = sys::fork()?;
    if pid == 0 {
        sys::new_session();
        sys::set_signal_mask(0);
        let streams = [(stdin_theirs, 0), (stdout_theirs, 1), (stderr_theirs, 2)];
        let errno = match streams.iter().try_for_each(|(from, to)| sys::dup_to(*from, *to)) {
            Ok(()) if directory.is_empty() => execute(argv, envp, path),
            Ok(()) => sys::chdir(directory).err().unwrap_or_else(|| execute(argv, envp, path)),
            Err(errno) => errno,
        };
        let _ = sys::write(verdict_theirs, &errno.to_le_bytes());
        sys::exit(127);
    }
    for fd in [stdin_theirs, stdout_theirs, stderr_theirs, verdict_theirs] {
        sys::close(fd);
    }
    let mut errno = [0u8; 4];
    let failed = sys::read(verdict, &mut errno) == Ok(4);
    sys::close(verdict);
    if failed {
        for fd in [stdin, stdout, stderr] {
            sys::close(fd);
        }
        return Err(i32::from_le_bytes(errno));
    }
    Ok(Process { pid, stdin, streams: [stdout, stderr] })
}

/// The program that is the image's init, searched for if its name has no slash.
pub fn find_init(name: &[u8]) -> Option<Text<256>> {
    const FOLDERS: [&[u8]; 6] =
        [b"/usr/sbin/", b"/usr/bin/", b"/sbin/", b"/bin/", b"/usr/lib/systemd/", b"/lib/systemd/"];
    let folders: &[&[u8]] = if name.contains(&b'/') { &[b""] } else { &FOLDERS };
    let programs = folders.iter().map(|folder| Text::of(&[folder, name]));
    programs.into_iter().find(|program: &Text<256>| sys::can_execute(program.c_str()))
}

/// Replaces this process by the program `argv[0]`, searched in `path` if its name has no slash.
fn execute(argv: &Pointers, envp: &Pointers, path: &[u8]) -> Errno {
    // SAFETY: `push` stored a pointer to a zero-ended string there, alive as long as the payload.
    let name = unsafe { CStr::from_ptr(argv.list[0].cast()) };
    // SAFETY: both lists end in the null pointer that `new` put behind the last entry.
    let try_at = |program: &CStr| unsafe {
        sys::execve(program.as_ptr().cast(), argv.list.as_ptr(), envp.list.as_ptr())
    };
    if name.to_bytes().contains(&b'/') {
        return try_at(name);
    }
    let mut worst = sys::ENOENT;
    for folder in path.split(|byte| *byte == b':') {
        let program = Text::<512>::of(&[folder, b"/", name.to_bytes()]);
        let errno = try_at(program.c_str());
        if errno != sys::ENOENT {
            worst = errno;
        }
    }
    worst
}

/// Starts a login shell on a terminal, in a session of its own.
pub fn shell(terminal: &CStr) -> Result<i32, Errno> {
    let pid = sys::fork()?;
    if pid != 0 {
        return Ok(pid);
    }
    sys::new_session();
    sys::set_signal_mask(0);
    if let Ok(fd) = sys::open(terminal, sys::O_RDWR) {
        const TIOCSCTTY: usize = 0x540e;
        let _ = sys::ioctl(fd, TIOCSCTTY, 0);
        for to in 0..3 {
            let _ = sys::dup_to(fd, to);
        }
        if fd > 2 {
            sys::close(fd);
        }
    }
    let _ = sys::chdir(c"/root");
    for program in [c"/bin/bash", c"/bin/sh", c"/bin/busybox"] {
        let name = if program == c"/bin/bash" { c"-bash" } else { c"-sh" };
        let (mut argv, mut envp) = (Pointers::new(), Pointers::new());
        let _ = argv.push(name);
        for entry in &ENVIRONMENT[..ENVIRONMENT.len() - 1] {
            let _ = envp.push(entry);
        }
        let _ = envp.push(c"TERM=vt220");
        // SAFETY: both lists end in the null pointer that `new` put behind the last entry.
        unsafe { sys::execve(program.as_ptr().cast(), argv.list.as_ptr(), envp.list.as_ptr()) };
    }
    sys::exit(127);
}

/// Replaces this process by a program of the image, searched in the path if its name has no slash.
pub fn turn_into(program: &CStr) -> Errno {
    let (mut argv, mut envp) = (Pointers::new(), Pointers::new());
    let _ = argv.push(program);
    for entry in &ENVIRONMENT[..2] {
        let _ = envp.push(entry);
    }
    sys::set_signal_mask(0);
    execute(&argv, &envp, &ENVIRONMENT[0].to_bytes()[b"PATH=".len()..])
}

/// Runs a program of the image to its end: whether it could be run and succeeded.
pub fn succeeds(program: &CStr) -> bool {
    match sys::fork() {
        Ok(0) => {
            turn_into(program);
            sys::exit(127)
        }
        Ok(pid) => sys::wait(pid) == Ok(0),
        Err(_) => false,
    }
}
