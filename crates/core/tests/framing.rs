//! Every framing, through a machine: its examples under every way to cut them, messages of any kind under any chunking,
//! garbage, and the laws of the registry.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;

use proptest::collection::vec;
use proptest::prelude::*;
use sockeye_core::framing::{ALL, Example};
use sockeye_core::{Code, Conversation, Fault, Framing, Input, Lane, Machine, Outbox, PEER, Tick};

/// Specs that together use every option of every framing.
const SPECS: &[&str] = &[
    "line",
    "crlf",
    "nul",
    "delim:7c",
    "delim:6162",
    "delim:616162",
    "delim:0001020304050607",
    "fixed:1",
    "fixed:7",
    "wrap:02:03",
    "wrap:6161:616162",
    "u8",
    "u16be",
    "u16le",
    "u24be",
    "u32be",
    "u32le",
    "u64be",
    "varint",
    "ascii1",
    "ascii4,magic:2323",
    "ascii19",
    "u16be,adj:-2",
    "u16be,adj:+3",
    "u8,off:1",
    "u32le,off:5,adj:-9,magic:cafe",
    "varint,off:3,tail:0d0a",
    "u16le,magic:00,tail:0102030405060708,max:512",
    "u8,max:300",
    "cobs",
    "slip",
];

const MAX: usize = 1024;

/// Keeps the messages that come, and ends.
#[derive(Clone, Default)]
struct Heard(Rc<RefCell<Vec<Vec<u8>>>>);

impl Conversation for Heard {
    fn handle(&mut self, _now: Tick, input: Input<'_>, _out: &mut Outbox) {
        if let Input::Message { data, .. } = input {
            self.0.borrow_mut().push(data.to_vec());
        }
    }

    fn deadline(&self) -> Option<Tick> {
        None
    }
}

/// What a stream of these reads gives, and how it ends. Holds the machine to its memory bound throughout.
fn hear<'a>(
    framing: Framing,
    reads: impl IntoIterator<Item = &'a [u8]>,
) -> (Vec<Vec<u8>>, Result<(), Box<Fault>>) {
    hear_within(MAX, framing, reads)
}

fn hear_within<'a>(
    max: usize,
    framing: Framing,
    reads: impl IntoIterator<Item = &'a [u8]>,
) -> (Vec<Vec<u8>>, Result<(), Box<Fault>>) {
    let heard = Heard::default();
    let mut machine = Machine::new(Box::new(heard.clone()), Lane::stream(framing), max);
    let mut out = Outbox::new(|| 0);
    let most = framing.max().unwrap_or(max) + 64 * 1024 + 64;
    let mut end = Ok(());
    for read in reads {
        end = machine.bytes(Tick::ZERO, PEER, &mut read.to_vec(), &mut out);
        assert!(machine.held() <= most, "{} bytes held by {}", machine.held(), framing.spec());
        if end.is_err() {
            break;
        }
    }
    if end.is_ok() {
        end = machine.eof(Tick::ZERO, PEER, &mut out);
    }
    assert_eq!(machine.held(), 0);
    (heard.0.take(), end)
}

/// `bytes` cut at `cuts`, which are taken modulo what they may be.
fn chunks<'a>(bytes: &'a [u8], cuts: &[usize]) -> Vec<&'a [u8]> {
    let mut at: Vec<usize> = cuts.iter().map(|cut| cut % (bytes.len() + 1)).collect();
    at.extend([0, bytes.len()]);
    at.sort_unstable();
    at.dedup();
    at.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect()
}

fn examples() -> impl Iterator<Item = (Framing, &'static Example)> {
    let all = ALL.iter().flat_map(|entry| entry.examples);
    all.map(|example| (Framing::parse(example.spec).expect("an example parses"), example))
}

/// A message that the framing can carry and that holds no end mark of it.
fn carried(framing: Framing, mut message: Vec<u8>) -> Option<Vec<u8>> {
    let spec = framing.spec();
    match spec.split([':', ',']).next().unwrap_or("") {
        "line" => message.retain(|byte| *byte != b'\n'),
        "nul" => message.retain(|byte| *byte != 0),
        "crlf" => message.retain(|byte| *byte != b'\r'),
        // Without the mark's last byte no mark can come about.
        "delim" | "wrap" => {
            let last = u8::from_str_radix(&spec[spec.len() - 2..], 16).expect("a mark is hex");
            message.retain(|byte| *byte != last);
        }
        "fixed" => message.resize(framing.max().unwrap_or(0), b'x'),
        "slip" if message.is_empty() => return None,
        _ => {}
    }
    framing.wrap(&message, &mut Vec::new()).is_ok().then_some(message)
}

#[test]
fn the_registry_keeps_its_laws() {
    let names: BTreeSet<_> = ALL.iter().map(|entry| entry.name).collect();
    assert_eq!(names.len(), ALL.len());
    let words: Vec<_> = ALL.iter().flat_map(|entry| entry.words).collect();
    assert_eq!(words.iter().collect::<BTreeSet<_>>().len(), words.len());
    for entry in ALL {
        assert!(!entry.examples.is_empty() && !entry.words.is_empty(), "{}", entry.name);
        for example in entry.examples {
            assert!(entry.words.iter().any(|word| example.spec.starts_with(word)), "{}", example.spec);
            assert!(matches!((entry.parse)(example.spec), Some(Ok(_))), "{}", example.spec);
        }
    }
}

#[test]
fn a_spec_parses_to_the_framing_it_came_from() {
    let examples = ALL.iter().flat_map(|entry| entry.examples).map(|example| &example.spec);
    for spec in SPECS.iter().chain(examples) {
        let framing = Framing::parse(spec).unwrap();
        assert_eq!(framing.spec(), *spec);
    }
    let long = Framing::parse("u8,max:1024,tail:0A,adj:3,magic:0B,off:0").unwrap();
    assert_eq!(long.spec(), "u8,adj:+3,magic:0b,tail:0a,max:1k");
    assert_eq!(Framing::parse(&long.spec()).unwrap(), long);
}

#[test]
fn examples_hold_under_every_cut_in_two_and_three_and_byte_by_byte() {
    for (framing, example) in examples() {
        let mut ways: Vec<Vec<&[u8]>> = vec![example.wire.chunks(1).collect()];
        for first in 0..=example.wire.len() {
            for second in first..=example.wire.len() {
                ways.push(chunks(example.wire, &[first, second]));
            }
        }
        for reads in ways {
            let (heard, end) = hear(framing, reads.iter().copied());
            assert_eq!(end, Ok(()), "{} {reads:?}", example.spec);
            if framing.is_raw() || framing.is_dgram() {
                assert_eq!(heard.concat(), example.messages.concat());
            } else {
                assert_eq!(heard, example.messages, "{} {reads:?}", example.spec);
            }
        }
    }
}

#[test]
fn what_ends_within_a_frame_is_delivered_by_delimiters_and_truncated_elsewhere() {
    for (spec, wire, left) in [
        ("line", &b"a\nleft"[..], Some(&b"left"[..])),
        ("crlf", b"a\r\nleft\r", Some(b"left\r")),
        ("nul", b"a\0left", Some(b"left")),
        ("delim:6162", b"zablefta", Some(b"lefta")),
        ("cobs", b"\x02a\0\x05left", Some(b"left")),
        ("slip", b"a\xc0le\xdb\xdcft", Some(b"le\xc0ft")),
        ("cobs", b"\x02a\0\x06left", None),
        ("slip", b"a\xc0left\xdb", None),
        ("fixed:3", b"onetw", None),
        ("wrap:02:03", b"\x02a\x03\x02left", None),
        ("u16be", b"\0\x01a\0", None),
        ("varint", b"\x01a\x80", None),
        ("ascii4", b"0001a0004lef", None),
        ("u8,tail:0d0a", b"\x01a\r\n\x01a\r", None),
    ] {
        let (heard, end) = hear(Framing::parse(spec).unwrap(), wire.chunks(1));
        if let Some(left) = left {
            assert_eq!((heard.last().map(Vec::as_slice), end), (Some(left), Ok(())), "{spec}");
        } else {
            let fault = end.unwrap_err();
            assert_eq!((fault.code, heard.len()), (Code::Truncated, 1), "{spec}");
            assert!(!fault.value("have").is_empty() && !fault.value("bytes").is_empty());
        }
    }
}

#[test]
fn a_frame_over_its_bound_is_named_at_once() {
    for (spec, wire, size, max) in [
        ("u8,max:3", &b"\x04"[..], "4", "3"),
        ("u16be", b"\xff\xff", "65535", "1024"),
        ("u32be,magic:aa,off:2", b"\xaa__\x80\0\0\0", "2147483648", "1024"),
        ("u64be", b"\xff\xff\xff\xff\xff\xff\xff\xff", "18446744073709551615", "1024"),
        ("varint", b"\x81\x08", "1025", "1024"),
        ("ascii4", b"9999", "9999", "1024"),
    ] {
        for reads in [vec![wire], wire.chunks(1).collect()] {
            let fault = hear(Framing::parse(spec).unwrap(), reads).1.unwrap_err();
            assert_eq!(fault.code, Code::Oversize, "{spec}");
            assert_eq!((fault.value("size"), fault.value("max")), (size, max), "{spec}");
        }
    }
    for spec in ["line", "crlf", "nul", "delim:61616161", "wrap:78:6162", "cobs", "slip"] {
        let framing = Framing::parse(spec).unwrap();
        let whole = [b'x'; 4 * MAX];
        for reads in [vec![&whole[..]], whole.chunks(1).collect(), whole.chunks(100).collect()] {
            let (heard, end) = hear(framing, reads);
            assert_eq!((heard.len(), end.unwrap_err().code), (0, Code::Oversize), "{spec}");
        }
    }
}

#[test]
fn max_itself_is_not_over_it() {
    for spec in SPECS {
        let framing = Framing::parse(spec).unwrap();
        if framing.max().is_some() {
            continue;
        }
        for (size, fits) in [(MAX, true), (MAX + 1, false)] {
            let off = if spec.contains("off:5") {
                5
            } else if spec.contains("off:3") {
                3
            } else {
                0
            };
            let mut wire = Vec::new();
            if framing.wrap(&vec![b'x'; size + off], &mut wire).is_err() {
                continue;
            }
            for reads in [vec![&wire[..]], wire.chunks(1).collect()] {
                let (heard, end) = hear(framing, reads);
                assert_eq!((heard.len(), end.is_ok()), (usize::from(fits), fits), "{spec} {size}");
            }
        }
    }
}

#[test]
fn bytes_that_are_no_frame_are_named() {
    for (spec, wire) in [
        ("wrap:02:03", &b"\x02a\x03x"[..]),
        ("u8,magic:2323", b"#x"),
        ("u8,tail:0d0a", b"\x01a\rx"),
        ("ascii4", b"00x"),
        ("u16be,adj:-2", b"\0\x01"),
        ("varint", b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"),
        ("u64be,adj:+1", b"\xff\xff\xff\xff\xff\xff\xff\xff"),
        ("slip", b"\xdbx"),
        ("cobs", b"\x05x\0"),
    ] {
        for reads in [vec![wire], wire.chunks(1).collect()] {
            let fault = hear(Framing::parse(spec).unwrap(), reads).1.unwrap_err();
            assert_eq!(fault.code, Code::BadFrame, "{spec}");
        }
    }
}

#[test]
fn one_byte_reads_of_a_long_frame_stay_linear() {
    // Quadratic scanning of 1 MiB would take minutes here.
    const LONG: usize = 1 << 20;
    for spec in ["line", "crlf", "delim:787878787878787c", "wrap:78:787c", "cobs", "slip", "u32be,max:2m"] {
        let framing = Framing::parse(spec).unwrap();
        let mut wire = Vec::new();
        framing.wrap(&vec![b'x'; LONG], &mut wire).unwrap();
        let heard = Heard::default();
        let mut machine = Machine::new(Box::new(heard.clone()), Lane::stream(framing), 2 * LONG);
        let mut out = Outbox::new(|| 0);
        for byte in &wire {
            machine.bytes(Tick::ZERO, PEER, &mut [*byte], &mut out).unwrap();
        }
        assert_eq!(heard.0.take().concat().len(), LONG, "{spec}");
    }
}

/// A few bytes that mean something to some framing, among any others.
fn byte() -> impl Strategy<Value = u8> {
    prop_oneof![
        proptest::sample::select(&b"\0\x01\x02\x03\r\n|abx#0129\xc0\xdb\xdc\xdd\xff\x80"[..]),
        any::<u8>()
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn messages_come_back_whole_under_any_chunking(
        messages in vec(vec(byte(), 0..80), 0..8),
        cuts in vec(any::<usize>(), 0..12),
    ) {
        for spec in SPECS {
            let framing = Framing::parse(spec).unwrap();
            let sent: Vec<_> = messages.iter().filter_map(|message| carried(framing, message.clone())).collect();
            let mut wire = Vec::new();
            for message in &sent {
                framing.wrap(message, &mut wire).unwrap();
            }
            for reads in [chunks(&wire, &cuts), wire.chunks(1).collect()] {
                let (heard, end) = hear(framing, reads);
                prop_assert_eq!(&end, &Ok(()), "{}", spec);
                prop_assert_eq!(&heard, &sent, "{}", spec);
            }
        }
    }

    #[test]
    fn garbage_gives_the_same_under_any_chunking_and_never_panics(
        bytes in vec(byte(), 0..600),
        cuts in vec(any::<usize>(), 0..12),
    ) {
        for spec in SPECS {
            let framing = Framing::parse(spec).unwrap();
            let end = |end: Result<(), Box<Fault>>| end.map_err(|fault| fault.code);
            for max in [24, MAX] {
                let (whole, whole_end) = hear_within(max, framing, [&bytes[..]]);
                for reads in [chunks(&bytes, &cuts), bytes.chunks(1).collect()] {
                    let (heard, heard_end) = hear_within(max, framing, reads);
                    prop_assert_eq!(&heard, &whole, "{}", spec);
                    prop_assert_eq!(end(heard_end), end(whole_end.clone()), "{}", spec);
                }
            }
        }
    }

    #[test]
    fn any_text_parses_or_faults_and_what_parses_round_trips(
        word in proptest::sample::select(SPECS),
        rest in "[,:+a-z0-9-]{0,12}",
        any in any::<String>(),
    ) {
        for text in [format!("{word}{rest}"), any] {
            if let Ok(framing) = Framing::parse(&text) {
                prop_assert_eq!(Framing::parse(&framing.spec()).unwrap(), framing);
            }
        }
    }
}
