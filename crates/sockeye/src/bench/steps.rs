//! A conversation file as load: the generator moves bytes and counts rounds, and this plays them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sockeye_core::{Code, Conversation, Effect, Fault, Input, Lane, Machine, Op, Outbox, PEER, Tick};
use sockeye_load::dialogue::{Cast, Dialogue, End, Extract, Heard, Say, Standing, Wrong};
use sockeye_script::play::failure::{Kind, Mismatch};
use sockeye_script::play::{Failure, Outcome, Rounds};

use super::Verify;

/// A file that every connection plays.
pub(super) struct Steps {
    pub(super) path: String,
    pub(super) rounds: Rounds,
    pub(super) verify: Verify,
    pub(super) lane: Lane,
    /// The longest message, in bytes.
    pub(super) max: usize,
}

impl std::fmt::Debug for Steps {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Steps").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Cast for Steps {
    fn name(&self) -> &str {
        &self.path
    }

    fn verified(&self) -> &'static str {
        if self.verify == Verify::Bytes { "steps" } else { "none" }
    }

    fn dialogue(&self, connection: u64) -> Box<dyn Dialogue> {
        let (player, outcome) = self.rounds.player(connection);
        let player: Box<dyn Conversation> = Box::new(player);
        Box::new(Part {
            machine: Machine::new(player, self.lane, self.max),
            outcome,
            out: Outbox::new(wall),
            messages: (0, 0),
            is_playing: false,
        })
    }
}

/// Nanoseconds since 1970.
fn wall() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

/// What one connection plays.
struct Part {
    machine: Machine,
    outcome: Outcome,
    out: Outbox,
    /// Messages that came and went, as far as they were told.
    messages: (u64, u64),
    is_playing: bool,
}

impl Dialogue for Part {
    fn open(&mut self, now: u64, say: &mut Say) {
        self.machine.opened(Tick(now), &mut self.out);
        self.apply(say);
    }

    fn begin(&mut self, now: u64, number: u64, say: &mut Say) -> Standing {
        self.is_playing = true;
        let number = format!("{number:012}");
        self.machine.input(Tick(now), Input::Command(&number), &mut self.out);
        self.stand(Ok(()), say)
    }

    fn hear(&mut self, now: u64, heard: Heard<'_>, say: &mut Say) -> Standing {
        let (tick, out) = (Tick(now), &mut self.out);
        let mut cut = Ok(());
        match heard {
            Heard::Bytes(bytes) => cut = self.machine.bytes(tick, PEER, bytes, out),
            Heard::Message(data) if self.machine.lane(PEER).medium.is_datagrams() => {
                cut = self.machine.datagram(tick, PEER, data, out);
            }
            Heard::Message(data) => cut = self.machine.message(tick, PEER, data, out),
            Heard::End => cut = self.machine.eof(tick, PEER, out),
            Heard::Lost(code) => {
                self.machine.input(tick, Input::Failed { leg: PEER, why: code.word() }, out);
            }
            Heard::Written => self.machine.input(tick, Input::Drained { leg: PEER }, out),
            Heard::Time => self.machine.input(tick, Input::Timeout, out),
        }
        while cut.is_ok() && self.machine.is_behind() {
            cut = self.machine.resume(tick, &mut self.out);
        }
        self.stand(cut, say)
    }

    fn deadline(&self) -> Option<u64> {
        self.machine.deadline().map(|tick| tick.0)
    }
}

impl Part {
    /// Does what was asked for, and says how the round stands.
    fn stand(&mut self, cut: Result<(), Box<Fault>>, say: &mut Say) -> Standing {
        self.apply(say);
        if let Err(fault) = cut {
            self.is_playing = false;
            return Standing::Wrong(Box::new(unreadable(&fault)));
        }
        if !self.is_playing {
            return Standing::Within;
        }
        let Some(ended) = self.outcome.take() else { return Standing::Within };
        self.is_playing = false;
        match ended.result {
            Ok(()) => Standing::Done,
            Err(failure) => Standing::Wrong(Box::new(wrong(&failure))),
        }
    }

    /// Hands what the steps want done to the generator.
    fn apply(&mut self, say: &mut Say) {
        let mut from = 0;
        let ops = self.out.take_ops();
        for op in &ops {
            match op {
                Op::Own(end) if self.machine.lane(PEER).medium.has_bounds() => {
                    say.lengths.push_back(end - from);
                    from = *end;
                }
                Op::Finish => say.end = Some(End::Half),
                Op::Close => say.end = Some(End::Close),
                Op::Abort => say.end = Some(End::Cut),
                Op::Effect(Effect::Read { leg: PEER, on }) => say.pauses = !on,
                Op::Effect(Effect::Drained { leg: PEER }) => say.tells = true,
                _ => {}
            }
        }
        say.bytes.extend_from_slice(self.out.bytes());
        self.out.give_back(ops);
        self.out.reset();
        let (heard, said) = self.machine.messages();
        say.messages.0 += said - self.messages.1;
        say.messages.1 += heard - self.messages.0;
        self.messages = (heard, said);
    }
}

/// Bytes that are no frame.
fn unreadable(fault: &Fault) -> Wrong {
    Wrong { code: fault.code, place: None, expected: None, got: None, differs: None }
}

/// A failure as it is counted and shown.
fn wrong(failure: &Failure) -> Wrong {
    let code = match &failure.kind {
        Kind::Differs | Kind::TooEarly | Kind::Unexpected | Kind::Forbidden | Kind::Leftover => {
            Code::WrongAnswer
        }
        Kind::Timeout | Kind::NotTaken => Code::Timeout,
        Kind::EarlyEof => Code::EarlyFin,
        Kind::EarlyReset => Code::Reset,
        Kind::Lost(code) => *code,
        _ => Code::Unscripted,
    };
    let place = format!("{}:{}", failure.spot.path, failure.spot.line);
    let mismatch = failure.mismatch.as_ref();
    let extract = |bytes: &[u8], it: &Mismatch, size: usize| {
        (!bytes.is_empty()).then(|| Extract { bytes: bytes.to_vec(), from: it.from, size })
    };
    Wrong {
        code,
        place: Some(place),
        expected: mismatch.and_then(|it| extract(&it.expected, it, it.expected_size)),
        got: mismatch.and_then(|it| extract(&it.actual, it, it.actual_size)),
        differs: mismatch.and_then(|it| it.at),
    }
}
