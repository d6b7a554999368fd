//! The whole generator against small servers on loopback: what is counted, and as what. No test asserts a time.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use sockeye_core::{Code, Fault, Framing, Lane, Medium};
use sockeye_load::message::{Deck, Numbering, Sizes};
use sockeye_load::plan::{Answers, Mode, Pace, Parting, Plan};
use sockeye_load::probe::Wish;
use sockeye_load::{Moment, Report, Watch, learn, run};

const MAX: usize = 1 << 20;

struct Silent;

impl Watch for Silent {
    fn moment(&self, _moment: &Moment) {}
}

/// A server that does `serve` with each connection, on a thread each.
fn server(serve: impl Fn(TcpStream) + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = format!("tcp://{}", listener.local_addr().unwrap());
    let serve = Arc::new(serve);
    thread::spawn(move || {
        while let Ok((stream, _)) = listener.accept() {
            let serve = Arc::clone(&serve);
            thread::spawn(move || serve(stream));
        }
    });
    at
}

/// Answers what `answer` makes of what each read gave.
fn answering(mut stream: TcpStream, mut answer: impl FnMut(&mut Vec<u8>)) {
    let mut buffer = [0; 4096];
    while let Ok(count @ 1..) = stream.read(&mut buffer) {
        let mut data = buffer[..count].to_vec();
        answer(&mut data);
        if stream.write_all(&data).is_err() {
            return;
        }
    }
}

fn echo() -> String {
    server(|stream| answering(stream, |_| ()))
}

fn plan(at: &str, framing: &str, requests: u64) -> Plan {
    let framing = Framing::parse(framing).unwrap();
    let endpoint: sockeye_core::Endpoint = at.parse().unwrap();
    let medium = if endpoint.scheme == "udp" { Medium::Datagrams } else { Medium::Bytes };
    let sizes = Sizes { least: 20, most: 200 };
    Plan {
        endpoint,
        lane: Lane { framing, medium },
        mode: Mode::Exchange,
        pace: Pace::Closed,
        connections: 8,
        pipeline: 4,
        threads: 2,
        warmup: Duration::ZERO,
        duration: Duration::from_mins(1),
        requests: Some(requests),
        timeout: Duration::from_secs(20),
        max: MAX,
        sent: Deck::made_up(framing, sizes, Numbering::Numbered, 7, MAX).unwrap(),
        answers: Answers::Any { size: 1 },
        parting: Parting::Fin,
        steps: None,
    }
}

fn alike(plan: &Plan, size: usize) -> Deck {
    Deck::made_up(plan.lane.framing, Sizes { least: size, most: size }, Numbering::Alike, 1, MAX).unwrap()
}

fn load(mut plan: Plan, wish: Wish) -> Result<Report, Fault> {
    learn(&mut plan, wish, &AtomicBool::new(false))?;
    run(&plan, &Arc::new(AtomicBool::new(false)), &Silent)
}

fn learning(plan: Plan) -> Report {
    let instead = alike(&plan, 64);
    load(plan, Wish::Learn(Some(instead))).unwrap()
}

fn errors(report: &Report) -> Vec<(&str, u64)> {
    report.errors.iter().map(|(code, count)| (code.as_str(), *count)).collect()
}

#[test]
fn every_message_of_an_echo_is_counted_and_compared() {
    for framing in ["line", "raw", "u16be", "slip", "cobs", "fixed:64"] {
        let mut plan = plan(&echo(), if framing == "fixed:64" { "raw" } else { framing }, 2000);
        if framing == "fixed:64" {
            plan.lane.framing = Framing::parse(framing).unwrap();
            let sizes = Sizes { least: 64, most: 64 };
            plan.sent = Deck::made_up(plan.lane.framing, sizes, Numbering::Numbered, 7, MAX).unwrap();
        }
        let report = learning(plan);
        assert_eq!((report.requests, errors(&report)), (2000, vec![]), "{framing}");
        assert_eq!((report.latency.count, report.verified.as_str()), (2000, "echo"), "{framing}");
        assert!(report.bytes_in == report.bytes_out && report.rate > 0.0);
    }
}

#[test]
fn answers_in_small_pieces_are_whole_messages() {
    let at = server(|mut stream| {
        let _ = stream.set_nodelay(true);
        let mut buffer = [0; 7];
        while let Ok(count @ 1..) = stream.read(&mut buffer) {
            for byte in &buffer[..count] {
                if stream.write_all(&[*byte]).is_err() {
                    return;
                }
            }
        }
    });
    let report = learning(plan(&at, "line", 200));
    assert_eq!((report.requests, errors(&report)), (200, vec![]));
}

#[test]
fn the_same_message_framed_another_way_is_right() {
    // An END before each packet too, as RFC 1055 advises.
    let at = server(|stream| {
        answering(stream, |data| {
            *data = data
                .iter()
                .flat_map(|byte| if *byte == 0xc0 { vec![0xc0, 0xc0] } else { vec![*byte] })
                .collect();
        });
    });
    let report = learning(plan(&at, "slip", 500));
    assert_eq!((report.requests, errors(&report)), (500, vec![]));
}

#[test]
fn a_fixed_rate_sends_every_message_and_tells_both_times() {
    let mut plan = plan(&echo(), "line", 300);
    plan.pace = Pace::Rate(3000.0);
    let report = learning(plan);
    assert_eq!((report.requests, report.unsent, errors(&report)), (300, 0, vec![]));
    assert_eq!(report.service.unwrap().count, 300);
}

/// The time that this share of all was at most.
fn at(times: &sockeye_load::histogram::Times, quantile: f64) -> f64 {
    times.at(quantile).unwrap()
}

/// Lets a server go on once a second was measured.
struct Releases(Sender<()>);

impl Watch for Releases {
    fn moment(&self, moment: &Moment) {
        if matches!(moment, Moment::Second(..)) {
            // A server that has gone needs no word.
            let _ = self.0.send(());
        }
    }
}

#[test]
fn a_stall_shows_from_the_intended_time_and_not_from_the_time_of_sending() {
    // The twentieth message, due after 50 ms, is answered when a second has passed, and it is the only connection.
    let (release, released) = channel();
    let released = Mutex::new(released);
    let url = server(move |mut stream| {
        let (mut buffer, mut lines) = ([0; 4096], 0);
        while let Ok(count @ 1..) = stream.read(&mut buffer) {
            let before = lines;
            lines += buffer[..count].split(|byte| *byte == b'\n').count() - 1;
            if before < 20 && lines >= 20 {
                released.lock().unwrap().recv().unwrap();
            }
            if stream.write_all(&buffer[..count]).is_err() {
                return;
            }
        }
    });
    let mut plan = plan(&url, "line", 800);
    (plan.pace, plan.connections, plan.pipeline, plan.threads) = (Pace::Rate(400.0), 1, 1, 1);
    let stop = Arc::new(AtomicBool::new(false));
    learn(&mut plan, Wish::Learn(None), &stop).unwrap();
    let report = run(&plan, &stop, &Releases(release)).unwrap();
    assert_eq!((report.requests, report.unsent, errors(&report)), (800, 0, vec![]));
    // Almost half of all were due meanwhile and waited half a second on average; a single one was asked and not answered. A
    // machine that is slow makes more of them wait, not fewer.
    let (latency, service) = (&report.latency, report.service.as_ref().unwrap());
    assert!(at(latency, 0.75) > 0.1 && latency.mean > 0.05 && latency.max > 0.3, "{latency:?}");
    assert!(service.max > 0.3 && at(service, 0.75) < at(latency, 0.75), "{service:?}");
}

#[test]
fn a_server_that_always_says_the_same_is_held_to_it() {
    let at = server(|stream| {
        answering(stream, |data| {
            let lines = data.split(|byte| *byte == b'\n').count() - 1;
            *data = b"PONG\n".repeat(lines);
        });
    });
    let report = learning(plan(&at, "line", 500));
    assert_eq!((report.requests, report.verified.as_str(), errors(&report)), (500, "first", vec![]));
}

#[test]
fn a_server_whose_answers_depend_on_the_message_gets_messages_that_are_alike() {
    let at = server(|stream| answering(stream, |data| data.make_ascii_uppercase()));
    let report = learning(plan(&at, "line", 500));
    assert_eq!((report.requests, report.verified.as_str(), errors(&report)), (500, "first", vec![]));
    let fault = load(plan(&at, "line", 500), Wish::Learn(None)).unwrap_err();
    assert_eq!(fault.code, Code::Needed);
}

#[test]
fn wrong_answers_are_a_class_and_the_rest_goes_on() {
    // Only every third answer on a connection is right, from the third on.
    let at = server(|stream| {
        let mut lines = 0;
        answering(stream, move |data| {
            for byte in data.iter_mut() {
                if *byte == b'\n' {
                    lines += 1;
                } else if lines >= 3 && lines % 3 != 0 {
                    *byte = b'x';
                }
            }
        });
    });
    let report = learning(plan(&at, "line", 900));
    assert_eq!(report.requests + report.failed(), 900);
    let wrong = report.errors.get("wrong-answer").copied().unwrap_or(0);
    assert!(wrong > 500 && errors(&report).len() == 1, "{wrong}");
}

#[test]
fn an_expected_answer_may_have_the_number_too() {
    let mut plan = plan(&echo(), "line", 100);
    plan.sent = Deck::given(plan.lane.framing, b"ask {seq}", MAX).unwrap();
    let expect = Deck::given(plan.lane.framing, b"ask {seq}", MAX).unwrap();
    let report = load(plan.clone(), Wish::Given(expect)).unwrap();
    assert_eq!((report.requests, report.verified.as_str()), (100, "given"));
    let expect = Deck::given(plan.lane.framing, b"something else", MAX).unwrap();
    let report = load(plan, Wish::Given(expect)).unwrap();
    assert_eq!((report.requests, errors(&report)), (0, vec![("wrong-answer", 100)]));
}

#[test]
fn what_is_not_compared_is_counted() {
    let at = server(|stream| answering(stream, |data| data.reverse()));
    let mut plan = plan(&at, "raw", 300);
    plan.pipeline = 1;
    plan.sent = alike(&plan, 50);
    let report = load(plan, Wish::Any).unwrap();
    assert_eq!((report.requests, report.verified.as_str(), errors(&report)), (300, "none", vec![]));
}

#[test]
fn a_peer_that_closes_is_a_class_and_is_called_again() {
    // Ten answers a connection, then a FIN.
    let at = server(|stream| {
        let mut left = 10;
        let mut copy = stream.try_clone().unwrap();
        let mut buffer = [0; 1];
        let mut stream = stream;
        while let Ok(1) = stream.read(&mut buffer) {
            if copy.write_all(&buffer).is_err() {
                return;
            }
            left -= usize::from(buffer[0] == b'\n');
            if left == 0 {
                return;
            }
        }
    });
    let mut plan = plan(&at, "line", 100);
    plan.pipeline = 1;
    let report = learning(plan);
    assert_eq!(report.requests + report.failed(), 100);
    assert!(report.requests >= 50, "{}", report.requests);
    assert!(report.errors.keys().all(|code| code == "early-fin" || code == "reset"), "{:?}", errors(&report));
}

#[test]
fn a_peer_that_never_answers_is_a_class_and_no_hang() {
    let first = AtomicUsize::new(0);
    let at = server(move |stream| {
        // The first messages are answered, so that the load begins.
        if first.fetch_add(1, Ordering::Relaxed) < 2 {
            answering(stream, |_| ());
        } else {
            answering(stream, Vec::clear);
        }
    });
    let mut plan = plan(&at, "line", 32);
    plan.timeout = Duration::from_secs(1);
    let report = learning(plan);
    assert_eq!((report.requests, errors(&report)), (0, vec![("timeout", 32)]));
}

#[test]
fn nobody_there_is_told_before_anything_runs() {
    let at = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        format!("tcp://{}", listener.local_addr().unwrap())
    };
    let fault = load(plan(&at, "line", 10), Wish::Any).unwrap_err();
    assert_eq!(fault.code, Code::Refused);
}

#[test]
fn a_connection_for_each_message() {
    for pace in [Pace::Closed, Pace::Rate(2000.0)] {
        for parting in [Parting::Fin, Parting::Reset] {
            let mut plan = plan(&echo(), "line", 120);
            (plan.mode, plan.pace, plan.pipeline, plan.parting) = (Mode::Connect, pace, 1, parting);
            let report = learning(plan);
            assert_eq!((report.requests, errors(&report)), (120, vec![]), "{pace:?}");
            assert_eq!(report.connecting.count, 120, "{pace:?}");
        }
    }
}

#[test]
fn an_idle_crowd_stands_and_is_asked() {
    let mut plan = plan(&echo(), "line", 40);
    (plan.mode, plan.pace, plan.pipeline, plan.connections) = (Mode::Idle, Pace::Rate(1000.0), 1, 50);
    let report = learning(plan);
    assert_eq!((report.requests, errors(&report)), (40, vec![]));
    assert_eq!(report.memory.unwrap().connections, 50);
}

/// A datagram echo that does `change` with each; `None` answers nothing.
fn datagrams(mut change: impl FnMut(usize, Vec<u8>) -> Vec<Vec<u8>> + Send + 'static) -> String {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let at = format!("udp://{}", socket.local_addr().unwrap());
    thread::spawn(move || {
        let mut buffer = [0; 2048];
        let mut count = 0;
        while let Ok((size, from)) = socket.recv_from(&mut buffer) {
            for answer in change(count, buffer[..size].to_vec()) {
                let _ = socket.send_to(&answer, from);
            }
            count += 1;
        }
    });
    at
}

#[test]
fn datagrams_are_told_apart_by_their_numbers() {
    let report = learning(plan(&datagrams(|_, data| vec![data]), "dgram", 1000));
    assert_eq!((report.requests, errors(&report)), (1000, vec![]));
}

#[test]
fn lost_datagrams_are_time_outs_and_second_copies_are_wrong() {
    // The first two are the probes.
    let at = datagrams(|count, data| match count {
        0 | 1 => vec![data],
        _ if count % 50 == 20 => vec![],
        _ if count % 50 == 30 => vec![data.clone(), data],
        _ => vec![data],
    });
    let mut plan = plan(&at, "dgram", 150);
    (plan.timeout, plan.connections, plan.threads, plan.pipeline) = (Duration::from_secs(1), 1, 1, 8);
    let report = learning(plan);
    assert_eq!((report.requests, errors(&report)), (147, vec![("timeout", 3), ("wrong-answer", 3)]));
}

/// A plain receiver, and what came in the order in which it came; it ends once nothing came for a while.
fn receiver() -> (String, thread::JoinHandle<Vec<Vec<u8>>>) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let at = format!("udp://{}", socket.local_addr().unwrap());
    let heard = thread::spawn(move || {
        let mut all = Vec::new();
        let mut buffer = vec![0; 65_536];
        socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        while let Ok((count, _)) = socket.recv_from(&mut buffer) {
            if buffer[..count] == *b"end" {
                break;
            }
            all.push(buffer[..count].to_vec());
        }
        all
    });
    (at, heard)
}

#[test]
fn one_way_every_message_arrives_as_it_is_and_in_order() {
    for (least, most) in [(64, 64), (12, 300), (1, 40)] {
        for pace in [Pace::Closed, Pace::Rate(100_000.0)] {
            let (at, heard) = receiver();
            let mut plan = plan(&at, "dgram", 100);
            plan.sent =
                Deck::made_up(plan.lane.framing, Sizes { least, most }, Numbering::Numbered, 7, MAX).unwrap();
            (plan.mode, plan.pace, plan.connections, plan.pipeline) = (Mode::OneWay, pace, 1, 1);
            let report = run(&plan, &Arc::new(AtomicBool::new(false)), &Silent).unwrap();
            assert_eq!((report.requests, errors(&report), report.unsent), (100, vec![], 0));
            assert_eq!((report.bytes_in, report.latency.count), (0, 0));
            UdpSocket::bind("127.0.0.1:0").unwrap().send_to(b"end", &at["udp://".len()..]).unwrap();
            let heard = heard.join().unwrap();
            assert_eq!(heard.iter().map(|datagram| datagram.len() as u64).sum::<u64>(), report.bytes_out);
            assert_eq!(heard.len(), 100);
            for (number, datagram) in heard.iter().enumerate() {
                assert!((least..=most).contains(&datagram.len()));
                if datagram.len() >= 12 {
                    assert_eq!(datagram[..12], *format!("{number:012}").as_bytes());
                }
            }
        }
    }
}

#[test]
fn one_way_to_nobody_is_an_error_of_its_class() {
    // Taken by a socket that hears one other peer only.
    let held = UdpSocket::bind("127.0.0.1:0").unwrap();
    held.connect("127.0.0.1:9").unwrap();
    let mut plan = plan(&format!("udp://{}", held.local_addr().unwrap()), "dgram", 1);
    (plan.mode, plan.pipeline, plan.connections) = (Mode::OneWay, 1, 1);
    (plan.requests, plan.duration) = (None, Duration::from_millis(100));
    let report = run(&plan, &Arc::new(AtomicBool::new(false)), &Silent).unwrap();
    assert_eq!(errors(&report).first().map(|(word, _)| *word), Some("port-unreachable"));
}

#[test]
fn a_stop_ends_it_early_and_what_was_measured_is_told() {
    let mut plan = plan(&echo(), "line", 1);
    (plan.requests, plan.duration) = (None, Duration::from_hours(1));
    learn(&mut plan, Wish::Learn(None), &AtomicBool::new(false)).unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let report = run(&plan, &stop, &StopsAfterOne(Arc::clone(&stop))).unwrap();
    assert!(report.cut_short && report.requests > 0);
    assert_eq!(errors(&report), vec![]);
}

struct StopsAfterOne(Arc<AtomicBool>);

impl Watch for StopsAfterOne {
    fn moment(&self, moment: &Moment) {
        if matches!(moment, Moment::Second(..)) {
            self.0.store(true, Ordering::Relaxed);
        }
    }
}

#[test]
fn more_connections_than_descriptors_is_said() {
    // No process may open so many here; where one may, the run would simply be tried.
    let mut plan = plan(&echo(), "line", 1);
    plan.connections = usize::MAX / 2;
    let fault = run(&plan, &Arc::new(AtomicBool::new(false)), &Silent).unwrap_err();
    assert_eq!(fault.code, Code::Descriptors);
}
