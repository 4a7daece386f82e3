//! The sweep, and what it spares: outputs of the last runs, exports, pins, and what was used last. Also counting and verifying. Not
//! here: when a sweep is due.

use airtight_model::{ActionKey, ActionResult, BlobDigest, Canonical, DecodeError, Decoder, Encoder, Node};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::cache::{Candidate, Entry, MAX_TREE_DEPTH, whole};
use crate::driver::Kind;
use crate::error::StoreError;
use crate::store::Store;

/// How many runs' outputs are kept whatever their size.
pub const KEPT_RUNS: usize = 20;

/// How much a sweep leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SweepLimits {
    /// Bytes of blobs beyond what is kept in any case: what was used longest ago goes first.
    pub max_bytes: u64,
}

/// What a sweep did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Swept {
    /// Bytes of blobs that are left.
    pub kept_bytes: u64,
    /// Bytes that were freed.
    pub freed_bytes: u64,
    /// Results that went.
    pub removed_results: u64,
}

/// What is in a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stats {
    /// Blobs that are packed.
    pub small_blobs: u64,
    /// Blobs with a file of their own.
    pub large_blobs: u64,
    /// Bytes of all blobs.
    pub blob_bytes: u64,
    /// Bytes of the index.
    pub index_bytes: u64,
    /// Results of actions.
    pub results: u64,
    /// Runs whose outputs are remembered.
    pub runs: u64,
}

/// What a verification found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Verified {
    /// How many blobs were read.
    pub blobs: u64,
    /// How many records were read.
    pub records: u64,
    /// What was wrong; all of it is out of reach now.
    pub problems: Vec<String>,
    /// Results that name blobs that are not there: misses, nothing worse.
    pub incomplete: u64,
}

/// The outputs of a run, by name.
pub type RunOutputs = Vec<(String, Node)>;

/// How many bytes of outputs are in the record of a run itself.
const OUTPUTS_IN_RECORD: usize = 4096;

/// The outputs of a run, as they are recorded: many of them in a blob, so that a run that changes nothing writes nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Recorded {
    Here(RunOutputs),
    Blob(BlobDigest),
}

impl Canonical for Recorded {
    fn encode(&self, out: &mut Encoder) {
        match self {
            Self::Here(outputs) => {
                out.uint(0);
                outputs.encode(out);
            }
            Self::Blob(blob) => {
                out.uint(1);
                blob.encode(out);
            }
        }
    }

    fn decode(from: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        match from.uint()? {
            0 => Ok(Self::Here(Canonical::decode(from)?)),
            1 => Ok(Self::Blob(Canonical::decode(from)?)),
            _ => Err(from.invalid("outputs that are neither here nor in a blob")),
        }
    }
}

/// A result: its key, its last use, itself, and the blob that its document is in, if it is in one.
pub(crate) type KnownResult = (ActionKey, u64, ActionResult, Option<BlobDigest>);

/// Blobs that stay.
#[derive(Debug, Default)]
struct Marked {
    blobs: FxHashSet<BlobDigest>,
    bytes: u64,
    /// In the order in which they were marked, to go back.
    order: Vec<(BlobDigest, u64)>,
}

impl Marked {
    fn blob(&mut self, digest: BlobDigest, size: u64) {
        if self.blobs.insert(digest) {
            self.bytes += size;
            self.order.push((digest, size));
        }
    }

    fn go_back(&mut self, count: usize) {
        for (digest, size) in self.order.drain(count..) {
            self.blobs.remove(&digest);
            self.bytes -= size;
        }
    }
}

impl Store {
    /// Remembers the outputs of a run: a sweep spares those of the last [`KEPT_RUNS`]. Runs are ordered by their ids.
    ///
    /// # Errors
    /// As [`Store::put_blob`].
    pub fn record_run(&self, run: &str, outputs: &[(String, Node)]) -> Result<(), StoreError> {
        let mut bytes = Encoder::new();
        bytes.seq(outputs.iter());
        let bytes = bytes.finish();
        let recorded = if bytes.len() <= OUTPUTS_IN_RECORD {
            Recorded::Here(outputs.to_vec())
        } else {
            Recorded::Blob(self.put_blob(&bytes)?)
        };
        self.record_run_again(run, &recorded.to_bytes())
    }

    /// Remembers a run with the outputs of another, as [`Store::run_record`] gave them.
    ///
    /// # Errors
    /// As [`Store::put_blob`].
    pub fn record_run_again(&self, run: &str, recorded: &[u8]) -> Result<(), StoreError> {
        self.inner.put_record(Kind::Run, run.as_bytes(), recorded)
    }

    /// What is remembered of the outputs of a run: small, whatever they are. None for a run that is not remembered.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn run_record(&self, run: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.inner.record(Kind::Run, run.as_bytes())
    }

    /// The runs that are remembered and their outputs, the last one first.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn runs(&self) -> Result<Vec<(String, RunOutputs)>, StoreError> {
        let mut runs = Vec::new();
        for (run, recorded) in self.recorded_runs()? {
            let outputs = match recorded {
                Recorded::Here(outputs) => Some(outputs),
                Recorded::Blob(blob) => self.outputs_in(&blob)?,
            };
            runs.extend(outputs.map(|outputs| (run, outputs)));
        }
        Ok(runs)
    }

    /// The runs that are remembered, the last one first.
    fn recorded_runs(&self) -> Result<Vec<(String, Recorded)>, StoreError> {
        let mut runs = Vec::new();
        self.inner.scan(Kind::Run, &[], |key, value| {
            if let (Ok(run), Some(recorded)) = (std::str::from_utf8(key), value.and_then(whole)) {
                runs.push((run.to_owned(), recorded));
            }
        })?;
        runs.reverse();
        Ok(runs)
    }

    /// The outputs that a blob lists; none if it is lost.
    fn outputs_in(&self, blob: &BlobDigest) -> Result<Option<RunOutputs>, StoreError> {
        match self.blob(blob).and_then(|blob| blob.read_all()) {
            Ok(bytes) => Ok(whole(&bytes)),
            Err(error) if error.lost_blob().is_some() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Counts what is there.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn stats(&self) -> Result<Stats, StoreError> {
        let mut stats = Stats {
            index_bytes: self.inner.driver.index_size(),
            ..Default::default()
        };
        self.inner.driver.blobs(&mut |blob| {
            *if blob.packed {
                &mut stats.small_blobs
            } else {
                &mut stats.large_blobs
            } += 1;
            stats.blob_bytes += blob.size;
        })?;
        self.inner.scan(Kind::Entry, &[], |_, _| stats.results += 1)?;
        self.inner.scan(Kind::Run, &[], |_, _| stats.runs += 1)?;
        Ok(stats)
    }

    /// Reads every blob and record. What is altered is set aside or removed, so that what names it is a miss.
    ///
    /// # Errors
    /// The store cannot be read or written; a damaged part of it is no error but a problem that was found.
    pub fn verify(&self) -> Result<Verified, StoreError> {
        let mut found = Verified::default();
        let mut blobs = Vec::new();
        self.inner.driver.blobs(&mut |blob| blobs.push(blob.digest))?;
        for digest in blobs {
            found.blobs += 1;
            let read = self.blob(&digest).and_then(|blob| blob.for_each_part(|_| Ok(())));
            match read {
                Ok(()) => {}
                Err(error) if error.lost_blob().is_some() => found.problems.push(error.to_string()),
                Err(error) => return Err(error),
            }
        }
        for kind in Kind::CHECKED {
            let mut altered = Vec::new();
            self.inner.scan(kind, &[], |key, value| {
                found.records += 1;
                if value.is_none() {
                    altered.push(key.to_vec());
                }
            })?;
            if !altered.is_empty() {
                self.inner.new_generation()?;
            }
            for key in altered {
                found
                    .problems
                    .push(format!("a record of the index was altered ({kind:?})"));
                self.inner.remove_record(kind, &key)?;
            }
        }
        let generation = self.inner.generation()?;
        for (_, _, result, _) in self.entries()? {
            if self.first_lost(&result, generation)?.is_some() {
                found.incomplete += 1;
            }
        }
        self.flush()?;
        Ok(found)
    }

    /// All results that can be read.
    pub(crate) fn entries(&self) -> Result<Vec<KnownResult>, StoreError> {
        let mut records = Vec::new();
        self.inner.scan(Kind::Entry, &[], |key, value| {
            let key = <[u8; 32]>::try_from(key).ok().map(ActionKey::from_bytes);
            records.extend(key.zip(value.and_then(whole::<Entry>)));
        })?;
        let mut entries = Vec::new();
        for (key, entry) in records {
            if let (Some(result), blob) = self.entry_result(&entry)? {
                entries.push((key, entry.used, result, blob));
            }
        }
        Ok(entries)
    }

    /// Removes what is not needed any more. Spared are exports, pins, the outputs of the last [`KEPT_RUNS`] runs and, up to the limit,
    /// the results and sources that were used last.
    ///
    /// # Errors
    /// [`StoreError::InUse`] while someone holds a lease, [`StoreError::ReadOnly`], or the store cannot be written.
    pub fn sweep(&self, limits: SweepLimits) -> Result<Swept, StoreError> {
        let mut swept = Swept::default();
        self.inner.driver.exclusively(&mut || {
            swept = self.sweep_exclusively(limits)?;
            Ok(())
        })?;
        Ok(swept)
    }

    fn sweep_exclusively(&self, limits: SweepLimits) -> Result<Swept, StoreError> {
        let mut marked = Marked::default();
        self.mark_roots(&mut marked)?;
        let kept = self.mark_by_use(&mut marked, limits)?;
        // From here on nothing counts as complete that is not looked at again: being killed in the middle costs work only.
        self.inner.new_generation()?;
        let removed_results = self.remove_records(&mut marked, &kept)?;
        // Nor may a loss of power bring back the generation in which all was there.
        self.inner.driver.flush(true)?;
        let freed_bytes = self.inner.driver.retain(&|digest| marked.blobs.contains(digest))?;
        self.inner.trees().clear();
        // And again for who holds no lease and looked while this went on.
        self.inner.new_generation()?;
        Ok(Swept {
            kept_bytes: marked.bytes,
            freed_bytes,
            removed_results,
        })
    }

    fn mark_roots(&self, marked: &mut Marked) -> Result<(), StoreError> {
        let mut nodes = Vec::new();
        self.inner.scan(Kind::Export, &[], |_, value| {
            nodes.extend(value.and_then(whole::<Node>))
        })?;
        for (_, pinned) in self.pins()? {
            pinned.into_iter().for_each(|(blob, size)| marked.blob(blob, size));
        }
        let runs = self.recorded_runs()?;
        for (run, _) in runs.iter().skip(KEPT_RUNS) {
            self.inner.remove_record(Kind::Run, run.as_bytes())?;
        }
        let mut lists = FxHashSet::default();
        for (_, recorded) in runs.into_iter().take(KEPT_RUNS) {
            let outputs = match recorded {
                Recorded::Here(outputs) => outputs,
                // Runs with the same outputs share the blob, and it is looked into once.
                Recorded::Blob(blob) if !lists.insert(blob) => continue,
                Recorded::Blob(blob) => {
                    let Some(outputs) = self.outputs_in(&blob)? else {
                        continue;
                    };
                    marked.blob(blob, outputs.len() as u64 * 64);
                    outputs
                }
            };
            nodes.extend(outputs.into_iter().map(|(_, node)| node));
        }
        nodes.iter().try_for_each(|node| self.mark(node, marked, 0))
    }

    /// Marks all of a node. What is lost of it is lost.
    fn mark(&self, node: &Node, marked: &mut Marked, depth: usize) -> Result<(), StoreError> {
        match node {
            Node::Symlink(_) => Ok(()),
            Node::File { blob, size, .. } => {
                marked.blob(*blob, *size);
                Ok(())
            }
            Node::Directory(tree) if depth > MAX_TREE_DEPTH || marked.blobs.contains(&tree.as_blob()) => Ok(()),
            Node::Directory(digest) => match self.tree(digest) {
                Ok(tree) => {
                    marked.blob(digest.as_blob(), tree.entries().len() as u64 * 64);
                    tree.entries()
                        .iter()
                        .try_for_each(|entry| self.mark(&entry.node, marked, depth + 1))
                }
                Err(error) if error.lost_blob().is_some() => Ok(()),
                Err(error) => Err(error),
            },
        }
    }

    /// Marks results and sources from the last used on, until there are too many bytes.
    fn mark_by_use(&self, marked: &mut Marked, limits: SweepLimits) -> Result<Kept, StoreError> {
        let mut items: Vec<(u64, Item)> = Vec::new();
        for (key, used, result, document) in self.entries()? {
            items.push((used, Item::Result(key, Box::new(result), document)));
        }
        self.inner.scan(Kind::Source, &[], |key, value| {
            if let Some((used, node)) = value.and_then(whole::<(u64, Option<Node>)>) {
                // A source is used as long as the day is that is remembered of it.
                items.push((used + 86_400, Item::Source(key.to_vec(), node)));
            }
        })?;
        items.sort_by_key(|(used, _)| std::cmp::Reverse(*used));
        let roots = marked.bytes;
        let mut kept = Kept::default();
        for (_, item) in items {
            let before = marked.order.len();
            match &item {
                Item::Source(_, node) => node.iter().try_for_each(|node| self.mark(node, marked, 0))?,
                Item::Result(_, result, document) => {
                    for (_, node) in &result.outputs {
                        self.mark(node, marked, 0)?;
                    }
                    for stream in [&result.stdout, &result.stderr] {
                        stream.blob.into_iter().for_each(|blob| marked.blob(blob, stream.size));
                    }
                    document.iter().for_each(|blob| marked.blob(*blob, 0));
                }
            }
            if marked.bytes - roots > limits.max_bytes {
                marked.go_back(before);
                break;
            }
            match item {
                Item::Source(key, _) => drop(kept.sources.insert(key)),
                Item::Result(key, ..) => drop(kept.results.insert(key)),
            }
        }
        Ok(kept)
    }

    fn remove_records(&self, marked: &mut Marked, kept: &Kept) -> Result<u64, StoreError> {
        let mut gone: Vec<(Kind, Vec<u8>)> = Vec::new();
        let mut removed = 0;
        self.inner.scan(Kind::Entry, &[], |key, _| {
            if !<[u8; 32]>::try_from(key).is_ok_and(|key| kept.results.contains(&ActionKey::from_bytes(key))) {
                removed += 1;
                gone.push((Kind::Entry, key.to_vec()));
            }
        })?;
        for kind in [Kind::Complete, Kind::Filter] {
            self.inner.scan(kind, &[], |key, _| gone.push((kind, key.to_vec())))?;
        }
        self.inner.scan(Kind::Source, &[], |key, _| {
            if !kept.sources.contains(key) {
                gone.push((Kind::Source, key.to_vec()));
            }
        })?;
        self.inner.scan(Kind::Folder, &[], |key, _| {
            if key.get(..16).is_none_or(|source| !kept.sources.contains(source)) {
                gone.push((Kind::Folder, key.to_vec()));
            }
        })?;
        let mut read_sets: FxHashMap<Vec<u8>, Vec<Candidate>> = FxHashMap::default();
        self.inner.scan(Kind::Reads, &[], |key, value| {
            let candidates: Vec<Candidate> = value.and_then(whole).unwrap_or_default();
            read_sets.insert(key.to_vec(), candidates);
        })?;
        for (key, mut candidates) in read_sets {
            let count = candidates.len();
            candidates.retain(|candidate| kept.results.contains(&candidate.key));
            candidates.iter().for_each(|candidate| marked.blob(candidate.reads, 0));
            if candidates.is_empty() {
                gone.push((Kind::Reads, key));
            } else if candidates.len() < count {
                self.inner.put_record(Kind::Reads, &key, &candidates.to_bytes())?;
            }
        }
        let mut documents = Vec::new();
        self.inner.scan(Kind::Last, &[], |_, value| {
            documents.extend(value.and_then(crate::cache::document_blob))
        })?;
        documents.extend(self.blobs_of_histories()?);
        documents.into_iter().for_each(|blob| marked.blob(blob, 0));
        for (kind, key) in gone {
            self.inner.remove_record(kind, &key)?;
        }
        Ok(removed)
    }
}

/// What is kept by its last use.
#[derive(Debug, Default)]
struct Kept {
    results: FxHashSet<ActionKey>,
    sources: FxHashSet<Vec<u8>>,
}

enum Item {
    Result(ActionKey, Box<ActionResult>, Option<BlobDigest>),
    Source(Vec<u8>, Option<Node>),
}
