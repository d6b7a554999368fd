//! Every verb, once: its words, its flags, its examples.

use super::flags::{
    ADDR, ASK, BENCH, CERT, CERT_NAME, CERT_SIGNER, CHECK, CONNECT, EXPLAIN, EXPORT, Flag, LAYERS, NC, PING,
    PORT, RECORD, REMOVE, REPLAY, SERVE, SERVE_FILE, TEST, TRACE, USER, USER_ADD, WANTED, WANTED_TEXT, WATCH,
};

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
    /// As often as wanted, or not.
    Any,
    /// At least once.
    Many,
}

/// One verb, or a word that a verb goes on with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Verb {
    /// Its name; its sentences are `verb-NAME` and `verb-NAME-long`, in a verb `verb-VERB-NAME` and so on.
    pub(crate) name: &'static str,
    /// What it goes on with, if it is nothing by itself: `cert show`.
    pub(crate) subs: &'static [Self],
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

    /// The words it goes on with, as usage shows them: `ca|server`.
    pub(crate) fn choices(&self) -> String {
        let names: Vec<&str> = self.subs.iter().map(|sub| sub.name).collect();
        names.join("|")
    }
}

const fn word(name: &'static str, key: &'static str, times: Times) -> Word {
    Word { name, key, times }
}

/// Every verb, in the order of help.
pub(crate) const ALL: &[Verb] = &[
    Verb {
        name: "serve",
        subs: &[],
        words: &[word("ENDPOINT", "word-endpoint", Times::Maybe)],
        flags: &[SERVE, SERVE_FILE, RECORD],
        opens: true,
        examples: &[
            "sockeye serve",
            "sockeye serve :9000 echo",
            "sockeye serve any:9000 echo -F line --once",
        ],
    },
    Verb {
        name: "connect",
        subs: &[],
        words: &[word("ENDPOINT", "word-endpoint", Times::One)],
        flags: &[CONNECT, RECORD],
        opens: true,
        examples: &[
            "sockeye connect 127.0.0.1:9000",
            "sockeye 127.0.0.1:9000",
            "sockeye 127.0.0.1:9000 --on-connect login.skt --var user=me",
            "printf 'one\\ntwo\\n' | sockeye udp://127.0.0.1:9000",
        ],
    },
    Verb {
        name: "ask",
        subs: &[],
        words: &[word("ENDPOINT", "word-endpoint", Times::One), word("MESSAGE", "word-message", Times::Many)],
        flags: &[ASK, RECORD],
        opens: true,
        examples: &[
            "sockeye ask 127.0.0.1:9000 hello",
            "sockeye ask 127.0.0.1:9000 one two -F line",
            "sockeye ask udp://127.0.0.1:9000 hex:0a0b -t 2s",
        ],
    },
    Verb {
        name: "proxy",
        subs: &[],
        words: &[word("LISTEN", "word-listen", Times::One), word("TARGET", "word-target", Times::One)],
        flags: &[SERVE, RECORD],
        opens: true,
        examples: &[
            "sockeye proxy :9000 192.0.2.7:80",
            "sockeye proxy :9000 unix:///run/app.sock -vv",
            "sockeye proxy :9000 192.0.2.7:80 --fault latency:200ms~50ms --fault reset:after=64k --seed 7",
        ],
    },
    Verb {
        name: "test",
        subs: &[],
        words: &[word("FILE", "word-test-file", Times::Many)],
        flags: &[TEST],
        opens: false,
        examples: &[
            "sockeye test chat.skt",
            "sockeye test tests/ --var server=tcp://127.0.0.1:9000 --report junit=report.xml",
            "sockeye test --fmt --check tests/",
        ],
    },
    Verb {
        name: "replay",
        subs: &[],
        words: &[
            word("RECORDING", "word-recording", Times::One),
            word("ENDPOINT", "word-replay-endpoint", Times::Maybe),
        ],
        flags: &[REPLAY, RECORD],
        opens: true,
        examples: &[
            "sockeye replay chat.skt --as client tcp://127.0.0.1:9000",
            "sockeye replay capture.pcapng --as server :9000",
            "sockeye replay 12 --as client --pace recorded",
        ],
    },
    Verb {
        name: "sessions",
        subs: SESSIONS,
        words: &[],
        flags: &[],
        opens: false,
        examples: &[
            "sockeye serve :9000 echo --record store",
            "sockeye sessions list --since 2h",
            "sockeye sessions export 12 --as pcapng -o session.pcapng",
        ],
    },
    Verb {
        name: "check",
        subs: &[],
        words: &[word("TARGET", "word-check-target", Times::Many)],
        flags: &[CHECK],
        opens: true,
        examples: &[
            "sockeye check https://example.org/",
            "sockeye check 127.0.0.1:9000",
            "sockeye check tls://example.org:853 192.0.2.1 --json",
            "sockeye check example.org:22 --watch --every 10s",
        ],
    },
    Verb {
        name: "trace",
        subs: &[],
        words: &[
            word("ENDPOINT", "word-endpoint", Times::One),
            word("MESSAGE", "word-trace-message", Times::Maybe),
        ],
        flags: &[ASK, TRACE],
        opens: true,
        examples: &[
            "sockeye trace 127.0.0.1:9000 hello",
            "sockeye trace tls://example.org:443 --pcapng out.pcapng",
            "sockeye trace 127.0.0.1:9000 hello --html trace.html",
        ],
    },
    Verb {
        name: "watch",
        subs: &[],
        words: &[],
        flags: &[WATCH],
        opens: false,
        examples: &[
            "sockeye watch",
            "sockeye watch --once --state listen,established",
            "sockeye watch --port 8080 --json -t 30s",
        ],
    },
    Verb {
        name: "ping",
        subs: &[],
        words: &[word("HOST", "word-ping-host", Times::One)],
        flags: &[PING],
        opens: false,
        examples: &[
            "sockeye ping example.com",
            "sockeye ping 192.0.2.7 -c 100 -i 50ms -t 10s",
            "sockeye ping example.com --tcp 443",
            "sockeye ping fe80::1%eth0 -s 1400",
        ],
    },
    Verb {
        name: "addr",
        subs: &[],
        words: &[word("ADDR", "word-addr", Times::Any)],
        flags: &[ADDR],
        opens: false,
        examples: &[
            "sockeye addr",
            "sockeye addr 192.168.1.7/24",
            "sockeye addr 192.168.1.7 255.255.255.0",
            "sockeye addr --same 192.168.1.7/24 192.168.2.9",
            "sockeye addr 192.168.1.0/24 --split /26",
            "sockeye addr --summarize 10.0.0.0/25 10.0.0.128/25",
        ],
    },
    Verb {
        name: "port",
        subs: &[],
        words: &[word("PORT", "word-port-asked", Times::Any)],
        flags: &[PORT],
        opens: false,
        examples: &["sockeye port", "sockeye port 8080", "sockeye port http smtp", "sockeye port --free 3"],
    },
    Verb {
        name: "explain",
        subs: &[],
        words: &[word("INPUT", "word-explain-input", Times::Any)],
        flags: &[EXPLAIN],
        opens: false,
        examples: &[
            "sockeye explain capture.pcapng --packet 3",
            "sockeye explain 45000020000100004001f6d3c0000201c0000207080033370001000161626364 --as ip",
            "sockeye explain - -v",
            "sockeye explain --wrap hello tcp://192.0.2.7:80 -F u16be",
        ],
    },
    Verb {
        name: "bench",
        subs: &[],
        words: &[
            word("ENDPOINT", "word-bench-endpoint", Times::Maybe),
            word("MESSAGE", "word-bench-message", Times::Any),
        ],
        flags: &[BENCH],
        opens: true,
        examples: &[
            "sockeye bench 127.0.0.1:9000 -F line -c 64 --pipeline 32",
            "sockeye bench 127.0.0.1:9000 --rate 10k --fail-if 'p99>20ms'",
            "sockeye bench 127.0.0.1:7788 --script chat.skt -c 64",
            "sockeye bench 127.0.0.1:6379 $'*1\\r\\n$4\\r\\nPING' -F crlf --expect +PONG",
        ],
    },
    Verb {
        name: "cert",
        subs: CERTS,
        words: &[],
        flags: &[],
        opens: false,
        examples: &[
            "sockeye cert all",
            "sockeye cert server app.example 192.0.2.7",
            "sockeye cert show server.pem",
        ],
    },
    Verb {
        name: "user",
        subs: USERS,
        words: &[],
        flags: &[],
        opens: false,
        examples: &[
            "sockeye user add lin",
            "sockeye serve auth+tls://:4433 echo --self-signed --users users.txt",
        ],
    },
    Verb {
        name: "nc",
        subs: &[],
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
        subs: &[],
        words: &[word("TOPIC", "word-topic", Times::Maybe)],
        flags: &[],
        opens: false,
        examples: &["sockeye list", "sockeye list framings"],
    },
];

/// What `cert` goes on with.
const CERTS: &[Verb] = &[
    Verb {
        name: "ca",
        subs: &[],
        words: &[],
        flags: &[CERT, CERT_NAME],
        opens: false,
        examples: &["sockeye cert ca", "sockeye cert ca --dir certs --name 'Test CA' --days 30"],
    },
    Verb {
        name: "server",
        subs: &[],
        words: &[word("NAME", "word-cert-server", Times::Any)],
        flags: &[CERT, CERT_SIGNER],
        opens: false,
        examples: &[
            "sockeye cert server",
            "sockeye cert server app.example '*.app.example' 192.0.2.7",
            "sockeye cert server --dir certs --ca my-ca.pem --ca-key my-ca.key",
        ],
    },
    Verb {
        name: "client",
        subs: &[],
        words: &[word("NAME", "word-cert-client", Times::One)],
        flags: &[CERT, CERT_SIGNER],
        opens: false,
        examples: &["sockeye cert client alice", "sockeye cert client alice --dir certs --days 30"],
    },
    Verb {
        name: "all",
        subs: &[],
        words: &[word("NAME", "word-cert-server", Times::Any)],
        flags: &[CERT, CERT_NAME],
        opens: false,
        examples: &["sockeye cert all", "sockeye cert all --dir certs localhost app.example"],
    },
    Verb {
        name: "show",
        subs: &[],
        words: &[word("PLACE", "word-cert-place", Times::Many)],
        flags: &[],
        opens: false,
        examples: &[
            "sockeye cert show ca.pem server.pem",
            "sockeye cert show tls://localhost:4433",
            "sockeye cert show --json server.pem",
        ],
    },
];

/// What `sessions` goes on with.
const SESSIONS: &[Verb] = &[
    Verb {
        name: "list",
        subs: &[],
        words: &[],
        flags: &[WANTED, WANTED_TEXT],
        opens: false,
        examples: &[
            "sockeye sessions list",
            "sockeye sessions list --peer 192.0.2.7 --since 2h --text login",
        ],
    },
    Verb {
        name: "show",
        subs: &[],
        words: &[word("ID", "word-session", Times::One)],
        flags: &[],
        opens: false,
        examples: &["sockeye sessions show 12", "sockeye sessions show 12 --hex"],
    },
    Verb {
        name: "search",
        subs: &[],
        words: &[word("TEXT", "word-said", Times::Any)],
        flags: &[WANTED],
        opens: false,
        examples: &["sockeye sessions search hello world", "sockeye sessions search --bytes 0d0a0d0a"],
    },
    Verb {
        name: "export",
        subs: &[],
        words: &[word("ID", "word-recordings", Times::Many)],
        flags: &[EXPORT],
        opens: false,
        examples: &[
            "sockeye sessions export 12 -o login.skt",
            "sockeye sessions export 3-7 --as pcapng -o all.pcapng",
            "sockeye sessions export 12 --as command",
            "sockeye sessions export capture.pcapng --peer :6379 -o redis.skt",
        ],
    },
    Verb {
        name: "rm",
        subs: &[],
        words: &[word("ID", "word-sessions", Times::Any)],
        flags: &[REMOVE],
        opens: false,
        examples: &["sockeye sessions rm 12", "sockeye sessions rm --older-than 30d"],
    },
];

const USERS: &[Verb] = &[
    Verb {
        name: "add",
        subs: &[],
        words: &[word("NAME", "word-user", Times::One)],
        flags: &[USER, USER_ADD],
        opens: false,
        examples: &["sockeye user add lin", "sockeye user add robot --token --users /etc/sockeye/users.txt"],
    },
    Verb {
        name: "list",
        subs: &[],
        words: &[],
        flags: &[USER],
        opens: false,
        examples: &["sockeye user list"],
    },
    Verb {
        name: "remove",
        subs: &[],
        words: &[word("NAME", "word-user", Times::One)],
        flags: &[USER],
        opens: false,
        examples: &["sockeye user remove lin"],
    },
];

/// Every verb, and after each what it goes on with, by all its words: `cert`, `cert ca`.
pub(crate) fn every() -> Vec<(String, &'static Verb)> {
    let with_subs = |verb: &'static Verb| {
        let subs = verb.subs.iter().map(|sub| (format!("{} {}", verb.name, sub.name), sub));
        std::iter::once((verb.name.to_owned(), verb)).chain(subs)
    };
    ALL.iter().flat_map(with_subs).collect()
}

/// The catalogue's key of a verb by all its words: `verb-cert-ca`.
pub(crate) fn key(path: &str) -> String {
    format!("verb-{}", path.replace(' ', "-"))
}

/// The verb of this name.
pub(crate) fn find(name: &str) -> Option<&'static Verb> {
    ALL.iter().find(|verb| verb.name == name)
}
