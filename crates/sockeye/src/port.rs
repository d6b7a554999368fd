//! Ports: who listens here, who holds one and what it is for, names and numbers, and ports that are free.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use sockeye_core::{Code, Fault};
use sockeye_probe::owners::Owners;
use sockeye_probe::port::{self, Bind, MOST_FREE, Rules, TRIED, Usage};
use sockeye_probe::services::{self, Class, Service};
use sockeye_probe::sockets::{Protocol, Query, Socket, Sockets, State};
use sockeye_probe::watch::Holder;

use crate::bounds::bad_value;

/// Both protocols, in the order they are told in.
pub const PROTOCOLS: [Protocol; 2] = [Protocol::Tcp, Protocol::Udp];

/// What is asked.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// Ports and names of services. None: who listens.
    pub words: Vec<String>,
    /// So many free ports, instead.
    pub free: Option<String>,
}

/// What came of it.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// Who listens, by port.
    Listening(Vec<Held>),
    /// An answer for each word.
    Answers(Vec<Answer>),
    /// Free ports, in order.
    Free(Vec<u16>),
}

/// A socket and who holds it.
#[derive(Clone, Debug)]
pub struct Held {
    /// The socket.
    pub socket: Socket,
    /// Who holds it.
    pub holder: Holder,
}

/// The answer to one word.
#[derive(Clone, Debug)]
pub enum Answer {
    /// All about a port.
    Port(Box<Port>),
    /// The ports of a name.
    Name {
        /// The name as it was typed.
        name: String,
        /// What is registered by it; never nothing.
        services: Vec<&'static Service>,
    },
}

/// All about a port.
#[derive(Clone, Debug)]
pub struct Port {
    /// Its number.
    pub number: u16,
    /// The range it is in.
    pub class: Class,
    /// What IANA has registered, for TCP, for UDP or for both.
    pub services: Vec<&'static Service>,
    /// The sockets that wait for peers at it; none if this system does not show them.
    pub held: Option<Vec<Held>>,
    /// How many other sockets have it, as connections do, by their states.
    pub connections: BTreeMap<State, usize>,
    /// How this system deals with ports.
    pub rules: Rules,
    /// How much of the ephemeral range is in use.
    pub usage: Vec<(Protocol, Usage)>,
    /// What binding came to, here and now, for each protocol and address that was tried.
    pub binds: Vec<(Protocol, IpAddr, Bind)>,
}

impl Port {
    /// Whether the system may give it to a socket that asks for none.
    pub fn is_ephemeral(&self) -> Option<bool> {
        let range = self.rules.ephemeral.as_ref()?;
        Some(range.contains(&self.number) && !self.rules.reserves(self.number))
    }
}

/// Answers.
pub fn run(request: &Request) -> Result<Outcome, Fault> {
    if let Some(count) = &request.free {
        if let Some(word) = request.words.first() {
            return Err(Fault::new(Code::Usage, "port").arg("what", "extra").arg("name", word));
        }
        let bad = || bad_value("--free", count).detail(format!("1…{MOST_FREE}"));
        let number: usize = count.parse().map_err(|_| bad())?;
        if number == 0 || number > MOST_FREE {
            return Err(bad());
        }
        let ports = port::free(number);
        return ports
            .map(Outcome::Free)
            .map_err(|error| Fault::new(Code::Taken, "port --free").detail(error));
    }
    if request.words.is_empty() {
        return listening().map(Outcome::Listening);
    }
    // All words are read before anything is looked at.
    let asked = request.words.iter().map(|word| read(word)).collect::<Result<Vec<_>, _>>()?;
    Ok(Outcome::Answers(asked.into_iter().map(answer).collect()))
}

/// What a word asks for.
enum Asked {
    Port(u16),
    Name(String, Vec<&'static Service>),
}

fn read(word: &str) -> Result<Asked, Fault> {
    if !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit()) {
        let number = word.parse().map_err(|_| Fault::new(Code::BadPort, "").arg("port", word))?;
        return Ok(Asked::Port(number));
    }
    Ok(Asked::Name(word.to_owned(), named(word)?))
}

/// What is registered by a name, or a fault that says which is near.
fn named(name: &str) -> Result<Vec<&'static Service>, Fault> {
    let services = services::named(name);
    if !services.is_empty() {
        return Ok(services);
    }
    let fault = Fault::new(Code::UnknownPort, "").arg("name", name);
    let near = services::near(name);
    Err(if near.is_empty() { fault } else { fault.arg("near", near.join(", ")) })
}

/// The ports a word means: itself, or all that its name is registered for.
pub(crate) fn numbers(word: &str) -> Result<Vec<std::ops::RangeInclusive<u16>>, Fault> {
    Ok(match read(word)? {
        Asked::Port(number) => vec![number..=number],
        Asked::Name(_, services) => services.iter().map(|service| service.first..=service.last).collect(),
    })
}

fn answer(asked: Asked) -> Answer {
    match asked {
        Asked::Name(name, services) => Answer::Name { name, services },
        Asked::Port(number) => Answer::Port(Box::new(about(number))),
    }
}

fn about(number: u16) -> Port {
    let rules = Rules::here();
    let sockets = Sockets::open().and_then(|mut sockets| sockets.all(&Query::default()));
    let sockets = sockets.map(|found| found.sockets).ok();
    let here = sockets.iter().flatten();
    let usage = PROTOCOLS
        .iter()
        .filter_map(|protocol| Some((*protocol, rules.usage(*protocol, sockets.as_deref()?)?)));
    let usage = usage.collect();
    let mut connections = BTreeMap::new();
    for socket in here.filter(|socket| socket.local.port() == number && !socket.waits()) {
        *connections.entry(socket.state).or_default() += 1;
    }
    let mut services: Vec<&'static Service> =
        PROTOCOLS.iter().flat_map(|protocol| services::registered(number, *protocol)).collect();
    services.sort_by_key(|service| std::ptr::from_ref::<Service>(service));
    services.dedup_by_key(|service| std::ptr::from_ref::<Service>(service));
    let waiting = sockets.map(|all| {
        held(all.into_iter().filter(|socket| socket.local.port() == number && socket.waits()).collect())
    });
    Port {
        number,
        class: Class::of(number),
        services,
        held: waiting,
        connections,
        rules,
        usage,
        // Port 0 is no port: it asks for any.
        binds: if number == 0 { Vec::new() } else { binds(number) },
    }
}

fn binds(number: u16) -> Vec<(Protocol, IpAddr, Bind)> {
    let every = PROTOCOLS.iter().flat_map(|protocol| TRIED.iter().map(move |address| (*protocol, *address)));
    every
        .map(|(protocol, address)| {
            (protocol, address, port::bind(protocol, SocketAddr::new(address, number)))
        })
        .collect()
}

/// Sockets that wait for peers, by port.
fn listening() -> Result<Vec<Held>, Fault> {
    let cannot = |error| Fault::new(Code::CannotLook, "port").detail(error);
    let found = Sockets::open().and_then(|mut sockets| sockets.all(&Query::default())).map_err(cannot)?;
    let waits = |socket: &Socket| socket.waits() && socket.local.port() != 0;
    Ok(held(found.sockets.into_iter().filter(waits).collect()))
}

/// Sockets with their holders, by port, protocol and address.
fn held(mut sockets: Vec<Socket>) -> Vec<Held> {
    sockets.sort_by_key(|socket| (socket.local.port(), socket.protocol, socket.local.ip(), socket.cookie));
    let owners = Owners::of_sockets(&sockets);
    let held = |socket: Socket| Held { holder: Holder::of(&socket, &owners), socket };
    sockets.into_iter().map(held).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(words: &[&str]) -> Result<Outcome, Fault> {
        run(&Request { words: words.iter().map(|word| (*word).to_owned()).collect(), free: None })
    }

    #[test]
    fn words_are_ports_or_names_and_nothing_else() {
        let code = |words: &[&str]| ask(words).unwrap_err().code;
        assert_eq!((code(&["65536"]), code(&["http", "99999999999"])), (Code::BadPort, Code::BadPort));
        assert_eq!(
            (code(&["no such"]), code(&[""]), code(&["-1"])),
            (Code::UnknownPort, Code::UnknownPort, Code::UnknownPort)
        );
        assert_eq!(ask(&["postgre"]).unwrap_err().value("near").split(", ").next(), Some("postgresql"));
        let Ok(Outcome::Answers(answers)) = ask(&["HTTPS", "smtp"]) else { panic!("no answers") };
        let first = |answer: &Answer| match answer {
            Answer::Name { services, .. } => services[0].first,
            Answer::Port(_) => 0,
        };
        assert_eq!(answers.iter().map(first).collect::<Vec<_>>(), [443, 25]);
        assert_eq!(numbers("x11").unwrap(), [6000..=6063]);
    }

    #[test]
    fn free_ports_are_counted() {
        let free = |count: &str| run(&Request { words: Vec::new(), free: Some(count.to_owned()) });
        for bad in ["0", "1001", "x", "-3", ""] {
            assert_eq!(free(bad).unwrap_err().code, Code::BadValue, "{bad}");
        }
        let Ok(Outcome::Free(ports)) = free("3") else { panic!("no ports") };
        assert_eq!(ports.len(), 3);
        let both = Request { words: vec!["80".to_owned()], free: Some("1".to_owned()) };
        assert_eq!(run(&both).unwrap_err().code, Code::Usage);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_port_that_is_held_is_told_with_all_about_it() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let number = listener.local_addr().unwrap().port();
        let port = about(number);
        let held = port.held.as_ref().unwrap();
        let held = held.iter().find(|held| held.socket.local == listener.local_addr().unwrap()).unwrap();
        assert_eq!(held.holder.process().unwrap().pid, std::process::id());
        // Old connections of other tests may have the same port.
        assert_eq!(port.connections.get(&State::Established), Some(&1));
        assert_eq!(port.is_ephemeral(), Some(true));
        let loopback = |protocol| port.binds.iter().find(|bind| bind.0 == protocol && bind.1 == TRIED[2]);
        assert_eq!(loopback(Protocol::Tcp).unwrap().2, Bind::Taken);
        assert!(port.usage[0].1.ports >= 2 && port.usage[0].1.ports <= port.usage[0].1.size);
        assert!(listening().unwrap().iter().any(|held| held.socket.local.port() == number));
        drop(client);
    }
}
