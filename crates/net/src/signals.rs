//! SIGINT and SIGTERM. The first lets a server drain; the second ends it.

#[cfg(unix)]
use std::sync::{Arc, atomic::AtomicBool};

#[cfg(unix)]
use signal_hook::flag::register_conditional_shutdown;
use sockeye_core::{Code, Fault};

/// Calls `act`, on a thread of its own, with the number of the next signal that asks the program to end. From now on
/// such a signal does nothing else.
pub fn on_next(act: impl FnOnce(i32) + Send + 'static) {
    let (listening, told) = std::sync::mpsc::sync_channel::<()>(1);
    std::thread::spawn(move || {
        let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
        let number = runtime.block_on(async {
            let mut signals = Signals::listen().ok()?;
            drop(listening);
            Some(signals.next().await)
        });
        if let Some(number) = number {
            act(number);
        }
    });
    // It ends when the other side is dropped: the signals are taken over, or cannot be.
    let _ = told.recv();
}

/// From now on a signal that asks the program to end does so at once, with the exit code that `code` gives for its number.
/// Nothing else is done: for who has nothing to put right, and no thread to spare for it. `false`: it cannot be.
#[cfg(unix)]
pub fn exit_on_any(code: impl Fn(i32) -> u8) -> bool {
    let always = Arc::new(AtomicBool::new(true));
    [libc::SIGINT, libc::SIGTERM].into_iter().all(|number| {
        register_conditional_shutdown(number, i32::from(code(number)), Arc::clone(&always)).is_ok()
    })
}

/// From now on a signal ends the program as the system does it.
#[cfg(not(unix))]
pub fn exit_on_any(_code: impl Fn(i32) -> u8) -> bool {
    false
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
