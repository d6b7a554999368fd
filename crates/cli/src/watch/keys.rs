//! Keys pressed while a table is shown: read without waiting, from a terminal that neither echoes nor waits for lines.

use std::io::Read;
use std::os::fd::AsFd;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::termios::{LocalFlags, SetArg, SpecialCharacterIndices, Termios, tcgetattr, tcsetattr};

/// A key, or what it types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    /// A character.
    Typed(char),
    /// The arrow up.
    Up,
    /// The arrow down.
    Down,
    /// A page up.
    PageUp,
    /// A page down.
    PageDown,
    /// The first line.
    Home,
    /// The last line.
    End,
    /// Enter.
    Enter,
    /// Backspace.
    Erase,
    /// Escape alone.
    Escape,
}

/// The keyboard, as long as it is open; then the terminal is as it was found.
pub(super) struct Keys(Option<Termios>);

impl Keys {
    /// Opens it, if stdin is a terminal.
    pub(super) fn open() -> Self {
        let stdin = std::io::stdin();
        let Ok(found) = tcgetattr(stdin.as_fd()) else { return Self(None) };
        let mut quiet = found.clone();
        // Interrupt and suspend go on as ever.
        quiet.local_flags &= !(LocalFlags::ICANON | LocalFlags::ECHO);
        quiet.control_chars[SpecialCharacterIndices::VMIN as usize] = 0;
        quiet.control_chars[SpecialCharacterIndices::VTIME as usize] = 0;
        match tcsetattr(stdin.as_fd(), SetArg::TCSANOW, &quiet) {
            Ok(()) => Self(Some(found)),
            Err(_) => Self(None),
        }
    }

    /// None.
    #[cfg(test)]
    pub(super) const fn closed() -> Self {
        Self(None)
    }

    /// Whether there is one.
    pub(super) const fn is_open(&self) -> bool {
        self.0.is_some()
    }

    /// The keys pressed since the last time.
    pub(super) fn pressed(&self) -> Vec<Key> {
        if self.0.is_none() {
            return Vec::new();
        }
        let stdin = std::io::stdin();
        let mut asked = [PollFd::new(stdin.as_fd(), PollFlags::POLLIN)];
        if poll(&mut asked, PollTimeout::ZERO) != Ok(1) {
            return Vec::new();
        }
        let mut bytes = [0; 256];
        let count = stdin.lock().read(&mut bytes).unwrap_or(0);
        keys(&bytes[..count])
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        if let Some(found) = &self.0 {
            // A terminal that is gone needs no mending.
            let _ = tcsetattr(std::io::stdin(), SetArg::TCSANOW, found);
        }
    }
}

/// What a terminal sends for keys (ECMA-48 and xterm); what is unknown is passed over.
fn keys(bytes: &[u8]) -> Vec<Key> {
    const SEQUENCES: &[(&str, Key)] = &[
        ("\x1b[A", Key::Up),
        ("\x1bOA", Key::Up),
        ("\x1b[B", Key::Down),
        ("\x1bOB", Key::Down),
        ("\x1b[5~", Key::PageUp),
        ("\x1b[6~", Key::PageDown),
        ("\x1b[H", Key::Home),
        ("\x1b[1~", Key::Home),
        ("\x1b[F", Key::End),
        ("\x1b[4~", Key::End),
        ("\r", Key::Enter),
        ("\n", Key::Enter),
        ("\x7f", Key::Erase),
        ("\x08", Key::Erase),
    ];
    let text = String::from_utf8_lossy(bytes);
    let (mut rest, mut keys) = (text.as_ref(), Vec::new());
    while let Some(first) = rest.chars().next() {
        if let Some((sequence, key)) = SEQUENCES.iter().find(|(sequence, _)| rest.starts_with(sequence)) {
            keys.push(*key);
            rest = &rest[sequence.len()..];
        } else if first == '\x1b' {
            let after = &rest[1..];
            // A sequence ends with a letter or a tilde.
            let is_sequence = after.starts_with(['[', 'O']);
            let end = after.char_indices().skip(1).find(|(_, c)| matches!(c, '@'..='~'));
            if let Some((end, _)) = end.filter(|_| is_sequence) {
                rest = &after[end + 1..];
            } else {
                keys.push(Key::Escape);
                rest = after;
            }
        } else {
            if !first.is_control() {
                keys.push(Key::Typed(first));
            }
            rest = &rest[first.len_utf8()..];
        }
    }
    keys
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_told_apart() {
        assert_eq!(keys(b"q\x1b[A\x1bOBj"), [Key::Typed('q'), Key::Up, Key::Down, Key::Typed('j')]);
        assert_eq!(
            keys("\x1b[5~名\r\x7f".as_bytes()),
            [Key::PageUp, Key::Typed('名'), Key::Enter, Key::Erase]
        );
        assert_eq!(keys(b"\x1b"), [Key::Escape]);
        // A key that means nothing here, and one that is typed after it.
        assert_eq!(keys(b"\x1b[1;5Cx\x01"), [Key::Typed('x')]);
        assert_eq!(keys(b"\x1b\x1b["), [Key::Escape, Key::Escape, Key::Typed('[')]);
    }
}
