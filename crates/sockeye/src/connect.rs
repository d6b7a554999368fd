//! `connect`: talk to a socket, line by line for a person, byte for byte for a pipe.

use std::sync::Arc;
use std::time::Duration;

use sockeye_core::endpoint::Endpoint;
use sockeye_core::{Conversation, Fault, Lane, Medium, OPERATOR};
use sockeye_net::client::{self, Options};
use sockeye_net::persist::{self, Again};
use sockeye_net::transport::Role;
use sockeye_net::{End, operator::Source};
use sockeye_script::Vars;
use sockeye_script::play::{Login, Options as PlayOptions, mock};

use crate::backoff::Backoff;
use crate::bounds::Bounds;
use crate::given::{self, Params};
use crate::script;
use crate::secrets;
use crate::shown::Shown;
use crate::talk::{AtEof, Eol, Manner, Talk};
use crate::typing;
use crate::views::Views;

/// What to connect to, and how to talk.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct Request {
    /// The endpoint, as written.
    pub endpoint: String,
    /// Endpoint parameters given as flags.
    pub params: Params,
    /// Bounds.
    pub bounds: Bounds,
    /// What ends a line. `None`: LF for a person on a raw stream, otherwise nothing.
    pub eol: Option<Eol>,
    /// Type hex, see a hex dump.
    pub hex: bool,
    /// Whether stdin is a terminal.
    pub from_terminal: bool,
    /// A conversation file to go through first, by path.
    pub on_connect: Option<String>,
    /// Variables for it, each `NAME=VALUE`.
    pub vars: Vec<String>,
    /// Connect again when the connection is lost. A person with a login need not ask for it.
    pub reconnect: bool,
    /// What randomness is drawn from.
    pub seed: u64,
    /// Whether what comes in must pass the watcher: a terminal that must be shielded, or events instead of payload.
    /// Otherwise bytes may go straight to stdout.
    pub shown: bool,
}

/// A request that makes sense, with nothing opened yet.
pub struct Plan {
    endpoint: Endpoint,
    bounds: Bounds,
    way: Way,
    manner: Manner,
    is_marked: bool,
    login: Option<Login>,
    /// Where the pauses before each further connection come from; `None`: there is none.
    again: Option<Backoff>,
}

/// How stdin reaches the peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// Bytes pass unchanged, stdout's too, without a conversation.
    Pipe,
    /// Bytes pass to the peer as they come, their text converted if asked; what comes in is shown.
    Pieces,
    /// Each line is a message.
    Lines,
}

/// Understands a request. Asks for the secrets it needs, while nobody else reads the terminal.
pub fn plan(request: &Request, views: &Views) -> Result<Plan, Fault> {
    let mut endpoint = given::endpoint(&request.endpoint, &request.params)?;
    let login = login(request, &mut endpoint)?;
    let lane = given::lane(&endpoint, Role::Connect)?;
    secrets::fill(&mut endpoint, &*views.watcher);
    let way = way(request, &endpoint, lane);
    let manner = Manner {
        eol: eol(request, lane),
        charset: given::charset(&endpoint)?,
        hex: request.hex,
        datagrams: lane.medium.is_datagrams(),
        pieces: way == Way::Pieces,
        forgiving: request.from_terminal,
        // A Close ends both directions, and many servers answer nothing once they have read it.
        at_eof: if lane.medium == Medium::Messages { AtEof::Linger } else { AtEof::Finish },
        patience: Duration::ZERO,
        from: OPERATOR,
    };
    let again = request.reconnect || login.is_some() && request.from_terminal;
    let again = again.then(|| Backoff::new(request.seed));
    let is_marked = given::is_marked(lane);
    Ok(Plan { endpoint, bounds: request.bounds.clone(), way, manner, is_marked, login, again })
}

/// The login a request asks for. Where the endpoint does not say how messages are cut, its file may.
fn login(request: &Request, endpoint: &mut Endpoint) -> Result<Option<Login>, Fault> {
    let Some(path) = &request.on_connect else { return Ok(None) };
    let mut vars = Vars::default();
    request.vars.iter().try_for_each(|value| vars.assign(value))?;
    let program = script::load(path, &vars)?;
    endpoint.params.frame = endpoint.params.frame.or_else(|| mock::framing(&program, &vars));
    let options = PlayOptions { vars, seed: request.seed, ..PlayOptions::default() };
    let login = Login::new(&Arc::new(program), options).map_err(|refusal| refusal.fault())?;
    Ok(Some(login))
}

impl Plan {
    /// The conversation of one connection.
    fn conversation(&self) -> Box<dyn Conversation> {
        let shown = Shown::new(self.manner.charset, self.manner.hex, self.is_marked);
        let talk = Box::new(Talk::new(self.manner, shown));
        match &self.login {
            Some(login) => Box::new(login.before(talk).0),
            None => talk,
        }
    }
}

/// Connects, and talks until both sides are done. `editor`: where a person's lines come from, if not from stdin.
pub fn run(mut plan: Plan, editor: Option<Source>, views: &Views) -> Result<End, Fault> {
    let options = Options {
        verb: "connect",
        endpoint: plan.endpoint.clone(),
        limits: plan.bounds.limits.clone(),
        front: views.front(),
        observer: views.observer.clone(),
    };
    let source = match plan.way {
        Way::Pipe => {
            client::pipe(options)?;
            return Ok(End::Done);
        }
        Way::Pieces => typing::pieces(),
        Way::Lines => editor.unwrap_or(Source::Stdin),
    };
    match plan.again.take() {
        None => client::run(options, plan.conversation(), Some(source))?,
        Some(mut backoff) => {
            let again =
                Again { start: &mut || plan.conversation(), pause: &mut |attempt| backoff.pause(attempt) };
            persist::run(options, again, source)?;
        }
    }
    Ok(End::Done)
}

fn way(request: &Request, endpoint: &Endpoint, lane: Lane) -> Way {
    let cut = request.eol.is_some() || request.hex || given::is_marked(lane);
    if request.from_terminal || cut {
        Way::Lines
    } else if request.shown
        || endpoint.params.enc.is_some()
        || request.on_connect.is_some()
        || request.reconnect
    {
        Way::Pieces
    } else {
        Way::Pipe
    }
}

/// What ends a line that is sent.
fn eol(request: &Request, lane: Lane) -> Eol {
    let marked = given::is_marked(lane);
    match request.eol {
        Some(eol) => eol,
        None if request.from_terminal && !marked && !request.hex => Eol::Lf,
        None => Eol::None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(endpoint: &str) -> Request {
        Request {
            endpoint: endpoint.to_owned(),
            params: Vec::new(),
            bounds: Bounds::default(),
            eol: None,
            hex: false,
            from_terminal: false,
            on_connect: None,
            vars: Vec::new(),
            reconnect: false,
            seed: 0,
            shown: false,
        }
    }

    fn chosen(request: &Request) -> (Way, Eol) {
        let endpoint = given::endpoint(&request.endpoint, &request.params).unwrap();
        let lane = given::lane(&endpoint, Role::Connect).unwrap();
        (way(request, &endpoint, lane), eol(request, lane))
    }

    #[test]
    fn a_piped_stream_passes_unchanged_unless_something_marks_lines() {
        assert_eq!(chosen(&request("127.0.0.1:1")), (Way::Pipe, Eol::None));
        assert_eq!(chosen(&Request { shown: true, ..request("127.0.0.1:1") }), (Way::Pieces, Eol::None));
        assert_eq!(chosen(&request("tcp://127.0.0.1:1?frame=line")), (Way::Lines, Eol::None));
        let crlf = Request { eol: Some(Eol::Crlf), ..request("127.0.0.1:1") };
        assert_eq!(chosen(&crlf), (Way::Lines, Eol::Crlf));
        assert_eq!(chosen(&request("tcp://127.0.0.1:1?enc=gbk")), (Way::Pieces, Eol::None));
        let login = Request { on_connect: Some("login.skt".to_owned()), ..request("127.0.0.1:1") };
        assert_eq!(chosen(&login), (Way::Pieces, Eol::None));
    }

    #[test]
    fn a_typed_line_ends_with_lf_only_where_nothing_else_marks_it() {
        let typed = |endpoint| Request { from_terminal: true, ..request(endpoint) };
        assert_eq!(chosen(&typed("127.0.0.1:1")), (Way::Lines, Eol::Lf));
        assert_eq!(chosen(&typed("udp://127.0.0.1:1")), (Way::Lines, Eol::None));
        assert_eq!(chosen(&typed("tcp://127.0.0.1:1?frame=line")), (Way::Lines, Eol::None));
        let hex = Request { hex: true, ..typed("127.0.0.1:1") };
        assert_eq!(chosen(&hex), (Way::Lines, Eol::None));
    }
}
