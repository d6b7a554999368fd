//! This machine's sockets, live: a look every second, deaths as the kernel tells of them, and who is wanted of them.

use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

use sockeye_core::{Code, Fault, Network};
use sockeye_probe::sockets::{State, States};
use sockeye_probe::watch::{Event, News, Row, Watch, What};

use crate::bounds::{bad_value, span};
use crate::port;

/// The time between two looks unless told otherwise.
pub const EVERY: Duration = Duration::from_secs(1);

/// The shortest time between two looks: each takes some milliseconds.
const SHORTEST: Duration = Duration::from_millis(100);

/// How long deaths are waited for before it is asked whether to go on.
const TURN: Duration = Duration::from_millis(50);

/// At its end a watch waits so long for deaths that are under way, or until none come any more.
const LAST: Duration = Duration::from_secs(2);

/// What is asked.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// Only sockets with one of these ports, at either end; names of services stand for theirs.
    pub ports: Vec<String>,
    /// Only those whose peer is in one of these networks.
    pub peers: Vec<String>,
    /// Only those in one of these states, or that were before it changed.
    pub states: Vec<String>,
    /// Only those of these processes: a number, or part of a name.
    pub processes: Vec<String>,
    /// The time between two looks.
    pub every: Option<String>,
    /// One look, and no more.
    pub once: bool,
    /// End after this time.
    pub time: Option<String>,
}

/// Who is shown what happens.
pub trait Show {
    /// Something happened to a socket that is wanted.
    fn event(&mut self, event: &Event);

    /// Deaths went unseen, of which it cannot be said whether they were wanted. `at`: when that was found, since the watch
    /// began.
    fn missed(&mut self, at: Duration, count: u64);

    /// What is there after a look, of those that are wanted, in no order.
    fn table(&mut self, rows: &[&Row], totals: &Totals);

    /// Called many times a second. Whether to go on.
    fn turn(&mut self) -> Turn;
}

/// Whether to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Yes.
    GoOn,
    /// No.
    End,
}

/// What was seen in all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// How long.
    pub age: Duration,
    /// Sockets there now, wanted or not.
    pub sockets: usize,
    /// Wanted ones that came.
    pub opened: u64,
    /// Wanted ones that died.
    pub died: u64,
    /// Deaths that went unseen.
    pub missed: u64,
    /// Whether there were more sockets than are looked at.
    pub cut: bool,
}

/// Which sockets are wanted.
#[derive(Clone, Debug)]
struct Filter {
    ports: Vec<RangeInclusive<u16>>,
    peers: Vec<Network>,
    states: Option<States>,
    processes: Vec<String>,
}

impl Filter {
    fn read(request: &Request) -> Result<Self, Fault> {
        let listed = |values: &[String]| -> Vec<String> {
            values.iter().flat_map(|value| value.split(',')).map(|part| part.trim().to_owned()).collect()
        };
        let state = |name: &String| {
            State::named(name).ok_or_else(|| Fault::new(Code::UnknownState, "").arg("name", name))
        };
        let states = listed(&request.states).iter().map(state).collect::<Result<Vec<_>, _>>()?;
        let ports =
            listed(&request.ports).iter().map(|word| port::numbers(word)).collect::<Result<Vec<_>, _>>()?;
        let peers = listed(&request.peers).iter().map(|network| network.parse()).collect::<Result<_, _>>()?;
        Ok(Self {
            ports: ports.into_iter().flatten().collect(),
            peers,
            states: (!states.is_empty()).then(|| states.into_iter().collect()),
            processes: listed(&request.processes),
        })
    }

    /// Whether a socket is wanted, whatever its state.
    fn takes(&self, row: &Row) -> bool {
        let socket = &row.socket;
        let port = |port: u16| self.ports.iter().any(|range| range.contains(&port));
        let process = |wanted: &String| {
            row.holder.process().is_some_and(|process| {
                wanted.parse() == Ok(process.pid) || process.name.contains(wanted.as_str())
            })
        };
        (self.ports.is_empty() || port(socket.local.port()) || port(socket.peer.port()))
            && (self.peers.is_empty() || self.peers.iter().any(|net| net.contains(socket.peer.ip())))
            && (self.processes.is_empty() || self.processes.iter().any(process))
    }

    fn takes_state(&self, state: State) -> bool {
        self.states.is_none_or(|states| states.has(state))
    }

    fn takes_event(&self, event: &Event) -> bool {
        let now = self.takes_state(event.row.socket.state);
        let state = match event.what {
            What::Present | What::Opened | What::Died { last: None } | What::Changed { from: None } => now,
            What::Changed { from: Some(from) } => now || self.takes_state(from),
            What::Died { last: Some(last) } => self.takes_state(last),
        };
        state && self.takes(&event.row)
    }
}

/// Watches until told to end.
pub fn run(request: &Request, show: &mut dyn Show) -> Result<Totals, Fault> {
    let filter = Filter::read(request)?;
    let every = request.every.as_deref().map_or(Ok(EVERY), |value| span("--every", value))?;
    if every < SHORTEST {
        return Err(bad_value("--every", request.every.as_deref().unwrap_or_default()).detail("≥ 100ms"));
    }
    let time = request.time.as_deref().map(|value| span("--timeout", value)).transpose()?;
    let cannot = |error| Fault::new(Code::CannotLook, "watch").detail(error);
    let mut watch = Watch::start(None).map_err(cannot)?;
    let (mut totals, mut news) = (Totals::default(), News::default());
    loop {
        let began = Instant::now();
        watch.look(&mut news).map_err(cannot)?;
        totals.age = watch.age();
        tell(&filter, &mut news, &mut totals, show);
        totals.sockets = watch.rows().count();
        let wanted = |row: &&Row| filter.takes_state(row.socket.state) && filter.takes(row);
        show.table(&watch.rows().filter(wanted).collect::<Vec<_>>(), &totals);
        if request.once {
            return Ok(totals);
        }
        // A look that takes long may not take all the time.
        let next = began + every.max(began.elapsed() * 4);
        loop {
            let over = time.is_some_and(|time| watch.age() >= time);
            if over || show.turn() == Turn::End {
                finish(&mut watch, &filter, &mut totals, show).map_err(cannot)?;
                return Ok(totals);
            }
            let mut left = next.saturating_duration_since(Instant::now());
            if let Some(time) = time {
                left = left.min(time.saturating_sub(watch.age()));
            }
            if left.is_zero() {
                break;
            }
            watch.wait(left.min(TURN), &mut news).map_err(cannot)?;
            let missed = news.missed;
            totals.age = watch.age();
            tell(&filter, &mut news, &mut totals, show);
            if missed > 0 {
                // Who is missing is found by looking.
                break;
            }
        }
    }
}

/// Tells of the deaths that were under way when the watch was ended.
fn finish(
    watch: &mut Watch,
    filter: &Filter,
    totals: &mut Totals,
    show: &mut dyn Show,
) -> std::io::Result<()> {
    let end = Instant::now() + LAST;
    while Instant::now() < end {
        let mut news = News::default();
        watch.wait(2 * TURN, &mut news)?;
        if news.events.is_empty() && news.missed == 0 {
            break;
        }
        tell(filter, &mut news, totals, show);
    }
    totals.age = watch.age();
    Ok(())
}

/// Tells of what is wanted, and counts it.
fn tell(filter: &Filter, news: &mut News, totals: &mut Totals, show: &mut dyn Show) {
    for event in news.events.drain(..) {
        if !filter.takes_event(&event) {
            continue;
        }
        match event.what {
            What::Opened => totals.opened += 1,
            What::Died { .. } => totals.died += 1,
            What::Present | What::Changed { .. } => {}
        }
        show.event(&event);
    }
    if news.missed > 0 {
        totals.missed += news.missed;
        show.missed(totals.age, std::mem::take(&mut news.missed));
    }
    totals.cut |= news.cut;
}

#[cfg(test)]
mod tests {
    use super::*;
    use sockeye_core::How;
    use sockeye_probe::owners::Process;
    use sockeye_probe::sockets::{Family, Protocol, Socket};
    use sockeye_probe::watch::Holder;

    fn row(local: &str, peer: &str, state: State, name: &str) -> Row {
        let socket = Socket {
            protocol: Protocol::Tcp,
            family: Family::V4,
            state,
            local: local.parse().unwrap(),
            peer: peer.parse().unwrap(),
            interface: 0,
            cookie: 1,
            uid: None,
            inode: None,
            receive_queue: 0,
            send_queue: 0,
            timer: None,
            only_v6: None,
            congestion: None,
            tcp: None,
        };
        let process = Process { pid: 42, name: name.to_owned() };
        Row { socket, holder: Holder::Process { process, others: 0 }, seen: None, rates: None }
    }

    fn filter(set: impl FnOnce(&mut Request)) -> Filter {
        let mut request = Request::default();
        set(&mut request);
        Filter::read(&request).unwrap()
    }

    #[test]
    fn filters_take_what_they_say() {
        let row = row("127.0.0.1:80", "10.0.0.7:5000", State::Established, "python3");
        let text = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        assert!(filter(|_| ()).takes(&row));
        for (ports, taken) in [("80", true), ("5000", true), ("http", true), ("81,80", true), ("81", false)] {
            assert_eq!(filter(|request| request.ports = text(&[ports])).takes(&row), taken, "{ports}");
        }
        for (peer, taken) in [("10.0.0.0/8", true), ("10.0.0.7", true), ("127.0.0.1", false)] {
            assert_eq!(filter(|request| request.peers = text(&[peer])).takes(&row), taken, "{peer}");
        }
        for (process, taken) in [("42", true), ("thon", true), ("4", false), ("ruby", false)] {
            assert_eq!(
                filter(|request| request.processes = text(&[process])).takes(&row),
                taken,
                "{process}"
            );
        }
    }

    #[test]
    fn a_death_is_wanted_for_the_state_it_was_last_seen_in() {
        let filter = filter(|request| request.states = vec!["established,listen".to_owned()]);
        let event = |what, state| Event {
            at: Duration::ZERO,
            how: How::Traced,
            what,
            row: row("1.1.1.1:1", "2.2.2.2:2", state, "x"),
        };
        assert!(filter.takes_event(&event(What::Died { last: Some(State::Established) }, State::Closed)));
        assert!(!filter.takes_event(&event(What::Died { last: Some(State::TimeWait) }, State::Closed)));
        assert!(!filter.takes_event(&event(What::Died { last: None }, State::Closed)));
        assert!(
            filter.takes_event(&event(What::Changed { from: Some(State::Established) }, State::CloseWait))
        );
        assert!(!filter.takes_event(&event(What::Opened, State::SynSent)));
    }

    #[test]
    fn nonsense_is_refused_before_anything_is_watched() {
        struct Nobody;
        impl Show for Nobody {
            fn event(&mut self, _: &Event) {}
            fn missed(&mut self, _: Duration, _: u64) {}
            fn table(&mut self, _: &[&Row], _: &Totals) {}
            fn turn(&mut self) -> Turn {
                Turn::End
            }
        }
        let one = |value: &str| vec![value.to_owned()];
        let cases = [
            (Request { ports: one("no such"), ..Request::default() }, Code::UnknownPort),
            (Request { peers: one("10.0.0.0/40"), ..Request::default() }, Code::BadNetwork),
            (Request { states: one("open"), ..Request::default() }, Code::UnknownState),
            (Request { every: Some("1ms".to_owned()), ..Request::default() }, Code::BadValue),
            (Request { time: Some("soon".to_owned()), ..Request::default() }, Code::BadValue),
        ];
        for (request, code) in cases {
            assert_eq!(run(&request, &mut Nobody).unwrap_err().code, code);
        }
    }
}
