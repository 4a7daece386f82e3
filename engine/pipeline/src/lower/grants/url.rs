//! The URLs of grants, with the mend for each way to get one wrong. Not here: what a host is (`model::grant`).

use airtight_model::Diagnostic;
use airtight_model::grant::{HostPattern, NetGrant, Origin, ParseHostError, ParseOriginError, Transport};

use crate::codes;
use crate::lower::Lower;
use crate::node::{Name, Node};
use crate::suffix;

impl Lower<'_> {
    /// An origin with a path; `/` where there is none.
    pub(crate) fn origin_with_path(&mut self, name: &Name) -> Option<(Origin, String)> {
        match Origin::with_path(&name.text) {
            Ok((origin, path)) => self.not_public(&origin.host, name).then_some((origin, path)),
            Err(error) => {
                self.bad_url(name, &error, "https://HOST");
                None
            }
        }
    }

    /// An origin alone.
    pub(crate) fn origin(&mut self, name: &Name) -> Option<Origin> {
        match name.text.parse::<Origin>() {
            Ok(origin) => self.not_public(&origin.host, name).then_some(origin),
            Err(error) => {
                self.bad_url(name, &error, "https://HOST");
                None
            }
        }
    }

    /// `tcp://HOST:PORT` or `udp://HOST:PORT`.
    pub(crate) fn net_url(&mut self, node: &Node) -> Option<NetGrant> {
        let name = self.literal(node, "a grant")?;
        let rest = [("tcp://", Transport::Tcp), ("udp://", Transport::Udp)]
            .into_iter()
            .find_map(|(scheme, transport)| Some((transport, name.text.strip_prefix(scheme)?)));
        let Some((transport, rest)) = rest else {
            let message = format!("`{}` does not begin with `tcp://` or `udp://`", name.text);
            let help = match name.text.starts_with("http://") || name.text.starts_with("https://") {
                true => "move it to `http:`",
                false => "write `tcp://HOST:PORT`",
            };
            self.found
                .push(Diagnostic::error(codes::BAD_GRANT, name.span, message).help(help));
            return None;
        };
        let example = format!("{}://HOST:PORT", transport.word());
        // The host and port of a socket read as those of a URL; only that the port has to be there is of its own.
        let origin = match format!("https://{rest}").parse::<Origin>() {
            Ok(origin) => origin,
            Err(error) => {
                self.bad_url(&name, &error, &example);
                return None;
            }
        };
        let has_port = rest.rfind(':').is_some_and(|at| !rest[at..].contains(']'));
        if !has_port || rest.contains('/') {
            let what = if has_port { "has a path" } else { "has no port" };
            let message = format!("`{}` {what}", name.text);
            self.found
                .push(Diagnostic::error(codes::BAD_GRANT, name.span, message).help(format!("write `{example}`")));
            return None;
        }
        let Origin { host, port, .. } = origin;
        self.not_public(&host, &name).then_some(NetGrant {
            transport,
            host,
            port,
            addresses: Vec::new(),
            login: None,
        })
    }

    fn bad_url(&mut self, name: &Name, error: &ParseOriginError, example: &str) {
        let too_wide = matches!(error, ParseOriginError::Host(ParseHostError::Star(_)));
        let help = match error {
            ParseOriginError::Scheme(text) if text.starts_with("tcp://") || text.starts_with("udp://") => {
                "move it to `net:`".to_owned()
            }
            ParseOriginError::Scheme(_) => format!("write `{example}`"),
            ParseOriginError::User(_) => {
                "remove what is before the `@`, and grant the password under `secrets:`".to_owned()
            }
            ParseOriginError::Port(_) => "write a port from 1 to 65535, as in `https://HOST:8443`".to_owned(),
            ParseOriginError::Rest(_) => {
                format!("write `{example}`: no query and no fragment, and a path only in `http:`")
            }
            ParseOriginError::Host(ParseHostError::Star(_)) => {
                "write `*.` and a domain of yours, as in `*.example.com`".to_owned()
            }
            ParseOriginError::Host(ParseHostError::Invalid(_)) => {
                "write a name or an address, as in `api.example.com`, `192.0.2.1` or `[2001:db8::1]`".to_owned()
            }
        };
        let code = if too_wide {
            codes::GRANT_TOO_WIDE
        } else {
            codes::BAD_GRANT
        };
        self.found
            .push(Diagnostic::error(code, name.span, error.to_string()).help(help));
    }

    /// Reports a grant to all hosts below a name where everyone may have one.
    fn not_public(&mut self, host: &HostPattern, name: &Name) -> bool {
        let HostPattern::Below(suffix) = host else {
            return true;
        };
        if !suffix::is_public(suffix) {
            return true;
        }
        let message = format!("anyone may have a host below `{suffix}`");
        let help = format!("name the hosts that you mean, or those of one owner: `*.NAME.{suffix}`");
        self.found
            .push(Diagnostic::error(codes::GRANT_TOO_WIDE, name.span, message).help(help));
        false
    }
}
