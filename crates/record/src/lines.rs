//! `FILE.jsonl`: events as lines of JSON, as `--json` shows them.

use sockeye_core::{Event, Fault};

use crate::file::Pages;
use crate::json;
use crate::sink::Sink;

/// Writes one line an event.
#[derive(Debug)]
pub struct Lines(Pages);

impl Lines {
    /// Writes to this file.
    pub const fn new(pages: Pages) -> Self {
        Self(pages)
    }
}

impl Sink for Lines {
    fn wants_wire(&self) -> bool {
        false
    }

    fn event(&mut self, event: &Event<'_>) -> Result<(), Fault> {
        self.0.push(json::event(event).as_bytes())
    }

    fn flush(&mut self) -> Result<(), Fault> {
        self.0.flush()
    }

    fn end(&mut self) -> Result<(), Fault> {
        self.0.flush()
    }
}
