//! What a check comes to: a word, the layer, who is to blame, how that is known, and what to try next.

use std::net::{IpAddr, SocketAddr};

use sockeye_core::event::How;

use crate::addr::Network;

macro_rules! words {
    ($(#[$about:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$doc])* $variant,)* }

        impl $name {
            /// Every one of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The word, never translated.
            pub const fn word(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }
        }
    };
}

words! {
    /// What became of it.
    Word {
        /// It works.
        Ok = "ok",
        /// It cannot be told.
        Unknown = "unknown",
        /// Somebody said no: a RST, or ICMP "port unreachable".
        Refused = "refused",
        /// Nothing came back.
        Silent = "silent",
        /// The connection stood, and was reset.
        Reset = "reset",
        /// A router said that it cannot be reached.
        Unreachable = "unreachable",
        /// Somebody said that it is prohibited.
        Prohibited = "prohibited",
        /// This machine knows no way.
        NoRoute = "no-route",
        /// Somebody on a link does not answer ARP or NDP.
        Neighbour = "neighbour",
        /// There is no such name.
        NotFound = "not-found",
        /// A name leads elsewhere than it should.
        Misled = "misled",
        /// A server says that it failed.
        Failed = "failed",
        /// The connection was ended without a word.
        Closed = "closed",
        /// Small packets arrive, full ones vanish.
        TooBig = "too-big",
        /// The peer speaks no TLS.
        Plain = "plain-text",
        /// A certificate is not valid now.
        Expired = "expired",
        /// A certificate is for other names.
        WrongName = "wrong-name",
        /// A certificate is vouched for by nobody trusted here.
        Untrusted = "untrusted",
        /// Something else than expected is spoken.
        WrongApplication = "wrong-application",
    }
}

words! {
    /// Where it happened.
    Layer {
        /// Names become addresses.
        Name = "name",
        /// The routing table of this machine.
        Route = "route",
        /// Who is on the link.
        Neighbour = "neighbour",
        /// The routers in between.
        Path = "path",
        /// How large packets may be.
        Size = "size",
        /// TCP.
        Tcp = "tcp",
        /// UDP.
        Udp = "udp",
        /// TLS.
        Tls = "tls",
        /// What is spoken.
        Application = "application",
    }
}

words! {
    /// How sure that is.
    Sure {
        /// It was seen.
        Certain = "certain",
        /// It is concluded: something else could look the same.
        Likely = "likely",
        /// It cannot be told.
        Unknown = "unknown",
    }
}

/// Every fact there is: each has a sentence in the catalogue, `check-fact-FACT`.
pub const FACTS: &[&str] = &[
    "pinged",
    "other-port",
    "datagram-answered",
    "no-port",
    "datagram-silent",
    "system",
    "system-late",
    "server-says",
    "server-bare",
    "server-no-name",
    "server-failed",
    "server-silent",
    "server-nobody",
    "server-unreachable",
    "server-unreadable",
    "block-address",
    "address-fails",
    "address-works",
    "hosts-line",
    "source-unknown",
    "route-refused",
    "rst",
    "errno",
    "link-down",
    "no-arp",
    "arp",
    "mask",
    "icmp-prohibited",
    "icmp-no-route",
    "icmp-no-arp",
    "icmp-no-host",
    "icmp-no-port",
    "icmp-exceeded",
    "nothing",
    "backlog-full",
    "last-router",
    "connected",
    "full-vanish",
    "stuck",
    "fault",
    "certificate-when",
    "certificate-names",
    "certificate-whose",
    "words",
    "asked-silent",
    "waits",
    "fin",
    "reset-after",
    "status",
    "page-cut",
];

/// Everything there is to try: each has a sentence in the catalogue, `check-next-NEXT`.
pub const NEXTS: &[&str] = &[
    "longer",
    "port",
    "listen",
    "message",
    "resolver",
    "compare",
    "spelling",
    "records",
    "hosts",
    "route-entry",
    "route-add",
    "cable",
    "gateway",
    "mask",
    "host-up",
    "filter",
    "router",
    "loop",
    "filter-or-backlog",
    "backlog",
    "beyond",
    "mtu",
    "server-log",
    "plain",
    "renew",
    "certificate-name",
    "trust",
    "certificate",
    "client-certificate",
    "application",
    "server-slow",
];

/// Who is to blame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Culprit {
    /// Nobody.
    None,
    /// It cannot be told who.
    Unknown,
    /// The name, which is not there.
    Name(String),
    /// A line of the hosts file.
    HostsLine(usize),
    /// A server of the DNS; several that are alike.
    Resolver(Vec<IpAddr>),
    /// There is no server of the DNS to ask.
    NoResolver,
    /// The routing table of this machine: the entry, or the lack of one.
    Table(Option<Network>),
    /// The link of this machine.
    Link(String),
    /// The prefix of our own address.
    Mask(Network),
    /// The gateway.
    Gateway(IpAddr),
    /// A router.
    Router(IpAddr),
    /// Somebody behind this router.
    Beyond(IpAddr),
    /// The host.
    Host(IpAddr),
    /// Whoever guards or serves this port.
    Port(SocketAddr),
    /// The program there, which does not accept.
    Backlog(SocketAddr),
    /// The server's certificate.
    Certificate,
    /// The program that answers.
    Server(SocketAddr),
}

impl Culprit {
    /// The kind, as a word that is never translated.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Unknown => "unknown",
            Self::Name(_) => "name",
            Self::HostsLine(_) => "hosts-line",
            Self::Resolver(_) => "resolver",
            Self::NoResolver => "no-resolver",
            Self::Table(_) => "routing-table",
            Self::Link(_) => "link",
            Self::Mask(_) => "mask",
            Self::Gateway(_) => "gateway",
            Self::Router(_) => "router",
            Self::Beyond(_) => "beyond",
            Self::Host(_) => "host",
            Self::Port(_) => "port",
            Self::Backlog(_) => "backlog",
            Self::Certificate => "certificate",
            Self::Server(_) => "server",
        }
    }

    /// Which one, as text; empty where the kind says it all.
    pub fn which(&self) -> String {
        match self {
            Self::Name(name) | Self::Link(name) => name.clone(),
            Self::HostsLine(line) => line.to_string(),
            Self::Resolver(servers) => {
                let servers: Vec<String> = servers.iter().map(ToString::to_string).collect();
                servers.join(", ")
            }
            Self::Table(entry) => entry.map(|entry| entry.to_string()).unwrap_or_default(),
            Self::Mask(network) => network.to_string(),
            Self::Gateway(ip) | Self::Router(ip) | Self::Beyond(ip) | Self::Host(ip) => ip.to_string(),
            Self::Port(at) | Self::Backlog(at) | Self::Server(at) => at.to_string(),
            Self::None | Self::Unknown | Self::NoResolver | Self::Certificate => String::new(),
        }
    }
}

/// A fact that the verdict rests on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// Which, as a word; its sentence in the catalogue is `check-fact-WORD`.
    pub fact: &'static str,
    /// What the sentence is about, by name.
    pub args: Vec<(&'static str, String)>,
    /// How it is known.
    pub how: How,
}

impl Evidence {
    /// A fact.
    pub const fn new(fact: &'static str, how: How) -> Self {
        Self { fact, args: Vec::new(), how }
    }

    /// With an argument.
    #[must_use]
    #[expect(clippy::needless_pass_by_value, reason = "literals, numbers and owned text alike")]
    pub fn arg(mut self, name: &'static str, value: impl ToString) -> Self {
        self.args.push((name, value.to_string()));
        self
    }
}

/// The verdict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// What became of it.
    pub word: Word,
    /// Where.
    pub layer: Layer,
    /// Who is to blame.
    pub culprit: Culprit,
    /// How sure that is.
    pub sure: Sure,
    /// What it rests on.
    pub evidence: Vec<Evidence>,
    /// What to try next, as a word; its sentence in the catalogue is `check-next-WORD`. Empty: nothing.
    pub next: &'static str,
}

impl Verdict {
    /// Whether it works.
    pub fn is_ok(&self) -> bool {
        self.word == Word::Ok
    }

    /// What cannot be told.
    pub const fn unknown(layer: Layer) -> Self {
        Self {
            word: Word::Unknown,
            layer,
            culprit: Culprit::Unknown,
            sure: Sure::Unknown,
            evidence: Vec::new(),
            next: "longer",
        }
    }

    pub(super) const fn new(
        word: Word,
        layer: Layer,
        culprit: Culprit,
        sure: Sure,
        next: &'static str,
    ) -> Self {
        Self { word, layer, culprit, sure, evidence: Vec::new(), next }
    }

    #[must_use]
    pub(super) fn with(mut self, evidence: impl IntoIterator<Item = Evidence>) -> Self {
        self.evidence.extend(evidence);
        self
    }
}
