//! Names and passwords, in the one form that both ends compute with: SASLprep (RFC 4013, as RFC 5802 sections 2.2 and
//! 5.1 ask for).

use std::fmt;

use thiserror::Error;
use zeroize::Zeroizing;

/// The longest name, in bytes of UTF-8.
pub const NAME_MAX: usize = 256;

/// The longest password, in bytes of UTF-8.
pub const PASSWORD_MAX: usize = 1024;

/// A user's name: 1 to [`NAME_MAX`] bytes after SASLprep, without control characters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(String);

/// Why a text is no name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum BadName {
    /// Nothing is left of it.
    #[error("empty name")]
    Empty,
    /// It is too long.
    #[error("over {NAME_MAX} bytes")]
    TooLong,
    /// It has a character that names cannot have.
    #[error("forbidden character")]
    Character,
}

impl Name {
    /// Prepares a name.
    pub fn new(text: &str) -> Result<Self, BadName> {
        // SASLprep never makes a text more than eighteen times as long; what is far too long is not worth preparing.
        if text.len() > NAME_MAX * 4 {
            return Err(BadName::TooLong);
        }
        let name = stringprep::saslprep(text).map_err(|_| BadName::Character)?;
        match name.len() {
            0 => Err(BadName::Empty),
            1..=NAME_MAX => Ok(Self(name.into_owned())),
            _ => Err(BadName::TooLong),
        }
    }

    /// The prepared name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A password: 1 to [`PASSWORD_MAX`] bytes after SASLprep. Its memory is wiped, and nothing shows it.
#[derive(Clone)]
pub struct Password(Zeroizing<String>);

/// Why a text is no password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum BadPassword {
    /// Nothing is left of it.
    #[error("empty password")]
    Empty,
    /// It is too long.
    #[error("over {PASSWORD_MAX} bytes")]
    TooLong,
    /// It has a character that passwords cannot have.
    #[error("forbidden character")]
    Character,
}

impl Password {
    /// Prepares a password.
    pub fn new(text: &str) -> Result<Self, BadPassword> {
        if text.len() > PASSWORD_MAX {
            return Err(BadPassword::TooLong);
        }
        let password = stringprep::saslprep(text).map_err(|_| BadPassword::Character)?;
        let password = Zeroizing::new(password.into_owned());
        match password.len() {
            0 => Err(BadPassword::Empty),
            1..=PASSWORD_MAX => Ok(Self(password)),
            _ => Err(BadPassword::TooLong),
        }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_rfc_4013_section_3() {
        let name = |text: &str| Name::new(text).map(|name| name.0);
        assert_eq!(name("I\u{ad}X").as_deref(), Ok("IX"));
        assert_eq!(name("user").as_deref(), Ok("user"));
        assert_eq!(name("USER").as_deref(), Ok("USER"));
        assert_eq!(name("\u{aa}").as_deref(), Ok("a"));
        assert_eq!(name("\u{2168}").as_deref(), Ok("IX"));
        assert_eq!(name("\u{7}"), Err(BadName::Character));
        assert_eq!(name("\u{627}1"), Err(BadName::Character));
    }

    #[test]
    fn lengths_are_bounded_after_preparing() {
        assert_eq!(Name::new(""), Err(BadName::Empty));
        assert_eq!(Name::new("\u{ad}"), Err(BadName::Empty));
        assert!(Name::new(&"x".repeat(NAME_MAX)).is_ok());
        assert_eq!(Name::new(&"x".repeat(NAME_MAX + 1)), Err(BadName::TooLong));
        assert!(Name::new("王小明").is_ok());
        assert!(Password::new(&"x".repeat(PASSWORD_MAX)).is_ok());
        assert_eq!(Password::new(&"x".repeat(PASSWORD_MAX + 1)).err(), Some(BadPassword::TooLong));
        assert_eq!(Password::new("\u{ad}").err(), Some(BadPassword::Empty));
        assert_eq!(Password::new("a\nb").err(), Some(BadPassword::Character));
    }

    #[test]
    fn a_password_is_never_shown() {
        assert_eq!(format!("{:?}", Password::new("pencil").unwrap()), "Password(…)");
    }
}
