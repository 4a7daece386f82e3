//! Policy files: what no pipeline may go beyond, whatever its author or its lock says. Policies intersect: each one has to
//! allow. Pure. Not here: where the files are.
//!
//! A maximum of a limit also holds for a step that says nothing of it; a step that asks for more is refused.

mod read;

use airtight_model::grant::{HttpGrant, NetGrant, Origin};
use airtight_model::plan::{Plan, PlannedSecret, PlannedStep, SecretSource};
use airtight_model::step::Limits;
use airtight_model::{Diagnostic, Span};

use crate::check::{Checked, CheckedStep, Uses, secrets_of};
use crate::codes;
use crate::limits::{set, value};
use crate::lock;
use crate::nearest::quoted;

/// The most bytes of a policy file.
pub const MAX_POLICY_BYTES: usize = 1 << 20;

/// A policy.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    hosts: Option<Hosts>,
    secrets: Option<Secrets>,
    limits: Vec<Maximum>,
    components: Option<Components>,
    /// Where it says that no secret comes from a command.
    commands: Option<Span>,
    /// Where it says that no clock is real.
    clock: Option<Span>,
    /// Where it says that no randomness is the operating system's.
    random: Option<Span>,
}

/// The hosts that steps may reach.
#[derive(Debug, Clone)]
struct Hosts {
    place: Span,
    http: Vec<HttpGrant>,
    net: Vec<NetGrant>,
}

/// The secrets that steps may use.
#[derive(Debug, Clone)]
struct Secrets {
    place: Span,
    rules: Vec<SecretRule>,
}

/// A secret, and where it may be sent; anywhere without `to`.
#[derive(Debug, Clone)]
struct SecretRule {
    name: String,
    place: Span,
    to: Option<Vec<Origin>>,
}

/// The most that a step may ask for.
#[derive(Debug, Clone)]
struct Maximum {
    name: &'static str,
    most: u64,
    place: Span,
}

/// Where components may come from.
#[derive(Debug, Clone)]
struct Components {
    place: Span,
    sources: Vec<String>,
}

impl Policy {
    /// Reads a policy; its spans are of the file `file`.
    ///
    /// # Errors
    /// Everything that is wrong in it, all at once.
    pub fn parse(text: &str, file: u32) -> Result<Self, Vec<Diagnostic>> {
        read::read(text, file)
    }

    /// Refuses what goes beyond the policy, and lowers the limits that steps have by default.
    ///
    /// # Errors
    /// Everything that goes beyond it, all at once: the first label is the pipeline's, the second the rule's.
    pub fn apply(&self, checked: &Checked, plan: &mut Plan) -> Result<(), Vec<Diagnostic>> {
        let mut found = Vec::new();
        for step in &checked.steps {
            self.component(checked, step, &mut found);
            self.grants(step, &mut found);
        }
        for secret in &checked.secrets {
            self.source(secret, &mut found);
        }
        for step in &mut plan.steps {
            self.limits(step, &mut found);
        }
        crate::check::sort(&mut found);
        // Cells of one step ask for the same.
        found.dedup();
        if found.is_empty() { Ok(()) } else { Err(found) }
    }

    fn component(&self, checked: &Checked, step: &CheckedStep, found: &mut Vec<Diagnostic>) {
        let Some(components) = &self.components else {
            return;
        };
        let uses = lock::uses(checked, step);
        let allowed = |source: &String| match &step.uses {
            Uses::Output(_) => source == "steps",
            Uses::Component(component, _) => {
                let below = source.ends_with('/') && uses.starts_with(source.as_str());
                let digest = source.strip_prefix("blake3:") == Some(component.digest.to_string().as_str());
                below || *source == uses || digest
            }
            Uses::Unknown => false,
        };
        if !components.sources.iter().any(allowed) {
            let span = step.decl.uses.as_ref().map_or(step.decl.name.span, |name| name.span);
            let message = format!(
                "the step `{}` runs `{uses}`, which the policy does not allow",
                step.decl.name.text
            );
            let sources = quoted(components.sources.iter().map(String::as_str));
            let help = format!("use a component from {sources}");
            found.push(beyond(span, message, components.place, help));
        }
    }

    fn grants(&self, step: &CheckedStep, found: &mut Vec<Diagnostic>) {
        let (grants, span) = (&step.grants, step.decl.name.span);
        let name = &step.decl.name.text;
        if let Some(hosts) = &self.hosts {
            let http = grants
                .http
                .iter()
                .filter(|grant| !hosts.http.iter().any(|most| within_http(most, grant)));
            let net = grants
                .net
                .iter()
                .filter(|grant| !hosts.net.iter().any(|most| within_net(most, grant)));
            let items = http
                .map(|grant| format!("http: {grant}"))
                .chain(net.map(|grant| format!("net: {grant}")));
            for item in items {
                let message = format!("the step `{name}` asks for more than the policy allows: {item}");
                found.push(beyond(span, message, hosts.place, remove()));
            }
        }
        if let Some(secrets) = &self.secrets {
            for secret in secrets_of(grants) {
                secrets.secret(step, secret, found);
            }
        }
        for (real, rule, what) in [
            (grants.clock, self.clock, "the real clock"),
            (grants.random, self.random, "the operating system's randomness"),
        ] {
            if let (true, Some(rule)) = (real, rule) {
                let message = format!("the step `{name}` asks for {what}, which the policy does not allow");
                found.push(beyond(span, message, rule, remove()));
            }
        }
    }

    fn source(&self, secret: &PlannedSecret, found: &mut Vec<Diagnostic>) {
        if let (Some(rule), SecretSource::Command(_)) = (self.commands, &secret.source) {
            let message = format!(
                "the secret `{}` comes from a command, which the policy does not allow",
                secret.name
            );
            let help = "take it from `env:` or `file:`".to_owned();
            found.push(beyond(secret.span, message, rule, help));
        }
    }

    fn limits(&self, step: &mut PlannedStep, found: &mut Vec<Diagnostic>) {
        for Maximum { name, most, place } in &self.limits {
            let asked = value(&step.limits, name);
            if asked.is_some_and(|asked| asked <= *most) {
                continue;
            }
            if asked == value(&Limits::DEFAULT, name) {
                set(&mut step.limits, name, *most);
                continue;
            }
            let asked = asked.map_or("no bound".to_owned(), |asked| asked.to_string());
            let message = format!(
                "the step `{}` asks for a limit `{name}` of {asked}: the policy allows {most}",
                step.base
            );
            found.push(beyond(
                step.span,
                message,
                *place,
                format!("write at most {most}, or leave `{name}` out"),
            ));
        }
    }
}

impl Secrets {
    /// Refuses a secret that is not named, or that is sent where its rule does not say.
    fn secret(&self, step: &CheckedStep, name: &str, found: &mut Vec<Diagnostic>) {
        let (grants, span, step) = (&step.grants, step.decl.name.span, &step.decl.name.text);
        let Some(rule) = self.rules.iter().find(|rule| rule.name == name) else {
            let message = format!("the step `{step}` uses the secret `{name}`, which the policy does not allow");
            return found.push(beyond(span, message, self.place, remove()));
        };
        let Some(to) = &rule.to else {
            return;
        };
        let within = |scheme, host: &airtight_model::grant::HostPattern, port| {
            to.iter()
                .any(|most| most.scheme == scheme && most.port == port && most.host.covers(host))
        };
        let granted = grants.secret(name).into_iter().flat_map(|secret| &secret.to);
        let sent = granted.map(|origin| (origin.scheme, &origin.host, origin.port));
        let keys = grants
            .http
            .iter()
            .filter(|grant| grant.client.as_ref().is_some_and(|client| client.key == name));
        let shown = keys.map(|grant| (grant.scheme, &grant.host, grant.port));
        let mut outside: Vec<String> = sent
            .chain(shown)
            .filter(|(scheme, host, port)| !within(*scheme, host, *port))
            .map(|(scheme, host, port)| {
                Origin {
                    scheme,
                    host: host.clone(),
                    port,
                }
                .to_string()
            })
            .collect();
        // A login is no origin that `to:` could name.
        let logins = grants
            .net
            .iter()
            .filter(|grant| grant.login.as_ref().is_some_and(|login| login.password == name));
        outside.extend(logins.map(NetGrant::url));
        for origin in outside {
            let message =
                format!("the step `{step}` sends the secret `{name}` to `{origin}`, which the policy does not allow");
            found.push(beyond(span, message, rule.place, remove()));
        }
    }
}

fn beyond(span: Span, message: String, rule: Span, help: String) -> Diagnostic {
    Diagnostic::error(codes::BEYOND_POLICY, span, message)
        .label(rule, "the policy's rule")
        .help(help)
}

fn remove() -> String {
    "take it back, or ask who keeps the policy".to_owned()
}

/// Whether a grant is within a policy's. Whom a step trusts and what it shows of itself are the pipeline's own, unless
/// the policy says them.
fn within_http(most: &HttpGrant, grant: &HttpGrant) -> bool {
    let mut grant = grant.clone();
    if most.ca.is_none() {
        grant.ca = None;
    }
    if most.client.is_none() {
        grant.client = None;
    }
    most.covers(&grant)
}

fn within_net(most: &NetGrant, grant: &NetGrant) -> bool {
    let mut grant = grant.clone();
    if most.login.is_none() {
        grant.login = None;
    }
    most.covers(&grant)
}

#[cfg(test)]
mod tests;
