//! A WebSocket client that echoes: what the conformance suite tests the client's side by, see `tests/autobahn/run.py`.
//!
//! `ws_echo_client HOST:PORT AGENT` runs every case that the fuzzing server has, then asks it for its reports.

#![expect(clippy::print_stderr, reason = "an example speaks for itself")]

use std::process::ExitCode;
use std::sync::{Arc, Mutex};

use sockeye_core::{Conversation, Fault, Input, Limits, Note, Outbox, SessionId, Tick};
use sockeye_net::Front;
use sockeye_net::client::{self, Options};

/// The longest message, in bytes: the suite's are of 16 MiB.
const MESSAGE: usize = 64 << 20;

/// Answers each message with itself, and keeps what came if somebody wants it.
struct Echo {
    kept: Option<Arc<Mutex<Vec<u8>>>>,
}

impl Conversation for Echo {
    fn handle(&mut self, _now: Tick, input: Input<'_>, out: &mut Outbox) {
        match input {
            Input::Message { data, .. } => match &self.kept {
                Some(kept) => {
                    if let Ok(mut kept) = kept.lock() {
                        kept.extend_from_slice(data);
                    }
                }
                None => out.message(data),
            },
            Input::Eof { .. } => out.close(),
            _ => {}
        }
    }

    fn deadline(&self) -> Option<Tick> {
        None
    }
}

/// Nobody watches.
struct Quiet;

impl Front for Quiet {
    fn listening(&self, _url: &str, _service: &str) {}

    fn print(&self, _session: SessionId, _payload: &[u8]) {}

    fn is_blocked(&self) -> bool {
        false
    }

    fn note(&self, _session: SessionId, _note: &Note) {}

    fn fault(&self, _session: SessionId, _fault: &Fault) {}
}

fn talk(address: &str, path: &str, kept: Option<Arc<Mutex<Vec<u8>>>>) -> Result<(), Fault> {
    let mut endpoint: sockeye_core::Endpoint = format!("ws://{address}").parse()?;
    endpoint.params.set("path", path)?;
    let limits = Limits { message: MESSAGE, waiting_per_peer: 2 * MESSAGE, ..Limits::default() };
    let options = Options { endpoint, verb: "echo", limits, front: Arc::new(Quiet), observer: None };
    client::answer(options, Box::new(Echo { kept }))
}

fn run(address: &str, agent: &str) -> Result<(), Fault> {
    let kept = Arc::new(Mutex::new(Vec::new()));
    talk(address, "/getCaseCount", Some(Arc::clone(&kept)))?;
    let text = kept.lock().map(|kept| String::from_utf8_lossy(&kept).into_owned()).unwrap_or_default();
    let count: u32 = text.trim().parse().unwrap_or(0);
    eprintln!("{count} cases");
    for case in 1..=count {
        // Most cases end badly on purpose; the suite judges, not we.
        let _outcome = talk(address, &format!("/runCase?case={case}&agent={agent}"), None);
    }
    // The server writes its reports and ends, with or without a last word.
    let _outcome = talk(address, &format!("/updateReports?agent={agent}"), None);
    Ok(())
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [address, agent] = words.as_slice() else {
        eprintln!("usage: ws_echo_client HOST:PORT AGENT");
        return ExitCode::from(2);
    };
    match run(address, agent) {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            eprintln!("{fault}");
            ExitCode::FAILURE
        }
    }
}
