//! What the kernel says of a connection when it is asked: the state and figures of our end, and of the other one where it
//! is on this machine too. Needs no right.

use std::io;
use std::net::SocketAddr;
use std::time::SystemTime;

use super::flow::End;
use super::story::Polled;
use crate::host::{Host, RouteKind, System, Verdict};
use crate::sockets::{Protocol, Sockets, State, Timer};

/// Looks at a connection.
#[derive(Debug)]
pub struct Look {
    sockets: Sockets,
}

impl Look {
    /// `Unsupported` on systems other than Linux.
    pub fn open() -> io::Result<Self> {
        Ok(Self { sockets: Sockets::open()? })
    }

    /// One end. `None`: the kernel did not answer.
    pub fn at(&mut self, end: End, local: SocketAddr, peer: SocketAddr) -> Option<Polled> {
        let found = self.sockets.exact(Protocol::Tcp, local, peer).ok()?;
        // Where there is no connection the kernel shows who listens.
        let found = found.filter(|socket| socket.peer.port() == peer.port());
        let at = now();
        let gone = Polled { at, end, state: State::Closed, left: None, figures: None };
        Some(found.map_or(gone, |socket| Polled {
            at,
            end,
            state: socket.state,
            left: socket.timer.filter(|(timer, _)| *timer == Timer::TimeWait).map(|(_, left)| left),
            figures: socket.tcp,
        }))
    }

    /// How many connections may wait to be accepted at an address of this machine's own, if anybody listens there.
    pub fn backlog(&mut self, server: SocketAddr) -> Option<u32> {
        let any = match server {
            SocketAddr::V4(_) => "0.0.0.0:0".parse().ok()?,
            SocketAddr::V6(_) => "[::]:0".parse().ok()?,
        };
        let found = self.sockets.exact(Protocol::Tcp, server, any).ok()??;
        (found.state == State::Listen).then_some(found.send_queue)
    }
}

/// Whether an address is one of this machine's own, so that both ends of a connection to it are here.
pub fn is_here(address: SocketAddr) -> bool {
    let ip = address.ip().to_canonical();
    let way = System.route_to(ip, None, None);
    let is_own = |verdict| matches!(verdict, Verdict::Found(route) if route.kind == RouteKind::Local);
    ip.is_loopback() || way.is_ok_and(|way| is_own(way.verdict))
}

/// Nanoseconds since 1970-01-01T00:00:00Z; 0 if the machine's clock stands before that.
pub fn now() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn both_ends_are_seen_and_who_listens_is_no_end() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (local, peer) = (client.local_addr().unwrap(), client.peer_addr().unwrap());
        let mut look = Look::open().unwrap();
        assert_eq!(look.at(End::Client, local, peer).unwrap().state, State::Established);
        assert_eq!(look.at(End::Server, peer, local).unwrap().state, State::Established);
        // 128 is what the standard library listens with.
        assert_eq!(look.backlog(peer), Some(128));
        let other = SocketAddr::new(local.ip(), local.port() ^ 1);
        assert_eq!(look.at(End::Server, peer, other).unwrap().state, State::Closed);
        assert!(is_here(peer) && !is_here("192.0.2.1:1".parse().unwrap()));
    }
}
