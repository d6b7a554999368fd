//! Secrets that an endpoint needs and nobody types on a command line, where every user of the machine could read them.

use sockeye_core::endpoint::{Endpoint, Secret};

use crate::views::Watcher;

/// What is wanted of a person, or of the environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Want<'a> {
    /// The password that a user logs in with.
    Password {
        /// Who.
        user: &'a str,
    },
    /// The same password once more, so that a slip shows.
    Again {
        /// Who.
        user: &'a str,
    },
    /// The token to log in with. It is not asked for: nobody types one.
    Token,
    /// The password for the proxy of `via=`.
    Via {
        /// Who.
        user: &'a str,
    },
}

/// Gets the secrets that the endpoint's layers need and that no file was named for.
pub(crate) fn fill(endpoint: &mut Endpoint, watcher: &dyn Watcher) {
    let params = &endpoint.params;
    let logs_in = endpoint.layers.iter().any(|layer| layer == "auth");
    if logs_in && params.password_file.is_none() && params.token_file.is_none() {
        match &params.user {
            Some(user) => endpoint.secrets.password = watcher.secret(Want::Password { user }),
            None => endpoint.secrets.token = watcher.secret(Want::Token),
        }
    }
    if let Some(user) = endpoint.params.via.as_deref().and_then(via_user) {
        endpoint.secrets.via = watcher.secret(Want::Via { user });
    }
}

/// The user in `SCHEME://USER@HOST:PORT`, if it stands there without a password.
fn via_user(url: &str) -> Option<&str> {
    let (_, rest) = url.split_once("://")?;
    let (user, _) = rest.rsplit_once('@')?;
    (!user.contains(':')).then_some(user)
}

/// The secret in a text, unless it is empty.
pub fn given(text: String) -> Option<Secret> {
    (!text.is_empty()).then(|| Secret::new(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_user_without_a_password_needs_one() {
        assert_eq!(via_user("socks5://lin@h:1"), Some("lin"));
        assert_eq!(via_user("socks5://lin:x@h:1"), None);
        assert_eq!(via_user("socks5://h:1"), None);
    }
}
