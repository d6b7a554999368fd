//! A client that keeps at it: when its connection is lost, another one is made, after a pause that grows.
//!
//! What the operator says while there is no connection waits in its channel, and is for the next one. The end of the
//! operator's words is the end: a connection that then ends is not made again, nor one that never came about.

use std::rc::Rc;
use std::time::Duration;

use sockeye_core::fault::Class;
use sockeye_core::quantity::Span;
use sockeye_core::{Conversation, Fault, Machine, Note, OPERATOR};
use tokio::sync::mpsc;

use crate::client::Options;
use crate::dial::Target;
use crate::drive::port::Port;
use crate::drive::session::Session;
use crate::leg;
use crate::operator::{Source, Typed};
use crate::server::runtime;
use crate::timer;
use crate::world::World;

/// A connection that stood for this long was a good one: the pauses begin again.
const GOOD: Duration = Duration::from_secs(10);

/// What a client that keeps at it is made of.
pub struct Again<'a> {
    /// Makes the conversation of each connection.
    pub start: &'a mut dyn FnMut() -> Box<dyn Conversation>,
    /// How long to pause before this attempt, counted from 1 since a connection was good.
    pub pause: &'a mut dyn FnMut(u32) -> Duration,
}

/// Runs a conversation with the endpoint, and another one whenever the connection is lost, until the operator's words end.
/// A fault that is no loss of a connection ends it too.
pub fn run(options: Options, again: Again<'_>, operator: Source) -> Result<(), Fault> {
    let runtime = runtime()?;
    let outcome = runtime.block_on(keep_at(options, again, operator));
    runtime.shutdown_background();
    outcome
}

async fn keep_at(options: Options, again: Again<'_>, operator: Source) -> Result<(), Fault> {
    let mut lines = operator.open(options.limits.message);
    let world = World::new(options.limits, options.front, options.observer);
    tokio::task::spawn_local(timer::run(Rc::clone(&world)));
    let target = Rc::new(Target::new(&options.endpoint)?);
    let subject = format!("{} {}", options.verb, options.endpoint.bare());
    let idle = options.endpoint.params.idle.or(world.limits.idle);
    let mut attempt = 0;
    let mut is_first = true;
    loop {
        let id = World::number();
        if is_first {
            for note in target.announce() {
                world.note(id, &note);
            }
        }
        match leg::dial(&world, id, &target, leg::options(&world)).await {
            Err(fault) if is_first || !is_loss(&fault) => return Err(fault),
            Err(fault) => world.fault(id, &fault),
            Ok(opened) => {
                if !is_first {
                    world.note(id, &Note::new("reconnected").arg("remote", &opened.remote));
                }
                is_first = false;
                let began = world.clock.now();
                let machine = Machine::new((again.start)(), opened.lane, world.limits.message)
                    .watched(id, world.observer.clone());
                let session = Session::new(&world, id, machine, opened.port, idle, None)
                    .with(opened.remote)
                    .dialled(&target)
                    .about(subject.clone())
                    .with_leg(OPERATOR, Port::Operator(lines));
                let (outcome, left) = last(session).await;
                lines = match (outcome, left) {
                    (outcome, None) => return outcome,
                    (Ok(()), Some(lines)) => lines,
                    (Err(fault), _) if !is_loss(&fault) => return Err(fault),
                    (Err(fault), Some(lines)) => {
                        world.fault(id, &fault);
                        lines
                    }
                };
                if world.clock.now().since(began) >= GOOD {
                    attempt = 0;
                }
            }
        }
        attempt += 1;
        let pause = (again.pause)(attempt);
        world.note(id, &Note::new("reconnecting").arg("after", Span(pause)));
        tokio::time::sleep(pause).await;
    }
}

/// Runs a session to its end: what it came to, and the operator's words, if more may come.
async fn last(mut session: Session) -> (Result<(), Fault>, Option<mpsc::Receiver<Typed>>) {
    let outcome = (&mut session).await.map_err(|fault| *fault);
    (outcome, session.take_operator())
}

/// Whether a fault says that a connection was lost or could not be made, which another attempt may mend.
fn is_loss(fault: &Fault) -> bool {
    matches!(fault.code.class(), Class::Connect | Class::Timeout | Class::Session)
}
