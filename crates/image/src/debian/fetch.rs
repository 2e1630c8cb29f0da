//! Fetches files of the archive into a cache that is ordered by content.
//!
//! Invariant: a file named by a checksum in the cache has that checksum: it is renamed there after it
//! was checked. A transfer that is cut off leaves a `.part`, from which the next one goes on.

use crate::debian::mirror::Mirror;
use crate::sha256::Hasher;
use crate::{ImageError, Progress, Sha256};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Fetches from one mirror through one cache.
pub struct Fetcher {
    mirror: Mirror,
    cache: PathBuf,
    agent: ureq::Agent,
}

impl std::fmt::Debug for Fetcher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fetcher").field("mirror", &self.mirror).field("cache", &self.cache).finish()
    }
}

const TRIES: u32 = 3;
const ABSENT: &str = "the mirror does not have it";
/// A release file is no larger than this.
const UNSIZED_BYTES_MAX: u64 = 16 << 20;

impl Fetcher {
    /// A fetcher whose cache is in the given folder.
    pub fn new(mirror: Mirror, cache: &Path) -> Fetcher {
        let config = ureq::Agent::config_builder()
            .timeout_connect(Some(Duration::from_secs(20)))
            .timeout_recv_response(Some(Duration::from_secs(60)))
            .http_status_as_error(false)
            .build();
        Fetcher { mirror, cache: cache.join("sha256"), agent: config.into() }
    }

    /// The address of a file below the mirror's root, for messages.
    pub fn address(&self, path: &str) -> String {
        self.mirror.address(path)
    }

    /// Fetches a small file whose checksum is not known, without the cache.
    ///
    /// Errors: [`ImageError::Fetch`].
    pub fn fetch_unsized(&self, path: &str) -> Result<Vec<u8>, ImageError> {
        let mut bytes = Vec::new();
        let (_, reader) = self.open(path, 0)?;
        let read = reader.take(UNSIZED_BYTES_MAX).read_to_end(&mut bytes);
        read.map_err(|error| self.failed(path, &error.to_string()))?;
        Ok(bytes)
    }

    /// Where the cache keeps the file of a checksum.
    pub fn place(&self, sum: Sha256) -> PathBuf {
        let name = sum.to_string();
        self.cache.join(&name[..2]).join(name)
    }

    /// The cached file of that checksum, fetched if need be.
    ///
    /// Errors: [`ImageError::Fetch`], [`ImageError::Mismatch`], [`ImageError::Host`].
    pub fn fetch(
        &self,
        path: &str,
        bytes: u64,
        sum: Sha256,
        progress: &mut dyn Progress,
    ) -> Result<PathBuf, ImageError> {
        let place = self.place(sum);
        if fs::metadata(&place).is_ok_and(|data| data.len() == bytes) {
            progress.advance(bytes);
            return Ok(place);
        }
        let folder = place.parent().unwrap_or(&self.cache);
        fs::create_dir_all(folder).map_err(ImageError::at(folder))?;
        let part = place.with_extension("part");
        let mut file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .open(&part)
            .map_err(ImageError::at(&part))?;
        // Two builds that want the same file: the second waits, then finds it.
        file.lock().map_err(ImageError::at(&part))?;
        if fs::metadata(&place).is_ok_and(|data| data.len() == bytes) {
            progress.advance(bytes);
            return Ok(place);
        }
        let left = file.metadata().map_err(ImageError::at(&part))?.len();
        progress.advance(left.min(bytes));
        // Tries that bring nothing more end it; one that was cut off is followed by the next at once.
        let (mut in_vain, mut had) = (0, left);
        loop {
            let failed = match self.attempt(path, bytes, sum, &mut file, &part, progress) {
                Ok(()) => break,
                Err(error) => error,
            };
            let has = file.metadata().map_err(ImageError::at(&part))?.len();
            let temporary = matches!(&failed, ImageError::Fetch { reason, .. } if !reason.contains(ABSENT));
            in_vain = if has > had { 0 } else { in_vain + 1 };
            if !temporary || in_vain == TRIES {
                return Err(failed);
            }
            if in_vain > 0 {
                std::thread::sleep(Duration::from_millis(500 << in_vain));
            }
            had = has;
        }
        file.sync_data().map_err(ImageError::at(&part))?;
        fs::rename(&part, &place).map_err(ImageError::at(&place))?;
        Ok(place)
    }

    /// Goes on with a transfer to its end, and checks the result.
    fn attempt(
        &self,
        path: &str,
        bytes: u64,
        sum: Sha256,
        file: &mut File,
        part: &Path,
        progress: &mut dyn Progress,
    ) -> Result<(), ImageError> {
        let mut hasher = Hasher::new();
        let mut have = hash_existing(part, bytes, &mut hasher).map_err(ImageError::at(part))?;
        if have < bytes {
            let (from, mut reader) = self.open(path, have)?;
            if from != have {
                file.set_len(0).map_err(ImageError::at(part))?;
                (have, hasher) = (0, Hasher::new());
            }
            let mut buffer = vec![0; 1 << 16];
            while have < bytes {
                let n = match reader.read(&mut buffer) {
                    Ok(0) => return Err(self.failed(path, &format!("ended after {have} of {bytes} bytes"))),
                    Ok(n) => n.min(usize::try_from(bytes - have).unwrap_or(n)),
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                    Err(error) => return Err(self.failed(path, &error.to_string())),
                };
                file.write_all(&buffer[..n]).map_err(ImageError::at(part))?;
                hasher.update(&buffer[..n]);
                have += n as u64;
                progress.advance(n as u64);
            }
        }
        if hasher.finish() == sum {
            return Ok(());
        }
        file.set_len(0).map_err(ImageError::at(part))?;
        Err(ImageError::Mismatch {
            url: self.address(path),
            reason: "its checksum is not the one in the signed index".into(),
        })
    }

    /// Opens a file of the mirror, from an offset if it can: the offset it starts at, and the bytes.
    fn open(&self, path: &str, offset: u64) -> Result<(u64, Box<dyn Read>), ImageError> {
        let address = self.mirror.address(path);
        match &self.mirror {
            Mirror::Folder(_) => {
                let file = match File::open(&address) {
                    Ok(file) => file,
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {
                        return Err(self.failed(path, ABSENT));
                    }
                    Err(error) => return Err(self.failed(path, &error.to_string())),
                };
                Ok((0, Box::new(file)))
            }
            Mirror::Http(_) => {
                if address.starts_with("https:") && !cfg!(feature = "https") {
                    let reason = "this build has no TLS (cargo feature `https`); an http:// mirror does as well, \
                                  since signatures and checksums are checked either way";
                    return Err(self.failed(path, reason));
                }
                let mut request = self.agent.get(&address);
                if offset > 0 {
                    request = request.header("Range", format!("bytes={offset}-"));
                }
                let response = request.call().map_err(|error| self.failed(path, &error.to_string()))?;
                let start = match response.status().as_u16() {
                    200 => 0,
                    206 => offset,
                    404 => return Err(self.failed(path, ABSENT)),
                    other => return Err(self.failed(path, &format!("the mirror answers {other}"))),
                };
                Ok((start, Box::new(response.into_body().into_reader())))
            }
        }
    }

    fn failed(&self, path: &str, reason: &str) -> ImageError {
        ImageError::Fetch { url: self.address(path), reason: reason.to_owned() }
    }
}

/// Hashes what an earlier transfer left, at most `limit` bytes, and says how much it is.
fn hash_existing(part: &Path, limit: u64, hasher: &mut Hasher) -> io::Result<u64> {
    let mut reader = File::open(part)?.take(limit);
    let mut buffer = vec![0; 1 << 16];
    let mut have = 0;
    loop {
        match reader.read(&mut buffer)? {
            0 => return Ok(have),
            n => {
                hasher.update(&buffer[..n]);
                have += n as u64;
            }
        }
    }
}
