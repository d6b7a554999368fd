//! `sockeye proxy` between two peers: bytes whole both ways, each direction's FIN by itself, and RST as RST.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use socket2::SockRef;
use sockeye_testkit::program::{PATIENCE, Program, Running, noise};

const BLOCK: usize = 1 << 20;

/// A proxy with a session through it: the client's end and the target's.
fn relayed() -> (Running, TcpStream, TcpStream) {
    let target = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("tcp://{}", target.local_addr().unwrap());
    let proxy =
        Program::new(env!("CARGO_BIN_EXE_sockeye")).args(["proxy", "tcp://127.0.0.1:0", &url]).start();
    let client = TcpStream::connect(proxy.address()).unwrap();
    let (server, _) = target.accept().unwrap();
    for stream in [&client, &server] {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
    }
    (proxy, client, server)
}

/// Block `number` of the stream with this seed: noise, numbered so that none can stand for another.
fn number(block: &mut [u8], number: usize) {
    block[..8].copy_from_slice(&(number as u64).to_le_bytes());
}

fn send(mut stream: &TcpStream, seed: u64, blocks: usize) {
    let mut block = noise(seed, BLOCK);
    for count in 0..blocks {
        number(&mut block, count);
        stream.write_all(&block).unwrap();
    }
    stream.shutdown(Shutdown::Write).unwrap();
}

/// Reads what [`send`] sent, to the FIN.
fn receive(mut stream: &TcpStream, seed: u64, blocks: usize) {
    let (mut wanted, mut got) = (noise(seed, BLOCK), vec![0; BLOCK]);
    for count in 0..blocks {
        number(&mut wanted, count);
        stream.read_exact(&mut got).unwrap();
        assert!(got == wanted, "block {count} of stream {seed} differs");
    }
    assert_eq!(stream.read(&mut got).unwrap(), 0, "FIN comes after the last byte");
}

#[test]
fn a_hundred_megabytes_pass_both_ways_at_once() {
    let (_proxy, client, server) = relayed();
    thread::scope(|scope| {
        scope.spawn(|| send(&client, 1, 100));
        scope.spawn(|| send(&server, 2, 100));
        scope.spawn(|| receive(&client, 2, 100));
        scope.spawn(|| receive(&server, 1, 100));
    });
}

#[test]
fn each_direction_ends_by_itself() {
    let (_proxy, client, server) = relayed();
    send(&client, 3, 0);
    receive(&server, 3, 0);
    let sending = thread::spawn(move || {
        send(&server, 4, 20);
        server
    });
    receive(&client, 4, 20);
    sending.join().unwrap();

    let (_proxy, client, server) = relayed();
    send(&server, 5, 0);
    receive(&client, 5, 0);
    let sending = thread::spawn(move || {
        send(&client, 6, 20);
        client
    });
    receive(&server, 6, 20);
    sending.join().unwrap();
}

#[test]
fn a_reader_that_pauses_holds_up_only_its_own_direction() {
    let (_proxy, client, server) = relayed();
    thread::scope(|scope| {
        scope.spawn(|| send(&client, 7, 20));
        // The target reads nothing until its own direction has passed whole.
        let down = scope.spawn(|| receive(&client, 8, 20));
        send(&server, 8, 20);
        down.join().unwrap();
        receive(&server, 7, 20);
    });
}

#[test]
fn a_reset_passes_as_a_reset() {
    let (_proxy, client, server) = talking();
    cut(client);
    assert_reset(&server);
    let (_proxy, client, server) = talking();
    cut(server);
    assert_reset(&client);
}

/// A session that has passed bytes both ways.
fn talking() -> (Running, TcpStream, TcpStream) {
    let (proxy, mut client, mut server) = relayed();
    client.write_all(b"hello").unwrap();
    server.read_exact(&mut [0; 5]).unwrap();
    server.write_all(b"world").unwrap();
    client.read_exact(&mut [0; 5]).unwrap();
    (proxy, client, server)
}

/// Ends a connection with RST: a close with a linger time of zero.
fn cut(stream: TcpStream) {
    SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
    drop(stream);
}

fn assert_reset(mut stream: &TcpStream) {
    let error = stream.read(&mut [0; 16]).expect_err("FIN came instead of RST");
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}

#[test]
fn a_relay_over_stdin_ends_as_its_one_session_did() {
    let proxy = |target: &str| Program::new(env!("CARGO_BIN_EXE_sockeye")).args(["proxy", "-", target]);
    let dead = proxy("tcp://127.0.0.1:1").run("hello");
    assert!(dead.with_code(4).contains("error[refused] connect tcp://127.0.0.1:1"), "{}", dead.stderr);
    // UDP learns it only after something was sent.
    proxy("udp://127.0.0.1:1").run("hello").with_code(4);
    let framed = Program::new(env!("CARGO_BIN_EXE_sockeye")).args(["serve", "-", "echo", "-F", "u16be"]);
    framed.run(*b"\0\x01a\0\x05b").with_code(7);
}

#[test]
fn a_stream_relayed_to_datagrams_ends_after_their_last_answers() {
    let upper =
        Program::new(env!("CARGO_BIN_EXE_sockeye")).args(["serve", "udp://127.0.0.1:0", "upper"]).start();
    let target = upper.ready();
    let proxy = Program::new(env!("CARGO_BIN_EXE_sockeye")).args(["proxy", "-", &target]);
    assert_eq!(proxy.run("hello").ok(), "HELLO");
}
