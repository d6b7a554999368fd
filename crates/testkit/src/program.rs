//! Programs that tests start: sockeye itself, and the programs it talks with.
//!
//! Every wait has an end ([`PATIENCE`]) and none of them sleeps: output is collected as it comes and wakes whoever
//! waits for it. A program sees a clean environment with a home directory of its own, so that no history, config file or
//! language of the machine changes what a test sees; it is killed when the test is done with it. Read [`Program`] first,
//! then [`Running`].

mod capture;
mod fixture;

use std::ffi::OsStr;
use std::fs::File;
use std::io::Write;
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;
use std::{env, thread};

use nix::pty::{OpenptyResult, Winsize, openpty};
use nix::sys::signal::kill;
use nix::unistd::Pid;

use self::capture::{Capture, Missing, Screen, holds};

pub use self::fixture::{Scratch, noise, place, quiet_address};
pub use nix::sys::signal::Signal;

/// How long a test waits for anything before it fails: far above what is needed, for busy machines.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// A program about to be started.
#[derive(Debug)]
pub struct Program {
    command: Command,
    home: Scratch,
    patience: Duration,
}

impl Program {
    /// The program at this path, or of this name. It runs in an empty directory of its own, which is its home too.
    pub fn new(path: impl AsRef<OsStr>) -> Self {
        let home = Scratch::new();
        let mut command = Command::new(path);
        command
            .env_clear()
            .env("PATH", env::var_os("PATH").unwrap_or_default())
            .env("LANG", "C.UTF-8")
            .env("TERM", "dumb")
            .env("PYTHONUNBUFFERED", "1")
            .env("HOME", home.path())
            .env("XDG_CONFIG_HOME", home.path().join("config"))
            .env("XDG_STATE_HOME", home.path().join("state"))
            .env("XDG_DATA_HOME", home.path().join("data"))
            .env("XDG_RUNTIME_DIR", home.path())
            .current_dir(home.path());
        Self { command, home, patience: PATIENCE }
    }

    /// Adds one argument.
    #[must_use]
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.command.arg(arg);
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<S: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.command.args(args);
        self
    }

    /// Sets a variable of the environment.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Waits this long instead of [`PATIENCE`].
    #[must_use]
    pub const fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// The directory the program runs in.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// Starts it with an open stdin; stdout and stderr are collected.
    ///
    /// # Panics
    /// If the program cannot be started: a test that needs it cannot run.
    pub fn start(mut self) -> Running {
        self.command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        self.spawn()
    }

    /// Starts it, feeds it `input` while it runs, then ends its stdin.
    ///
    /// # Panics
    /// As [`Program::start`].
    pub fn feed(self, input: impl Into<Vec<u8>>) -> Running {
        let mut running = self.start();
        let (stdin, input) = (running.stdin.take(), input.into());
        thread::spawn(move || {
            // A program that ends without reading its input is no failure of the test's making.
            let _ = stdin.map(|mut stdin| stdin.write_all(&input));
        });
        running
    }

    /// Runs it to its end with this input.
    ///
    /// # Panics
    /// As [`Program::start`], and if it does not end in time.
    pub fn run(self, input: impl Into<Vec<u8>>) -> Ended {
        self.feed(input).end()
    }

    /// Starts it on a terminal of 80 columns and 24 lines: stdin, stdout and stderr. What the screen is sent is
    /// collected as stdout (and as stderr, which a terminal does not tell apart); what the test types comes as keys.
    ///
    /// # Panics
    /// As [`Program::start`].
    pub fn start_on_terminal(mut self, term: &str) -> Running {
        let size = Winsize { ws_row: 24, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0 };
        let ends = openpty(Some(&size), None);
        let OpenptyResult { master, slave } = ends.unwrap_or_else(|error| panic!("no terminal: {error}"));
        let copy = |end: &OwnedFd| end.try_clone().unwrap_or_else(|error| panic!("no descriptor: {error}"));
        let (stdin, stdout) = (copy(&slave), copy(&slave));
        self.command.env("TERM", term).stdin(stdin).stdout(stdout).stderr(slave);
        let keys = File::from(copy(&master));
        let screen = Capture::of(Some(Screen { master: File::from(master) }));
        let mut running = self.spawn();
        running.stdin = Some(Box::new(keys));
        running.stdout = Arc::clone(&screen);
        running.stderr = screen;
        running
    }

    fn spawn(mut self) -> Running {
        let name = format!("{} {:?}", self.command.get_program().display(), self.command.get_args());
        let spawned = self.command.spawn();
        let mut child = spawned.unwrap_or_else(|error| panic!("{name} cannot be started: {error}"));
        let stdout = Capture::of(child.stdout.take());
        let stderr = Capture::of(child.stderr.take());
        let stdin = child.stdin.take().map(|stdin| Box::new(stdin) as Box<dyn Write + Send>);
        let pid = child.id();
        let (report, ended) = channel();
        thread::spawn(move || {
            let _ = child.wait().map(|status| report.send(status));
        });
        Running {
            name,
            pid,
            stdin,
            stdout,
            stderr,
            ended,
            status: None,
            patience: self.patience,
            home: self.home,
        }
    }
}

/// A program that runs. It is killed when dropped.
pub struct Running {
    name: String,
    pid: u32,
    stdin: Option<Box<dyn Write + Send>>,
    stdout: Arc<Capture>,
    stderr: Arc<Capture>,
    ended: Receiver<ExitStatus>,
    status: Option<ExitStatus>,
    patience: Duration,
    home: Scratch,
}

impl Running {
    /// Its process id.
    pub const fn id(&self) -> u32 {
        self.pid
    }

    /// The directory it runs in.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// The URL of its first ready line, `listening on URL` on stderr.
    ///
    /// # Panics
    /// If the line does not come in time.
    pub fn ready(&self) -> String {
        self.listeners(1).swap_remove(0)
    }

    /// The URLs of its first `count` ready lines.
    ///
    /// # Panics
    /// If they do not come in time.
    pub fn listeners(&self, count: usize) -> Vec<String> {
        let urls = |bytes: &[u8]| {
            let text = String::from_utf8_lossy(bytes).into_owned();
            let whole = text.rfind('\n').map_or("", |end| &text[..end]);
            let urls = whole.lines().filter_map(|line| Some(line.split_once("listening on ")?.1));
            let urls: Vec<String> =
                urls.filter_map(|rest| rest.split_whitespace().next()).map(str::to_owned).collect();
            (urls.len() >= count).then_some(urls)
        };
        self.wait(&self.stderr, &format!("{count} ready lines"), urls)
    }

    /// `HOST:PORT` of its first ready line.
    ///
    /// # Panics
    /// As [`Running::ready`].
    pub fn address(&self) -> String {
        place(&self.ready()).to_owned()
    }

    /// The first whole line of stdout, without its line ending.
    ///
    /// # Panics
    /// If it does not come in time.
    pub fn first_line(&self) -> String {
        self.wait(&self.stdout, "a line on stdout", |bytes| {
            let end = bytes.iter().position(|&byte| byte == b'\n')?;
            Some(String::from_utf8_lossy(&bytes[..end]).into_owned())
        })
    }

    /// Waits until stdout holds `wanted`.
    ///
    /// # Panics
    /// If it does not come in time.
    pub fn shows(&self, wanted: impl AsRef<[u8]>) {
        let wanted = wanted.as_ref();
        let what = format!("`{}` on stdout", wanted.escape_ascii());
        self.wait(&self.stdout, &what, |bytes| holds(bytes, wanted).then_some(()));
    }

    /// Waits until stdout holds `count` bytes, and returns what it holds.
    ///
    /// # Panics
    /// If they do not come in time.
    pub fn shows_bytes(&self, count: usize) -> Vec<u8> {
        let enough = |bytes: &[u8]| (bytes.len() >= count).then(|| bytes.to_vec());
        self.wait(&self.stdout, &format!("{count} bytes on stdout"), enough)
    }

    /// Waits until stderr holds `wanted`.
    ///
    /// # Panics
    /// If it does not come in time.
    pub fn says(&self, wanted: &str) {
        let what = format!("`{wanted}` on stderr");
        self.wait(&self.stderr, &what, |bytes| holds(bytes, wanted.as_bytes()).then_some(()));
    }

    /// Waits until `found` finds what it looks for on stderr.
    ///
    /// # Panics
    /// If it does not in time.
    pub fn says_what<T>(&self, what: &str, found: impl FnMut(&[u8]) -> Option<T>) -> T {
        self.wait(&self.stderr, what, found)
    }

    /// What stdout holds so far.
    pub fn shown(&self) -> Vec<u8> {
        self.stdout.lock().bytes.clone()
    }

    /// What stderr holds so far.
    pub fn said(&self) -> String {
        String::from_utf8_lossy(&self.stderr.lock().bytes).into_owned()
    }

    /// Writes to its stdin.
    ///
    /// # Panics
    /// If stdin has ended.
    pub fn types(&mut self, text: impl AsRef<[u8]>) {
        let name = &self.name;
        let stdin = self.stdin.as_mut().unwrap_or_else(|| panic!("{name}: stdin has ended"));
        let written = stdin.write_all(text.as_ref());
        written.unwrap_or_else(|error| panic!("{name} reads no more: {error}"));
    }

    /// Ends its stdin.
    pub fn end_input(&mut self) {
        self.stdin = None;
    }

    /// Sends it a signal, unless it has ended.
    pub fn signal(&mut self, signal: Signal) {
        if !self.has_ended()
            && let Ok(pid) = i32::try_from(self.pid)
        {
            // It may end between the question and the signal.
            let _ = kill(Pid::from_raw(pid), signal);
        }
    }

    /// Whether it has ended.
    pub fn has_ended(&mut self) -> bool {
        if self.status.is_none() {
            self.status = self.ended.try_recv().ok();
        }
        self.status.is_some()
    }

    /// Watches it for `time`.
    ///
    /// # Panics
    /// If it ends meanwhile.
    pub fn runs_on(&mut self, time: Duration) {
        match self.ended.recv_timeout(time) {
            Err(RecvTimeoutError::Timeout) => {}
            Ok(_) | Err(RecvTimeoutError::Disconnected) => self.fail("must go on, but it ended"),
        }
    }

    /// Ends its stdin and waits for its end.
    ///
    /// # Panics
    /// If it does not end in time.
    pub fn end(mut self) -> Ended {
        self.end_input();
        self.wait_end()
    }

    /// Waits for its end with stdin left open.
    ///
    /// # Panics
    /// If it does not end in time.
    pub fn ends_by_itself(mut self) -> Ended {
        self.wait_end()
    }

    /// As [`Running::ends_by_itself`]; the directory it ran in is there as long as the test keeps it.
    ///
    /// # Panics
    /// If it does not end in time.
    pub fn ends_with_its_home(mut self) -> (Ended, Scratch) {
        let ended = self.wait_end();
        (ended, std::mem::take(&mut self.home))
    }

    /// Asks it to stop (SIGTERM) and waits for its end.
    ///
    /// # Panics
    /// If it does not end in time.
    pub fn stop(mut self) -> Ended {
        self.signal(Signal::SIGTERM);
        self.wait_end()
    }

    fn wait_end(&mut self) -> Ended {
        if self.status.is_none() {
            self.status = self.ended.recv_timeout(self.patience).ok();
        }
        let Some(status) = self.status else { self.fail("does not end") };
        if !(self.stdout.closes(self.patience) && self.stderr.closes(self.patience)) {
            self.fail("has ended, but something it started still holds stdout or stderr");
        }
        Ended {
            name: self.name.clone(),
            code: status.code(),
            signal: status.signal(),
            stdout: self.shown(),
            stderr: self.said(),
        }
    }

    fn wait<T>(&self, capture: &Capture, what: &str, found: impl FnMut(&[u8]) -> Option<T>) -> T {
        match capture.wait(self.patience, found) {
            Ok(found) => found,
            Err(Missing::Ended) => self.fail(&format!("ended without {what}")),
            Err(Missing::Late) => self.fail(&format!("waited in vain for {what}")),
        }
    }

    fn fail(&self, why: &str) -> ! {
        panic!(
            "{}: {why}\n--- stdout ---\n{}\n--- stderr ---\n{}",
            self.name,
            abridged(&self.shown()),
            self.said()
        );
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.signal(Signal::SIGKILL);
    }
}

/// A program that has ended.
#[derive(Debug)]
pub struct Ended {
    name: String,
    /// Its exit code; `None` if a signal ended it.
    pub code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// All of stdout.
    pub stdout: Vec<u8>,
    /// All of stderr.
    pub stderr: String,
}

impl Ended {
    /// Its stdout as text, having ended with code 0.
    ///
    /// # Panics
    /// If it ended otherwise.
    pub fn ok(&self) -> String {
        self.with_code(0);
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// What it said on stderr, having ended with this code.
    ///
    /// # Panics
    /// If it ended otherwise.
    pub fn with_code(&self, code: i32) -> &str {
        assert!(
            self.code == Some(code),
            "{}: must exit {code}, but {:?} (signal {:?})\n--- stdout ---\n{}\n--- stderr ---\n{}",
            self.name,
            self.code,
            self.signal,
            abridged(&self.stdout),
            self.stderr
        );
        &self.stderr
    }
}

/// Enough of an output to understand a failure.
fn abridged(bytes: &[u8]) -> String {
    const SHOWN: usize = 2000;
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(SHOWN)]).into_owned();
    if bytes.len() > SHOWN { format!("{text}... ({} bytes)", bytes.len()) } else { text }
}
