//! Whether a host answers, and how fast: by ICMP where the system allows it, else by UDP to a closed port, else by TCP.
//!
//! Read [`Plan`] first, then [`run()`]. What is sent and read is in [`packet`], the book that is kept of it in [`track`]:
//! both are pure. What sends is behind a trait, `Prober`.

pub mod packet;
mod run;
pub mod track;

use std::io;
use std::net::IpAddr;
use std::time::Duration;

pub use self::packet::Icmp;
pub use self::run::run;
pub use self::track::{Figures, Standing, Times};

/// The shortest time between two probes.
pub const SHORTEST: Duration = Duration::from_millis(10);

/// The longest time between two probes.
pub const LONGEST: Duration = Duration::from_hours(1);

/// The most probes of a run.
pub const MOST: u64 = 1_000_000;

/// The longest payload, in bytes: what fits into an IPv4 packet behind its header and that of ICMP.
pub const LARGEST: usize = 65_507;

/// The first port of UDP probes that look for a closed one, as traceroute does it.
pub const UDP_PORTS: u16 = 33_434;

/// The port of TCP probes that nobody gave one.
pub const TCP_PORT: u16 = 443;

/// How a host is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// An echo request on a datagram socket (icmp(7)): anybody in `ping_group_range`.
    IcmpDatagram,
    /// An echo request on a raw socket: CAP_NET_RAW.
    IcmpRaw,
    /// A datagram; without a port to one that is closed, most likely. Anybody.
    Udp(Option<u16>),
    /// A connection that is closed as soon as it is there. Anybody.
    Tcp(u16),
}

impl Way {
    /// The order in which ways are tried where none is asked for.
    pub const ORDER: [Self; 4] = [Self::IcmpDatagram, Self::IcmpRaw, Self::Udp(None), Self::Tcp(TCP_PORT)];

    /// Its word, for scripts and catalogues.
    pub const fn word(self) -> &'static str {
        match self {
            Self::IcmpDatagram => "icmp",
            Self::IcmpRaw => "icmp-raw",
            Self::Udp(_) => "udp",
            Self::Tcp(_) => "tcp",
        }
    }

    /// Its port, if it has one that stays.
    pub const fn port(self) -> Option<u16> {
        match self {
            Self::Udp(port) => port,
            Self::Tcp(port) => Some(port),
            Self::IcmpDatagram | Self::IcmpRaw => None,
        }
    }
}

/// What to do.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Whom to ask.
    pub to: IpAddr,
    /// The number of the link, for a link-local address; 0 for none.
    pub zone: u32,
    /// The ways, in the order to try them; the first that this system allows is taken.
    pub ways: Vec<Way>,
    /// Bytes of payload, at most [`LARGEST`]; of TCP none are sent.
    pub size: usize,
    /// How many probes, at most [`MOST`].
    pub count: u64,
    /// Time between two of them, from [`SHORTEST`] to [`LONGEST`].
    pub interval: Duration,
    /// How long an answer may take.
    pub wait: Duration,
    /// When all is over, whatever is missing.
    pub budget: Option<Duration>,
    /// Where numbers that others should not guess come from.
    pub seed: u64,
}

/// What happens.
#[derive(Clone, Debug)]
pub enum Moment<'a> {
    /// It begins.
    Begun(&'a Opening),
    /// An answer.
    Answer(Answer),
    /// Somebody says that a probe did not get there, or it could not be sent.
    Trouble(Trouble),
    /// A probe is given up: nothing has come in time.
    Silent {
        /// Which.
        number: u64,
    },
}

/// Which way was taken, and why not an earlier one.
#[derive(Clone, Debug, Default)]
pub struct Opening {
    /// The one that is taken.
    pub way: Option<Way>,
    /// Those that this system does not allow, each with the reason.
    pub refused: Vec<(Way, String)>,
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// To which probe, from 1.
    pub number: u64,
    /// Whether `number` was in the answer, or is concluded from the order.
    pub sure: Sure,
    /// How long it took.
    pub trip: Duration,
    /// Whose clock says so.
    pub clock: Clock,
    /// Who answered, where the answer says so.
    pub from: IpAddr,
    /// Bytes of its payload.
    pub bytes: usize,
    /// Its TTL when it arrived.
    pub ttl: Option<u8>,
    /// What it is.
    pub what: Reply,
    /// How it stands to its probe.
    pub standing: Standing,
    /// Where it differs from what was sent, counted from 0.
    pub differs_at: Option<usize>,
}

/// Whether an answer says which probe it is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sure {
    /// It does.
    Named,
    /// It does not: it is taken for one to the oldest that has none.
    Ordered,
}

/// Whose clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    /// The kernel's, as the packet left and as the answer came (SO_TIMESTAMPING).
    Kernel,
    /// The program's own: what it waited for the processor is in it.
    Program,
}

/// What an answer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply {
    /// An echo reply.
    Echo,
    /// A datagram.
    Datagram,
    /// The port is closed: the host is there, and says so.
    Closed,
    /// The port is open: the connection was made.
    Open,
}

impl Reply {
    /// Its word, for scripts and catalogues.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Echo => "echo-reply",
            Self::Datagram => "datagram",
            Self::Closed => "refused",
            Self::Open => "open",
        }
    }
}

/// An error about a probe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// About which, from 1.
    pub number: u64,
    /// Who reports it; `None` where the system does by itself.
    pub from: Option<IpAddr>,
    /// What it says, where it came by ICMP.
    pub icmp: Option<Icmp>,
    /// The system's number for it.
    pub errno: i32,
    /// How long it took.
    pub after: Duration,
}

/// What came of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Report {
    /// The counts.
    pub figures: Figures,
    /// The round trips in figures, if there was an answer.
    pub times: Option<Times>,
    /// How long all of it took.
    pub took: Duration,
}

/// What sends probes and hears what comes of them.
pub(crate) trait Prober {
    /// Sends the probe of this number.
    fn send(&mut self, number: u64) -> io::Result<()>;

    /// Waits at most so long for anything, and tells all that is there.
    fn hear(&mut self, patience: Duration) -> io::Result<Vec<Heard>>;
}

/// Which probe something is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "made by Linux's probers"))]
pub(crate) enum About {
    /// Its number.
    Number(u64),
    /// The low 16 bits of its number.
    Wire(u16),
    /// It does not say.
    Oldest,
}

/// Something that a prober hears. Times of the kernel are nanoseconds since 1970.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "made by Linux's probers"))]
pub(crate) enum Heard {
    /// The kernel sent a probe at that time.
    Left { nth: u64, at: u64 },
    /// An answer.
    Answer {
        about: About,
        from: IpAddr,
        bytes: usize,
        ttl: Option<u8>,
        what: Reply,
        differs_at: Option<usize>,
        arrived: Option<u64>,
    },
    /// An error.
    Trouble { about: About, from: Option<IpAddr>, icmp: Option<Icmp>, errno: i32 },
}

/// The prober of the first way that this system allows.
#[cfg(target_os = "linux")]
fn open(plan: &Plan) -> (Opening, Option<Box<dyn Prober>>) {
    let mut opening = Opening::default();
    for way in &plan.ways {
        match crate::linux::ping::open(plan, *way) {
            Ok(prober) => {
                opening.way = Some(*way);
                return (opening, Some(prober));
            }
            Err(error) => opening.refused.push((*way, error.to_string())),
        }
    }
    (opening, None)
}

/// The prober of the first way that this system allows: none yet.
#[cfg(not(target_os = "linux"))]
fn open(plan: &Plan) -> (Opening, Option<Box<dyn Prober>>) {
    let unsupported = io::Error::from(io::ErrorKind::Unsupported).to_string();
    let refused = plan.ways.iter().map(|way| (*way, unsupported.clone())).collect();
    (Opening { way: None, refused }, None)
}
