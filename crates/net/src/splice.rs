//! Bytes moved by the kernel from one descriptor to another, through a pipe, without being copied to us (`splice(2)`).
//!
//! A [`Pipe`] is empty whenever it is filled: so "would block" on filling always means that the source has nothing, and
//! on emptying that the sink takes nothing. Pipes are [lent](Pipes) only while bytes move and kept only while bytes are
//! in them, so a session that is idle, or whose peer keeps up, holds none.

use std::cell::RefCell;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, SpliceFFlags, fcntl, splice};
use nix::sys::stat::{SFlag, fstat};
use nix::unistd::pipe2;
use tokio::io::Interest;
use tokio::net::unix::pipe::{Receiver, Sender};

use crate::stream::Stream;

/// What a pipe is asked to hold, in bytes. The kernel may give less to users who have many.
pub(crate) const PIPE: usize = 1024 * 1024;

/// Pipes in all, in this process: two descriptors each, and at most [`PIPE`] bytes.
const MOST: usize = 64;

/// Empty pipes kept by each thread for the next who needs one.
const SPARE: usize = 4;

static MADE: AtomicUsize = AtomicUsize::new(0);

/// One pipe, and how much is in it.
#[derive(Debug)]
pub(crate) struct Pipe {
    out: OwnedFd,
    into: OwnedFd,
    held: usize,
}

impl Pipe {
    /// `None` where there are too many, or where the process has no descriptors left: bytes are copied then.
    fn make() -> Option<Self> {
        if MADE.fetch_add(1, Ordering::Relaxed) >= MOST {
            MADE.fetch_sub(1, Ordering::Relaxed);
            return None;
        }
        let Ok((out, into)) = pipe2(OFlag::O_CLOEXEC | OFlag::O_NONBLOCK) else {
            MADE.fetch_sub(1, Ordering::Relaxed);
            return None;
        };
        // Not granted to a user who has many large ones already; what there is will do.
        let _ = fcntl(&into, FcntlArg::F_SETPIPE_SZ(PIPE.try_into().unwrap_or(i32::MAX)));
        Some(Self { out, into, held: 0 })
    }

    /// How many bytes are in it.
    pub(crate) const fn held(&self) -> usize {
        self.held
    }

    /// Moves at most `most` bytes in; 0 at the source's end.
    fn fill(&mut self, from: impl AsFd, most: usize) -> io::Result<usize> {
        let count = moved(from, &self.into, most)?;
        self.held += count;
        Ok(count)
    }

    /// Moves out what the sink takes.
    fn empty(&mut self, to: impl AsFd) -> io::Result<usize> {
        let count = moved(&self.out, to, self.held)?;
        self.held -= count;
        if count == 0 { Err(io::ErrorKind::WriteZero.into()) } else { Ok(count) }
    }

    /// Reads all that is in it: the sink cannot be given it by the kernel.
    pub(crate) fn take(&mut self) -> io::Result<Vec<u8>> {
        let (mut bytes, mut at) = (vec![0; self.held], 0);
        while at < bytes.len() {
            match nix::unistd::read(&self.out, &mut bytes[at..]) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(count) => at += count,
                Err(Errno::EINTR) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
        self.held = 0;
        Ok(bytes)
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        MADE.fetch_sub(1, Ordering::Relaxed);
    }
}

fn moved(from: impl AsFd, to: impl AsFd, most: usize) -> io::Result<usize> {
    loop {
        match splice(&from, None, &to, None, most, SpliceFFlags::SPLICE_F_NONBLOCK) {
            Err(Errno::EINTR) => {}
            outcome => return Ok(outcome?),
        }
    }
}

/// Whether the kernel says that it cannot move bytes between these two at all: nothing has moved, and copying may do.
pub(crate) fn is_unfit(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::Unsupported
        || matches!(error.raw_os_error(), Some(libc::EINVAL | libc::ENOSYS | libc::EPERM))
}

/// The pipes of one thread.
#[derive(Debug, Default)]
pub(crate) struct Pipes {
    spare: RefCell<Vec<Pipe>>,
}

impl Pipes {
    /// An empty pipe.
    pub(crate) fn lend(&self) -> Option<Box<Pipe>> {
        self.spare.borrow_mut().pop().or_else(Pipe::make).map(Box::new)
    }

    /// Takes back a pipe. One that still holds bytes is of no use to anybody.
    pub(crate) fn give_back(&self, pipe: Pipe) {
        let mut spare = self.spare.borrow_mut();
        if pipe.held == 0 && spare.len() < SPARE {
            spare.push(pipe);
        }
    }
}

/// What bytes come from: a descriptor of ours that is neither switched to non-blocking nor has to be waited for by a
/// thread.
#[derive(Debug)]
pub(crate) enum Source {
    /// A file: always ready.
    File(OwnedFd),
    /// A pipe, which tells when it is ready whether it blocks or not.
    Fifo(Receiver),
}

impl Source {
    /// A file or a pipe; anything else comes back. Must be called within a runtime.
    pub(crate) fn new(from: OwnedFd) -> Result<Self, OwnedFd> {
        match kind(&from) {
            Some(SFlag::S_IFREG) => Ok(Self::File(from)),
            Some(SFlag::S_IFIFO) => {
                let fifo = from.try_clone().and_then(Receiver::from_owned_fd_unchecked);
                fifo.map(Self::Fifo).map_err(|_| from)
            }
            _ => Err(from),
        }
    }

    /// The descriptor, to be read by a thread.
    pub(crate) fn into_fd(self) -> io::Result<OwnedFd> {
        match self {
            Self::File(fd) => Ok(fd),
            Self::Fifo(fifo) => fifo.as_fd().try_clone_to_owned(),
        }
    }

    fn poll_fill(&self, cx: &mut Context<'_>, pipe: &mut Pipe, most: usize) -> Poll<io::Result<usize>> {
        match self {
            Self::File(fd) => Poll::Ready(pipe.fill(fd, most)),
            Self::Fifo(fifo) => {
                until_done(|| fifo.poll_read_ready(cx), || fifo.try_io(|| pipe.fill(fifo, most)))
            }
        }
    }
}

/// What bytes go to: as [`Source`].
#[derive(Debug)]
pub(crate) enum Sink {
    /// A file, or `/dev/null`: always ready.
    File(OwnedFd),
    /// A pipe.
    Fifo(Sender),
}

impl Sink {
    /// A file that is not appended to (which `splice` refuses), `/dev/null`, or a pipe; anything else comes back. Must be
    /// called within a runtime.
    pub(crate) fn new(to: OwnedFd) -> Result<Self, OwnedFd> {
        match kind(&to) {
            Some(SFlag::S_IFREG) if !is_appended_to(&to) => Ok(Self::File(to)),
            Some(SFlag::S_IFCHR) if is_null(&to) => Ok(Self::File(to)),
            Some(SFlag::S_IFIFO) => {
                let fifo = to.try_clone().and_then(Sender::from_owned_fd_unchecked);
                fifo.map(Self::Fifo).map_err(|_| to)
            }
            _ => Err(to),
        }
    }

    /// The descriptor, to be written by a thread.
    pub(crate) fn into_fd(self) -> io::Result<OwnedFd> {
        match self {
            Self::File(fd) => Ok(fd),
            Self::Fifo(fifo) => fifo.as_fd().try_clone_to_owned(),
        }
    }

    /// Moves out of the pipe what can be taken.
    pub(crate) fn poll_empty(&self, cx: &mut Context<'_>, pipe: &mut Pipe) -> Poll<io::Result<usize>> {
        match self {
            Self::File(fd) => Poll::Ready(pipe.empty(fd)),
            Self::Fifo(fifo) => until_done(|| fifo.poll_write_ready(cx), || fifo.try_io(|| pipe.empty(fifo))),
        }
    }
}

/// Tries whenever it is ready, until it does not block.
fn until_done(
    mut ready: impl FnMut() -> Poll<io::Result<()>>,
    mut attempt: impl FnMut() -> io::Result<usize>,
) -> Poll<io::Result<usize>> {
    loop {
        ready!(ready())?;
        match attempt() {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            outcome => return Poll::Ready(outcome),
        }
    }
}

fn kind(fd: &OwnedFd) -> Option<SFlag> {
    let mode = fstat(fd).ok()?.st_mode;
    Some(SFlag::from_bits_truncate(mode & SFlag::S_IFMT.bits()))
}

fn is_appended_to(fd: &OwnedFd) -> bool {
    let flags = fcntl(fd, FcntlArg::F_GETFL).unwrap_or(libc::O_APPEND);
    OFlag::from_bits_retain(flags).contains(OFlag::O_APPEND)
}

/// Whether it is Linux's `/dev/null`: character device 1, 3.
fn is_null(fd: &OwnedFd) -> bool {
    fstat(fd).is_ok_and(|stat| stat.st_rdev == nix::sys::stat::makedev(1, 3))
}

/// Whether the kernel can move bytes out of the stream.
pub(crate) fn is_source(stream: &Stream) -> bool {
    match stream {
        Stream::Stdio(stdio) => stdio.source().is_some(),
        stream => stream.descriptor().is_some(),
    }
}

/// Whether the kernel can move bytes into the stream.
pub(crate) fn is_sink(stream: &Stream) -> bool {
    match stream {
        Stream::Stdio(stdio) => stdio.sink().is_some(),
        stream => stream.descriptor().is_some(),
    }
}

/// Moves at most `most` bytes of the stream into an empty pipe; 0 at its end.
pub(crate) fn poll_fill(
    stream: &Stream,
    cx: &mut Context<'_>,
    pipe: &mut Pipe,
    most: usize,
) -> Poll<io::Result<usize>> {
    let interest = Interest::READABLE;
    match stream {
        Stream::Tcp(tcp) => {
            until_done(|| tcp.poll_read_ready(cx), || tcp.try_io(interest, || pipe.fill(tcp, most)))
        }
        Stream::Unix(unix) => {
            until_done(|| unix.poll_read_ready(cx), || unix.try_io(interest, || pipe.fill(unix, most)))
        }
        Stream::Stdio(stdio) => match stdio.source() {
            Some(source) => source.poll_fill(cx, pipe, most),
            None => Poll::Ready(Err(io::ErrorKind::Unsupported.into())),
        },
        _ => Poll::Ready(Err(io::ErrorKind::Unsupported.into())),
    }
}

/// Moves out of the pipe what the stream takes.
pub(crate) fn poll_empty(stream: &Stream, cx: &mut Context<'_>, pipe: &mut Pipe) -> Poll<io::Result<usize>> {
    let interest = Interest::WRITABLE;
    match stream {
        Stream::Tcp(tcp) => {
            until_done(|| tcp.poll_write_ready(cx), || tcp.try_io(interest, || pipe.empty(tcp)))
        }
        Stream::Unix(unix) => {
            until_done(|| unix.poll_write_ready(cx), || unix.try_io(interest, || pipe.empty(unix)))
        }
        Stream::Stdio(stdio) => match stdio.sink() {
            Some(sink) => sink.poll_empty(cx, pipe),
            None => Poll::Ready(Err(io::ErrorKind::Unsupported.into())),
        },
        _ => Poll::Ready(Err(io::ErrorKind::Unsupported.into())),
    }
}
