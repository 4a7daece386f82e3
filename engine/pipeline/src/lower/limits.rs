//! `limits:`: quantities with their units. Not here: what strikes them.

use airtight_model::Diagnostic;
use airtight_model::step::{Limits, NetLimits};

use super::Lower;
use crate::codes;
use crate::keys;
use crate::node::{Entry, Kind, Node};
use crate::units;

/// The least stack: the runtime counts in steps of this.
const LEAST_STACK: u64 = 64 << 10;
/// The largest stack: every attempt reserves it.
const MOST_STACK: u64 = 256 << 20;
/// The longest name of a file in a tree.
const MOST_NAME: u64 = airtight_model::tree::MAX_NAME_LEN as u64;

impl Lower<'_> {
    pub(crate) fn limits(&mut self, node: &Node) -> Limits {
        let mut limits = Limits::DEFAULT;
        for entry in self.map(node, "limits").unwrap_or_default() {
            if !self.limit_of_bytes(&mut limits, entry) {
                self.limit_of_count(&mut limits, entry);
            }
        }
        limits
    }

    fn limit_of_bytes(&mut self, limits: &mut Limits, Entry { key, value }: &Entry) -> bool {
        let name = &*key.text;
        let limit = match name {
            "memory" => &mut limits.memory,
            "output" => &mut limits.output,
            "log" => &mut limits.log,
            "call" => &mut limits.call,
            "random" => &mut limits.random,
            "component" => &mut limits.component,
            "stack" => {
                let size = self.size(value, name);
                limits.stack = match size {
                    Some(size) if (LEAST_STACK..=MOST_STACK).contains(&size) => size,
                    Some(_) => {
                        let message = "`stack:` takes a size from 64 KiB to 256 MiB";
                        let found = Diagnostic::error(codes::BAD_VALUE, value.span, message);
                        self.found.push(found.help("write `4MiB`, for example"));
                        limits.stack
                    }
                    None => limits.stack,
                };
                return true;
            }
            _ => return false,
        };
        if let Some(size) = self.size(value, name) {
            *limit = size;
        }
        true
    }

    fn limit_of_count(&mut self, limits: &mut Limits, Entry { key, value }: &Entry) {
        let name = &*key.text;
        match name {
            "time" if value.text() == Some("none") => limits.time_ms = None,
            "time" => limits.time_ms = self.time(value, name).or(limits.time_ms),
            "compile" => limits.compile_ms = self.time(value, name).unwrap_or(limits.compile_ms),
            "files" => limits.files = self.whole(value, name, 0, u64::MAX).unwrap_or(limits.files),
            "tables" => limits.tables = self.whole(value, name, 0, u64::MAX).unwrap_or(limits.tables),
            "handles" => limits.handles = self.small(value, name, 3, 1_000_000).unwrap_or(limits.handles),
            "name" => limits.name = self.small(value, name, 1, MOST_NAME).unwrap_or(limits.name),
            "fuel" => limits.fuel = self.whole(value, name, 1, u64::MAX),
            "net" => limits.net = self.net_limits(value),
            _ => self.unknown_key(key, keys::LIMITS, "limits"),
        }
    }

    fn net_limits(&mut self, node: &Node) -> NetLimits {
        let mut net = NetLimits::DEFAULT;
        for Entry { key, value } in self.map(node, "net").unwrap_or_default() {
            let name = &*key.text;
            match name {
                "requests" => net.requests = self.whole(value, name, 0, u64::MAX).unwrap_or(net.requests),
                "connections" => net.connections = self.small(value, name, 1, 10_000).unwrap_or(net.connections),
                "lookups" => net.lookups = self.small(value, name, 0, 1_000_000).unwrap_or(net.lookups),
                "headers" => net.headers = self.size(value, name).unwrap_or(net.headers),
                "body" => net.body = self.size(value, name).unwrap_or(net.body),
                "total" => net.total = self.size(value, name).unwrap_or(net.total),
                "time" => net.time_ms = self.time(value, name).unwrap_or(net.time_ms),
                _ => self.unknown_key(key, keys::NET_LIMITS, "limits of the network"),
            }
        }
        net
    }

    fn small(&mut self, node: &Node, what: &str, least: u64, most: u64) -> Option<u32> {
        self.whole(node, what, least, most).and_then(|x| u32::try_from(x).ok())
    }

    pub(crate) fn size(&mut self, node: &Node, what: &str) -> Option<u64> {
        let size = match &node.kind {
            Kind::Number(number) => number.as_u64(),
            Kind::Text(text) => units::size(text),
            _ => None,
        };
        if size.is_none() {
            let message = format!("`{what}:` takes a size, not `{}`", self.raw(node.span));
            let help = "write a whole number with `KiB`, `MiB` or `GiB`, for example `256MiB`";
            self.found
                .push(Diagnostic::error(codes::BAD_QUANTITY, node.span, message).help(help));
        }
        size
    }

    pub(crate) fn time(&mut self, node: &Node, what: &str) -> Option<u64> {
        let time = node.text().and_then(units::time_ms).filter(|time| *time > 0);
        if time.is_none() {
            let message = format!("`{what}:` takes a time, not `{}`", self.raw(node.span));
            let help = match &node.kind {
                Kind::Number(number) => format!("write the unit too, for example `{number}s`"),
                _ => "write a whole number with `ms`, `s`, `m` or `h`, for example `90s` or `1h30m`".to_owned(),
            };
            self.found
                .push(Diagnostic::error(codes::BAD_QUANTITY, node.span, message).help(help));
        }
        time
    }
}
