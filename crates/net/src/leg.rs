//! Legs that a conversation asks for: a second connection, one that comes to us, or a process.

use std::future::poll_fn;
use std::io;
use std::rc::Rc;
use std::task::{Context, Poll};

use sockeye_core::endpoint::Endpoint;
use sockeye_core::{Address, Fault, Framing, Kind, Lane, Leg, Medium, Peer, SessionId};

use crate::bind::{self, BACKLOG, Bound, Sockets};
use crate::dial::{self, Conn, Target};
use crate::drive::caller::Caller;
use crate::drive::port::{Opened, Opening, Own, Port};
use crate::errno;
use crate::layer::{Layers, Link, Open, Scene};
use crate::process;
use crate::stream::Stream;
use crate::transport::{self, Role};
use crate::world::World;

/// Dials `to` for a session: for its peer, where it has one.
pub(crate) fn connect(
    world: &Rc<World>,
    session: SessionId,
    behalf: Option<(Address, Address)>,
    leg: Leg,
    to: &str,
) -> Opening {
    let world = Rc::clone(world);
    let to = to.to_owned();
    Box::pin(async move {
        let target = world.target(&to)?;
        dial(&world, session, &target, dial::Options { leg, behalf, ..options(&world) }).await
    })
}

/// Dials an endpoint and shows how it went.
pub(crate) async fn dial(
    world: &Rc<World>,
    session: SessionId,
    target: &Rc<Target>,
    options: dial::Options,
) -> Result<Opened, Fault> {
    let shown = |kind: Kind<'_>| world.show(session, kind);
    let tap = world.tap(session, options.leg);
    let conn = target.dial_tapped(options, &shown, tap.clone()).await?;
    let endpoint = target.endpoint();
    let dialled = Some(Rc::clone(target));
    Ok(match conn {
        Conn::Stream(stream) => {
            let remote = stream.remote().unwrap_or(Address::Unix(None));
            let port = Port::of(stream);
            Opened { remote, lane: endpoint.lane(port.medium()), port, dialled }
        }
        Conn::Datagram(socket) => Opened {
            remote: socket.remote().unwrap_or(Address::Unix(None)),
            lane: endpoint.lane(Medium::Datagrams),
            port: Port::Datagram(Box::new(Own { socket, tap })),
            dialled,
        },
    })
}

/// How this world dials.
pub(crate) fn options(world: &World) -> dial::Options {
    let limits = &world.limits;
    dial::Options {
        handshakes: limits.handshakes,
        message: limits.message,
        onlooker: world.onlooker.clone(),
        ..dial::Options::default()
    }
}

/// Starts a process whose stdin and stdout become the leg.
pub(crate) fn spawn(world: &World, leg: Leg, command: &[String], framing: Framing, peer: &Peer) -> Opening {
    let started = process::spawn(command, peer);
    let remote = Address::Process(command.join(" "));
    let tap = world.tap(peer.session, leg);
    Box::pin(async move {
        let port = Port::Stream(started?.tapped(tap));
        Ok(Opened { port, lane: Lane::stream(framing), remote, dialled: None })
    })
}

/// Where peers come to for one leg, one after the other.
pub(crate) struct Listening {
    pub(crate) leg: Leg,
    /// The endpoint, as written.
    pub(crate) at: Box<str>,
    /// Where it is, with the real port.
    pub(crate) url: String,
    layers: Layers,
    lane: Lane,
    sockets: Sockets,
}

impl Listening {
    /// Takes the endpoint's addresses.
    pub(crate) fn bind(world: &World, session: SessionId, leg: Leg, at: &str) -> Result<Rc<Self>, Fault> {
        let endpoint: Endpoint = at.parse()?;
        transport::fit(&endpoint, Role::Listen)?;
        let layers = Layers::prepare(&endpoint, Role::Listen)
            .map_err(|fault| fault.doing(format!("listen {}", endpoint.bare())))?;
        let Bound { url, medium, sockets, .. } = bind::bind(&endpoint, BACKLOG)?;
        world.show(session, Kind::Listening { url: &url, service: "" });
        for note in layers.announce(&url) {
            world.note(session, &note);
        }
        let lane = endpoint.lane(medium);
        Ok(Rc::new(Self { leg, at: at.into(), url, layers, lane, sockets }))
    }

    /// Waits for the next peer, and puts on what the endpoint says.
    pub(crate) fn next(self: &Rc<Self>, world: &Rc<World>, session: SessionId) -> Opening {
        let (this, world) = (Rc::clone(self), Rc::clone(world));
        Box::pin(async move {
            let came = match &this.sockets {
                Sockets::Streams(_) => this.accept(&world, session).await,
                Sockets::Datagrams(_) => this.hear(&world, session).await,
            };
            came.map_err(|fault| fault.doing(format!("listen {}", this.url)))
        })
    }

    async fn accept(&self, world: &World, session: SessionId) -> Result<Opened, Fault> {
        let accepted = poll_fn(|cx| self.poll_accept(cx)).await;
        let (stream, remote) = accepted.map_err(|error| errno::running(&error, ""))?;
        let link = Link::new(stream.tapped(world.tap(session, self.leg)), remote);
        let (leg, transport) = (self.leg, link.stream.transport());
        world.show(session, Kind::Connected { leg, transport, local: &link.local, remote: &link.remote });
        let (message, subject) = (world.limits.message, link.remote.to_string());
        let on_event = |kind: Kind<'_>| world.show(session, kind);
        let scene = Scene { leg, behalf: None, message, door: &Open, subject: &subject, on_event: &on_event };
        let link = self.layers.wrap(link, &scene, &world.limits.handshakes).await?;
        Ok(Opened { port: Port::of(link.stream), lane: self.lane, remote: link.remote, dialled: None })
    }

    fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<(Stream, Address)>> {
        let Sockets::Streams(listeners) = &self.sockets else { return Poll::Pending };
        for listener in listeners {
            loop {
                match listener.poll_accept(cx) {
                    Poll::Pending => break,
                    // That one gave up before it was let in.
                    Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                    accepted @ Poll::Ready(_) => return accepted,
                }
            }
        }
        Poll::Pending
    }

    async fn hear(self: &Rc<Self>, world: &World, session: SessionId) -> Result<Opened, Fault> {
        let mut buffer = vec![0; crate::world::READ];
        let heard = poll_fn(|cx| self.poll_hear(cx, &mut buffer)).await;
        let (index, received) = heard.map_err(|error| errno::running(&error, ""))?;
        buffer.truncate(received.len);
        let (leg, tap) = (self.leg, world.tap(session, self.leg));
        let caller = Caller::new(Rc::clone(self), index, received, buffer, tap);
        let (local, remote) = (caller.local(), caller.remote().clone());
        let transport = caller.transport();
        world.show(session, Kind::Connected { leg, transport, local: &local, remote: &remote });
        Ok(Opened { port: Port::Caller(Box::new(caller)), lane: self.lane, remote, dialled: None })
    }

    fn poll_hear(
        &self,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<(usize, crate::datagram::Received)>> {
        for (index, socket) in self.datagrams().iter().enumerate() {
            loop {
                match socket.poll_recv(cx, buffer) {
                    Poll::Pending => break,
                    // It is about a peer that was here before.
                    Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => {}
                    Poll::Ready(heard) => return Poll::Ready(heard.map(|received| (index, received))),
                }
            }
        }
        Poll::Pending
    }

    /// The sockets that datagrams come to.
    pub(crate) fn datagrams(&self) -> &[crate::datagram::Datagram] {
        match &self.sockets {
            Sockets::Datagrams(sockets) => sockets,
            Sockets::Streams(_) => &[],
        }
    }
}
