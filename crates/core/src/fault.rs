//! What went wrong, said so that a person can act: a code, what was being done, the layer, and whose side it is on.
//!
//! A fault carries no sentence: the command line finds `error-CODE` and its `.hint` in the catalogue of the person's
//! language and fills in the arguments.

use std::fmt;

/// Which layer a fault happened at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layer {
    /// What the person typed.
    Usage,
    /// A file that the person named.
    File,
    /// Name resolution.
    Name,
    /// Addresses, routes, TCP, UDP, Unix sockets.
    Transport,
    /// TLS and authentication.
    Security,
    /// How bytes are cut into messages.
    Framing,
    /// The conversation itself.
    Application,
}

/// Whose side a fault is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// This program, machine or command line.
    Here,
    /// The other end.
    Peer,
    /// What lies between.
    Path,
    /// Cannot be told.
    Unknown,
}

/// What kind of end a program comes to because of a fault. The command line gives each its exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// An expectation, threshold or verdict failed.
    Verdict,
    /// Usage, a bad address, text that cannot be sent.
    Usage,
    /// A file that cannot be read or does not parse.
    File,
    /// Cannot connect or bind.
    Connect,
    /// TLS or identity.
    Security,
    /// Time ran out.
    Timeout,
    /// The session broke.
    Session,
}

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $word:literal, $layer:ident, $side:ident, $class:ident;)*) => {
        /// What happened, as a word that scripts and catalogues rely on.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Code { $($(#[$doc])* $name,)* }

        impl Code {
            /// Every code there is.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The word: lower case with hyphens, never translated.
            pub const fn word(self) -> &'static str {
                match self { $(Self::$name => $word,)* }
            }

            /// The code of this word, as in [`Input::Failed`](crate::Input::Failed).
            pub fn of(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|code| code.word() == word)
            }

            /// The layer it happens at.
            pub const fn layer(self) -> Layer {
                match self { $(Self::$name => Layer::$layer,)* }
            }

            /// Whose side it is on, unless the fault says otherwise.
            pub const fn side(self) -> Side {
                match self { $(Self::$name => Side::$side,)* }
            }

            /// What the program comes to.
            pub const fn class(self) -> Class {
                match self { $(Self::$name => Class::$class,)* }
            }
        }
    };
}

codes! {
    /// The words typed do not fit the grammar; `detail` says how.
    Usage = "usage", Usage, Here, Usage;
    /// An endpoint that cannot be read. Arguments: `endpoint`.
    BadEndpoint = "bad-endpoint", Usage, Here, Usage;
    /// No name and no address, where a host alone is wanted. Arguments: `name`.
    BadHost = "bad-host", Usage, Here, Usage;
    /// A port that is no number from 0 to 65535. Arguments: `port`.
    BadPort = "bad-port", Usage, Here, Usage;
    /// A scheme that names no transport. Arguments: `name`, `near`.
    UnknownScheme = "unknown-scheme", Usage, Here, Usage;
    /// A layer that is not built in. Arguments: `name`, `near`.
    UnknownLayer = "unknown-layer", Usage, Here, Usage;
    /// A layer on a transport that cannot carry it. Arguments: `name`, `scheme`.
    UnfitLayer = "unfit-layer", Usage, Here, Usage;
    /// An endpoint parameter that does not exist. Arguments: `name`, `near`.
    UnknownParameter = "unknown-parameter", Usage, Here, Usage;
    /// An endpoint parameter given twice. Arguments: `name`.
    RepeatedParameter = "repeated-parameter", Usage, Here, Usage;
    /// An endpoint parameter or flag whose value cannot be read. Arguments: `name`, `value`.
    BadValue = "bad-value", Usage, Here, Usage;
    /// A network that cannot be read. Arguments: `value`, `near`.
    BadNetwork = "bad-network", Usage, Here, Usage;
    /// A parameter that means nothing on this transport. Arguments: `name`, `scheme`, `near` (a layer that takes it).
    UnfitParameter = "unfit-parameter", Usage, Here, Usage;
    /// A framing that does not exist. Arguments: `name`, `near`.
    UnknownFraming = "unknown-framing", Usage, Here, Usage;
    /// A framing whose parameters cannot be read. Arguments: `value`, `syntax`.
    BadFraming = "bad-framing", Usage, Here, Usage;
    /// A framing that does not fit the transport. Arguments: `framing`, `scheme`.
    UnfitFraming = "unfit-framing", Usage, Here, Usage;
    /// A trace of what does not go through the Internet's protocols. Arguments: `scheme`.
    UnfitTrace = "unfit-trace", Usage, Here, Usage;
    /// A `--fault` of a kind that does not exist. Arguments: `name`, `near`.
    UnknownFault = "unknown-fault", Usage, Here, Usage;
    /// A `--fault` that cannot be read; `detail` has the part. Arguments: `name`, `syntax`, `near` (a key that was meant).
    BadFault = "bad-fault", Usage, Here, Usage;
    /// A `--fault` that cannot be had on this transport. Arguments: `name`, `scheme`, `near` (what comes close).
    UnfitFault = "unfit-fault", Usage, Here, Usage;
    /// A service that does not exist. Arguments: `name`, `near`.
    UnknownService = "unknown-service", Usage, Here, Usage;
    /// A first word that is no verb. Arguments: `name`, `near`.
    UnknownVerb = "unknown-verb", Usage, Here, Usage;
    /// A word that is none of those that a verb goes on with. Arguments: `verb`, `name`, `near`.
    UnknownSubcommand = "unknown-subcommand", Usage, Here, Usage;
    /// A flag that does not exist. Arguments: `name`, `near`.
    UnknownFlag = "unknown-flag", Usage, Here, Usage;
    /// Something that is needed was not given. Arguments: `layer`, `name` (the flag).
    Needed = "needed", Usage, Here, Usage;
    /// A password that was neither given nor can be asked for. Arguments: `name` (the user).
    NoPassword = "no-password", Usage, Here, Usage;
    /// Two passwords typed to be the same are not.
    PasswordsDiffer = "passwords-differ", Usage, Here, Usage;
    /// A user that is not in the file. Arguments: `name`, `path`.
    UnknownUser = "unknown-user", Usage, Here, Usage;
    /// A token that would go over the wire for anybody to read.
    TokenInClear = "token-in-clear", Usage, Here, Usage;
    /// A pattern that is no regular expression, or has no answer. Arguments: `value`.
    BadPattern = "bad-pattern", Usage, Here, Usage;
    /// A template that does not parse or run. Arguments: `value`.
    BadTemplate = "bad-template", Usage, Here, Usage;
    /// Hex with a bad digit or an odd number of them. Arguments: `value`.
    BadHex = "bad-hex", Usage, Here, Usage;
    /// A character set that does not exist. Arguments: `name`, `near`.
    UnknownCharset = "unknown-charset", Usage, Here, Usage;
    /// Text with a character the set does not have. Arguments: `character`, `charset`.
    Uncharted = "not-in-charset", Usage, Here, Usage;
    /// A message longer than a datagram can be. Arguments: `size`, `max`.
    DatagramTooLong = "datagram-too-long", Usage, Here, Usage;
    /// A message that the framing cannot carry. Arguments: `framing`, `size`.
    Unframeable = "unframeable", Usage, Here, Usage;
    /// A name that no certificate can have. Arguments: `name`.
    BadCertificateName = "bad-certificate-name", Usage, Here, Usage;
    /// No conversation file to run. Arguments: `path` (where they were looked for).
    NoTests = "no-tests", Usage, Here, Usage;
    /// An endpoint without TLS, where a certificate is asked for. Arguments: `endpoint`.
    WithoutTls = "without-tls", Usage, Here, Usage;
    /// A word that is neither a port nor the name of one. Arguments: `name`, `near`.
    UnknownPort = "unknown-port", Usage, Here, Usage;
    /// A word that names no state of TCP. Arguments: `name`.
    UnknownState = "unknown-state", Usage, Here, Usage;

    /// Two parameters of which one makes the other pointless. Arguments: `name`, `other`.
    Contradiction = "contradiction", Usage, Here, Usage;
    /// A name that TLS cannot ask for. Arguments: `name`.
    BadServerName = "bad-server-name", Usage, Here, Usage;
    /// A pin that cannot be read. Arguments: `value`.
    BadPin = "bad-pin", Usage, Here, Usage;
    /// A TLS server without a certificate. Arguments: `endpoint`.
    WithoutCertificate = "without-certificate", Usage, Here, Usage;

    /// A file that is not there. Arguments: `path`.
    NoFile = "no-file", File, Here, File;
    /// A file that cannot be read, or does not parse. Arguments: `path`.
    BadFile = "bad-file", File, Here, File;
    /// A users file that cannot be read any more: who was known before is known still. Arguments: `path`.
    UsersKept = "users-kept", File, Here, File;
    /// A conversation file that says nothing that could be played here. Arguments: `path` (with line and column), `what`
    /// (why), `value` (the part it is about).
    Unplayable = "unplayable", File, Here, File;
    /// A key of a file that does not exist. Arguments: `path`, `name`, `near`.
    UnknownKey = "unknown-key", File, Here, File;
    /// A found file that would run programs. Arguments: `path`.
    ExecNotAllowed = "exec-not-allowed", File, Here, File;
    /// A file that is there already, and is not overwritten. Arguments: `path`.
    FileExists = "file-exists", File, Here, File;
    /// A file or directory that cannot be written; `detail` has the system's words. Arguments: `path`.
    Unwritable = "unwritable", File, Here, File;
    /// A recording that can be written no further; `detail` has the system's words. Arguments: `path` (`store` for the
    /// store).
    RecordingStopped = "recording-stopped", File, Here, File;
    /// A recording that could not be written to its end in time. Arguments: `after`.
    RecordingLate = "recording-late", File, Here, File;
    /// What cannot be recorded to: its name tells no kind. Arguments: `value`, `near`.
    BadRecording = "bad-recording", Usage, Here, Usage;
    /// A store that cannot be used; `detail` has the library's words. Arguments: `path`, `what` (`open`, `newer`,
    /// `foreign`, `busy`, `broken`, `full`, `other`).
    BadStore = "bad-store", File, Here, File;
    /// No store where one is to be read. Arguments: `path`.
    NoStore = "no-store", File, Here, File;
    /// No recorded session of this name. Arguments: `name`, `path`, `have` (the numbers there are), `what` (`none`: there
    /// are none).
    NoSession = "no-session", File, Here, File;
    /// A certificate or key that cannot be read, or is not what is wanted. Arguments: `what` (which of these), `path`,
    /// `line`, `name` (a label of PEM), `max`.
    BadCertificate = "bad-certificate", File, Here, File;
    /// Mistakes in a conversation file. Arguments: `path`, `line` and `value` (the column) of the first, `name` (how many),
    /// `text` (the file that was read, where `path` is one that it includes), `what` (`mistakes`; `refused`: it is well
    /// written and cannot be played; `events`: it is lines of JSON).
    BadScript = "bad-script", File, Here, File;
    /// A certificate without its key, or a key without its certificate. Arguments: `what` (`key` or `certificate`: what
    /// is missing), `path`.
    HalfIdentity = "half-identity", File, Here, File;
    /// No authority that could sign a certificate. Arguments: `path`.
    NoAuthority = "no-authority", File, Here, File;

    /// A capture that cannot be read. Arguments: `what` (`unknown`, `empty`, `broken`, `large`, `link`), `max`, `link` (the
    /// number of a kind of network).
    BadCapture = "bad-capture", File, Here, File;
    /// A capture that lacks something. Arguments: `what` (`gap`, `cut`, `middle`, `fragment`, `file`, `flows`, `tls`),
    /// `count` (bytes of a `gap` or `cut`, flows left out, fragments).
    FlawedCapture = "flawed-capture", File, Here, File;

    /// A name that resolves to nothing. Arguments: `name`.
    Unresolved = "unresolved", Name, Unknown, Connect;
    /// Nobody listens there.
    Refused = "refused", Transport, Peer, Connect;
    /// No way to that host or network.
    Unreachable = "unreachable", Transport, Path, Connect;
    /// A UDP port nobody listens at (ICMP port unreachable).
    PortUnreachable = "port-unreachable", Transport, Peer, Connect;
    /// The address is taken. Arguments: `owner`; empty where it is not visible.
    Taken = "taken", Transport, Here, Connect;
    /// The system does not allow it. Arguments: `address`.
    Denied = "denied", Transport, Here, Connect;
    /// The address is not this machine's. Arguments: `address`.
    NotOurs = "not-ours", Transport, Here, Connect;
    /// This process may not open as many files and sockets as it needs. Arguments: `wanted`, `max`.
    Descriptors = "descriptors", Transport, Here, Connect;
    /// Cannot connect or bind, for another reason; `detail` has the system's words.
    CannotConnect = "cannot-connect", Transport, Unknown, Connect;
    /// This system does not show its sockets; `detail` has its words.
    CannotLook = "cannot-look", Transport, Here, Connect;
    /// The proxy of `via=` did not connect. Arguments: `reason`.
    ViaRefused = "via-refused", Transport, Path, Connect;
    /// The proxy of `via=` wants another login. Arguments: `reason`.
    ViaLogin = "via-login", Security, Here, Security;
    /// What `via=` names does not speak the proxy's protocol. Arguments: `reason`.
    NotAProxy = "not-a-proxy", Transport, Path, Connect;
    /// What was asked for cannot be had on this system. Arguments: `what`.
    NotOnThisSystem = "not-on-this-system", Transport, Here, Connect;
    /// A process that cannot be started. Arguments: `command`.
    CannotStart = "cannot-start", Application, Here, Connect;

    /// What answers, or asks, speaks no WebSocket, perhaps not even HTTP. Arguments: `what` (`tls`, `silence`, `cut`,
    /// `malformed`, `long`, `other`), `bytes` (the first, or what is malformed), `max`.
    NotWebsocket = "not-websocket", Application, Peer, Connect;
    /// A server that answers the upgrade with another status than 101. Arguments: `status`, `what` (`body`, `bare`),
    /// `bytes` (the beginning of the body).
    UpgradeRefused = "upgrade-refused", Application, Peer, Connect;
    /// A server's upgrade that is not what was asked for. Arguments: `what` (`upgrade`, `accept`, `subprotocol`,
    /// `extension`), `value`.
    BadUpgrade = "bad-upgrade", Application, Peer, Connect;
    /// A client whose upgrade was refused. Arguments: `status`, `what`, `value`.
    UpgradeTurnedAway = "turned-away", Application, Peer, Connect;

    /// Time ran out while connecting. Arguments: `after`.
    ConnectTimeout = "connect-timeout", Transport, Path, Timeout;
    /// There is no such user, or the password is another. Arguments: `name`.
    BadCredentials = "bad-credentials", Security, Peer, Security;
    /// Nobody has this token.
    BadToken = "bad-token", Security, Peer, Security;
    /// The channel binding does not fit: the two ends are not on one TLS connection.
    AuthBinding = "auth-binding", Security, Path, Security;
    /// Too many logins have failed from there.
    AuthLater = "auth-later", Security, Peer, Security;
    /// The other end does not authenticate. Arguments: `reason`.
    NoAuth = "no-auth", Security, Peer, Security;
    /// The other end breaks the rules of authentication. Arguments: `reason`.
    BadAuth = "bad-auth", Security, Peer, Security;
    /// The server did not prove that it knows the user.
    ServerUnproven = "server-unproven", Security, Peer, Security;
    /// A layer's handshake did not come to its end in time. Arguments: `layer`, `after`.
    HandshakeTimeout = "handshake-timeout", Security, Peer, Timeout;
    /// No answer in time. Arguments: `after`.
    Timeout = "timeout", Application, Peer, Timeout;
    /// Nothing moved for too long. Arguments: `after`.
    Idle = "idle", Application, Peer, Timeout;

    /// The session was open for as long as one may be. Arguments: `after`.
    SessionTime = "session-time", Application, Here, Timeout;
    /// A frame was begun and not ended in time. Arguments: `framing`, `after`.
    FrameTimeout = "frame-timeout", Framing, Peer, Timeout;
    /// This machine has no authorities to trust.
    NoTrust = "no-trust", Security, Here, Security;
    /// The peer speaks no TLS. Arguments: `role`, `what` (what it seems to speak), `text` (how it began, escaped).
    PlainText = "plain-text", Security, Peer, Security;
    /// The peer sends back what it is sent.
    Echoes = "echoes", Security, Peer, Security;
    /// The peer's certificate has expired. Arguments: `role`, `name`, `when`, `days`.
    CertificateExpired = "certificate-expired", Security, Peer, Security;
    /// The peer's certificate is not valid yet. Arguments: `role`, `name`, `when`.
    CertificateNotYet = "certificate-not-yet-valid", Security, Peer, Security;
    /// The certificate is for other names. Arguments: `asked`, `offered`, `what`.
    CertificateName = "certificate-wrong-name", Security, Peer, Security;
    /// Nobody that is trusted vouches for the certificate. Arguments: `role`, `name`, `issuer`, `got` (its pin).
    CertificateIssuer = "certificate-unknown-issuer", Security, Peer, Security;
    /// The certificate is vouched for by itself alone. Arguments: `role`, `name`, `got` (its pin).
    CertificateSelfSigned = "certificate-self-signed", Security, Peer, Security;
    /// The certificate is for another use. Arguments: `role`, `name`, `offered`.
    CertificatePurpose = "certificate-wrong-purpose", Security, Peer, Security;
    /// A signature that does not fit: the peer does not have the key, or the certificate was changed. Arguments: `role`,
    /// `name`.
    CertificateSignature = "certificate-bad-signature", Security, Peer, Security;
    /// An authority's own certificate where a peer's is wanted. Arguments: `role`, `name`, `got` (its pin).
    CertificateIsAuthority = "certificate-of-authority", Security, Peer, Security;
    /// A certificate that cannot be used for another reason; `detail` has the library's words. Arguments: `role`, `name`.
    CertificateUnusable = "certificate-unusable", Security, Peer, Security;
    /// The client gave no certificate, and one is required.
    CertificateMissing = "certificate-missing", Security, Peer, Security;
    /// The server requires a certificate of ours.
    CertificateRequired = "certificate-required", Security, Here, Security;
    /// The peer has another key than it should. Arguments: `wanted`, `got`.
    PinMismatch = "pin-mismatch", Security, Peer, Security;
    /// The peer knows only older versions of TLS than are safe. Arguments: `role`.
    TlsTooOld = "tls-too-old", Security, Peer, Security;
    /// Both have no way of encrypting in common. Arguments: `role`, `what`.
    TlsNothingInCommon = "tls-nothing-in-common", Security, Peer, Security;
    /// Both have no application protocol in common. Arguments: `role`, `wanted` (ours), `offered` (the client's).
    AlpnMismatch = "alpn-mismatch", Security, Peer, Security;
    /// The peer refused us. Arguments: `role`, `alert` (RFC 8446 section 6).
    TlsAlert = "tls-alert", Security, Unknown, Security;
    /// The peer ended the connection within the handshake. Arguments: `role`, `what` (`fin` or `rst`).
    TlsCut = "tls-cut", Security, Peer, Security;
    /// Bytes against the rules of TLS; `detail` has the library's words. Arguments: `role`.
    TlsBroken = "tls-broken", Security, Peer, Security;

    /// The peer cut the connection (RST).
    Reset = "reset", Transport, Peer, Session;
    /// The connection broke for another reason; `detail` has the system's words.
    Broken = "broken", Transport, Unknown, Session;
    /// A peer that was to send a PROXY header sends something else. Arguments: `layer`.
    NoProxyHeader = "no-proxy-header", Transport, Peer, Session;
    /// A PROXY header that breaks the rules. Arguments: `layer`.
    BadProxyHeader = "bad-proxy-header", Transport, Peer, Session;
    /// Bytes that are no frame. Arguments: `framing`, `bytes` (the first of them, lower-case hex).
    BadFrame = "bad-frame", Framing, Peer, Session;
    /// A frame over `max`. Arguments: `framing`, `size`, `max`, `bytes`.
    Oversize = "oversize", Framing, Peer, Session;
    /// The stream ended within a frame. Arguments: `framing`, `have`, `bytes`.
    Truncated = "truncated", Framing, Peer, Session;
    /// Frames that break the WebSocket protocol. Arguments: `code` (of the Close that the peer was sent).
    WsProtocol = "ws-protocol", Framing, Peer, Session;
    /// A WebSocket message over the limit. Arguments: `size` (as far as known), `max`.
    WsOversize = "ws-oversize", Framing, Peer, Session;
    /// The peer's Close says that something went wrong, or there was none. Arguments: `code`, `name`.
    WsClosed = "ws-closed", Application, Peer, Session;
    /// A WebSocket's peer answers no ping. Arguments: `after`.
    WsSilent = "ws-silent", Application, Peer, Session;
    /// A conversation that does not go as it is written. Arguments: `place`, `step`, `of`, `what` (how it fails), `after`,
    /// `expected`, `actual`, `at` (the first byte that differs), `code` (of a lost connection).
    Unscripted = "unscripted", Application, Peer, Verdict;
    /// FIN before the reply.
    EarlyFin = "early-fin", Application, Peer, Session;
    /// An answer that is not what it should be, or one to nothing.
    WrongAnswer = "wrong-answer", Application, Peer, Session;
    /// The peer does not read, and its share of memory is full. Arguments: `waiting`, `max`.
    Overflow = "overflow", Transport, Peer, Session;
    /// All sessions together hold too much memory, and this one most of it. Arguments: `size`, `max`.
    Hoards = "hoards", Transport, Peer, Session;
    /// A service failed by a fault of its own; `detail` has the words.
    Internal = "internal", Application, Here, Session;
    /// Refused by a limit. Arguments: `limit`.
    OverLimit = "over-limit", Transport, Here, Session;
}

/// One thing that went wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What happened.
    pub code: Code,
    /// What was being done, in words that need no translation: `connect tcp://127.0.0.1:1`.
    pub subject: String,
    /// Whose side it is on.
    pub side: Side,
    /// What the sentence is filled in with.
    pub args: Vec<(&'static str, String)>,
    /// A library's or the system's own words, in English.
    pub detail: Option<String>,
}

impl Fault {
    /// A fault of `code` while doing `subject` (may be empty).
    pub fn new(code: Code, subject: impl Into<String>) -> Self {
        Self { code, subject: subject.into(), side: code.side(), args: Vec::new(), detail: None }
    }

    /// Adds an argument of the sentence.
    #[must_use]
    #[expect(clippy::needless_pass_by_value, reason = "literals, numbers and owned text alike")]
    pub fn arg(mut self, name: &'static str, value: impl ToString) -> Self {
        self.args.push((name, value.to_string()));
        self
    }

    /// Adds a library's or the system's own words.
    #[must_use]
    #[expect(clippy::needless_pass_by_value, reason = "literals, numbers and owned text alike")]
    pub fn detail(mut self, words: impl ToString) -> Self {
        self.detail = Some(words.to_string());
        self
    }

    /// Says whose side it is on, where that differs from the code's usual one.
    #[must_use]
    pub fn on(mut self, side: Side) -> Self {
        self.side = side;
        self
    }

    /// Says what was being done, if nobody has said so yet.
    #[must_use]
    pub fn doing(mut self, subject: impl Into<String>) -> Self {
        if self.subject.is_empty() {
            self.subject = subject.into();
        }
        self
    }

    /// The argument of this name; empty if there is none.
    pub fn value(&self, name: &str) -> &str {
        self.args.iter().find(|(known, _)| *known == name).map_or("", |(_, value)| value)
    }
}

impl fmt::Display for Fault {
    /// For logs and library users: the code word, the subject, the arguments. People are shown the catalogue's words.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}] {}", self.code.word(), self.subject)?;
        for (name, value) in &self.args {
            write!(f, " {name}={value}")?;
        }
        match &self.detail {
            Some(detail) => write!(f, ": {detail}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Fault {}

/// The known word nearest to `word` (edit distance at most a third of its length, or 2 if that is more, and never all
/// of it), for "did you mean".
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let length = word.chars().count();
    let bound = (length / 3).max(2).min(length.saturating_sub(1));
    known
        .into_iter()
        .map(|candidate| (distance(word, candidate), candidate))
        .filter(|(far, _)| *far <= bound)
        .min_by_key(|(far, _)| *far)
        .map(|(_, candidate)| candidate)
}

/// How many slips of the hand lie between two words: a character too many, too few or another, or two neighbours
/// swapped (optimal string alignment).
fn distance(left: &str, right: &str) -> usize {
    let (left, right): (Vec<char>, Vec<char>) = (left.chars().collect(), right.chars().collect());
    let mut above: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.iter().enumerate() {
        let mut next = vec![i + 1; right.len() + 1];
        for (j, b) in right.iter().enumerate() {
            let replaced = row[j] + usize::from(a != b);
            next[j + 1] = replaced.min(row[j + 1] + 1).min(next[j] + 1);
            if i > 0 && j > 0 && *a == right[j - 1] && left[i - 1] == *b {
                next[j + 1] = next[j + 1].min(above[j - 1] + 1);
            }
        }
        above = std::mem::replace(&mut row, next);
    }
    row[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn words_are_distinct_and_plain() {
        let words: BTreeSet<_> = Code::ALL.iter().map(|code| code.word()).collect();
        assert_eq!(words.len(), Code::ALL.len());
        assert!(Code::ALL.iter().all(|code| Code::of(code.word()) == Some(*code)));
        assert!(words.iter().all(|word| word.bytes().all(|b| b.is_ascii_lowercase() || b == b'-')));
    }

    #[test]
    fn nearest_finds_a_slip_and_refuses_a_stranger() {
        assert_eq!(nearest("conect", ["serve", "connect", "ask"]), Some("connect"));
        assert_eq!(nearest("tsl", ["tcp", "tls"]), Some("tls"));
        assert_eq!(nearest("tpc", ["tls", "tcp"]), Some("tcp"));
        assert_eq!(nearest("zebra", ["serve", "connect", "ask"]), None);
        assert_eq!((distance("ab", "ba"), distance("kitten", "sitting"), distance("", "ab")), (1, 3, 2));
        assert_eq!(nearest("x", ["-"]), None);
        assert_eq!(nearest("", ["-"]), None);
    }
}
