//! TCP (RFC 9293) over IPv4 and IPv6.

use std::io;
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::time::Duration;

use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};
use sockeye_core::{Address, Code, Endpoint, Fault, Kind, Params};
use tokio::net::{TcpListener, TcpSocket};

use super::{Carries, Entry, Locus};
use crate::bind::{Sockets, bind_all, listen_backlog};
use crate::dial::{Call, Conn, Dialling, race};
use crate::errno;
use crate::owner::{self, Table};
use crate::resolve::{self, Source};
use crate::stream::{Listener, Stream};

pub(crate) const ENTRY: Entry = Entry {
    name: "tcp",
    carries: Carries::Streams,
    locus: Locus::Host,
    connects_with: &["bind", "keepalive", "nodelay", "ttl", "via"],
    listens_with: &["keepalive", "nodelay", "ttl"],
    examples: &["tcp://127.0.0.1:7788", ":9000", "tcp://any:8080?frame=line", "tcp://[::1]:80?bind=::1"],
    dial,
    bind,
};

/// How long a peer may be gone before it is found out, unless told otherwise.
const KEEPALIVE: Duration = Duration::from_secs(30);

/// Probes that go unanswered before the connection is given up.
const PROBES: u32 = 3;

/// The shortest time that whole seconds, which is what systems count in, leave for all probes.
pub(super) const SHORTEST: Duration = Duration::from_secs(1 + PROBES as u64);

/// When to probe a silent peer (RFC 9293 section 3.8.4), so that one that is gone is found out within `time`: the first
/// half passes in silence, in the second it is asked three times. `None`: never.
fn keepalive(time: Duration) -> Option<TcpKeepalive> {
    let seconds = time.as_secs();
    let interval = (seconds / (2 * u64::from(PROBES))).max(1);
    let idle = seconds.checked_sub(interval * u64::from(PROBES)).filter(|idle| *idle > 0)?;
    let keepalive = TcpKeepalive::new().with_retries(PROBES);
    Some(keepalive.with_time(Duration::from_secs(idle)).with_interval(Duration::from_secs(interval)))
}

/// A new non-blocking socket with everything set that both sides want.
fn socket(address: SocketAddr, params: &Params) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    socket.set_tcp_nodelay(params.nodelay.unwrap_or(true))?;
    if let Some(keepalive) = keepalive(params.keepalive.unwrap_or(KEEPALIVE)) {
        socket.set_tcp_keepalive(&keepalive)?;
    }
    if let Some(ttl) = params.ttl {
        set_ttl(&socket, address, ttl)?;
    }
    Ok(socket)
}

/// Further listening sockets at the addresses of `listeners`, for another thread: the kernel spreads newcomers over all
/// sockets of an address. The first was bound alone, so that a port that somebody else listens at is never shared by
/// accident; it is opened to the others here. The system lets only sockets of the same user share a port.
pub(crate) fn siblings(
    endpoint: &Endpoint,
    listeners: &[Listener],
    backlog: u32,
) -> io::Result<Vec<std::net::TcpListener>> {
    let tcp = listeners.iter().filter_map(|listener| match listener {
        Listener::Tcp(listener) => Some(listener),
        Listener::Unix(..) | Listener::Stdio(_) => None,
    });
    let sibling = |first: &TcpListener| {
        SockRef::from(first).set_reuse_port(true)?;
        let address = first.local_addr()?;
        let socket = socket(address, &endpoint.params)?;
        socket.set_reuse_port(true)?;
        listen(&socket, address, backlog)?;
        Ok(socket.into())
    };
    tcp.map(sibling).collect()
}

fn listen(socket: &Socket, address: SocketAddr, backlog: u32) -> io::Result<()> {
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    // Connections in TIME-WAIT do not hold the port; a listener still does, and its owner is named.
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(listen_backlog(backlog))
}

/// Sets how many routers a packet may pass: TTL (RFC 791) or hop limit (RFC 8200), 1 to 255.
pub(super) fn set_ttl(socket: &Socket, address: SocketAddr, ttl: u32) -> io::Result<()> {
    if address.is_ipv4() { socket.set_ttl_v4(ttl) } else { socket.set_unicast_hops_v6(ttl) }
}

fn dial<'a>(call: &'a Call<'a>) -> Dialling<'a> {
    Box::pin(async move {
        let source = match &call.endpoint.params.bind {
            Some(text) => resolve::source(text)?,
            None => Source::default(),
        };
        let addresses = resolve::target(call).await?;
        let (usable, other): (Vec<_>, Vec<_>) =
            addresses.into_iter().partition(|to| source.toward(*to).is_some());
        let raced = race(usable, |to| connect(call, source, to)).await;
        let stream = raced.map_err(|fault| fault.unwrap_or_else(|| no_family(call, &other)))?;
        Ok(Conn::Stream(stream))
    })
}

/// `bind=` is of one family, and every address of the target of the other.
pub(super) fn no_family(call: &Call<'_>, targets: &[SocketAddr]) -> Fault {
    let value = call.endpoint.params.bind.as_deref().unwrap_or_default();
    let target = targets.first().map(ToString::to_string).unwrap_or_default();
    Fault::new(Code::BadValue, &call.subject).arg("name", "bind").arg("value", value).detail(target)
}

async fn connect(call: &Call<'_>, source: Source, to: SocketAddr) -> Result<Stream, Fault> {
    let remote = Address::Ip(to);
    (call.on_event)(Kind::Connecting { leg: call.leg, transport: ENTRY.name, remote: &remote });
    let socket = socket(to, &call.endpoint.params).map_err(|error| call.fault(&error))?;
    if let Some(from) = source.toward(to).filter(|_| source.is_given()) {
        // A named port may still be held by our own last connection in TIME-WAIT.
        let bound = socket.set_reuse_address(from.port() != 0).and_then(|()| socket.bind(&from.into()));
        let owner = || owner::of_address(Table::Tcp, from);
        bound.map_err(|error| errno::binding(&error, &call.subject, &from.to_string(), owner))?;
    }
    if let Some(onlooker) = call.onlooker {
        onlooker.connecting(socket.as_fd());
    }
    let socket = TcpSocket::from_std_stream(socket.into());
    let stream = socket.connect(to).await.map_err(|error| call.fault(&error))?;
    let local = stream.local_addr().map_err(|error| call.fault(&error))?;
    if local == to {
        // On one machine a port that nobody listens at can be given to ourselves, and TCP then connects to itself
        // (simultaneous open, RFC 9293, section 3.5).
        let _result = stream.set_zero_linger();
        return Err(Fault::new(Code::Refused, &call.subject));
    }
    let local = Address::Ip(local);
    (call.on_event)(Kind::Connected { leg: call.leg, transport: ENTRY.name, local: &local, remote: &remote });
    Ok(Stream::Tcp(stream))
}

fn bind(endpoint: &Endpoint, subject: &str, backlog: u32) -> Result<Sockets, Fault> {
    let sockets = bind_all(endpoint, subject, Table::Tcp, |address| {
        let socket = socket(address, &endpoint.params)?;
        listen(&socket, address, backlog)?;
        Ok(socket)
    })?;
    let listeners = sockets.into_iter().map(|socket| TcpListener::from_std(socket.into()).map(Listener::Tcp));
    let listeners: io::Result<Vec<_>> = listeners.collect();
    listeners.map(Sockets::Streams).map_err(|error| Fault::new(Code::CannotConnect, subject).detail(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_that_is_gone_is_found_out_in_time() {
        for seconds in [4, 5, 10, 30, 60, 3600] {
            let interval = (seconds / 6).max(1);
            let known = TcpKeepalive::new()
                .with_retries(3)
                .with_interval(Duration::from_secs(interval))
                .with_time(Duration::from_secs(seconds - 3 * interval));
            let made = keepalive(Duration::from_secs(seconds));
            assert_eq!(format!("{made:?}"), format!("{:?}", Some(known)), "{seconds}");
        }
        assert!(keepalive(SHORTEST).is_some() && keepalive(Duration::ZERO).is_none());
    }
}
