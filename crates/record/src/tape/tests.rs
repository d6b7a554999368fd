//! Every kind of event there and back, whatever is in it; and bytes that are no tape.

use proptest::collection::vec;
use proptest::prelude::*;
use sockeye_core::event::{Farewell, Totals};
use sockeye_core::tls::{Shown, Trust};
use sockeye_core::{Address, Code, Direction, Event, Fault, How, Kind, Note, SessionId, Side, Tick, Tls};

use super::{Reader, Writer};

/// What is put into an event; which of it depends on the kind.
#[derive(Clone, Debug)]
struct Parts {
    at: u64,
    session: u64,
    number: u64,
    leg: u8,
    flag: bool,
    texts: [String; 3],
    data: Vec<u8>,
    addresses: [Address; 2],
}

fn address() -> impl Strategy<Value = Address> {
    prop_oneof![
        any::<std::net::SocketAddrV4>().prop_map(|ip| Address::Ip(ip.into())),
        any::<std::net::SocketAddrV6>().prop_map(|ip| Address::Ip(ip.into())),
        Just(Address::Unix(None)),
        "\\PC*".prop_map(|path| Address::Unix(Some(path.into()))),
        Just(Address::Unix(Some("\0abstract".into()))),
        Just(Address::Stdio),
        ".*".prop_map(Address::Process),
    ]
}

fn parts() -> impl Strategy<Value = Parts> {
    let texts = [".*", ".*", ".*"];
    let numbers = (any::<u64>(), any::<u64>(), any::<u64>(), any::<u8>(), any::<bool>());
    (numbers, texts, vec(any::<u8>(), 0..300), [address(), address()]).prop_map(
        |((at, session, number, leg, flag), texts, data, addresses)| Parts {
            at,
            session,
            number,
            leg,
            flag,
            texts,
            data,
            addresses,
        },
    )
}

/// Puts an event of every kind on the tape, and shows it to `see`.
fn every_kind(parts: &Parts, mut see: impl FnMut(&Event<'_>)) {
    let Parts { leg, flag, number, ref texts, ref data, ref addresses, .. } = *parts;
    let [first, second, third] = texts.each_ref().map(String::as_str);
    let [local, remote] = addresses.each_ref();
    let direction = if flag { Direction::In } else { Direction::Out };
    let facts = tls(parts);
    let fault = Fault::new(Code::Reset, first).arg("after", second).on(Side::Path);
    let fault = if flag { fault.detail(third) } else { fault };
    let note = Note::new("welcome").arg("a", first).arg("b", third);
    let farewell = Farewell { code: number.to_le_bytes()[0].into(), name: "going-away", reason: second };
    let kinds = [
        Kind::Listening { url: first, service: second },
        Kind::Accepted { transport: first, local, remote },
        Kind::Resolved { name: first, addresses },
        Kind::Connecting { leg, transport: second, remote },
        Kind::Connected { leg, transport: third, local, remote },
        Kind::Tls { leg, facts: &facts },
        Kind::TlsTruncated { leg },
        Kind::Upgraded { leg, to: first, facts: &[("path", second.to_owned())] },
        Kind::Authenticated { leg, user: first, mechanism: second },
        Kind::Message { leg, direction, data },
        Kind::Wire { leg, direction, data },
        Kind::Secret { line: first },
        Kind::Fault { leg, direction, name: first, detail: second },
        Kind::HalfClosed { leg, direction, farewell: flag.then_some(farewell) },
        Kind::Reset { leg, direction },
        Kind::Timeout { what: first },
        Kind::Refused { remote, reason: first },
        Kind::Closed { totals: Totals { messages_in: number, bytes_out: 7, ..Totals::default() } },
        Kind::Saved { id: number },
        Kind::Note(&note),
        Kind::Error(&fault),
    ];
    for (step, kind) in kinds.into_iter().enumerate() {
        let at = Tick(parts.at.wrapping_add(step as u64 * 1000));
        see(&Event { at, session: SessionId(parts.session), how: How::Traced, kind });
    }
}

fn tls(parts: &Parts) -> Tls {
    let text = || parts.texts[0].clone();
    let shown = Shown {
        subject: text(),
        names: parts.texts.to_vec(),
        days: parts.number.cast_signed(),
        ..Shown::default()
    };
    Tls {
        version: text(),
        suite: text(),
        group: parts.flag.then(text),
        alpn: None,
        server_name: Some(text()),
        resumed: parts.flag,
        trust: Trust::Pin,
        chain: vec![shown, Shown::default()],
    }
}

proptest! {
    #[test]
    fn every_kind_comes_back_as_it_was(all in vec(parts(), 1..4)) {
        let mut writer = Writer::default();
        let mut told = Vec::new();
        for parts in &all {
            every_kind(parts, |event| {
                told.push(format!("{event:?}"));
                writer.push(event);
            });
        }
        let tape = writer.take(Vec::new());
        let mut heard = Vec::new();
        Reader::new(&tape).each(|event| heard.push(format!("{event:?}"))).unwrap();
        prop_assert_eq!(told, heard);
    }

    #[test]
    fn bytes_that_are_no_tape_are_refused_or_read_and_nothing_else(
        parts in parts(), at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<prop::sample::Index>(),
    ) {
        let mut writer = Writer::default();
        every_kind(&parts, |event| writer.push(event));
        let mut tape = writer.take(Vec::new());
        let index = at.index(tape.len());
        tape[index] = byte;
        let _ = Reader::new(&tape).each(|_| {});
        let _ = Reader::new(&tape[..cut.index(tape.len())]).each(|_| {});
    }

    #[test]
    fn noise_is_no_tape(noise in vec(any::<u8>(), 0..200)) {
        let _ = Reader::new(&noise).each(|_| {});
    }
}

#[test]
fn payload_stands_on_the_tape_as_it_was() {
    let mut writer = Writer::default();
    let kind = Kind::Message { leg: 0, direction: Direction::In, data: b"needle" };
    writer.push(&Event { at: Tick(5), session: SessionId(1), how: How::Traced, kind });
    let tape = writer.take(Vec::new());
    assert!(tape.windows(6).any(|window| window == b"needle"));
    assert!(tape.len() <= 6 + 16, "{} bytes for six", tape.len());
    assert!(writer.is_empty());
}
