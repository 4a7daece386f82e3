//! Reads a policy file with the readers of the pipeline file. Not here: what a policy refuses.

use std::collections::HashSet;

use airtight_model::oci::SCHEME as OCI;
use airtight_model::{Diagnostic, Span};

use super::secret::{SecretRule, Secrets};
use super::{Components, Hosts, MAX_POLICY_BYTES, Maximum, Policy};
use crate::codes;
use crate::limits::{LIMITS, value};
use crate::lower::Lower;
use crate::node::{Entry, Key, Kind, Name, Node};
use crate::syntax;

const KEYS: &[&str] = &[
    "airtight-policy",
    "hosts",
    "secrets",
    "limits",
    "components",
    "commands",
    "clock",
    "random",
];
const SECRET: &[&str] = &["from", "to", "operations"];

pub(super) fn read(text: &str, file: u32) -> Result<Policy, Vec<Diagnostic>> {
    let mut found = Vec::new();
    if text.len() > MAX_POLICY_BYTES {
        let span = Span {
            file,
            ..Span::default()
        };
        return Err(vec![
            Diagnostic::error(codes::TOO_LARGE, span, "the policy is too large").help("make it smaller than 1 MiB"),
        ]);
    }
    let node = syntax::parse(text, file, &mut found);
    let mut lower = Lower {
        text,
        fragment: false,
        found: &mut found,
    };
    let policy = node.map(|node| lower.policy(&node)).unwrap_or_default();
    if found.is_empty() { Ok(policy) } else { Err(found) }
}

impl Lower<'_> {
    fn policy(&mut self, node: &Node) -> Policy {
        let mut policy = Policy::default();
        let entries = self.map(node, "a policy").unwrap_or_default();
        let start = Span {
            end: node.span.start,
            ..node.span
        };
        if !entries.iter().any(|entry| entry.key.text == "airtight-policy") && matches!(node.kind, Kind::Map(_)) {
            self.missing(
                start,
                "the file does not say which version of the format it is",
                "airtight-policy: 1",
            );
        }
        for Entry { key, value } in entries {
            match &*key.text {
                "airtight-policy" if value.to_data() == serde_json::json!(1) => {}
                "airtight-policy" => {
                    let found =
                        Diagnostic::error(codes::VERSION, value.span, "this version of the format is not known");
                    self.found
                        .push(found.help("write `airtight-policy: 1`, or use a newer engine"));
                }
                "hosts" => policy.hosts = Some(self.hosts(key, value)),
                "secrets" => policy.secrets = Some(self.policy_secrets(key, value)),
                "limits" => policy.limits = self.maxima(value),
                "components" => {
                    let sources = self.names(value, "components");
                    policy.components = Some(Components {
                        place: key.span,
                        sources: sources
                            .into_iter()
                            .filter_map(|name| self.component_source(name))
                            .collect(),
                    });
                }
                "commands" => policy.commands = self.refused(key, value),
                "clock" => policy.clock = self.refused(key, value),
                "random" => policy.random = self.refused(key, value),
                _ => self.unknown_key(key, KEYS, "a policy"),
            }
        }
        policy
    }

    /// `false` refuses; `true` says what goes without saying.
    fn refused(&mut self, key: &Key<'_>, value: &Node) -> Option<Span> {
        let allowed = self.boolean(value, &key.text)?;
        (!allowed).then_some(key.span)
    }

    fn hosts(&mut self, key: &Key<'_>, node: &Node) -> Hosts {
        let mut hosts = Hosts {
            place: key.span,
            http: Vec::new(),
            net: Vec::new(),
        };
        let items = match &node.kind {
            Kind::Text(_) | Kind::Map(_) => std::slice::from_ref(node),
            _ => self.list(node, "hosts"),
        };
        for item in items {
            let is_net = match &item.kind {
                Kind::Map(entries) => entries.iter().any(|entry| entry.key.text == "to"),
                Kind::Text(text) => text.starts_with("tcp://") || text.starts_with("udp://"),
                _ => false,
            };
            if is_net {
                hosts.net.extend(self.net_item(item).map(|item| item.grant));
            } else {
                hosts.http.extend(self.http_item(item).map(|item| item.grant));
            }
        }
        hosts
    }

    fn policy_secrets(&mut self, key: &Key<'_>, node: &Node) -> Secrets {
        let mut secrets = Secrets {
            place: key.span,
            rules: Vec::new(),
        };
        let items = match &node.kind {
            Kind::Text(_) | Kind::Map(_) => std::slice::from_ref(node),
            _ => self.list(node, "secrets"),
        };
        for item in items {
            if let Kind::Map(entries) = &item.kind {
                for Entry { key, value } in entries {
                    let rule = self.secret_rule(&key.name(), value);
                    secrets.rules.push(rule);
                }
            } else if let Some(name) = self.literal(item, "a secret") {
                secrets.rules.push(SecretRule::any(&name));
            }
        }
        // Of two rules one would go unheard.
        let mut names = HashSet::new();
        for rule in &secrets.rules {
            if !names.insert(rule.name.as_str()) {
                let message = format!("the secret `{}` is there twice", rule.name);
                self.found
                    .push(Diagnostic::error(codes::DUPLICATE_KEY, rule.place, message).help("make one rule of both"));
            }
        }
        secrets
    }

    fn secret_rule(&mut self, name: &Name, node: &Node) -> SecretRule {
        let mut rule = SecretRule::any(name);
        if matches!(node.kind, Kind::Null) {
            return rule;
        }
        for Entry { key, value } in self.map(node, "a secret").unwrap_or_default() {
            match &*key.text {
                "from" => {
                    let source = self.secret(name, value).and_then(|secret| secret.source);
                    rule.from = source.map(|source| source.value);
                }
                "to" => {
                    let names = self.names(value, "to");
                    rule.to = Some(names.iter().filter_map(|name| self.origin(name)).collect());
                }
                "operations" => rule.operations = Some(self.operations(value)),
                _ => self.unknown_key(key, SECRET, "a secret of a policy"),
            }
        }
        rule
    }

    fn maxima(&mut self, node: &Node) -> Vec<Maximum> {
        let limits = self.limits(node);
        let entries = node.entries().unwrap_or_default();
        let of = |prefix: &str, entries: &[Entry]| -> Vec<Maximum> {
            let maximum = |entry: &Entry| {
                let name = format!("{prefix}{}", entry.key.text);
                let name = LIMITS.into_iter().find(|known| *known == name)?;
                Some(Maximum {
                    name,
                    most: value(&limits, name)?,
                    place: entry.key.span,
                })
            };
            entries.iter().filter_map(maximum).collect()
        };
        let mut maxima = of("", entries);
        for entry in entries.iter().filter(|entry| entry.key.text == "net") {
            maxima.extend(of("net.", entry.value.entries().unwrap_or_default()));
        }
        maxima
    }

    fn component_source(&mut self, name: Name) -> Option<String> {
        let text = name.text.as_str();
        let digest = text
            .strip_prefix("blake3:")
            .map(|digest| digest.parse::<airtight_model::BlobDigest>());
        let known = match digest {
            Some(digest) => digest.is_ok(),
            None => text == "steps" || ["std/", "./", OCI].iter().any(|start| text.starts_with(start)),
        };
        if !known {
            let message = format!("`{text}` is not where components come from");
            let help = "write `std/`, `./`, a path below it, `oci://HOST/`, `blake3:` and 64 digits, or `steps`";
            self.found
                .push(Diagnostic::error(codes::BAD_VALUE, name.span, message).help(help));
        }
        known.then_some(name.text)
    }
}
