//! A client: one session on one endpoint, with a conversation of the caller's or with stdin and stdout.

use std::rc::Rc;
use std::sync::Arc;

use sockeye_core::endpoint::Endpoint;
use sockeye_core::{
    Address, Code, Conversation, Effect, Fault, Framing, Input, Lane, Limits, Machine, OPERATOR, Observer,
    Outbox, PEER, Tick,
};

use crate::dial::Target;
use crate::drive::port::Port;
use crate::drive::session::Session;
use crate::front::Front;
use crate::leg;
use crate::operator::Source;
use crate::server::runtime;
use crate::stdio::Stdio;
use crate::stream::Stream;
use crate::timer;
use crate::world::World;

/// The leg of stdin and stdout in [`pipe`].
const STDIO: u8 = 1;

/// What both kinds of client are told.
pub struct Options {
    /// Where to connect.
    pub endpoint: Endpoint,
    /// What is being done with it, for faults of the session: `ask`, `connect`.
    pub verb: &'static str,
    /// Bounds. `idle` is the endpoint's, if it names one.
    pub limits: Limits,
    /// The people's side.
    pub front: Arc<dyn Front>,
    /// Who is shown events.
    pub observer: Option<Arc<dyn Observer>>,
}

/// Runs `conversation` with the endpoint. Lines of `operator` come as messages on [`OPERATOR`], then `Eof`.
pub fn run(
    options: Options,
    conversation: Box<dyn Conversation>,
    operator: Option<Source>,
) -> Result<(), Fault> {
    let operator = operator.map(|source| source.open(options.limits.message));
    session(options, conversation, operator.map(|lines| (OPERATOR, Port::Operator(lines))))
}

/// Runs `conversation` with the endpoint, where it is we who answer: on a WebSocket an answer is then text or binary as
/// the message before it, as a server's are. Otherwise what is sent is text whenever it is UTF-8.
pub fn answer(options: Options, conversation: Box<dyn Conversation>) -> Result<(), Fault> {
    let runtime = runtime()?;
    runtime.block_on(talk(options, conversation, None, Session::answering))
}

/// Connects stdin and stdout with the endpoint, byte for byte. End of stdin sends FIN and reading goes on; the peer's
/// FIN ends it once stdin has fallen silent.
pub fn pipe(options: Options) -> Result<(), Fault> {
    let runtime = runtime()?;
    runtime.block_on(async {
        let stdio = Stdio::open().map_err(|error| Fault::new(Code::Broken, "-").detail(error))?;
        let stdio = Port::Stream(Stream::Stdio(Box::new(stdio)));
        talk(options, Box::new(Piped), Some((STDIO, stdio)), |session| session).await
    })
}

/// What a conversation without a peer of its own is told.
pub struct Free {
    /// What is being done, for faults of the session.
    pub subject: String,
    /// Bounds.
    pub limits: Limits,
    /// The people's side.
    pub front: Arc<dyn Front>,
    /// Who is shown events.
    pub observer: Option<Arc<dyn Observer>>,
    /// Whose lines come as messages on [`OPERATOR`], then `Eof`.
    pub operator: Option<Source>,
}

/// Runs `conversation` with nobody on [`PEER`]: it begins with `Opened` of that leg, which then carries nothing, and opens
/// all others by effects. It lives until it closes. What happens to a leg is the conversation's concern: it is told
/// `Failed` with the code's word, and right before that an observer is shown [`Kind::Error`](sockeye_core::Kind::Error)
/// with the whole fault. So what comes back is only a fault that the conversation failed with.
///
/// Blocks its thread, and shares nothing with other threads that run one.
pub fn play(free: Free, conversation: Box<dyn Conversation>) -> Result<(), Fault> {
    let runtime = runtime()?;
    let outcome = runtime.block_on(async {
        let world = World::new(free.limits, free.front, free.observer);
        tokio::task::spawn_local(timer::run(Rc::clone(&world)));
        let id = World::number();
        let lane = Lane::stream(Framing::RAW);
        let machine =
            Machine::new(conversation, lane, world.limits.message).watched(id, world.observer.clone());
        let mut session = Session::new(&world, id, machine, Port::Nobody, None, None)
            .with(Address::Unix(None))
            .about(free.subject);
        if let Some(source) = free.operator {
            session = session.with_leg(OPERATOR, Port::Operator(source.open(world.limits.message)));
        }
        session.await.map_err(|fault| *fault)
    });
    runtime.shutdown_background();
    outcome
}

fn session(
    options: Options,
    conversation: Box<dyn Conversation>,
    leg: Option<(u8, Port)>,
) -> Result<(), Fault> {
    let runtime = runtime()?;
    let outcome = runtime.block_on(talk(options, conversation, leg, |session| session));
    runtime.shutdown_background();
    outcome
}

async fn talk(
    options: Options,
    conversation: Box<dyn Conversation>,
    other: Option<(u8, Port)>,
    manner: fn(Session) -> Session,
) -> Result<(), Fault> {
    let world = World::new(options.limits, options.front, options.observer);
    tokio::task::spawn_local(timer::run(Rc::clone(&world)));
    let id = World::number();
    let target = Rc::new(Target::new(&options.endpoint)?);
    for note in target.announce() {
        world.note(id, &note);
    }
    let opened = leg::dial(&world, id, &target, leg::options(&world)).await?;
    let machine =
        Machine::new(conversation, opened.lane, world.limits.message).watched(id, world.observer.clone());
    let idle = options.endpoint.params.idle.or(world.limits.idle);
    let mut session = Session::new(&world, id, machine, opened.port, idle, None)
        .with(opened.remote)
        .dialled(&target)
        .about(format!("{} {}", options.verb, options.endpoint.bare()));
    if let Some((leg, port)) = other {
        session = session.with_leg(leg, port);
    }
    manner(session).await.map_err(|fault| *fault)
}

/// Stdin and stdout on one side, the endpoint on the other.
struct Piped;

impl Conversation for Piped {
    fn handle(&mut self, _now: Tick, input: Input<'_>, out: &mut Outbox) {
        match input {
            Input::Opened { leg: PEER } => out.effect(Effect::Relay { a: PEER, b: STDIO }),
            // Where the driver does not pass bytes by itself, this does.
            Input::Message { leg, data } => {
                out.to(if leg == PEER { STDIO } else { PEER });
                out.message(data);
            }
            Input::Eof { leg: STDIO } => out.finish(),
            // The peer's FIN is no end yet: the driver knows when stdin has nothing more for it.
            _ => {}
        }
    }

    fn deadline(&self) -> Option<Tick> {
        None
    }
}
