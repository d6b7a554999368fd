//! This process's stdin and stdout as one stream.
//!
//! A terminal or pipe may be shared with the shell, so `O_NONBLOCK` must not be set on it, and a regular file can
//! never be waited for. Where the kernel can move the bytes by itself (`splice.rs`), a relay lets it, and that is all.
//! Else a thread each reads and writes duplicates of the descriptors, from the first read or write on. The reader reads
//! only when asked: what nobody took stays in the pipe for the next program. Each direction holds at most [`CHUNK`] bytes.

use std::fs::File;
use std::io::{self, ErrorKind, PipeReader, PipeWriter, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{Shutdown, shutdown};
use nix::unistd::dup2_stdout;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::splice::{Sink, Source};

/// Bytes held in each direction at the most: fewer, larger calls measured best, and more than this gains nothing.
pub const CHUNK: usize = 256 * 1024;

/// A stream made of one descriptor to read and one to write, none of them switched to non-blocking.
#[derive(Debug)]
pub struct Stdio {
    input: Way<Source>,
    output: Way<Sink>,
    ending: Ending,
    /// Dropping it wakes the reader out of its wait.
    wake: Option<PipeWriter>,
}

/// How one direction goes.
#[derive(Debug)]
enum Way<T> {
    /// The kernel may move its bytes; nobody has read or written it yet.
    Flow(T),
    /// Nobody has read or written it yet.
    Plain(OwnedFd),
    /// A thread reads or writes it.
    Thread(Arc<Half>),
    /// The output's end is sent.
    Ended,
}

impl Stdio {
    /// Stdin and stdout. Must be called within a runtime.
    pub fn open() -> io::Result<Self> {
        let input = io::stdin().as_fd().try_clone_to_owned()?;
        let output = io::stdout().as_fd().try_clone_to_owned()?;
        Ok(Self::new(input, output, Ending::Stdout))
    }

    fn new(input: OwnedFd, output: OwnedFd, ending: Ending) -> Self {
        let input = Source::new(input).map_or_else(Way::Plain, Way::Flow);
        let output = Sink::new(output).map_or_else(Way::Plain, Way::Flow);
        Self { input, output, ending, wake: None }
    }

    /// What the kernel can move bytes from, as long as nothing was read here.
    pub(crate) const fn source(&self) -> Option<&Source> {
        if let Way::Flow(flow) = &self.input { Some(flow) } else { None }
    }

    /// What the kernel can move bytes to, as long as nothing was written here.
    pub(crate) const fn sink(&self) -> Option<&Sink> {
        if let Way::Flow(flow) = &self.output { Some(flow) } else { None }
    }

    /// The input's thread, started by the first who reads.
    fn reader(&mut self) -> io::Result<&Arc<Half>> {
        if let Some(input) = self.input.take_descriptor(Source::into_fd)? {
            let (waiting, wake) = io::pipe()?;
            let half = Arc::<Half>::default();
            let its = Arc::clone(&half);
            thread::Builder::new().name("stdin".into()).spawn(move || read(&its, input, &waiting))?;
            self.wake = Some(wake);
            self.input = Way::Thread(half);
        }
        self.input.thread()
    }

    /// The output's thread, started by the first who writes.
    fn writer(&mut self) -> io::Result<&Arc<Half>> {
        if let Some(output) = self.output.take_descriptor(Sink::into_fd)? {
            let (half, ending) = (Arc::<Half>::default(), self.ending);
            let its = Arc::clone(&half);
            thread::Builder::new().name("stdout".into()).spawn(move || write(&its, output, ending))?;
            self.output = Way::Thread(half);
        }
        self.output.thread()
    }
}

impl<T> Way<T> {
    /// Takes the descriptor for a thread, if none has it yet.
    fn take_descriptor(&mut self, of: fn(T) -> io::Result<OwnedFd>) -> io::Result<Option<OwnedFd>> {
        match std::mem::replace(self, Self::Ended) {
            Self::Flow(flow) => of(flow).map(Some),
            Self::Plain(fd) => Ok(Some(fd)),
            other => {
                *self = other;
                Ok(None)
            }
        }
    }

    fn thread(&self) -> io::Result<&Arc<Half>> {
        match self {
            Self::Thread(half) => Ok(half),
            // Its end is sent, or no thread could be had for it.
            _ => Err(ErrorKind::BrokenPipe.into()),
        }
    }
}

impl Drop for Stdio {
    fn drop(&mut self) {
        for half in [self.input.thread(), self.output.thread()].into_iter().flatten() {
            half.lock().dropped = true;
            half.changed.notify_all();
        }
    }
}

/// What the end of the output means.
#[derive(Clone, Copy, Debug)]
enum Ending {
    /// Descriptor 1 itself must go too, or the reader of the pipe never sees the end.
    Stdout,
    /// Closing the duplicate is all.
    #[cfg(test)]
    Duplicate,
}

/// What a thread and the stream share.
#[derive(Debug, Default)]
struct Half {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// Read and not yet taken, or to be written.
    bytes: Vec<u8>,
    /// Input: how many of `bytes` were read.
    filled: usize,
    /// Bytes of `bytes` that are taken already.
    taken: usize,
    /// Input: bytes are asked for. Output: the thread is writing.
    busy: bool,
    end: End,
    error: Option<ErrorKind>,
    /// The stream is gone.
    dropped: bool,
    waker: Option<Waker>,
}

/// How far the end of a half is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum End {
    /// More may come.
    #[default]
    Open,
    /// The output's end is asked for, behind what is to be written.
    Wanted,
    /// The input's end has come, or the output's is sent.
    Done,
}

impl Half {
    /// A thread that panicked leaves the state as usable as it was: nothing here is half done.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        self.changed.wait(state).unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    fn sleep(&mut self, cx: &Context<'_>) {
        self.waker = Some(cx.waker().clone());
    }
}

fn read(half: &Half, input: OwnedFd, waiting: &PipeReader) {
    let mut input = File::from(input);
    let mut chunk = Vec::new();
    loop {
        let mut state = half.lock();
        while !state.busy && !state.dropped {
            state = half.wait(state);
        }
        if state.dropped {
            return;
        }
        drop(state);
        if chunk.is_empty() {
            chunk.resize(CHUNK, 0);
        }
        let result = match wait_for(input.as_fd(), waiting) {
            Ok(true) => input.read(&mut chunk),
            Ok(false) => return,
            Err(error) => Err(error),
        };
        let mut state = half.lock();
        match result {
            Err(error) if matches!(error.kind(), ErrorKind::Interrupted | ErrorKind::WouldBlock) => continue,
            Ok(length) => {
                std::mem::swap(&mut state.bytes, &mut chunk);
                (state.filled, state.taken) = (length, 0);
                if length == 0 {
                    state.end = End::Done;
                }
            }
            Err(error) => state.error = Some(error.kind()),
        }
        state.busy = false;
        state.wake();
    }
}

/// Waits until the input can be read (`true`) or the stream was dropped (`false`).
fn wait_for(input: BorrowedFd<'_>, waiting: &PipeReader) -> io::Result<bool> {
    let wanted = PollFlags::POLLIN;
    let mut both = [PollFd::new(input, wanted), PollFd::new(waiting.as_fd(), wanted)];
    poll(&mut both, PollTimeout::NONE)?;
    Ok(!both[1].any().unwrap_or(true))
}

fn write(half: &Half, output: OwnedFd, ending: Ending) {
    let mut output = File::from(output);
    let mut chunk = Vec::new();
    loop {
        let mut state = half.lock();
        while state.bytes.is_empty() && state.end == End::Open && !state.dropped {
            state = half.wait(state);
        }
        if state.bytes.is_empty() {
            let is_wanted = state.end == End::Wanted;
            drop(state);
            if is_wanted {
                send_end(&output, ending);
                drop(output);
                let mut state = half.lock();
                state.end = End::Done;
                state.wake();
            }
            return;
        }
        std::mem::swap(&mut state.bytes, &mut chunk);
        state.busy = true;
        state.wake();
        drop(state);
        let result = write_all(&mut output, &chunk);
        chunk.clear();
        let mut state = half.lock();
        state.busy = false;
        state.error = result.err().map(|error| error.kind());
        state.wake();
        if state.error.is_some() {
            return;
        }
    }
}

/// Writes all of it, also where whoever started us left the descriptor non-blocking.
fn write_all(output: &mut File, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match output.write(bytes) {
            Ok(length) => bytes = &bytes[length..],
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                poll(&mut [PollFd::new(output.as_fd(), PollFlags::POLLOUT)], PollTimeout::NONE)?;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Sends the end of the output: FIN on a socket; elsewhere the last descriptor has to be closed, and descriptor 1
/// must stay valid, or the next file that is opened would become stdout. Errors leave it as it was.
fn send_end(output: &File, ending: Ending) {
    let is_socket = shutdown(output.as_raw_fd(), Shutdown::Write).is_ok();
    if matches!(ending, Ending::Stdout)
        && !is_socket
        && let Ok(null) = File::options().write(true).open("/dev/null")
    {
        let _kept = dup2_stdout(null);
    }
}

impl AsyncRead for Stdio {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let half = self.get_mut().reader()?;
        let mut state = half.lock();
        let rest = &state.bytes[state.taken..state.filled];
        if !rest.is_empty() {
            let length = rest.len().min(buf.remaining());
            buf.put_slice(&rest[..length]);
            state.taken += length;
            return Poll::Ready(Ok(()));
        }
        if let Some(kind) = state.error {
            return Poll::Ready(Err(kind.into()));
        }
        if state.end == End::Done {
            return Poll::Ready(Ok(()));
        }
        state.sleep(cx);
        state.busy = true;
        half.changed.notify_one();
        Poll::Pending
    }
}

impl AsyncWrite for Stdio {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        let half = self.get_mut().writer()?;
        let mut state = half.lock();
        if let Some(kind) = state.error {
            return Poll::Ready(Err(kind.into()));
        }
        if state.end != End::Open {
            return Poll::Ready(Err(ErrorKind::BrokenPipe.into()));
        }
        let length = data.len().min(CHUNK - state.bytes.len());
        if length == 0 && !data.is_empty() {
            state.sleep(cx);
            return Poll::Pending;
        }
        state.bytes.extend_from_slice(&data[..length]);
        half.changed.notify_one();
        Poll::Ready(Ok(length))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Way::Thread(half) = &self.output else { return Poll::Ready(Ok(())) };
        let mut state = half.lock();
        if let Some(kind) = state.error {
            return Poll::Ready(Err(kind.into()));
        }
        if state.bytes.is_empty() && !state.busy {
            return Poll::Ready(Ok(()));
        }
        state.sleep(cx);
        Poll::Pending
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if let Some(output) = this.output.take_descriptor(Sink::into_fd)? {
            send_end(&File::from(output), this.ending);
        }
        let Way::Thread(half) = &this.output else { return Poll::Ready(Ok(())) };
        let mut state = half.lock();
        if let Some(kind) = state.error {
            return Poll::Ready(Err(kind.into()));
        }
        if state.end == End::Done {
            return Poll::Ready(Ok(()));
        }
        state.end = End::Wanted;
        state.sleep(cx);
        half.changed.notify_one();
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    /// A stream, what writes to its input, and what reads its output.
    fn piped() -> (Stdio, PipeWriter, PipeReader) {
        let (input, to) = io::pipe().unwrap();
        let (from, output) = io::pipe().unwrap();
        (Stdio::new(input.into(), output.into(), Ending::Duplicate), to, from)
    }

    #[tokio::test]
    async fn bytes_pass_both_ways_and_the_end_follows_them() {
        let (mut stream, mut to, mut from) = piped();
        to.write_all(b"question").unwrap();
        drop(to);
        let mut heard = Vec::new();
        stream.read_to_end(&mut heard).await.unwrap();
        assert_eq!(heard, b"question");
        stream.write_all(b"answer").await.unwrap();
        stream.shutdown().await.unwrap();
        heard.clear();
        from.read_to_end(&mut heard).unwrap();
        assert_eq!(heard, b"answer");
    }

    #[tokio::test]
    async fn more_than_one_chunk_waits_for_its_reader() {
        let (mut stream, _to, mut from) = piped();
        let long = vec![7; 10 * CHUNK];
        let reader = thread::spawn(move || {
            let mut heard = Vec::new();
            from.read_to_end(&mut heard).map(|length| (length, heard))
        });
        stream.write_all(&long).await.unwrap();
        stream.shutdown().await.unwrap();
        let (length, heard) = reader.join().unwrap().unwrap();
        assert_eq!(length, long.len());
        assert_eq!(heard, long);
    }

    #[tokio::test]
    async fn a_dropped_stream_takes_nothing_more() {
        let (input, mut to) = io::pipe().unwrap();
        let mut spare = input.try_clone().unwrap();
        let (_from, output) = io::pipe().unwrap();
        let mut stream = Stdio::new(input.into(), output.into(), Ending::Duplicate);
        let mut byte = [0];
        let waiting = Pin::new(&mut stream)
            .poll_read(&mut Context::from_waker(Waker::noop()), &mut ReadBuf::new(&mut byte));
        assert!(waiting.is_pending());
        let half = Arc::clone(stream.reader().unwrap());
        drop(stream);
        while Arc::strong_count(&half) > 1 {
            thread::yield_now();
        }
        to.write_all(b"next").unwrap();
        drop(to);
        let mut heard = Vec::new();
        spare.read_to_end(&mut heard).unwrap();
        assert_eq!(heard, b"next");
    }

    #[tokio::test]
    async fn a_closed_output_is_a_broken_pipe() {
        let (mut stream, _to, from) = piped();
        drop(from);
        stream.write_all(b"x").await.unwrap();
        let error = stream.flush().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BrokenPipe);
    }
}
