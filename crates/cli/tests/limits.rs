//! A server under pressure: many sessions, few descriptors, bad company, and the bounds that its flags set.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on must fail")]
#![expect(clippy::print_stdout, reason = "the figure belongs in the test's output")]
#![cfg(target_os = "linux")]

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpStream, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::unistd::{SysconfVar, sysconf};
use socket2::{Domain, SockRef, Socket, Type};
use sockeye_testkit::program::{PATIENCE, Program, Running};

fn sockeye<const N: usize>(args: [&str; N]) -> Program {
    Program::new(env!("CARGO_BIN_EXE_sockeye")).args(args)
}

/// `sockeye serve` and where it listens.
fn serve<const N: usize>(args: [&str; N]) -> (Running, SocketAddr) {
    let server = sockeye(["serve"]).args(args).start();
    let address = server.address().parse().unwrap();
    (server, address)
}

/// `sockeye serve` that may have this many descriptors.
fn serve_with_descriptors<const N: usize>(descriptors: &str, args: [&str; N]) -> (Running, SocketAddr) {
    let limited = "ulimit -n \"$0\" && exec \"$@\"";
    let program =
        Program::new("sh").args(["-c", limited, descriptors, env!("CARGO_BIN_EXE_sockeye"), "serve"]);
    let server = program.args(args).start();
    let address = server.address().parse().unwrap();
    (server, address)
}

fn connect(to: SocketAddr) -> TcpStream {
    patient(TcpStream::connect_timeout(&to, PATIENCE).unwrap())
}

/// A connection from 127.0.0.`last`.
fn connect_from(last: u8, to: SocketAddr) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from((Ipv4Addr::new(127, 0, 0, last), 0)).into()).unwrap();
    socket.connect_timeout(&to.into(), PATIENCE).unwrap();
    patient(socket.into())
}

fn patient(stream: TcpStream) -> TcpStream {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    stream
}

fn echoes(mut stream: &TcpStream, text: &str) {
    stream.write_all(text.as_bytes()).unwrap();
    hears(stream, text);
}

fn hears(mut stream: &TcpStream, text: &str) {
    let mut got = vec![0; text.len()];
    stream.read_exact(&mut got).unwrap();
    assert_eq!(String::from_utf8_lossy(&got), text);
}

/// Whether the server ended the connection, rather than kept it.
fn is_closed(mut stream: &TcpStream) -> bool {
    match stream.read(&mut [0; 16]) {
        Ok(read) => read == 0,
        Err(error) => matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe),
    }
}

/// Whether a new connection is answered; `false` when it is turned away.
fn is_served(to: SocketAddr) -> bool {
    let mut stream = connect(to);
    let mut got = [0; 1];
    stream.write_all(b"?").is_ok() && stream.read(&mut got).is_ok_and(|read| read == 1)
}

/// Waits until a new connection is answered: the server has to notice first that somebody left.
fn is_served_soon(to: SocketAddr, within: Duration) {
    let until = Instant::now() + within;
    while !is_served(to) {
        assert!(Instant::now() < until, "still turned away after {within:?}");
        thread::yield_now();
    }
}

/// A field of `/proc/PID/status` in KiB.
fn resident(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// Processor time the process has used, in user and kernel mode (`proc_pid_stat(5)`, fields 14 and 15).
fn processor_time(pid: u32) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let after_name = stat.rsplit_once(')').unwrap().1;
    let ticks: u64 =
        after_name.split_whitespace().skip(11).take(2).map(|field| field.parse::<u64>().unwrap()).sum();
    let second = sysconf(SysconfVar::CLK_TCK).unwrap().unwrap();
    Duration::from_millis(ticks * 1000 / u64::try_from(second).unwrap())
}

// Many sessions.

const SESSIONS: usize = 15_000;

/// Bytes of resident memory an idle session may cost.
const BYTES_PER_SESSION: u64 = 1536;

#[test]
fn fifteen_thousand_sessions_are_held_and_answered() {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    assert!(hard >= 16_000, "this test needs 16,000 descriptors (ulimit -Hn says {hard})");
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).unwrap();

    let (server, address) = serve_with_descriptors("20000", ["tcp://127.0.0.1:0", "echo"]);
    for _ in 0..8 {
        echoes(&connect(address), "warm");
    }
    let before = resident(server.id());
    let mut held: Vec<TcpStream> = Vec::with_capacity(SESSIONS);
    while held.len() < SESSIONS {
        let start = held.len();
        for number in start..start + 500 {
            let source = u8::try_from(number % 20 + 1).unwrap();
            let mut stream = connect_from(source, address);
            stream.write_all(b"ping").unwrap();
            held.push(stream);
        }
        for stream in &held[start..] {
            hears(stream, "ping");
        }
    }
    let idle = resident(server.id());
    // All at once: nobody was let go meanwhile.
    for (number, mut stream) in held.iter().enumerate() {
        write!(stream, "{number:05}").unwrap();
    }
    for (number, stream) in held.iter().enumerate() {
        hears(stream, &format!("{number:05}"));
    }
    let each = (idle.saturating_sub(before)) * 1024 / SESSIONS as u64;
    println!(
        "{each} bytes of resident memory an idle session ({before} KiB before, {idle} KiB with {SESSIONS})"
    );
    assert!(each <= BYTES_PER_SESSION, "{each} bytes an idle session");
}

#[test]
fn a_thousand_datagram_peers_get_their_own_replies() {
    let (_server, address) = serve(["udp://127.0.0.1:0", "upper"]);
    let peers: Vec<UdpSocket> = (0..1000).map(|_| UdpSocket::bind("127.0.0.1:0").unwrap()).collect();
    let mut numbered: Vec<(usize, &UdpSocket)> = peers.iter().enumerate().collect();
    for peer in &peers {
        peer.set_read_timeout(Some(PATIENCE)).unwrap();
        peer.connect(address).unwrap();
    }
    for round in ["first", "second"] {
        // A receive buffer of the default size holds a few hundred datagrams.
        for some in numbered.chunks(100) {
            for (number, peer) in some {
                peer.send(format!("{round} {number}").as_bytes()).unwrap();
            }
            for (number, peer) in some {
                let mut got = [0; 64];
                let read = peer.recv(&mut got).unwrap();
                let wanted = format!("{round} {number}").to_uppercase();
                assert_eq!(String::from_utf8_lossy(&got[..read]), wanted);
            }
        }
        numbered.reverse();
    }
}

// Few descriptors.

#[test]
fn without_descriptors_it_neither_spins_nor_floods_and_recovers() {
    let (mut server, address) = serve_with_descriptors("64", ["tcp://127.0.0.1:0", "echo"]);
    let mut callers: Vec<TcpStream> = (0..100).map(|_| connect(address)).collect();
    echoes(&callers[0], "first");
    let complaints = |said: &str| said.lines().filter(|line| line.starts_with("error[over-limit]")).count();
    server.says_what("a complaint about descriptors", |said| {
        (complaints(&String::from_utf8_lossy(said)) > 0).then_some(())
    });

    let (used, said) = (processor_time(server.id()), complaints(&server.said()));
    server.runs_on(Duration::from_secs(2));
    let used = processor_time(server.id()).saturating_sub(used);
    let said = complaints(&server.said()) - said;
    assert!(used <= Duration::from_millis(100), "{used:?} of processor time in 2 s: it spins");
    assert!((1..=3).contains(&said), "{said} complaints in 2 s, one a second is wanted:\n{}", server.said());
    echoes(&callers[0], "those who are in are served meanwhile");

    let last = callers.split_off(60);
    drop(callers);
    let freed = Instant::now();
    for caller in &last {
        echoes(caller, "recovered");
    }
    assert!(freed.elapsed() < Duration::from_secs(2), "recovered after {:?}", freed.elapsed());
}

// Bad company.

#[test]
fn bad_peers_do_not_disturb_the_others() {
    let (_server, address) = serve(["tcp://127.0.0.1:0", "echo", "-F", "line"]);
    let stop = Arc::new(AtomicBool::new(false));
    let disturbers: [fn(SocketAddr); 4] = [reset, send_endlessly, send_and_never_read, send_byte_by_byte];
    let disturbing: Vec<_> = disturbers
        .into_iter()
        .map(|disturb| {
            let stop = Arc::clone(&stop);
            thread::spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    disturb(address);
                }
            })
        })
        .collect();
    let silent: Vec<TcpStream> = (0..20).map(|_| connect(address)).collect();
    let half_open: Vec<TcpStream> = (0..20).map(|_| connect(address)).collect();
    for mut stream in &half_open {
        stream.write_all(b"never finish").unwrap();
    }

    let friends: Vec<TcpStream> = (0..8).map(|_| connect(address)).collect();
    for round in 0..50 {
        for friend in &friends {
            echoes(friend, &format!("round {round}\n"));
        }
    }
    stop.store(true, Ordering::Relaxed);
    drop((silent, half_open));
    for disturber in disturbing {
        disturber.join().unwrap();
    }
    echoes(&friends[0], "still here\n");
}

fn reset(address: SocketAddr) {
    let mut stream = connect(address);
    stream.write_all(b"hello\n").unwrap();
    SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
}

/// A line that never ends; the server cuts it at the framing's bound.
fn send_endlessly(address: SocketAddr) {
    let mut stream = connect(address);
    let block = vec![b'x'; 64 * 1024];
    while stream.write_all(&block).is_ok() {}
}

fn send_and_never_read(address: SocketAddr) {
    let mut stream = connect(address);
    stream.set_write_timeout(Some(Duration::from_millis(100))).unwrap();
    let block = vec![b'\n'; 64 * 1024];
    while stream.write_all(&block).is_ok() {}
}

fn send_byte_by_byte(address: SocketAddr) {
    let mut stream = connect(address);
    stream.set_nodelay(true).unwrap();
    for _ in 0..100 {
        stream.write_all(b"x").unwrap();
    }
}

// What the flags bound.

#[test]
fn max_at_once_turns_further_callers_away() {
    let (_server, address) = serve(["tcp://127.0.0.1:0", "echo", "--max-at-once", "2"]);
    let (first, second) = (connect(address), connect(address));
    echoes(&first, "one");
    echoes(&second, "two");
    assert!(is_closed(&connect(address)));
    echoes(&first, "one again");
    drop(first);
    is_served_soon(address, PATIENCE);
    echoes(&second, "two again");
}

#[test]
fn max_per_address_leaves_room_for_others() {
    let (_server, address) = serve(["tcp://127.0.0.1:0", "echo", "--max-per-address", "1"]);
    let first = connect_from(1, address);
    echoes(&first, "one");
    assert!(is_closed(&connect_from(1, address)));
    let other = connect_from(2, address);
    echoes(&other, "two");
    drop(first);
    is_served_soon(address, PATIENCE);
}

#[test]
fn idle_ends_silent_sessions_only() {
    let (_server, address) = serve(["tcp://127.0.0.1:0", "echo", "--idle", "1"]);
    let (silent, busy) = (connect(address), connect(address));
    busy.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    let started = Instant::now();
    let watch = thread::spawn(move || (is_closed(&silent), started.elapsed()));
    while !watch.is_finished() {
        assert!(started.elapsed() < PATIENCE, "the silent session was kept");
        echoes(&busy, "busy");
        // Nothing is to come: this is a pause of 200 ms.
        assert!((&busy).read(&mut [0; 1]).is_err());
    }
    let (closed, after) = watch.join().unwrap();
    assert!(closed && after >= Duration::from_millis(900), "closed after {after:?}");
    echoes(&busy, "busy to the end");
}

#[test]
fn max_sessions_ends_the_server_after_so_many() {
    let (server, address) = serve(["tcp://127.0.0.1:0", "echo", "--max-sessions", "3"]);
    for text in ["one", "two", "three"] {
        let stream = connect(address);
        echoes(&stream, text);
        stream.shutdown(Shutdown::Write).unwrap();
        assert!(is_closed(&stream));
    }
    server.ends_by_itself().ok();
    assert!(TcpStream::connect(address).is_err());
}

#[test]
fn once_lets_the_one_session_finish() {
    let (mut server, address) = serve(["tcp://127.0.0.1:0", "echo", "--once"]);
    let stream = connect(address);
    echoes(&stream, "one");
    server.runs_on(Duration::from_millis(200));
    echoes(&stream, "one again");
    stream.shutdown(Shutdown::Write).unwrap();
    assert!(is_closed(&stream));
    server.ends_by_itself().ok();
}
