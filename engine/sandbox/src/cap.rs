//! The capabilities, one module each, and the one table that maps a capability to the interfaces that it is made of and
//! the function that links them. Not here: what a step was granted, and the store's data (`state`).

pub(crate) mod artifact;
pub(crate) mod clock;
pub(crate) mod env;
pub(crate) mod fs;
pub(crate) mod http;
pub(crate) mod log;
pub(crate) mod net;
pub(crate) mod poll;
pub(crate) mod progress;
pub(crate) mod random;
pub(crate) mod report;
pub(crate) mod secret;

use std::sync::Arc;

use airtight_egress::{Egress, Session};
use airtight_model::grant::{Grants, Refusal};
use airtight_model::{Denial, StepRequest};
use wasmtime::component::Linker;

use crate::redact::Redact;
use crate::state::State;

/// The version of WASI that is provided, and everything in its semver range below it.
pub(crate) const WASI_VERSION: (u64, u64, u64) = (0, 2, 12);
/// The version of `airtight:step` that is provided.
pub(crate) const STEP_VERSION: (u64, u64, u64) = (0, 1, 0);

/// A capability: what it is called, which interfaces it is made of, and how they are linked.
pub(crate) struct Capability {
    /// Its name in grants and Denials.
    #[cfg_attr(not(test), expect(dead_code, reason = "grants will name it"))]
    pub(crate) name: &'static str,
    /// The package of its interfaces.
    pub(crate) package: &'static str,
    /// Its interfaces.
    pub(crate) interfaces: &'static [&'static str],
    /// Links them.
    pub(crate) link: fn(&mut Linker<State>) -> wasmtime::Result<()>,
}

/// All capabilities. Whatever is here is linked to every component: importing is not using.
pub(crate) const CAPABILITIES: &[Capability] = &[
    Capability {
        name: "io",
        package: "wasi:io",
        interfaces: &["error", "poll", "streams"],
        link: poll::link,
    },
    Capability {
        name: "env",
        package: "wasi:cli",
        interfaces: &[
            "environment",
            "exit",
            "stdin",
            "stdout",
            "stderr",
            "terminal-input",
            "terminal-output",
            "terminal-stdin",
            "terminal-stdout",
            "terminal-stderr",
        ],
        link: env::link,
    },
    Capability {
        name: "clock",
        package: "wasi:clocks",
        interfaces: &["wall-clock", "monotonic-clock"],
        link: clock::link,
    },
    Capability {
        name: "random",
        package: "wasi:random",
        interfaces: &["random", "insecure", "insecure-seed"],
        link: random::link,
    },
    Capability {
        name: "fs",
        package: "wasi:filesystem",
        interfaces: &["types", "preopens"],
        link: State::link_fs,
    },
    Capability {
        name: "net",
        package: "wasi:sockets",
        interfaces: &[
            "network",
            "instance-network",
            "ip-name-lookup",
            "tcp",
            "tcp-create-socket",
            "udp",
            "udp-create-socket",
        ],
        link: net::link,
    },
    Capability {
        name: "http",
        package: "wasi:http",
        interfaces: &["types", "outgoing-handler"],
        link: http::link,
    },
    Capability {
        name: "log",
        package: "airtight:step",
        interfaces: &["log"],
        link: log::link,
    },
    Capability {
        name: "progress",
        package: "airtight:step",
        interfaces: &["progress"],
        link: progress::link,
    },
    Capability {
        name: "report",
        package: "airtight:step",
        interfaces: &["report"],
        link: report::link,
    },
    Capability {
        name: "artifact",
        package: "airtight:step",
        interfaces: &["artifact"],
        link: artifact::link,
    },
    Capability {
        name: "secrets",
        package: "airtight:step",
        interfaces: &["secret"],
        link: secret::link,
    },
];

/// How many different refusals are kept apart.
const MAX_DENIALS: usize = 256;
/// The longest text of a refused request, in bytes.
const MAX_DENIAL_TEXT: usize = 512;

/// The request that stands for all refusals that are not kept apart.
const OTHERS: &str = "others";

/// What a step was given of the outside, and its way there.
pub(crate) struct Outside {
    pub(crate) session: Session,
    pub(crate) grants: Arc<Grants>,
}

impl Outside {
    /// The way out of an attempt.
    pub(crate) fn new(egress: &Egress, request: &StepRequest) -> Self {
        Self {
            session: egress.session(&request.grants, request.limits.net),
            grants: Arc::new(request.grants.clone()),
        }
    }
}

/// The refusals of an attempt, each different one with a count.
#[derive(Debug, Default)]
pub(crate) struct Denials {
    known: Vec<Denial>,
}

impl Denials {
    /// Records a refusal. Its texts are the guest's: they are cut and made printable here.
    pub(crate) fn record(&mut self, capability: &str, request: &str, refusal: &Refusal) {
        self.add(Denial {
            capability: capability.to_owned(),
            request: printable(request, MAX_DENIAL_TEXT),
            rule: printable(&refusal.rule, MAX_DENIAL_TEXT),
            // A line that was cut or changed would allow something else.
            allow: refusal
                .allow
                .clone()
                .filter(|line| printable(line, MAX_DENIAL_TEXT) == *line),
            count: 1,
        });
    }

    /// Adds refusals that were recorded elsewhere.
    pub(crate) fn extend(&mut self, denials: Vec<Denial>) {
        denials.into_iter().for_each(|denial| self.add(denial));
    }

    /// Takes secrets out of what the guest asked for.
    pub(crate) fn redact(&mut self, redact: &Redact) {
        for denial in &mut self.known {
            denial.request = redact.text(std::mem::take(&mut denial.request));
        }
    }

    /// The line under `grants:` that would allow the first refusal that a line can allow.
    pub(crate) fn allow(&self) -> Option<&str> {
        self.known.iter().find_map(|denial| denial.allow.as_deref())
    }

    fn add(&mut self, denial: Denial) {
        if self.count(&denial) {
            return;
        }
        if self.known.len() < MAX_DENIALS {
            self.known.push(denial);
            return;
        }
        let others = Denial {
            request: OTHERS.to_owned(),
            rule: "more were refused than are listed".to_owned(),
            allow: None,
            ..denial
        };
        if !self.count(&others) {
            self.known.push(others);
        }
    }

    fn count(&mut self, denial: &Denial) -> bool {
        let same = |known: &&mut Denial| known.capability == denial.capability && known.request == denial.request;
        let known = self.known.iter_mut().find(same);
        known.map(|known| known.count += denial.count).is_some()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// The refusals, in the order of their first occurrence.
    pub(crate) fn take(&mut self) -> Vec<Denial> {
        std::mem::take(&mut self.known)
    }
}

/// `text` with anything but printable characters escaped, and cut to about `limit` bytes.
pub(crate) fn printable(text: &str, limit: usize) -> String {
    let mut out = String::new();
    for c in text.chars() {
        if out.len() >= limit {
            out.push('…');
            break;
        }
        match c {
            ' '..='~' => out.push(c),
            _ => out.extend(c.escape_unicode()),
        }
    }
    out
}

/// `text` cut to at most `limit` bytes at a character's border, with a mark where it was cut.
pub(crate) fn cut(mut text: String, limit: usize) -> String {
    if text.len() > limit {
        let end = (0..=limit).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
        text.truncate(end);
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    // A guest that tries in a loop does not fill the report.
    #[test]
    fn refusals_are_counted_and_bounded() {
        let mut denials = Denials::default();
        for i in 0..1000 {
            denials.record("net", "tcp create", &Refusal::never("no"));
            denials.record("net", &format!("resolve host{i}"), &Refusal::never("no"));
        }
        let denials = denials.take();
        assert!(denials.len() <= MAX_DENIALS + 1);
        assert_eq!(denials[0].count, 1000);
        assert_eq!(denials.iter().map(|denial| denial.count).sum::<u64>(), 2000);
    }

    // What a guest asked for cannot steer a terminal.
    #[test]
    fn a_refused_request_is_printable_and_short() {
        assert_eq!(printable("resolve \u{1b}[2Jé", 100), "resolve \\u{1b}[2J\\u{e9}");
        assert!(printable(&"x".repeat(10_000), 100).len() < 110);
        assert_eq!(cut("ééé".to_owned(), 3), "é…");
    }

    // Names are what grants and Denials will say, so each is there once, and no interface is linked twice.
    #[test]
    fn capabilities_and_interfaces_are_there_once() {
        let mut names: Vec<_> = CAPABILITIES.iter().map(|capability| capability.name).collect();
        let mut interfaces: Vec<_> = CAPABILITIES
            .iter()
            .flat_map(|c| c.interfaces.iter().map(move |interface| (c.package, *interface)))
            .collect();
        let counts = (names.len(), interfaces.len());
        names.sort_unstable();
        names.dedup();
        interfaces.sort_unstable();
        interfaces.dedup();
        assert_eq!((names.len(), interfaces.len()), counts);
    }
}
