//! A conversation before another one: a login that is gone through by itself, and then somebody talks.

use std::sync::Arc;

use sockeye_core::{Conversation, Effect, Input, Note, OPERATOR, Outbox, PEER, Tick};

use super::engine::{Ending, Play};
use super::outcome::Outcome;
use super::score::{Refusal, Score};
use super::station::End;
use crate::play::{Options, Part, Side};
use crate::program::Program;

/// Words for the second conversation that came before its time; more are dropped.
const WORDS: usize = 256;

/// Plays the one peer of a program with the session's peer, then hands the session over. What came and was not expected is
/// the second conversation's, which hears [`Input::Opened`] only then. The operator is not listened to before.
pub struct Prologue {
    play: Play,
    then: Box<dyn Conversation>,
    is_done: bool,
    words: Vec<Box<str>>,
    /// The file, for people.
    path: Arc<str>,
}

/// A program that was found fit for a prologue, for any number of sessions.
#[derive(Clone)]
pub struct Login {
    score: Arc<Score>,
    options: Options,
}

impl Login {
    /// Checks a program: its first peer is the one that is played. [`Options::part`] is not looked at.
    pub fn new(program: &Arc<Program>, options: Options) -> Result<Self, Box<Refusal>> {
        let score = Arc::new(Score::new(Arc::clone(program), PART)?);
        Ok(Self { score, options })
    }

    /// A session's prologue to `then`.
    pub fn before(&self, then: Box<dyn Conversation>) -> (Prologue, Outcome) {
        let (play, outcome) = Play::new(Arc::clone(&self.score), self.options.clone(), Ending::HandOver);
        let path =
            self.score.program.sources.first().map_or_else(|| "".into(), |source| Arc::clone(&source.path));
        (Prologue { play, then, is_done: false, words: Vec::new(), path }, outcome)
    }
}

impl Prologue {
    fn hand_over(&mut self, now: Tick, out: &mut Outbox) {
        self.is_done = true;
        out.note(Note::new("gone-through").arg("path", &self.path));
        let (came, end) = self.play.left();
        out.effect(Effect::Read { leg: PEER, on: true });
        out.effect(Effect::Read { leg: OPERATOR, on: true });
        self.tell(now, Input::Opened { leg: PEER }, out);
        for data in &came {
            self.tell(now, Input::Message { leg: PEER, data }, out);
        }
        for word in std::mem::take(&mut self.words) {
            self.tell(now, Input::Command(&word), out);
        }
        if end == Some(End::Eof) {
            self.tell(now, Input::Eof { leg: PEER }, out);
        }
    }

    fn tell(&mut self, now: Tick, input: Input<'_>, out: &mut Outbox) {
        if !out.is_over() {
            out.to(PEER);
            self.then.handle(now, input, out);
        }
    }
}

/// What of the program is played.
const PART: Part = Part::Peer { index: 0, side: Side::AsWritten };

impl Conversation for Prologue {
    fn handle(&mut self, now: Tick, input: Input<'_>, out: &mut Outbox) {
        if self.is_done {
            return self.then.handle(now, input, out);
        }
        match input {
            Input::Opened { leg: PEER } => out.effect(Effect::Read { leg: OPERATOR, on: false }),
            Input::Command(word) if self.words.len() < WORDS => self.words.push(word.into()),
            // What is under way is no conversation anybody waits for.
            Input::Stop => return out.close(),
            _ => {}
        }
        self.play.handle(now, input, out);
        if self.play.is_over() && !out.is_over() {
            self.hand_over(now, out);
        }
    }

    fn deadline(&self) -> Option<Tick> {
        if self.is_done { self.then.deadline() } else { self.play.deadline() }
    }
}
