//! A process as one end of a session: its stdin and stdout.
//!
//! It leads a process group of its own, and the group ends with the session: SIGTERM first, SIGKILL after
//! [`GRACE`]. `kill_on_drop` alone would end the leader and leave its children behind.

use std::io;
use std::pin::Pin;
use std::process::Stdio;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use sockeye_core::{Address, Code, Fault, Peer};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::runtime::Handle;
use tokio::time::timeout;

use crate::descriptors;
use crate::stream::Stream;

/// How long a group may take to end after SIGTERM.
pub const GRACE: Duration = Duration::from_millis(500);

/// Starts `command` (program, then arguments) for a session. Its stderr is ours, and its environment gains
/// `SOCKEYE_PEER` and `SOCKEYE_LOCAL`, the two ends of the session. Needs a tokio runtime with I/O and time.
pub fn spawn(command: &[String], peer: &Peer) -> Result<Stream, Fault> {
    let line = command.join(" ");
    let fault = || Fault::new(Code::CannotStart, "exec").arg("command", &line);
    let Some((program, arguments)) = command.split_first() else { return Err(fault()) };
    let mut child = Command::new(program)
        .args(arguments)
        .env("SOCKEYE_PEER", environment(&peer.remote))
        .env("SOCKEYE_LOCAL", environment(&peer.local))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .process_group(0)
        .spawn()
        .map_err(|error| fault().detail(error))?;
    let id = child.id().and_then(|id| i32::try_from(id).ok()).ok_or_else(fault)?;
    descriptors::give_back(id);
    let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
    let group = Group { id: Pid::from_raw(id), child: Some(child) };
    let Some(stdout) = stdout else { return Err(fault()) };
    Ok(Stream::Process(Box::new(Process { stdin, stdout, group, command: line })))
}

/// An address as an environment variable holds it: an abstract Unix name may have NUL bytes.
fn environment(address: &Address) -> String {
    address.to_string().replace('\0', "@")
}

/// A started process. Dropping it ends its group.
#[derive(Debug)]
pub struct Process {
    stdin: Option<ChildStdin>,
    stdout: ChildStdout,
    group: Group,
    command: String,
}

impl Process {
    /// The leader's process id, which is the group's too.
    pub fn id(&self) -> i32 {
        self.group.id.as_raw()
    }

    /// The command line.
    pub fn command(&self) -> &str {
        &self.command
    }
}

impl AsyncRead for Process {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stdout).poll_read(cx, buf)
    }
}

impl AsyncWrite for Process {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        match &mut self.stdin {
            Some(stdin) => Pin::new(stdin).poll_write(cx, data),
            None => Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.stdin {
            Some(stdin) => Pin::new(stdin).poll_flush(cx),
            None => Poll::Ready(Ok(())),
        }
    }

    /// Closes the process's stdin: a pipe has no other FIN.
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.as_mut().poll_flush(cx))?;
        self.stdin = None;
        Poll::Ready(Ok(()))
    }
}

/// The process group of a session that runs.
#[derive(Debug)]
struct Group {
    id: Pid,
    child: Option<Child>,
}

impl Drop for Group {
    fn drop(&mut self) {
        let Some(child) = self.child.take() else { return };
        signal(self.id, Signal::SIGTERM);
        let rest = Rest { id: self.id };
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(end(rest, child));
        }
    }
}

/// What is left of a group. Dropping it kills it, so that a runtime that stops within the grace leaves nothing behind.
struct Rest {
    id: Pid,
}

impl Drop for Rest {
    fn drop(&mut self) {
        signal(self.id, Signal::SIGKILL);
    }
}

/// Gives the group its grace, kills what is left, and reaps the leader.
async fn end(rest: Rest, mut child: Child) {
    let in_time = timeout(GRACE, child.wait()).await;
    drop(rest);
    if in_time.is_err() {
        let _status = child.wait().await;
    }
}

/// An error means that the group is gone, which is what is wanted.
fn signal(group: Pid, signal: Signal) {
    let _gone = killpg(group, signal);
}
