//! What an attempt came to: from how the guest ended to an outcome, a cause and a help that a person can use, without
//! anything of this machine in them. Not here: running it.

use airtight_model::{Outcome, Value};
use wasmtime::component::ResourceTableError;
use wasmtime::{Trap, WasmBacktrace};
use wasmtime_wasi::I32Exit;
use wasmtime_wasi_http::FieldMapError;

use crate::cap::poll::Stuck;
use crate::cap::printable;
use crate::function::ValueError;
use crate::limits::{STACK_STEP, Struck, stack_steps};
use crate::redact::Redact;

/// The longest cause that is kept, in bytes.
const MAX_CAUSE: usize = 4 << 10;
/// The most functions of a guest's call stack in a cause.
const MAX_FRAMES: usize = 6;
/// The longest name of a function in a cause, in bytes.
const MAX_FRAME: usize = 120;

/// What functions of a language's own library are called that are on every stack of a panic or an abort.
const RUNTIME: [&str; 6] = ["std::", "core::", "alloc::", "__rustc", "abort", "rust_panic"];

/// Why an attempt was ended from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Stop {
    #[error("it was cancelled")]
    Cancelled,
    #[error("it ran longer than its limit of {}", time(*.0))]
    TimedOut(u64),
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Verdict {
    pub(crate) outcome: Outcome,
    pub(crate) cause: Option<String>,
    pub(crate) help: Option<String>,
    pub(crate) exit_code: Option<i32>,
    pub(crate) result: Option<Value>,
}

/// A time as a pipeline file would say it.
pub(crate) fn time(ms: u64) -> String {
    if ms >= 120_000 && ms.is_multiple_of(60_000) {
        format!("{}m", ms / 60_000)
    } else if ms >= 1000 && ms.is_multiple_of(1000) {
        format!("{}s", ms / 1000)
    } else {
        format!("{ms}ms")
    }
}

impl Verdict {
    fn new(outcome: Outcome) -> Self {
        Self {
            outcome,
            cause: None,
            help: None,
            exit_code: None,
            result: None,
        }
    }

    /// It did what it should.
    pub(crate) fn succeeded(result: Option<Value>) -> Self {
        Self {
            result,
            ..Self::new(Outcome::Succeeded)
        }
    }

    /// The guest failed.
    pub(crate) fn failed(cause: impl Into<String>) -> Self {
        Self {
            cause: Some(cause.into()),
            ..Self::new(Outcome::Failed)
        }
    }

    /// It struck a bound.
    pub(crate) fn struck(struck: Struck) -> Self {
        Self::failed(struck.to_string()).with_help(struck.help())
    }

    /// The host failed.
    pub(crate) fn errored(cause: impl Into<String>) -> Self {
        Self {
            cause: Some(cause.into()),
            ..Self::new(Outcome::Errored)
        }
    }

    /// With what to do about it.
    pub(crate) fn with_help(self, help: Option<String>) -> Self {
        Self { help, ..self }
    }

    /// Without secrets in what the guest said.
    pub(crate) fn redacted(self, redact: &Redact) -> Self {
        Self {
            cause: self.cause.map(|cause| redact.text(cause)),
            ..self
        }
    }

    /// A command ended with an exit code.
    pub(crate) fn exited(code: i32) -> Self {
        if code == 0 {
            return Self::succeeded(None);
        }
        Self {
            exit_code: Some(code),
            ..Self::failed(format!("it ended with exit code {code}"))
        }
    }

    /// What a function returned: `err` fails the step, what it carries is the cause.
    pub(crate) fn returned(result: Option<Value>) -> Self {
        match result {
            Some(Value::Result(Ok(value))) => Self::succeeded(value.map(|value| *value)),
            Some(Value::Result(Err(None))) => Self::failed("it returned an error"),
            Some(Value::Result(Err(Some(error)))) => Self::failed(match *error {
                Value::String(text) => crate::cap::cut(text, MAX_CAUSE),
                other => crate::cap::cut(other.to_data().to_string(), MAX_CAUSE),
            }),
            other => Self::succeeded(other),
        }
    }

    /// It failed after something was refused to it.
    pub(crate) fn denied(self, allow: Option<&str>) -> Self {
        let help = match allow {
            Some(line) => format!("to allow it, add to the step: `grants: {{ {line} }}`"),
            None => "nothing can allow it: mount what it needs (`mounts:`), or let it work without".to_owned(),
        };
        Self {
            outcome: Outcome::Denied,
            help: Some(help),
            ..self
        }
    }

    /// It was ended from outside.
    pub(crate) fn stopped(stop: Stop) -> Self {
        match stop {
            Stop::Cancelled => Self {
                cause: Some(stop.to_string()),
                ..Self::new(Outcome::Cancelled)
            },
            Stop::TimedOut(limit) => Self {
                cause: Some(stop.to_string()),
                help: Some(format!(
                    "raise it in the step: `limits: {{ time: {} }}`",
                    time(limit.saturating_mul(2))
                )),
                ..Self::new(Outcome::TimedOut)
            },
        }
    }

    /// The call ended with an error of wasmtime. `limits` are the attempt's, for the texts.
    pub(crate) fn of_error(error: &wasmtime::Error, limits: &airtight_model::Limits) -> Self {
        if let Some(stop) = error.downcast_ref::<Stop>() {
            return Self::stopped(*stop);
        }
        if let Some(I32Exit(code)) = error.downcast_ref::<I32Exit>() {
            return Self::exited(*code);
        }
        if let Some(struck) = struck(error, limits) {
            return Self::struck(struck);
        }
        if let Some(stuck) = error.downcast_ref::<Stuck>() {
            return Self::failed(stuck.to_string());
        }
        if let Some(value) = error.downcast_ref::<ValueError>() {
            return Self::failed(value.to_string());
        }
        let stack = stack(error);
        if error.downcast_ref::<Trap>() == Some(&Trap::StackOverflow) {
            let struck = Struck::Stack(u64::from(stack_steps(limits)) * STACK_STEP);
            return Self::failed(format!("{struck}{stack}")).with_help(struck.help());
        }
        match error.downcast_ref::<Trap>() {
            Some(trap) => Self::failed(format!("it trapped: {}{stack}", trap_text(*trap))),
            None => Self::failed(format!(
                "it trapped: {}{stack}",
                cleaned(&error.root_cause().to_string())
            )),
        }
    }
}

fn struck(error: &wasmtime::Error, limits: &airtight_model::Limits) -> Option<Struck> {
    if let Some(struck) = error.downcast_ref::<Struck>() {
        return Some(*struck);
    }
    if matches!(
        error.downcast_ref::<ResourceTableError>(),
        Some(ResourceTableError::Full)
    ) {
        return Some(Struck::Handles(limits.handles));
    }
    if let Some(FieldMapError::TooManyFields | FieldMapError::TotalSizeTooBig) = error.downcast_ref() {
        return Some(Struck::Net(airtight_egress::Struck::Headers(limits.net.headers)));
    }
    if error.downcast_ref::<Trap>() == Some(&Trap::OutOfFuel) {
        return Some(Struck::Fuel(limits.fuel.unwrap_or_default()));
    }
    // wasmtime keeps the types of these errors to itself.
    let text = error.root_cause().to_string();
    if text.contains("fuel allocated for hostcalls") {
        Some(Struck::Hostcall(limits.call))
    } else if text.contains("store handle limit exceeded") {
        Some(Struck::Handles(limits.handles))
    } else if text.contains("resource limit exceeded") {
        Some(Struck::Instances)
    } else {
        None
    }
}

fn trap_text(trap: Trap) -> String {
    match trap {
        Trap::UnreachableCodeReached => "unreachable code was reached (a panic or an abort)".to_owned(),
        Trap::MemoryOutOfBounds => "it accessed memory out of bounds".to_owned(),
        other => cleaned(other.to_string().trim_start_matches("wasm trap: ")),
    }
}

/// The names of the guest's innermost functions, where the binary has names.
fn stack(error: &wasmtime::Error) -> String {
    let Some(backtrace) = error.downcast_ref::<WasmBacktrace>() else {
        return String::new();
    };
    called(backtrace.frames().iter().filter_map(wasmtime::FrameInfo::func_name))
}

/// Functions as a person knows them, innermost first, without what a language's own library calls to give up.
fn called<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names = names.map(|name| format!("{:#}", rustc_demangle::demangle(name)));
    let names = names.filter(|name| {
        !RUNTIME
            .iter()
            .any(|library| name.trim_start_matches('<').starts_with(library))
    });
    let names: Vec<String> = names
        .take(MAX_FRAMES)
        .map(|name| format!("`{}`", printable(&name, MAX_FRAME)))
        .collect();
    if names.is_empty() {
        String::new()
    } else {
        format!(" in {}", names.join(" called by "))
    }
}

/// A text without addresses of this process and control characters, of one line.
fn cleaned(text: &str) -> String {
    let word = |word: &str| {
        let digits = word.trim_matches(|c: char| !c.is_ascii_alphanumeric());
        let address = digits
            .strip_prefix("0x")
            .is_some_and(|hex| hex.chars().all(|c| c.is_ascii_hexdigit()));
        if address {
            word.replace(digits, "…")
        } else {
            word.to_owned()
        }
    };
    let line = printable(&text.split_whitespace().collect::<Vec<_>>().join(" "), MAX_CAUSE);
    line.split(' ').map(word).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use airtight_model::Limits;

    // What a person reads must be the same on every machine.
    #[test]
    fn a_cause_has_no_addresses_and_is_one_line() {
        assert_eq!(cleaned("fault at 0x7f3a00 (0xdead),\nhere"), "fault at … (…), here");
    }

    // Where a Rust guest panicked is its own function, by its own name.
    #[test]
    fn a_stack_names_the_functions_of_the_guest_and_not_its_runtime() {
        let names = [
            "abort",
            "_RNvNtCsblXvnvz0Y2K_3std7process5abort",
            "_ZN5guest5parse17h0123456789abcdefE",
            "main",
        ];
        assert_eq!(called(names.into_iter()), " in `guest::parse` called by `main`");
        assert_eq!(called(["abort"].into_iter()), "");
    }

    // The limit's line names a value that would help.
    #[test]
    fn a_timeout_names_the_line_that_raises_it() {
        let verdict = Verdict::stopped(Stop::TimedOut(1500));
        assert_eq!(verdict.cause.unwrap(), "it ran longer than its limit of 1500ms");
        assert_eq!(verdict.help.unwrap(), "raise it in the step: `limits: { time: 3s }`");
    }

    // The function's own words are the cause.
    #[test]
    fn an_err_that_is_a_text_is_the_cause_and_another_is_shown_as_data() {
        let err = |value| Verdict::returned(Some(Value::Result(Err(Some(Box::new(value))))));
        assert_eq!(err(Value::String("no such file".into())).cause.unwrap(), "no such file");
        let record = Value::Record(vec![("code".into(), Value::Unsigned(3))]);
        assert_eq!(err(record).cause.unwrap(), r#"{"code":3}"#);
        let trap = Verdict::of_error(
            &wasmtime::Error::from(Trap::OutOfFuel),
            &Limits {
                fuel: Some(5),
                ..Limits::DEFAULT
            },
        );
        assert_eq!(
            (trap.outcome, trap.cause.unwrap()),
            (Outcome::Failed, "it ran out of its fuel of 5".to_owned())
        );
    }
}
