//! `explain --wrap`: what a message looks like at each layer on its way to an endpoint.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use sockeye_core::endpoint::{Host, Place};
use sockeye_core::{Code, Fault, Framing};
use sockeye_net::transport::Role;
use sockeye_probe::wrap::{self, Carrier, Coat, DATAGRAM_MAX, MESSAGE_MAX, MTU, MTU_MIN, Plan, Wrapped};
use sockeye_wire::notation;

use crate::bounds::bad_value;
use crate::given;

/// Example addresses of documentation (RFC 5737, RFC 3849), for the side that sends and for a name that nobody asked.
const HERE: (Ipv4Addr, Ipv6Addr) =
    (Ipv4Addr::new(192, 0, 2, 1), Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1));
const THERE: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 7);

/// An example of a port that a system gives to one that connects.
const PORT: u16 = 50_000;

/// What is to be wrapped.
#[derive(Clone, Debug)]
pub struct Request {
    /// The message: text, or bytes as `hex:…` and `b64:…`.
    pub message: String,
    /// The message is hex.
    pub hex: bool,
    /// Where it would go.
    pub endpoint: String,
    /// Parameters given as flags.
    pub params: given::Params,
    /// The longest packet of the link, in bytes; 1500 if it is not given.
    pub mtu: Option<usize>,
}

/// What becomes of it.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The endpoint, as it is written.
    pub endpoint: String,
    /// The framing, as it is written.
    pub framing: String,
    /// From where.
    pub from: SocketAddr,
    /// To where.
    pub to: SocketAddr,
    /// Whether the address it goes to is an example too, because the endpoint has a name.
    pub named: bool,
    /// The longest packet of the link, in bytes.
    pub mtu: usize,
    /// Layers that speak when a connection begins, and add nothing to a message.
    pub once: Vec<String>,
    /// The layers and the frames.
    pub wrapped: Wrapped,
}

/// Wraps a message. Nothing is resolved and nothing is sent.
pub fn run(request: &Request) -> Result<Outcome, Fault> {
    let endpoint = given::endpoint(&request.endpoint, &request.params)?;
    let charset = given::charset(&endpoint)?;
    let unfit =
        || Fault::new(Code::UnfitParameter, "explain").arg("name", "--wrap").arg("scheme", endpoint.front());
    let carrier = match endpoint.scheme.as_str() {
        "tcp" => Carrier::Tcp,
        "udp" => Carrier::Udp,
        _ => return Err(unfit()),
    };
    let Place::Host { host, port, .. } = &endpoint.place else { return Err(unfit()) };
    let lane = given::lane(&endpoint, Role::Connect)?;
    let message = if request.hex {
        notation::hex(&request.message)?
    } else if request.message.starts_with("hex:") || request.message.starts_with("b64:") {
        notation::parse(&request.message)?
    } else {
        charset.encode(notation::literal(&request.message))?.into_owned()
    };
    let mut framed = Vec::new();
    lane.framing.wrap(&message, &mut framed)?;
    if carrier == Carrier::Udp && framed.len() > DATAGRAM_MAX {
        let fault = Fault::new(Code::DatagramTooLong, "explain");
        return Err(fault.arg("size", framed.len()).arg("max", DATAGRAM_MAX));
    }
    if framed.len() > MESSAGE_MAX {
        let fault = Fault::new(Code::Unframeable, "explain");
        return Err(fault.arg("framing", lane.framing.spec()).arg("size", framed.len()));
    }
    let mtu = request.mtu.unwrap_or(MTU);
    if !(MTU_MIN..=65_535).contains(&mtu) {
        return Err(bad_value("--mtu", &mtu.to_string()).detail(format_args!("{MTU_MIN}-65535")));
    }
    let coat = |layer: &String| match layer.as_str() {
        "ws" => Some(Coat::WebSocket),
        "tls" => Some(Coat::Tls),
        _ => None,
    };
    let coats = endpoint.layers.iter().filter_map(coat).collect();
    let once = endpoint.layers.iter().filter(|layer| coat(layer).is_none()).cloned().collect();
    let (to, named) = address(host);
    let to = SocketAddr::new(to, *port);
    let from = SocketAddr::new(other_end(to.ip()), PORT);
    let head = head(&lane.framing, &message, &framed);
    let plan = Plan { message: message.len(), head, framed, coats, carrier, from, to, mtu };
    Ok(Outcome {
        endpoint: endpoint.bare().to_string(),
        framing: lane.framing.spec(),
        from,
        to,
        named,
        mtu,
        once,
        wrapped: wrap::wrap(&plan),
    })
}

/// How many bytes a framing puts before a message: as many as stay the same when every byte of it is another. Where that
/// message cannot be framed, or is written in other bytes than its own, where it is found, or none.
fn head(framing: &Framing, message: &[u8], framed: &[u8]) -> usize {
    let other: Vec<u8> = message.iter().map(|byte| !byte).collect();
    let mut other_framed = Vec::new();
    if framing.wrap(&other, &mut other_framed).is_ok() && other_framed.len() == framed.len() {
        let same = framed.iter().zip(&other_framed).take_while(|(one, two)| one == two).count();
        if framed.get(same..).is_some_and(|rest| rest.starts_with(message)) {
            return same;
        }
    }
    framed.windows(message.len().max(1)).position(|window| window == message).unwrap_or(0)
}

/// The address of a host, and whether it is only an example.
fn address(host: &Host) -> (IpAddr, bool) {
    match host {
        Host::Ip(ip) => (*ip, false),
        Host::Zoned { ip, .. } => ((*ip).into(), false),
        Host::Loopback | Host::Any => (Ipv4Addr::LOCALHOST.into(), false),
        Host::Name(name) if name == "localhost" => (Ipv4Addr::LOCALHOST.into(), false),
        Host::Name(_) => (THERE.into(), true),
    }
}

/// An example of who sends to this address.
const fn other_end(to: IpAddr) -> IpAddr {
    match to {
        _ if to.is_loopback() => to,
        IpAddr::V4(_) => IpAddr::V4(HERE.0),
        IpAddr::V6(_) => IpAddr::V6(HERE.1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sockeye_probe::dissect::{Start, Value, dissect};

    fn request(message: &str, endpoint: &str) -> Request {
        let (message, endpoint) = (message.to_owned(), endpoint.to_owned());
        Request { message, hex: false, endpoint, params: Vec::new(), mtu: None }
    }

    #[test]
    fn a_message_is_framed_and_addressed_as_the_endpoint_says() {
        let outcome = run(&request("hello", "tcp://192.0.2.9:80?frame=u16be")).unwrap();
        assert_eq!((outcome.framing.as_str(), outcome.to.to_string()), ("u16be", "192.0.2.9:80".to_owned()));
        let layers = dissect(&outcome.wrapped.frames[0].bytes, Start::Ethernet, 0);
        let data = layers[0].walk().into_iter().find_map(|layer| layer.field("data.bytes"));
        assert_eq!(data.unwrap().value, Value::Bytes(b"\0\x05hello".to_vec()));
    }

    #[test]
    fn a_framing_adds_bytes_on_its_own_side() {
        for (framing, message, sides) in [
            ("u16be", "hello", (2, 0)),
            ("u16be", "hex:01", (2, 0)),
            ("line", "hello", (0, 1)),
            ("line", "hex:f5", (0, 1)),
            ("ascii4,magic:2323,tail:0d0a", "hello", (6, 2)),
            ("u32le", "", (4, 0)),
            ("raw", "hello", (0, 0)),
            ("wrap:02:03", "hello", (1, 1)),
        ] {
            let endpoint = format!("tcp://192.0.2.9:80?frame={framing}");
            let outcome = run(&request(message, &endpoint)).unwrap();
            let step = &outcome.wrapped.steps[1];
            assert_eq!((step.before, step.after), sides, "{framing} {message}");
        }
    }

    #[test]
    fn names_are_not_asked_for() {
        let outcome = run(&request("x", "udp://no-such-host.example:53")).unwrap();
        assert!(outcome.named);
        assert_eq!(outcome.to.ip(), THERE);
        assert_eq!(run(&request("x", "tcp://[::1]:1")).unwrap().from.ip(), IpAddr::V6(Ipv6Addr::LOCALHOST));
    }

    #[test]
    fn what_goes_through_no_network_is_refused() {
        for (endpoint, code) in [("unix:///tmp/a.sock", Code::UnfitParameter), ("tcp://x", Code::BadEndpoint)]
        {
            assert_eq!(run(&request("x", endpoint)).unwrap_err().code, code, "{endpoint}");
        }
        let long = "x".repeat(DATAGRAM_MAX + 1);
        assert_eq!(run(&request(&long, "udp://192.0.2.7:1")).unwrap_err().code, Code::DatagramTooLong);
        let mtu = Request { mtu: Some(100), ..request("x", ":1") };
        assert_eq!(run(&mtu).unwrap_err().code, Code::BadValue);
    }
}
