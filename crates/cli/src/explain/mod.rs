//! `explain`: from its words to the use case, and packets as a tree for people or as JSON.
//!
//! All text in a packet is a stranger's: on its way to the screen it passes the escaping function.

mod json;
mod text;
mod tree;
mod wrapped;

use clap::ArgMatches;
use sockeye::Views;
use sockeye::core::{Fault, Note, SessionId};
use sockeye::explain::{self, Explained, Reading, Request, Which, wrap};

use crate::grammar::{read, refuse};
use crate::ui::output::Output;
use crate::ui::paint::Paint;
use crate::words::Words;

/// How wide lines are where no terminal says so, in columns.
const WIDTH: usize = 80;

/// How wide lines on stdout may be, in columns.
pub(crate) fn width() -> usize {
    let size = terminal_size::terminal_size_of(std::io::stdout());
    size.map_or(WIDTH, |(width, _)| usize::from(width.0).clamp(40, 120))
}

/// How packets are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// For people.
    Text,
    /// For programs, one object a packet.
    Json,
}

/// Whom `explain` talks to.
pub(crate) struct Desk<'a> {
    /// The sentences.
    pub(crate) words: &'a Words,
    /// Where packets go.
    pub(crate) stdout: &'a Output,
    /// Where hints go.
    pub(crate) views: &'a Views,
    /// Whether stdout is painted.
    pub(crate) paint: Paint,
    /// How wide lines may be, in columns.
    pub(crate) width: usize,
    /// How packets are shown.
    pub(crate) shape: Shape,
}

impl Desk<'_> {
    /// Runs `explain` as it was typed.
    pub(crate) fn run(&self, matches: &ArgMatches) -> Result<(), Fault> {
        if !read::values(matches, "record").is_empty() {
            return Err(refuse::usage("explain", "conflict", "--record"));
        }
        let verbose = matches.get_count("verbose");
        if let Some(message) = read::value(matches, "wrap") {
            return self.wrap(message, matches, verbose);
        }
        if read::value(matches, "mtu").is_some() {
            return Err(refuse::usage("explain", "conflict", "--mtu"));
        }
        let number = read::number(matches, "packet", "--packet", 1)?;
        let which = match (number, read::has(matches, "all")) {
            (Some(_), true) => return Err(refuse::usage("explain", "conflict", "--packet|--all")),
            (number, false) => Which::Number(number.unwrap_or(1)),
            (None, true) => Which::All,
        };
        let reading = read::value(matches, "as").map(Reading::parse).transpose()?.unwrap_or_default();
        let request = Request { words: read::values(matches, "INPUT"), reading, which };
        let end = explain::run(&request, &mut |packet| self.packet(packet, verbose))?;
        if end == explain::End::Within {
            self.hint(&Note::new("explain-file-cut"));
        }
        Ok(())
    }

    fn packet(&self, packet: &Explained, verbose: u8) {
        let shown = match self.shape {
            Shape::Json => json::packet(packet),
            Shape::Text => tree::Page::new(self, verbose, &packet.bytes).packet(packet),
        };
        self.stdout.push(shown.as_bytes());
        if let Some(start) = packet.instead {
            self.hint(&Note::new("explain-instead").arg("name", start.word()));
        }
        if packet.guessed {
            self.hint(&Note::new("explain-guessed").arg("name", packet.start.word()));
        }
        if self.stdout.is_full() {
            self.stdout.finish(None);
        }
    }

    fn hint(&self, note: &Note) {
        self.views.watcher.note(SessionId::default(), note);
    }

    fn wrap(&self, message: &str, matches: &ArgMatches, verbose: u8) -> Result<(), Fault> {
        for flag in ["as", "packet"] {
            if read::value(matches, flag).is_some() {
                return Err(refuse::usage("explain", "conflict", &format!("--{flag}")));
            }
        }
        if read::has(matches, "all") {
            return Err(refuse::usage("explain", "conflict", "--all"));
        }
        let words = read::values(matches, "INPUT");
        let endpoint = match words.as_slice() {
            [] => return Err(refuse::usage("explain --wrap", "missing", "ENDPOINT")),
            [endpoint] => endpoint.clone(),
            [_, extra, ..] => return Err(refuse::usage("explain --wrap", "extra", extra)),
        };
        let mtu = read::number(matches, "mtu", "--mtu", 1)?;
        let request = wrap::Request {
            message: message.to_owned(),
            hex: read::has(matches, "hex"),
            endpoint,
            params: read::params(matches),
            mtu: mtu.map(|mtu| usize::try_from(mtu).unwrap_or(usize::MAX)),
        };
        let outcome = wrap::run(&request)?;
        let shown = match self.shape {
            Shape::Json => json::wrapped(&outcome),
            Shape::Text => wrapped::Page::new(self, verbose).of(&outcome),
        };
        self.stdout.push(shown.as_bytes());
        Ok(())
    }
}

#[cfg(test)]
pub(crate) use json::samples;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::Language;
    use sockeye::probe::dissect::{KEYS, Protocol, Start};

    #[test]
    fn every_field_layer_and_flaw_has_its_words() {
        for (_, language) in Language::ALL {
            let words = Words::new(*language);
            for key in KEYS {
                let key = text::field_key(key);
                assert_ne!(words.plain(&key), key);
            }
            for protocol in Protocol::ALL {
                for key in
                    [format!("explain-{}", protocol.word()), format!("explain-about-{}", protocol.word())]
                {
                    assert_ne!(words.plain(&key), key);
                }
            }
            for word in [
                "truncated",
                "fragment",
                "quote",
                "continues",
                "checksum",
                "unverified",
                "length",
                "reserved",
                "version",
                "value",
                "name",
                "malformed",
                "many",
                "deep",
            ] {
                let key = format!("explain-wrong-{word}");
                assert_ne!(words.plain(&key), key);
            }
        }
    }

    #[test]
    fn what_can_be_chosen_is_what_the_flag_says() {
        for (_, language) in Language::ALL {
            let said = Words::new(*language).plain("flag-explain-as");
            let every: Vec<&str> = Start::ALL.iter().map(|(word, _)| *word).chain(["guess"]).collect();
            assert!(every.iter().all(|word| said.contains(word)), "{said}");
        }
    }
}
