//! Which steps may use a secret, where and for what, and which did. Not here: the secret's value, which no command shows.

use airtight_model::plan::PlannedStep;

use super::{Answer, Known, May};
use crate::failure::Failure;

/// The lines of a step's grants that give it the secret.
fn grants(step: &PlannedStep, name: &str) -> Vec<String> {
    let own = step.grants.secrets.iter().filter(|grant| grant.name == name);
    let mut lines: Vec<String> = own.map(|grant| format!("secrets: {{ {grant} }}")).collect();
    for grant in &step.grants.http {
        if grant.client.as_ref().is_some_and(|client| client.key == name) {
            lines.push(format!("the key of its certificate, http: {grant}"));
        }
    }
    for grant in &step.grants.net {
        if grant.login.as_ref().is_some_and(|login| login.password == name) {
            lines.push(format!("the password of its login, net: {grant}"));
        }
    }
    lines
}

/// Answers `query secret`.
pub(super) fn secret(known: &Known<'_>, name: &str) -> Result<Answer, Failure> {
    let mut answer = Answer::new("secret", name, known.histories.len());
    for step in &known.plan.steps {
        for by in grants(step, name) {
            answer.may.push(May {
                step: step.name.clone(),
                by,
                place: known.project.place(step.span),
            });
        }
    }
    let of_secret = |request: &str| {
        let rest = request.strip_prefix(name);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(" in ") || rest.starts_with(" for "))
    };
    for (at, history) in &known.histories {
        for step in &history.steps {
            // A login and a certificate are used by the connection that they are for.
            let http = step.grants.http.iter();
            let http = http.filter(|grant| grant.client.as_ref().is_some_and(|client| client.key == name));
            let net = step.grants.net.iter();
            let net = net.filter(|grant| grant.login.as_ref().is_some_and(|login| login.password == name));
            let by_connection: Vec<String> = http
                .map(ToString::to_string)
                .chain(net.map(ToString::to_string))
                .collect();
            for used in &step.uses {
                let own = used.capability == "secrets" && of_secret(&used.request);
                if own || (used.capability != "secrets" && by_connection.contains(&used.grant)) {
                    answer.used(&step.step, used, &history.run, *at);
                }
            }
            for denial in step.denials.iter().filter(|denial| denial.capability == "secrets") {
                if of_secret(&denial.request) {
                    answer.denied(&step.step, denial, &history.run, *at);
                }
            }
        }
    }
    let declared = known.plan.secrets.iter().any(|secret| secret.name == name);
    if !declared && answer.may.is_empty() && answer.did.is_empty() && answer.refused.is_empty() {
        let names: Vec<String> = known
            .plan
            .secrets
            .iter()
            .map(|secret| format!("`{}`", secret.name))
            .collect();
        let failure = Failure::user("U0024", format!("no step uses a secret `{name}`"));
        return Err(match names.is_empty() {
            true => failure.help("the steps of this pipeline use none"),
            false => failure.help(format!("there are {}", names.join(", "))),
        });
    }
    Ok(answer)
}
