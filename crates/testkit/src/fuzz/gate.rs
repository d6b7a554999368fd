//! Handshakes: the same bytes come to the same however they are cut, nothing is kept beyond the bound, one that is over
//! says and keeps nothing more, and bytes that nobody computed let nobody in.

use std::fmt::Debug;
use std::sync::{Arc, LazyLock};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use sockeye_wire::auth::{self, Authenticated, Credential, LINE_MAX, Mechanism, Server, Token, Users};
use sockeye_wire::proxy::{self, Accept, Header, Reader, V2_MAX, Version};
use sockeye_wire::scram::{ChannelBinding, DecoySecret, Name, Nonce, Password, Verifier};
use sockeye_wire::via::{self, HEAD_MAX, Http, Login, Socks, Target};
use sockeye_wire::{Gate, Handshake};

use super::{Cuts, head};

/// The longest message of a SOCKS proxy: head, length, a name of 255 bytes, port (RFC 1928 section 6).
const SOCKS_MAX: usize = 4 + 1 + 255 + 2;

/// A challenge that asks for more work than this is left out: what the client does then is known, and slow.
const WORK_MAX: u64 = 8192;

/// What some bytes came to.
#[derive(Debug, PartialEq, Eq)]
struct Run<T> {
    outcome: Result<Option<T>, String>,
    used: usize,
    out: Vec<u8>,
}

/// What a refusal says however the bytes were cut: all but the peer's first bytes, of which more or fewer have come.
trait Said {
    fn said(&self) -> String;
}

impl Said for auth::Refusal {
    fn said(&self) -> String {
        if let Self::Foreign { .. } = self { "foreign".into() } else { self.to_string() }
    }
}

impl Said for proxy::Refusal {
    fn said(&self) -> String {
        if let Self::Absent { .. } = self { "absent".into() } else { self.to_string() }
    }
}

impl Said for via::Refusal {
    fn said(&self) -> String {
        if let Self::Foreign { .. } = self { "foreign".into() } else { self.to_string() }
    }
}

/// Feeds a machine the bytes in these chunks.
fn feed<H: Handshake<Refusal: Said>>(
    mut machine: H,
    bytes: &[u8],
    cuts: Cuts<'_>,
    max: usize,
) -> Run<H::Outcome> {
    let mut run = Run { outcome: Ok(None), used: 0, out: Vec::new() };
    machine.start(&mut run.out);
    let mut over = false;
    cuts.each(bytes, |chunk| {
        let before = run.out.len();
        let fed = machine.bytes(chunk, &mut run.out);
        assert!(machine.held() <= max, "{} bytes are held, over {max}", machine.held());
        if over {
            assert!(fed.is_err(), "it goes on after its end");
            assert_eq!(run.out.len(), before, "it speaks after its end");
            return;
        }
        match fed {
            Ok(Gate::More) => run.used += chunk.len(),
            Ok(Gate::Done { used, outcome }) => {
                assert!(used <= chunk.len(), "it used more than there was");
                run.used += used;
                run.outcome = Ok(Some(outcome));
                over = true;
            }
            Err(refusal) => {
                run.used = 0;
                run.outcome = Err(refusal.said());
                over = true;
            }
        }
        assert!(!over || machine.held() == 0, "it keeps bytes after its end");
    });
    // Whatever has come, the end of the stream is an answer.
    let _ = machine.end().said();
    run
}

/// Feeds them whole, then as `sizes` say: both come to the same.
fn same<H>(make: impl Fn() -> H, bytes: &[u8], sizes: &[u8], max: usize) -> Run<H::Outcome>
where
    H: Handshake<Refusal: Said, Outcome: Debug + PartialEq>,
{
    let whole = feed(make(), bytes, Cuts::whole(), max);
    let cut = feed(make(), bytes, Cuts::new(sizes), max);
    assert_eq!(whole, cut, "cutting changes what comes of it");
    whole
}

const SERVER_NONCE: [u8; 18] = [1; 18];
const CLIENT_NONCE: [u8; 18] = [2; 18];
const BINDING: ChannelBinding = ChannelBinding([0xcb; 32]);

fn name(text: &str) -> Name {
    Name::new(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn password() -> Password {
    Password::new("pencil").unwrap_or_else(|error| panic!("{error}"))
}

/// alice has the password `pencil`, robot a token, 林 another password of other strength.
static USERS: LazyLock<Arc<Users>> = LazyLock::new(|| {
    let mut users = Users::default();
    users.set_password(name("alice"), Verifier::derive(&password(), &[5; 16], 4096));
    users.set_password(name("林"), Verifier::derive(&password(), &[6; 16], 4097));
    users.set_token(name("robot"), Token::from_random([7; 32]).digest());
    Arc::new(users)
});

fn server(binding: Option<ChannelBinding>) -> Server {
    let (secret, nonce) = (DecoySecret::new([3; 32]), Nonce::from_random(SERVER_NONCE));
    Server::new(Arc::clone(&USERS), secret, nonce, binding)
}

fn client(credential: &Credential, binding: Option<ChannelBinding>) -> auth::Client {
    auth::Client::new(credential.clone(), Nonce::from_random(CLIENT_NONCE), binding)
}

/// What a client that knows the password says to [`server`], by whether TLS is below; then what the server says to it.
static MET: LazyLock<[(Vec<u8>, Vec<u8>); 2]> = LazyLock::new(|| [None, Some(BINDING)].map(meet));

fn meet(binding: Option<ChannelBinding>) -> (Vec<u8>, Vec<u8>) {
    let credential = Credential::Password(name("alice"), password());
    let (mut server, mut client) = (server(binding), client(&credential, binding));
    let (mut from_client, mut from_server) = (Vec::new(), Vec::new());
    server.start(&mut from_server);
    let (mut heard_by_client, mut heard_by_server) = (0, 0);
    loop {
        let news = from_server[heard_by_client..].to_vec();
        heard_by_client = from_server.len();
        let told = client.bytes(&news, &mut from_client);
        assert!(told.is_ok(), "the client refuses a server that knows it");
        let news = from_client[heard_by_server..].to_vec();
        heard_by_server = from_client.len();
        if news.is_empty() {
            return (from_client, from_server);
        }
        let told = server.bytes(&news, &mut from_server);
        assert!(told.is_ok(), "the server refuses a client that knows the password");
    }
}

/// The first byte says how: whether TLS is below (1), whether what stands after a mechanism and on lines of its own is to
/// be put into base64 (2), which a fuzzer seldom hits upon, and whether all of it follows a login that is right (4).
struct Way(u8);

impl Way {
    fn binding(&self) -> Option<ChannelBinding> {
        (self.0 & 1 != 0).then_some(BINDING)
    }

    fn lines(&self, bytes: &[u8], words: &[&str]) -> Vec<u8> {
        if self.0 & 2 == 0 {
            return bytes.to_vec();
        }
        let mut out = Vec::new();
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            let (text, end) = line.strip_suffix(b"\n").map_or((line, &b""[..]), |text| (text, b"\n"));
            let word = words.iter().find(|word| text.starts_with(word.as_bytes()));
            let (word, rest) = text.split_at(word.map_or(0, |word| word.len()));
            out.extend_from_slice(word);
            let plain = word.is_empty() && words.contains(&"+ ");
            if plain {
                out.extend_from_slice(rest);
            } else {
                out.extend_from_slice(BASE64_STANDARD.encode(rest).as_bytes());
            }
            out.extend_from_slice(end);
        }
        out
    }

    const fn follows_a_login(&self) -> bool {
        self.0 & 4 != 0
    }

    fn met(&self) -> &'static (Vec<u8>, Vec<u8>) {
        &MET[usize::from(self.0 & 1)]
    }
}

/// What is said after a right login is the session's; anything else lets nobody in.
fn judge(run: &Run<Authenticated>, way: &Way, login: &[u8]) {
    if !way.follows_a_login() {
        assert!(!matches!(run.outcome, Ok(Some(_))), "let in: {:?}", run.outcome);
        return;
    }
    let mechanism = if way.0 & 1 == 0 { Mechanism::Scram } else { Mechanism::ScramPlus };
    let expected = Authenticated { name: Some(name("alice")), mechanism };
    assert_eq!((&run.outcome, run.used), (&Ok(Some(expected)), login.len()), "a right login is refused");
}

/// A client's bytes.
pub(super) fn auth_server(data: &[u8]) {
    let Some((way, rest)) = data.split_first() else { return };
    let (way, (cuts, bytes)) = (Way(*way), head(rest, 8));
    let bytes = if way.follows_a_login() {
        [&way.met().0, bytes].concat()
    } else {
        way.lines(bytes, &["SCRAM-SHA-256-PLUS ", "SCRAM-SHA-256 ", "BEARER "])
    };
    let run = same(|| server(way.binding()), &bytes, cuts, LINE_MAX);
    judge(&run, &way, &way.met().0);
    if let Err(said) = &run.outcome {
        let last = run.out.rsplit(|byte| *byte == b'\n').nth(1).unwrap_or_default();
        assert!(last.starts_with(b"no "), "a refusal without its word: {said}");
    }
}

/// A server's bytes, to a client that has a password.
pub(super) fn auth_client(data: &[u8]) {
    let Some((way, rest)) = data.split_first() else { return };
    let (way, (cuts, bytes)) = (Way(*way), head(rest, 8));
    let bytes =
        if way.follows_a_login() { [&way.met().1, bytes].concat() } else { way.lines(bytes, &["+ ", "ok "]) };
    if bytes.split(|byte| *byte == b'\n').any(is_hard_work) {
        return;
    }
    let credential = Credential::Password(name("alice"), password());
    let run = same(|| client(&credential, way.binding()), &bytes, cuts, LINE_MAX);
    judge(&run, &way, &way.met().1);
    let token = Token::from_random([9; 32]);
    let credential = Credential::Token(token.clone());
    let run = same(|| client(&credential, way.binding()), &bytes, cuts, LINE_MAX);
    let told = run.out.windows(43).any(|window| window == token.reveal().as_bytes());
    let asked = bytes.starts_with(b"sockeye-auth 1 ");
    assert!(asked || !told, "the token is told to whoever did not ask for it");
}

/// Whether a line is a challenge with more iterations than a fuzzer has time for.
fn is_hard_work(line: &[u8]) -> bool {
    let challenge = line.strip_prefix(b"+ ").map(|base64| base64.strip_suffix(b"\r").unwrap_or(base64));
    let challenge = challenge.and_then(|base64| BASE64_STANDARD.decode(base64).ok()).unwrap_or_default();
    let numbers = challenge.split(|byte| *byte == b',').filter_map(|field| field.strip_prefix(b"i="));
    let mut numbers = numbers.filter_map(|text| std::str::from_utf8(text).ok()?.parse::<u64>().ok());
    numbers.any(|count| count > WORK_MAX)
}

/// The first byte picks what is accepted. A header that is read says the same once it is written and read again.
pub(super) fn proxy_header(data: &[u8]) {
    let Some((pick, rest)) = data.split_first() else { return };
    let (cuts, bytes) = head(rest, 8);
    let accept = match pick % 3 {
        0 => Accept::Either,
        1 => Accept::Only(Version::V1),
        _ => Accept::Only(Version::V2),
    };
    let run = same(|| Reader::new(accept), bytes, cuts, V2_MAX);
    assert!(run.out.is_empty(), "a reader speaks");
    let Ok(Some(header)) = run.outcome else { return };
    for version in [Version::V1, Version::V2] {
        // Not every header fits every version: what it made of the first is what must stay.
        let once = again(&header, version);
        let twice = once.as_ref().and_then(|header| again(header, version));
        assert_eq!(once, twice, "version {version}");
    }
}

/// A header, written and read.
fn again(header: &Header, version: Version) -> Option<Header> {
    let mut bytes = Vec::new();
    header.write(version, &mut bytes).ok()?;
    let run = feed(Reader::new(Accept::Only(version)), &bytes, Cuts::whole(), V2_MAX);
    assert_eq!(run.used, bytes.len(), "{} is not its header's length", bytes.len());
    match run.outcome {
        Ok(Some(read)) => Some(read),
        other => panic!("version {version}: what was written is read as {other:?}"),
    }
}

fn target() -> Target {
    Target::name("example.com", 443).unwrap_or_else(|error| panic!("{error}"))
}

fn login() -> Login {
    Login::new("lin", "canary-of-lin").unwrap_or_else(|error| panic!("{error}"))
}

/// The first byte says whether there is a login. No more than what a client may say is said, and never a login that
/// nobody has.
pub(super) fn via_socks(data: &[u8]) {
    let Some((pick, rest)) = data.split_first() else { return };
    let (cuts, bytes) = head(rest, 8);
    let login = (pick & 1 != 0).then(login);
    let run = same(|| Socks::new(target(), login.clone()), bytes, cuts, SOCKS_MAX);
    let greeting = if login.is_some() { 4 } else { 3 };
    let (proof, connect) = (3 + "lin".len() + "canary-of-lin".len(), 4 + 1 + "example.com".len() + 2);
    assert!(run.out.len() <= greeting + proof + connect, "it says too much");
    let asked = bytes.get(..2) == Some(&[5, 2]);
    let told = run.out.windows(6).any(|window| window == b"canary");
    assert_eq!(told, asked && login.is_some(), "a login goes to a proxy that asks for it");
}

/// The first byte says whether there is a login, and how often the rest is repeated: heads are longer than inputs.
pub(super) fn via_http(data: &[u8]) {
    let Some((pick, rest)) = data.split_first() else { return };
    let (cuts, bytes) = head(rest, 8);
    let login = (pick & 1 != 0).then(login);
    let start = bytes.iter().position(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    let (first, lines) = bytes.split_at(start);
    let bytes = [first, &lines.repeat(usize::from(pick >> 1) % 32 + 1)].concat();
    let run = same(|| Http::new(target(), login.clone()), &bytes, cuts, HEAD_MAX);
    assert!(run.out.starts_with(b"CONNECT example.com:443 HTTP/1.1\r\n"), "not what was asked for");
    assert!(run.out.ends_with(b"\r\n\r\n"), "more than a head is said");
    if let Ok(Some(_)) = run.outcome {
        assert!(bytes.starts_with(b"HTTP/1."), "no answer opens the tunnel");
        assert!(bytes[..run.used].ends_with(b"\r\n\r\n"), "the tunnel begins within the head");
        assert!(run.used <= HEAD_MAX, "the head is longer than its bound");
    }
}
