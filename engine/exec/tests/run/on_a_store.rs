//! The driver over the real store, in a folder: what only the two together can show. Not here: what a guest does.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use airtight_exec::{Cache as _, Cancel, LazyRunner, Run, RunReport, Services, StoreServices};
use airtight_exec::{RunnerControl, StepRunner};
use airtight_model::event::CacheOutcome;
use airtight_model::plan::Plan;
use airtight_model::readset::{Fact, Observation, ReadSet};
use airtight_model::{BlobDigest, Captured, Node, Outcome, StepReport, StepRequest, Usage};
use airtight_store::{OpenOptions, Store};
use async_trait::async_trait;

use crate::draft::{Draft, mount, output_of, source};
use crate::world::World;

/// Copies the file `read.txt` of its first mount, or the mount itself where that is a file, and says what it read.
struct Copier(Store);

#[async_trait]
impl StepRunner for Copier {
    async fn run(&self, request: StepRequest, control: RunnerControl) -> StepReport {
        let node = &request.mounts[0].node;
        let (path, file) = match node {
            Node::Directory(tree) => {
                let tree = self.0.tree(tree).unwrap();
                ("read.txt", tree.get("read.txt").unwrap().clone())
            }
            file => ("", file.clone()),
        };
        let Node::File { blob: read_blob, .. } = file else {
            panic!("a file")
        };
        let read = self.0.blob(&read_blob).and_then(|blob| blob.read_all());
        if let Some(lost) = read.as_ref().err().and_then(airtight_store::StoreError::lost_blob) {
            control.sink.lost(lost);
        }
        let outcome = if read.is_ok() {
            Outcome::Succeeded
        } else {
            Outcome::Errored
        };
        let text = [request.program.as_bytes(), &read.unwrap_or_default()].concat();
        let (blob, size) = (self.0.put_blob(&text).unwrap(), text.len() as u64);
        let observations = vec![Observation {
            mount: 0,
            path: path.to_owned(),
            fact: Fact::Content(read_blob),
        }];
        StepReport {
            outcome,
            cause: None,
            help: None,
            exit_code: None,
            result: None,
            outputs: vec![(
                "out".to_owned(),
                Node::File {
                    blob,
                    size,
                    executable: false,
                },
            )],
            stdout: Captured::default(),
            stderr: Captured::default(),
            log: Vec::new(),
            reports: Vec::new(),
            denials: Vec::new(),
            uses: Vec::new(),
            usage: Usage {
                duration_us: 5,
                ..Usage::default()
            },
            reads: ReadSet { observations },
            cacheable: true,
        }
    }
}

fn plan() -> Arc<Plan> {
    Draft::new()
        .source("src")
        .step("a", |step| mount(step, "/src", source(0)))
        .step("b", |step| mount(step, "/in", output_of(0)))
        .export("dist/b", output_of(1))
        .done()
}

async fn run(folder: &Path) -> RunReport {
    let store = Store::open(&folder.join("store"), OpenOptions::default()).unwrap();
    let _lease = store.lease().unwrap();
    let services = Arc::new(StoreServices::new(store.clone()));
    let world = World::new().options(|options| {
        options.root = folder.join("files");
        options.stat_cache = false;
    });
    let runner = Arc::new(LazyRunner::ready(Arc::new(Copier(store.clone()))));
    let services = Services {
        cache: services.clone(),
        trees: services,
        runner,
        ..world.services()
    };
    let report = Run::start(plan(), services, world.options.clone(), Cancel::new()).await;
    store.flush().unwrap();
    report
}

fn write(folder: &Path, name: &str, text: &str) {
    std::fs::create_dir_all(folder.join("files/src")).unwrap();
    std::fs::write(folder.join("files/src").join(name), text).unwrap();
}

fn caches(report: &RunReport) -> Vec<CacheOutcome> {
    report.steps.iter().map(|end| end.cache).collect()
}

// The whole way: a miss, then a full hit, then a narrow one for a file that was not read, then a miss for one that was.
#[tokio::test]
async fn a_run_over_a_store_hits_fully_narrowly_and_misses() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "read.txt", "one");
    let first = run(folder.path()).await;
    assert!(first.summary.success, "{first:?}");
    assert_eq!(
        std::fs::read_to_string(folder.path().join("files/dist/b")).unwrap(),
        "baone"
    );
    assert!(!first.exports[0].unchanged);
    let store = Store::open(&folder.path().join("store"), OpenOptions::default()).unwrap();
    let outputs = store.runs().unwrap().remove(0).1;
    assert_eq!(
        outputs.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(),
        ["a.out", "b.out"]
    );
    let durations = StoreServices::new(store).durations(&["test/a".to_owned(), "test/none".to_owned()]);
    assert_eq!(durations, [Some(Duration::from_micros(5)), None]);
    let second = run(folder.path()).await;
    assert_eq!(caches(&second), [CacheOutcome::Full; 2]);
    assert!(second.exports[0].unchanged);
    write(folder.path(), "unread.txt", "x");
    assert_eq!(
        caches(&run(folder.path()).await),
        [CacheOutcome::Narrow, CacheOutcome::Full]
    );
    write(folder.path(), "read.txt", "two");
    let last = run(folder.path()).await;
    assert_eq!(caches(&last), [CacheOutcome::Miss; 2]);
    assert_eq!(
        std::fs::read_to_string(folder.path().join("files/dist/b")).unwrap(),
        "batwo"
    );
}

// An output that was taken out of the store behind its back is made again, and the export is right.
#[tokio::test]
async fn an_output_that_is_lost_is_made_again() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "read.txt", "one");
    run(folder.path()).await;
    let store = Store::open(&folder.path().join("store"), OpenOptions::default()).unwrap();
    store.forget_blob(&BlobDigest::of(b"aone")).unwrap();
    drop(store);
    std::fs::remove_file(folder.path().join("files/dist/b")).unwrap();
    let report = run(folder.path()).await;
    assert!(report.summary.success, "{report:?}");
    assert_eq!(
        std::fs::read_to_string(folder.path().join("files/dist/b")).unwrap(),
        "baone"
    );
}

// A source that is not there is a problem with the store's code and the place in the file.
#[tokio::test]
async fn a_source_that_is_not_there_is_a_problem() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(folder.path().join("files")).unwrap();
    let report = run(folder.path()).await;
    assert_eq!(report.problems.len(), 1);
    assert_eq!(report.problems[0].diagnostic.code, "S0020");
}
