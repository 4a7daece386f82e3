//! What a policy says of secrets: which ones, where their values come from, where they are sent and what is computed with
//! them. Not here: reading it (`read`), and `commands:`, which holds for every secret.

use airtight_model::grant::{Grants, HostPattern, NetGrant, Origin, SecretOperation};
use airtight_model::plan::{PlannedSecret, SecretSource};
use airtight_model::{Diagnostic, Span};

use super::{beyond, remove};
use crate::check::CheckedStep;
use crate::node::Name;

/// The secrets that steps may use.
#[derive(Debug, Clone)]
pub(super) struct Secrets {
    pub(super) place: Span,
    pub(super) rules: Vec<SecretRule>,
}

/// A secret. What the rule does not say is any; without `from` the name is a label that the pipeline puts on any value.
#[derive(Debug, Clone)]
pub(super) struct SecretRule {
    pub(super) name: String,
    pub(super) place: Span,
    /// Where its value comes from.
    pub(super) from: Option<SecretSource>,
    /// Where it may be sent.
    pub(super) to: Option<Vec<Origin>>,
    /// What may be computed with it.
    pub(super) operations: Option<Vec<SecretOperation>>,
}

impl Secrets {
    /// Refuses a secret that is not named, or that a step uses otherwise than its rule says.
    pub(super) fn secret(&self, step: &CheckedStep, name: &str, found: &mut Vec<Diagnostic>) {
        let (grants, span, step) = (&step.grants, step.decl.name.span, &step.decl.name.text);
        let Some(rule) = self.rules.iter().find(|rule| rule.name == name) else {
            let message = format!("the step `{step}` uses the secret `{name}`, which the policy does not allow");
            return found.push(beyond(span, message, self.place, remove()));
        };
        rule.operations(step, grants, span, found);
        let Some(to) = &rule.to else {
            return;
        };
        let within = |scheme, host: &HostPattern, port| {
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

    /// Refuses a declared secret whose value comes from elsewhere than its rule says.
    pub(super) fn source(&self, secret: &PlannedSecret, found: &mut Vec<Diagnostic>) {
        let rule = self.rules.iter().find(|rule| rule.name == secret.name);
        let Some((rule, from)) = rule.and_then(|rule| rule.from.as_ref().map(|from| (rule, from))) else {
            return;
        };
        if secret.source != *from {
            let name = &secret.name;
            let message = format!("the secret `{name}` does not come from where the policy says");
            let help = format!("declare it as `{name}: {}`", declared(from));
            found.push(beyond(secret.span, message, rule.place, help));
        }
    }
}

impl SecretRule {
    /// A rule that says the name alone.
    pub(super) fn any(name: &Name) -> Self {
        Self {
            name: name.text.clone(),
            place: name.span,
            from: None,
            to: None,
            operations: None,
        }
    }

    /// Refuses what is computed with the secret and is not among the rule's operations.
    fn operations(&self, step: &str, grants: &Grants, span: Span, found: &mut Vec<Diagnostic>) {
        let Some(most) = &self.operations else {
            return;
        };
        let granted = grants
            .secret(&self.name)
            .into_iter()
            .flat_map(|grant| &grant.operations);
        for operation in granted.filter(|operation| !most.contains(operation)) {
            let message = format!(
                "the step `{step}` uses the secret `{}` for `{}`, which the policy does not allow",
                self.name,
                operation.word()
            );
            found.push(beyond(span, message, self.place, remove()));
        }
    }
}

/// A source as the pipeline file declares it.
fn declared(source: &SecretSource) -> String {
    let quoted = |text: &String| serde_json::Value::from(text.as_str()).to_string();
    match source {
        SecretSource::Env(name) => format!("{{ env: {} }}", quoted(name)),
        SecretSource::File(path) => format!("{{ file: {} }}", quoted(path)),
        SecretSource::Command(words) => {
            let words: Vec<String> = words.iter().map(quoted).collect();
            format!("{{ command: [ {} ] }}", words.join(", "))
        }
    }
}
