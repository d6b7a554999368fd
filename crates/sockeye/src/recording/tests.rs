//! A recording that takes nothing for a while: sessions are read no further, and nothing of them is missing later.

use std::io::{ErrorKind, Write as _};
use std::net::TcpStream;
use std::sync::{Mutex, mpsc};
use std::thread;
use std::time::Instant;

use sockeye_core::endpoint::Secret;
use sockeye_core::{Event, Kind as What, Note, SessionId};
use sockeye_net::Front;
use sockeye_net::operator::Source as Lines;
use sockeye_record::Sink;

use super::*;
use crate::secrets::Want;
use crate::serve;
use crate::views::Watcher;

/// Tells where the server listens.
struct Stub(Mutex<mpsc::Sender<String>>);

impl Front for Stub {
    fn listening(&self, url: &str, _service: &str) {
        self.0.lock().unwrap().send(url.to_owned()).unwrap();
    }

    fn print(&self, _session: SessionId, _payload: &[u8]) {}

    fn is_blocked(&self) -> bool {
        false
    }

    fn note(&self, _session: SessionId, _note: &Note) {}

    fn fault(&self, _session: SessionId, _fault: &Fault) {}
}

impl Watcher for Stub {
    fn warning(&self, fault: &Fault) {
        panic!("{fault}");
    }

    fn secret(&self, _want: Want<'_>) -> Option<Secret> {
        None
    }
}

/// Takes nothing before it is let, then counts bytes of messages.
struct Gate(Option<mpsc::Receiver<()>>, Arc<Mutex<usize>>);

impl Sink for Gate {
    fn wants_wire(&self) -> bool {
        false
    }

    fn event(&mut self, event: &Event<'_>) -> Result<(), Fault> {
        if let Some(gate) = self.0.take() {
            gate.recv().unwrap();
        }
        if let What::Message { data, .. } = event.kind {
            *self.1.lock().unwrap() += data.len();
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Fault> {
        Ok(())
    }

    fn end(&mut self) -> Result<(), Fault> {
        Ok(())
    }
}

#[test]
fn a_recording_that_takes_nothing_holds_sessions_up_and_loses_nothing() {
    let (tell, told) = mpsc::channel();
    let (open, gate) = mpsc::channel();
    let heard = Arc::new(Mutex::new(0));
    let views = Views { watcher: Arc::new(Stub(Mutex::new(tell))), observer: None };
    let sink = Box::new(Gate(Some(gate), Arc::clone(&heard)));
    let targets = vec![Target { name: "gate".to_owned(), sink }];
    let report = Arc::new(Told(views.clone()));
    let recorder = Recorder::start(targets, WhenFull::Hold, 1 << 20, report);
    let recording = Recording::over(recorder, &views);
    let one = serve::One {
        endpoint: "tcp://127.0.0.1:0".to_owned(),
        service: "discard".to_owned(),
        args: Vec::new(),
    };
    let request = serve::Request {
        listeners: serve::Listeners::One(one),
        params: Vec::new(),
        bounds: vec![("once".to_owned(), "true".to_owned())],
        seed: 1,
        faults: Vec::new(),
        allow_exec: false,
        at_terminal: false,
    };
    let watched = recording.views().clone();
    let server = thread::spawn(move || serve::run(&request, || Lines::Stdin, &watched));
    let url = told.recv().unwrap();
    let mut peer = TcpStream::connect(url.strip_prefix("tcp://").unwrap()).unwrap();
    peer.set_nonblocking(true).unwrap();
    // What the sockets hold besides is some megabytes.
    let (chunk, most) = (vec![b'x'; 1 << 18], 100 << 20);
    let (mut sent, mut moved) = (0, Instant::now());
    while sent < most && moved.elapsed() < Duration::from_millis(300) {
        match peer.write(&chunk) {
            Ok(count) => (sent, moved) = (sent + count, Instant::now()),
            Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
        }
    }
    assert!(sent < most, "a recording that writes nothing took {sent} bytes");
    open.send(()).unwrap();
    drop(peer);
    server.join().unwrap().unwrap();
    recording.finish();
    assert_eq!(*heard.lock().unwrap(), sent);
}
