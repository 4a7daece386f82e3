//! `airtight push`, `pull` and `fetch`: components to and from registries. Not here: the lock (`lock`), and what a registry is believed.

use std::fs::File;
use std::io::{Read, Write as _};
use std::path::Path;

use airtight_model::{BlobDigest, OciRef};
use airtight_registry::{MAX_LAYER, NewArtifact, Push, describe};

use crate::accepted;
use crate::args::{FetchArgs, PullArgs, PushArgs, SelectArgs};
use crate::commands::{Context, inspect};
use crate::failure::Failure;
use crate::output;
use crate::registries::{self, Registries};
use crate::settings::{is_there, shown};
use crate::whole;

/// Pushes a component, and prints the reference that others pin.
pub(crate) fn push(context: &Context, args: &PushArgs) -> Result<(), Failure> {
    let file = context.settings.folder.join(&args.file);
    let wasm = read(&file)?;
    can_be_a_step(context, &file, &wasm)?;
    let described = describe(&wasm);
    let mut reference = registries::parse(&args.reference)?;
    if reference.digest.is_some() {
        let message = format!("`{reference}` says a digest, which comes of what is pushed");
        return Err(Failure::user("U0026", message).help("write a tag alone"));
    }
    if reference.tag.is_none() {
        // Tags have no `+`.
        reference.tag = described.version().map(|version| version.replace('+', "_"));
    }
    if reference.tag.is_none() {
        let message = format!("`{reference}` says no version, and neither does {}", shown(&file));
        return Err(Failure::user("U0026", message).help(format!("write one: `{reference}:1.0.0`")));
    }
    // A version of the component need not be a tag that there can be.
    let reference = registries::parse(&reference.to_string())?;
    let new = NewArtifact::of(wasm.into(), &described, &reference);
    let how = Push {
        any_tag: args.any_tag,
        move_tag: args.move_tag,
    };
    let manifest = registries(context)?.push(&reference, &new, how)?;
    output::note(&format!("pushed {reference}"));
    output::data_line(&reference.pinned(manifest).to_string()).map_err(Failure::closed_output)
}

fn registries(context: &Context) -> Result<Registries, Failure> {
    Registries::new(&context.settings, context.store_or_memory().clone())
}

fn read(file: &Path) -> Result<Vec<u8>, Failure> {
    let failed = |error: std::io::Error| Failure::user("C0001", format!("cannot read {}: {error}", shown(file)));
    let mut bytes = Vec::new();
    let open = File::open(file).map_err(failed)?;
    open.take(MAX_LAYER + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > MAX_LAYER {
        let message = format!("{} has more than {MAX_LAYER} bytes", shown(file));
        return Err(Failure::user("C0001", message));
    }
    Ok(bytes)
}

/// Refuses what nobody could run.
fn can_be_a_step(context: &Context, file: &Path, wasm: &[u8]) -> Result<(), Failure> {
    let catalog = context.catalog_at(&context.settings.folder)?;
    let summary = catalog
        .summary(&BlobDigest::of(wasm), || Ok(wasm.to_vec()))
        .map_err(inspect::failure)?;
    let unusable = |what: String| Err(Failure::pipeline("C0002", format!("{} {what}", shown(file))));
    if let Some(import) = summary.unknown_imports.first() {
        return unusable(format!("imports what Airtight does not provide: `{import}`"));
    }
    if !summary.command && summary.functions.is_empty() {
        return unusable("has no way to run: it exports neither `wasi:cli/run` nor a function".to_owned());
    }
    Ok(())
}

/// Writes a component of a registry to a file.
pub(crate) fn pull(context: &Context, args: &PullArgs) -> Result<(), Failure> {
    let reference = registries::parse_named(&args.reference)?;
    let file = match &args.output {
        Some(file) => context.settings.folder.join(file),
        None => {
            let file = context.settings.folder.join(format!("{}.wasm", reference.last()));
            if is_there(&file) {
                let failure = Failure::user("U0009", format!("{} is there already", shown(&file)));
                return Err(failure.help("say where to write it: `--output FILE`"));
            }
            file
        }
    };
    let registries = registries(context)?;
    let artifact = registries.look_up(&reference)?;
    let failed = |error: std::io::Error| Failure::infra("U0010", format!("cannot write {}: {error}", shown(&file)));
    let by_digest = reference.pinned(artifact.manifest);
    whole::write(&file, |mut to| {
        registries
            .take(&by_digest, &artifact, |part| to.write_all(part), failed)
            .map_err(Written::Failed)
    })
    .map_err(|error| match error {
        Written::Failed(failure) => failure,
        Written::Io(error) => failed(error),
    })?;
    output::note(&format!("wrote {}", shown(&file)));
    output::data_line(&by_digest.to_string()).map_err(Failure::closed_output)
}

/// Why a file was not written.
enum Written {
    Io(std::io::Error),
    Failed(Failure),
}

impl From<std::io::Error> for Written {
    fn from(error: std::io::Error) -> Self {
        Self::Io(error)
    }
}

/// Brings all components that the lock names into the store.
pub(crate) fn fetch(context: &Context, args: &FetchArgs) -> Result<(), Failure> {
    let pipeline = context.settings.pipeline_file()?;
    let Some(lock) = accepted::local_lock(context, &pipeline)? else {
        let name = accepted::lock_file(&pipeline);
        let message = format!("there is no {}, which says what to fetch", shown(&name));
        return Err(Failure::pipeline("P0102", message).help("write it with `airtight lock`"));
    };
    let store = context.store()?;
    let _lease = store.lease().map_err(Failure::store)?;
    let registries = registries(context)?;
    let (mut brought, mut there) = (0, 0);
    let mut pins: Vec<_> = registries::pins_of(&lock).into_iter().collect();
    pins.sort_by(|(one, _), (other, _)| one.cmp(other));
    for (uses, pin) in pins {
        if store.has_blob(&pin.digest).map_err(Failure::store)? {
            there += 1;
            continue;
        }
        registries.bring_locked(&reference_of(&uses)?, &pin)?;
        brought += 1;
    }
    registries::keep(context, &pipeline, &lock)?;
    store.flush().map_err(Failure::store)?;
    output::note(&format!("{brought} fetched, {there} there already"));
    if args.locked {
        let select = SelectArgs {
            locked: true,
            ..SelectArgs::default()
        };
        accepted::hold_lock(context, &context.project()?, &select)?;
    }
    Ok(())
}

/// A name that a lock has.
fn reference_of(uses: &str) -> Result<OciRef, Failure> {
    uses.parse().map_err(|error: airtight_model::OciRefError| {
        Failure::pipeline("P0100", format!("the lock names {error}")).help("write it anew with `airtight lock`")
    })
}
