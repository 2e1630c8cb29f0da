//! Where gdb is listened for: `HOST:PORT` or the path of a socket, and how.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// A place to listen at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// Host and port.
    Tcp(String),
    /// A socket in the file system.
    Unix(PathBuf),
}

/// Where and how to listen, as in `localhost:1234,nowait`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// Where.
    pub place: Place,
    /// The node waits for gdb before its first instruction.
    pub waits: bool,
    /// The node stops when gdb goes, and waits for the next.
    pub holds: bool,
}

impl Address {
    /// The path of the socket, where it is in the file system.
    pub fn path(&self) -> Option<&Path> {
        match &self.place {
            Place::Tcp(_) => None,
            Place::Unix(path) => Some(path),
        }
    }

    /// Names the port that the host chose, where number 0 asked for any.
    pub fn settle(&mut self, chosen: SocketAddr) {
        match &mut self.place {
            Place::Tcp(name) if name.ends_with(":0") => *name = chosen.to_string(),
            Place::Tcp(_) | Place::Unix(_) => {}
        }
    }
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Address, String> {
        let mut words = text.split(',');
        let place = words.next().unwrap_or_default();
        let port = |text: &str| text.parse::<u16>().is_ok();
        let place = match place.rsplit_once(':') {
            _ if place.contains('/') => Place::Unix(PathBuf::from(place)),
            Some(("", digits)) if port(digits) => Place::Tcp(format!("127.0.0.1:{digits}")),
            Some((_, digits)) if port(digits) => Place::Tcp(place.to_owned()),
            _ => return Err("expected HOST:PORT, :PORT, or a socket's path with a `/` in it".to_owned()),
        };
        let mut address = Address { place, waits: true, holds: false };
        for word in words {
            match word {
                "nowait" => address.waits = false,
                "hold" => address.holds = true,
                other => return Err(format!("`{other}` is neither `nowait` nor `hold`")),
            }
        }
        Ok(address)
    }
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.place {
            Place::Tcp(place) => f.write_str(place),
            Place::Unix(path) => path.display().fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read() {
        let read = |text: &str| text.parse::<Address>();
        let local = read(":1234").unwrap();
        assert_eq!(local, Address { place: Place::Tcp("127.0.0.1:1234".into()), waits: true, holds: false });
        let named = read("host:99,nowait,hold").unwrap();
        assert_eq!((named.waits, named.holds, named.to_string()), (false, true, "host:99".to_owned()));
        assert_eq!(read("./x:1").unwrap().place, Place::Unix("./x:1".into()));
        for wrong in ["", "host", "host:", ":70000", ":1,wait", "12"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
