//! Unix datagram sockets, by the path of their file. A client is given a name too, or nobody could answer it.

use std::os::fd::AsRawFd;
use std::path::Path;

use nix::sys::socket::UnixAddr;
use socket2::Type;
use sockeye_core::{Address, Endpoint, Fault, Kind};
use tokio::net::UnixDatagram;

use super::{Carries, Entry, Locus};
use crate::bind::{Sockets, unix_fault};
use crate::datagram::{Datagram, Unixgram};
use crate::dial::{Call, Conn, Dialling};
use crate::resolve::path_of;
use crate::socket_file;

pub(super) const ENTRY: Entry = Entry {
    name: "unixgram",
    carries: Carries::Datagrams,
    locus: Locus::File,
    connects_with: &["bind"],
    listens_with: &[],
    examples: &["unixgram:///run/log.sock", "unixgram:///run/log.sock?bind=/tmp/me.sock"],
    dial,
    bind,
};

fn dial<'a>(call: &'a Call<'a>) -> Dialling<'a> {
    Box::pin(async move {
        let path = path_of(call.endpoint)?;
        let remote = Address::Unix(Some(path.into()));
        (call.on_event)(Kind::Connecting { leg: call.leg, transport: ENTRY.name, remote: &remote });
        let (socket, file) = match &call.endpoint.params.bind {
            Some(own) => {
                let fault = |error| unix_fault(&error, &call.subject, own);
                let (socket, file) = socket_file::bind(Path::new(own), Type::DGRAM).map_err(fault)?;
                (UnixDatagram::from_std(socket.into()).map_err(|error| call.fault(&error))?, Some(file))
            }
            None => (unnamed().map_err(|error| call.fault(&error))?, None),
        };
        socket.connect(path).map_err(|error| call.fault(&error))?;
        let socket = Datagram::Unix(Unixgram { socket, connected: true, file });
        let local = socket.local().unwrap_or(Address::Unix(None));
        (call.on_event)(Kind::Connected {
            leg: call.leg,
            transport: ENTRY.name,
            local: &local,
            remote: &remote,
        });
        Ok(Conn::Datagram(socket))
    })
}

/// A socket with an abstract name of the system's choice (autobind, unix(7)). Elsewhere it has none, and gets no answer.
fn unnamed() -> std::io::Result<UnixDatagram> {
    let socket = UnixDatagram::unbound()?;
    #[cfg(target_os = "linux")]
    nix::sys::socket::bind(socket.as_raw_fd(), &UnixAddr::new_unnamed())?;
    Ok(socket)
}

fn bind(endpoint: &Endpoint, subject: &str, _backlog: u32) -> Result<Sockets, Fault> {
    let path = path_of(endpoint)?;
    let fault = |error| unix_fault(&error, subject, path);
    let (socket, file) = socket_file::bind(path.as_ref(), Type::DGRAM).map_err(fault)?;
    let socket = UnixDatagram::from_std(socket.into()).map_err(fault)?;
    Ok(Sockets::Datagrams(vec![Datagram::Unix(Unixgram { socket, connected: false, file: Some(file) })]))
}
