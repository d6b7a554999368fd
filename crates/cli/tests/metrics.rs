//! Metrics as those who watch read them: the text held to its grammar line by line, and counts that are exact.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream, UdpSocket};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use sockeye_testkit::program::{PATIENCE, Program, Running, Scratch};

/// `sockeye serve` with metrics: where it listens, and where those are.
fn serve(args: &[&str]) -> (Running, String, String) {
    let program = Program::new(env!("CARGO_BIN_EXE_sockeye")).arg("serve").args(args);
    let server = program.args(["--metrics", "127.0.0.1:0"]).start();
    let address = server.address();
    let metrics = server.says_what("where metrics are", |said| {
        let said = String::from_utf8_lossy(said).into_owned();
        let url = said.lines().find_map(|line| line.strip_prefix("metrics on http://"))?;
        Some(url.strip_suffix("/metrics")?.to_owned())
    });
    (server, address, metrics)
}

fn connect(to: &str) -> TcpStream {
    let stream = TcpStream::connect(to).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// Sends a request; the head and the body of the answer.
fn request(stream: impl Read + Write, text: &str) -> (String, String) {
    let mut stream = stream;
    stream.write_all(text.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {answer:?}"));
    (head.to_owned(), body.to_owned())
}

/// The samples, by name and labels.
type Samples = BTreeMap<String, f64>;

fn scrape(metrics: &str) -> Samples {
    let (head, body) = request(connect(metrics), "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    assert!(head.contains("\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"), "{head}");
    assert!(head.contains(&format!("\r\nContent-Length: {}\r\n", body.len())), "{head}");
    parse(&body)
}

/// Scrapes until `found`, since a server counts what a peer has done a moment later.
fn scrape_until(metrics: &str, found: impl Fn(&Samples) -> bool) -> Samples {
    let until = Instant::now() + PATIENCE;
    loop {
        let samples = scrape(metrics);
        if found(&samples) {
            return samples;
        }
        assert!(Instant::now() < until, "in vain: {samples:#?}");
    }
}

/// Reads exposition format 0.0.4, strictly: every family has its help, then its type, then its samples, all together;
/// counters end in `_total`; no sample stands twice; histograms are cumulative and end at `+Inf` with their count.
fn parse(text: &str) -> Samples {
    assert!(text.ends_with('\n'));
    let mut samples = Samples::new();
    let mut families: Vec<(String, String)> = Vec::new();
    let mut helped = None;
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').unwrap();
            assert!(!help.is_empty() && families.iter().all(|(known, _)| known != name), "{line}");
            helped = Some(name.to_owned());
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            assert_eq!(helped.take().as_deref(), Some(name), "{line}");
            assert!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
            assert_eq!(kind == "counter", name.ends_with("_total"), "{line}");
            families.push((name.to_owned(), kind.to_owned()));
        } else {
            let (series, value) = line.rsplit_once(' ').unwrap();
            let name = series.split('{').next().unwrap();
            let (family, kind) = families.last().unwrap();
            let own = match kind.as_str() {
                "histogram" => ["_sum", "_count", "_bucket"].map(|end| format!("{family}{end}")).to_vec(),
                _ => vec![family.clone()],
            };
            assert!(own.iter().any(|own| own == name), "{line} is no sample of {family}");
            assert!(labels_are_sound(&series[name.len()..]), "{line}");
            let value: f64 = value.parse().unwrap();
            assert!(samples.insert(series.to_owned(), value).is_none(), "{line} stands twice");
        }
    }
    check_histograms(text, &samples);
    samples
}

/// Whether this is nothing, or `{name="value",…}` without need of escapes.
fn labels_are_sound(labels: &str) -> bool {
    let Some(inner) = labels.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) else {
        return labels.is_empty();
    };
    inner.split(',').all(|label| {
        let Some((name, value)) = label.split_once("=\"") else { return false };
        let plain = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        plain && !name.is_empty() && value.strip_suffix('"').is_some_and(|value| !value.contains(['"', '\\']))
    })
}

fn check_histograms(text: &str, samples: &Samples) {
    let mut last: Option<(String, f64)> = None;
    for line in text.lines().filter(|line| line.contains("_bucket{")) {
        let (series, value) = line.rsplit_once(' ').unwrap();
        let value: f64 = value.parse().unwrap();
        let (name, labels) = series.split_once("_bucket{").unwrap();
        let others: Vec<&str> =
            labels.trim_end_matches('}').split(',').filter(|label| !label.starts_with("le=")).collect();
        let key = format!("{name}|{}", others.join(","));
        if let Some((known, before)) = &last
            && *known == key
        {
            assert!(value >= *before, "{line} is less than the one before");
        }
        if labels.contains("le=\"+Inf\"") {
            let labels = if others.is_empty() { String::new() } else { format!("{{{}}}", others.join(",")) };
            assert!((samples[&format!("{name}_count{labels}")] - value).abs() < 0.5, "{line}");
        }
        last = Some((key, value));
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "counts")]
fn count(samples: &Samples, series: &str) -> u64 {
    *samples.get(series).unwrap_or_else(|| panic!("no {series} in {samples:#?}")) as u64
}

#[test]
fn counts_are_exact_after_a_known_conversation() {
    let (_server, address, metrics) = serve(&["tcp://127.0.0.1:0", "echo", "-F", "line"]);
    let before = scrape(&metrics);
    assert_eq!(count(&before, "sockeye_sessions_total"), 0);
    assert!(before["process_start_time_seconds"] > 1.7e9);
    let version = format!("sockeye_build_info{{version=\"{}\"}}", env!("CARGO_PKG_VERSION"));
    assert_eq!(count(&before, &version), 1);

    let mut first = connect(&address);
    let mut room = [0; 64];
    for text in ["one\n", "three\n", "five\n"] {
        first.write_all(text.as_bytes()).unwrap();
        first.read_exact(&mut room[..text.len()]).unwrap();
    }
    let second = connect(&address);
    (&second).write_all(b"x\n").unwrap();
    (&second).read_exact(&mut room[..2]).unwrap();
    second.shutdown(Shutdown::Write).unwrap();
    assert_eq!((&second).read(&mut room).unwrap(), 0);

    let ended = |samples: &Samples| count(samples, "sockeye_session_seconds_count") == 1;
    let samples = scrape_until(&metrics, ended);
    for (series, wanted) in [
        ("sockeye_sessions_open", 1),
        ("sockeye_sessions_total", 2),
        ("sockeye_messages_total{direction=\"in\"}", 4),
        ("sockeye_messages_total{direction=\"out\"}", 4),
        ("sockeye_bytes_total{direction=\"in\"}", 17),
        ("sockeye_bytes_total{direction=\"out\"}", 17),
        ("sockeye_service_seconds_count", 4),
        ("sockeye_waiting_bytes", 0),
        ("sockeye_held_bytes", 0),
        ("sockeye_pending_handshakes", 0),
        ("sockeye_refused_total{reason=\"sessions\"}", 0),
    ] {
        assert_eq!(count(&samples, series), wanted, "{series}");
    }
    drop(first);
    scrape_until(&metrics, |samples| count(samples, "sockeye_sessions_open") == 0);
}

#[test]
fn refusals_handshakes_and_datagrams_are_counted() {
    let (_server, address, metrics) =
        serve(&["proxy1+tcp://127.0.0.1:0", "echo", "--deny", "203.0.113.0/24", "--header-timeout", "300ms"]);
    let _silent = connect(&address);
    let pending = |samples: &Samples| count(samples, "sockeye_pending_handshakes") == 1;
    scrape_until(&metrics, pending);
    for head in ["hello\r\n", "PROXY TCP4 203.0.113.1 1.1.1.1 1 1\r\n", "PROXY TCP4 1.1.1.2 1.1.1.1 1 1\r\nx"]
    {
        let mut stream = connect(&address);
        stream.write_all(head.as_bytes()).unwrap();
        let _ = stream.read(&mut [0; 1]);
    }
    let late = "sockeye_handshakes_total{layer=\"proxy1\",outcome=\"timeout\"}";
    let samples = scrape_until(&metrics, |samples| samples.get(late).is_some_and(|count| *count > 0.5));
    for (series, wanted) in [
        (late, 1),
        ("sockeye_handshakes_total{layer=\"proxy1\",outcome=\"failed\"}", 1),
        ("sockeye_handshakes_total{layer=\"proxy1\",outcome=\"ok\"}", 2),
        ("sockeye_handshake_seconds_count{layer=\"proxy1\"}", 4),
        ("sockeye_refused_total{reason=\"denied\"}", 1),
        ("sockeye_sessions_total", 1),
        ("sockeye_pending_handshakes", 0),
    ] {
        assert_eq!(count(&samples, series), wanted, "{series}");
    }

    let (_server, address, metrics) = serve(&["udp://127.0.0.1:0", "echo", "--max-rate", "100"]);
    let peer = UdpSocket::bind("127.0.0.1:0").unwrap();
    peer.set_read_timeout(Some(PATIENCE)).unwrap();
    for _ in 0..10 {
        peer.send_to(&[b'x'; 150], &*address).unwrap();
    }
    assert_eq!(peer.recv(&mut [0; 200]).unwrap(), 150);
    let all = |samples: &Samples| {
        let dropped = count(samples, "sockeye_datagrams_dropped_total{direction=\"in\"}");
        let messages = count(samples, "sockeye_messages_total{direction=\"in\"}");
        dropped > 0 && dropped + messages == 10
    };
    scrape_until(&metrics, all);
}

#[test]
fn a_relay_counts_what_passes_through() {
    let (_target, target, _) = serve(&["tcp://127.0.0.1:0", "echo"]);
    let program = Program::new(env!("CARGO_BIN_EXE_sockeye"));
    let relay = program.args(["proxy", "tcp://127.0.0.1:0", &target, "--metrics", "127.0.0.1:0"]).start();
    let address = relay.address();
    let metrics = relay.says_what("where metrics are", |said| {
        let said = String::from_utf8_lossy(said).into_owned();
        let url = said.lines().find_map(|line| line.strip_prefix("metrics on http://"))?;
        Some(url.strip_suffix("/metrics")?.to_owned())
    });
    let stream = connect(&address);
    (&stream).write_all(&[b'x'; 5000]).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut got = Vec::new();
    (&stream).read_to_end(&mut got).unwrap();
    let ended = |samples: &Samples| count(samples, "sockeye_session_seconds_count") == 1;
    let samples = scrape_until(&metrics, ended);
    assert_eq!(count(&samples, "sockeye_bytes_total{direction=\"in\"}"), 5000);
    assert_eq!(count(&samples, "sockeye_bytes_total{direction=\"out\"}"), 5000);
}

#[test]
fn it_is_read_under_load_and_the_counts_come_out_even() {
    let (_server, address, metrics) = serve(&["tcp://127.0.0.1:0", "echo", "-F", "line"]);
    let stop = Arc::new(AtomicBool::new(false));
    let workers: Vec<_> = (0..4)
        .map(|_| {
            let (address, stop) = (address.clone(), Arc::clone(&stop));
            std::thread::spawn(move || {
                let mut sent = 0_u64;
                let mut stream = connect(&address);
                let mut room = [0; 400];
                while !stop.load(Ordering::Relaxed) {
                    stream.write_all(&b"abc\n".repeat(100)).unwrap();
                    stream.read_exact(&mut room).unwrap();
                    sent += 100;
                }
                sent
            })
        })
        .collect();
    let started = Instant::now();
    let mut scrapes = 0;
    let mut before = 0;
    while started.elapsed() < Duration::from_secs(1) {
        let now = count(&scrape(&metrics), "sockeye_messages_total{direction=\"in\"}");
        assert!(now >= before, "a counter went back");
        before = now;
        scrapes += 1;
    }
    stop.store(true, Ordering::Relaxed);
    let sent: u64 = workers.into_iter().map(|worker| worker.join().unwrap()).sum();
    assert!(sent > 0 && scrapes > 5, "{sent} messages, {scrapes} scrapes");
    let samples = scrape_until(&metrics, |samples| count(samples, "sockeye_sessions_open") == 0);
    assert_eq!(count(&samples, "sockeye_messages_total{direction=\"in\"}"), sent);
    assert_eq!(count(&samples, "sockeye_messages_total{direction=\"out\"}"), sent);
    assert_eq!(count(&samples, "sockeye_bytes_total{direction=\"in\"}"), sent * 4);
}

#[test]
fn other_requests_are_named_and_bad_ones_do_no_harm() {
    let (server, address, metrics) = serve(&["tcp://127.0.0.1:0", "echo"]);
    for (text, status) in [
        ("GET / HTTP/1.1\r\n\r\n", "404"),
        ("POST /metrics HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc", "405"),
        ("hello\r\n\r\n", "400"),
        ("GET /metrics HTTP/3\r\n\r\n", "505"),
    ] {
        let (head, body) = request(connect(&metrics), text);
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{head}");
        assert!(!body.is_empty(), "it says what to do");
    }
    let long = "x".repeat(8192);
    let (head, _) = request(connect(&metrics), &long);
    assert!(head.starts_with("HTTP/1.1 431 "), "{head}");
    let (head, body) = request(connect(&metrics), "HEAD /metrics HTTP/1.1\r\n\r\n");
    assert!(head.starts_with("HTTP/1.1 200 ") && body.is_empty(), "{head}");

    // Those who hold all its places for a while are sent away after it, and the server does not care.
    let holding: Vec<TcpStream> = (0..40).map(|_| connect(&metrics)).collect();
    let mut stream = connect(&address);
    stream.write_all(b"hi").unwrap();
    stream.read_exact(&mut [0; 2]).unwrap();
    drop(holding);
    let free = Instant::now() + PATIENCE;
    loop {
        let mut stream = connect(&metrics);
        let mut answer = String::new();
        // A place may not be free yet: then the connection is closed at once.
        let asked = stream.write_all(b"GET /metrics HTTP/1.1\r\n\r\n").is_ok();
        if asked && stream.read_to_string(&mut answer).is_ok() && answer.starts_with("HTTP/1.1 200 ") {
            break;
        }
        assert!(Instant::now() < free, "its places are never free again");
    }
    server.stop().with_code(0);
}

#[test]
fn metrics_are_told_after_the_ready_line_and_may_be_on_a_unix_socket() {
    let home = Scratch::new();
    let path = home.path().join("metrics");
    let url = format!("unix://{}", path.display());
    let program = Program::new(env!("CARGO_BIN_EXE_sockeye"));
    let server = program.args(["serve", "tcp://127.0.0.1:0", "echo", "--metrics", &url]).start();
    server.says("metrics on unix://");
    let said = server.said();
    assert!(said.starts_with("listening on tcp://"), "{said}");
    let (head, body) = request(UnixStream::connect(&path).unwrap(), "GET /metrics HTTP/1.1\r\n\r\n");
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    parse(&body);
}

#[test]
fn what_cannot_be_a_place_for_metrics_is_refused() {
    for endpoint in ["udp://127.0.0.1:0", "-", "proxy1+tcp://127.0.0.1:0"] {
        let program = Program::new(env!("CARGO_BIN_EXE_sockeye"));
        let ended = program.args(["serve", "tcp://127.0.0.1:0", "echo", "--metrics", endpoint]).run("");
        let said = ended.with_code(2);
        assert!(said.starts_with("error[bad-value]") && said.contains("tcp://HOST:PORT"), "{said}");
        assert!(!said.contains("listening on"), "{said}");
    }
}
