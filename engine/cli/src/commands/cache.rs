//! `airtight cache`: a look at the store, and its upkeep. Not here: what any of it does (the store).

use std::fs::File;
use std::io::{BufReader, BufWriter, Write};
use std::path::Path;

use airtight_store::{Archived, Store, StoreError, SweepLimits};

use crate::args::CacheCommand;
use crate::commands::Context;
use crate::escape;
use crate::failure::{ErrorClass, Failure};
use crate::output;
use crate::registries;
use crate::settings::shown;
use crate::whole;

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

/// A size for people: `512 bytes`, `3.4 MiB`.
fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if bytes < 1024 {
        return format!("{bytes} bytes");
    }
    let mut tenths = bytes.saturating_mul(10) / 1024;
    let mut unit = 0;
    while tenths >= 10 * 1024 && unit + 1 < UNITS.len() {
        tenths /= 1024;
        unit += 1;
    }
    format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[unit])
}

fn stats(context: &Context, store: &Store) -> Result<(), Failure> {
    let stats = store.stats().map_err(Failure::store)?;
    let folder = context.settings.store.as_ref().map_err(Clone::clone)?;
    let text = format!(
        "store    {}\nblobs    {} small, {} large, {}\nindex    {}\nresults  {}\nruns     {}",
        escape::line(&folder.to_string_lossy()),
        stats.small_blobs,
        stats.large_blobs,
        size(stats.blob_bytes),
        size(stats.index_bytes),
        stats.results,
        stats.runs,
    );
    output::data_line(&text).map_err(Failure::closed_output)
}

fn sweep(store: &Store, keep: u64) -> Result<(), Failure> {
    registries::let_go(store)?;
    let swept = store.sweep(SweepLimits { max_bytes: keep }).map_err(Failure::store)?;
    let (freed, kept) = (size(swept.freed_bytes), size(swept.kept_bytes));
    output::note(&format!(
        "freed {freed}, removed {} results, kept {kept}",
        swept.removed_results
    ));
    Ok(())
}

fn verify(store: &Store) -> Result<(), Failure> {
    let verified = store.verify().map_err(Failure::store)?;
    for problem in &verified.problems {
        output::data_line(&escape::line(problem)).map_err(Failure::closed_output)?;
    }
    let (blobs, records) = (verified.blobs, verified.records);
    match verified.problems.len() {
        0 => {
            output::note(&format!(
                "all is well: {blobs} blobs and {records} records are what they should be"
            ));
            Ok(())
        }
        count => {
            let was = if count == 1 {
                "1 was".to_owned()
            } else {
                format!("{count} were")
            };
            output::note(&format!(
                "{was} altered and set aside, of {blobs} blobs and {records} records"
            ));
            output::note("  help: nothing to do: the next run makes again what it needs");
            Err(Failure::reported(ErrorClass::Infra))
        }
    }
}

fn say(verb: &str, archived: &Archived) {
    output::note(&format!(
        "{verb} {} results and {} blobs, {}",
        archived.results,
        archived.blobs,
        size(archived.bytes)
    ));
}

/// Why an archive was not written.
enum Unwritten {
    Store(StoreError),
    File(std::io::Error),
}

impl From<std::io::Error> for Unwritten {
    fn from(error: std::io::Error) -> Self {
        Self::File(error)
    }
}

fn export(store: &Store, to: &Path) -> Result<(), Failure> {
    let failed = |error: std::io::Error| Failure::infra("U0010", format!("cannot write {}: {error}", shown(to)));
    let mut archived = Archived::default();
    let write = |to: &File| {
        let mut file = BufWriter::with_capacity(1 << 20, to);
        archived = store.export_archive(&mut file).map_err(Unwritten::Store)?;
        file.flush().and_then(|()| to.sync_all())?;
        Ok(())
    };
    whole::write(to, write).map_err(|error| match error {
        Unwritten::Store(error) => Failure::store(error),
        Unwritten::File(error) => failed(error),
    })?;
    say("wrote", &archived);
    Ok(())
}

fn import(store: &Store, from: &Path) -> Result<(), Failure> {
    let file =
        File::open(from).map_err(|error| Failure::user("U0003", format!("cannot read {}: {error}", shown(from))))?;
    let archived = store
        .import_archive(BufReader::with_capacity(1 << 20, file))
        .map_err(Failure::store)?;
    say("took over", &archived);
    output::note("  every blob was checked; the results are believed on the word of the one who exported them");
    Ok(())
}
