//! Failures of a command: one class each, and the one function that maps a class to an exit code. Not here: outcomes
//! of steps (a run that ends with a failed step is a result, not a failure of the command).

use std::process::ExitCode;

use crate::escape;

/// What kind of failure it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ErrorClass {
    /// Arguments that make no sense.
    Usage,
    /// The pipeline file, or something that it names, is wrong.
    Pipeline,
    /// A step failed.
    StepFailed,
    /// A step was denied something.
    Denied,
    /// Store, disk, network.
    Infra,
    /// Airtight itself is wrong.
    Bug,
    /// The process was told to end by this signal.
    Signal(u8),
}

impl ErrorClass {
    /// The exit code of DESIGN's table: 1 step failed, 2 usage, 3 pipeline, 4 infrastructure, 5 denied, 70 bug, 128+n.
    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::StepFailed => 1,
            Self::Usage => 2,
            Self::Pipeline => 3,
            Self::Infra => 4,
            Self::Denied => 5,
            Self::Bug => 70,
            Self::Signal(number) => 128 + number,
        }
    }
}

/// A failure with what a person needs to mend it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) class: ErrorClass,
    /// A stable code; empty where a full report was printed already.
    pub(crate) code: &'static str,
    /// What happened; empty where it was printed already.
    pub(crate) message: String,
    pub(crate) help: Option<String>,
}

impl Failure {
    fn new(class: ErrorClass, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            class,
            code,
            message: message.into(),
            help: None,
        }
    }

    pub(crate) fn user(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(ErrorClass::Usage, code, message)
    }

    pub(crate) fn pipeline(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(ErrorClass::Pipeline, code, message)
    }

    pub(crate) fn infra(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(ErrorClass::Infra, code, message)
    }

    pub(crate) fn bug(message: impl Into<String>) -> Self {
        Self::new(ErrorClass::Bug, "B0001", message)
            .help("this is a bug in airtight: please report it with the command and the pipeline file")
    }

    /// Standard output cannot be written: who reads it has gone away, or its disk is full.
    pub(crate) fn closed_output(error: std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::BrokenPipe => Self::reported(ErrorClass::Signal(13)),
            _ => Self::infra("U0011", format!("cannot write to standard output: {error}")),
        }
    }

    /// A failure that has been reported in full: only its exit code is left to say.
    pub(crate) fn reported(class: ErrorClass) -> Self {
        Self::new(class, "", "")
    }

    /// Adds the mend.
    #[must_use]
    pub(crate) fn help(mut self, text: impl Into<String>) -> Self {
        self.help = Some(text.into());
        self
    }

    /// Adds the mend if there is one.
    #[must_use]
    pub(crate) fn help_or_not(self, text: Option<String>) -> Self {
        match text {
            Some(text) => self.help(text),
            None => self,
        }
    }

    /// The store failed.
    pub(crate) fn store(error: airtight_store::StoreError) -> Self {
        let failure = Self::infra(error.code(), error.to_string());
        failure.help_or_not(error.help())
    }

    /// The exit code.
    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.class.code())
    }

    /// The lines to print, without an end of line at the end.
    pub(crate) fn render(&self, color: bool) -> String {
        let (bold_red, bold, cyan, reset) = if color {
            ("\x1b[1;31m", "\x1b[1m", "\x1b[36m", "\x1b[0m")
        } else {
            ("", "", "", "")
        };
        let code = self.code;
        let mut text = format!(
            "{bold_red}error[{code}]{reset}{bold}: {}{reset}",
            escape::line(&self.message)
        );
        if let Some(help) = &self.help {
            for part in help.lines() {
                text.push_str(&format!("\n  {cyan}help{reset}: {}", escape::line(part)));
            }
        }
        text
    }
}
