//! The action cache: results by full key, and read sets by static key. Not here: what makes a result worth keeping (the
//! scheduler decides), and the sweep.

use airtight_model::action::Explanation;
use airtight_model::{
    Action, ActionKey, ActionResult, BlobDigest, Canonical, DecodeError, Decoder, Encoder, Node, ReadSet, StaticKey,
    TreeDigest,
};

use crate::driver::{Kind, SMALL};
use crate::error::StoreError;
use crate::evaluate::{Verdict, evaluate_except};
use crate::reason::{ChangedField, MissReason};
use crate::store::Store;

/// How many read sets are kept under a static key, newest first.
pub const MAX_READ_SETS: usize = 16;
/// An entry's last use is written again when it is older than this many seconds.
const USE_GRANULARITY: u64 = 12 * 3600;
/// How deep folders may nest: a tree is never deeper than a path of the host can say.
pub(crate) const MAX_TREE_DEPTH: usize = 2048;

/// What a lookup found.
#[derive(Debug, Clone, PartialEq)]
pub enum Lookup {
    /// The same action has run.
    Full(ActionResult),
    /// An action that differs only in what it did not read has run.
    Narrow(ActionResult),
    /// Nothing that can be used.
    Miss(MissReason),
}

/// What became of a result that was published.
#[derive(Debug, Clone, PartialEq)]
pub enum PublishOutcome {
    /// It is kept.
    Published,
    /// It was there already, with the same outputs.
    Known,
    /// Another result with other outputs was there, and stays: the step is not deterministic.
    Different(Box<ActionResult>),
}

/// What `airtight explain` shows of a step.
#[derive(Debug, Clone, PartialEq)]
pub struct Explained {
    /// The static key.
    pub static_key: StaticKey,
    /// The full key.
    pub key: ActionKey,
    /// All that is in the key.
    pub inputs: Explanation,
    /// What a lookup finds.
    pub lookup: Lookup,
    /// What is different to the last action under the step's identity; none when there is no last action.
    pub since_last: Option<Vec<ChangedField>>,
}

/// A document in a record, or in a blob of its own where it is long.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Document {
    Inline(Vec<u8>),
    Blob(BlobDigest),
}

/// What is kept under a full key.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Entry {
    /// The generation in which all that it names was there.
    generation: u64,
    /// When it was last used, in seconds since 1970.
    pub(crate) used: u64,
    document: Document,
}

/// What is kept under a static key for each read set.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Candidate {
    /// The read set's document.
    pub(crate) reads: BlobDigest,
    /// What was mounted when it was recorded: an observation of a mount that is the same now needs no evaluation.
    mounts: Vec<Node>,
    /// Where the result is.
    pub(crate) key: ActionKey,
}

impl Canonical for Document {
    fn encode(&self, out: &mut Encoder) {
        match self {
            Self::Inline(bytes) => (out.uint(0), out.bytes(bytes)).1,
            Self::Blob(digest) => (out.uint(1), digest.encode(out)).1,
        }
    }
    fn decode(from: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        match from.uint()? {
            0 => Ok(Self::Inline(from.bytes()?.to_vec())),
            1 => Ok(Self::Blob(Canonical::decode(from)?)),
            _ => Err(from.invalid("an unknown ordinal of Document")),
        }
    }
}

impl Canonical for Entry {
    fn encode(&self, out: &mut Encoder) {
        let Self {
            generation,
            used,
            document,
        } = self;
        (
            out.raw(&generation.to_le_bytes()),
            used.encode(out),
            document.encode(out),
        )
            .2
    }
    fn decode(from: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        let generation = u64::from_le_bytes(from.array()?);
        Ok(Self {
            generation,
            used: Canonical::decode(from)?,
            document: Canonical::decode(from)?,
        })
    }
}

impl Canonical for Candidate {
    fn encode(&self, out: &mut Encoder) {
        let Self { reads, mounts, key } = self;
        (reads.encode(out), mounts.encode(out), key.encode(out)).2
    }
    fn decode(from: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            reads: Canonical::decode(from)?,
            mounts: Canonical::decode(from)?,
            key: Canonical::decode(from)?,
        })
    }
}

/// Reads a whole value; what is not one is none: the record costs work, nothing else.
pub(crate) fn whole<T: Canonical>(bytes: &[u8]) -> Option<T> {
    let mut from = Decoder::new(bytes);
    let value = T::decode(&mut from).ok()?;
    from.finish().ok()?;
    Some(value)
}

/// The blob that the document in a record is in, if it is in one.
pub(crate) fn document_blob(record: &[u8]) -> Option<BlobDigest> {
    match whole::<Document>(record)? {
        Document::Blob(digest) => Some(digest),
        Document::Inline(_) => None,
    }
}

/// Lets go an error of writing what only saves work: the store may be read-only or full, and the lookup is right all the
/// same.
fn not_needed(result: Result<(), StoreError>) {
    if let Err(error) = result {
        tracing::debug!(%error, "what a lookup learned is not kept");
    }
}

/// An entry that was found.
enum Found {
    Nothing,
    /// All that it names is there.
    Whole(Box<ActionResult>),
    /// This is not there.
    Lost(BlobDigest),
}

impl Store {
    /// Looks for a result of an action. `identity` names the step over changes: pipeline and step, so that a miss can say what
    /// changed since the step last ran.
    ///
    /// # Errors
    /// The store cannot be read, or a mounted tree is lost ([`StoreError::lost_blob`]).
    pub fn lookup(&self, action: &Action, identity: &str) -> Result<Lookup, StoreError> {
        let static_key = action.static_key();
        self.lookup_keys(action, identity, &static_key, &action.full_key(), true)
    }

    fn lookup_keys(
        &self,
        action: &Action,
        identity: &str,
        static_key: &StaticKey,
        key: &ActionKey,
        write: bool,
    ) -> Result<Lookup, StoreError> {
        let lost = match self.find_entry(key, write)? {
            Found::Whole(result) => return Ok(Lookup::Full(*result)),
            Found::Lost(blob) => Some(blob),
            Found::Nothing => None,
        };
        let candidates = self.candidates(static_key)?;
        let mut reason = lost.map(|blob| MissReason::Evicted { blob: Some(blob) });
        for candidate in candidates.iter().filter(|candidate| candidate.key != *key) {
            match self.try_candidate(candidate, action)? {
                Ok(result) => {
                    if write {
                        let kept = self
                            .put_entry(key, &result.to_document())
                            .and_then(|()| self.remember(identity, action));
                        not_needed(kept);
                    }
                    return Ok(Lookup::Narrow(result));
                }
                Err(why) => reason = reason.or(Some(why)),
            }
        }
        match reason {
            Some(reason) => Ok(Lookup::Miss(reason)),
            None => Ok(Lookup::Miss(
                self.reason_without_candidates(action, identity, static_key)?,
            )),
        }
    }

    /// What a candidate gives: a result, or why not.
    fn try_candidate(
        &self,
        candidate: &Candidate,
        action: &Action,
    ) -> Result<Result<ActionResult, MissReason>, StoreError> {
        let evicted = |blob| Ok(Err(MissReason::Evicted { blob }));
        let reads = match self.read_set(&candidate.reads) {
            Ok(Some(reads)) => reads,
            Ok(None) => return evicted(Some(candidate.reads)),
            Err(error) if error.lost_blob().is_some() => return evicted(Some(candidate.reads)),
            Err(error) => return Err(error),
        };
        let mounts = action.mounts();
        let unchanged: Vec<bool> = mounts
            .iter()
            .zip(&candidate.mounts)
            .map(|(now, before)| now.node == *before)
            .collect();
        match evaluate_except(&reads, mounts, &unchanged, self)? {
            Verdict::Differs(difference) => {
                let observation = difference.observation;
                let mount_at = mounts
                    .get(observation.mount as usize)
                    .map(|mount| mount.at.clone())
                    .unwrap_or_default();
                Ok(Err(MissReason::Input {
                    mount_at,
                    path: observation.path,
                    expected: observation.fact,
                    found: difference.found,
                    exists: difference.exists,
                }))
            }
            Verdict::Same => match self.find_entry(&candidate.key, false)? {
                Found::Whole(result) => Ok(Ok(*result)),
                Found::Lost(blob) => evicted(Some(blob)),
                Found::Nothing => evicted(None),
            },
        }
    }

    fn reason_without_candidates(
        &self,
        action: &Action,
        identity: &str,
        static_key: &StaticKey,
    ) -> Result<MissReason, StoreError> {
        let Some(last) = self.last_action(identity)? else {
            return Ok(MissReason::NeverRan);
        };
        if last.static_key() == *static_key {
            return Ok(MissReason::Evicted { blob: None });
        }
        let (mut before, mut after) = (Explanation::default(), Explanation::default());
        last.describe_static(&mut before);
        action.describe_static(&mut after);
        Ok(MissReason::Changed {
            fields: difference(&before, &after),
        })
    }

    /// Keeps a result under its action's key and what was read under its static key, and remembers the action.
    ///
    /// # Errors
    /// As [`Store::put_blob`].
    pub fn publish(
        &self,
        action: &Action,
        reads: &ReadSet,
        result: &ActionResult,
        identity: &str,
    ) -> Result<PublishOutcome, StoreError> {
        let static_key = action.static_key();
        let key = action.full_key();
        self.remember(identity, action)?;
        let known = match self.find_entry(&key, false)? {
            Found::Whole(known) if known.outputs == result.outputs && known.result == result.result => true,
            Found::Whole(known) => return Ok(PublishOutcome::Different(known)),
            Found::Nothing | Found::Lost(_) => false,
        };
        if !known {
            self.put_entry(&key, &result.to_document())?;
        }
        let reads = self.put_blob(&reads.to_document())?;
        let mounts = action.mounts().iter().map(|mount| mount.node.clone()).collect();
        self.add_candidates(&static_key, vec![Candidate { reads, mounts, key }])?;
        Ok(if known {
            PublishOutcome::Known
        } else {
            PublishOutcome::Published
        })
    }

    /// Forgets the results of an action and of those that differ only in what is mounted: they were found to be wrong. Otherwise a wrong
    /// result would stay, because what is published later never takes the place of what is there.
    ///
    /// # Errors
    /// As [`Store::put_blob`].
    pub fn forget_results(&self, action: &Action) -> Result<(), StoreError> {
        let static_key = action.static_key();
        let candidates = self.candidates(&static_key)?.into_iter().map(|known| known.key);
        let keys: Vec<ActionKey> = candidates.chain([action.full_key()]).collect();
        self.inner.new_generation()?;
        for key in keys {
            self.inner.remove_record(Kind::Entry, key.as_bytes())?;
        }
        self.inner.remove_record(Kind::Reads, static_key.as_bytes())?;
        self.inner.new_generation()
    }

    /// Puts candidates before those that are known.
    pub(crate) fn add_candidates(&self, static_key: &StaticKey, mut new: Vec<Candidate>) -> Result<(), StoreError> {
        for known in self.candidates(static_key)? {
            if !new.iter().any(|new| new.reads == known.reads && new.key == known.key) {
                new.push(known);
            }
        }
        new.truncate(MAX_READ_SETS);
        self.inner
            .put_record(Kind::Reads, static_key.as_bytes(), &new.to_bytes())
    }

    /// Explains what [`Store::lookup`] does, by the same code, and changes nothing.
    ///
    /// # Errors
    /// As [`Store::lookup`].
    pub fn explain(&self, action: &Action, identity: &str) -> Result<Explained, StoreError> {
        let static_key = action.static_key();
        let key = action.full_key();
        let lookup = self.lookup_keys(action, identity, &static_key, &key, false)?;
        let inputs = action.explain();
        let since_last = self
            .last_action(identity)?
            .map(|last| difference(&last.explain(), &inputs));
        Ok(Explained {
            static_key,
            key,
            inputs,
            lookup,
            since_last,
        })
    }

    /// The action that last ran, or hit narrowly, under `identity`.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn last_action(&self, identity: &str) -> Result<Option<Action>, StoreError> {
        let Some(record) = self.inner.record(Kind::Last, identity.as_bytes())? else {
            return Ok(None);
        };
        let Some(document) = whole::<Document>(&record) else {
            return Ok(None);
        };
        Ok(self
            .document(document)?
            .and_then(|bytes| Action::from_document(&bytes).ok()))
    }

    fn remember(&self, identity: &str, action: &Action) -> Result<(), StoreError> {
        let document = self.keep_document(&action.to_document())?;
        self.inner
            .put_record(Kind::Last, identity.as_bytes(), &document.to_bytes())
    }

    pub(crate) fn keep_document(&self, bytes: &[u8]) -> Result<Document, StoreError> {
        // A quarter of the index's largest value: long ones would make every page of it slower to read.
        if bytes.len() <= SMALL / 4 {
            Ok(Document::Inline(bytes.to_vec()))
        } else {
            self.put_blob(bytes).map(Document::Blob)
        }
    }

    /// A document's bytes; none where its blob is lost.
    pub(crate) fn document(&self, document: Document) -> Result<Option<Vec<u8>>, StoreError> {
        match document {
            Document::Inline(bytes) => Ok(Some(bytes)),
            Document::Blob(digest) => match self.blob(&digest).and_then(|blob| blob.read_all()) {
                Ok(bytes) => Ok(Some(bytes)),
                Err(error) if error.lost_blob().is_some() => Ok(None),
                Err(error) => Err(error),
            },
        }
    }

    pub(crate) fn candidates(&self, key: &StaticKey) -> Result<Vec<Candidate>, StoreError> {
        let record = self.inner.record(Kind::Reads, key.as_bytes())?;
        Ok(record.and_then(|bytes| whole(&bytes)).unwrap_or_default())
    }

    fn read_set(&self, digest: &BlobDigest) -> Result<Option<ReadSet>, StoreError> {
        Ok(ReadSet::from_document(&self.blob(digest)?.read_all()?).ok())
    }

    pub(crate) fn put_entry(&self, key: &ActionKey, document: &[u8]) -> Result<(), StoreError> {
        let document = self.keep_document(document)?;
        let entry = Entry {
            generation: self.inner.generation()?,
            used: (self.inner.clock)(),
            document,
        };
        self.inner.put_record(Kind::Entry, key.as_bytes(), &entry.to_bytes())
    }

    /// The result of an entry and the blob that its document is in, if it is in one.
    pub(crate) fn entry_result(&self, entry: &Entry) -> Result<(Option<ActionResult>, Option<BlobDigest>), StoreError> {
        let blob = match entry.document {
            Document::Blob(digest) => Some(digest),
            Document::Inline(_) => None,
        };
        let bytes = self.document(entry.document.clone())?;
        Ok((bytes.and_then(|bytes| ActionResult::from_document(&bytes).ok()), blob))
    }

    /// Looks an entry up and sees that all it names is there.
    fn find_entry(&self, key: &ActionKey, write: bool) -> Result<Found, StoreError> {
        let Some(record) = self.inner.record(Kind::Entry, key.as_bytes())? else {
            return Ok(Found::Nothing);
        };
        let Some(mut entry) = whole::<Entry>(&record) else {
            return Ok(Found::Nothing);
        };
        let (result, blob) = self.entry_result(&entry)?;
        let Some(result) = result else {
            return Ok(blob.map_or(Found::Nothing, Found::Lost));
        };
        let generation = self.inner.generation()?;
        let now = (self.inner.clock)();
        let mut renew = now.saturating_sub(entry.used) > USE_GRANULARITY;
        if entry.generation != generation {
            if let Some(lost) = self.first_lost(&result, generation)? {
                return Ok(Found::Lost(lost));
            }
            renew = true;
        }
        if renew && write {
            (entry.generation, entry.used) = (generation, now);
            not_needed(self.inner.put_record(Kind::Entry, key.as_bytes(), &entry.to_bytes()));
        }
        Ok(Found::Whole(Box::new(result)))
    }

    /// The first blob that a result names and that is not there.
    pub(crate) fn first_lost(&self, result: &ActionResult, generation: u64) -> Result<Option<BlobDigest>, StoreError> {
        for blob in [result.stdout.blob, result.stderr.blob].into_iter().flatten() {
            if !self.has_blob(&blob)? {
                return Ok(Some(blob));
            }
        }
        for (_, node) in &result.outputs {
            if let Some(lost) = self.first_lost_of(node, generation, 0)? {
                return Ok(Some(lost));
            }
        }
        Ok(None)
    }

    /// The first blob of a node, or below it, that is not there. Folders that have been looked at in this generation are not
    /// looked at again.
    pub(crate) fn first_lost_of(
        &self,
        node: &Node,
        generation: u64,
        depth: usize,
    ) -> Result<Option<BlobDigest>, StoreError> {
        let tree = match node {
            Node::Symlink(_) => return Ok(None),
            Node::File { blob, .. } => return Ok(if self.has_blob(blob)? { None } else { Some(*blob) }),
            Node::Directory(tree) => tree,
        };
        if self.is_complete(tree, generation)? {
            return Ok(None);
        }
        let loaded = match self.tree(tree) {
            Ok(loaded) if depth < MAX_TREE_DEPTH && self.has_blob(&tree.as_blob())? => loaded,
            Ok(_) => return Ok(Some(tree.as_blob())),
            Err(error) => return error.lost_blob().map(Some).ok_or(error),
        };
        for entry in loaded.entries() {
            if let Some(lost) = self.first_lost_of(&entry.node, generation, depth + 1)? {
                return Ok(Some(lost));
            }
        }
        not_needed(
            self.inner
                .put_record(Kind::Complete, tree.as_bytes(), &generation.to_le_bytes()),
        );
        Ok(None)
    }

    fn is_complete(&self, tree: &TreeDigest, generation: u64) -> Result<bool, StoreError> {
        let record = self.inner.record(Kind::Complete, tree.as_bytes())?;
        Ok(record.is_some_and(|record| record == generation.to_le_bytes()))
    }
}

/// What is different between two explanations, in the order of the later one; what is gone comes last.
fn difference(before: &Explanation, after: &Explanation) -> Vec<ChangedField> {
    let find = |list: &Explanation, path: &str| {
        list.0
            .iter()
            .find(|(known, _)| known == path)
            .map(|(_, text)| text.clone())
    };
    let mut fields = Vec::new();
    for (path, text) in &after.0 {
        let old = find(before, path);
        if old.as_ref() != Some(text) {
            fields.push(ChangedField {
                path: path.clone(),
                before: old,
                after: Some(text.clone()),
            });
        }
    }
    for (path, text) in &before.0 {
        if find(after, path).is_none() {
            fields.push(ChangedField {
                path: path.clone(),
                before: Some(text.clone()),
                after: None,
            });
        }
    }
    // Counts change with what they count, which says more.
    let counts = ["env", "mounts", "outputs", "with"];
    let says_more = |count: &str| fields.iter().any(|field| field.path.starts_with(&format!("{count}.")));
    let dropped: Vec<&str> = counts.into_iter().filter(|count| says_more(count)).collect();
    fields.retain(|field| !dropped.contains(&field.path.as_str()));
    fields
}
