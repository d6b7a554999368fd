//! State changes as the kernel itself tells them, by its tracepoint `sock:inet_sock_set_state`, for root alone. An instance
//! of tracefs is made for it, so that nobody else's tracing is disturbed, and removed again.
//!
//! The kernel keeps what is half-open and what is in TIME-WAIT apart from its sockets, so it does not tell of all changes.

use std::fs::{self, File};
use std::io::{self, Read};
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::sockets::State;

/// Where tracefs is mounted, on systems that have it.
const PLACES: [&str; 2] = ["/sys/kernel/tracing", "/sys/kernel/debug/tracing"];

/// What instances of this program are called, before its number.
const NAME: &str = "sockeye-";

/// Bytes that are read of what was told.
const LONGEST: u64 = 4 << 20;

/// The tracepoint, within an instance.
const POINT: &str = "events/sock/inet_sock_set_state";

/// One change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transition {
    /// The socket's own end; port 0 before it has one.
    pub local: SocketAddr,
    /// The other end.
    pub peer: SocketAddr,
    /// The new state.
    pub to: State,
}

/// Tracing under way.
#[derive(Debug)]
pub struct Transitions {
    instance: PathBuf,
}

impl Transitions {
    /// Begins to trace TCP sockets with this port at either end. An error where there is no tracefs, or no right to it.
    pub fn start(port: u16) -> io::Result<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let base = PLACES.iter().map(Path::new).find(|place| place.join(POINT).is_dir());
        let instances = base.ok_or(io::ErrorKind::NotFound)?.join("instances");
        remove_stale(&instances);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let instance = instances.join(format!("{NAME}{}-{number}", std::process::id()));
        fs::create_dir(&instance)?;
        let own = Self { instance };
        fs::write(own.instance.join(POINT).join("filter"), format!("sport == {port} || dport == {port}"))?;
        fs::write(own.instance.join(POINT).join("enable"), "1")?;
        Ok(own)
    }

    /// What was told so far, in order.
    pub fn told(&self) -> Vec<Transition> {
        let read = || -> io::Result<Vec<u8>> {
            let mut bytes = Vec::new();
            File::open(self.instance.join("trace"))?.take(LONGEST).read_to_end(&mut bytes)?;
            Ok(bytes)
        };
        let text = read().unwrap_or_default();
        String::from_utf8_lossy(&text).lines().filter_map(parse).collect()
    }
}

impl Drop for Transitions {
    fn drop(&mut self) {
        let _off = fs::write(self.instance.join(POINT).join("enable"), "0");
        let _removed = fs::remove_dir(&self.instance);
    }
}

/// Removes instances of runs that are no more: a signal leaves one behind.
fn remove_stale(instances: &Path) {
    let Ok(entries) = fs::read_dir(instances) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let owner = name.to_str().and_then(|name| name.strip_prefix(NAME)?.split('-').next()?.parse().ok());
        if owner.is_some_and(|owner: u32| !Path::new(&format!("/proc/{owner}")).exists()) {
            let _off = fs::write(entry.path().join(POINT).join("enable"), "0");
            let _removed = fs::remove_dir(entry.path());
        }
    }
}

/// Reads one line of the `trace` file.
fn parse(line: &str) -> Option<Transition> {
    let (_, fields) = line.split_once("inet_sock_set_state: ")?;
    let field = |name: &str| {
        let found = fields.split_whitespace().filter_map(|field| field.split_once('='));
        found.into_iter().find(|(own, _)| *own == name).map(|(_, value)| value)
    };
    if field("protocol")? != "IPPROTO_TCP" {
        return None;
    }
    let end = |port: &str, four: &str, six: &str| -> Option<SocketAddr> {
        let address = if field("family")? == "AF_INET" { four } else { six };
        let ip: IpAddr = field(address)?.parse().ok()?;
        Some(SocketAddr::new(ip.to_canonical(), field(port)?.parse().ok()?))
    };
    Some(Transition {
        local: end("sport", "saddr", "saddrv6")?,
        peer: end("dport", "daddr", "daddrv6")?,
        to: State::named(field("newstate")?.strip_prefix("TCP_")?)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = " sockeye-22337 [000] .N... 50139.699016: inet_sock_set_state: family=AF_INET protocol=IPPROTO_TCP \
        sport=52844 dport=7788 saddr=127.0.0.1 daddr=127.0.0.2 saddrv6=::ffff:127.0.0.1 daddrv6=::ffff:127.0.0.2 \
        oldstate=TCP_SYN_SENT newstate=TCP_ESTABLISHED";

    #[test]
    fn a_line_tells_both_ends_and_the_new_state() {
        let read = parse(LINE).unwrap();
        assert_eq!(read.local, "127.0.0.1:52844".parse().unwrap());
        assert_eq!((read.peer, read.to), ("127.0.0.2:7788".parse().unwrap(), State::Established));
        let mapped = parse(&LINE.replace("AF_INET ", "AF_INET6 ")).unwrap();
        assert_eq!(mapped, read);
        for (kernel, state) in [
            ("TCP_SYN_RECV", State::SynReceived),
            ("TCP_FIN_WAIT2", State::FinWait2),
            ("TCP_CLOSE", State::Closed),
            ("TCP_CLOSE_WAIT", State::CloseWait),
        ] {
            assert_eq!(parse(&LINE.replace("TCP_ESTABLISHED", kernel)).unwrap().to, state);
        }
    }

    /// As root where there is tracefs; elsewhere it is refused.
    #[test]
    fn what_is_begun_is_removed_again() {
        let tracing = match Transitions::start(9) {
            Ok(tracing) => tracing,
            Err(error) => {
                let refusals = [
                    io::ErrorKind::NotFound,
                    io::ErrorKind::PermissionDenied,
                    io::ErrorKind::ReadOnlyFilesystem,
                ];
                assert!(refusals.contains(&error.kind()), "{error}");
                return;
            }
        };
        let instance = tracing.instance.clone();
        assert!(instance.is_dir() && tracing.told().is_empty());
        drop(tracing);
        assert!(!instance.exists());
    }

    #[test]
    fn other_lines_are_none() {
        for line in [
            "",
            "# tracer: nop",
            &LINE.replace("sport=", "port="),
            &LINE.replace("IPPROTO_TCP", "IPPROTO_DCCP"),
        ] {
            assert_eq!(parse(line), None);
        }
        for end in 0..LINE.len() {
            let _cut = parse(&LINE[..end]);
        }
    }
}
