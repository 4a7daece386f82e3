//! Walking a source: folders are read by several threads, each relative to the folder above and without following links,
//! and become trees from the bottom up. Not here: what is left out, what a stamp means, and reading one file (`look`).

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::io::Read;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};

use airtight_model::{Canonical, Node, Tree, TreeDigest, TreeEntry, tree::is_valid_name};
use rustix::fs::{AtFlags, FileType, Mode, OFlags, fstat, openat, statat};

use super::look::{Looked, Parts};
use super::rules::{Excludes, LeftOut, LeftOutReason, Rules};
use super::seen::{Known, Seen, SeenFolder, SeenRef, Stamp};
use super::{IngestError, IngestRequest, Ingested, Sink, links};
use crate::driver::Kind;
use crate::segments::helper;
use crate::store::Store;
use crate::walk::MAX_PATH_LEN;

/// How many threads read a source at most.
const MAX_THREADS: usize = 8;
/// The longest `.gitignore` that is read, in bytes; what is beyond counts for nothing.
const MAX_GITIGNORE: u64 = 1 << 20;

/// One ingest.
pub(super) struct Walk<'a> {
    pub(super) store: &'a Store,
    request: &'a IngestRequest<'a>,
    excludes: Arc<Excludes>,
    pub(super) sink: Sink,
    /// When it began, in nanoseconds since 1970.
    began: i128,
    pub(super) generation: u64,
    /// The prefix of this source's records.
    key: Vec<u8>,
    /// Records of folders that were not read yet, by the folder's path.
    known: Mutex<HashMap<Vec<u8>, Vec<u8>>>,
    queue: Mutex<Queue>,
    wake: Condvar,
}

#[derive(Default)]
struct Queue {
    /// The last one is taken first, so that few folders are open at a time.
    tasks: Vec<Task>,
    /// How many threads are at a task.
    active: usize,
    root: Option<TreeDigest>,
    problems: Vec<IngestError>,
    left_out: Vec<LeftOut>,
    /// The paths of symbolic links, and their targets.
    links: Vec<(String, String)>,
    files: u64,
    read: u64,
}

enum Task {
    Folder(FolderTask),
    /// To look at names of a large folder together with who reads it.
    Help(Arc<Parts>),
}

/// A folder to read.
struct FolderTask {
    /// The folder above, and the name in it.
    above: Arc<OwnedFd>,
    name: OsString,
    /// The path in the source.
    path: String,
    rules: Arc<Rules>,
    parent: Option<Parent>,
}

/// The folder above, and this one's position in it.
type Parent = (Arc<Folder>, u32);

/// A folder that was read and waits for those below it.
struct Folder {
    path: String,
    stamp: Stamp,
    rules: [u8; 32],
    listing: Arc<Listing>,
    /// Whether what is known of it has to be written again, whatever is below.
    is_new: bool,
    parent: Option<Parent>,
    /// How many folders below are not done, and one until all are known.
    waits: AtomicUsize,
    /// What is not as it is known, by position.
    found: Mutex<Vec<(u32, Seen)>>,
}

/// The names in a folder, ascending, and what is known of them.
pub(super) struct Listing {
    pub(super) known: Option<Known>,
    /// None where they are those that are known.
    names: Option<Vec<String>>,
}

impl Listing {
    pub(super) fn len(&self) -> usize {
        match (&self.names, &self.known) {
            (Some(names), _) => names.len(),
            (None, Some(known)) => known.len(),
            (None, None) => 0,
        }
    }

    /// The name at a position, and what it stood for before.
    pub(super) fn get(&self, i: usize) -> (&str, Option<SeenRef<'_>>) {
        match (&self.names, &self.known) {
            (Some(names), known) => (&names[i], known.as_ref().and_then(|known| known.find(&names[i]))),
            (None, Some(known)) => {
                let (name, seen) = known.get(i);
                (name, Some(seen))
            }
            (None, None) => ("", None),
        }
    }

    pub(super) fn name(&self, i: usize) -> &str {
        match (&self.names, &self.known) {
            (Some(names), _) => &names[i],
            (None, Some(known)) => known.name(i),
            (None, None) => "",
        }
    }
}

fn now() -> i128 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| since.as_nanos() as i128)
}

pub(super) fn join(folder: &str, name: &str) -> String {
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
            key: Vec::new(),
            known: Mutex::default(),
            queue: Mutex::default(),
            wake: Condvar::new(),
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().expect("no one panics while holding the lock")
    }

    /// The prefix of the records of this source.
    fn key_of(&self, fd: BorrowedFd<'_>, name: &OsStr) -> Result<Vec<u8>, IngestError> {
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

    fn prepare(&mut self, fd: BorrowedFd<'_>, name: &OsStr) -> Result<(), IngestError> {
        self.key = self.key_of(fd, name)?;
        if self.sink == Sink::Store {
            self.generation = self.store.inner.generation()?;
        }
        if self.request.stat_cache {
            let mut known = HashMap::new();
            self.store.inner.scan(Kind::Folder, &self.key, |found, value| {
                if let Some(value) = value {
                    known.insert(found[self.key.len()..].to_vec(), value.to_vec());
                }
            })?;
            self.known = Mutex::new(known);
        }
        Ok(())
    }

    /// What is known of the folder at a path; asked once.
    fn take_known(&self, path: &str) -> Option<Known> {
        let mut known = self.known.lock().expect("no one panics while holding the lock");
        let record = known.remove(path.as_bytes())?;
        drop(known);
        Known::new(record)
    }

    /// Ingests a folder.
    pub(super) fn folder(mut self, fd: OwnedFd) -> Result<Ingested, IngestError> {
        self.prepare(fd.as_fd(), OsStr::new(""))?;
        let rules = Arc::new(Rules::top(Arc::clone(&self.excludes), self.request.gitignore));
        let root = FolderTask {
            above: Arc::new(fd),
            name: OsString::from("."),
            path: String::new(),
            rules,
            parent: None,
        };
        self.queue().tasks.push(Task::Folder(root));
        let threads = threads();
        std::thread::scope(|scope| {
            for _ in 1..threads {
                helper(scope, || self.work());
            }
            self.work();
        });
        let queue = std::mem::take(&mut *self.queue());
        self.finish(queue)
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
            let result = match task {
                Task::Folder(task) => self.scan(task),
                Task::Help(parts) => {
                    self.look(&parts);
                    Ok(())
                }
            };
            let mut queue = self.queue();
            queue.active -= 1;
            queue.problems.extend(result.err());
            // Whoever waits has nothing to do but when tasks came or all are done.
            if queue.active == 0 || !queue.tasks.is_empty() {
                self.wake.notify_all();
            }
        }
    }

    fn scan(&self, task: FolderTask) -> Result<(), IngestError> {
        let FolderTask {
            above,
            name,
            path,
            rules,
            parent,
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
        let known = self.take_known(&path);
        let same_names = known.as_ref().is_some_and(|Known { folder, .. }| {
            folder.stamp == stamp
                && stamp.is_trusted(folder.began)
                && folder.rules == rules.digest
                && !self.request.list_left_out
        });
        let same_generation = known
            .as_ref()
            .is_some_and(|known| known.folder.generation == self.generation);
        let mut bad_names = Vec::new();
        let names = match same_names {
            true => None,
            false => Some(self.names(&fd, &path, &rules, &mut bad_names)?),
        };
        let parts = Arc::new(Parts::new(&fd, &path, Listing { known, names }));
        let looked = self.look_together(&parts);
        let Looked {
            found,
            below,
            mut problems,
            mut links,
            ..
        } = looked;
        let folder = Arc::new(Folder {
            stamp,
            rules: rules.digest,
            listing: Arc::clone(&parts.listing),
            is_new: !same_names || !same_generation || !found.is_empty(),
            parent,
            waits: AtomicUsize::new(1 + below.len()),
            found: Mutex::new(found),
            path,
        });
        problems.append(&mut bad_names);
        let is_whole = problems.is_empty();
        {
            let mut queue = self.queue();
            queue.problems.append(&mut problems);
            queue.links.append(&mut links);
            queue.read += looked.read;
            queue.files += looked.files;
            // The first name is taken first: tasks are a stack.
            for at in below.into_iter().rev() {
                let name = folder.listing.name(at as usize);
                let task = FolderTask {
                    above: Arc::clone(&fd),
                    path: join(&folder.path, name),
                    name: OsString::from(name),
                    rules: Arc::clone(&rules),
                    parent: Some((Arc::clone(&folder), at)),
                };
                queue.tasks.push(Task::Folder(task));
            }
        }
        // What lacks a name is no tree, and nothing to remember.
        if is_whole { self.one_is_done(folder) } else { Ok(()) }
    }

    /// Looks at all names of a folder, with the help of threads that have nothing else to do.
    fn look_together(&self, parts: &Arc<Parts>) -> Looked {
        let helpers = parts.helpers().min(threads() - 1);
        if helpers > 0 {
            let mut queue = self.queue();
            queue.tasks.extend((0..helpers).map(|_| Task::Help(Arc::clone(parts))));
            self.wake.notify_all();
        }
        self.look(parts);
        if helpers > 0 {
            // Who comes too late would only keep the folder open.
            let late = |task: &Task| matches!(task, Task::Help(other) if Arc::ptr_eq(other, parts));
            self.queue().tasks.retain(|task| !late(task));
        }
        parts.wait()
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
    fn names(
        &self,
        fd: &OwnedFd,
        path: &str,
        rules: &Rules,
        problems: &mut Vec<IngestError>,
    ) -> Result<Vec<String>, IngestError> {
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
                Ok(name) => problems.push(IngestError::Name {
                    path: join(path, &name),
                }),
                Err(name) => problems.push(IngestError::Name {
                    path: join(path, &name.to_string_lossy()),
                }),
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

    /// Counts one thing less that a folder waits for. A folder that waits for nothing becomes a tree, for which the one above waits. One
    /// that failed is a problem, and those above it are never done.
    fn one_is_done(&self, mut folder: Arc<Folder>) -> Result<(), IngestError> {
        while folder.waits.fetch_sub(1, Ordering::SeqCst) == 1 {
            let tree = self.assemble(&folder)?;
            match &folder.parent {
                None => {
                    self.queue().root = Some(tree);
                    return Ok(());
                }
                Some((above, at)) => {
                    let above = Arc::clone(above);
                    above.found().push((*at, Seen::Folder(tree)));
                    folder = above;
                }
            }
        }
        Ok(())
    }

    /// Makes a folder a tree, and keeps what was seen of it.
    fn assemble(&self, folder: &Folder) -> Result<TreeDigest, IngestError> {
        let mut found = std::mem::take(&mut *folder.found());
        found.sort_unstable_by_key(|(at, _)| *at);
        let Folder { path, listing, .. } = folder;
        let as_known = |(at, seen): &(u32, Seen)| listing.get(*at as usize).1 == Some(seen.by_ref());
        if let Some(known) = &listing.known
            && !folder.is_new
            && found.iter().all(as_known)
        {
            return Ok(known.folder.tree);
        }
        let entries = || {
            let mut found = found.iter().peekable();
            (0..listing.len()).map(move |i| match found.next_if(|(at, _)| *at as usize == i) {
                Some((_, seen)) => (listing.name(i), seen.by_ref()),
                None => {
                    let (name, seen) = listing.get(i);
                    (name, seen.expect("what was not found anew is known"))
                }
            })
        };
        let nodes = entries().map(|(name, seen)| TreeEntry {
            name: name.to_owned(),
            node: seen.node(),
        });
        let tree = Tree::new(nodes.collect()).map_err(|error| IngestError::Name {
            path: join(path, &error.to_string()),
        })?;
        let tree = match self.sink {
            Sink::Store => self.store.put_tree(&tree)?,
            Sink::Digests => tree.digest(),
        };
        let seen = self.seen_folder(folder.rules, folder.stamp, tree);
        self.put_known(path, &seen.record(entries()))?;
        Ok(tree)
    }

    fn seen_folder(&self, rules: [u8; 32], stamp: Stamp, tree: TreeDigest) -> SeenFolder {
        SeenFolder {
            generation: self.generation,
            began: self.began,
            rules,
            stamp,
            tree,
        }
    }

    fn put_known(&self, path: &str, record: &[u8]) -> Result<(), IngestError> {
        let key = [&self.key, path.as_bytes()].concat();
        Ok(self.store.inner.put_record(Kind::Folder, &key, record)?)
    }

    /// Sees that the links lead somewhere, and forgets folders that are not there any more.
    fn finish(&self, mut queue: Queue) -> Result<Ingested, IngestError> {
        if !queue.problems.is_empty() {
            return Err(first_problem(queue.problems));
        }
        let known = std::mem::take(&mut *self.known.lock().expect("no one panics while holding the lock"));
        for path in known.keys() {
            let key = [&self.key, &path[..]].concat();
            self.store.inner.remove_record(Kind::Folder, &key)?;
        }
        let root = queue.root.ok_or_else(|| IngestError::NotFound {
            path: self.request.path.to_owned(),
        })?;
        let node = Node::Directory(root);
        if self.sink == Sink::Store {
            queue.links.sort_unstable();
            for (path, target) in &queue.links {
                links::check(self.store, &node, path, target)?;
            }
        }
        self.remember(&node)?;
        queue.left_out.sort_unstable();
        Ok(Ingested {
            node,
            files: queue.files,
            read: queue.read,
            left_out: queue.left_out,
        })
    }

    /// Remembers the source's last tree (none where only digests were wanted), so that a sweep does not take what the next ingest counts on.
    fn remember(&self, node: &Node) -> Result<(), IngestError> {
        // By the day: an ingest of an unchanged source writes nothing.
        let used = (self.store.inner.clock)() / 86_400 * 86_400;
        let record = (used, (self.sink == Sink::Store).then(|| node.clone())).to_bytes();
        if self.store.inner.record(Kind::Source, &self.key)?.as_deref() != Some(&record[..]) {
            self.store.inner.put_record(Kind::Source, &self.key, &record)?;
        }
        Ok(())
    }

    /// Ingests one file, which is in the folder `fd`.
    pub(super) fn file(mut self, fd: OwnedFd, name: &OsStr) -> Result<Ingested, IngestError> {
        self.prepare(fd.as_fd(), name)?;
        let Some(name) = name.to_str() else {
            return Err(IngestError::Name {
                path: name.to_string_lossy().into_owned(),
            });
        };
        let known = self.take_known("").filter(|known| known.len() == 1);
        let same_generation = known
            .as_ref()
            .is_some_and(|known| known.folder.generation == self.generation);
        let names = Some(vec![name.to_owned()]);
        let parts = Parts::new(&Arc::new(fd), "", Listing { known, names });
        self.look(&parts);
        let Looked {
            found, below, problems, ..
        } = parts.wait();
        if !problems.is_empty() {
            return Err(first_problem(problems));
        }
        let seen = match found.first() {
            Some((_, seen)) => Some(seen.by_ref()),
            None => parts.listing.get(0).1,
        };
        let Some(SeenRef::File(stamp, _)) = seen.filter(|_| below.is_empty()) else {
            return Err(IngestError::Changed { path: name.to_owned() });
        };
        let seen = seen.expect("it is a file");
        let node = seen.node();
        if !found.is_empty() || !same_generation {
            let folder = self.seen_folder([0; 32], stamp, TreeDigest::from_bytes([0; 32]));
            self.put_known("", &folder.record([(name, seen)].into_iter()))?;
        }
        self.remember(&node)?;
        Ok(Ingested {
            node,
            files: 1,
            read: found.len() as u64,
            left_out: Vec::new(),
        })
    }
}

impl Folder {
    fn found(&self) -> MutexGuard<'_, Vec<(u32, Seen)>> {
        self.found.lock().expect("no one panics while holding the lock")
    }
}

fn threads() -> usize {
    std::thread::available_parallelism()
        .map_or(1, usize::from)
        .min(MAX_THREADS)
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
