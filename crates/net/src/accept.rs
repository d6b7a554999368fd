//! The accept loop of a stream listener.

use std::future::{Future, poll_fn};
use std::io;
use std::os::fd::AsFd;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::sync::watch;

use sockeye_core::event::Totals;
use sockeye_core::{Address, Code, Fault, Kind, PEER, SessionId, Tick};

use crate::complaints::About;
use crate::drive::port::Port;
use crate::drive::session::Session;
use crate::drive::who::Told;
use crate::entrant::Entrant;
use crate::errno::is_exhausted;
use crate::guard::{Reason, Slot};
use crate::layer::{Link, Scene};
use crate::plan::{Caller, Plan};
use crate::stream::{Listener, Stream};
use crate::world::{BLOCKED, World};

/// How long to wait for descriptors to come back. Long enough not to spin, short enough to recover within 2 s.
const PAUSE: Duration = Duration::from_millis(200);

/// How often exhaustion is told.
const TELL: Duration = Duration::from_secs(1);

/// Lets peers in until told to stop. Who waits for that waits for `_door` to be dropped.
pub(crate) async fn run(plan: Rc<Plan>, listener: Listener, _door: watch::Receiver<()>) {
    let mut stop = plan.stop.subscribe();
    let mut told = None;
    let ours = listener.ours();
    loop {
        while plan.world.is_held_up(false) && !*stop.borrow() {
            tokio::time::sleep(BLOCKED).await;
        }
        let accepted = tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => return,
            accepted = poll_fn(|cx| listener.poll_accept(cx)) => accepted,
        };
        match accepted {
            Ok((stream, remote)) => {
                admit(&plan, stream, ours.as_ref(), remote);
                if listener.is_spent() {
                    plan.stop.send_replace(true);
                }
            }
            Err(error) if is_exhausted(&error) => {
                tell_exhausted(&plan.world, &error, &mut told);
                tokio::time::sleep(PAUSE).await;
            }
            // The peer gave up before it was accepted; the next one may not.
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            Err(error) => {
                let fault = Fault::new(Code::Broken, "accept").detail(&error);
                plan.world.fault(SessionId::default(), &fault);
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// Starts a session for a stream, if there is a place for it. `ours` is our end, if it is the same for all.
fn admit(plan: &Rc<Plan>, mut stream: Stream, ours: Option<&Address>, remote: Address) {
    let world = &plan.world;
    let link = |id, stream: Stream, remote| {
        if let (Some(onlooker), Stream::Tcp(stream)) = (&world.onlooker, &stream) {
            onlooker.accepted(id, stream.as_fd());
        }
        let stream = stream.tapped(world.tap(id, PEER));
        match ours {
            Some(ours) => Link::between(stream, ours.clone(), remote),
            None => Link::new(stream, remote),
        }
    };
    let accepted = |id, link: &Link| {
        let (transport, local, remote) = (link.stream.transport(), &link.local, &link.remote);
        world.show(id, Kind::Accepted { transport, local, remote });
    };
    if plan.layers.is_empty() {
        let Some(slot) = plan.enter(&remote) else { return };
        let id = World::number();
        let link = link(id, stream, remote);
        accepted(id, &link);
        return begin(plan, id, slot, link);
    }
    let known = Some(&remote).filter(|_| !plan.layers.tell_remote());
    match plan.guard.greet(known, plan.layers.logins(), world.clock.now()) {
        Ok(place) => {
            let id = World::number();
            let link = link(id, stream, remote);
            accepted(id, &link);
            let entrant = Entrant::new(world, &plan.guard, place, link.remote.clone());
            tokio::task::spawn_local(greet(Rc::clone(plan), id, entrant, link));
        }
        Err(reason) => {
            // One write that waits for nothing: whoever has mistyped a password is to know that it is no other server.
            if let (Reason::Backoff, Some(word)) = (reason, plan.layers.come_later()) {
                let _ = stream.try_write(word);
            }
            world.refuse(SessionId::default(), &remote, reason);
        }
    }
}

/// Makes the handshakes, then starts the session as a task of its own, which is smaller. A server that stops, or that
/// has begun the last session it is to serve, waits for no handshake.
async fn greet(plan: Rc<Plan>, id: SessionId, entrant: Entrant, link: Link) {
    let world = &plan.world;
    let subject = link.remote.to_string();
    let on_event = |kind: Kind<'_>| {
        world.show(id, kind);
        // What a layer tells before its handshake has an end is the server's own trouble, as with a file it needs.
        if let Kind::Error(fault) = kind {
            world.fault(id, fault);
        }
    };
    let (message, door) = (world.limits.message, &entrant);
    let scene = Scene { leg: PEER, behalf: None, message, door, subject: &subject, on_event: &on_event };
    let wrapped = tokio::select! {
        biased;
        wrapped = plan.layers.wrap(link, &scene, &world.limits.handshakes) => Some(wrapped),
        () = nobody_waits(&plan) => None,
    };
    let ended = match (wrapped, entrant.refusal()) {
        (_, Some(reason)) => Err(reason),
        (Some(Ok(link)), None) => match entrant.settle() {
            Ok(slot) => return begin(&plan, id, plan.began(slot), link),
            Err(reason) => Err(reason),
        },
        (Some(Err(fault)), None) => {
            world.show(id, Kind::Error(&fault));
            world.complain(About::Handshake, id, &fault);
            Ok(())
        }
        (None, None) if plan.guard.may_begin() => {
            world.show(id, Kind::Timeout { what: "drain" });
            Ok(())
        }
        (None, None) => Err(Reason::MaxSessions),
    };
    if let Err(reason) = ended {
        world.refuse(id, &entrant.remote(), reason);
    }
    world.show(id, Kind::Closed { totals: Totals::default() });
    drop(entrant);
    world.forget(id);
}

/// Comes when no handshake is worth waiting for: the server ends, or no session may begin any more.
async fn nobody_waits(plan: &Plan) {
    let mut stop = plan.stop.subscribe();
    let mut ending = plan.world.shared.ending.subscribe();
    // Neither sender is dropped while its plan is there.
    let _ = stop.wait_for(|stop| *stop).await;
    if plan.guard.may_begin() {
        let _ = ending.wait_for(|ending| *ending).await;
    }
}

/// Starts a session on a connection that has all its layers.
fn begin(plan: &Rc<Plan>, id: SessionId, slot: Slot, link: Link) {
    let Link { stream, local, remote, user } = link;
    let alone = stream.is_stdio();
    let transport = stream.transport();
    let told = (!plan.layers.is_empty()).then(|| Told { local: local.clone(), user: user.clone() });
    let machine = plan.begin(Caller { id, transport, local, remote: remote.clone(), user });
    let session = Session::new(&plan.world, id, machine, Port::of(stream), plan.idle, Some(slot));
    let mut session = session.with(remote).told(told).at_desk(plan.desk);
    if let Some(faults) = &plan.faults {
        session = session.impaired(faults);
    }
    if alone {
        let world = Rc::clone(&plan.world);
        tokio::task::spawn_local(async move { world.outcome.set(session.await.err()) });
    } else {
        tokio::task::spawn_local(Served(session));
    }
}

fn tell_exhausted(world: &World, error: &io::Error, told: &mut Option<Tick>) {
    let now = world.clock.now();
    if told.is_none_or(|told| now.since(told) >= TELL) {
        *told = Some(now);
        let fault = Fault::new(Code::OverLimit, "accept").arg("limit", "descriptors").detail(error);
        world.fault(SessionId::default(), &fault);
    }
}

/// A server's session: its end is told, and nobody waits for it. A future of its own, since an `async` block would hold
/// the session twice.
pub(crate) struct Served(pub(crate) Session);

impl Future for Served {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let outcome = std::task::ready!(Pin::new(&mut self.0).poll(cx));
        if let Err(fault) = outcome {
            self.0.complain(&fault);
        }
        Poll::Ready(())
    }
}
