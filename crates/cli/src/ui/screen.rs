//! Lines for people: to stderr, or above the line that is being edited while an editor is open.

use std::io::Write;
use std::sync::Mutex;
use std::sync::mpsc::SyncSender;

/// Where lines for people go.
#[derive(Default)]
pub(crate) struct Screen {
    editor: Mutex<Option<SyncSender<String>>>,
}

impl Screen {
    /// From now on lines go above the editor's, as long as it is open.
    pub(crate) fn share_with(&self, editor: SyncSender<String>) {
        if let Ok(mut current) = self.editor.lock() {
            *current = Some(editor);
        }
    }

    /// Writes whole lines; `text` has no newline at its end.
    pub(crate) fn line(&self, text: &str) {
        if !self.above(text) {
            // Nobody can be told that stderr is closed.
            let _ = writeln!(std::io::stderr().lock(), "{text}");
        }
    }

    /// Writes `text` above the editor's line. `false`: there is no editor, or no more.
    pub(crate) fn above(&self, text: &str) -> bool {
        let Ok(mut current) = self.editor.lock() else { return false };
        match &*current {
            None => false,
            Some(editor) if editor.send(text.to_owned()).is_ok() => true,
            Some(_) => {
                *current = None;
                false
            }
        }
    }
}
