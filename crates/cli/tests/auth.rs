//! Foreign programs at the layers: the Python client of docs/auth.md logs in, curl sends the header of a relay, and the
//! way leads through ncat's HTTP proxy and through microsocks.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

use std::net::TcpListener;
use std::path::Path;

use sockeye_testkit::program::{Ended, PATIENCE, Program, Running, Scratch, place, quiet_address};

fn sockeye<const N: usize>(args: [&str; N]) -> Program {
    Program::new(env!("CARGO_BIN_EXE_sockeye")).args(args)
}

/// `sockeye serve` on a free port, and its host and port.
fn serve(args: &[&str]) -> (Running, String) {
    let server = sockeye(["serve"]).args(args).start();
    let address = place(&server.ready()).to_owned();
    (server, address)
}

/// A users file in which these are.
fn users(scratch: &Scratch, all: &[(&str, &str)]) -> String {
    let path = scratch.path().join("users").to_str().unwrap().to_owned();
    for (user, password) in all {
        let add = ["user", "add", user, "--users", &path, "--iterations", "4096"];
        sockeye(add).env("SOCKEYE_PASSWORD", password).run("").ok();
    }
    path
}

/// The client of the documentation.
fn python(address: &str, user: &str, password: &str, text: &str) -> Ended {
    let client = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/peers/auth_client.py");
    let (host, port) = address.rsplit_once(':').unwrap();
    Program::new("python3").arg(client).args([host, port, user, text]).run(format!("{password}\n"))
}

#[test]
fn the_client_of_the_documentation_logs_in() {
    let scratch = Scratch::new();
    let path = users(&scratch, &[("alice", "pencil"), ("林, =小明", "三文鱼 Ａ")]);
    let (server, address) = serve(&["auth+tcp://127.0.0.1:0", "upper", "--users", &path, "--json"]);
    assert_eq!(python(&address, "alice", "pencil", "hello").ok(), "HELLO\n");
    assert_eq!(python(&address, "林, =小明", "三文鱼 A", "hello").ok(), "HELLO\n");
    for (user, password) in [("alice", "pen"), ("nobody", "pencil")] {
        let refused = python(&address, user, password, "hello");
        assert_eq!(refused.with_code(1), "refused: no credentials\n");
    }
    let ended = server.stop();
    let shown = ended.ok();
    let wanted =
        [r#""user":"alice""#, r#""user":"林, =小明""#, r#""mechanism":"SCRAM-SHA-256""#, "bad-credentials"];
    for wanted in wanted {
        assert!(shown.contains(wanted), "{wanted} is not in {shown}");
    }
}

#[test]
fn curl_is_known_by_its_header() {
    let (server, address) = serve(&["proxy1+tcp://127.0.0.1:0", "ack", "--json"]);
    let url = format!("http://{address}/");
    let curl = Program::new("curl").args(["-s", "-m", "10", "--http0.9", "--haproxy-protocol", &url]);
    assert_eq!(curl.run("").ok(), "消息已收到");
    let ended = server.stop();
    let shown = ended.ok();
    let upgraded = shown.lines().find(|line| line.contains(r#""upgraded""#)).expect(&shown);
    assert!(upgraded.contains("proxy1") && upgraded.contains("127.0.0.1:"), "{upgraded}");
    // What is left is the request alone.
    assert!(shown.contains("GET / HTTP/1.1") && !shown.contains("PROXY TCP4"), "{shown}");
}

/// Waits until somebody listens there: socat tries again for ten seconds.
fn listens(address: &str) {
    let target = format!("TCP:{address},retry=200,interval=0.05");
    Program::new("socat").args(["-u", "OPEN:/dev/null", &target]).patience(2 * PATIENCE).run("").ok();
}

/// An HTTP proxy. It listens at every address, so quiet ones are of no use to it, and it does not tell which free port it
/// was given: it gets one that was free a moment ago, or the next.
fn ncat(login: &[&str]) -> (Running, String) {
    for _ in 0..20 {
        let port = TcpListener::bind("[::]:0").unwrap().local_addr().unwrap().port().to_string();
        let proxy = Program::new("ncat").args(["-v", "-l", "--proxy-type", "http"]).args(login).arg(&port);
        let proxy = proxy.start();
        let listens = proxy.says_what("whether it listens", |stderr| {
            let text = String::from_utf8_lossy(stderr);
            let (done, taken) = (text.contains("Listening on 0.0.0.0:"), text.contains("QUITTING"));
            (done || taken).then_some(done)
        });
        if listens {
            return (proxy, format!("127.0.0.1:{port}"));
        }
    }
    panic!("no port is free");
}

/// A SOCKS 5 proxy.
fn microsocks(login: &[&str]) -> (Running, String) {
    let host = quiet_address();
    let proxy = Program::new("microsocks").args(["-i", &host, "-p", "7200"]).args(login).start();
    let address = format!("{host}:7200");
    listens(&address);
    (proxy, address)
}

/// Asks for `hello` through a proxy.
fn ask(target: &str, way: &str, password: Option<&str>) -> Ended {
    let mut ask = sockeye(["ask", target, "hello", "--via", way]);
    if let Some(password) = password {
        ask = ask.env("SOCKEYE_VIA_PASSWORD", password);
    }
    ask.run("")
}

#[test]
fn through_an_http_proxy() {
    let (_server, address) = serve(&["tcp://127.0.0.1:0", "upper"]);
    let target = format!("tcp://{address}");
    let (_open, proxy) = ncat(&[]);
    assert_eq!(ask(&target, &format!("http://{proxy}"), None).ok(), "HELLO");
    let by_name = target.replace("127.0.0.1", "localhost");
    assert_eq!(ask(&by_name, &format!("http://{proxy}"), None).ok(), "HELLO");
    let nobody = ask("tcp://127.0.0.1:1", &format!("http://{proxy}"), None);
    assert!(nobody.with_code(4).starts_with("error[via-refused]"), "{}", nobody.stderr);

    let (_asks, proxy) = ncat(&["--proxy-auth", "lin:canary-of-lin"]);
    assert_eq!(ask(&target, &format!("http://lin@{proxy}"), Some("canary-of-lin")).ok(), "HELLO");
    for (way, password) in
        [(format!("http://lin@{proxy}"), Some("canary-wrong")), (format!("http://{proxy}"), None)]
    {
        let refused = ask(&target, &way, password);
        assert!(refused.with_code(5).starts_with("error[via-login]"), "{}", refused.stderr);
        assert!(!refused.stderr.contains("canary"), "{}", refused.stderr);
    }
}

#[test]
fn through_a_socks_proxy() {
    let (_server, address) = serve(&["tcp://127.0.0.1:0", "upper"]);
    let target = format!("tcp://{address}");
    let (_open, proxy) = microsocks(&[]);
    assert_eq!(ask(&target, &format!("socks5://{proxy}"), None).ok(), "HELLO");
    let by_name = target.replace("127.0.0.1", "localhost");
    assert_eq!(ask(&by_name, &format!("socks5h://{proxy}"), None).ok(), "HELLO");
    let nobody = ask("tcp://127.0.0.1:1", &format!("socks5://{proxy}"), None);
    assert!(nobody.with_code(4).starts_with("error[via-refused]"), "{}", nobody.stderr);
    assert!(nobody.stderr.contains("connection refused"), "{}", nobody.stderr);

    let (_asks, proxy) = microsocks(&["-u", "lin", "-P", "canary-of-lin"]);
    assert_eq!(ask(&target, &format!("socks5://lin@{proxy}"), Some("canary-of-lin")).ok(), "HELLO");
    for (way, password) in
        [(format!("socks5://lin@{proxy}"), Some("canary-wrong")), (format!("socks5://{proxy}"), None)]
    {
        let refused = ask(&target, &way, password);
        assert!(refused.with_code(5).starts_with("error[via-login]"), "{}", refused.stderr);
    }
}
