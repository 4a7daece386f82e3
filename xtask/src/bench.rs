//! `cargo xtask bench`: what the engine costs, always as a ratio to a peer in the same run on the same work. This module measures
//! nothing itself: each case in [`CASES`] does, and the command exists once there is one.

use std::time::Duration;

use crate::Result;
use crate::project::Project;

/// One comparison.
pub(crate) struct Case {
    /// The word that selects it.
    pub(crate) name: &'static str,
    /// What is done, for people.
    pub(crate) work: &'static str,
    /// The program that does the same work, for people.
    pub(crate) peer: &'static str,
    /// The largest ratio that is good enough.
    pub(crate) bar: f64,
    /// Does the work several times on both sides, taking turns.
    pub(crate) measure: fn(&Project) -> Result<Measured>,
}

/// How long each repetition took.
#[derive(Debug)]
pub(crate) struct Measured {
    pub(crate) ours: Vec<Duration>,
    pub(crate) peer: Vec<Duration>,
}

/// Every comparison, in the order in which they run.
pub(crate) const CASES: &[Case] = &[];

/// Runs the cases that `names` selects, or all; fails when one is over its bar.
pub(crate) fn run(project: &Project, names: &[String]) -> Result<()> {
    let mut over = Vec::new();
    for case in CASES
        .iter()
        .filter(|case| names.is_empty() || names.iter().any(|name| name == case.name))
    {
        let measured = (case.measure)(project)?;
        let (ours, peer) = (median(measured.ours)?, median(measured.peer)?);
        let ratio = ours.as_secs_f64() / peer.as_secs_f64();
        let verdict = if ratio <= case.bar { "ok" } else { "OVER" };
        println!(
            "{:<16} {ours:>10.1?} {peer:>10.1?} {ratio:>6.2} x (bar {:.2} x) {verdict}  {}; peer: {}",
            case.name, case.bar, case.work, case.peer
        );
        if ratio > case.bar {
            over.push(case.name);
        }
    }
    if over.is_empty() {
        Ok(())
    } else {
        Err(format!("over the bar: {}", over.join(", ")).into())
    }
}

fn median(mut times: Vec<Duration>) -> Result<Duration> {
    times.sort();
    times
        .get(times.len() / 2)
        .copied()
        .ok_or_else(|| "a case measured nothing".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_slow_repetition_does_not_move_the_median() {
        let times = [3, 900, 2].map(Duration::from_millis).to_vec();
        assert_eq!(median(times).unwrap(), Duration::from_millis(3));
        assert!(median(Vec::new()).is_err());
    }
}
