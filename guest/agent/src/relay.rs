//! Commands from other nodes of the cluster, over TCP.
//!
//! A node with an identity listens on [`wire::RELAY_PORT`]. Whoever connects speaks the control channel's frames and
//! may run one command; nobody is asked who they are. The cluster's network joins its own nodes and nothing else, and
//! one person owns them all: that network is the boundary of trust. Without an identity a node does not listen.

use crate::sys::{self, Errno, Fd};
use crate::wire;

/// Begins to listen.
pub fn listen() -> Result<Fd, Errno> {
    let fd = sys::stream_socket(sys::O_NONBLOCK)?;
    match sys::listen(fd, wire::RELAY_PORT) {
        Ok(()) => Ok(fd),
        Err(errno) => {
            sys::close(fd);
            Err(errno)
        }
    }
}

/// May a frame of this kind come from another node? What concerns the machine as a whole comes from the host only.
pub fn may(kind: u32) -> bool {
    [wire::RUN, wire::STDIN, wire::CLOSE_STDIN, wire::SIGNAL].contains(&kind)
}
