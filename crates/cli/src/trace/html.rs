//! A page to step through a connection: the ladder, and where each end is in the TCP state diagram (RFC 9293, figure 5).
//! One file without anything from elsewhere.

use serde_json::json;
use sockeye::core::Fault;
use sockeye::json::guarded;
use sockeye::trace::{Outcome, TcpState};

use super::rows::{self, Depth, Row, What};
use super::svg;
use super::text;
use crate::words::Words;

const PAGE: &str = include_str!("page.html");
const DIAGRAM: &str = include_str!("diagram.svg");

/// Where each state stands in the diagram.
const PLACES: [(TcpState, usize, usize); 11] = [
    (TcpState::Closed, 190, 30),
    (TcpState::Listen, 80, 95),
    (TcpState::SynSent, 300, 95),
    (TcpState::SynReceived, 80, 165),
    (TcpState::Established, 190, 230),
    (TcpState::FinWait1, 80, 300),
    (TcpState::CloseWait, 310, 300),
    (TcpState::FinWait2, 80, 370),
    (TcpState::Closing, 195, 370),
    (TcpState::LastAck, 310, 370),
    (TcpState::TimeWait, 135, 440),
];

/// The diagram's arrows.
const ARROWS: [(TcpState, TcpState); 17] = [
    (TcpState::Closed, TcpState::Listen),
    (TcpState::Closed, TcpState::SynSent),
    (TcpState::Listen, TcpState::SynReceived),
    (TcpState::Listen, TcpState::SynSent),
    (TcpState::SynSent, TcpState::SynReceived),
    (TcpState::SynSent, TcpState::Established),
    (TcpState::SynReceived, TcpState::Established),
    (TcpState::SynReceived, TcpState::FinWait1),
    (TcpState::Established, TcpState::FinWait1),
    (TcpState::Established, TcpState::CloseWait),
    (TcpState::FinWait1, TcpState::FinWait2),
    (TcpState::FinWait1, TcpState::Closing),
    (TcpState::FinWait2, TcpState::TimeWait),
    (TcpState::Closing, TcpState::TimeWait),
    (TcpState::CloseWait, TcpState::LastAck),
    (TcpState::LastAck, TcpState::Closed),
    (TcpState::TimeWait, TcpState::Closed),
];

/// The whole page.
pub(super) fn page(words: &Words, outcome: &Outcome) -> Result<String, Fault> {
    let (mut stories, mut steps) = (Vec::new(), Vec::new());
    for story in &outcome.stories {
        let rows = svg::bounded(words, rows::rows(words, story, Depth::Absolute));
        let ladder = svg::within(words, story, &outcome.endpoint, &rows)?;
        let names = story.flow.addresses.map(|address| address.to_string());
        // Marks of arrows have names of their own: one page has several diagrams.
        let diagram = |end: usize| diagram(&format!("m{}-{end}", stories.len()));
        stories.push(json!({ "ladder": ladder, "names": names, "diagrams": [diagram(0)?, diagram(1)?] }));
        steps.push(rows.iter().map(passed).collect::<Vec<_>>());
    }
    let blind: Vec<String> =
        outcome.blind.as_ref().map(|blind| text::blindness(words, blind)).unwrap_or_default();
    // In a script no text may look like the end of one.
    let steps = guarded(&json!(steps).to_string()).replace('<', "\\u003c");
    let context = json!({
        "lang": words.plain("html-language"),
        "title": outcome.endpoint,
        "version": env!("CARGO_PKG_VERSION"),
        "blind": blind,
        "stories": stories,
        "steps": steps,
        "previous": words.plain("trace-previous"),
        "next": words.plain("trace-next"),
        "unknown": words.plain("trace-unknown"),
    });
    svg::render(PAGE, context)
}

/// The states that each end passed on a row.
fn passed(row: &Row) -> [Vec<&'static str>; 2] {
    match &row.what {
        What::States(states, _) => {
            [0, 1].map(|end: usize| states[end].iter().map(|state| state.name()).collect())
        }
        _ => Default::default(),
    }
}

/// The state diagram: boxes and arrows between their edges. `mark`: what its heads of arrows are called.
fn diagram(mark: &str) -> Result<String, Fault> {
    let place = |state: TcpState| -> (usize, usize) {
        PLACES.iter().find(|(own, ..)| *own == state).map_or((0, 0), |(_, x, y)| (*x, *y))
    };
    let boxes = PLACES.map(|(state, x, y)| json!({ "name": state.name(), "x": x, "y": y }));
    let arrows = ARROWS.map(|(from, to)| {
        let ((x1, y1), (x2, y2)) = (place(from), place(to));
        let (start, end) = match y1.cmp(&y2) {
            std::cmp::Ordering::Less => (y1 + 14, y2 - 14),
            std::cmp::Ordering::Greater => (y1 - 14, y2 + 14),
            std::cmp::Ordering::Equal => (y1, y2),
        };
        let (x1, x2) = if y1 == y2 { (x1 + 52, x2 - 52) } else { (x1, x2) };
        // The two that lead back up go around the others.
        let path = match from {
            TcpState::TimeWait => "M 83 440 H 12 V 30 H 138".to_owned(),
            TcpState::LastAck => "M 362 370 H 388 V 30 H 242".to_owned(),
            _ => format!("M {x1} {start} L {x2} {end}"),
        };
        json!({ "from": from.name(), "to": to.name(), "path": path })
    });
    svg::render(DIAGRAM, json!({ "mark": mark, "boxes": boxes, "arrows": arrows }))
}
