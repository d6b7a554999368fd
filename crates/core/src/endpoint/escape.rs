//! Percent-encoding (RFC 3986 section 2.1) as endpoints use it, and the masking of passwords.

use std::borrow::Cow;
use std::fmt::Write as _;

use super::params::PARAMS;

/// Decodes `%XX`. `None`: an escape without two hex digits, bytes that are no UTF-8, or a zero byte, which no place
/// and no value can hold.
pub fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut left = text.as_bytes();
    while let [first, after @ ..] = left {
        left = after;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let digit = |at: usize| char::from(*after.get(at)?).to_digit(16);
        bytes.push(u8::try_from(digit(0)? << 4 | digit(1)?).ok()?);
        left = &after[2..];
    }
    String::from_utf8(bytes).ok().filter(|text| !text.contains('\0'))
}

/// Encodes `%`, `also`, and what would not be seen or would end a word. Other characters stay readable.
pub(super) fn encode(text: &str, also: char) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c == '%' || c == also || c.is_whitespace() || c.is_control() || is_invisible(c) {
            for byte in c.encode_utf8(&mut [0; 4]).bytes() {
                let _ = write!(out, "%{byte:02X}");
            }
        } else {
            out.push(c);
        }
    }
    out
}

/// Format characters, among them all that change the direction of text.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// An endpoint's text, fit to be shown: any password in it is `***`. Where it cannot be told what is a password, more
/// is masked.
pub(super) fn masked(text: &str) -> String {
    let plain = plain(text);
    if !plain.contains('@') {
        return text.to_owned();
    }
    match plain.split_once('?') {
        Some((head, query)) if !may_hold_user(text) => {
            let pieces: Vec<_> = query.split('&').map(mask_user).collect();
            format!("{head}?{}", pieces.join("&"))
        }
        _ => mask_user(&plain).into_owned(),
    }
}

/// Whether a user and password may stand elsewhere than in a parameter; a question mark in the password may have torn
/// them apart.
pub(super) fn may_hold_user(text: &str) -> bool {
    let plain = plain(text);
    let (head, query) = plain.split_once('?').unwrap_or((&plain, ""));
    head.contains('@') || query.split('&').any(|piece| piece.contains('@') && !is_known(piece))
}

/// The text with its escapes decoded; where one is bad, only those that matter for masking.
fn plain(text: &str) -> String {
    decode(text).unwrap_or_else(|| text.replace("%40", "@").replace("%3A", ":").replace("%3a", ":"))
}

fn is_known(piece: &str) -> bool {
    PARAMS.contains(&piece.split('=').next().unwrap_or(piece))
}

/// Masks the password of `scheme://user:password@host`, or of the same without a scheme.
pub(super) fn mask_user(url: &str) -> Cow<'_, str> {
    let start = url.find("://").map_or(0, |at| at + 3);
    let Some(end) = url.rfind('@').filter(|end| *end >= start) else { return Cow::Borrowed(url) };
    match url[start..end].find(':') {
        Some(colon) => Cow::Owned(format!("{}:***{}", &url[..start + colon], &url[end..])),
        None => Cow::Borrowed(url),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_decoded_or_refused() {
        assert_eq!(decode("a%20b%E4%BD%A0+").as_deref(), Some("a b你+"));
        for bad in ["%", "%4", "%zz", "%+1", "%ff", "a%00", "%é"] {
            assert_eq!(decode(bad), None, "{bad}");
        }
        assert_eq!(encode("a b%?&\u{202e}\x1b你", '?'), "a%20b%25%3F&%E2%80%AE%1B你");
    }

    #[test]
    fn passwords_are_masked_wherever_they_stand() {
        for (text, shown) in [
            ("tcp://host:1", "tcp://host:1"),
            ("tcp://user:secret@host:1", "tcp://user:***@host:1"),
            ("user:secret@host:1", "user:***@host:1"),
            ("user@host:1", "user@host:1"),
            ("tcp://user:sec:r@et@host:1", "tcp://user:***@host:1"),
            ("tcp://user:sec/ret@host:1", "tcp://user:***@host:1"),
            ("tcp://user:sec?ret@host:1", "tcp://user:***@host:1"),
            ("tcp://user%3Asecret%40host:1", "tcp://user:***@host:1"),
            ("tcp://user:sec%ret@host:1", "tcp://user:***@host:1"),
            ("tcp://user%3asec%ret%40host:1", "tcp://user:***@host:1"),
            ("tcp://h:1?via=socks5://u:secret@p:2&idle=x", "tcp://h:1?via=socks5://u:***@p:2&idle=x"),
            ("tcp://h:1?via=socks5%3A%2F%2Fu%3Asecret%40p:2", "tcp://h:1?via=socks5://u:***@p:2"),
        ] {
            assert_eq!(masked(text), shown, "{text}");
        }
    }
}
