//! `airtight:step/log`: structured log lines, bounded. Not here: showing them.

use airtight_model::step::{LogLevel, LogLine};
use wasmtime::component::{HasData, Linker};

use super::cut;
use crate::bindings::airtight::step::log;
use crate::output::Said;
use crate::state::State;

/// The longest message of a line, in bytes; a longer one is cut and marked.
pub(crate) const MAX_MESSAGE: usize = 64 << 10;
/// The most fields of a line; more are dropped.
const MAX_FIELDS: usize = 64;
/// The longest name of a field, in bytes.
const MAX_FIELD_NAME: usize = 256;
/// The longest value of a field, in bytes.
const MAX_FIELD_VALUE: usize = 8 << 10;

/// Marks this capability in a linker.
pub(crate) struct Log;

/// A borrow of where lines go.
pub(crate) struct LogView<'a> {
    pub(crate) ctx: &'a Said,
}

impl HasData for Log {
    type Data<'a> = LogView<'a>;
}

/// Links the interface.
pub(crate) fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    log::add_to_linker::<State, Log>(linker, State::log)
}

impl log::Host for LogView<'_> {
    fn log(&mut self, level: log::Level, message: String, fields: Vec<log::Field>) -> wasmtime::Result<()> {
        let level = match level {
            log::Level::Trace => LogLevel::Trace,
            log::Level::Debug => LogLevel::Debug,
            log::Level::Info => LogLevel::Info,
            log::Level::Warn => LogLevel::Warn,
            log::Level::Error => LogLevel::Error,
        };
        let fields = fields.into_iter().take(MAX_FIELDS);
        let fields = fields
            .map(|field| {
                let name = cut(self.ctx.redacted(field.name), MAX_FIELD_NAME);
                (name, cut(self.ctx.redacted(field.value), MAX_FIELD_VALUE))
            })
            .collect();
        self.ctx.log(LogLine {
            level,
            message: cut(self.ctx.redacted(message), MAX_MESSAGE),
            fields,
        })
    }
}
