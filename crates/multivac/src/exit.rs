//! Exit codes and the one error type of the command line.

use std::fmt;
use std::io::{self, Write};
use std::process::ExitCode;

/// What the process tells its parent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// All went well.
    Ok,
    /// The command line is off.
    Usage,
    /// A configuration file or value is off.
    Config,
    /// An image, kernel, program or other guest file is missing or damaged.
    Image,
    /// The host refused something: memory, a file, a thread.
    Host,
    /// The guest ended badly.
    GuestFailed,
    /// Two engines, or a run and its replay, disagree.
    Divergence,
    /// A time or instruction limit was reached.
    TimeOut,
    /// The guest command's own exit status.
    Guest(u8),
}

impl Exit {
    /// The number.
    pub(crate) fn code(self) -> u8 {
        match self {
            Exit::Ok => 0,
            Exit::Usage => 2,
            Exit::Config => 3,
            Exit::Image => 4,
            Exit::Host => 5,
            Exit::GuestFailed => 6,
            Exit::Divergence => 7,
            Exit::TimeOut => 124,
            Exit::Guest(status) => status,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit.code())
    }
}

/// An error that ends the process: what went wrong, and the way out.
///
/// Invariant: `text` is complete and ready to print (place, cause, help), without a final newline.
#[derive(Debug)]
pub(crate) struct Failure {
    /// The exit code.
    pub(crate) exit: Exit,
    /// What a person reads.
    pub(crate) text: String,
}

impl Failure {
    /// A failure with one line of cause and one of help.
    pub(crate) fn new(exit: Exit, cause: impl fmt::Display, help: impl fmt::Display) -> Failure {
        let help = help.to_string();
        let text = if help.is_empty() {
            format!("error: {cause}")
        } else {
            format!("error: {cause}\n  help: {help}")
        };
        Failure { exit, text }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Ends the process when what it prints is not taken, at which printing would panic: quietly when nobody reads any more, as
/// in `multivac topology | head`, else with [`Exit::Host`].
pub(crate) fn end_when_printing_fails() {
    let otherwise = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        let message = info.payload().downcast_ref::<String>().map_or("", String::as_str);
        let Some(refusal) = message.strip_prefix("failed printing to ") else { return otherwise(info) };
        if refusal.contains("Broken pipe") {
            std::process::exit(Exit::Ok.code().into());
        }
        if refusal.starts_with("stdout") {
            let _ = writeln!(std::io::stderr(), "error: cannot write to {refusal}");
        }
        std::process::exit(Exit::Host.code().into());
    }));
}

/// What writing to a standard stream came to; a reader that went away is no failure.
///
/// Errors: the host's.
pub(crate) fn printed(written: io::Result<()>) -> Result<(), Failure> {
    match written {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::new(Exit::Host, format!("cannot write to stdout: {error}"), ""))
        }
        _ => Ok(()),
    }
}
