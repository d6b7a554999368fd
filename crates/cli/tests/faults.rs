//! `--fault` by the command line: on every kind of listener, in files, in two languages, and what is refused.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use sockeye_testkit::program::{PATIENCE, Program, Running, Scratch, Signal};

fn sockeye(args: &[&str]) -> Program {
    Program::new(env!("CARGO_BIN_EXE_sockeye")).args(args)
}

fn serve(args: &[&str]) -> (Running, String) {
    let server = sockeye(args).start();
    let url = server.ready();
    (server, url)
}

/// The lines of events of this kind, without their times.
fn lines(stdout: &[u8], kind: &str) -> Vec<String> {
    let text = String::from_utf8(stdout.to_vec()).unwrap();
    let wanted = format!("\"kind\":\"{kind}\"");
    let line = |line: &str| line.split_once(",\"session\":").map(|(_, rest)| rest.to_owned());
    text.lines().filter(|line| line.contains(&wanted)).filter_map(line).collect()
}

#[test]
fn a_proxy_delays_and_resets_both_its_sides() {
    let target = TcpListener::bind("127.0.0.1:0").unwrap();
    let to = format!("tcp://{}", target.local_addr().unwrap());
    let faults = ["--fault", "latency:40ms", "--fault", "reset:on=/LOG[A-Z]N/,dir=up"];
    let (proxy, url) =
        serve(&[&["proxy", "tcp://127.0.0.1:0", &to, "--seed", "7", "-v"], &faults[..]].concat());
    let mut client = TcpStream::connect(url.rsplit("//").next().unwrap()).unwrap();
    let (mut server, _) = target.accept().unwrap();
    for stream in [&client, &server] {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
    }
    let (begun, mut buffer) = (Instant::now(), [0; 64]);
    client.write_all(b"hello").unwrap();
    server.read_exact(&mut buffer[..5]).unwrap();
    assert!(begun.elapsed() >= Duration::from_millis(40));
    server.write_all(b"world").unwrap();
    client.read_exact(&mut buffer[..5]).unwrap();
    assert!(begun.elapsed() >= Duration::from_millis(80));
    client.write_all(b"LOGIN lin").unwrap();
    let kind = |stream: &mut TcpStream, buffer: &mut [u8]| loop {
        match stream.read(buffer) {
            Ok(0) => return None,
            Ok(_) => {}
            Err(error) => return Some(error.kind()),
        }
    };
    assert_eq!(kind(&mut client, &mut buffer), Some(ErrorKind::ConnectionReset));
    assert_eq!(kind(&mut server, &mut buffer), Some(ErrorKind::ConnectionReset));
    proxy.says("faults on purpose: latency:40ms reset:on=/LOG[A-Z]N/,dir=up (seed 7; --seed 7 repeats them)");
    proxy.says("fault reset on what the peer sends: byte=10");
    proxy.says("we cut the connection");
    let ended = proxy.stop();
    ended.ok();
    assert!(!ended.stderr.contains("error"), "{}", ended.stderr);
    assert_eq!(ended.stderr.matches("we cut the connection").count(), 2, "{}", ended.stderr);
}

#[test]
fn a_proxy_of_datagrams_repeats_its_faults() {
    let run = |seed: &str| {
        let (_upper, to) = serve(&["serve", "udp://127.0.0.1:0", "upper"]);
        let args = ["proxy", "udp://127.0.0.1:0", &to, "--json", "--seed", seed];
        let (proxy, url) = serve(&[&args[..], &["--fault", "loss:0.3", "--fault", "dup:0.2"]].concat());
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.connect(url.rsplit("//").next().unwrap()).unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        for number in 0..40 {
            socket.send(format!("number {number}").as_bytes()).unwrap();
        }
        let (mut got, mut buffer) = (Vec::new(), [0; 100]);
        let deadline = Instant::now() + PATIENCE;
        // Each that was sent comes back once, less what is lost, more what is doubled.
        let missing = |got: usize| {
            let all = lines(&proxy.shown(), "fault");
            let count = |name: &str| all.iter().filter(|line| line.contains(name)).count();
            got + count("\"loss\"") != 40 + count("\"dup\"")
        };
        while missing(got.len()) {
            assert!(Instant::now() < deadline, "{got:?}\n{}", String::from_utf8_lossy(&proxy.shown()));
            if let Ok(count) = socket.recv(&mut buffer) {
                got.push(String::from_utf8(buffer[..count].to_vec()).unwrap());
            }
        }
        let all = lines(&proxy.shown(), "fault");
        // The target answers when it likes, so each direction is an order of its own.
        let of = |way: &str| all.iter().filter(|line| line.contains(way)).cloned().collect::<Vec<_>>();
        (got, [of("\"in\""), of("\"out\"")].concat())
    };
    let first = run("11");
    assert!(first.0.contains(&"NUMBER 1".to_owned()) && first.1.len() > 10, "{first:?}");
    assert_eq!(first, run("11"));
    assert_ne!(first.0, run("12").0);
}

#[test]
fn faults_work_inside_tls() {
    let args = ["serve", "tls://127.0.0.1:0", "--self-signed", "echo", "-v"];
    let faults =
        ["--fault", "corrupt:0.2,dir=up", "--fault", "latency:30ms", "--fault", "slicer:3", "--seed", "5"];
    let (server, url) = serve(&[&args[..], &faults].concat());
    let asked = |url: &str| {
        sockeye(&["ask", url, "00000000000000000000", "--insecure", "--hex", "--frame", "fixed:10"])
            .run("")
            .ok()
    };
    let answer = asked(&url);
    server.says("fault corrupt on what the peer sends: byte=");
    server.says("fault latency on what we send: 30ms");
    assert!(answer.contains("00 00 00 80 00 00 00 04  00 00"), "{answer}");
    let (_again, url) = serve(&[&args[..], &faults].concat());
    assert_eq!(asked(&url), answer, "its first session has the same faults");
}

#[test]
fn messages_of_a_websocket_come_whole_and_in_order() {
    let faults =
        ["--fault", "loss:0.3", "--fault", "latency:20ms~20ms", "--fault", "corrupt:1,dir=down,after=6"];
    let args = [&["serve", "ws://127.0.0.1:0", "upper", "-v", "--seed", "3"], &faults[..]].concat();
    let (server, url) = serve(&args);
    let answers = sockeye(&["ask", &url, "one", "two", "!!"]).run("").ok();
    assert!(answers.starts_with("ONE\nTWO\n") && answers.len() == 11, "{answers}");
    server.says("fault corrupt on what we send: message=1 byte=");
    server.says("loss on a stream is delay");
    let (limited, url) = serve(&["serve", "ws://127.0.0.1:0", "echo", "--fault", "limit:5,dir=up", "-v"]);
    sockeye(&["ask", &url, "four", "more"]).run("").with_code(7);
    limited.says("fault limit on what the peer sends: byte=5");
    let (_none, url) = serve(&["serve", "ws://127.0.0.1:0", "echo"]);
    sockeye(&["ask", &url, "x"]).run("").ok();
    assert!(
        sockeye(&["serve", "ws://127.0.0.1:0", "echo", "--fault", "dup:1"])
            .run("")
            .with_code(2)
            .contains("unfit-fault")
    );
}

#[test]
fn a_file_has_faults_of_its_own_for_each_listener() {
    let home = Scratch::new();
    let text = "[[serve]]\nendpoint = \"tcp://127.0.0.1:0\"\nservice = \"echo\"\nfault = [\"limit:3,dir=down\"]\n\
                [[serve]]\nendpoint = \"tcp://127.0.0.1:0\"\nservice = \"echo\"\n";
    std::fs::write(home.path().join("sockeye.toml"), text).unwrap();
    let at = |program: Program| {
        std::fs::copy(home.path().join("sockeye.toml"), program.home().join("sockeye.toml")).unwrap();
        program
    };
    let server = at(sockeye(&["serve", "--seed", "1"])).start();
    let urls = server.listeners(2);
    let ask = |url: &str| sockeye(&["ask", url, "hello"]).run("");
    assert_eq!(ask(&urls[0]).stdout, b"hel");
    assert_eq!(ask(&urls[1]).ok(), "hello");
    std::fs::write(home.path().join("sockeye.toml"), text.replace("limit:3", "limits:3")).unwrap();
    let slip = at(sockeye(&["serve"])).run("");
    assert!(slip.with_code(3).contains("did you mean limit?"), "{}", slip.stderr);
}

#[test]
fn what_is_delayed_is_still_sent_when_the_server_stops() {
    for scheme in ["tcp", "udp"] {
        let place = format!("{scheme}://127.0.0.1:0");
        let (mut server, url) = serve(&["serve", &place, "echo", "--fault", "latency:300ms,dir=down", "-v"]);
        let mut client = sockeye(&["connect", &url]).start();
        client.types("late\n");
        client.end_input();
        server.says("fault latency on what we send");
        server.signal(Signal::SIGTERM);
        client.shows("late");
        server.ends_by_itself();
    }
}

#[test]
fn slips_are_told_in_both_languages() {
    let told = |fault: &str, lang: &str| {
        let ended =
            sockeye(&["serve", "tcp://127.0.0.1:0", "echo", "--fault", fault, "--lang", lang]).run("");
        ended.with_code(2).to_owned()
    };
    assert!(told("latnecy:1s", "en").contains("did you mean latency?"));
    assert!(
        told("latency:1s,dri=up", "en").contains("did you mean dir=? It is written latency:TIME[~JITTER]")
    );
    assert!(told("loss:1.5", "en").contains("error[bad-fault]: --fault loss:1.5 cannot be read (1.5)"));
    assert!(told("reorder:0.1", "en").contains("what comes close here: loss, latency"));
    assert!(told("reset:on=/(/", "zh-CN").contains("错误[bad-fault]：--fault reset:on=/(/ 写得不对"));
    assert!(told("reorder:0.1", "zh-CN").contains("这里相近的有：loss, latency"));
}
