//! Log lines with fields: macros in the manner of `tracing`, over one call of the host's. There are no spans and no filters: the
//! host keeps every line, and shows the levels that its user asks for.

use std::fmt::{self, Display};

use crate::bindings::airtight::step::log::Field;
pub use crate::bindings::airtight::step::log::Level;
use crate::host;

/// A field's value on its way.
#[doc(hidden)]
pub type Value<'a> = (&'a str, &'a dyn Display);

/// Shows a value as `{:?}` does.
#[doc(hidden)]
pub struct Debug<T>(pub T);

impl<T: fmt::Debug> Display for Debug<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Writes one line.
#[doc(hidden)]
pub fn log(level: Level, message: fmt::Arguments<'_>, fields: &[Value<'_>]) {
    let fields: Vec<Field> = fields
        .iter()
        .map(|(name, value)| Field {
            name: name.strip_prefix("r#").unwrap_or(name).to_owned(),
            value: value.to_string(),
        })
        .collect();
    match message.as_str() {
        Some(text) => host::log(level, text, &fields),
        None => host::log(level, &message.to_string(), &fields),
    }
}

/// Writes a line of a [`Level`] that is known at run time: `log!(level, "…")`. Otherwise as [`info!`](crate::info).
#[macro_export]
macro_rules! log {
    ($level:expr, $($rest:tt)+) => { $crate::__line!($level, [] [] [] $($rest)+) };
}

/// Writes a line for whoever searches for a fault in the step, in every detail. As [`info!`](crate::info).
#[macro_export]
macro_rules! trace {
    ($($rest:tt)+) => { $crate::log!($crate::Level::Trace, $($rest)+) };
}

/// Writes a line for whoever searches for a fault in the step. As [`info!`](crate::info).
#[macro_export]
macro_rules! debug {
    ($($rest:tt)+) => { $crate::log!($crate::Level::Debug, $($rest)+) };
}

/// Writes a line for the person who runs the pipeline.
///
/// The first literal is the message, as in `format!`; `name = value` is a field of the line, before or after it. `?value` shows a
/// field as `{:?}` does.
///
/// ```
/// use airtight_step::info;
///
/// let (files, path) = (3, "/in");
/// info!("looked at {files} files", path = path, kinds = ?["md", "rs"]);
/// info!(files, "looked at a folder");
/// info!("looked at {} of {} files", 2, files, path = path);
/// ```
#[macro_export]
macro_rules! info {
    ($($rest:tt)+) => { $crate::log!($crate::Level::Info, $($rest)+) };
}

/// Writes a line about something that is probably wrong. As [`info!`](crate::info).
#[macro_export]
macro_rules! warn {
    ($($rest:tt)+) => { $crate::log!($crate::Level::Warn, $($rest)+) };
}

/// Writes a line about something that is wrong. As [`info!`](crate::info).
#[macro_export]
macro_rules! error {
    ($($rest:tt)+) => { $crate::log!($crate::Level::Error, $($rest)+) };
}

/// Sorts what was written into a message, its arguments and fields: `level, [message] [arguments] [fields] rest`.
#[doc(hidden)]
#[macro_export]
macro_rules! __line {
    // Nothing is left.
    ($level:expr, [$message:literal] [$($argument:expr,)*] [$(($name:expr, $value:expr))*]) => {
        $crate::__private::log(
            $level,
            ::core::format_args!($message, $($argument),*),
            &[$(($name, &$value as &dyn ::core::fmt::Display)),*],
        )
    };
    ($level:expr, [] [] [$($field:tt)*]) => { $crate::__line!($level, [""] [] [$($field)*]) };
    // Fields.
    ($level:expr, [$($message:tt)?] [$($argument:tt)*] [$($field:tt)*] $name:ident = ?$value:expr $(, $($rest:tt)*)?) => {
        $crate::__line!($level, [$($message)?] [$($argument)*]
            [$($field)* (::core::stringify!($name), $crate::__private::Debug(&$value))] $($($rest)*)?)
    };
    ($level:expr, [$($message:tt)?] [$($argument:tt)*] [$($field:tt)*] $name:ident = %$value:expr $(, $($rest:tt)*)?) => {
        $crate::__line!($level, [$($message)?] [$($argument)*] [$($field)* (::core::stringify!($name), $value)] $($($rest)*)?)
    };
    ($level:expr, [$($message:tt)?] [$($argument:tt)*] [$($field:tt)*] $name:ident = $value:expr $(, $($rest:tt)*)?) => {
        $crate::__line!($level, [$($message)?] [$($argument)*] [$($field)* (::core::stringify!($name), $value)] $($($rest)*)?)
    };
    // Before the message a name is a field that has the name of its variable; after it, an argument.
    ($level:expr, [] [] [$($field:tt)*] $name:ident $(, $($rest:tt)*)?) => {
        $crate::__line!($level, [] [] [$($field)* (::core::stringify!($name), $name)] $($($rest)*)?)
    };
    ($level:expr, [] [] [$($field:tt)*] $message:literal $(, $($rest:tt)*)?) => {
        $crate::__line!($level, [$message] [] [$($field)*] $($($rest)*)?)
    };
    ($level:expr, [$message:literal] [$($argument:tt)*] [$($field:tt)*] $value:expr $(, $($rest:tt)*)?) => {
        $crate::__line!($level, [$message] [$($argument)* $value,] [$($field)*] $($($rest)*)?)
    };
}

#[cfg(test)]
mod tests {
    use super::Level;
    use crate::testing::{Host, Line};

    fn line(level: Level, message: &str, fields: &[(&str, &str)]) -> Line {
        Line {
            level,
            message: message.to_owned(),
            fields: fields
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
        }
    }

    /// The ways to write a line that people know from elsewhere mean here what they mean there.
    #[test]
    fn a_line_has_a_message_with_arguments_and_fields() {
        let host = Host::new();
        let n = 3;
        crate::info!("looked at {n} files", files = n);
        crate::warn!("{} of {}", 1, n, why = ?"x", total = n + 1);
        crate::debug!(n, kind = %"md", "found");
        crate::error!("plain", r#type = 1,);
        crate::log!(Level::Trace, n);
        assert_eq!(
            host.lines(),
            [
                line(Level::Info, "looked at 3 files", &[("files", "3")]),
                line(Level::Warn, "1 of 3", &[("why", "\"x\""), ("total", "4")]),
                line(Level::Debug, "found", &[("n", "3"), ("kind", "md")]),
                line(Level::Error, "plain", &[("type", "1")]),
                line(Level::Trace, "", &[("n", "3")]),
            ]
        );
    }
}
