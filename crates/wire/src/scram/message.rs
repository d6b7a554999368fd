//! The grammar of RFC 5802 section 7, as strict as it is written. Extensions that need not be understood are passed
//! over; the mandatory one (`m=`) is refused.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::keys::{Key, SALT_MAX};
use super::{BINDING_TYPE, Refusal};
use crate::escape::{Shape, escape};

type Read<T> = Result<T, Refusal>;

const fn bad(what: &'static str) -> Refusal {
    Refusal::Malformed { what }
}

/// What the client says of channel binding (`gs2-cbind-flag`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flag {
    /// It has none.
    No,
    /// It has one and believes that the server has not.
    Unoffered,
    /// It uses `tls-exporter`.
    Exporter,
}

/// `client-first-message`.
pub(super) struct ClientFirst<'a> {
    /// `gs2-header`, with its last comma.
    pub(super) header: &'a str,
    pub(super) flag: Flag,
    /// Unescaped.
    pub(super) name: String,
    pub(super) nonce: &'a str,
    /// `client-first-message-bare`.
    pub(super) bare: &'a str,
}

impl<'a> ClientFirst<'a> {
    pub(super) fn read(text: &'a str) -> Read<Self> {
        let (flag, rest) = text.split_once(',').ok_or(bad("gs2-header-cut"))?;
        let flag = match flag {
            "n" => Flag::No,
            "y" => Flag::Unoffered,
            _ => match flag.strip_prefix("p=") {
                Some(BINDING_TYPE) => Flag::Exporter,
                // RFC 5802 section 7: unsupported-channel-binding-type.
                Some(kind) if is_binding_name(kind) => return Err(Refusal::Binding),
                _ => return Err(bad("gs2-flag")),
            },
        };
        let (other, bare) = rest.split_once(',').ok_or(bad("gs2-header-cut"))?;
        if other.starts_with("a=") {
            return Err(bad("authzid"));
        }
        if !other.is_empty() {
            return Err(bad("gs2-header"));
        }
        let header = &text[..text.len() - bare.len()];
        let mut fields = Fields(Some(bare));
        let name = unescape_name(fields.named('n', "no-name")?)?;
        let nonce = fields.nonce()?;
        fields.extensions()?;
        Ok(Self { header, flag, name, nonce, bare })
    }
}

/// `server-first-message`.
pub(super) struct ServerFirst<'a> {
    pub(super) nonce: &'a str,
    pub(super) salt: Vec<u8>,
    pub(super) iterations: u64,
}

impl<'a> ServerFirst<'a> {
    pub(super) fn read(text: &'a str) -> Read<Self> {
        let mut fields = Fields(Some(text));
        let nonce = fields.nonce()?;
        let salt = decode(fields.named('s', "no-salt")?).ok_or(bad("salt-not-base64"))?;
        if salt.is_empty() || salt.len() > SALT_MAX {
            return Err(bad("salt-length"));
        }
        let iterations = fields.named('i', "no-iterations")?;
        let iterations = number(iterations).ok_or(bad("iterations-not-a-number"))?;
        fields.extensions()?;
        Ok(Self { nonce, salt, iterations })
    }
}

/// `client-final-message`.
pub(super) struct ClientFinal<'a> {
    /// `c`, as it stands.
    pub(super) binding: &'a str,
    pub(super) nonce: &'a str,
    pub(super) proof: Key,
    /// `client-final-message-without-proof`.
    pub(super) unproved: &'a str,
}

impl<'a> ClientFinal<'a> {
    pub(super) fn read(text: &'a str) -> Read<Self> {
        let (unproved, proof) = text.rsplit_once(",p=").ok_or(bad("no-proof"))?;
        let proof = key(proof).ok_or(bad("bad-proof"))?;
        let mut fields = Fields(Some(unproved));
        let binding = fields.named('c', "no-binding")?;
        decode(binding).ok_or(bad("binding-not-base64"))?;
        let nonce = fields.nonce()?;
        fields.extensions()?;
        Ok(Self { binding, nonce, proof, unproved })
    }
}

/// Reads a `server-final-message`: the signature.
pub(super) fn server_final(text: &str) -> Read<Key> {
    let mut fields = Fields(Some(text));
    let first = fields.next().unwrap_or_default();
    if let Some(word) = first.strip_prefix("e=") {
        let mut safe = String::new();
        escape(&word.chars().take(64).collect::<String>(), Shape::Line, &mut safe);
        return Err(Refusal::Server { word: safe });
    }
    let signature = first.strip_prefix("v=").ok_or(bad("no-signature"))?;
    let signature = key(signature).ok_or(bad("bad-signature"))?;
    fields.extensions()?;
    Ok(signature)
}

/// The fields of a message between commas; `None` when there are no more.
struct Fields<'a>(Option<&'a str>);

impl<'a> Fields<'a> {
    fn next(&mut self) -> Option<&'a str> {
        let text = self.0.take()?;
        match text.split_once(',') {
            Some((field, rest)) => {
                self.0 = Some(rest);
                Some(field)
            }
            None => Some(text),
        }
    }

    /// The value of the next field, which must have this name.
    fn named(&mut self, name: char, missing: &'static str) -> Read<&'a str> {
        let field = self.next().ok_or(bad(missing))?;
        if field.starts_with("m=") {
            return Err(bad("mandatory-extension"));
        }
        field.strip_prefix(name).and_then(|rest| rest.strip_prefix('=')).ok_or(bad(missing))
    }

    fn nonce(&mut self) -> Read<&'a str> {
        let nonce = self.named('r', "no-nonce")?;
        if is_nonce(nonce) { Ok(nonce) } else { Err(bad("bad-nonce")) }
    }

    /// Passes over what follows: each a letter, `=` and a value.
    fn extensions(&mut self) -> Read<()> {
        while let Some(field) = self.next() {
            let mut characters = field.chars();
            let letter = characters.next().is_some_and(|first| first.is_ascii_alphabetic());
            if !letter
                || characters.next() != Some('=')
                || characters.next().is_none()
                || field.contains('\0')
            {
                return Err(bad("bad-extension"));
            }
        }
        Ok(())
    }
}

/// `printable`: 0x21 to 0x7e without the comma, at least one.
pub(super) fn is_nonce(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| matches!(byte, 0x21..=0x2b | 0x2d..=0x7e))
}

/// `cb-name`: letters, digits, `.` and `-`.
fn is_binding_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-'))
}

/// `posit-number`: no sign, no leading zero.
fn number(text: &str) -> Option<u64> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| digits && !text.starts_with('0'))
}

fn decode(text: &str) -> Option<Vec<u8>> {
    BASE64_STANDARD.decode(text).ok()
}

fn key(text: &str) -> Option<Key> {
    decode(text)?.try_into().ok()
}

/// `saslname`: a comma is `=2C`, an equals sign is `=3D`.
pub(super) fn escape_name(name: &str) -> String {
    name.replace('=', "=3D").replace(',', "=2C")
}

fn unescape_name(text: &str) -> Read<String> {
    let mut name = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((plain, escaped)) = rest.split_once('=') {
        name.push_str(plain);
        let (character, after) = match (escaped.strip_prefix("2C"), escaped.strip_prefix("3D")) {
            (Some(after), _) => (',', after),
            (_, Some(after)) => ('=', after),
            _ => return Err(bad("name-escape")),
        };
        name.push(character);
        rest = after;
    }
    name.push_str(rest);
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_escaped_and_read_back() {
        for name in ["plain", "a,b", "a=b", "=2C", ",=,=", "王"] {
            assert_eq!(unescape_name(&escape_name(name)).as_deref(), Ok(name));
        }
        assert_eq!(escape_name("a=,b"), "a=3D=2Cb");
        for broken in ["a=", "=2c", "=2", "=3d", "a=b"] {
            assert!(unescape_name(broken).is_err(), "{broken}");
        }
    }

    #[test]
    fn the_first_message_is_held_to_its_grammar() {
        let what = |text: &str| match ClientFirst::read(text) {
            Ok(_) => "fine".to_owned(),
            Err(refusal) => refusal.to_string(),
        };
        let bad = |what: &str| format!("malformed message: {what}");
        assert_eq!(what("n,,n=user,r=x"), "fine");
        assert_eq!(what("n,,n=user,r=x,z=later"), "fine");
        for (text, why) in [
            ("", "gs2-header-cut"),
            ("n,", "gs2-header-cut"),
            ("q,,n=u,r=x", "gs2-flag"),
            ("p=,,n=u,r=x", "gs2-flag"),
            ("n,a=root,n=u,r=x", "authzid"),
            ("n,x,n=u,r=x", "gs2-header"),
            ("n,,m=1,n=u,r=x", "mandatory-extension"),
            ("n,,r=x", "no-name"),
            ("n,,n=u", "no-nonce"),
            ("n,,n=u,r=", "bad-nonce"),
            ("n,,n=u,r=a b", "bad-nonce"),
            ("n,,n=u=,r=x", "name-escape"),
            ("n,,n=u,r=x,", "bad-extension"),
            ("n,,n=u,r=x,1=x", "bad-extension"),
        ] {
            assert_eq!(what(text), bad(why), "{text}");
        }
        assert_eq!(ClientFirst::read("p=tls-unique,,n=u,r=x").err(), Some(Refusal::Binding));
    }

    #[test]
    fn the_other_messages_are_held_to_theirs() {
        for text in [
            "",
            "r=x",
            "r=x,s=",
            "r=x,s=QQ==",
            "r=x,s=QQ,i=4096",
            "r=x,s=,i=4096",
            "r=x,s=QQ==,i=04096",
            "r=x,s=QQ==,i=+1",
            "r=x,s=QQ==,i=",
            "r=x,s=QQ==,i=99999999999999999999",
            "s=QQ==,r=x,i=4096",
            "m=x,r=x,s=QQ==,i=4096",
        ] {
            assert!(matches!(ServerFirst::read(text), Err(Refusal::Malformed { .. })), "{text}");
        }
        assert!(ServerFirst::read("r=x,s=QQ==,i=4096,z=1").is_ok());
        let proof = "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
        assert!(ClientFinal::read(&format!("c=biws,r=x,z=1,p={proof}")).is_ok());
        for text in ["c=biws,r=x", "c=biws,r=x,p=QQ==", "r=x,p=QQ=="] {
            assert!(matches!(ClientFinal::read(text), Err(Refusal::Malformed { .. })), "{text}");
        }
        for text in
            [format!("r=x,p={proof}"), format!("c=?,r=x,p={proof}"), format!("c=biws,r=x,p={proof},z=1")]
        {
            assert!(matches!(ClientFinal::read(&text), Err(Refusal::Malformed { .. })), "{text}");
        }
        assert_eq!(
            server_final("e=no-resources").err(),
            Some(Refusal::Server { word: "no-resources".into() })
        );
        assert!(server_final(&format!("v={proof}")).is_ok() && server_final("v=QQ==").is_err());
    }
}
