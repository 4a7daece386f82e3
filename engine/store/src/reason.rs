//! Why a lookup missed, in types and in sentences. Not here: finding out.

use std::fmt;

use airtight_model::{BlobDigest, Fact, NodeKind};

/// Why a lookup found no result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MissReason {
    /// Nothing is remembered of the step.
    NeverRan,
    /// What determines the result apart from the mounted files is not what it was when the step last ran.
    Changed {
        /// What is different, in the order of the key.
        fields: Vec<ChangedField>,
    },
    /// What the step read is not what it was: the first difference to what the most recent run observed.
    Input {
        /// The mount's path in the guest.
        mount_at: String,
        /// The path in the mount; empty for the mount itself.
        path: String,
        /// What was observed.
        expected: Fact,
        /// What is there now, for people.
        found: String,
        /// Whether anything is there now.
        exists: bool,
    },
    /// There was a result, and some of it is no longer in the store.
    Evicted {
        /// The first blob that is not there; none when the entry itself is gone.
        blob: Option<BlobDigest>,
    },
}

/// A field of an action that is another one than before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangedField {
    /// Its path: `env.LANG`, `args`, `component`.
    pub path: String,
    /// What it was; none where it was not there.
    pub before: Option<String>,
    /// What it is; none where it is not there.
    pub after: Option<String>,
}

impl MissReason {
    /// One word for events and tables.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::NeverRan => "never-ran",
            Self::Changed { .. } => "changed",
            Self::Input { .. } => "input",
            Self::Evicted { .. } => "evicted",
        }
    }

    /// The path in the guest of the input that changed.
    pub fn input_path(&self) -> Option<String> {
        match self {
            Self::Input { mount_at, path, .. } => Some(guest_path(mount_at, path)),
            _ => None,
        }
    }
}

/// The path in the guest of a path in a mount.
pub(crate) fn guest_path(mount_at: &str, path: &str) -> String {
    match (mount_at, path) {
        (at, "") => at.to_owned(),
        ("/", path) => format!("/{path}"),
        (at, path) => format!("{at}/{path}"),
    }
}

impl fmt::Display for MissReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NeverRan => f.write_str("it never ran here"),
            Self::Evicted { blob: Some(blob) } => {
                write!(f, "a part of its result ({}) is no longer in the store", blob.short())
            }
            Self::Evicted { blob: None } => f.write_str("its result is no longer in the store"),
            Self::Changed { fields } => match fields.split_first() {
                None => f.write_str("something of the step changed"),
                Some((first, [])) => write!(f, "{first}"),
                Some((first, others)) => write!(f, "{first}, and {} more", others.len()),
            },
            Self::Input {
                mount_at,
                path,
                expected,
                exists,
                ..
            } => {
                let at = guest_path(mount_at, path);
                match expected {
                    Fact::Absent if *exists => write!(f, "`{at}` is new"),
                    Fact::Absent => write!(f, "the folder of `{at}` is gone"),
                    _ if !exists => write!(f, "`{at}` is gone"),
                    Fact::Listing(_) => write!(f, "the names in `{at}` changed"),
                    Fact::Target(before) => write!(f, "`{at}` no longer points to `{before}`"),
                    Fact::Kind(NodeKind::Directory) => write!(f, "`{at}` is no longer a folder"),
                    Fact::Kind(kind) => write!(f, "`{at}` is no longer a {}", kind.word()),
                    Fact::Content(_) | Fact::Size(_) | Fact::Whole(_) => write!(f, "`{at}` changed"),
                }
            }
        }
    }
}

impl fmt::Display for ChangedField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.path.split_once('.') {
            None if self.path == "args" => "the arguments".to_owned(),
            None if self.path == "stdin" => "the standard input".to_owned(),
            None => format!("the {}", self.path),
            Some(("env", name)) => format!("the variable `{name}`"),
            Some(("with", position)) => format!("argument {position}"),
            Some(("outputs", name)) => format!("the output `{name}`"),
            Some(("mounts", rest)) => format!("the mount `{}`", rest.trim_end_matches(".shape")),
            Some(_) => format!("`{}`", self.path),
        };
        let plural = self.path == "args";
        match (&self.before, &self.after) {
            (None, _) => write!(f, "{what} {} new", if plural { "are" } else { "is" }),
            (_, None) => write!(f, "{what} {} gone", if plural { "are" } else { "is" }),
            _ => write!(f, "{what} changed"),
        }
    }
}
