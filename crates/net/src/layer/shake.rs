//! Runs a handshake of `wire` on a stream: sends what it says, feeds it what comes, and leaves the stream as it found it,
//! with the bytes that belong to whoever comes next still to be read.

use std::error::Error;
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

/// Makes one handshake. The caller bounds the time.
pub(crate) async fn shake<H>(
    mut stream: Stream,
    machine: &mut H,
) -> Result<(Stream, H::Outcome), Failed<H::Refusal>>
where
    H: Handshake,
    H::Refusal: Error,
{
    let mut out = Vec::new();
    machine.start(&mut out);
    let mut chunk = [0; CHUNK];
    loop {
        say(&mut stream, &mut out).await?;
        let count = stream.read(&mut chunk).await?;
        if count == 0 {
            return Err(Failed::Refused(machine.end()));
        }
        match machine.bytes(&chunk[..count], &mut out) {
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
