//! A person at a terminal: a line editor with history, on a thread of its own.

use std::borrow::Cow;
use std::fs::OpenOptions;
use std::io::BufRead;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::SyncSender;
use std::time::Duration;

use nix::sys::signal::{Signal, raise};
use nix::sys::termios::{SetArg, Termios, tcgetattr, tcsetattr};
use reedline::{
    ExternalPrinter, FileBackedHistory, Prompt, PromptEditMode, PromptHistorySearch, Reedline, Signal as Key,
};
use sockeye::{Source, Typed};

/// Lines kept in the history file.
const HISTORY: usize = 1000;

/// How often the editor looks for text to show above its line.
const LOOK: Duration = Duration::from_millis(30);

/// The terminal as it was found. A session may end while the editor has it in raw mode.
#[derive(Clone)]
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
    /// Text to show above the line. The channel holds none: what it takes is shown.
    pub(crate) above: SyncSender<String>,
    /// Set, it closes the editor.
    pub(crate) close: Arc<AtomicBool>,
}

impl Editor {
    /// Opens it. `history`: the file that keeps lines; `None` keeps none.
    pub(crate) fn open(history: Option<&Path>, colours: bool) -> Self {
        let printer = ExternalPrinter::new(0);
        let above = printer.sender();
        let close = Arc::new(AtomicBool::new(false));
        let mut editor = Reedline::create()
            .with_ansi_colors(colours)
            .with_external_printer(printer)
            .with_break_signal(Arc::clone(&close))
            .with_poll_interval(LOOK);
        let kept = history.and_then(|path| {
            private(path).ok()?;
            FileBackedHistory::with_file(HISTORY, path.to_owned()).ok()
        });
        if let Some(kept) = kept {
            editor = editor.with_history(Box::new(kept));
        }
        let (sender, source) = Source::channel();
        let found = Found::now();
        std::thread::spawn(move || {
            let end = edit(&mut editor, &|line| sender.blocking_send(Typed::Line(line.into())).is_ok());
            drop(editor);
            if end == End::Broken {
                // A terminal that answers no questions can still be typed at.
                found.restore();
                for line in std::io::stdin().lock().split(b'\n').map_while(Result::ok) {
                    if sender.blocking_send(Typed::Line(line)).is_err() {
                        return;
                    }
                }
            }
            // Nobody listening any more is no loss: the session is over.
            let _ = sender.blocking_send(Typed::Eof);
        });
        Self { source, above, close }
    }
}

/// Why no more lines come from the editor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// The person, or the session, is done.
    Done,
    /// The terminal cannot be edited on.
    Broken,
}

/// Gives each line to `line`, as long as somebody takes them.
fn edit(editor: &mut Reedline, line: &dyn Fn(&str) -> bool) -> End {
    loop {
        match editor.read_line(&Mark) {
            Ok(Key::Success(text)) if line(&text) => {}
            // In raw mode the terminal makes no signal of Ctrl-C.
            Ok(Key::CtrlC) => {
                let _ = raise(Signal::SIGINT);
            }
            Ok(_) => return End::Done,
            Err(_) => return End::Broken,
        }
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
