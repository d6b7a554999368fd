//! Domain names, compressed or not (RFC 1035, section 4.1.4).

use std::fmt::Write as _;

/// The longest name on the wire, in bytes (RFC 1035, section 2.3.4).
const LONGEST: usize = 255;

/// A name that was read.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Name {
    /// As [`Value::Domain`](super::super::Value::Domain).
    pub(super) text: String,
    /// How many bytes it takes where it stands.
    pub(super) size: usize,
}

/// Why a name cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bad {
    /// The message ends within it: so many bytes are missing, at least.
    Cut(usize),
    /// It points forward or at itself, is too long, or has a label of no known kind; what stands here takes so many bytes.
    Broken(usize),
}

/// Reads the name at `at` of a message. Every pointer must point before where it stands, and before where the one before
/// it pointed, so that there is an end.
pub(super) fn read(message: &[u8], at: usize) -> Result<Name, Bad> {
    let mut text = String::new();
    let (mut here, mut least, mut total) = (at, at, 0);
    let mut size = None;
    loop {
        let length = *message.get(here).ok_or(Bad::Cut(1))?;
        let used = |here: usize| size.unwrap_or_else(|| here.saturating_sub(at) + 1);
        match length {
            0 => {
                if text.is_empty() {
                    text.push_str("<Root>");
                }
                return Ok(Name { text, size: used(here) });
            }
            1..=63 => {
                let end = here + 1 + usize::from(length);
                let label = message.get(here + 1..end).ok_or_else(|| Bad::Cut(end - message.len()))?;
                total += label.len() + 1;
                if total >= LONGEST {
                    return Err(Bad::Broken(size.unwrap_or_else(|| end - at)));
                }
                if !text.is_empty() {
                    text.push('.');
                }
                write_label(label, &mut text);
                here = end;
            }
            0xc0.. => {
                let low = *message.get(here + 1).ok_or(Bad::Cut(1))?;
                let to = usize::from(length & 0x3f) << 8 | usize::from(low);
                size = Some(size.unwrap_or_else(|| here + 2 - at));
                if to >= least {
                    return Err(Bad::Broken(size.unwrap_or(2)));
                }
                (here, least) = (to, to);
            }
            _ => return Err(Bad::Broken(used(here))),
        }
    }
}

fn write_label(label: &[u8], text: &mut String) {
    for byte in label {
        match byte {
            b'.' | b'\\' => {
                text.push('\\');
                text.push(char::from(*byte));
            }
            b'!'..=b'~' => text.push(char::from(*byte)),
            // Writing to a String cannot fail.
            _ => drop(write!(text, "\\{byte:03}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_through_pointers() {
        let message = b"\x07example\x03com\0\x03www\xc0\x00\xc0\x0d";
        let name = |at| read(message, at).map(|name| (name.text, name.size));
        assert_eq!(name(0), Ok(("example.com".into(), 13)));
        assert_eq!(name(13), Ok(("www.example.com".into(), 6)));
        assert_eq!(name(19), Ok(("www.example.com".into(), 2)));
        assert_eq!(read(b"\0", 0), Ok(Name { text: "<Root>".into(), size: 1 }));
        assert_eq!(read(b"\x03a.\x01\0", 0), Ok(Name { text: "a\\.\\001".into(), size: 5 }));
    }

    #[test]
    fn names_without_an_end_are_refused() {
        assert_eq!(read(b"\xc0\x00", 0), Err(Bad::Broken(2)));
        assert_eq!(read(b"\x01a\xc0\x02", 0), Err(Bad::Broken(4)));
        // Two that point at each other.
        assert_eq!(read(b"\xc0\x02\xc0\x00", 2), Err(Bad::Broken(2)));
        assert_eq!(read(b"\x40a\0", 0), Err(Bad::Broken(1)));
        assert_eq!(read(&[1; 600], 0), Err(Bad::Broken(256)));
        assert_eq!(read(b"\x05ab", 0), Err(Bad::Cut(3)));
        assert_eq!(read(b"\x01a", 0), Err(Bad::Cut(1)));
        assert_eq!(read(b"\xc0", 0), Err(Bad::Cut(1)));
    }
}
