//! Network namespaces for faults: clients on one link, two routers, a host with servers, and a host behind a switch that
//! drops what is long. Everything is named by this process, and removed however the test ends.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

use sockeye_testkit::certificates::{Made, NOW, PAST, Role};
use sockeye_testkit::program::{Program, Running, Scratch};

const SERVERS: &str = include_str!("servers.py");

/// Where the clients are, and the first of their addresses.
pub(crate) const FIRST: usize = 20;

/// A laboratory.
pub(crate) struct Lab {
    tag: String,
    spaces: Vec<String>,
    servers: Mutex<Vec<Running>>,
    /// What everybody may read: the program, the authorities' certificates, the servers.
    shared: Scratch,
    pub(crate) certificates: Made,
}

impl Lab {
    /// Makes routers and servers. Needs root.
    pub(crate) fn new() -> Self {
        assert!(
            nix::unistd::geteuid().is_root(),
            "network namespaces are made by root: run this test as root"
        );
        let certificates = Made::new();
        let authority = certificates.authority("ca", "Test Authority");
        certificates.leaf("server", &authority, &["good.test"], Role::Server, NOW);
        certificates.leaf("expired", &authority, &["good.test"], Role::Server, PAST);
        certificates.leaf("elsewhere", &authority, &["elsewhere.test"], Role::Server, NOW);
        certificates.lonely("stranger");
        let tag = format!("ck{}", std::process::id());
        let mut lab =
            Self { tag, spaces: Vec::new(), servers: Mutex::default(), shared: Scratch::new(), certificates };
        lab.share();
        for space in ["r1", "r2", "s", "b", "t"] {
            lab.space(space);
        }
        lab.shell(ROUTERS);
        for (space, args) in [
            ("s", ["10.77.3.10", "10.77.3.53", "10.77.3.54", "10.77.3.55", "10.77.3.56", "10.77.3.57"]),
            ("t", ["10.77.8.10", "-", "-", "-", "-", "-"]),
        ] {
            let script = lab.shared.path().join("servers.py");
            let command =
                Program::new("ip").args(["netns", "exec", &lab.named(space), "python3"]).arg(script);
            let server = command.arg(lab.certificates.dir()).args(args).start();
            server.shows("ready");
            lab.servers.lock().unwrap().push(server);
        }
        lab
    }

    /// Puts what nobody has to be able to read where nobody can.
    fn share(&self) {
        use std::os::unix::fs::PermissionsExt;
        let directory = self.shared.path();
        fs::set_permissions(directory, fs::Permissions::from_mode(0o755)).unwrap();
        // A copy: the path to the original may be closed to others.
        fs::copy(env!("CARGO_BIN_EXE_sockeye"), directory.join("sockeye")).unwrap();
        fs::copy(self.certificates.path("ca.pem"), directory.join("ca.pem")).unwrap();
        fs::write(directory.join("servers.py"), SERVERS).unwrap();
        fs::set_permissions(directory.join("ca.pem"), fs::Permissions::from_mode(0o644)).unwrap();
    }

    /// A file that everybody may read.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.shared.path().join(name)
    }

    /// The real name of a namespace.
    pub(crate) fn named(&self, space: &str) -> String {
        format!("{}{space}", self.tag)
    }

    fn space(&mut self, space: &str) {
        self.spaces.push(self.named(space));
        self.shell(&format!("ip netns add ${{T}}{space}; ip -n ${{T}}{space} link set lo up"));
    }

    /// A client of its own, whose address ends in [`FIRST`] and `number`; `setup` is what makes it ill.
    pub(crate) fn client(&mut self, number: usize, files: &[(&str, String)], setup: &str) -> String {
        let space = format!("c{number}");
        self.space(&space);
        let me = Self::address(number);
        self.shell(&format!(
            "ip link add eth0 netns ${{T}}{space} type veth peer name {space} netns ${{T}}r1
             ip -n ${{T}}r1 link set {space} master lan up
             C=${{T}}{space} ME={me} PEER={space}
             ip -n $C link set eth0 gso_max_segs 1
             ip -n $C addr add {me}/24 dev eth0
             ip -n $C link set eth0 up
             ip -n $C route add default via 10.77.1.1
             {setup}"
        ));
        let etc = Path::new("/etc/netns").join(self.named(&space));
        fs::create_dir_all(&etc).unwrap();
        for (name, text) in files {
            fs::write(etc.join(name), text).unwrap();
        }
        space
    }

    /// The address of a client.
    pub(crate) fn address(number: usize) -> String {
        format!("10.77.1.{}", FIRST + number)
    }

    fn shell(&self, script: &str) {
        let script = format!("set -e\nT={}\n{script}", self.tag);
        let ended = Command::new("sh").args(["-c", &script]).output().unwrap();
        let said = String::from_utf8_lossy(&ended.stderr);
        assert!(ended.status.success(), "{script}\n{said}");
    }

    /// The program in a namespace, as an unprivileged user without any capability.
    pub(crate) fn sockeye(&self, space: &str) -> Program {
        let nobody = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "--no-new-privs"];
        let command = Program::new("ip").args(["netns", "exec", &self.named(space)]).args(nobody);
        command.arg(self.file("sockeye"))
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        if let Ok(mut servers) = self.servers.lock() {
            servers.clear();
        }
        for space in &self.spaces {
            // What is not there need not be removed.
            let _ = Command::new("ip").args(["netns", "del", space]).output();
            let _ = fs::remove_dir_all(Path::new("/etc/netns").join(space));
        }
        let _ = fs::remove_dir("/etc/netns");
    }
}

/// The clients' link 10.77.1.0/24 at the first router; 10.77.2.0/24 between the routers; the servers on 10.77.3.0/24; and
/// 10.77.8.0/24, in whose midst a switch drops packets of more than 1,000 bytes without a word.
const ROUTERS: &str = "
R1=${T}r1 R2=${T}r2 S=${T}s B=${T}b F=${T}t
for router in $R1 $R2; do
    ip netns exec $router sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward'
done
# All clients of this test share one bucket of ICMP messages otherwise, as no network of so many faults would.
for space in $R1 $R2 $S $F; do
    ip netns exec $space sh -c 'cd /proc/sys/net/ipv4; echo 10000 >icmp_msgs_burst; echo 10000 >icmp_msgs_per_sec' 2>/dev/null || true
done
ip -n $R1 link add name lan type bridge
ip -n $R1 addr add 10.77.1.1/24 dev lan
ip -n $R1 link set lan up
ip link add north netns $R1 type veth peer name south netns $R2
ip link add srv netns $R2 type veth peer name eth0 netns $S
ip link add far netns $R2 type veth peer name near netns $B
ip link add eth0 netns $F type veth peer name far netns $B
ip -n $R1 addr add 10.77.2.1/24 dev north
ip -n $R2 addr add 10.77.2.2/24 dev south
ip -n $R2 addr add 10.77.3.1/24 dev srv
ip -n $R2 addr add 10.77.8.1/24 dev far
ip -n $S addr add 10.77.3.10/24 dev eth0
for last in 53 54 55 56 57; do ip -n $S addr add 10.77.3.$last/24 dev eth0; done
ip -n $F addr add 10.77.8.10/24 dev eth0
ip -n $F link set eth0 gso_max_segs 1
ip -n $R1 link set north up
for link in south srv far; do ip -n $R2 link set $link up; done
ip -n $S link set eth0 up
ip -n $F link set eth0 up
ip -n $B link add name switch type bridge
for port in near far; do
    ip -n $B link set $port mtu 1000
    ip -n $B link set $port master switch
    ip -n $B link set $port up
done
ip -n $B link set dev switch up
ip -n $R1 route add default via 10.77.2.2
ip -n $R2 route add 10.77.1.0/24 via 10.77.2.1
ip -n $S route add default via 10.77.3.1
ip -n $F route add default via 10.77.8.1
ip -n $R2 route add prohibit 10.77.4.0/24
ip -n $R2 route add unreachable 10.77.5.0/24
ip -n $R2 route add blackhole 10.77.6.0/24
ip -n $R2 route add 10.77.7.0/24 via 10.77.2.1
ip -n $R2 rule add pref 10 ipproto tcp dport 9998 prohibit
# The server drops one port: its rules come before its own addresses.
ip -n $S rule add pref 100 lookup local
ip -n $S rule del pref 0
ip -n $S rule add pref 10 ipproto tcp dport 9999 blackhole
";
