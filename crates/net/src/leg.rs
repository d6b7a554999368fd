//! Legs that a conversation asks for: a second connection, or a process.

use std::rc::Rc;

use sockeye_core::endpoint::Endpoint;
use sockeye_core::{Address, Fault, Framing, Kind, Lane, Leg, Peer, SessionId};

use crate::dial::{self, Conn};
use crate::drive::port::{Opened, Opening, Port};
use crate::process;
use crate::world::World;

/// Dials `to`.
pub(crate) fn connect(world: &Rc<World>, session: SessionId, leg: Leg, to: &str) -> Opening {
    let world = Rc::clone(world);
    let to = to.to_owned();
    Box::pin(async move {
        let endpoint: Endpoint = to.parse()?;
        dial(&world, session, leg, &endpoint).await
    })
}

/// Dials an endpoint and shows how it went.
pub(crate) async fn dial(
    world: &Rc<World>,
    session: SessionId,
    leg: Leg,
    endpoint: &Endpoint,
) -> Result<Opened, Fault> {
    let shown = |kind: Kind<'_>| world.show(session, kind);
    let conn = dial::dial(endpoint, dial::Options { leg, timeout: None }, &shown).await?;
    Ok(opened(conn, endpoint))
}

fn opened(conn: Conn, endpoint: &Endpoint) -> Opened {
    match conn {
        Conn::Stream(stream) => Opened {
            remote: stream.remote().unwrap_or(Address::Unix(None)),
            lane: Lane::stream(endpoint.framing(false)),
            port: Port::Stream(stream),
        },
        Conn::Datagram(socket) => Opened {
            remote: socket.remote().unwrap_or(Address::Unix(None)),
            lane: Lane { framing: endpoint.framing(true), datagrams: true },
            port: Port::Datagram(Box::new(socket)),
        },
    }
}

/// Starts a process whose stdin and stdout become the leg.
pub(crate) fn spawn(command: &[String], framing: Framing, peer: &Peer) -> Opening {
    let started = process::spawn(command, peer);
    let remote = Address::Process(command.join(" "));
    Box::pin(async move { Ok(Opened { port: Port::Stream(started?), lane: Lane::stream(framing), remote }) })
}
