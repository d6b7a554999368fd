//! Secrets that go with an endpoint and are never part of its text: asked for, or read from the environment.

use std::fmt;

use zeroize::Zeroizing;

/// A password or token. Nothing shows it, and its memory is wiped.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// The secret of this text.
    pub fn new(text: impl Into<Zeroizing<String>>) -> Self {
        Self(text.into())
    }

    /// The text itself: for the one place that needs it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// What an endpoint may need besides its text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Secrets {
    /// The password of `user=`.
    pub password: Option<Secret>,
    /// The token to authenticate with.
    pub token: Option<Secret>,
    /// The password of the user in `via=`.
    pub via: Option<Secret>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_shows_a_secret() {
        let secret = Secret::new("hunter2".to_owned());
        assert_eq!(secret.reveal(), "hunter2");
        let shown = format!("{:?}", Secrets { password: Some(secret), ..Secrets::default() });
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}
