//! What looks at all sockets and news of deaths come to: who is there, what became of whom. Without I/O.
//!
//! A look finds sockets by their cookies, which no other socket ever has. What the kernel keeps of a connection without
//! a socket (half-open, and TIME-WAIT) has no lasting cookie and is known by its addresses. Births and changes of state
//! are found by looking, so that what is short is overlooked; deaths are told by the kernel.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::time::Duration;

use sockeye_core::How;

use super::{Event, Holder, Rates, Row, What};
use crate::owners::Owners;
use crate::sockets::{Protocol, Socket, State};

/// In so many looks a socket must be missing before it counts as dead without news: the kernel sends those a moment
/// after it has taken the socket off its tables.
const MISSING: u8 = 2;

/// What is remembered of sockets that died since the last look, at the most.
const RECENT: usize = 100_000;

/// What a socket is known by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Key {
    Cookie(u64),
    Pair(Pair),
}

/// The addresses of a connection, and the interface it is bound to.
type Pair = (Protocol, SocketAddr, SocketAddr, u32);

/// What is kept of a connection's socket for what comes after it.
#[derive(Clone, Debug)]
struct Before {
    state: Option<State>,
    holder: Holder,
    uid: Option<u32>,
}

#[derive(Debug)]
struct Entry {
    row: Row,
    /// Looks that did not find it.
    missing: u8,
    /// When the figures in it were taken.
    at: Duration,
    /// The look that found it last.
    look: u64,
}

/// The books.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    entries: HashMap<Key, Entry>,
    /// Who died since the last look: their TIME-WAIT is found next.
    recent: HashMap<Pair, Before>,
    /// Cookies of those that were given up, should the news come after all.
    buried: HashSet<u64>,
    /// Who listens, by port, and so is likely to have the connections there.
    listeners: HashMap<u16, Holder>,
    looks: u64,
}

impl Ledger {
    /// The rows of what is there now.
    pub(super) fn rows(&self) -> impl Iterator<Item = &Row> {
        self.entries.values().filter(|entry| entry.missing == 0).map(|entry| &entry.row)
    }

    /// Takes what a look found. `cut`: there were more, so that nothing can be said of who is missing.
    pub(super) fn look(
        &mut self,
        at: Duration,
        found: Vec<Socket>,
        cut: bool,
        owners: &Owners,
        out: &mut Vec<Event>,
    ) {
        self.looks += 1;
        self.listeners = listeners(&found, owners);
        let before = self.entries.iter().filter(|(key, _)| matches!(key, Key::Cookie(_)));
        let before: HashMap<Pair, Key> = before.map(|(key, entry)| (pair(&entry.row.socket), *key)).collect();
        for socket in found {
            self.meet(at, socket, owners, &before, out);
        }
        if !cut {
            self.part(at, out);
        }
        self.recent.clear();
        if self.buried.len() > RECENT {
            self.buried.clear();
        }
    }

    /// Takes a socket that a look found. `before`: those that there were, by their addresses.
    fn meet(
        &mut self,
        at: Duration,
        socket: Socket,
        owners: &Owners,
        before: &HashMap<Pair, Key>,
        out: &mut Vec<Event>,
    ) {
        let key = key(&socket);
        let look = self.looks;
        if let Some(entry) = self.entries.get_mut(&key) {
            let from = entry.row.socket.state;
            entry.row.rates = rates(&entry.row.socket, &socket, at.saturating_sub(entry.at));
            if let holder @ (Holder::Process { .. } | Holder::Hidden) = Holder::of(&socket, owners) {
                entry.row.holder = holder;
            }
            let changed = from != socket.state;
            // Who closes a socket leaves it to the kernel: the user it belonged to is still good to know.
            let uid = socket.uid.or(entry.row.socket.uid);
            entry.row.socket = Socket { uid, ..socket };
            (entry.at, entry.look, entry.missing) = (at, look, 0);
            if changed {
                let what = What::Changed { from: Some(from) };
                out.push(Event { at, how: How::Polled, what, row: entry.row.clone() });
            }
            return;
        }
        let mut row = Row { holder: Holder::of(&socket, owners), socket, seen: Some(at), rates: None };
        let mut what = if look == 1 { What::Present } else { What::Opened };
        if let Key::Pair(pair) = key {
            let alive = || {
                let alive = before.get(&pair).and_then(|key| self.entries.get(key));
                let alive = &alive.filter(|entry| entry.look < look)?.row;
                let (state, holder) = (Some(alive.socket.state), alive.holder.clone());
                Some(Before { state, holder, uid: alive.socket.uid })
            };
            if let Some(before) = self.recent.remove(&pair).or_else(alive) {
                what = What::Changed { from: before.state };
                row.holder = before.holder;
                row.socket.uid = row.socket.uid.or(before.uid);
            } else if look > 1 && row.socket.state != State::SynReceived {
                // It came and went between two looks, and the news of it are under way.
                what = What::Changed { from: None };
                row.holder = Holder::Unseen;
            }
        }
        if row.holder == Holder::Nobody
            && let Some(listens) = self.listener_on(&row.socket)
        {
            row.holder = listens;
        }
        out.push(Event { at, how: How::Polled, what, row: row.clone() });
        self.entries.insert(key, Entry { row, missing: 0, at, look });
    }

    /// Deals with those that the look did not find.
    fn part(&mut self, at: Duration, out: &mut Vec<Event>) {
        let look = self.looks;
        let gone: Vec<Key> = self
            .entries
            .iter_mut()
            .filter(|(_, entry)| entry.look < look)
            .filter_map(|(key, entry)| {
                entry.missing = entry.missing.saturating_add(1);
                (matches!(key, Key::Pair(_)) || entry.missing >= MISSING).then_some(*key)
            })
            .collect();
        let alive: HashSet<Pair> = if gone.iter().any(|key| matches!(key, Key::Pair(_))) {
            self.entries
                .values()
                .filter(|entry| entry.look == look)
                .map(|entry| pair(&entry.row.socket))
                .collect()
        } else {
            HashSet::new()
        };
        for key in gone {
            let Some(entry) = self.entries.remove(&key) else { continue };
            let last = entry.row.socket.state;
            let mut row = entry.row;
            let what = match key {
                // A half-open connection that has become a whole one.
                Key::Pair(pair) if alive.contains(&pair) => continue,
                Key::Pair(_) => {
                    row.socket.state = State::Closed;
                    What::Changed { from: Some(last) }
                }
                Key::Cookie(cookie) => {
                    self.buried.insert(cookie);
                    What::Died { last: Some(last) }
                }
            };
            out.push(Event { at, how: How::Polled, what, row });
        }
    }

    /// Takes news of a death.
    #[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "only Linux tells of deaths"))]
    pub(super) fn died(&mut self, at: Duration, socket: Socket, out: &mut Vec<Event>) {
        if self.buried.remove(&socket.cookie) {
            return;
        }
        let known = self.entries.remove(&Key::Cookie(socket.cookie));
        let last = known.as_ref().map(|entry| entry.row.socket.state);
        let row = match known {
            Some(Entry { row, .. }) => {
                let uid = socket.uid.or(row.socket.uid);
                let congestion = socket.congestion.clone().or(row.socket.congestion);
                Row { socket: Socket { uid, congestion, ..socket }, rates: None, ..row }
            }
            // One that was never bound or connected is nobody's business.
            None if socket.local.port() == 0 => return,
            None => {
                let holder = self.listener_on(&socket).unwrap_or(Holder::Unseen);
                Row { socket, holder, seen: None, rates: None }
            }
        };
        if self.recent.len() < RECENT && row.socket.protocol == Protocol::Tcp {
            let before = Before { state: last, holder: row.holder.clone(), uid: row.socket.uid };
            self.recent.insert(pair(&row.socket), before);
        }
        out.push(Event { at, how: How::Traced, what: What::Died { last }, row });
    }

    /// Who listens on a connection's port: then it was accepted there, most likely.
    fn listener_on(&self, socket: &Socket) -> Option<Holder> {
        if socket.protocol != Protocol::Tcp || socket.peer.port() == 0 {
            return None;
        }
        self.listeners.get(&socket.local.port()).cloned()
    }
}

/// The holders of listening ports, as what connections there are likely to belong to.
fn listeners(found: &[Socket], owners: &Owners) -> HashMap<u16, Holder> {
    let listening = found.iter().filter(|socket| socket.state == State::Listen);
    listening
        .filter_map(|socket| Some((socket.local.port(), inferred(&Holder::of(socket, owners))?)))
        .collect()
}

fn inferred(holder: &Holder) -> Option<Holder> {
    match holder {
        Holder::Process { process, .. } => Some(Holder::Listener(process.clone())),
        _ => None,
    }
}

fn key(socket: &Socket) -> Key {
    // What the kernel keeps without a socket has no figures.
    let is_kept = socket.protocol == Protocol::Tcp && socket.tcp.is_none();
    if is_kept { Key::Pair(pair(socket)) } else { Key::Cookie(socket.cookie) }
}

const fn pair(socket: &Socket) -> Pair {
    (socket.protocol, socket.local, socket.peer, socket.interface)
}

/// Bytes a second since an earlier look.
fn rates(before: &Socket, now: &Socket, time: Duration) -> Option<Rates> {
    let (before, now) = (before.tcp.as_ref()?, now.tcp.as_ref()?);
    let rate = |before: Option<u64>, now: Option<u64>| -> Option<u64> {
        let bytes = u128::from(now?.saturating_sub(before?));
        u64::try_from(bytes.checked_mul(1_000_000_000)?.checked_div(time.as_nanos())?).ok()
    };
    Some(Rates {
        received: rate(before.bytes_received, now.bytes_received)?,
        sent: rate(before.bytes_acked, now.bytes_acked)?,
    })
}
