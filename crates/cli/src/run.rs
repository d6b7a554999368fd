//! From a command line to a use case, and from its outcome to an exit code.

use std::io::IsTerminal;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use clap::ArgMatches;
use clap::error::ErrorKind;
use sockeye::core::{Code, Fault, SessionId, Side};
use sockeye::{Bounds, End, Eol, Source, Views, ask, connect, nc, proxy, recording, serve};

use crate::addr;
use crate::bench;
use crate::cert;
use crate::check;
use crate::exit::{self, Ended};
use crate::explain;
use crate::fault::{Weight, lines};
use crate::generate;
use crate::grammar::{self, early, read, refuse};
use crate::lists;
use crate::ping;
use crate::port;
use crate::recording::Current;
use crate::replay;
use crate::sessions;
use crate::test;
use crate::trace;
use crate::ui;
use crate::ui::human::{Human, Manner};
use crate::ui::json::Json;
use crate::ui::output::Output;
use crate::ui::paint::{Paint, When};
use crate::ui::terminal::{Editor, Found, history};
use crate::user;
use crate::watch;
use crate::words::{Language, Words};

/// What the process was started with, besides its arguments.
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
struct Place {
    stdin: bool,
    stdout: bool,
    stderr: bool,
    /// TERM is set, and names a terminal that can do more than print.
    able: bool,
    no_color: bool,
}

impl Place {
    fn here() -> Self {
        Self {
            stdin: std::io::stdin().is_terminal(),
            stdout: std::io::stdout().is_terminal(),
            stderr: std::io::stderr().is_terminal(),
            able: variable("TERM").is_some_and(|term| !term.is_empty() && term != "dumb"),
            no_color: variable("NO_COLOR").is_some_and(|value| !value.is_empty()),
        }
    }

    /// Whether a person can edit lines here.
    const fn edits(&self) -> bool {
        self.stdin && self.stdout && self.stderr && self.able
    }
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// The program.
pub(crate) fn main() -> ExitCode {
    let found = Found::now();
    let place = Place::here();
    if let Some(path) = variable("SSLKEYLOGFILE").filter(|path| !path.is_empty()) {
        sockeye::log_tls_secrets_to(path);
    }
    let (args, lost) = arguments();
    let tongue = language(&args).unwrap_or_else(|_| Language::of_environment(variable));
    let words = || Words::new(tongue);
    let parsed = if lost { Err(refuse::usage("", "not-utf8", "")) } else { parse(&args, &words()) };
    let manner = manner(&args, &place, parsed.as_ref().map_or(0, Parsed::verbosity));
    let stderr = Output::stderr();
    let told = stderr.clone();
    let recording = Current::default();
    let recorded = recording.clone();
    let stdout = Output::stdout(move |error| lost_stdout(tongue, &told, &recorded, error));
    let people = Human::new(words(), manner, stdout.clone(), stderr.clone());
    let (views, ui, people) = if early::has(&args, "json") {
        let (views, ui) = ui::views(Arc::new(Json::new(people, stdout.clone())), true);
        (views, ui, None)
    } else {
        let people = Arc::new(people);
        let (views, ui) = ui::views(people.clone(), manner.verbose > 0);
        (views, ui, Some(people))
    };
    let run = Run {
        views,
        people,
        stdout: stdout.clone(),
        stderr: stderr.clone(),
        paint: manner.paint,
        stdout_paint: Paint(
            colours(&args).unwrap_or_default().paints(place.stdout && place.able, place.no_color),
        ),
        words: words(),
        found: found.clone(),
        recording: recording.clone(),
        place,
    };
    let ended = parsed.and_then(|parsed| run.all(parsed));
    let patience = ended.as_ref().ok().copied().and_then(patience);
    stdout.hold();
    stderr.hold();
    let code = match ended {
        Ok(ended) => ended.code(),
        Err(fault) => {
            ui.last(&fault);
            exit::of_fault(&fault)
        }
    };
    if manner.terminal || !stderr.settle() || !stdout.settle() {
        // Whoever reads may take long, and a signal still ends the wait.
        end_on_signal(&found, &recording);
    }
    ui.finish(patience);
    found.restore();
    ExitCode::from(code)
}

/// How long what is told may wait for a reader that takes nothing. Only a signal makes it short.
const fn patience(ended: Ended) -> Option<Duration> {
    match ended {
        Ended::Normally(End::Done) | Ended::Told(_) => None,
        Ended::Normally(End::Stopped) => Some(Duration::from_secs(1)),
        Ended::Normally(End::Signal(_)) => Some(Duration::from_millis(100)),
    }
}

/// Nobody reads stdout any more, so nothing is left to do, and that is no error: `sockeye … | head -1`. A full disk is one.
#[expect(clippy::exit, reason = "sessions are under way on other threads, and none has a reader any more")]
fn lost_stdout(tongue: Language, stderr: &Output, recording: &Current, error: &std::io::Error) {
    recording.finish();
    if error.kind() == std::io::ErrorKind::BrokenPipe {
        stderr.finish(patience(Ended::Normally(End::Stopped)));
        std::process::exit(i32::from(exit::OK));
    }
    let fault = Fault::new(Code::Broken, "stdout").on(Side::Here).detail(error);
    let text = lines(&Words::new(tongue), &fault, Weight::Error, SessionId::default(), false);
    stderr.push(format!("{text}\n").as_bytes());
    stderr.finish(patience(Ended::Normally(End::Stopped)));
    std::process::exit(i32::from(exit::of_fault(&fault)));
}

/// From now on a signal ends the program at once, with the terminal as it was found.
#[expect(clippy::exit, reason = "that is what the signal asks for, whatever other threads do")]
fn end_on_signal(found: &Found, recording: &Current) {
    let (found, recording) = (found.clone(), recording.clone());
    sockeye::on_next_signal(move |number| {
        recording.finish();
        found.restore();
        std::process::exit(i32::from(exit::of_end(End::Signal(number))));
    });
}

/// What a command line comes to.
enum Parsed {
    /// Text to print: help, the version, completions.
    Text(Vec<u8>),
    /// A verb and what belongs to it.
    Verb(Box<ArgMatches>),
}

impl Parsed {
    fn verbosity(&self) -> u8 {
        match self {
            Self::Text(_) => 0,
            // The first -v of nc is its own: a line for each port.
            Self::Verb(matches) => {
                let own = u8::from(matches.subcommand_name() == Some("nc"));
                deepest(matches).get_count("verbose").saturating_sub(own)
            }
        }
    }
}

/// Understands the arguments.
fn parse(args: &[String], words: &Words) -> Result<Parsed, Fault> {
    if early::is_version(args) {
        return Ok(Parsed::Text(early::VERSION.into()));
    }
    language(args)?;
    colours(args)?;
    let args = early::with_verb(args.to_vec())?;
    let sentences = early::wants_sentences(&args);
    // Nearly every run is understood so, and starts sooner.
    if !sentences {
        match grammar::reached(&args).try_get_matches_from(&args) {
            Ok(matches) => return Ok(Parsed::Verb(Box::new(matches))),
            Err(error) if error.kind() == ErrorKind::DisplayVersion => {
                return Ok(Parsed::Text(error.to_string().into_bytes()));
            }
            Err(_) => {}
        }
    }
    let command = grammar::command(sentences.then_some(words));
    let matches = match command.clone().try_get_matches_from(&args) {
        Ok(matches) => matches,
        Err(error) if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => {
            return Ok(Parsed::Text(error.to_string().into_bytes()));
        }
        Err(error) => return Err(refuse::fault(&error, &command, &early::path(&command, &args))),
    };
    if let Some(what) = read::value(deepest(&matches), "generate") {
        return Ok(Parsed::Text(generate::text(what, grammar::command(Some(words)))?));
    }
    Ok(Parsed::Verb(Box::new(matches)))
}

/// The innermost command's matches, which have the common flags wherever they stood.
fn deepest(matches: &ArgMatches) -> &ArgMatches {
    let mut at = matches;
    while let Some((_, inner)) = at.subcommand() {
        at = inner;
    }
    at
}

/// The arguments, and whether one of them was no UTF-8.
fn arguments() -> (Vec<String>, bool) {
    let mut lost = false;
    let text = |arg: std::ffi::OsString| {
        arg.into_string().unwrap_or_else(|arg| {
            lost = true;
            arg.to_string_lossy().into_owned()
        })
    };
    (std::env::args_os().map(text).collect(), lost)
}

/// The language that is asked for, or that of the environment.
fn language(args: &[String]) -> Result<Language, Fault> {
    let Some(tag) = early::value(args, "lang") else { return Ok(Language::of_environment(variable)) };
    Language::named(tag).ok_or_else(|| {
        let known: Vec<&str> = Language::ALL.iter().map(|(tag, _)| *tag).collect();
        sockeye::bounds::bad_value("--lang", tag).detail(known.join(", "))
    })
}

fn colours(args: &[String]) -> Result<When, Fault> {
    early::value(args, "color").map_or(Ok(When::Auto), When::parse)
}

/// How people are shown things. What cannot be read is refused later, and shown plainly until then.
fn manner(args: &[String], place: &Place, verbose: u8) -> Manner {
    let when = colours(args).unwrap_or_default();
    Manner {
        verbose,
        shielded: place.stdout && !early::has(args, "raw"),
        terminal: place.stdout,
        shared: place.stdout && place.stderr,
        paint: Paint(when.paints(place.stderr && place.able, place.no_color)),
    }
}

/// One run.
struct Run {
    place: Place,
    views: Views,
    /// For people, if they are who is shown the sessions.
    people: Option<Arc<Human>>,
    stdout: Output,
    stderr: Output,
    /// Whether lines on stderr are painted.
    paint: Paint,
    /// Whether lines on stdout are painted.
    stdout_paint: Paint,
    words: Words,
    found: Found,
    recording: Current,
}

impl Run {
    fn all(&self, parsed: Parsed) -> Result<Ended, Fault> {
        let matches = match parsed {
            Parsed::Verb(matches) => matches,
            Parsed::Text(text) => {
                self.stdout.hold();
                self.stdout.push(&text);
                return Ok(Ended::Normally(End::Done));
            }
        };
        // Refused wherever it stands, used or not.
        seed(deepest(&matches))?;
        match matches.subcommand() {
            Some(("test", matches)) => test::run(&self.desk(matches)?, matches, &self.recording),
            Some(("trace", matches)) => self.trace(matches).map(Ended::Normally),
            Some(("bench", matches)) => bench::run(&self.desk(matches)?, matches),
            Some(("addr", matches)) => addr::run(&self.addr_sink(), matches),
            Some(("ping", matches)) => {
                let words = &self.words;
                ping::run(
                    &ping::Sink { words, stdout: &self.stdout, paint: self.stdout_paint },
                    matches,
                    seed(matches)?,
                )
            }
            Some(("check", matches)) => self.check(matches),
            Some(("replay", matches)) => replay::run(&self.desk(matches)?, matches, &self.recording),
            _ => self.verb(&matches).map(Ended::Normally),
        }
    }

    fn verb(&self, matches: &ArgMatches) -> Result<End, Fault> {
        match matches.subcommand() {
            Some(("serve", matches)) => self.serve(matches),
            Some(("connect", matches)) => self.connect(matches),
            Some(("ask", matches)) => self.ask(matches),
            Some(("proxy", matches)) => self.proxy(matches),
            Some(("nc", matches)) => self.nc(matches),
            Some(("cert", matches)) => self.cert(matches),
            Some(("explain", matches)) => self.explain(matches),
            Some(("user", matches)) => user::run(matches, &self.words, &self.stdout, &self.views),
            Some(("sessions", matches)) => {
                self.end_on_signal(matches);
                self.sessions(matches)
            }
            Some(("watch", matches)) => self.watch(matches),
            Some(("port", matches)) => {
                self.end_on_signal(matches);
                let paint = self.stdout_paint;
                let (words, stdout, views) = (&self.words, &self.stdout, &self.views);
                port::Desk { words, stdout, views, paint }.run(matches)
            }
            Some(("list", matches)) => {
                let text = lists::text(&self.words, read::value(matches, "TOPIC"))?;
                self.stdout.push(text.as_bytes());
                Ok(End::Done)
            }
            _ => Err(refuse::usage("", "missing", "VERB")),
        }
    }

    fn serve(&self, matches: &ArgMatches) -> Result<End, Fault> {
        let endpoint = read::value(matches, "ENDPOINT");
        let (listeners, deepest) = match (endpoint, matches.subcommand()) {
            (None, None) => (found_listeners()?, matches),
            (Some(endpoint), Some((service, own))) => {
                let entry = sockeye::given::service(service)?;
                let args = read::service_args(own, entry);
                let one = serve::One { endpoint: endpoint.to_owned(), service: service.to_owned(), args };
                (serve::Listeners::One(one), own)
            }
            (Some(_), None) => return Err(refuse::usage("serve", "missing", "SERVICE")),
            (None, Some(_)) => return Err(refuse::usage("serve", "missing", "ENDPOINT")),
        };
        let request = serve::Request {
            listeners,
            params: read::params(deepest),
            bounds: read::bounds(deepest),
            faults: read::values(deepest, "fault"),
            seed: seed(deepest)?,
            allow_exec: read::has(deepest, "allow-exec"),
            at_terminal: self.place.stdin && self.place.stdout,
        };
        let editor = || self.editor().unwrap_or(Source::Stdin);
        let about = || serve::about(&request);
        self.recording.around(deepest, &self.views, about, |views| {
            if !read::has(deepest, "trace") {
                return serve::run(&request, editor, views);
            }
            let page = trace::Page::of(&self.desk(deepest)?, deepest, self.stderr_columns());
            sockeye::trace::server::around(views, page.teller(), |views| serve::run(&request, editor, views))
        })
    }

    fn connect(&self, matches: &ArgMatches) -> Result<End, Fault> {
        let eol = read::value(matches, "eol").map(Eol::parse).transpose()?;
        let request = connect::Request {
            endpoint: word(matches, "ENDPOINT"),
            params: read::params(matches),
            bounds: bounds(matches)?,
            eol,
            hex: read::has(matches, "hex"),
            from_terminal: self.place.stdin,
            on_connect: read::value(matches, "on-connect").map(str::to_owned),
            vars: read::values(matches, "var"),
            reconnect: read::has(matches, "reconnect"),
            seed: seed(matches)?,
            shown: self.is_shown(matches),
        };
        self.end_on_signal(matches);
        let plan = connect::plan(&request, &self.views)?;
        let about = || recording::client("connect", &request.endpoint, &request.params);
        self.recording.around(matches, &self.views, about, |views| {
            // Opened only once nothing more can be refused: from here on the terminal is the editor's.
            let editor = if self.place.stdin { self.editor() } else { None };
            connect::run(plan, editor, views)
        })
    }

    fn ask(&self, matches: &ArgMatches) -> Result<End, Fault> {
        let quiet = read::value(matches, "quiet").map(|value| sockeye::bounds::span("--quiet", value));
        let request = ask::Request {
            endpoint: word(matches, "ENDPOINT"),
            params: read::params(matches),
            messages: read::values(matches, "MESSAGE"),
            hex: read::has(matches, "hex"),
            replies: read::number(matches, "number", "--number", 1)?.unwrap_or(1),
            quiet: quiet.transpose()?.unwrap_or(ask::QUIET),
            apart: self.place.stdout && !read::has(matches, "hex"),
            bounds: bounds(matches)?,
        };
        self.end_on_signal(matches);
        let about = || recording::client("ask", &request.endpoint, &request.params);
        self.recording.around(matches, &self.views, about, |views| ask::run(&request, views))
    }

    fn proxy(&self, matches: &ArgMatches) -> Result<End, Fault> {
        let request = proxy::Request {
            listen: word(matches, "LISTEN"),
            target: word(matches, "TARGET"),
            params: read::params(matches),
            bounds: read::bounds(matches),
            faults: read::values(matches, "fault"),
            seed: seed(matches)?,
        };
        let about = || proxy::about(&request);
        self.recording.around(matches, &self.views, about, |views| proxy::run(&request, views))
    }

    fn nc(&self, matches: &ArgMatches) -> Result<End, Fault> {
        let mut words = Vec::new();
        words.extend(read::value(matches, "HOST").map(str::to_owned));
        words.extend(read::value(matches, "PORT").map(str::to_owned));
        let family = match (read::has(matches, "nc-four"), read::has(matches, "nc-six")) {
            (false, false) => None,
            (true, false) => Some(nc::Family::Four),
            (false, true) => Some(nc::Family::Six),
            (true, true) => return Err(refuse::usage("nc", "conflict", "-4")),
        };
        let seconds = |id, name| Ok::<_, Fault>(read::number(matches, id, name, 0)?.map(Duration::from_secs));
        let request = nc::Request {
            listen: read::has(matches, "nc-listen"),
            udp: read::has(matches, "nc-udp"),
            unix: read::has(matches, "nc-unix"),
            keep: read::has(matches, "nc-keep"),
            finish: read::has(matches, "nc-finish"),
            quit: seconds("nc-quit", "-q")?,
            wait: seconds("nc-wait", "-w")?,
            zero: read::has(matches, "nc-zero"),
            numeric: read::has(matches, "nc-numeric"),
            local_port: read::value(matches, "nc-local-port").map(str::to_owned),
            source: read::value(matches, "nc-source").map(str::to_owned),
            family,
            words,
            verbose: matches.get_count("verbose") > 0,
            bounds: bounds(matches)?,
        };
        if !request.listen {
            self.end_on_signal(matches);
        }
        nc::run(&request, &self.views)
    }

    fn sessions(&self, matches: &ArgMatches) -> Result<End, Fault> {
        let paint = self.stdout_paint;
        let (words, stdout, views) = (&self.words, &self.stdout, &self.views);
        sessions::Desk { words, stdout, views, paint }.run(matches)
    }

    /// Where `addr` answers.
    fn addr_sink(&self) -> addr::Sink<'_> {
        addr::Sink { words: &self.words, stdout: &self.stdout, paint: self.stdout_paint }
    }

    fn check(&self, matches: &ArgMatches) -> Result<Ended, Fault> {
        let paint = self.stdout_paint;
        self.end_on_signal(matches);
        let (words, stdout, views) = (&self.words, &self.stdout, &self.views);
        let width = self.place.stdout.then(trace::columns).flatten().map(usize::from);
        check::run(&check::Desk { words, stdout, views, paint, width }, matches)
    }

    fn watch(&self, matches: &ArgMatches) -> Result<End, Fault> {
        let surface =
            if self.place.stdout && self.place.able { watch::Surface::Drawn } else { watch::Surface::Lines };
        let paint = self.stdout_paint;
        let (words, stdout, views) = (&self.words, &self.stdout, &self.views);
        watch::Desk { words, stdout, views, paint, surface }.run(matches)
    }

    fn cert(&self, matches: &ArgMatches) -> Result<End, Fault> {
        self.end_on_signal(matches);
        let shape = if read::has(deepest(matches), "json") { cert::Shape::Json } else { cert::Shape::Text };
        cert::run(
            &cert::Sink { words: &self.words, stdout: &self.stdout, views: &self.views, shape },
            matches,
        )?;
        Ok(End::Done)
    }

    /// How wide the terminal on stderr is.
    fn stderr_columns(&self) -> Option<u16> {
        self.place.stderr.then(test::columns).flatten()
    }

    fn trace(&self, matches: &ArgMatches) -> Result<End, Fault> {
        self.end_on_signal(matches);
        let paint = self.stdout_paint;
        let columns = self.place.stdout.then(trace::columns).flatten();
        trace::run(&self.desk(matches)?, matches, trace::Stdout { columns, paint })
    }

    fn explain(&self, matches: &ArgMatches) -> Result<End, Fault> {
        self.end_on_signal(matches);
        let shape = if read::has(matches, "json") { explain::Shape::Json } else { explain::Shape::Text };
        let desk = explain::Desk {
            words: &self.words,
            stdout: &self.stdout,
            views: &self.views,
            paint: self.stdout_paint,
            width: explain::width(),
            shape,
        };
        desk.run(matches).map(|()| End::Done)
    }

    /// Where a terminal or a recording must be put right first, a thread does that.
    fn end_on_signal(&self, matches: &ArgMatches) {
        let plain = !self.place.stdin && read::values(matches, "record").is_empty();
        if !(plain && sockeye::exit_on_any_signal(|number| exit::of_end(End::Signal(number)))) {
            end_on_signal(&self.found, &self.recording);
        }
    }

    /// Where results of `test` go.
    fn desk(&self, matches: &ArgMatches) -> Result<test::Desk<'_>, Fault> {
        let screen = match (self.place.stderr, self.place.able) {
            (true, true) => test::Screen::Able,
            (true, false) => test::Screen::Dumb,
            (false, _) => test::Screen::None,
        };
        Ok(test::Desk {
            words: &self.words,
            stdout: &self.stdout,
            stderr: &self.stderr,
            views: &self.views,
            screen,
            paint: self.paint,
            seed: seed(matches)?,
            bounds: bounds(matches)?,
        })
    }

    /// Whether what comes in must pass the people's side, or the programs', instead of going straight to stdout.
    fn is_shown(&self, matches: &ArgMatches) -> bool {
        read::has(matches, "json") || matches.get_count("verbose") > 1 || self.place.stdout
    }

    /// A line editor, where a person can use one and sees the sessions.
    fn editor(&self) -> Option<Source> {
        let people = self.people.as_ref().filter(|_| self.place.edits())?;
        let editor = Editor::open(history(variable).as_deref(), people.is_painted());
        let close = editor.close;
        people.screen().share_with(editor.above, move || close.store(true, Ordering::Relaxed));
        Some(editor.source)
    }
}

/// What a directory is found to serve: its `sockeye.toml`, or the welcome set.
fn found_listeners() -> Result<serve::Listeners, Fault> {
    let path = sockeye::config::NAME;
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(serve::Listeners::File { path: path.to_owned(), text }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(serve::Listeners::Welcome),
        Err(error) => Err(Fault::new(Code::BadFile, "").arg("path", path).detail(error)),
    }
}

fn word(matches: &ArgMatches, name: &str) -> String {
    read::value(matches, name).unwrap_or_default().to_owned()
}

/// The bounds that flags give a client.
fn bounds(matches: &ArgMatches) -> Result<Bounds, Fault> {
    let mut bounds = Bounds::default();
    for (name, value) in read::bounds(matches) {
        bounds.set(&name, &value)?;
    }
    Ok(bounds)
}

/// Where randomness starts: as told, or somewhere else every time.
fn seed(matches: &ArgMatches) -> Result<u64, Fault> {
    use std::hash::{BuildHasher, Hasher, RandomState};
    let told = read::number(matches, "seed", "--seed", 0)?;
    Ok(told.unwrap_or_else(|| RandomState::new().build_hasher().finish()))
}
