//! `FILE.skt`: a conversation file that passes when it is played at once.

use sockeye_core::{Event, Fault};
use sockeye_script::transcript::{Options, Transcript};

use crate::file::Pages;
use crate::sink::Sink;

/// Writes steps as they happen.
#[derive(Debug)]
pub struct Script {
    pages: Pages,
    transcript: Transcript,
    text: String,
}

impl Script {
    /// Writes to this file.
    pub fn new(pages: Pages, options: Options) -> Self {
        Self { pages, transcript: Transcript::new(options), text: String::new() }
    }

    fn write(&mut self) -> Result<(), Fault> {
        let written = self.pages.push(self.text.as_bytes());
        self.text.clear();
        written
    }
}

impl Sink for Script {
    fn wants_wire(&self) -> bool {
        false
    }

    fn event(&mut self, event: &Event<'_>) -> Result<(), Fault> {
        self.transcript.event(event, &mut self.text);
        self.write()
    }

    /// What may still be joined with more waits for it: reads of a stream that are one step.
    fn flush(&mut self) -> Result<(), Fault> {
        self.pages.flush()
    }

    fn end(&mut self) -> Result<(), Fault> {
        self.transcript.end(&mut self.text);
        self.write()?;
        self.pages.flush()
    }
}
