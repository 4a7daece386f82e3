//! The compressors around a tar: gzip and Zstandard, both ways. The bytes written are a function of content and level
//! alone: the encoders see the same chunks however the host cuts its reads. Zip is not here: it compresses by entry.

use std::cell::RefCell;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};

use flate2::bufread::MultiGzDecoder;
use flate2::{Compression, GzBuilder};
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};
use ruzstd::encoding::CompressionLevel;

use crate::{Error, Format};

/// The unit of copying, a call to the host each.
pub(crate) const CHUNK: usize = 256 * 1024;

/// The value of a gzip header's OS field that says nothing about where it was made.
const GZIP_OS_UNKNOWN: u8 = 255;

/// Copies all of `source` in whole chunks, so that what the drain sees does not depend on how reads are cut.
pub(crate) fn copy(source: &mut dyn Read, drain: &mut dyn Write) -> io::Result<u64> {
    let mut chunk = vec![0; CHUNK];
    let mut total = 0;
    loop {
        let filled = fill(source, &mut chunk)?;
        drain.write_all(&chunk[..filled])?;
        total += filled as u64;
        if filled < chunk.len() {
            return Ok(total);
        }
    }
}

/// Reads until `chunk` is full or `source` has ended.
pub(crate) fn fill(source: &mut dyn Read, chunk: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < chunk.len() {
        match source.read(&mut chunk[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// The level that is used when none is given, and the highest one; none for a format without levels.
pub(crate) fn levels(format: Format) -> Option<(u32, u32)> {
    match format {
        Format::Tar => None,
        Format::TarGz | Format::Zip => Some((6, 9)),
        Format::TarZst => Some((1, 1)),
    }
}

/// Writes the stream `tar` to `drain` in `format`.
pub(crate) fn encode(format: Format, level: u32, tar: &mut dyn Read, drain: &mut dyn Write) -> io::Result<()> {
    match format {
        Format::TarGz => {
            let builder = GzBuilder::new().mtime(0).operating_system(GZIP_OS_UNKNOWN);
            let mut encoder = builder.write(drain, Compression::new(level));
            copy(tar, &mut encoder)?;
            encoder.finish()?;
            Ok(())
        }
        Format::TarZst => {
            let level = if level == 0 {
                CompressionLevel::Uncompressed
            } else {
                CompressionLevel::Fastest
            };
            encode_zstd(tar, drain, level)
        }
        Format::Tar | Format::Zip => copy(tar, drain).map(|_| ()),
    }
}

/// Encodes one frame. The encoder panics on I/O errors; so both ends keep theirs here and pretend to be at the end.
fn encode_zstd(source: &mut dyn Read, drain: &mut dyn Write, level: CompressionLevel) -> io::Result<()> {
    let failure = RefCell::new(None);
    ruzstd::encoding::compress(
        Kept {
            inner: source,
            failure: &failure,
        },
        Kept {
            inner: &mut *drain,
            failure: &failure,
        },
        level,
    );
    failure.into_inner().map_or(Ok(()), Err)
}

/// Keeps the first error of `inner` and is at its end from then on.
struct Kept<'a, T> {
    inner: T,
    failure: &'a RefCell<Option<io::Error>>,
}

impl<T> Kept<'_, T> {
    fn attempt(&mut self, count: impl FnOnce(&mut T) -> io::Result<usize>, at_end: usize) -> usize {
        if self.failure.borrow().is_some() {
            return at_end;
        }
        count(&mut self.inner).unwrap_or_else(|error| {
            *self.failure.borrow_mut() = Some(error);
            at_end
        })
    }
}

impl Read for Kept<'_, &mut dyn Read> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        Ok(self.attempt(|source| fill(*source, buffer), 0))
    }
}

impl Write for Kept<'_, &mut dyn Write> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(self.attempt(|drain| drain.write_all(bytes).map(|()| bytes.len()), bytes.len()))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The tar inside `file`.
pub(crate) fn decode<'a>(format: Format, file: BufReader<impl Read + 'a>) -> Box<dyn Read + 'a> {
    match format {
        Format::TarGz => Box::new(MultiGzDecoder::new(file)),
        Format::TarZst => Box::new(ZstdReader {
            source: file,
            decoder: FrameDecoder::new(),
            started: false,
        }),
        Format::Tar | Format::Zip => Box::new(file),
    }
}

/// Opens the archive with a large buffer: each read of it is a call to the host.
pub(crate) fn buffered(file: File) -> BufReader<File> {
    BufReader::with_capacity(CHUNK, file)
}

/// Decodes any number of Zstandard frames, passes over skippable ones and compares checksums.
struct ZstdReader<R> {
    source: R,
    decoder: FrameDecoder,
    started: bool,
}

impl<R: BufRead> ZstdReader<R> {
    /// Starts the next frame; false at the end of the file.
    fn start_frame(&mut self) -> io::Result<bool> {
        loop {
            if self.source.fill_buf()?.is_empty() {
                return Ok(false);
            }
            match self.decoder.reset(&mut self.source) {
                Ok(()) => return Ok(true),
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame { length, .. })) => {
                    let length = u64::from(length);
                    if io::copy(&mut (&mut self.source).take(length), &mut io::sink())? < length {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                }
                Err(error) => return Err(damaged(&error.to_string())),
            }
        }
    }
}

impl<R: BufRead> Read for ZstdReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            if self.started {
                if self.decoder.can_collect() > 0 {
                    return self.decoder.read(buffer);
                }
                if self.decoder.is_finished() {
                    let said = self.decoder.get_checksum_from_data();
                    if said.is_some() && said != self.decoder.get_calculated_checksum() {
                        return Err(damaged("a frame's checksum is wrong"));
                    }
                    self.started = false;
                } else {
                    let step = BlockDecodingStrategy::UptoBlocks(1);
                    self.decoder
                        .decode_blocks(&mut self.source, step)
                        .map_err(|e| damaged(&e.to_string()))?;
                }
            } else if self.start_frame()? {
                self.started = true;
            } else {
                return Ok(0);
            }
        }
    }
}

fn damaged(problem: &str) -> io::Error {
    Error::Archive(format!("its Zstandard data is damaged: {problem}")).into_io()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn encoded(format: Format, level: u32, bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        encode(format, level, &mut { bytes }, &mut out).unwrap();
        out
    }

    fn decoded(format: Format, bytes: &[u8]) -> io::Result<Vec<u8>> {
        let mut out = Vec::new();
        decode(format, BufReader::new(bytes)).read_to_end(&mut out)?;
        Ok(out)
    }

    /// Bytes that compress somewhat: numbers as text.
    fn sample(bytes: usize) -> Vec<u8> {
        (0_u32..)
            .flat_map(|n| n.wrapping_mul(2_654_435_761).to_string().into_bytes())
            .take(bytes)
            .collect()
    }

    /// A reader that gives one to a few bytes a call.
    struct Dripping<'a>(&'a [u8]);

    impl Read for Dripping<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let some = 1 + self.0.len() % 977;
            (&mut self.0).take(some as u64).read(buffer)
        }
    }

    #[test]
    fn what_is_encoded_is_decoded_to_the_same_bytes() {
        // Sizes around the encoders' block borders, every level.
        for size in [0, 1, 131_071, 131_072, 131_073, 1_000_000] {
            let bytes = sample(size);
            for (format, levels) in [(Format::Tar, 0..=0), (Format::TarGz, 0..=9), (Format::TarZst, 0..=1)] {
                for level in levels {
                    let out = encoded(format, level, &bytes);
                    assert_eq!(decoded(format, &out).unwrap(), bytes, "{format} {level} {size}");
                }
            }
        }
    }

    #[test]
    fn encoded_bytes_do_not_depend_on_how_reads_are_cut() {
        // Hosts may return less than was asked for; the archive must not show it.
        let bytes = sample(700_000);
        for format in [Format::TarGz, Format::TarZst] {
            let level = levels(format).unwrap().0;
            let mut out = Vec::new();
            encode(format, level, &mut Dripping(&bytes), &mut out).unwrap();
            assert_eq!(out, encoded(format, level, &bytes));
        }
    }

    #[test]
    fn a_gzip_header_says_nothing_about_the_machine() {
        // RFC 1952: magic, deflate, no flags, time 0, no extra flags, unknown system.
        assert_eq!(
            encoded(Format::TarGz, 6, b"x")[..10],
            [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255]
        );
    }

    #[test]
    fn several_members_and_skippable_frames_are_one_stream() {
        // What `cat a.gz b.gz`, pzstd and `zstd --seekable` write.
        let gzip = [encoded(Format::TarGz, 6, b"one "), encoded(Format::TarGz, 6, b"two")].concat();
        assert_eq!(decoded(Format::TarGz, &gzip).unwrap(), b"one two");
        let skippable = [0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 9, 9, 9];
        let (one, two) = (encoded(Format::TarZst, 1, b"one "), encoded(Format::TarZst, 1, b"two"));
        let zstd = [&skippable[..], &one, &skippable, &two].concat();
        assert_eq!(decoded(Format::TarZst, &zstd).unwrap(), b"one two");
    }

    #[test]
    fn damaged_or_cut_streams_are_errors() {
        // The checksum catches a flipped bit; a cut is never taken for the end.
        for format in [Format::TarGz, Format::TarZst] {
            let whole = encoded(format, 0, &sample(5000));
            let mut flipped = whole.clone();
            flipped[2500] ^= 1;
            assert!(decoded(format, &flipped).is_err(), "{format}");
            for cut in [1, 4, 100, 4999] {
                assert!(decoded(format, &whole[..whole.len() - cut]).is_err(), "{format} {cut}");
            }
            assert!(decoded(format, &[&whole[..], b"rest"].concat()).is_err(), "{format}");
        }
    }

    #[test]
    fn an_error_of_the_drain_or_the_source_comes_out_of_the_zstd_encoder() {
        // The encoder itself would panic.
        struct Full;
        impl Write for Full {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::StorageFull.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::ErrorKind::BrokenPipe.into())
            }
        }
        let full = encode(Format::TarZst, 1, &mut &b"bytes"[..], &mut Full).unwrap_err();
        assert_eq!(full.kind(), io::ErrorKind::StorageFull);
        let broken = encode(Format::TarZst, 1, &mut Broken, &mut Vec::new()).unwrap_err();
        assert_eq!(broken.kind(), io::ErrorKind::BrokenPipe);
    }
}
