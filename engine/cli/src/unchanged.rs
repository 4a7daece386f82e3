//! A run that changes nothing, recognised as a whole: what planning depended on is compared with what it was, and where all
//! is the same the earlier run is told again. Not here: sources, exports and the telling (`airtight_exec::unchanged`).

use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use airtight_exec::unchanged::{self, Listener, Read, Telling};
use airtight_exec::{Monotonic, RunReport, StoreServices, Trees};
use airtight_model::{BlobDigest, Canonical, Encoder, KnownFile, Node, Plan, Told, UnchangedRun};
use airtight_store::{IngestRequest, Store};

use crate::args::{Format, RunArgs};
use crate::commands::Context;
use crate::commands::run::{self, Signals};
use crate::failure::Failure;
use crate::project;

/// The name of these runs among the store's records.
const KIND: &str = "unchanged-run-v1";
/// Seconds in a day.
const DAY: u64 = 86_400;

/// What a look for a remembered run came to.
pub(crate) enum Looked {
    /// It was told: the command is done.
    Told(Result<(), Failure>),
    /// The run has to be made. Some of its sources may have been read already.
    Make(Vec<Read>),
}

/// Whether such runs are remembered and looked for: not where someone asked for more than the outcome, or for nothing to be
/// taken for granted.
pub(crate) fn counts(context: &Context, args: &RunArgs) -> bool {
    let trusting = !args.no_cache && !args.no_stat_cache && args.select.lock_from.is_none();
    trusting && !args.watch && context.settings.verbose == 0
}

/// Tells the last run with these arguments again, if nothing has changed since.
pub(crate) fn look(context: &Context, args: &RunArgs, runtime: &tokio::runtime::Runtime, signals: &Signals) -> Looked {
    let clock = Monotonic::new();
    let none = || Looked::Make(Vec::new());
    if !counts(context, args) {
        return none();
    }
    let (Ok(store), Some(place)) = (context.store(), Place::of(context)) else {
        return none();
    };
    // Taken before the generation is read: what is there then stays.
    let Ok(_lease) = store.lease() else { return none() };
    let Some(known) = remembered(store, &place.key(context, args)).filter(|known| holds(known, store, &place)) else {
        return none();
    };
    let options = run::options(&place.root, &place.file, args, 0);
    let trees: Arc<dyn Trees> = Arc::new(StoreServices::new(store.clone()));
    let reading = unchanged::read_sources(&known.sources, &trees, &options, &signals.cancel);
    let (read, same) = runtime.block_on(reading);
    if !same {
        return Looked::Make(read);
    }
    let Some(told) = told(store, &known.told) else {
        return Looked::Make(read);
    };
    let Ok(exported) = unchanged::export(&known, &*trees, &options) else {
        return Looked::Make(read);
    };
    let warning = store.record_run_again(&options.run.0, &known.outputs).err();
    let subscribers = run::subscribers(context, args, Box::new(|_| None));
    let telling = Telling {
        events: &*subscribers.all,
        clock: &clock,
        warning: warning.map(|error| format!("the run could not be recorded: {error}")),
    };
    unchanged::tell(&known, told, &exported, &options, &telling);
    let flushed = store.flush().map_err(Failure::store);
    Looked::Told(subscribers.ended().and(flushed))
}

/// Remembers a run in which nothing ran, for the next with these arguments. That it cannot be remembered costs a look-up.
pub(crate) fn remember(context: &Context, args: &RunArgs, plan: &Plan, report: &RunReport, heard: &Heard) {
    let Some(run) = of_run(context, plan, report, heard) else {
        return;
    };
    let (Ok(store), Some(place)) = (context.store(), Place::of(context)) else {
        return;
    };
    if let Err(error) = store.record_put(KIND, &place.key(context, args), &run.to_document()) {
        tracing::debug!(%error, "the run could not be remembered");
    }
}

/// What was seen of a run while it was made.
pub(crate) struct Heard {
    listener: Arc<Listener>,
    generation: Vec<u8>,
}

impl Heard {
    /// Listens to a run that is about to begin. The store has to be leased.
    pub(crate) fn of(store: &Store, events: Arc<dyn airtight_model::event::Subscriber>) -> Option<Self> {
        Some(Self {
            listener: Arc::new(Listener::new(events)),
            generation: store.generation().ok()?.to_bytes(),
        })
    }

    /// Whom the run tells.
    pub(crate) fn events(&self) -> Arc<dyn airtight_model::event::Subscriber> {
        self.listener.clone()
    }
}

fn of_run(context: &Context, plan: &Plan, report: &RunReport, heard: &Heard) -> Option<UnchangedRun> {
    let told = heard.listener.take()?;
    let run = unchanged::summarised(report, plan)?;
    let noted = context.reading.noted();
    if noted.incomplete {
        return None;
    }
    let store = context.store().ok()?;
    Some(UnchangedRun {
        program: program()?,
        day: today(),
        generation: heard.generation.clone(),
        files: noted.files,
        components: noted.components,
        sources: run.sources,
        pipeline: run.pipeline,
        steps: run.steps,
        full: run.full,
        narrow: run.narrow,
        exports: run.exports,
        outputs: store.run_record(&report.run.0).ok()??,
        told: store.put_blob(&told.to_document()).ok()?,
    })
}

fn remembered(store: &Store, key: &[u8; 32]) -> Option<UnchangedRun> {
    UnchangedRun::from_document(&store.record_get(KIND, key).ok()??).ok()
}

fn told(store: &Store, blob: &BlobDigest) -> Option<Told> {
    Told::from_document(&store.blob(blob).ok()?.read_all().ok()?).ok()
}

/// Whether all that a plan and its look-ups depend on, but for the sources, is as it was.
fn holds(known: &UnchangedRun, store: &Store, place: &Place) -> bool {
    let same_component = |(path, digest): &(String, BlobDigest)| {
        let request = IngestRequest {
            root: &place.root,
            path,
            exclude: &[],
            gitignore: false,
            stat_cache: true,
            list_left_out: false,
        };
        let node = store.ingest(&request).map(|read| read.node);
        matches!(node, Ok(Node::File { blob, .. }) if blob == *digest)
    };
    known.day == today()
        && program().is_some_and(|program| program == known.program)
        && store
            .generation()
            .is_ok_and(|generation| generation.to_bytes() == known.generation)
        && known.files.iter().all(is_same)
        && known.components.iter().all(same_component)
}

/// Whether a file is as it was: not there, or the same bytes behind the same links.
fn is_same(known: &KnownFile) -> bool {
    let path = Path::new(&known.path);
    let Some((target, digest)) = &known.found else {
        return !crate::settings::is_there(path);
    };
    let Ok(found) = path.canonicalize() else {
        return false;
    };
    // Asked before it is opened: opening a pipe waits for who writes it.
    if found != Path::new(target) || !found.metadata().is_ok_and(|metadata| metadata.is_file()) {
        return false;
    }
    let mut bytes = Vec::new();
    let read = File::open(&found).and_then(|file| {
        file.take(airtight_pipeline::MAX_FILE_BYTES as u64 + 1)
            .read_to_end(&mut bytes)
    });
    read.is_ok() && BlobDigest::of(&bytes) == *digest
}

fn today() -> u64 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |since| since.as_secs() / DAY)
}

/// This program, as its file is: one that was built anew may plan otherwise, whatever its version says.
fn program() -> Option<Vec<u8>> {
    let file = std::env::current_exe().ok()?.metadata().ok()?;
    let mut out = Encoder::new();
    env!("CARGO_PKG_VERSION").to_owned().encode(&mut out);
    for number in [file.dev(), file.ino(), file.size()] {
        out.uint(number);
    }
    for time in [file.mtime(), file.mtime_nsec(), file.ctime(), file.ctime_nsec()] {
        time.encode(&mut out);
    }
    Some(out.finish())
}

/// Where the pipeline is.
struct Place {
    root: PathBuf,
    file: PathBuf,
}

impl Place {
    fn of(context: &Context) -> Option<Self> {
        let file = context.settings.pipeline_file().ok()?;
        let root = project::root_of(&file).ok()?;
        Some(Self { root, file })
    }

    /// What names the remembered run: the pipeline and the arguments. What is in the files that these name is compared.
    fn key(&self, context: &Context, args: &RunArgs) -> [u8; 32] {
        let folder = &context.settings.folder;
        let select = &args.select;
        let mut out = Encoder::new();
        let path = |path: &PathBuf, out: &mut Encoder| out.bytes(folder.join(path).as_os_str().as_encoded_bytes());
        out.bytes(self.file.as_os_str().as_encoded_bytes());
        out.bytes(project::identity(&self.root, &self.file).as_bytes());
        select.inputs.clone().encode(&mut out);
        select.only.clone().encode(&mut out);
        select.locked.encode(&mut out);
        for files in [&select.inputs_file, &select.event] {
            files.is_some().encode(&mut out);
            files.iter().for_each(|file| path(file, &mut out));
        }
        out.uint(select.policy.len() as u64);
        select.policy.iter().for_each(|file| path(file, &mut out));
        (args.format == Format::Json).encode(&mut out);
        *BlobDigest::of(&out.finish()).as_bytes()
    }
}
