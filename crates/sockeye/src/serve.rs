//! `serve`: answer on sockets. One listener from a command line, several from `sockeye.toml`, or the welcome set.

use std::sync::Arc;

use sockeye_core::endpoint::Endpoint;
use sockeye_core::fault::Class;
use sockeye_core::{Code, Fault, Note, Service, SessionId};
use sockeye_net::End;
use sockeye_net::impair::{Impairments, Spec};
use sockeye_net::operator::Source;
use sockeye_net::server::{Listener, Options, Server};
use sockeye_net::transport::Role;
use sockeye_script::play::mock;
use sockeye_script::transcript::Subject;
use sockeye_service::Given;

use crate::bounds::Bounds;
use crate::config;
use crate::given::{self, Params};
use crate::recording::About;
use crate::script;
use crate::views::Views;

/// What to answer with, where.
#[derive(Clone, Debug)]
pub struct Request {
    /// The listeners.
    pub listeners: Listeners,
    /// Endpoint parameters given as flags; they win over every listener's own.
    pub params: Params,
    /// Bounds given as flags, by name; they win over the file's.
    pub bounds: Vec<(String, String)>,
    /// Faults on purpose given as flags, as written: in every session of every listener, in place of the file's.
    pub faults: Vec<String>,
    /// What randomness is drawn from.
    pub seed: u64,
    /// Whether a found file may run programs.
    pub allow_exec: bool,
    /// Whether a person sits at a terminal, so that services that need one take part in the welcome set.
    pub at_terminal: bool,
}

/// Where the listeners come from.
#[derive(Clone, Debug)]
pub enum Listeners {
    /// A command line.
    One(One),
    /// A file: its path, for people, and its text.
    File {
        /// The path.
        path: String,
        /// The text, TOML.
        text: String,
    },
    /// The places that services name in the registry.
    Welcome,
}

/// One listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct One {
    /// The endpoint, as written.
    pub endpoint: String,
    /// The service's name.
    pub service: String,
    /// The service's flags and words, as on a command line.
    pub args: Vec<String>,
}

/// What was understood of a request, with nothing opened yet.
struct Plan {
    listeners: Vec<(Listener, Impairments)>,
    bounds: Bounds,
    /// Whether a listener that cannot bind is skipped.
    lenient: bool,
}

/// Serves until told to stop. `operator` is asked for the operator's lines if there is a service that reads them.
pub fn run(request: &Request, operator: impl FnOnce() -> Source, views: &Views) -> Result<End, Fault> {
    let plan = plan(request)?;
    let told = match &request.listeners {
        Listeners::One(_) => None,
        Listeners::File { path, .. } => Some(Note::new("config-found").arg("path", path)),
        Listeners::Welcome => Some(Note::new("welcome")),
    };
    if let Some(note) = told {
        views.watcher.note(SessionId::default(), &note);
    }
    let reads = plan.listeners.iter().any(|(listener, _)| listener.service.reads_operator());
    let mut server = Server::new(Options {
        limits: plan.bounds.limits,
        max_sessions: plan.bounds.max_sessions,
        operator: reads.then(operator),
        front: views.front(),
        observer: views.observer.clone(),
    })?;
    server.seed(request.seed);
    server.threads(plan.bounds.threads);
    server.wait(plan.bounds.wait);
    if let Some(endpoint) = &plan.bounds.metrics {
        server.metrics(endpoint)?;
    }
    let mut bound = 0;
    let mut first = None;
    for (listener, faults) in plan.listeners {
        let service = listener.name.clone();
        match server.bind_impaired(listener, faults) {
            Ok(url) => {
                bound += 1;
                // Who typed the service knows it.
                if !matches!(request.listeners, Listeners::One(_)) {
                    let answers = Note::new("answers").arg("service", service).arg("url", url);
                    views.watcher.note(SessionId::default(), &answers);
                }
            }
            Err(fault) if plan.lenient && fault.code.class() == Class::Connect => {
                views.watcher.warning(&fault);
                first = first.or(Some(fault));
            }
            Err(fault) => return Err(fault),
        }
    }
    match first {
        Some(fault) if bound == 0 => Err(fault),
        _ => server.run(),
    }
}

/// What is recorded of it: every listener's endpoint, with its parameters.
pub fn about(request: &Request) -> Result<About, Fault> {
    let mut endpoints = Vec::new();
    let mut add = |text: &str, own: &[(String, String)]| {
        let mut endpoint = given::endpoint(text, own)?;
        for (name, value) in &request.params {
            endpoint.params.set(name, value)?;
        }
        endpoints.push(endpoint.to_string());
        Ok::<_, Fault>(())
    };
    match &request.listeners {
        Listeners::One(one) => add(&one.endpoint, &[])?,
        Listeners::File { path, text } => {
            for entry in &config::read(path, text)?.listeners {
                add(&entry.one.endpoint, &entry.params).map_err(|fault| config::in_file(path, fault))?;
            }
        }
        Listeners::Welcome => {
            for one in welcome(request.at_terminal) {
                add(&one.endpoint, &[])?;
            }
        }
    }
    let subject = Subject::Server { endpoints };
    Ok(About { verb: "serve".to_owned(), subject, seed: Some(request.seed) })
}

fn plan(request: &Request) -> Result<Plan, Fault> {
    let mut listeners = Vec::new();
    let mut bounds = Bounds::default();
    let mut lenient = false;
    match &request.listeners {
        Listeners::One(one) => listeners.push(listener(one, &[], &[], request)?),
        Listeners::File { path, text } => {
            let file = config::read(path, text)?;
            for entry in &file.listeners {
                if takes_rest(&entry.one.service) && !request.allow_exec {
                    return Err(Fault::new(Code::ExecNotAllowed, "").arg("path", path));
                }
                let listener = listener(&entry.one, &entry.params, &entry.faults, request);
                listeners.push(listener.map_err(|fault| config::in_file(path, fault))?);
            }
            bounds = file.bounds;
        }
        Listeners::Welcome => {
            lenient = true;
            for one in welcome(request.at_terminal) {
                listeners.push(listener(&one, &[], &[], request)?);
            }
        }
    }
    for (name, value) in &request.bounds {
        bounds.set(name, value)?;
    }
    Ok(Plan { listeners, bounds, lenient })
}

/// The welcome set: what the services say of themselves.
pub fn welcome(at_terminal: bool) -> impl Iterator<Item = One> {
    sockeye_service::ALL.iter().flat_map(move |entry| {
        let places = entry.welcome.iter().filter(move |place| at_terminal || !place.terminal_only);
        places.map(|place| One {
            endpoint: place.endpoint.to_owned(),
            service: entry.name.to_owned(),
            args: place.args.iter().map(|arg| (*arg).to_owned()).collect(),
        })
    })
}

fn listener(
    one: &One,
    own: &[(String, String)],
    faults: &[String],
    request: &Request,
) -> Result<(Listener, Impairments), Fault> {
    let mut endpoint = given::endpoint(&one.endpoint, own)?;
    for (name, value) in &request.params {
        endpoint.params.set(name, value)?;
    }
    let service = service(one, &mut endpoint, request.seed)?;
    let lane = given::lane(&endpoint, Role::Listen)?;
    let faults = if request.faults.is_empty() { faults } else { &request.faults };
    let faults = faults.iter().map(|text| Spec::parse(text)).collect::<Result<_, _>>()?;
    let faults = Impairments::new(faults, request.seed);
    faults.fit(lane.medium, &endpoint.front())?;
    Ok((Listener { endpoint, name: one.service.clone(), service }, faults))
}

fn service(one: &One, endpoint: &mut Endpoint, seed: u64) -> Result<Arc<dyn Service>, Fault> {
    let entry = given::service(&one.service)?;
    let mut given = Given { charset: given::charset(endpoint)?, seed, ..given::arguments(entry, &one.args)? };
    if let Some(path) = entry.file(&given) {
        let vars = given.vars()?;
        let program = script::load(path, &vars)?;
        // Who plays a recording need not say again how its messages were cut.
        endpoint.params.frame = endpoint.params.frame.or_else(|| mock::framing(&program, &vars));
        given.script = Some(Arc::new(program));
    }
    let built = (entry.build)(&given).map_err(|fault| match fault.code {
        Code::Usage => fault.doing(format!("serve {}", entry.name)),
        _ => fault,
    })?;
    Ok(Arc::from(built))
}

/// Whether the service runs what it is given: programs.
fn takes_rest(service: &str) -> bool {
    sockeye_service::find(service).is_some_and(|entry| entry.takes_rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(listeners: Listeners) -> Request {
        Request {
            listeners,
            params: Vec::new(),
            bounds: Vec::new(),
            faults: Vec::new(),
            seed: 1,
            allow_exec: false,
            at_terminal: true,
        }
    }

    fn file(text: &str) -> Request {
        request(Listeners::File { path: "sockeye.toml".to_owned(), text: text.to_owned() })
    }

    fn code(request: &Request) -> Code {
        plan(request).err().map(|fault| fault.code).unwrap()
    }

    #[test]
    fn a_file_gives_listeners_with_parameters_and_bounds() {
        let text = "[[serve]]\nendpoint = \":0\"\nservice = \"echo\"\nframe = \"line\"\nmax-at-once = 5\n";
        let plan = plan(&file(text)).unwrap();
        assert_eq!(plan.listeners.len(), 1);
        assert_eq!(plan.listeners[0].0.endpoint.params.frame.unwrap().spec(), "line");
        assert_eq!(plan.bounds.limits.sessions, 5);
    }

    #[test]
    fn a_flag_wins_over_the_file() {
        let text = "[[serve]]\nendpoint = \":0\"\nservice = \"echo\"\nframe = \"line\"\n";
        let mut request = file(text);
        request.params.push(("frame".to_owned(), "raw".to_owned()));
        assert!(plan(&request).unwrap().listeners[0].0.endpoint.params.frame.unwrap().is_raw());
    }

    #[test]
    fn faults_come_from_the_file_or_from_flags_and_must_fit() {
        let text = "[[serve]]\nendpoint = \"udp://127.0.0.1:0\"\nservice = \"echo\"\nfault = [\"dup:0.1\", \"loss:0.1\"]\n";
        assert!(!plan(&file(text)).unwrap().listeners[0].1.is_empty());
        let mut flagged = file(text);
        flagged.faults.push("reset".to_owned());
        assert_eq!(code(&flagged), Code::UnfitFault);
        let one = |fault: &str| {
            let one = One { endpoint: ":0".to_owned(), service: "echo".to_owned(), args: Vec::new() };
            Request { faults: vec![fault.to_owned()], ..request(Listeners::One(one)) }
        };
        assert_eq!(code(&one("dup:0.1")), Code::UnfitFault);
        assert_eq!(code(&one("los:0.1")), Code::UnknownFault);
        assert_eq!(code(&one("loss:2")), Code::BadFault);
        assert!(plan(&one("reset:on=/a,b/")).is_ok());
    }

    #[test]
    fn slips_have_their_codes() {
        let one = |endpoint: &str, service: &str, args: &[&str]| {
            request(Listeners::One(One {
                endpoint: endpoint.to_owned(),
                service: service.to_owned(),
                args: args.iter().map(|arg| (*arg).to_owned()).collect(),
            }))
        };
        assert_eq!(code(&one(":0", "ecko", &[])), Code::UnknownService);
        assert_eq!(code(&one("ftp://x:1", "echo", &[])), Code::UnknownScheme);
        assert_eq!(code(&one(":70000", "echo", &[])), Code::BadPort);
        assert_eq!(code(&one(":0", "echo", &["--loud"])), Code::UnknownFlag);
        assert_eq!(code(&one("tcp://:0?enc=klingon", "echo", &[])), Code::UnknownCharset);
    }

    #[test]
    fn the_welcome_set_is_on_loopback() {
        for one in welcome(true) {
            assert!(one.endpoint.contains("127.0.0.1"), "{}", one.endpoint);
        }
        assert!(plan(&request(Listeners::Welcome)).unwrap().lenient);
    }
}
