//! Every verb, once: its words, its flags, its examples.

use super::flags::{ASK, CONNECT, Flag, LAYERS, NC, SERVE, SERVE_FILE};

/// One word of a verb.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Word {
    /// How usage shows it.
    pub(crate) name: &'static str,
    /// The catalogue's key of its sentence.
    pub(crate) key: &'static str,
    /// How often it may stand.
    pub(crate) times: Times,
}

/// How often a word may stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Times {
    /// Once.
    One,
    /// Once or not.
    Maybe,
    /// At least once.
    Many,
}

/// One verb.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Verb {
    /// Its name; its sentences are `verb-NAME` and `verb-NAME-long`.
    pub(crate) name: &'static str,
    /// Its words, in order.
    pub(crate) words: &'static [Word],
    /// Its own flags, in groups.
    pub(crate) flags: &'static [&'static [Flag]],
    /// Whether it opens endpoints, and takes the flags of their layers.
    pub(crate) opens: bool,
    /// Command lines to show.
    pub(crate) examples: &'static [&'static str],
}

impl Verb {
    /// Every flag of its own.
    pub(crate) fn all_flags(&self) -> impl Iterator<Item = &'static Flag> + use<> {
        let layers = if self.opens { LAYERS } else { &[] };
        self.flags.iter().copied().flatten().chain(layers)
    }

    /// Whether services are its subcommands.
    pub(crate) fn has_services(&self) -> bool {
        self.name == "serve"
    }
}

const fn word(name: &'static str, key: &'static str, times: Times) -> Word {
    Word { name, key, times }
}

/// Every verb, in the order of help.
pub(crate) const ALL: &[Verb] = &[
    Verb {
        name: "serve",
        words: &[word("ENDPOINT", "word-endpoint", Times::Maybe)],
        flags: &[SERVE, SERVE_FILE],
        opens: true,
        examples: &[
            "sockeye serve",
            "sockeye serve :9000 echo",
            "sockeye serve any:9000 echo -F line --once",
        ],
    },
    Verb {
        name: "connect",
        words: &[word("ENDPOINT", "word-endpoint", Times::One)],
        flags: &[CONNECT],
        opens: true,
        examples: &[
            "sockeye connect 127.0.0.1:9000",
            "sockeye 127.0.0.1:9000",
            "printf 'one\\ntwo\\n' | sockeye udp://127.0.0.1:9000",
        ],
    },
    Verb {
        name: "ask",
        words: &[word("ENDPOINT", "word-endpoint", Times::One), word("MESSAGE", "word-message", Times::Many)],
        flags: &[ASK],
        opens: true,
        examples: &[
            "sockeye ask 127.0.0.1:9000 hello",
            "sockeye ask 127.0.0.1:9000 one two -F line",
            "sockeye ask udp://127.0.0.1:9000 hex:0a0b -t 2s",
        ],
    },
    Verb {
        name: "proxy",
        words: &[word("LISTEN", "word-listen", Times::One), word("TARGET", "word-target", Times::One)],
        flags: &[SERVE],
        opens: true,
        examples: &["sockeye proxy :9000 192.0.2.7:80", "sockeye proxy :9000 unix:///run/app.sock -vv"],
    },
    Verb {
        name: "nc",
        words: &[word("HOST", "word-host", Times::Maybe), word("PORT", "word-port", Times::Maybe)],
        flags: &[NC],
        opens: false,
        examples: &[
            "printf 'hi\\n' | sockeye nc -N 127.0.0.1 9000",
            "sockeye nc -l 9000",
            "sockeye nc -zv 127.0.0.1 20-25",
        ],
    },
    Verb {
        name: "list",
        words: &[word("TOPIC", "word-topic", Times::Maybe)],
        flags: &[],
        opens: false,
        examples: &["sockeye list", "sockeye list framings"],
    },
];

/// The verb of this name.
pub(crate) fn find(name: &str) -> Option<&'static Verb> {
    ALL.iter().find(|verb| verb.name == name)
}
