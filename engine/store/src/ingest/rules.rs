//! What of a source is left out: `exclude:` globs, `.gitignore` files, `.git`. Not here: walking.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use globset::{Candidate, GlobBuilder, GlobSet, GlobSetBuilder};
use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder};

use super::error::IngestError;

/// Something that was left out.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct LeftOut {
    /// Its path in the source; a folder's ends in `/`.
    pub path: String,
    /// Why.
    pub reason: LeftOutReason,
}

/// Why something was left out.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum LeftOutReason {
    /// This glob of `exclude:` matches it.
    Exclude(String),
    /// This line of a `.gitignore` file matches it.
    Gitignore {
        /// The file's path in the source.
        file: String,
        /// The line.
        line: String,
    },
    /// It is Git's own.
    Git,
}

impl std::fmt::Display for LeftOutReason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Exclude(glob) => write!(f, "`exclude: {glob}`"),
            Self::Gitignore { file, line } => write!(f, "`{line}` in {file}"),
            Self::Git => f.write_str("it is Git's own"),
        }
    }
}

/// Compiles a glob of a pipeline file: `*` and `?` stay within a name, `**` crosses folders, `\` escapes.
pub(crate) fn compile(glob: &str) -> Result<globset::Glob, IngestError> {
    GlobBuilder::new(glob)
        .literal_separator(true)
        .backslash_escape(true)
        .build()
        .map_err(|error| IngestError::Glob {
            glob: glob.to_owned(),
            detail: error.kind().to_string(),
        })
}

/// The globs of `exclude:`.
#[derive(Debug)]
pub(crate) struct Excludes {
    globs: Vec<String>,
    set: GlobSet,
    /// For folders only: `x/**` and `x/` leave out the folder `x` itself.
    folders: GlobSet,
    folder_globs: Vec<usize>,
    keeps_git: bool,
}

impl Excludes {
    /// Leaves out nothing, not even `.git`: to see what is really in a folder.
    pub(crate) fn nothing() -> Self {
        let (set, folders) = (GlobSet::empty(), GlobSet::empty());
        Self {
            globs: Vec::new(),
            set,
            folders,
            folder_globs: Vec::new(),
            keeps_git: true,
        }
    }

    pub(crate) fn new(globs: &[String]) -> Result<Self, IngestError> {
        let mut set = GlobSetBuilder::new();
        let mut folders = GlobSetBuilder::new();
        let mut folder_globs = Vec::new();
        for (i, glob) in globs.iter().enumerate() {
            let glob = glob.strip_prefix("./").unwrap_or(glob);
            set.add(compile(glob)?);
            if let Some(folder) = glob
                .strip_suffix("/**")
                .or_else(|| glob.strip_suffix('/'))
                .filter(|x| !x.is_empty())
            {
                folders.add(compile(folder)?);
                folder_globs.push(i);
            }
        }
        let fail = |error: globset::Error| IngestError::Glob {
            glob: globs.join(" "),
            detail: error.kind().to_string(),
        };
        Ok(Self {
            globs: globs.to_vec(),
            set: set.build().map_err(fail)?,
            folders: folders.build().map_err(fail)?,
            folder_globs,
            keeps_git: false,
        })
    }

    fn matching(&self, path: &Path, is_folder: bool) -> Option<&str> {
        if self.globs.is_empty() {
            return None;
        }
        let candidate = Candidate::new(path);
        let by_path = self.set.matches_candidate(&candidate).first().copied();
        let by_folder = || {
            self.folders
                .matches_candidate(&candidate)
                .first()
                .map(|i| self.folder_globs[*i])
        };
        let found = by_path.or_else(|| if is_folder { by_folder() } else { None });
        found.map(|i| self.globs[i].as_str())
    }
}

/// The rules that hold in a folder: those of its own `.gitignore` before those of the folders above.
#[derive(Debug)]
pub(super) struct Rules {
    above: Option<Arc<Rules>>,
    excludes: Arc<Excludes>,
    own: Option<Own>,
    /// Names all the rules: folders with equal ones and equal names leave the same out.
    pub(super) digest: [u8; 32],
}

/// A `.gitignore` file, compiled when it is first asked: in a folder that has not changed nobody asks.
#[derive(Debug)]
struct Own {
    base: PathBuf,
    text: Vec<u8>,
    compiled: OnceLock<Gitignore>,
}

impl Own {
    /// Lines that are no rules mean nothing, as with Git.
    fn compiled(&self) -> &Gitignore {
        self.compiled.get_or_init(|| {
            let file = self.base.join(".gitignore");
            let mut builder = GitignoreBuilder::new(&self.base);
            for line in String::from_utf8_lossy(&self.text)
                .trim_start_matches('\u{feff}')
                .lines()
            {
                let _ = builder.add_line(Some(file.clone()), line);
            }
            builder.build().unwrap_or_else(|_| Gitignore::empty())
        })
    }
}

/// A folder that all paths are in, so that those that rules are relative to are absolute.
const VIRTUAL: &str = "/source";

impl Rules {
    pub(super) fn top(excludes: Arc<Excludes>, gitignore: bool) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key("airtight ingest rules v1");
        hasher.update(&[u8::from(gitignore)]);
        for glob in &excludes.globs {
            hasher
                .update(&(glob.len() as u64).to_le_bytes())
                .update(glob.as_bytes());
        }
        Self {
            above: None,
            excludes,
            own: None,
            digest: *hasher.finalize().as_bytes(),
        }
    }

    /// The rules in a folder (its path in the source) that has a `.gitignore` with this text.
    pub(super) fn with(self: &Arc<Self>, folder: &Path, text: Vec<u8>) -> Self {
        let base = Path::new(VIRTUAL).join(folder);
        let mut hasher = blake3::Hasher::new_keyed(&self.digest);
        hasher
            .update(base.as_os_str().as_encoded_bytes())
            .update(&[0])
            .update(&text);
        Self {
            above: Some(Arc::clone(self)),
            excludes: Arc::clone(&self.excludes),
            digest: *hasher.finalize().as_bytes(),
            own: Some(Own {
                base,
                text,
                compiled: OnceLock::new(),
            }),
        }
    }

    /// Why a name in a folder is left out, if it is.
    pub(super) fn leaves_out(&self, folder: &Path, name: &OsStr, is_folder: bool) -> Option<LeftOutReason> {
        if name == ".git" && !self.excludes.keeps_git {
            return Some(LeftOutReason::Git);
        }
        let path = folder.join(name);
        if let Some(glob) = self.excludes.matching(&path, is_folder) {
            return Some(LeftOutReason::Exclude(glob.to_owned()));
        }
        let path = Path::new(VIRTUAL).join(path);
        let mut rules = Some(self);
        while let Some(at) = rules {
            match at.own.as_ref().map(|own| own.compiled().matched(&path, is_folder)) {
                Some(Match::Ignore(glob)) => {
                    let file = glob
                        .from()
                        .map(|file| file.strip_prefix(VIRTUAL).unwrap_or(file).to_owned());
                    let file = file.unwrap_or_else(|| PathBuf::from(".gitignore"));
                    let line = glob.original().to_owned();
                    return Some(LeftOutReason::Gitignore {
                        file: file.display().to_string(),
                        line,
                    });
                }
                Some(Match::Whitelist(_)) => return None,
                Some(Match::None) | None => rules = at.above.as_deref(),
            }
        }
        None
    }
}
