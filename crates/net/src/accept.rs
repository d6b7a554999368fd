//! The accept loop of a stream listener.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use sockeye_core::{Address, Code, Fault, SessionId, Tick};

use crate::drive::port::Port;
use crate::drive::session::Session;
use crate::errno::is_exhausted;
use crate::plan::Plan;
use crate::stream::{Listener, Stream};
use crate::world::{BLOCKED, World};

/// How long to wait for descriptors to come back. Long enough not to spin, short enough to recover within 2 s.
const PAUSE: Duration = Duration::from_millis(200);

/// How often exhaustion is told.
const TELL: Duration = Duration::from_secs(1);

/// Lets peers in until told to stop.
pub(crate) async fn run(plan: Rc<Plan>, listener: Listener) {
    let mut stop = plan.stop.subscribe();
    let mut told = None;
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
                admit(&plan, stream, remote);
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

/// Starts a session for a stream, if there is a place for it.
fn admit(plan: &Rc<Plan>, stream: Stream, remote: Address) {
    let Some(slot) = plan.enter(&remote) else { return };
    let id = World::number();
    let machine =
        plan.begin(id, stream.transport(), stream.local().unwrap_or(Address::Unix(None)), remote.clone());
    let alone = matches!(stream, Stream::Stdio(_));
    let session = Session::new(&plan.world, id, machine, Port::Stream(stream), plan.idle, Some(slot));
    let session = session.with(remote).at_desk(plan.desk);
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
            self.0.tell(&fault);
        }
        Poll::Ready(())
    }
}
