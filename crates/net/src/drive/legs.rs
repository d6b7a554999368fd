//! Legs that come and go while a session lasts: connected, listened for, hung up, cut, secured.

use std::mem;
use std::rc::Rc;
use std::task::{Context, Poll};

use sockeye_core::{Address, Code, Direction, Endpoint, Fault, Input, Kind, Leg, PEER, Params, Place, Tick};
use tokio::io::AsyncWriteExt;

use crate::dial::Target;
use crate::drive::parting::Parting;
use crate::drive::port::{Opened, Opening, Port};
use crate::drive::session::{NEVER, Session};
use crate::drive::side::{Fin, Side};
use crate::errno;
use crate::layer::{Layers, Link, Open, Scene};
use crate::leg::{self, Listening};
use crate::stream::Stream;
use crate::transport::Role;
use crate::world::{Lent, World};

/// What only sessions have whose legs come and go.
#[derive(Default)]
pub(super) struct Legs {
    listening: Vec<Rc<Listening>>,
    /// Listeners of which the conversation does not know yet that they are ready.
    news: Vec<Rc<Listening>>,
    parting: Vec<Parting>,
}

impl Session {
    /// Says where the peer was dialled to.
    pub(crate) fn dialled(mut self, target: &Rc<Target>) -> Self {
        self.peer.dialled = Some(Rc::clone(target));
        self
    }

    /// Whether the session has no peer of its own: it is over when the conversation says so, and what happens to one of
    /// its legs is the conversation's concern alone.
    pub(super) fn is_alone(&self) -> bool {
        matches!(self.peer.port, Port::Nobody)
    }

    /// Opens a leg, which may have been open before.
    pub(super) fn open_leg(&mut self, leg: Leg, opening: Opening) {
        self.hang(leg);
        for parting in self.legs.iter_mut().flat_map(|legs| &mut legs.parting) {
            if parting.leg() == leg {
                parting.supersede();
            }
        }
        let side = Side::new(leg, Port::Opening(opening));
        match self.side(leg) {
            Some(place) => *place = side,
            None => self.others.push(side),
        }
    }

    pub(super) fn connect(&mut self, leg: Leg, to: &str) {
        let behalf = (!self.is_alone()).then(|| self.peer_info()).map(|peer| (peer.remote, peer.local));
        let opening = leg::connect(&self.world, self.id, behalf, leg, to);
        self.open_leg(leg, opening);
    }

    pub(super) fn listen(&mut self, leg: Leg, at: &str) {
        self.hang(leg);
        let opening: Opening = match self.listener(leg, at) {
            Ok(listening) => {
                let opening = listening.next(&self.world, self.id);
                self.legs.get_or_insert_default().news.push(listening);
                opening
            }
            Err(fault) => Box::pin(async { Err(fault.doing("listen")) }),
        };
        self.open_leg(leg, opening);
    }

    /// The listener of a leg: as before, or a new one in its place.
    fn listener(&mut self, leg: Leg, at: &str) -> Result<Rc<Listening>, Fault> {
        let legs = self.legs.get_or_insert_default();
        if let Some(known) = legs.listening.iter().find(|known| known.leg == leg && *known.at == *at) {
            return Ok(Rc::clone(known));
        }
        legs.listening.retain(|known| known.leg != leg);
        let listening = Listening::bind(&self.world, self.id, leg, at)?;
        legs.listening.push(Rc::clone(&listening));
        Ok(listening)
    }

    /// Tells the conversation of a listener that is ready. Whether there was one.
    pub(super) fn tell_listening(&mut self, cx: &mut Context<'_>, lent: &mut Lent) -> bool {
        let Some(legs) = self.legs.as_deref_mut().filter(|legs| !legs.news.is_empty()) else { return false };
        let news = legs.news.remove(0);
        let now = self.world.clock.now();
        self.machine.input(now, Input::Listening { leg: news.leg, url: &news.url }, &mut lent.out);
        self.apply(cx, lent);
        true
    }

    /// Looks whether a leg that was asked for has come about.
    pub(super) fn open(&mut self, leg: Leg, cx: &mut Context<'_>, lent: &mut Lent) -> bool {
        let Some(side) = self.side(leg) else { return false };
        if !matches!(side.port, Port::Opening(_)) || self.is_parting(leg) {
            return false;
        }
        let (world, is_alone) = (Rc::clone(&self.world), self.is_alone());
        let Some(side) = self.side(leg) else { return false };
        let Port::Opening(opening) = &mut side.port else { return false };
        let Poll::Ready(outcome) = opening.as_mut().poll(cx) else { return false };
        let now = world.clock.now();
        match outcome {
            Ok(opened) => {
                side.port = opened.port;
                side.dialled = opened.dialled.or(side.dialled.take());
                if leg == PEER {
                    self.machine.input(now, Input::Opened { leg }, &mut lent.out);
                } else {
                    self.machine.leg_opened(now, leg, opened.lane, &mut lent.out);
                }
            }
            Err(fault) if is_alone => {
                self.last = now;
                self.lose_leg(leg, &fault, cx, lent);
                return true;
            }
            Err(fault) => {
                side.port = Port::Gone;
                let why = fault.code.word();
                self.fault.get_or_insert(Box::new(fault));
                self.machine.input(now, Input::Failed { leg, why }, &mut lent.out);
            }
        }
        self.last = now;
        self.apply(cx, lent);
        true
    }

    /// Takes a leg out of the session. `None`: there is no connection.
    fn take_leg(&mut self, leg: Leg) -> Option<Side> {
        self.machine.take_rest(leg);
        let free = if leg == PEER { Port::Nobody } else { Port::Gone };
        let side = self.side(leg).filter(|side| !side.port.is_free())?;
        let gone = Side { eof: true, ..Side::new(leg, free) };
        Some(mem::replace(side, gone))
    }

    /// Closes one leg, once what it is owed is written.
    pub(super) fn hang(&mut self, leg: Leg) {
        let Some(side) = self.take_leg(leg) else { return };
        if matches!(side.port, Port::Opening(_)) {
            return;
        }
        let parting = Parting::new(side, self.world.clock.now());
        self.legs.get_or_insert_default().parting.push(parting);
    }

    /// Cuts one leg.
    pub(super) fn cut_leg(&mut self, leg: Leg) {
        let Some(mut side) = self.take_leg(leg) else { return };
        side.queue.clear(&self.world);
        self.abort(&side);
    }

    /// Makes dropping a leg an RST, where there is such a thing, and shows it.
    pub(super) fn abort(&self, side: &Side) {
        side.port.abort();
        if side.port.has_fin() {
            self.world.show(self.id, Kind::Reset { leg: side.leg, direction: Direction::Out });
        }
    }

    /// Cuts all legs.
    pub(super) fn abort_all(&mut self) {
        for side in std::iter::once(&self.peer).chain(&self.others) {
            self.abort(side);
        }
        let world = Rc::clone(&self.world);
        for parting in self.legs.iter_mut().flat_map(|legs| &mut legs.parting) {
            parting.forget(&world);
        }
    }

    /// Hangs up all legs: a session without a peer ends.
    pub(super) fn hang_all(&mut self) {
        for at in 0..self.others.len() {
            self.hang(self.others[at].leg);
        }
        if self.fault.is_some() {
            let world = Rc::clone(&self.world);
            for parting in self.legs.iter_mut().flat_map(|legs| &mut legs.parting) {
                parting.hurry(&world);
            }
        }
    }

    /// Lets legs that were hung up go on with it. Whether all are gone.
    pub(super) fn part_with_legs(&mut self, cx: &mut Context<'_>, lent: &mut Lent) -> bool {
        let Some(legs) = self.legs.as_deref_mut() else { return true };
        for parting in &mut legs.parting {
            parting.turn(cx, &self.world, self.id, &mut lent.buffer);
        }
        legs.parting.retain(|parting| !parting.is_over());
        legs.parting.is_empty()
    }

    /// When a leg that was hung up is given up.
    pub(super) fn parting_until(&self) -> Tick {
        let parting = self.legs.iter().flat_map(|legs| &legs.parting);
        parting.map(Parting::until).min().unwrap_or(NEVER)
    }

    /// Whether a leg that is to be opened again has yet to send its last end.
    pub(super) fn is_parting(&self, leg: Leg) -> bool {
        let mut parting = self.legs.iter().flat_map(|legs| &legs.parting);
        parting.any(|parting| parting.leg() == leg && parting.is_flushing())
    }

    /// Drops what waits for legs that were hung up.
    pub(super) fn forget_legs(&mut self) {
        for parting in self.legs.iter_mut().flat_map(|legs| &mut legs.parting) {
            parting.forget(&self.world);
        }
    }

    /// A leg of a session that is nothing but its legs is gone: the conversation hears the code, an observer all of it.
    pub(super) fn lose_leg(&mut self, leg: Leg, fault: &Fault, cx: &mut Context<'_>, lent: &mut Lent) {
        self.world.show(self.id, Kind::Error(fault));
        if let Some(mut side) = self.take_leg(leg) {
            side.queue.clear(&self.world);
        }
        let now = self.world.clock.now();
        self.machine.input(now, Input::Failed { leg, why: fault.code.word() }, &mut lent.out);
        self.apply(cx, lent);
    }

    /// What a fault of a leg is about, where its place says more than its number.
    pub(super) fn place_of(&self, leg: Leg) -> Option<String> {
        let side = self.others.iter().find(|side| side.leg == leg)?;
        if let Some(target) = &side.dialled {
            return Some(target.endpoint().bare().to_string());
        }
        let listening = self.legs.as_deref()?.listening.iter().find(|known| known.leg == leg)?;
        Some(listening.url.clone())
    }

    /// Puts TLS on a leg, once what it is owed is written.
    pub(super) fn secure(&mut self, leg: Leg, with: &str) {
        let mut rest = self.machine.take_rest(leg);
        let (world, id, lane) = (Rc::clone(&self.world), self.id, self.machine.lane(leg));
        let subject = self.subject(leg);
        let Some(side) = self.side(leg) else { return };
        let layers = layers(&world, side, with);
        let (coming, mut owed) = side.recall();
        rest.extend(coming);
        owed.extend_from_slice(side.queue.front());
        side.queue.clear(&world);
        side.bytes_out += owed.len() as u64;
        let opening: Opening = match (mem::replace(&mut side.port, Port::Gone), layers) {
            (Port::Stream(stream), Ok(layers)) if side.fin == Fin::Open => {
                let on = Upgrade { stream, rest, owed, layers };
                Box::pin(async move {
                    let (port, remote) = on.make(&world, id, leg, &subject).await?;
                    Ok(Opened { port, lane, remote, dialled: None })
                })
            }
            (_, Err(fault)) => Box::pin(async { Err(fault.doing(subject)) }),
            (port, _) => {
                let fault = Fault::new(Code::UnfitLayer, subject).arg("name", "tls");
                let fault = fault.arg("scheme", port.transport());
                Box::pin(async { Err(fault) })
            }
        };
        if let Some(side) = self.side(leg) {
            side.port = Port::Opening(opening);
        }
    }
}

/// TLS for a leg: as a client where we have connected, as a server otherwise.
fn layers(world: &World, side: &Side, with: &str) -> Result<Rc<Layers>, Fault> {
    let (role, mut endpoint) = match &side.dialled {
        Some(target) => (Role::Connect, target.endpoint().bare()),
        None => (Role::Listen, own(side.port.local())),
    };
    endpoint.layers = vec!["tls".to_owned()];
    endpoint.params = Params::default();
    if let Place::Host { path, .. } = &mut endpoint.place {
        *path = None;
    }
    let text = if with.is_empty() { endpoint.to_string() } else { format!("{endpoint}?{with}") };
    world.upgrade(&text, role)
}

/// Our end as an endpoint.
fn own(local: Address) -> Endpoint {
    let (scheme, place) = match local {
        Address::Ip(ip) => {
            ("tcp", Place::Host { host: sockeye_core::Host::Ip(ip.ip()), port: ip.port(), path: None })
        }
        other => ("unix", Place::Path(other.to_string())),
    };
    Endpoint {
        layers: Vec::new(),
        scheme: scheme.to_owned(),
        place,
        params: Params::default(),
        secrets: <_>::default(),
    }
}

/// A stream on which TLS is to be put.
struct Upgrade {
    stream: Stream,
    /// What came and was not taken.
    rest: Vec<u8>,
    /// What is still to be sent as it is.
    owed: Vec<u8>,
    layers: Rc<Layers>,
}

impl Upgrade {
    async fn make(
        mut self,
        world: &World,
        id: sockeye_core::SessionId,
        leg: Leg,
        subject: &str,
    ) -> Result<(Port, Address), Fault> {
        let broke = |error: std::io::Error| errno::running(&error, subject);
        self.stream.write_all(&self.owed).await.map_err(broke)?;
        self.stream.flush().await.map_err(broke)?;
        let remote = self.stream.remote().unwrap_or(Address::Unix(None));
        let on_event = |kind: Kind<'_>| world.show(id, kind);
        let message = world.limits.message;
        let scene = Scene { leg, behalf: None, message, door: &Open, subject, on_event: &on_event };
        let link = Link::new(self.stream.before(&self.rest), remote);
        let link = self.layers.wrap(link, &scene, &world.limits.handshakes).await?;
        Ok((Port::of(link.stream), link.remote))
    }
}
