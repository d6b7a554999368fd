//! What a conversation remembers: variables that were set, and what was captured.

use std::collections::BTreeMap;

use sockeye_core::{Code, Fault};

/// The most bytes that all values may come to: 16 MiB.
pub const MOST: usize = 16 << 20;

/// Variables by name. A value is bytes: numbers are their decimal digits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Vars {
    values: BTreeMap<Box<str>, Box<[u8]>>,
    bytes: usize,
}

impl Vars {
    /// The value of a variable.
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.values.get(name).map(|value| &**value)
    }

    /// Sets a variable; `false` if the values would come to more than [`MOST`] bytes, and it is not set.
    pub fn set(&mut self, name: &str, value: &[u8]) -> bool {
        let before = self.values.get(name).map_or(0, |value| value.len());
        let bytes = self.bytes - before + value.len();
        if bytes > MOST {
            return false;
        }
        self.bytes = bytes;
        self.values.insert(name.into(), value.into());
        true
    }

    /// Sets a variable as a command line does: `NAME=VALUE`.
    pub fn assign(&mut self, text: &str) -> Result<(), Fault> {
        let known = text.split_once('=').filter(|(name, _)| !name.is_empty());
        if known.is_some_and(|(name, value)| self.set(name, value.as_bytes())) {
            return Ok(());
        }
        Err(Fault::new(Code::BadValue, "").arg("name", "--var").arg("value", text).detail("NAME=VALUE"))
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.values.iter().map(|(name, value)| (&**name, &**value))
    }

    /// Takes over every value of `other`; `false` as in [`Vars::set`].
    pub fn merge(&mut self, other: &Self) -> bool {
        other.iter().all(|(name, value)| self.set(name, value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_names_with_values() {
        let mut vars = Vars::default();
        vars.assign("a=b=c").unwrap();
        assert_eq!(vars.get("a"), Some(&b"b=c"[..]));
        for bad in ["a", "=b", ""] {
            assert_eq!(vars.assign(bad).unwrap_err().code, Code::BadValue, "{bad}");
        }
    }

    #[test]
    fn values_are_bounded_in_all() {
        let mut vars = Vars::default();
        assert!(vars.set("a", &vec![0; MOST]));
        assert!(!vars.set("b", b"x"));
        assert!(vars.set("a", b"short") && vars.set("b", b"x"));
        assert_eq!((vars.get("a"), vars.get("c")), (Some(&b"short"[..]), None));
    }
}
