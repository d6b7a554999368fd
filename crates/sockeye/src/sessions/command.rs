//! A command line that says again what a client said: to be pasted into a shell.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use sockeye_core::{Direction, Endpoint, Fault, Kind, PEER, SessionId};
use sockeye_record::store::Store;
use sockeye_script::transcript::{Subject, as_client};
use sockeye_wire::Charset;
use sockeye_wire::notation::to_hex;

use super::export::Origin;

/// A line for each session, its end included. Where nothing was said, it only connects.
pub(super) fn lines(origin: &Origin) -> Result<Vec<String>, Fault> {
    // Sessions of several runs may have been seen from either side.
    let mut clients = BTreeMap::<SessionId, Option<String>>::new();
    if let Origin::Store(store, ids) = origin {
        for id in ids {
            clients.insert(SessionId(*id), told(store, *id)?);
        }
    }
    let mut sessions = BTreeMap::<SessionId, Said>::new();
    origin.events(|event| match event.kind {
        Kind::Accepted { transport, local, .. } => {
            sessions.entry(event.session).or_default().endpoint = format!("{transport}://{local}");
        }
        Kind::Connecting { leg: PEER, transport, remote } => {
            let said = sessions.entry(event.session).or_default();
            (said.endpoint, said.is_clients) = (format!("{transport}://{remote}"), true);
        }
        Kind::Message { leg: PEER, direction, data } => {
            sessions.entry(event.session).or_default().message(direction, data);
        }
        _ => {}
    })?;
    let line = |(session, said): (SessionId, Said)| {
        let told = clients.get(&session).cloned().flatten();
        command(&told.unwrap_or(said.endpoint), &said.asked, &said.replies)
    };
    Ok(sessions.into_iter().map(line).collect())
}

/// The endpoint that a client says a session of the store at, if it is known.
fn told(store: &Store, id: u64) -> Result<Option<String>, Fault> {
    Ok(match (store.subject(id)?, store.session(id)?) {
        (Subject::Client { endpoint: told } | Subject::Proxy { target: told }, _) => Some(told),
        (_, Some(session)) => {
            let listener = session.endpoint.parse().ok();
            listener.map(|listener| as_client(&listener, session.local.parse().ok()).to_string())
        }
        (_, None) => None,
    })
}

/// What was said in one session.
#[derive(Default)]
struct Said {
    endpoint: String,
    /// Whether we were the client.
    is_clients: bool,
    asked: Vec<Vec<u8>>,
    /// Messages that came between each of them and the next.
    replies: Vec<u64>,
}

impl Said {
    fn message(&mut self, direction: Direction, data: &[u8]) {
        if (direction == Direction::Out) == self.is_clients {
            self.asked.push(data.to_vec());
            self.replies.push(0);
        } else if let Some(count) = self.replies.last_mut() {
            *count += 1;
        }
    }
}

fn command(endpoint: &str, asked: &[Vec<u8>], replies: &[u64]) -> String {
    let url = quoted(endpoint);
    if asked.is_empty() {
        return format!("sockeye connect {url}\n");
    }
    let parsed = endpoint.parse::<Endpoint>().ok();
    let params = parsed.as_ref().map(|endpoint| &endpoint.params);
    let charset = params.and_then(|params| params.enc.as_deref()).and_then(|enc| Charset::parse(enc).ok());
    let marked = params.is_some_and(|params| params.frame.is_some_and(|frame| !frame.is_raw()));
    let mut line = format!("sockeye ask {url}");
    for message in asked {
        line.push(' ');
        line.push_str(&word(message, charset.unwrap_or_default()));
    }
    // What is said back counts as one reply, unless something marks messages.
    if let Some(most) = replies.iter().max().filter(|most| marked && **most > 1) {
        let _ = write!(line, " -n {most}");
    }
    line.push('\n');
    line
}

/// A message as `ask` takes it: as text where it is that and a shell shows it, otherwise as hex.
fn word(message: &[u8], charset: Charset) -> String {
    let text = charset.decode(message);
    let is_exact = charset.encode(&text).is_ok_and(|bytes| *bytes == *message);
    let is_plain = text.chars().all(|character| character == '\n' || !character.is_control());
    let is_read_otherwise =
        ["hex:", "b64:", "text:", "-"].iter().any(|start| text.starts_with(start)) || text.is_empty();
    if is_exact && is_plain && !is_read_otherwise && sockeye_wire::escape::is_safe(&text.replace('\n', "")) {
        return quoted(&text);
    }
    format!("hex:{}", to_hex(message))
}

/// A word that every shell reads as it is.
fn quoted(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"%+,-./:=@_".contains(&byte);
    if !text.is_empty() && text.bytes().all(is_plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(endpoint: &str, asked: &[&[u8]], replies: &[u64]) -> String {
        let asked: Vec<Vec<u8>> = asked.iter().map(|message| message.to_vec()).collect();
        command(endpoint, &asked, replies)
    }

    #[test]
    fn a_line_can_be_pasted() {
        for (line, made) in [
            ("sockeye connect tcp://127.0.0.1:1\n", made("tcp://127.0.0.1:1", &[], &[])),
            (
                "sockeye ask 'tcp://h:1?frame=line' PING 'a b' -n 2\n",
                made("tcp://h:1?frame=line", &[b"PING", b"a b"], &[1, 2]),
            ),
            ("sockeye ask tcp://h:1 'it'\\''s $HOME `x`'\n", made("tcp://h:1", &[b"it's $HOME `x`"], &[9])),
            (
                "sockeye ask tcp://h:1 'GET / HTTP/1.0\n\n'\n",
                made("tcp://h:1", &[b"GET / HTTP/1.0\n\n"], &[1]),
            ),
            (
                "sockeye ask tcp://h:1 hex:0d0a hex:1b5b hex:\n",
                made("tcp://h:1", &[b"\r\n", b"\x1b[", b""], &[]),
            ),
            (
                "sockeye ask tcp://h:1 hex:2d76 hex:6865783a hex:ff\n",
                made("tcp://h:1", &[b"-v", b"hex:", b"\xff"], &[]),
            ),
            (
                "sockeye ask 'udp://h:1?enc=gbk' '你好'\n",
                made("udp://h:1?enc=gbk", &[b"\xc4\xe3\xba\xc3"], &[]),
            ),
        ] {
            assert_eq!(line, made);
        }
    }
}
