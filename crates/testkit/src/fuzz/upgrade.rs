//! The WebSocket upgrade: a request gets the same answer however it is cut, the answer is one HTTP message that nothing
//! of the request can break open, and only what asks for a WebSocket gets one.

use sockeye_core::Endpoint;
use sockeye_net::layer::ws::{answer, takes};

use super::{Cuts, head};

/// Listeners with every rule there is.
const LISTENERS: &[&str] = &[
    "ws://127.0.0.1:1",
    "ws://localhost:1/chat",
    "ws://127.0.0.1:1?subprotocol=chat.v2,chat&origin=https://a.example,*",
    "ws://any:1/?origin=http://b.example:8080",
];

/// What a browser's key looks like (RFC 6455 section 1.3).
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

/// The first byte picks a listener, eight more cut the rest.
pub(super) fn run(data: &[u8]) {
    let Some((pick, rest)) = data.split_first() else { return };
    let text = LISTENERS[usize::from(*pick) % LISTENERS.len()];
    let Ok(endpoint) = text.parse::<Endpoint>() else { panic!("{text} is no endpoint") };
    let (sizes, bytes) = head(rest, 8);
    let mut chunks = Vec::new();
    Cuts::new(sizes).each(bytes, |chunk| chunks.push(chunk.to_vec()));
    let pieces = || chunks.iter().map(Vec::as_slice);

    let whole = answer(&endpoint, [bytes]);
    assert_eq!(whole, answer(&endpoint, pieces()), "cutting changes the answer");
    if let Some(answer) = whole {
        check(&answer, bytes);
    }
    let taken = takes(&endpoint, KEY, [bytes]);
    assert_eq!(taken, takes(&endpoint, KEY, pieces()), "cutting changes what is taken");
    // The one answer to that key (RFC 6455 section 1.3).
    assert!(!taken || holds(bytes, b"s3pplmbitxaq9kygzzhzrbk+xoo="), "an answer to another key is taken");
}

fn check(answer: &str, request: &[u8]) {
    let Some((head, body)) = answer.split_once("\r\n\r\n") else { panic!("the head has no end: {answer}") };
    let upgraded = head.starts_with("HTTP/1.1 101 ");
    assert!(upgraded || head.starts_with("HTTP/1.1 4") || head.starts_with("HTTP/1.1 5"), "{answer}");
    let sound = |line: &str| line.chars().all(|character| (' '..='~').contains(&character));
    assert!(head.split("\r\n").all(sound), "the request gets into the head: {answer}");
    assert!(head.split("\r\n").count() <= 10, "the head has too many fields: {answer}");
    if upgraded {
        assert!(body.is_empty() && holds(request, b"websocket") && holds(request, b"sec-websocket-key"));
    }
}

/// Whether the bytes hold `word`, letters of either case being the same.
fn holds(bytes: &[u8], word: &[u8]) -> bool {
    bytes.windows(word.len()).any(|window| window.eq_ignore_ascii_case(word))
}
