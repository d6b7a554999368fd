//! `proxy`: relay what comes to one endpoint to another.

use sockeye_core::Fault;
use sockeye_net::End;
use sockeye_net::operator::Source;
use sockeye_net::transport::Role;
use sockeye_script::transcript::Subject;

use crate::given::{self, Params};
use crate::recording::About;
use crate::serve;
use crate::views::Views;

/// From where to where.
#[derive(Clone, Debug)]
pub struct Request {
    /// The endpoint to listen on, as written.
    pub listen: String,
    /// The endpoint to pass on to, as written.
    pub target: String,
    /// Endpoint parameters of the listener given as flags.
    pub params: Params,
    /// Bounds given as flags, by name.
    pub bounds: Vec<(String, String)>,
    /// Faults on purpose, as written.
    pub faults: Vec<String>,
    /// What randomness is drawn from.
    pub seed: u64,
}

/// What is recorded of it: what it relays to, which a recording is written against.
pub fn about(request: &Request) -> Result<About, Fault> {
    let target = given::endpoint(&request.target, &[])?.to_string();
    Ok(About { verb: "proxy".to_owned(), subject: Subject::Proxy { target }, seed: None })
}

/// Relays until the end. It is the service `forward`, so there is one relay.
pub fn run(request: &Request, views: &Views) -> Result<End, Fault> {
    given::lane(&given::endpoint(&request.target, &[])?, Role::Connect)?;
    let one = serve::One {
        endpoint: request.listen.clone(),
        service: "forward".to_owned(),
        args: vec!["--".to_owned(), request.target.clone()],
    };
    let request = serve::Request {
        listeners: serve::Listeners::One(one),
        params: request.params.clone(),
        bounds: request.bounds.clone(),
        faults: request.faults.clone(),
        seed: request.seed,
        allow_exec: true,
        at_terminal: false,
    };
    serve::run(&request, || Source::Stdin, views)
}
