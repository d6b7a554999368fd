//! Unix stream sockets, by the path of their file.

use std::time::Duration;

use socket2::Type;
use sockeye_core::{Address, Endpoint, Fault, Kind};
use tokio::net::{UnixListener, UnixStream};
use tokio::time::sleep;

use super::{Carries, Entry, Locus};
use crate::bind::{Sockets, listen_backlog, unix_fault};
use crate::dial::{Call, Conn, Dialling};
use crate::resolve::path_of;
use crate::socket_file;
use crate::stream::{Listener, Stream};

pub(super) const ENTRY: Entry = Entry {
    name: "unix",
    carries: Carries::Streams,
    locus: Locus::File,
    connects_with: &[],
    listens_with: &[],
    examples: &["unix:///run/app.sock", "unix://./app.sock?frame=line"],
    dial,
    bind,
};

/// How soon a full backlog is asked again. The system refuses at once there, and tells nobody when there is room.
const FULL: Duration = Duration::from_millis(20);

fn dial<'a>(call: &'a Call<'a>) -> Dialling<'a> {
    Box::pin(async move {
        let path = path_of(call.endpoint)?;
        let remote = Address::Unix(Some(path.into()));
        (call.on_event)(Kind::Connecting { leg: call.leg, transport: ENTRY.name, remote: &remote });
        let stream = loop {
            match UnixStream::connect(path).await {
                Ok(stream) => break Stream::Unix(stream),
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => sleep(FULL).await,
                Err(error) => return Err(call.fault(&error)),
            }
        };
        let local = stream.local().unwrap_or(Address::Unix(None));
        (call.on_event)(Kind::Connected {
            leg: call.leg,
            transport: ENTRY.name,
            local: &local,
            remote: &remote,
        });
        Ok(Conn::Stream(stream))
    })
}

fn bind(endpoint: &Endpoint, subject: &str, backlog: u32) -> Result<Sockets, Fault> {
    let path = path_of(endpoint)?;
    let fault = |error| unix_fault(&error, subject, path);
    let (socket, file) = socket_file::bind(path.as_ref(), Type::STREAM).map_err(fault)?;
    socket.listen(listen_backlog(backlog)).map_err(fault)?;
    let listener = UnixListener::from_std(socket.into()).map_err(fault)?;
    Ok(Sockets::Streams(vec![Listener::Unix(listener, file)]))
}
