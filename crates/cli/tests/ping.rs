//! `ping` on loopback, as anybody: by TCP and UDP, its exit codes, its figures, its end by Ctrl-C.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

use std::net::{SocketAddr, UdpSocket};

use serde_json::Value;
use sockeye_testkit::program::{Program, Signal};
use sockeye_testkit::schema;

const SCHEMA: &str = include_str!("../../../docs/hosts.schema.json");

fn sockeye<const N: usize>(args: [&str; N]) -> Program {
    Program::new(env!("CARGO_BIN_EXE_sockeye")).args(args)
}

fn objects(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn an_open_port_answers_and_a_closed_one_does_too() {
    // Bound, so that nobody else gets the port, and closed until it listens.
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    let port = socket.local_addr().unwrap().as_socket().unwrap().port().to_string();
    answered_by_tcp(&port, "refused", "the port is closed, the host answers");
    socket.listen(8).unwrap();
    answered_by_tcp(&port, "open", "127.0.0.1 is open  seq 1");
}

fn answered_by_tcp(port: &str, what: &str, sentence: &str) {
    let text = sockeye(["ping", "127.0.0.1", "--tcp", port, "-c", "2", "-i", "10ms"]).run("").ok();
    assert!(text.contains(sentence) && text.contains("2 sent, 2 answered, 0 lost (0.0 %)"), "{text}");
    let text = sockeye(["ping", "127.0.0.1", "--tcp", port, "-c", "2", "-i", "10ms", "--json"]).run("").ok();
    let lines = objects(&text);
    assert_eq!(schema::check(SCHEMA, &text), ["ping", "ping-answer", "ping-answer", "ping-summary"]);
    let told: Vec<_> = lines[1..3].iter().map(|line| (&line["what"], &line["number"])).collect();
    assert_eq!(told, [(&what.into(), &1.into()), (&what.into(), &2.into())]);
    assert_eq!((&lines[3]["answered"], &lines[3]["loss"]), (&2.into(), &0.0.into()));
    assert!(lines[3]["seconds"]["median"].as_f64().unwrap() > 0.0);
}

#[test]
fn nothing_is_a_failed_verdict_and_says_what_it_may_mean() {
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port().to_string();
    let ended = sockeye(["ping", "127.0.0.1", "--udp", &port, "-c", "1", "-t", "100ms"]).run("");
    assert_eq!(ended.code, Some(1));
    let text = String::from_utf8(ended.stdout).unwrap();
    assert!(text.contains("1 sent, 0 answered, 0 lost"), "{text}");
    assert!(text.contains("an open UDP port that says nothing looks the same"), "{text}");
}

#[test]
fn a_name_that_is_none_is_no_verdict() {
    let ended = sockeye(["ping", "no-such-host.invalid", "-c", "1"]).run("");
    assert_eq!(ended.code, Some(4), "{}", ended.stderr);
}

#[test]
fn control_c_ends_with_the_figures() {
    let closed = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
    let mut running = sockeye(["ping", "127.0.0.1", "--udp", &closed, "-c", "0", "-i", "10ms"]).start();
    running.shows("seq 3");
    running.signal(Signal::SIGINT);
    let ended = running.end();
    let text = ended.ok();
    assert!(text.contains(" 0 lost (0.0 %)") && text.contains("median"), "{text}");
}

#[test]
fn every_line_of_addr_is_as_the_schema_says() {
    let asked: [&[&str]; 12] = [
        &[],
        &["192.168.1.7/24"],
        &["8.8.8.8"],
        &["224.0.0.1"],
        &["2001:0:4136:e378:8000:63bf:3fff:fdd2/64"],
        &["fe80::21b:44ff:fe11:3ab7%eth0"],
        &["01.300.x"],
        &["::1::/129"],
        &["--same", "127.0.0.1/8", "127.0.0.2"],
        &["--same", "198.51.100.7/24", "203.0.113.1/24"],
        &["10.0.0.0/30", "--split", "32"],
        &["--summarize", "::/1", "8000::/1"],
    ];
    let mut seen = Vec::new();
    for words in asked {
        let program = Program::new(env!("CARGO_BIN_EXE_sockeye")).args(["addr", "--json"]).args(words);
        seen.extend(schema::check(SCHEMA, &String::from_utf8(program.run("").stdout).unwrap()));
    }
    for kind in ["link", "address", "same-network", "network", "split"] {
        assert!(seen.iter().any(|seen| seen == kind), "{kind}");
    }
}
