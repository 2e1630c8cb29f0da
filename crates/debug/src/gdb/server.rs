//! The protocol's thread: one gdb after the other.

use super::connection::{Conn, Listener};
use super::link::{Far, Gone, Request, Word};
use super::target::{Facts, Target, tid_of};
use gdbstub::common::Signal;
use gdbstub::conn::ConnectionExt;
use gdbstub::stub::run_blocking::{BlockingEventLoop, Event, WaitForStopReasonError};
use gdbstub::stub::{DisconnectReason, GdbStub, MultiThreadStopReason};
use gdbstub::target::ext::breakpoints::WatchKind;
use machine::debug::{StopReason, Watch};
use std::marker::PhantomData;
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

/// The longest packet, either way.
const PACKET_BYTES: usize = 1 << 14;
/// How long a wait for the node goes on without a look at what gdb says.
const NAP: Duration = Duration::from_millis(2);

/// Serves until the run ends.
pub(super) fn serve(listener: &Listener, far: &Far, facts: &Facts) {
    while let Ok(conn) = listener.accept() {
        while far.words.try_recv().is_ok() {}
        if far.request(Request::Attach).is_err() {
            return;
        }
        let Ok(stub) = GdbStub::builder(conn).packet_buffer_size(PACKET_BYTES).build() else { return };
        let mut target = Target::new(far, facts);
        let farewell = match stub.run_blocking::<Events<'_>>(&mut target) {
            Ok(DisconnectReason::Kill) => Request::Kill,
            Ok(DisconnectReason::TargetExited(_) | DisconnectReason::TargetTerminated(_)) => {
                let _ = far.parting.send(());
                return;
            }
            // A connection that breaks, or talks nonsense, is one that has gone.
            Ok(DisconnectReason::Disconnect) | Err(_) => Request::Detach,
        };
        if far.request(farewell).is_err() {
            return;
        }
    }
}

/// What happens while the node runs.
struct Events<'a>(PhantomData<&'a ()>);

impl<'a> BlockingEventLoop for Events<'a> {
    type Target = Target<'a>;
    type Connection = Conn;
    type StopReason = MultiThreadStopReason<u64>;

    fn wait_for_stop_reason(
        target: &mut Target<'a>,
        conn: &mut Conn,
    ) -> Result<Event<MultiThreadStopReason<u64>>, WaitForStopReasonError<Gone, std::io::Error>> {
        loop {
            match target.far.words.recv_timeout(NAP) {
                Ok(word) => return Ok(Event::TargetStopped(reason_of(word))),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Err(WaitForStopReasonError::Target(Gone)),
            }
            if conn.peek().map_err(WaitForStopReasonError::Connection)?.is_some() {
                let byte = conn.read().map_err(WaitForStopReasonError::Connection)?;
                return Ok(Event::IncomingData(byte));
            }
        }
    }

    fn on_interrupt(target: &mut Target<'a>) -> Result<Option<MultiThreadStopReason<u64>>, Gone> {
        target.far.request(Request::Interrupt)?;
        Ok(None)
    }
}

fn reason_of(word: Word) -> MultiThreadStopReason<u64> {
    let signal = |hart, signal| MultiThreadStopReason::SignalWithThread { tid: tid_of(hart), signal };
    match word {
        Word::Stopped(stop) => match stop.reason {
            StopReason::Breakpoint => MultiThreadStopReason::SwBreak(tid_of(stop.hart)),
            StopReason::Stepped => signal(stop.hart, Signal::SIGTRAP),
            StopReason::Watchpoint { point } => MultiThreadStopReason::Watch {
                tid: tid_of(stop.hart),
                kind: match point.watch {
                    Watch::Store => WatchKind::Write,
                    Watch::Load => WatchKind::Read,
                    Watch::Access => WatchKind::ReadWrite,
                },
                addr: point.span.start,
            },
        },
        Word::Interrupted { hart } => signal(hart, Signal::SIGINT),
        Word::Failed { hart } => signal(hart, Signal::SIGABRT),
        Word::Exited { status } => MultiThreadStopReason::Exited(status),
    }
}
