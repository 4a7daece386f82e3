//! The record of one session: what was refused and what was used, each once with a count, bounded and printable. Not
//! here: deciding either.

use std::sync::{Arc, Mutex, PoisonError};

use airtight_model::grant::Refusal;
use airtight_model::{Denial, Use};

/// How many different Denials and how many different Uses are kept.
const MAX_ENTRIES: usize = 256;
/// How long one text of a record may be.
const MAX_TEXT: usize = 512;

#[derive(Debug, Default)]
struct Entries {
    denials: Vec<Denial>,
    uses: Vec<Use>,
}

/// What a session was refused and what it used. Clones are the same record.
#[derive(Debug, Clone, Default)]
pub(crate) struct Record(Arc<Mutex<Entries>>);

/// A text that a guest may have made, fit for a record.
fn printable(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        if out.len() + c.len_utf8() > MAX_TEXT - '…'.len_utf8() {
            out.push('…');
            break;
        }
        out.push(if c.is_control() { '\u{fffd}' } else { c });
    }
    out
}

/// What stands for entries that there is no room for: a request to the same origin with any path.
fn origin(request: &str) -> String {
    match request.split_once("://") {
        Some((before, rest)) => {
            let host = rest.split('/').next().unwrap_or(rest);
            format!("{before}://{host}/…")
        }
        None => "…".to_owned(),
    }
}

impl Record {
    fn entries<T>(&self, change: impl FnOnce(&mut Entries) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Records a refusal.
    pub(crate) fn denied(&self, capability: &str, request: &str, refusal: &Refusal) {
        let request = printable(request);
        self.entries(|Entries { denials, .. }| {
            let same = |denial: &&mut Denial| {
                denial.capability == capability && denial.request == request && denial.rule == printable(&refusal.rule)
            };
            if let Some(denial) = denials.iter_mut().find(same) {
                denial.count = denial.count.saturating_add(1);
            } else if denials.len() < MAX_ENTRIES {
                denials.push(Denial {
                    capability: capability.to_owned(),
                    request,
                    rule: printable(&refusal.rule),
                    // A line that was cut would allow something else.
                    allow: refusal.allow.clone().filter(|line| printable(line) == *line),
                    count: 1,
                });
            }
        });
    }

    /// Records a use, and bytes that went either way by it.
    pub(crate) fn used(&self, capability: &str, request: &str, grant: &str, (sent, received): (u64, u64)) {
        let mut request = printable(request);
        self.entries(|Entries { uses, .. }| {
            let at = |uses: &[Use], request: &str| {
                let same = |used: &Use| used.capability == capability && used.request == request && used.grant == grant;
                uses.iter().position(same)
            };
            let mut found = at(uses, &request);
            if found.is_none() && uses.len() >= MAX_ENTRIES {
                request = origin(&request);
                found = at(uses, &request);
            }
            if let Some(used) = found.and_then(|at| uses.get_mut(at)) {
                used.count = used.count.saturating_add(1);
                used.sent = used.sent.saturating_add(sent);
                used.received = used.received.saturating_add(received);
            } else if uses.len() < 2 * MAX_ENTRIES {
                uses.push(Use {
                    capability: capability.to_owned(),
                    request,
                    grant: grant.to_owned(),
                    count: 1,
                    sent,
                    received,
                });
            }
        });
    }

    /// Adds bytes to a use that was recorded before, without counting it again.
    pub(crate) fn moved(&self, capability: &str, request: &str, (sent, received): (u64, u64)) {
        let request = printable(request);
        self.entries(|Entries { uses, .. }| {
            let own = |used: &&mut Use, text: &str| used.capability == capability && used.request == text;
            let fallback = origin(&request);
            let found = if uses.iter_mut().any(|used| own(&used, &request)) {
                uses.iter_mut().find(|used| own(used, &request))
            } else {
                uses.iter_mut().find(|used| own(used, &fallback))
            };
            if let Some(used) = found {
                used.sent = used.sent.saturating_add(sent);
                used.received = used.received.saturating_add(received);
            }
        });
    }

    /// All of it.
    pub(crate) fn read(&self) -> (Vec<Denial>, Vec<Use>) {
        self.entries(|entries| (entries.denials.clone(), entries.uses.clone()))
    }
}
