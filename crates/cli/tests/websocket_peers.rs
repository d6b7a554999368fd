//! WebSocket with others: a Python library on either side, curl that comes as to a web page, and a browser.

use std::path::{Path, PathBuf};
use std::time::Duration;

use sockeye_testkit::program::{Program, Running};

/// A browser takes its time to start, on a busy machine above all.
const SLOW: Duration = Duration::from_secs(80);

fn sockeye<const N: usize>(args: [&str; N]) -> Program {
    Program::new(env!("CARGO_BIN_EXE_sockeye")).args(args)
}

fn serve<const N: usize>(args: [&str; N]) -> (Running, String) {
    let server = sockeye(["serve"]).args(args).start();
    let url = server.ready();
    (server, url)
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A program of `tests/peers` in the environment that has the packages it needs.
fn python(file: &str) -> Program {
    let python = root().join("target/python/bin/python");
    assert!(python.exists(), "{} is missing: tests/python/venv.sh makes it", python.display());
    Program::new(python).arg(root().join("tests/peers").join(file))
}

#[test]
fn a_python_client_gets_what_it_asks_for_and_no_deflate() {
    let (server, url) = serve(["ws://127.0.0.1:0", "upper", "--subprotocol", "v1", "-v"]);
    let said = python("websocket_client.py").arg(&url).run("").ok();
    let wanted = "v1 None\nSTRAßE 你好\nb'\\x00\\xff'\nONE TWO\nTrue\n1000000\n1000 \n";
    assert_eq!(said, wanted);
    server.says("subprotocol=v1 declined-extensions=permessage-deflate");
}

#[test]
fn a_python_client_gets_its_messages_as_they_were_over_a_bad_network() {
    let faults = ["--fault", "loss:0.1", "--fault", "latency:20ms~20ms", "--fault", "bandwidth:64k"];
    let server = sockeye(["serve", "ws://127.0.0.1:0", "echo", "--seed", "7", "-v"]).args(faults).start();
    assert_eq!(python("websocket_many.py").arg(server.ready()).run("").ok(), "same\n");
    server.says("fault loss on what the peer sends: message=");
}

/// A Python server on a free port, and its URL.
fn python_server() -> (Running, String) {
    let server = python("websocket_server.py").start();
    let url = format!("ws://127.0.0.1:{}/any?subprotocol=v1", server.first_line());
    (server, url)
}

#[test]
fn a_python_server_answers_ask_connect_and_a_relay() {
    let (_server, url) = python_server();
    let asked = sockeye(["ask", &url, "one", "", "hex:ff61"]).run("");
    assert_eq!(asked.stdout, b"ONE\n\n\xffA\n");
    asked.ok();
    // This library answers nothing once it has read our Close: the answers are waited for before stdin ends.
    let mut client = sockeye(["connect", &url]).start();
    client.types("straße\nb\n");
    client.shows("STRASSE\nB\n");
    client.end_input();
    client.ends_by_itself().ok();
    let proxy = sockeye(["proxy", "tcp://127.0.0.1:0", &url]).start();
    let relayed = sockeye(["ask", &format!("tcp://{}", proxy.address()), "over a relay"]).run("");
    assert_eq!(relayed.ok(), "OVER A RELAY");
}

#[test]
fn what_a_python_server_ends_with_is_told() {
    let (_server, url) = python_server();
    let failed = sockeye(["ask", &url, "fail"]).run("");
    let said = failed.with_code(7);
    assert!(said.contains("4001 (private): as you wish") && said.contains("error[early-fin]"), "{said}");
    let crashed = sockeye(["ask", &url, "crash"]).run("");
    assert!(crashed.with_code(7).contains("it failed (1011)"), "{}", crashed.with_code(7));
    let wrong = sockeye(["ask", &url, "x", "--subprotocol", "v9"]).run("");
    assert!(wrong.with_code(4).contains("error[upgrade-refused]"), "{}", wrong.with_code(4));
}

#[test]
fn curl_is_told_that_this_is_no_web_page() {
    let (_server, url) = serve(["ws://127.0.0.1:0", "echo"]);
    let page = url.replace("ws://", "http://");
    let answer = Program::new("curl").args(["--silent", "--include", &page]).run("").ok();
    assert!(answer.starts_with("HTTP/1.1 426 Upgrade Required\r\n"), "{answer}");
    assert!(answer.contains("new WebSocket(") && answer.contains("这是 WebSocket 服务器"), "{answer}");
    let head = Program::new("curl").args(["--silent", "--head", &page]).run("").ok();
    assert!(head.starts_with("HTTP/1.1 405 Method Not Allowed\r\n"), "{head}");
}

/// What `examples/browser.html` shows in a browser, served under this name.
fn browser(host: &str, script: &str, url: &str) -> String {
    let page = root().join("examples/browser.html");
    let program = Program::new("python3").arg(root().join("tests/peers/browser.py"));
    program.arg(page).args([host, script, url]).patience(SLOW).run("").ok()
}

#[test]
fn a_page_of_this_machine_talks_to_a_service() {
    let (_server, url) = serve(["ws://127.0.0.1:0", "upper"]);
    let script = r#"when("* open", () => {
        say("hello 你好"); say(""); say(new Uint8Array([0, 97, 255])); when("< 00 41 ff", done);
    });"#;
    let wanted = format!("* open {url}\n> hello 你好\n> \n> 00 61 ff\n< HELLO 你好\n< \n< 00 41 ff\n");
    assert_eq!(browser("localhost", script, &url), wanted);
}

#[test]
fn a_page_from_elsewhere_is_kept_out_even_under_a_name_that_it_rebinds() {
    let (server, url) = serve(["ws://127.0.0.1:0", "upper"]);
    let script = r#"when("* closed", done);"#;
    assert_eq!(browser("evil.example", script, &url), "* closed 1006\n");
    server.says("a web page of http://evil.example:");
    let rebound = url.replace("127.0.0.1", "evil.example");
    assert_eq!(browser("evil.example", script, &rebound), "* closed 1006\n");
    server.says("a web page that calls this server evil.example:");
    let (_server, url) = serve(["ws://127.0.0.1:0", "upper", "--origin", "*"]);
    let open = r#"when("* open", done);"#;
    assert_eq!(browser("evil.example", open, &url), format!("* open {url}\n"));
}
