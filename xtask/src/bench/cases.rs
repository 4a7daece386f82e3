//! The table of cases: what each is called, what is done, and how much of it. How it is measured stands in the modules of the cases.

use crate::Result;

use super::contest::Row;
use super::steps::Unchanged;
use super::{Bench, files, guests, steps};

/// One comparison.
pub(crate) struct Case {
    /// The word that selects it.
    pub(crate) name: &'static str,
    /// What is done, for people.
    pub(crate) work: &'static str,
    /// Whether it runs only when it is asked for, because it takes minutes and gigabytes.
    pub(crate) scale: bool,
    /// Does the work several times on all sides, taking turns.
    pub(crate) measure: fn(&Bench) -> Result<Row>,
}

/// Every comparison, in the order in which they run.
pub(crate) const CASES: &[Case] = &[
    Case {
        name: "uncached-1000",
        work: "1,000 steps that are new, each reads one small file and writes one",
        scale: false,
        measure: |bench| steps::uncached(bench, bench.size(1000, 10)),
    },
    Case {
        name: "changed-1000",
        work: "1,000 steps whose inputs have all changed",
        scale: false,
        measure: |bench| steps::changed(bench, bench.size(1000, 10)),
    },
    Case {
        name: "unchanged-10000",
        work: "10,000 steps, nothing changed, the whole process",
        scale: false,
        measure: |bench| {
            let bars = Unchanged {
                limit: None,
                ninja: Some(1.0),
            };
            steps::unchanged(bench, bench.size(10_000, 100), &bars)
        },
    },
    Case {
        name: "unchanged-1",
        work: "one step, nothing changed, the whole process",
        scale: false,
        measure: |bench| {
            let bars = Unchanged {
                limit: Some(0.020),
                ninja: None,
            };
            steps::unchanged(bench, 1, &bars)
        },
    },
    Case {
        name: "sandbox",
        work: "one step of 1,000 that run one after the other",
        scale: false,
        measure: |bench| steps::sandbox(bench, bench.size(1000, 10)),
    },
    Case {
        name: "ingest-unchanged",
        work: "a source of 100,000 files, nothing changed, the whole process",
        scale: false,
        measure: |bench| files::unchanged(bench, bench.size(100_000, 100)),
    },
    Case {
        name: "ingest-cold",
        work: "a source of 100,000 files that the store has never seen",
        scale: false,
        measure: |bench| files::cold(bench, bench.size(100_000, 100)),
    },
    Case {
        name: "put-1gib",
        work: "a source of one file of 1 GiB that the store has never seen",
        scale: false,
        measure: |bench| files::put(bench, bench.size(1 << 30, 3 << 20) as u64),
    },
    Case {
        name: "cpu",
        work: "a guest that computes for seconds",
        scale: false,
        measure: |bench| guests::cpu(bench, bench.size(1000, 2)),
    },
    Case {
        name: "read-10000",
        work: "a guest that reads 10,000 small files",
        scale: false,
        measure: |bench| guests::read(bench, bench.size(10_000, 50)),
    },
];
