//! Which steps may reach a host, and which did. Not here: the decision over a request (`airtight_model::grant`).

use airtight_model::grant::{Cidr, Host, HostPattern};

use super::{Answer, Known, May};
use crate::failure::Failure;

/// The host that a recorded request went to: of a URL, or the name that was looked up.
pub(crate) fn host_of(request: &str) -> Option<Host> {
    let Some((_, rest)) = request.split_once("://") else {
        return request.strip_prefix("lookup ")?.parse().ok();
    };
    let authority = rest.split(['/', ' ']).next()?;
    let host = match authority.rfind(':') {
        Some(at) if !authority[at..].contains(']') => &authority[..at],
        _ => authority,
    };
    host.parse().ok()
}

/// Whether a request to this host could go where was asked for.
fn is_of(asked: &HostPattern, host: &Host) -> bool {
    asked.matches(host)
}

/// Whether a grant lets a step reach what was asked for, and how, where that is not by its name.
fn lets(asked: &HostPattern, host: &HostPattern, addresses: &[Cidr]) -> Option<&'static str> {
    if host.covers(asked) || asked.covers(host) {
        return Some("");
    }
    match asked {
        HostPattern::Exact(Host::Address(address)) if addresses.iter().any(|range| range.contains(*address)) => {
            Some(", where its name has that address")
        }
        _ => None,
    }
}

/// Answers `query reach`.
pub(super) fn reach(known: &Known<'_>, text: &str) -> Result<Answer, Failure> {
    // A URL is what one has at hand: its host is meant.
    let name = match text.split_once("://") {
        Some((_, rest)) => rest.split('/').next().unwrap_or(rest),
        None => text,
    };
    let without_port = match name.rfind(':') {
        Some(at) if name[at + 1..].bytes().all(|b| b.is_ascii_digit()) && name[..at].parse::<HostPattern>().is_ok() => {
            &name[..at]
        }
        _ => name,
    };
    let asked: HostPattern = without_port.parse().map_err(|error| {
        Failure::user("U0024", format!("{error}")).help("name a host: `airtight query reach example.com`")
    })?;
    let mut answer = Answer::new("reach", &asked.to_string(), known.histories.len());
    for step in &known.plan.steps {
        let http = step.grants.http.iter();
        let http = http.map(|grant| ("http", grant.to_string(), lets(&asked, &grant.host, &grant.addresses)));
        let net = step.grants.net.iter();
        let net = net.map(|grant| ("net", grant.to_string(), lets(&asked, &grant.host, &grant.addresses)));
        for (list, item, how) in http.chain(net) {
            let Some(how) = how else { continue };
            answer.may.push(May {
                step: step.name.clone(),
                by: format!("{list}: {item}{how}"),
                place: known.project.place(step.span),
            });
        }
    }
    for (at, history) in &known.histories {
        for step in &history.steps {
            for used in step
                .uses
                .iter()
                .filter(|used| ["http", "net"].contains(&used.capability.as_str()))
            {
                if host_of(&used.request).is_some_and(|host| is_of(&asked, &host)) {
                    answer.used(&step.step, used, &history.run, *at);
                }
            }
            for denial in &step.denials {
                if host_of(&denial.request).is_some_and(|host| is_of(&asked, &host)) {
                    answer.denied(&step.step, denial, &history.run, *at);
                }
            }
            if !step.complete {
                let note = format!("what `{}` did in run {} is not known in full", step.step, history.run);
                answer.notes.push(note);
            }
        }
    }
    if let HostPattern::Exact(Host::Address(address)) = asked
        && airtight_model::grant::class_of(address).is_none()
    {
        let note = "any host that is granted by name may have this public address";
        answer.notes.push(note.to_owned());
    }
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    // The forms in which a request is recorded.
    #[test]
    fn the_host_of_a_recorded_request_is_found() {
        for (request, host) in [
            ("GET https://example.com/a/b:c", Some("example.com")),
            ("GET http://[::1]:8080/", Some("[::1]")),
            ("tcp://10.0.0.1:5432", Some("10.0.0.1")),
            ("lookup db.example.com", Some("db.example.com")),
            (
                "token in bearer to https://api.example.com:8443",
                Some("api.example.com"),
            ),
            ("token for hmac-sha256", None),
        ] {
            assert_eq!(
                host_of(request).map(|host| host.to_string()).as_deref(),
                host,
                "{request}"
            );
        }
    }

    // By name, by a pattern, and by an address that a name may have.
    #[test]
    fn a_grant_lets_by_name_pattern_or_address() {
        let pattern = |text: &str| text.parse::<HostPattern>().expect("a pattern");
        let range: Cidr = "10.0.0.0/8".parse().expect("a range");
        let by = |asked, granted| lets(&pattern(asked), &pattern(granted), std::slice::from_ref(&range));
        assert_eq!(by("a.example.com", "a.example.com"), Some(""));
        assert_eq!(by("a.example.com", "*.example.com"), Some(""));
        assert_eq!(by("*.example.com", "a.example.com"), Some(""));
        assert_eq!(by("b.example.com", "a.example.com"), None);
        assert!(by("10.1.2.3", "a.example.com").is_some_and(|how| !how.is_empty()));
        assert_eq!(by("11.1.2.3", "a.example.com"), None);
    }
}
