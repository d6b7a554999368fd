//! Why text is no address, every mistake on a line of its own.

use sockeye::addr::Invalid;
use sockeye::addr::reading::{GroupMistake, Mistake, OctetMistake};
use std::fmt::Write as _;

use crate::fault::safe;
use crate::ui::paint::{Colour, Paint};
use crate::words::Words;

/// The whole answer.
pub(super) fn page(words: &Words, paint: Paint, wrong: &[Invalid]) -> String {
    let mut text = String::new();
    for invalid in wrong {
        let shown = if invalid.text.is_empty() { "''".to_owned() } else { safe(&invalid.text) };
        let line = words.say("addr-invalid", &[("text", &shown)]);
        text.push_str(&paint.on(Colour::Red, &line));
        text.push('\n');
        for mistake in &invalid.mistakes {
            let _ = writeln!(text, "  {}", sentence(words, mistake));
        }
        if let Some(lenient) = invalid.lenient {
            let line = words.say("addr-lenient", &[("address", &lenient.to_string())]);
            let _ = writeln!(text, "  {line}");
        }
    }
    text
}

/// The word of a mistake, for scripts and for choosing its sentence.
pub(super) const fn code(mistake: &Mistake) -> &'static str {
    match mistake {
        Mistake::Empty => "empty",
        Mistake::TooLong => "too-long",
        Mistake::NoAddress => "no-address",
        Mistake::Octets(_) => "octets",
        Mistake::Octet(_, _, OctetMistake::Empty) => "octet-empty",
        Mistake::Octet(_, _, OctetMistake::TooLarge) => "octet-too-large",
        Mistake::Octet(_, _, OctetMistake::LeadingZero(Some(_))) => "octet-leading-zero",
        Mistake::Octet(_, _, OctetMistake::LeadingZero(None)) => "octet-no-octal",
        Mistake::Octet(_, _, OctetMistake::NotDecimal) => "octet-not-decimal",
        Mistake::Groups(_) => "groups",
        Mistake::NothingToFill(_) => "nothing-to-fill",
        Mistake::TwoGaps => "two-gaps",
        Mistake::Colons => "colons",
        Mistake::LoneColon => "lone-colon",
        Mistake::Group(_, _, GroupMistake::TooLong) => "group-too-long",
        Mistake::Group(_, _, GroupMistake::NotHex) => "group-not-hex",
        Mistake::DotsNotLast(_) => "dots-not-last",
        Mistake::ZoneEmpty => "zone-empty",
        Mistake::ZoneOnV4 => "zone-on-ipv4",
        Mistake::Brackets => "brackets",
        Mistake::PrefixNoNumber(_) => "prefix-no-number",
        Mistake::PrefixRange(..) => "prefix-range",
        Mistake::MaskHoles(_) => "mask-not-contiguous",
        Mistake::Wildcard(..) => "wildcard",
        Mistake::MaskBad(_) => "mask-bad",
        Mistake::MaskOnV6 => "mask-on-ipv6",
        Mistake::TwoExtents => "two-sizes",
    }
}

/// What a mistake is about: its place (of an octet or group, from 1) and its text.
pub(super) fn about(mistake: &Mistake) -> (Option<usize>, String) {
    match mistake {
        Mistake::Octets(count) | Mistake::Groups(count) | Mistake::NothingToFill(count) => {
            (None, count.to_string())
        }
        Mistake::Octet(place, text, _) | Mistake::Group(place, text, _) => (Some(*place), text.clone()),
        Mistake::DotsNotLast(place) => (Some(*place), String::new()),
        Mistake::PrefixNoNumber(text) | Mistake::PrefixRange(text, _) | Mistake::MaskBad(text) => {
            (None, text.clone())
        }
        Mistake::MaskHoles(mask) | Mistake::Wildcard(mask, _) => (None, mask.to_string()),
        _ => (None, String::new()),
    }
}

fn sentence(words: &Words, mistake: &Mistake) -> String {
    let (place, text) = about(mistake);
    let place = place.map(|place| place.to_string()).unwrap_or_default();
    let more = match mistake {
        Mistake::Octet(_, _, OctetMistake::LeadingZero(Some(value))) => value.to_string(),
        Mistake::PrefixRange(_, most) => most.to_string(),
        Mistake::Wildcard(_, prefix) => prefix.to_string(),
        Mistake::MaskHoles(mask) => {
            let octets = sockeye::addr::same::binary((*mask).into());
            octets.join(".")
        }
        _ => String::new(),
    };
    let args = [("what", code(mistake)), ("place", &place), ("text", &safe(&text)), ("more", &more)];
    words.say("addr-mistake", &args)
}
