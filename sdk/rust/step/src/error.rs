//! Errors of a step: in the end they are text, and the text has all causes. No error is handled here.

use std::error::Error as StdError;
use std::fmt;

/// Any error, with what was being done.
///
/// `?` makes one of every error type of the standard library and of other crates. It is small on purpose; a step that returns
/// `anyhow::Error` or one of its own is just as good.
pub struct Error(Box<dyn StdError + Send + Sync>);

/// The result of most functions of a step.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// Makes an error of a text.
    pub fn msg(text: impl fmt::Display) -> Self {
        Self(text.to_string().into())
    }

    /// Puts a text before the error, which becomes its cause.
    #[must_use]
    pub fn context(self, text: impl fmt::Display) -> Self {
        Self(Box::new(Contextual {
            text: text.to_string(),
            cause: self.0,
        }))
    }
}

impl<E: StdError + Send + Sync + 'static> From<E> for Error {
    fn from(error: E) -> Self {
        Self(Box::new(error))
    }
}

impl From<Error> for Box<dyn StdError + Send + Sync> {
    fn from(error: Error) -> Self {
        error.0
    }
}

impl From<Error> for Box<dyn StdError> {
    fn from(error: Error) -> Self {
        error.0
    }
}

/// Shows the error and all its causes, as the person who runs the pipeline reads it.
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&text::chain(&*self.0))
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[derive(Debug)]
struct Contextual {
    text: String,
    cause: Box<dyn StdError + Send + Sync>,
}

impl fmt::Display for Contextual {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl StdError for Contextual {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&*self.cause)
    }
}

/// Says what was being done when something went wrong.
pub trait Context<T> {
    /// Puts a text before the error.
    ///
    /// # Errors
    ///
    /// Fails as what it is called on does.
    fn context(self, text: impl fmt::Display) -> Result<T>;

    /// Puts a text before the error, which is made only if there is one.
    ///
    /// # Errors
    ///
    /// Fails as what it is called on does.
    fn with_context<D: fmt::Display>(self, text: impl FnOnce() -> D) -> Result<T>;
}

impl<T, E: Into<Error>> Context<T> for std::result::Result<T, E> {
    fn context(self, text: impl fmt::Display) -> Result<T> {
        self.map_err(|error| error.into().context(text))
    }

    fn with_context<D: fmt::Display>(self, text: impl FnOnce() -> D) -> Result<T> {
        self.map_err(|error| error.into().context(text()))
    }
}

impl<T> Context<T> for Option<T> {
    fn context(self, text: impl fmt::Display) -> Result<T> {
        self.ok_or_else(|| Error::msg(text))
    }

    fn with_context<D: fmt::Display>(self, text: impl FnOnce() -> D) -> Result<T> {
        self.ok_or_else(|| Error::msg(text()))
    }
}

/// Returns from the function with an error of this text.
#[macro_export]
macro_rules! bail {
    ($($text:tt)+) => {
        return ::core::result::Result::Err($crate::Error::msg(::core::format_args!($($text)+)).into())
    };
}

/// The text of any error, chosen by what its type can do: method resolution takes the first trait, by references, that fits.
#[doc(hidden)]
pub mod text {
    use super::{StdError, fmt};

    /// An error on its way to be text.
    pub struct Failure<E>(pub E);

    impl<E> Failure<E> {
        pub fn of(error: E) -> Self {
            Self(error)
        }
    }

    /// Joins an error and its causes. A cause whose text is already at the end of what comes before it is left out.
    pub fn chain(error: &(dyn StdError + 'static)) -> String {
        let mut text = error.to_string();
        let mut next = error.source();
        while let Some(cause) = next {
            let more = cause.to_string();
            if !more.is_empty() && !text.ends_with(&more) {
                text = format!("{text}: {more}");
            }
            next = cause.source();
        }
        text
    }

    /// Errors of the standard library's kind: those of `thiserror`, of `std`, and any `Box` of a sized one.
    pub trait Standard {
        fn text(&self) -> String;
    }

    impl<E: StdError + 'static> Standard for &&&Failure<E> {
        fn text(&self) -> String {
            chain(&self.0)
        }
    }

    /// What holds such an error: `Box<dyn Error>`, `anyhow::Error`.
    pub trait Boxed {
        fn text(&self) -> String;
    }

    impl<E: AsRef<dyn StdError + 'static>> Boxed for &&Failure<E> {
        fn text(&self) -> String {
            chain(self.0.as_ref())
        }
    }

    /// `Box<dyn Error + Send + Sync>`.
    pub trait Shared {
        fn text(&self) -> String;
    }

    impl<E: AsRef<dyn StdError + Send + Sync + 'static>> Shared for &Failure<E> {
        fn text(&self) -> String {
            chain(self.0.as_ref())
        }
    }

    /// Anything else that can be shown.
    pub trait Shown {
        type Error;
        fn text(&self) -> String
        where
            Self::Error: fmt::Display;
    }

    impl<E> Shown for Failure<E> {
        type Error = E;
        fn text(&self) -> String
        where
            E: fmt::Display,
        {
            self.0.to_string()
        }
    }
}

#[cfg(test)]
#[allow(
    clippy::needless_borrow,
    reason = "the macro does not know either how many the type needs"
)]
mod tests {
    use super::text::*;
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("cannot count")]
    struct Outer(#[source] std::num::ParseIntError);

    #[derive(Debug, thiserror::Error)]
    #[error("cannot count: {0}")]
    struct Telling(#[source] std::num::ParseIntError);

    fn parse() -> std::num::ParseIntError {
        "x".parse::<u8>().expect_err("x is no number")
    }

    const CAUSE: &str = "invalid digit found in string";

    /// Whatever kind of error a step returns, the person who runs it reads the whole story.
    #[test]
    fn the_text_of_any_error_has_all_its_causes() {
        let whole = format!("cannot count: {CAUSE}");
        assert_eq!((&&&&Failure::of(Outer(parse()))).text(), whole);
        let boxed: Box<dyn StdError> = Box::new(Outer(parse()));
        assert_eq!((&&&&Failure::of(boxed)).text(), whole);
        let shared: Box<dyn StdError + Send + Sync> = Box::new(Outer(parse()));
        assert_eq!((&&&&Failure::of(shared)).text(), whole);
        let any = anyhow::Error::new(parse()).context("cannot count");
        assert_eq!((&&&&Failure::of(any)).text(), whole);
        let own = || Error::from(parse()).context("cannot count");
        assert_eq!((&&&&Failure::of(own())).text(), whole);
        let own = Box::<dyn StdError>::from(own());
        assert_eq!((&&&&Failure::of(own)).text(), whole);
        assert_eq!((&&&&Failure::of("just text".to_owned())).text(), "just text");
    }

    /// A cause that the error tells by itself is not told twice.
    #[test]
    fn a_cause_is_told_once() {
        assert_eq!(
            (&&&&Failure::of(Telling(parse()))).text(),
            format!("cannot count: {CAUSE}")
        );
    }

    /// `?` and the helpers make errors with what was being done.
    #[test]
    fn context_and_bail_say_what_was_being_done() {
        fn fails(how: u8) -> Result<u8> {
            match how {
                0 => Ok("x".parse::<u8>()?),
                1 => "x".parse::<u8>().context("first"),
                2 => None.with_context(|| "nothing there"),
                _ => bail!("{how} is too much"),
            }
        }
        let texts: Vec<String> = (0..4)
            .map(|how| fails(how).expect_err("it fails").to_string())
            .collect();
        assert_eq!(
            texts,
            [CAUSE, &format!("first: {CAUSE}"), "nothing there", "3 is too much"]
        );
    }
}
