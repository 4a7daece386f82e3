//! Entries of `secrets:` under `grants:`: where a secret may be sent, where in a request it may stand, and what may be
//! computed with it. Not here: putting it there.

use airtight_model::Diagnostic;
use airtight_model::grant::{SecretGrant, SecretOperation, SecretPlace};

use crate::ast::SecretItem;
use crate::codes;
use crate::keys;
use crate::lower::Lower;
use crate::nearest::{nearest, quoted};
use crate::node::{Entry, Key, Kind, Name, Node};

/// Headers that Airtight sets itself, or that say where a message ends.
const RESERVED: [&str; 12] = [
    "accept-encoding",
    "authorization",
    "connection",
    "content-length",
    "expect",
    "host",
    "keep-alive",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

impl Lower<'_> {
    pub(crate) fn secret_item(&mut self, Entry { key, value }: &Entry) -> Option<SecretItem> {
        let name = key.name();
        let entries = self.map(value, "a secret")?;
        let mut item = SecretItem {
            grant: SecretGrant {
                name: name.text.clone(),
                to: Vec::new(),
                places: Vec::new(),
                operations: Vec::new(),
                env: None,
            },
            name: name.clone(),
            to: Vec::new(),
            env: None,
        };
        for Entry { key, value } in entries {
            match &*key.text {
                "to" => {
                    for name in self.names(value, "to") {
                        if let Some(origin) = self.origin(&name) {
                            item.grant.to.push(origin);
                            item.to.push(name.span);
                        }
                    }
                }
                "in" => item.grant.places = self.places(value),
                "operations" => item.grant.operations = self.operations(value),
                "env" => item.env = self.variable(value),
                _ => self.unknown_key(key, keys::SECRET_GRANT, "a grant of a secret"),
            }
        }
        item.grant.env = item.env.as_ref().map(|name| name.text.clone());
        let has = |key: &str| entries.iter().any(|entry| entry.key.text == key);
        if !has("in") && !has("operations") {
            let message = format!("nothing may be done with the secret `{}`", name.text);
            self.missing(name.span, &message, "in: [ bearer ]");
        }
        let sends = has("in") || item.grant.operations.contains(&SecretOperation::AwsSigv4);
        if sends && !has("to") {
            let message = format!("the secret `{}` may be sent nowhere", name.text);
            self.missing(name.span, &message, "to: [ \"https://HOST\" ]");
        }
        Some(item)
    }

    fn variable(&mut self, node: &Node) -> Option<Name> {
        let name = self.literal(node, "env")?;
        if name.text.is_empty() || name.text.contains(['=', '\0']) {
            let message = format!("`{}` cannot be the name of a variable", name.text);
            let help = "a variable's name is not empty and has no `=`";
            self.found
                .push(Diagnostic::error(codes::BAD_NAME, name.span, message).help(help));
            return None;
        }
        Some(name)
    }

    pub(crate) fn operations(&mut self, node: &Node) -> Vec<SecretOperation> {
        let mut all = Vec::new();
        let items = match &node.kind {
            Kind::Text(_) => std::slice::from_ref(node),
            _ => self.list(node, "operations"),
        };
        for item in items {
            let operation = self.word(item, "operations", &SecretOperation::WORDS);
            all.extend(operation.filter(|operation| !all.contains(operation)));
        }
        all
    }

    fn places(&mut self, node: &Node) -> Vec<SecretPlace> {
        let items = match &node.kind {
            Kind::Text(_) | Kind::Map(_) => std::slice::from_ref(node),
            _ => self.list(node, "in"),
        };
        let mut all = Vec::new();
        for item in items {
            let place = match &item.kind {
                Kind::Map(entries) => match entries.as_slice() {
                    [Entry { key, value }] => self.named_place(key, value),
                    _ => {
                        self.bad_place(item, "a place is one of them");
                        None
                    }
                },
                Kind::Text(text) => match &**text {
                    "bearer" => Some(SecretPlace::Bearer),
                    "basic" => Some(SecretPlace::Basic),
                    text => {
                        let message = format!("`in:` does not take `{text}`");
                        self.bad_place(item, &message);
                        None
                    }
                },
                _ => {
                    self.wrong_type(item, "in", "a place", None);
                    None
                }
            };
            all.extend(place.filter(|place| !all.contains(place)));
        }
        all
    }

    fn bad_place(&mut self, node: &Node, message: &str) {
        let help = "write `bearer`, `basic`, `{ header: NAME }`, `{ query: NAME }` or `{ body: /POINTER }`";
        let near = node.text().and_then(|text| nearest(text, ["bearer", "basic"]));
        let help = near.map_or(help.to_owned(), |near| format!("did you mean `{near}`?"));
        self.found
            .push(Diagnostic::error(codes::BAD_VALUE, node.span, message).help(help));
    }

    fn named_place(&mut self, key: &Key<'_>, value: &Node) -> Option<SecretPlace> {
        if !keys::PLACE.contains(&&*key.text) {
            self.unknown_key(key, keys::PLACE, "a place");
            return None;
        }
        let name = self.literal(value, &key.text)?;
        let text = name.text.as_str();
        let wrong = match &*key.text {
            "header" => header_problem(text),
            "query" if text.is_empty() || text.chars().any(char::is_control) => Some((
                "is not the name of a parameter".to_owned(),
                "write a name, such as `key`".to_owned(),
            )),
            "body" if !is_pointer(text) => Some((
                "is not a JSON pointer".to_owned(),
                "write the names on the way to the field, a `/` before each: `/auth/token`".to_owned(),
            )),
            _ => None,
        };
        if let Some((problem, help)) = wrong {
            let message = format!("`{text}` {problem}");
            self.found
                .push(Diagnostic::error(codes::BAD_VALUE, name.span, message).help(help));
            return None;
        }
        Some(match &*key.text {
            "header" => SecretPlace::Header(text.to_ascii_lowercase()),
            "query" => SecretPlace::Query(name.text),
            _ => SecretPlace::Body(name.text),
        })
    }
}

/// What keeps a header from holding a secret, and the mend.
fn header_problem(name: &str) -> Option<(String, String)> {
    let lower = name.to_ascii_lowercase();
    let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    if name.is_empty() || name.len() > 256 || !name.bytes().all(token) {
        return Some((
            "is not the name of a header".to_owned(),
            "write a name, such as `X-Api-Key`".to_owned(),
        ));
    }
    if lower == "authorization" {
        return Some((
            "has places of its own".to_owned(),
            "write `bearer` or `basic`".to_owned(),
        ));
    }
    RESERVED.contains(&lower.as_str()).then(|| {
        let help = format!(
            "choose another header: Airtight sets {} itself",
            quoted([lower.as_str()])
        );
        ("cannot hold a secret".to_owned(), help)
    })
}

/// Whether a text is a JSON pointer (RFC 6901) to something inside the document.
fn is_pointer(text: &str) -> bool {
    let escapes = |segment: &str| {
        segment
            .split('~')
            .skip(1)
            .all(|rest| rest.starts_with('0') || rest.starts_with('1'))
    };
    text.starts_with('/') && text.len() <= 1024 && text.split('/').all(escapes)
}
