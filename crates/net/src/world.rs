//! What all sessions of one thread share: the people's side, the clock, the timer, the lent buffers, and who is there.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sockeye_core::{Event, Fault, How, Kind, Leg, Limits, Note, Observer, Outbox, SessionId};
use tokio::sync::watch;

use crate::clock::{Clock, wall};
use crate::complaints::About;
use crate::dial::Target;
use crate::drive::pour::Basins;
use crate::front::{Front, Onlooker};
use crate::inbox::{self, Inbox};
use crate::layer::Layers;
use crate::post::{Letter, Post};
use crate::shared::Shared;
use crate::splice::Pipes;
use crate::tap::Tap;
use crate::timer::{self, Timer};
use crate::transport::{self, Role};

/// How much one read may bring: 64 KiB, the most a UDP datagram can carry, and what measured best for streams.
pub(crate) const READ: usize = 64 * 1024;

/// The longest that answers grow before they are written; a bound on what waits for a peer makes it less.
const BURST: usize = 256 * 1024;

/// How often stdout is looked at again while it is blocked.
pub(crate) const BLOCKED: Duration = Duration::from_millis(5);

/// How many places that sessions connect to are remembered.
const TARGETS: usize = 64;

static NEXT: AtomicU64 = AtomicU64::new(1);

/// One thread's world.
pub(crate) struct World {
    pub(crate) front: Arc<dyn Front>,
    /// Who looks at TCP sockets themselves.
    pub(crate) onlooker: Option<Arc<dyn Onlooker>>,
    pub(crate) observer: Option<Arc<dyn Observer>>,
    /// Whether it wants bytes as transports carry them.
    wants_wire: bool,
    /// Whether it wants what messages say.
    pub(crate) wants_messages: bool,
    pub(crate) limits: Limits,
    pub(crate) clock: Clock,
    pub(crate) timer: Timer,
    /// Lent to one session at a time, for one poll.
    pub(crate) lent: RefCell<Lent>,
    /// What it shares with the other threads.
    pub(crate) shared: Arc<Shared>,
    /// Letters from the other threads.
    pub(crate) inbox: Arc<Inbox>,
    /// What bulk bytes of relays are moved through.
    pub(crate) pipes: Pipes,
    /// Where poured bytes go, once some are.
    pub(crate) basins: Basins,
    /// How much one read of a stream may bring, and how long the answers to it may grow before they are written: so much
    /// that neither takes a peer that reads over its bound.
    pub(crate) burst: usize,
    /// What went wrong in the session over stdin and stdout: where there is one, it is what the program was run for.
    pub(crate) outcome: Cell<Option<Box<Fault>>>,
    posts: RefCell<HashMap<SessionId, Rc<Post>>>,
    targets: RefCell<HashMap<Box<str>, Rc<Target>>>,
    upgrades: RefCell<HashMap<Box<str>, Rc<Layers>>>,
}

/// Buffers that no idle session holds.
pub(crate) struct Lent {
    pub(crate) buffer: Box<[u8]>,
    pub(crate) out: Outbox,
}

impl World {
    /// The world of a run that has one thread, or of its first.
    pub(crate) fn new(
        limits: Limits,
        front: Arc<dyn Front>,
        observer: Option<Arc<dyn Observer>>,
    ) -> Rc<Self> {
        let shared = Shared::new(&limits);
        Self::of(shared, limits, front, observer)
    }

    /// The world of a further thread.
    pub(crate) fn of(
        shared: Arc<Shared>,
        limits: Limits,
        front: Arc<dyn Front>,
        observer: Option<Arc<dyn Observer>>,
    ) -> Rc<Self> {
        Rc::new(Self {
            onlooker: front.onlooker(),
            front,
            wants_wire: observer.as_deref().is_some_and(Observer::wants_wire),
            wants_messages: observer.as_deref().is_some_and(Observer::wants_messages),
            observer,
            inbox: shared.join(),
            burst: (limits.waiting_per_peer / 2).clamp(1, BURST),
            limits,
            clock: shared.clock,
            shared,
            timer: Timer::default(),
            lent: RefCell::new(Lent { buffer: vec![0; READ].into_boxed_slice(), out: Outbox::new(wall) }),
            pipes: Pipes::default(),
            basins: Basins::default(),
            outcome: Cell::default(),
            posts: RefCell::default(),
            targets: RefCell::default(),
            upgrades: RefCell::default(),
        })
    }

    /// A number for a new session.
    pub(crate) fn number() -> SessionId {
        SessionId(NEXT.fetch_add(1, Ordering::Relaxed))
    }

    /// What sessions connect to: read once, and kept, as a service connects to the same few places again and again.
    pub(crate) fn target(&self, to: &str) -> Result<Rc<Target>, Fault> {
        if let Some(known) = self.targets.borrow().get(to) {
            return Ok(Rc::clone(known));
        }
        let target = Rc::new(Target::new(&to.parse()?)?);
        for note in target.announce() {
            self.note(SessionId::default(), &note);
        }
        let mut targets = self.targets.borrow_mut();
        if targets.len() >= TARGETS {
            targets.clear();
        }
        targets.insert(to.into(), Rc::clone(&target));
        Ok(target)
    }

    /// What `starttls` puts on a stream towards `endpoint`, or on one that came to it: read once, and kept.
    pub(crate) fn upgrade(&self, endpoint: &str, role: Role) -> Result<Rc<Layers>, Fault> {
        let key = format!("{} {endpoint}", if role == Role::Connect { ">" } else { "<" });
        if let Some(known) = self.upgrades.borrow().get(&*key) {
            return Ok(Rc::clone(known));
        }
        let endpoint = endpoint.parse()?;
        transport::fit(&endpoint, role)?;
        let layers = Rc::new(Layers::prepare(&endpoint, role)?);
        for note in layers.announce(&endpoint.bare().to_string()) {
            self.note(SessionId::default(), &note);
        }
        let mut upgrades = self.upgrades.borrow_mut();
        if upgrades.len() >= TARGETS {
            upgrades.clear();
        }
        upgrades.insert(key.into(), Rc::clone(&layers));
        Ok(layers)
    }

    /// Who is shown the bytes of this leg, if anybody wants to see them.
    #[inline]
    pub(crate) fn tap(&self, session: SessionId, leg: Leg) -> Option<Tap> {
        let observer = self.observer.as_ref().filter(|_| self.wants_wire)?;
        Some(Tap::new(Arc::clone(observer), self.clock, session, leg))
    }

    /// Makes `post` the mailbox of the session.
    pub(crate) fn enroll(&self, session: SessionId, post: Rc<Post>) {
        self.posts.borrow_mut().insert(session, post);
    }

    /// The session is over.
    pub(crate) fn forget(&self, session: SessionId) {
        self.posts.borrow_mut().remove(&session);
    }

    /// Starts what runs beside the sessions of this thread: its timer, and its letters from other threads.
    pub(crate) fn run_errands(self: &Rc<Self>) {
        tokio::task::spawn_local(timer::run(Rc::clone(self)));
        tokio::task::spawn_local(inbox::run(Rc::clone(self)));
    }

    fn post(&self, session: SessionId) -> Option<Rc<Post>> {
        self.posts.borrow().get(&session).map(Rc::clone)
    }

    /// Sends a letter to a session of any thread; one to a session that has ended is lost, as it should be.
    pub(crate) fn tell(&self, session: SessionId, letter: Letter) {
        match self.post(session) {
            Some(post) => post.send(session, letter),
            None => self.shared.forward(&self.inbox, session, &letter),
        }
    }

    /// Sends a letter to a session, if it is on this thread.
    pub(crate) fn hand_over(&self, session: SessionId, letter: Letter) {
        if let Some(post) = self.post(session) {
            post.send(session, letter);
        }
    }

    /// Sends a letter to every session of every thread. The receivers of what is given back are dropped by the other
    /// threads once their sessions have acted upon it.
    pub(crate) fn tell_all(&self, letter: &Letter) -> watch::Sender<()> {
        let heard = watch::Sender::new(());
        for inbox in self.shared.others(&self.inbox) {
            inbox.put_all(letter.clone(), heard.subscribe());
        }
        self.hand_over_to_all(letter);
        heard
    }

    /// Sends a letter to every session of this thread.
    pub(crate) fn hand_over_to_all(&self, letter: &Letter) {
        let all: Vec<_> = self.posts.borrow().iter().map(|(id, post)| (*id, Rc::clone(post))).collect();
        for (session, post) in all {
            post.send(session, letter.clone());
        }
    }

    /// Whether peers are to wait for whoever reads what is shown: what a session prints, or its events.
    #[inline]
    pub(crate) fn is_held_up(&self, prints: bool) -> bool {
        (prints || self.observer.is_some()) && self.front.is_blocked()
    }

    /// Tells people something.
    pub(crate) fn note(&self, session: SessionId, note: &Note) {
        self.show(session, Kind::Note(note));
        self.front.note(session, note);
    }

    /// Tells people that something went wrong.
    pub(crate) fn fault(&self, session: SessionId, fault: &Fault) {
        self.front.fault(session, fault);
    }

    /// Tells what was left untold, when the server ends.
    pub(crate) fn tell_rest(&self) {
        self.tell_refusals();
        self.tell_left_out(About::Handshake);
        self.tell_left_out(About::Session);
        self.sum_up_refusals();
    }

    /// A datagram from a peer was lost here.
    #[cold]
    pub(crate) fn dropped_in(&self) {
        if let Some(metrics) = self.shared.metrics.get() {
            metrics.dropped_in();
        }
    }

    /// A datagram to a peer was lost here.
    #[cold]
    pub(crate) fn dropped_out(&self) {
        if let Some(metrics) = self.shared.metrics.get() {
            metrics.dropped_out();
        }
    }

    /// Shows an event to the observer, if there is one.
    #[inline]
    pub(crate) fn show(&self, session: SessionId, kind: Kind<'_>) {
        if let Some(observer) = &self.observer {
            observer.event(&Event { at: self.clock.now(), session, how: How::Traced, kind });
        }
    }
}
