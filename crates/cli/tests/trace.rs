//! `trace` and `serve --trace` on real connections: as root against tshark, as nobody by what they say they cannot see. They
//! need root: the one to capture, the other to become nobody.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

use std::fs;
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use serde_json::Value;
use sockeye_testkit::program::{Program, Running, Scratch, Signal, place};

fn sockeye() -> Program {
    Program::new(env!("CARGO_BIN_EXE_sockeye"))
}

/// The same program as nobody, without any right.
struct Nobody {
    scratch: Scratch,
}

impl Nobody {
    fn new() -> Self {
        assert!(nix::unistd::geteuid().is_root(), "this test becomes nobody, which takes root");
        let scratch = Scratch::new();
        fs::set_permissions(scratch.path(), fs::Permissions::from_mode(0o755)).unwrap();
        fs::copy(env!("CARGO_BIN_EXE_sockeye"), scratch.path().join("sockeye")).unwrap();
        Self { scratch }
    }

    fn sockeye(&self) -> Program {
        let own = self.scratch.path().join("sockeye");
        let program = Program::new("setpriv");
        fs::set_permissions(program.home(), fs::Permissions::from_mode(0o777)).unwrap();
        program.args(["--reuid", "65534", "--regid", "65534", "--clear-groups"]).arg(own)
    }
}

fn serve(service: &str) -> Running {
    sockeye().args(["serve", "tcp://127.0.0.1:0", service]).start()
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Those of one kind.
fn of<'a>(lines: &'a [Value], kind: &str) -> Vec<&'a Value> {
    lines.iter().filter(|line| line["kind"] == kind).collect()
}

/// The states of an end, in order, and how each is known.
fn states<'a>(lines: &'a [Value], end: &str) -> Vec<(&'a str, &'a str)> {
    let own = of(lines, "state").into_iter().filter(|line| line["end"] == end);
    own.map(|line| (line["state"].as_str().unwrap(), line["how"].as_str().unwrap())).collect()
}

fn names<'a>(states: &[(&'a str, &str)]) -> Vec<&'a str> {
    states.iter().map(|(state, _)| *state).collect()
}

/// Each segment as tshark's fields have it.
const FIELDS: [&str; 9] = [
    "tcp.srcport",
    "tcp.flags",
    "tcp.seq",
    "tcp.ack",
    "tcp.len",
    "tcp.seq_raw",
    "tcp.ack_raw",
    "tcp.window_size_value",
    "tcp.window_size",
];

fn tshark(path: &Path) -> Vec<String> {
    let fields = FIELDS.iter().flat_map(|field| ["-e", field]);
    let told = Program::new("tshark").args(["-n", "-r"]).arg(path).args(["-Y", "tcp", "-T", "fields"]);
    told.args(fields).run("").ok().lines().map(str::to_owned).collect()
}

/// The same of our own lines.
fn ours(lines: &[Value]) -> Vec<String> {
    let connection = of(lines, "connection")[0];
    let port = |end: &Value| {
        let address = connection[end.as_str().unwrap()].as_str().unwrap();
        address.rsplit_once(':').unwrap().1.to_owned()
    };
    let bit = |name: &Value| match name.as_str().unwrap() {
        "FIN" => 1,
        "SYN" => 2,
        "RST" => 4,
        "PSH" => 8,
        "ACK" => 16,
        other => panic!("{other}"),
    };
    let row = |segment: &&Value| {
        let flags: u32 = segment["flags"].as_array().unwrap().iter().map(bit).sum();
        let number = |name: &str| segment[name].as_u64().unwrap_or(0).to_string();
        let names =
            ["seq", "ack", "length", "seq_absolute", "ack_absolute", "window_raw", "window"].map(number);
        format!("{}\t0x{flags:04x}\t{}", port(&segment["from"]), names.join("\t"))
    };
    of(lines, "segment").iter().map(row).collect()
}

/// What dumpcap sees of a port while it runs.
struct Dumpcap {
    running: Running,
    path: PathBuf,
    port: u16,
    scratch: Scratch,
}

impl Dumpcap {
    fn of(port: u16) -> Self {
        let scratch = Scratch::new();
        let path = scratch.path().join("dumpcap.pcapng");
        let filter = format!("port {port}");
        let running = Program::new("dumpcap").args(["-q", "-i", "lo", "-f", &filter, "-w"]).arg(&path);
        let running = running.start();
        running.says("File:");
        Self { running, path, port, scratch }
    }

    /// Its file, once it holds all that passed until now: what is sent last tells.
    fn file(mut self) -> (PathBuf, Scratch) {
        const END: &[u8] = b"the end of this capture";
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.send_to(END, ("127.0.0.1", self.port)).unwrap();
        let reading = Program::new("tail").args(["-c", "+1", "-f"]).arg(&self.path).start();
        reading.shows(END);
        self.running.signal(Signal::SIGINT);
        (self.path, self.scratch)
    }
}

/// The segments of a capture that pass this filter.
fn remarkable(capture: &Path, filter: &str) -> String {
    let fields =
        ["-T", "fields", "-e", "tcp.srcport", "-e", "tcp.seq_raw", "-e", "tcp.len", "-e", "tcp.flags"];
    Program::new("tshark").args(["-n", "-r"]).arg(capture).args(["-Y", filter]).args(fields).run("").ok()
}

#[test]
fn a_trace_agrees_with_tshark_line_by_line() {
    let server = serve("upper");
    let port = place(&server.ready()).rsplit_once(':').unwrap().1.parse().unwrap();
    let scratch = Scratch::new();
    let own = scratch.path().join("own.pcapng");
    let other = Dumpcap::of(port);
    let long = "x".repeat(100_000);
    let trace = sockeye().args(["trace", "--json", "--pcapng"]).arg(&own);
    let told = lines(&trace.args([&server.ready(), &long]).run("").ok());
    let (other, _kept) = other.file();
    let ours = ours(&told);
    assert!(ours.len() >= 9, "{ours:?}");
    assert_eq!(ours, tshark(&own));
    assert_eq!(ours, tshark(&other));
    // Nothing is malformed, and tshark finds as much to say of ours as of the other capture: on a busy machine the kernel
    // may send something twice.
    assert_eq!(remarkable(&own, "_ws.malformed"), "");
    assert_eq!(remarkable(&own, "tcp.analysis.flags"), remarkable(&other, "tcp.analysis.flags"));
    // Captured, not made up.
    let info = Program::new("capinfos").arg(&own).run("").ok();
    assert!(info.contains("Captured by sockeye"), "{info}");
}

#[test]
fn both_ends_are_followed_to_time_wait_and_closed() {
    let server = serve("upper");
    let told = lines(&sockeye().args(["trace", "--json", &server.ready(), "hello"]).run("").ok());
    assert!(of(&told, "segment").iter().all(|line| line["how"] == "captured"));
    let client = states(&told, "client");
    let opened = ["SYN-SENT", "ESTABLISHED", "FIN-WAIT-1", "FIN-WAIT-2", "TIME-WAIT"];
    assert_eq!(names(&client)[..5], opened);
    // The kernel says how long it lasts yet: Linux takes 60 s.
    let waits = of(&told, "state").into_iter().find(|line| line["ends_in"].is_number()).unwrap();
    assert_eq!((waits["how"].as_str(), waits["state"].as_str()), (Some("polled"), Some("TIME-WAIT")));
    let left = waits["ends_in"].as_f64().unwrap();
    assert!((1.0..=60.0).contains(&left), "{left}");
    // The kernel keeps TIME-WAIT apart from its sockets, and its tracepoint is silent about it.
    let traced = |states: &[(&str, &str)]| states.iter().any(|(_, how)| *how == "traced");
    let instance = Path::new("/sys/kernel/tracing/instances/sockeye-test");
    let has_tracefs = fs::create_dir(instance).is_ok() && fs::remove_dir(instance).is_ok();
    assert_eq!(traced(&client), has_tracefs, "{client:?}");
    assert!(client.contains(&("TIME-WAIT", "inferred")), "{client:?}");
    let server_states = names(&states(&told, "server"));
    assert_eq!(server_states[..5], ["SYN-RECEIVED", "ESTABLISHED", "CLOSE-WAIT", "LAST-ACK", "CLOSED"]);
    // The calls behind it: ours are known, the peer's concluded, and its backlog was looked up.
    let calls: Vec<(&str, &str, &str)> = of(&told, "call")
        .iter()
        .map(|line| {
            let text = |name: &str| line[name].as_str().unwrap();
            (text("end"), text("call"), text("how"))
        })
        .collect();
    for expected in [
        ("client", "socket", "traced"),
        ("client", "connect", "traced"),
        ("client", "send", "traced"),
        ("client", "recv", "traced"),
        ("client", "shutdown", "traced"),
        ("client", "close", "traced"),
        ("server", "listen", "polled"),
        ("server", "accept", "inferred"),
        ("server", "send", "inferred"),
        ("server", "close", "inferred"),
    ] {
        assert!(calls.contains(&expected), "{expected:?} in {calls:?}");
    }
    assert_eq!(of(&told, "call").iter().find(|line| line["call"] == "listen").unwrap()["backlog"], 4096);
}

#[test]
fn as_nobody_it_says_what_it_could_not_see_and_shows_the_rest() {
    let server = serve("upper");
    let nobody = Nobody::new();
    let shown = nobody.sockeye().args(["trace", &server.ready(), "hello"]).run("").ok();
    assert!(shown.starts_with("packets were not captured: that takes root or CAP_NET_RAW\n"), "{shown}");
    assert!(shown.contains("setcap cap_net_raw"), "{shown}");
    let ended = nobody.sockeye().args(["trace", "--json", &server.ready(), "hello"]).run("");
    let told = lines(&ended.ok());
    assert!(ended.stderr.contains("were not captured"), "{}", ended.stderr);
    assert_eq!(of(&told, "connection")[0]["not_captured"], "rights");
    let segments = of(&told, "segment");
    assert!(segments.len() >= 6);
    for segment in segments {
        assert_eq!(segment["how"], "inferred");
        assert!(segment.get("seq").is_none() && segment.get("window").is_none(), "{segment}");
    }
    assert!(told.iter().all(|line| line["how"] != "captured" || line["kind"] != "segment"));
    // What the kernel tells anybody: states, figures, when the bytes left and were acknowledged.
    assert!(states(&told, "client").contains(&("TIME-WAIT", "polled")), "{told:?}");
    assert!(states(&told, "server").contains(&("CLOSED", "polled")));
    let mut stages: Vec<&str> =
        of(&told, "write").iter().map(|line| line["stage"].as_str().unwrap()).collect();
    stages.sort_unstable();
    assert_eq!(stages, ["acknowledged", "scheduled", "sent"]);
    assert!(of(&told, "connection-end")[0]["figures"]["cwnd"].as_u64().unwrap() > 0);
}

#[test]
fn without_the_right_to_capture_packets_are_made_up_and_say_so() {
    let server = serve("upper");
    let nobody = Nobody::new();
    let scratch = Scratch::new();
    fs::set_permissions(scratch.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let path = scratch.path().join("synthetic.pcapng");
    nobody.sockeye().args(["trace", "--pcapng"]).arg(&path).args([&server.ready(), "hello"]).run("").ok();
    let info = Program::new("capinfos").arg(&path).run("").ok();
    assert!(info.contains("headers are synthetic"), "{info}");
    assert!(tshark(&path).len() >= 6);
}

#[test]
fn a_syn_that_nobody_answers_is_sent_again() {
    // A queue of one, and one in it: the kernel drops what comes.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    nix::sys::socket::listen(&listener, nix::sys::socket::Backlog::new(0).unwrap()).unwrap();
    let _full = TcpStream::connect(at).unwrap();
    let ended = sockeye().args(["trace", "--json", "-t", "1500ms", &at.to_string()]).run("");
    ended.with_code(6);
    let told = lines(&String::from_utf8(ended.stdout).unwrap());
    let segments = of(&told, "segment");
    assert_eq!(segments.len(), 2, "{segments:?}");
    assert_eq!(segments[0]["seq_absolute"], segments[1]["seq_absolute"]);
    assert_eq!(segments[1]["marks"], serde_json::json!(["retransmission"]));
    assert_eq!(names(&states(&told, "client")), ["SYN-SENT", "CLOSED"]);
    assert_eq!(states(&told, "client")[1].1, "polled");
    assert_eq!(of(&told, "trace-end")[0]["failed"], "connect-timeout");
}

#[test]
fn a_refusal_and_a_reset_are_shown_as_what_they_are() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let ended = sockeye().args(["trace", "--json", &free.to_string()]).run("");
    ended.with_code(4);
    let told = lines(&String::from_utf8(ended.stdout).unwrap());
    let flags: Vec<&Value> = of(&told, "segment").iter().map(|line| &line["flags"]).collect();
    assert_eq!(flags, [&serde_json::json!(["SYN"]), &serde_json::json!(["RST", "ACK"])]);
    assert_eq!(names(&states(&told, "client")), ["SYN-SENT", "CLOSED"]);
    // One that takes the question and answers with a reset.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    let cutting = thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        stream.peek(&mut [0]).unwrap();
        socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
    });
    let ended = sockeye().args(["trace", "--json", &at.to_string(), "hello"]).run("");
    ended.with_code(7);
    cutting.join().unwrap();
    let told = lines(&String::from_utf8(ended.stdout).unwrap());
    let last = of(&told, "segment").pop().unwrap();
    assert!(last["flags"].as_array().unwrap().contains(&"RST".into()), "{last}");
    assert_eq!(states(&told, "client").last().unwrap().0, "CLOSED");
    assert_eq!(states(&told, "server").last().unwrap().0, "CLOSED");
}

#[test]
fn datagrams_and_what_icmp_says_of_them() {
    let server = sockeye().args(["serve", "udp://127.0.0.1:0", "upper"]).start();
    let told = lines(&sockeye().args(["trace", "--json", &server.ready(), "hello"]).run("").ok());
    let said: Vec<(&str, &str)> = of(&told, "datagram")
        .iter()
        .map(|line| (line["from"].as_str().unwrap(), line["text"].as_str().unwrap()))
        .collect();
    assert_eq!(said, [("client", "hello"), ("server", "HELLO")]);
    let free = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let ended = sockeye().args(["trace", "--json", &format!("udp://{free}"), "x"]).run("");
    ended.with_code(4);
    let told = lines(&String::from_utf8(ended.stdout).unwrap());
    let icmp = of(&told, "icmp")[0];
    assert_eq!((icmp["type"].as_u64(), icmp["code"].as_u64()), (Some(3), Some(3)));
}

#[test]
fn a_server_tells_its_side_of_each_session() {
    let server =
        sockeye().args(["serve", "tcp://127.0.0.1:0", "upper", "--trace", "--max-sessions", "2"]).start();
    for word in ["one", "two"] {
        sockeye().args(["ask", &server.ready(), word]).run("").ok();
    }
    let said = server.ends_by_itself().stderr;
    for (number, word) in [(1, "ONE"), (2, "TWO")] {
        let own = said.split(&format!("#{number} ")).nth(1).unwrap().split("this end").next().unwrap();
        for wanted in
            ["listen(4096)", "accept()", "recv(3)", "send(3)", "SYN seq 0", "LAST-ACK", "CLOSED", word]
        {
            assert!(own.contains(wanted), "{wanted} in {said}");
        }
    }
}

#[test]
fn as_nobody_a_server_has_the_clients_syn_all_the_same() {
    let nobody = Nobody::new();
    let server = nobody.sockeye().args(["serve", "tcp://127.0.0.1:0", "upper"]);
    let server = server.args(["--trace", "--json", "--max-sessions", "1"]).start();
    sockeye().args(["ask", &server.ready(), "hello"]).run("").ok();
    let told = lines(&server.ends_by_itself().ok());
    let saved = of(&told, "saved-syn")[0];
    assert_eq!(saved["how"], "captured");
    assert!(saved["options"]["mss"].as_u64().unwrap() > 1000 && saved["ttl"] == 64, "{saved}");
    assert!(of(&told, "segment").iter().all(|line| line["how"] == "inferred"));
    assert_eq!(of(&told, "connection")[0]["own"], "server");
}

#[test]
fn pages_need_nothing_from_elsewhere_and_step_in_a_browser() {
    let server = serve("upper");
    let scratch = Scratch::new();
    let (page, picture) = (scratch.path().join("trace.html"), scratch.path().join("trace.svg"));
    let trace = sockeye().arg("trace").arg("--html").arg(&page).arg("--svg").arg(&picture);
    trace.args([&server.ready(), "</script><b>"]).run("").ok();
    let text = fs::read_to_string(&page).unwrap();
    for outside in ["http://", "https://", "src=", "@import"] {
        let left = text.replace("http://www.w3.org/2000/svg", "");
        assert!(!left.contains(outside), "{outside}");
    }
    assert_eq!(text.matches("</script>").count(), 1);
    let xml = Program::new("python3").args(["-c", "import sys, xml.dom.minidom as m; m.parse(sys.argv[1])"]);
    xml.arg(&picture).run("").ok();
    let dom = |step: &str| {
        let browser =
            Program::new("chromium").args(["--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"]);
        let url = format!("file://{}#step={step}", page.display());
        browser.patience(Duration::from_mins(1)).arg(url).run("").ok()
    };
    // At the first step both are as they were, at the last as they ended.
    let states = |dom: &str| -> Vec<String> {
        let after = dom.split("<span class=\"state\">").skip(1);
        after.map(|rest| rest.split('<').next().unwrap().to_owned()).collect()
    };
    assert_eq!(states(&dom("1")), ["CLOSED", "LISTEN"]);
    assert_eq!(states(&dom("999")), ["TIME-WAIT", "CLOSED"]);
}

#[test]
fn slips_are_refused_before_anything_is_opened() {
    sockeye().args(["trace", "unix:///tmp/none.sock"]).run("").with_code(2);
    sockeye().args(["trace", "udp://127.0.0.1:9"]).run("").with_code(2);
    sockeye().args(["trace"]).run("").with_code(2);
}
