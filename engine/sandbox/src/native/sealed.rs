//! Memory that nobody can change any more: a file without a name whose writing, growing and shrinking is sealed. Where the
//! kernel refuses that, private memory of this process. Not here: what the bytes are and whether they may be run.
#![allow(unsafe_code)]

use std::fs::File;
use std::io::{self, Read, Write as _};
use std::os::fd::{AsRawFd as _, FromRawFd as _};
use std::os::unix::fs::FileExt as _;

use wasmtime::Engine;
use wasmtime::component::Component;

/// How much is looked at a time, in bytes.
const PART: usize = 256 << 10;
const SEALS: libc::c_int = libc::F_SEAL_SEAL | libc::F_SEAL_SHRINK | libc::F_SEAL_GROW | libc::F_SEAL_WRITE;

/// Sealed bytes.
pub(super) enum Sealed {
    File(File, u64),
    Private(Vec<u8>),
}

impl Sealed {
    /// Reads exactly `len` bytes, once.
    pub(super) fn read(from: &mut File, len: u64) -> io::Result<Self> {
        let Ok(mut file) = nameless() else {
            return Self::private(from, len);
        };
        if io::copy(&mut from.take(len), &mut file)? != len {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        file.flush()?;
        // SAFETY: a system call on a descriptor that is ours.
        if unsafe { libc::fcntl(file.as_raw_fd(), libc::F_ADD_SEALS, SEALS) } != 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(Self::File(file, len))
    }

    fn private(from: &mut File, len: u64) -> io::Result<Self> {
        let mut bytes = Vec::new();
        from.take(len).read_to_end(&mut bytes)?;
        if bytes.len() as u64 == len {
            Ok(Self::Private(bytes))
        } else {
            Err(io::ErrorKind::UnexpectedEof.into())
        }
    }

    /// Looks at all bytes in their order.
    pub(super) fn each(&self, mut look: impl FnMut(&[u8])) -> io::Result<()> {
        match self {
            Self::Private(bytes) => look(bytes),
            Self::File(file, len) => {
                let (mut part, mut at) = (vec![0; PART], 0);
                while at < *len {
                    let want = part.len().min(usize::try_from(len - at).unwrap_or(PART));
                    file.read_exact_at(&mut part[..want], at)?;
                    look(&part[..want]);
                    at += want as u64;
                }
            }
        }
        Ok(())
    }

    /// The component whose native code these bytes are.
    ///
    /// # Safety
    /// The bytes have to be what wasmtime serialised.
    pub(super) unsafe fn component(&self, engine: &Engine) -> wasmtime::Result<Component> {
        // SAFETY: the caller's promise. The file has no name, its seals forbid every change, and the path is that of
        // our own descriptor. wasmtime itself still checks version, target and settings.
        unsafe {
            match self {
                Self::Private(bytes) => Component::deserialize(engine, bytes),
                Self::File(file, _) => {
                    let path = format!("/proc/self/fd/{}", file.as_raw_fd());
                    Component::deserialize_file(engine, path)
                }
            }
        }
    }
}

/// A file without a name that can be sealed and whose pages may be run.
fn nameless() -> io::Result<File> {
    /// `MFD_EXEC`: since Linux 6.3; an older one runs any such file.
    const RUN: libc::c_uint = 0x10;
    let flags = libc::MFD_CLOEXEC | libc::MFD_ALLOW_SEALING;
    // SAFETY: the name is a string with an end; a descriptor that comes back is ours alone.
    unsafe {
        let mut fd = libc::memfd_create(c"airtight-code".as_ptr(), flags | RUN);
        if fd < 0 && *libc::__errno_location() == libc::EINVAL {
            fd = libc::memfd_create(c"airtight-code".as_ptr(), flags);
        }
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(File::from_raw_fd(fd))
    }
}
