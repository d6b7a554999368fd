//! What a TLS handshake agreed on and who the peer showed itself to be, as views tell it. Facts only: judging is done
//! where the handshake is made. Text of certificates is the peer's, so whoever shows it escapes it.

/// What a TLS session is like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// The protocol: `TLS 1.3`, `TLS 1.2`.
    pub version: String,
    /// The cipher suite by its IANA name.
    pub suite: String,
    /// The group of the key exchange by its IANA name; `None` where an old session's keys are used.
    pub group: Option<String>,
    /// The application protocol that was agreed on (ALPN, RFC 7301).
    pub alpn: Option<String>,
    /// The name the client asked for (SNI, RFC 6066 section 3).
    pub server_name: Option<String>,
    /// Whether it goes on with the keys of an earlier session.
    pub resumed: bool,
    /// Why the peer is believed.
    pub trust: Trust,
    /// The certificates the peer showed, its own first; in a resumed session those of the first time.
    pub chain: Vec<Shown>,
}

/// Why a peer is believed to be who it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// A trusted authority vouches for it.
    Chain,
    /// It has a key that was named beforehand.
    Pin,
    /// It is not: nobody asked.
    None,
}

impl Trust {
    /// The word, never translated.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Chain => "chain",
            Self::Pin => "pin",
            Self::None => "none",
        }
    }
}

/// One certificate of the peer's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shown {
    /// Whose it is.
    pub subject: String,
    /// Who signed it.
    pub issuer: String,
    /// What it is good for.
    pub names: Vec<String>,
    /// Its last moment, RFC 3339 in UTC.
    pub not_after: String,
    /// Whole days left until then; negative once it has expired.
    pub days: i64,
    /// The pin of its key: `sha256:` and base64 (RFC 7469 section 2.4).
    pub pin: String,
}
