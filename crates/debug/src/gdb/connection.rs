//! Sockets to gdb, over TCP or in the file system, with whole packets in each write.

use super::address::{Address, Place};
use gdbstub::conn::{Connection, ConnectionExt};
use std::cell::Cell;
use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Result, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;

/// Waits for gdb.
pub(super) enum Listener {
    Tcp(TcpListener),
    Unix {
        listener: UnixListener,
        path: PathBuf,
    },
    /// Has come already; nobody else does.
    Come(Cell<Option<UnixStream>>),
}

impl Listener {
    /// Errors: the host's. A socket that a run left behind is replaced, any other file is not.
    pub(super) fn bind(address: &Address) -> Result<Listener> {
        match &address.place {
            Place::Tcp(place) => Ok(Listener::Tcp(TcpListener::bind(place)?)),
            Place::Unix(path) => {
                let left_behind = UnixStream::connect(path)
                    .is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused);
                if left_behind {
                    std::fs::remove_file(path)?;
                }
                Ok(Listener::Unix { listener: UnixListener::bind(path)?, path: path.clone() })
            }
        }
    }

    /// Host and port, over TCP.
    pub(super) fn address(&self) -> Option<SocketAddr> {
        match self {
            Listener::Tcp(listener) => listener.local_addr().ok(),
            Listener::Unix { .. } | Listener::Come(_) => None,
        }
    }

    pub(super) fn accept(&self) -> Result<Conn> {
        let socket = match self {
            Listener::Tcp(listener) => {
                let (stream, _) = listener.accept()?;
                stream.set_nodelay(true)?;
                Socket::Tcp(stream)
            }
            Listener::Unix { listener, .. } => Socket::Unix(listener.accept()?.0),
            Listener::Come(stream) => Socket::Unix(stream.take().ok_or(ErrorKind::NotConnected)?),
        };
        Ok(Conn { socket, heard: VecDeque::new(), said: Vec::new() })
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Listener::Unix { path, .. } = self {
            // On the way out there is nothing else to try.
            let _ = std::fs::remove_file(path);
        }
    }
}

enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Socket {
    fn set_nonblocking(&self, on: bool) -> Result<()> {
        match self {
            Socket::Tcp(stream) => stream.set_nonblocking(on),
            Socket::Unix(stream) => stream.set_nonblocking(on),
        }
    }

    fn read(&mut self, into: &mut [u8]) -> Result<usize> {
        match self {
            Socket::Tcp(stream) => Read::read(stream, into),
            Socket::Unix(stream) => Read::read(stream, into),
        }
    }

    fn write_all(&mut self, bytes: &[u8]) -> Result<()> {
        match self {
            Socket::Tcp(stream) => Write::write_all(stream, bytes),
            Socket::Unix(stream) => Write::write_all(stream, bytes),
        }
    }
}

/// A gdb that has come.
pub(super) struct Conn {
    socket: Socket,
    heard: VecDeque<u8>,
    said: Vec<u8>,
}

impl Conn {
    /// Reads what there is; with `wait`, at least a byte.
    fn hear(&mut self, wait: bool) -> Result<()> {
        self.socket.set_nonblocking(!wait)?;
        let mut buffer = [0; 4096];
        let read = self.socket.read(&mut buffer);
        self.socket.set_nonblocking(false)?;
        match read {
            Ok(0) => Err(ErrorKind::UnexpectedEof.into()),
            Ok(length) => {
                self.heard.extend(&buffer[..length]);
                Ok(())
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock && !wait => Ok(()),
            Err(error) if error.kind() == ErrorKind::Interrupted => Ok(()),
            Err(error) => Err(error),
        }
    }
}

impl Connection for Conn {
    type Error = std::io::Error;

    fn write(&mut self, byte: u8) -> Result<()> {
        self.said.push(byte);
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        self.socket.write_all(&self.said)?;
        self.said.clear();
        Ok(())
    }
}

impl ConnectionExt for Conn {
    fn read(&mut self) -> Result<u8> {
        loop {
            if let Some(byte) = self.heard.pop_front() {
                return Ok(byte);
            }
            self.hear(true)?;
        }
    }

    fn peek(&mut self) -> Result<Option<u8>> {
        if self.heard.is_empty() {
            self.hear(false)?;
        }
        Ok(self.heard.front().copied())
    }
}
