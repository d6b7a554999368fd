//! Addresses and networks held against Python's `ipaddress` module: thousands of both families, from a fixed seed, half of
//! them in or beside special blocks. Where Python means something else by a word, that is written down here.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde_json::Value;
use sockeye::addr::facts::{self, Embedded, Reach};
use sockeye::addr::registry::{self, Kind};
use sockeye::addr::{Network, divide, reading};
use sockeye_testkit::program::Program;

/// How many of each question are asked.
const EACH: usize = 3000;

/// Numbers from a fixed seed (xorshift64*).
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    /// Any address of a family, or one in, just before or just after a special block.
    fn address(&mut self, v4: bool) -> IpAddr {
        if self.below(2) == 0 {
            let blocks: Vec<Network> = registry::entries()
                .map(|entry| entry.block)
                .filter(|block| block.address().is_ipv4() == v4)
                .collect();
            let block = blocks[usize::try_from(self.below(blocks.len() as u64)).unwrap()];
            let (first, last) = (number(block.first()), number(block.last()));
            let within =
                first + (u128::from(self.next()) << 64 | u128::from(self.next())) % (last - first).max(1);
            let chosen = [first, last, within, first.wrapping_sub(1), last.wrapping_add(1)];
            return address(chosen[usize::try_from(self.below(5)).unwrap()], v4);
        }
        // Zeroes in a row are what :: is for.
        let mut any = u128::from(self.next()) << 64 | u128::from(self.next());
        if self.below(2) == 0 {
            let mask = (u128::MAX << self.below(128)) & (u128::MAX >> self.below(128));
            any &= !mask;
        }
        address(any, v4)
    }

    fn network(&mut self, v4: bool) -> Network {
        let prefix = u8::try_from(self.below(if v4 { 33 } else { 129 })).unwrap();
        Network::new(self.address(v4), prefix).unwrap()
    }
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u128::from(address.to_bits()),
        IpAddr::V6(address) => address.to_bits(),
    }
}

fn address(number: u128, v4: bool) -> IpAddr {
    if v4 {
        IpAddr::V4(Ipv4Addr::from_bits(u32::try_from(number & u128::from(u32::MAX)).unwrap()))
    } else {
        IpAddr::V6(Ipv6Addr::from_bits(number))
    }
}

/// Python's answers, one a question.
fn python(questions: &[String]) -> Vec<Value> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/peers/addresses.py");
    let text = Program::new("python3").arg(script).run(questions.join("\n") + "\n").ok();
    let answers: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(answers.len(), questions.len());
    answers
}

/// Blocks where Python's `is_private` and `is_global` are no guide: its lists are older than the registries (3.12.4
/// changed them), and where a registry says "N/A" Python still says one of the two. Groups are in neither registry; there
/// Python says private or global by the blocks it knows. Of a mapped address it says what the IPv4 address within is.
const ELSEWHERE: &[&str] = &[
    "192.0.0.0/24",
    "192.88.99.0/24",
    "100.64.0.0/10",
    "224.0.0.0/4",
    "64:ff9b:1::/48",
    "100:0:0:1::/64",
    "2001::/23",
    "2002::/16",
    "3fff::/20",
    "5f00::/16",
    "fec0::/10",
    "ff00::/8",
    "::ffff:0:0/96",
];

fn is_elsewhere(address: IpAddr) -> bool {
    ELSEWHERE.iter().any(|text| reading::read(text, None).unwrap().network.contains(address))
}

fn is_mapped(address: IpAddr) -> bool {
    matches!(address, IpAddr::V6(v6) if v6.to_ipv4_mapped().is_some())
}

#[test]
fn what_an_address_is_python_says_too() {
    let mut dice = Dice(0x5eed_0001);
    let addresses: Vec<IpAddr> = (0..2 * EACH).map(|at| dice.address(at % 2 == 0)).collect();
    let questions: Vec<String> = addresses.iter().map(|address| format!("addr {address}")).collect();
    let (mut flags, mut elsewhere) = (0, 0);
    for (address, said) in addresses.iter().zip(python(&questions)) {
        let reach = Reach::of(*address);
        let is = |kind| reach == Reach::Special(kind);
        assert_eq!(said["reverse"], facts::reverse_name(*address), "{address}");
        assert_eq!(said["number"], number(*address).to_string(), "{address}");
        // From 3.13 on these too are those of the IPv4 address within a mapped one.
        if !is_mapped(*address) {
            assert_eq!(said["multicast"], matches!(reach, Reach::Multicast(_)), "{address}");
            assert_eq!(said["link_local"], is(Kind::LinkLocal), "{address}");
            assert_eq!(said["loopback"], is(Kind::Loopback), "{address}");
            // Of 0.0.0.0/8 Python calls the first alone unspecified.
            let whole = is(Kind::Unspecified) && number(*address) == 0;
            assert_eq!(said["unspecified"], whole, "{address}");
        }
        if is_elsewhere(*address) {
            elsewhere += 1;
        } else {
            flags += 1;
            // What is neither special nor global is not assigned: Python says that it is global.
            let global = facts::is_global(*address) == Some(true) || reach == Reach::Unassigned;
            assert_eq!(
                (&said["private"], &said["global"]),
                (&Value::from(!global), &Value::from(global)),
                "{address}"
            );
        }
        match address {
            IpAddr::V4(v4) => assert_eq!(said["compressed"], v4.to_string()),
            IpAddr::V6(v6) => of_v6(*v6, &said),
        }
    }
    assert!(flags > EACH && elsewhere > EACH / 10, "{flags} {elsewhere}");
}

fn of_v6(v6: Ipv6Addr, said: &Value) {
    assert_eq!(said["exploded"], facts::full(v6), "{v6}");
    let embedded = Embedded::of(v6);
    let inner = |word: &str| {
        let found = embedded.filter(|found| found.word() == word);
        found.map(|found| found.address().to_string()).unwrap_or_default()
    };
    // Python writes mapped addresses in hexadecimal; RFC 5952, section 5, with dots.
    if v6.to_ipv4_mapped().is_none() {
        assert_eq!(said["compressed"], v6.to_string());
    }
    assert_eq!(said["mapped"], inner("mapped"), "{v6}");
    assert_eq!(said["sixtofour"], inner("6to4"), "{v6}");
    let teredo: Vec<String> = match embedded {
        Some(Embedded::Teredo { server, client, .. }) => vec![server.to_string(), client.to_string()],
        _ => Vec::new(),
    };
    assert_eq!(said["teredo"], Value::from(teredo), "{v6}");
    assert_eq!(said["site_local"], Reach::of(IpAddr::V6(v6)) == Reach::SiteLocal, "{v6}");
}

#[test]
fn networks_have_the_same_parts_in_python() {
    let mut dice = Dice(0x5eed_0002);
    let networks: Vec<Network> = (0..2 * EACH).map(|at| dice.network(at % 2 == 0)).collect();
    let questions: Vec<String> = networks.iter().map(|network| format!("net {network}")).collect();
    for (network, said) in networks.iter().zip(python(&questions)) {
        // As it is read, and as it was made.
        assert_eq!(reading::read(&network.to_string(), None).unwrap().network, *network);
        let texts = [
            ("network", network.first().to_string()),
            ("last", network.last().to_string()),
            ("mask", network.mask().to_string()),
            ("wildcard", network.wildcard().to_string()),
            ("count", network.size().to_string()),
            ("hosts", network.hosts().2.to_string()),
            ("cidr", network.trunk().to_string()),
        ];
        for (key, ours) in texts {
            assert_eq!(spelled(&said[key]), spelled(&Value::from(ours)), "{key} of {network}");
        }
    }
}

/// Addresses are compared as addresses: Python spells mapped ones otherwise.
fn spelled(value: &Value) -> String {
    let text = value.as_str().unwrap();
    let (address, rest) = text.split_once('/').unwrap_or((text, ""));
    let address =
        address.parse::<IpAddr>().map_or_else(|_| address.to_owned(), |address| address.to_string());
    format!("{address}/{rest}")
}

#[test]
fn networks_are_cut_and_joined_as_in_python() {
    let mut dice = Dice(0x5eed_0003);
    let mut questions = Vec::new();
    let mut ours: Vec<Vec<String>> = Vec::new();
    for at in 0..EACH {
        let network = dice.network(at % 2 == 0).trunk();
        let depth = u8::try_from(dice.below(9)).unwrap().min(network.host_bits());
        let prefix = network.prefix() + depth;
        let pieces: Vec<String> =
            network.split(prefix).unwrap().map(|piece| spelled(&Value::from(piece.to_string()))).collect();
        questions.push(format!("split {network} {prefix}"));
        let ends = pieces.iter().take(8).chain(pieces.iter().skip(pieces.len().saturating_sub(8)));
        ours.push(std::iter::once(pieces.len().to_string()).chain(ends.cloned()).collect());
    }
    for _ in 0..EACH {
        let mut networks: Vec<Network> = Vec::new();
        // Neighbours and what lies within each other, of both families, in any order.
        for _ in 0..=dice.below(4) {
            let v4 = dice.below(2) == 0;
            let network = dice.network(v4).trunk();
            let depth = u8::try_from(dice.below(4)).unwrap().min(network.host_bits());
            let pieces = network.split(network.prefix() + depth).unwrap();
            networks.extend(pieces.filter(|_| dice.below(5) > 0));
        }
        for at in (1..networks.len()).rev() {
            networks.swap(at, usize::try_from(dice.below(at as u64 + 1)).unwrap());
        }
        let texts: Vec<String> = networks.iter().map(Network::to_string).collect();
        questions.push(format!("join {}", texts.join(" ")));
        let joined = divide::summarize(&networks);
        ours.push(joined.iter().map(|network| spelled(&Value::from(network.to_string()))).collect());
    }
    for ((question, ours), said) in questions.iter().zip(ours).zip(python(&questions)) {
        let said: Vec<String> = match &said {
            Value::Array(joined) => joined.iter().map(spelled).collect(),
            split => {
                let pieces = split["pieces"].as_array().unwrap().iter().map(spelled);
                std::iter::once(split["count"].as_str().unwrap().to_owned()).chain(pieces).collect()
            }
        };
        assert_eq!(ours, said, "{question}");
    }
}
