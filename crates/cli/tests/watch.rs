//! `watch` and `port` against real sockets, as a user without any privilege: no death is lost, and every listening socket
//! has its process. Needs root, to become that user.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use serde_json::Value;
use sockeye_testkit::program::{Program, Running, Scratch};

/// Connections that are opened and closed.
const CONNECTIONS: u32 = 3_000;

/// So many of them a second.
const RATE: u32 = 1_000;

/// A program run by nobody, who may do nothing: a copy of it where everybody may read it.
struct Nobody {
    scratch: Scratch,
}

impl Nobody {
    fn new() -> Self {
        assert!(nix::unistd::Uid::effective().is_root(), "this test needs root, to become nobody");
        let scratch = Scratch::new();
        let path = scratch.path();
        std::fs::copy(env!("CARGO_BIN_EXE_sockeye"), path.join("sockeye")).unwrap();
        let everybody = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(path, everybody).unwrap();
        Self { scratch }
    }

    fn program(program: &str) -> Program {
        let set = ["--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all"];
        // What root has on its own path nobody may not be able to run.
        let path = "/usr/sbin:/usr/bin:/sbin:/bin";
        Program::new("setpriv").env("PATH", path).args(set).arg("--").arg(program)
    }

    fn sockeye(&self, args: &[&str]) -> Program {
        Self::program(self.scratch.path().join("sockeye").to_str().unwrap()).args(args)
    }
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Opens and closes connections, each with so many bytes one way, at about the rate.
fn generate(listener: &TcpListener, count: u32, bytes: usize) {
    let address = listener.local_addr().unwrap();
    let began = Instant::now();
    for number in 0..count {
        let due = began + Duration::from_secs(1) * number / RATE;
        // This waits for nothing to happen: it is the rate. To wake up early makes it faster, which is allowed.
        std::thread::park_timeout(due.saturating_duration_since(Instant::now()));
        let mut client = TcpStream::connect(address).unwrap();
        let (mut server, _) = listener.accept().unwrap();
        client.write_all(&vec![7; bytes]).unwrap();
        drop(client);
        assert_eq!(server.read_to_end(&mut Vec::new()).unwrap(), bytes);
    }
}

/// The deaths of a watch that has seen what was generated.
fn deaths(watch: Running) -> (Vec<Value>, u64) {
    let ended = watch.stop();
    let lines = lines(&ended.ok());
    let totals = lines.last().unwrap();
    assert_eq!(totals["kind"], "watched");
    let missed = totals["missed"].as_u64().unwrap();
    (lines.into_iter().filter(|line| line["kind"] == "socket-died").collect(), missed)
}

#[test]
fn nobody_sees_the_deaths_of_a_thousand_connections_a_second() {
    let nobody = Nobody::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let watch = nobody.sockeye(&["watch", "--json", "--port", &port]).start();
    // The listener is told of by the first look, and from before that on deaths are.
    watch.shows("\"state\":\"LISTEN\"");
    generate(&listener, CONNECTIONS, 5);
    generate(&listener, 1, 4_242);
    watch.shows("\"bytes_sent\":4242");
    watch.shows("\"bytes_received\":4243");
    let (deaths, missed) = deaths(watch);
    let own = listener.local_addr().unwrap();
    let of = |end: &str| {
        let full = |death: &&Value| {
            let address = death[end].as_str().unwrap_or_default().parse();
            let sent = if end == "peer" { "bytes_sent" } else { "bytes_received" };
            death["how"] == "traced"
                && address == Ok(own)
                && death["tcp"][sent].as_u64().is_some_and(|bytes| bytes >= 5)
        };
        u64::try_from(deaths.iter().filter(full).count()).unwrap()
    };
    let (clients, servers, all) = (of("peer"), of("local"), u64::from(CONNECTIONS) + 1);
    assert!(clients <= all && servers <= all, "none is told twice: {clients} {servers}");
    // What was missed may have been others' sockets, but is counted in any case.
    assert!(clients + servers + missed >= 2 * all, "{clients} + {servers} + {missed} of {}", 2 * all);
    assert!(missed > 0 || (clients, servers) == (all, all));
}

/// One connection that lives long enough to be seen, and one after the other of its states.
#[test]
fn a_connection_is_told_from_its_opening_to_its_death_with_its_process() {
    let nobody = Nobody::new();
    let server = nobody.sockeye(&["serve", "tcp://127.0.0.1:0", "echo"]).start();
    let address = server.address();
    let port = address.rsplit(':').next().unwrap();
    let mut watch = nobody.sockeye(&["watch", "--json", "--every", "100ms", "--port", port]).start();
    watch.shows("\"state\":\"LISTEN\"");
    let mut client = TcpStream::connect(&address).unwrap();
    client.write_all(b"hello").unwrap();
    client.read_exact(&mut [0; 5]).unwrap();
    watch.shows("\"kind\":\"socket-opened\"");
    watch.shows(format!("\"local\":\"{}\"", client.local_addr().unwrap()));
    drop(client);
    watch.shows("\"kind\":\"socket-died\"");
    watch.shows("TIME-WAIT");
    watch.signal(Signal::SIGINT);
    let told = lines(&watch.end().ok());
    let accepted = |line: &&Value| line["local"] == address && line.get("peer").is_some();
    let opened = told.iter().filter(accepted).find(|line| line["kind"] == "socket-opened").unwrap();
    assert_eq!((&opened["state"], &opened["process"]), (&"ESTABLISHED".into(), &"sockeye".into()));
    let died = told.iter().filter(accepted).find(|line| line["kind"] == "socket-died").unwrap();
    assert_eq!((&died["how"], &died["pid"]), (&"traced".into(), &opened["pid"]));
    assert_eq!(died["tcp"]["bytes_sent"], 5);
    // The client is root's, and nobody may not see which process that is.
    let client = told.iter().find(|line| line["peer"] == address && line["kind"] == "socket-opened").unwrap();
    assert_eq!((&client["owner"], &client["uid"]), (&"hidden".into(), &0.into()));
    assert!(client.get("process").is_none());
    server.stop().ok();
}

/// A Python program that has a socket of this kind, and the address it says it has.
fn python(family: &str, kind: &str, address: &str) -> (Running, SocketAddr) {
    let listen = if kind == "STREAM" { "s.listen()" } else { "pass" };
    let text = format!(
        "import socket,sys\ns=socket.socket(socket.AF_{family},socket.SOCK_{kind})\ns.bind(('{address}',0))\n{listen}\nprint(s.getsockname()[1],flush=True)\nsys.stdin.read()"
    );
    let program = Nobody::program("python3").args(["-c", &text]).start();
    let port = program.first_line().parse().unwrap();
    (program, SocketAddr::new(address.parse().unwrap(), port))
}

#[test]
fn every_listening_socket_of_ones_own_has_its_process() {
    let nobody = Nobody::new();
    let pythons = [
        ("tcp", python("INET", "STREAM", "127.0.0.1")),
        ("tcp", python("INET6", "STREAM", "::1")),
        ("tcp", python("INET6", "STREAM", "::")),
        ("udp", python("INET", "DGRAM", "127.0.0.1")),
        ("udp", python("INET6", "DGRAM", "::1")),
    ];
    let server = nobody.sockeye(&["serve", "tcp://127.0.0.1:0", "echo"]).start();
    let echo: SocketAddr = server.address().parse().unwrap();
    // One of another user, root.
    let foreign = TcpListener::bind("127.0.0.1:0").unwrap();
    let found = lines(&nobody.sockeye(&["port", "--json"]).run("").ok());
    let of = |protocol: &str, address: SocketAddr| {
        let own = |line: &&Value| line["protocol"] == protocol && line["local"] == address.to_string();
        let found: Vec<&Value> = found.iter().filter(own).collect();
        assert_eq!(found.len(), 1, "{address}: {found:?}");
        found[0].clone()
    };
    for (protocol, (program, address)) in &pythons {
        let line = of(protocol, *address);
        assert_eq!(line["owner"], "process");
        // setpriv becomes the program, so that it has the same number.
        assert_eq!(line["pid"], program.id());
    }
    assert_eq!(of("tcp", echo)["pid"], server.id());
    assert_eq!(of("tcp", echo)["process"], "sockeye");
    let foreign = foreign.local_addr().unwrap();
    let line = of("tcp", foreign);
    assert_eq!((line["owner"].as_str(), line["uid"].as_u64()), (Some("hidden"), Some(0)));
    assert!(line.get("process").is_none());
    let told = nobody.sockeye(&["port", &foreign.port().to_string()]).run("").ok();
    assert!(told.contains("uid 0") && told.contains("not visible") && told.contains("taken"), "{told}");
    for (_, (program, _)) in pythons {
        program.end().ok();
    }
    server.stop().ok();
}

#[test]
fn a_privileged_port_is_told_to_be_one() {
    let nobody = Nobody::new();
    let told = nobody.sockeye(&["port", "1", "--json"]).run("").ok();
    let told = &lines(&told)[0];
    let binds = told["bind"].as_array().unwrap();
    assert!(
        !binds.is_empty()
            && binds.iter().all(|bind| bind["result"] == "privileged" || bind["result"] == "no-address")
    );
    assert_eq!(told["services"][0]["name"], "tcpmux");
}
