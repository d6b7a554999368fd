//! What each step of a check finds. Plain values: what they mean together is the rules' concern.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use sockeye_core::event::How;
use sockeye_core::{Fault, Tls};

use crate::addr::Network;
use crate::host::{Link, Neighbour, Route, RouteKind};
use crate::names::Names;
use crate::path::{Attempt, Path};

/// What is checked, as far as the rules need to know.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Goal {
    /// The name that was given instead of an address.
    pub name: Option<String>,
    /// The port; none where only a host was given.
    pub port: Option<u16>,
    /// What carries the messages.
    pub carrier: Carrier,
    /// What is to be spoken there.
    pub speech: Speech,
}

/// What carries messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Carrier {
    /// Only whether the host answers is asked.
    Host,
    /// TCP.
    #[default]
    Tcp,
    /// UDP.
    Udp,
}

/// What is to be spoken, once a connection stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Speech {
    /// Anything: whatever the server says first is right, and so is silence.
    #[default]
    Any,
    /// Handshakes of layers, then anything.
    Layers,
    /// HTTP: a request has to be answered.
    Http,
}

/// One finding: what, how it is known, when it began (after the check did) and how long it took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timed<T> {
    /// What was found.
    pub value: T,
    /// How it is known.
    pub how: How,
    /// When the step began, counted from the beginning of the check.
    pub at: Duration,
    /// How long it took.
    pub took: Duration,
}

/// A finding that may not be there yet, or never.
pub type Maybe<T> = Option<Timed<T>>;

/// Everything that was found. A step that was not made, or is not at its end, has nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// Where the name's addresses come from.
    pub names: Maybe<Names>,
    /// How packets leave for the address.
    pub way: Maybe<Leaving>,
    /// Who takes them first on our link.
    pub neighbour: Maybe<Beside>,
    /// Whether the host answers an echo request.
    pub ping: Maybe<Ping>,
    /// The routers on the way to the port.
    pub path: Maybe<Path>,
    /// Attempts to connect, in the order of the addresses; those that only another source gives stand apart.
    pub connects: Maybe<Connects>,
    /// Attempts at other ports of a host that was silent.
    pub around: Maybe<Around>,
    /// Whether packets of full size arrive.
    pub size: Maybe<Sizes>,
    /// What was said on a connection.
    pub session: Maybe<Session>,
}

/// How packets leave this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leaving {
    /// Where to.
    pub to: IpAddr,
    /// The kernel's answer: the route, or the number of its refusal and the kind of route that refuses.
    pub answer: Result<Route, (i32, Option<RouteKind>)>,
    /// The entry of the routing table that decided.
    pub entry: Option<Network>,
    /// The link they leave by.
    pub link: Option<Link>,
    /// Our address and network there.
    pub ours: Option<Network>,
    /// The router for everything else, on the same link.
    pub default_gateway: Option<IpAddr>,
}

impl Leaving {
    /// Who takes the packets first: the gateway, or the target itself. None where the target is this machine, or there is
    /// no way.
    pub fn first(&self) -> Option<IpAddr> {
        let route = self.answer.as_ref().ok().filter(|route| route.kind == RouteKind::Unicast)?;
        Some(route.gateway.unwrap_or(self.to))
    }

    /// Whether the target is this machine.
    pub fn is_local(&self) -> bool {
        self.answer.as_ref().is_ok_and(|route| route.kind == RouteKind::Local)
    }

    /// The gateway it goes through.
    pub fn gateway(&self) -> Option<IpAddr> {
        self.answer.as_ref().ok()?.gateway
    }
}

/// What the kernel knows of who takes the packets first, after it has had a packet for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Beside {
    /// Who that is.
    pub address: IpAddr,
    /// What is known; none if it was not asked for.
    pub neighbour: Option<Neighbour>,
    /// What is known of the default gateway, where the target is on our own link.
    pub gateway: Option<Neighbour>,
}

/// Whether a host answered echo requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ping {
    /// It did, after this time.
    Answered(Duration),
    /// It did not.
    Silent,
    /// Somebody else said that it cannot be reached.
    Icmp(crate::path::Icmp),
    /// This user may not ask (ping_group_range; see icmp(7)).
    NotAllowed,
    /// The system's error.
    Failed(i32),
}

/// Attempts to connect.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Connects {
    /// To the addresses that programs use, in their order.
    pub used: Vec<Attempt>,
    /// To addresses that another source gives.
    pub others: Vec<Attempt>,
}

impl Connects {
    /// The attempt that the verdict is about: the first that stands, or the first.
    pub fn judged(&self) -> Option<&Attempt> {
        let stands = self.used.iter().find(|attempt| attempt.ended == crate::path::Ended::Connected);
        stands.or_else(|| self.used.first())
    }
}

/// What else a silent host says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Around {
    /// Attempts at other ports.
    pub ports: Vec<Attempt>,
    /// Who waits at the port, where the host is this machine: connections that wait to be accepted, and how many may.
    pub backlog: Option<(u32, u32)>,
}

/// Whether packets of full size arrive: datagrams to a port where nobody listens, which a host answers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sizes {
    /// The full size, in bytes, as the kernel has it for this way.
    pub full: u32,
    /// Small ones that were answered, of how many.
    pub small: (u8, u8),
    /// Full ones that were answered, of how many.
    pub large: (u8, u8),
    /// A router's word on what fits: who, and how many bytes.
    pub told: Option<(IpAddr, u32)>,
}

impl Sizes {
    /// Whether small packets arrive, and full ones vanish without a word.
    pub const fn is_hole(&self) -> bool {
        self.small.0 > 0 && self.large.1 > 1 && self.large.0 == 0 && self.told.is_none()
    }
}

/// What was said on a connection of its own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Session {
    /// Where to.
    pub to: Option<SocketAddr>,
    /// When the connection stood, and when TLS did; counted from the session's beginning.
    pub connected: Option<Duration>,
    /// TLS, once agreed on.
    pub tls: Option<(Duration, Tls)>,
    /// Why a handshake, or the connection, failed.
    pub fault: Option<Fault>,
    /// What the server said.
    pub spoke: Option<Spoke>,
    /// What the kernel counted, where nothing came.
    pub transfer: Option<Transfer>,
}

/// What a server said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Spoke {
    /// It answered a request in HTTP/1.
    Http(Page),
    /// It began with these bytes (at most [`super::words::KEPT`]), the same whether it was asked or not.
    Words(Vec<u8>),
    /// Nothing, for this long.
    Nothing(Duration),
    /// It ended the connection without a word.
    Closed,
    /// It reset the connection.
    Reset,
}

/// A page, and when its parts came, counted from the session's beginning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The status.
    pub status: u16,
    /// What the server calls itself.
    pub server: Option<String>,
    /// Where it sends us.
    pub location: Option<String>,
    /// When the request was on its way.
    pub asked: Duration,
    /// When the first byte came.
    pub first: Duration,
    /// When the last one came.
    pub last: Duration,
    /// Bytes of the body that were read.
    pub body: u64,
    /// How it ended.
    pub end: End,
}

/// How an answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// All of it is there.
    Whole,
    /// The server closed before that.
    Fin,
    /// It reset the connection before that.
    Rst,
    /// Time ran out before that.
    Late,
}

impl End {
    /// A word for programs.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Whole => "whole",
            Self::Fin => "fin",
            Self::Rst => "rst",
            Self::Late => "late",
        }
    }
}

/// What the kernel counted on a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Transfer {
    /// Segments sent and not acknowledged.
    pub unacked: u32,
    /// Segments sent again.
    pub retransmits: u32,
    /// Segments that came out of order: one before them is missing.
    pub out_of_order: u32,
    /// Bytes that came in order.
    pub received: u64,
}

impl Transfer {
    /// Whether something of ours was sent again and never acknowledged, or something of theirs is missing.
    pub const fn is_stuck(&self) -> bool {
        (self.unacked > 0 && self.retransmits > 0) || self.out_of_order > 0
    }
}
