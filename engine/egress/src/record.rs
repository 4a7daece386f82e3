//! What a session refused and what it used, for the step's report. Bounded, whatever a guest does. Not here: deciding.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use airtight_model::grant::Refusal;
use airtight_model::{Denial, Use};

/// Different refusals that are kept; also different uses, and different origins of further uses.
const MOST: usize = 256;
/// The longest text of a record, in bytes.
const LONGEST: usize = 512;

/// One line of use; its counts go on while bodies stream.
#[derive(Debug)]
pub(crate) struct Counter {
    capability: String,
    request: String,
    grant: String,
    count: AtomicU64,
    sent: AtomicU64,
    received: AtomicU64,
}

impl Counter {
    pub(crate) fn sent(&self, bytes: u64) {
        self.sent.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(crate) fn received(&self, bytes: u64) {
        self.received.fetch_add(bytes, Ordering::Relaxed);
    }

    fn to_use(&self) -> Use {
        Use {
            capability: self.capability.clone(),
            request: self.request.clone(),
            grant: self.grant.clone(),
            count: self.count.load(Ordering::Relaxed),
            sent: self.sent.load(Ordering::Relaxed),
            received: self.received.load(Ordering::Relaxed),
        }
    }
}

#[derive(Debug, Default)]
struct Lists {
    denials: Vec<Denial>,
    /// Where the refusal of a capability, request and rule is.
    denied: HashMap<[String; 3], usize>,
    uses: Vec<Arc<Counter>>,
    /// Where the use of a capability, request and grant is.
    used: HashMap<[String; 3], usize>,
}

/// The record of a session. Clones are the same.
#[derive(Debug, Clone, Default)]
pub(crate) struct Record(Arc<Mutex<Lists>>);

impl Record {
    fn lists(&self) -> MutexGuard<'_, Lists> {
        // What a panic left is counts: as good as any.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records a refusal.
    pub(crate) fn denied(&self, capability: &str, request: &str, refusal: &Refusal) {
        let lists = &mut *self.lists();
        let key = [capability.to_owned(), shown(request), shown(&refusal.rule)];
        if let Some(at) = lists.denied.get(&key) {
            lists.denials[*at].count += 1;
            return;
        }
        if lists.denials.len() == MOST {
            // The last one stands for all that follow.
            if let Some(last) = lists.denials.last_mut() {
                last.count += 1;
            }
            return;
        }
        let [capability, request, rule] = key.clone();
        lists.denials.push(Denial {
            capability,
            request,
            rule,
            // A line that was cut or changed would allow something else.
            allow: refusal.allow.clone().filter(|line| shown(line) == *line),
            count: 1,
        });
        lists.denied.insert(key, lists.denials.len() - 1);
    }

    /// Records a use and the bytes that went either way by it. What streams counts on with what is returned.
    pub(crate) fn used(
        &self,
        capability: &str,
        request: &str,
        grant: &str,
        (sent, received): (u64, u64),
    ) -> Arc<Counter> {
        let lists = &mut *self.lists();
        let mut key = [capability.to_owned(), shown(request), grant.to_owned()];
        if !lists.used.contains_key(&key) && lists.uses.len() >= MOST {
            key[1] = shown(&origin(request));
        }
        let at = match lists.used.get(&key) {
            Some(at) => *at,
            None if lists.uses.len() < 2 * MOST => {
                let [capability, request, grant] = key.clone();
                lists.uses.push(Arc::new(Counter {
                    capability,
                    request,
                    grant,
                    count: AtomicU64::new(0),
                    sent: AtomicU64::new(0),
                    received: AtomicU64::new(0),
                }));
                lists.used.insert(key, lists.uses.len() - 1);
                lists.uses.len() - 1
            }
            None => lists.uses.len() - 1,
        };
        let counter = lists.uses[at].clone();
        counter.count.fetch_add(1, Ordering::Relaxed);
        counter.sent(sent);
        counter.received(received);
        counter
    }

    /// Everything so far.
    pub(crate) fn read(&self) -> (Vec<Denial>, Vec<Use>) {
        let lists = self.lists();
        let uses = lists.uses.iter().map(|counter| counter.to_use()).collect();
        (lists.denials.clone(), uses)
    }
}

/// What stands for requests that there is no room for: the same origin with any path.
fn origin(request: &str) -> String {
    match request.split_once("://") {
        Some((before, rest)) => {
            let host = rest.split('/').next().unwrap_or(rest);
            let scheme = before.rsplit(' ').next().unwrap_or(before);
            format!("{scheme}://{host}/...")
        }
        None => "...".to_owned(),
    }
}

/// A text of a guest as a record holds it: in printable ASCII, and not longer than [`LONGEST`].
pub(crate) fn shown(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        if c.is_ascii_graphic() || c == ' ' {
            out.push(c);
        } else {
            out.extend(c.escape_unicode());
        }
        if out.len() > LONGEST {
            out.truncate(LONGEST - 3);
            out.push_str("...");
            break;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    // A guest that is refused a million different things fills no memory and no report.
    #[test]
    fn a_record_is_bounded_and_printable() {
        let record = Record::default();
        let refusal = Refusal::never("no");
        for i in 0..10_000 {
            record.denied("http", &format!("GET https://{i}.example.com/"), &refusal);
            record.used("http", &format!("GET https://{i}.example.com/x"), "x", (1, 2));
        }
        record.denied("http", "GET https://0.example.com/", &refusal);
        let (denials, uses) = record.read();
        assert_eq!((denials.len(), uses.len()), (MOST, 2 * MOST));
        assert_eq!(denials.iter().map(|denial| denial.count).sum::<u64>(), 10_001);
        assert_eq!(uses.iter().map(|used| used.count).sum::<u64>(), 10_000);
        assert_eq!(uses.iter().map(|used| used.received).sum::<u64>(), 20_000);
        assert_eq!(denials[0].count, 2);
        assert_eq!(shown("a\x1b[31m\u{202e}"), "a\\u{1b}[31m\\u{202e}");
        assert_eq!(shown(&"x".repeat(600)).len(), LONGEST);
    }
}
