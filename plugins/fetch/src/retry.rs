//! What is tried again, and after how long. Not here: waiting.

use std::time::Duration;

/// The longest time between two tries that is ours to choose.
const LONGEST: Duration = Duration::from_secs(30);

/// The longest time that a server may ask for.
const LONGEST_ASKED: Duration = Duration::from_secs(60);

/// Whether a status may be another one the next time.
pub(crate) fn passes(status: u16) -> bool {
    matches!(status, 408 | 425 | 429 | 500 | 502 | 503 | 504)
}

/// How long to wait before the try after `failed` failed ones, given what the server asks for (`Retry-After`, in seconds;
/// a date means nothing to a step, which has no clock).
pub(crate) fn pause(failed: u32, asked: Option<&str>) -> Duration {
    let own = Duration::from_secs(1 << failed.saturating_sub(1).min(5)).min(LONGEST);
    match asked.and_then(|seconds| seconds.parse().ok()).map(Duration::from_secs) {
        Some(asked) => asked.clamp(own, LONGEST_ASKED),
        None => own,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_bound() {
        let pauses: Vec<u64> = (1..8).map(|failed| pause(failed, None).as_secs()).collect();
        assert_eq!(pauses, [1, 2, 4, 8, 16, 30, 30]);
        assert_eq!(pause(u32::MAX, None).as_secs(), 30);
    }

    // A server may ask for more patience than we have, but not for all of it.
    #[test]
    fn a_server_can_ask_for_a_longer_pause_within_bounds() {
        assert_eq!(pause(1, Some("7")).as_secs(), 7);
        assert_eq!(pause(4, Some("1")).as_secs(), 8);
        assert_eq!(pause(1, Some("99999999999")).as_secs(), 60);
        assert_eq!(pause(1, Some("Fri, 31 Dec 1999 23:59:59 GMT")).as_secs(), 1);
        assert_eq!(pause(1, Some("-1")).as_secs(), 1);
    }
}
