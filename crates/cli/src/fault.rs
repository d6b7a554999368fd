//! Faults in words: `error[refused] connect tcp://127.0.0.1:1: connection refused`, then `hint: …`.
//!
//! Arguments may hold what a peer sent or a file said, so each passes the escaping function before it is shown.

use std::borrow::Cow;

use sockeye::core::{Fault, Layer, SessionId, Side};
use sockeye::wire::escape::{Shape, escape};

use crate::words::Words;

/// How grave a fault is said to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Weight {
    /// The program, or the session, ends.
    Error,
    /// It goes on without.
    Warning,
}

/// Every argument a fault may have. What a fault leaves out is filled in empty, so that no sentence shows a bare name.
pub(crate) const ARGUMENTS: &[&str] = &[
    "actual",
    "address",
    "alert",
    "asked",
    "at",
    "after",
    "bytes",
    "character",
    "charset",
    "code",
    "count",
    "command",
    "days",
    "endpoint",
    "expected",
    "framing",
    "got",
    "have",
    "help",
    "issuer",
    "layer",
    "limit",
    "line",
    "link",
    "max",
    "name",
    "near",
    "of",
    "offered",
    "other",
    "owner",
    "path",
    "place",
    "port",
    "reason",
    "role",
    "scheme",
    "size",
    "status",
    "step",
    "syntax",
    "text",
    "value",
    "verb",
    "waiting",
    "wanted",
    "what",
    "when",
];

/// The lines that tell a person of `fault`: the sentence, the hint, and with `verbose` where it happened.
pub(crate) fn lines(
    words: &Words,
    fault: &Fault,
    weight: Weight,
    session: SessionId,
    verbose: bool,
) -> String {
    let key = format!("error-{}", fault.code.word());
    let values: Vec<(&str, String)> =
        ARGUMENTS.iter().map(|name| (*name, safe(&argument(fault, name)))).collect();
    let args: Vec<(&str, &str)> = values.iter().map(|(name, value)| (*name, value.as_str())).collect();

    let owned = if fault.value("owner").is_empty() { None } else { words.attribute(&key, "owned", &args) };
    let mut sentence = owned.unwrap_or_else(|| words.say(&key, &args));
    if let Some(detail) = &fault.detail {
        let detail = safe(detail);
        sentence = words.say("with-detail", &[("sentence", &sentence), ("detail", &detail)]);
    }
    let mut text = headed(words, fault, weight, &sentence);
    if session != SessionId::default() {
        text = words.say("error-session", &[("session", &session.to_string()), ("error", &text)]);
    }
    let near = if fault.value("near").is_empty() { None } else { words.attribute(&key, "near", &args) };
    let detailed = if fault.detail.is_none() { None } else { words.attribute(&key, "detailed", &args) };
    if let Some(hint) = near.or(detailed).or_else(|| words.attribute(&key, "hint", &args)) {
        text.push('\n');
        text.push_str(&words.say("hint", &[("hint", &hint)]));
    }
    if verbose {
        let layer = words.plain(layer_key(fault.code.layer()));
        let side = words.plain(side_key(fault.side));
        text.push('\n');
        text.push_str(&words.say("where", &[("layer", &layer), ("side", &side)]));
    }
    text
}

/// What a fault says, alone: its sentence, with a library's words behind it.
pub(crate) fn plain(words: &Words, fault: &Fault) -> String {
    let key = format!("error-{}", fault.code.word());
    let values: Vec<(&str, String)> =
        ARGUMENTS.iter().map(|name| (*name, safe(&argument(fault, name)))).collect();
    let args: Vec<(&str, &str)> = values.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let sentence = words.say(&key, &args);
    match &fault.detail {
        Some(detail) => words.say("with-detail", &[("sentence", &sentence), ("detail", &safe(detail))]),
        None => sentence,
    }
}

/// The first line: weight, code, what was being done, and the sentence.
fn headed(words: &Words, fault: &Fault, weight: Weight, sentence: &str) -> String {
    let subject = safe(&fault.subject);
    let key = match (weight, subject.is_empty()) {
        (Weight::Error, false) => "error",
        (Weight::Error, true) => "error-bare",
        (Weight::Warning, false) => "warning",
        (Weight::Warning, true) => "warning-bare",
    };
    let args = [("code", fault.code.word()), ("subject", &subject), ("sentence", sentence)];
    words.say(key, &args)
}

/// A fault's argument. What a person may type to get help is told by what was being done.
fn argument<'a>(fault: &'a Fault, name: &str) -> Cow<'a, str> {
    match (name, fault.subject.as_str()) {
        ("help", "") => "sockeye --help".into(),
        ("help", verb) => format!("sockeye {verb} --help").into(),
        _ => fault.value(name).into(),
    }
}

/// Text that keeps to its line. Backslashes stay single: patterns and paths have them, and some arguments are escaped
/// already.
pub(crate) fn safe(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    escape(text, Shape::Text, &mut out);
    out.replace('\n', "\\n").replace('\t', "\\t")
}

const fn layer_key(layer: Layer) -> &'static str {
    match layer {
        Layer::Usage => "layer-usage",
        Layer::File => "layer-file",
        Layer::Name => "layer-name",
        Layer::Transport => "layer-transport",
        Layer::Security => "layer-security",
        Layer::Framing => "layer-framing",
        Layer::Application => "layer-application",
    }
}

const fn side_key(side: Side) -> &'static str {
    match side {
        Side::Here => "side-here",
        Side::Peer => "side-peer",
        Side::Path => "side-path",
        Side::Unknown => "side-unknown",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::Language;
    use sockeye::core::Code;

    fn say(language: Language, fault: &Fault) -> String {
        lines(&Words::new(language), fault, Weight::Error, SessionId(0), false)
    }

    #[test]
    fn an_error_says_what_happened_and_what_to_try() {
        let fault = Fault::new(Code::Refused, "connect tcp://127.0.0.1:1");
        let text = say(Language::En, &fault);
        assert!(text.starts_with("error[refused] connect tcp://127.0.0.1:1: connection refused\nhint: "));
        let text = say(Language::Zh, &fault);
        assert!(text.starts_with("错误[refused] connect tcp://127.0.0.1:1：连接被拒绝\n提示："));
    }

    #[test]
    fn a_known_owner_and_a_similar_word_change_the_sentence() {
        let fault = Fault::new(Code::Taken, "listen tcp://127.0.0.1:1").arg("owner", "nc (pid 7)");
        assert!(say(Language::En, &fault).contains("taken by nc (pid 7)"));
        let fault = Fault::new(Code::UnknownVerb, "").arg("name", "conect").arg("near", "connect");
        assert!(say(Language::En, &fault).contains("did you mean `sockeye connect`?"));
        let fault = Fault::new(Code::UnknownVerb, "").arg("name", "zebra").arg("near", "");
        assert!(!say(Language::En, &fault).contains("did you mean"));
    }

    #[test]
    fn what_a_peer_sent_cannot_reach_the_terminal_raw() {
        let fault = Fault::new(Code::BadFile, "\x1b[2J").arg("path", "\x1b]52;c;x\x07").detail("\u{202e}");
        let text = say(Language::En, &fault);
        assert!(!text.contains(['\x1b', '\x07', '\u{202e}']), "{text}");
    }

    #[test]
    fn the_systems_own_words_stand_beside_ours() {
        let fault = Fault::new(Code::Broken, "").detail("Broken pipe (os error 32)");
        assert!(say(Language::En, &fault).contains("the connection broke (Broken pipe (os error 32))"));
    }

    #[test]
    fn verbose_tells_the_layer_and_the_side() {
        let words = Words::new(Language::En);
        let text = lines(&words, &Fault::new(Code::Reset, ""), Weight::Warning, SessionId(3), true);
        assert!(text.starts_with("#3 warning[reset]: "));
        assert!(text.ends_with("\nwhere: the transport, on the peer's side"));
    }
}
