//! How a server ends: the drain, the second signal, and a stdout that nobody reads any more.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::kill;
use nix::unistd::Pid;

use sockeye_testkit::program::{PATIENCE, Program, Running, Signal};

fn sockeye<const N: usize>(args: [&str; N]) -> Program {
    Program::new(env!("CARGO_BIN_EXE_sockeye")).args(args)
}

/// A relay with a session through it. A relay alone cannot end a session: that is for its two peers.
fn relayed(drain: &str) -> (Running, TcpStream, TcpStream) {
    let target = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("tcp://{}", target.local_addr().unwrap());
    let proxy = sockeye(["proxy", "tcp://127.0.0.1:0", &url, "--drain", drain]).start();
    let client = TcpStream::connect(proxy.address()).unwrap();
    let (server, _) = target.accept().unwrap();
    for stream in [&client, &server] {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
    }
    (proxy, client, server)
}

/// Waits until nobody listens there any more.
fn is_refused_soon(address: &str) {
    let until = Instant::now() + PATIENCE;
    while TcpStream::connect(address).is_ok() {
        assert!(Instant::now() < until, "{address} still accepts");
        thread::yield_now();
    }
}

#[test]
fn a_server_without_sessions_stops_at_once() {
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let mut server = sockeye(["serve", "tcp://127.0.0.1:0", "echo", "--drain", "60"]).start();
        server.ready();
        server.signal(signal);
        server.ends_by_itself().ok();
    }
}

#[test]
fn sessions_may_finish_within_the_drain() {
    let (mut proxy, mut client, mut server) = relayed("60");
    let address = proxy.address();
    proxy.signal(Signal::SIGTERM);
    is_refused_soon(&address);
    client.write_all(b"still").unwrap();
    server.read_exact(&mut [0; 5]).unwrap();
    server.write_all(b"answered").unwrap();
    server.shutdown(Shutdown::Write).unwrap();
    let mut got = Vec::new();
    client.read_to_end(&mut got).unwrap();
    assert_eq!(got, b"answered");
    drop((client, server));
    proxy.ends_by_itself().ok();
}

#[test]
fn a_service_answers_its_peers_while_it_drains() {
    for service in ["echo", "upper", "reply --default X", "exec cat"] {
        let args = ["serve", "tcp://127.0.0.1:0", "--drain", "60"];
        let mut server = sockeye(args).args(service.split(' ')).start();
        let address = server.address();
        let mut client = TcpStream::connect(&address).unwrap();
        client.set_read_timeout(Some(PATIENCE)).unwrap();
        for round in 0..2 {
            client.write_all(b"X").unwrap();
            let mut got = [0];
            client.read_exact(&mut got).unwrap();
            assert_eq!(&got, b"X", "{service}");
            if round == 0 {
                server.signal(Signal::SIGTERM);
                is_refused_soon(&address);
            }
        }
        drop(client);
        server.ends_by_itself().ok();
    }
}

#[test]
fn sessions_are_closed_after_the_drain() {
    let (mut proxy, client, server) = relayed("1");
    let started = Instant::now();
    proxy.signal(Signal::SIGTERM);
    proxy.runs_on(Duration::from_millis(700));
    proxy.ends_by_itself();
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    drop((client, server));
}

#[test]
fn a_second_signal_ends_at_once() {
    for (signal, code) in [(Signal::SIGTERM, 143), (Signal::SIGINT, 130)] {
        let (mut proxy, _client, _server) = relayed("60");
        let address = proxy.address();
        proxy.signal(signal);
        is_refused_soon(&address);
        proxy.runs_on(Duration::from_millis(100));
        proxy.signal(signal);
        proxy.ends_by_itself().with_code(code);
    }
}

/// Runs a command with one byte of its stdout read, and returns what it said after its exit code.
fn read_one_byte(args: &str) -> String {
    let script = format!("{{ \"$0\" {args}; echo \"code $?\" >&2; }} | head -c1");
    let ended = Program::new("sh").args(["-c", &script, env!("CARGO_BIN_EXE_sockeye")]).run("");
    assert_eq!(ended.stdout.len(), 1);
    ended.stderr
}

#[test]
fn a_closed_stdout_ends_connect_quietly() {
    let server = sockeye(["serve", "tcp://127.0.0.1:0", "chargen"]).start();
    assert_eq!(read_one_byte(&format!("connect {}", server.address())).trim(), "code 0");
}

#[test]
fn a_closed_stdout_ends_list_quietly() {
    assert_eq!(read_one_byte("list").trim(), "code 0");
}

/// A server whose stdout nobody reads, with a peer that it therefore holds; and its process id.
fn stuck(drain: &str) -> (Child, TcpStream, Pid) {
    let mut server = Command::new(env!("CARGO_BIN_EXE_sockeye"))
        .args(["serve", "tcp://127.0.0.1:0", "discard", "--json", "--drain", drain])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut ready = String::new();
    BufReader::new(server.stderr.take().unwrap()).read_line(&mut ready).unwrap();
    let mut peer = TcpStream::connect(ready.trim().rsplit("//").next().unwrap()).unwrap();
    peer.set_write_timeout(Some(Duration::from_millis(500))).unwrap();
    let piece = vec![b'x'; 1 << 20];
    // What sockets, pipe and queue hold is a few MiB; without a bound all of this is taken.
    let held = (0..64).find_map(|_| peer.write_all(&piece).err());
    assert_eq!(held.unwrap().kind(), ErrorKind::WouldBlock);
    let pid = Pid::from_raw(i32::try_from(server.id()).unwrap());
    kill(pid, Signal::SIGTERM).unwrap();
    is_refused_soon(&peer.peer_addr().unwrap().to_string());
    (server, peer, pid)
}

/// The exit code of a server that must end now; `signals` go on, or one is enough.
fn ends(mut server: Child, pid: Pid, signals: usize) -> Option<i32> {
    let until = Instant::now() + PATIENCE;
    let mut left = signals;
    loop {
        if left > 0 {
            kill(pid, Signal::SIGTERM).unwrap();
            left -= 1;
        }
        if let Some(status) = server.try_wait().unwrap() {
            return status.code();
        }
        assert!(Instant::now() < until, "it does not end");
        thread::yield_now();
    }
}

#[test]
fn a_second_signal_ends_a_drain_although_stdout_is_not_read() {
    let (server, _peer, pid) = stuck("60");
    assert_eq!(ends(server, pid, 1), Some(143));
}

#[test]
fn a_signal_ends_a_program_that_waits_only_for_its_stdout() {
    // The drain is over at once; whenever the end has come so far, the next signal is the last.
    let (server, _peer, pid) = stuck("0");
    assert_eq!(ends(server, pid, usize::MAX), Some(143));
}

#[test]
fn what_stdout_does_not_take_is_no_success() {
    let script = "\"$0\" list >/dev/full";
    let ended = Program::new("sh").args(["-c", script, env!("CARGO_BIN_EXE_sockeye")]).run("");
    assert!(ended.with_code(7).contains("error[broken] stdout"), "{}", ended.stderr);
}
