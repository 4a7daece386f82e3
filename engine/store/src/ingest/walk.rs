//! Walking a source: folders are read by several threads, each relative to the folder above and without following links,
//! and become trees from the bottom up. Not here: what is left out, and what a stamp means.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::io::Read;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};

use airtight_model::{
    BlobDigest, Canonical, Node, Tree, TreeDigest, TreeEntry, tree::is_valid_name, tree::is_valid_target,
};
use rustc_hash::{FxHashMap, FxHashSet};
use rustix::fs::{AtFlags, FileType, Mode, OFlags, fstat, openat, readlinkat, statat};

use super::rules::{Excludes, LeftOut, LeftOutReason, Rules};
use super::seen::{Seen, SeenFolder, Stamp};
use super::{IngestError, IngestRequest, Ingested, LinkProblem, Sink, links};
use crate::cache::whole;
use crate::driver::{Kind, SMALL};
use crate::store::Store;
use crate::walk::MAX_PATH_LEN;

/// How many threads read a source at most.
const MAX_THREADS: usize = 8;
/// The longest `.gitignore` that is read, in bytes; what is beyond counts for nothing.
const MAX_GITIGNORE: u64 = 1 << 20;

/// One ingest.
pub(super) struct Walk<'a> {
    store: &'a Store,
    request: &'a IngestRequest<'a>,
    excludes: Arc<Excludes>,
    sink: Sink,
    /// When it began, in nanoseconds since 1970.
    began: i128,
    generation: u64,
    known: HashMap<Vec<u8>, Vec<u8>>,
    queue: Mutex<Queue>,
    wake: Condvar,
}

#[derive(Default)]
struct Queue {
    /// The last one is taken first, so that few folders are open at a time.
    tasks: Vec<Task>,
    /// How many threads are reading a folder.
    active: usize,
    next_id: usize,
    scanned: Vec<Scanned>,
    problems: Vec<IngestError>,
    left_out: Vec<LeftOut>,
    read: u64,
}

/// A folder to read.
struct Task {
    id: usize,
    /// The folder above, and the name in it.
    above: Arc<OwnedFd>,
    name: OsString,
    /// The path in the source.
    path: String,
    rules: Arc<Rules>,
}

/// A folder that was read. Those below it have greater ids.
struct Scanned {
    id: usize,
    path: String,
    stamp: Stamp,
    rules: [u8; 32],
    entries: Vec<(String, Entry)>,
    known: Option<SeenFolder>,
    /// Whether what is known of it has to be written again, whatever is below.
    is_new: bool,
}

enum Entry {
    Seen(Seen),
    Below(usize),
}

fn now() -> i128 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| since.as_nanos() as i128)
}

fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() {
        name.to_owned()
    } else {
        format!("{folder}/{name}")
    }
}

impl<'a> Walk<'a> {
    pub(super) fn new(store: &'a Store, request: &'a IngestRequest<'a>, excludes: Arc<Excludes>, sink: Sink) -> Self {
        Self {
            store,
            request,
            excludes,
            sink,
            began: now(),
            generation: 0,
            known: HashMap::new(),
            queue: Mutex::default(),
            wake: Condvar::new(),
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().expect("no one panics while holding the lock")
    }

    /// The prefix of the records of this source.
    fn key(&self, fd: BorrowedFd<'_>, name: &OsStr) -> Result<Vec<u8>, IngestError> {
        let stat = fstat(fd).map_err(|error| IngestError::unreadable(self.request.path, error))?;
        let mut hasher = blake3::Hasher::new_derive_key("airtight ingest source v1");
        hasher
            .update(&stat.st_dev.to_le_bytes())
            .update(&stat.st_ino.to_le_bytes());
        hasher.update(&[u8::from(self.sink == Sink::Store)]);
        hasher.update(&Rules::top(Arc::clone(&self.excludes), self.request.gitignore).digest);
        hasher.update(name.as_bytes());
        Ok(hasher.finalize().as_bytes()[..16].to_vec())
    }

    fn prepare(&mut self, key: &[u8]) -> Result<(), IngestError> {
        if self.sink == Sink::Store {
            self.generation = self.store.inner.generation()?;
        }
        if self.request.stat_cache {
            let known = &mut self.known;
            self.store.inner.scan(Kind::Folder, key, |found, value| {
                if let Some(value) = value {
                    known.insert(found[key.len()..].to_vec(), value.to_vec());
                }
            })?;
        }
        Ok(())
    }

    /// Ingests a folder.
    pub(super) fn folder(mut self, fd: OwnedFd) -> Result<Ingested, IngestError> {
        let key = self.key(fd.as_fd(), OsStr::new(""))?;
        self.prepare(&key)?;
        let rules = Arc::new(Rules::top(Arc::clone(&self.excludes), self.request.gitignore));
        let root = Task {
            id: 0,
            above: Arc::new(fd),
            name: OsString::from("."),
            path: String::new(),
            rules,
        };
        {
            let mut queue = self.queue();
            queue.tasks.push(root);
            queue.next_id = 1;
        }
        let threads = std::thread::available_parallelism()
            .map_or(1, usize::from)
            .min(MAX_THREADS);
        std::thread::scope(|scope| {
            for _ in 1..threads {
                scope.spawn(|| self.work());
            }
            self.work();
        });
        let queue = std::mem::take(&mut *self.queue());
        self.finish(queue, &key)
    }

    /// Reads folders until there are none.
    fn work(&self) {
        loop {
            let task = {
                let mut queue = self.queue();
                loop {
                    if let Some(task) = queue.tasks.pop() {
                        queue.active += 1;
                        break task;
                    }
                    if queue.active == 0 {
                        return;
                    }
                    queue = self.wake.wait(queue).expect("no one panics while holding the lock");
                }
            };
            let result = self.scan(task);
            let mut queue = self.queue();
            queue.active -= 1;
            match result {
                Ok(scanned) => queue.scanned.push(scanned),
                Err(problem) => queue.problems.push(problem),
            }
            self.wake.notify_all();
        }
    }

    fn scan(&self, task: Task) -> Result<Scanned, IngestError> {
        let Task {
            id,
            above,
            name,
            path,
            rules,
        } = task;
        let shown = if path.is_empty() { self.request.path } else { &path };
        if path.len() >= MAX_PATH_LEN {
            return Err(IngestError::Deep { path });
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let failed = |error: rustix::io::Errno| IngestError::unreadable(shown, error);
        let fd = Arc::new(openat(&*above, &name, flags, Mode::empty()).map_err(failed)?);
        drop(above);
        let stamp = Stamp::of(&fstat(&*fd).map_err(failed)?);
        let rules = self.rules_in(&fd, &path, rules)?;
        let known = self
            .known
            .get(path.as_bytes())
            .and_then(|bytes| whole::<SeenFolder>(bytes));
        let mut scanned = Scanned {
            id,
            stamp,
            rules: rules.digest,
            entries: Vec::new(),
            known: None,
            is_new: known.is_none(),
            path,
        };
        let same_names = known.as_ref().is_some_and(|known| {
            known.stamp == stamp
                && stamp.is_trusted(known.began)
                && known.rules == rules.digest
                && !self.request.list_left_out
        });
        scanned.is_new |= !same_names || known.as_ref().is_some_and(|known| known.generation != self.generation);
        let names = match &known {
            Some(known) if same_names => known.entries.iter().map(|(name, _)| name.clone()).collect(),
            _ => self.names(&fd, &scanned.path, &rules)?,
        };
        let (mut below, mut problems, mut read) = (Vec::new(), Vec::new(), 0);
        for name in names {
            let before = known.as_ref().and_then(|known| {
                let at = known
                    .entries
                    .binary_search_by(|(known, _)| known.as_str().cmp(&name))
                    .ok()?;
                Some((&known.entries[at].1, known))
            });
            match self.entry(fd.as_fd(), &scanned.path, &name, before) {
                Ok(Looked::Folder) => {
                    below.push(scanned.entries.len());
                    scanned.entries.push((name, Entry::Below(0)));
                }
                Ok(Looked::Same(seen)) => scanned.entries.push((name, Entry::Seen(seen))),
                Ok(Looked::New(seen)) => {
                    scanned.is_new = true;
                    read += 1;
                    scanned.entries.push((name, Entry::Seen(seen)));
                }
                Err(problem) => problems.push(problem),
            }
        }
        scanned.known = known;
        let mut queue = self.queue();
        queue.problems.append(&mut problems);
        queue.read += read;
        // The first name is taken first: tasks are a stack.
        for at in below.into_iter().rev() {
            let (name, entry) = &mut scanned.entries[at];
            let task = Task {
                id: queue.next_id,
                above: Arc::clone(&fd),
                path: join(&scanned.path, name),
                name: OsString::from(&*name),
                rules: Arc::clone(&rules),
            };
            *entry = Entry::Below(task.id);
            queue.next_id += 1;
            queue.tasks.push(task);
        }
        Ok(scanned)
    }

    /// The rules in a folder, which may have a `.gitignore` of its own.
    fn rules_in(&self, fd: &OwnedFd, path: &str, rules: Arc<Rules>) -> Result<Arc<Rules>, IngestError> {
        if !self.request.gitignore {
            return Ok(rules);
        }
        let file = match openat(
            fd,
            ".gitignore",
            OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC,
            Mode::empty(),
        ) {
            Ok(file) => std::fs::File::from(file),
            // None, or a link, which Git does not follow either. One that cannot be read is told when it is ingested.
            Err(_) => return Ok(rules),
        };
        let mut text = Vec::new();
        let read = match file.metadata() {
            Ok(metadata) if metadata.is_file() => file.take(MAX_GITIGNORE).read_to_end(&mut text),
            _ => return Ok(rules),
        };
        read.map_err(|error| IngestError::unreadable(&join(path, ".gitignore"), error))?;
        Ok(Arc::new(rules.with(Path::new(path), text)))
    }

    /// The names in a folder that are not left out, ascending.
    fn names(&self, fd: &OwnedFd, path: &str, rules: &Rules) -> Result<Vec<String>, IngestError> {
        let failed = |error: rustix::io::Errno| IngestError::unreadable(path, error);
        let mut names = Vec::new();
        for entry in rustix::fs::Dir::read_from(fd).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let name = OsString::from_vec(entry.file_name().to_bytes().to_vec());
            if name == "." || name == ".." {
                continue;
            }
            let is_folder = match entry.file_type() {
                FileType::Unknown => statat(fd, &name, AtFlags::SYMLINK_NOFOLLOW)
                    .is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Directory),
                other => other == FileType::Directory,
            };
            if let Some(reason) = rules.leaves_out(Path::new(path), &name, is_folder) {
                self.leave_out(path, &name, is_folder, reason);
                continue;
            }
            match name.into_string() {
                Ok(name) if is_valid_name(&name) => names.push(name),
                Ok(name) => self.queue().problems.push(IngestError::Name {
                    path: join(path, &name),
                }),
                Err(name) => {
                    self.queue().problems.push(IngestError::Name {
                        path: join(path, &name.to_string_lossy()),
                    });
                }
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    fn leave_out(&self, path: &str, name: &OsStr, is_folder: bool, reason: LeftOutReason) {
        if self.request.list_left_out {
            let path = format!(
                "{}{}",
                join(path, &name.to_string_lossy()),
                if is_folder { "/" } else { "" }
            );
            self.queue().left_out.push(LeftOut { path, reason });
        }
    }

    /// Looks at a name in a folder. What was seen of it before counts when its stamp is the same.
    fn entry(
        &self,
        fd: BorrowedFd<'_>,
        folder: &str,
        name: &str,
        before: Option<(&Seen, &SeenFolder)>,
    ) -> Result<Looked, IngestError> {
        let failed = |error: rustix::io::Errno| IngestError::unreadable(&join(folder, name), error);
        let stat = statat(fd, name, AtFlags::SYMLINK_NOFOLLOW).map_err(failed)?;
        let stamp = Stamp::of(&stat);
        let special = |what| {
            Err(IngestError::Special {
                path: join(folder, name),
                what,
            })
        };
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => Ok(Looked::Folder),
            FileType::RegularFile => {
                if let Some((seen @ Seen::File(known, blob), of)) = before
                    && *known == stamp
                    && stamp.is_trusted(of.began)
                    && (of.generation == self.generation || self.store.has_blob(blob)?)
                {
                    return Ok(Looked::Same(seen.clone()));
                }
                let (stamp, blob) = self.read(fd, folder, name)?;
                Ok(Looked::New(Seen::File(stamp, blob)))
            }
            FileType::Symlink => {
                if let Some((seen @ Seen::Link(known, _), of)) = before
                    && *known == stamp
                    && stamp.is_trusted(of.began)
                {
                    return Ok(Looked::Same(seen.clone()));
                }
                let target = readlinkat(fd, name, Vec::new()).map_err(failed)?;
                match target.into_string() {
                    Ok(target) if is_valid_target(&target) => Ok(Looked::New(Seen::Link(stamp, target))),
                    Ok(target) => Err(IngestError::Link {
                        path: join(folder, name),
                        target,
                        problem: LinkProblem::Target,
                    }),
                    Err(error) => {
                        let target = error.into_cstring().to_string_lossy().into_owned();
                        Err(IngestError::Link {
                            path: join(folder, name),
                            target,
                            problem: LinkProblem::Target,
                        })
                    }
                }
            }
            FileType::Socket => special("a socket"),
            FileType::Fifo => special("a pipe"),
            FileType::CharacterDevice | FileType::BlockDevice => special("a device"),
            _ => special("of a kind"),
        }
    }

    /// Reads a file, and sees that it was the same before and after.
    fn read(&self, fd: BorrowedFd<'_>, folder: &str, name: &str) -> Result<(Stamp, BlobDigest), IngestError> {
        let path = || join(folder, name);
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = openat(fd, name, flags, Mode::empty()).map_err(|error| IngestError::unreadable(&path(), error))?;
        let stat = |file: &OwnedFd| fstat(file).map_err(|error| IngestError::unreadable(&path(), error));
        let first = stat(&file)?;
        let before = Stamp::of(&first);
        if FileType::from_raw_mode(first.st_mode) != FileType::RegularFile {
            return Err(IngestError::Changed { path: path() });
        }
        let (digest, size) = self.read_content(&file, before.size()).map_err(|error| match error {
            ReadError::Io(error) => IngestError::unreadable(&path(), error),
            ReadError::Store(error) => error.into(),
        })?;
        let after = Stamp::of(&stat(&file)?);
        if before != after || size != before.size() {
            return Err(IngestError::Changed { path: path() });
        }
        Ok((before, digest))
    }

    fn read_content(&self, file: &OwnedFd, size: u64) -> Result<(BlobDigest, u64), ReadError> {
        if size <= SMALL as u64 {
            // One byte more, to see a file that has grown.
            let mut bytes = vec![0; size as usize + 1];
            let mut len = 0;
            while len < bytes.len() {
                match retry(|| rustix::io::read(file, &mut bytes[len..]))? {
                    0 => break,
                    count => len += count,
                }
            }
            let digest = match self.sink {
                Sink::Store => self.store.put_blob(&bytes[..len])?,
                Sink::Digests => BlobDigest::of(&bytes[..len]),
            };
            return Ok((digest, len as u64));
        }
        let mut buffer = vec![0; 1 << 20];
        let mut hasher = blake3::Hasher::new();
        let mut scratch = match self.sink {
            Sink::Store => Some(self.store.scratch()?),
            Sink::Digests => None,
        };
        let mut len = 0u64;
        loop {
            let count = retry(|| rustix::io::read(file, &mut buffer[..]))?;
            if count == 0 {
                break;
            }
            match &mut scratch {
                Some(scratch) => scratch.write_at(len, &buffer[..count])?,
                None => drop(hasher.update(&buffer[..count])),
            }
            len += count as u64;
            if len > size {
                // It grows: that it changed is known already.
                return Ok((BlobDigest::of(b""), len));
            }
        }
        match scratch {
            Some(scratch) => Ok(self.store.put_scratch(scratch)?),
            None => Ok((BlobDigest::from_bytes(*hasher.finalize().as_bytes()), len)),
        }
    }

    /// Makes trees of the folders, those below first, and keeps what was seen.
    fn finish(&self, mut queue: Queue, key: &[u8]) -> Result<Ingested, IngestError> {
        if !queue.problems.is_empty() {
            return Err(first_problem(queue.problems));
        }
        queue
            .scanned
            .sort_unstable_by_key(|scanned| std::cmp::Reverse(scanned.id));
        let mut trees: FxHashMap<usize, TreeDigest> = FxHashMap::default();
        let mut seen_paths: FxHashSet<String> = FxHashSet::default();
        let mut found = Vec::new();
        let mut files = 0;
        for scanned in queue.scanned {
            let id = scanned.id;
            let path = scanned.path.clone();
            let folder = self.assemble(scanned, &trees, key)?;
            for (name, seen) in &folder.entries {
                files += u64::from(!matches!(seen, Seen::Folder(_)));
                if let Seen::Link(_, target) = seen {
                    found.push((join(&path, name), target.clone()));
                }
            }
            trees.insert(id, folder.tree);
            seen_paths.insert(path);
        }
        for path in self
            .known
            .keys()
            .filter(|path| std::str::from_utf8(path).is_ok_and(|path| !seen_paths.contains(path)))
        {
            self.store.inner.remove_record(Kind::Folder, &[key, path].concat())?;
        }
        let root = trees.get(&0).copied().ok_or_else(|| IngestError::NotFound {
            path: self.request.path.to_owned(),
        })?;
        let node = Node::Directory(root);
        if self.sink == Sink::Store {
            found.sort_unstable();
            for (path, target) in &found {
                links::check(self.store, &node, path, target)?;
            }
        }
        self.remember(key, &node)?;
        queue.left_out.sort_unstable();
        Ok(Ingested {
            node,
            files,
            read: queue.read,
            left_out: queue.left_out,
        })
    }

    /// Remembers the source's last tree (none where only digests were wanted), so that a sweep does not take what the next ingest counts on.
    fn remember(&self, key: &[u8], node: &Node) -> Result<(), IngestError> {
        // By the day: an ingest of an unchanged source writes nothing.
        let used = (self.store.inner.clock)() / 86_400 * 86_400;
        let record = (used, (self.sink == Sink::Store).then(|| node.clone())).to_bytes();
        if self.store.inner.record(Kind::Source, key)?.as_deref() != Some(&record[..]) {
            self.store.inner.put_record(Kind::Source, key, &record)?;
        }
        Ok(())
    }

    fn assemble(
        &self,
        scanned: Scanned,
        trees: &FxHashMap<usize, TreeDigest>,
        key: &[u8],
    ) -> Result<SeenFolder, IngestError> {
        let Scanned {
            path,
            stamp,
            rules,
            entries,
            known,
            mut is_new,
            ..
        } = scanned;
        let entries: Vec<(String, Seen)> = entries
            .into_iter()
            .map(|(name, entry)| match entry {
                Entry::Seen(seen) => (name, seen),
                // A folder that failed is a problem, and with one nothing is assembled.
                Entry::Below(id) => (
                    name,
                    Seen::Folder(trees.get(&id).copied().unwrap_or(TreeDigest::from_bytes([0; 32]))),
                ),
            })
            .collect();
        is_new |= known.as_ref().is_none_or(|known| known.entries != entries);
        if let Some(known) = known.filter(|_| !is_new) {
            return Ok(known);
        }
        let nodes = entries.iter().map(|(name, seen)| TreeEntry {
            name: name.clone(),
            node: match seen {
                Seen::File(stamp, blob) => Node::File {
                    blob: *blob,
                    size: stamp.size(),
                    executable: stamp.is_executable(),
                },
                Seen::Link(_, target) => Node::Symlink(target.clone()),
                Seen::Folder(tree) => Node::Directory(*tree),
            },
        });
        let tree = Tree::new(nodes.collect()).map_err(|error| IngestError::Name {
            path: join(&path, &error.to_string()),
        })?;
        let tree = match self.sink {
            Sink::Store => self.store.put_tree(&tree)?,
            Sink::Digests => tree.digest(),
        };
        let folder = SeenFolder {
            generation: self.generation,
            began: self.began,
            rules,
            stamp,
            tree,
            entries,
        };
        self.store
            .inner
            .put_record(Kind::Folder, &[key, path.as_bytes()].concat(), &folder.to_bytes())?;
        Ok(folder)
    }

    /// Ingests one file, which is in the folder `fd`.
    pub(super) fn file(mut self, fd: OwnedFd, name: &OsStr) -> Result<Ingested, IngestError> {
        let key = self.key(fd.as_fd(), name)?;
        self.prepare(&key)?;
        let Some(name) = name.to_str() else {
            return Err(IngestError::Name {
                path: name.to_string_lossy().into_owned(),
            });
        };
        let known = self.known.get(&b""[..]).and_then(|bytes| whole::<SeenFolder>(bytes));
        let before = known
            .as_ref()
            .and_then(|known| Some((&known.entries.first()?.1, known)));
        let (seen, is_new) = match self.entry(fd.as_fd(), "", name, before)? {
            Looked::Same(seen) => (seen, false),
            Looked::New(seen) => (seen, true),
            Looked::Folder => return Err(IngestError::Changed { path: name.to_owned() }),
        };
        let Seen::File(stamp, blob) = &seen else {
            return Err(IngestError::Changed { path: name.to_owned() });
        };
        let node = Node::File {
            blob: *blob,
            size: stamp.size(),
            executable: stamp.is_executable(),
        };
        if is_new || known.as_ref().is_some_and(|known| known.generation != self.generation) {
            let entries = vec![(name.to_owned(), seen.clone())];
            let (tree, rules) = (TreeDigest::from_bytes([0; 32]), [0; 32]);
            let folder = SeenFolder {
                generation: self.generation,
                began: self.began,
                rules,
                stamp: *stamp,
                tree,
                entries,
            };
            self.store.inner.put_record(Kind::Folder, &key, &folder.to_bytes())?;
        }
        self.remember(&key, &node)?;
        Ok(Ingested {
            node,
            files: 1,
            read: is_new.into(),
            left_out: Vec::new(),
        })
    }
}

/// What a look at a name found.
enum Looked {
    Folder,
    Same(Seen),
    New(Seen),
}

enum ReadError {
    Io(rustix::io::Errno),
    Store(crate::error::StoreError),
}

impl From<rustix::io::Errno> for ReadError {
    fn from(error: rustix::io::Errno) -> Self {
        Self::Io(error)
    }
}

impl From<crate::error::StoreError> for ReadError {
    fn from(error: crate::error::StoreError) -> Self {
        Self::Store(error)
    }
}

fn retry<T>(mut call: impl FnMut() -> rustix::io::Result<T>) -> rustix::io::Result<T> {
    loop {
        match call() {
            Err(rustix::io::Errno::INTR) => {}
            other => return other,
        }
    }
}

/// The problem that is told: one of the store before all others, one of the source before that it changed, then the first by
/// path, so that it is the same each time.
fn first_problem(problems: Vec<IngestError>) -> IngestError {
    let rank = |problem: &IngestError| match problem {
        IngestError::Store(_) => 0,
        IngestError::Changed { .. } => 2,
        _ => 1,
    };
    let first = problems
        .into_iter()
        .min_by(|a, b| (rank(a), a.path()).cmp(&(rank(b), b.path())));
    first.expect("it is called with one problem at least")
}
