//! What both sides of an upgrade take from an endpoint: the path, and lists of tokens.

use std::fmt::Write as _;

use sockeye_core::{Code, Endpoint, Fault, Place};

use super::head::is_token;

/// The path and query that the endpoint names, with its leading slash: a parameter before what follows the port.
pub(super) fn path(endpoint: &Endpoint) -> Option<String> {
    let placed = match &endpoint.place {
        Place::Host { path, .. } => path.as_deref(),
        _ => None,
    };
    let path = endpoint.params.path.as_deref().or(placed)?;
    Some(if path.starts_with('/') { path.to_owned() } else { format!("/{path}") })
}

/// A path and query as a request has them (RFC 3986, section 3.3): what may not stand there is percent-encoded.
pub(super) fn encoded(path: &str) -> String {
    let bytes = path.as_bytes();
    let mut out = String::with_capacity(bytes.len());
    for (at, byte) in bytes.iter().enumerate() {
        let is_escape =
            *byte == b'%' && bytes[at + 1..].iter().take_while(|b| b.is_ascii_hexdigit()).count() >= 2;
        if is_escape || byte.is_ascii_alphanumeric() || b"/-._~!$&'()*+,;=:@?".contains(byte) {
            out.push(char::from(*byte));
        } else {
            // Writing to a string does not fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// The path of a request's target, without its query and with nothing encoded, to be compared.
pub(super) fn plain(target: &str) -> String {
    let path = target.split('?').next().unwrap_or(target).as_bytes();
    let mut out = Vec::with_capacity(path.len());
    let mut at = 0;
    while at < path.len() {
        let digit = |offset: usize| char::from(*path.get(at + offset)?).to_digit(16);
        let escaped = (path[at] == b'%').then(|| Some(digit(1)? << 4 | digit(2)?)).flatten();
        let (byte, length) =
            escaped.and_then(|value| u8::try_from(value).ok()).map_or((path[at], 1), |byte| (byte, 3));
        out.push(byte);
        at += length;
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Reads `chat.v2,chat`.
pub(super) fn subprotocols(text: Option<&str>) -> Result<Vec<String>, Fault> {
    let mut names: Vec<String> = Vec::new();
    for name in text.unwrap_or_default().split(',').map(str::trim).filter(|name| !name.is_empty()) {
        if !is_token(name) || names.iter().any(|known| known == name) {
            return Err(Fault::new(Code::BadValue, "").arg("name", "subprotocol").arg("value", name));
        }
        names.push(name.to_owned());
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_encoded_once_and_compare_plain() {
        for (path, wanted) in [
            ("/chat", "/chat"),
            ("/a b", "/a%20b"),
            ("/聊天?房=1", "/%E8%81%8A%E5%A4%A9?%E6%88%BF=1"),
            ("/100%", "/100%25"),
            ("/a%2Fb", "/a%2Fb"),
            ("/a\r\nHost: x", "/a%0D%0AHost:%20x"),
            ("/#top", "/%23top"),
        ] {
            assert_eq!(encoded(path), wanted);
            assert_eq!(plain(wanted), plain(path).as_str(), "{path}");
        }
        assert_eq!(plain("/ch%61t?x=%zz"), "/chat");
    }

    #[test]
    fn the_parameter_wins_and_a_slash_is_added() {
        let read = |text: &str| path(&text.parse().unwrap());
        assert_eq!(read("ws://h:1/chat").as_deref(), Some("/chat"));
        assert_eq!(read("ws://h:1/chat?path=other").as_deref(), Some("/other"));
        assert_eq!(read("ws+unix:///run/x?path=/chat").as_deref(), Some("/chat"));
        assert_eq!(read("ws://h:1"), None);
    }

    #[test]
    fn subprotocols_are_distinct_tokens() {
        assert_eq!(subprotocols(Some("a, b.c")).unwrap(), ["a", "b.c"]);
        for bad in ["a b", "a,a", "a\r\nX: y", "a;b"] {
            assert_eq!(subprotocols(Some(bad)).unwrap_err().code, Code::BadValue, "{bad:?}");
        }
    }
}
