//! Random numbers from a seed that is printed, so that a failure can be repeated as far as its timing can. Not here: what they decide.

use std::time::{Duration, SystemTime};

/// A sequence of numbers (SplitMix64: every seed is a good one).
#[derive(Debug, Clone)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The dice of a test: AIRTIGHT_CRASH_SEED, else the time. Says on standard error which seed it is.
    pub(crate) fn of_test(test: &str) -> Self {
        let seed = std::env::var("AIRTIGHT_CRASH_SEED").ok();
        let seed = seed.map(|seed| seed.parse().expect("AIRTIGHT_CRASH_SEED is a number"));
        let seed = seed.unwrap_or_else(|| {
            let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
            now.map_or(0, |since| since.as_nanos() as u64 % 1_000_000_007)
        });
        eprintln!("{test}: AIRTIGHT_CRASH_SEED={seed}");
        Self::new(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`, which is not zero.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    /// True once in `times`.
    pub(crate) fn once_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    /// A part of a time, all equally likely.
    pub(crate) fn part_of(&mut self, time: Duration) -> Duration {
        Duration::from_nanos(self.below(time.as_nanos().max(1) as u64))
    }

    /// One of several.
    pub(crate) fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len() as u64) as usize]
    }
}

/// How many rounds a test goes: `percent` of AIRTIGHT_CRASH_ROUNDS, else `short`.
pub(crate) fn rounds(short: u64, percent: u64) -> u64 {
    let asked = std::env::var("AIRTIGHT_CRASH_ROUNDS").ok();
    asked.map_or(short, |rounds| {
        let rounds: u64 = rounds.parse().expect("AIRTIGHT_CRASH_ROUNDS is a number");
        (rounds * percent / 100).max(1)
    })
}
