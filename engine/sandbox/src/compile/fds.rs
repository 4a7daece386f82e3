//! Hands an open file over a Unix socket. The system calls only; not here: what goes over it.
#![allow(unsafe_code)]

use std::io;
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};
use std::os::unix::net::UnixStream;

/// Room for one control message with one descriptor, aligned as its header asks.
#[repr(C, align(8))]
struct Room([u8; 64]);

/// A message of one byte and the room for one descriptor.
fn with_message<T>(act: impl FnOnce(&mut libc::msghdr) -> T) -> T {
    let mut byte = 0u8;
    let mut part = libc::iovec {
        iov_base: (&raw mut byte).cast(),
        iov_len: 1,
    };
    let mut room = Room([0; 64]);
    // SAFETY: `msghdr` is plain data for which all zeroes is a value.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    message.msg_iov = &raw mut part;
    message.msg_iovlen = 1;
    message.msg_control = (&raw mut room).cast();
    message.msg_controllen = std::mem::size_of::<Room>() as _;
    act(&mut message)
}

const FD_LEN: u32 = std::mem::size_of::<libc::c_int>() as u32;

/// Sends a copy of `file`.
pub(super) fn send(over: &UnixStream, file: &UnixStream) -> io::Result<()> {
    let fd = file.as_raw_fd();
    let sent = with_message(|message| {
        // SAFETY: the message has a control buffer of 64 aligned bytes, which is room for one header and one
        // descriptor, so CMSG_FIRSTHDR is not null and CMSG_DATA points into the buffer. All pointers of the message
        // outlive the call.
        unsafe {
            message.msg_controllen = libc::CMSG_SPACE(FD_LEN) as _;
            let header = libc::CMSG_FIRSTHDR(message);
            (*header).cmsg_level = libc::SOL_SOCKET;
            (*header).cmsg_type = libc::SCM_RIGHTS;
            (*header).cmsg_len = libc::CMSG_LEN(FD_LEN) as _;
            libc::CMSG_DATA(header).cast::<libc::c_int>().write_unaligned(fd);
            libc::sendmsg(over.as_raw_fd(), message, libc::MSG_NOSIGNAL)
        }
    });
    if sent == 1 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// Receives a file. None: the other side has closed.
pub(super) fn receive(over: &UnixStream) -> io::Result<Option<OwnedFd>> {
    with_message(|message| {
        // SAFETY: as in `send`; the kernel writes at most `msg_controllen` bytes into the control buffer, and a
        // descriptor that it put there is ours alone.
        unsafe {
            let got = libc::recvmsg(over.as_raw_fd(), message, libc::MSG_CMSG_CLOEXEC);
            match got {
                0 => return Ok(None),
                1 => {}
                _ => return Err(io::Error::last_os_error()),
            }
            let header = libc::CMSG_FIRSTHDR(message);
            if header.is_null()
                || (*header).cmsg_level != libc::SOL_SOCKET
                || (*header).cmsg_type != libc::SCM_RIGHTS
                || (*header).cmsg_len < libc::CMSG_LEN(FD_LEN) as _
            {
                return Err(io::ErrorKind::InvalidData.into());
            }
            let fd = libc::CMSG_DATA(header).cast::<libc::c_int>().read_unaligned();
            Ok(Some(OwnedFd::from_raw_fd(fd)))
        }
    })
}
