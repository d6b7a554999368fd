//! A person at a terminal: a line editor with history, on a thread of its own.

use std::borrow::Cow;
use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::sync::mpsc::SyncSender;

use nix::sys::signal::{Signal, raise};
use nix::sys::termios::{SetArg, Termios, tcgetattr, tcsetattr};
use reedline::{
    ExternalPrinter, FileBackedHistory, Prompt, PromptEditMode, PromptHistorySearch, Reedline, Signal as Key,
};
use sockeye::{Source, Typed};

/// Lines kept in the history file.
const HISTORY: usize = 1000;

/// Lines that may wait to be shown. A driver waits beyond it, which is how a terminal holds back a flood.
const WAITING: usize = 256;

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
}

impl Editor {
    /// Opens it. `history`: the file that keeps lines; `None` keeps none.
    pub(crate) fn open(history: Option<&Path>, colours: bool) -> Self {
        let printer = ExternalPrinter::new(WAITING);
        let above = printer.sender();
        let mut editor = Reedline::create().with_ansi_colors(colours).with_external_printer(printer);
        let kept = history.and_then(|path| {
            private(path).ok()?;
            FileBackedHistory::with_file(HISTORY, path.to_owned()).ok()
        });
        if let Some(kept) = kept {
            editor = editor.with_history(Box::new(kept));
        }
        let (sender, source) = Source::channel();
        std::thread::spawn(move || {
            loop {
                match editor.read_line(&Mark) {
                    Ok(Key::Success(line)) => {
                        if sender.blocking_send(Typed::Line(line.into_bytes())).is_err() {
                            return;
                        }
                    }
                    // In raw mode the terminal makes no signal of Ctrl-C.
                    Ok(Key::CtrlC) => {
                        let _ = raise(Signal::SIGINT);
                    }
                    _ => break,
                }
            }
            // Text that waits for the screen must not wait for an editor that is closed.
            drop(editor);
            let _ = sender.blocking_send(Typed::Eof);
        });
        Self { source, above }
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
