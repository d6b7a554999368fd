//! HTTP/1 (RFC 9112): the head of a request or response, line by line, and how much of the body is here.

use super::draft::{Draft, View};
use super::tree::{Bits, Layer, Protocol, Unit, Value, Wrong};

/// Methods (RFC 9110, section 9; RFC 5789) and what begins a response, by which HTTP is recognised.
const BEGINNINGS: &[&[u8]] = &[
    b"GET ",
    b"HEAD ",
    b"POST ",
    b"PUT ",
    b"DELETE ",
    b"CONNECT ",
    b"OPTIONS ",
    b"TRACE ",
    b"PATCH ",
    b"HTTP/1.",
];

/// Whether bytes begin as a message does.
pub(super) fn looks_so(bytes: &[u8]) -> bool {
    BEGINNINGS.iter().any(|beginning| bytes.starts_with(beginning))
}

pub(super) fn message(view: View<'_>) -> Layer {
    let mut draft = Draft::new(Protocol::Http, view);
    let _whole = read(&mut draft);
    draft.finish()
}

/// What the head says of the body.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Body {
    /// Nothing: a request has none, a response goes on to the end of the connection.
    Unsaid,
    Length(usize),
    Chunked,
}

fn read(draft: &mut Draft<'_>) -> Option<()> {
    let start = draft.at();
    let (line, stop) = line(draft)?;
    let response = line.starts_with(b"HTTP/");
    let mut body = Body::Unsaid;
    let understood =
        if response { status_line(draft, line, start) } else { request_line(draft, line, start) };
    if !understood {
        draft.flaw(Wrong::Malformed, "", start..stop);
        return None;
    }
    draft.skip_to(stop);
    loop {
        let at = draft.at();
        let (line, stop) = self::line(draft)?;
        if line.is_empty() {
            draft.skip_to(stop);
            break;
        }
        if !is_field(line) {
            draft.flaw(Wrong::Malformed, "http.header", at..stop);
        }
        draft.take(line.len())?;
        draft.push("http.header", Value::Text(line.to_vec()), Bits::of(&(at..at + line.len())));
        draft.skip_to(stop);
        body = about_body(line).unwrap_or(body);
    }
    draft.head_ends();
    let (have, wanted) = match body {
        Body::Length(length) => (length.min(draft.left()), length),
        Body::Unsaid if !response => (0, 0),
        Body::Unsaid | Body::Chunked => (draft.left(), draft.left()),
    };
    if have > 0 {
        let (range, _) = draft.take(have)?;
        // The bytes themselves are an application's.
        draft.push("http.body-length", Value::Number(have as u64), Bits::of(&range));
        draft.unit(Unit::Bytes);
        draft.name((body == Body::Chunked).then_some("chunked"));
    }
    if wanted > have {
        draft.cut(wanted - have);
    }
    let end = draft.at();
    draft.close(end);
    Some(())
}

/// The next line without its end, and where its end ends. An LF alone ends one too (RFC 9112, section 2.2).
fn line<'a>(draft: &mut Draft<'a>) -> Option<(&'a [u8], usize)> {
    let rest = draft.rest();
    let Some(length) = rest.iter().position(|byte| *byte == b'\n') else {
        draft.cut(1);
        return None;
    };
    let line = rest.get(..length)?;
    Some((line.strip_suffix(b"\r").unwrap_or(line), draft.at() + length + 1))
}

/// RFC 9112, section 3: method, target, version.
fn request_line(draft: &mut Draft<'_>, line: &[u8], start: usize) -> bool {
    let mut words = line.split(|byte| *byte == b' ');
    let (Some(method), Some(target), Some(version), None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return false;
    };
    if !version.starts_with(b"HTTP/") || method.is_empty() || target.is_empty() {
        return false;
    }
    let mut at = start;
    for (key, word) in [("http.method", method), ("http.target", target), ("http.version", version)] {
        draft.push(key, Value::Text(word.to_vec()), Bits::of(&(at..at + word.len())));
        at += word.len() + 1;
    }
    true
}

/// RFC 9112, section 4: version, status, and perhaps a phrase.
fn status_line(draft: &mut Draft<'_>, line: &[u8], start: usize) -> bool {
    let mut words = line.splitn(3, |byte| *byte == b' ');
    let (Some(version), Some(status)) = (words.next(), words.next()) else { return false };
    let number = std::str::from_utf8(status).ok().filter(|text| text.len() == 3);
    let Some(number) = number.and_then(|text| text.parse::<u64>().ok()) else { return false };
    draft.push("http.version", Value::Text(version.to_vec()), Bits::of(&(start..start + version.len())));
    let at = start + version.len() + 1;
    draft.push("http.status", Value::Number(number), Bits::of(&(at..at + 3)));
    if let Some(phrase) = words.next().filter(|phrase| !phrase.is_empty()) {
        let at = at + 4;
        draft.push("http.reason", Value::Text(phrase.to_vec()), Bits::of(&(at..at + phrase.len())));
    }
    true
}

/// Whether a line has a name that may be one, and a colon (RFC 9110, section 5.1).
fn is_field(line: &[u8]) -> bool {
    let Some(colon) = line.iter().position(|byte| *byte == b':') else { return false };
    let is_token = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    colon > 0 && line.get(..colon).is_some_and(|name| name.iter().all(is_token))
}

/// What a field says of the body (RFC 9112, section 6).
fn about_body(line: &[u8]) -> Option<Body> {
    let text = std::str::from_utf8(line).ok()?;
    let (name, value) = text.split_once(':')?;
    if name.eq_ignore_ascii_case("content-length") {
        return value.trim().parse().ok().map(Body::Length);
    }
    let chunked = value.trim().to_ascii_lowercase().ends_with("chunked");
    (name.eq_ignore_ascii_case("transfer-encoding") && chunked).then_some(Body::Chunked)
}
