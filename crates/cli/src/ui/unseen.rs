//! Asks at the terminal for what is not to be seen there: passwords. Keys typed early are not seen either, and Ctrl-C leaves
//! the terminal as it was.

use std::fs::File;
use std::io::ErrorKind;
use std::time::Duration;

use nix::sys::signal::{SigSet, SigmaskHow, Signal};
use nix::sys::termios::{LocalFlags, SetArg, Termios, tcgetattr, tcsetattr};

/// How long an interrupted program may take to end; it takes a moment.
const ENDING: Duration = Duration::from_secs(5);

/// What makes a terminal show keys, or act on them.
const ACTS: LocalFlags =
    LocalFlags::ECHO.union(LocalFlags::ECHONL).union(LocalFlags::ICANON).union(LocalFlags::ISIG);

/// What is typed on the terminal of this process, up to Enter. `None`: it has none, or whoever sits there gave up.
pub(crate) fn typed(prompt: &str) -> Option<String> {
    // The library prompts first and stops the echo then: what is typed or pasted in between would be seen.
    let quiet = Quiet::begin()?;
    // On Ctrl-C it raises SIGINT, of which this process ends: not before the terminal is as it was.
    let before = SigSet::from(Signal::SIGINT).thread_swap_mask(SigmaskHow::SIG_BLOCK);
    let typed = rpassword::prompt_password(prompt);
    drop(quiet);
    if let Ok(before) = before {
        // It fails only for a mask that is none.
        let _ = before.thread_set_mask();
    }
    if typed.as_ref().is_err_and(|error| error.kind() == ErrorKind::Interrupted) {
        // The signal ends the program on another thread, which is not to be told meanwhile that a password is missing.
        std::thread::park_timeout(ENDING);
    }
    typed.ok()
}

/// A terminal that shows nothing of what is typed, until this is dropped.
struct Quiet {
    terminal: File,
    before: Termios,
}

impl Quiet {
    fn begin() -> Option<Self> {
        let terminal = File::open("/dev/tty").ok()?;
        let before = tcgetattr(&terminal).ok()?;
        let mut quiet = before.clone();
        quiet.local_flags.remove(ACTS);
        tcsetattr(&terminal, SetArg::TCSANOW, &quiet).ok()?;
        Some(Self { terminal, before })
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        // A terminal that is gone needs nothing.
        let _ = tcsetattr(&self.terminal, SetArg::TCSANOW, &self.before);
    }
}
