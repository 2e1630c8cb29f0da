//! An HTTP server on the loopback interface that closes connections early.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// Serves a folder until the process ends.
pub(crate) struct Server {
    port: u16,
    ranges: Arc<AtomicU32>,
}

impl Server {
    /// Starts serving; every connection ends after `bytes_max` bytes of content.
    pub(crate) fn start(folder: PathBuf, bytes_max: usize) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let ranges = Arc::new(AtomicU32::new(0));
        let counted = ranges.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // A client may leave at any time.
                let _ = answer(stream, &folder, bytes_max, &counted);
            }
        });
        Server { port, ranges }
    }

    /// The mirror's address.
    pub(crate) fn address(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// How many requests asked for a part.
    pub(crate) fn ranges(&self) -> u32 {
        self.ranges.load(Ordering::Relaxed)
    }
}

fn answer(mut stream: TcpStream, folder: &Path, bytes_max: usize, ranges: &AtomicU32) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let request = lines.next().transpose()?.unwrap_or_default();
    let mut from = 0;
    for line in lines {
        let line = line?.to_ascii_lowercase();
        if let Some(start) = line.strip_prefix("range: bytes=").and_then(|range| range.split('-').next()) {
            from = start.parse().unwrap_or(0);
            ranges.fetch_add(1, Ordering::Relaxed);
        }
        if line.is_empty() {
            break;
        }
    }
    let path = request.split(' ').nth(1).unwrap_or("/").trim_start_matches('/');
    let Ok(content) = std::fs::read(folder.join(path)) else {
        return stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    };
    let rest = &content[from.min(content.len())..];
    let status = if from > 0 { "206 Partial Content" } else { "200 OK" };
    let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", rest.len());
    stream.write_all(head.as_bytes())?;
    stream.write_all(&rest[..rest.len().min(bytes_max)])
}
