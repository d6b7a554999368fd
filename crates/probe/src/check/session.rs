//! A connection of its own, on which everything above TCP is tried: the endpoint's layers by the dialler that every other
//! use case has, then a request of HTTP or the server's first words.

use std::cell::RefCell;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::time::{Duration, Instant};

use sockeye_core::limits::Handshakes;
use sockeye_core::quantity::Span;
use sockeye_core::{Address, Code, Endpoint, Fault, Host, Kind, Place, Tls};
use sockeye_net::dial::{Conn, Options, Target};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use super::finding::{End, Page, Session, Spoke, Transfer};
use super::words::KEPT;
use crate::sockets::{Protocol, Sockets};

/// Bytes of a page that are read.
const PAGE: usize = 4 << 20;

/// Bytes of a head that are read, and its fields.
const HEAD: usize = 64 * 1024;
const FIELDS: usize = 128;

/// How long a server that need not speak first is waited for.
const WORDS: Duration = Duration::from_secs(1);

/// What to say on a connection.
#[derive(Clone, Debug)]
pub struct Talk {
    /// The endpoint, with its layers and what they need.
    pub endpoint: Endpoint,
    /// The name that was given for it, to ask for by TLS.
    pub name: Option<String>,
    /// A request in HTTP, whole; none where the server's first words are waited for.
    pub request: Option<Vec<u8>>,
}

/// What the dialler tells on its way.
#[derive(Default)]
struct Seen {
    ends: Option<(SocketAddr, SocketAddr)>,
    connected: Option<Duration>,
    tls: Option<(Duration, Tls)>,
}

impl Talk {
    /// Talks to an address until a moment.
    pub fn run(&self, to: SocketAddr, until: Instant) -> Session {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = match runtime {
            Ok(runtime) => runtime,
            Err(error) => {
                let fault = Fault::new(Code::Internal, "").detail(error);
                return Session { to: Some(to), fault: Some(fault), ..Session::default() };
            }
        };
        let session = runtime.block_on(self.talk(to, until));
        runtime.shutdown_background();
        session
    }

    async fn talk(&self, to: SocketAddr, until: Instant) -> Session {
        let began = Instant::now();
        let seen = RefCell::new(Seen::default());
        let mut session = Session { to: Some(to), ..Session::default() };
        let conn = self.dial(to, until, &seen).await;
        let Seen { ends, connected, tls } = seen.take();
        session.connected = connected;
        session.tls = tls;
        let mut stream = match conn {
            Ok(Conn::Stream(stream)) => stream,
            Ok(Conn::Datagram(_)) => return session,
            Err((fault, transfer)) => {
                session.fault = Some(fault);
                session.transfer = transfer;
                return session;
            }
        };
        let spoke = match &self.request {
            Some(request) => page(&mut stream, request, began, until).await,
            None => first_words(&mut stream, until).await,
        };
        if matches!(spoke, Spoke::Nothing(_)) || matches!(&spoke, Spoke::Http(page) if page.end != End::Whole)
        {
            session.transfer = ends.and_then(transfer);
        }
        session.spoke = Some(spoke);
        session
    }

    /// Connects and puts the layers on. A failure comes with what the kernel counted, where time ran out.
    async fn dial(
        &self,
        to: SocketAddr,
        until: Instant,
        seen: &RefCell<Seen>,
    ) -> Result<Conn, (Fault, Option<Transfer>)> {
        let began = Instant::now();
        let told = |kind: Kind<'_>| match kind {
            Kind::Connected { local: Address::Ip(local), remote: Address::Ip(remote), .. } => {
                let mut seen = seen.borrow_mut();
                seen.ends = Some((*local, *remote));
                seen.connected = Some(began.elapsed());
            }
            Kind::Tls { facts, .. } => seen.borrow_mut().tls = Some((began.elapsed(), facts.clone())),
            _ => {}
        };
        let endpoint = self.at(to);
        let target = Target::new(&endpoint).map_err(|fault| (fault, None))?;
        // Longer than we wait: it is here that time runs out, and the connection is looked at before it is given up.
        let left = until.saturating_duration_since(Instant::now());
        let patience = left + Duration::from_mins(1);
        let handshakes = Handshakes { tls: patience, header: patience, auth: patience };
        let options = Options { timeout: Some(patience), handshakes, ..Options::default() };
        let mut dialling = pin!(target.dial(options, &told));
        match timeout(left, &mut dialling).await {
            Ok(Ok(conn)) => Ok(conn),
            Ok(Err(fault)) => Err((fault, None)),
            Err(_) => {
                let ends = seen.borrow().ends;
                let has_tls = self.endpoint.layers.iter().any(|layer| layer == "tls");
                let is_other = |layer: &&String| *layer != "tls";
                let above = self.endpoint.layers.iter().find(is_other).map_or("", String::as_str);
                let layer = if has_tls && seen.borrow().tls.is_none() { "tls" } else { above };
                let code = if ends.is_some() { Code::HandshakeTimeout } else { Code::ConnectTimeout };
                let whole = Duration::from_millis(u64::try_from(left.as_millis()).unwrap_or(u64::MAX));
                let fault = Fault::new(code, "").arg("layer", layer).arg("after", Span(whole));
                Err((fault, ends.and_then(transfer)))
            }
        }
    }

    /// The endpoint at this address, asking for the name that it was found by.
    fn at(&self, to: SocketAddr) -> Endpoint {
        let mut endpoint = self.endpoint.clone();
        // A WebSocket asks for the host by name: there the name has to stay.
        if endpoint.layers.iter().any(|layer| layer == "ws") {
            return endpoint;
        }
        if let Place::Host { host, port, .. } = &mut endpoint.place {
            *port = to.port();
            if !matches!(host, Host::Zoned { .. }) {
                *host = Host::Ip(to.ip());
            }
        }
        if endpoint.layers.iter().any(|layer| layer == "tls") && endpoint.params.sni.is_none() {
            endpoint.params.sni.clone_from(&self.name.clone().filter(|name| name.parse::<IpAddr>().is_err()));
        }
        endpoint
    }
}

/// What the kernel counts of a connection of ours.
fn transfer((local, remote): (SocketAddr, SocketAddr)) -> Option<Transfer> {
    let socket = Sockets::open().ok()?.exact(Protocol::Tcp, local, remote).ok()??;
    let info = socket.tcp?;
    Some(Transfer {
        unacked: info.unacked,
        retransmits: info.total_retransmits,
        out_of_order: info.out_of_order.unwrap_or_default(),
        received: info.bytes_received.unwrap_or_default(),
    })
}

/// Waits for what the server says by itself.
async fn first_words(stream: &mut (impl AsyncReadExt + Unpin), until: Instant) -> Spoke {
    let patience = until.saturating_duration_since(Instant::now()).min(WORDS);
    let mut bytes = vec![0; KEPT];
    match timeout(patience, stream.read(&mut bytes)).await {
        Err(_) => Spoke::Nothing(patience),
        Ok(Ok(0)) => Spoke::Closed,
        Ok(Ok(length)) => {
            bytes.truncate(length);
            Spoke::Words(bytes)
        }
        Ok(Err(error)) => broken(&error),
    }
}

fn broken(error: &io::Error) -> Spoke {
    match error.kind() {
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionAborted => {
            Spoke::Reset
        }
        _ => Spoke::Closed,
    }
}

/// Sends a request and reads the answer.
async fn page(
    stream: &mut (impl AsyncReadExt + AsyncWriteExt + Unpin),
    request: &[u8],
    began: Instant,
    until: Instant,
) -> Spoke {
    let sent = Instant::now();
    let left = || until.saturating_duration_since(Instant::now());
    match timeout(left(), async { stream.write_all(request).await.and(stream.flush().await) }).await {
        Err(_) => return Spoke::Nothing(sent.elapsed()),
        Ok(Err(error)) => return broken(&error),
        Ok(Ok(())) => {}
    }
    let asked = began.elapsed();
    let mut answer = Answer::default();
    let mut bytes = vec![0; 16 * 1024];
    let ended = loop {
        match timeout(left(), stream.read(&mut bytes)).await {
            Err(_) => break End::Late,
            Ok(Err(error)) if broken(&error) == Spoke::Reset => break End::Rst,
            // An error is TLS without its close_notify: the answer's own framing says whether all is there.
            Ok(Ok(0) | Err(_)) => break End::Fin,
            Ok(Ok(length)) => {
                answer.push(&bytes[..length], began.elapsed());
                if answer.is_done() {
                    break End::Whole;
                }
            }
        }
    };
    answer.spoke(asked, sent.elapsed(), ended)
}

/// An answer in HTTP/1 while it comes (RFC 9112).
#[derive(Debug, Default)]
struct Answer {
    start: Vec<u8>,
    head: Option<Head>,
    body: u64,
    tail: Vec<u8>,
    first: Duration,
    last: Duration,
    is_other: bool,
}

#[derive(Debug)]
struct Head {
    status: u16,
    server: Option<String>,
    location: Option<String>,
    length: Option<u64>,
    chunked: bool,
}

impl Answer {
    fn push(&mut self, bytes: &[u8], now: Duration) {
        if self.start.is_empty() {
            self.first = now;
        }
        self.last = now;
        if self.head.is_some() {
            return self.count(bytes);
        }
        self.start.extend(bytes);
        let head = read_head(&self.start);
        match head {
            Ok(Some((head, length))) => {
                self.head = Some(head);
                let rest = self.start.split_off(length.min(self.start.len()));
                self.count(&rest);
            }
            Ok(None) if self.start.len() <= HEAD => {}
            _ => self.is_other = true,
        }
    }

    fn count(&mut self, bytes: &[u8]) {
        const TAIL: usize = 5;
        self.body += bytes.len() as u64;
        self.tail.extend(bytes.iter().skip(bytes.len().saturating_sub(TAIL)));
        let spare = self.tail.len().saturating_sub(TAIL);
        self.tail.drain(..spare);
    }

    fn is_done(&self) -> bool {
        let Some(head) = &self.head else { return self.is_other };
        let none = matches!(head.status, 100..=199 | 204 | 304);
        let ended = match (head.chunked, head.length) {
            // The last chunk, without trailers.
            (true, _) => self.tail.ends_with(b"0\r\n\r\n"),
            (false, length) => length.is_some_and(|length| self.body >= length),
        };
        none || ended || self.body >= PAGE as u64
    }

    fn spoke(mut self, asked: Duration, waited: Duration, ended: End) -> Spoke {
        let whole = self.is_done();
        let Some(head) = self.head else {
            return match (self.start.is_empty(), ended) {
                (true, End::Fin | End::Whole) => Spoke::Closed,
                (true, End::Rst) => Spoke::Reset,
                (true, End::Late) => Spoke::Nothing(waited),
                (false, _) => {
                    self.start.truncate(KEPT);
                    Spoke::Words(self.start)
                }
            };
        };
        let until_fin = head.length.is_none() && !head.chunked && ended == End::Fin;
        Spoke::Http(Page {
            status: head.status,
            server: head.server,
            location: head.location,
            asked,
            first: self.first,
            last: self.last,
            body: self.body,
            end: if whole || until_fin { End::Whole } else { ended },
        })
    }
}

/// The head of an answer and how long it is; `None` where more has to come, an error where it is no HTTP.
fn read_head(bytes: &[u8]) -> Result<Option<(Head, usize)>, httparse::Error> {
    let mut fields = [httparse::EMPTY_HEADER; FIELDS];
    let mut answer = httparse::Response::new(&mut fields);
    let httparse::Status::Complete(length) = answer.parse(bytes)? else { return Ok(None) };
    let text = |name: &str| {
        let field = answer.headers.iter().find(|field| field.name.eq_ignore_ascii_case(name));
        field.map(|field| String::from_utf8_lossy(field.value).trim().to_owned())
    };
    let chunked =
        text("transfer-encoding").is_some_and(|coding| coding.to_ascii_lowercase().contains("chunked"));
    let head = Head {
        status: answer.code.unwrap_or_default(),
        server: text("server"),
        location: text("location"),
        length: text("content-length").and_then(|length| length.parse().ok()),
        chunked,
    };
    Ok(Some((head, length)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(parts: &[&[u8]], ended: End) -> Spoke {
        let mut answer = Answer::default();
        for (at, part) in (1..).zip(parts) {
            answer.push(part, Duration::from_millis(at));
        }
        answer.spoke(Duration::ZERO, Duration::from_secs(1), ended)
    }

    fn page(spoke: &Spoke) -> (u16, u64, End) {
        let Spoke::Http(page) = spoke else { panic!("{spoke:?}") };
        (page.status, page.body, page.end)
    }

    #[test]
    fn a_page_is_whole_when_its_framing_says_so() {
        let sized = answered(&[b"HTTP/1.1 200 OK\r\nContent-Le", b"ngth: 5\r\n\r\nhel", b"lo"], End::Late);
        assert_eq!(page(&sized), (200, 5, End::Whole));
        let cut = answered(&[b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhel"], End::Fin);
        assert_eq!(page(&cut), (200, 3, End::Fin));
        let reset = answered(&[b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhel"], End::Rst);
        assert_eq!(page(&reset), (200, 3, End::Rst));
        let chunked = answered(
            &[b"HTTP/1.1 404 No\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", b"0\r", b"\n\r\n"],
            End::Late,
        );
        assert_eq!(page(&chunked).2, End::Whole);
        let bare: &[&[u8]] = &[b"HTTP/1.0 200 OK\r\n\r\nabc"];
        assert_eq!(page(&answered(bare, End::Fin)).2, End::Whole);
        assert_eq!(page(&answered(bare, End::Late)).2, End::Late);
    }

    #[test]
    fn what_is_no_answer_is_told_apart() {
        assert_eq!(answered(&[b"SSH-2.0-x\r\n"], End::Late), Spoke::Words(b"SSH-2.0-x\r\n".to_vec()));
        assert_eq!(answered(&[], End::Fin), Spoke::Closed);
        assert_eq!(answered(&[], End::Rst), Spoke::Reset);
        assert_eq!(answered(&[], End::Late), Spoke::Nothing(Duration::from_secs(1)));
    }
}
