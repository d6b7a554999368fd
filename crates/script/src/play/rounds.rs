//! The one peer of a program played over and over on one connection, as a load generator does: each round is a
//! conversation of its own, with variables of its own, and whoever drives it says when it begins.

use std::sync::Arc;

use sockeye_core::{Conversation, Input, Outbox, PEER, Tick};

use super::engine::{Ending, Play, Stage};
use super::outcome::Outcome;
use super::score::{Act, Refusal, Score, Why};
use super::station::{End, Link};
use crate::play::{Options, Part, Side};
use crate::program::{Op, Program, Role};
use crate::vars::Vars;

/// The number of the round, twelve digits, as a variable.
pub const SEQUENCE: &str = "seq";

/// The number of the connection, from 1, as a variable.
pub const CONNECTION: &str = "connection";

/// What is played of a program.
const PART: Part = Part::Peer { index: 0, side: Side::AsWritten };

/// A program that was found fit to be played in rounds, on any number of connections.
#[derive(Clone)]
pub struct Rounds {
    score: Arc<Score>,
    options: Options,
    comparing: Comparing,
    /// Whether a message names the number of its round.
    is_numbered: bool,
}

/// Whether what comes has to be what is expected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Comparing {
    /// It has to be.
    #[default]
    Strict,
    /// It only has to come: what differs is taken for it. Without a framing all that is there is taken.
    Lenient,
}

/// One connection. A round begins with [`Input::Command`], whose word is its number, once the connection was told to be
/// open; what came of it is in the [`Outcome`], anew after each round. What comes between two rounds belongs to the next.
/// After a round that went wrong there is no other.
pub struct Player {
    play: Play,
    vars: Vars,
    comparing: Comparing,
    is_numbered: bool,
    hears: bool,
}

impl Rounds {
    /// Checks a program: it has one peer, which connects, and whose connection is what it was from beginning to end.
    /// [`Options::part`] is not looked at.
    pub fn new(program: &Arc<Program>, options: Options, comparing: Comparing) -> Result<Self, Box<Refusal>> {
        let score = Score::new(Arc::clone(program), PART)?;
        let refuse = |index, why| Err(Box::new(score.refuse(index, why)));
        if let Some(index) = program.steps.iter().position(|step| step.peer != 0) {
            return refuse(Some(index), Why::Several);
        }
        if program.peers.iter().any(|peer| peer.role == Role::Listen) {
            return refuse(Some(0), Why::Listens);
        }
        if let Some(index) = program.steps.iter().position(|step| matches!(step.op, Op::StartTls(_))) {
            return refuse(Some(index), Why::Upgrades);
        }
        let named = |source: &crate::program::Source| source.text.contains(SEQUENCE);
        let is_numbered = program.sources.iter().any(named);
        Ok(Self { score: Arc::new(score), options, comparing, is_numbered })
    }

    /// Whether a round ends its connection, so that each has one of its own.
    pub fn ends_connection(&self) -> bool {
        let ends = |op: &Op| matches!(op, Op::Eof | Op::Reset | Op::Close | Op::Fin | Op::Abort);
        self.score.program.steps.iter().any(|step| ends(&step.op))
    }

    /// What plays on the connection of this number.
    pub fn player(&self, connection: u64) -> (Player, Outcome) {
        let ending = Ending::Again;
        let (mut play, outcome) = Play::new(Arc::clone(&self.score), self.options.clone(), ending);
        let mut vars = std::mem::take(&mut play.vars);
        vars.set(CONNECTION, connection.to_string().as_bytes());
        // Nothing happens before a round begins.
        play.stage = Stage::Over;
        play.is_lenient = self.comparing == Comparing::Lenient;
        let hears = (0..).map_while(|index| self.score.at(index)).any(|(_, act)| {
            matches!(
                act,
                Act::Expect(_) | Act::Skip(_) | Act::Maybe(_) | Act::Never(_) | Act::Eof | Act::Reset
            )
        });
        let player = Player { play, vars, comparing: self.comparing, is_numbered: self.is_numbered, hears };
        (player, outcome)
    }
}

impl Player {
    fn begin(&mut self, now: Tick, number: &str, out: &mut Outbox) {
        let play = &mut self.play;
        play.vars = self.vars.clone();
        if self.is_numbered {
            play.vars.set(SEQUENCE, number.as_bytes());
        }
        play.stage = Stage::Running;
        play.index = 0;
        play.rounds.clear();
        play.begun = None;
        play.has_asked = false;
        play.before = now;
        play.since = Some(now);
        play.pause = std::time::Duration::ZERO;
        play.nevers.clear();
        play.steps = 0;
        play.deadline = None;
        if !self.hears {
            // No step would ever look at it.
            match self.comparing {
                Comparing::Strict => play.leftover(now, 0, out),
                Comparing::Lenient => drop(play.left()),
            }
        }
        play.advance(now, out);
    }

    /// Something happened between two rounds.
    fn between(&mut self, now: Tick, input: Input<'_>, out: &mut Outbox) {
        match input {
            Input::Opened { leg: PEER } => {
                out.to(PEER);
                let lane = out.lane();
                self.play.stations[0].open(lane);
            }
            Input::Message { leg: PEER, data } => self.play.keep_message(now, data, out),
            Input::Eof { leg: PEER } => self.play.stations[0].end = Some(End::Eof),
            Input::Drained { leg: PEER } => self.play.stations[0].drained(),
            Input::Command(number) if self.play.stations[0].link == Link::Open => {
                self.begin(now, number, out);
            }
            _ => {}
        }
    }
}

impl Conversation for Player {
    fn handle(&mut self, now: Tick, input: Input<'_>, out: &mut Outbox) {
        if self.play.is_over() {
            self.between(now, input, out);
        } else {
            self.play.handle(now, input, out);
        }
    }

    fn deadline(&self) -> Option<Tick> {
        self.play.deadline()
    }
}

#[cfg(test)]
mod tests {
    use sockeye_core::Input;

    use super::*;
    use crate::play::Ended;
    use crate::play::bench::{Bench, Draft, LINE, RAW};
    use crate::play::failure::Kind;

    fn rounds(draft: Draft, comparing: Comparing) -> Rounds {
        Rounds::new(&draft.program(), Options::default(), comparing).unwrap()
    }

    fn bench(draft: Draft, comparing: Comparing, lane: sockeye_core::Lane) -> Bench {
        let (player, outcome) = rounds(draft, comparing).player(3);
        Bench::of(Box::new(player), outcome, lane)
    }

    fn begin(bench: &mut Bench, number: &str) {
        bench.input(Input::Command(number));
    }

    fn ended(bench: &Bench) -> Ended {
        bench.outcome.take().unwrap()
    }

    fn question() -> Draft {
        Draft::client().send(0, b"hi").expect(0, b"ho")
    }

    #[test]
    fn rounds_follow_one_another_on_one_connection() {
        let mut bench = bench(question(), Comparing::Strict, LINE);
        for round in 1..=3 {
            begin(&mut bench, "000000000001");
            assert!(bench.outcome.take().is_none());
            bench.come(PEER, b"ho\n");
            let ended = ended(&bench);
            assert!(ended.result.is_ok() && ended.steps == 2, "{round}");
        }
        assert_eq!(bench.bytes(PEER), b"hi\nhi\nhi\n");
        assert!(!bench.is_over);
    }

    #[test]
    fn what_comes_between_rounds_belongs_to_the_next() {
        let mut bench = bench(question(), Comparing::Strict, LINE);
        begin(&mut bench, "1");
        bench.come(PEER, b"ho\nho\nxx\n");
        assert!(ended(&bench).result.is_ok());
        begin(&mut bench, "2");
        assert!(ended(&bench).result.is_ok());
        begin(&mut bench, "3");
        assert_eq!(ended(&bench).result.unwrap_err().kind, Kind::Differs);
    }

    #[test]
    fn nothing_may_come_where_no_step_hears() {
        let deaf = || Draft::client().send(0, b"hi");
        let mut strict = bench(deaf(), Comparing::Strict, LINE);
        let mut lenient = bench(deaf(), Comparing::Lenient, LINE);
        for (bench, kind) in [(&mut strict, Some(Kind::Leftover)), (&mut lenient, None)] {
            begin(bench, "1");
            assert!(ended(bench).result.is_ok());
            bench.come(PEER, b"ho\n");
            begin(bench, "2");
            assert_eq!(ended(bench).result.err().map(|failure| failure.kind), kind);
        }
    }

    #[test]
    fn who_is_lenient_takes_what_comes() {
        for (lane, came) in [(LINE, &b"no\n"[..]), (RAW, b"no")] {
            let mut bench = bench(question(), Comparing::Lenient, lane);
            for _ in 0..2 {
                begin(&mut bench, "1");
                assert!(bench.outcome.take().is_none());
                bench.come(PEER, came);
                assert!(ended(&bench).result.is_ok());
            }
        }
    }

    #[test]
    fn a_round_that_waits_in_vain_fails_by_its_own_time() {
        let mut bench = bench(question(), Comparing::Strict, LINE);
        begin(&mut bench, "1");
        assert!(bench.wait());
        assert_eq!(ended(&bench).result.unwrap_err().kind, Kind::Timeout);
    }

    #[test]
    fn an_end_between_rounds_is_seen_by_the_next() {
        let mut bench = bench(question(), Comparing::Strict, LINE);
        begin(&mut bench, "1");
        bench.come(PEER, b"ho\n");
        assert!(ended(&bench).result.is_ok());
        bench.eof(PEER);
        begin(&mut bench, "2");
        assert_eq!(ended(&bench).result.unwrap_err().kind, Kind::EarlyEof);
    }

    #[test]
    fn only_one_peer_that_connects_can_be_played() {
        let refused = |draft: Draft| {
            let program = draft.program();
            Rounds::new(&program, Options::default(), Comparing::Strict).err().unwrap().why
        };
        let two = Draft::peers(&["a", "b"]).send(0, b"x").send(1, b"y");
        assert_eq!(refused(two), Why::Several);
        let listens = Draft::client().peer("s", Role::Listen, "tcp://127.0.0.1:1").send(0, b"x");
        assert_eq!(refused(listens), Why::Listens);
        let secures = Draft::client().step(0, Op::StartTls("".into())).send(0, b"x");
        assert_eq!(refused(secures), Why::Upgrades);
        assert!(!rounds(question(), Comparing::Strict).ends_connection());
        assert!(rounds(question().step(0, Op::Eof), Comparing::Strict).ends_connection());
    }
}
