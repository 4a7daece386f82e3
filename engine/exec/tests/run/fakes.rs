//! The driver's ports, made of memory.

use std::collections::{HashMap, HashSet, VecDeque};
use std::path::Path;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use airtight_exec::{
    Cache, ComponentError, Components, Filtered, IngestOptions, Ingested, RunRecord, RunnerControl, ServiceError,
    StepRecord, StepRunner, Trees,
};
use airtight_model::component::ComponentSummary;
use airtight_model::event::{Event, Stream, Subscriber};
use airtight_model::plan::{EvaluationError, Evaluator, PlannedSource, Scope};
use airtight_model::step::{LogLine, Report};
use airtight_model::{
    Action, ActionKey, ActionResult, BlobDigest, Captured, Denial, Node, Outcome, ReadSet, StaticKey, StepReport,
    StepRequest, Tree, TreeDigest, TreeEntry, Usage, Use, Value,
};
use airtight_store::{Explained, Lookup, MissReason, PublishOutcome};
use async_trait::async_trait;
use serde_json::Value as Json;
use tokio::time::Instant;

/// Blobs, sources and exports.
#[derive(Default)]
pub(crate) struct MemoryTrees {
    pub(crate) blobs: Mutex<HashMap<BlobDigest, Vec<u8>>>,
    /// Source → what is there now.
    pub(crate) files: Mutex<HashMap<String, Result<Node, ServiceError>>>,
    /// Each ingest: the source, and whether the stat cache was on.
    pub(crate) ingests: Mutex<Vec<(String, bool)>>,
    pub(crate) exports: Mutex<HashMap<String, Node>>,
    /// Blobs that are lost again each time they are put.
    pub(crate) cursed: Mutex<HashSet<BlobDigest>>,
}

pub(crate) fn lost(blob: &BlobDigest) -> ServiceError {
    ServiceError::Lost {
        blob: *blob,
        message: format!("blob {} is not in the store", blob.short()),
    }
}

impl MemoryTrees {
    pub(crate) fn put_file(&self, text: &str) -> Node {
        let blob = self.put(text.as_bytes()).unwrap();
        Node::File {
            blob,
            size: text.len() as u64,
            executable: false,
        }
    }

    pub(crate) fn put_folder(&self, files: &[(&str, &str)]) -> Node {
        let entry = |(name, text): &(&str, &str)| TreeEntry {
            name: (*name).to_owned(),
            node: self.put_file(text),
        };
        self.put_tree(files.iter().map(entry).collect())
    }

    fn put_tree(&self, entries: Vec<TreeEntry>) -> Node {
        let tree = Tree::new(entries).unwrap();
        self.put(&tree.to_document()).unwrap();
        Node::Directory(tree.digest())
    }

    /// Lets a source be this.
    pub(crate) fn set_source(&self, source: &str, node: Node) {
        self.files.lock().unwrap().insert(source.to_owned(), Ok(node));
    }

    pub(crate) fn lose(&self, blob: &BlobDigest) {
        self.blobs.lock().unwrap().remove(blob);
    }

    fn get(&self, blob: &BlobDigest) -> Result<Vec<u8>, ServiceError> {
        self.blobs.lock().unwrap().get(blob).cloned().ok_or_else(|| lost(blob))
    }

    fn tree(&self, tree: &TreeDigest) -> Result<Tree, ServiceError> {
        Ok(Tree::from_document(&self.get(&tree.as_blob())?).unwrap())
    }

    /// The first blob of a node that is not there.
    pub(crate) fn missing(&self, node: &Node) -> Option<BlobDigest> {
        match node {
            Node::File { blob, .. } => self.get(blob).err().map(|_| *blob),
            Node::Directory(tree) => match self.tree(tree) {
                Ok(tree) => tree.entries().iter().find_map(|entry| self.missing(&entry.node)),
                Err(_) => Some(tree.as_blob()),
            },
            Node::Symlink(_) => None,
        }
    }
}

impl Trees for MemoryTrees {
    fn ingest(&self, source: &PlannedSource, options: IngestOptions<'_>) -> Result<Ingested, ServiceError> {
        self.ingests
            .lock()
            .unwrap()
            .push((source.name.clone(), options.stat_cache));
        let node = self
            .files
            .lock()
            .unwrap()
            .get(&source.path)
            .cloned()
            .expect("the test sets the source")?;
        if let (false, Node::File { blob, .. }) = (options.stat_cache, &node) {
            self.blobs
                .lock()
                .unwrap()
                .entry(*blob)
                .or_insert_with(|| b"text".to_vec());
        }
        Ok(Ingested {
            node,
            files: 1,
            warnings: Vec::new(),
        })
    }

    /// A glob is a name, or the beginning of one and a `*`.
    fn filter(&self, node: &Node, globs: &[String]) -> Result<Filtered, ServiceError> {
        let Node::Directory(tree) = node else {
            panic!("tests filter folders")
        };
        let tree = self.tree(tree)?;
        let matches = |glob: &String, name: &str| match glob.strip_suffix('*') {
            Some(start) => name.starts_with(start),
            None => name == glob,
        };
        let kept = tree
            .entries()
            .iter()
            .filter(|entry| globs.iter().any(|glob| matches(glob, &entry.name)));
        let node = self.put_tree(kept.cloned().collect());
        let nothing = |glob: &&String| !tree.entries().iter().any(|entry| matches(glob, &entry.name));
        Ok(Filtered {
            node,
            unmatched: globs.iter().filter(nothing).cloned().collect(),
        })
    }

    fn cells(&self, cells: &[(String, Node)]) -> Result<Node, ServiceError> {
        let entry = |(name, node): &(String, Node)| TreeEntry {
            name: name.clone(),
            node: node.clone(),
        };
        Ok(self.put_tree(cells.iter().map(entry).collect()))
    }

    fn put(&self, bytes: &[u8]) -> Result<BlobDigest, ServiceError> {
        let digest = BlobDigest::of(bytes);
        if !self.cursed.lock().unwrap().contains(&digest) {
            self.blobs.lock().unwrap().insert(digest, bytes.to_vec());
        }
        Ok(digest)
    }

    fn read(&self, blob: &BlobDigest, offset: u64, buffer: &mut [u8]) -> Result<usize, ServiceError> {
        let bytes = self.get(blob)?;
        let rest = &bytes[bytes.len().min(offset as usize)..];
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }

    fn sha256(&self, blob: &BlobDigest) -> Result<[u8; 32], ServiceError> {
        use sha2::Digest as _;
        Ok(sha2::Sha256::digest(self.get(blob)?).into())
    }

    fn holds(&self, node: &Node, blob: &BlobDigest) -> bool {
        match node {
            Node::File { blob: held, .. } => held == blob,
            Node::Directory(tree) if tree.as_blob() == *blob => true,
            Node::Directory(tree) => self
                .tree(tree)
                .is_ok_and(|tree| tree.entries().iter().any(|entry| self.holds(&entry.node, blob))),
            Node::Symlink(_) => false,
        }
    }

    fn export(&self, node: &Node, _: &Path, to: &str) -> Result<bool, ServiceError> {
        if let Some(blob) = self.missing(node) {
            return Err(lost(&blob));
        }
        if to.starts_with("read-only") {
            let (message, help) = ("permission denied".to_owned(), None);
            return Err(ServiceError::Infrastructure {
                code: "S0003",
                message,
                help,
            });
        }
        Ok(self
            .exports
            .lock()
            .unwrap()
            .insert(to.to_owned(), node.clone())
            .as_ref()
            == Some(node))
    }
}

/// Results by key.
pub(crate) struct MemoryCache {
    trees: Arc<MemoryTrees>,
    pub(crate) results: Mutex<HashMap<ActionKey, ActionResult>>,
    by_static_key: Mutex<HashMap<StaticKey, ActionResult>>,
    /// Whether any earlier result under the static key is a narrow hit.
    pub(crate) narrow: AtomicBool,
    pub(crate) durations: Mutex<HashMap<String, Duration>>,
    pub(crate) records: Mutex<Vec<RunRecord>>,
    pub(crate) lookups: Mutex<Vec<String>>,
    /// Whether hits are told without a look at their blobs, as where they are altered and not missing.
    pub(crate) blind: AtomicBool,
    /// Called after each look-up.
    pub(crate) on_lookup: Mutex<Option<Box<dyn FnMut() + Send>>>,
}

impl MemoryCache {
    pub(crate) fn new(trees: Arc<MemoryTrees>) -> Self {
        Self {
            trees,
            results: Mutex::default(),
            by_static_key: Mutex::default(),
            narrow: AtomicBool::default(),
            durations: Mutex::default(),
            records: Mutex::default(),
            lookups: Mutex::default(),
            blind: AtomicBool::default(),
            on_lookup: Mutex::default(),
        }
    }

    fn find(&self, action: &Action) -> Lookup {
        let static_key = action.static_key();
        if let Some(result) = self.results.lock().unwrap().get(&action.full_key()) {
            let blind = self.blind.load(Ordering::SeqCst);
            let lost = result
                .outputs
                .iter()
                .filter(|_| !blind)
                .find_map(|(_, node)| self.trees.missing(node));
            return match lost {
                None => Lookup::Full(result.clone()),
                blob => Lookup::Miss(MissReason::Evicted { blob }),
            };
        }
        match self.by_static_key.lock().unwrap().get(&static_key) {
            Some(result) if self.narrow.load(Ordering::SeqCst) => Lookup::Narrow(result.clone()),
            _ => Lookup::Miss(MissReason::NeverRan),
        }
    }
}

impl Cache for MemoryCache {
    fn lookup(&self, action: &Action, identity: &str) -> Result<Lookup, ServiceError> {
        self.lookups.lock().unwrap().push(identity.to_owned());
        let found = self.find(action);
        self.on_lookup.lock().unwrap().iter_mut().for_each(|call| call());
        Ok(found)
    }

    fn explain(&self, action: &Action, _: &str) -> Result<Explained, ServiceError> {
        let static_key = action.static_key();
        let (key, inputs) = (action.full_key(), action.explain());
        Ok(Explained {
            static_key,
            key,
            inputs,
            lookup: self.find(action),
            since_last: None,
        })
    }

    fn publish(&self, done: &StepRecord<'_>, _: &ReadSet) -> Result<PublishOutcome, ServiceError> {
        let static_key = done.action.static_key();
        let key = done.action.full_key();
        let known = self.results.lock().unwrap().get(&key).cloned();
        if let Some(known) = known.filter(|known| known.outputs != done.result.outputs) {
            return Ok(PublishOutcome::Different(Box::new(known)));
        }
        self.results.lock().unwrap().insert(key, done.result.clone());
        self.by_static_key
            .lock()
            .unwrap()
            .insert(static_key, done.result.clone());
        Ok(PublishOutcome::Published)
    }

    fn forget(&self, action: &Action) -> Result<(), ServiceError> {
        let static_key = action.static_key();
        self.results.lock().unwrap().remove(&action.full_key());
        self.by_static_key.lock().unwrap().remove(&static_key);
        Ok(())
    }

    fn durations(&self, identities: &[String]) -> Vec<Option<Duration>> {
        identities
            .iter()
            .map(|identity| self.durations.lock().unwrap().get(identity).copied())
            .collect()
    }

    fn record_run(&self, record: &RunRecord) -> Result<(), ServiceError> {
        for step in record.steps.iter().filter(|step| step.ran) {
            let took = Duration::from_micros(step.duration_us);
            self.durations.lock().unwrap().insert(step.identity.clone(), took);
        }
        self.records.lock().unwrap().push(record.clone());
        Ok(())
    }
}

/// What an attempt does.
#[derive(Clone)]
pub(crate) struct Act {
    pub(crate) takes: Duration,
    pub(crate) outcome: Outcome,
    pub(crate) cause: Option<String>,
    /// What its output holds; none: a text made of all that it was given.
    pub(crate) output: Option<String>,
    pub(crate) says: &'static str,
    pub(crate) result: Option<Value>,
    pub(crate) denials: Vec<Denial>,
    pub(crate) uses: Vec<Use>,
    pub(crate) reports: Vec<Report>,
    pub(crate) log: Vec<LogLine>,
    pub(crate) cacheable: bool,
    /// Whether it ends when it is told to.
    pub(crate) obeys: bool,
    pub(crate) panics: bool,
}

/// Succeeds after this long.
pub(crate) fn act(takes_ms: u64) -> Act {
    Act {
        takes: Duration::from_millis(takes_ms),
        outcome: Outcome::Succeeded,
        cause: None,
        output: None,
        says: "",
        result: None,
        denials: Vec::new(),
        uses: Vec::new(),
        reports: Vec::new(),
        log: Vec::new(),
        cacheable: true,
        obeys: true,
        panics: false,
    }
}

/// Ends like this, at once.
pub(crate) fn ends(outcome: Outcome) -> Act {
    Act {
        outcome,
        cause: Some(format!("it {}", outcome.word())),
        ..act(0)
    }
}

/// Does what it was told, by the program's name: the acts in turn, the last one for all further attempts.
pub(crate) struct FakeRunner {
    trees: Arc<MemoryTrees>,
    pub(crate) acts: Mutex<HashMap<String, VecDeque<Act>>>,
    /// Each attempt: the program, when it began, what it was asked.
    pub(crate) runs: Mutex<Vec<(String, Duration, StepRequest)>>,
    /// How many run now, and the most that ever did.
    pub(crate) running: Mutex<(usize, usize)>,
    /// Blobs that attempts, whichever come first, cannot read.
    pub(crate) loses: Mutex<Vec<BlobDigest>>,
    start: Instant,
}

impl FakeRunner {
    pub(crate) fn new(trees: Arc<MemoryTrees>) -> Self {
        let (acts, runs, running, loses) = Default::default();
        Self {
            trees,
            acts,
            runs,
            running,
            loses,
            start: Instant::now(),
        }
    }

    pub(crate) fn names(&self) -> Vec<String> {
        self.runs
            .lock()
            .unwrap()
            .iter()
            .map(|(name, _, _)| name.clone())
            .collect()
    }

    pub(crate) fn request(&self, name: &str) -> StepRequest {
        let runs = self.runs.lock().unwrap();
        runs.iter()
            .rev()
            .find(|(known, _, _)| known == name)
            .expect("the step ran")
            .2
            .clone()
    }

    fn act(&self, program: &str) -> Act {
        let mut acts = self.acts.lock().unwrap();
        match acts.get_mut(program) {
            Some(acts) if acts.len() > 1 => acts.pop_front().unwrap(),
            Some(acts) => acts[0].clone(),
            None => act(0),
        }
    }

    fn report(&self, act: Act, request: &StepRequest, outcome: Outcome) -> StepReport {
        let given = format!("{} {:?} {:?}", request.program, request.invocation, request.mounts);
        let text = act.output.unwrap_or(given);
        let output = |name: &str| (name.to_owned(), self.trees.put_file(&text));
        let outputs = request
            .outputs
            .iter()
            .filter(|_| outcome == Outcome::Succeeded)
            .map(|x| output(&x.name))
            .collect();
        let says = act.says.as_bytes();
        let blob = (!says.is_empty()).then(|| self.trees.put(says).unwrap());
        StepReport {
            outcome,
            cause: act.cause,
            help: None,
            exit_code: (outcome == Outcome::Failed).then_some(1),
            result: act.result,
            outputs,
            stdout: Captured {
                blob,
                size: says.len() as u64,
            },
            stderr: Captured::default(),
            log: act.log,
            reports: act.reports,
            denials: act.denials,
            uses: act.uses,
            usage: Usage {
                duration_us: act.takes.as_micros() as u64,
                ..Usage::default()
            },
            reads: ReadSet::default(),
            cacheable: act.cacheable,
        }
    }
}

#[async_trait]
impl StepRunner for FakeRunner {
    async fn run(&self, request: StepRequest, control: RunnerControl) -> StepReport {
        let act = self.act(&request.program);
        self.runs
            .lock()
            .unwrap()
            .push((request.program.clone(), self.start.elapsed(), request.clone()));
        assert!(!act.panics, "as the test wants");
        let loses = self.loses.lock().unwrap().pop();
        if let Some(blob) = loses {
            control.sink.lost(blob);
            return self.report(ends(Outcome::Errored), &request, Outcome::Errored);
        }
        if let Some(blob) = request.mounts.iter().find_map(|mount| self.trees.missing(&mount.node)) {
            control.sink.lost(blob);
            return self.report(ends(Outcome::Errored), &request, Outcome::Errored);
        }
        {
            let mut running = self.running.lock().unwrap();
            running.0 += 1;
            running.1 = running.1.max(running.0);
        }
        control.sink.output(Stream::Stdout, act.says.as_bytes());
        act.log.iter().for_each(|line| control.sink.log(line));
        act.reports.iter().for_each(|report| control.sink.report(report));
        let mut outcome = act.outcome;
        tokio::select! {
            biased;
            () = control.cancel.cancelled(), if act.obeys => outcome = Outcome::Cancelled,
            () = tokio::time::sleep(act.takes) => {}
        }
        self.running.lock().unwrap().0 -= 1;
        self.report(act, &request, outcome)
    }
}

/// Knows `true`, `false`, and paths like `steps.a.outcome`, alone or as `PATH == 'TEXT'`.
pub(crate) struct FakeEvaluator;

impl Evaluator for FakeEvaluator {
    fn evaluate(&self, expression: &str, scope: &Scope) -> Result<Json, EvaluationError> {
        let fail = |message: &str| EvaluationError {
            expression: expression.to_owned(),
            message: message.to_owned(),
        };
        if let Some((path, text)) = expression.split_once(" == ") {
            let value = self.evaluate(path, scope)?;
            return Ok(Json::Bool(value.as_str() == Some(text.trim_matches('\''))));
        }
        let mut path = expression.split('.');
        let root = match path.next() {
            Some("true") => return Ok(Json::Bool(true)),
            Some("false") => return Ok(Json::Bool(false)),
            Some("inputs") => &*scope.inputs,
            Some("steps") => &*scope.steps,
            Some("matrix") => &*scope.matrix,
            _ => return Err(fail("no such name")),
        };
        let mut value = &Json::Object(root.clone());
        for key in path {
            value = value.get(key).ok_or_else(|| fail("no such key"))?;
        }
        Ok(value.clone())
    }
}

/// Summaries by digest; everything else is not WASM.
#[derive(Default)]
pub(crate) struct FakeComponents {
    pub(crate) summaries: Mutex<HashMap<BlobDigest, ComponentSummary>>,
    /// Components whose files are there, and how often each was asked for.
    pub(crate) files: Mutex<HashMap<BlobDigest, u32>>,
}

impl Components for FakeComponents {
    fn summary(&self, component: &BlobDigest) -> Result<Arc<ComponentSummary>, ComponentError> {
        match self.summaries.lock().unwrap().get(component) {
            Some(summary) => Ok(Arc::new(summary.clone())),
            None => Err(ComponentError::Unusable {
                message: "it is not WebAssembly".to_owned(),
                help: Some("compile it".to_owned()),
            }),
        }
    }

    fn restore(&self, component: &BlobDigest) -> bool {
        let mut files = self.files.lock().unwrap();
        files.get_mut(component).map(|times| *times += 1).is_some()
    }
}

/// Keeps all events.
#[derive(Default)]
pub(crate) struct Recorder {
    pub(crate) events: Mutex<Vec<Event>>,
}

impl Subscriber for Recorder {
    fn event(&self, event: &Event) {
        self.events.lock().unwrap().push(event.clone());
    }
}

/// Lets go all events.
pub(crate) struct Silent;

impl Subscriber for Silent {
    fn event(&self, _: &Event) {}
}
