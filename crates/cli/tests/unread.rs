//! Outputs that nobody reads, that are full or broken: the program is neither stopped, nor fills memory, nor hides it.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on must fail")]
#![cfg(target_os = "linux")]

use std::fs::{self, File};
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use socket2::SockRef;
use sockeye_testkit::program::{PATIENCE, Program};

const SOCKEYE: &str = env!("CARGO_BIN_EXE_sockeye");

/// A server whose stdout is a pipe that nobody reads.
struct Unread {
    child: Child,
    at: SocketAddr,
}

impl Unread {
    fn start(args: &[&str]) -> Self {
        let mut child = Command::new(SOCKEYE)
            .arg("serve")
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut ready = String::new();
        // The rest of stderr is not read either.
        BufReader::with_capacity(1, child.stderr.as_mut().unwrap()).read_line(&mut ready).unwrap();
        let at = ready.trim().rsplit('/').next().unwrap().parse().unwrap();
        Self { child, at }
    }

    fn resident_kib(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    fn stop(mut self) -> ExitStatus {
        let id = i32::try_from(self.child.id()).unwrap();
        kill(Pid::from_raw(id), Signal::SIGTERM).unwrap();
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < until, "it does not end");
            thread::yield_now();
        }
    }
}

impl Drop for Unread {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends as long as it is taken, reading what comes back, up to `most` bytes.
fn flood(at: SocketAddr, most: usize) -> usize {
    let mut stream = TcpStream::connect(at).unwrap();
    stream.set_nonblocking(true).unwrap();
    let (chunk, mut back) = (vec![b'x'; 64 * 1024], vec![0; 64 * 1024]);
    let (mut sent, mut moved) = (0, Instant::now());
    while sent < most && moved.elapsed() < Duration::from_millis(500) {
        let read = stream.read(&mut back);
        match stream.write(&chunk) {
            Ok(count) => (sent, moved) = (sent + count, Instant::now()),
            Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
        }
        if read.is_ok_and(|count| count > 0) {
            moved = Instant::now();
        }
    }
    sent
}

#[test]
fn a_server_that_prints_ends_even_if_nobody_reads() {
    let server = Unread::start(&["tcp://127.0.0.1:0", "receive"]);
    flood(server.at, 100 << 20);
    assert_eq!(server.stop().code(), Some(0));
}

#[test]
fn events_that_nobody_reads_hold_their_sessions_back() {
    let server = Unread::start(&["tcp://127.0.0.1:0", "echo", "--json"]);
    let sent = flood(server.at, 200 << 20);
    assert!(sent < 100 << 20, "{sent} bytes were taken");
    assert!(server.resident_kib() < 64 << 10);
    assert_eq!(server.stop().code(), Some(0));
}

#[test]
fn datagrams_that_nobody_reads_are_not_kept() {
    let server = Unread::start(&["udp://127.0.0.1:0", "receive"]);
    let peer = UdpSocket::bind("127.0.0.1:0").unwrap();
    for _ in 0..10_000 {
        peer.send_to(&vec![b'x'; 30_000], server.at).unwrap();
    }
    assert!(server.resident_kib() < 32 << 10, "{} KiB", server.resident_kib());
    assert_eq!(server.stop().code(), Some(0));
}

#[test]
fn errors_that_nobody_reads_stop_nobody() {
    let server = Unread::start(&["tcp://127.0.0.1:0", "echo"]);
    for _ in 0..1500 {
        let peer = TcpStream::connect(server.at).unwrap();
        SockRef::from(&peer).set_linger(Some(Duration::ZERO)).unwrap();
    }
    let mut peer = TcpStream::connect(server.at).unwrap();
    peer.set_read_timeout(Some(PATIENCE)).unwrap();
    peer.write_all(b"?").unwrap();
    peer.read_exact(&mut [0]).unwrap();
    drop(peer);
    assert_eq!(server.stop().code(), Some(0));
}

#[test]
fn a_full_disk_is_an_error() {
    for args in [&["list"][..], &["--help"]] {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let ended = Command::new(SOCKEYE).args(args).stdout(full).output().unwrap();
        let said = String::from_utf8(ended.stderr).unwrap();
        assert_eq!(ended.status.code(), Some(7), "{said}");
        assert!(said.starts_with("error[broken] stdout: "), "{said}");
    }
    let peer = Program::new(SOCKEYE).args(["serve", "tcp://127.0.0.1:0", "ack"]).start();
    let full = File::options().write(true).open("/dev/full").unwrap();
    let ended = Command::new(SOCKEYE).args(["ask", &peer.address(), "x"]).stdout(full).output().unwrap();
    assert_eq!(ended.status.code(), Some(7));
}

#[test]
fn a_signal_ends_a_client_with_its_number() {
    for (signal, code) in [(Signal::SIGINT, 130), (Signal::SIGTERM, 143)] {
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        let at = silent.local_addr().unwrap().to_string();
        for verb in ["connect", "nc"] {
            let place = if verb == "nc" { at.replace(':', " ") } else { at.clone() };
            let mut client = Program::new(SOCKEYE).arg(verb).args(place.split(' ')).start();
            let _peer = silent.accept().unwrap();
            client.signal(signal);
            client.ends_by_itself().with_code(code);
        }
    }
}

#[test]
fn an_rst_ends_the_process_of_a_session_that_reads_no_more() {
    let server = Program::new(SOCKEYE).args(["serve", "tcp://127.0.0.1:0", "exec", "sleep", "60"]).start();
    let peer = TcpStream::connect(server.address()).unwrap();
    peer.shutdown(Shutdown::Write).unwrap();
    peer.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    (&peer).read_exact(&mut [0]).unwrap_err();
    SockRef::from(&peer).set_linger(Some(Duration::ZERO)).unwrap();
    drop(peer);
    server.says("error[reset]");
}

#[test]
fn a_datagram_relay_tells_that_nobody_listens_at_its_target() {
    let nobody = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let proxy =
        Program::new(SOCKEYE).args(["proxy", "udp://127.0.0.1:0", &format!("udp://{nobody}")]).start();
    let peer = UdpSocket::bind("127.0.0.1:0").unwrap();
    peer.send_to(b"x", proxy.address()).unwrap();
    proxy.says("error[port-unreachable]");
}

#[test]
fn silence_is_given_up_on_time() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = silent.local_addr().unwrap().to_string();
    let begun = Instant::now();
    Program::new(SOCKEYE).args(["ask", &at, "x", "-t", "200ms"]).run("").with_code(6);
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
}
