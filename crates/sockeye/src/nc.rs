//! `nc`: netcat's letters meaning what they mean in OpenBSD's netcat, for those who have them in their fingers.
//!
//! Where that netcat only says "non-zero", the exit codes are sockeye's own.

use std::net::IpAddr;
use std::time::Duration;

use sockeye_core::endpoint::{Endpoint, Params, Place, Secrets};
use sockeye_core::quantity::Span;
use sockeye_core::{
    Code, Conversation, Fault, Input, Note, OPERATOR, Outbox, PEER, Peer, Service, SessionId, Tick,
};
use sockeye_net::End;
use sockeye_net::client::{self, Options};
use sockeye_net::server::{self, Listener, Server};
use sockeye_wire::charset::Charset;

use crate::bounds::{Bounds, bad_value};
use crate::shown::Shown;
use crate::talk::{AtEof, Eol, Manner, Talk};
use crate::typing;
use crate::views::Views;

/// Words that stdin has already, or is about to have, are sent even when the peer was first to end.
const AHEAD: Duration = Duration::from_millis(100);

/// How long a UDP port is given to say that nobody listens.
const PROBE: Duration = Duration::from_secs(1);

/// Which addresses are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// `-4`.
    Four,
    /// `-6`.
    Six,
}

/// The letters and words.
#[derive(Clone, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is one letter, there or not")]
pub struct Request {
    /// `-l`.
    pub listen: bool,
    /// `-u`.
    pub udp: bool,
    /// `-U`.
    pub unix: bool,
    /// `-k`.
    pub keep: bool,
    /// `-N`.
    pub finish: bool,
    /// `-q SECS`; it implies `-N`, as Debian's does.
    pub quit: Option<Duration>,
    /// `-w SECS`.
    pub wait: Option<Duration>,
    /// `-z`.
    pub zero: bool,
    /// `-n`.
    pub numeric: bool,
    /// `-p PORT`.
    pub local_port: Option<String>,
    /// `-s ADDR`.
    pub source: Option<String>,
    /// `-4` or `-6`.
    pub family: Option<Family>,
    /// Host and port; see [`run`].
    pub words: Vec<String>,
    /// `-v`: tell of each port.
    pub verbose: bool,
    /// Bounds.
    pub bounds: Bounds,
}

/// Does what netcat would. Words are `HOST PORT`, with `-l` also `PORT` alone or none with `-p`, with `-U` a path; with
/// `-z` the port may be a range `FIRST-LAST`.
pub fn run(request: &Request, views: &Views) -> Result<End, Fault> {
    let (host, ports) = place(request)?;
    if request.listen {
        let port = ports.first().map_or(0, |port| *port);
        return listen(request, &host, port, views);
    }
    let mut last = None;
    let mut open = false;
    for port in ports {
        let endpoint = target(request, &host, port)?;
        match one(request, endpoint, views) {
            Ok(()) if !request.zero => return Ok(End::Done),
            Ok(()) => {
                tell(request, &host, port, None, views);
                open = true;
            }
            Err(fault) if request.zero => {
                tell(request, &host, port, Some(&fault), views);
                last = Some(fault);
            }
            Err(fault) => return Err(fault),
        }
    }
    match last {
        Some(fault) if !open => Err(fault),
        _ => Ok(End::Done),
    }
}

/// The host (or path) and the ports that the words name.
fn place(request: &Request) -> Result<(String, Vec<u16>), Fault> {
    let mut words: Vec<&str> = request.words.iter().map(String::as_str).collect();
    if request.listen && !request.unix {
        words.extend(request.local_port.as_deref());
    }
    let usage = |what: &str, name: &str| Fault::new(Code::Usage, "nc").arg("what", what).arg("name", name);
    match (request.unix, request.listen, &words[..]) {
        (_, _, [_, _, extra, ..]) | (true, _, [_, extra]) => Err(usage("extra", extra)),
        (true, _, [path]) => Ok(((*path).to_owned(), vec![0])),
        (false, true, [port]) => {
            let host = request.source.clone().unwrap_or_default();
            Ok((host, vec![port_of(port)?]))
        }
        (false, true, [host, port]) => Ok(((*host).to_owned(), vec![port_of(port)?])),
        (false, false, [host, ports]) => {
            if request.numeric && host.parse::<IpAddr>().is_err() {
                return Err(Fault::new(Code::Unresolved, "nc -n").arg("name", host));
            }
            Ok(((*host).to_owned(), ports_of(ports)?))
        }
        (true, _, _) => Err(usage("missing", "PATH")),
        (false, false, []) => Err(usage("missing", "HOST")),
        (false, ..) => Err(usage("missing", "PORT")),
    }
}

fn port_of(word: &str) -> Result<u16, Fault> {
    word.parse().map_err(|_| Fault::new(Code::BadPort, "nc").arg("port", word))
}

/// One port, or `FIRST-LAST`.
fn ports_of(word: &str) -> Result<Vec<u16>, Fault> {
    let Some((first, last)) = word.split_once('-') else { return Ok(vec![port_of(word)?]) };
    let (first, last) = (port_of(first)?, port_of(last)?);
    Ok((first.min(last)..=first.max(last)).collect())
}

/// The endpoint to connect to.
fn target(request: &Request, host: &str, port: u16) -> Result<Endpoint, Fault> {
    let literal = host.trim_matches(['[', ']']).parse::<IpAddr>().ok();
    if let (Some(ip), Some(family)) = (literal, request.family)
        && ip.is_ipv6() != (family == Family::Six)
    {
        return Err(Fault::new(Code::Unresolved, "nc").arg("name", host));
    }
    let mut endpoint = endpoint(request, host, port)?;
    if let Some(bind) = source(request)? {
        endpoint.params.set("bind", &bind)?;
    }
    if let Some(wait) = request.wait {
        endpoint.params.set("timeout", &Span(wait).to_string())?;
        endpoint.params.set("idle", &Span(wait).to_string())?;
    }
    Ok(endpoint)
}

fn endpoint(request: &Request, host: &str, port: u16) -> Result<Endpoint, Fault> {
    let scheme = match (request.unix, request.udp) {
        (false, false) => "tcp",
        (false, true) => "udp",
        (true, false) => "unix",
        (true, true) => "unixgram",
    };
    if request.unix {
        let place = Place::Path(host.to_owned());
        return Ok(Endpoint {
            layers: Vec::new(),
            scheme: scheme.to_owned(),
            place,
            params: Params::default(),
            secrets: Secrets::default(),
        });
    }
    let any = match request.family {
        None => "any",
        Some(Family::Four) => "0.0.0.0",
        Some(Family::Six) => "[::]",
    };
    let host = match host {
        "" => any.to_owned(),
        _ if host.contains(':') && !host.starts_with('[') => format!("[{host}]"),
        _ => host.to_owned(),
    };
    format!("{scheme}://{host}:{port}").parse()
}

/// The address to connect from. An address of one family leaves only peers of that family.
fn source(request: &Request) -> Result<Option<String>, Fault> {
    let six = request.family == Some(Family::Six);
    let any = if six { "::" } else { "0.0.0.0" };
    let address = match (&request.source, &request.local_port, request.family) {
        (None, None, None) => return Ok(None),
        (Some(source), ..) => source.as_str(),
        (None, ..) => any,
    };
    let ip: IpAddr = address.parse().map_err(|_| bad_value("-s", address))?;
    let Some(port) = &request.local_port else { return Ok(Some(ip.to_string())) };
    Ok(Some(std::net::SocketAddr::new(ip, port_of(port)?).to_string()))
}

/// One connection: a talk, or with `-z` only a look.
fn one(request: &Request, endpoint: Endpoint, views: &Views) -> Result<(), Fault> {
    let options = Options {
        verb: "nc",
        endpoint,
        limits: request.bounds.limits.clone(),
        front: views.front(),
        observer: views.observer.clone(),
    };
    if request.zero {
        return client::run(options, Box::new(Look { datagrams: request.udp, until: None }), None);
    }
    let talk = talk(at_eof(request), OPERATOR, request.udp);
    match client::run(options, Box::new(talk), Some(typing::pieces())) {
        // That netcat takes silence after `-w` for a plain end.
        Err(fault) if fault.code == Code::Idle => Ok(()),
        outcome => outcome,
    }
}

fn at_eof(request: &Request) -> AtEof {
    match (request.quit, request.finish) {
        (Some(after), _) => AtEof::FinishAndQuit(after),
        (None, true) => AtEof::Finish,
        (None, false) => AtEof::Stay,
    }
}

fn talk(at_eof: AtEof, from: u8, datagrams: bool) -> Talk {
    let charset = Charset::default();
    let manner = Manner {
        eol: Eol::None,
        charset,
        hex: false,
        datagrams,
        pieces: true,
        forgiving: false,
        at_eof,
        patience: AHEAD,
        from,
    };
    Talk::new(manner, Shown::new(charset, false, false))
}

fn listen(request: &Request, host: &str, port: u16, views: &Views) -> Result<End, Fault> {
    let mut endpoint = endpoint(request, host, port)?;
    if let Some(wait) = request.wait {
        endpoint.params.set("idle", &Span(wait).to_string())?;
    }
    let mut server = Server::new(server::Options {
        limits: request.bounds.limits.clone(),
        max_sessions: if request.keep { None } else { Some(1) },
        operator: None,
        front: views.front(),
        observer: views.observer.clone(),
    })?;
    let service = std::sync::Arc::new(Answering(at_eof(request)));
    server.bind(Listener { endpoint, name: "nc".to_owned(), service })?;
    server.run()
}

fn tell(request: &Request, host: &str, port: u16, fault: Option<&Fault>, views: &Views) {
    if !request.verbose {
        return;
    }
    let note = Note::new(if fault.is_none() { "nc-open" } else { "nc-shut" });
    let transport = if request.udp { "udp" } else { "tcp" };
    let note = note.arg("host", host).arg("port", port).arg("transport", transport);
    let note = fault.map_or(note.clone(), |fault| note.arg("why", fault.code.word()));
    views.watcher.note(SessionId::default(), &note);
}

/// `-l`: each caller talks with stdin and stdout.
struct Answering(AtEof);

/// The leg that stdin is opened as. A server's operator speaks text; netcat passes bytes.
const STDIN: u8 = 1;

impl Service for Answering {
    fn start(&self, peer: &Peer) -> Box<dyn Conversation> {
        Box::new(talk(self.0, STDIN, peer.datagrams))
    }
}

/// `-z`: connects, and leaves. A UDP port must be asked something before it can say that nobody listens.
struct Look {
    datagrams: bool,
    until: Option<Tick>,
}

impl Conversation for Look {
    fn handle(&mut self, now: Tick, input: Input<'_>, out: &mut Outbox) {
        match input {
            Input::Opened { leg: PEER } if self.datagrams => {
                out.message(b"X");
                self.until = Some(now + PROBE);
            }
            _ => out.close(),
        }
    }

    fn deadline(&self) -> Option<Tick> {
        self.until
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[&str]) -> Request {
        Request { words: words.iter().map(|word| (*word).to_owned()).collect(), ..Request::default() }
    }

    #[test]
    fn host_and_port_stand_where_netcat_has_them() {
        assert_eq!(place(&words(&["h", "1"])).unwrap(), ("h".to_owned(), vec![1]));
        assert_eq!(place(&words(&["h", "7-5"])).unwrap().1, [5, 6, 7]);
        let listen = Request { listen: true, ..words(&["9"]) };
        assert_eq!(place(&listen).unwrap(), (String::new(), vec![9]));
        let port = Request { listen: true, local_port: Some("9".to_owned()), ..words(&[]) };
        assert_eq!(place(&port).unwrap(), (String::new(), vec![9]));
        let source = Request { source: Some("127.0.0.2".to_owned()), ..port };
        assert_eq!(place(&source).unwrap(), ("127.0.0.2".to_owned(), vec![9]));
        let unix = Request { unix: true, ..words(&["/run/x"]) };
        assert_eq!(place(&unix).unwrap().0, "/run/x");
    }

    #[test]
    fn slips_have_their_codes() {
        assert_eq!(place(&words(&["h"])).unwrap_err().value("name"), "PORT");
        assert_eq!(place(&words(&["h", "1", "2"])).unwrap_err().value("what"), "extra");
        assert_eq!(place(&words(&["h", "70000"])).unwrap_err().code, Code::BadPort);
        let numeric = Request { numeric: true, ..words(&["h", "1"]) };
        assert_eq!(place(&numeric).unwrap_err().code, Code::Unresolved);
    }

    #[test]
    fn letters_become_an_endpoint() {
        let udp = Request { udp: true, wait: Some(Duration::from_secs(3)), ..words(&[]) };
        let endpoint = target(&udp, "::1", 53).unwrap();
        assert_eq!(endpoint.scheme, "udp");
        assert_eq!(endpoint.params.timeout, Some(Duration::from_secs(3)));
        let from = Request { local_port: Some("77".to_owned()), ..words(&[]) };
        assert_eq!(source(&from).unwrap().unwrap(), "0.0.0.0:77");
        let six = Request { family: Some(Family::Six), ..words(&[]) };
        assert_eq!(source(&six).unwrap().unwrap(), "::");
        let four = Request { family: Some(Family::Four), ..words(&[]) };
        assert_eq!(target(&four, "::1", 1).unwrap_err().code, Code::Unresolved);
        assert!(source(&Request { source: Some("x".to_owned()), ..words(&[]) }).is_err());
    }

    #[test]
    fn the_end_of_stdin_means_what_it_means_there() {
        assert_eq!(at_eof(&words(&[])), AtEof::Stay);
        assert_eq!(at_eof(&Request { finish: true, ..words(&[]) }), AtEof::Finish);
        let quit = Request { quit: Some(Duration::from_secs(2)), ..words(&[]) };
        assert_eq!(at_eof(&quit), AtEof::FinishAndQuit(Duration::from_secs(2)));
    }
}
