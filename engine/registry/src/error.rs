//! Why a component did not come or go. Not here: how it is printed.

use airtight_model::Sha256Digest;

/// Why a component did not come or go. What a registry said is in it as it said it, cut to a bound: who prints it escapes it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RegistryError {
    /// No address, no connection, or one that broke.
    #[error("cannot reach the registry `{to}`: {cause}")]
    Unreachable {
        /// The host and port.
        to: String,
        /// Why.
        cause: String,
    },
    /// A certificate that is not trusted, or no TLS at all.
    #[error("no TLS with the registry `{to}`: {cause}")]
    Tls {
        /// The host and port.
        to: String,
        /// Why.
        cause: String,
    },
    /// It did not answer, or stopped in the middle.
    #[error("the registry `{to}` took too long: {what}")]
    TimedOut {
        /// The host and port.
        to: String,
        /// What was waited for.
        what: &'static str,
    },
    /// It asks who we are, and there is no login for it.
    #[error("the registry `{to}` needs a login")]
    LoginNeeded {
        /// The registry.
        to: String,
    },
    /// It does not take the login, or the login may not do this.
    #[error("the registry `{to}` refuses this{}", after(.said))]
    Refused {
        /// The registry.
        to: String,
        /// What it said.
        said: String,
        /// Whether it was shown a login.
        logged_in: bool,
    },
    /// There is nothing of that name.
    #[error("there is no `{0}`")]
    NotFound(String),
    /// It is something else than a component.
    #[error("`{reference}` is not a component: {what}")]
    NotAComponent {
        /// What was asked for.
        reference: String,
        /// What it is instead.
        what: String,
    },
    /// Other bytes than those that were asked for.
    #[error("the registry `{to}` served other bytes than asked for: {what} should have {expected} and has {found}")]
    OtherBytes {
        /// The registry.
        to: String,
        /// What it served.
        what: &'static str,
        /// The digest that was asked for.
        expected: Sha256Digest,
        /// The digest of what came.
        found: Sha256Digest,
    },
    /// More bytes, or fewer, than it said or than are taken.
    #[error("what the registry `{to}` served cannot be taken: {cause}")]
    Size {
        /// The registry.
        to: String,
        /// What is wrong.
        cause: String,
    },
    /// An answer that is none.
    #[error("the answer of the registry `{to}` cannot be used: {cause}")]
    Protocol {
        /// The registry.
        to: String,
        /// What is wrong with it.
        cause: String,
    },
    /// The tag is there, and what it names is something else.
    #[error("the tag `{tag}` is there already and names {there}")]
    TagTaken {
        /// The tag.
        tag: String,
        /// The manifest that it names.
        there: Sha256Digest,
    },
    /// A tag that is no version.
    #[error("the tag `{0}` is not a version")]
    NotAVersion(String),
    /// The file with the logins, or a program that it names, cannot be used.
    #[error("cannot read the login for `{to}` from {from}: {cause}")]
    Credentials {
        /// The registry.
        to: String,
        /// The file.
        from: String,
        /// Why.
        cause: String,
    },
    /// Who took the bytes wanted no more of them.
    #[error("stopped")]
    Stopped,
}

fn after(text: &str) -> String {
    if text.is_empty() {
        String::new()
    } else {
        format!(": {text}")
    }
}

impl RegistryError {
    /// A stable code, listed in `docs/diagnostics.md`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unreachable { .. } | Self::Tls { .. } | Self::TimedOut { .. } | Self::Stopped => "O0001",
            Self::LoginNeeded { .. } | Self::Refused { .. } => "O0002",
            Self::NotFound(_) => "O0003",
            Self::NotAComponent { .. } => "O0004",
            Self::OtherBytes { .. } | Self::Size { .. } | Self::Protocol { .. } => "O0005",
            Self::TagTaken { .. } => "O0006",
            Self::NotAVersion(_) => "O0007",
            Self::Credentials { .. } => "O0008",
        }
    }

    /// Whether it is for the user to mend what was asked for, and not for the machine, the network or the registry.
    pub fn is_users(&self) -> bool {
        matches!(
            self,
            Self::NotFound(_) | Self::NotAComponent { .. } | Self::TagTaken { .. } | Self::NotAVersion(_)
        )
    }

    /// What to do about it.
    pub fn help(&self) -> Option<String> {
        let text = match self {
            Self::LoginNeeded { to }
            | Self::Refused {
                to, logged_in: false, ..
            } => {
                format!(
                    "log in with `docker login {to}`, `podman login --compat-auth-file ~/.docker/config.json {to}` or the like: Airtight reads the Docker credential files"
                )
            }
            Self::Refused { to, .. } => {
                format!("see that the login for `{to}` in the Docker credential files is right and may do this")
            }
            Self::NotFound(_) => {
                "see that name and tag are right, and that you are logged in if it is not public".to_owned()
            }
            Self::NotAComponent { .. } => "name one that was pushed with `airtight push` or `wkg oci push`".to_owned(),
            Self::Tls { .. } => {
                "to speak to a registry of your own without TLS, name it: `AIRTIGHT_PLAIN_HTTP=HOST:PORT`".to_owned()
            }
            Self::OtherBytes { .. } | Self::Size { .. } => {
                "nothing of it was kept; try again, and tell who runs the registry if it stays so".to_owned()
            }
            Self::TagTaken { .. } => {
                "a version stays what it is: push another version, or move the tag with `--move-tag`".to_owned()
            }
            Self::NotAVersion(_) => "write a version such as `1.2.0`, or push any tag with `--any-tag`".to_owned(),
            Self::Credentials { .. } => "log in again, or take the entry out of that file".to_owned(),
            Self::Unreachable { .. } | Self::TimedOut { .. } | Self::Protocol { .. } | Self::Stopped => return None,
        };
        Some(text)
    }
}

/// What a stranger says, cut to a length that can be shown.
pub(crate) fn cut(text: &str) -> String {
    const MOST: usize = 200;
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(MOST) {
        Some((at, _)) => format!("{}…", &line[..at]),
        None => line,
    }
}
