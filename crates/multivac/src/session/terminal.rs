//! The user's terminal in raw mode while a guest's console is on it, restored on every way out.

use rustix::termios::{self, OptionalActions, Termios};
use std::io::{IsTerminal, stdin, stdout};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// A terminal in raw mode; dropping it restores what was.
pub(super) struct Raw {
    before: Termios,
}

impl Raw {
    /// Puts the terminal on standard input into raw mode; `None` when there is none.
    pub(super) fn enter() -> Option<Raw> {
        if !stdin().is_terminal() {
            return None;
        }
        let before = termios::tcgetattr(stdin()).ok()?;
        let mut raw = before.clone();
        raw.make_raw();
        termios::tcsetattr(stdin(), OptionalActions::Now, &raw).ok()?;
        Some(Raw { before })
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        // On the way out there is nothing else to try.
        let _ = termios::tcsetattr(stdin(), OptionalActions::Now, &self.before);
    }
}

/// Columns and rows of the terminal that shows the console, where one does.
pub(super) fn size() -> Option<(u16, u16)> {
    if !stdin().is_terminal() || !stdout().is_terminal() {
        return None;
    }
    let size = termios::tcgetwinsize(stdout()).ok()?;
    (size.ws_col > 0 && size.ws_row > 0).then_some((size.ws_col, size.ws_row))
}

/// Signals that ask the process to end, heard as a number instead.
pub(super) struct Signals {
    heard: Arc<AtomicUsize>,
}

impl Signals {
    /// Listens for interrupt, termination and hang-up. With `insist`, a second signal ends the process at once;
    /// a terminal in raw mode would then stay as it is.
    pub(super) fn listen(insist: bool) -> std::io::Result<Signals> {
        use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
        let heard = Arc::new(AtomicUsize::new(0));
        let again = Arc::new(AtomicBool::new(false));
        for (signal, number) in [(SIGINT, 2), (SIGTERM, 15), (SIGHUP, 1)] {
            if insist {
                signal_hook::flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&again))?;
                signal_hook::flag::register(signal, Arc::clone(&again))?;
            }
            signal_hook::flag::register_usize(signal, Arc::clone(&heard), number)?;
        }
        Ok(Signals { heard })
    }

    /// The exit status that a signal heard so far asks for: 128 and its number.
    pub(super) fn status(&self) -> Option<u8> {
        self.teller()()
    }

    /// Tells the same from any thread.
    pub(super) fn teller(&self) -> impl Fn() -> Option<u8> + Send + use<> {
        let heard = Arc::clone(&self.heard);
        move || match heard.load(Ordering::Relaxed) {
            0 => None,
            number => Some(u8::try_from(128 + number).unwrap_or(u8::MAX)),
        }
    }
}
