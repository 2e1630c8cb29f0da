//! The loop: control frames, jobs' streams, ended children, in whatever order they come.

use crate::jobs::Job;
use crate::port::{Head, Input, Output};
use crate::sys::{self, Fd, PollFd};
use crate::{identity, relay, shutdown, wire};

/// All the memory that the agent works in; too large for a stack.
pub struct State {
    out: Output,
    input: Input,
    jobs: [Job; wire::JOBS_MAX],
    /// The control port's descriptor, where there is one.
    port: Option<Fd>,
    shell: i32,
    /// Where other nodes of the cluster call, once this one has an identity.
    listener: Option<Fd>,
    /// This process serves one connection, and ends with it.
    relays: bool,
}

const CHILD_ENDED: u64 = 1 << (sys::SIGCHLD - 1);

impl State {
    /// Blocks the signal that tells of ended children, so that [`State::serve`] can wait for it.
    pub fn hold_child_signal() {
        sys::set_signal_mask(CHILD_ENDED);
    }

    /// Greets the host on the control port, if there is one.
    pub fn attach(&mut self, port: Option<Fd>) {
        self.port = port;
        let Some(fd) = port else { return };
        self.out.attach(fd);
        self.input.attach(fd);
        self.out.send_words(wire::HELLO, 0, &[wire::VERSION]);
        self.out.flush();
    }

    /// Tells the host why there is no root.
    pub fn report_failure(&mut self, text: &[u8]) {
        if self.port.is_some() {
            self.out.send(wire::FAILED, 0, text);
            self.out.flush();
        }
    }

    /// Serves until the machine ends. The end of process `shell` (0: none) ends the machine.
    pub fn serve(&mut self, shell: i32) -> ! {
        self.shell = shell;
        if self.port.is_some() && !self.relays {
            self.out.send_words(wire::READY, 0, &[]);
        }
        let signals = sys::signal_fd(CHILD_ENDED).unwrap_or(-1);
        loop {
            self.reap();
            for job in self.jobs.iter_mut().filter(|job| job.id != 0) {
                job.write_input(&mut self.out);
                job.read_output(&mut self.out);
                job.finish(&mut self.out);
            }
            if self.port.is_some() {
                self.out.flush();
            }
            if self.relays
                && self.jobs.iter().all(|job| job.id == 0)
                && !self.out.pending()
                && self.input.began()
            {
                sys::exit(0);
            }
            self.wait(signals);
            if self.port.is_some() {
                let open = self.input.fill();
                self.take_frames();
                if self.relays && !open {
                    self.hang_up();
                }
            }
        }
    }

    /// Sleeps until there is something to do.
    fn wait(&mut self, signals: Fd) {
        let none = PollFd { fd: -1, events: 0, revents: 0 };
        let mut set = [none; 3 + 3 * wire::JOBS_MAX];
        set[0] = PollFd { fd: signals, events: sys::POLLIN, revents: 0 };
        if let Some(fd) = self.port {
            let write = if self.out.pending() { sys::POLLOUT } else { 0 };
            set[1] = PollFd { fd, events: sys::POLLIN | write, revents: 0 };
        }
        set[2] = PollFd { fd: self.listener.unwrap_or(-1), events: sys::POLLIN, revents: 0 };
        let room = self.out.room() >= 4096;
        for (slots, job) in set[3..].chunks_exact_mut(3).zip(&self.jobs).filter(|(_, job)| job.id != 0) {
            if job.wants_input() {
                slots[0] = PollFd { fd: job.stdin, events: sys::POLLOUT, revents: 0 };
            }
            for (slot, stream) in slots[1..].iter_mut().zip(job.streams) {
                let fd = if room { stream } else { -1 };
                *slot = PollFd { fd, events: sys::POLLIN, revents: 0 };
            }
        }
        let _ = sys::poll(&mut set, -1);
        // A port whose far end is gone reports so at once, again and again.
        if !self.relays && set[1].revents & (sys::POLLHUP | sys::POLLERR) != 0 {
            set[1].fd = -1;
            let _ = sys::poll(&mut set, 100);
        }
        if set[0].revents != 0 {
            let mut news = [0u8; 128];
            while sys::read(signals, &mut news).is_ok() {}
        }
        if set[2].revents != 0 {
            self.answer();
        }
    }

    /// Takes a call from another node: a copy of this process serves it.
    fn answer(&mut self) {
        let Some(Ok(connection)) = self.listener.map(sys::accept) else { return };
        if sys::fork() != Ok(0) {
            sys::close(connection);
            return;
        }
        for fd in [self.listener, self.port].into_iter().flatten() {
            sys::close(fd);
        }
        self.jobs.iter_mut().for_each(Job::disown);
        (self.listener, self.port, self.relays) = (None, Some(connection), true);
        self.out.attach(connection);
        self.input.attach(connection);
        self.serve(0)
    }

    /// The caller is gone: what it started has nobody to talk to.
    fn hang_up(&mut self) -> ! {
        const SIGHUP: u32 = 1;
        self.jobs.iter().filter(|job| job.id != 0).for_each(|job| job.signal(SIGHUP));
        sys::exit(1)
    }

    /// Collects every child that ended; as PID 1 that includes orphans.
    fn reap(&mut self) {
        while let Some((pid, status)) = sys::wait_any() {
            if pid == self.shell {
                shutdown::end_machine(false);
            }
            for job in &mut self.jobs {
                job.note_end(pid, status);
            }
        }
    }

    fn take_frames(&mut self) {
        while self.out.room() >= 4096 {
            let Some((head, payload)) = self.input.frame() else { return };
            if head.kind == wire::IDENTITY && !self.relays {
                let errno = identity::take(payload).err().unwrap_or(0);
                self.out.send_words(wire::IDENTIFIED, 0, &[errno as u32]);
                self.listener = self.listener.or_else(|| relay::listen().ok());
            } else if !self.relays || relay::may(head.kind) {
                take(&mut self.jobs, &mut self.out, head, payload);
            }
            self.input.consume(head);
        }
    }
}

/// Does what one frame asks.
fn take(jobs: &mut [Job], out: &mut Output, head: Head, payload: &[u8]) {
    let first_word = payload.first_chunk::<4>().map_or(0, |word| u32::from_le_bytes(*word));
    match head.kind {
        wire::RUN => match jobs.iter_mut().find(|job| job.id == 0) {
            Some(job) => job.start(head.job, payload, out),
            None => {
                let full = [wire::ENDED_NOT_STARTED, sys::EAGAIN as u32];
                out.send_words(wire::EXITED, head.job, &full);
            }
        },
        wire::PING => out.send(wire::PONG, 0, &payload[..payload.len().min(64)]),
        wire::SHUTDOWN => {
            out.flush();
            shutdown::end_machine(first_word == 1);
        }
        kind => {
            let Some(job) = jobs.iter_mut().find(|job| head.job != 0 && job.id == head.job) else { return };
            match kind {
                wire::STDIN => job.input(payload),
                wire::CLOSE_STDIN => job.close_input(),
                wire::SIGNAL => job.signal(first_word),
                _ => {}
            }
        }
    }
}
