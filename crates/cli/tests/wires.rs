//! `ping` and `addr` in network namespaces of their own: dead neighbours, routes that refuse, a router that prohibits,
//! by every way there is, as root and as nobody. Needs root, iproute2 and util-linux.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use serde_json::Value;
use sockeye_testkit::program::{Program, Scratch};
use sockeye_testkit::schema;

const SCHEMA: &str = include_str!("../../../docs/hosts.schema.json");

/// A wire whose other end nobody answers on, and routes that throw packets away. Neighbours are asked for three times, a
/// tenth of a second apart instead of a second.
const DEAD: &str = "
ip link set lo up
ip link add left type veth peer name right
ip addr add 10.1.0.1/24 dev left
ip addr add 2001:db8:1::1/64 dev left nodad
ip link set left up
ip link set right up
sysctl -qw net.ipv4.neigh.left.retrans_time_ms=100 net.ipv6.neigh.left.retrans_time_ms=100
ip route add blackhole 10.2.0.0/16
ip route add unreachable 10.3.0.0/16
ip route add prohibit 10.4.0.0/16
ip route add 10.6.0.0/16 via 10.1.0.9
";

/// A wire to a router in a namespace of its own, which knows 10.9.0.0/16 as prohibited and the rest not at all. It sends
/// five such errors, then one a second (`net.ipv4.route.error_burst`, which is the whole machine's).
const ROUTER: &str = "
ip link set lo up
ip link add left type veth peer name right
unshare -n sleep 60 &
router=$!
trap 'kill $router' EXIT
for turn in $(seq 1000); do
    [ \"$(readlink /proc/$router/ns/net)\" != \"$(readlink /proc/self/ns/net)\" ] && break
done
ip link set right netns $router
inside() { nsenter -t $router -n \"$@\"; }
inside ip link set lo up
inside ip addr add 10.1.0.2/24 dev right
inside ip link set right up
inside sysctl -qw net.ipv4.ip_forward=1 net.ipv4.icmp_ratelimit=0
inside ip route add prohibit 10.9.0.0/16
ip addr add 10.1.0.1/24 dev left
ip link set left up
ip route add default via 10.1.0.2
";

/// The program where anybody may start it.
struct Bin {
    path: String,
    _scratch: Scratch,
}

impl Bin {
    fn new() -> Self {
        let scratch = Scratch::new();
        let path = scratch.path().join("sockeye");
        fs::set_permissions(scratch.path(), fs::Permissions::from_mode(0o755)).unwrap();
        fs::copy(env!("CARGO_BIN_EXE_sockeye"), &path).unwrap();
        Self { path: path.to_str().unwrap().to_owned(), _scratch: scratch }
    }

    /// Runs command lines in a namespace: `R` stands for sockeye as root, `N` as nobody. What each prints, and its exit
    /// code as a line `= N`.
    fn within(&self, wires: &str, lines: &[String]) -> Vec<(String, i32)> {
        let path = &self.path;
        let root = format!("R() {{ {path} \"$@\" 2>&1; echo \"= $?\"; }}");
        let drop = "setpriv --reuid 65534 --regid 65534 --clear-groups";
        let nobody = format!("N() {{ {drop} {path} \"$@\" 2>&1; echo \"= $?\"; }}");
        let script = format!(
            "set -e
{wires}
set +e
{root}
{nobody}
{}",
            lines.join(
                "
"
            )
        );
        let ended = Program::new("unshare")
            .args(["-n", "bash", "-c", &script])
            .patience(Duration::from_mins(1))
            .run("");
        let text = String::from_utf8(ended.stdout).unwrap();
        assert!(ended.stderr.is_empty(), "root, iproute2 and util-linux are needed: {}", ended.stderr);
        let mut told = Vec::new();
        let mut one = String::new();
        for line in text.lines() {
            if let Some(code) = line.strip_prefix("= ") {
                told.push((std::mem::take(&mut one), code.parse().unwrap()));
            } else {
                one.push_str(line);
                one.push('\n');
            }
        }
        assert_eq!(told.len(), lines.iter().filter(|line| line.starts_with(['R', 'N'])).count(), "{text}");
        told
    }
}

/// The objects of a kind, of lines that are as the schema says.
fn of_kind(text: &str, kind: &str) -> Vec<Value> {
    schema::check(SCHEMA, text);
    let all =
        text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap_or_else(|_| panic!("{text}")));
    all.filter(|object| object["kind"] == kind).collect()
}

#[test]
fn a_dead_neighbour_is_told_by_every_way() {
    let bin = Bin::new();
    let ways = ["", "--udp 9", "--tcp 80"];
    let mut lines: Vec<String> =
        ways.iter().map(|way| format!("R ping --json 10.1.0.66 -c 1 {way}")).collect();
    lines.extend(["", "--tcp 80"].map(|way| format!("N ping --json 10.1.0.67 -c 1 {way}")));
    lines.push("R ping --json 2001:db8:1::66 -c 1".to_owned());
    lines.push("N ping 10.1.0.68 -c 1".to_owned());
    let told = bin.within(DEAD, &lines);
    let by = ["icmp-raw", "udp", "tcp", "udp", "tcp", "icmp-raw"];
    for ((line, way), (text, code)) in lines.iter().zip(by).zip(&told) {
        assert_eq!(*code, 1, "{line}: {text}");
        assert_eq!(of_kind(text, "ping")[0]["by"]["way"], way, "{line}");
        let error = &of_kind(text, "ping-error")[0];
        let v6 = line.contains("2001");
        let (from, word) =
            if v6 { ("2001:db8:1::1", "address-unreachable") } else { ("10.1.0.1", "host-unreachable") };
        assert_eq!((&error["from"], &error["icmp"]["word"]), (&from.into(), &word.into()), "{line}: {text}");
        assert_eq!(of_kind(text, "ping-summary")[0]["answered"], 0);
    }
    let (text, _) = told.last().unwrap();
    for part in ["Root may, or CAP_NET_RAW", "ping_group_range", "ARP on this machine got no answer"] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn without_a_route_nothing_is_sent() {
    let bin = Bin::new();
    let targets = [
        ("10.2.0.1", "blackhole 10.2.0.0/16"),
        ("10.3.0.1", "unreachable 10.3.0.0/16"),
        ("10.4.0.1", "prohibit 10.4.0.0/16"),
        ("10.7.0.1", "Network is unreachable"),
    ];
    let lines: Vec<String> = targets.iter().map(|(to, _)| format!("N ping {to} -c 1")).collect();
    for ((to, why), (text, code)) in targets.iter().zip(bin.within(DEAD, &lines)) {
        assert_eq!(code, 4, "{to}: {text}");
        assert!(text.starts_with(&format!("error[unreachable] ping {to}: ")) && text.contains(why), "{text}");
    }
}

#[test]
fn a_router_that_prohibits_is_named_by_every_way() {
    let bin = Bin::new();
    let lines: Vec<String> = ["R", "N"]
        .iter()
        .flat_map(|who| ["", "--tcp 80"].map(|way| format!("{who} ping --json 10.9.0.1 -c 1 -t 5s {way}")))
        .collect();
    let told = bin.within(ROUTER, &lines);
    for (way, (text, code)) in ["icmp-raw", "tcp", "udp", "tcp"].into_iter().zip(&told) {
        assert_eq!((of_kind(text, "ping")[0]["by"]["way"].as_str(), *code), (Some(way), 1), "{text}");
        says(text, 13, "prohibited");
    }
}

/// That the router said so, by ICMP type 3.
fn says(text: &str, code: u8, word: &str) {
    let errors = of_kind(text, "ping-error");
    assert_eq!(errors.len(), 1, "{text}");
    let (from, icmp) = (&errors[0]["from"], &errors[0]["icmp"]);
    let expected = (&"10.1.0.2".into(), &3.into(), &code.into(), &word.into());
    assert_eq!((from, &icmp["type"], &icmp["code"], &icmp["word"]), expected, "{text}");
}

#[test]
fn whoever_is_in_the_range_has_icmp_without_rights() {
    let bin = Bin::new();
    let lines = [
        "sysctl -qw net.ipv4.ping_group_range='0 2147483647'",
        "N ping --json 10.9.0.1 -c 1 -t 5s",
        "N ping --json 10.8.0.1 -c 1 -t 5s",
        "N ping --json 10.1.0.2 -c 3 -i 10ms -s 1000",
        "N ping --json 10.1.0.2 -c 3 -i 10ms --tcp 1",
    ];
    let told = bin.within(ROUTER, &lines.map(str::to_owned));
    assert_eq!(of_kind(&told[0].0, "ping")[0]["by"]["way"], "icmp");
    says(&told[0].0, 13, "prohibited");
    says(&told[1].0, 0, "net-unreachable");
    let (text, code) = &told[2];
    let answers = of_kind(text, "ping-answer");
    assert_eq!((answers.len(), *code), (3, 0), "{text}");
    for answer in answers {
        let facts = (&answer["from"], &answer["bytes"], &answer["ttl"], &answer["clock"]);
        assert_eq!(facts, (&"10.1.0.2".into(), &1000.into(), &64.into(), &"kernel".into()), "{text}");
    }
    assert_eq!((of_kind(&told[3].0, "ping-answer").len(), told[3].1), (3, 0));
}

#[test]
fn addr_says_how_a_packet_goes_by_this_machines_routes() {
    let bin = Bin::new();
    let lines = [
        "N addr --json --same 10.1.0.1/24 10.1.0.66",
        "N addr --json --same 10.1.0.1/24 10.6.0.1",
        "N addr --json --same 10.1.0.1/24 10.2.0.1",
        "N addr --json --same 10.1.0.1/24 10.7.0.1",
        "N addr --json --same 10.1.0.1/24 10.1.0.1",
        "N addr --json",
    ];
    let told = bin.within(DEAD, &lines.map(str::to_owned));
    let path = |at: usize| of_kind(&told[at].0, "same-network")[0]["path"].clone();
    let facts = |at: usize| {
        let path = path(at);
        (path["kind"].clone(), path["type"].clone(), path["gateway"].clone(), told[at].1)
    };
    assert_eq!(facts(0), ("route".into(), "unicast".into(), Value::Null, 0));
    assert_eq!(facts(1), ("route".into(), "unicast".into(), "10.1.0.9".into(), 1));
    assert_eq!(facts(2), ("refused".into(), "blackhole".into(), Value::Null, 1));
    assert_eq!(facts(3), ("refused".into(), Value::Null, Value::Null, 1));
    assert_eq!(facts(4), ("route".into(), "local".into(), Value::Null, 0));
    let interfaces = of_kind(&told[5].0, "link");
    let left = interfaces.iter().find(|link| link["name"] == "left").unwrap();
    let addresses: Vec<&str> = left["addresses"]
        .as_array()
        .unwrap()
        .iter()
        .map(|address| address["address"].as_str().unwrap())
        .collect();
    assert!(addresses.contains(&"10.1.0.1") && addresses.contains(&"2001:db8:1::1"), "{left}");
    assert_eq!((&left["up"], &left["mtu"]), (&true.into(), &1500.into()));
}
