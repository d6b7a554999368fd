//! nc (OpenBSD), ncat, socat and curl as the other side: bytes whole both ways, half-close, UDP, Unix sockets, and nc's
//! own letters under `sockeye nc`.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use sockeye_testkit::program::{Ended, PATIENCE, Program, Running, Scratch, noise, quiet_address};

fn sockeye<const N: usize>(args: [&str; N]) -> Program {
    Program::new(env!("CARGO_BIN_EXE_sockeye")).args(args)
}

fn program<const N: usize>(name: &str, args: [&str; N]) -> Program {
    Program::new(name).args(args)
}

/// `sockeye serve` on a free port, and its host and port.
fn serve<const N: usize>(args: [&str; N]) -> (Running, String, String) {
    let server = sockeye(["serve"]).args(args).start();
    let address = server.address();
    let (host, port) = address.rsplit_once(':').expect("HOST:PORT");
    (server, host.to_owned(), port.to_owned())
}

/// The address in the last word of the line that holds `mark`: `Listening on HOST PORT` or `... HOST:PORT`.
fn bound(server: &Running, mark: &str) -> String {
    server.says_what(mark, |stderr| {
        let text = String::from_utf8_lossy(stderr);
        let line = text.split_inclusive('\n').find(|line| line.contains(mark) && line.ends_with('\n'))?;
        let port = line.trim_end().rsplit([' ', ':']).next()?;
        Some(format!("127.0.0.1:{port}"))
    })
}

/// A peer that listens, and its address.
fn listening_peer(tool: &str) -> (Running, String) {
    match tool {
        "nc" => {
            let server = program("nc", ["-v", "-N", "-l", "127.0.0.1", "0"]).start();
            let address = bound(&server, "Listening on");
            (server, address)
        }
        "socat" => {
            let listen = "TCP4-LISTEN:0,bind=127.0.0.1";
            let server = program("socat", ["-d", "-d", "-t", "10", listen, "-"]).start();
            let address = bound(&server, "listening on");
            (server, address)
        }
        // It does not tell which free port it was given.
        "ncat" => {
            let host = quiet_address();
            let server = program("ncat", ["-v", "-l", &host, "7000"]).start();
            server.says("Listening on");
            (server, format!("{host}:7000"))
        }
        _ => unreachable!("{tool} is none of the three"),
    }
}

/// A client of the peer's kind that ends its side with its input.
fn calling_peer(tool: &str, host: &str, port: &str) -> Program {
    match tool {
        "nc" => program("nc", ["-N", host, port]),
        "socat" => program("socat", ["-t", "10", "-", &format!("TCP4:{host}:{port}")]),
        "ncat" => program("ncat", [host, port]),
        _ => unreachable!("{tool} is none of the three"),
    }
}

const TOOLS: [&str; 3] = ["nc", "ncat", "socat"];
const MEGABYTES: usize = 3_000_001;

fn same(got: &Ended, wanted: &[u8], what: &str) {
    got.ok();
    assert!(got.stdout == wanted, "{what}: {} bytes came, {} were sent", got.stdout.len(), wanted.len());
}

/// Both say megabytes at once, and neither ends before it has heard all: some of the tools leave with the other's FIN.
fn exchange(mut server: Running, mut client: Running, what: &str) {
    let (from_server, from_client) = (noise(1, MEGABYTES), noise(2, MEGABYTES));
    thread::scope(|scope| {
        scope.spawn(|| server.types(&from_server));
        scope.spawn(|| client.types(&from_client));
    });
    client.shows_bytes(MEGABYTES);
    server.shows_bytes(MEGABYTES);
    client.end_input();
    same(&server.end(), &from_client, &format!("{what}, client to server"));
    same(&client.ends_by_itself(), &from_server, &format!("{what}, server to client"));
}

/// Without sockeye first, so that a failure with it is sockeye's.
#[test]
fn the_tools_exchange_megabytes_among_themselves() {
    for (listens, calls) in [("nc", "socat"), ("socat", "ncat"), ("ncat", "nc")] {
        let (server, address) = listening_peer(listens);
        let (host, port) = address.rsplit_once(':').expect("HOST:PORT");
        exchange(server, calling_peer(calls, host, port).start(), &format!("{calls} calls {listens}"));
    }
}

#[test]
fn megabytes_are_exchanged_when_connecting() {
    for tool in TOOLS {
        let (server, address) = listening_peer(tool);
        exchange(server, sockeye(["connect", &address]).start(), &format!("sockeye calls {tool}"));
    }
}

#[test]
fn megabytes_are_exchanged_when_listening() {
    for tool in TOOLS {
        let server = sockeye(["nc", "-v", "-N", "-l", "127.0.0.1", "0"]).start();
        let address = server.address();
        let (host, port) = address.rsplit_once(':').expect("HOST:PORT");
        exchange(server, calling_peer(tool, host, port).start(), &format!("{tool} calls sockeye"));
    }
}

#[test]
fn megabytes_come_back_from_echo() {
    let (_server, host, port) = serve(["tcp://127.0.0.1:0", "echo"]);
    for tool in TOOLS {
        let sent = noise(5, MEGABYTES);
        same(&calling_peer(tool, &host, &port).run(sent.clone()), &sent, tool);
    }
}

#[test]
fn megabytes_come_back_from_a_process() {
    let (_server, host, port) = serve(["tcp://127.0.0.1:0", "exec", "cat"]);
    let sent = noise(6, MEGABYTES);
    same(&calling_peer("nc", &host, &port).run(sent.clone()), &sent, "cat");
}

/// `cat file | sockeye connect` to a peer that has nothing to say and ends its side at once.
#[test]
fn a_peer_that_ends_first_still_gets_everything() {
    let sent = noise(8, 20 * MEGABYTES);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let mut client = sockeye(["connect", &address]).start();
    let (peer, _) = listener.accept().unwrap();
    peer.set_read_timeout(Some(PATIENCE)).unwrap();
    peer.shutdown(Shutdown::Write).unwrap();
    let reading = thread::spawn(move || {
        let mut got = Vec::new();
        (&peer).read_to_end(&mut got).map(|_| got)
    });
    client.types(&sent);
    client.end().ok();
    assert!(reading.join().unwrap().unwrap() == sent, "bytes were lost");
}

#[test]
fn an_answer_long_after_fin_is_printed_whole() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let mut client = sockeye(["connect", &address]).feed("x");
    let (peer, _) = listener.accept().unwrap();
    let answer = late_answer(&mut client, peer);
    same(&client.ends_by_itself(), &answer, "after FIN");
}

/// Reads to FIN, lets `client` wait longer than any linger of ours, then answers.
fn late_answer(client: &mut Running, mut peer: TcpStream) -> Vec<u8> {
    peer.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut asked = Vec::new();
    peer.read_to_end(&mut asked).unwrap();
    assert_eq!(asked, b"x");
    client.runs_on(Duration::from_secs(3));
    let answer = noise(7, MEGABYTES);
    peer.write_all(&answer).unwrap();
    answer
}

/// nc itself, when it listens, leaves with the caller's FIN.
#[test]
fn an_answer_typed_into_socat_after_fin_is_printed() {
    let listen = ["-d", "-d", "-t", "10", "TCP4-LISTEN:0,bind=127.0.0.1", "-"];
    let mut server = program("socat", listen).start();
    let address = bound(&server, "listening on");
    let mut client = sockeye(["connect", &address]).feed("x");
    server.shows("x");
    client.runs_on(Duration::from_millis(1500));
    server.types("late\n");
    server.end().ok();
    assert_eq!(client.ends_by_itself().ok(), "late\n");
}

#[test]
fn udp_with_nc_and_socat_on_either_side() {
    let (_server, host, port) = serve(["udp://127.0.0.1:0", "echo"]);
    let mut nc = program("nc", ["-u", &host, &port]).start();
    nc.types("one\n");
    nc.shows("one\n");
    let mut socat = program("socat", ["-", &format!("UDP4:{host}:{port}")]).start();
    socat.types("two\n");
    socat.shows("two\n");
    nc.types("three\n");
    nc.shows("three\n");

    let mut server = program("nc", ["-v", "-u", "-l", "127.0.0.1", "0"]).start();
    let address = bound(&server, "Bound on");
    let client = sockeye(["ask", &format!("udp://{address}"), "hello"]).start();
    server.shows("hello");
    server.types("answer");
    assert_eq!(client.end().ok().trim_end(), "answer");

    let host = quiet_address();
    let listen = format!("UDP4-RECVFROM:7000,bind={host},fork");
    let server = program("socat", ["-d", "-d", &listen, "EXEC:cat"]).start();
    server.says("receiving on");
    let asked = sockeye(["ask", &format!("udp://{host}:7000"), "hello"]).run("");
    assert_eq!(asked.ok().trim_end(), "hello");
}

#[test]
fn unix_sockets_with_nc_and_socat() {
    let scratch = Scratch::new();
    let path = scratch.path().join("echo").display().to_string();
    let server = sockeye(["serve", &format!("unix://{path}"), "echo"]).start();
    server.ready();
    assert_eq!(program("nc", ["-N", "-U", &path]).run("hello").ok(), "hello");
    assert_eq!(program("socat", ["-", &format!("UNIX-CONNECT:{path}")]).run("hello").ok(), "hello");
    server.stop().ok();

    let path = scratch.path().join("nc").display().to_string();
    let mut server = program("nc", ["-v", "-N", "-l", "-U", &path]).start();
    server.says("Listening on");
    let mut client = sockeye(["connect", &format!("unix://{path}")]).start();
    client.types("question");
    server.shows("question");
    server.types("answer");
    client.shows("answer");
    server.end().ok();
    client.ends_by_itself().ok();
}

#[test]
fn unix_datagrams_with_socat() {
    let scratch = Scratch::new();
    let (ours, theirs) = (scratch.path().join("ours"), scratch.path().join("theirs"));
    let server = sockeye(["serve", &format!("unixgram://{}", ours.display()), "upper"]).start();
    server.ready();
    let to = format!("UNIX-SENDTO:{},bind={}", ours.display(), theirs.display());
    let mut socat = program("socat", ["-", &to]).start();
    socat.types("hello");
    socat.shows("HELLO");
}

#[test]
fn curl_gets_its_page_also_through_a_proxy() {
    let page = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
    let (_server, host, port) = serve(["tcp://127.0.0.1:0", "reply", "--default", page]);
    assert_eq!(program("curl", ["-s", &format!("http://{host}:{port}/")]).run("").ok(), "hello");
    let proxy = sockeye(["proxy", "tcp://127.0.0.1:0", &format!("tcp://{host}:{port}")]).start();
    let through = format!("http://{}/", proxy.address());
    assert_eq!(program("curl", ["-s", &through]).run("").ok(), "hello");
}

// nc's letters.

fn nc<const N: usize>(args: [&str; N]) -> Program {
    sockeye(["nc"]).args(args)
}

/// A listener of the test's own, and its host and port.
fn listener() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    (listener, port)
}

#[test]
fn nc_l_takes_one_caller_and_k_many() {
    let server = nc(["-v", "-l", "127.0.0.1", "0"]).start();
    let address = server.address();
    let (host, port) = address.rsplit_once(':').expect("HOST:PORT");
    let caller = program("nc", ["-N", host, port]).feed("only");
    assert_eq!(server.ends_by_itself().ok(), "only");
    drop(caller);

    let server = nc(["-v", "-k", "-l", "127.0.0.1", "0"]).start();
    let address = server.address();
    let (host, port) = address.rsplit_once(':').expect("HOST:PORT");
    for said in ["first", "second"] {
        let caller = program("nc", ["-N", host, port]).feed(said);
        server.shows(said);
        drop(caller);
    }
    server.stop();
}

#[test]
fn nc_listens_with_p_as_the_traditional_one() {
    let host = quiet_address();
    let server = nc(["-v", "-l", "-s", &host, "-p", "7000"]).start();
    assert_eq!(server.address(), format!("{host}:7000"));
}

#[test]
fn nc_u_speaks_datagrams() {
    let mut server = program("nc", ["-v", "-u", "-l", "127.0.0.1", "0"]).start();
    let address = bound(&server, "Bound on");
    let port = address.rsplit(':').next().expect("HOST:PORT");
    let mut client = nc(["-u", "127.0.0.1", port]).start();
    client.types("hello\n");
    server.shows("hello");
    server.types("answer\n");
    client.shows("answer");
}

#[test]
fn nc_capital_n_sends_fin_with_the_end_of_input() {
    let (listener, port) = listener();
    let mut client = nc(["-N", "127.0.0.1", &port]).feed("x");
    let (peer, _) = listener.accept().unwrap();
    let answer = late_answer(&mut client, peer);
    same(&client.ends_by_itself(), &answer, "after FIN");
}

#[test]
fn nc_q_ends_after_the_end_of_input() {
    let (listener, port) = listener();
    let client = nc(["-q", "0", "127.0.0.1", &port]).feed("x");
    let _silent = listener.accept().unwrap();
    client.ends_by_itself().ok();
}

#[test]
fn nc_w_ends_a_silent_connection() {
    let (listener, port) = listener();
    let client = nc(["-w", "1", "127.0.0.1", &port]).start();
    let _silent = listener.accept().unwrap();
    client.ends_by_itself();
}

#[test]
fn nc_z_only_asks_whether_it_listens() {
    let (listener, port) = listener();
    nc(["-z", "127.0.0.1", &port]).run("").ok();
    nc(["-z", "-v", "127.0.0.1", &port]).run("").ok();
    drop(listener);
    assert_ne!(nc(["-z", "127.0.0.1", &port]).run("").code, Some(0));
}

#[test]
fn nc_n_resolves_no_names() {
    let (_listener, port) = listener();
    assert_ne!(nc(["-n", "-z", "localhost", &port]).run("").code, Some(0));
    nc(["-n", "-z", "127.0.0.1", &port]).run("").ok();
}

#[test]
fn nc_s_and_p_choose_where_it_calls_from() {
    let (listener, port) = listener();
    let host = quiet_address();
    let client = nc(["-s", &host, "-p", "7001", "127.0.0.1", &port]).start();
    let (peer, from) = listener.accept().unwrap();
    assert_eq!(from.to_string(), format!("{host}:7001"));
    drop(peer);
    client.end().ok();
}
