//! Commands that the host asked for: their processes and their three streams.

use crate::port::Output;
use crate::spawn;
use crate::sys::{self, Fd};
use crate::text::drop_front;
use crate::wire;

/// A command under way. `id` 0 marks a free slot.
pub struct Job {
    pub id: u32,
    pid: i32,
    /// Our end of its standard input; -1 once closed.
    pub stdin: Fd,
    /// Our ends of its standard output and error; -1 once at their end.
    pub streams: [Fd; 2],
    /// Input that its pipe has not taken yet.
    pending: [u8; wire::STDIN_WINDOW_BYTES],
    pending_len: usize,
    closing: bool,
    /// How it ended: kind and value of `EXITED`.
    ended: Option<(u32, u32)>,
}

impl Job {
    /// Starts the command that `payload` (of a `RUN` frame) describes, in this free slot.
    pub fn start(&mut self, id: u32, payload: &[u8], out: &mut Output) {
        self.id = id;
        self.stdin = -1;
        self.streams = [-1, -1];
        self.pending_len = 0;
        self.closing = false;
        self.ended = None;
        self.pid = 0;
        match spawn::command(payload) {
            Ok(process) => {
                self.pid = process.pid;
                self.stdin = process.stdin;
                self.streams = process.streams;
                for fd in [self.stdin, self.streams[0], self.streams[1]] {
                    let _ = sys::set_nonblocking(fd);
                }
            }
            Err(errno) => {
                out.send_words(wire::EXITED, id, &[wire::ENDED_NOT_STARTED, errno as u32]);
                self.id = 0;
            }
        }
    }

    /// Takes input from the host; more than the window allows is dropped.
    pub fn input(&mut self, bytes: &[u8]) {
        let room = self.pending.len() - self.pending_len;
        let bytes = &bytes[..bytes.len().min(room)];
        self.pending[self.pending_len..self.pending_len + bytes.len()].copy_from_slice(bytes);
        self.pending_len += bytes.len();
    }

    pub fn close_input(&mut self) {
        self.closing = true;
    }

    /// Is there input to write, or a close to carry out?
    pub fn wants_input(&self) -> bool {
        self.stdin >= 0 && self.pending_len > 0
    }

    /// Hands input on, and tells the host how much was taken.
    pub fn write_input(&mut self, out: &mut Output) {
        if self.stdin >= 0 && self.pending_len > 0 && out.room() >= 4 {
            match sys::write(self.stdin, &self.pending[..self.pending_len]) {
                Ok(n) => self.drop_input(n, out),
                Err(sys::EAGAIN | sys::EINTR) => {}
                // Nobody reads any more: the input goes nowhere, as with a closed pipe.
                Err(_) => {
                    self.drop_input(self.pending_len, out);
                    self.closing = true;
                }
            }
        }
        if self.stdin < 0 && self.pending_len > 0 && out.room() >= 4 {
            self.drop_input(self.pending_len, out);
        }
        if self.closing && self.pending_len == 0 && self.stdin >= 0 {
            sys::close(self.stdin);
            self.stdin = -1;
        }
    }

    fn drop_input(&mut self, n: usize, out: &mut Output) {
        drop_front(&mut self.pending[..self.pending_len], n);
        self.pending_len -= n;
        out.send_words(wire::CONSUMED, self.id, &[n as u32]);
    }

    /// Passes on what the job wrote, as far as the port has room.
    pub fn read_output(&mut self, out: &mut Output) {
        for (stream, kind) in self.streams.iter_mut().zip([wire::STDOUT, wire::STDERR]) {
            while *stream >= 0 && out.room() >= 4096 {
                match out.send_from(kind, self.id, *stream, wire::PAYLOAD_BYTES_MAX) {
                    Ok(n) if n > 0 => {}
                    Err(sys::EAGAIN) => break,
                    Err(sys::EINTR) => {}
                    _ => {
                        sys::close(*stream);
                        *stream = -1;
                    }
                }
            }
        }
    }

    /// Notes the end of process `pid`, if it is this job's.
    pub fn note_end(&mut self, pid: i32, status: u32) {
        if self.id != 0 && self.pid == pid {
            let signal = status & 0x7f;
            self.ended = Some(if signal == 0 {
                (wire::ENDED_STATUS, status >> 8 & 0xff)
            } else {
                (wire::ENDED_SIGNAL, signal)
            });
        }
    }

    /// Tells the host that the job ended, once what it wrote has been passed on. A process that it
    /// left behind may hold the streams open: they are not waited for.
    pub fn finish(&mut self, out: &mut Output) {
        let Some((kind, value)) = self.ended else { return };
        self.read_output(out);
        if out.room() < 4096 {
            return;
        }
        for fd in [self.stdin, self.streams[0], self.streams[1]] {
            if fd >= 0 {
                sys::close(fd);
            }
        }
        out.send_words(wire::EXITED, self.id, &[kind, value]);
        self.id = 0;
    }

    /// Closes this process's ends of the job's streams and forgets the job.
    pub fn disown(&mut self) {
        for fd in [self.stdin, self.streams[0], self.streams[1]] {
            if self.id != 0 && fd >= 0 {
                sys::close(fd);
            }
        }
        self.id = 0;
    }

    /// Sends a signal to the job's process group.
    pub fn signal(&self, number: u32) {
        if self.pid > 0 && self.ended.is_none() {
            let _ = sys::kill(-self.pid, number);
        }
    }
}
