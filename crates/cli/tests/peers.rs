//! The programs every socket course begins with, as small Python programs (`tests/peers`), against each other, against
//! `sockeye serve`, and as servers of sockeye's clients. Each scenario is one function, and the sides are exchanged
//! around it: what holds for Python with Python must hold for every other pair.

use std::path::Path;

use sockeye_testkit::program::{Program, Running, place};

fn sockeye<const N: usize>(args: [&str; N]) -> Program {
    Program::new(env!("CARGO_BIN_EXE_sockeye")).args(args)
}

fn python(file: &str, address: &str) -> Program {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/peers").join(file);
    let (host, port) = address.rsplit_once(':').expect("HOST:PORT");
    Program::new("python3").arg(path).arg(host).arg(port)
}

/// A Python server on a free port, and its address.
fn python_server(file: &str) -> (Running, String) {
    let server = python(file, "127.0.0.1:0").start();
    let address = format!("127.0.0.1:{}", server.first_line());
    (server, address)
}

/// `sockeye serve` on a free port, and its address.
fn sockeye_server<const N: usize>(args: [&str; N]) -> (Running, String) {
    let server = sockeye(["serve"]).args(args).start();
    let address = server.address();
    (server, address)
}

/// sockeye as the client of a peer that knows no line endings, which is what the courses' programs are.
fn connect(address: &str) -> Program {
    sockeye(["connect", address, "--eol", "none"])
}

// Acknowledge and close.

fn ack(client: Program) {
    assert_eq!(client.run("在吗\n").ok().trim_end(), "消息已收到");
}

#[test]
fn ack_between_python_programs() {
    let (server, address) = python_server("ack_server.py");
    ack(python("ack_client.py", &address));
    server.shows("在吗");
}

#[test]
fn ack_serves_python_clients_one_after_another() {
    let (_server, address) = sockeye_server(["tcp://127.0.0.1:0", "ack"]);
    for _ in 0..3 {
        ack(python("ack_client.py", &address));
    }
}

#[test]
fn ask_gets_the_acknowledgement_of_a_python_server() {
    let (server, address) = python_server("ack_server.py");
    let asked = sockeye(["ask", &format!("tcp://{address}"), "你好"]).run("");
    assert_eq!(asked.ok().trim_end(), "消息已收到");
    server.shows("你好");
    ack(connect(&address));
    server.shows("在吗");
}

// One way.

fn one_way(server: &Running, client: Program) {
    client.run("第一行\n第二行\n").ok();
    server.shows("第一行");
    server.shows("第二行");
}

#[test]
fn one_way_between_python_programs() {
    let (server, address) = python_server("receive_server.py");
    one_way(&server, python("send_client.py", &address));
    server.end().ok();
}

#[test]
fn receive_writes_what_a_python_sender_sends() {
    let (server, address) = sockeye_server(["tcp://127.0.0.1:0", "receive", "--once"]);
    one_way(&server, python("send_client.py", &address));
    assert_eq!(server.ends_by_itself().ok(), "第一行第二行");
}

#[test]
fn connect_sends_to_a_python_receiver_and_ends_with_it() {
    let (server, address) = python_server("receive_server.py");
    one_way(&server, sockeye(["connect", &address]));
    server.end().ok();
}

// Turn-taking, the server first, ended by byebye; the second caller waits.

/// `is_waiting` returns when the server is known to have a second caller in line.
fn turns(mut server: Running, client: impl Fn() -> Program, is_waiting: impl Fn(&Running)) {
    let mut first = client().start();
    server.types("你好,我是服务器\n");
    first.shows("你好,我是服务器");
    first.types("有人排队吗\n");
    server.shows("有人排队吗");

    let mut second = client().start();
    is_waiting(&server);
    server.types("第一位还没走\n");
    first.shows("第一位还没走");
    assert_eq!(second.shown(), b"", "who waits in line is sent nothing");

    first.types("byebye\n");
    server.shows("byebye");
    first.end().ok();

    server.types("轮到第二位\n");
    second.shows("轮到第二位");
    second.types("我先说完\n");
    server.shows("我先说完");
    server.types("byebye\n");
    second.shows("byebye");
    second.end().ok();
}

const TURNS: [&str; 8] =
    ["tcp://127.0.0.1:0", "chat", "--turns", "--first", "server", "--one-at-a-time", "--bye", "byebye"];

fn says_who_waits(server: &Running) {
    server.says("waits in line; waiting: 1");
}

#[test]
fn turns_between_python_programs() {
    let (server, address) = python_server("turns_server.py");
    turns(server, || python("turns_client.py", &address), |_| ());
}

#[test]
fn chat_takes_turns_with_python_clients_and_says_who_waits() {
    let (server, address) = sockeye_server(TURNS);
    turns(server, || python("turns_client.py", &address), says_who_waits);
}

#[test]
fn connect_takes_turns_with_a_python_server() {
    let (server, address) = python_server("turns_server.py");
    turns(server, || connect(&address), |_| ());
}

#[test]
fn chat_takes_turns_with_connect() {
    let (server, address) = sockeye_server(TURNS);
    turns(server, || connect(&address), says_who_waits);
}

#[test]
fn a_caller_who_leaves_frees_the_line() {
    let (mut server, address) = sockeye_server(TURNS);
    let mut first = python("turns_client.py", &address).start();
    server.types("第一句\n");
    first.shows("第一句");
    let second = python("turns_client.py", &address).start();
    says_who_waits(&server);
    first.types("走了\n");
    server.shows("走了");
    drop(first);
    server.says("is next");
    server.types("第二位你好\n");
    second.shows("第二位你好");
}

// Two-way chat, the client first.

fn chat(server: &mut Running, client: Program) {
    let mut client = client.start();
    for (question, answer) in [("你好", "吃了吗"), ("没有", "那一起吃"), ("好的", "门口见")] {
        client.types(format!("{question}\n"));
        server.shows(question);
        server.types(format!("{answer}\n"));
        client.shows(answer);
    }
    client.end().ok();
}

#[test]
fn chat_between_python_programs() {
    let (mut server, address) = python_server("chat_server.py");
    chat(&mut server, python("chat_client.py", &address));
    server.end().ok();
}

#[test]
fn chat_with_a_python_client() {
    let (mut server, address) = sockeye_server(["tcp://127.0.0.1:0", "chat", "--once"]);
    chat(&mut server, python("chat_client.py", &address));
    server.ends_by_itself().ok();
}

#[test]
fn chat_in_turns_with_a_python_client_that_opens() {
    let (mut server, address) = sockeye_server(["tcp://127.0.0.1:0", "chat", "--turns", "--first", "client"]);
    chat(&mut server, python("chat_client.py", &address));
}

#[test]
fn connect_chats_with_a_python_server() {
    let (mut server, address) = python_server("chat_server.py");
    chat(&mut server, connect(&address));
    server.end().ok();
}

// Upper case.

fn upper(client: Program) {
    assert_eq!(client.run("hello, 世界 é\n").ok().trim_end(), "HELLO, 世界 é");
}

#[test]
fn upper_between_python_programs() {
    let (_tcp, address) = python_server("upper_server.py");
    upper(python("upper_client.py", &address));
    let (_udp, address) = python_server("upper_udp_server.py");
    upper(python("upper_udp_client.py", &address));
}

#[test]
fn upper_serves_python_clients_over_tcp_and_udp() {
    let (_tcp, address) = sockeye_server(["tcp://127.0.0.1:0", "upper"]);
    upper(python("upper_client.py", &address));
    let (_udp, address) = sockeye_server(["udp://127.0.0.1:0", "upper"]);
    upper(python("upper_udp_client.py", &address));
}

#[test]
fn upper_serves_a_second_caller_while_the_first_is_silent() {
    let (_server, address) = sockeye_server(["tcp://127.0.0.1:0", "upper"]);
    let _silent = python("upper_client.py", &address).start();
    upper(python("upper_client.py", &address));
}

#[test]
fn connect_and_ask_reach_python_upper_servers() {
    let (_tcp, address) = python_server("upper_server.py");
    upper(connect(&address));
    let asked = sockeye(["ask", &address, "hello", "世界abc"]).run("");
    let (first, rest) = (asked.ok(), "世界ABC");
    assert!(first.contains("HELLO") && first.contains(rest), "{first}");

    let (_udp, address) = python_server("upper_udp_server.py");
    upper(sockeye(["connect", &format!("udp://{address}")]));
    let asked = sockeye(["ask", &format!("udp://{address}"), "hello"]).run("");
    assert_eq!(asked.ok().trim_end(), "HELLO");
}

// Datagrams that travel together.

#[test]
fn echo_answers_a_python_client_that_sends_trains() {
    let (_udp, address) = sockeye_server(["udp://127.0.0.1:0", "echo"]);
    assert_eq!(python("train_udp_client.py", &address).run("").ok().trim_end(), "all came back");
}

#[test]
fn bench_sends_a_python_server_whole_datagrams_one_way() {
    let (server, address) = python_server("count_udp_server.py");
    let endpoint = format!("udp://{address}");
    // Few enough for the receive buffer of a receiver that has not had its turn.
    sockeye(["bench", &endpoint, "--mode", "one-way", "-n", "100"]).run("").ok();
    sockeye(["connect", &endpoint]).run("end\n").ok();
    server.shows("100 0");
}

// UDP chat with substitution.

const TEMPLATE: &str = r#"{{typed}},{{message|replace("sb","alexsb")}}"#;

fn chat_udp(server: &mut Running, client: Program) {
    let mut client = client.start();
    for (question, typed, answer) in
        [("你个sb", "收到", "收到,你个alexsb"), ("没有那个词", "好", "好,没有那个词")]
    {
        client.types(format!("{question}\n"));
        server.shows(question);
        server.types(format!("{typed}\n"));
        client.shows(answer);
    }
    client.types("bye\n");
    server.shows("bye");
    client.end().ok();
}

#[test]
fn udp_chat_between_python_programs() {
    let (mut server, address) = python_server("chat_udp_server.py");
    chat_udp(&mut server, python("chat_udp_client.py", &address));
    server.end().ok();
}

#[test]
fn udp_chat_with_a_python_client() {
    let (mut server, address) =
        sockeye_server(["udp://127.0.0.1:0", "chat", "--template", TEMPLATE, "--bye", "bye", "--once"]);
    chat_udp(&mut server, python("chat_udp_client.py", &address));
    server.ends_by_itself().ok();
}

#[test]
fn connect_chats_over_udp_with_a_python_server() {
    let (mut server, address) = python_server("chat_udp_server.py");
    chat_udp(&mut server, sockeye(["connect", &format!("udp://{address}")]));
    server.end().ok();
}

// The welcome set. The only test with fixed ports: they are what it is about.

#[test]
fn the_welcome_set_answers_the_courses_programs() {
    // Its ports are fixed, so it has a network of its own: this test, run once more in a namespace made for it.
    const INSIDE: &str = "SOCKEYE_TEST_NETWORK";
    if std::env::var_os(INSIDE).is_none() {
        let test = "the_welcome_set_answers_the_courses_programs";
        let script = format!("ip link set lo up && exec \"$0\" --exact {test} --nocapture");
        let status = std::process::Command::new("unshare")
            .args(["--map-root-user", "--net", "sh", "-c", &script])
            .arg(std::env::current_exe().unwrap())
            .env(INSIDE, "1")
            .status();
        assert!(status.unwrap().success());
        return;
    }
    let server = sockeye(["serve"]).start();
    let urls = server.listeners(4);
    let bound: Vec<&str> = urls.iter().map(|url| place(url)).collect();
    for port in ["7788", "8080", "9999"] {
        assert!(bound.contains(&format!("127.0.0.1:{port}").as_str()), "{bound:?}");
    }
    assert!(urls.iter().any(|url| url.starts_with("udp://127.0.0.1:8080")), "{urls:?}");

    ack(python("ack_client.py", "127.0.0.1:7788"));
    let asked = sockeye(["ask", "tcp://127.0.0.1:7788", "你好"]).run("");
    assert_eq!(asked.ok().trim_end(), "消息已收到");
    upper(python("upper_client.py", "127.0.0.1:8080"));
    upper(python("upper_udp_client.py", "127.0.0.1:8080"));
    one_way(&server, python("send_client.py", "127.0.0.1:9999"));
    server.stop().ok();
}
