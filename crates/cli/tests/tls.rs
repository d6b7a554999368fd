//! TLS against programs that are not ours: OpenSSL, Python, curl, ncat and socat, each as either side; what both sides say
//! when one refuses; and sockeye with itself, by a pin.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::thread;

use sockeye_testkit::certificates::{Authority, FUTURE, Made, NOW, PAST, Role};
use sockeye_testkit::program::{Program, Running, noise, place, quiet_address};

const MEGABYTES: usize = 3_000_001;

fn sockeye<const N: usize>(args: [&str; N]) -> Program {
    Program::new(env!("CARGO_BIN_EXE_sockeye")).args(args)
}

fn python(file: &str, address: &str) -> Program {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/peers").join(file);
    let (host, port) = address.rsplit_once(':').expect("HOST:PORT");
    Program::new("python3").arg(path).arg(host).arg(port)
}

/// What most tests need: an authority, a server's and a client's certificate.
struct Set {
    made: Made,
    authority: Authority,
}

impl Set {
    fn new() -> Self {
        let made = Made::new();
        let authority = made.authority("ca", "Test Authority");
        made.leaf("server", &authority, &[], Role::Server, NOW);
        made.leaf("client", &authority, &["client"], Role::Client, NOW);
        Self { made, authority }
    }

    fn path(&self, name: &str) -> String {
        self.made.path(&format!("{name}.pem"))
    }

    /// `sockeye serve` with TLS and one of the certificates, asking clients for theirs if `client_ca` is given.
    fn serve(&self, certificate: &str, client_ca: Option<&str>, service: &[&str]) -> (Running, String) {
        let mut server = sockeye(["serve", "tls://127.0.0.1:0", "--cert", &self.path(certificate)]);
        if let Some(name) = client_ca {
            server = server.args(["--client-ca", &self.path(name)]);
        }
        let server = server.args(service).start();
        let address = server.address();
        (server, address)
    }

    /// `sockeye ask` that trusts our authority.
    fn ask(&self, address: &str, message: &str) -> Program {
        sockeye(["ask", &format!("tls://{address}"), message, "--ca", &self.path("ca")])
    }

    /// `openssl s_server` that answers every line with its letters reversed.
    fn openssl_server(&self, certificate: &str, more: &[&str]) -> (Running, String) {
        let path = self.path(certificate);
        let server = Program::new("openssl")
            .args(["s_server", "-accept", "127.0.0.1:0", "-cert", &path, "-key", &path, "-rev"])
            .args(more)
            .start();
        server.shows("ACCEPT 127.0.0.1:");
        let shown = loop {
            let shown = String::from_utf8_lossy(&server.shown()).into_owned();
            // The line comes in one piece, or soon after.
            if shown.ends_with('\n') {
                break shown;
            }
            thread::yield_now();
        };
        let port = shown.trim_end().rsplit(':').next().expect("a port");
        (server, format!("127.0.0.1:{port}"))
    }

    /// `openssl s_client` that checks our server.
    fn openssl_client(&self, address: &str, more: &[&str]) -> Program {
        Program::new("openssl")
            .args(["s_client", "-connect", address, "-CAfile", &self.path("ca"), "-verify_ip", "127.0.0.1"])
            .args(["-verify_return_error", "-quiet", "-no_ign_eof"])
            .args(more)
    }
}

#[test]
fn openssl_as_client_and_as_server() {
    let set = Set::new();
    let (_server, address) = set.serve("server", None, &["echo"]);
    for more in [&[][..], &["-tls1_2"]] {
        let mut client = set.openssl_client(&address, more).start();
        client.types("hello\n");
        client.shows("hello\n");
        client.end();
    }
    for more in [&[][..], &["-tls1_2"]] {
        let (_server, address) = set.openssl_server("server", more);
        assert_eq!(set.ask(&address, "hello\n").run("").ok(), "olleh\n");
    }
}

#[test]
fn mutual_tls_with_openssl_on_either_side() {
    let set = Set::new();
    let (ca, ours) = (set.path("ca"), set.path("client"));
    let (_server, address) = set.serve("server", Some("ca"), &["echo"]);
    let mut client = set.openssl_client(&address, &["-cert", &ours, "-key", &ours]).start();
    client.types("hello\n");
    client.shows("hello\n");
    let verify = ["-Verify", "1", "-verify_return_error", "-CAfile", &ca];
    let (_server, address) = set.openssl_server("server", &verify);
    assert_eq!(set.ask(&address, "hello\n").args(["--cert", &ours]).run("").ok(), "olleh\n");
    // Without one, the server says so in TLS 1.3; in TLS 1.2 it has no word for it.
    for (version, code) in [("-tls1_3", "error[certificate-required]"), ("-tls1_2", "error[tls-alert]")] {
        let (_server, address) = set.openssl_server("server", &[&verify[..], &[version]].concat());
        let ended = set.ask(&address, "hello\n").run("");
        assert!(ended.with_code(5).contains(code), "{version}: {}", ended.stderr);
    }
}

#[test]
fn python_as_client_and_as_server() {
    let set = Set::new();
    let (ca, ours) = (set.path("ca"), set.path("client"));
    let (_server, address) = set.serve("server", None, &["upper"]);
    assert_eq!(python("tls_client.py", &address).arg(&ca).run("hello\n").ok(), "HELLO\n");
    let (server, address) = set.serve("server", Some("ca"), &["upper"]);
    assert_eq!(python("tls_client.py", &address).args([&ca, &ours]).run("hello\n").ok(), "HELLO\n");
    python("tls_client.py", &address).arg(&ca).run("hello\n");
    server.says("error[certificate-missing]");

    let server = python("tls_server.py", "127.0.0.1:0").args([&set.path("server"), &ca]).start();
    let address = format!("127.0.0.1:{}", server.first_line());
    assert_eq!(set.ask(&address, "hello").args(["--cert", &ours]).run("").ok(), "HELLO");
    // It closes with a FIN alone, as it does by default: an end, told with -v.
    let ended = set.ask(&address, "hello").args(["--cert", &ours, "-v"]).run("");
    assert_eq!(ended.ok(), "HELLO");
    assert!(ended.stderr.contains("without close_notify"), "{}", ended.stderr);
    let ended = set.ask(&address, "hello").run("");
    assert!(ended.with_code(5).contains("error[certificate-required]"), "{}", ended.stderr);
    server.shows("refused: PEER_DID_NOT_RETURN_A_CERTIFICATE");
}

#[test]
fn curl_gets_a_page_over_https() {
    let set = Set::new();
    let page = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
    let (server, address) = set.serve("server", None, &["reply", "--default", page]);
    let url = format!("https://{address}/");
    let curl =
        |ca: &str, url: &str| Program::new("curl").args(["-sS", "--cacert", &set.path(ca), url]).run("");
    assert_eq!(curl("ca", &url).ok(), "hello");
    curl("client", &url);
    server.says("error[tls-alert]");
    curl("ca", &url.replace("https", "http"));
    server.says("error[plain-text]");
    server.says("it should use https://");
}

#[test]
fn ncat_as_client_and_as_server() {
    let set = Set::new();
    let (_server, address) = set.serve("server", None, &["echo"]);
    let (host, port) = address.rsplit_once(':').expect("HOST:PORT");
    let mut client = Program::new("ncat").args(["--ssl", host, port]).start();
    client.types("hello\n");
    client.shows("hello\n");

    // It does not tell which free port it was given.
    let host = quiet_address();
    let (cert, pin) = (set.path("server"), set.made.pin("server"));
    let listen = ["-v", "--ssl", "--ssl-cert", &cert, "--ssl-key", &cert, "-l", &host, "7000"];
    let mut server = Program::new("ncat").args(listen).start();
    server.says("Listening on");
    let mut client = sockeye(["connect", &format!("tls://{host}:7000"), "--pin", &pin]).start();
    client.types("question");
    server.shows("question");
    server.types("answer");
    client.shows("answer");
    server.end_input();
    client.end().ok();
}

/// Both say megabytes at once, and neither ends before it has heard all.
fn exchange(mut server: Running, mut client: Running) {
    let (from_server, from_client) = (noise(1, MEGABYTES), noise(2, MEGABYTES));
    thread::scope(|scope| {
        scope.spawn(|| server.types(&from_server));
        scope.spawn(|| client.types(&from_client));
    });
    let (to_client, to_server) = (client.shows_bytes(MEGABYTES), server.shows_bytes(MEGABYTES));
    assert!(to_client == from_server, "{} bytes came to the client", to_client.len());
    assert!(to_server == from_client, "{} bytes came to the server", to_server.len());
    client.end_input();
    server.end().ok();
    client.ends_by_itself().ok();
}

#[test]
fn megabytes_are_exchanged_with_socat_on_either_side() {
    let set = Set::new();
    let (ca, cert) = (set.path("ca"), set.path("server"));
    let listen = format!("OPENSSL-LISTEN:0,bind=127.0.0.1,cert={cert},verify=0");
    let server = Program::new("socat").args(["-d", "-d", "-t", "10", &listen, "-"]).start();
    let address = server.says_what("listening on", |stderr| {
        let text = String::from_utf8_lossy(stderr);
        let line =
            text.split_inclusive('\n').find(|line| line.contains("listening on") && line.ends_with('\n'))?;
        Some(format!("127.0.0.1:{}", line.trim_end().rsplit(':').next()?))
    });
    let client = sockeye(["connect", &format!("tls://{address}"), "--ca", &ca]).start();
    exchange(server, client);

    let (_server, address) = set.serve("server", None, &["echo"]);
    let calls = format!("OPENSSL:{address},cafile={ca}");
    let mut client = Program::new("socat").args(["-t", "10", "-", &calls]).start();
    let bytes = noise(3, MEGABYTES);
    client.types(&bytes);
    client.shows_bytes(MEGABYTES);
    let ended = client.end();
    ended.ok();
    assert!(ended.stdout == bytes, "{} bytes came back", ended.stdout.len());
}

/// A bad certificate on our server: the client refuses it, and the server says what the client said.
#[test]
fn openssl_and_curl_refuse_a_bad_server_and_it_says_why() {
    let set = Set::new();
    let lone = Made::new();
    let other = lone.authority("other", "Other Authority");
    set.made.leaf("expired", &set.authority, &[], Role::Server, PAST);
    set.made.leaf("stranger", &other, &[], Role::Server, NOW);
    set.made.leaf("no-server", &set.authority, &[], Role::Client, NOW);
    for (certificate, alert) in [
        ("expired", "certificate_expired"),
        ("stranger", "unknown_ca"),
        ("no-server", "unsupported_certificate"),
    ] {
        let (server, address) = set.serve(certificate, None, &["echo"]);
        set.openssl_client(&address, &[]).run("");
        server.says(&format!("the client refused us: {alert}"));
    }
    let (server, address) = set.serve("expired", None, &["echo"]);
    Program::new("curl").args(["-s", "--cacert", &set.path("ca"), &format!("https://{address}/")]).run("");
    server.says("the client refused us: certificate_expired");
    server.says("hint: our certificate has expired, or one of the clocks is wrong");
}

/// A bad certificate on a server of OpenSSL's: we refuse it, each with its own words.
#[test]
fn a_bad_server_of_openssl_is_refused_with_its_own_words() {
    let set = Set::new();
    let lone = Made::new();
    let other = lone.authority("other", "Other Authority");
    set.made.leaf("expired", &set.authority, &[], Role::Server, PAST);
    set.made.leaf("early", &set.authority, &[], Role::Server, FUTURE);
    set.made.leaf("elsewhere", &set.authority, &["elsewhere.example"], Role::Server, NOW);
    set.made.leaf("stranger", &other, &[], Role::Server, NOW);
    set.made.leaf("no-server", &set.authority, &[], Role::Client, NOW);
    set.made.leaf("authority", &set.authority, &[], Role::Authority, NOW);
    set.made.lonely("lonely");
    for (certificate, code, words) in [
        ("expired", "certificate-expired", "the certificate of expired expired on "),
        ("early", "certificate-not-yet-valid", "is valid only from "),
        ("elsewhere", "certificate-wrong-name", "not for 127.0.0.1, but for elsewhere.example"),
        ("stranger", "certificate-unknown-issuer", "is from Other Authority, which is not trusted"),
        ("no-server", "certificate-wrong-purpose", "is no server's: it is for clientAuth"),
        ("authority", "certificate-of-authority", "shows an authority's certificate"),
        ("lonely", "certificate-self-signed", "nobody vouches for it"),
    ] {
        let (_server, address) = set.openssl_server(certificate, &[]);
        let ended = set.ask(&address, "hello\n").run("");
        let said = ended.with_code(5);
        assert!(said.contains(&format!("error[{code}] connect tls://{address}: ")), "{certificate}: {said}");
        assert!(said.contains(words) && said.contains("\nhint: "), "{certificate}: {said}");
        let ended = set.ask(&address, "hello\n").args(["--lang", "zh"]).run("");
        let said = ended.with_code(5);
        assert!(said.contains(&format!("错误[{code}]")) && said.contains("提示："), "{certificate}: {said}");
    }
}

#[test]
fn versions_that_are_not_safe_any_more_are_refused_on_both_sides() {
    let set = Set::new();
    let old = ["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"];
    let (server, address) = set.serve("server", None, &["echo"]);
    set.openssl_client(&address, &old).run("");
    server.says("error[tls-too-old]");
    let (_server, address) = set.openssl_server("server", &old);
    let ended = set.ask(&address, "hello\n").run("");
    assert!(ended.with_code(5).contains("error[tls-too-old]"), "{}", ended.stderr);
}

#[test]
fn a_self_signed_server_is_reached_by_the_command_that_it_prints() {
    let server = sockeye(["serve", "tls://127.0.0.1:0", "--self-signed", "echo"]).start();
    let command = server.says_what("the client's command", |stderr| {
        let text = String::from_utf8_lossy(stderr).into_owned();
        let line = text.split_once("sockeye connect ")?.1.split_once('\n')?.0;
        Some(format!("sockeye connect {line}"))
    });
    let words: Vec<&str> = command.split(' ').collect();
    assert_eq!((words[0], words[1], words[3]), ("sockeye", "connect", "--pin"));
    assert_eq!(place(words[2]), server.address());
    let client = Program::new(env!("CARGO_BIN_EXE_sockeye")).args(&words[1..]);
    assert_eq!(client.run("hello").ok(), "hello");
    let ended = sockeye(["ask", words[2], "hello"]).run("");
    assert!(ended.with_code(5).contains(&format!("--pin {}", words[4])), "{}", ended.stderr);
    let ended = sockeye(["ask", words[2], "hello", "--insecure"]).run("");
    assert_eq!(ended.ok(), "hello");
    assert_eq!(ended.stderr.matches("--insecure").count(), 1, "{}", ended.stderr);
}

#[test]
fn a_relay_takes_tls_off_and_puts_it_on() {
    let set = Set::new();
    let (_server, inner) = set.serve("server", None, &["echo"]);
    let on = format!("tls://{inner}?ca={}", set.path("ca"));
    let off = sockeye(["proxy", "tcp://127.0.0.1:0", &on]).start();
    assert_eq!(sockeye(["connect", &off.address()]).run("through").ok(), "through");
    let tls = sockeye(["proxy", "tls://127.0.0.1:0", &on, "--cert", &set.path("server")]).start();
    let data = noise(3, MEGABYTES);
    let mut client =
        sockeye(["connect", &format!("tls://{}", tls.address()), "--ca", &set.path("ca")]).start();
    client.types(&data);
    let ended = client.end();
    ended.with_code(0);
    assert!(ended.stdout == data, "{} of {MEGABYTES} bytes came back", ended.stdout.len());
}

#[test]
fn secrets_go_to_the_file_that_the_environment_names() {
    let set = Set::new();
    let (_server, address) = set.serve("server", None, &["echo"]);
    let log = set.made.path("keys");
    assert_eq!(set.ask(&address, "hello").env("SSLKEYLOGFILE", &log).run("").ok(), "hello");
    let text = std::fs::read_to_string(&log).expect("the log");
    assert!(text.lines().any(|line| line.starts_with("CLIENT_TRAFFIC_SECRET_0 ")), "{text}");
    assert_eq!(std::fs::metadata(&log).expect("the log").permissions().mode() & 0o777, 0o600);
    let ended = set.ask(&address, "hello").args(["--keylog", "/nowhere/at/all"]).run("");
    assert!(ended.with_code(3).contains("error[unwritable]"), "{}", ended.stderr);
}

/// What a certificate says is the peer's text, and cannot act on a terminal.
#[test]
fn the_text_of_a_certificate_is_escaped_wherever_it_is_shown() {
    let set = Set::new();
    set.made.leaf("a\u{202e}b\u{1b}[2J", &set.authority, &[], Role::Client, NOW);
    let (_server, address) = set.serve("a\u{202e}b\u{1b}[2J", None, &["echo"]);
    let ended = set.ask(&address, "hello").arg("-v").run("");
    assert!(ended.with_code(5).contains("certificate-wrong-purpose"), "{}", ended.stderr);
    let insecure = sockeye(["ask", &format!("tls://{address}"), "hello", "--insecure", "-v"]).run("");
    let json = sockeye(["ask", &format!("tls://{address}"), "hello", "--insecure", "--json"]).run("");
    for text in [ended.stderr.clone(), insecure.stderr.clone(), json.ok()] {
        assert!(!text.contains(['\u{1b}', '\u{202e}']), "{text:?}");
    }
}

/// Servers that greet first, and one that repeats.
#[test]
fn a_server_without_tls_is_named() {
    let (server, address) = {
        let server = sockeye(["serve", "tcp://127.0.0.1:0", "echo"]).start();
        let address = server.address();
        (server, address)
    };
    let ended = sockeye(["ask", &format!("tls://{address}"), "x", "--insecure"]).run("");
    assert!(ended.with_code(5).contains("error[echoes]"), "{}", ended.stderr);
    drop(server);
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("its address");
    let asking = sockeye(["ask", &format!("tls://{address}"), "x", "--insecure"]).start();
    let (mut peer, _) = listener.accept().expect("a caller");
    std::io::Write::write_all(&mut peer, b"SSH-2.0-OpenSSH_9.2\r\n").expect("room");
    drop(peer);
    let ended = asking.end();
    let said = ended.with_code(5);
    assert!(said.contains("the server speaks plain text: it said \"SSH-2.0-OpenSSH_9.2\""), "{said}");
}
