//! The first messages: whether anybody answers, and what answers are like. A connection each, before anything counts.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sockeye_core::framing::Cut;
use sockeye_core::quantity::Span;
use sockeye_core::{Code, Fault};
use sockeye_net::channel::{Channel, Got};
use sockeye_net::dial::{Options, Target};
use tokio::time::{Instant, timeout_at};

use crate::message::{Cursor, Deck};
use crate::plan::{Answers, Plan};

/// The silence that ends an answer which nothing else ends.
const QUIET: Duration = Duration::from_millis(200);

/// What answers are to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wish {
    /// What the first messages show: the message itself, or always the same. If it is neither, and messages may be made
    /// up, then these, which are all alike, are sent instead.
    Learn(Option<Deck>),
    /// This.
    Given(Deck),
    /// Anything.
    Any,
}

/// How often it looks whether it is to end.
const LOOK: Duration = Duration::from_millis(20);

/// Sends first messages, and makes of the answers what all others are held against. Fails if nobody answers.
/// Once `stop` is set it ends at once, and nothing is learnt.
pub fn learn(plan: &mut Plan, wish: Wish, stop: &AtomicBool) -> Result<(), Fault> {
    let broken = |error: std::io::Error| Fault::new(Code::Internal, "runtime").detail(error);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(broken)?;
    let subject = format!("bench {}", plan.endpoint.bare());
    let learnt = runtime.block_on(unless(stop, learning(plan, wish)));
    learnt.unwrap_or(Ok(())).map_err(|fault| fault.doing(subject))
}

/// Goes on until `stop` is set; `None`: it was.
async fn unless<T>(stop: &AtomicBool, going: impl Future<Output = T>) -> Option<T> {
    let mut going = pin!(going);
    loop {
        if stop.load(Ordering::Relaxed) {
            return None;
        }
        if let Ok(gone) = timeout_at(Instant::now() + LOOK, going.as_mut()).await {
            return Some(gone);
        }
    }
}

async fn learning(plan: &mut Plan, wish: Wish) -> Result<(), Fault> {
    let first = ask(plan, 0).await?;
    plan.answers = match wish {
        Wish::Given(deck) => Answers::Given(deck),
        Wish::Any => Answers::Any { size: first.answer.len().max(1) },
        Wish::Learn(_) if first.is_echo() && !plan.sent.is_varied() => Answers::Echo,
        Wish::Learn(_) if !plan.sent.is_varied() => Answers::First(same(plan, &first.answer)?),
        Wish::Learn(instead) => {
            let second = ask(plan, 1).await?;
            if first.is_echo() && second.is_echo() {
                Answers::Echo
            } else if first.answer == second.answer {
                Answers::First(same(plan, &first.answer)?)
            } else {
                let Some(deck) = instead else {
                    let fault = Fault::new(Code::Needed, "").arg("layer", "bench");
                    return Err(fault.arg("name", "--expect, --no-verify"));
                };
                plan.sent = deck;
                let answer = ask(plan, 0).await?.answer;
                Answers::First(same(plan, &answer)?)
            }
        }
    };
    Ok(())
}

/// Whether a connection comes about at all: what steps hear is not known before they are played. Fails as dialling does.
pub fn reach(plan: &Plan, stop: &AtomicBool) -> Result<(), Fault> {
    let broken = |error: std::io::Error| Fault::new(Code::Internal, "runtime").detail(error);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(broken)?;
    let subject = format!("bench {}", plan.endpoint.bare());
    match runtime.block_on(unless(stop, dialled(plan))) {
        Some(Ok(mut channel)) => channel.finish(),
        Some(Err(fault)) => return Err(fault.doing(subject)),
        None => {}
    }
    Ok(())
}

async fn dialled(plan: &Plan) -> Result<Channel, Fault> {
    let target = Target::new(&plan.endpoint)?;
    let options = Options { timeout: Some(plan.timeout), message: plan.max, ..Options::default() };
    target.dial(options, &|_| ()).await.map(Channel::of)
}

/// Answers that are always this.
fn same(plan: &Plan, answer: &[u8]) -> Result<Deck, Fault> {
    Deck::exactly(plan.lane.framing, answer, plan.bound())
}

/// A message and its answer.
struct Asked {
    message: Vec<u8>,
    answer: Vec<u8>,
}

impl Asked {
    fn is_echo(&self) -> bool {
        self.message == self.answer
    }
}

/// Sends the message of this number on a connection of its own.
async fn ask(plan: &Plan, number: u64) -> Result<Asked, Fault> {
    let mut channel = dialled(plan).await?;
    let mut cursor = Cursor::new(0);
    (0..number).for_each(|_| cursor.go_on(&plan.sent));
    let mut wire = Vec::new();
    cursor.put(&plan.sent, &mut wire);
    let message = payload(plan, &wire)?;
    let deadline = Instant::now() + plan.timeout;
    let late = |_| Fault::new(Code::Timeout, "").arg("after", Span(plan.timeout));
    let mut written = 0;
    while written < wire.len() {
        let write = poll_fn(|cx| channel.poll_write(cx, &wire[written..]));
        written += timeout_at(deadline, write).await.map_err(late)??;
    }
    if channel.has_unsent() {
        timeout_at(deadline, poll_fn(|cx| channel.poll_flush(cx))).await.map_err(late)??;
    }
    let answer = answer(plan, &mut channel, &message, deadline).await?;
    channel.finish();
    Ok(Asked { message, answer })
}

/// The message in a frame of ours.
fn payload(plan: &Plan, wire: &[u8]) -> Result<Vec<u8>, Fault> {
    let framing = plan.lane.framing;
    if framing.is_raw() || framing.is_dgram() {
        return Ok(wire.to_vec());
    }
    let mut bytes = wire.to_vec();
    match framing.cut(&mut bytes, 0, plan.bound()) {
        Cut::Message { start, end, .. } => Ok(bytes[start..end].to_vec()),
        _ => Err(Fault::new(Code::Unframeable, "").arg("framing", framing.spec()).arg("size", wire.len())),
    }
}

/// The first answer.
async fn answer(
    plan: &Plan,
    channel: &mut Channel,
    message: &[u8],
    deadline: Instant,
) -> Result<Vec<u8>, Fault> {
    let mut buffer = vec![0; 64 * 1024];
    let mut all = Vec::new();
    let mut until = deadline;
    loop {
        let read = timeout_at(until, poll_fn(|cx| channel.poll_read(cx, &mut buffer))).await;
        match read {
            Err(_) if all.is_empty() || !plan.is_cut_by_length() => {
                return Err(Fault::new(Code::Timeout, "").arg("after", Span(plan.timeout)));
            }
            Err(_) => return Ok(all),
            Ok(got) => match got? {
                Got::Bytes(count) => all.extend_from_slice(&buffer[..count]),
                Got::Datagrams(mut spans) => {
                    return payload(plan, &buffer[spans.next().unwrap_or_default()]);
                }
                Got::Message(data) => return payload(plan, &data),
                Got::End if plan.is_cut_by_length() && !all.is_empty() => return Ok(all),
                Got::End => return Err(Fault::new(Code::EarlyFin, "")),
            },
        }
        if all.len() > plan.bound().max(message.len()).saturating_mul(2) {
            return Err(Fault::new(Code::Oversize, "").arg("max", plan.bound()).arg("size", all.len()));
        }
        if plan.is_cut_by_length() {
            if all == message {
                return Ok(all);
            }
            until = deadline.min(Instant::now() + QUIET);
        } else if let Some(answer) = first_message(plan, &all)? {
            return Ok(answer);
        }
    }
}

/// The first whole message, if there is one.
fn first_message(plan: &Plan, bytes: &[u8]) -> Result<Option<Vec<u8>>, Fault> {
    let mut bytes = bytes.to_vec();
    let mut from = 0;
    while from < bytes.len() {
        match plan.lane.framing.cut(&mut bytes[from..], 0, plan.bound()) {
            Cut::Message { start, end, .. } => return Ok(Some(bytes[from + start..from + end].to_vec())),
            Cut::Skip { used } => from += used,
            Cut::More { .. } => return Ok(None),
            Cut::Bad(_) => {
                return Err(Fault::new(Code::BadFrame, "").arg("framing", plan.lane.framing.spec()));
            }
        }
    }
    Ok(None)
}
