//! What `--record` and `sessions export` write: the kind is told by a file's ending.

use sockeye_core::fault::nearest;
use sockeye_core::{Code, Fault};
use sockeye_record::Sink;
use sockeye_record::file::Pages;
use sockeye_record::lines::Lines;
use sockeye_record::pcapng::{self, Payload};
use sockeye_record::script::Script;
use sockeye_record::store::About;
use sockeye_script::transcript::Options;

/// The kinds of recordings, and how each is called: a word or an ending.
const KINDS: &[(&str, Kind)] =
    &[("store", Kind::Store), (".skt", Kind::Script), (".pcapng", Kind::Packets), (".jsonl", Kind::Lines)];

/// One kind of recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The store of sessions.
    Store,
    /// A conversation file.
    Script,
    /// Packets for Wireshark.
    Packets,
    /// Events as lines of JSON.
    Lines,
}

impl Kind {
    /// The kind of what a person wants to record to.
    pub fn of(name: &str) -> Result<Self, Fault> {
        let ending = name.rfind('.').map_or("", |at| &name[at..]);
        // A file that is called `.skt` has no ending.
        let known =
            |word: &str| if word.starts_with('.') { word == ending && word != name } else { word == name };
        if let Some((_, kind)) = KINDS.iter().find(|(word, _)| known(word)) {
            return Ok(*kind);
        }
        let typed = if ending.is_empty() { name } else { ending };
        // An ending with no name before it, or with a slash behind, is no slip of the hand.
        let near = nearest(&typed.to_lowercase(), KINDS.iter().map(|(word, _)| *word));
        let near = near.filter(|near| !typed.starts_with(near)).unwrap_or_default();
        Err(Fault::new(Code::BadRecording, "").arg("value", name).arg("near", near))
    }
}

/// Opens the file of a recording; one that is there is overwritten.
pub fn open(kind: Kind, path: &str, about: &About) -> Result<Box<dyn Sink>, Fault> {
    let pages = Pages::create(path)?;
    Ok(match kind {
        Kind::Script => Box::new(Script::new(pages, transcript(about))),
        Kind::Packets => Box::new(pcapng::Writer::new(pages, Payload::Wire)),
        Kind::Lines | Kind::Store => Box::new(Lines::new(pages)),
    })
}

/// What a transcript of it begins with.
pub(crate) fn transcript(about: &About) -> Options {
    let title = format!("recorded by sockeye {} ({})", env!("CARGO_PKG_VERSION"), about.verb);
    Options { subject: about.subject.clone(), title, seed: about.seed }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ending_tells_the_kind() {
        for (name, kind) in [
            ("store", Kind::Store),
            ("a.skt", Kind::Script),
            ("/tmp/b.c.pcapng", Kind::Packets),
            ("./store.jsonl", Kind::Lines),
        ] {
            assert_eq!(Kind::of(name).unwrap(), kind, "{name}");
        }
        for (name, near) in [
            ("stor", "store"),
            ("a.pcap", ".pcapng"),
            ("a.json", ".jsonl"),
            ("a", ""),
            (".skt", ""),
            ("dir.skt/", ""),
            ("a.SKT", ".skt"),
            ("", ""),
        ] {
            let fault = Kind::of(name).unwrap_err();
            assert_eq!((fault.code, fault.value("near")), (Code::BadRecording, near), "{name}");
        }
    }
}
