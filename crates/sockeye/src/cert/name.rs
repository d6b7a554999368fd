//! Which names a certificate can be for.

use std::net::IpAddr;

use sockeye_core::{Code, Fault};
use sockeye_wire::escape::is_safe;

/// Names of one certificate at most.
pub(super) const MAX: usize = 100;

/// Characters of a common name at most (RFC 5280 appendix A.1, ub-common-name).
pub(super) const MAX_COMMON: usize = 64;

/// What a server is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ServerName {
    /// By a name, in lower case; `*.` in front stands for one label.
    Dns(String),
    /// By an address.
    Ip(IpAddr),
}

impl ServerName {
    /// Reads a name or an address; the brackets that IPv6 has in a URL may stay.
    pub(super) fn parse(text: &str) -> Result<Self, Fault> {
        let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
        if let Ok(ip) = bare.parse() {
            return Ok(Self::Ip(ip));
        }
        let name = text.to_ascii_lowercase();
        let host = name.strip_prefix("*.").unwrap_or(&name);
        // The last label of an address that is none would be a number: 10.0.0.256.
        let numeric =
            host.rsplit('.').next().is_some_and(|label| label.bytes().all(|byte| byte.is_ascii_digit()));
        if name.len() > 253 || numeric || !host.split('.').all(is_label) {
            return Err(bad(text));
        }
        Ok(Self::Dns(name))
    }
}

impl std::fmt::Display for ServerName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Dns(name) => f.write_str(name),
            Self::Ip(ip) => ip.fmt(f),
        }
    }
}

/// The names of a server, each once; without any, those of this machine to itself.
pub(super) fn servers(texts: &[String]) -> Result<Vec<ServerName>, Fault> {
    if texts.is_empty() {
        return ["localhost", "127.0.0.1", "::1"].into_iter().map(ServerName::parse).collect();
    }
    if let Some(text) = texts.get(MAX) {
        return Err(bad(text).detail(format_args!("1-{MAX}")));
    }
    let mut names = Vec::new();
    for text in texts {
        let name = ServerName::parse(text)?;
        if !names.contains(&name) {
            names.push(name);
        }
    }
    Ok(names)
}

/// A common name: one line that shows as it is.
pub(super) fn common(text: &str) -> Result<String, Fault> {
    let fits = (1..=MAX_COMMON).contains(&text.chars().count());
    if fits && is_safe(text) && !text.contains(['\n', '\t']) && text.trim() == text {
        Ok(text.to_owned())
    } else {
        Err(bad(text))
    }
}

/// A label of a DNS name (RFC 1123 section 2.1, and the underscore that people use).
fn is_label(label: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    (1..=63).contains(&label.len())
        && label.bytes().all(plain)
        && !label.starts_with('-')
        && !label.ends_with('-')
}

fn bad(name: &str) -> Fault {
    // An empty one shows as it was typed.
    Fault::new(Code::BadCertificateName, "").arg("name", if name.is_empty() { "''" } else { name })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_wildcards_and_addresses_are_told_apart() {
        for (text, shown) in [
            ("localhost", "localhost"),
            ("App.Example", "app.example"),
            ("*.app.example", "*.app.example"),
            ("xn--fsqu00a.xn--fiqs8s", "xn--fsqu00a.xn--fiqs8s"),
            ("db_1.local", "db_1.local"),
            ("127.0.0.1", "127.0.0.1"),
            ("::1", "::1"),
            ("[2001:DB8::1]", "2001:db8::1"),
        ] {
            assert_eq!(ServerName::parse(text).unwrap().to_string(), shown);
        }
        assert_eq!(ServerName::parse("[::1]").unwrap(), ServerName::Ip("::1".parse().unwrap()));
    }

    #[test]
    fn what_is_no_name_is_refused() {
        let long = "a.".repeat(130);
        for text in [
            "",
            ".",
            "*",
            "*.",
            "a.*",
            "*.*.b",
            "a b",
            "-a",
            "a-",
            "a..b",
            "a.",
            "host:443",
            "https://a",
            "例子.中国",
            "10.0.0.256",
            "10.0.0.1/8",
            "[a]",
            "a\n",
            long.as_str(),
        ] {
            assert_eq!(ServerName::parse(text).unwrap_err().code, Code::BadCertificateName, "{text:?}");
        }
    }

    #[test]
    fn names_stand_once_and_have_a_limit() {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        assert_eq!(servers(&texts(&["a", "A", "::1", "0::1"])).unwrap().len(), 2);
        assert_eq!(servers(&[]).unwrap().len(), 3);
        let many: Vec<String> = (0..=MAX).map(|number| format!("a{number}")).collect();
        assert_eq!(servers(&many[..MAX]).unwrap().len(), MAX);
        assert_eq!(servers(&many).unwrap_err().value("name"), "a100");
    }

    #[test]
    fn a_common_name_is_a_line_that_shows() {
        assert_eq!(common("张三 <zhang@example>").unwrap(), "张三 <zhang@example>");
        for text in ["", " a", "a\tb", "\x1b[1m", "\u{202e}x", "x".repeat(MAX_COMMON + 1).as_str()] {
            assert_eq!(common(text).unwrap_err().code, Code::BadCertificateName, "{text:?}");
        }
    }
}
