//! The only place that writes to standard output and standard error. Not here: what is written.

use std::io::Write;

/// Writes a line to standard error. A closed stream is no error: there is no one left to tell.
pub(crate) fn note(text: &str) {
    let mut stream = std::io::stderr().lock();
    let _ = stream.write_all(text.as_bytes()).and_then(|()| stream.write_all(b"\n"));
}

/// Writes data to standard output.
///
/// # Errors
/// The stream is closed or its disk is full.
pub(crate) fn data(bytes: &[u8]) -> std::io::Result<()> {
    let mut stream = std::io::stdout().lock();
    stream.write_all(bytes)?;
    stream.flush()
}

/// Writes a line of data to standard output.
///
/// # Errors
/// As [`data`].
pub(crate) fn data_line(text: &str) -> std::io::Result<()> {
    let mut stream = std::io::stdout().lock();
    stream.write_all(text.as_bytes())?;
    stream.write_all(b"\n")?;
    stream.flush()
}
