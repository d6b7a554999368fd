//! A server: listeners, the sessions on them, and the end.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use sockeye_core::endpoint::Endpoint;
use sockeye_core::{Code, Fault, Kind, Limits, Note, Observer, Service, SessionId};
use tokio::runtime::LocalRuntime;
use tokio::sync::watch;

use crate::accept;
use crate::bind::{self, BACKLOG, Bound, Sockets};
use crate::drive::demux::Demux;
use crate::front::Front;
use crate::guard::Guard;
use crate::impair::Impairments;
use crate::layer::Layers;
use crate::metrics::Metrics;
use crate::metrics::responder::Responder;
use crate::operator::{self, Source};
use crate::plan::Plan;
use crate::post::Letter;
use crate::signals::Signals;
use crate::timer;
use crate::transport::{self, Role};
use crate::world::World;

/// After the drain, sessions get this long to be closed.
const CLOSE: Duration = Duration::from_secs(2);

/// What to answer where.
pub struct Listener {
    /// Where.
    pub endpoint: Endpoint,
    /// The service's name, for people.
    pub name: String,
    /// With what.
    pub service: Arc<dyn Service>,
}

/// How to serve.
pub struct Options {
    /// Bounds.
    pub limits: Limits,
    /// End after so many sessions, in all.
    pub max_sessions: Option<u64>,
    /// Whose lines the service that reads them gets.
    pub operator: Option<Source>,
    /// The people's side.
    pub front: Arc<dyn Front>,
    /// Who is shown events.
    pub observer: Option<Arc<dyn Observer>>,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// All that was asked for is done.
    Done,
    /// A signal asked for the end, and sessions were let finish.
    Stopped,
    /// A second signal of this number cut it short.
    Signal(i32),
}

/// A server that has not started to answer. Ports are taken as they are bound, so that a taken one shows at once.
pub struct Server {
    runtime: LocalRuntime,
    world: Rc<World>,
    guard: Rc<Guard>,
    stop: watch::Sender<bool>,
    operator: Option<Source>,
    desks: Vec<Arc<dyn Service>>,
    bound: Vec<(Rc<Plan>, Bound)>,
    /// Taken over before the first listener is said to be ready: who reads that line may signal at once.
    signals: Option<Signals>,
    responder: Option<Responder>,
}

impl Server {
    /// A server without listeners.
    pub fn new(options: Options) -> Result<Self, Fault> {
        Ok(Self {
            runtime: runtime()?,
            guard: Guard::new(options.limits.clone(), options.max_sessions),
            world: World::new(options.limits, options.front, options.observer),
            stop: watch::Sender::new(false),
            operator: options.operator,
            desks: Vec::new(),
            bound: Vec::new(),
            signals: None,
            responder: None,
        })
    }

    /// Where chance begins, to repeat a run: who is turned away among many at their handshakes.
    pub fn seed(&self, seed: u64) {
        self.guard.seed(seed);
    }

    /// Counts, and answers who asks for the counts at this endpoint: a plain stream. Where that is, is told when the
    /// server runs.
    pub fn metrics(&mut self, endpoint: &Endpoint) -> Result<(), Fault> {
        self.responder = Some(self.runtime.block_on(async { Responder::bind(endpoint) })?);
        self.world.metrics.get_or_init(Metrics::new);
        Ok(())
    }

    /// Takes the listener's addresses and tells that they are ready: at the endpoint that is given back, with its real
    /// port. Peers are let in by [`Server::run`].
    pub fn bind(&mut self, listener: Listener) -> Result<String, Fault> {
        self.bind_impaired(listener, Impairments::new(Vec::new(), 0))
    }

    /// As [`Server::bind`], with faults on purpose in every session. A fault that means nothing there is one.
    pub fn bind_impaired(&mut self, listener: Listener, faults: Impairments) -> Result<String, Fault> {
        let endpoint = &listener.endpoint;
        let medium = transport::fit(endpoint, Role::Listen)?.medium;
        faults.fit(medium, &endpoint.front())?;
        let layers = Layers::prepare(endpoint, Role::Listen)
            .map_err(|fault| fault.doing(format!("listen {}", endpoint.bare())))?;
        let bound = self.runtime.block_on(async { bind::bind(endpoint, BACKLOG) })?;
        if self.signals.is_none() {
            self.signals = Some(self.runtime.block_on(async { Signals::listen() })?);
        }
        let (url, service) = (&bound.url, &listener.name);
        self.world.show(SessionId::default(), Kind::Listening { url, service });
        self.world.front.listening(url, service);
        for note in layers.announce(url) {
            self.world.note(SessionId::default(), &note);
        }
        faults.announce(medium).iter().for_each(|note| self.world.note(SessionId::default(), note));
        let mut desk = None;
        if listener.service.reads_operator() {
            desk = Some(self.desks.len());
            self.desks.push(Arc::clone(&listener.service));
        }
        let plan = Plan {
            world: Rc::clone(&self.world),
            guard: Rc::clone(&self.guard),
            service: listener.service,
            desk,
            layers,
            lane: endpoint.lane(bound.medium),
            idle: endpoint.params.idle.or(self.world.limits.idle),
            faults: Some(faults).filter(|faults| !faults.is_empty()),
            stop: self.stop.clone(),
        };
        let url = bound.url.clone();
        self.bound.push((Rc::new(plan), bound));
        Ok(url)
    }

    /// Serves until a signal, or until the sessions asked for have ended. A session over stdin and stdout that failed is
    /// the server's own failure.
    pub fn run(self) -> Result<End, Fault> {
        let Self { runtime, world, guard, stop, operator, desks, bound, signals, responder } = self;
        let end = runtime.block_on(async {
            let mut signals = signals.map_or_else(Signals::listen, Ok)?;
            tokio::task::spawn_local(timer::run(Rc::clone(&world)));
            if let Some(responder) = responder {
                world.note(SessionId::default(), &Note::new("metrics").arg("url", &responder.url));
                responder.start(&world, &guard);
            }
            let mut loops = Vec::new();
            for (plan, bound) in bound {
                start(&plan, bound, &mut loops);
            }
            if let Some(source) = operator.filter(|_| !desks.is_empty()) {
                let world = Rc::clone(&world);
                tokio::task::spawn_local(async move { operator::attend(&world, &desks, source).await });
            }
            let end = serve(&world, &guard, &stop, loops, &mut signals).await;
            world.tell_rest();
            Ok(end)
        });
        let outcome = world.outcome.take();
        runtime.shutdown_background();
        outcome.map_or(end, |fault| Err(*fault))
    }
}

/// A runtime whose tasks stay on this thread.
pub(crate) fn runtime() -> Result<LocalRuntime, Fault> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build_local(tokio::runtime::LocalOptions::default())
        .map_err(|error| Fault::new(Code::Internal, "runtime").detail(error))
}

/// Starts what answers on the sockets.
fn start(plan: &Rc<Plan>, bound: Bound, loops: &mut Vec<tokio::task::JoinHandle<()>>) {
    match bound.sockets {
        Sockets::Streams(listeners) => {
            for listener in listeners {
                loops.push(tokio::task::spawn_local(accept::run(Rc::clone(plan), listener)));
            }
        }
        Sockets::Datagrams(sockets) => {
            for socket in sockets {
                tokio::task::spawn_local(Demux::new(Rc::clone(plan), socket));
            }
        }
    }
}

/// Waits for the end: the sessions asked for are over, or somebody wants the server to stop.
async fn serve(
    world: &Rc<World>,
    guard: &Rc<Guard>,
    stop: &watch::Sender<bool>,
    loops: Vec<tokio::task::JoinHandle<()>>,
    signals: &mut Signals,
) -> End {
    let mut stopped = stop.subscribe();
    let signalled = tokio::select! {
        signal = signals.next() => Some(signal),
        _ = stopped.wait_for(|stop| *stop) => None,
    };
    stop.send_replace(true);
    for accepting in loops {
        let _ = accepting.await;
    }
    if signalled.is_none() {
        tokio::select! {
            () = all_ended(world, guard) => return End::Done,
            _ = signals.next() => {}
        }
    }
    drain(world, guard, signals).await
}

/// Lets sessions finish, then closes them; a further signal ends all at once.
async fn drain(world: &Rc<World>, guard: &Rc<Guard>, signals: &mut Signals) -> End {
    world.tell_all(&Letter::Stop);
    world.ending.send_replace(true);
    tokio::task::yield_now().await;
    let limit = world.limits.drain;
    if guard.live() > 0 && !limit.is_zero() {
        let span = sockeye_core::quantity::Span(limit);
        let note = Note::new("draining").arg("sessions", guard.live()).arg("limit", span);
        world.note(SessionId::default(), &note);
    }
    tokio::select! {
        () = all_ended(world, guard) => return End::Stopped,
        () = tokio::time::sleep(limit) => {}
        signal = signals.next() => return End::Signal(signal),
    }
    world.tell_all(&Letter::Close);
    tokio::select! {
        () = all_ended(world, guard) => {}
        () = tokio::time::sleep(CLOSE) => {}
        signal = signals.next() => return End::Signal(signal),
    }
    End::Stopped
}

async fn all_ended(world: &World, guard: &Guard) {
    // A handshake under way may still become a session, unless enough have begun.
    while guard.live() > 0 || (guard.pending() > 0 && guard.may_begin()) {
        world.ended.notified().await;
    }
}
