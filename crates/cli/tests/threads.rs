//! `--threads` and `--spin`: what is promised of one thread is true of several. Peers are so many that, however the kernel
//! spreads them, none of what is checked depends on which thread has whom.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on must fail")]
#![cfg(target_os = "linux")]

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream, UdpSocket};

use nix::sys::signal::Signal;
use sockeye_testkit::program::{PATIENCE, Program, Running, Scratch};

const PEERS: usize = 64;

fn sockeye(args: &[&str]) -> Program {
    Program::new(env!("CARGO_BIN_EXE_sockeye")).args(args)
}

fn serve(args: &[&str]) -> (Running, String) {
    let server = sockeye(&["serve", "tcp://127.0.0.1:0"]).args(args).args(["--threads", "4"]).start();
    let address = server.address();
    (server, address)
}

fn connect(to: &str) -> TcpStream {
    let stream = TcpStream::connect(to).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    stream
}

fn echoes(mut stream: &TcpStream, text: &str) {
    stream.write_all(text.as_bytes()).unwrap();
    let mut got = vec![0; text.len()];
    stream.read_exact(&mut got).unwrap();
    assert_eq!(String::from_utf8_lossy(&got), text);
}

/// Says `text`; whether it came back. A peer that is turned away hears nothing, or an RST.
fn is_served(mut stream: &TcpStream, text: &str) -> bool {
    let mut got = vec![0; text.len()];
    match stream.write_all(text.as_bytes()).and_then(|()| stream.read_exact(&mut got)) {
        Ok(()) => true,
        Err(error) => {
            let kinds = [ErrorKind::UnexpectedEof, ErrorKind::ConnectionReset, ErrorKind::BrokenPipe];
            assert!(kinds.contains(&error.kind()), "{error}");
            false
        }
    }
}

/// The threads of a process that listen or answer.
fn threads(process: u32) -> usize {
    let tasks = fs::read_dir(format!("/proc/{process}/task")).unwrap();
    let names = tasks.map(|task| fs::read_to_string(task.unwrap().path().join("comm")).unwrap());
    names.filter(|name| name.trim_end() == "sockeye" || name.starts_with("sockeye-")).count()
}

#[test]
fn every_peer_has_its_own_answers_and_its_own_number() {
    let scratch = Scratch::new();
    let events = scratch.path().join("events.jsonl");
    let (mut server, address) = serve(&["echo", "-F", "line", "--record", events.to_str().unwrap()]);
    let peers: Vec<TcpStream> = (0..PEERS).map(|_| connect(&address)).collect();
    for round in 0..3 {
        for (number, peer) in peers.iter().enumerate() {
            echoes(peer, &format!("{number} {round}\n"));
        }
    }
    assert!(threads(server.id()) >= 4);
    drop(peers);
    server.signal(Signal::SIGINT);
    server.ends_by_itself().ok();
    let told = fs::read_to_string(&events).unwrap();
    let of = |kind: &str| {
        let mark = format!("\"kind\":\"{kind}\"");
        told.lines().filter(|line| line.contains(&mark)).map(str::to_owned).collect::<Vec<_>>()
    };
    let numbers = |lines: &[String]| {
        let session = |line: &String| {
            line.split_once("\"session\":").unwrap().1.split([',', '}']).next().unwrap().to_owned()
        };
        lines.iter().map(session).collect::<BTreeSet<_>>()
    };
    for kind in ["accepted", "closed"] {
        let lines = of(kind);
        assert_eq!((lines.len(), numbers(&lines).len()), (PEERS, PEERS), "{kind}");
    }
    assert_eq!(of("message").len(), PEERS * 3 * 2);
}

#[test]
fn so_many_sessions_are_let_in_and_not_one_more() {
    let (_server, address) = serve(&["echo", "--max-at-once", "10"]);
    let peers: Vec<TcpStream> = (0..PEERS).map(|_| connect(&address)).collect();
    let served = peers.iter().filter(|peer| is_served(peer, "hello")).count();
    assert_eq!(served, 10);
}

#[test]
fn it_ends_after_so_many_sessions_whoever_had_them() {
    let (server, address) = serve(&["echo", "--max-sessions", "7"]);
    let peers: Vec<TcpStream> = (0..7).map(|_| connect(&address)).collect();
    for peer in &peers {
        echoes(peer, "hello");
    }
    for peer in &peers {
        peer.shutdown(Shutdown::Write).unwrap();
    }
    server.ends_by_itself().ok();
}

#[test]
fn metrics_are_those_of_all_threads() {
    let (server, address) = serve(&["echo", "-F", "line", "--metrics", "127.0.0.1:0"]);
    let metrics = server.says_what("where metrics are", |said| {
        let said = String::from_utf8_lossy(said).into_owned();
        let url = said.lines().find_map(|line| line.strip_prefix("metrics on http://"))?;
        Some(url.strip_suffix("/metrics")?.to_owned())
    });
    let peers: Vec<TcpStream> = (0..PEERS).map(|_| connect(&address)).collect();
    for peer in &peers {
        echoes(peer, "one\n");
        echoes(peer, "two\n");
    }
    let mut text = String::new();
    let mut asked = connect(&metrics);
    asked.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    asked.read_to_string(&mut text).unwrap();
    let value = |name: &str| {
        let line = text.lines().find(|line| line.starts_with(name) && !line.starts_with('#'));
        line.and_then(|line| line.rsplit_once(' ')).map(|(_, value)| value.parse::<f64>().unwrap())
    };
    assert_eq!(value("sockeye_sessions_open"), Some(64.0), "{text}");
    assert_eq!(value("sockeye_sessions_total"), Some(64.0), "{text}");
}

#[test]
fn an_interrupt_drains_the_sessions_of_every_thread() {
    let (mut server, address) = serve(&["ack", "--keep"]);
    let peers: Vec<TcpStream> = (0..PEERS).map(|_| connect(&address)).collect();
    for mut peer in &peers {
        peer.write_all(b"hello").unwrap();
        let mut first = [0; 3];
        peer.read_exact(&mut first).unwrap();
    }
    server.signal(Signal::SIGINT);
    server.says("stopping: 64 still open");
    for peer in &peers {
        peer.shutdown(Shutdown::Write).unwrap();
    }
    server.ends_by_itself().ok();
}

#[test]
fn a_service_with_an_operator_says_that_it_has_one_thread() {
    let (mut server, address) = serve(&["chat"]);
    server.says("has one thread");
    for number in 0..4 {
        let mut peer = connect(&address);
        peer.write_all(format!("I am {number}").as_bytes()).unwrap();
        server.shows(format!("I am {number}\n"));
        server.types(format!("hello {number}\n"));
        let mut line = [0; 7];
        peer.read_exact(&mut line).unwrap();
        assert_eq!(&line, format!("hello {number}").as_bytes());
    }
}

#[test]
fn datagrams_stay_on_one_thread_and_are_answered() {
    let server = sockeye(&["serve", "udp://127.0.0.1:0", "echo", "--threads", "3"]).start();
    server.says("has one thread");
    let peer = UdpSocket::bind("127.0.0.1:0").unwrap();
    peer.set_read_timeout(Some(PATIENCE)).unwrap();
    peer.connect(server.address()).unwrap();
    peer.send(b"hello").unwrap();
    let mut room = [0; 16];
    assert_eq!(peer.recv(&mut room).unwrap(), 5);
}

#[test]
fn a_port_that_somebody_has_is_taken_and_not_shared() {
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = other.local_addr().unwrap().port();
    let server = sockeye(&["serve", &format!("tcp://127.0.0.1:{port}"), "echo", "--threads", "4"]).start();
    server.says("taken");
    server.end().with_code(4);
}

#[test]
fn a_proxy_of_several_threads_relays() {
    let target = TcpListener::bind("127.0.0.1:0").unwrap();
    let place = target.local_addr().unwrap().to_string();
    let proxy = sockeye(&["proxy", "tcp://127.0.0.1:0", &place, "--threads", "2"]).start();
    let address = proxy.address();
    for number in 0..16 {
        let near = connect(&address);
        let (mut far, _) = target.accept().unwrap();
        let mut sent = &near;
        writeln!(sent, "line {number}").unwrap();
        let mut line = String::new();
        BufReader::new(&far).read_line(&mut line).unwrap();
        assert_eq!(line, format!("line {number}\n"));
        far.write_all(b"back").unwrap();
        drop(far);
        let mut back = String::new();
        (&near).read_to_string(&mut back).unwrap();
        assert_eq!(back, "back");
    }
}

#[test]
fn one_that_spins_answers_and_ends_as_any_other() {
    let (mut server, address) = serve(&["echo", "--spin"]);
    let peers: Vec<TcpStream> = (0..8).map(|_| connect(&address)).collect();
    for peer in &peers {
        echoes(peer, "hello");
    }
    drop(peers);
    server.signal(Signal::SIGTERM);
    server.ends_by_itself().ok();
}

#[test]
fn it_may_have_all_descriptors_and_its_processes_have_what_it_was_given() {
    let limited = "ulimit -S -n 100 && exec \"$0\" \"$@\"";
    let server = Program::new("sh")
        .args([
            "-c",
            limited,
            env!("CARGO_BIN_EXE_sockeye"),
            "serve",
            "tcp://127.0.0.1:0",
            "exec",
            "sh",
            "-c",
        ])
        .args(["read line; ulimit -S -n"])
        .start();
    let soft = |process: &str| {
        let limits = fs::read_to_string(format!("/proc/{process}/limits")).unwrap();
        let line = limits.lines().find(|line| line.starts_with("Max open files")).unwrap().to_owned();
        let mut numbers = line.split_whitespace().skip(3);
        (numbers.next().unwrap().to_owned(), numbers.next().unwrap().to_owned())
    };
    let mut peer = connect(&server.address());
    let (now, most) = soft(&server.id().to_string());
    assert_eq!(now, most);
    // The program asks once it is told to: by then it has its limit.
    peer.write_all(b"go\n").unwrap();
    let mut told = String::new();
    peer.read_to_string(&mut told).unwrap();
    assert_eq!(told, "100\n");
}
