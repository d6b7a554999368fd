//! SIGINT and SIGTERM. The first lets a server drain; the second ends it.

use sockeye_core::{Code, Fault};

/// Waits for the next SIGINT or SIGTERM, and gives its number: what else a program waits for at its end must not outlast
/// one. `None`: they cannot be listened to.
pub fn wait() -> Option<i32> {
    let runtime = crate::server::runtime().ok()?;
    runtime.block_on(async { Some(Signals::listen().ok()?.next().await) })
}

/// The signals that ask a server to stop.
#[cfg(unix)]
pub(crate) struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    /// Takes them over from the system's default.
    pub(crate) fn listen() -> Result<Self, Fault> {
        use tokio::signal::unix::{SignalKind, signal};
        let listen = |kind| signal(kind).map_err(|error| Fault::new(Code::Internal, "signals").detail(error));
        Ok(Self { interrupt: listen(SignalKind::interrupt())?, terminate: listen(SignalKind::terminate())? })
    }

    /// The number of the next one.
    pub(crate) async fn next(&mut self) -> i32 {
        tokio::select! {
            _ = self.interrupt.recv() => libc::SIGINT,
            _ = self.terminate.recv() => libc::SIGTERM,
        }
    }
}

/// Control-C, where there is nothing else.
#[cfg(not(unix))]
pub(crate) struct Signals;

#[cfg(not(unix))]
impl Signals {
    pub(crate) fn listen() -> Result<Self, Fault> {
        Ok(Self)
    }

    pub(crate) async fn next(&mut self) -> i32 {
        let _ = tokio::signal::ctrl_c().await;
        2
    }
}
