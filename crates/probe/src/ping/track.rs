//! Which probes are under way, what became of each, and the figures of all: pure, with times given.

use std::collections::VecDeque;
use std::time::Duration;

/// Probes that are remembered: an answer to an older one is a stranger's.
const REMEMBERED: usize = 4096;

/// Round trips that figures are made of: later ones are only counted.
const KEPT: usize = 1_000_000;

/// How an answer stands to its probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// The first, in time.
    First,
    /// The first, after its probe was given up.
    Late,
    /// There was one before.
    Duplicate,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    UnderWay,
    Silent,
    Answered,
    Failed,
}

#[derive(Clone, Copy, Debug)]
struct Probe {
    sent: Duration,
    state: State,
}

/// The book of a run.
#[derive(Clone, Debug)]
pub struct Track {
    /// How long an answer may take.
    wait: Duration,
    /// Those that are remembered, the last one last.
    probes: VecDeque<Probe>,
    /// The number of the first of them; numbers begin at 1.
    first: u64,
    figures: Figures,
    /// Each round trip, in the order of arrival.
    trips: Vec<Duration>,
    jitter: Duration,
}

/// Counts of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Probes that were sent.
    pub sent: u64,
    /// Probes that were answered, late ones too.
    pub answered: u64,
    /// Probes about which somebody reported an error, or that could not be sent.
    pub failed: u64,
    /// Answers that came after their probe was given up.
    pub late: u64,
    /// Answers beyond the first to a probe.
    pub duplicates: u64,
    /// Answers that bring back something else than was sent.
    pub corrupt: u64,
    /// Probes whose answer may still come.
    pub under_way: u64,
}

impl Figures {
    /// Probes that were not answered, and are not under way any more.
    pub const fn lost(&self) -> u64 {
        self.sent.saturating_sub(self.answered).saturating_sub(self.under_way)
    }

    /// The share of those that are lost, of those that are not under way; 0 without any.
    #[expect(clippy::cast_precision_loss, reason = "a share of at most a million")]
    pub fn loss(&self) -> f64 {
        let settled = self.sent.saturating_sub(self.under_way);
        if settled == 0 { 0.0 } else { self.lost() as f64 / settled as f64 }
    }
}

/// Round trips in figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    /// The shortest.
    pub min: Duration,
    /// Half of them took at most so long.
    pub median: Duration,
    /// Nine in ten.
    pub p90: Duration,
    /// Ninety-nine in a hundred.
    pub p99: Duration,
    /// The longest.
    pub max: Duration,
    /// The mean.
    pub mean: Duration,
    /// The mean difference of one to the next.
    pub jitter: Duration,
}

impl Track {
    /// A book of no probes, whose answers may take so long.
    pub const fn new(wait: Duration) -> Self {
        Self {
            wait,
            probes: VecDeque::new(),
            first: 1,
            figures: Figures {
                sent: 0,
                answered: 0,
                failed: 0,
                late: 0,
                duplicates: 0,
                corrupt: 0,
                under_way: 0,
            },
            trips: Vec::new(),
            jitter: Duration::ZERO,
        }
    }

    /// Enters a probe that is sent now. Its number, from 1.
    pub fn sent(&mut self, now: Duration) -> u64 {
        if self.probes.len() == REMEMBERED {
            self.probes.pop_front();
            self.first += 1;
        }
        self.probes.push_back(Probe { sent: now, state: State::UnderWay });
        self.figures.sent += 1;
        self.last()
    }

    fn last(&self) -> u64 {
        self.first + self.probes.len() as u64 - 1
    }

    /// The number that this one on the wire stands for: the last probe whose low 16 bits it is.
    pub fn of_wire(&self, wire: u16) -> Option<u64> {
        let back = (self.last() & 0xffff).wrapping_sub(u64::from(wire)) & 0xffff;
        self.last().checked_sub(back).filter(|number| *number >= self.first && !self.probes.is_empty())
    }

    /// The first that has no answer, where an answer does not say which it is for.
    pub fn oldest(&self) -> Option<u64> {
        let open = self.probes.iter().position(|probe| probe.state == State::UnderWay);
        open.or_else(|| self.probes.iter().position(|probe| probe.state == State::Silent))
            .map(|at| self.first + at as u64)
    }

    /// When a probe was sent.
    pub fn sent_at(&self, number: u64) -> Option<Duration> {
        self.probe(number).map(|probe| probe.sent)
    }

    fn probe(&self, number: u64) -> Option<&Probe> {
        self.probes.get(usize::try_from(number.checked_sub(self.first)?).ok()?)
    }

    fn set(&mut self, number: u64, state: State) -> Option<State> {
        let at = usize::try_from(number.checked_sub(self.first)?).ok()?;
        self.probes.get_mut(at).map(|probe| std::mem::replace(&mut probe.state, state))
    }

    /// Enters an answer; `None` if no such probe is known.
    pub fn answered(&mut self, number: u64, trip: Duration, is_whole: Whole) -> Option<Standing> {
        let before = self.set(number, State::Answered)?;
        if is_whole == Whole::No {
            self.figures.corrupt += 1;
        }
        let standing = match before {
            State::Answered => {
                self.figures.duplicates += 1;
                return Some(Standing::Duplicate);
            }
            State::Silent => {
                self.figures.late += 1;
                Standing::Late
            }
            State::Failed => {
                self.figures.failed -= 1;
                Standing::First
            }
            State::UnderWay => Standing::First,
        };
        self.figures.answered += 1;
        if self.trips.len() < KEPT {
            self.jitter += self.trips.last().map_or(Duration::ZERO, |last| last.abs_diff(trip));
            self.trips.push(trip);
        }
        Some(standing)
    }

    /// Enters that somebody reported an error about a probe. `false` if it was answered, failed or is not known.
    pub fn failed(&mut self, number: u64) -> bool {
        match self.probe(number).map(|probe| probe.state) {
            Some(State::UnderWay | State::Silent) => {
                self.set(number, State::Failed);
                self.figures.failed += 1;
                true
            }
            _ => false,
        }
    }

    /// Gives up those whose time is over, and says which these are.
    pub fn overdue(&mut self, now: Duration) -> Vec<u64> {
        let (first, wait) = (self.first, self.wait);
        let over =
            self.probes.iter_mut().enumerate().filter(|(_, probe)| {
                probe.state == State::UnderWay && now.saturating_sub(probe.sent) >= wait
            });
        over.map(|(at, probe)| {
            probe.state = State::Silent;
            first + at as u64
        })
        .collect()
    }

    /// When the next one is to be given up; `None` if nothing is under way.
    pub fn next_overdue(&self) -> Option<Duration> {
        let open = self.probes.iter().find(|probe| probe.state == State::UnderWay);
        open.map(|probe| probe.sent + self.wait)
    }

    /// The counts.
    pub fn figures(&self) -> Figures {
        let open = self.probes.iter().filter(|probe| probe.state == State::UnderWay).count();
        Figures { under_way: open as u64, ..self.figures }
    }

    /// The round trips in figures; `None` without any.
    pub fn times(&self) -> Option<Times> {
        let mut sorted = self.trips.clone();
        sorted.sort_unstable();
        let (min, max) = (*sorted.first()?, *sorted.last()?);
        let count = u32::try_from(sorted.len()).unwrap_or(u32::MAX);
        Some(Times {
            min,
            median: quantile(&sorted, 50),
            p90: quantile(&sorted, 90),
            p99: quantile(&sorted, 99),
            max,
            mean: sorted.iter().sum::<Duration>() / count,
            jitter: self.jitter / count.saturating_sub(1).max(1),
        })
    }
}

/// Whether an answer brings back what was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whole {
    /// It does, as far as it brings back anything.
    Yes,
    /// It does not.
    No,
}

/// The smallest of a sorted list that at least so many per cent are not above (nearest rank).
fn quantile(sorted: &[Duration], percent: usize) -> Duration {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    #[test]
    fn answers_are_first_late_or_duplicate() {
        let mut track = Track::new(ms(1000));
        assert_eq!([track.sent(ms(0)), track.sent(ms(500)), track.sent(ms(900))], [1, 2, 3]);
        assert_eq!(track.answered(1, ms(10), Whole::Yes), Some(Standing::First));
        assert_eq!(track.answered(1, ms(20), Whole::Yes), Some(Standing::Duplicate));
        assert_eq!(track.next_overdue(), Some(ms(1500)));
        assert_eq!(
            (track.overdue(ms(1499)), track.overdue(ms(1500)), track.overdue(ms(1600))),
            (vec![], vec![2], vec![])
        );
        assert_eq!(track.answered(2, ms(1100), Whole::No), Some(Standing::Late));
        assert_eq!(track.answered(9, ms(1), Whole::Yes), None);
        assert_eq!(track.answered(0, ms(1), Whole::Yes), None);
        let figures = track.figures();
        let expected =
            Figures { sent: 3, answered: 2, failed: 0, late: 1, duplicates: 1, corrupt: 1, under_way: 1 };
        assert_eq!(figures, expected);
        assert_eq!((figures.lost(), figures.loss()), (0, 0.0));
        assert_eq!(track.overdue(ms(2000)), [3]);
        assert_eq!((track.figures().lost(), track.next_overdue()), (1, None));
        assert!((track.figures().loss() - 1.0 / 3.0).abs() < 1e-9);
    }

    #[test]
    fn an_error_ends_a_probe_and_an_answer_after_it_counts() {
        let mut track = Track::new(ms(1000));
        track.sent(ms(0));
        track.sent(ms(0));
        assert!(track.failed(1) && !track.failed(1) && !track.failed(7));
        assert_eq!((track.figures().failed, track.figures().lost(), track.oldest()), (1, 1, Some(2)));
        assert_eq!(track.answered(1, ms(5), Whole::Yes), Some(Standing::First));
        assert!(!track.failed(1));
        assert_eq!((track.figures().failed, track.figures().answered), (0, 1));
    }

    #[test]
    fn numbers_on_the_wire_go_round() {
        let mut track = Track::new(ms(1));
        assert_eq!(track.of_wire(0), None);
        for _ in 0..70_000 {
            track.sent(ms(0));
        }
        // 70,000 is 0x11170.
        assert_eq!((track.of_wire(0x1170), track.of_wire(0x1171)), (Some(70_000), None));
        assert_eq!(track.of_wire(0x1170 - 4095), Some(70_000 - 4095));
        assert_eq!(track.of_wire(0x1170 - 4096), None);
        assert_eq!(track.figures().sent, 70_000);
    }

    #[test]
    fn round_trips_in_figures() {
        let mut track = Track::new(ms(1000));
        assert_eq!(track.times(), None);
        for trip in 1..=100 {
            let number = track.sent(ms(0));
            track.answered(number, ms(101 - trip), Whole::Yes);
        }
        let times = track.times().unwrap();
        assert_eq!([times.min, times.median, times.p90, times.p99, times.max], [1, 50, 90, 99, 100].map(ms));
        assert_eq!((times.mean, times.jitter), (Duration::from_micros(50_500), ms(1)));
        let mut one = Track::new(ms(1000));
        let number = one.sent(ms(0));
        one.answered(number, ms(7), Whole::Yes);
        let times = one.times().unwrap();
        assert_eq!((times.min, times.p99, times.jitter), (ms(7), ms(7), Duration::ZERO));
    }
}
