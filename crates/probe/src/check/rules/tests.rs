//! Each verdict from findings made by hand, and what holds of all findings.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use proptest::prelude::*;
use sockeye_core::event::How;
use sockeye_core::{Code, Fault};

use super::judge;
use crate::addr::Network;
use crate::check::{
    Around, Beside, Carrier, Connects, Culprit, End, FACTS, Findings, Goal, Layer, Leaving, NEXTS, Page,
    Ping, Session, Sizes, Speech, Spoke, Sure, Timed, Transfer, Verdict, Word,
};
use crate::host::{Hardware, Link, LinkFlags, LinkState, Neighbour, NeighbourState, Route, RouteKind, Scope};
use crate::names::{Answer, HostsLine, Names, Served, System};
use crate::path::{Attempt, Ended, Hop, Icmp, Path};

const TO: &str = "10.3.0.10";
const GATEWAY: &str = "10.1.0.1";
const ROUTER: &str = "10.2.0.2";

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn at(text: &str) -> SocketAddr {
    SocketAddr::new(ip(text), 80)
}

#[expect(clippy::unnecessary_wraps, reason = "a finding is one that may be missing")]
fn found<T>(value: T) -> Option<Timed<T>> {
    Some(Timed { value, how: How::Traced, at: Duration::ZERO, took: Duration::ZERO })
}

fn goal() -> Goal {
    Goal { port: Some(80), ..Goal::default() }
}

fn web() -> Goal {
    Goal { speech: Speech::Http, name: Some("a.example".to_owned()), ..goal() }
}

fn way(gateway: Option<&str>, ours: &str) -> Leaving {
    let (address, prefix) = ours.split_once('/').unwrap();
    let ours = Network::new(ip(address), prefix.parse().unwrap()).unwrap();
    let route = Route {
        to: Network::host(ip(TO)),
        kind: RouteKind::Unicast,
        gateway: gateway.map(ip),
        link: Some(2),
        source: Some(ours.address()),
        table: 254,
        metric: 0,
        protocol: 3,
        scope: Scope::Global,
        mtu: None,
        hops: Vec::new(),
    };
    let link = Link {
        index: 2,
        name: "eth0".to_owned(),
        kind: 1,
        hardware: Hardware::default(),
        mtu: Some(1500),
        flags: LinkFlags(0x1_0041),
        state: LinkState::Up,
    };
    let (link, ours, gateway) = (Some(link), Some(ours), Some(ip(GATEWAY)));
    Leaving { to: ip(TO), answer: Ok(route), entry: None, link, ours, default_gateway: gateway }
}

fn neighbour(address: &str, state: NeighbourState) -> Neighbour {
    Neighbour { address: ip(address), link: 2, hardware: Hardware::default(), state, is_router: false }
}

fn beside(address: &str, state: NeighbourState) -> Beside {
    Beside { address: ip(address), neighbour: Some(neighbour(address, state)), gateway: None }
}

fn icmp(from: &str, kind: u8, code: u8, millis: u64) -> Icmp {
    Icmp { from: Some(ip(from)), is_ours: false, kind, code, mtu: 0, after: Duration::from_millis(millis) }
}

fn attempt(to: &str, ended: Ended, icmp: Option<Icmp>) -> Attempt {
    Attempt { to: at(to), ttl: None, ended, icmp, local: None, mss: None, took: Duration::from_millis(1) }
}

fn connects(used: Attempt, others: Vec<Attempt>) -> Option<Timed<Connects>> {
    found(Connects { used: vec![used], others })
}

/// A target beyond a gateway that answers.
fn beyond(used: Attempt) -> Findings {
    Findings {
        way: found(way(Some(GATEWAY), "10.1.0.2/24")),
        neighbour: found(beside(GATEWAY, NeighbourState::Reachable)),
        connects: connects(used, Vec::new()),
        ..Findings::default()
    }
}

fn silent() -> Findings {
    beyond(attempt(TO, Ended::Silent, None))
}

fn spoken(session: Session) -> Findings {
    Findings { session: found(session), ..beyond(attempt(TO, Ended::Connected, None)) }
}

fn says(spoke: Spoke) -> Findings {
    spoken(Session { spoke: Some(spoke), ..Session::default() })
}

fn fails(code: Code, args: &[(&'static str, &str)]) -> Findings {
    let fault = args.iter().fold(Fault::new(code, ""), |fault, (name, value)| fault.arg(name, value));
    spoken(Session { fault: Some(fault), ..Session::default() })
}

fn served(server: &str, answer: Answer) -> Served {
    Served { server: ip(server), answer, took: Duration::ZERO }
}

fn gives(server: &str, address: &str) -> Served {
    served(server, Answer::Addresses { addresses: vec![ip(address)], ttl: Some(60), alias: None })
}

fn names(servers: Vec<Served>, system: System) -> Names {
    let sources = vec!["files".to_owned(), "dns".to_owned()];
    Names { name: "a.example".to_owned(), sources, servers, system, ..Names::default() }
}

fn named(servers: Vec<Served>, system: System) -> Findings {
    Findings { names: found(names(servers, system)), ..Findings::default() }
}

fn is(verdict: &Verdict, word: Word, layer: Layer, culprit: &Culprit) {
    assert_eq!((verdict.word, verdict.layer, &verdict.culprit), (word, layer, culprit), "{verdict:?}");
    assert!(!verdict.evidence.is_empty(), "{verdict:?}");
}

#[test]
fn names_that_lead_nowhere() {
    let failed = || System::Failed("not known".to_owned());
    let resolver = |servers: &[&str]| Culprit::Resolver(servers.iter().map(|server| ip(server)).collect());
    let table = [
        (vec![served("10.0.0.1", Answer::NoName)], Word::NotFound, Culprit::Name("a.example".to_owned())),
        (vec![served("10.0.0.1", Answer::Silent)], Word::Silent, resolver(&["10.0.0.1"])),
        (vec![served("10.0.0.1", Answer::NobodyThere)], Word::Refused, resolver(&["10.0.0.1"])),
        (vec![served("10.0.0.1", Answer::Failed(2))], Word::Failed, resolver(&["10.0.0.1"])),
        (
            vec![served("10.0.0.1", Answer::Silent), served("10.0.0.2", Answer::NobodyThere)],
            Word::Silent,
            resolver(&["10.0.0.1", "10.0.0.2"]),
        ),
        (
            vec![served("10.0.0.1", Answer::NoName), gives("10.0.0.2", TO)],
            Word::Misled,
            resolver(&["10.0.0.1"]),
        ),
        (Vec::new(), Word::NotFound, Culprit::NoResolver),
    ];
    for (servers, word, culprit) in table {
        is(&judge(&web(), &named(servers, failed())), word, Layer::Name, &culprit);
    }
    // Where nothing arrives at the server, it is not the server's fault.
    let unanswered = named(vec![served("10.0.0.1", Answer::Silent)], System::Late);
    let below = Findings {
        neighbour: found(beside(GATEWAY, NeighbourState::Failed)),
        way: silent().way,
        ..unanswered
    };
    is(&judge(&web(), &below), Word::Neighbour, Layer::Neighbour, &Culprit::Gateway(ip(GATEWAY)));
}

#[test]
fn names_that_lead_elsewhere() {
    let fails = || attempt("10.9.9.9", Ended::Silent, None);
    let works = || vec![attempt(TO, Ended::Connected, None)];
    let used = System::Addresses(vec![ip("10.9.9.9")]);
    let mut findings = named(vec![gives("10.0.0.1", "10.9.9.9"), gives("10.0.0.2", TO)], used.clone());
    findings.connects = connects(fails(), works());
    is(&judge(&web(), &findings), Word::Misled, Layer::Name, &Culprit::Resolver(vec![ip("10.0.0.1")]));
    let mut hosts = names(vec![gives("10.0.0.2", TO)], used);
    hosts.hosts =
        vec![HostsLine { number: 7, address: ip("10.9.9.9"), text: "10.9.9.9 a.example".to_owned() }];
    findings.names = found(hosts);
    is(&judge(&web(), &findings), Word::Misled, Layer::Name, &Culprit::HostsLine(7));
    // Where the other address fails as well, the name is not to blame.
    findings.connects = connects(fails(), vec![attempt(TO, Ended::Silent, None)]);
    assert_eq!(judge(&web(), &findings).word, Word::Unknown);
    let mut blocked = named(vec![gives("10.0.0.1", "0.0.0.0")], System::Addresses(vec![ip("0.0.0.0")]));
    blocked.connects = connects(attempt("0.0.0.0", Ended::Refused, None), Vec::new());
    is(&judge(&web(), &blocked), Word::Misled, Layer::Name, &Culprit::Resolver(vec![ip("10.0.0.1")]));
}

#[test]
fn this_machine_and_its_link() {
    let refused = |errno, kind| {
        let mut findings = silent();
        findings.way.as_mut().unwrap().value.answer = Err((errno, kind));
        judge(&goal(), &findings)
    };
    let table = Culprit::Table(None);
    is(&refused(101, None), Word::NoRoute, Layer::Route, &table);
    is(&refused(22, Some(RouteKind::Blackhole)), Word::Silent, Layer::Route, &table);
    is(&refused(13, Some(RouteKind::Prohibit)), Word::Prohibited, Layer::Route, &table);
    is(&refused(113, Some(RouteKind::Unreachable)), Word::Unreachable, Layer::Route, &table);
    let mut down = silent();
    down.way.as_mut().unwrap().value.link.as_mut().unwrap().flags = LinkFlags(1);
    is(&judge(&goal(), &down), Word::NoRoute, Layer::Route, &Culprit::Link("eth0".to_owned()));
    let gone = Findings { neighbour: found(beside(GATEWAY, NeighbourState::Failed)), ..silent() };
    is(&judge(&goal(), &gone), Word::Neighbour, Layer::Neighbour, &Culprit::Gateway(ip(GATEWAY)));
}

#[test]
fn a_wide_mask_is_told_from_a_dead_host() {
    let on_link = |ours: &str, gateway| {
        let mut dead = beside(TO, NeighbourState::Failed);
        dead.gateway = gateway;
        let way = found(way(None, ours));
        judge(&goal(), &Findings { way, neighbour: found(dead), ..silent() })
    };
    let answers = || Some(neighbour(GATEWAY, NeighbourState::Reachable));
    let mask = on_link("10.1.0.2/8", answers());
    is(&mask, Word::Neighbour, Layer::Route, &Culprit::Mask(Network::new(ip("10.1.0.2"), 8).unwrap()));
    assert_eq!(mask.sure, Sure::Likely, "a dead host looks the same");
    let host = Culprit::Host(ip(TO));
    is(&on_link("10.1.0.2/8", None), Word::Neighbour, Layer::Neighbour, &host);
    is(&on_link("10.3.0.2/24", answers()), Word::Neighbour, Layer::Neighbour, &host);
}

#[test]
fn who_says_no_on_the_way() {
    let told = |from, kind, code, after| {
        judge(&goal(), &beyond(attempt(TO, Ended::Failed(113), Some(icmp(from, kind, code, after)))))
    };
    let router = Culprit::Router(ip(ROUTER));
    is(&told(ROUTER, 3, 13, 1), Word::Prohibited, Layer::Path, &router);
    is(&told(TO, 3, 10, 1), Word::Prohibited, Layer::Path, &Culprit::Host(ip(TO)));
    is(&told(ROUTER, 3, 0, 1), Word::Unreachable, Layer::Path, &router);
    is(&told(ROUTER, 3, 1, 1), Word::Unreachable, Layer::Path, &router);
    is(&told(ROUTER, 3, 1, 3000), Word::Unreachable, Layer::Neighbour, &Culprit::Host(ip(TO)));
    is(&told(ROUTER, 11, 0, 1), Word::Unreachable, Layer::Path, &router);
    is(&told(ROUTER, 3, 3, 1), Word::Refused, Layer::Path, &router);
    let refused = judge(&goal(), &beyond(attempt(TO, Ended::Refused, None)));
    is(&refused, Word::Refused, Layer::Tcp, &Culprit::Port(at(TO)));
    assert_eq!(refused.sure, Sure::Certain);
}

#[test]
fn silence_is_laid_behind_the_last_who_answered() {
    let around = |ports, backlog| Findings { around: found(Around { ports, backlog }), ..silent() };
    let other = around(vec![attempt(TO, Ended::Refused, None)], None);
    is(&judge(&goal(), &other), Word::Silent, Layer::Tcp, &Culprit::Port(at(TO)));
    let full = around(Vec::new(), Some((2, 1)));
    is(&judge(&goal(), &full), Word::Silent, Layer::Tcp, &Culprit::Backlog(at(TO)));
    let pinged = Findings { ping: found(Ping::Answered(Duration::ZERO)), ..silent() };
    is(&judge(&goal(), &pinged), Word::Silent, Layer::Tcp, &Culprit::Port(at(TO)));
    let hop = |icmp| Hop { ttl: 1, heard: attempt(TO, Ended::Failed(113), Some(icmp)) };
    let path = |hops| Findings { path: found(Path { hops }), ..silent() };
    let exceeded = path(vec![hop(icmp(ROUTER, 11, 0, 1))]);
    is(&judge(&goal(), &exceeded), Word::Silent, Layer::Path, &Culprit::Beyond(ip(ROUTER)));
    let told = path(vec![hop(icmp(ROUTER, 3, 13, 1))]);
    is(&judge(&goal(), &told), Word::Prohibited, Layer::Path, &Culprit::Router(ip(ROUTER)));
    is(&judge(&goal(), &path(Vec::new())), Word::Silent, Layer::Path, &Culprit::Beyond(ip(GATEWAY)));
    assert_eq!(judge(&goal(), &silent()).word, Word::Unknown, "the path was not looked at");
}

#[test]
fn what_a_server_says() {
    let server = Culprit::Server(at(TO));
    let page = |status, end| {
        Spoke::Http(Page {
            status,
            server: None,
            location: None,
            asked: Duration::ZERO,
            first: Duration::ZERO,
            last: Duration::ZERO,
            body: 1,
            end,
        })
    };
    let addressed = Goal { name: None, ..web() };
    let judged = |spoke| judge(&addressed, &says(spoke));
    is(&judged(page(200, End::Whole)), Word::Ok, Layer::Application, &Culprit::None);
    is(&judged(page(404, End::Whole)), Word::Ok, Layer::Application, &Culprit::None);
    is(&judged(page(503, End::Whole)), Word::Failed, Layer::Application, &server);
    is(&judged(page(200, End::Late)), Word::Silent, Layer::Application, &server);
    is(&judged(page(200, End::Fin)), Word::Closed, Layer::Application, &server);
    is(&judged(page(200, End::Rst)), Word::Reset, Layer::Tcp, &Culprit::Port(at(TO)));
    is(&judged(Spoke::Words(b"SSH-2.0-x".to_vec())), Word::WrongApplication, Layer::Application, &server);
    is(&judged(Spoke::Nothing(Duration::from_secs(3))), Word::Silent, Layer::Application, &server);
    is(&judged(Spoke::Closed), Word::Closed, Layer::Application, &server);
    is(&judged(Spoke::Reset), Word::Reset, Layer::Tcp, &Culprit::Port(at(TO)));
    is(&judge(&goal(), &says(Spoke::Nothing(Duration::ZERO))), Word::Ok, Layer::Application, &Culprit::None);
    is(&judge(&goal(), &says(Spoke::Words(b"hi".to_vec()))), Word::Ok, Layer::Application, &Culprit::None);
}

#[test]
fn handshakes_that_fail() {
    let server = Culprit::Server(at(TO));
    let certificate = Culprit::Certificate;
    let table = [
        (Code::PlainText, Word::Plain, &server),
        (Code::CertificateExpired, Word::Expired, &certificate),
        (Code::CertificateName, Word::WrongName, &certificate),
        (Code::CertificateIssuer, Word::Untrusted, &certificate),
        (Code::CertificateSelfSigned, Word::Untrusted, &certificate),
        (Code::TlsAlert, Word::Failed, &server),
        (Code::TlsCut, Word::Closed, &server),
    ];
    for (code, word, culprit) in table {
        is(&judge(&goal(), &fails(code, &[])), word, Layer::Tls, culprit);
    }
    let late = fails(Code::HandshakeTimeout, &[("layer", "tls")]);
    is(&judge(&goal(), &late), Word::Silent, Layer::Tls, &server);
    // Another server's certificate, where sources disagree on the address, is the name's fault.
    let mut elsewhere = fails(Code::CertificateName, &[("asked", "a.example"), ("offered", "b.example")]);
    let system = System::Addresses(vec![ip(TO)]);
    elsewhere.names = found(names(vec![gives("10.0.0.1", TO), gives("10.0.0.2", "10.9.9.9")], system));
    is(&judge(&web(), &elsewhere), Word::Misled, Layer::Name, &Culprit::Resolver(vec![ip("10.0.0.1")]));
}

#[test]
fn packets_that_vanish() {
    let hole = || Sizes { full: 1500, small: (1, 1), large: (0, 3), told: None };
    let beyond = Culprit::Beyond(ip(GATEWAY));
    let mut sized = fails(Code::HandshakeTimeout, &[("layer", "tls")]);
    sized.size = found(hole());
    is(&judge(&goal(), &sized), Word::TooBig, Layer::Size, &beyond);
    let mut counted = says(Spoke::Nothing(Duration::from_secs(3)));
    let stuck = Transfer { unacked: 2, retransmits: 3, ..Transfer::default() };
    counted.session.as_mut().unwrap().value.transfer = Some(stuck);
    is(&judge(&Goal { name: None, ..web() }, &counted), Word::TooBig, Layer::Size, &beyond);
    for told in [
        Sizes { told: Some((ip(ROUTER), 1280)), ..hole() },
        Sizes { small: (0, 3), ..hole() },
        Sizes { large: (1, 1), ..hole() },
    ] {
        assert!(!told.is_hole(), "{told:?}");
    }
}

#[test]
fn hosts_and_datagrams() {
    let host = Goal { carrier: Carrier::Host, ..Goal::default() };
    let pinged = Findings { ping: found(Ping::Answered(Duration::ZERO)), connects: None, ..silent() };
    is(&judge(&host, &pinged), Word::Ok, Layer::Path, &Culprit::None);
    let ports = vec![attempt(TO, Ended::Refused, None)];
    let answered = Findings { around: found(Around { ports, backlog: None }), connects: None, ..silent() };
    is(&judge(&host, &answered), Word::Ok, Layer::Path, &Culprit::None);
    assert_eq!(judge(&host, &Findings::default()).word, Word::Unknown);
    let udp = Goal { carrier: Carrier::Udp, ..goal() };
    let verdict = |ended| judge(&udp, &beyond(attempt(TO, ended, None))).word;
    assert_eq!((verdict(Ended::Connected), verdict(Ended::Refused)), (Word::Ok, Word::Refused));
    assert_eq!(verdict(Ended::Silent), Word::Unknown, "silence says nothing of a datagram's port");
}

#[test]
fn nothing_found_is_nothing_known() {
    for goal in [
        goal(),
        web(),
        Goal { carrier: Carrier::Udp, ..goal() },
        Goal { carrier: Carrier::Host, ..Goal::default() },
    ] {
        let verdict = judge(&goal, &Findings::default());
        assert_eq!((verdict.word, verdict.sure), (Word::Unknown, Sure::Unknown));
    }
}

fn any_ended() -> impl Strategy<Value = Ended> {
    prop_oneof![
        Just(Ended::Connected),
        Just(Ended::Refused),
        Just(Ended::Silent),
        any::<i32>().prop_map(Ended::Failed),
        Just(Ended::Failed(113)),
    ]
}

fn any_ip() -> impl Strategy<Value = IpAddr> {
    prop_oneof![
        Just(ip(TO)),
        Just(ip(GATEWAY)),
        Just(ip(ROUTER)),
        any::<[u8; 4]>().prop_map(IpAddr::from),
        any::<[u8; 16]>().prop_map(IpAddr::from),
    ]
}

prop_compose! {
    fn any_icmp()(
        from in prop::option::of(any_ip()),
        is_ours: bool,
        kind in prop_oneof![Just(3_u8), Just(11), Just(1), any::<u8>()],
        code in 0_u8..16,
        mtu: u32,
        after in 0_u64..5000,
    ) -> Icmp {
        Icmp { from, is_ours, kind, code, mtu, after: Duration::from_millis(after) }
    }
}

prop_compose! {
    fn any_attempt()(to in any_ip(), port: u16, ended in any_ended(), icmp in prop::option::of(any_icmp())) -> Attempt {
        let to = SocketAddr::new(to, port);
        Attempt { to, ttl: None, ended, icmp, local: None, mss: None, took: Duration::ZERO }
    }
}

fn any_names() -> impl Strategy<Value = Names> {
    let answer = prop_oneof![
        prop::collection::vec(any_ip(), 0..3).prop_map(|addresses| Answer::Addresses {
            addresses,
            ttl: None,
            alias: None
        }),
        Just(Answer::NoName),
        any::<u8>().prop_map(Answer::Failed),
        Just(Answer::Silent),
        Just(Answer::NobodyThere),
        Just(Answer::Unreachable),
        Just(Answer::Unreadable),
    ];
    let served =
        (any_ip(), answer).prop_map(|(server, answer)| Served { server, answer, took: Duration::ZERO });
    let system = prop_oneof![
        Just(System::Unasked),
        Just(System::Late),
        Just(System::Failed("no".to_owned())),
        prop::collection::vec(any_ip(), 0..3).prop_map(System::Addresses),
    ];
    (prop::collection::vec(served, 0..4), system).prop_map(|(servers, system)| names(servers, system))
}

fn any_way() -> impl Strategy<Value = Leaving> {
    let refusal =
        prop_oneof![Just((101, None)), (any::<i32>(), prop::option::of(Just(RouteKind::Blackhole))),];
    (any_ip(), prop::option::of(any_ip()), prop::option::of(refusal), any::<u32>(), 0_u8..33).prop_map(
        |(to, gateway, refusal, flags, prefix)| {
            let mut way = way(None, &format!("10.1.0.2/{prefix}"));
            way.to = to;
            way.link.as_mut().unwrap().flags = LinkFlags(flags);
            match refusal {
                Some(refusal) => way.answer = Err(refusal),
                None => way.answer.as_mut().unwrap().gateway = gateway,
            }
            way
        },
    )
}

fn any_session() -> impl Strategy<Value = Session> {
    let spoke = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..40).prop_map(Spoke::Words),
        Just(Spoke::Nothing(Duration::ZERO)),
        Just(Spoke::Closed),
        Just(Spoke::Reset),
    ];
    let fault = prop::sample::select(Code::ALL).prop_map(|code| Fault::new(code, ""));
    let transfer = (0_u32..2, 0_u32..2, 0_u32..2).prop_map(|(unacked, retransmits, out_of_order)| Transfer {
        unacked,
        retransmits,
        out_of_order,
        received: 0,
    });
    (prop::option::of(spoke), prop::option::of(fault), prop::option::of(transfer))
        .prop_map(|(spoke, fault, transfer)| Session { fault, spoke, transfer, ..Session::default() })
}

fn any_findings() -> impl Strategy<Value = Findings> {
    let state = (0_u16..0x100).prop_map(NeighbourState::of);
    let beside = (any_ip(), state).prop_map(|(address, state)| beside(&address.to_string(), state));
    let ping = prop_oneof![
        Just(Ping::Answered(Duration::ZERO)),
        Just(Ping::Silent),
        Just(Ping::NotAllowed),
        any_icmp().prop_map(Ping::Icmp),
    ];
    let hops = prop::collection::vec((any::<u8>(), any_attempt()), 0..4);
    let path = hops
        .prop_map(|hops| Path { hops: hops.into_iter().map(|(ttl, heard)| Hop { ttl, heard }).collect() });
    let attempts = || prop::collection::vec(any_attempt(), 0..3);
    let connects = (attempts(), attempts()).prop_map(|(used, others)| Connects { used, others });
    let backlog = prop::option::of((any::<u32>(), any::<u32>()));
    let around = (attempts(), backlog).prop_map(|(ports, backlog)| Around { ports, backlog });
    let sizes = (0_u8..2, 0_u8..4, prop::option::of((any_ip(), any::<u32>())))
        .prop_map(|(small, large, told)| Sizes { full: 1500, small: (small, 3), large: (large, 3), told });
    let below = (
        prop::option::of(any_names()),
        prop::option::of(any_way()),
        prop::option::of(beside),
        prop::option::of(ping),
        prop::option::of(path),
    );
    let above = (
        prop::option::of(connects),
        prop::option::of(around),
        prop::option::of(sizes),
        prop::option::of(any_session()),
    );
    (below, above).prop_map(|((names, way, neighbour, ping, path), (connects, around, size, session))| {
        Findings {
            names: names.and_then(found),
            way: way.and_then(found),
            neighbour: neighbour.and_then(found),
            ping: ping.and_then(found),
            path: path.and_then(found),
            connects: connects.and_then(found),
            around: around.and_then(found),
            size: size.and_then(found),
            session: session.and_then(found),
        }
    })
}

fn any_goal() -> impl Strategy<Value = Goal> {
    let carrier = prop::sample::select(vec![Carrier::Host, Carrier::Tcp, Carrier::Udp]);
    let speech = prop::sample::select(vec![Speech::Any, Speech::Layers, Speech::Http]);
    (prop::option::of(Just("a.example".to_owned())), carrier, speech, prop::option::of(Just(80)))
        .prop_map(|(name, carrier, speech, port)| Goal { name, port, carrier, speech })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// No findings panic. What is certain rests on something that was seen, and what is not known is never certain; what
    /// is unknown blames nobody.
    #[test]
    fn verdicts_rest_on_evidence(goal in any_goal(), findings in any_findings()) {
        let verdict = judge(&goal, &findings);
        let seen = verdict.evidence.iter().any(|evidence| evidence.how != How::Inferred);
        prop_assert!(verdict.sure != Sure::Certain || seen, "{verdict:?}");
        prop_assert!(verdict.evidence.iter().all(|evidence| FACTS.contains(&evidence.fact)), "{verdict:?}");
        prop_assert!(verdict.next.is_empty() || NEXTS.contains(&verdict.next), "{verdict:?}");
        prop_assert_eq!(verdict.word == Word::Unknown, verdict.sure == Sure::Unknown);
        prop_assert_eq!(verdict.word == Word::Unknown, verdict.culprit == Culprit::Unknown && !verdict.is_ok()
            && verdict.sure == Sure::Unknown);
        prop_assert!(verdict.word == Word::Unknown || !verdict.evidence.is_empty(), "{verdict:?}");
    }

    /// Without the finding that shows it, no verdict names it.
    #[test]
    fn missing_evidence_never_gives_certainty(goal in any_goal(), findings in any_findings()) {
        let without = |take: fn(&mut Findings)| {
            let mut findings = findings.clone();
            take(&mut findings);
            judge(&goal, &findings)
        };
        // A router may have told of a neighbour that we do not see.
        let alone = without(|it| it.neighbour = None);
        prop_assert!(alone.layer != Layer::Neighbour || alone.word == Word::Unreachable, "{alone:?}");
        // An error of the kernel's own is evidence of the table too.
        let astray = without(|it| it.way = None);
        let kernel = astray.evidence.iter().any(|evidence| evidence.fact == "errno");
        prop_assert!(astray.layer != Layer::Route || kernel, "{astray:?}");
        let unspoken = without(|it| it.session = None);
        prop_assert!(!matches!(unspoken.layer, Layer::Tls | Layer::Size) , "{unspoken:?}");
        prop_assert!(unspoken.layer != Layer::Application || unspoken.word == Word::Unknown, "{unspoken:?}");
        let unnamed = without(|it| it.names = None);
        prop_assert!(goal.name.is_none() || unnamed.word == Word::Unknown, "{unnamed:?}");
        if goal.carrier == Carrier::Tcp {
            let unconnected = without(|it| it.connects = None);
            prop_assert!(!unconnected.is_ok(), "{unconnected:?}");
            prop_assert!(unconnected.word != Word::Refused || unconnected.layer == Layer::Name || unconnected.layer == Layer::Path, "{unconnected:?}");
        }
    }
}
