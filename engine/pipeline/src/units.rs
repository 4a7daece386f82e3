//! Quantities as people write them: sizes, times, moments. Not here: what they bound.

/// Reads a size in bytes: a whole number with `B`, `KiB`, `MiB`, `GiB`, `TiB` or `kB`, `MB`, `GB`, `TB`.
pub(crate) fn size(text: &str) -> Option<u64> {
    let (number, unit) = split(text)?;
    let factor: u64 = match unit {
        "" | "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        "TiB" => 1 << 40,
        "kB" | "KB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "TB" => 1_000_000_000_000,
        _ => return None,
    };
    number.checked_mul(factor)
}

/// Reads a time in milliseconds: whole numbers with `ms`, `s`, `m`, `h`, the largest first: `90s`, `1m30s`.
pub(crate) fn time_ms(text: &str) -> Option<u64> {
    let mut rest = text;
    let mut total = 0u64;
    let mut last = u64::MAX;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let (number, tail) = rest.split_at(digits);
        let letters = tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(letters);
        let factor = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            _ => return None,
        };
        if factor >= last {
            return None;
        }
        last = factor;
        total = total.checked_add(number.parse::<u64>().ok()?.checked_mul(factor)?)?;
        rest = tail;
    }
    (!text.is_empty()).then_some(total)
}

fn split(text: &str) -> Option<(u64, &str)> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    Some((number.parse().ok()?, unit.trim_start_matches(' ')))
}

/// Reads an RFC 3339 moment that is not before 1970 as seconds since then. Fractions of a second are refused: a clock
/// starts on a second. A leap second is refused too.
pub(crate) fn moment(text: &str) -> Option<u64> {
    let bytes = text.as_bytes();
    if bytes.len() < 20 || !text.is_ascii() {
        return None;
    }
    let number = |from: usize, len: usize| -> Option<i64> {
        let part = &text[from..from + len];
        part.bytes().all(|b| b.is_ascii_digit()).then(|| part.parse().ok())?
    };
    let mark = |at: usize, ones: &[u8]| ones.contains(&bytes[at]);
    if !(mark(4, b"-") && mark(7, b"-") && mark(10, b"Tt ") && mark(13, b":") && mark(16, b":")) {
        return None;
    }
    let (year, month, day) = (number(0, 4)?, number(5, 2)?, number(8, 2)?);
    let (hour, minute, second) = (number(11, 2)?, number(14, 2)?, number(17, 2)?);
    let leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    let days = [31, if leap { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let in_month = *days.get(usize::try_from(month - 1).ok()?)?;
    if !(1..=in_month).contains(&day) || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let offset = match &text[19..] {
        "Z" | "z" => 0,
        zone if zone.len() == 6 && matches!(bytes[19], b'+' | b'-') && bytes[22] == b':' => {
            let (hours, minutes) = (number(20, 2)?, number(23, 2)?);
            if hours > 23 || minutes > 59 {
                return None;
            }
            (hours * 60 + minutes) * if bytes[19] == b'-' { -60 } else { 60 }
        }
        _ => return None,
    };
    let seconds = days_from_epoch(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second - offset;
    u64::try_from(seconds).ok()
}

/// Days from 1970-01-01 in the proleptic Gregorian calendar (the well-known `days_from_civil`).
fn days_from_epoch(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    // Sizes and times read as documented, and everything else is refused, never a panic or a wrapped number.
    #[test]
    fn sizes_and_times_read_as_documented() {
        assert_eq!(size("256MiB"), Some(256 << 20));
        assert_eq!(size("10 GB"), Some(10_000_000_000));
        assert_eq!(size("12"), Some(12));
        for text in ["", "MiB", "-1B", "1.5GiB", "1MiBs", "99999999999TiB", "é"] {
            assert_eq!(size(text), None, "{text}");
        }
        assert_eq!(time_ms("60s"), Some(60_000));
        assert_eq!(time_ms("1h30m"), Some(5_400_000));
        assert_eq!(time_ms("250ms"), Some(250));
        for text in ["", "60", "s", "1s1m", "1s2s", "1d", "99999999999999999999h", "1é"] {
            assert_eq!(time_ms(text), None, "{text}");
        }
    }

    // Moments agree with `date -u -d … +%s`, and what RFC 3339 does not allow is refused.
    #[test]
    fn moments_are_rfc_3339() {
        assert_eq!(moment("1970-01-01T00:00:00Z"), Some(0));
        assert_eq!(moment("2000-01-01T00:00:00Z"), Some(946_684_800));
        assert_eq!(moment("2024-02-29T23:59:59+02:00"), Some(1_709_243_999));
        assert_eq!(moment("2026-11-22T03:08:00-05:30"), Some(1_795_336_680));
        for text in [
            "",
            "2000-01-01",
            "2001-02-29T00:00:00Z",
            "1969-12-31T23:59:59Z",
            "2000-01-01T00:00:60Z",
        ] {
            assert_eq!(moment(text), None, "{text}");
        }
        for text in [
            "2000-01-01T00:00:00",
            "2000-01-01T00:00:00.5Z",
            "2000-01-01T00:00:00+24:00",
            "2000-13-01T00:00:00Z",
        ] {
            assert_eq!(moment(text), None, "{text}");
        }
    }
}
