//! Legs that a conversation asks for: a second connection, or a process.

use std::rc::Rc;

use sockeye_core::endpoint::Endpoint;
use sockeye_core::{Address, Fault, Framing, Kind, Lane, Leg, Medium, Peer, SessionId};

use crate::dial::{self, Conn, Target};
use crate::drive::port::{Opened, Opening, Port};
use crate::process;
use crate::world::World;

/// Dials `to` for a session's peer.
pub(crate) fn connect(world: &Rc<World>, peer: Peer, leg: Leg, to: &str) -> Opening {
    let world = Rc::clone(world);
    let to = to.to_owned();
    Box::pin(async move {
        let target = world.target(&to)?;
        let session = peer.session;
        let behalf = Some((peer.remote, peer.local));
        dial(&world, session, &target, dial::Options { leg, behalf, ..options(&world) }).await
    })
}

/// Dials an endpoint and shows how it went.
pub(crate) async fn dial(
    world: &Rc<World>,
    session: SessionId,
    target: &Target,
    options: dial::Options,
) -> Result<Opened, Fault> {
    let shown = |kind: Kind<'_>| world.show(session, kind);
    let conn = target.dial(options, &shown).await?;
    Ok(opened(conn, target.endpoint()))
}

/// How this world dials.
pub(crate) fn options(world: &World) -> dial::Options {
    let limits = &world.limits;
    dial::Options { handshakes: limits.handshakes, message: limits.message, ..dial::Options::default() }
}

fn opened(conn: Conn, endpoint: &Endpoint) -> Opened {
    match conn {
        Conn::Stream(stream) => {
            let remote = stream.remote().unwrap_or(Address::Unix(None));
            let port = Port::of(stream);
            Opened { remote, lane: endpoint.lane(port.medium()), port }
        }
        Conn::Datagram(socket) => Opened {
            remote: socket.remote().unwrap_or(Address::Unix(None)),
            lane: endpoint.lane(Medium::Datagrams),
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
