//! `explain` held against tshark: every field that it shows of every packet, whole and cut off, is what tshark shows.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on must fail")]
#![expect(clippy::print_stdout, reason = "how much was compared is part of the result")]

mod table;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::Value;
use sockeye_testkit::packets::{self, Packet};
use sockeye_testkit::program::{Program, Scratch};

use table::{FIELDS, OURS};

/// What tshark is to do: check what we check, and look at each packet by itself.
const OPTIONS: &[&str] = &[
    "eth.fcs:Never",
    "ip.check_checksum:TRUE",
    "tcp.check_checksum:TRUE",
    "udp.check_checksum:TRUE",
    "ip.defragment:FALSE",
    "ipv6.defragment:FALSE",
    "tcp.desegment_tcp_streams:FALSE",
    "tcp.analyze_sequence_numbers:FALSE",
    "tcp.relative_sequence_numbers:FALSE",
    "http.desegment_body:FALSE",
    "http.desegment_headers:FALSE",
    "tls.desegment_ssl_records:FALSE",
    "tls.desegment_ssl_application_data:FALSE",
];

/// The values of one packet, by tshark's names.
type Shown = BTreeMap<&'static str, Vec<String>>;

/// Between values of one field.
const BETWEEN: char = '\u{1f}';

/// What tshark shows of every packet of a file.
fn theirs(path: &Path) -> Vec<Shown> {
    let mut names: BTreeSet<&str> = FIELDS.iter().map(|(_, name, _)| *name).collect();
    names.extend(FIELDS.iter().filter_map(|(key, ..)| table::status(key)));
    names.insert(table::OPAQUE);
    let mut program = Program::new("tshark").args(["-n", "-2", "-r", path.to_str().unwrap()]);
    for option in OPTIONS {
        program = program.args(["-o", option]);
    }
    let between = format!("aggregator={BETWEEN}");
    program = program.args(["-T", "fields", "-E", "separator=/t", "-E", "occurrence=a", "-E", &between]);
    for name in &names {
        program = program.args(["-e", name]);
    }
    let text = program.run("").ok();
    let shown = |line: &str| {
        let columns = names.iter().zip(line.split('\t')).filter(|(_, column)| !column.is_empty());
        columns.map(|(name, column)| (*name, column.split(BETWEEN).map(number).collect())).collect()
    };
    text.lines().map(shown).collect()
}

/// A number in decimal, whatever it was written in.
fn number(text: &str) -> String {
    let hex = text.strip_prefix("0x").and_then(|digits| u64::from_str_radix(digits, 16).ok());
    hex.map_or_else(|| text.to_owned(), |number| number.to_string())
}

/// What sockeye shows of every packet of a file.
fn explained(path: &Path) -> Vec<Value> {
    let args = ["explain", "--json", "--all", path.to_str().unwrap()];
    let text = Program::new(env!("CARGO_BIN_EXE_sockeye")).args(args).run("").ok();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Our values of one packet, by tshark's names; what has none is counted.
#[derive(Default)]
struct Ours {
    shown: Shown,
    fields: usize,
    alone: usize,
}

impl Ours {
    fn layer(&mut self, layer: &Value) {
        let kind = kind(layer);
        for field in layer["fields"].as_array().unwrap() {
            self.field(field, &kind, "", "");
        }
        for inner in layer["layers"].as_array().unwrap() {
            self.layer(inner);
        }
    }

    fn field(&mut self, field: &Value, kind: &str, group: &str, named: &str) {
        let key = field["key"].as_str().unwrap();
        let name = field["name"].as_str().unwrap_or_default();
        if let Some(fields) = field["fields"].as_array() {
            for inner in fields {
                self.field(inner, kind, key, name);
            }
            return;
        }
        if field.get("value").is_none() {
            return;
        }
        self.fields += 1;
        let wanted = [
            format!("{kind}:{group}/{key}"),
            format!("{kind}:{key}"),
            format!("{group}[{named}]/{key}"),
            format!("{group}/{key}"),
            key.to_owned(),
        ];
        if wanted.iter().any(|wanted| OURS.contains(&wanted.as_str())) {
            self.alone += 1;
            return;
        }
        let found = wanted.iter().find_map(|wanted| {
            let row = FIELDS.iter().find(|(known, ..)| known == wanted)?;
            Some((row.1, row.2))
        });
        let (theirs, meaning) = found.unwrap_or_else(|| panic!("the table has no {wanted:?}"));
        let value = plain(&field["value"]);
        self.shown.entry(theirs).or_default().push(meaning.of(&value, field));
        // Whether a checksum is right is something shown too.
        if let Some(status) = table::status(key) {
            let number = table::STATES.iter().position(|state| *state == name).unwrap();
            self.shown.entry(status).or_default().push(number.to_string());
        }
    }
}

/// What decides which of tshark's fields one of ours is: the kind of the layer, which half of HTTP, which message of
/// ICMPv6.
fn kind(layer: &Value) -> String {
    let has = |key: &str| layer["fields"].as_array().unwrap().iter().find(|field| field["key"] == key);
    match layer["protocol"].as_str().unwrap() {
        "http" if has("http.status").is_some() => "response".to_owned(),
        "http" => "request".to_owned(),
        "icmpv6" => has("icmpv6.type").map_or_else(String::new, |field| field["value"].to_string()),
        "tls" => has("tls.content-type").map_or_else(String::new, |field| field["value"].to_string()),
        _ => layer["kind"].as_str().unwrap_or_default().to_owned(),
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::Bool(set) => u8::from(*set).to_string(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// How a comparison went.
#[derive(Debug, Default)]
struct Tally {
    packets: usize,
    cut: usize,
    fields: usize,
    /// Fields that tshark has none for.
    alone: usize,
    /// Fields known to differ.
    known: usize,
    /// Fields of cut packets that only the whole packet shows in tshark.
    sooner: usize,
    unlike: Vec<String>,
}

/// One packet to be compared.
struct Case {
    name: String,
    /// What tshark shows of all of it, where a part is explained.
    whole: Option<Shown>,
}

/// Compares all packets of a file. Of whole packets all that both know must be the same. Of a cut one, what we show must
/// be among what tshark shows, in that order; or where tshark shows nothing of a header that is cut, among what it shows
/// of the whole packet.
fn compare(path: &Path, cases: &[Case], tally: &mut Tally) {
    let (ours, theirs) = (explained(path), theirs(path));
    assert_eq!((ours.len(), theirs.len()), (cases.len(), cases.len()));
    for ((packet, theirs), case) in ours.iter().zip(&theirs).zip(cases) {
        let mut ours = Ours::default();
        packet["layers"].as_array().unwrap().iter().for_each(|layer| ours.layer(layer));
        tally.packets += 1;
        tally.cut += usize::from(case.whole.is_some());
        tally.fields += ours.fields;
        tally.alone += ours.alone;
        for (field, values) in &ours.shown {
            let is_known = |(packet, other, _): &&(&str, &str, &str)| {
                case.name.starts_with(packet) && field.starts_with(other)
            };
            if table::DIFFERENT.iter().any(|row| is_known(&row)) {
                tally.known += 1;
                continue;
            }
            let known = table::values(field, theirs);
            let fits = match &case.whole {
                None => *values == known,
                Some(_) if is_within(values, &known) => true,
                // That it cannot be checked is all that is said of what is cut.
                Some(_) if field.ends_with("checksum.status") => values.iter().all(|value| value != "0"),
                Some(whole) => {
                    tally.sooner += 1;
                    is_begun(values, &table::values(field, whole))
                }
            };
            if !fits {
                tally.unlike.push(format!("{}: {field}: ours {values:?}, tshark's {known:?}", case.name));
            }
        }
    }
}

/// Whether values stand among others in the same order.
fn is_within(values: &[String], others: &[String]) -> bool {
    let mut others = others.iter();
    values.iter().all(|value| others.any(|other| other == value))
}

/// Whether values are the first of others, the last of them perhaps cut off.
fn is_begun(values: &[String], others: &[String]) -> bool {
    let Some((last, before)) = values.split_last() else { return true };
    let Some(whole) = others.get(before.len()) else { return false };
    others.starts_with(before) && whole.starts_with(last.as_str())
}

fn written(scratch: &Scratch, name: &str, packets: &[(Vec<u8>, usize)]) -> std::path::PathBuf {
    let path = scratch.path().join(name);
    std::fs::write(&path, packets::capture(1, packets)).unwrap();
    path
}

/// Where packets are cut: so many of their bytes stay.
fn cuts(packet: &Packet) -> impl Iterator<Item = usize> {
    let length = packet.bytes.len();
    [13, 20, 30, 36, 41, 45, 51, 60, 77, 100, length - 1].into_iter().filter(move |cut| *cut < length)
}

#[test]
fn every_field_of_every_packet_is_what_tshark_shows() {
    let scratch = Scratch::new();
    let packets = packets::all();
    let mut tally = Tally::default();
    let whole: Vec<_> = packets.iter().map(|packet| (packet.bytes.clone(), usize::MAX)).collect();
    let path = written(&scratch, "whole.pcap", &whole);
    let case = |packet: &Packet| Case { name: packet.name.clone(), whole: None };
    compare(&path, &packets.iter().map(case).collect::<Vec<_>>(), &mut tally);
    let (mut cut, mut cases) = (Vec::new(), Vec::new());
    for (packet, whole) in packets.iter().zip(theirs(&path)) {
        for at in cuts(packet) {
            cut.push((packet.bytes.clone(), at));
            cases.push(Case { name: format!("{} cut at {at}", packet.name), whole: Some(whole.clone()) });
        }
    }
    compare(&written(&scratch, "cut.pcap", &cut), &cases, &mut tally);
    let Tally { packets, cut, fields, alone, known, sooner, unlike } = tally;
    println!(
        "{packets} packets ({cut} cut), {fields} fields: {alone} ours alone, {known} known to differ, {sooner} of \
         headers that tshark leaves out when they are cut, {} unlike",
        unlike.len()
    );
    assert!(packets > 200 && cut > 100 && fields > 5000, "{packets} {cut} {fields}");
    assert!(unlike.is_empty(), "{}", unlike.join("\n"));
}

#[test]
fn handshakes_of_real_tls_are_what_tshark_shows() {
    let scratch = Scratch::new();
    let mut tally = Tally::default();
    for version in ["-tls1_2", "-tls1_3"] {
        let recorded = scratch.path().join("tls.pcapng");
        let record = recorded.to_str().unwrap();
        let server = ["serve", "tls://127.0.0.1:0?self-signed", "upper", "--once", "--record", record];
        let server = Program::new(env!("CARGO_BIN_EXE_sockeye")).args(server).start();
        let client = Program::new("openssl").args(["s_client", "-connect", &server.address(), version]);
        client.args(["-servername", "localhost"]).run("hello\n");
        server.ends_by_itself().ok();
        // Without the keys that the file holds: they would let tshark read on.
        let plain = scratch.path().join("plain.pcapng");
        let args = ["--discard-all-secrets", record, plain.to_str().unwrap()];
        Program::new("editcap").args(args).run("").ok();
        let count = explained(&plain).len();
        let case = |number| Case { name: format!("{version} {number}"), whole: None };
        compare(&plain, &(1..=count).map(case).collect::<Vec<_>>(), &mut tally);
        std::fs::remove_file(&recorded).unwrap();
    }
    println!("{} packets, {} fields", tally.packets, tally.fields);
    assert!(tally.fields > 400 && tally.unlike.is_empty(), "{}", tally.unlike.join("\n"));
}
