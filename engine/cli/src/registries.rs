//! Components of registries as the commands use them: brought into the store, and kept there as long as a lock names them. Not here: what
//! a registry is asked and believed (`airtight_registry`), and where a component is looked for first (`catalog`).

use std::collections::HashMap;
use std::path::Path;

use airtight_model::{BlobDigest, OciRef, Sha256Digest};
use airtight_pipeline::lock::Lock;
use airtight_registry::{Artifact, Client, Config, NewArtifact, Push, RegistryError, Times};
use airtight_store::{Store, StoreError};

use crate::accepted;
use crate::commands::Context;
use crate::escape;
use crate::failure::Failure;
use crate::output;
use crate::project::read_text;
use crate::settings::Settings;

/// The name of what is known of layers, among the store's records: SHA-256 → BLAKE3.
const LAYERS: &str = "oci-layer-v1";

/// What a lock says of a component of a registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pin {
    pub(crate) manifest: Sha256Digest,
    pub(crate) digest: BlobDigest,
}

/// What a lock says of components of registries, by what `uses:` says.
pub(crate) type Pins = HashMap<String, Pin>;

/// The components of registries in a lock.
pub(crate) fn pins_of(lock: &Lock) -> Pins {
    let pins = lock.components.iter().filter_map(|component| {
        let manifest = component.manifest?;
        let digest = component.digest;
        Some((component.uses.clone(), Pin { manifest, digest }))
    });
    pins.collect()
}

/// The registries, and the store that their components come into.
pub(crate) struct Registries {
    client: Client,
    runtime: tokio::runtime::Runtime,
    store: Store,
}

impl Registries {
    pub(crate) fn new(settings: &Settings, store: Store) -> Result<Self, Failure> {
        let built = tokio::runtime::Builder::new_current_thread().enable_all().build();
        Ok(Self {
            client: Client::new(Config {
                credentials: settings.docker.clone(),
                plain: settings.plain_http.clone(),
                times: Times::default(),
            }),
            runtime: built.map_err(|error| Failure::infra("U0012", format!("cannot start threads: {error}")))?,
            store,
        })
    }

    /// Looks a component up.
    pub(crate) fn look_up(&self, reference: &OciRef) -> Result<Artifact, Failure> {
        self.runtime.block_on(self.client.look_up(reference)).map_err(failure)
    }

    /// Takes the bytes of a component, part by part. What `write` fails with goes before what comes of it.
    pub(crate) fn take<E>(
        &self,
        reference: &OciRef,
        artifact: &Artifact,
        mut write: impl FnMut(&[u8]) -> Result<(), E>,
        failed: impl Fn(E) -> Failure,
    ) -> Result<(), Failure> {
        let mut problem = None;
        let take = self.client.take(reference, artifact, |part| match write(part) {
            Ok(()) => true,
            Err(error) => {
                problem = Some(error);
                false
            }
        });
        let taken = self.runtime.block_on(take);
        match problem {
            Some(error) => Err(failed(error)),
            None => taken.map_err(failure),
        }
    }

    /// Pushes a component.
    pub(crate) fn push(&self, reference: &OciRef, new: &NewArtifact, how: Push) -> Result<Sha256Digest, Failure> {
        self.runtime
            .block_on(self.client.push(reference, new, how))
            .map_err(failure)
    }

    /// Brings a component into the store: it is not sent again where it is there.
    pub(crate) fn bring(&self, reference: &OciRef) -> Result<Pin, Failure> {
        let artifact = self.look_up(reference)?;
        let manifest = artifact.manifest;
        let known = self
            .store
            .record_get(LAYERS, artifact.layer.as_bytes())
            .map_err(Failure::store)?;
        let known = known
            .and_then(|bytes| bytes.try_into().ok())
            .map(BlobDigest::from_bytes);
        if let Some(digest) = known
            && self.store.has_blob(&digest).map_err(Failure::store)?
        {
            return Ok(Pin { manifest, digest });
        }
        let mut scratch = self.store.scratch().map_err(Failure::store)?;
        let write = |part: &[u8]| -> Result<(), StoreError> { scratch.write_at(scratch.len(), part) };
        self.take(reference, &artifact, write, Failure::store)?;
        let (digest, size) = self.store.put_scratch(scratch).map_err(Failure::store)?;
        self.store
            .record_put(LAYERS, artifact.layer.as_bytes(), digest.as_bytes())
            .map_err(Failure::store)?;
        self.store.flush().map_err(Failure::store)?;
        output::note(&format!(
            "fetched {} ({size} bytes)",
            escape::line(&reference.to_string())
        ));
        Ok(Pin { manifest, digest })
    }

    /// Brings a component that a lock names: it has to be that one.
    pub(crate) fn bring_locked(&self, reference: &OciRef, pin: &Pin) -> Result<(), Failure> {
        let found = self.bring(&reference.pinned(pin.manifest))?;
        if found.digest == pin.digest {
            return Ok(());
        }
        let message = format!(
            "the component of {} is {}, and the lock says {}",
            reference.pinned(pin.manifest),
            found.digest,
            pin.digest
        );
        Err(Failure::pipeline("P0100", message).help("the lock was altered: take it from version control, or take the component's lines out and write it anew with `airtight lock`"))
    }
}

/// A failure with a registry, for the user.
pub(crate) fn failure(error: RegistryError) -> Failure {
    let message = error.to_string();
    let failure = match &error {
        RegistryError::NotAVersion(_) => Failure::user(error.code(), message),
        error if error.is_users() => Failure::pipeline(error.code(), message),
        error => Failure::infra(error.code(), message),
    };
    failure.help_or_not(error.help())
}

/// Reads a reference that an argument gives.
pub(crate) fn parse(text: &str) -> Result<OciRef, Failure> {
    text.parse::<OciRef>()
        .map_err(|error| Failure::user("U0026", error.to_string()).help(error.help()))
}

/// As [`parse`], of one that names something that is there: by a tag or a digest.
pub(crate) fn parse_named(text: &str) -> Result<OciRef, Failure> {
    let reference = parse(text)?;
    if reference.asked().is_none() {
        let message = format!("`{text}` says neither a tag nor a digest");
        return Err(Failure::user("U0026", message).help(format!("write which one, such as `{text}:1.0.0`")));
    }
    Ok(reference)
}

/// Keeps the components that a lock names from being swept, from now on.
pub(crate) fn keep(context: &Context, pipeline: &Path, lock: &Lock) -> Result<(), Failure> {
    let file = accepted::lock_file(pipeline);
    let pins = pins_of(lock);
    let store = match context.store() {
        Ok(store) => store,
        // There is nothing to keep, then.
        Err(_) if pins.is_empty() => return Ok(()),
        Err(failure) => return Err(failure),
    };
    let name = |file: &Path| file.canonicalize().ok()?.to_str().map(str::to_owned);
    let Some(name) = name(&file) else { return Ok(()) };
    keep_in(store, &name, &pins).map_err(Failure::store)
}

fn keep_in(store: &Store, name: &str, pins: &Pins) -> Result<(), StoreError> {
    let mut blobs = Vec::new();
    for pin in pins.values() {
        if store.has_blob(&pin.digest)? {
            blobs.push((pin.digest, store.blob(&pin.digest)?.size()));
        }
    }
    blobs.sort_unstable();
    blobs.dedup();
    if blobs.is_empty() && !store.pins()?.iter().any(|(known, _)| known == name) {
        return Ok(());
    }
    store.pin(name, &blobs)?;
    store.flush()
}

/// Lets go of what no lock names any more: each lock is read as it is now. One that cannot be read keeps what it has.
pub(crate) fn let_go(store: &Store) -> Result<(), Failure> {
    for (name, _) in store.pins().map_err(Failure::store)? {
        let file = Path::new(&name);
        if !crate::settings::is_there(file) {
            store.pin(&name, &Vec::new()).map_err(Failure::store)?;
        } else if let Ok(text) = read_text(file, "lock")
            && let Ok(lock) = Lock::parse(&text, 0)
        {
            keep_in(store, &name, &pins_of(&lock)).map_err(Failure::store)?;
        }
    }
    Ok(())
}
