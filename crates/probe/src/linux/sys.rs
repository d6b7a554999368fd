//! The system calls that no library here gives in full: any option of a socket, any address, and messages with all of
//! their control data. Each takes and gives plain bytes, which `linux` reads by the kernel's own layouts.

#![expect(
    unsafe_code,
    reason = "the platform module: four calls, each on buffers whose length is passed with them"
)]

use std::io;
use std::os::fd::{AsFd, AsRawFd};

/// The bytes of an option (getsockopt(2)); at most `into.len()`. How many there are.
pub(crate) fn option(
    socket: &impl AsFd,
    level: libc::c_int,
    name: libc::c_int,
    into: &mut [u8],
) -> io::Result<usize> {
    let mut length = socklen(into.len())?;
    let fd = socket.as_fd().as_raw_fd();
    // SAFETY: `into` is writable for `length` bytes, and the kernel writes no more than that.
    let done = unsafe { libc::getsockopt(fd, level, name, into.as_mut_ptr().cast(), &raw mut length) };
    result(done)?;
    Ok(length as usize)
}

/// Sets an option to these bytes (setsockopt(2)).
pub(crate) fn set_option(
    socket: &impl AsFd,
    level: libc::c_int,
    name: libc::c_int,
    value: &[u8],
) -> io::Result<()> {
    let length = socklen(value.len())?;
    let fd = socket.as_fd().as_raw_fd();
    // SAFETY: `value` is readable for `length` bytes; the kernel copies them.
    result(unsafe { libc::setsockopt(fd, level, name, value.as_ptr().cast(), length) })
}

/// Sets an option that is a number.
pub(crate) fn set_number(
    socket: &impl AsFd,
    level: libc::c_int,
    name: libc::c_int,
    value: i32,
) -> io::Result<()> {
    set_option(socket, level, name, &value.to_ne_bytes())
}

/// Binds to an address given as the bytes of its `sockaddr` (bind(2)).
pub(crate) fn bind(socket: &impl AsFd, address: &[u8]) -> io::Result<()> {
    let length = socklen(address.len())?;
    let fd = socket.as_fd().as_raw_fd();
    let mut aligned = Address::default();
    aligned.bytes.get_mut(..address.len()).ok_or(io::ErrorKind::InvalidInput)?.copy_from_slice(address);
    // SAFETY: `aligned` is readable for `length` bytes, and aligned as any address has to be.
    result(unsafe { libc::bind(fd, (&raw const aligned).cast(), length) })
}

/// What one `recvmsg` gave, in lengths of the buffers it was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Received {
    /// Bytes of data.
    pub(crate) data: usize,
    /// Bytes of control messages (cmsg(3)).
    pub(crate) control: usize,
    /// Bytes of the address.
    pub(crate) from: usize,
    /// `MSG_TRUNC`, `MSG_CTRUNC`, `MSG_ERRQUEUE`.
    pub(crate) flags: libc::c_int,
}

/// The longest address (`sockaddr_storage`), aligned as the kernel has it.
#[repr(C, align(8))]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Address {
    pub(crate) bytes: [u8; 128],
}

impl Default for Address {
    fn default() -> Self {
        Self { bytes: [0; 128] }
    }
}

/// Receives a message with its control data and its sender (recvmsg(2)); `flags` as `MSG_ERRQUEUE | MSG_DONTWAIT`.
pub(crate) fn receive(
    socket: &impl AsFd,
    data: &mut [u8],
    control: &mut [u64],
    from: &mut Address,
    flags: libc::c_int,
) -> io::Result<Received> {
    let mut part = libc::iovec { iov_base: data.as_mut_ptr().cast(), iov_len: data.len() };
    // SAFETY: all zeroes is a valid `msghdr`: no name, no data, no control.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    message.msg_name = (&raw mut *from).cast();
    message.msg_namelen = socklen(from.bytes.len())?;
    message.msg_iov = &raw mut part;
    message.msg_iovlen = 1;
    message.msg_control = control.as_mut_ptr().cast();
    message.msg_controllen = size_of_val(control) as _;
    let fd = socket.as_fd().as_raw_fd();
    // SAFETY: every pointer in `message` is to a buffer that lives through the call and has the length beside it.
    let got = unsafe { libc::recvmsg(fd, &raw mut message, flags) };
    let data = usize::try_from(got).map_err(|_negative| io::Error::last_os_error())?;
    Ok(Received {
        data,
        control: message.msg_controllen as usize,
        from: message.msg_namelen as usize,
        flags: message.msg_flags,
    })
}

/// The control messages in the first `length` bytes of `control`: level, type, data (cmsg(3)).
pub(crate) fn control(
    control: &[u64],
    length: usize,
) -> impl Iterator<Item = (libc::c_int, libc::c_int, Vec<u8>)> {
    const HEADER: usize = size_of::<libc::cmsghdr>();
    const WORD: usize = size_of::<usize>();
    let bytes: Vec<u8> = control.iter().flat_map(|word| word.to_ne_bytes()).take(length).collect();
    let mut at = 0;
    std::iter::from_fn(move || {
        let header = bytes.get(at..at + HEADER)?;
        let whole = usize::from_ne_bytes(header[..WORD].try_into().ok()?);
        let number = |from: usize| Some(i32::from_ne_bytes(header.get(from..from + 4)?.try_into().ok()?));
        let (level, kind) = (number(WORD)?, number(WORD + 4)?);
        let data = bytes.get(at + HEADER..at.checked_add(whole)?)?.to_vec();
        at += whole.next_multiple_of(WORD);
        Some((level, kind, data))
    })
}

fn socklen(length: usize) -> io::Result<libc::socklen_t> {
    libc::socklen_t::try_from(length).map_err(|_too_long| io::ErrorKind::InvalidInput.into())
}

fn result(done: libc::c_int) -> io::Result<()> {
    if done < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
