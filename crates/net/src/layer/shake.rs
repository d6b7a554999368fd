//! Runs a handshake of `wire` on a stream: sends what it says, feeds it what comes, and leaves the stream as it found it,
//! with the bytes that belong to whoever comes next still to be read.

use std::io;
use std::time::Duration;

use sockeye_wire::gate::{Gate, Handshake};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::stream::Stream;

/// How much is read at a time, in bytes. What is not the handshake's is kept for the next reader, so it stays small.
const CHUNK: usize = 4096;

/// After a refusal was said, what still comes is discarded for this long and this much, so that unread input does not
/// turn the last word into an RST.
const LINGER: Duration = Duration::from_secs(1);
const LINGER_BYTES: usize = 64 * 1024;

/// Why a handshake came to nothing.
#[derive(Debug)]
pub(crate) enum Failed<R> {
    /// One side refused.
    Refused(R),
    /// The stream broke.
    Broke(io::Error),
}

impl<R> From<io::Error> for Failed<R> {
    fn from(error: io::Error) -> Self {
        Self::Broke(error)
    }
}

/// Feeds a machine what came.
pub(crate) trait Feed {
    /// The machine.
    type Machine: Handshake;

    /// What it says first.
    fn start(&mut self, out: &mut Vec<u8>);

    /// Takes a chunk.
    async fn feed(&mut self, chunk: &[u8], out: &mut Vec<u8>) -> Fed<Self::Machine>;

    /// What it means that the stream ended here.
    fn end(&self) -> <Self::Machine as Handshake>::Refusal;
}

/// What feeding comes to.
pub(crate) type Fed<H> = Result<Gate<<H as Handshake>::Outcome>, <H as Handshake>::Refusal>;

/// On this thread: for machines that only look at bytes.
pub(crate) struct Here<H>(pub(crate) H);

impl<H: Handshake> Feed for Here<H> {
    type Machine = H;

    fn start(&mut self, out: &mut Vec<u8>) {
        self.0.start(out);
    }

    async fn feed(&mut self, chunk: &[u8], out: &mut Vec<u8>) -> Fed<H> {
        self.0.bytes(chunk, out)
    }

    fn end(&self) -> H::Refusal {
        self.0.end()
    }
}

/// One line a message, whose LF may be left out: how lines travel on a WebSocket.
pub(crate) struct Lines<F>(pub(crate) F);

impl<F: Feed> Feed for Lines<F> {
    type Machine = F::Machine;

    fn start(&mut self, out: &mut Vec<u8>) {
        self.0.start(out);
    }

    async fn feed(&mut self, chunk: &[u8], out: &mut Vec<u8>) -> Fed<F::Machine> {
        let fed = self.0.feed(chunk, out).await?;
        if chunk.ends_with(b"\n") || !matches!(fed, Gate::More) {
            return Ok(fed);
        }
        let fed = self.0.feed(b"\n", out).await?;
        Ok(match fed {
            Gate::Done { outcome, .. } => Gate::Done { used: chunk.len(), outcome },
            Gate::More => Gate::More,
        })
    }

    fn end(&self) -> <F::Machine as Handshake>::Refusal {
        self.0.end()
    }
}

/// Makes one handshake. The caller bounds the time.
pub(crate) async fn shake<F: Feed>(
    mut stream: Stream,
    mut machine: F,
) -> Result<(Stream, Outcome<F>), Failed<Refusal<F>>> {
    let mut out = Vec::new();
    machine.start(&mut out);
    let mut chunk = [0; CHUNK];
    loop {
        say(&mut stream, &mut out).await?;
        let count = stream.read(&mut chunk).await?;
        if count == 0 {
            return Err(Failed::Refused(machine.end()));
        }
        match machine.feed(&chunk[..count], &mut out).await {
            Ok(Gate::More) => {}
            Ok(Gate::Done { used, outcome }) => {
                say(&mut stream, &mut out).await?;
                return Ok((stream.before(&chunk[used..count]), outcome));
            }
            Err(refusal) => {
                if !out.is_empty() {
                    part(stream, &mut out).await;
                }
                return Err(Failed::Refused(refusal));
            }
        }
    }
}

type Outcome<F> = <<F as Feed>::Machine as Handshake>::Outcome;
type Refusal<F> = <<F as Feed>::Machine as Handshake>::Refusal;

async fn say(stream: &mut Stream, out: &mut Vec<u8>) -> io::Result<()> {
    if !out.is_empty() {
        stream.write_all(out).await?;
        stream.flush().await?;
        out.clear();
    }
    Ok(())
}

/// Says the last word, as far as the peer takes it. That it does not is no news.
pub(crate) async fn part(mut stream: Stream, out: &mut Vec<u8>) {
    let parting = async {
        say(&mut stream, out).await?;
        stream.shutdown().await?;
        let mut discarded = 0;
        let mut chunk = [0; CHUNK];
        while discarded < LINGER_BYTES {
            match stream.read(&mut chunk).await? {
                0 => break,
                count => discarded += count,
            }
        }
        io::Result::Ok(())
    };
    let _outcome = tokio::time::timeout(LINGER, parting).await;
}
