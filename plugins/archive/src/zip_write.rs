//! Writes a zip archive: entries in the order given, deflated, with Unix modes and one time for all. Sizes of 4 GiB and
//! more use zip64. It writes no comments and no extra fields but those of zip64.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, System, ZipWriter};

use crate::Error;
use crate::compress::{CHUNK, copy};
use crate::tree::{Kind, Node};

/// From this size on an entry gets zip64 fields: 4 GiB less what deflate may add to bytes that do not compress.
const ZIP64_FROM: u64 = 0xff00_0000;

/// Writes `nodes` to the new file `to`. `on_content` is called with the size of each file that was added.
pub(crate) fn write(
    nodes: &[Node],
    to: &Path,
    mtime: u64,
    level: u32,
    on_content: &mut dyn FnMut(u64),
) -> Result<(), Error> {
    let time = dos_time(mtime)?;
    let file = File::create(to).map_err(|error| Error::io("create", to, error))?;
    let mut writer = ZipWriter::new(BufWriter::with_capacity(CHUNK, file));
    let method = if level == 0 {
        CompressionMethod::Stored
    } else {
        CompressionMethod::Deflated
    };
    let plain = SimpleFileOptions::default()
        .system(System::Unix)
        .last_modified_time(time);
    for node in nodes {
        let name = node.name.as_str();
        let failed = |error: zip::result::ZipError| Error::io("add to the archive", &node.path, error.into());
        match &node.kind {
            Kind::Directory => writer
                .add_directory(name, plain.unix_permissions(0o755))
                .map_err(failed)?,
            Kind::Symlink { target } => {
                writer
                    .add_symlink(name, target, plain.unix_permissions(0o777))
                    .map_err(failed)?;
            }
            Kind::File { size, executable } => {
                let options = plain
                    .compression_method(method)
                    .compression_level((level > 0).then_some(i64::from(level)))
                    .unix_permissions(if *executable { 0o755 } else { 0o644 })
                    .large_file(*size >= ZIP64_FROM);
                writer.start_file(name, options).map_err(failed)?;
                let mut source = File::open(&node.path).map_err(|error| Error::io("open", &node.path, error))?;
                let copied = copy(&mut source, &mut writer).map_err(|error| Error::io("pack", &node.path, error))?;
                if copied != *size {
                    let problem = format!("it has {copied} bytes and had {size} when it was listed");
                    return Err(Error::Unpackable {
                        path: node.path.display().to_string(),
                        problem,
                    });
                }
                on_content(copied);
            }
        }
    }
    let failed = |error| Error::io("write", to, error);
    let mut buffer = writer.finish().map_err(|error| failed(error.into()))?;
    buffer.flush().map_err(failed)
}

/// The DOS date and time of a Unix time, read as UTC and rounded down to two seconds.
fn dos_time(mtime: u64) -> Result<DateTime, Error> {
    let (days, seconds) = (mtime / 86_400, mtime % 86_400);
    let (year, month, day) = civil_date(days);
    // An hour, minute and second fit a byte; a year beyond 16 bits is out of range as well.
    let year = u16::try_from(year).unwrap_or(u16::MAX);
    DateTime::from_date_and_time(
        year,
        month,
        day,
        (seconds / 3600) as u8,
        (seconds / 60 % 60) as u8,
        (seconds % 60 / 2 * 2) as u8,
    )
    .map_err(|_| Error::Parameter {
        name: "mtime",
        problem: format!("{mtime} is not in the years 1980 to 2107, which are all that a zip archive can say"),
    })
}

/// The date in the Gregorian calendar, `days` after 1970-01-01 (Howard Hinnant's `civil_from_days`).
fn civil_date(days: u64) -> (u64, u8, u8) {
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    (era * 400 + year_of_era + u64::from(month <= 2), month as u8, day as u8)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        // Leap days, ends of centuries and the epoch.
        for (days, date) in [
            (0, (1970, 1, 1)),
            (3652, (1980, 1, 1)),
            (11_016, (2000, 2, 29)),
            (11_017, (2000, 3, 1)),
            (20_778, (2026, 11, 21)),
            (47_540, (2100, 2, 28)),
            (47_541, (2100, 3, 1)),
        ] {
            assert_eq!(civil_date(days), date);
        }
    }

    #[test]
    fn times_that_a_zip_cannot_say_are_refused() {
        // One second before 1980, the last second of 2107, and one later.
        assert!(dos_time(315_532_799).is_err());
        assert_eq!(dos_time(315_532_800).unwrap().year(), 1980);
        assert_eq!(dos_time(4_354_819_199).unwrap().second(), 58);
        assert!(dos_time(4_354_819_200).is_err());
        assert!(dos_time(u64::MAX).is_err());
    }
}
