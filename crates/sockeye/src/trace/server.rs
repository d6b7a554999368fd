//! `serve --trace`: each TCP session of a server told as a trace when it is over. One capture for each port that is listened
//! at; what it holds is bounded, and so is how many sessions may wait to be told.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::os::fd::BorrowedFd;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use sockeye_core::endpoint::{Endpoint, Place, Secret};
use sockeye_core::{Address, Event, Fault, Kind, Note, Observer, SessionId};
use sockeye_net::{Front, Onlooker};
use sockeye_probe::sockets::Protocol;
use sockeye_probe::trace::capture::{self, Bounds, Frame, Lost, Tape};
use sockeye_probe::trace::look::{Look, now};
use sockeye_probe::trace::own::{save_syns, saved_syn};
use sockeye_probe::trace::{Call, End, Story};

use super::ear::{Attempt, canonical, talk};
use super::{Blind, GRACE, blindness, is_over, story};
use crate::secrets::Want;
use crate::views::{Views, Watcher};

/// Sessions that are followed at a time.
const SESSIONS: usize = 4096;

/// Sessions that may wait to be told.
const WAITING: usize = 256;

/// Frames of one session that are told.
const FRAMES: usize = 4000;

/// Ports that are captured.
const PORTS: usize = 16;

/// One session, told.
#[derive(Debug)]
pub struct Told {
    /// Its number.
    pub session: SessionId,
    /// What was seen of it.
    pub story: Story,
    /// Why nothing was captured, if nothing was.
    pub blind: Option<Blind>,
    /// What was lost of what was captured, of all sessions so far.
    pub lost: Lost,
    /// Sessions so far that were not told, since too many ended at once.
    pub untold: u64,
}

/// Who is told of sessions. Called on a thread of its own.
pub type Teller = Box<dyn Fn(&Told) + Send>;

/// Runs a server that is watched so.
pub fn around<T>(views: &Views, teller: Teller, act: impl FnOnce(&Views) -> T) -> T {
    let (ended, waiting) = sync_channel(WAITING);
    let watch =
        Arc::new(Watch { state: Mutex::default(), ended: Mutex::new(Some(ended)), inner: views.clone() });
    let told = {
        let watch = Arc::clone(&watch);
        thread::Builder::new().name("tell".to_owned()).spawn(move || tell(&watch, &waiting, &teller))
    };
    let watched = Views { watcher: Arc::new(Watched(Arc::clone(&watch))), observer: Some(watch.clone()) };
    let result = act(&watched);
    // What waits is still told.
    watch.ended.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Ok(told) = told {
        let _ended = told.join();
    }
    result
}

/// What is known of the sessions under way.
#[derive(Default)]
struct State {
    zero: Option<u64>,
    tapes: BTreeMap<u16, Arc<Tape>>,
    blind: Option<Blind>,
    /// The longest queue of each port, once somebody came there.
    backlogs: BTreeMap<u16, u32>,
    sessions: BTreeMap<SessionId, Attempt>,
    look: Option<Look>,
    untold: u64,
}

struct Watch {
    state: Mutex<State>,
    /// Where sessions that are over go; nobody's once the server has ended.
    ended: Mutex<Option<SyncSender<(SessionId, Attempt)>>>,
    inner: Views,
}

impl std::fmt::Debug for Watch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Watch")
    }
}

impl Watch {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn over(&self, session: SessionId, attempt: Attempt) {
        let ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        let sent = ended.as_ref().is_some_and(|ended| ended.try_send((session, attempt)).is_ok());
        if !sent {
            self.state().untold += 1;
        }
    }
}

impl State {
    /// A listener is there: its port is captured from now on.
    fn listens(&mut self, url: &str) {
        let Ok(endpoint) = url.parse::<Endpoint>() else { return };
        let Place::Host { port, .. } = endpoint.place else { return };
        if endpoint.scheme != "tcp" || self.tapes.len() >= PORTS || self.tapes.contains_key(&port) {
            return;
        }
        match Tape::start(Protocol::Tcp, port, Bounds::MANY) {
            Ok(tape) => drop(self.tapes.insert(port, Arc::new(tape))),
            Err(error) => self.blind = Some(blindness(&error)),
        }
    }

    fn accepted(&mut self, at: u64, session: SessionId, local: SocketAddr, remote: SocketAddr) {
        let is_full = self.sessions.len() >= SESSIONS;
        // A connection may have been shown before its session was told of.
        if is_full && !self.sessions.contains_key(&session) {
            self.untold += 1;
            return;
        }
        let backlog = self.backlog(local);
        let attempt = self.sessions.entry(session).or_insert_with(|| Attempt::new(remote));
        attempt.remote = remote;
        attempt.local = Some(local);
        attempt.is_connected = true;
        attempt.backlog = backlog;
        attempt.call(at, Call::Accept);
    }

    /// How many connections may wait at the listener of this address.
    fn backlog(&mut self, local: SocketAddr) -> Option<u32> {
        if let Some(known) = self.backlogs.get(&local.port()) {
            return Some(*known);
        }
        if self.look.is_none() {
            self.look = Look::open().ok();
        }
        let found = self.look.as_mut()?.backlog(local)?;
        if self.backlogs.len() < PORTS {
            self.backlogs.insert(local.port(), found);
        }
        Some(found)
    }

    /// Asks the kernel for our end, while it is still there.
    fn look_at(&mut self, session: SessionId) {
        if self.look.is_none() {
            self.look = Look::open().ok();
        }
        let (Some(look), Some(attempt)) = (&mut self.look, self.sessions.get_mut(&session)) else { return };
        let polled = attempt.local.and_then(|local| look.at(End::Server, local, attempt.remote));
        if let Some(polled) = polled {
            attempt.looked(polled);
        }
    }
}

impl Observer for Watch {
    fn event(&self, event: &Event<'_>) {
        let is_wire = matches!(event.kind, Kind::Wire { .. } | Kind::Secret { .. });
        if let Some(inner) = &self.inner.observer
            && (!is_wire || inner.wants_wire())
        {
            inner.event(event);
        }
        let mut state = self.state();
        let zero = *state.zero.get_or_insert_with(|| now().saturating_sub(event.at.0));
        let at = zero.saturating_add(event.at.0);
        match event.kind {
            Kind::Listening { url, .. } => state.listens(url),
            Kind::Accepted { transport: "tcp", local: Address::Ip(local), remote: Address::Ip(remote) } => {
                state.accepted(at, event.session, canonical(*local), canonical(*remote));
            }
            _ => {
                let is_end = matches!(event.kind, Kind::Closed { .. });
                if is_end || matches!(event.kind, Kind::HalfClosed { .. }) {
                    state.look_at(event.session);
                }
                let Some(attempt) = state.sessions.get_mut(&event.session) else { return };
                talk(attempt, at, &event.kind);
                if is_end && let Some(attempt) = state.sessions.remove(&event.session) {
                    drop(state);
                    self.over(event.session, attempt);
                }
            }
        }
    }

    fn wants_wire(&self) -> bool {
        true
    }

    fn wants_messages(&self) -> bool {
        self.inner.observer.as_ref().is_some_and(|inner| inner.wants_messages())
    }
}

impl Onlooker for Watch {
    fn connecting(&self, _socket: BorrowedFd<'_>) {}

    fn listening(&self, socket: BorrowedFd<'_>) {
        // Where the kernel does not keep them, they are not shown.
        let _kept = save_syns(socket);
    }

    fn accepted(&self, session: SessionId, socket: BorrowedFd<'_>) {
        let Some(syn) = saved_syn(socket) else { return };
        let mut state = self.state();
        if state.sessions.len() < SESSIONS {
            let mut attempt = Attempt::new(canonical(syn.from));
            attempt.saved_syn = Some((now(), syn));
            state.sessions.insert(session, attempt);
        }
    }
}

/// Tells sessions, one after the other. Once the server has ended, the last packets of those that wait are waited for no
/// longer than a second in all.
fn tell(watch: &Watch, waiting: &Receiver<(SessionId, Attempt)>, teller: &Teller) {
    let mut rest = GRACE;
    while let Ok((session, attempt)) = waiting.recv() {
        let Some(local) = attempt.local else { continue };
        let remote = attempt.remote;
        let (tape, blind, untold) = {
            let state = watch.state();
            (state.tapes.get(&local.port()).cloned(), state.blind.clone(), state.untold)
        };
        let is_ended = watch.ended.lock().unwrap_or_else(PoisonError::into_inner).is_none();
        let patience = if is_ended { rest } else { GRACE };
        let began = Instant::now();
        let mut lost = tape.as_deref().map(Tape::lost).unwrap_or_default();
        let frames = tape.as_deref().map(|tape| {
            let mut frames = frames(tape, local, remote, patience);
            lost.left_out += abridge(&mut frames);
            frames
        });
        if is_ended {
            rest = rest.saturating_sub(began.elapsed());
        }
        let story = story(End::Server, attempt, local, frames.as_deref(), Protocol::Tcp);
        teller(&Told { session, story, blind: blind.filter(|_| tape.is_none()), lost, untold });
    }
}

/// The frames of a connection, once its last are there.
fn frames(tape: &Tape, local: SocketAddr, remote: SocketAddr, patience: Duration) -> Vec<Frame> {
    let of = |frame: &Frame| capture::is_between(frame, local, remote);
    let mut seen = Vec::new();
    tape.wait(patience, |frames| is_over(&mut seen, frames.filter(|frame| of(frame)), remote, local));
    capture::at_one_place(tape.take(of))
}

/// Keeps the beginning and the end of what is too long to be told whole. Gives how many are left out.
fn abridge(frames: &mut Vec<Frame>) -> u64 {
    let over = frames.len().saturating_sub(FRAMES);
    if over > 0 {
        frames.drain(FRAMES / 2..FRAMES / 2 + over);
    }
    u64::try_from(over).unwrap_or(u64::MAX)
}

/// The people's side of a server that is watched.
struct Watched(Arc<Watch>);

impl Watched {
    fn inner(&self) -> &Arc<dyn Watcher> {
        &self.0.inner.watcher
    }
}

impl Front for Watched {
    fn listening(&self, url: &str, service: &str) {
        self.inner().listening(url, service);
    }

    fn print(&self, session: SessionId, payload: &[u8]) {
        self.inner().print(session, payload);
    }

    fn is_through(&self) -> bool {
        self.inner().is_through()
    }

    fn is_blocked(&self) -> bool {
        self.inner().is_blocked()
    }

    fn note(&self, session: SessionId, note: &Note) {
        self.inner().note(session, note);
    }

    fn fault(&self, session: SessionId, fault: &Fault) {
        self.inner().fault(session, fault);
    }

    fn onlooker(&self) -> Option<Arc<dyn Onlooker>> {
        Some(Arc::<Watch>::clone(&self.0))
    }
}

impl Watcher for Watched {
    fn warning(&self, fault: &Fault) {
        self.inner().warning(fault);
    }

    fn secret(&self, want: Want<'_>) -> Option<Secret> {
        self.inner().secret(want)
    }
}
