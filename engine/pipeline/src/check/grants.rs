//! Grants and secrets: what they name is declared, inside the project, and of use. Not here: reading them
//! (`lower::grants`), and what they allow (`model::grant`).

use std::collections::{HashMap, HashSet};

use airtight_model::grant::{Grants, HttpGrant, NetGrant, SecretGrant};
use airtight_model::plan::{PlannedSecret, SecretSource};
use airtight_model::{Diagnostic, Span};

use super::{Check, CheckedStep};
use crate::ast::{Granted, HttpItem, NetItem, SecretItem};
use crate::codes;
use crate::nearest::{nearest, quoted};
use crate::node::Name;
use crate::paths;

impl<'a> Check<'a> {
    /// Puts the secrets of all files together.
    pub(super) fn secrets(&mut self) {
        for (file, ast) in self.parsed.asts.iter().enumerate() {
            for secret in &ast.secrets {
                if let Some(first) = self.secret_at.get(secret.name.text.as_str()) {
                    self.collision("secret", &secret.name, self.secrets[*first].span);
                    continue;
                }
                // Without a source there is an error already.
                let source = secret.source.as_ref();
                let source = source.map_or(SecretSource::Env(String::new()), |source| {
                    self.secret_source(file, &source.value, source.span)
                });
                self.secret_at.insert(&secret.name.text, self.secrets.len());
                self.secrets.push(PlannedSecret {
                    name: secret.name.text.clone(),
                    source,
                    span: secret.name.span,
                });
            }
        }
    }

    /// The source with a path that is relative to the root.
    fn secret_source(&self, file: usize, source: &SecretSource, span: Span) -> SecretSource {
        let SecretSource::File(path) = source else {
            return source.clone();
        };
        if path.starts_with('/') || path.starts_with("~/") {
            return source.clone();
        }
        match paths::join_host(self.base(file), path) {
            Ok(path) => SecretSource::File(path),
            Err(problem) => {
                let help = "write an absolute path, or one below `~/`: a relative one is inside the pipeline's folder";
                let message = format!("the path `{path}` {}", problem.reason);
                self.error(codes::BAD_HOST_PATH, span, message, help);
                source.clone()
            }
        }
    }

    /// Checks the grants of all steps, and that every secret is of use.
    pub(super) fn grants(&mut self) {
        let mut used: HashSet<&'a str> = HashSet::new();
        let mut all = Vec::with_capacity(self.steps.len());
        let asts = self.parsed.asts.iter().flat_map(|ast| &ast.steps);
        let uses = asts
            .clone()
            .flat_map(|step| uses_of(&step.grants))
            .map(|(name, _)| name.text.as_str());
        used.extend(uses);
        let faulty = asts.clone().any(|step| step.grants.faulty);
        for step in &self.steps {
            all.push(self.step_grants(step));
        }
        for (step, grants) in self.steps.iter_mut().zip(all) {
            step.grants = grants;
        }
        for secret in self
            .secrets
            .iter()
            .filter(|secret| !faulty && !used.contains(secret.name.as_str()))
        {
            let message = format!("no step uses the secret `{}`", secret.name);
            let found = Diagnostic::warning(codes::UNUSED_SECRET, secret.span, message);
            self.report(found.help("remove it, or grant it to a step under `grants: { secrets: … }`"));
        }
    }

    fn step_grants(&self, step: &CheckedStep) -> Grants {
        let granted = &step.decl.grants;
        for (name, what) in uses_of(granted) {
            self.declared_secret(name, what);
        }
        let grants = Grants {
            http: granted
                .http
                .iter()
                .map(|item| self.http_grant(step.file, item))
                .collect(),
            net: granted.net.iter().map(|item| self.net_grant(step.file, item)).collect(),
            secrets: granted.secrets.iter().map(|item| item.grant.clone()).collect(),
            clock: granted.clock.is_some(),
            random: granted.random,
        };
        if !granted.faulty {
            granted.secrets.iter().for_each(|item| self.covered(item, &grants));
        }
        self.placeholders(step);
        if let (Some(real), Some(base)) = (granted.clock, step.decl.clock) {
            let message = "the clock of a step is either real or set";
            let found = Diagnostic::error(codes::CLOCK_CONFLICT, base, message).label(real, "real here");
            self.report(found.help("remove `clock:`, or `clock: real` under `grants:`"));
        }
        grants
    }

    fn declared_secret(&self, name: &Name, what: &str) {
        if self.secret_at.contains_key(name.text.as_str()) {
            return;
        }
        let names = || self.secrets.iter().map(|secret| secret.name.as_str());
        let variable = name.text.to_ascii_uppercase().replace('-', "_");
        let help = match nearest(&name.text, names()) {
            Some(near) => format!("did you mean `{near}`?"),
            None if self.secrets.is_empty() => {
                format!("add `secrets: {{ {}: {{ env: {variable} }} }}` to the file", name.text)
            }
            None => format!("declare it under `secrets:`; declared are {}", quoted(names())),
        };
        let message = format!("{what} `{}` is not declared", name.text);
        self.error(codes::UNKNOWN_SECRET, name.span, message, help);
    }

    /// Whether each origin that a secret may be sent to is one that the step may reach.
    fn covered(&self, item: &SecretItem, grants: &Grants) {
        for (origin, span) in item.grant.to.iter().zip(&item.to) {
            let reaches = |grant: &HttpGrant| {
                grant.scheme == origin.scheme && grant.port == origin.port && grant.host.covers(&origin.host)
            };
            if !grants.http.iter().any(reaches) {
                let message = format!("the step may not reach `{origin}`, so no secret is sent there");
                let help = format!("add `http: [ \"{origin}\" ]` under `grants:`");
                self.error(codes::SECRET_NOT_COVERED, *span, message, help);
            }
        }
    }

    /// Checks that the variables that hold placeholders are free.
    fn placeholders(&self, step: &CheckedStep) {
        let mut taken: HashMap<&str, Span> = HashMap::new();
        taken.extend(step.decl.env.iter().map(|(name, _)| (name.text.as_str(), name.span)));
        for item in &step.decl.grants.secrets {
            let Some(name) = &item.env else {
                continue;
            };
            if let Some(first) = taken.insert(&name.text, name.span) {
                let message = format!("the variable `{}` has a value already", name.text);
                let found = Diagnostic::error(codes::ENV_COLLISION, name.span, message).label(first, "given here");
                self.report(found.help("give one of them another name"));
            }
        }
    }

    fn http_grant(&self, file: usize, item: &HttpItem) -> HttpGrant {
        let mut grant = item.grant.clone();
        grant.ca = item.ca.as_ref().and_then(|path| self.host_path(file, path));
        if let (Some(client), Some(path)) = (&mut grant.client, &item.certificate) {
            client.certificate = self.host_path(file, path).unwrap_or_default();
        }
        grant
    }

    fn net_grant(&self, file: usize, item: &NetItem) -> NetGrant {
        let mut grant = item.grant.clone();
        if let Some(login) = &mut grant.login {
            login.ca = item.ca.as_ref().and_then(|path| self.host_path(file, path));
        }
        grant
    }
}

/// The secrets that grants name, with what they are there.
fn uses_of(granted: &Granted) -> impl Iterator<Item = (&Name, &'static str)> {
    let keys = granted.http.iter().filter_map(|item| item.key.as_ref());
    let passwords = granted.net.iter().filter_map(|item| item.password.as_ref());
    let secrets = granted.secrets.iter().map(|item| &item.name);
    (keys.map(|name| (name, "the key")))
        .chain(passwords.map(|name| (name, "the password")))
        .chain(secrets.map(|name| (name, "the secret")))
}

/// The names of the secrets that grants use.
pub(crate) fn secrets_of(grants: &Grants) -> impl Iterator<Item = &str> {
    let keys = grants
        .http
        .iter()
        .filter_map(|grant| Some(grant.client.as_ref()?.key.as_str()));
    let passwords = grants
        .net
        .iter()
        .filter_map(|grant| Some(grant.login.as_ref()?.password.as_str()));
    let secrets = grants.secrets.iter().map(|SecretGrant { name, .. }| name.as_str());
    keys.chain(passwords).chain(secrets)
}
