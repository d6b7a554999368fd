//! A request checked, and made a plan of.

use std::sync::Arc;
use std::time::Duration;

use sockeye_core::endpoint::Endpoint;
use sockeye_core::limits::DATAGRAM;
use sockeye_core::{Code, Fault, Framing, Lane};
use sockeye_load::message::{Deck, Numbering, Sizes};
use sockeye_load::plan::{Answers, CONNECTIONS, LONGEST, Mode, PATIENCE, PIPELINE, Pace, Parting, THREADS};
use sockeye_load::probe::Wish;
use sockeye_load::{Cast, Condition, Plan, figure};
use sockeye_net::transport::Role;
use sockeye_script::play::rounds::{CONNECTION, SEQUENCE};
use sockeye_script::play::{Comparing, Options, Rounds};
use sockeye_wire::notation;

use super::steps::Steps;
use super::{Closing, DURATION, LARGEST, Request, SIZE, STEP, TIMEOUT, Verify, WARMUP};
use crate::bounds::bad_value;
use crate::given;
use crate::script::{self, Unreadable};

/// How often each connection of an idle crowd is asked whether it is alive, unless a rate is given.
const ALIVE: f64 = 60.0;

/// What a request comes to once it is checked.
pub(super) struct Order {
    pub(super) plan: Plan,
    /// What answers are to be; `None`: steps say so.
    pub(super) wish: Option<Wish>,
    pub(super) conditions: Vec<Condition>,
    pub(super) promise: Option<Condition>,
}

pub(super) fn conditions(fail_if: &[String]) -> Result<Vec<Condition>, Fault> {
    fail_if.iter().map(|text| Condition::parse("--fail-if", text)).collect()
}

/// What connections carry.
struct Content {
    sent: Deck,
    wish: Option<Wish>,
    steps: Option<Arc<dyn Cast>>,
}

/// Checks a request.
pub(super) fn order(request: &Request) -> Result<Order, Unreadable> {
    let mut endpoint = given::endpoint(&request.endpoint, &request.params)?;
    let rounds = request.script.as_deref().map(|path| rounds(request, path, &mut endpoint)).transpose()?;
    let lane = given::lane(&endpoint, Role::Connect)?;
    let mut mode = mode(request.mode.as_deref())?;
    if rounds.as_ref().is_some_and(Rounds::ends_connection) {
        mode = alone(request, mode)?;
    }
    let connections = count("--connections", request.connections, 1, CONNECTIONS)?;
    let pipeline = count("--pipeline", request.pipeline, 1, PIPELINE)?;
    if pipeline > 1 && mode != Mode::Exchange {
        return Err(contradiction("--pipeline", &format!("--mode {}", mode.word())).into());
    }
    let (pace, promise) = pace(request, mode, connections)?;
    one_way(request, mode, lane, &endpoint)?;
    let span = |name: &str, text: &Option<String>, usual: Duration| -> Result<Duration, Fault> {
        let Some(text) = text else { return Ok(usual) };
        let span = figure::time(name, text)?;
        if span > LONGEST { Err(bad_value(name, text).detail("0-24h")) } else { Ok(span) }
    };
    let by_number = request.requests.is_some();
    if request.requests == Some(0) {
        return Err(bad_value("--requests", "0").detail("1-").into());
    }
    let usual = match (by_number, &promise) {
        (true, _) => LONGEST,
        (false, Some(_)) => STEP,
        (false, None) => DURATION,
    };
    let duration = span("--duration", &request.duration, usual)?;
    if duration.is_zero() {
        return Err(bad_value("--duration", "0").into());
    }
    let max = request.bounds.limits.message;
    let content = match rounds {
        Some(rounds) => played(request, rounds, lane, max)?,
        None => exchanged(request, &endpoint, lane, max)?,
    };
    let threads = count("--threads", request.threads, 1, THREADS)?;
    let plan = Plan {
        timeout: patience(&endpoint, lane)?,
        lane,
        mode,
        pace,
        connections,
        pipeline,
        threads,
        warmup: span("--warmup", &request.warmup, if by_number { Duration::ZERO } else { WARMUP })?,
        duration,
        requests: request.requests,
        max,
        sent: content.sent,
        answers: Answers::Any { size: 1 },
        parting: match request.parting {
            Closing::Fin => Parting::Fin,
            Closing::Reset => Parting::Reset,
        },
        steps: content.steps,
        endpoint,
    };
    Ok(Order { plan, wish: content.wish, conditions: conditions(&request.fail_if)?, promise })
}

/// Messages, and what their answers have to be.
fn exchanged(request: &Request, endpoint: &Endpoint, lane: Lane, max: usize) -> Result<Content, Fault> {
    let (sent, instead) = messages(request, lane, max)?;
    if sent.longest() == 0 || (lane.medium.is_datagrams() && sent.longest() > DATAGRAM) {
        let fault = Fault::new(Code::DatagramTooLong, "").arg("size", sent.longest()).arg("max", DATAGRAM);
        return Err(if sent.longest() == 0 { bad_value("--size", "0") } else { fault });
    }
    let wish = match (&request.expect, request.verify) {
        (Some(_), Verify::Nothing) => return Err(contradiction("--expect", "--no-verify")),
        (Some(text), Verify::Bytes) => {
            Wish::Given(Deck::given(lane.framing, &bytes(text, request, endpoint)?, max)?)
        }
        (None, Verify::Nothing) => Wish::Any,
        (None, Verify::Bytes) => Wish::Learn(instead),
    };
    Ok(Content { sent, wish: Some(wish), steps: None })
}

/// Reads a conversation file. How messages are cut is its business, unless the endpoint or a flag says so.
fn rounds(request: &Request, path: &str, endpoint: &mut Endpoint) -> Result<Rounds, Unreadable> {
    let mut vars = request.vars.clone();
    for name in [SEQUENCE, CONNECTION] {
        vars.set(name, b"0");
    }
    let program = script::load(path, &vars)?;
    let written = program.peers.first().and_then(|peer| peer.endpoint.parse::<Endpoint>().ok());
    let frame = written.and_then(|written| written.params.frame).or(program.settings.frame);
    endpoint.params.frame = endpoint.params.frame.or(frame);
    let options =
        Options { vars, patience: endpoint.params.timeout, seed: request.seed, ..Options::default() };
    let comparing = match request.verify {
        Verify::Bytes => Comparing::Strict,
        Verify::Nothing => Comparing::Lenient,
    };
    Rounds::new(&Arc::new(program), options, comparing).map_err(Unreadable::Refused)
}

/// A round that ends its connection has one of its own.
fn alone(request: &Request, mode: Mode) -> Result<Mode, Fault> {
    match (mode, &request.mode) {
        (Mode::Exchange, None) | (Mode::Connect, _) => Ok(Mode::Connect),
        (mode, _) => Err(contradiction("--script", &format!("--mode {}", mode.word()))),
    }
}

/// Steps in place of messages.
fn played(request: &Request, rounds: Rounds, lane: Lane, max: usize) -> Result<Content, Fault> {
    let others = [
        (request.message.is_some(), "MESSAGE"),
        (request.file.is_some(), "--file"),
        (request.size.is_some(), "--size"),
        (request.expect.is_some(), "--expect"),
        (request.hex, "--hex"),
        (request.pipeline.is_some_and(|pipeline| pipeline > 1), "--pipeline"),
    ];
    if let Some((_, other)) = others.iter().find(|(is_given, _)| *is_given) {
        return Err(contradiction("--script", other));
    }
    let path = request.script.clone().unwrap_or_default();
    let steps = Steps { path, rounds, verify: request.verify, lane, max };
    let sent = Deck::exactly(Framing::RAW, b"", max)?;
    Ok(Content { sent, wish: None, steps: Some(Arc::new(steps)) })
}

fn mode(word: Option<&str>) -> Result<Mode, Fault> {
    let Some(word) = word else { return Ok(Mode::Exchange) };
    let found = Mode::ALL.iter().find(|(known, _)| *known == word);
    found.map(|(_, mode)| *mode).ok_or_else(|| {
        let known: Vec<&str> = Mode::ALL.iter().map(|(known, _)| *known).collect();
        bad_value("--mode", word).detail(known.join(", "))
    })
}

/// What goes one way alone has no answers that anything could be asked of.
fn one_way(request: &Request, mode: Mode, lane: Lane, endpoint: &Endpoint) -> Result<(), Fault> {
    if mode != Mode::OneWay {
        return Ok(());
    }
    let with = |name: &str| contradiction(name, "--mode one-way");
    if !lane.medium.is_datagrams() {
        return Err(with(&endpoint.bare().to_string()));
    }
    if request.expect.is_some() {
        return Err(with("--expect"));
    }
    if request.script.is_some() {
        return Err(with("--script"));
    }
    match request.rate.as_deref() {
        Some(rate) if rate.starts_with('@') => Err(with(&format!("--rate {rate}"))),
        _ => Ok(()),
    }
}

/// When messages are sent, and what is to be kept, where a rate is searched.
fn pace(request: &Request, mode: Mode, connections: usize) -> Result<(Pace, Option<Condition>), Fault> {
    match request.rate.as_deref() {
        Some(text) if text.starts_with('@') => {
            if mode == Mode::Idle {
                return Err(contradiction("--rate", "--mode idle"));
            }
            if request.requests.is_some() {
                return Err(contradiction("--requests", &format!("--rate {text}")));
            }
            Ok((Pace::Closed, Some(Condition::kept("--rate", &text[1..])?)))
        }
        Some(text) => Ok((Pace::Rate(figure::rate("--rate", text)?), None)),
        None if mode == Mode::Idle => {
            let connections = u32::try_from(connections).map_or(f64::MAX, f64::from);
            Ok((Pace::Rate((connections / ALIVE).max(1.0)), None))
        }
        None => Ok((Pace::Closed, None)),
    }
}

/// How long an answer may take.
fn patience(endpoint: &Endpoint, lane: Lane) -> Result<Duration, Fault> {
    let usual = if lane.medium.is_datagrams() { TIMEOUT.1 } else { TIMEOUT.0 };
    let timeout = endpoint.params.timeout.unwrap_or(usual);
    if timeout.is_zero() || timeout > PATIENCE {
        let shown = sockeye_core::quantity::Span(timeout).to_string();
        return Err(bad_value("--timeout", &shown).detail("1ms-10m"));
    }
    Ok(timeout)
}

/// What is sent; and what is sent instead, if answers to it cannot be foreseen.
fn messages(request: &Request, lane: Lane, max: usize) -> Result<(Deck, Option<Deck>), Fault> {
    let endpoint = given::endpoint(&request.endpoint, &request.params)?;
    match (&request.message, &request.file, &request.size) {
        (Some(_), Some(_), _) => Err(contradiction("MESSAGE", "--file")),
        (Some(_), _, Some(_)) => Err(contradiction("MESSAGE", "--size")),
        (_, Some(_), Some(_)) => Err(contradiction("--file", "--size")),
        (Some(text), None, None) => {
            Ok((Deck::given(lane.framing, &bytes(text, request, &endpoint)?, max)?, None))
        }
        (None, Some(path), None) => {
            let read = std::fs::read(path);
            let data = read.map_err(|error| match error.kind() {
                std::io::ErrorKind::NotFound => Fault::new(Code::NoFile, "").arg("path", path),
                _ => Fault::new(Code::BadFile, "").arg("path", path).detail(error),
            })?;
            if data.len() > LARGEST {
                return Err(Fault::new(Code::BadFile, "").arg("path", path).detail("> 64 MiB"));
            }
            Ok((Deck::exactly(lane.framing, &data, max.max(data.len()))?, None))
        }
        (None, None, size) => {
            let sizes = match size {
                Some(text) => figure::sizes("--size", text, LARGEST.min(max))?,
                None => Sizes { least: SIZE, most: SIZE },
            };
            let made = |sizes, numbering| Deck::made_up(lane.framing, sizes, numbering, request.seed, max);
            let alike = made(Sizes { least: sizes.most, most: sizes.most }, Numbering::Alike)?;
            // A framing that cannot carry a number as it is has messages that are all alike.
            let numbered = made(sizes, Numbering::Numbered).or_else(|_| made(sizes, Numbering::Alike))?;
            Ok((numbered, Some(alike)))
        }
    }
}

/// A message as it is written in `ask`.
fn bytes(text: &str, request: &Request, endpoint: &Endpoint) -> Result<Vec<u8>, Fault> {
    if request.hex {
        notation::hex(text)
    } else if text.starts_with("hex:") || text.starts_with("b64:") {
        notation::parse(text)
    } else {
        Ok(given::charset(endpoint)?.encode(notation::literal(text))?.into_owned())
    }
}

fn count(name: &str, given: Option<u64>, usual: usize, most: usize) -> Result<usize, Fault> {
    let Some(given) = given else { return Ok(usual) };
    let fits = usize::try_from(given).ok().filter(|count| (1..=most).contains(count));
    fits.ok_or_else(|| bad_value(name, &given.to_string()).detail(format!("1-{most}")))
}

fn contradiction(name: &str, other: &str) -> Fault {
    Fault::new(Code::Contradiction, "").arg("name", name).arg("other", other)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(change: impl FnOnce(&mut Request)) -> Code {
        let mut request = Request { endpoint: "127.0.0.1:1".to_owned(), ..Request::default() };
        change(&mut request);
        Fault::from(order(&request).err().unwrap()).code
    }

    #[expect(clippy::unnecessary_wraps, reason = "requests have it so")]
    fn some(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    #[test]
    fn what_makes_no_sense_is_refused_before_anything_is_opened() {
        assert_eq!(refused(|it| it.mode = some("idel")), Code::BadValue);
        assert_eq!(refused(|it| it.connections = Some(0)), Code::BadValue);
        assert_eq!(refused(|it| it.connections = Some(100_001)), Code::BadValue);
        assert_eq!(refused(|it| it.pipeline = Some(65_537)), Code::BadValue);
        assert_eq!(refused(|it| it.rate = some("fast")), Code::BadValue);
        assert_eq!(refused(|it| it.rate = some("@rate=5")), Code::BadValue);
        assert_eq!(refused(|it| it.duration = some("25h")), Code::BadValue);
        assert_eq!(refused(|it| it.duration = some("0")), Code::BadValue);
        assert_eq!(refused(|it| it.requests = Some(0)), Code::BadValue);
        assert_eq!(refused(|it| it.size = some("0")), Code::BadValue);
        assert_eq!(refused(|it| it.fail_if = vec!["p99=1".to_owned()]), Code::BadValue);
        assert_eq!(refused(|it| it.file = some("/no/such/file")), Code::NoFile);
        assert_eq!(refused(|it| it.endpoint = "udp://127.0.0.1:1?timeout=11m".to_owned()), Code::BadValue);
    }

    #[test]
    fn what_contradicts_itself_is_named() {
        let both = |it: &mut Request| (it.mode, it.pipeline) = (some("connect"), Some(2));
        assert_eq!(refused(both), Code::Contradiction);
        let both = |it: &mut Request| (it.message, it.size) = (some("x"), some("5"));
        assert_eq!(refused(both), Code::Contradiction);
        let both = |it: &mut Request| (it.expect, it.verify) = (some("x"), Verify::Nothing);
        assert_eq!(refused(both), Code::Contradiction);
        let both = |it: &mut Request| (it.rate, it.requests) = (some("@p99=1ms"), Some(5));
        assert_eq!(refused(both), Code::Contradiction);
    }

    #[test]
    fn what_goes_one_way_is_datagrams_and_has_no_answers() {
        assert_eq!(refused(|it| it.mode = some("one-way")), Code::Contradiction);
        let one_way = |it: &mut Request| {
            (it.mode, it.endpoint) = (some("one-way"), "udp://127.0.0.1:1".to_owned());
        };
        for change in [
            (|it| it.expect = some("x")) as fn(&mut Request),
            |it| it.rate = some("@p99=1ms"),
            |it| it.pipeline = Some(2),
        ] {
            assert_eq!(
                refused(|it| {
                    one_way(it);
                    change(it);
                }),
                Code::Contradiction
            );
        }
        let mut request = Request::default();
        one_way(&mut request);
        assert!(order(&request).is_ok());
    }

    #[test]
    fn a_message_that_the_framing_cannot_carry_is_refused() {
        let both = |it: &mut Request| {
            it.message = some("a\nb");
            it.params = vec![("frame".to_owned(), "line".to_owned())];
        };
        assert_eq!(refused(both), Code::Unframeable);
    }
}
