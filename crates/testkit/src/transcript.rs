//! Running an example of the service registry, step by step, against whatever carries bytes.
//!
//! Memory and real sockets implement [`Wire`] and share [`run`], so that both are held to the same examples.

use std::fmt;

use sockeye_service::{Example, Step};

/// One peer's connection to a service, and the operator's terminal.
///
/// Every method says in its error what was seen instead; a wire that waits gives up after a time of its own.
pub trait Wire {
    /// Sends bytes, or one datagram.
    fn send(&mut self, bytes: &[u8]) -> Result<(), String>;

    /// Receives `size` bytes of a stream, or one datagram, whatever its length.
    fn receive(&mut self, size: usize) -> Result<Vec<u8>, String>;

    /// Sends FIN.
    fn fin(&mut self) -> Result<(), String>;

    /// Waits for the service's FIN. Bytes before it are an error.
    fn expect_eof(&mut self) -> Result<(), String>;

    /// Types a line as the operator.
    fn operator(&mut self, line: &str) -> Result<(), String>;

    /// Takes `size` bytes from the service's stdout.
    fn print(&mut self, size: usize) -> Result<Vec<u8>, String>;
}

/// A step that did not go as the example says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// Which step, counted from 1.
    pub step: usize,
    /// What was wanted and what was seen.
    pub what: String,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "step {}: {}", self.step, self.what)
    }
}

/// Runs every step of `example` against `wire`.
pub fn run(example: &Example, wire: &mut dyn Wire) -> Result<(), Mismatch> {
    for (at, step) in example.steps.iter().enumerate() {
        take(step, wire).map_err(|what| Mismatch { step: at + 1, what })?;
    }
    Ok(())
}

fn take(step: &Step, wire: &mut dyn Wire) -> Result<(), String> {
    match *step {
        Step::Send(bytes) => wire.send(bytes),
        Step::Expect(bytes) => same(bytes, &wire.receive(bytes.len())?),
        Step::ExpectSize(size) => {
            let came = wire.receive(size)?.len();
            if came == size { Ok(()) } else { Err(format!("wanted {size} bytes, {came} came")) }
        }
        Step::Fin => wire.fin(),
        Step::ExpectEof => wire.expect_eof(),
        Step::Operator(line) => wire.operator(line),
        Step::Print(bytes) => same(bytes, &wire.print(bytes.len())?),
    }
}

fn same(wanted: &[u8], came: &[u8]) -> Result<(), String> {
    if wanted == came {
        return Ok(());
    }
    Err(format!("wanted \"{}\", came \"{}\"", wanted.escape_ascii(), came.escape_ascii()))
}
