//! Every flag, once: its letters, what it takes, and the key of its sentence. The grammar, help, completions and the man
//! page are made of these tables.

/// What a flag takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Takes {
    /// Nothing.
    Nothing,
    /// Nothing, and each time counts.
    Count,
    /// A value, shown as this word.
    Value(&'static str),
    /// A value each time it stands, shown as this word.
    Values(&'static str),
}

/// One flag.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Flag {
    /// The long name, without dashes; empty where netcat has only the letter.
    pub(crate) long: &'static str,
    /// The letter.
    pub(crate) short: Option<char>,
    /// What it takes.
    pub(crate) takes: Takes,
    /// The catalogue's key of its sentence.
    pub(crate) key: &'static str,
}

impl Flag {
    /// What the parser knows it by.
    pub(crate) const fn id(&self) -> &'static str {
        if self.long.is_empty() { self.key } else { self.long }
    }
}

const fn switch(long: &'static str, key: &'static str) -> Flag {
    Flag { long, short: None, takes: Takes::Nothing, key }
}

const fn value(long: &'static str, word: &'static str, key: &'static str) -> Flag {
    Flag { long, short: None, takes: Takes::Value(word), key }
}

const fn values(long: &'static str, word: &'static str, key: &'static str) -> Flag {
    Flag { long, short: None, takes: Takes::Values(word), key }
}

const fn lettered(letter: char, flag: Flag) -> Flag {
    Flag { short: Some(letter), ..flag }
}

const fn letter(letter: char, takes: Takes, key: &'static str) -> Flag {
    Flag { long: "", short: Some(letter), takes, key }
}

/// Flags of every verb, accepted before and after its words.
pub(crate) const COMMON: &[Flag] = &[
    lettered('F', value("frame", "FRAMING", "flag-frame")),
    value("enc", "CHARSET", "flag-enc"),
    switch("hex", "flag-hex"),
    switch("raw", "flag-raw"),
    switch("json", "flag-json"),
    Flag { long: "verbose", short: Some('v'), takes: Takes::Count, key: "flag-verbose" },
    value("color", "WHEN", "flag-color"),
    value("lang", "LANGUAGE", "flag-lang"),
    lettered('t', value("timeout", "TIME", "flag-timeout")),
    value("idle", "TIME", "flag-idle"),
    value("bind", "ADDRESS", "flag-bind"),
    value("mcast", "GROUP[@IF]", "flag-mcast"),
    value("ttl", "HOPS", "flag-ttl"),
    value("nodelay", "BOOL", "flag-nodelay"),
    value("keepalive", "TIME", "flag-keepalive"),
    value("max-message", "SIZE", "flag-max-message"),
    values("record", "TO", "flag-record"),
    value("store", "FILE", "flag-store"),
    value("seed", "N", "flag-seed"),
    value("generate", "WHAT", "flag-generate"),
];

/// Flags of every verb that opens an endpoint: what its layers take.
pub(crate) const LAYERS: &[Flag] = &[
    value("ca", "FILE", "flag-ca"),
    value("cert", "FILE", "flag-cert"),
    value("key", "FILE", "flag-key"),
    value("client-ca", "FILE", "flag-client-ca"),
    value("sni", "NAME", "flag-sni"),
    value("alpn", "NAME,...", "flag-alpn"),
    value("pin", "sha256:BASE64", "flag-pin"),
    switch("insecure", "flag-insecure"),
    switch("self-signed", "flag-self-signed"),
    value("keylog", "FILE", "flag-keylog"),
    value("path", "PATH", "flag-path"),
    values("header", "NAME:VALUE", "flag-header"),
    value("subprotocol", "NAME,...", "flag-subprotocol"),
    value("origin", "ORIGIN,...", "flag-origin"),
    value("via", "URL", "flag-via"),
    value("user", "NAME", "flag-user"),
    value("password-file", "FILE", "flag-password-file"),
    value("token-file", "FILE", "flag-token-file"),
    value("users", "FILE", "flag-users"),
];

/// Flags of `serve` and `proxy`.
pub(crate) const SERVE: &[Flag] = &[
    switch("once", "flag-once"),
    value("max-sessions", "N", "flag-max-sessions"),
    values("allow", "NET,...", "flag-allow"),
    values("deny", "NET,...", "flag-deny"),
    value("max-at-once", "N", "flag-max-at-once"),
    value("max-per-address", "N", "flag-max-per-address"),
    value("rate-per-address", "N", "flag-rate-per-address"),
    value("max-pending", "N|N:%:N", "flag-max-pending"),
    value("tls-timeout", "TIME", "flag-tls-timeout"),
    value("header-timeout", "TIME", "flag-header-timeout"),
    value("auth-timeout", "TIME", "flag-auth-timeout"),
    value("frame-timeout", "TIME", "flag-frame-timeout"),
    value("max-session-time", "TIME", "flag-max-session-time"),
    value("max-rate", "SIZE", "flag-max-rate"),
    value("max-waiting", "SIZE", "flag-max-waiting"),
    value("max-memory", "SIZE", "flag-max-memory"),
    value("drain", "TIME", "flag-drain"),
    value("metrics", "ENDPOINT", "flag-metrics"),
    value("threads", "N", "flag-threads"),
    switch("spin", "flag-spin"),
    values("fault", "KIND[:VALUE][,KEY=VALUE]", "flag-fault"),
];

/// Flags of every verb whose sessions can be recorded.
pub(crate) const RECORD: &[Flag] = &[
    switch("durable", "flag-durable"),
    switch("record-lossy", "flag-record-lossy"),
    value("keep-age", "TIME", "flag-keep-age"),
    value("keep-size", "SIZE", "flag-keep-size"),
];

/// Flags of `sessions list` and `sessions search`: which sessions.
pub(crate) const WANTED: &[Flag] = &[
    value("peer", "ADDRESS", "flag-wanted-peer"),
    value("service", "NAME", "flag-wanted-service"),
    value("since", "TIME", "flag-wanted-since"),
    value("until", "TIME", "flag-wanted-until"),
    value("bytes", "HEX", "flag-wanted-bytes"),
    value("limit", "N", "flag-wanted-limit"),
];

/// The flag of `sessions list` that `sessions search` has as its words.
pub(crate) const WANTED_TEXT: &[Flag] = &[values("text", "TEXT", "flag-wanted-text")];

/// Flags of `sessions export`.
pub(crate) const EXPORT: &[Flag] = &[
    value("as", "FORM", "flag-export-as"),
    lettered('o', value("output", "FILE", "flag-export-output")),
    value("peer", "ADDRESS", "flag-export-peer"),
];

/// Flags of `sessions rm`.
pub(crate) const REMOVE: &[Flag] = &[
    value("older-than", "TIME", "flag-remove-older"),
    value("larger-than", "SIZE", "flag-remove-larger"),
    switch("all", "flag-remove-all"),
];

/// Flags of `serve` alone.
pub(crate) const SERVE_FILE: &[Flag] =
    &[switch("allow-exec", "flag-allow-exec"), switch("trace", "flag-serve-trace")];

/// Flags of `connect`.
pub(crate) const CONNECT: &[Flag] = &[
    value("eol", "EOL", "flag-eol"),
    value("on-connect", "FILE", "flag-on-connect"),
    values("var", "NAME=VALUE", "flag-login-var"),
    switch("reconnect", "flag-reconnect"),
];

/// Flags of `ask`.
pub(crate) const ASK: &[Flag] =
    &[lettered('n', value("number", "N", "flag-number")), value("quiet", "TIME", "flag-quiet")];

/// Flags of `trace`, beside those of `ask`.
pub(crate) const TRACE: &[Flag] = &[
    switch("wait", "flag-trace-wait"),
    value("svg", "FILE", "flag-trace-svg"),
    value("html", "FILE", "flag-trace-html"),
    value("pcapng", "FILE", "flag-trace-pcapng"),
];

/// Flags of `test`.
pub(crate) const TEST: &[Flag] = &[
    values("var", "NAME=VALUE", "flag-var"),
    values("report", "junit=FILE|tap|json|html=DIR", "flag-report"),
    value("jobs", "N", "flag-jobs"),
    value("retry", "N", "flag-retry"),
    switch("fail-fast", "flag-fail-fast"),
    value("artifacts", "DIR", "flag-artifacts"),
    switch("fmt", "flag-fmt"),
    switch("check", "flag-check"),
];

/// Flags of `check`.
pub(crate) const CHECK: &[Flag] =
    &[switch("watch", "flag-check-watch"), value("every", "TIME", "flag-check-every")];

/// Flags of `bench`.
pub(crate) const BENCH: &[Flag] = &[
    lettered('c', value("connections", "N", "flag-connections")),
    value("pipeline", "N", "flag-pipeline"),
    value("rate", "N|@PROMISE", "flag-rate"),
    value("mode", "exchange|connect|idle|one-way", "flag-bench-mode"),
    value("size", "SIZE|MIN-MAX", "flag-bench-size"),
    value("file", "FILE", "flag-bench-file"),
    value("script", "FILE", "flag-bench-script"),
    values("var", "NAME=VALUE", "flag-bench-var"),
    value("expect", "MESSAGE", "flag-bench-expect"),
    switch("no-verify", "flag-no-verify"),
    lettered('d', value("duration", "TIME", "flag-duration")),
    value("warmup", "TIME", "flag-warmup"),
    lettered('n', value("requests", "N", "flag-requests")),
    value("threads", "N", "flag-bench-threads"),
    values("fail-if", "CONDITION", "flag-fail-if"),
    switch("reset", "flag-bench-reset"),
    value("csv", "FILE", "flag-bench-csv"),
    value("hdr", "FILE", "flag-bench-hdr"),
    value("html", "FILE", "flag-bench-html"),
    switch("merge", "flag-bench-merge"),
];

/// Flags of `watch`.
pub(crate) const WATCH: &[Flag] = &[
    values("port", "PORT,...", "flag-watch-port"),
    values("peer", "NET,...", "flag-watch-peer"),
    values("state", "STATE,...", "flag-watch-state"),
    values("process", "NAME|PID,...", "flag-watch-process"),
    value("every", "TIME", "flag-watch-every"),
    switch("once", "flag-watch-once"),
];

/// Flags of `port`.
pub(crate) const PORT: &[Flag] = &[value("free", "N", "flag-port-free")];

/// Flags of `explain`.
pub(crate) const EXPLAIN: &[Flag] = &[
    value("as", "PROTOCOL", "flag-explain-as"),
    value("packet", "N", "flag-explain-packet"),
    switch("all", "flag-explain-all"),
    value("wrap", "MESSAGE", "flag-explain-wrap"),
    value("mtu", "BYTES", "flag-explain-mtu"),
];

/// Flags of `replay`.
pub(crate) const REPLAY: &[Flag] = &[
    value("as", "client|server", "flag-as"),
    value("pace", "fast|recorded|2x", "flag-pace"),
    values("session", "N", "flag-replay-session"),
    values("var", "NAME=VALUE", "flag-var"),
    switch("loop", "flag-loop"),
];

/// Flags of every `cert` that makes something.
pub(crate) const CERT: &[Flag] = &[
    value("dir", "DIR", "flag-cert-dir"),
    value("days", "N", "flag-cert-days"),
    switch("force", "flag-cert-force"),
];

/// Flags of a `cert` that makes an authority.
pub(crate) const CERT_NAME: &[Flag] = &[value("name", "NAME", "flag-cert-name")];

/// Flags of a `cert` that signs.
pub(crate) const CERT_SIGNER: &[Flag] =
    &[value("ca", "FILE", "flag-cert-ca"), value("ca-key", "FILE", "flag-cert-ca-key")];

/// Flags of every `user`.
pub(crate) const USER: &[Flag] = &[value("users", "FILE", "flag-user-file")];

/// Flags of `user add`.
pub(crate) const USER_ADD: &[Flag] = &[
    switch("token", "flag-user-token"),
    value("password-file", "FILE", "flag-user-password-file"),
    value("iterations", "N", "flag-user-iterations"),
];

/// Flags of `addr`.
pub(crate) const ADDR: &[Flag] = &[
    switch("same", "flag-addr-same"),
    value("split", "/PREFIX", "flag-addr-split"),
    value("split-into", "N", "flag-addr-split-into"),
    switch("summarize", "flag-addr-summarize"),
];

/// Flags of `ping`.
pub(crate) const PING: &[Flag] = &[
    value("tcp", "PORT", "flag-ping-tcp"),
    value("udp", "PORT", "flag-ping-udp"),
    lettered('c', value("count", "N", "flag-ping-count")),
    lettered('i', value("interval", "TIME", "flag-ping-interval")),
    lettered('s', value("size", "SIZE", "flag-ping-size")),
    letter('4', Takes::Nothing, "flag-ping-four"),
    letter('6', Takes::Nothing, "flag-ping-six"),
];

/// Letters of `nc`.
pub(crate) const NC: &[Flag] = &[
    letter('l', Takes::Nothing, "nc-listen"),
    letter('u', Takes::Nothing, "nc-udp"),
    letter('U', Takes::Nothing, "nc-unix"),
    letter('k', Takes::Nothing, "nc-keep"),
    letter('N', Takes::Nothing, "nc-finish"),
    letter('q', Takes::Value("SECS"), "nc-quit"),
    letter('w', Takes::Value("SECS"), "nc-wait"),
    letter('z', Takes::Nothing, "nc-zero"),
    letter('n', Takes::Nothing, "nc-numeric"),
    letter('p', Takes::Value("PORT"), "nc-local-port"),
    letter('s', Takes::Value("ADDRESS"), "nc-source"),
    letter('4', Takes::Nothing, "nc-four"),
    letter('6', Takes::Nothing, "nc-six"),
];
