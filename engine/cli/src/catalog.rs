//! Finds the components that a pipeline names: embedded ones, files below the pipeline's folder, and those of registries that the lock lists.
//! Not here: decoding (the sandbox), or what a step may call (the pipeline).

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use airtight_model::{
    BlobDigest, Catalog, CatalogError, ComponentSummary, Node, OciRef, OciRefError, ResolvedComponent,
};
use airtight_store::{IngestError, IngestRequest, Store, StoreError};

use crate::failure::Failure;
use crate::reading::Reading;
use crate::registries::{Pin, Pins, Registries};
use crate::std_components;

/// The largest component that is taken, in bytes.
const MAX_COMPONENT: u64 = 512 << 20;
/// The most files beside a missing component that are looked at for a better name.
const MAX_NEIGHBOURS: usize = 1000;
/// The name of summaries among the store's records. A change of what a summary says changes the name.
const SUMMARIES: &str = "component-summary-v2";

/// Components as seen from a folder.
pub(crate) struct FileCatalog {
    root: PathBuf,
    store: Store,
    /// The first failure of the store, which is nobody's mistake in a pipeline file.
    failure: Mutex<Option<Failure>>,
    /// Who notes the files that were resolved.
    reading: Arc<Reading>,
    /// Which file each component was in.
    files: Mutex<HashMap<BlobDigest, String>>,
    /// How those of registries are found.
    remote: Remote,
}

/// How components of registries are found: those that a lock lists in the store, and others nowhere, or at their registries.
#[derive(Default)]
pub(crate) struct Remote {
    pins: Pins,
    registries: Option<Registries>,
    /// What is looked up again though the lock lists it.
    again: Vec<String>,
}

impl Remote {
    /// Nobody is asked.
    pub(crate) fn offline(pins: Pins) -> Self {
        Self {
            pins,
            ..Self::default()
        }
    }

    /// Registries are asked for what is not listed or not there, and for what `again` names.
    pub(crate) fn online(pins: Pins, registries: Registries, again: &[String]) -> Self {
        Self {
            pins,
            registries: Some(registries),
            again: again.to_vec(),
        }
    }
}

impl FileCatalog {
    pub(crate) fn new(root: &Path, store: Store) -> Self {
        Self {
            root: root.to_owned(),
            store,
            failure: Mutex::default(),
            reading: Arc::default(),
            files: Mutex::default(),
            remote: Remote::default(),
        }
    }

    /// The same components, and those of registries that are found like this.
    pub(crate) fn reaching(self, remote: Remote) -> Self {
        Self { remote, ..self }
    }

    /// Why the store failed, if it has: then what was said of components means nothing.
    pub(crate) fn failure(&self) -> Option<Failure> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn failed(&self, path: &str, error: StoreError) -> CatalogError {
        let message = format!("cannot read the component `{path}`: {error}");
        let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        failure.get_or_insert(Failure::store(error));
        CatalogError::Unusable { message, help: None }
    }

    /// The same components, and each that is resolved is noted.
    pub(crate) fn noted_by(self, reading: Arc<Reading>) -> Self {
        Self { reading, ..self }
    }

    /// What a component says of itself: from the store's records, else decoded now and recorded.
    pub(crate) fn summary(
        &self,
        digest: &BlobDigest,
        bytes: impl FnOnce() -> Result<Vec<u8>, CatalogError>,
    ) -> Result<Arc<ComponentSummary>, CatalogError> {
        // A record that cannot be read or decoded is made again: it is derived from the component.
        if let Ok(Some(known)) = self.store.record_get(SUMMARIES, digest.as_bytes())
            && let Ok(summary) = ComponentSummary::from_document(&known)
        {
            return Ok(Arc::new(summary));
        }
        let summary = airtight_sandbox::summarize(&bytes()?).map_err(|error| CatalogError::Unusable {
            message: error.to_string(),
            help: error.help().map(str::to_owned),
        })?;
        if let Err(error) = self
            .store
            .record_put(SUMMARIES, digest.as_bytes(), &summary.to_document())
        {
            tracing::debug!(%error, "a component's summary could not be kept");
        }
        Ok(Arc::new(summary))
    }

    fn standard(&self, name: &str) -> Result<ResolvedComponent, CatalogError> {
        let Some(found) = std_components::by_name(name) else {
            let nearest = std_components::names().map(|name| format!("std/{name}")).collect();
            let names: Vec<String> = std_components::names().map(|name| format!("`std/{name}`")).collect();
            let message = format!(
                "there is no standard component `std/{name}`: there are {}",
                names.join(", ")
            );
            return Err(CatalogError::NotFound { message, nearest });
        };
        let digest = BlobDigest::from_bytes(found.digest);
        Ok(ResolvedComponent {
            digest,
            summary: self.summary(&digest, || Ok(found.wasm.to_vec()))?,
            manifest: None,
        })
    }

    /// A component of a registry.
    fn remote(&self, uses: &str) -> Result<ResolvedComponent, CatalogError> {
        let reference: OciRef = uses.parse().map_err(|error: OciRefError| CatalogError::Unusable {
            message: error.to_string(),
            help: Some(error.help()),
        })?;
        let Remote {
            pins,
            registries,
            again,
        } = &self.remote;
        let listed = pins.get(uses).filter(|_| !again.iter().any(|name| name == uses));
        let there = |pin: &Pin| {
            self.store
                .has_blob(&pin.digest)
                .map_err(|error| self.failed(uses, error))
        };
        let pin = match (listed, registries) {
            (Some(pin), _) if there(pin)? => *pin,
            (Some(pin), Some(registries)) => {
                let brought = registries.bring_locked(&reference, pin);
                brought.map(|()| *pin).map_err(|failure| self.gave_up(failure))?
            }
            (None, Some(registries)) => registries.bring(&reference).map_err(|failure| self.gave_up(failure))?,
            (Some(_), None) => {
                return Err(CatalogError::Elsewhere {
                    message: format!("`{uses}` is in the lock and was not fetched"),
                    help: "fetch it: `airtight fetch`".to_owned(),
                });
            }
            (None, None) => {
                return Err(CatalogError::Elsewhere {
                    message: format!("`{uses}` is not in the lock, which pins what it is"),
                    help: "pin it: `airtight lock`".to_owned(),
                });
            }
        };
        let read = || self.bytes(&pin.digest).map_err(|error| self.lost(uses, error));
        let summary = self.summary(&pin.digest, read).map_err(|error| match error {
            CatalogError::Unusable { message, help } => CatalogError::Unusable {
                message: format!("the component `{uses}` cannot be used: {message}"),
                help,
            },
            other => other,
        })?;
        Ok(ResolvedComponent {
            digest: pin.digest,
            summary,
            manifest: Some(pin.manifest),
        })
    }

    /// A failure with a registry, which is nobody's mistake in a pipeline file.
    fn gave_up(&self, found: Failure) -> CatalogError {
        let message = found.message.clone();
        let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        failure.get_or_insert(found);
        CatalogError::Unusable { message, help: None }
    }

    /// A component that the store had, and that is altered or gone.
    fn lost(&self, uses: &str, error: StoreError) -> CatalogError {
        match error.lost_blob() {
            Some(_) => CatalogError::Elsewhere {
                message: format!("`{uses}` was altered in the store, or is gone from it"),
                help: "fetch it: `airtight fetch`".to_owned(),
            },
            None => self.failed(uses, error),
        }
    }

    fn file(&self, uses: &str, base: &str) -> Result<ResolvedComponent, CatalogError> {
        let path = normal(base, uses).ok_or_else(|| CatalogError::NotFound {
            message: format!("`{uses}` is outside the pipeline's folder"),
            nearest: Vec::new(),
        })?;
        let full = self.root.join(&path);
        let size = std::fs::metadata(&full).map_err(|error| CatalogError::NotFound {
            message: format!("cannot read the component `{path}`: {error}"),
            nearest: self.neighbours(&full),
        })?;
        if !size.is_file() {
            let message = format!("the component `{path}` is not a file");
            return Err(CatalogError::NotFound {
                message,
                nearest: self.neighbours(&full),
            });
        }
        if size.len() > MAX_COMPONENT {
            let message = format!(
                "the component `{path}` has {} bytes: at most {MAX_COMPONENT} are taken",
                size.len()
            );
            return Err(CatalogError::Unusable { message, help: None });
        }
        let blob = self.ingest(&path, true)?;
        let read = || match self.bytes(&blob) {
            // What the store had of it was altered or is gone; the file is there.
            Err(error) if error.lost_blob().is_some() => {
                let blob = self.ingest(&path, false)?;
                self.bytes(&blob).map_err(|error| self.failed(&path, error))
            }
            read => read.map_err(|error| self.failed(&path, error)),
        };
        let summary = self.summary(&blob, read).map_err(|error| match error {
            CatalogError::Unusable { message, help } => CatalogError::Unusable {
                message: format!("the component `{path}` cannot be used: {message}"),
                help,
            },
            other => other,
        })?;
        self.reading.component(&path, blob);
        self.files().insert(blob, path);
        Ok(ResolvedComponent {
            digest: blob,
            summary,
            manifest: None,
        })
    }

    fn files(&self) -> MutexGuard<'_, HashMap<BlobDigest, String>> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Brings a component that was lost back into the store; false when its file is gone or has changed.
    pub(crate) fn restore(&self, component: &BlobDigest) -> bool {
        let path = self.files().get(component).cloned();
        path.is_some_and(|path| self.ingest(&path, false).is_ok_and(|found| found == *component))
    }

    /// Brings a component's file into the store.
    fn ingest(&self, path: &str, stat_cache: bool) -> Result<BlobDigest, CatalogError> {
        let request = IngestRequest {
            root: &self.root,
            path,
            exclude: &[],
            gitignore: false,
            stat_cache,
            list_left_out: false,
        };
        let unusable = |message: String| CatalogError::Unusable { message, help: None };
        match self.store.ingest(&request) {
            Err(IngestError::Store(error)) => Err(self.failed(path, error)),
            Err(error) => Err(unusable(format!("cannot read the component `{path}`: {error}"))),
            Ok(ingested) => match ingested.node {
                Node::File { blob, .. } => Ok(blob),
                _ => Err(unusable(format!("the component `{path}` is not a file"))),
            },
        }
    }

    fn bytes(&self, blob: &BlobDigest) -> Result<Vec<u8>, StoreError> {
        self.store.blob(blob)?.read_all()
    }

    /// The `.wasm` files in the folder of one that is not there.
    fn neighbours(&self, missing: &Path) -> Vec<String> {
        let Some(folder) = missing.parent() else {
            return Vec::new();
        };
        let Ok(entries) = std::fs::read_dir(folder) else {
            return Vec::new();
        };
        let mut names: Vec<String> = entries
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.extension().is_some_and(|extension| extension == "wasm"))
            .filter_map(|path| Some(format!("./{}", path.strip_prefix(&self.root).ok()?.to_str()?)))
            .collect();
        names.sort();
        names.truncate(MAX_NEIGHBOURS);
        names
    }
}

impl Catalog for FileCatalog {
    fn resolve(&self, uses: &str, base: &str) -> Result<ResolvedComponent, CatalogError> {
        match uses.strip_prefix("std/") {
            Some(name) => self.standard(name),
            None if OciRef::is_meant(uses) => self.remote(uses),
            None => self.file(uses, base),
        }
    }
}

/// `uses` relative to `base`, without `.` and `..`; none if it leaves the root.
fn normal(base: &str, uses: &str) -> Option<String> {
    let mut parts: Vec<&str> = Vec::new();
    if uses.starts_with('/') {
        return None;
    }
    for part in base.split('/').chain(uses.split('/')) {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}
