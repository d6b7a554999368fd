//! `replay`: one side of a recording. As the client every recorded session is played against a server and every message
//! compared; as the server a mock answers until every recorded session was played.

use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use sockeye_core::endpoint::{Host, Params, Place};
use sockeye_core::{Code, Endpoint, Fault, Note, SessionId};
use sockeye_net::server::{Listener, Options as Serving, Server};
use sockeye_net::transport::Role as Transporting;
use sockeye_net::{End, Front, signals};
use sockeye_script::play::mock::{self, Mock, Played};
use sockeye_script::play::{Options, Pace, Part, Reuse};
use sockeye_script::program::{Op, Role};
use sockeye_script::transcript::Subject;
use sockeye_script::{Program, Vars};

use crate::bounds::Bounds;
use crate::given;
use crate::recording::{self, About};
use crate::script::{self, Unreadable};
use crate::test::play::{Setup, run as play};
use crate::test::{Party, Report, Summary, Verdict, Watch};
use crate::views::Views;

/// The signal that people end programs with (POSIX).
const INTERRUPT: i32 = 2;

/// What to play, and how.
#[derive(Clone, Debug)]
pub struct Request {
    /// A conversation file, a capture, or a number of the store.
    pub recording: String,
    /// The store, where it is not the usual one.
    pub store: Option<String>,
    /// Which side.
    pub side: Side,
    /// Where, instead of where it was recorded.
    pub endpoint: Option<String>,
    /// Endpoint parameters given as flags.
    pub params: given::Params,
    /// How fast.
    pub pace: Pace,
    /// Which of its sessions, from 1. None: all.
    pub sessions: Vec<usize>,
    /// Variables from outside.
    pub vars: Vars,
    /// What a mock does once every session was played.
    pub then: Then,
    /// What randomness is drawn from.
    pub seed: u64,
    /// How long something expected is waited for.
    pub timeout: Option<Duration>,
    /// Bounds of the sessions.
    pub bounds: Bounds,
}

/// Which side of a recording is played.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Those who connected.
    Client,
    /// The one they connected to.
    Server,
}

/// What a mock does once every session was played.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Then {
    /// It ends.
    #[default]
    End,
    /// It begins again.
    Again,
}

/// What is recorded of a replay: of a mock, a server's sessions.
pub fn about(request: &Request) -> Result<About, Fault> {
    let endpoint = request.endpoint.as_deref().map(|to| given::endpoint(to, &request.params)).transpose()?;
    let endpoints = endpoint.map(|endpoint| endpoint.to_string()).into_iter().collect();
    Ok(About { verb: "replay".to_owned(), subject: Subject::Server { endpoints }, seed: Some(request.seed) })
}

/// Plays a recording. A file with mistakes is given back to be shown.
pub fn run(request: &Request, watch: &dyn Watch, views: &Views) -> Result<Summary, Unreadable> {
    let program = load(request, views)?;
    match request.side {
        Side::Client => client(request, program, watch, views),
        Side::Server => server(request, program, watch, views),
    }
}

fn load(request: &Request, views: &Views) -> Result<Program, Unreadable> {
    let source = recording::text(&request.recording, request.store.as_deref(), &*views.watcher)?;
    let mut program = script::read(&source.path, &source.text, &request.vars)?;
    let wanted = |index: usize| request.sessions.is_empty() || request.sessions.contains(&(index + 1));
    if let Some(number) = request.sessions.iter().find(|number| **number > program.peers.len()) {
        let fault = Fault::new(Code::BadValue, "replay").arg("name", "--session").arg("value", number);
        return Err(fault.detail(format!("1…{}", program.peers.len())).into());
    }
    for step in &mut program.steps {
        let belongs = !matches!(step.op, Op::Sleep(_) | Op::Repeat { .. } | Op::End { .. });
        if belongs && !wanted(usize::from(step.peer)) {
            // In its place, so that what counts steps by their place still does.
            step.op = Op::Sleep(Duration::ZERO);
        }
    }
    Ok(program)
}

/// Where a peer was recorded.
fn recorded(program: &Program, index: usize, vars: &Vars) -> Result<Endpoint, Fault> {
    let mut text = program.peers[index].endpoint.to_string();
    for (name, value) in &program.settings.vars {
        let value = vars.get(name).unwrap_or(value);
        text = text.replace(&format!("{{{{{name}}}}}"), &String::from_utf8_lossy(value));
    }
    text.parse()
}

fn client(
    request: &Request,
    mut program: Program,
    watch: &dyn Watch,
    views: &Views,
) -> Result<Summary, Unreadable> {
    if request.endpoint.is_some() || !request.params.is_empty() {
        for index in 0..program.peers.len() {
            if program.peers[index].role == Role::Connect {
                program.peers[index].endpoint = target(request, &program, index)?.to_string().into();
            }
        }
    }
    let signal = Arc::new(AtomicI32::new(0));
    let told = Arc::clone(&signal);
    signals::on_next(move |number| told.store(number, Ordering::Relaxed));
    let options = Options {
        part: Part::All,
        pace: request.pace,
        vars: request.vars.clone(),
        patience: request.timeout,
        seed: request.seed,
    };
    let subject = format!("replay {}", request.recording);
    let setup = Setup { options, limits: &request.bounds.limits, subject, signal: &signal };
    let mut report = Report::of(&request.recording);
    play(&Arc::new(program), setup, views, &mut report)?;
    watch.ended(&report);
    let signal = Some(signal.load(Ordering::Relaxed)).filter(|number| *number != 0);
    Ok(Summary { elapsed: report.elapsed, reports: vec![report], seed: request.seed, signal })
}

/// Where a recorded client connects to now.
fn target(request: &Request, program: &Program, index: usize) -> Result<Endpoint, Fault> {
    let before = recorded(program, index, &request.vars);
    let Some(to) = &request.endpoint else {
        return given::endpoint(&before?.to_string(), &request.params);
    };
    let mut to = given::endpoint(to, &request.params)?;
    // How messages are cut is the recording's business, unless it is told.
    if let Ok(before) = before {
        to.params.frame = to.params.frame.or(before.params.frame);
        to.params.enc = to.params.enc.or(before.params.enc);
    }
    Ok(to)
}

fn server(
    request: &Request,
    program: Program,
    watch: &dyn Watch,
    views: &Views,
) -> Result<Summary, Unreadable> {
    let program = Arc::new(program);
    let options = Options {
        pace: request.pace,
        vars: request.vars.clone(),
        patience: request.timeout,
        seed: request.seed,
        ..Options::default()
    };
    let reuse = if request.then == Then::Again { Reuse::Again } else { Reuse::Never };
    let mock = Mock::new(&program, options, reuse).map_err(Unreadable::Refused)?;
    let sessions = mock.sessions();
    let endpoint = listening(request, &program)?;
    let (told, played) = std::sync::mpsc::channel();
    let (over, told) = (told.clone(), Mutex::new(told));
    let mock = mock.reporting(move |played| {
        // Nobody listens any more only when the run is over.
        let _ = told.lock().unwrap_or_else(PoisonError::into_inner).send(Some(played));
    });
    given::lane(&endpoint, Transporting::Listen)?;
    let mut server = Server::new(Serving {
        limits: request.bounds.limits.clone(),
        max_sessions: (request.then == Then::End).then_some(sessions as u64),
        operator: None,
        front: Arc::new(Hushed(views.clone())),
        observer: views.observer.clone(),
    })?;
    server.seed(request.seed);
    server.bind(Listener { endpoint, name: "replay".to_owned(), service: Arc::new(mock) })?;
    let began = Instant::now();
    // The server stays on this thread, and what it tells is told on another.
    let (end, mut reports) = std::thread::scope(|scope| {
        let program = &program;
        let teller = scope.spawn(move || {
            let played = played.into_iter().map_while(|played| played);
            let told = played.map(|played| {
                let report = session(request, program, played);
                watch.ended(&report);
                report
            });
            told.collect::<Vec<_>>()
        });
        let end = server.run();
        let _ = over.send(None);
        (end, teller.join().unwrap_or_default())
    });
    let signal = match end? {
        End::Done => None,
        End::Stopped if request.then == Then::Again => None,
        End::Stopped => Some(INTERRUPT),
        End::Signal(number) => Some(number),
    };
    while request.then == Then::End && reports.len() < sessions {
        reports.push(Report::of(&request.recording));
    }
    Ok(Summary { reports, elapsed: began.elapsed(), seed: request.seed, signal })
}

/// Where a mock listens: as told, or at the recorded port on loopback.
fn listening(request: &Request, program: &Program) -> Result<Endpoint, Fault> {
    let first = program.peers.iter().position(|peer| peer.role == Role::Connect).unwrap_or(0);
    let before = recorded(program, first, &request.vars);
    let mut endpoint = if let Some(at) = &request.endpoint {
        given::endpoint(at, &request.params)?
    } else {
        let mut before = before?;
        if let Place::Host { host, .. } = &mut before.place {
            *host = Host::Ip(std::net::Ipv4Addr::LOCALHOST.into());
        }
        // What else was recorded (whom to trust, who to be) is the client's.
        let Params { frame, enc, subprotocol, .. } = before.params;
        before.params = Params { frame, enc, subprotocol, ..Params::default() };
        given::endpoint(&before.to_string(), &request.params)?
    };
    let framing = mock::framing(program, &request.vars);
    endpoint.params.frame = endpoint.params.frame.or(framing);
    Ok(endpoint)
}

/// What came of one session of a mock.
fn session(request: &Request, program: &Program, played: Played) -> Report {
    let mut report = Report::of(&named(request, program, played.peer));
    report.parties =
        program.peers.iter().map(|peer| Party { name: peer.name.clone(), addresses: None }).collect();
    report.steps = played.ended.steps;
    report.elapsed = played.ended.elapsed;
    report.verdict = match played.ended.result {
        Ok(()) => Verdict::Passed,
        Err(failure) => Verdict::Failed(failure),
    };
    report
}

/// What a session is called: as the recording, and where that has several, as its peer too.
fn named(request: &Request, program: &Program, peer: Option<u16>) -> String {
    let peer = peer.and_then(|peer| program.peers.get(usize::from(peer)));
    match peer.filter(|_| program.peers.len() > 1) {
        Some(peer) => format!("{} {}", request.recording, peer.name),
        None => request.recording.clone(),
    }
}

/// A mock's front: what went wrong is told as the report of its session.
struct Hushed(Views);

impl Front for Hushed {
    fn listening(&self, url: &str, service: &str) {
        self.0.watcher.listening(url, service);
    }

    fn print(&self, _session: SessionId, _payload: &[u8]) {}

    fn is_blocked(&self) -> bool {
        self.0.watcher.is_blocked()
    }

    fn note(&self, session: SessionId, note: &Note) {
        self.0.watcher.note(session, note);
    }

    fn fault(&self, _session: SessionId, _fault: &Fault) {}
}
