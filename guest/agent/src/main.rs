//! PID 1 of a Multivac image: boots from the initramfs into the image's root, then serves the control
//! channel and a shell on the console.
//!
//! A static Linux program without a C library: `_start` is where the kernel enters it.

#![no_std]
#![no_main]

mod args;
mod boot;
mod cmdline;
mod files;
mod identity;
mod jobs;
mod log;
mod port;
mod relay;
mod remote;
mod serve;
mod shutdown;
mod spawn;
mod sys;
mod text;
#[path = "../../../crates/cluster/src/control/wire.rs"]
#[allow(dead_code, reason = "both ends share the file; each uses its half")]
mod wire;

use core::cell::UnsafeCell;
use core::ffi::CStr;
use core::mem::MaybeUninit;
use serve::State;
use text::Text;

/// The agent's memory, in .bss.
struct Memory(UnsafeCell<MaybeUninit<State>>);
// SAFETY: the program has one thread.
unsafe impl Sync for Memory {}
static MEMORY: Memory = Memory(UnsafeCell::new(MaybeUninit::zeroed()));

core::arch::global_asm!(
    ".globl _start",
    "_start:",
    "mv a0, sp",
    "andi sp, sp, -16",
    "call {main}",
    main = sym main,
);

/// `stack` is where the kernel put the number of arguments and, behind it, pointers to them.
extern "C" fn main(stack: *const usize) -> ! {
    // SAFETY: the kernel's contract with a program that it starts.
    let arguments = unsafe { args::Args::new(stack) };
    if arguments.program() == remote::PROGRAM {
        remote::run(arguments);
    }

    // SAFETY: `main` runs once, so this is the only reference; every field of `State` is an integer,
    // an array of integers, a bool or an `Option` of integers, for which zero is a value.
    let state = unsafe { (*MEMORY.0.get()).assume_init_mut() };
    State::hold_child_signal();
    if let Err(failure) = boot::mount_kernel_views() {
        log!("{}: error {}", failure.step, failure.errno);
    }
    let options = cmdline::Options::read();
    boot::load_modules(false);
    boot::load_modules(true);
    state.attach(port::open());
    if let Err(errno) = identity::raise_loopback() {
        log!("raising the loopback interface: error {errno}");
    }
    if let Err(failure) = boot::enter_root(options.get(b"root")) {
        fail(state, failure.step, failure.errno);
    }
    boot::mount_shares();
    if let Some(name) = options.get(b"hostname").or(image_host_name().as_ref().map(|name| name.trimmed())) {
        let _ = sys::set_host_name(name);
    }
    let shell = match (options.get(b"init"), options.get(b"shell")) {
        (Some(init), _) => match spawn::find_init(init) {
            Some(program) => hand_over(program.c_str()),
            None => fail(state, "looking for the image's init", sys::ENOENT),
        },
        (None, Some(b"none")) => 0,
        (None, terminal) => start_shell(terminal),
    };
    state.serve(shell)
}

/// Says what kept the image from running, on the console and to the host, and ends the machine.
fn fail(state: &mut State, step: &str, errno: sys::Errno) -> ! {
    log!("{step}: error {errno}");
    let mut text = Text::<128>::new();
    let _ = core::fmt::Write::write_fmt(&mut text, format_args!("{step}: error {errno}"));
    state.report_failure(text.bytes());
    sys::power(false)
}

fn image_host_name() -> Option<Text<64>> {
    files::read(c"/etc/hostname").ok().filter(|name: &Text<64>| !name.trimmed().is_empty())
}

/// Starts the shell on the named terminal, or on the console that the kernel uses.
fn start_shell(terminal: Option<&[u8]>) -> i32 {
    let active = files::read::<128>(c"/sys/class/tty/console/active").unwrap_or(Text::new());
    let last = active.trimmed().rsplit(|byte| *byte == b' ').next().filter(|name| !name.is_empty());
    let device = Text::<64>::of(&[b"/dev/", terminal.or(last).unwrap_or(b"console")]);
    match spawn::shell(device.c_str()) {
        Ok(pid) => pid,
        Err(errno) => {
            log!("starting a shell: error {errno}");
            0
        }
    }
}

/// Leaves PID 1 to the image's own init and goes on as its child, without a shell (0).
fn hand_over(program: &CStr) -> i32 {
    match sys::fork() {
        Ok(0) => sys::new_session(),
        Ok(_) => {
            let errno = spawn::turn_into(program);
            log!("running the image's init: error {errno}");
            sys::power(false)
        }
        Err(errno) => log!("leaving PID 1: error {errno}"),
    }
    0
}

#[panic_handler]
fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
    log!("agent: {info}");
    sys::sync();
    sys::power(false)
}
