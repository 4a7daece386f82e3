//! The second net under secrets: whatever a guest says goes through here before it is shown or kept, where the step has a
//! secret at all. Not here: what a value looks like in its disguises (`airtight_egress`), and files that a step makes,
//! which are its own.

use airtight_egress::{Redactor, Session};
use airtight_model::Value;
use airtight_model::grant::Grants;

/// Takes secrets out of texts. Without a secret it does nothing and costs nothing.
#[derive(Clone, Default)]
pub(crate) struct Redact(Option<Session>);

impl Redact {
    /// For an attempt with these grants.
    pub(crate) fn new(session: &Session, grants: &Grants) -> Self {
        Self(has_secrets(grants).then(|| session.clone()))
    }

    /// What takes secrets out of a stream of its own.
    pub(crate) fn stream(&self) -> Option<Redactor> {
        self.0.as_ref().map(Session::redactor)
    }

    /// The text without secrets.
    pub(crate) fn text(&self, text: String) -> String {
        let Some(mut redactor) = self.stream() else {
            return text;
        };
        let clean = redactor.whole(text.as_bytes());
        if redactor.found() {
            String::from_utf8_lossy(&clean).into_owned()
        } else {
            text
        }
    }

    /// The value with every text in it without secrets.
    pub(crate) fn value(&self, value: Value) -> Value {
        if self.0.is_none() {
            return value;
        }
        let boxed = |value: Option<Box<Value>>| value.map(|value| Box::new(self.value(*value)));
        match value {
            Value::String(text) => Value::String(self.text(text)),
            Value::List(items) => Value::List(items.into_iter().map(|item| self.value(item)).collect()),
            Value::Tuple(items) => Value::Tuple(items.into_iter().map(|item| self.value(item)).collect()),
            Value::Record(fields) => {
                let field = |(name, value)| (name, self.value(value));
                Value::Record(fields.into_iter().map(field).collect())
            }
            Value::Variant(case, value) => Value::Variant(case, boxed(value)),
            Value::Option(value) => Value::Option(boxed(value)),
            Value::Result(Ok(value)) => Value::Result(Ok(boxed(value))),
            Value::Result(Err(value)) => Value::Result(Err(boxed(value))),
            plain => plain,
        }
    }
}

/// Whether any value of a secret is used for the step, be it one that it cannot open.
fn has_secrets(grants: &Grants) -> bool {
    !grants.secrets.is_empty()
        || grants.http.iter().any(|grant| grant.client.is_some())
        || grants.net.iter().any(|grant| grant.login.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use airtight_egress::{Egress, EgressConfig, SecretValue};
    use airtight_model::NetLimits;
    use airtight_model::grant::{SecretGrant, SecretOperation};

    const CANARY: &str = "canary-7f3a91d2c4";

    fn redact(secret: bool) -> Redact {
        let mut config = EgressConfig::default();
        config
            .secrets
            .insert("token".to_owned(), SecretValue::new(CANARY.as_bytes().to_vec()));
        let mut grants = Grants::default();
        if secret {
            grants.secrets.push(SecretGrant {
                name: "token".to_owned(),
                to: Vec::new(),
                places: Vec::new(),
                operations: vec![SecretOperation::HmacSha256],
                env: None,
            });
        }
        let session = Egress::new(config).session(&grants, NetLimits::DEFAULT);
        Redact::new(&session, &grants)
    }

    // A result is kept and shown like a log, so what a guest got hold of does not leave by it.
    #[test]
    fn a_secret_deep_in_a_result_is_taken_out() {
        let said = || {
            Value::Record(vec![(
                "found".to_owned(),
                Value::Option(Some(Box::new(Value::List(vec![Value::String(format!("x={CANARY}"))])))),
            )])
        };
        let clean = redact(true).value(said());
        assert!(!format!("{clean:?}").contains(CANARY), "{clean:?}");
        assert!(format!("{clean:?}").contains("x="), "{clean:?}");
    }

    // A step without secrets says what it says.
    #[test]
    fn without_a_secret_nothing_is_touched() {
        assert_eq!(redact(false).text(CANARY.to_owned()), CANARY);
        assert!(redact(false).stream().is_none());
    }
}
