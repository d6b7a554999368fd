//! The examples, live: the real server and the real client of a protocol talk through `sockeye proxy --record`. What was
//! recorded, and the file that is kept under `examples/`, then stand in for the client against the real server, and for
//! the server against the real client, which must be satisfied.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

use std::fs;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use sockeye_testkit::program::{PATIENCE, Program, Running, Scratch, Signal, quiet_address};

/// Python's servers take a while to start, on a busy machine.
const LONG: Duration = Duration::from_secs(30);

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

fn sockeye<const N: usize>(args: [&str; N]) -> Program {
    Program::new(env!("CARGO_BIN_EXE_sockeye")).args(args).patience(LONG)
}

/// One example over one transport.
struct Example {
    name: &'static str,
    transport: &'static str,
    /// How the proxy cuts its streams: what follows the place of an endpoint.
    frame: &'static str,
    /// The file that is kept, and how its streams are cut.
    kept: &'static str,
    kept_frame: &'static str,
}

impl Example {
    const fn raw(name: &'static str) -> Self {
        Self { name, transport: "tcp", frame: "", kept: "session.skt", kept_frame: "" }
    }

    fn folder(&self) -> PathBuf {
        root().join("examples").join(self.name)
    }

    fn script(&self, name: &str) -> Program {
        let python = root().join("target/python/bin/python");
        assert!(python.exists(), "{} is missing: run tests/python/venv.sh", python.display());
        Program::new(self.folder().join(name)).env("PYTHON", python).patience(LONG)
    }

    /// The real server, on its port of an address of its own: most of the five do not tell which port they were given.
    fn server(&self) -> (Running, String) {
        let host = quiet_address();
        let port = fs::read_to_string(self.folder().join("port")).unwrap();
        let mut server = self.script("server.sh").args([&host, port.trim()]).start();
        let place = format!("{host}:{}", port.trim());
        let began = Instant::now();
        // None of the five tells in the same way that it is ready; all take a connection when they are.
        while TcpStream::connect(&place).is_err() {
            assert!(!server.has_ended() && began.elapsed() < LONG, "{place}: {}", server.said());
            thread::sleep(Duration::from_millis(10));
        }
        (server, place)
    }

    /// The real client, against whoever answers there.
    fn client(&self, address: &str) {
        let (host, port) = address.rsplit_once(':').unwrap();
        self.script("client.sh").args([host, port, self.transport]).run("").ok();
    }

    fn url(&self, place: &str, frame: &str) -> String {
        format!("{}://{place}{frame}", self.transport)
    }

    /// Plays the client of `file` against the real server.
    fn tests(file: &Path, server: &str) {
        let file = file.display().to_string();
        sockeye(["test", &file, "--var", &format!("server={server}")]).run("").ok();
    }

    /// Plays the server of `file` against the real client.
    fn mocks(&self, file: &Path, frame: &str) {
        let file = file.display().to_string();
        let mock = sockeye(["serve", &self.url("127.0.0.1:0", frame), "script", &file]).start();
        self.client(&mock.address());
        let said = stopped(mock);
        assert!(!said.contains("error["), "{file}: {said}");
    }
}

/// Ends a program as a person does, and returns what it said.
fn stopped(mut program: Running) -> String {
    program.signal(Signal::SIGINT);
    program.ends_by_itself().stderr
}

/// Records an example, then plays what was recorded and what is kept, on both sides.
fn plays_both_sides(example: &Example) {
    let folder = Scratch::new();
    let fresh = folder.path().join("session.skt");
    let (_server, place) = example.server();
    let target = example.url(&place, example.frame);
    let listen = example.url("127.0.0.1:0", example.frame);
    let proxy = sockeye(["proxy", &listen, &target, "--record", &fresh.display().to_string()]).start();
    example.client(&proxy.address());
    stopped(proxy);
    let text = fs::read_to_string(&fresh).unwrap();
    assert!(text.contains(&format!("@var server \"{target}\"")), "{text}");

    Example::tests(&fresh, &target);
    example.mocks(&fresh, example.frame);
    let kept = example.folder().join(example.kept);
    Example::tests(&kept, &example.url(&place, example.kept_frame));
    example.mocks(&kept, example.kept_frame);
}

#[test]
fn redis_is_played_on_both_sides() {
    plays_both_sides(&Example::raw("redis"));
}

#[test]
fn smtp_is_played_on_both_sides() {
    plays_both_sides(&Example::raw("smtp"));
}

#[test]
fn mqtt_is_played_on_both_sides() {
    plays_both_sides(&Example::raw("mqtt"));
}

#[test]
fn modbus_is_played_on_both_sides() {
    let frame = "?frame=u16be,off:4";
    plays_both_sides(&Example { frame, kept_frame: frame, ..Example::raw("modbus") });
}

#[test]
fn dns_over_udp_is_played_on_both_sides() {
    plays_both_sides(&Example { transport: "udp", kept: "udp.skt", ..Example::raw("dns") });
}

#[test]
fn dns_over_tcp_is_played_on_both_sides() {
    plays_both_sides(&Example { kept: "tcp.skt", kept_frame: "?frame=u16be", ..Example::raw("dns") });
}

#[test]
fn a_mock_answers_dig_with_the_number_it_drew() {
    let file = root().join("examples/dns/mock.skt");
    let mock = sockeye(["serve", "udp://127.0.0.1:0", "script", &file.display().to_string()]).start();
    let address = mock.address();
    let (host, port) = address.rsplit_once(':').unwrap();
    for name in ["www.example.test", "other.test"] {
        let dig = Program::new("dig").args([
            &format!("@{host}"),
            "-p",
            port,
            name,
            "+noedns",
            "+short",
            "+tries=1",
        ]);
        assert_eq!(dig.run("").ok(), "192.0.2.1\n");
    }
}

/// What tcpdump saw of redis-cli, as a test of another redis-server.
#[test]
fn a_capture_becomes_a_test_that_passes() {
    let folder = Scratch::new();
    let file = folder.path().join("redis.skt").display().to_string();
    let capture = root().join("crates/record/tests/captures/redis.pcap").display().to_string();
    sockeye(["sessions", "export", &capture, "--as", "skt", "-o", &file]).run("").ok();
    let example = Example::raw("redis");
    let (_server, place) = example.server();
    Example::tests(Path::new(&file), &example.url(&place, ""));
}

/// One byte of the server's behaviour changed: the kept file must not pass.
#[test]
fn another_server_fails_the_kept_file() {
    let example = Example::raw("redis");
    let (_server, place) = example.server();
    let folder = Scratch::new();
    let changed = folder.path().join("changed.skt");
    let kept = fs::read_to_string(example.folder().join("session.skt")).unwrap();
    fs::write(&changed, kept.replacen("\"+OK\\r\\n\"", "\"+Ok\\r\\n\"", 1)).unwrap();
    let server = format!("server={}", example.url(&place, ""));
    let ended =
        sockeye(["test", &changed.display().to_string(), "--var", &server]).patience(PATIENCE).run("");
    let told = ended.with_code(1);
    assert!(told.contains("changed.skt:12"), "{told}");
}
