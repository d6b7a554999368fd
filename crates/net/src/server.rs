//! A server: listeners, the sessions on them, and the end.

use std::io;
use std::net::TcpListener;
use std::num::NonZeroUsize;
use std::os::fd::AsFd;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use sockeye_core::endpoint::Endpoint;
use sockeye_core::{Code, Fault, Kind, Limits, Note, Observer, Service, SessionId};
use tokio::runtime::LocalRuntime;
use tokio::sync::watch;

use crate::accept;
use crate::bind::{self, BACKLOG, Bound, Sockets};
use crate::crew::{Crew, Hand};
use crate::datagram::Datagram;
use crate::descriptors;
use crate::drive::demux::Demux;
use crate::front::Front;
use crate::guard::Guard;
use crate::impair::Impairments;
use crate::layer::Layers;
use crate::metrics::Metrics;
use crate::metrics::responder::Responder;
use crate::operator::{self, Source};
use crate::plan::{Draft, Plan};
use crate::post::Letter;
use crate::signals::Signals;
use crate::stream::Listener as Listening;
use crate::transport::{self, Role, tcp};
use crate::world::World;

/// After the drain, sessions get this long to be closed.
const CLOSE: Duration = Duration::from_secs(2);

/// How long it may take until other threads have told their sessions to stop. It bounds what a thread that hangs costs.
const HEARD: Duration = Duration::from_millis(100);

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

/// How threads wait for something to happen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wait {
    /// They sleep until the kernel wakes them.
    #[default]
    Asleep,
    /// They ask again and again (busy polling): nothing waits for a thread to wake up, and each keeps a core busy all the
    /// time.
    Spinning,
}

impl Wait {
    /// Makes this thread's runtime wait so, until it ends.
    pub(crate) fn start(self) {
        if self == Self::Spinning {
            // A task that is always ready: the runtime asks the kernel without waiting, every time it has no other.
            tokio::task::spawn_local(async {
                loop {
                    tokio::task::yield_now().await;
                }
            });
        }
    }
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
    guard: Arc<Guard>,
    stop: watch::Sender<bool>,
    threads: NonZeroUsize,
    wait: Wait,
    trains: Trains,
    operator: Option<Source>,
    desks: Vec<Arc<dyn Service>>,
    bound: Vec<Place>,
    /// Taken over before the first listener is said to be ready: who reads that line may signal at once.
    signals: Option<Signals>,
    responder: Option<Responder>,
}

/// Where one listener's plan is carried out.
struct Place {
    draft: Draft,
    bound: Bound,
    /// The sockets of the further threads, where there are any.
    further: Vec<Vec<TcpListener>>,
}

/// Whether several datagrams may travel through one call, where the system has that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trains {
    /// They may.
    Taken,
    /// Each goes by itself: as where the system has no trains, and slower.
    Refused,
}

impl Server {
    /// A server without listeners, of one thread. The process may have as many descriptors as the system allows it from
    /// now on, see [`descriptors::raise`].
    pub fn new(options: Options) -> Result<Self, Fault> {
        descriptors::raise();
        Ok(Self {
            runtime: runtime()?,
            guard: Guard::new(options.limits.clone(), options.max_sessions),
            world: World::new(options.limits, options.front, options.observer),
            stop: watch::Sender::new(false),
            threads: NonZeroUsize::MIN,
            wait: Wait::default(),
            trains: Trains::Taken,
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

    /// On how many threads TCP peers are answered, in all. What is bound afterwards has so many; other transports, and
    /// services that read the operator's lines, stay on the first thread. Limits, counts and what is shown are one over all of them.
    pub fn threads(&mut self, threads: NonZeroUsize) {
        self.threads = threads;
    }

    /// How its threads wait.
    pub fn wait(&mut self, wait: Wait) {
        self.wait = wait;
    }

    /// Whether what is bound afterwards takes and sends datagrams in trains.
    pub fn trains(&mut self, trains: Trains) {
        self.trains = trains;
    }

    /// Counts, and answers who asks for the counts at this endpoint: a plain stream. Where that is, is told when the
    /// server runs.
    pub fn metrics(&mut self, endpoint: &Endpoint) -> Result<(), Fault> {
        self.responder = Some(self.runtime.block_on(async { Responder::bind(endpoint) })?);
        self.world.shared.metrics.get_or_init(Metrics::new);
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
        let mut bound = self.runtime.block_on(async { bind::bind(endpoint, BACKLOG) })?;
        if let (Trains::Refused, Sockets::Datagrams(sockets)) = (self.trains, &mut bound.sockets) {
            *sockets = std::mem::take(sockets).into_iter().map(Datagram::without_trains).collect();
        }
        self.show_sockets(&bound);
        let further = self.further(&listener, &bound)?;
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
        if further.is_empty() && self.threads > NonZeroUsize::MIN {
            self.world
                .note(SessionId::default(), &Note::new("one-thread").arg("service", service).arg("url", url));
        }
        let mut desk = None;
        if listener.service.reads_operator() {
            desk = Some(self.desks.len());
            self.desks.push(Arc::clone(&listener.service));
        }
        let draft = Draft {
            guard: Arc::clone(&self.guard),
            service: listener.service,
            desk,
            layers: Arc::new(layers),
            lane: endpoint.lane(bound.medium),
            idle: endpoint.params.idle.or(self.world.limits.idle),
            faults: Some(faults).filter(|faults| !faults.is_empty()).map(Arc::new),
            stop: self.stop.clone(),
        };
        let url = bound.url.clone();
        self.bound.push(Place { draft, bound, further });
        Ok(url)
    }

    /// Shows listening sockets to whoever looks at them.
    fn show_sockets(&self, bound: &Bound) {
        let (Some(onlooker), Sockets::Streams(listeners)) = (&self.world.onlooker, &bound.sockets) else {
            return;
        };
        for listener in listeners {
            if let Listening::Tcp(socket) = listener {
                onlooker.listening(socket.as_fd());
            }
        }
    }

    /// The sockets of the further threads at what was bound. A service with one operator has none: who speaks and what is
    /// said are shown one after the other, and two threads would mix them.
    fn further(&self, listener: &Listener, bound: &Bound) -> Result<Vec<Vec<TcpListener>>, Fault> {
        let endpoint = &listener.endpoint;
        let Sockets::Streams(listeners) = &bound.sockets else { return Ok(Vec::new()) };
        if bound.entry.name != tcp::ENTRY.name || listener.service.reads_operator() {
            return Ok(Vec::new());
        }
        let opened = (1..self.threads.get()).map(|_| tcp::siblings(endpoint, listeners, BACKLOG));
        opened.collect::<io::Result<_>>().map_err(|error| {
            Fault::new(Code::CannotConnect, format!("listen {}", endpoint.bare())).detail(error)
        })
    }

    /// What each further thread is to do.
    fn hands(&mut self) -> Vec<Hand> {
        let hand = |at: usize| Hand {
            shared: Arc::clone(&self.world.shared),
            limits: self.world.limits.clone(),
            front: Arc::clone(&self.world.front),
            observer: self.world.observer.clone(),
            wait: self.wait,
            tasks: self
                .bound
                .iter_mut()
                .filter_map(|place| Some((place.draft.clone(), std::mem::take(place.further.get_mut(at)?))))
                .collect(),
        };
        (0..self.threads.get() - 1).map(hand).collect()
    }

    /// Serves until a signal, or until the sessions asked for have ended. A session over stdin and stdout that failed is
    /// the server's own failure.
    pub fn run(mut self) -> Result<End, Fault> {
        let hands = self.hands();
        let Self { runtime, world, guard, stop, wait, operator, desks, bound, signals, responder, .. } = self;
        let (doors, door) = watch::channel(());
        let crew = Crew::start(hands, &stop, &door)?;
        let end = runtime.block_on(async {
            let mut signals = signals.map_or_else(Signals::listen, Ok)?;
            world.run_errands();
            wait.start();
            if let Some(responder) = responder {
                world.note(SessionId::default(), &Note::new("metrics").arg("url", &responder.url));
                responder.start(&world.shared, &guard);
            }
            for Place { draft, bound, .. } in bound {
                start(&draft.on(&world), bound, &door);
            }
            drop(door);
            if let Some(source) = operator.filter(|_| !desks.is_empty()) {
                let world = Rc::clone(&world);
                tokio::task::spawn_local(async move { operator::attend(&world, &desks, source).await });
            }
            Ok(serve(&world, &guard, &stop, &doors, &mut signals).await)
        });
        let joined = match end {
            // Who signals twice waits for nobody.
            Ok(End::Signal(_)) => {
                crew.leave();
                Ok(())
            }
            _ => crew.join(),
        };
        world.tell_rest();
        let outcome = world.outcome.take();
        runtime.shutdown_background();
        outcome.map_or(joined.and(end), |fault| Err(*fault))
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
fn start(plan: &Rc<Plan>, bound: Bound, door: &watch::Receiver<()>) {
    match bound.sockets {
        Sockets::Streams(listeners) => {
            for listener in listeners {
                tokio::task::spawn_local(accept::run(Rc::clone(plan), listener, door.clone()));
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
    guard: &Guard,
    stop: &watch::Sender<bool>,
    doors: &watch::Sender<()>,
    signals: &mut Signals,
) -> End {
    let mut stopped = stop.subscribe();
    let signalled = tokio::select! {
        signal = signals.next() => Some(signal),
        _ = stopped.wait_for(|stop| *stop) => None,
    };
    stop.send_replace(true);
    // Every accept loop of every thread has a receiver.
    doors.closed().await;
    if signalled.is_none() {
        tokio::select! {
            () = guard.all_ended() => return End::Done,
            _ = signals.next() => {}
        }
    }
    drain(world, guard, signals).await
}

/// Lets sessions finish, then closes them; a further signal ends all at once.
async fn drain(world: &Rc<World>, guard: &Guard, signals: &mut Signals) -> End {
    let heard = world.tell_all(&Letter::Stop);
    world.shared.ending.send_replace(true);
    tokio::task::yield_now().await;
    let _ = tokio::time::timeout(HEARD, heard.closed()).await;
    let limit = world.limits.drain;
    if guard.live() > 0 && !limit.is_zero() {
        let span = sockeye_core::quantity::Span(limit);
        let note = Note::new("draining").arg("sessions", guard.live()).arg("limit", span);
        world.note(SessionId::default(), &note);
    }
    tokio::select! {
        () = guard.all_ended() => return End::Stopped,
        () = tokio::time::sleep(limit) => {}
        signal = signals.next() => return End::Signal(signal),
    }
    world.tell_all(&Letter::Close);
    tokio::select! {
        () = guard.all_ended() => {}
        () = tokio::time::sleep(CLOSE) => {}
        signal = signals.next() => return End::Signal(signal),
    }
    End::Stopped
}
