//! ClientHello and ServerHello (RFC 8446, sections 4.1.2 and 4.1.3) and their extensions.

use super::super::draft::{Draft, size};
use super::super::tree::{Unit, Wrong};
use super::names;

pub(super) fn client(draft: &mut Draft<'_>, end: usize) -> Option<()> {
    beginning(draft)?;
    let length = size(draft.number("tls.cipher-suites-length", 2)?);
    draft.unit(Unit::Bytes);
    let stop = draft.at() + length;
    draft.group("tls.cipher-suites", |draft| {
        while draft.at() < stop {
            suite(draft)?;
        }
        Some(())
    })?;
    let methods = draft.number("tls.compression-methods-length", 1)?;
    for _ in 0..methods {
        draft.number("tls.compression-method", 1)?;
    }
    extensions(draft, end, Side::Client)
}

pub(super) fn server(draft: &mut Draft<'_>, end: usize) -> Option<()> {
    beginning(draft)?;
    suite(draft)?;
    draft.number("tls.compression-method", 1)?;
    extensions(draft, end, Side::Server)
}

/// Whose hello it is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Client,
    Server,
}

fn beginning(draft: &mut Draft<'_>) -> Option<()> {
    let version = draft.hex("tls.version", 2)?;
    draft.name(names::version(version));
    draft.bytes("tls.random", 32)?;
    let length = draft.number("tls.session-id-length", 1)?;
    draft.unit(Unit::Bytes);
    if length > 0 {
        draft.bytes("tls.session-id", size(length))?;
    }
    Some(())
}

fn suite(draft: &mut Draft<'_>) -> Option<()> {
    let number = draft.hex("tls.cipher-suite", 2)?;
    draft.name(names::suite(number));
    Some(())
}

fn extensions(draft: &mut Draft<'_>, end: usize, side: Side) -> Option<()> {
    if draft.at() >= end {
        return Some(());
    }
    draft.number("tls.extensions-length", 2)?;
    draft.unit(Unit::Bytes);
    while draft.at() < end {
        let number = draft.peek(0, 2).map(super::super::draft::big);
        let name = number.and_then(names::extension);
        draft.named("tls.extension", name, |draft| extension(draft, end, side))?;
    }
    Some(())
}

fn extension(draft: &mut Draft<'_>, end: usize, side: Side) -> Option<()> {
    let start = draft.at();
    let kind = draft.number("tls.extension-type", 2)?;
    draft.name(names::extension(kind));
    let length = size(draft.number("tls.extension-length", 2)?);
    draft.unit(Unit::Bytes);
    let stop = draft.at() + length;
    if stop > end {
        let bound = end.saturating_sub(draft.at()) as u64;
        draft.flaw(
            Wrong::Length { says: length as u64, bound },
            "tls.extension-length",
            start + 2..start + 4,
        );
        return None;
    }
    match (kind, side) {
        (0, Side::Client) if length > 0 => server_name(draft, stop)?,
        (10, _) => {
            draft.number("tls.list-length", 2)?;
            while draft.at() < stop {
                let group = draft.hex("tls.group", 2)?;
                draft.name(names::group(group));
            }
        }
        (13, _) => {
            draft.number("tls.list-length", 2)?;
            while draft.at() < stop {
                let scheme = draft.hex("tls.signature-scheme", 2)?;
                draft.name(names::scheme(scheme));
            }
        }
        (16, _) => {
            draft.number("tls.list-length", 2)?;
            while draft.at() < stop {
                let length = size(draft.number("tls.alpn-length", 1)?);
                if length > 0 {
                    draft.text("tls.alpn", length)?;
                }
            }
        }
        (43, Side::Client) => {
            draft.number("tls.list-length", 1)?;
            while draft.at() < stop {
                supported_version(draft)?;
            }
        }
        (43, Side::Server) => supported_version(draft)?,
        (51, Side::Client) => {
            draft.number("tls.list-length", 2)?;
            while draft.at() < stop {
                draft.group("tls.key-share", key_share)?;
            }
        }
        (51, Side::Server) if length == 2 => drop(share_group(draft)?),
        (51, Side::Server) => draft.group("tls.key-share", key_share)?,
        _ => {}
    }
    let rest = stop.saturating_sub(draft.at());
    if rest > 0 {
        draft.bytes("tls.extension-data", rest)?;
    }
    Some(())
}

/// RFC 6066, section 3.
fn server_name(draft: &mut Draft<'_>, stop: usize) -> Option<()> {
    draft.number("tls.list-length", 2)?;
    while draft.at() < stop {
        draft.number("tls.server-name-type", 1)?;
        let length = size(draft.number("tls.server-name-length", 2)?);
        if length > 0 {
            draft.text("tls.server-name", length)?;
        }
    }
    Some(())
}

fn supported_version(draft: &mut Draft<'_>) -> Option<()> {
    let version = draft.hex("tls.supported-version", 2)?;
    draft.name(names::version(version));
    Some(())
}

fn share_group(draft: &mut Draft<'_>) -> Option<u64> {
    let group = draft.hex("tls.key-share-group", 2)?;
    draft.name(names::group(group));
    Some(group)
}

fn key_share(draft: &mut Draft<'_>) -> Option<()> {
    share_group(draft)?;
    let length = size(draft.number("tls.key-share-length", 2)?);
    draft.unit(Unit::Bytes);
    if length > 0 {
        draft.bytes("tls.key-share-key", length)?;
    }
    Some(())
}
