//! Listening: an endpoint becomes bound sockets, or a fault that says why not, and who is in the way.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::path::Path;

use socket2::Socket;
use sockeye_core::{Address, Code, Endpoint, Fault, Host, Medium, Place};

use crate::datagram::Datagram;
use crate::errno;
use crate::owner::{self, Table};
use crate::resolve::{self, host_of};
use crate::stream::Listener;
use crate::transport::{self, Entry, Role};

/// Connections that may wait to be accepted. The system may allow fewer.
pub const BACKLOG: u32 = 4096;

/// How often another free port is looked for, where one port must be free in both families.
const TRIES: usize = 64;

/// A bound endpoint.
pub struct Bound {
    /// Its transport.
    pub entry: &'static Entry,
    /// What carries messages once its layers are on.
    pub medium: Medium,
    /// What the ready line says: one URL an endpoint, with the real port and without parameters, that can be connected
    /// to as it stands. Where several sockets are bound it is the first one's: `:9000` is `tcp://127.0.0.1:9000`,
    /// `any:9000` is `tcp://0.0.0.0:9000`; a name stays the name.
    pub url: String,
    /// Its sockets.
    pub sockets: Sockets,
}

/// What a bound endpoint consists of: one socket for each address.
#[derive(Debug)]
pub enum Sockets {
    /// Streams are accepted from these.
    Streams(Vec<Listener>),
    /// Datagrams arrive at these.
    Datagrams(Vec<Datagram>),
}

/// Binds an endpoint: `:9000` on loopback, `any:9000` on every interface, both over IPv4 and IPv6 (IPv4 alone where the
/// machine has no IPv6), a name on all its addresses. Port 0 is one free port for all of them. The subject of a fault
/// is `listen URL`; [`Code::Taken`] names the owner where it is visible. Needs a tokio runtime with I/O, whose
/// thread the sockets then belong to.
pub fn bind(endpoint: &Endpoint, backlog: u32) -> Result<Bound, Fault> {
    let transport::Fit { entry, medium } = transport::fit(endpoint, Role::Listen)?;
    let subject = format!("listen {}", endpoint.bare());
    let sockets = (entry.bind)(endpoint, &subject, backlog).map_err(|fault| fault.doing(&subject))?;
    let url = url(endpoint, &sockets);
    Ok(Bound { entry, medium, url, sockets })
}

/// The endpoint with what was open filled in.
fn url(endpoint: &Endpoint, sockets: &Sockets) -> String {
    let mut endpoint = endpoint.clone();
    let params = std::mem::take(&mut endpoint.params);
    let local = match sockets {
        Sockets::Streams(listeners) => listeners.first().and_then(|listener| listener.local().ok()),
        Sockets::Datagrams(sockets) => sockets.first().and_then(|socket| socket.local().ok()),
    };
    if let (Place::Host { host, port, path }, Some(Address::Ip(local))) = (&mut endpoint.place, local) {
        *port = local.port();
        *path = params.path.or(path.take());
        if matches!(host, Host::Loopback | Host::Any) {
            *host = Host::Ip(local.ip());
        }
    }
    endpoint.to_string()
}

/// Binds a socket for each address of the endpoint, all on one port. An address of a family (or of an interface) that
/// the machine does not have is left out, as long as one remains.
pub(crate) fn bind_all(
    endpoint: &Endpoint,
    subject: &str,
    table: Table,
    open: impl Fn(SocketAddr) -> io::Result<Socket>,
) -> Result<Vec<Socket>, Fault> {
    let (host, port) = host_of(endpoint)?;
    let addresses = resolve::listen(host, port, subject)?;
    let mut last = None;
    for _ in 0..TRIES {
        match bind_once(&addresses, port, &open) {
            Ok(sockets) => return Ok(sockets),
            Err((error, at)) => {
                let chosen_is_taken = port == 0 && error.kind() == ErrorKind::AddrInUse;
                last = Some((error, at));
                if !chosen_is_taken {
                    break;
                }
            }
        }
    }
    let Some((error, at)) = last else { return Ok(Vec::new()) };
    Err(errno::binding(&error, subject, &at.to_string(), || owner::of_address(table, at)))
}

fn bind_once(
    addresses: &[SocketAddr],
    mut port: u16,
    open: impl Fn(SocketAddr) -> io::Result<Socket>,
) -> Result<Vec<Socket>, (io::Error, SocketAddr)> {
    let mut sockets = Vec::new();
    let mut missing = None;
    for address in addresses {
        let mut address = *address;
        address.set_port(port);
        match open(address) {
            Ok(socket) => {
                let local = socket.local_addr().map_err(|error| (error, address))?;
                port = local.as_socket().map_or(port, |local| local.port());
                sockets.push(socket);
            }
            Err(error) if is_missing(&error) => missing = Some((error, address)),
            Err(error) => return Err((error, address)),
        }
    }
    match missing {
        Some(why) if sockets.is_empty() => Err(why),
        _ => Ok(sockets),
    }
}

/// The machine does not have the address or its family.
fn is_missing(error: &io::Error) -> bool {
    error.kind() == ErrorKind::AddrNotAvailable || error.raw_os_error() == Some(libc::EAFNOSUPPORT)
}

/// The fault of binding a socket's file.
pub(crate) fn unix_fault(error: &io::Error, subject: &str, path: &str) -> Fault {
    match error.kind() {
        // The path is longer than the system's address has room for (unix(7): 108 bytes).
        ErrorKind::InvalidInput => Fault::new(Code::BadEndpoint, subject).arg("endpoint", path).detail(error),
        // A file that is no socket is in the way; nobody owns it in the sense of a port.
        ErrorKind::AlreadyExists => Fault::new(Code::Taken, subject).arg("owner", "").detail(error),
        _ => errno::binding(error, subject, path, || owner::of_path(Path::new(path))),
    }
}

/// The backlog as the system takes it.
pub(crate) fn listen_backlog(backlog: u32) -> i32 {
    i32::try_from(backlog).unwrap_or(i32::MAX)
}
