//! `addr`: this machine's addresses, what an address is, whether two share a network, and networks cut and joined.

use std::io;
use std::net::IpAddr;

use sockeye_core::{Code, Fault};
use sockeye_probe::addr::about::{self, Class, Embedded, Group, Reach};
use sockeye_probe::addr::read::{self, Extent, Given, Mistake};
use sockeye_probe::addr::same::Comparison;
use sockeye_probe::addr::special::{self, Special};
use sockeye_probe::host::{Address, Link, Neighbour, Verdict};

pub use sockeye_probe::addr::divide::{Count, MOST, Pieces};
pub use sockeye_probe::addr::{Network, about as facts, divide, read as reading, same, special as registry};
pub use sockeye_probe::host::{self, Host, Resolvers, Route, RouteKind, System};

/// Networks of a split that are listed at the most; how many there are in all is told beside.
pub const LISTED: usize = 4096;

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// This machine's links, addresses, gateways and resolvers.
    Machine,
    /// One address, as typed, and a mask as a word of its own.
    About {
        /// The address, perhaps with its prefix or mask.
        address: String,
        /// The mask.
        mask: Option<String>,
    },
    /// Whether two are in one network, and how a packet goes from the first to the second.
    Same {
        /// With its prefix or mask.
        from: String,
        /// With or without.
        to: String,
    },
    /// A network cut into smaller ones.
    Split {
        /// The network.
        network: String,
        /// Into which.
        into: Into,
    },
    /// Networks joined.
    Summarize(Vec<String>),
}

/// Into what a network is cut.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Into {
    /// Networks of this prefix, `/26` or a mask.
    Prefix(String),
    /// At least so many, all of one size.
    Pieces(u64),
}

/// The answer.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// This machine.
    Machine(Box<Machine>),
    /// What an address is.
    About(Box<About>),
    /// Text that is no address, each with everything that is wrong.
    Invalid(Vec<Invalid>),
    /// Whether two share a network.
    Same(Box<Same>),
    /// The pieces.
    Split(Split),
    /// What was joined, and to what.
    Summary(Summary),
}

/// This machine.
#[derive(Clone, Debug)]
pub struct Machine {
    /// Its links, each with its addresses.
    pub links: Vec<(Link, Vec<Address>)>,
    /// Its default routes, of IPv4 first, the preferred one first.
    pub gateways: Vec<Route>,
    /// Whom it asks for names.
    pub resolvers: Resolvers,
}

impl Machine {
    /// The name of the link with this number.
    pub fn link(&self, index: Option<u32>) -> Option<&str> {
        self.links.iter().find(|(link, _)| Some(link.index) == index).map(|(link, _)| link.name.as_str())
    }
}

/// What an address is.
#[derive(Clone, Debug)]
pub struct About {
    /// As typed.
    pub text: String,
    /// What was read.
    pub given: Given,
    /// How far it reaches.
    pub reach: Reach,
    /// Whether it can be reached from everywhere, where a registry says.
    pub global: Option<bool>,
    /// The registries' entries it is in, the one that decides first.
    pub special: Vec<Special>,
    /// The group it is of.
    pub group: Option<Group>,
    /// The class of old, of IPv4.
    pub class: Option<Class>,
    /// The IPv4 address within it.
    pub embedded: Option<Embedded>,
    /// The hardware address within it.
    pub hardware: Option<[u8; 6]>,
    /// The name that DNS has it under.
    pub reverse: String,
    /// Which links of this machine have it.
    pub here: Vec<String>,
}

/// Text that is no address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalid {
    /// The text.
    pub text: String,
    /// Everything that is wrong.
    pub mistakes: Vec<Mistake>,
    /// What programs that read with `inet_aton` make of it.
    pub lenient: Option<IpAddr>,
}

/// Whether two share a network.
#[derive(Clone, Debug)]
pub struct Same {
    /// What the first finds.
    pub there: Comparison,
    /// What the second finds, where its prefix was given.
    pub back: Option<Comparison>,
    /// How a packet goes.
    pub path: Path,
}

impl Same {
    /// Whether both find the other in their network (the second, where its prefix is known).
    pub fn is_same(&self) -> bool {
        self.there.is_same() && self.back.is_none_or(|back| back.is_same())
    }
}

/// How a packet goes from the first address to the second.
#[derive(Clone, Debug)]
pub enum Path {
    /// As a host with this address and mask and a gateway would send it: the first address is not this machine's.
    Textbook,
    /// As this machine's routing says: the first address is its own.
    Own(Box<Own>),
}

/// What this machine would do.
#[derive(Clone, Debug)]
pub struct Own {
    /// The link of the first address.
    pub link: String,
    /// The kernel's answer.
    pub verdict: Verdict,
    /// The link it leaves by, and whether neighbours are asked for there.
    pub out: Option<(String, Asking)>,
    /// What is known of whoever is asked for: the gateway or the second address.
    pub neighbour: Option<Neighbour>,
}

/// Whether neighbours are asked for on a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asking {
    /// By ARP, or on IPv6 by NDP.
    Asks,
    /// Not at all: loopback, tunnels.
    Never,
}

/// A network and its pieces.
#[derive(Clone, Debug)]
pub struct Split {
    /// The network.
    pub network: Network,
    /// The prefix of the pieces.
    pub prefix: u8,
    /// The pieces; as many as [`LISTED`] are shown.
    pub pieces: Pieces,
    /// How many were asked for, where that is not how many there are.
    pub asked: Option<u64>,
}

/// Networks joined.
#[derive(Clone, Debug)]
pub struct Summary {
    /// How many were given.
    pub given: usize,
    /// Those whose host part was not zero, and counts for nothing.
    pub trimmed: Vec<Network>,
    /// What they come to.
    pub networks: Vec<Network>,
}

/// Answers a request. Only [`Request::Machine`] faults where the system cannot be asked; elsewhere what it would have
/// added is left out.
pub fn run(request: &Request, host: &dyn Host) -> Result<Outcome, Fault> {
    match request {
        Request::Machine => machine(host).map(Outcome::Machine),
        Request::About { address, mask } => Ok(match understand(address, mask.as_deref()) {
            Ok(given) => Outcome::About(Box::new(about(address, given, host))),
            Err(invalid) => Outcome::Invalid(vec![invalid]),
        }),
        Request::Same { from, to } => same(from, to, host),
        Request::Split { network, into } => split(network, into),
        Request::Summarize(networks) => summarize(networks),
    }
}

/// What this machine has.
fn machine(host: &dyn Host) -> Result<Box<Machine>, Fault> {
    let asked = |error: io::Error| unknown("addr", &error);
    let addresses = host.addresses().map_err(asked)?;
    let links = host.links().map_err(asked)?.into_iter().map(|link| {
        let own = addresses.iter().filter(|address| address.link == link.index).cloned().collect();
        (link, own)
    });
    let routes = host.routes().map_err(asked)?;
    let mut gateways: Vec<Route> = routes
        .into_iter()
        .filter(|route| route.is_default() && route.kind == RouteKind::Unicast && route.table == 254)
        .collect();
    gateways.sort_by_key(|route| (route.to.address().is_ipv6(), route.metric));
    let resolvers = host.resolvers().map_err(asked)?;
    Ok(Box::new(Machine { links: links.collect(), gateways, resolvers }))
}

/// The fault of a system that does not say.
fn unknown(subject: &str, error: &io::Error) -> Fault {
    if error.kind() == io::ErrorKind::Unsupported {
        return Fault::new(Code::NotOnThisSystem, subject).arg("what", subject);
    }
    Fault::new(Code::Internal, subject).detail(error)
}

fn understand(text: &str, mask: Option<&str>) -> Result<Given, Invalid> {
    read::read(text, mask).map_err(|mistakes| {
        let body = text.split('/').next().unwrap_or_default();
        let lenient = read::inet_aton(body).map(IpAddr::V4);
        // Where the size alone is wrong, everybody reads the address alike.
        let lenient = lenient.filter(|_| body.parse::<IpAddr>().is_err());
        let text = mask.map_or_else(|| text.to_owned(), |mask| format!("{text} {mask}"));
        Invalid { text, mistakes, lenient }
    })
}

fn about(text: &str, given: Given, host: &dyn Host) -> About {
    let address = given.network.address();
    let v6 = match address {
        IpAddr::V4(_) => None,
        IpAddr::V6(address) => Some(address),
    };
    About {
        text: text.to_owned(),
        reach: Reach::of(address),
        global: about::is_global(address),
        special: special::of(address),
        group: Group::of(address),
        class: match address {
            IpAddr::V4(address) => Some(Class::of(address)),
            IpAddr::V6(_) => None,
        },
        embedded: v6.and_then(Embedded::of),
        hardware: v6.and_then(about::eui64),
        reverse: about::reverse_name(address),
        here: owners(address, host),
        given,
    }
}

/// The links of this machine that have an address; none where the system does not say.
fn owners(address: IpAddr, host: &dyn Host) -> Vec<String> {
    let (Ok(addresses), Ok(links)) = (host.addresses(), host.links()) else { return Vec::new() };
    let own = addresses.iter().filter(|own| own.network.address() == address);
    own.filter_map(|own| links.iter().find(|link| link.index == own.link).map(|link| link.name.clone()))
        .collect()
}

fn same(from: &str, to: &str, host: &dyn Host) -> Result<Outcome, Fault> {
    let (from, to) = match (understand(from, None), understand(to, None)) {
        (Ok(from), Ok(to)) => (from, to),
        (from, to) => return Ok(Outcome::Invalid([from.err(), to.err()].into_iter().flatten().collect())),
    };
    if from.extent == Extent::None {
        let (address, likely) =
            (from.network.address(), if from.network.address().is_ipv4() { 24 } else { 64 });
        let fault = Fault::new(Code::BadValue, "addr").arg("name", "--same").arg("value", address);
        return Err(fault.detail(format!("{address}/{likely}")));
    }
    let mixed = || {
        let value = format!("{}, {}", from.network, to.network);
        Fault::new(Code::BadValue, "addr").arg("name", "--same").arg("value", value).detail("IPv4 ≠ IPv6")
    };
    let there = Comparison::new(from.network, to.network.address()).ok_or_else(mixed)?;
    let back = match to.extent {
        Extent::None => None,
        Extent::Prefix | Extent::Mask => Comparison::new(to.network, from.network.address()),
    };
    let path = path(from.network.address(), to.network.address(), host).unwrap_or(Path::Textbook);
    Ok(Outcome::Same(Box::new(Same { there, back, path })))
}

/// How this machine would send a packet, where the first address is its own and the system says.
fn path(from: IpAddr, to: IpAddr, host: &dyn Host) -> Option<Path> {
    let link = owners(from, host).into_iter().next()?;
    let way = host.route_to(to, Some(from), None).ok()?;
    let (mut out, mut neighbour) = (None, None);
    if let Verdict::Found(route) = &way.verdict {
        let links = host.links().ok()?;
        if let Some(leaves) = route.link.and_then(|index| links.into_iter().find(|link| link.index == index))
        {
            let never = leaves.flags.is_without_arp()
                || leaves.flags.is_loopback()
                || route.kind != RouteKind::Unicast;
            let asked = route.gateway.unwrap_or(to);
            neighbour = if never { None } else { host.neighbour(asked, leaves.index).ok().flatten() };
            out = Some((leaves.name, if never { Asking::Never } else { Asking::Asks }));
        }
    }
    Some(Path::Own(Box::new(Own { link, verdict: way.verdict, out, neighbour })))
}

fn split(network: &str, into: &Into) -> Result<Outcome, Fault> {
    let given = match understand(network, None) {
        Ok(given) => given.network,
        Err(invalid) => return Ok(Outcome::Invalid(vec![invalid])),
    };
    let bits = sockeye_probe::addr::bits(given.address());
    let range = format!("/{} … /{bits}", given.prefix());
    let bad = |name: &str, value: &str| {
        Fault::new(Code::BadValue, "addr").arg("name", name).arg("value", value).detail(&range)
    };
    let (prefix, asked) = match into {
        Into::Prefix(text) => {
            let prefix = read::read_prefix(text, given.address().is_ipv4());
            (prefix.map_err(|_| bad("--split", text))?, None)
        }
        Into::Pieces(pieces) => {
            let prefix = given.prefix_for(u128::from(*pieces));
            (prefix.ok_or_else(|| bad("--split-into", &pieces.to_string()))?, Some(*pieces))
        }
    };
    let pieces = given.split(prefix).ok_or_else(|| bad("--split", &format!("/{prefix}")))?;
    let asked = asked.filter(|asked| pieces.count != Count::Of(u128::from(*asked)));
    Ok(Outcome::Split(Split { network: given.trunk(), prefix, pieces, asked }))
}

fn summarize(texts: &[String]) -> Result<Outcome, Fault> {
    if texts.len() > MOST {
        let fault = Fault::new(Code::BadValue, "addr").arg("name", "--summarize").arg("value", texts.len());
        return Err(fault.detail(format!("1…{MOST}")));
    }
    let (mut networks, mut wrong) = (Vec::new(), Vec::new());
    for text in texts {
        match understand(text, None) {
            Ok(given) => networks.push(given.network),
            Err(invalid) => wrong.push(invalid),
        }
    }
    if !wrong.is_empty() {
        return Ok(Outcome::Invalid(wrong));
    }
    let trimmed = networks.iter().copied().filter(|network| network.trunk() != *network).collect();
    Ok(Outcome::Summary(Summary { given: texts.len(), trimmed, networks: divide::summarize(&networks) }))
}
