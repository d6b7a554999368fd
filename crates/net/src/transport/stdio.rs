//! `-`: this process's stdin and stdout. Listening on it is one session, once.

use std::cell::Cell;

use sockeye_core::{Address, Kind};

use super::{Carries, Entry, Locus};
use crate::bind::Sockets;
use crate::dial::{Call, Conn, Dialling};
use crate::stdio::Stdio;
use crate::stream::{Listener, Stream};

pub(super) const ENTRY: Entry = Entry {
    name: "-",
    carries: Carries::Streams,
    locus: Locus::Stdio,
    connects_with: &[],
    listens_with: &[],
    examples: &["-"],
    dial,
    bind: |_, _, _| Ok(Sockets::Streams(vec![Listener::Stdio(Cell::new(false))])),
};

fn dial<'a>(call: &'a Call<'a>) -> Dialling<'a> {
    Box::pin(async move {
        let stream = Stdio::open().map_err(|error| call.fault(&error))?;
        let end = &Address::Stdio;
        (call.on_event)(Kind::Connected { leg: call.leg, transport: ENTRY.name, local: end, remote: end });
        Ok(Conn::Stream(Stream::Stdio(Box::new(stream))))
    })
}
