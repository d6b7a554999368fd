//! TLS records (RFC 8446, section 5; RFC 5246) and what of a handshake is not encrypted.

mod hello;
mod names;

use sockeye_wire::certificate::{Certificate, moment};

use super::draft::{Draft, View, size};
use super::tree::{Bits, Layer, Protocol, Unit, Value, Wrong};

/// The longest record (RFC 5246, section 6.2.3).
const LONGEST: u64 = 16_384 + 2048;

/// The longest handshake message that is believed to be one.
const MESSAGE: u64 = 1 << 17;

/// Whether bytes begin as a record does.
pub(super) fn looks_so(bytes: &[u8]) -> bool {
    matches!(*bytes, [20..=23, 3, 0..=4, high, low, ..]
        if (1..=LONGEST).contains(&u64::from(u16::from_be_bytes([high, low]))))
}

/// One record.
pub(super) fn record(view: View<'_>) -> Layer {
    let mut draft = Draft::new(Protocol::Tls, view);
    let _whole = read(&mut draft);
    draft.finish()
}

fn read(draft: &mut Draft<'_>) -> Option<()> {
    let start = draft.at();
    let kind = draft.number("tls.content-type", 1)?;
    draft.name(names::content(kind));
    if !(20..=24).contains(&kind) {
        draft.flaw(Wrong::Value(kind), "tls.content-type", start..start + 1);
        return None;
    }
    let version = draft.hex("tls.record-version", 2)?;
    draft.name(names::version(version));
    let length = draft.number("tls.record-length", 2)?;
    draft.unit(Unit::Bytes);
    if length > LONGEST {
        draft.flaw(Wrong::Length { says: length, bound: LONGEST }, "tls.record-length", start + 3..start + 5);
        return None;
    }
    draft.head_ends();
    let missing = size(length).saturating_sub(draft.left());
    draft.close(draft.at() + size(length));
    match kind {
        20 => drop(draft.number("tls.change-cipher-spec", 1)),
        21 if length == 2 => alert(draft)?,
        22 if !is_encrypted(draft, start) => {
            while draft.left() > 0 && draft.group("tls.handshake", handshake).is_some() {}
        }
        _ => encrypted(draft),
    }
    if missing > 0 {
        draft.cut(missing);
    }
    let end = draft.view().end;
    draft.skip_to(end);
    Some(())
}

fn alert(draft: &mut Draft<'_>) -> Option<()> {
    let level = draft.number("tls.alert-level", 1)?;
    draft.name(match level {
        1 => Some("warning"),
        2 => Some("fatal"),
        _ => None,
    });
    let description = draft.number("tls.alert", 1)?;
    draft.name(names::alert(description));
    Some(())
}

fn encrypted(draft: &mut Draft<'_>) {
    let count = draft.left();
    if count > 0 {
        let _read = draft.bytes("tls.encrypted", count);
    }
}

/// Whether a handshake record cannot be read: behind the change of keys in the same bytes, or one whose first bytes are
/// no message. What came in earlier packets is not known here.
fn is_encrypted(draft: &Draft<'_>, start: usize) -> bool {
    let before = draft.view().whole.get(..start).unwrap_or_default();
    if before.ends_with(&[20, 3, 1, 0, 1, 1]) || before.ends_with(&[20, 3, 3, 0, 1, 1]) {
        return true;
    }
    let Some(head) = draft.peek(0, 4) else { return false };
    let kind = u64::from(head.first().copied().unwrap_or(0));
    let length = super::draft::big(head.get(1..).unwrap_or_default());
    let fits = length + 4 <= draft.left() as u64;
    names::handshake(kind).is_none()
        || length > MESSAGE
        || !(fits || matches!(kind, 1 | 2 | 4 | 11..=13 | 22))
}

fn handshake(draft: &mut Draft<'_>) -> Option<()> {
    let kind = draft.number("tls.handshake-type", 1)?;
    draft.name(names::handshake(kind));
    let length = size(draft.number("tls.handshake-length", 3)?);
    draft.unit(Unit::Bytes);
    let end = draft.at() + length;
    match kind {
        1 => hello::client(draft, end)?,
        2 => hello::server(draft, end)?,
        11 => certificates(draft, end)?,
        _ => {}
    }
    let rest = end.saturating_sub(draft.at());
    if rest > 0 {
        draft.bytes("tls.handshake-data", rest)?;
    }
    Some(())
}

/// RFC 5246, section 7.4.2. TLS 1.3 encrypts it.
fn certificates(draft: &mut Draft<'_>, end: usize) -> Option<()> {
    draft.number("tls.certificates-length", 3)?;
    draft.unit(Unit::Bytes);
    while draft.at() < end {
        draft.group("tls.certificate", certificate)?;
    }
    Some(())
}

fn certificate(draft: &mut Draft<'_>) -> Option<()> {
    let length = size(draft.number("tls.certificate-length", 3)?);
    draft.unit(Unit::Bytes);
    let (range, der) = draft.take(length)?;
    let at = Bits::of(&range);
    let Ok(certificate) = Certificate::read(der) else {
        draft.flaw(Wrong::Malformed, "tls.certificate", range);
        return Some(());
    };
    let text = |text: String| Value::Text(text.into_bytes());
    draft.push("tls.certificate-subject", text(certificate.subject.to_string()), at);
    draft.push("tls.certificate-issuer", text(certificate.issuer.to_string()), at);
    let names: Vec<String> = certificate.names.iter().map(ToString::to_string).collect();
    draft.push("tls.certificate-names", text(names.join(", ")), at);
    draft.push("tls.certificate-until", text(moment(certificate.not_after)), at);
    Some(())
}
