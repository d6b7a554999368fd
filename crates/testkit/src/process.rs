//! Processes that tests play: what `exec` starts on the memory driver.

use sockeye_core::{Conversation, Input, Outbox, Tick};

/// Starts `cat`, which says what it is told, or `true`, which ends at once. Any other command cannot be started.
pub fn start(command: &[String]) -> Option<Box<dyn Conversation>> {
    match command.first()?.as_str() {
        "cat" => Some(Box::new(Cat)),
        "true" => Some(Box::new(True)),
        _ => None,
    }
}

struct Cat;

impl Conversation for Cat {
    fn handle(&mut self, _now: Tick, input: Input<'_>, out: &mut Outbox) {
        match input {
            Input::Message { data, .. } => out.message(data),
            Input::Eof { .. } => out.close(),
            _ => {}
        }
    }

    fn deadline(&self) -> Option<Tick> {
        None
    }
}

struct True;

impl Conversation for True {
    fn handle(&mut self, _now: Tick, input: Input<'_>, out: &mut Outbox) {
        if let Input::Opened { .. } = input {
            out.close();
        }
    }

    fn deadline(&self) -> Option<Tick> {
        None
    }
}
