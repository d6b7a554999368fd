//! Endpoints of every shape: what is shown parses to the same, and no text makes the parser panic.

use std::time::Duration;

use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use sockeye_core::endpoint::{PARAMS, Secrets};
use sockeye_core::{Endpoint, Framing, Host, Params, Place};

fn host() -> impl Strategy<Value = Host> {
    prop_oneof![
        Just(Host::Loopback),
        Just(Host::Any),
        any::<std::net::IpAddr>().prop_map(Host::Ip),
        (any::<std::net::Ipv6Addr>(), "(25)?[a-z0-9._~-]{1,15}")
            .prop_map(|(ip, zone)| Host::Zoned { ip, zone }),
        "[a-z_][a-z0-9._-]{0,20}x|套接字|localhost".prop_map(Host::Name),
    ]
}

/// Any text but a zero byte, rich in characters that mean something in a URL.
fn text() -> impl Strategy<Value = String> {
    let text = prop_oneof!["[a-z%?&=+#@: /\u{202e}\u{1b}套.]{0,12}", any::<String>()];
    text.prop_map(|text| text.replace('\0', ""))
}

fn place() -> impl Strategy<Value = Place> {
    prop_oneof![
        (host(), any::<u16>(), option::of(text().prop_map(|text| format!("/{text}"))))
            .prop_map(|(host, port, path)| Place::Host { host, port, path }),
        (select(&["/", "./", "../", "."][..]), text())
            .prop_map(|(start, rest)| Place::Path(start.to_owned() + &rest)),
    ]
}

fn params() -> impl Strategy<Value = Params> {
    let value = || option::of(text().prop_filter("not empty", |text| !text.is_empty()));
    let words = (value(), value(), value(), value(), value());
    let frames = select(&["line", "u16be,off:2,adj:-4,magic:cafe", "wrap:02:03", "fixed:8"][..]);
    let time = || option::of((0..u64::MAX).prop_map(Duration::from_nanos));
    let switches = (option::of(any::<bool>()), any::<bool>(), option::of(0..256u32));
    (option::of(frames), words, time(), time(), switches).prop_map(
        |(frame, (enc, bind, sni, path, client_ca), timeout, idle, (nodelay, insecure, ttl))| Params {
            frame: frame.map(|spec| Framing::parse(spec).expect("a framing")),
            enc,
            bind,
            sni,
            path,
            client_ca,
            timeout,
            idle,
            nodelay,
            insecure,
            ttl,
            mcast: ttl.map(|ttl| format!("239.0.0.{ttl}@eth0")),
            via: ttl.map(|ttl| format!("socks5://user@proxy:{ttl}")),
            ..Params::default()
        },
    )
}

fn endpoint() -> impl Strategy<Value = Endpoint> {
    let layer = select(&["tls", "ws", "auth", "proxy1", "proxy2"][..]).prop_map(str::to_owned);
    let scheme = select(&["tcp", "udp", "unix", "unixgram", "quic"][..]).prop_map(str::to_owned);
    let url = (proptest::collection::vec(layer, 0..4), scheme, place(), params()).prop_map(
        |(layers, scheme, place, params)| Endpoint {
            layers,
            scheme,
            place,
            params,
            secrets: Secrets::default(),
        },
    );
    let stdio = params().prop_map(|params| Endpoint {
        layers: Vec::new(),
        scheme: "-".to_owned(),
        place: Place::Stdio,
        params,
        secrets: Secrets::default(),
    });
    prop_oneof![9 => url, 1 => stdio]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1024, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_shown_parses_to_the_same(endpoint in endpoint()) {
        let shown = endpoint.to_string();
        prop_assert!(!shown.contains(|c: char| c.is_whitespace() || c.is_control()));
        match shown.parse::<Endpoint>() {
            Ok(read) => prop_assert_eq!(read, endpoint, "{}", shown),
            Err(fault) => prop_assert!(false, "{}: {}", shown, fault),
        }
    }

    #[test]
    fn no_text_makes_the_parser_panic(
        any in any::<String>(),
        start in select(&["", "tcp://", "unix:", "[", "tls+ws://h:1", "h:1?", "[::1%", "h:1?via=", "h:1?mcast="][..]),
        rest in "[a-z0-9%?&=+@:/\\[\\].\u{e9}-]{0,16}",
        name in select(PARAMS),
    ) {
        for text in [any.clone(), format!("{start}{rest}"), format!("{start}{any}"), format!("h:1?{name}={rest}")] {
            if let Ok(endpoint) = text.parse::<Endpoint>() {
                let shown = endpoint.to_string();
                if !shown.contains("***") {
                    prop_assert_eq!(shown.parse::<Endpoint>().ok(), Some(endpoint), "{} {}", text, shown);
                }
            }
        }
    }
}
