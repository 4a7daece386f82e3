//! Policy files: what no pipeline may go beyond, whatever its author or its lock says. Policies intersect: each one has to
//! allow. Pure. Not here: where the files are.
//!
//! A maximum of a limit also holds for a step that says nothing of it; a step that asks for more is refused.

mod read;
mod secret;

use airtight_model::grant::{HttpGrant, NetGrant};
use airtight_model::plan::{Plan, PlannedSecret, PlannedStep, SecretSource};
use airtight_model::step::Limits;
use airtight_model::{Diagnostic, Span};

use crate::check::{Checked, CheckedStep, Uses, secrets_of};
use crate::codes;
use crate::limits::{set, value};
use crate::lock;
use crate::nearest::quoted;

use secret::Secrets;

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

/// The limits that steps ask for, before any policy lowered them: one policy's word is not what a step asks of the next.
#[derive(Debug, Clone)]
pub struct Asked(Vec<Limits>);

impl Asked {
    /// The limits of a plan that no policy has been applied to.
    pub fn of(plan: &Plan) -> Self {
        Self(plan.steps.iter().map(|step| step.limits).collect())
    }
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
    pub fn apply(&self, checked: &Checked, asked: &Asked, plan: &mut Plan) -> Result<(), Vec<Diagnostic>> {
        let mut found = Vec::new();
        for step in &checked.steps {
            self.component(checked, step, &mut found);
            self.grants(step, &mut found);
        }
        for secret in &checked.secrets {
            self.source(secret, &mut found);
        }
        for (at, step) in plan.steps.iter_mut().enumerate() {
            let asked = asked.0.get(at).copied().unwrap_or(step.limits);
            self.limits(step, &asked, &mut found);
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
        if let Some(secrets) = &self.secrets {
            secrets.source(secret, found);
        }
    }

    fn limits(&self, step: &mut PlannedStep, limits: &Limits, found: &mut Vec<Diagnostic>) {
        for Maximum { name, most, place } in &self.limits {
            let asked = value(limits, name);
            if asked.is_some_and(|asked| asked <= *most) {
                continue;
            }
            if asked == value(&Limits::DEFAULT, name) {
                // Another policy's maximum may be lower.
                if value(&step.limits, name).is_none_or(|now| now > *most) {
                    set(&mut step.limits, name, *most);
                }
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
