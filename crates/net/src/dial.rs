//! Connecting: an endpoint becomes a [`Conn`], or a fault that says why not.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use sockeye_core::limits::{Handshakes, MESSAGE};
use sockeye_core::quantity::Span;
use sockeye_core::{Address, Code, Endpoint, Fault, Kind, Leg, Note, PEER, Tick};
use tokio::time::{Instant, sleep_until, timeout};

use crate::datagram::Datagram;
use crate::errno;
use crate::eyeballs::{Race, Step};
use crate::front::Onlooker;
use crate::layer::{Layers, Link, Open, Scene, via};
use crate::stream::Stream;
use crate::tap::Tap;
use crate::transport::{self, Entry, Role};

/// What a dialled endpoint is.
#[derive(Debug)]
pub enum Conn {
    /// Bytes in order.
    Stream(Stream),
    /// Datagrams. Those to a broadcast address or a group are answered by many: see [`Datagram::hears_others`].
    Datagram(Datagram),
}

/// How to dial.
#[derive(Clone, Debug)]
pub struct Options {
    /// The leg that the events name.
    pub leg: Leg,
    /// How long it may take, names included, unless the endpoint has a `timeout=` of its own. `None`: as long as the
    /// system takes.
    pub timeout: Option<Duration>,
    /// How long the handshakes of layers may take.
    pub handshakes: Handshakes,
    /// The longest message a layer that carries messages takes, in bytes.
    pub message: usize,
    /// Whom we connect for, where we relay: the client's end, and the one it came to.
    pub behalf: Option<(Address, Address)>,
    /// Who is shown TCP sockets before they connect.
    pub onlooker: Option<Arc<dyn Onlooker>>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            leg: PEER,
            timeout: None,
            handshakes: Handshakes::default(),
            message: MESSAGE,
            behalf: None,
            onlooker: None,
        }
    }
}

/// One call of [`dial`], as transports see it.
pub(crate) struct Call<'a> {
    pub(crate) endpoint: &'a Endpoint,
    pub(crate) subject: String,
    pub(crate) leg: Leg,
    pub(crate) on_event: &'a dyn Fn(Kind<'_>),
    pub(crate) started: Instant,
    pub(crate) onlooker: Option<&'a dyn Onlooker>,
}

impl Call<'_> {
    /// The fault of an attempt.
    pub(crate) fn fault(&self, error: &std::io::Error) -> Fault {
        errno::connecting(error, &self.subject, self.started.elapsed())
    }
}

/// What a transport's dialling is.
pub(crate) type Dialling<'a> = Pin<Box<dyn Future<Output = Result<Conn, Fault>> + 'a>>;

/// Connects to an endpoint. `on_event` is told of `Resolved`, `Connecting` and `Connected`. Every address of a name is
/// tried, as Happy Eyeballs (RFC 8305) says; where all fail, the fault is the one that tells most. Its subject is
/// `connect URL`. Dropping the future gives up. Needs a tokio runtime with I/O and time.
pub async fn dial(endpoint: &Endpoint, options: Options, on_event: &dyn Fn(Kind<'_>)) -> Result<Conn, Fault> {
    Target::new(endpoint)?.dial(options, on_event).await
}

/// An endpoint that is ready to be dialled, any number of times: what its layers need is read.
pub struct Target {
    endpoint: Endpoint,
    entry: &'static Entry,
    /// Where the connection goes first, where `via=` says so.
    proxy: Option<Endpoint>,
    layers: Layers,
    subject: String,
}

impl Target {
    /// Reads what the endpoint's layers need: certificates, keys.
    pub fn new(endpoint: &Endpoint) -> Result<Self, Fault> {
        let entry = transport::fit(endpoint, Role::Connect)?.entry;
        let mut subject = format!("connect {}", endpoint.bare());
        let doing = |fault: Fault| fault.doing(&subject);
        let mut layers = Layers::prepare(endpoint, Role::Connect).map_err(doing)?;
        let mut proxy = None;
        if let Some((at, tunnel)) = via::tunnel(endpoint).map_err(doing)? {
            layers.innermost(tunnel);
            subject = format!("{subject} via {at}");
            proxy = Some(at);
        }
        Ok(Self { endpoint: endpoint.clone(), entry, proxy, layers, subject })
    }

    /// The endpoint.
    pub const fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// What to tell people before it is dialled for the first time.
    pub(crate) fn announce(&self) -> Vec<Note> {
        self.layers.announce(&self.endpoint.bare().to_string())
    }

    /// Connects; see [`dial`].
    pub async fn dial(&self, options: Options, on_event: &dyn Fn(Kind<'_>)) -> Result<Conn, Fault> {
        self.dial_tapped(options, on_event, None).await
    }

    /// As [`Target::dial`], with the bytes of a stream shown, if somebody wants to see them.
    pub(crate) async fn dial_tapped(
        &self,
        options: Options,
        on_event: &dyn Fn(Kind<'_>),
        tap: Option<Tap>,
    ) -> Result<Conn, Fault> {
        let endpoint = self.proxy.as_ref().unwrap_or(&self.endpoint);
        let subject = self.subject.clone();
        let (leg, started) = (options.leg, Instant::now());
        let onlooker = options.onlooker.as_deref();
        let call = Call { endpoint, subject, leg, on_event, started, onlooker };
        // Where time runs out tells what to look for.
        let stands = Cell::new(false);
        let dialling = self.connect(&call, &options, &stands, tap);
        let dialled = match self.endpoint.params.timeout.or(options.timeout) {
            None => dialling.await,
            Some(limit) => timeout(limit, dialling).await.unwrap_or_else(|_| {
                if !stands.get() {
                    return Err(errno::timed_out(&call.subject, limit));
                }
                let fault = Fault::new(Code::HandshakeTimeout, &call.subject);
                Err(fault.arg("layer", self.layers.names()).arg("after", Span(limit)))
            }),
        };
        dialled.map_err(|fault| fault.doing(&call.subject))
    }

    /// `stands` is set once only handshakes are still to be made.
    async fn connect(
        &self,
        call: &Call<'_>,
        options: &Options,
        stands: &Cell<bool>,
        tap: Option<Tap>,
    ) -> Result<Conn, Fault> {
        let conn = match (self.entry.dial)(call).await? {
            Conn::Stream(stream) => Conn::Stream(stream.tapped(tap)),
            conn @ Conn::Datagram(_) => conn,
        };
        stands.set(true);
        match conn {
            Conn::Stream(stream) if !self.layers.is_empty() => {
                let remote = stream.remote().unwrap_or(Address::Unix(None));
                let behalf = options.behalf.clone();
                let (subject, on_event) = (&*call.subject, call.on_event);
                let message = options.message;
                let scene = Scene { leg: call.leg, behalf, message, door: &Open, subject, on_event };
                let link = self.layers.wrap(Link::new(stream, remote), &scene, &options.handshakes).await?;
                Ok(Conn::Stream(link.stream))
            }
            conn => Ok(conn),
        }
    }
}

/// Runs attempts at the addresses as [`Race`] says; the first that succeeds wins, and the others are dropped.
pub(crate) async fn race<T, F>(
    addresses: Vec<SocketAddr>,
    attempt: impl Fn(SocketAddr) -> F,
) -> Result<T, Option<Fault>>
where
    F: Future<Output = Result<T, Fault>>,
{
    let started = Instant::now();
    let mut race = Race::new(addresses);
    let mut running = Vec::new();
    let mut faults = Vec::new();
    loop {
        match race.step(Tick::ZERO + started.elapsed()) {
            Step::Start(address) => running.push(Box::pin(attempt(address))),
            Step::Lost => return Err(errno::most_telling(faults)),
            Step::Wait(until) => {
                match first(&mut running, until.map(|tick| started + tick.since(Tick::ZERO))).await {
                    Some(Ok(won)) => return Ok(won),
                    Some(Err(fault)) => {
                        faults.push(fault);
                        race.failed();
                    }
                    None => {}
                }
            }
        }
    }
}

/// The result of the first attempt that ends, or `None` when `until` comes before.
async fn first<T, F>(running: &mut Vec<Pin<Box<F>>>, until: Option<Instant>) -> Option<Result<T, Fault>>
where
    F: Future<Output = Result<T, Fault>>,
{
    let mut timer = pin!(until.map(sleep_until));
    poll_fn(|cx| {
        for index in 0..running.len() {
            if let Poll::Ready(result) = running[index].as_mut().poll(cx) {
                drop(running.swap_remove(index));
                return Poll::Ready(Some(result));
            }
        }
        match timer.as_mut().as_pin_mut() {
            Some(timer) => timer.poll(cx).map(|()| None),
            None => Poll::Pending,
        }
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;
    use sockeye_core::Code;

    const DEAF: &str = "192.0.2.1:1";
    const SHUT: &str = "192.0.2.2:1";
    const OPEN: &str = "[2001:db8::1]:1";

    async fn attempt(address: SocketAddr) -> Result<SocketAddr, Fault> {
        match address.to_string().as_str() {
            OPEN => Ok(address),
            SHUT => Err(Fault::new(Code::Refused, "")),
            _ => std::future::pending().await,
        }
    }

    fn addresses(list: &[&str]) -> Vec<SocketAddr> {
        list.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn a_blackholed_first_address_costs_a_quarter_of_a_second() {
        let started = Instant::now();
        let won = race(addresses(&[DEAF, OPEN]), attempt).await;
        assert_eq!(won.map(|address| address.to_string()), Ok(OPEN.to_string()));
        assert!(started.elapsed() <= Duration::from_millis(260));
    }

    #[tokio::test(start_paused = true)]
    async fn a_refused_first_address_costs_nothing() {
        let started = Instant::now();
        assert!(race(addresses(&[SHUT, OPEN]), attempt).await.is_ok());
        assert_eq!(started.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn all_refused_is_refused() {
        let lost = race(addresses(&[SHUT, SHUT]), attempt).await.unwrap_err();
        assert_eq!(lost.map(|fault| fault.code), Some(Code::Refused));
        let nothing = race(Vec::new(), attempt).await.unwrap_err();
        assert_eq!(nothing, None);
    }
}
