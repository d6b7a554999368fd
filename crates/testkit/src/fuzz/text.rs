//! Words and bytes that become text: endpoints, parameters, notations, charsets, and what a terminal is shown.

use sockeye_core::Endpoint;
use sockeye_core::endpoint::{PARAMS, Params};
use sockeye_core::quantity;
use sockeye_wire::charset::{self, Charset};
use sockeye_wire::escape::{Escaper, Shape, escape_bytes, is_safe};
use sockeye_wire::notation;

use super::{Cuts, head};

/// An endpoint that parses is shown as a URL that means the same, and never with its password.
pub(super) fn endpoint(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let endpoint: Endpoint = match text.parse() {
        Ok(endpoint) => endpoint,
        Err(fault) => {
            assert!(fault.subject.is_empty(), "a fault of the grammar has a subject: {fault}");
            return;
        }
    };
    let shown = endpoint.to_string();
    if shown.contains("***") {
        return;
    }
    match shown.parse::<Endpoint>() {
        Ok(again) => assert_eq!(again, endpoint, "{shown}"),
        Err(fault) => panic!("{text} is shown as {shown}: {fault}"),
    }
}

/// The first byte picks a parameter. One that can be set is given, and read again as it is written.
pub(super) fn parameter(data: &[u8]) {
    let Some((pick, value)) = data.split_first() else { return };
    let Ok(value) = std::str::from_utf8(value) else { return };
    let name = PARAMS[usize::from(*pick) % PARAMS.len()];
    let mut params = Params::default();
    if params.set(name, value).is_err() {
        return;
    }
    let written = params.to_string();
    if !written.contains("***") {
        let again = format!("tcp://h:1?{written}").parse::<Endpoint>().map(|endpoint| endpoint.params);
        assert_eq!(again.as_ref(), Ok(&params), "{name}");
    }
    let _ = quantity::duration(name, value);
    let _ = quantity::size(name, value);
}

/// What is no notation is refused; what `to_hex` writes, `hex:` reads.
pub(super) fn notation(data: &[u8]) {
    assert_eq!(notation::hex(&notation::to_hex(data)).as_deref(), Ok(data));
    let Ok(text) = std::str::from_utf8(data) else { return };
    let _ = notation::parse(text);
    let _ = notation::unescape(text);
    let _ = notation::literal(text);
}

/// Nothing that a terminal could act on gets through, however the bytes are cut.
pub(super) fn escape(data: &[u8]) {
    let (cuts, bytes) = head(data, 8);
    let mut line = String::new();
    escape_bytes(bytes, Shape::Line, &mut line);
    assert!(is_safe(&line), "a line is not safe");
    let mut escaper = Escaper::new(Shape::Text);
    let mut shown = String::new();
    Cuts::new(cuts).each(bytes, |chunk| escaper.push(chunk, &mut shown));
    escaper.finish(&mut shown);
    let acts = |c: char| c.is_control() && !matches!(c, '\n' | '\t');
    assert!(!shown.contains(acts), "a control character got through");
    let mut whole = String::new();
    let mut escaper = Escaper::new(Shape::Text);
    escaper.push(bytes, &mut whole);
    escaper.finish(&mut whole);
    assert_eq!(whole, shown, "cutting changes what is shown");
}

/// The first byte picks a charset. Text it can write, it reads back; pieces decode as the whole does.
pub(super) fn charset(data: &[u8]) {
    let Some((pick, rest)) = data.split_first() else { return };
    let label = charset::ALL[usize::from(*pick) % charset::ALL.len()];
    let Ok(charset) = Charset::parse(label) else { panic!("{label} is listed and unknown") };
    let (cuts, bytes) = head(rest, 8);
    let mut decoder = charset.decoder();
    let mut text = String::new();
    Cuts::new(cuts).each(bytes, |chunk| decoder.decode(chunk, false, &mut text));
    decoder.decode(&[], true, &mut text);
    assert_eq!(text, charset.decode(bytes), "{label}");
}
