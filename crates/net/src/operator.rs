//! The person (or pipe) at stdin: lines for a client's conversation, or for a service that reads them.

use std::io::{BufRead, Read};
use std::sync::Arc;

use sockeye_core::{Code, Fault, Order, Said, Service, SessionId};
use tokio::sync::mpsc;

use crate::post::Letter;
use crate::world::World;

/// Lines typed ahead of the session; a pipe waits beyond it.
const AHEAD: usize = 256;

/// One thing the operator did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Typed {
    /// A line without its line ending.
    Line(Vec<u8>),
    /// Stdin has ended.
    Eof,
}

/// Where the operator's lines come from.
#[derive(Debug)]
pub enum Source {
    /// This process's stdin, line by line.
    Stdin,
    /// A line editor, or whoever holds the other end.
    Lines(mpsc::Receiver<Typed>),
}

impl Source {
    /// A channel for a line editor on a thread of its own.
    pub fn channel() -> (mpsc::Sender<Typed>, Self) {
        let (sender, receiver) = mpsc::channel(AHEAD);
        (sender, Self::Lines(receiver))
    }

    /// The lines. `longest` bounds one, in bytes; a longer one is delivered in parts.
    pub(crate) fn open(self, longest: usize) -> mpsc::Receiver<Typed> {
        match self {
            Self::Lines(receiver) => receiver,
            Self::Stdin => {
                let (sender, receiver) = mpsc::channel(AHEAD);
                std::thread::spawn(move || read_lines(&mut std::io::stdin().lock(), longest, &sender));
                receiver
            }
        }
    }
}

/// Reads lines until the end. Stdin has no readiness that works for files, pipes and terminals alike, hence a thread.
fn read_lines(from: &mut dyn BufRead, longest: usize, to: &mpsc::Sender<Typed>) {
    loop {
        let mut line = Vec::new();
        let mut limited = Read::take(&mut *from, longest as u64 + 1);
        match limited.read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => break,
            Ok(_) => {
                if line.last() == Some(&b'\n') {
                    line.pop();
                }
                if to.blocking_send(Typed::Line(line)).is_err() {
                    return;
                }
            }
        }
    }
    let _ = to.blocking_send(Typed::Eof);
}

/// Brings the operator's lines to the service that was heard last, and its orders to the sessions. All services hear of
/// the end.
pub(crate) async fn attend(world: &World, desks: &[Arc<dyn Service>], source: Source) {
    let mut lines = source.open(world.limits.message);
    let mut orders = Vec::new();
    while let Some(typed) = lines.recv().await {
        match &typed {
            Typed::Line(line) => match std::str::from_utf8(line) {
                Ok(line) => {
                    if let Some(desk) = desks.get(world.shared.desk()) {
                        desk.operator(Said::Line(line), &mut orders);
                    }
                }
                Err(error) => {
                    let fault = Fault::new(Code::Uncharted, "stdin")
                        .arg("character", format!("\\x{:02x}", line[error.valid_up_to()]))
                        .arg("charset", "UTF-8");
                    world.fault(SessionId::default(), &fault);
                }
            },
            Typed::Eof => {
                for desk in desks {
                    desk.operator(Said::Eof, &mut orders);
                }
            }
        }
        for order in orders.drain(..) {
            match order {
                Order::Tell(session, line) => world.tell(session, Letter::Command(line)),
                Order::Note(note) => world.note(SessionId::default(), &note),
            }
        }
        if typed == Typed::Eof {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_without_their_ending_and_long_ones_in_parts() {
        let (sender, mut receiver) = mpsc::channel(8);
        read_lines(&mut &b"one\n\nlonger"[..], 4, &sender);
        let mut seen = Vec::new();
        while let Ok(typed) = receiver.try_recv() {
            seen.push(typed);
        }
        let line = |text: &str| Typed::Line(text.into());
        assert_eq!(seen, [line("one"), line(""), line("longe"), line("r"), Typed::Eof]);
    }
}
