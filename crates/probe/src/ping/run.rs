//! The run itself: when a probe is sent, how long is waited, and what is made of what is heard.

use std::collections::VecDeque;
use std::io;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::track::{Track, Whole};
use super::{About, Answer, Clock, Heard, Moment, Plan, Prober, Report, Sure, Trouble, open};

/// How long a wait may be before the sign to stop is looked at.
const SLICE: Duration = Duration::from_millis(50);

/// How far the kernel's time of sending may be behind the program's for both to be of one packet.
const APART: u64 = 50_000_000;

/// Sends the probes of a plan and tells what happens, until all are answered or given up, the budget is used up, or `stop`
/// is set. An error: no way is allowed here (the last way's), or the first probe could not be sent.
pub fn run(plan: &Plan, stop: &AtomicBool, mut watch: impl FnMut(&Moment<'_>)) -> io::Result<Report> {
    let (opening, prober) = open(plan);
    let Some(mut prober) = prober else {
        let why: Vec<String> =
            opening.refused.iter().map(|(way, why)| format!("{}: {why}", way.word())).collect();
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, why.join("; ")));
    };
    watch(&Moment::Begun(&opening));
    Run::new(plan).go(prober.as_mut(), stop, &mut watch)
}

/// A run under way.
struct Run<'a> {
    plan: &'a Plan,
    track: Track,
    start: Instant,
    /// The system's time when each was sent, and the kernel's, as far as it says: the last ones.
    stamps: VecDeque<Stamp>,
    /// Probes that the kernel was given.
    given: u64,
}

/// When a probe was sent, in nanoseconds since 1970.
#[derive(Clone, Copy, Debug)]
struct Stamp {
    number: u64,
    nth: u64,
    program: u64,
    kernel: Option<u64>,
}

impl<'a> Run<'a> {
    fn new(plan: &'a Plan) -> Self {
        Self { plan, track: Track::new(plan.wait), start: Instant::now(), stamps: VecDeque::new(), given: 0 }
    }

    fn go(
        mut self,
        prober: &mut dyn Prober,
        stop: &AtomicBool,
        watch: &mut dyn FnMut(&Moment<'_>),
    ) -> io::Result<Report> {
        let mut next = Duration::ZERO;
        let mut sent = 0;
        loop {
            let now = self.start.elapsed();
            if stop.load(Ordering::Relaxed) || self.plan.budget.is_some_and(|budget| now >= budget) {
                break;
            }
            for number in self.track.overdue(now) {
                watch(&Moment::Silent { number });
            }
            if sent < self.plan.count && now >= next {
                self.send(prober, watch)?;
                sent += 1;
                // A machine that slept does not catch up with a burst.
                next = (next + self.plan.interval).max(now);
            }
            let open = self.track.next_overdue();
            if sent == self.plan.count && open.is_none() {
                break;
            }
            let due = (sent < self.plan.count).then_some(next);
            let until = [due, open, self.plan.budget].into_iter().flatten().min().unwrap_or(now);
            let patience = until.saturating_sub(self.start.elapsed()).min(SLICE);
            for heard in prober.hear(patience)? {
                self.take(&heard, watch);
            }
        }
        Ok(Report { figures: self.track.figures(), times: self.track.times(), took: self.start.elapsed() })
    }

    /// Sends the next probe. That the first cannot be sent is the end of the run; of a later one it is told.
    fn send(&mut self, prober: &mut dyn Prober, watch: &mut dyn FnMut(&Moment<'_>)) -> io::Result<()> {
        const STAMPS: usize = 4096;
        let program = wall();
        let number = self.track.sent(self.start.elapsed());
        match prober.send(number) {
            Ok(()) => {
                if self.stamps.len() == STAMPS {
                    self.stamps.pop_front();
                }
                self.stamps.push_back(Stamp { number, nth: self.given, program, kernel: None });
                self.given += 1;
            }
            Err(error) if number == 1 => return Err(error),
            Err(error) => {
                self.track.failed(number);
                let errno = error.raw_os_error().unwrap_or(0);
                let trouble = Trouble { number, from: None, icmp: None, errno, after: Duration::ZERO };
                watch(&Moment::Trouble(trouble));
            }
        }
        Ok(())
    }

    fn take(&mut self, heard: &Heard, watch: &mut dyn FnMut(&Moment<'_>)) {
        match *heard {
            Heard::Left { nth, at } => {
                let stamp = self.stamps.iter_mut().rev().find(|stamp| stamp.nth == nth);
                if let Some(stamp) = stamp
                    && stamp.kernel.is_none()
                    && at.checked_sub(stamp.program).is_some_and(|apart| apart < APART)
                {
                    stamp.kernel = Some(at);
                }
            }
            Heard::Answer { about, from, bytes, ttl, what, differs_at, arrived } => {
                let Some((number, sure)) = self.number(about) else { return };
                let Some((trip, clock)) = self.trip(number, arrived) else { return };
                let whole = if differs_at.is_none() { Whole::Yes } else { Whole::No };
                let Some(standing) = self.track.answered(number, trip, whole) else { return };
                watch(&Moment::Answer(Answer {
                    number,
                    sure,
                    trip,
                    clock,
                    from,
                    bytes,
                    ttl,
                    what,
                    standing,
                    differs_at,
                }));
            }
            Heard::Trouble { about, from, icmp, errno } => self.trouble(about, from, icmp, errno, watch),
        }
    }

    fn trouble(
        &mut self,
        about: About,
        from: Option<IpAddr>,
        icmp: Option<super::Icmp>,
        errno: i32,
        watch: &mut dyn FnMut(&Moment<'_>),
    ) {
        let Some((number, _)) = self.number(about) else { return };
        let sent = self.track.sent_at(number).unwrap_or_default();
        if self.track.failed(number) {
            let after = self.start.elapsed().saturating_sub(sent);
            watch(&Moment::Trouble(Trouble { number, from, icmp, errno, after }));
        }
    }

    fn number(&self, about: About) -> Option<(u64, Sure)> {
        match about {
            About::Number(number) => Some((number, Sure::Named)),
            About::Wire(wire) => self.track.of_wire(wire).map(|number| (number, Sure::Named)),
            About::Oldest => self.track.oldest().map(|number| (number, Sure::Ordered)),
        }
    }

    /// How long a probe was under way, and by whose clock. The kernel's two times count if they fit into the program's.
    fn trip(&self, number: u64, arrived: Option<u64>) -> Option<(Duration, Clock)> {
        let own = self.start.elapsed().checked_sub(self.track.sent_at(number)?)?;
        let stamp = self.stamps.iter().rev().find(|stamp| stamp.number == number);
        let left = stamp.and_then(|stamp| stamp.kernel);
        let kernel = left.zip(arrived).and_then(|(left, arrived)| arrived.checked_sub(left));
        Some(match kernel.map(Duration::from_nanos) {
            Some(kernel) if kernel <= own => (kernel, Clock::Kernel),
            _ => (own, Clock::Program),
        })
    }
}

/// The system's time in nanoseconds since 1970.
fn wall() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::super::{Reply, Way};
    use super::*;

    /// Answers as it is told: what is heard after the probe of that number was sent.
    struct Scripted {
        answers: Vec<(u64, Heard)>,
        last: u64,
        refuses: Option<u64>,
    }

    impl Prober for Scripted {
        fn send(&mut self, number: u64) -> io::Result<()> {
            self.last = number;
            if self.refuses == Some(number) { Err(io::Error::from_raw_os_error(101)) } else { Ok(()) }
        }

        fn hear(&mut self, _patience: Duration) -> io::Result<Vec<Heard>> {
            let last = self.last;
            let now = self.answers.extract_if(.., |(after, _)| *after == last);
            Ok(now.map(|(_, heard)| heard).collect())
        }
    }

    fn plan(count: u64) -> Plan {
        Plan {
            to: "192.0.2.1".parse().unwrap(),
            zone: 0,
            ways: vec![Way::IcmpRaw],
            size: 56,
            count,
            interval: Duration::ZERO,
            wait: Duration::ZERO,
            budget: None,
            seed: 1,
        }
    }

    fn answer(about: About) -> Heard {
        let from = "192.0.2.1".parse().unwrap();
        Heard::Answer {
            about,
            from,
            bytes: 56,
            ttl: Some(64),
            what: Reply::Echo,
            differs_at: None,
            arrived: None,
        }
    }

    fn moments(
        plan: &Plan,
        answers: Vec<(u64, Heard)>,
        refuses: Option<u64>,
    ) -> (io::Result<Report>, Vec<String>) {
        let mut prober = Scripted { answers, last: 0, refuses };
        let mut told = Vec::new();
        let report = Run::new(plan).go(&mut prober, &AtomicBool::new(false), &mut |moment| {
            told.push(match moment {
                Moment::Answer(answer) => {
                    assert_eq!(answer.clock, Clock::Program);
                    format!("{} {:?} {:?}", answer.number, answer.standing, answer.sure)
                }
                Moment::Trouble(trouble) => format!("{} trouble {}", trouble.number, trouble.errno),
                Moment::Silent { number } => format!("{number} silent"),
                Moment::Begun(_) => String::new(),
            });
        });
        (report, told)
    }

    #[test]
    fn what_is_heard_is_told_once_and_counted() {
        let mut plan = plan(4);
        plan.wait = Duration::from_hours(1);
        let trouble = Heard::Trouble { about: About::Number(3), from: None, icmp: None, errno: 113 };
        let answers = vec![
            (1, answer(About::Wire(1))),
            (2, answer(About::Wire(1))),
            (2, answer(About::Oldest)),
            (3, answer(About::Wire(9))),
            (3, trouble.clone()),
            (3, trouble),
            (4, answer(About::Number(4))),
        ];
        let (report, told) = moments(&plan, answers, None);
        let expected =
            ["1 First Named", "1 Duplicate Named", "2 First Ordered", "3 trouble 113", "4 First Named"];
        assert_eq!(told, expected);
        let figures = report.unwrap().figures;
        assert_eq!((figures.sent, figures.answered, figures.failed, figures.duplicates), (4, 3, 1, 1));
    }

    #[test]
    fn silence_is_told_and_ends_the_run() {
        let (report, told) = moments(&plan(2), Vec::new(), None);
        assert_eq!(told, ["1 silent", "2 silent"]);
        let report = report.unwrap();
        assert_eq!((report.figures.lost(), report.times), (2, None));
    }

    #[test]
    fn the_first_that_cannot_be_sent_is_an_error_a_later_one_is_told() {
        let (report, _) = moments(&plan(2), Vec::new(), Some(1));
        assert_eq!(report.unwrap_err().raw_os_error(), Some(101));
        let (report, told) = moments(&plan(2), Vec::new(), Some(2));
        assert_eq!(told, ["1 silent", "2 trouble 101"]);
        assert_eq!(report.unwrap().figures.failed, 1);
    }

    #[test]
    fn the_budget_and_the_sign_to_stop_end_it() {
        let mut plan = plan(MANY);
        plan.wait = Duration::from_hours(1);
        plan.budget = Some(Duration::from_millis(5));
        let (report, _) = moments(&plan, Vec::new(), None);
        let report = report.unwrap();
        assert!(report.figures.sent >= 1 && report.figures.lost() == 0);
        assert_eq!(report.figures.under_way, report.figures.sent.min(4096));
        let mut prober = Scripted { answers: Vec::new(), last: 0, refuses: None };
        plan.budget = None;
        let stopped = Run::new(&plan).go(&mut prober, &AtomicBool::new(true), &mut |_| {});
        assert_eq!(stopped.unwrap().figures.sent, 0);
    }

    const MANY: u64 = 1_000_000;

    #[test]
    fn the_kernels_times_count_where_they_fit() {
        let plan = plan(1);
        let mut run = Run::new(&plan);
        let number = run.track.sent(Duration::ZERO);
        let program = wall();
        run.stamps.push_back(Stamp { number, nth: 0, program, kernel: None });
        run.take(&Heard::Left { nth: 0, at: program + APART }, &mut |_| {});
        assert_eq!(run.stamps[0].kernel, None);
        run.take(&Heard::Left { nth: 0, at: program + 1000 }, &mut |_| {});
        assert_eq!(run.trip(number, Some(program + 1500)), Some((Duration::from_nanos(500), Clock::Kernel)));
        // Before it left, or longer than the program waited.
        for arrived in [program, program + 10_000_000_000_000] {
            assert_eq!(run.trip(number, Some(arrived)).unwrap().1, Clock::Program);
        }
        assert_eq!(run.trip(number, None).unwrap().1, Clock::Program);
    }
}
