//! Which steps may read a path, by their mounts, and which read it when they last ran, by their read sets. Not here: how
//! reads are observed (the sandbox).

use std::collections::BTreeMap;
use std::path::{Component, Path};

use airtight_model::history::{MountHistory, Origin, StepHistory};
use airtight_model::plan::TreeRef;
use airtight_model::{Fact, ReadSet};
use airtight_store::Store;

use super::answer::{Did, instant};
use super::{Answer, Known, May};
use crate::commands::Context;
use crate::commands::plan::tree_ref;
use crate::failure::Failure;
use crate::project::Project;
use crate::settings::shown;

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    /// A path of the project, relative to its folder; the empty one is that folder.
    Project(String),
    /// A path of a guest.
    Guest(String),
}

fn place(context: &Context, project: &Project, text: &str) -> Result<Place, Failure> {
    if text.starts_with('/') {
        return Ok(Place::Guest(format!("/{}", text.trim_matches('/'))));
    }
    let mut path = context
        .settings
        .folder
        .canonicalize()
        .unwrap_or_else(|_| context.settings.folder.clone());
    for part in Path::new(text).components() {
        match part {
            Component::ParentDir => drop(path.pop()),
            Component::Normal(name) => path.push(name),
            Component::CurDir | Component::RootDir | Component::Prefix(_) => {}
        }
    }
    let inside = path.strip_prefix(&project.root).map_err(|_| {
        Failure::user(
            "U0024",
            format!("{} is not below the pipeline file's folder", shown(&path)),
        )
        .help("name a file of the project, or a path as a step sees it: `/src/main.c`")
    })?;
    Ok(Place::Project(inside.to_string_lossy().into_owned()))
}

/// Whether `path` is `of` or below it.
fn is_below(path: &str, of: &str) -> bool {
    of.is_empty()
        || of == "/"
        || path
            .strip_prefix(of)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn join(base: &str, path: &str) -> String {
    match (base.trim_end_matches('/'), path) {
        ("" | ".", path) => path.to_owned(),
        (base, "") => base.to_owned(),
        (base, path) => format!("{base}/{path}"),
    }
}

/// The path of the guest at which a mount shows a path of it.
fn seen_at(at: &str, path: &str) -> String {
    format!("/{}", join(at.trim_start_matches('/'), path))
}

/// Answers `query reads`.
pub(super) fn reads(context: &Context, known: &Known<'_>, text: &str) -> Result<Answer, Failure> {
    let place = place(context, known.project, text)?;
    let of = match &place {
        Place::Project(path) if path.is_empty() => ".",
        Place::Project(path) | Place::Guest(path) => path,
    };
    let mut answer = Answer::new("reads", of, known.histories.len());
    for step in &known.plan.steps {
        for mount in &step.mounts {
            let by = match (&place, &mount.from) {
                (Place::Guest(path), _) if is_below(path, &mount.at) || is_below(&mount.at, path) => {
                    format!("{} from {}", mount.at, tree_ref(known.plan, &mount.from))
                }
                (Place::Project(path), TreeRef::Source(source)) => {
                    let source = &known.plan.sources[source.index()];
                    let base = join(&source.path, "");
                    if is_below(path, &base) {
                        let inner = path[base.len()..].trim_start_matches('/');
                        format!("as {}, from source {}", seen_at(&mount.at, inner), source.name)
                    } else if is_below(&base, path) {
                        format!("parts of it as {}, from source {}", mount.at, source.name)
                    } else {
                        continue;
                    }
                }
                _ => continue,
            };
            let only = match mount.paths.as_slice() {
                [] => String::new(),
                paths => format!(", only what matches {}", paths.join(" ")),
            };
            answer.may.push(May {
                step: step.name.clone(),
                by: format!("{by}{only}"),
                place: known.project.place(mount.span),
            });
        }
    }
    let store = context.store()?;
    let mut seen: Vec<&str> = Vec::new();
    for (at, history) in &known.histories {
        for step in &history.steps {
            // The last run of a step tells what it reads; earlier ones tell what it read then.
            if seen.contains(&step.step.as_str()) {
                continue;
            }
            seen.push(&step.step);
            match observed(store, step, &place)? {
                Some(paths) => answer.did.extend(paths.into_iter().map(|(what, how)| Did {
                    step: step.step.clone(),
                    what: format!("{what} ({})", how.word()),
                    grant: String::new(),
                    count: 0,
                    sent: 0,
                    received: 0,
                    runs: 1,
                    last_run: history.run.clone(),
                    last_at: instant(*at),
                })),
                None => answer.notes.push(format!(
                    "what `{}` read in run {} is no longer kept",
                    step.step, history.run
                )),
            }
        }
    }
    let is_source = |mount: &airtight_model::plan::PlannedMount| matches!(mount.from, TreeRef::Source(_));
    if known.plan.steps.iter().any(|step| step.mounts.iter().any(is_source)) && matches!(place, Place::Project(_)) {
        let note = "what a source leaves out (`airtight plan -v`) no step can read";
        answer.notes.push(note.to_owned());
    }
    Ok(answer)
}

/// How much of something was seen, least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum How {
    /// Whether it is there, what it is, how large.
    LookedAt,
    /// The names in a folder.
    Listed,
    /// Its bytes.
    Read,
}

impl How {
    const fn word(self) -> &'static str {
        match self {
            Self::LookedAt => "looked for or at",
            Self::Listed => "listed",
            Self::Read => "read",
        }
    }

    fn of(fact: &Fact) -> Self {
        match fact {
            Fact::Kind(_) | Fact::Absent | Fact::Target(_) | Fact::Size(_) => Self::LookedAt,
            Fact::Listing(_) => Self::Listed,
            Fact::Content(_) | Fact::Whole(_) => Self::Read,
        }
    }
}

/// What a step observed at a place or below it, in paths of the guest; none where its read set is lost.
fn observed(store: &Store, step: &StepHistory, place: &Place) -> Result<Option<BTreeMap<String, How>>, Failure> {
    let Some(digest) = step.reads else { return Ok(None) };
    let bytes = match store.blob(&digest).and_then(|blob| blob.read_all()) {
        Ok(bytes) => bytes,
        Err(error) if error.lost_blob().is_some() => return Ok(None),
        Err(error) => return Err(Failure::store(error)),
    };
    let Ok(reads) = ReadSet::from_document(&bytes) else {
        return Ok(None);
    };
    Ok(Some(matching(&reads, &step.mounts, place)))
}

fn matching(reads: &ReadSet, mounts: &[MountHistory], place: &Place) -> BTreeMap<String, How> {
    let mut found = BTreeMap::new();
    for observation in &reads.observations {
        let Some(mount) = mounts.get(observation.mount as usize) else {
            continue;
        };
        let seen = seen_at(&mount.at, &observation.path);
        let how = How::of(&observation.fact);
        let here = match (place, &mount.from) {
            (Place::Guest(path), _) => is_there(&seen, path, &observation.fact),
            (Place::Project(path), Origin::Source(source)) => {
                is_there(&join(source, &observation.path), path, &observation.fact)
            }
            (Place::Project(_), Origin::Output(_)) => false,
        };
        if here {
            let known = found.entry(seen).or_insert(how);
            *known = (*known).max(how);
        }
    }
    found
}

/// Whether an observation at `path` says something of what is at `asked` or below it.
fn is_there(path: &str, asked: &str, fact: &Fact) -> bool {
    is_below(path, asked) || (matches!(fact, Fact::Whole(_)) && is_below(asked, path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use airtight_model::{BlobDigest, Node, NodeKind, Observation, TreeDigest};

    fn found(place: Place) -> Vec<(String, How)> {
        let observe = |mount, path: &str, fact| Observation {
            mount,
            path: path.to_owned(),
            fact,
        };
        let reads = ReadSet {
            observations: vec![
                observe(0, "", Fact::Kind(NodeKind::Directory)),
                observe(0, "a.c", Fact::Size(3)),
                observe(0, "a.c", Fact::Content(BlobDigest::of(b"a"))),
                observe(0, "ab", Fact::Absent),
                observe(1, "bin", Fact::Whole(Node::Directory(TreeDigest::from_bytes([1; 32])))),
            ],
        };
        let mount = |at: &str, from| MountHistory {
            at: at.to_owned(),
            from,
        };
        let mounts = [
            mount("/src", Origin::Source("code".to_owned())),
            mount("/in", Origin::Output("build.app".to_owned())),
        ];
        matching(&reads, &mounts, &place).into_iter().collect()
    }

    // A path of the project is found where a source is mounted, a path of the guest in any mount; names alike are not.
    #[test]
    fn what_was_observed_at_a_path_or_below_it_is_found() {
        let project = |path: &str| found(Place::Project(path.to_owned()));
        let guest = |path: &str| found(Place::Guest(path.to_owned()));
        assert_eq!(project("code/a.c"), [("/src/a.c".to_owned(), How::Read)]);
        assert_eq!(guest("/src/a.c"), project("code/a.c"));
        assert_eq!(project("code").len(), 3);
        assert_eq!(project("").len(), 3);
        assert_eq!(project("code/a"), []);
        assert_eq!(project("cod"), []);
        assert_eq!(guest("/in/bin/tool"), [("/in/bin".to_owned(), How::Read)]);
        assert_eq!(guest("/src/ab"), [("/src/ab".to_owned(), How::LookedAt)]);
    }

    #[test]
    fn paths_are_joined_without_dots() {
        assert_eq!(join(".", "a/b"), "a/b");
        assert_eq!(join("code", ""), "code");
        assert_eq!(seen_at("/", "a"), "/a");
        assert_eq!(seen_at("/src", ""), "/src");
    }
}
