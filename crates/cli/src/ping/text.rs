//! Answers and figures for people.

use std::fmt::Write as _;
use std::time::Duration;

use sockeye::ping::{
    Answer, Clock, Moment, Opening, Outcome, Reply, Standing, Sure, Target, Told, Trouble, UDP_PORTS, Way,
};

use super::plot::Plot;
use crate::fault::safe;
use crate::ui::paint::{Colour, Paint};
use crate::words::Words;

/// The line, or lines, of something that happened.
pub(super) fn line(words: &Words, paint: Paint, told: &Told<'_>) -> String {
    let text = match told.moment {
        Moment::Begun(opening) => return begun(words, paint, told.target, opening),
        Moment::Answer(answer) => self::answer(words, paint, answer),
        Moment::Trouble(trouble) => paint.on(Colour::Red, &self::trouble(words, told.target, trouble)),
        Moment::Silent { number } => {
            let wait = sockeye::ping::WAIT.as_secs().to_string();
            let args = [("number", &*number.to_string()), ("wait", &wait)];
            paint.on(Colour::Yellow, &words.say("ping-silent", &args))
        }
    };
    format!("{text}\n")
}

fn begun(words: &Words, paint: Paint, target: &Target, opening: &Opening) -> String {
    let name = safe(&target.name);
    let address = target.address.to_string();
    let host = if name == address { address } else { format!("{name} ({address})") };
    let way = opening.way.map(|way| named(words, way)).unwrap_or_default();
    let size = target.size.to_string();
    let is_tcp = matches!(opening.way, Some(Way::Tcp(_)));
    let args =
        [("host", &*host), ("way", &way), ("size", &size), ("sized", if is_tcp { "no" } else { "yes" })];
    let mut text = format!("{}\n", words.say("ping-begun", &args));
    for (way, why) in &opening.refused {
        let args = [("way", &*named(words, *way)), ("why", &safe(why)), ("kind", way.word())];
        let line = words.say("ping-refused-way", &args);
        let _ = writeln!(text, "  {}", paint.on(Colour::Dim, &line));
    }
    if !target.others.is_empty() {
        let others = target.others.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let line = words.say("ping-others", &[("others", &others)]);
        let _ = writeln!(text, "  {}", paint.on(Colour::Dim, &line));
    }
    text
}

fn named(words: &Words, way: Way) -> String {
    let port = way.port().map(|port| port.to_string()).unwrap_or_default();
    let kind = match way {
        Way::Udp(Some(_)) => "udp-port",
        way => way.word(),
    };
    let args = [("way", kind), ("port", &*port), ("first", &UDP_PORTS.to_string())];
    words.say("ping-way", &args)
}

fn answer(words: &Words, paint: Paint, answer: &Answer) -> String {
    let what = match answer.what {
        Reply::Echo => "echo",
        Reply::Datagram => "datagram",
        Reply::Closed => "closed",
        Reply::Open => "open",
    };
    let args = [
        ("what", what),
        ("from", &*answer.from.to_string()),
        ("bytes", &answer.bytes.to_string()),
        ("number", &answer.number.to_string()),
    ];
    let mut parts = vec![words.say("ping-answer", &args)];
    if let Some(ttl) = answer.ttl.filter(|_| answer.what != Reply::Closed) {
        parts.push(words.say("ping-ttl", &[("ttl", &ttl.to_string())]));
    }
    parts.push(ms(answer.trip));
    let mut odd = Vec::new();
    match answer.standing {
        Standing::First => {}
        Standing::Late => odd.push(words.plain("ping-late")),
        Standing::Duplicate => odd.push(words.plain("ping-duplicate")),
    }
    if let Some(at) = answer.differs_at {
        odd.push(words.say("ping-corrupt", &[("at", &at.to_string())]));
    }
    if answer.sure == Sure::Ordered {
        odd.push(words.plain("ping-ordered"));
    }
    if !odd.is_empty() {
        parts.push(paint.on(Colour::Yellow, &odd.join("  ")));
    }
    parts.join("  ")
}

fn trouble(words: &Words, target: &Target, trouble: &Trouble) -> String {
    let number = trouble.number.to_string();
    let from = trouble.from.map(|from| from.to_string()).unwrap_or_default();
    if let Some(icmp) = trouble.icmp {
        let says = words.say("ping-icmp", &[("word", icmp.word()), ("mtu", &icmp.info.to_string())]);
        let args = [
            ("number", &*number),
            ("from", &from),
            ("says", &says),
            ("type", &icmp.kind.to_string()),
            ("code", &icmp.code.to_string()),
            ("protocol", if icmp.is_v6 { "ICMPv6" } else { "ICMP" }),
        ];
        let text = words.say("ping-trouble", &args);
        // The system's own word for a neighbour that does not answer.
        let is_silence = matches!(icmp.word(), "host-unreachable" | "address-unreachable");
        if !is_silence || trouble.from.is_none_or(|from| !target.own.contains(&from)) {
            return text;
        }
        let ask = if icmp.is_v6 { "NDP" } else { "ARP" };
        return format!("{text}\n  {}", words.say("ping-neighbour", &[("ask", ask)]));
    }
    let why = std::io::Error::from_raw_os_error(trouble.errno).to_string();
    words.say("ping-unsent", &[("number", &number), ("why", &why)])
}

/// What silence may mean, where nothing was answered and nobody said why.
fn nothing(words: &Words, way: Option<Way>) -> Option<String> {
    let kind = match way? {
        Way::IcmpDatagram | Way::IcmpRaw => "icmp",
        Way::Udp(None) => "udp",
        Way::Udp(Some(_)) => "udp-port",
        Way::Tcp(_) => "tcp",
    };
    Some(words.say("ping-nothing", &[("kind", kind)]))
}

/// What the figures are drawn with.
pub(super) struct Seen {
    /// Each probe.
    pub(super) plot: Plot,
    /// Answers whose time is the kernel's.
    pub(super) kernel: u64,
    /// The way that was taken.
    pub(super) way: Option<Way>,
}

/// The figures.
pub(super) fn summary(words: &Words, paint: Paint, outcome: &Outcome, seen: &Seen) -> String {
    let figures = &outcome.report.figures;
    let loss = format!("{:.1}", figures.loss() * 100.0);
    let args = [
        ("sent", &*figures.sent.to_string()),
        ("answered", &figures.answered.to_string()),
        ("lost", &figures.lost().to_string()),
        ("loss", &loss),
    ];
    let colour = match (figures.answered, figures.lost()) {
        (0, _) => Colour::Red,
        (_, 0) => Colour::Green,
        _ => Colour::Yellow,
    };
    let mut text = format!("\n{}\n", paint.on(colour, &words.say("ping-summary", &args)));
    let odd = [
        ("ping-count-failed", figures.failed),
        ("ping-count-late", figures.late),
        ("ping-count-duplicate", figures.duplicates),
        ("ping-count-corrupt", figures.corrupt),
        ("ping-count-under-way", figures.under_way),
    ];
    let odd: Vec<String> = odd
        .into_iter()
        .filter(|(_, count)| *count > 0)
        .map(|(key, count)| words.say(key, &[("count", &count.to_string())]))
        .collect();
    if !odd.is_empty() {
        let _ = writeln!(text, "{}", odd.join("  "));
    }
    if figures.answered == 0
        && figures.failed == 0
        && let Some(line) = nothing(words, seen.way)
    {
        let _ = writeln!(text, "{line}");
    }
    if figures.answered > 0 && figures.lost() > figures.failed && matches!(seen.way, Some(Way::Udp(_))) {
        let _ = writeln!(text, "{}", words.plain("ping-limited"));
    }
    if let Some(times) = &outcome.report.times {
        let args = [
            ("min", &*bare(times.min)),
            ("median", &bare(times.median)),
            ("p90", &bare(times.p90)),
            ("p99", &bare(times.p99)),
            ("max", &bare(times.max)),
            ("jitter", &bare(times.jitter)),
        ];
        let _ = writeln!(text, "{}", words.say("ping-times", &args));
        let whose = match seen.kernel {
            0 => "program",
            kernel if kernel == figures.answered + figures.duplicates => "kernel",
            _ => "both",
        };
        let _ = writeln!(text, "{}", paint.on(Colour::Dim, &words.say("ping-clock", &[("whose", whose)])));
        if let Some(drawn) = seen.plot.drawn(times.min, times.max) {
            let _ = writeln!(text, "{}", paint.on(Colour::Cyan, &drawn.line));
            let args = [
                ("min", &*ms(times.min)),
                ("max", &ms(times.max)),
                ("each", &drawn.each.to_string()),
                ("shared", if drawn.each > 1 { "yes" } else { "no" }),
            ];
            let _ = writeln!(text, "{}", paint.on(Colour::Dim, &words.say("ping-plot", &args)));
        }
    }
    text
}

/// Milliseconds with three decimals, as every ping shows them.
fn ms(time: Duration) -> String {
    format!("{} ms", bare(time))
}

/// The same without the unit.
fn bare(time: Duration) -> String {
    format!("{:.3}", time.as_secs_f64() * 1000.0)
}

/// Whose clock, as a word.
pub(super) const fn clock(clock: Clock) -> &'static str {
    match clock {
        Clock::Kernel => "kernel",
        Clock::Program => "program",
    }
}
