//! Several programs that do the same work, in turn. What is measured is a number; medians are what counts. Not here: what the work
//! is, and how results are shown.

use std::path::Path;

use crate::Result;

use super::peers::Peer;

/// What the numbers of a contest are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    /// Seconds.
    Seconds,
    /// Bytes of memory.
    Bytes,
}

/// One measurement of ours.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sample {
    /// The number that counts.
    pub(crate) value: f64,
    /// The most memory that the process had, if it was watched.
    pub(crate) peak: Option<u64>,
}

/// The numbers of one contestant, a turn each.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Series(pub(crate) Vec<f64>);

impl Series {
    /// The middle one; with an even count the greater of the two in the middle.
    pub(crate) fn median(&self) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
    }

    /// The least and the greatest.
    pub(crate) fn spread(&self) -> (f64, f64) {
        let fold = |start, pick: fn(f64, f64) -> f64| self.0.iter().copied().fold(start, pick);
        (fold(f64::INFINITY, f64::min), fold(f64::NEG_INFINITY, f64::max))
    }
}

/// A peer's part of a row.
#[derive(Debug)]
pub(crate) struct Beside {
    /// What the peer is called, with what it does.
    pub(crate) name: String,
    /// Ours may take at most this much of the peer's; none if it is there for comparison only.
    pub(crate) bar: Option<f64>,
    /// What it took, or why there is nothing.
    pub(crate) series: std::result::Result<Series, String>,
}

/// What a case found.
#[derive(Debug)]
pub(crate) struct Row {
    /// What the numbers are.
    pub(crate) unit: Unit,
    /// Ours.
    pub(crate) ours: Series,
    /// Ours may be at most this, whatever peers take.
    pub(crate) limit: Option<f64>,
    /// The peers.
    pub(crate) beside: Vec<Beside>,
    /// The most memory that ours had while it was watched.
    pub(crate) peak: Option<u64>,
    /// Anything else that was found out.
    pub(crate) notes: Vec<String>,
}

/// One side's work: does it once, given the turn's number, and returns what it took.
type Work<'a, T> = Box<dyn FnMut(usize) -> Result<T> + 'a>;

/// A contest before it begins.
pub(crate) struct Contest<'a> {
    turns: usize,
    warm: bool,
    ours: Work<'a, Sample>,
    peers: Vec<(Beside, Option<Work<'a, f64>>)>,
    limit: Option<f64>,
    unit: Unit,
}

impl<'a> Contest<'a> {
    /// Begins a contest of `turns` turns, after one that does not count if `warm`.
    pub(crate) fn new(turns: usize, warm: bool, ours: impl FnMut(usize) -> Result<Sample> + 'a) -> Self {
        Self {
            turns,
            warm,
            ours: Box::new(ours),
            peers: Vec::new(),
            limit: None,
            unit: Unit::Seconds,
        }
    }

    /// Sets what the numbers are, where they are not seconds.
    pub(crate) fn unit(mut self, unit: Unit) -> Self {
        self.unit = unit;
        self
    }

    /// Sets what ours may be at most.
    pub(crate) fn limit(mut self, limit: f64) -> Self {
        self.limit = Some(limit);
        self
    }

    /// Adds a peer, which may not be there.
    pub(crate) fn peer<W>(mut self, name: &str, bar: Option<f64>, peer: Peer, mut work: W) -> Self
    where
        W: FnMut(&Path, usize) -> Result<f64> + 'a,
    {
        let beside = |series| Beside {
            name: name.to_owned(),
            bar,
            series,
        };
        self.peers.push(match peer {
            Ok(program) => (
                beside(Ok(Series::default())),
                Some(Box::new(move |turn| work(&program, turn))),
            ),
            Err(absent) => (beside(Err(absent)), None),
        });
        self
    }

    /// Lets everyone do the work in turn.
    pub(crate) fn run(mut self) -> Result<Row> {
        let mut row = Row {
            unit: self.unit,
            ours: Series::default(),
            limit: self.limit,
            beside: Vec::new(),
            peak: None,
            notes: Vec::new(),
        };
        for turn in 0..self.turns + usize::from(self.warm) {
            let counts = !(self.warm && turn == 0);
            let sample = (self.ours)(turn)?;
            row.peak = row.peak.max(sample.peak);
            row.ours.0.extend(counts.then_some(sample.value));
            for (beside, work) in &mut self.peers {
                let (Some(work), Ok(series)) = (work, &mut beside.series) else {
                    continue;
                };
                let value = work(turn).map_err(|error| format!("{}: {error}", beside.name))?;
                series.0.extend(counts.then_some(value));
            }
        }
        row.beside = self.peers.into_iter().map(|(beside, _)| beside).collect();
        Ok(row)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // The machine's hiccups are no result.
    #[test]
    fn one_slow_repetition_does_not_move_the_median() {
        let series = Series(vec![0.003, 0.9, 0.002]);
        assert_eq!((series.median(), series.spread()), (0.003, (0.002, 0.9)));
        assert!(Series::default().median().is_nan());
    }

    // What warms up is slower, and would be the greatest number of the spread.
    #[test]
    fn the_first_turn_does_not_count_and_an_absent_peer_is_told() {
        let there = Ok("ninja".into());
        let absent = Err("not installed".to_owned());
        let ours = |turn: usize| {
            Ok(Sample {
                value: turn as f64,
                peak: (turn == 0).then_some(7),
            })
        };
        let row = Contest::new(2, true, ours)
            .peer("there", Some(1.0), there, |_, turn| Ok(10.0 * turn as f64))
            .peer("absent", None, absent, |_, _| Err("never asked".into()))
            .run()
            .unwrap();
        assert_eq!((row.ours.0, row.peak), (vec![1.0, 2.0], Some(7)));
        assert_eq!(row.beside[0].series, Ok(Series(vec![10.0, 20.0])));
        assert_eq!(row.beside[1].series, Err("not installed".to_owned()));
    }
}
