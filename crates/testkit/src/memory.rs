//! Examples on the memory driver.

use std::sync::Arc;

use sockeye_core::Framing;
use sockeye_script::Vars;
use sockeye_service::{Entry, Example, Given};

use crate::chunking::Chunking;
use crate::process;
use crate::stage::{Caller, Ending, Stage};
use crate::transcript::{Mismatch, Wire, run};

/// A peer on a [`Stage`], as a [`Wire`].
pub struct Memory {
    stage: Stage,
    caller: Caller,
    datagrams: bool,
    printed: Vec<u8>,
}

impl Memory {
    /// One peer of `stage`.
    pub fn new(mut stage: Stage, datagrams: bool) -> Self {
        let caller = if datagrams { stage.datagrams() } else { stage.connect() };
        Self { stage, caller, datagrams, printed: Vec::new() }
    }
}

impl Wire for Memory {
    fn send(&mut self, bytes: &[u8]) -> Result<(), String> {
        self.stage.send(self.caller, bytes);
        Ok(())
    }

    fn receive(&mut self, size: usize) -> Result<Vec<u8>, String> {
        if self.datagrams {
            return self.stage.datagram(self.caller).ok_or_else(|| "no datagram came".to_owned());
        }
        Ok(self.stage.take(self.caller, size))
    }

    fn fin(&mut self) -> Result<(), String> {
        self.stage.fin(self.caller);
        Ok(())
    }

    fn expect_eof(&mut self) -> Result<(), String> {
        let more = self.stage.received(self.caller);
        if !more.is_empty() {
            return Err(format!("wanted the end, came \"{}\"", more.escape_ascii()));
        }
        match self.stage.ended(self.caller) {
            Some(Ending::Fin) => Ok(()),
            other => Err(format!("wanted a FIN, saw {other:?}")),
        }
    }

    fn operator(&mut self, line: &str) -> Result<(), String> {
        self.stage.operator(line);
        Ok(())
    }

    fn print(&mut self, size: usize) -> Result<Vec<u8>, String> {
        self.printed.extend(self.stage.printed());
        let size = size.min(self.printed.len());
        Ok(self.printed.drain(..size).collect())
    }
}

/// Runs one example of a service in memory, its stream bytes arriving as `chunking` says.
pub fn run_in_memory(entry: &Entry, example: &Example, chunking: Chunking) -> Result<(), Mismatch> {
    let refused = |fault: sockeye_core::Fault| Mismatch { step: 0, what: fault.to_string() };
    let mut given = Given::read(entry, example.args).map_err(refused)?;
    if let (Some(path), Some(loads)) = (entry.file(&given), &entry.loads) {
        let program =
            sockeye_script::read(path, loads.example, &Vars::default(), &mut |path, _| Err(path.to_owned()));
        let mistakes = |errors| Mismatch { step: 0, what: format!("{errors:?}") };
        given.script = Some(Arc::new(program.map_err(mistakes)?));
    }
    let service = (entry.build)(&given).map_err(refused)?;
    let mut stage = Stage::new(service).chunked(chunking).spawning(process::start);
    if !example.framing.is_empty() {
        stage = stage.framed(Framing::parse(example.framing).map_err(refused)?);
    }
    run(example, &mut Memory::new(stage, example.datagrams))
}
