//! Conversation files on real sockets: as a server (`serve … script FILE`), and as a login before somebody talks
//! (`--on-connect FILE`).
#![expect(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};

use sockeye_testkit::program::{PATIENCE, Program, Running, place};

fn sockeye() -> Program {
    Program::new(env!("CARGO_BIN_EXE_sockeye"))
}

/// A server that plays a file.
fn mock(endpoint: &str, text: &str) -> Running {
    let program = sockeye();
    std::fs::write(program.home().join("mock.skt"), text).unwrap();
    let server = program.args(["serve", endpoint, "script", "mock.skt"]).start();
    server.ready();
    server
}

fn call(server: &Running) -> TcpStream {
    let stream = TcpStream::connect(server.address()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// What comes until the end, and whether the end was a FIN.
fn rest(stream: &mut TcpStream) -> (String, bool) {
    let mut bytes = Vec::new();
    let is_fin = stream.read_to_end(&mut bytes).is_ok();
    (String::from_utf8(bytes).unwrap(), is_fin)
}

const TWO: &str = "\
@var server tcp://127.0.0.1:1?frame=line
peer c1 connect {{server}}
peer c2 connect {{server}}
c1 > \"get one\"
c1 < \"1\"
c2 > \"get two\"
c2 < \"2\"
c2 < \"and more\"
c1 fin
c1 <eof
c2 fin
c2 <eof
";

#[test]
fn a_recording_answers_as_the_server_did() {
    let server = mock("tcp://127.0.0.1:0", TWO);
    // Who asks for what was recorded second gets that, also where the first is still there; then they begin again.
    for round in 0..2 {
        let (mut one, mut two) = (call(&server), call(&server));
        two.write_all(b"get t").unwrap();
        two.write_all(b"wo\n").unwrap();
        one.write_all(b"get one\n").unwrap();
        for stream in [&one, &two] {
            stream.shutdown(std::net::Shutdown::Write).unwrap();
        }
        assert_eq!(rest(&mut two), ("2\nand more\n".to_owned(), true), "{round}");
        assert_eq!(rest(&mut one), ("1\n".to_owned(), true), "{round}");
    }
    assert_eq!(server.stop().ok(), "");
}

#[test]
fn what_was_not_recorded_fails_with_what_differs() {
    let server = mock("tcp://127.0.0.1:0", TWO);
    let mut stream = call(&server);
    stream.write_all(b"get three\n").unwrap();
    assert!(!rest(&mut stream).1, "a mock that is not content cuts the connection");
    server.says("error[unscripted]");
    server.says("mock.skt:4: step 1 of 4: expected \"get one\", got \"get three\": differs at byte 4");
    // The one that is left, of somebody who goes before anything is said.
    drop(call(&server));
    server.says("mock.skt:6: step 1 of 5: the peer ended its side before");
}

/// What a client draws for itself is taken as it comes, and said again: in decimal, in JSON and in bytes.
#[test]
fn captures_answer_with_what_the_client_sent() {
    let text = "\
@frame line
peer c connect tcp://127.0.0.1:9000
c > json($.op == \"submit\", $.id as id) like \"{\\\"op\\\":\\\"submit\\\",\\\"id\\\":7}\"
c < \"{\\\"id\\\":{{id}},\\\"state\\\":\\\"queued\\\"}\"
c > /^SEQ (?<n>[0-9]+)$/ like \"SEQ 4\"
c < \"ACK {{n}}\"
c > hex:01 seq:u16be like hex:01 u16be(5)
c < \"A\" u16be({{seq}} + 1)
c fin
c <eof
";
    let server = mock("tcp://127.0.0.1:0", text);
    let mut stream = call(&server);
    stream.write_all(b"{\"id\": 991, \"op\": \"submit\"}\nSEQ 0019\n\x01\x41\x42\n").unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let answer = "{\"id\":991,\"state\":\"queued\"}\nACK 0019\nAAC\n";
    assert_eq!(rest(&mut stream), (answer.to_owned(), true));

    // The same file is a client that says what its messages are like.
    let url = format!("server={}", server.ready());
    let played = sockeye();
    let file = text.replace("tcp://127.0.0.1:9000", "{{server}}");
    std::fs::write(played.home().join("client.skt"), file).unwrap();
    played.args(["test", "client.skt", "--var", &url]).run("").ok();
}

#[test]
fn a_replay_tells_of_each_session() {
    let program = sockeye();
    std::fs::write(program.home().join("two.skt"), TWO).unwrap();
    let mock = program.args(["replay", "two.skt", "--as", "server", "tcp://127.0.0.1:0"]).start();
    for (asks, gets) in [("get two\n", "2\nand more\n"), ("get one\n", "1\n")] {
        let mut stream = call(&mock);
        stream.write_all(asks.as_bytes()).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        assert_eq!(rest(&mut stream), (gets.to_owned(), true));
    }
    mock.says("two.skt c2");
    mock.says("two.skt c1");
    mock.ends_by_itself().ok();
}

/// Whom the recorded client trusted means nothing to who plays its server.
#[test]
fn a_mock_leaves_out_what_was_the_clients() {
    let program = sockeye();
    let file = TWO.replace("tcp://127.0.0.1:1?", "tls://127.0.0.1:0?insecure&");
    std::fs::write(program.home().join("two.skt"), file).unwrap();
    let mock = program.args(["replay", "two.skt", "--as", "server", "--self-signed"]).start();
    assert!(mock.ready().starts_with("tls://127.0.0.1:"));
}

#[test]
fn datagrams_are_answered_too() {
    let server = mock("udp://127.0.0.1:0", "peer c connect udp://127.0.0.1:1\nc > \"join a\"\nc < \"ok\"\n");
    for _ in 0..2 {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.connect(place(&server.ready())).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket.send(b"join a").unwrap();
        let mut answer = [0; 16];
        let size = socket.recv(&mut answer).unwrap();
        assert_eq!(&answer[..size], b"ok");
    }
}

#[test]
fn a_file_that_cannot_be_played_is_refused_before_anything_opens() {
    for (text, code, says) in [
        ("c <foo\n", 3, "mock.skt:1:3"),
        ("c < /x+/\n", 3, "mock.skt:1:1"),
        ("# nothing\n", 3, "mock.skt"),
        ("c > \"{{who}}\"\n", 3, "mock.skt:1"),
    ] {
        let program = sockeye();
        std::fs::write(program.home().join("mock.skt"), text).unwrap();
        let ended = program.args(["serve", "tcp://127.0.0.1:0", "script", "mock.skt"]).run("");
        let said = ended.with_code(code);
        assert!(said.contains(says), "{text}: {said}");
    }
    sockeye().args(["serve", ":0", "script"]).run("").with_code(2);
    let missing = sockeye().args(["serve", ":0", "script", "none.skt"]).run("");
    assert!(missing.with_code(3).contains("none.skt"));
}

const LOGIN: &str = "@var user me\n< \"name? \"\n> \"{{user}}\\n\"\n< \"welcome\\n\"\n";

/// A client with a login.
fn with_login(address: &str) -> Program {
    let program = sockeye();
    std::fs::write(program.home().join("login.skt"), LOGIN).unwrap();
    program.args(["connect", address, "--on-connect", "login.skt"])
}

/// Asks for a name, and says what is the matter with it. What was said after a good one.
fn receive(listener: &TcpListener, number: usize) -> Option<String> {
    let (mut stream, _) = listener.accept().unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(b"name? ").unwrap();
    let mut lines = BufReader::new(stream.try_clone().unwrap());
    let mut line = String::new();
    lines.read_line(&mut line).unwrap();
    if line != "me\n" {
        stream.write_all(b"go away\n").unwrap();
        return None;
    }
    stream.write_all(format!("welcome\nmail {number}\n").as_bytes()).unwrap();
    line.clear();
    lines.read_line(&mut line).unwrap();
    Some(line)
}

#[test]
fn a_login_comes_first_and_is_not_shown() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let server = std::thread::spawn(move || (receive(&listener, 1), receive(&listener, 2)));
    // What comes with the last answer of the login is for whoever talks.
    let ended = with_login(&address).run("hello\n");
    assert_eq!(ended.ok(), "mail 1\n");
    let ended = with_login(&address).args(["--var", "user=you"]).run("hello\n");
    let said = ended.with_code(1);
    assert!(said.contains("login.skt:4: step 3 of 3: expected \"welcome\\n\", got \"go away\\n\""), "{said}");
    assert_eq!(server.join().unwrap(), (Some("hello\n".to_owned()), None));
}

#[test]
fn after_a_lost_connection_there_is_another_login() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let mut client = with_login(&address).arg("--reconnect").start();
    client.types("one\n");
    assert_eq!(receive(&listener, 1).as_deref(), Some("one\n"));
    client.says("the connection is lost; another one is tried after");
    // Typed while there is none, it is for the next one.
    client.types("two\n");
    assert_eq!(receive(&listener, 2).as_deref(), Some("two\n"));
    client.shows("mail 1\nmail 2\n");
    client.says("connected again to");
    // With the end of what is typed, a lost connection is the end.
    client.end_input();
    drop(listener);
    client.ends_by_itself();
}

#[test]
fn chat_hears_of_nobody_who_has_not_passed() {
    let program = sockeye();
    std::fs::write(program.home().join("login.skt"), "@frame line\n> \"name?\"\n< \"me\"\n> \"welcome\"\n")
        .unwrap();
    let mut server =
        program.args(["serve", "tcp://127.0.0.1:0", "chat", "--on-connect", "login.skt"]).start();
    server.ready();
    let mut stranger = call(&server);
    stranger.write_all(b"you\n").unwrap();
    assert_eq!(rest(&mut stranger), ("name?\n".to_owned(), true));
    server.says("expected \"me\", got \"you\"");
    let mut friend = call(&server);
    friend.write_all(b"me\nhello\n").unwrap();
    server.shows("hello\n");
    server.types("yes\n");
    let mut lines = BufReader::new(friend.try_clone().unwrap()).lines();
    let said: Vec<String> = (0..3).map(|_| lines.next().unwrap().unwrap()).collect();
    assert_eq!(said, ["name?", "welcome", "yes"]);
    server.says("#2 (127.0.0.1");
    assert!(!server.said().contains("#1 (127.0.0.1"));
}
