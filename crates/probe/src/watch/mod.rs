//! This machine's sockets as they come, change and die, without any privilege.
//!
//! [`Watch`] looks at all sockets when told to, and a thread of its own takes the kernel's news of deaths, which have the
//! final figures. What the kernel could not queue is counted, and the next look finds who is missing.

mod ledger;
#[cfg(test)]
mod tests;

use std::io;
use std::time::{Duration, Instant};

use sockeye_core::How;

use crate::owners::{Owner, Owners, Process};
use crate::sockets::{Found, Protocol, Query, Socket, Sockets, State};

/// Who holds a socket, as far as it is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Holder {
    /// This process, and so many others.
    Process {
        /// The one with the lowest number.
        process: Process,
        /// How many more.
        others: usize,
    },
    /// Inferred: it is this process that listens on the port.
    Listener(Process),
    /// Perhaps a process that may not be seen.
    Hidden,
    /// No process any more.
    Nobody,
    /// It died before anybody looked.
    Unseen,
}

impl Holder {
    /// Who holds a socket by a look at all processes.
    pub fn of(socket: &Socket, owners: &Owners) -> Self {
        match owners.of(socket) {
            Owner::Held([first, others @ ..]) => {
                Self::Process { process: first.clone(), others: others.len() }
            }
            Owner::Hidden => Self::Hidden,
            Owner::Held([]) | Owner::Nobody => Self::Nobody,
        }
    }

    /// The process, where one is known or inferred.
    pub const fn process(&self) -> Option<&Process> {
        match self {
            Self::Process { process, .. } | Self::Listener(process) => Some(process),
            Self::Hidden | Self::Nobody | Self::Unseen => None,
        }
    }

    /// What is known, as a word for programs.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Process { .. } => "process",
            Self::Listener(_) => "listener",
            Self::Hidden => "hidden",
            Self::Nobody => "none",
            Self::Unseen => "unseen",
        }
    }
}

/// Bytes a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rates {
    /// That came in.
    pub received: u64,
    /// That the peer has acknowledged.
    pub sent: u64,
}

/// A socket and what is known of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The socket: as the last look found it, or as it died.
    pub socket: Socket,
    /// Who holds it, or did.
    pub holder: Holder,
    /// When it was first seen, since the watch began; none if never before it died.
    pub seen: Option<Duration>,
    /// Its rates between the last two looks.
    pub rates: Option<Rates>,
}

/// What happened to a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// It was there when the watch began.
    Present,
    /// It is new.
    Opened,
    /// Its state is another.
    Changed {
        /// The state before; none if it was not seen.
        from: Option<State>,
    },
    /// It is gone.
    Died {
        /// The state it was last seen in; none if never.
        last: Option<State>,
    },
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// When it was found or told, since the watch began.
    pub at: Duration,
    /// Deaths are traced if the kernel told of them; all else is polled.
    pub how: How,
    /// What.
    pub what: What,
    /// To which socket.
    pub row: Row,
}

/// What a turn of the watch brought.
#[derive(Clone, Debug, Default)]
pub struct News {
    /// What happened, in the order it became known.
    pub events: Vec<Event>,
    /// How many deaths were missed, because more waited than the kernel or this program keeps.
    pub missed: u64,
    /// Whether there were more sockets than are kept, so that some were not looked at.
    pub cut: bool,
}

/// A watch over the sockets of this network namespace.
#[derive(Debug)]
pub struct Watch {
    sockets: Sockets,
    query: Query,
    ledger: ledger::Ledger,
    began: Instant,
    #[cfg(target_os = "linux")]
    deaths: crate::linux::obituaries::Reader,
}

impl Watch {
    /// Begins: from now on no death goes unnoticed. `Unsupported` on systems other than Linux.
    pub fn start(protocol: Option<Protocol>) -> io::Result<Self> {
        Ok(Self {
            #[cfg(target_os = "linux")]
            deaths: crate::linux::obituaries::Reader::start(protocol)?,
            sockets: Sockets::open()?,
            query: Query { protocol, ..Query::default() },
            ledger: ledger::Ledger::default(),
            began: Instant::now(),
        })
    }

    /// How long it has watched.
    pub fn age(&self) -> Duration {
        self.began.elapsed()
    }

    /// What is there, in no order.
    pub fn rows(&self) -> impl Iterator<Item = &Row> {
        self.ledger.rows()
    }

    /// Looks at all sockets and at who holds them.
    pub fn look(&mut self, news: &mut News) -> io::Result<()> {
        // What died before the look is booked first: it is not found any more.
        self.take(news)?;
        let Found { sockets, cut } = self.sockets.all(&self.query)?;
        let owners = Owners::look();
        let at = self.age();
        news.cut |= cut;
        self.ledger.look(at, sockets, cut, &owners, &mut news.events);
        Ok(())
    }

    /// Waits for deaths, no longer than `patience`, and takes those there are.
    pub fn wait(&mut self, patience: Duration, news: &mut News) -> io::Result<()> {
        #[cfg(target_os = "linux")]
        {
            self.deaths.wait(patience);
            self.take(news)
        }
        #[cfg(not(target_os = "linux"))]
        {
            let _ = (patience, news);
            Err(io::ErrorKind::Unsupported.into())
        }
    }

    #[cfg(target_os = "linux")]
    fn take(&mut self, news: &mut News) -> io::Result<()> {
        let at = self.age();
        let ledger = &mut self.ledger;
        news.missed += self.deaths.take(|socket| ledger.died(at, socket, &mut news.events))?;
        Ok(())
    }

    #[cfg(not(target_os = "linux"))]
    fn take(&mut self, _news: &mut News) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}
