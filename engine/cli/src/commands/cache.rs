//! `airtight cache`: a look at the store, and its upkeep. Not here: what any of it does (the store).

use std::fs::File;
use std::io::{BufReader, BufWriter, Write};
use std::path::Path;

use airtight_store::Store;

use crate::args::CacheCommand;
use crate::commands::Context;
use crate::escape;
use crate::failure::{ErrorClass, Failure};
use crate::output;
use crate::settings::shown;

/// Does what the command says.
pub(crate) fn cache(context: &Context, command: &CacheCommand) -> Result<(), Failure> {
    let store = context.store()?;
    match command {
        CacheCommand::Stats => stats(context, store),
        CacheCommand::Sweep { keep } => sweep(store, *keep),
        CacheCommand::Verify => verify(store),
        CacheCommand::Export { to } => export(store, &context.settings.folder.join(to)),
        CacheCommand::Import { from } => import(store, &context.settings.folder.join(from)),
    }
}
