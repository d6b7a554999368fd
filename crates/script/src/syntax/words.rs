//! Every word that means something, for the parser, for "did you mean" and for highlighting.

use crate::message;

/// What a step can be, arrows aside.
pub const STEPS: &[&str] = &["connect", "close", "fin", "reset", "starttls", "sleep", "repeat", "end"];

/// Arrows, and what they are drawn with.
pub const ARROWS: &[&str] = &[">", "<", "<~", "<?", "<never", "<eof", "<reset"];

/// Lines that are no step.
pub const LINES: &[&str] = &["peer", "include"];

/// Settings, without their `@`.
pub const SETTINGS: &[&str] = &["frame", "enc", "timeout", "settle", "seed", "var", "ignore"];

/// Roles of a peer.
pub const ROLES: &[&str] = &["connect", "listen"];

/// What may follow a step.
pub const MODIFIERS: &[&str] = &["within", "after", "as", "like"];

/// Other words within lines: of `repeat`, of parts of messages, of captures.
pub const PARTS: &[&str] = &["every", "hex", "b64", "file", "len", "any", "json", "bytes", "text"];

/// Parameters of `starttls`: those of TLS in an endpoint.
pub const TLS: &[&str] =
    &["sni", "alpn", "ca", "client-ca", "cert", "key", "pin", "insecure", "keylog", "self-signed"];

/// Types of numbers. `asciiN` stands for as many words as there are digits, 1 to 19.
pub const TYPES: &[&str] = message::TYPES;

/// Checksums.
pub const SUMS: &[&str] = message::SUMS;
