//! The verdict in one sentence, and what has changed since the last one.

use std::time::Duration;

use sockeye::check::{Change, Culprit, Outcome, Sure, Word};

use super::Desk;
use super::text::time;
use crate::fault::safe;
use crate::ui::columns::wrapped;
use crate::ui::paint::Colour;

/// The verdict, in one sentence: what, where, who, how that is known, what to try.
pub(super) fn sentence(desk: &Desk<'_>, outcome: &Outcome) -> String {
    let words = desk.words;
    let verdict = &outcome.verdict;
    let word = words.plain(&format!("check-word-{}", verdict.word.word()));
    let colour = match verdict.word {
        Word::Ok => Colour::Green,
        Word::Unknown => Colour::Yellow,
        _ => Colour::Red,
    };
    let layer = words.plain(&format!("check-layer-{}", verdict.layer.word()));
    let head = words.say("check-verdict-head", &[("word", &word), ("layer", &layer)]);
    let mut text = head.clone();
    let which = safe(&verdict.culprit.which());
    if !matches!(verdict.culprit, Culprit::None | Culprit::Unknown) {
        let key = format!("check-culprit-{}", verdict.culprit.word());
        let culprit = words.say(&key, &[("which", &which)]);
        let sure = if verdict.sure == Sure::Likely { "check-likely" } else { "check-certain" };
        text += &words.say(sure, &[("culprit", &culprit)]);
    }
    let facts: Vec<String> = verdict
        .evidence
        .iter()
        .map(|evidence| {
            let args: Vec<(&str, String)> =
                evidence.args.iter().map(|(name, value)| (*name, safe(value))).collect();
            let args: Vec<(&str, &str)> = args.iter().map(|(name, value)| (*name, value.as_str())).collect();
            words.say(&format!("check-fact-{}", evidence.fact), &args)
        })
        .collect();
    if !facts.is_empty() {
        let facts =
            facts.into_iter().reduce(|one, two| words.say("check-and", &[("one", &one), ("two", &two)]));
        text += &words.say("check-because", &[("facts", &facts.unwrap_or_default())]);
    }
    if !verdict.next.is_empty() {
        let next = words.plain(&format!("check-next-{}", verdict.next));
        text += &words.say("check-next", &[("next", &next)]);
    }
    if let Some(width) = desk.width {
        text = wrapped(&text, width, 0, 0);
    }
    // The head may have been broken, and is then left as it is.
    let painted = text.strip_prefix(&*head).map(|rest| desk.paint.on(colour, &head) + rest);
    painted.unwrap_or(text) + "\n"
}

/// What changed between two checks of a watch; nothing, where nothing did.
pub(super) fn changes(desk: &Desk<'_>, outcome: &Outcome, changes: &[Change], since: Duration) -> String {
    let mut text = String::new();
    for change in changes {
        let what = desk.words.plain(&format!("check-changed-{}", change.what));
        let args = [("what", &*what), ("before", &*safe(&change.before)), ("after", &*safe(&change.after))];
        let at = desk.paint.on(Colour::Dim, &format!("+{}", time(since)));
        let told = desk.words.say("check-changed", &args);
        text += &[&*at, &*safe(&outcome.target), &*told].join("  ");
        text.push('\n');
    }
    if changes.iter().any(|change| change.what == "verdict") {
        text += &sentence(desk, outcome);
    }
    text
}
