//! `explain` as a person uses it: what it reads, what it shows, and back from `--wrap`.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

use serde_json::Value;
use sockeye_testkit::packets;
use sockeye_testkit::program::{Ended, Program, Scratch};

/// An echo request, from its IPv4 header on.
const ECHO: &str = "45000020000100004001f6d3c0000201c0000207080033370001000161626364";

fn explain(args: &[&str], input: impl Into<Vec<u8>>) -> Ended {
    Program::new(env!("CARGO_BIN_EXE_sockeye")).args(["explain"]).args(args).run(input)
}

fn object(args: &[&str], input: impl Into<Vec<u8>>) -> Value {
    let text = explain(&[&["--json"], args].concat(), input).ok();
    serde_json::from_str(text.lines().next().unwrap()).unwrap()
}

/// The protocols from the outside, of layers that carry one each.
fn protocols(packet: &Value) -> Vec<String> {
    let (mut found, mut at) = (Vec::new(), &packet["layers"]);
    while let Some(layer) = at.get(0) {
        found.push(layer["protocol"].as_str().unwrap().to_owned());
        at = &layer["layers"];
    }
    found
}

/// Every mistake in a packet.
fn mistakes(layers: &Value) -> Vec<String> {
    let mut found = Vec::new();
    for layer in layers.as_array().unwrap() {
        let flaws = layer["flaws"].as_array().unwrap().iter().filter(|flaw| flaw["mistake"] == true);
        found.extend(flaws.map(ToString::to_string));
        found.extend(mistakes(&layer["layers"]));
    }
    found
}

#[test]
fn what_wrap_shows_is_explained_as_what_was_wrapped() {
    for (endpoint, flags, found, payload) in [
        ("tcp://192.0.2.7:9000", &[][..], &["ethernet", "ipv4", "tcp", "data"][..], "hello"),
        ("udp://[2001:db8::7]:9000", &[], &["ethernet", "ipv6", "udp", "data"], "hello"),
        ("tcp://192.0.2.7:9000", &["-F", "u16be"], &["ethernet", "ipv4", "tcp", "data"], "\0\u{5}hello"),
        ("tcp://server.example:9000", &["-F", "line"], &["ethernet", "ipv4", "tcp", "data"], "hello\n"),
    ] {
        let args = [&["--wrap", "hello", endpoint], flags].concat();
        let shown = explain(&args, "").ok();
        let packet = object(&["-"], shown.as_str());
        assert_eq!(protocols(&packet), found, "{endpoint}");
        assert_eq!(mistakes(&packet["layers"]), [""; 0], "{endpoint}");
        let wrapped = object(&args, "");
        assert_eq!(packet["hex"], wrapped["frames"][0]["hex"]);
        let sum: u64 =
            wrapped["steps"].as_array().unwrap().iter().map(|step| step["added"].as_u64().unwrap()).sum();
        assert_eq!(5 + sum, wrapped["steps"].as_array().unwrap().last().unwrap()["total"].as_u64().unwrap());
        let hex: Vec<String> = payload.bytes().map(|byte| format!("{byte:02x}")).collect();
        assert!(packet["hex"].as_str().unwrap().contains(&hex.concat()), "{endpoint}");
    }
}

#[test]
fn every_frame_of_a_long_message_is_sound() {
    for endpoint in ["tcp://192.0.2.7:9000", "udp://192.0.2.7:9000", "udp://[2001:db8::7]:9000"] {
        let long = "x".repeat(4000);
        let wrapped = object(&["--wrap", &long, endpoint], "");
        let frames = wrapped["frames"].as_array().unwrap();
        assert_eq!(frames.len(), 3, "{endpoint}");
        for frame in frames {
            let packet = object(&[frame["hex"].as_str().unwrap()], "");
            assert_eq!(mistakes(&packet["layers"]), [""; 0], "{endpoint}");
        }
    }
}

#[test]
fn bytes_are_read_from_words_files_and_stdin() {
    let scratch = Scratch::new();
    let place = |name: &str, bytes: &[u8]| {
        let path = scratch.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let raw: Vec<u8> =
        (0..ECHO.len()).step_by(2).map(|at| u8::from_str_radix(&ECHO[at..at + 2], 16).unwrap()).collect();
    let spaced: Vec<String> = raw.iter().map(|byte| format!("0x{byte:02x}")).collect();
    let words: Vec<&str> = spaced.iter().map(String::as_str).collect();
    let expected = ["ipv4", "icmp", "data"];
    assert_eq!(protocols(&object(&[&["--as", "ip"], &words[..]].concat(), "")), expected);
    assert_eq!(protocols(&object(&["--as", "ip", "-"], ECHO)), expected);
    assert_eq!(
        protocols(&object(&["--as", "ip", &place("hex.txt", spaced.join(",\n").as_bytes())], "")),
        expected
    );
    assert_eq!(protocols(&object(&["--as", "ip", &place("raw.bin", &raw)], "")), expected);
    let text = b"POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}";
    assert_eq!(object(&["--as", "http", &place("request.txt", text)], "")["size"], text.len());
    let all: Vec<_> = packets::all().into_iter().map(|packet| (packet.bytes, 40)).collect();
    let capture = place("many.pcap", &packets::capture(1, &all));
    assert_eq!(object(&[&capture], "")["number"], 1);
    let third = object(&[&capture, "--packet", "3"], "");
    assert_eq!((&third["number"], &third["size"]), (&3.into(), &40.into()));
    assert_eq!(explain(&["--json", "--all", &capture], "").ok().lines().count(), all.len());
    let cooked = [&[0, 0, 3, 4, 0, 6, 0, 0, 0x5e, 0, 0x53, 1, 0, 0, 8, 0][..], &raw].concat();
    let cooked = place("cooked.pcap", &packets::capture(113, &[(cooked, 1000)]));
    assert_eq!(protocols(&object(&[&cooked], "")), ["cooked", "ipv4", "icmp", "data"]);
}

#[test]
fn a_guess_is_made_only_when_asked_for() {
    let ended = explain(&[ECHO], "");
    assert!(ended.stderr.contains("--as ip would fit"), "{ended:?}");
    assert!(ended.ok().contains("Ethernet"));
    let guessed = object(&["--as", "guess", ECHO], "");
    assert_eq!((&guessed["as"], &guessed["guessed"]), (&"ip".into(), &true.into()));
}

#[test]
fn what_strangers_wrote_never_reaches_the_screen_raw() {
    let hostile = "GET /\u{1b}[2J HTTP/1.1\r\nHost: \u{202e}a\u{9b}2J\r\n\r\n";
    for flags in [&[][..], &["-v"], &["--json"], &["--lang", "zh-CN", "-v"]] {
        let shown = explain(&[&["--as", "http", "-"], flags].concat(), hostile).ok();
        assert!(shown.contains("Host"), "{shown}");
        assert!(!shown.contains(['\u{1b}', '\u{202e}', '\u{9b}']), "{shown:?}");
    }
}

#[test]
fn every_packet_is_shown_in_both_languages_within_the_screen() {
    let scratch = Scratch::new();
    let path = scratch.path().join("all.pcap");
    let all: Vec<_> = packets::all().into_iter().map(|packet| (packet.bytes, usize::MAX)).collect();
    std::fs::write(&path, packets::capture(1, &all)).unwrap();
    let path = path.to_str().unwrap();
    for language in ["en", "zh-CN"] {
        for flags in [&["--all"][..], &["--all", "-v"]] {
            let shown = explain(&[&[path, "--lang", language], flags].concat(), "").ok();
            assert!(!shown.contains("explain-") && !shown.contains("{ $"), "{language}");
            let tables = shown.lines().filter(|line| !line.starts_with("0000"));
            let long =
                tables.filter(|line| line.split_whitespace().count() > 12 && line.chars().count() > 80);
            assert_eq!(long.collect::<Vec<_>>(), [""; 0], "{language}");
        }
    }
}
