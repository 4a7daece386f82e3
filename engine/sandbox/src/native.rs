//! Native code kept between runs: compiled once a component and machine, in the user's state folder, never in the store.
//! The only module that hands bytes to wasmtime as code. Not here: compiling, and what is kept in memory (`load`).
//!
//! ```text
//! <state>/native/key          32 random bytes, 0600: the key of the MACs
//! <state>/native/<name>.bin   "ATnc" · version · MAC (32 bytes) · what wasmtime serialised
//! ```
//!
//! `<name>` is the digest of all that the code depends on. A file is read once into memory of our own, its MAC is checked
//! there, and that memory is what wasmtime gets: whoever can write to the folder but cannot read the key changes nothing
//! but that a component is compiled again.

use std::fs::{self, DirBuilder, OpenOptions};
use std::hash::{Hash, Hasher};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use airtight_model::BlobDigest;
use wasmtime::Engine;
use wasmtime::component::Component;

const MAGIC: [u8; 5] = *b"ATnc\x01";
const MAC_LEN: usize = 32;
/// The largest file that is read, in bytes.
const MAX_FILE: u64 = 4 << 30;

/// The folder of native code and the key of its MACs.
#[derive(Debug)]
pub(crate) struct NativeCode {
    folder: PathBuf,
    key: [u8; 32],
}

/// Why native code cannot be kept.
#[derive(Debug, thiserror::Error)]
#[error("native code is not kept: cannot {verb} {}: {source}", path.display())]
pub(crate) struct NativeError {
    verb: &'static str,
    path: PathBuf,
    #[source]
    source: io::Error,
}

fn failed<'a>(verb: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> NativeError + 'a {
    move |source| NativeError {
        verb,
        path: path.to_owned(),
        source,
    }
}

/// The name of a piece of native code: all that it depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CodeName([u8; 32]);

struct Feed(blake3::Hasher);

impl Hasher for Feed {
    fn finish(&self) -> u64 {
        0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0.update(&(bytes.len() as u64).to_le_bytes());
        self.0.update(bytes);
    }
}

impl CodeName {
    /// The name of `component` compiled by `engine`: its compiler, settings and target with CPU features are in it.
    pub(crate) fn new(component: &BlobDigest, adapter: Option<&BlobDigest>, engine: &Engine) -> Self {
        let mut feed = Feed(blake3::Hasher::new_derive_key("airtight native code name v1"));
        feed.write(component.as_bytes());
        feed.write(adapter.map_or(&[][..], |digest| digest.as_bytes()));
        feed.write(env!("CARGO_PKG_VERSION").as_bytes());
        engine.precompile_compatibility_hash().hash(&mut feed);
        Self(*feed.0.finalize().as_bytes())
    }
}

impl NativeCode {
    /// Opens the folder below `state`, making it and the key if they are not there.
    ///
    /// # Errors
    /// The folder cannot be written, or others may write to it.
    pub(crate) fn open(state: &Path) -> Result<Self, NativeError> {
        let folder = state.join("native");
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&folder)
            .map_err(failed("create", &folder))?;
        private(&folder, 0o022)?;
        let path = folder.join("key");
        let key = match read_key(&path) {
            Err(error) if error.source.kind() == io::ErrorKind::NotFound => make_key(&folder, &path)?,
            other => other?,
        };
        Ok(Self { folder, key })
    }

    fn path(&self, name: CodeName) -> PathBuf {
        let hex: String = name.0.iter().map(|byte| format!("{byte:02x}")).collect();
        self.folder.join(hex + ".bin")
    }

    fn mac(&self, name: CodeName, code: &[u8]) -> blake3::Hash {
        blake3::Hasher::new_keyed(&self.key)
            .update(&name.0)
            .update(code)
            .finalize()
    }

    /// The code of that name. None where there is none that can be used: it was altered, cut, or wasmtime refuses it.
    #[allow(unsafe_code)]
    pub(crate) fn load(&self, name: CodeName, engine: &Engine) -> Option<Component> {
        let file = fs::File::open(self.path(name)).ok()?;
        let size = file.metadata().ok()?.len();
        if size > MAX_FILE {
            return None;
        }
        let mut bytes = Vec::with_capacity(usize::try_from(size).ok()?);
        file.take(MAX_FILE).read_to_end(&mut bytes).ok()?;
        let (mac, code) = bytes.strip_prefix(&MAGIC)?.split_first_chunk::<MAC_LEN>()?;
        // `blake3::Hash` compares in constant time.
        if self.mac(name, code) != blake3::Hash::from_bytes(*mac) {
            return None;
        }
        // SAFETY: `deserialize` asks that the bytes are what `Component::serialize` made and that nobody changed them.
        // `code` is private memory of this process (no mapping of the file), and its MAC, made under a key that only
        // this user can read, was checked over exactly these bytes and the name that binds them to this component,
        // compiler and CPU. wasmtime itself still checks version, target and settings.
        unsafe { Component::deserialize(engine, code) }.ok()
    }

    /// Keeps `component` under that name.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(crate) fn keep(&self, name: CodeName, component: &Component) -> Result<(), NativeError> {
        let path = self.path(name);
        let code = component
            .serialize()
            .map_err(|error| failed("write", &path)(io::Error::other(error.to_string())))?;
        let mut file = tempfile::Builder::new()
            .prefix("new-")
            .tempfile_in(&self.folder)
            .map_err(failed("write", &path))?;
        let mut write = || {
            file.write_all(&MAGIC)?;
            file.write_all(self.mac(name, &code).as_bytes())?;
            file.write_all(&code)
        };
        write().map_err(failed("write", &path))?;
        file.persist(&path)
            .map_err(|error| failed("write", &path)(error.error))?;
        Ok(())
    }
}

/// Refuses what belongs to another user or has any of the mode bits `forbidden`.
fn private(path: &Path, forbidden: u32) -> Result<(), NativeError> {
    let metadata = fs::symlink_metadata(path).map_err(failed("read", path))?;
    let mine = metadata.uid() == rustix::process::geteuid().as_raw();
    if mine && metadata.mode() & forbidden == 0 && !metadata.is_symlink() {
        return Ok(());
    }
    Err(failed("trust", path)(io::Error::other(
        "another user could have changed or read it",
    )))
}

fn read_key(path: &Path) -> Result<[u8; 32], NativeError> {
    private(path, 0o077)?;
    let bytes = fs::read(path).map_err(failed("read", path))?;
    bytes
        .try_into()
        .map_err(|_| failed("read", path)(io::Error::other("it does not hold 32 bytes: remove it")))
}

/// Makes the key. Of several processes that try at once one wins, and all use its key: the file appears whole.
fn make_key(folder: &Path, path: &Path) -> Result<[u8; 32], NativeError> {
    let mut key = [0; 32];
    let mut filled = 0;
    while filled < key.len() {
        let flags = rustix::rand::GetRandomFlags::empty();
        filled += rustix::rand::getrandom(&mut key[filled..], flags).map_err(|e| failed("make", path)(e.into()))?;
    }
    let new = folder.join(format!("key-{}", std::process::id()));
    let _ = fs::remove_file(&new);
    let write = || {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
        file.write_all(&key)?;
        file.sync_all()?;
        match fs::hard_link(&new, path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            other => other,
        }
    };
    let made = write().map_err(failed("make", path));
    let _ = fs::remove_file(&new);
    made?;
    read_key(path)
}
