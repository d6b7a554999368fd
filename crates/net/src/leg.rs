//! Legs that a conversation asks for: a second connection, or a process.

use std::rc::Rc;

use sockeye_core::endpoint::Endpoint;
use sockeye_core::{Address, Fault, Framing, Kind, Lane, Leg, Medium, Peer, SessionId};

use crate::dial::{self, Conn, Target};
use crate::drive::port::{Opened, Opening, Port};
use crate::process;
use crate::world::World;

/// Dials `to`.
pub(crate) fn connect(world: &Rc<World>, session: SessionId, leg: Leg, to: &str) -> Opening {
    let world = Rc::clone(world);
    let to = to.to_owned();
    Box::pin(async move {
        let target = world.target(&to)?;
        dial(&world, session, leg, &target).await
    })
}

/// Dials an endpoint and shows how it went.
pub(crate) async fn dial(
    world: &Rc<World>,
    session: SessionId,
    leg: Leg,
    target: &Target,
) -> Result<Opened, Fault> {
    let shown = |kind: Kind<'_>| world.show(session, kind);
    let options = dial::Options { leg, timeout: None, handshakes: world.limits.handshakes };
    let conn = target.dial(options, &shown).await?;
    Ok(opened(conn, target.endpoint()))
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
