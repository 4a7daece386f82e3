//! The table of cases: what each is called, what is done, and how much of it. How it is measured stands in the modules of the cases.

use crate::Result;

use super::contest::Row;
use super::steps::Unchanged;
use super::{Bench, files, guests, memory, scale, starts, steps};

/// One comparison.
pub(crate) struct Case {
    /// The word that selects it.
    pub(crate) name: &'static str,
    /// What is done, for people.
    pub(crate) work: &'static str,
    /// How many gibibytes of the disk it needs if it takes minutes and gigabytes, and so runs only when it is asked for.
    pub(crate) scale: Option<u64>,
    /// Whether it is about memory, and so needs a program that tells it.
    pub(crate) memory: bool,
    /// Does the work several times on all sides, taking turns.
    pub(crate) measure: fn(&Bench) -> Result<Row>,
}

/// Every comparison, in the order in which they run.
pub(crate) const CASES: &[Case] = &[
    Case {
        name: "uncached-1000",
        work: "1,000 steps that are new, each reads one small file and writes one",
        scale: None,
        memory: false,
        measure: |bench| steps::uncached(bench, bench.size(1000, 10)),
    },
    Case {
        name: "changed-1000",
        work: "1,000 steps whose inputs have all changed",
        scale: None,
        memory: false,
        measure: |bench| steps::changed(bench, bench.size(1000, 10)),
    },
    Case {
        name: "unchanged-10000",
        work: "10,000 steps, nothing changed, the whole process",
        scale: None,
        memory: false,
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
        scale: None,
        memory: false,
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
        scale: None,
        memory: false,
        measure: |bench| steps::sandbox(bench, bench.size(1000, 10)),
    },
    Case {
        name: "ingest-unchanged",
        work: "a source of 100,000 files, nothing changed, the whole process",
        scale: None,
        memory: false,
        measure: |bench| files::unchanged(bench, bench.size(100_000, 100)),
    },
    Case {
        name: "ingest-cold",
        work: "a source of 100,000 files that the store has never seen",
        scale: None,
        memory: false,
        measure: |bench| files::cold(bench, bench.size(100_000, 100)),
    },
    Case {
        name: "put-1gib",
        work: "a source of one file of 1 GiB that the store has never seen",
        scale: None,
        memory: false,
        measure: |bench| files::put(bench, bench.size(1 << 30, 3 << 20) as u64),
    },
    Case {
        name: "cpu",
        work: "a guest that computes for seconds",
        scale: None,
        memory: false,
        measure: |bench| guests::cpu(bench, bench.size(4000, 2)),
    },
    Case {
        name: "read-10000",
        work: "a guest that reads 10,000 small files",
        scale: None,
        memory: false,
        measure: |bench| guests::read(bench, bench.size(10_000, 50)),
    },
    Case {
        name: "start-wat",
        work: "a command in WAT that looks into one file, from its native code",
        scale: None,
        memory: false,
        measure: |bench| starts::start(bench, "wat"),
    },
    Case {
        name: "start-rust",
        work: "a command in Rust that prints a word, from its native code",
        scale: None,
        memory: false,
        measure: |bench| starts::start(bench, "rust"),
    },
    Case {
        name: "start-c",
        work: "a command in C that looks into one file, from its native code",
        scale: None,
        memory: false,
        measure: |bench| starts::start(bench, "c"),
    },
    Case {
        name: "start-zig",
        work: "a command in Zig that looks into one file, from its native code",
        scale: None,
        memory: false,
        measure: |bench| starts::start(bench, "zig"),
    },
    Case {
        name: "start-go",
        work: "a command in Go that looks into one file, from its native code",
        scale: None,
        memory: false,
        measure: |bench| starts::start(bench, "go"),
    },
    Case {
        name: "start-javascript",
        work: "a command in JavaScript that looks into one file, from its native code",
        scale: None,
        memory: false,
        measure: |bench| starts::start(bench, "javascript"),
    },
    Case {
        name: "start-python",
        work: "a command in Python that looks into one file, from its native code",
        scale: None,
        memory: false,
        measure: |bench| starts::start(bench, "python"),
    },
    Case {
        name: "start-cpython",
        work: "CPython, a foreign program of 26 MB, with a script of one line, from its native code",
        scale: None,
        memory: false,
        measure: |bench| starts::start(bench, "cpython"),
    },
    Case {
        name: "memory-unchanged",
        work: "the peak memory of a run of 10,000 steps of which nothing changed",
        scale: None,
        memory: true,
        measure: |bench| memory::unchanged(bench, bench.size(10_000, 100)),
    },
    Case {
        name: "memory-step",
        work: "the memory of one more step at the same time",
        scale: None,
        memory: true,
        measure: |bench| memory::step(bench, bench.size(300, 1)),
    },
    Case {
        name: "scale-plan",
        work: "a plan of 100,000 steps, printed",
        scale: Some(1),
        memory: false,
        measure: |bench| scale::plan(bench, bench.size(100_000, 100)),
    },
    Case {
        name: "scale-unchanged",
        work: "a run of 100,000 steps of which nothing changed",
        scale: Some(2),
        memory: false,
        measure: |bench| scale::unchanged(bench, bench.size(100_000, 100)),
    },
    Case {
        name: "scale-matrix",
        work: "a run of 10,000 cells of matrices that are new",
        scale: Some(1),
        memory: false,
        measure: |bench| scale::matrix(bench, bench.size(10_000, 40)),
    },
    Case {
        name: "scale-tree",
        work: "a source of 1,000,000 files that the store has never seen",
        scale: Some(9),
        memory: false,
        measure: |bench| scale::tree(bench, bench.size(1_000_000, 200)),
    },
    Case {
        name: "scale-tree-unchanged",
        work: "a source of 1,000,000 files, nothing changed",
        scale: Some(9),
        memory: false,
        measure: |bench| scale::known_tree(bench, bench.size(1_000_000, 200)),
    },
    Case {
        name: "scale-blob",
        work: "a source of one file of 20 GiB that the store has never seen",
        scale: Some(45),
        memory: false,
        measure: |bench| scale::put(bench, bench.size(20 << 30, 2 << 20)),
    },
];
