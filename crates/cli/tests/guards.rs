//! Guards on real sockets: who is let in, what handshakes may cost, and how long, how fast and how large a session may
//! be. Each with a peer that goes too far and one that is served all the same.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on must fail")]
#![cfg(target_os = "linux")]

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};
use sockeye_testkit::program::{PATIENCE, Program, Running, Scratch};

fn sockeye<const N: usize>(args: [&str; N]) -> Program {
    Program::new(env!("CARGO_BIN_EXE_sockeye")).args(args)
}

/// `sockeye serve` and where it listens.
fn serve<const N: usize>(args: [&str; N]) -> (Running, SocketAddr) {
    let server = sockeye(["serve"]).args(args).start();
    let address = server.address().parse().unwrap();
    (server, address)
}

/// A connection from 127.0.0.`last`.
fn connect_from(last: u8, to: SocketAddr) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from((Ipv4Addr::new(127, 0, 0, last), 0)).into()).unwrap();
    socket.connect_timeout(&to.into(), PATIENCE).unwrap();
    let stream: TcpStream = socket.into();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

fn connect(to: SocketAddr) -> TcpStream {
    connect_from(1, to)
}

fn echoes(mut stream: &TcpStream, text: &str) {
    stream.write_all(text.as_bytes()).unwrap();
    let mut got = vec![0; text.len()];
    stream.read_exact(&mut got).unwrap();
    assert_eq!(String::from_utf8_lossy(&got), text);
}

/// Reads until the server ends the connection.
fn is_closed(mut stream: &TcpStream) -> bool {
    let mut room = [0; 4096];
    loop {
        match stream.read(&mut room) {
            Ok(0) => return true,
            Ok(_) => {}
            Err(error) => {
                return matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe);
            }
        }
    }
}

/// The numbers after `head` on every line that has it, summed up.
fn sum_of(said: &str, head: &str) -> u64 {
    let after = said.lines().filter_map(|line| line.split_once(head)).map(|(_, rest)| rest);
    after.filter_map(|rest| rest.split(' ').next()?.parse::<u64>().ok()).sum()
}

// Addresses.

#[test]
fn who_is_denied_is_turned_away_and_others_are_served() {
    let (server, address) =
        serve(["tcp://127.0.0.1:0", "echo", "--allow", "127.0.0.0/29", "--deny", "127.0.0.3,10.0.0.0/8"]);
    echoes(&connect_from(2, address), "allowed");
    assert!(is_closed(&connect_from(3, address)), "denied");
    assert!(is_closed(&connect_from(9, address)), "not allowed");
    echoes(&connect_from(4, address), "allowed");
    server.says("denied 1");
}

#[test]
fn unix_peers_are_let_in_whatever_networks_are_allowed() {
    let home = Scratch::new();
    let path = home.path().join("s");
    let url = format!("unix://{}", path.display());
    let server = sockeye(["serve"]).args([url.as_str(), "echo", "--allow", "10.0.0.0/8"]).start();
    server.ready();
    let mut stream = std::os::unix::net::UnixStream::connect(&path).unwrap();
    stream.write_all(b"hi").unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut got = String::new();
    stream.read_to_string(&mut got).unwrap();
    assert_eq!(got, "hi");
}

#[test]
fn datagrams_of_the_denied_are_not_answered() {
    let (server, address) = serve(["udp://127.0.0.1:0", "echo", "--deny", "127.0.0.3"]);
    let from = |last: u8| {
        let socket = std::net::UdpSocket::bind((Ipv4Addr::new(127, 0, 0, last), 0)).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket.connect(address).unwrap();
        socket
    };
    let (denied, allowed) = (from(3), from(2));
    denied.send(b"denied").unwrap();
    allowed.send(b"allowed").unwrap();
    let mut room = [0; 16];
    let count = allowed.recv(&mut room).unwrap();
    assert_eq!(&room[..count], b"allowed");
    denied.set_nonblocking(true).unwrap();
    assert!(denied.recv(&mut room).is_err(), "what came before it was not answered");
    server.says("denied 1");
}

#[test]
fn the_address_that_a_relay_tells_is_the_one_asked_about() {
    let (server, address) = serve(["proxy1+tcp://127.0.0.1:0", "echo", "--deny", "203.0.113.0/24", "--json"]);
    let tell = |source: &str| {
        let mut stream = connect(address);
        write!(stream, "PROXY TCP4 {source} 198.51.100.1 1000 80\r\n").unwrap();
        stream
    };
    assert!(is_closed(&tell("203.0.113.9")));
    echoes(&tell("198.51.100.9"), "served");
    server.shows("\"remote\":\"203.0.113.9:1000\",\"reason\":\"denied\"");
    server.says("the last from 203.0.113.9:1000");
}

// Rates and how they are told.

#[test]
fn refusals_are_told_by_reason_and_add_up() {
    let (server, address) = serve(["tcp://127.0.0.1:0", "echo", "--rate-per-address", "3", "-v"]);
    let mut answered = 0;
    for _ in 0..200 {
        let mut stream = connect(address);
        let mut got = [0; 1];
        answered += u64::from(stream.write_all(b"?").is_ok() && stream.read(&mut got).is_ok_and(|n| n == 1));
    }
    assert!((3..200).contains(&answered), "{answered} were served");
    let ended = server.stop();
    let said = ended.with_code(0);
    assert_eq!(sum_of(said, "refused connections: "), 200 - answered, "{said}");
    assert_eq!(sum_of(said, "refused connections in all: "), 200 - answered, "{said}");
    assert!(said.contains(&format!("(rate {})", 200 - answered)), "{said}");
}

#[test]
fn a_flood_of_bad_handshakes_does_not_fill_the_terminal() {
    const FLOOD: usize = 300;
    let (server, address) = serve(["proxy1+tcp://127.0.0.1:0", "echo", "--json"]);
    let started = Instant::now();
    for _ in 0..FLOOD {
        let mut stream = connect(address);
        stream.write_all(b"hello\r\n").unwrap();
        assert!(is_closed(&stream));
    }
    let took = started.elapsed().as_secs() + 2;
    let ended = server.stop();
    let said = ended.with_code(0);
    let told = said.lines().filter(|line| line.contains("error[no-proxy-header]")).count();
    assert!(told >= 5 && told as u64 <= 5 * took, "{told} errors told in {took} s:\n{said}");
    let left_out = sum_of(said, "errors left out here, as they come too fast: ");
    assert_eq!(told as u64 + left_out, FLOOD as u64, "{said}");
    let events = String::from_utf8_lossy(&ended.stdout).matches("\"kind\":\"error\"").count();
    assert_eq!(events, FLOOD, "each is an event");
}

// Handshakes.

/// The bearer token of 32 zero bytes, and a users file that knows it.
const TOKEN: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
const USERS: &str = "robot:BEARER$Zmh6rfhivXdsj8GLjp+OIAiXFIVu4jOzkCpZHQ1fKSU=\n";
const WRONG: &str = "BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBA";

/// A server that asks for logins, and the directory with its users.
fn guarded(more: &[&str]) -> (Running, SocketAddr, Scratch) {
    let home = Scratch::new();
    let users = home.path().join("users");
    fs::write(&users, USERS).unwrap();
    let users = users.to_str().unwrap().to_owned();
    let program = sockeye(["serve", "auth+tcp://127.0.0.1:0", "echo", "--users", &users]);
    let server = program.args(more).start();
    let address = server.address().parse().unwrap();
    (server, address, home)
}

/// Sends a token; the server's answer to it, if there is one.
fn log_in(stream: &TcpStream, token: &str) -> Option<String> {
    line(stream)?;
    let mut writing = stream;
    writeln!(writing, "BEARER {token}").ok()?;
    line(stream)
}

/// One line without its end, if one comes.
fn line(mut stream: &TcpStream) -> Option<String> {
    let mut text = String::new();
    let mut one = [0; 1];
    while stream.read(&mut one).ok()? == 1 && one != *b"\n" {
        text.push(char::from(one[0]));
    }
    Some(text).filter(|text| !text.is_empty())
}

#[test]
fn a_flood_without_logins_leaves_others_served() {
    let (server, address, _home) =
        guarded(&["--max-pending", "20", "--auth-timeout", "30s", "--max-at-once", "5"]);
    let flood: Vec<TcpStream> = (0..50).map(|_| connect_from(7, address)).collect();
    server.says("pending");
    // Half of the places are left for others, and a handshake takes no place of --max-at-once.
    for last in 1..=5 {
        let stream = connect_from(last, address);
        assert_eq!(log_in(&stream, TOKEN).as_deref(), Some("ok"));
        echoes(&stream, "served");
    }
    drop(flood);
    let ended = server.stop();
    assert_eq!(sum_of(ended.with_code(0), "refused connections: "), 40, "{}", ended.stderr);
}

#[test]
fn handshakes_that_take_too_long_give_their_places_back() {
    let (server, address, _home) = guarded(&["--max-pending", "2", "--auth-timeout", "300ms"]);
    let silent = connect(address);
    assert!(is_closed(&silent));
    server.says("handshake-timeout");
    let stream = connect(address);
    assert_eq!(log_in(&stream, TOKEN).as_deref(), Some("ok"));
    echoes(&stream, "served");
}

#[test]
fn a_scan_does_not_end_a_server_that_serves_once() {
    let (server, address, _home) = guarded(&["--once"]);
    for _ in 0..5 {
        drop(connect(address));
    }
    let mut bad = connect(address);
    bad.write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();
    assert!(is_closed(&bad));
    // One that is still at it when the session begins is sent away.
    let slow = connect(address);
    let stream = connect(address);
    assert_eq!(log_in(&stream, TOKEN).as_deref(), Some("ok"));
    echoes(&stream, "the one");
    assert!(is_closed(&slow));
    stream.shutdown(Shutdown::Write).unwrap();
    assert!(is_closed(&stream));
    server.ends_by_itself().ok();
}

#[test]
fn an_interrupt_waits_for_no_handshake() {
    let (server, address, _home) = guarded(&["--auth-timeout", "60s", "--drain", "20s"]);
    let silent = connect(address);
    let stream = connect(address);
    assert_eq!(log_in(&stream, TOKEN).as_deref(), Some("ok"));
    drop(stream);
    let started = Instant::now();
    server.stop().with_code(0);
    assert!(started.elapsed() < Duration::from_secs(10));
    assert!(is_closed(&silent));
}

#[test]
fn guessing_bars_its_source_for_a_while_and_nobody_else() {
    let (server, address, _home) = guarded(&["-v"]);
    for _ in 0..5 {
        let stream = connect_from(7, address);
        assert!(log_in(&stream, WRONG).is_some_and(|answer| answer != "ok"));
        assert!(is_closed(&stream));
    }
    let barred = Instant::now();
    let stream = connect_from(7, address);
    assert!(
        is_closed(&stream) || barred.elapsed() >= Duration::from_secs(1),
        "the right token does not help"
    );
    let other = connect_from(8, address);
    assert_eq!(log_in(&other, TOKEN).as_deref(), Some("ok"));
    // The bar is one second long.
    while log_in(&connect_from(7, address), TOKEN).as_deref() != Some("ok") {
        assert!(barred.elapsed() < PATIENCE, "it is barred for ever");
    }
    assert!(barred.elapsed() >= Duration::from_millis(800), "barred for {:?}", barred.elapsed());
    server.says("backoff");
}

// How long, how fast, how large.

#[test]
fn a_session_ends_when_it_has_lasted_long_enough_however_busy() {
    let (server, address) = serve(["tcp://127.0.0.1:0", "echo", "--max-session-time", "500ms"]);
    let started = Instant::now();
    let mut stream = connect(address);
    let mut room = [0; 4];
    while stream.write_all(b"busy").is_ok() && stream.read(&mut room).is_ok_and(|count| count > 0) {
        assert!(started.elapsed() < PATIENCE);
    }
    assert!(started.elapsed() >= Duration::from_millis(400), "ended after {:?}", started.elapsed());
    server.says("error[session-time]");
    echoes(&connect(address), "the next");
}

#[test]
fn a_dripping_frame_is_cut_and_slow_whole_ones_are_not() {
    let (server, address) = serve(["tcp://127.0.0.1:0", "echo", "-F", "line", "--frame-timeout", "600ms"]);
    let patient = connect(address);
    let mut dripping = connect(address);
    dripping.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    let started = Instant::now();
    let mut room = [0; 16];
    loop {
        assert!(started.elapsed() < PATIENCE, "the dripping peer is kept");
        let alive = dripping.write_all(b"x").is_ok();
        match dripping.read(&mut room) {
            Err(error) if error.kind() == ErrorKind::WouldBlock && alive => {}
            _ => break,
        }
        echoes(&patient, "whole\n");
    }
    assert!(started.elapsed() >= Duration::from_millis(500), "cut after {:?}", started.elapsed());
    server.says("error[frame-timeout]");
    echoes(&patient, "still here\n");
}

#[test]
fn hundreds_of_dripping_peers_leave_the_server_quick() {
    let (_server, address) = serve(["tcp://127.0.0.1:0", "echo", "-F", "u32be"]);
    let mut dripping: Vec<TcpStream> = (0..400).map(|_| connect(address)).collect();
    for round in 0_u8..3 {
        for stream in &mut dripping {
            stream.write_all(&[round & 1]).unwrap();
        }
        let started = Instant::now();
        echoes(&connect(address), "\0\0\0\u{5}hello");
        assert!(started.elapsed() < Duration::from_secs(1), "{:?}", started.elapsed());
    }
}

#[test]
fn a_peer_is_read_no_faster_than_it_may_send() {
    let (_server, address) = serve(["tcp://127.0.0.1:0", "echo", "--max-rate", "100k"]);
    let stream = connect(address);
    let other = connect(address);
    let mut writer = stream.try_clone().unwrap();
    let started = Instant::now();
    let writing = std::thread::spawn(move || {
        writer.write_all(&vec![b'x'; 300 * 1024]).unwrap();
        writer.shutdown(Shutdown::Write).unwrap();
    });
    echoes(&other, "quick");
    assert!(started.elapsed() < Duration::from_secs(1), "another peer does not pay for it");
    let mut got = Vec::new();
    (&stream).read_to_end(&mut got).unwrap();
    writing.join().unwrap();
    assert_eq!(got.len(), 300 * 1024);
    // The first second's worth comes at once.
    assert!(started.elapsed() >= Duration::from_millis(1500), "300 KiB in {:?}", started.elapsed());
}

#[test]
fn a_small_bound_on_what_waits_does_not_cut_one_who_reads() {
    for framing in ["raw", "line"] {
        let (server, address) = serve(["tcp://127.0.0.1:0", "echo", "--max-waiting", "4k", "-F", framing]);
        let mut stream = connect(address);
        let mut writer = stream.try_clone().unwrap();
        let sent = b"forty bytes and a line end, again again\n".repeat(100_000);
        let copy = sent.clone();
        let writing = std::thread::spawn(move || {
            writer.write_all(&copy).unwrap();
            writer.shutdown(Shutdown::Write).unwrap();
        });
        let mut got = Vec::new();
        stream.read_to_end(&mut got).unwrap();
        writing.join().unwrap();
        assert!(got == sent, "{} of {} bytes, {framing}: {}", got.len(), sent.len(), server.said());
    }
}

#[test]
fn when_memory_is_full_the_one_that_holds_most_goes() {
    let (server, address) =
        serve(["tcp://127.0.0.1:0", "echo", "-F", "u32be", "--max-message", "8m", "--max-memory", "3m"]);
    let begin = |of: u32, kib: usize| {
        let mut stream = connect(address);
        stream.write_all(&(of * 1024).to_be_bytes()).unwrap();
        stream.write_all(&vec![b'x'; kib * 1024]).unwrap();
        stream
    };
    let small = connect(address);
    echoes(&small, "\0\0\0\u{5}hello");
    let middle = begin(4000, 500);
    // The one that asks for the last bit of memory is not the one that holds most of it.
    let mut large = begin(4000, 1900);
    let mut last = begin(1200, 800);
    server.says("error[hoards]");
    assert!(is_closed(&large) || large.write_all(b"x").is_err());
    last.write_all(&vec![b'x'; 400 * 1024]).unwrap();
    let mut head = [0; 4];
    last.read_exact(&mut head).unwrap();
    assert_eq!(u32::from_be_bytes(head), 1200 * 1024, "its message went through");
    echoes(&small, "\0\0\0\u{5}hello");
    drop(middle);
}

#[test]
fn a_network_with_host_bits_names_the_one_that_was_meant() {
    let ended = sockeye(["serve", ":0", "echo", "--deny", "10.0.0.5/8"]).run("");
    let said = ended.with_code(2);
    assert!(said.contains("error[bad-network]") && said.contains("did you mean 10.0.0.0/8?"), "{said}");
}
