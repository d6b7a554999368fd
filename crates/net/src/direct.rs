//! TCP read and written by bare system calls. Those of the C library ask, in a program of several threads, whether the thread
//! is to be cancelled, before and after each; nobody here ever is.

use std::io;
use std::task::{Context, Poll, ready};

use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, recv, send};
use tokio::io::Interest;
use tokio::net::TcpStream;

/// Reads into `buffer`, which is not empty; 0 at the end.
#[inline]
pub(crate) fn poll_receive(
    tcp: &TcpStream,
    cx: &mut Context<'_>,
    buffer: &mut [u8],
) -> Poll<io::Result<usize>> {
    loop {
        ready!(tcp.poll_read_ready(cx))?;
        match recv(tcp, &mut *buffer, RecvFlags::empty()) {
            Ok((_, count)) => {
                if count > 0 && count < buffer.len() {
                    is_spent(tcp, Interest::READABLE);
                }
                return Poll::Ready(Ok(count));
            }
            Err(Errno::AGAIN) => is_spent(tcp, Interest::READABLE),
            Err(Errno::INTR) => {}
            Err(error) => return Poll::Ready(Err(error.into())),
        }
    }
}

/// Writes some of `data`.
#[inline]
pub(crate) fn poll_send(tcp: &TcpStream, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
    loop {
        ready!(tcp.poll_write_ready(cx))?;
        match send(tcp, data, SendFlags::NOSIGNAL) {
            Ok(count) => {
                if count > 0 && count < data.len() {
                    is_spent(tcp, Interest::WRITABLE);
                }
                return Poll::Ready(Ok(count));
            }
            Err(Errno::AGAIN) => is_spent(tcp, Interest::WRITABLE),
            Err(Errno::INTR) => {}
            Err(error) => return Poll::Ready(Err(error.into())),
        }
    }
}

/// The socket has no more for now: a short read or write has taken all there was. The system says anew when there is more,
/// as the runtime asks it to tell of changes, and so a further call that would find nothing is saved.
#[inline]
fn is_spent(tcp: &TcpStream, interest: Interest) {
    let _told: io::Result<()> = tcp.try_io(interest, || Err(io::ErrorKind::WouldBlock.into()));
}
