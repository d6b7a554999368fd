//! Answers who asks for metrics, beside the server and within bounds of its own: whatever is done to it, sessions go on.

use std::cell::Cell;
use std::future::poll_fn;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use sockeye_core::{Code, Endpoint, Fault};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{sleep, timeout};

use crate::bind::{self, Sockets};
use crate::guard::Guard;
use crate::metrics::http::{self, HEAD, Request, Status};
use crate::metrics::{Snapshot, text};
use crate::shared::Shared;
use crate::stream::{Listener, Stream};

/// Connections at once; more are closed at once.
const MOST: usize = 16;

/// A request must be whole within this time.
const PATIENCE: Duration = Duration::from_secs(5);

/// An answer must be taken within this time.
const TAKEN: Duration = Duration::from_secs(5);

/// What still comes after the answer is discarded for this long and this much, so that it does not turn the answer into
/// an RST.
const LINGER: Duration = Duration::from_secs(1);
const LINGER_BYTES: usize = 64 * 1024;

/// How long to wait when nothing can be accepted.
const PAUSE: Duration = Duration::from_millis(200);

/// A bound place to ask for metrics at.
pub(crate) struct Responder {
    /// Where they are, for people.
    pub(crate) url: String,
    listeners: Vec<Listener>,
}

impl Responder {
    /// Takes the address. Needs the runtime that it will run on.
    pub(crate) fn bind(endpoint: &Endpoint) -> Result<Self, Fault> {
        let is_plain = endpoint.layers.is_empty() && matches!(endpoint.scheme.as_str(), "tcp" | "unix");
        let bound = if is_plain { Some(bind::bind(endpoint, 64)?) } else { None };
        let Some((url, Sockets::Streams(listeners))) = bound.map(|bound| (bound.url, bound.sockets)) else {
            let fault = Fault::new(Code::BadValue, "").arg("name", "metrics").arg("value", endpoint.bare());
            return Err(fault.detail("tcp://HOST:PORT, unix://PATH"));
        };
        let url = match url.strip_prefix("tcp://") {
            Some(place) => format!("http://{place}/metrics"),
            None => format!("{url} (GET /metrics)"),
        };
        Ok(Self { url, listeners })
    }

    /// Answers until the runtime ends.
    pub(crate) fn start(self, shared: &Arc<Shared>, guard: &Arc<Guard>) {
        let open = Rc::new(Cell::new(0));
        for listener in self.listeners {
            tokio::task::spawn_local(accept(
                listener,
                Arc::clone(shared),
                Arc::clone(guard),
                Rc::clone(&open),
            ));
        }
    }
}

async fn accept(listener: Listener, shared: Arc<Shared>, guard: Arc<Guard>, open: Rc<Cell<usize>>) {
    loop {
        match poll_fn(|cx| listener.poll_accept(cx)).await {
            Ok((stream, _)) if open.get() < MOST => {
                let place = Place::take(&open);
                let (shared, guard) = (Arc::clone(&shared), Arc::clone(&guard));
                tokio::task::spawn_local(async move {
                    // Whoever asks and goes away has had no need of the answer.
                    let _ = answer(stream, &shared, &guard).await;
                    drop(place);
                });
            }
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            Err(_) => sleep(PAUSE).await,
        }
    }
}

/// One of the few places; given up when dropped.
struct Place(Rc<Cell<usize>>);

impl Place {
    fn take(open: &Rc<Cell<usize>>) -> Self {
        open.set(open.get() + 1);
        Self(Rc::clone(open))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

async fn answer(mut stream: Stream, shared: &Shared, guard: &Guard) -> io::Result<()> {
    let Ok(request) = timeout(PATIENCE, request(&mut stream)).await else { return Ok(()) };
    let Some(request) = request? else { return Ok(()) };
    let bytes = match request {
        Request::Refused(status, body) => http::refused(status, body),
        Request::Metrics(body) => {
            let snapshot = shared.metrics.get().map(|metrics| Snapshot::of(metrics, shared, guard));
            match snapshot.and_then(text::write) {
                Some(text) => http::found(text::TYPE, &text, body),
                None => http::refused(Status::Failed, body),
            }
        }
    };
    let written = async {
        stream.write_all(&bytes).await?;
        stream.shutdown().await
    };
    let Ok(written) = timeout(TAKEN, written).await else { return Ok(()) };
    written?;
    let _ = timeout(LINGER, discard(&mut stream)).await;
    Ok(())
}

/// What is asked for; `None` if the asker has gone.
async fn request(stream: &mut Stream) -> io::Result<Option<Request>> {
    let mut head = Vec::with_capacity(1024);
    loop {
        let mut room = [0; 1024];
        let most = room.len().min(HEAD - head.len());
        let count = stream.read(&mut room[..most]).await?;
        if count == 0 {
            return Ok(None);
        }
        head.extend_from_slice(&room[..count]);
        if let Some(request) = http::read(&head) {
            return Ok(Some(request));
        }
    }
}

async fn discard(stream: &mut Stream) {
    let mut room = [0; 4096];
    let mut left = LINGER_BYTES;
    while let Ok(count) = stream.read(&mut room).await
        && count > 0
        && count < left
    {
        left -= count;
    }
}
