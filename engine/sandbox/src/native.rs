//! Native code kept between runs: compiled once a component and machine, in the user's state folder, never in the store.
//! The only module that hands bytes to wasmtime as code. Not here: compiling, and what is kept in memory (`load`).
//!
//! ```text
//! <state>/native/key          32 random bytes, 0600: the key of the MACs
//! <state>/native/<name>.bin   "ATnc" · version · MAC (32 bytes) · what wasmtime serialised
//! ```
//!
//! The MAC is one of the MACs of parts of 2 MiB, so that all processors can check a large file.
//!
//! `<name>` is the digest of all that the code depends on. A file is read once into sealed memory of our own (`sealed`), its
//! MAC is checked there, and that memory is what wasmtime gets: whoever can write to the folder but cannot read the key
//! changes nothing but that a component is compiled again. What was not used for longest goes when there is too much.

mod sealed;

use std::fs::{self, DirBuilder, OpenOptions};
use std::hash::{Hash, Hasher};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use airtight_model::BlobDigest;
use wasmtime::Engine;
use wasmtime::component::Component;

use sealed::Sealed;

const MAGIC: [u8; 5] = *b"ATnc\x02";
const MAC_LEN: usize = 32;
/// How many bytes stand before the code.
const HEAD: u64 = (MAGIC.len() + MAC_LEN) as u64;
/// The largest file that is read, in bytes.
const MAX_FILE: u64 = 5 << 30;
/// The most bytes of all native code that is kept; what is used now may be beyond it.
const MAX_KEPT: u64 = 1 << 30;
/// How old the file of a process that ended while it wrote is before it is removed.
const ABANDONED: Duration = Duration::from_secs(24 * 3600);

/// The folder of native code and the key of its MACs.
#[derive(Debug)]
pub(crate) struct NativeCode {
    folder: PathBuf,
    key: [u8; 32],
    /// The most bytes that are kept.
    most: u64,
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
        Ok(Self {
            folder,
            key,
            most: MAX_KEPT,
        })
    }

    fn path(&self, name: CodeName) -> PathBuf {
        let hex: String = name.0.iter().map(|byte| format!("{byte:02x}")).collect();
        self.folder.join(hex + ".bin")
    }

    /// The beginning of a part's MAC: over the name and the part's number, then the part.
    fn part_mac(&self, name: CodeName, index: u64) -> blake3::Hasher {
        let mut mac = blake3::Hasher::new_keyed(&self.key);
        mac.update(b"part").update(&name.0).update(&index.to_le_bytes());
        mac
    }

    /// The MAC: over the name, the length, and the MACs of the parts.
    fn mac(&self, name: CodeName, len: u64, parts: &[blake3::Hash]) -> blake3::Hash {
        let mut mac = blake3::Hasher::new_keyed(&self.key);
        mac.update(b"code").update(&name.0).update(&len.to_le_bytes());
        for part in parts {
            mac.update(part.as_bytes());
        }
        mac.finalize()
    }

    /// The code of that name. None where there is none that can be used: it was altered, cut, or wasmtime refuses it.
    pub(crate) fn load(&self, name: CodeName, engine: &Engine) -> Option<Component> {
        let (file, code) = self.checked(name)?;
        // The sweep goes by when a file was last used. That it cannot be said is no reason not to use it.
        let _ = file.set_modified(SystemTime::now());
        // SAFETY: the bytes cannot change any more, and their MAC, made under a key that only this user can read, was
        // checked over exactly them and the name that binds them to this component, compiler and CPU.
        #[allow(unsafe_code)]
        unsafe { code.component(engine) }.ok()
    }

    /// The file of that name, and what it holds if that is what was kept.
    fn checked(&self, name: CodeName) -> Option<(fs::File, Sealed)> {
        let mut file = fs::File::open(self.path(name)).ok()?;
        let size = file.metadata().ok()?.len();
        let len = size.checked_sub(HEAD)?;
        if size > MAX_FILE {
            return None;
        }
        let (mut magic, mut mac) = ([0; MAGIC.len()], [0; MAC_LEN]);
        file.read_exact(&mut magic).ok()?;
        file.read_exact(&mut mac).ok()?;
        if magic != MAGIC {
            return None;
        }
        let code = Sealed::read(&file, HEAD, len).ok()?;
        let parts = code.hash_parts(|index| self.part_mac(name, index)).ok()?;
        // `blake3::Hash` compares in constant time.
        (self.mac(name, len, &parts) == blake3::Hash::from_bytes(mac)).then_some((file, code))
    }

    /// Keeps `code` under that name, and removes what was not used for longest where there is too much.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(crate) fn keep(&self, name: CodeName, code: &[u8]) -> Result<(), NativeError> {
        let path = self.path(name);
        let parts = sealed::hash_parts(code, |index| self.part_mac(name, index));
        let mac = self.mac(name, code.len() as u64, &parts);
        let mut file = tempfile::Builder::new()
            .prefix("new-")
            .tempfile_in(&self.folder)
            .map_err(failed("write", &path))?;
        let mut write = || {
            file.write_all(&MAGIC)?;
            file.write_all(mac.as_bytes())?;
            file.write_all(code)
        };
        write().map_err(failed("write", &path))?;
        file.persist(&path)
            .map_err(|error| failed("write", &path)(error.error))?;
        self.sweep(&path).map_err(failed("sweep", &self.folder))
    }

    /// Removes code until what is left is not too much, never `new`. Another process may do the same meanwhile.
    fn sweep(&self, new: &Path) -> io::Result<()> {
        let (mut total, mut found) = (0u64, Vec::new());
        for entry in fs::read_dir(&self.folder)? {
            let path = entry?.path();
            let Ok(metadata) = fs::symlink_metadata(&path) else {
                continue;
            };
            let used = metadata.modified()?;
            let is = |extension: &str| path.extension().is_some_and(|found| found == extension);
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if is("bin") {
                total = total.saturating_add(metadata.len());
                found.push((used, metadata.len(), path));
            } else if (name.starts_with("new-") || name.starts_with("key-"))
                && used.elapsed().is_ok_and(|age| age > ABANDONED)
            {
                let _ = fs::remove_file(&path);
            }
        }
        found.sort();
        for (_, size, path) in found {
            if total <= self.most {
                break;
            }
            if path != new {
                let _ = fs::remove_file(&path);
                total -= size;
            }
        }
        Ok(())
    }
}

/// What was compiled just now, by this process or its child, made ready to run.
pub(crate) fn ready(engine: &Engine, code: &[u8]) -> wasmtime::Result<Component> {
    // SAFETY: `deserialize` asks that the bytes are what wasmtime made. They came over a connection to a child that is
    // this program, which nothing else can write to, and nobody else has seen this memory.
    #[allow(unsafe_code)]
    unsafe {
        Component::deserialize(engine, code)
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn name(byte: u8) -> CodeName {
        CodeName([byte; 32])
    }

    fn kept(native: &NativeCode) -> Vec<u8> {
        (0..5).filter(|byte| native.path(name(*byte)).exists()).collect()
    }

    // Large code is read and checked in parts, by several threads: no part may be another one, or of another file.
    #[test]
    fn code_of_many_parts_is_what_was_kept_or_is_not_used() {
        let state = tempfile::tempdir().unwrap();
        let native = NativeCode::open(state.path()).unwrap();
        let part = 2 << 20;
        let code: Vec<u8> = (0..5 * part + 7)
            .map(|at: usize| (at / 1000 + at / part) as u8)
            .collect();
        let whole = |name| {
            native
                .checked(name)
                .map(|(_, sealed)| sealed.hash_parts(|_| blake3::Hasher::new()).unwrap())
        };
        native.keep(name(1), &code).unwrap();
        native.keep(name(2), &code[..part]).unwrap();
        assert_eq!(
            whole(name(1)),
            Some(sealed::hash_parts(&code, |_| blake3::Hasher::new()))
        );
        assert_eq!(whole(name(2)).map(|parts| parts.len()), Some(1));
        let kept = fs::read(native.path(name(1))).unwrap();
        let head = MAGIC.len() + MAC_LEN;
        let changes: [fn(&mut Vec<u8>, usize); 5] = [
            |file, head| file[head] ^= 1,
            |file, _| *file.last_mut().unwrap() ^= 1,
            |file, head| file[head..].rotate_left(2 << 20),
            |file, _| file.truncate(file.len() - 1),
            |file, _| file.push(0),
        ];
        for change in changes {
            let mut file = kept.clone();
            change(&mut file, head);
            fs::write(native.path(name(1)), file).unwrap();
            assert_eq!(whole(name(1)), None);
        }
        // Nor under another name.
        fs::write(native.path(name(3)), &kept).unwrap();
        assert_eq!(whole(name(3)), None);
        fs::write(native.path(name(1)), &kept).unwrap();
        assert!(whole(name(1)).is_some());
    }

    // A folder that grows with every version of every component would fill the disk.
    #[test]
    fn what_was_not_used_for_longest_goes_when_there_is_too_much() {
        let state = tempfile::tempdir().unwrap();
        let mut native = NativeCode::open(state.path()).unwrap();
        native.most = 3500;
        let long_ago = SystemTime::now() - Duration::from_secs(1_000_000);
        for byte in 0..3 {
            native.keep(name(byte), &[byte; 1000]).unwrap();
            let file = fs::File::options().write(true).open(native.path(name(byte))).unwrap();
            // The second was used before the first.
            let age = [100, 50, 200][usize::from(byte)];
            file.set_modified(long_ago + Duration::from_secs(age)).unwrap();
        }
        let torn = ["new-torn", "key-12345"].map(|name| native.folder.join(name));
        for torn in &torn {
            fs::write(torn, "half").unwrap();
            let file = fs::File::options().write(true).open(torn).unwrap();
            file.set_modified(long_ago).unwrap();
        }
        native.keep(name(3), &[3; 1000]).unwrap();
        assert_eq!(kept(&native), [0, 2, 3]);
        assert!(!torn.iter().any(|torn| torn.exists()));
        // What is used now stays, however large it is.
        native.keep(name(4), &[4; 5000]).unwrap();
        assert_eq!(kept(&native), [4]);
        assert!(native.folder.join("key").exists());
    }
}
