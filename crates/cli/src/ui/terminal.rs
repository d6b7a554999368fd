//! A person at a terminal: a line editor with history, on a thread of its own.

use std::borrow::Cow;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use nix::sys::signal::{Signal, raise};
use nix::sys::termios::{SetArg, Termios, tcgetattr, tcsetattr};
use reedline::{
    Completer, CompletionResult, CompletionStatus, ExternalPrinter, FileBackedHistory, Prompt,
    PromptEditMode, PromptHistorySearch, Reedline, Signal as Key,
};
use sockeye::{Source, Typed};

/// Lines kept in the history file.
const HISTORY: usize = 1000;

/// Lines that may wait to be shown. A driver waits beyond it, which is how a terminal holds back a flood.
const WAITING: usize = 256;

/// How often the editor looks for text to show.
const LOOK: Duration = Duration::from_millis(10);

/// How long the end of the program waits for the editor to show what waits. A terminal that takes nothing is given up.
const CLOSE: Duration = Duration::from_secs(1);

/// The terminal as it was found. A session may end while the editor has it in raw mode.
pub(crate) struct Found(Option<Termios>);

impl Found {
    /// Remembers how the terminal is set.
    pub(crate) fn now() -> Self {
        Self(tcgetattr(std::io::stdin()).ok())
    }

    /// Sets it as it was.
    pub(crate) fn restore(&self) {
        if let Some(settings) = &self.0 {
            // A terminal that is gone needs no mending.
            let _ = tcsetattr(std::io::stdin(), SetArg::TCSANOW, settings);
        }
    }
}

/// An open editor: where its lines come from, and where to write above it.
pub(crate) struct Editor {
    /// The lines typed.
    pub(crate) source: Source,
    /// Text for the screen, while the editor has it.
    pub(crate) above: SyncSender<String>,
    /// Ends it.
    pub(crate) end: Ending,
}

/// Ends an editor once it has shown all that waits.
pub(crate) struct Ending {
    wanted: Arc<AtomicBool>,
    closed: Receiver<()>,
}

impl Ending {
    /// Ends it, and waits until it has left the terminal.
    pub(crate) fn close(&self) {
        self.wanted.store(true, Ordering::Release);
        // It may be closed already, or stuck in a terminal that takes nothing more.
        let _ = self.closed.recv_timeout(CLOSE);
    }
}

impl Editor {
    /// Opens it. `history`: the file that keeps lines; `None` keeps none.
    pub(crate) fn open(history: Option<&Path>, colours: bool) -> Self {
        let printer = ExternalPrinter::new(WAITING);
        let above = printer.sender();
        let (wanted, broken) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let last_look = LastLook { wanted: Arc::clone(&wanted), broken: Arc::clone(&broken), looked: false };
        let mut editor = Reedline::create()
            .with_ansi_colors(colours)
            .with_external_printer(printer)
            .with_poll_interval(LOOK)
            .with_break_signal(broken)
            .with_completer(Box::new(last_look));
        let kept = history.and_then(|path| {
            private(path).ok()?;
            FileBackedHistory::with_file(HISTORY, path.to_owned()).ok()
        });
        if let Some(kept) = kept {
            editor = editor.with_history(Box::new(kept));
        }
        let (sender, source) = Source::channel();
        let (left, closed) = sync_channel(1);
        std::thread::spawn(move || {
            loop {
                match editor.read_line(&Mark) {
                    Ok(Key::Success(line)) => {
                        // Kept at once: the program may end while the next line is typed.
                        let _ = editor.sync_history();
                        if sender.blocking_send(Typed::Line(line.into_bytes())).is_err() {
                            return;
                        }
                    }
                    // In raw mode the terminal makes no signal of Ctrl-C.
                    Ok(Key::CtrlC) => {
                        let _ = raise(Signal::SIGINT);
                    }
                    Ok(Key::ExternalBreak(_)) => {
                        // The next line on the terminal is the shell's; it has an arrow of its own.
                        let mut stdout = std::io::stdout().lock();
                        let _ = stdout.write_all(b"\r\x1b[K").and_then(|()| stdout.flush());
                        let _ = left.send(());
                        return;
                    }
                    _ => break,
                }
            }
            // Text that waits for the screen must not wait for an editor that is closed.
            drop(editor);
            let _ = sender.blocking_send(Typed::Eof);
        });
        Self { source, above, end: Ending { wanted, closed } }
    }
}

/// Breaks the editor off without losing text: the editor looks for a break before it looks for text, and asks its
/// completer after both. So once the end is wanted there is one more look for text, and then the break.
struct LastLook {
    wanted: Arc<AtomicBool>,
    broken: Arc<AtomicBool>,
    looked: bool,
}

impl Completer for LastLook {
    /// There is nothing to complete.
    fn complete(&mut self, _line: &str, _position: usize) -> CompletionResult {
        CompletionResult::fresh(Vec::new())
    }

    fn poll_completion(&mut self) -> CompletionStatus {
        if self.looked {
            self.broken.store(true, Ordering::Relaxed);
        }
        self.looked = self.wanted.load(Ordering::Acquire);
        CompletionStatus::Idle
    }
}

/// Makes the history file, for its owner alone: what is typed may be secret.
fn private(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
    if let Some(directory) = path.parent() {
        std::fs::create_dir_all(directory)?;
    }
    let file = OpenOptions::new().create(true).append(true).mode(0o600).open(path)?;
    file.set_permissions(std::fs::Permissions::from_mode(0o600))
}

/// Where the history is: `sockeye/history` in the XDG state directory.
pub(crate) fn history(variable: impl Fn(&str) -> Option<String>) -> Option<PathBuf> {
    let set = |name: &str| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let state = set("XDG_STATE_HOME").or_else(|| Some(set("HOME")?.join(".local/state")))?;
    Some(state.join("sockeye/history"))
}

/// The prompt: as little as possible.
struct Mark;

impl Prompt for Mark {
    fn render_prompt_left(&self) -> Cow<'_, str> {
        Cow::Borrowed("")
    }

    fn render_prompt_right(&self) -> Cow<'_, str> {
        Cow::Borrowed("")
    }

    fn render_prompt_indicator(&self, _mode: PromptEditMode) -> Cow<'_, str> {
        Cow::Borrowed("→ ")
    }

    fn render_prompt_multiline_indicator(&self) -> Cow<'_, str> {
        Cow::Borrowed("  ")
    }

    fn render_prompt_history_search_indicator(&self, search: PromptHistorySearch) -> Cow<'_, str> {
        Cow::Owned(format!("/{} ", search.term))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_history_is_in_the_state_directory() {
        let of = |name: &'static str, value: &'static str| {
            history(move |asked| (asked == name).then(|| value.to_owned()))
        };
        assert_eq!(of("XDG_STATE_HOME", "/s"), Some(PathBuf::from("/s/sockeye/history")));
        assert_eq!(of("HOME", "/h"), Some(PathBuf::from("/h/.local/state/sockeye/history")));
        assert_eq!(of("HOME", "relative"), None);
    }
}
