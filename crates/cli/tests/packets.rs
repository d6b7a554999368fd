//! `--record FILE.pcapng` as tshark reads it: every file without a fault, the same bytes in the streams, and TLS read with
//! the keys that the file itself holds.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};

use sockeye_testkit::program::{Program, Running, Scratch, noise};

fn sockeye<const N: usize>(args: [&str; N]) -> Program {
    Program::new(env!("CARGO_BIN_EXE_sockeye")).args(args)
}

/// A file of packets in a directory of its own.
struct Capture {
    path: PathBuf,
    _scratch: Scratch,
}

impl Capture {
    fn new() -> Self {
        let scratch = Scratch::new();
        Self { path: scratch.path().join("packets.pcapng"), _scratch: scratch }
    }

    fn path(&self) -> &str {
        self.path.to_str().unwrap()
    }

    /// What tshark says of it, with these arguments more.
    fn tshark(&self, args: &[&str]) -> String {
        let ended = Program::new("tshark").args(["-n", "-r", self.path()]).args(args).run("");
        ended.ok()
    }

    /// One field of all packets that a filter takes.
    fn fields(&self, filter: &str, field: &str) -> Vec<String> {
        let text = self.tshark(&["-Y", filter, "-T", "fields", "-e", field]);
        text.lines().map(str::to_owned).collect()
    }

    /// That no reader of packets finds anything wrong with it.
    fn is_sound(&self) {
        let wrong = "_ws.malformed || _ws.expert.severity == error || tcp.checksum.status == bad || \
            ip.checksum.status == bad || udp.checksum.status == bad || tcp.analysis.lost_segment || \
            tcp.analysis.retransmission || tcp.analysis.ack_lost_segment || tcp.analysis.out_of_order || \
            tcp.analysis.window_full || tcp.analysis.reused_ports || tcp.analysis.zero_window";
        let checked = [
            "-o",
            "tcp.check_checksum:TRUE",
            "-o",
            "udp.check_checksum:TRUE",
            "-o",
            "ip.check_checksum:TRUE",
            "-Y",
            wrong,
        ];
        assert_eq!(self.tshark(&checked), "", "{}", self.path());
    }

    /// The bytes of the first stream, what its client said and what its server said.
    fn follow(&self, stream: &str) -> (Vec<u8>, Vec<u8>) {
        let text = self.tshark(&["-q", "-z", stream]);
        let (mut client, mut server) = (Vec::new(), Vec::new());
        let lines = text.lines().skip_while(|line| !line.starts_with("Node 1"));
        for line in lines.skip(1).take_while(|line| !line.starts_with('=')) {
            let side = if line.starts_with('\t') { &mut server } else { &mut client };
            side.extend(bytes(line.trim()));
        }
        (client, server)
    }
}

fn bytes(hex: &str) -> impl Iterator<Item = u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
}

fn serve(endpoint: &str, service: &[&str], sessions: &str, capture: &Capture) -> Running {
    let server = sockeye(["serve", endpoint]).args(service);
    server.args(["--max-sessions", sessions, "--record", capture.path()]).start()
}

#[test]
fn a_stream_is_followed_byte_for_byte_in_either_family() {
    for endpoint in ["tcp://127.0.0.1:0", "tcp://[::1]:0"] {
        let capture = Capture::new();
        let server = serve(endpoint, &["echo"], "1", &capture);
        let sent = noise(1, 1 << 20);
        let ended = sockeye(["connect", &server.ready()]).run(sent.clone());
        assert!(ended.stdout == sent, "{ended:?}");
        server.ends_by_itself().ok();
        capture.is_sound();
        let (client, echoed) = capture.follow("follow,tcp,raw,0");
        assert!(client == sent && echoed == sent, "{} {}", client.len(), echoed.len());
        // It is the client who began and ended first.
        let syn = capture.fields("tcp.flags.syn == 1 && tcp.flags.ack == 0", "tcp.dstport");
        assert_eq!(syn, [server_port(&capture)]);
        assert_eq!(capture.fields("tcp.flags.fin == 1", "tcp.dstport")[0], server_port(&capture));
    }
}

fn server_port(capture: &Capture) -> String {
    capture.fields("tcp.flags.syn == 1 && tcp.flags.ack == 1", "tcp.srcport").remove(0)
}

#[test]
fn the_file_says_what_is_made_up_and_whose_packets_these_are() {
    let capture = Capture::new();
    let server = serve("tcp://127.0.0.1:0", &["upper"], "2", &capture);
    for word in ["one", "two"] {
        sockeye(["ask", &server.ready(), word]).run("").ok();
    }
    server.ends_by_itself().ok();
    capture.is_sound();
    let info = Program::new("capinfos").args([capture.path()]).run("").ok();
    assert!(info.contains("headers are synthetic"), "{info}");
    assert_eq!(capture.fields("frame.comment", "frame.comment"), ["session 1, upper", "session 2, upper"]);
    // Which way each went is marked: 1 is in, 2 is out.
    let directions = capture.fields("tcp.len > 0", "frame.packet_flags_direction");
    assert_eq!(directions, ["0x00000001", "0x00000002", "0x00000001", "0x00000002"]);
}

#[test]
fn tls_is_read_with_the_keys_in_the_file_at_either_end() {
    for version in ["a server's", "a client's"] {
        let capture = Capture::new();
        let server = sockeye(["serve", "tls://127.0.0.1:0?self-signed", "upper", "--max-sessions", "1"]);
        let server = if version == "a server's" { server.args(["--record", capture.path()]) } else { server };
        let server = server.start();
        let client = sockeye(["ask", &server.ready(), "--insecure", "hello within"]);
        let client = if version == "a client's" { client.args(["--record", capture.path()]) } else { client };
        client.run("").ok();
        server.ends_by_itself().ok();
        capture.is_sound();
        let plain = std::fs::read(&capture.path).unwrap();
        assert!(!plain.windows(12).any(|bytes| bytes == b"hello within"));
        let followed = capture.tshark(&["-q", "-z", "follow,tls,ascii,0"]);
        assert!(
            followed.contains("hello within") && followed.contains("HELLO WITHIN"),
            "{version}: {followed}"
        );
        // The handshake is read too: its secrets stand before its packets.
        let shown = capture.fields("tls.handshake.type == 20", "tls.handshake.type");
        assert_eq!(shown.len(), 2, "{version}: {shown:?}");
    }
}

#[test]
fn datagrams_are_as_they_were() {
    let capture = Capture::new();
    let server = sockeye(["serve", "udp://any:0", "echo", "--record", capture.path()]).start();
    let port = server.address().rsplit_once(':').unwrap().1.to_owned();
    let client = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    client.connect(format!("127.0.0.1:{port}")).unwrap();
    let long = vec![b'x'; 60_000];
    for data in [&b"hello"[..], b"", &long] {
        client.send(data).unwrap();
        client.recv(&mut vec![0; 65_536]).unwrap();
    }
    server.stop();
    capture.is_sound();
    let lengths = capture.fields("udp", "udp.length");
    assert_eq!(lengths, ["13", "13", "8", "8", "60008", "60008"]);
    assert!(capture.fields("udp", "ip.addr").iter().all(|pair| pair == "127.0.0.1,127.0.0.1"));
}

#[test]
fn sockets_without_addresses_are_named() {
    let capture = Capture::new();
    let place = Scratch::new();
    let path = place.path().join("a.sock");
    let server = serve(&format!("unix://{}", path.display()), &["upper"], "1", &capture);
    sockeye(["ask", &server.ready(), "hi"]).run("").ok();
    server.ends_by_itself().ok();
    capture.is_sound();
    assert_eq!(capture.follow("follow,tcp,raw,0"), (b"hi".to_vec(), b"HI".to_vec()));
    let names = Program::new("tshark").args(["-r", capture.path(), "-q", "-z", "hosts"]).run("").ok();
    assert!(names.contains(path.to_str().unwrap()), "{names}");
}

#[test]
fn both_legs_of_a_proxy_are_there_and_an_rst_is_one() {
    let capture = Capture::new();
    let target = TcpListener::bind("127.0.0.1:0").unwrap();
    let to = target.local_addr().unwrap().to_string();
    let proxy = sockeye(["proxy", "127.0.0.1:0", &to, "--max-sessions", "1", "--record", capture.path()]);
    let proxy = proxy.start();
    let mut near = TcpStream::connect(proxy.address()).unwrap();
    let (mut far, _) = target.accept().unwrap();
    near.write_all(b"question").unwrap();
    far.read_exact(&mut [0; 8]).unwrap();
    // Unread input makes closing an RST.
    near.write_all(b"more").unwrap();
    far.peek(&mut [0; 4]).unwrap();
    drop(far);
    let _cut = near.read(&mut [0; 1]);
    proxy.ends_by_itself();
    capture.is_sound();
    assert_eq!(capture.follow("follow,tcp,raw,0").0, b"questionmore");
    assert_eq!(capture.follow("follow,tcp,raw,1").0, b"questionmore");
    let cut = capture.fields("tcp.flags.reset == 1", "tcp.stream");
    assert_eq!(cut, ["1", "0"], "the target's first, then passed on");
}

#[test]
fn many_sessions_at_once_are_told_apart() {
    let capture = Capture::new();
    let server = serve("tcp://127.0.0.1:0", &["upper"], "64", &capture);
    let address = server.address();
    let mut streams: Vec<TcpStream> = (0..64).map(|_| TcpStream::connect(&address).unwrap()).collect();
    for (index, stream) in streams.iter_mut().enumerate() {
        stream.write_all(format!("session {index:02}").as_bytes()).unwrap();
    }
    for stream in &mut streams {
        stream.read_exact(&mut [0; 10]).unwrap();
    }
    drop(streams);
    server.ends_by_itself().ok();
    capture.is_sound();
    let streams = capture.fields("tcp.flags.syn == 1 && tcp.flags.ack == 0", "tcp.stream");
    assert_eq!(streams.len(), 64);
    for index in [0, 63] {
        let (client, answer) = capture.follow(&format!("follow,tcp,raw,{index}"));
        assert_eq!(client.to_ascii_uppercase(), answer);
    }
}

#[test]
fn a_file_that_was_cut_off_in_the_middle_is_still_read() {
    let capture = Capture::new();
    let server = serve("tcp://127.0.0.1:0", &["echo"], "2", &capture);
    let mut stream = TcpStream::connect(server.address()).unwrap();
    stream.write_all(b"before the crash").unwrap();
    stream.read_exact(&mut [0; 16]).unwrap();
    // It is written soon, without any end.
    let written = |path: &Path| {
        std::fs::read(path).is_ok_and(|file| file.windows(5).filter(|at| at == b"crash").count() == 2)
    };
    let began = std::time::Instant::now();
    while !written(&capture.path) {
        assert!(began.elapsed() < std::time::Duration::from_secs(10), "nothing is written");
        std::thread::yield_now();
    }
    let mut server = server;
    server.signal(sockeye_testkit::program::Signal::SIGKILL);
    server.ends_by_itself();
    capture.is_sound();
    assert_eq!(capture.follow("follow,tcp,raw,0").0, b"before the crash");
}
