//! The file of an instruction trace, plain or compressed by its name.

use crate::exit::{Exit, Failure};
use ruzstd::encoding::{CompressionLevel, compress_to_vec};
use std::fs::File;
use std::io::{BufWriter, Result as IoResult, Write};
use std::path::Path;

/// Text in a frame of the compressed file.
const FRAME_BYTES: usize = 1 << 20;

/// Creates the file.
///
/// Errors: the host's.
pub(super) fn create(path: &Path) -> Result<Box<dyn Write + Send>, Failure> {
    let file = File::create(path).map_err(|error| {
        let cause = format!("cannot write the trace {}: {error}", path.display());
        Failure::new(Exit::Host, cause, "name a file in a folder that can be written")
    })?;
    if path.extension().is_some_and(|extension| extension == "zst") {
        return Ok(Box::new(Frames { file, text: Vec::new() }));
    }
    Ok(Box::new(BufWriter::with_capacity(1 << 16, file)))
}

/// Compressed frames one after the other, which decompressors read as one text.
struct Frames {
    file: File,
    text: Vec<u8>,
}

impl Write for Frames {
    fn write(&mut self, bytes: &[u8]) -> IoResult<usize> {
        self.text.extend_from_slice(bytes);
        if self.text.len() >= FRAME_BYTES {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> IoResult<()> {
        if self.text.is_empty() {
            return Ok(());
        }
        let frame = compress_to_vec(&self.text[..], CompressionLevel::Fastest);
        self.text.clear();
        self.file.write_all(&frame)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    #[test]
    fn a_compressed_trace_is_read_back() {
        let path = std::env::temp_dir().join(format!("multivac-trace-{}.zst", std::process::id()));
        let mut sink = create(&path).unwrap();
        let line = b"0 h0 0000000080000000 f1402573 csrr a0,mhartid\n";
        let lines = FRAME_BYTES / line.len() * 2;
        (0..lines).for_each(|_| sink.write_all(line).unwrap());
        sink.flush().unwrap();
        let bytes = std::fs::read(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        assert!(bytes.len() < lines * line.len() / 10, "{} bytes", bytes.len());
        let mut rest = &bytes[..];
        let mut text = Vec::new();
        while !rest.is_empty() {
            ruzstd::decoding::StreamingDecoder::new(&mut rest).unwrap().read_to_end(&mut text).unwrap();
        }
        assert_eq!(text, line.repeat(lines));
    }
}
