//! Collects one line of a handshake out of chunks, within a bound.

use zeroize::Zeroizing;

/// A line on its way in. Its memory is wiped: it may hold a token.
pub(crate) struct Line {
    held: Zeroizing<Vec<u8>>,
    max: usize,
}

/// What a chunk made of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pushed {
    /// The whole chunk was taken, and no LF has come.
    Partial,
    /// The line is whole; so many bytes of the chunk were its.
    Whole { used: usize },
    /// `max` bytes are there and none is an LF.
    TooLong,
}

impl Line {
    /// A line of at most `max` bytes, its LF among them.
    pub(crate) fn new(max: usize) -> Self {
        Self { held: Zeroizing::new(Vec::new()), max }
    }

    /// Takes bytes up to the first LF. Never keeps more than `max`.
    pub(crate) fn push(&mut self, chunk: &[u8]) -> Pushed {
        let room = self.max - self.held.len();
        let end = chunk.iter().take(room).position(|byte| *byte == b'\n').map(|at| at + 1);
        let taken = end.unwrap_or_else(|| chunk.len().min(room));
        if self.held.capacity() < self.held.len() + taken {
            // Grown by copying into new memory, so that the old is wiped too.
            let mut grown =
                Vec::with_capacity((self.held.len() + taken).max(self.held.len() * 2).min(self.max));
            grown.extend_from_slice(&self.held);
            self.held = Zeroizing::new(grown);
        }
        self.held.extend_from_slice(&chunk[..taken]);
        match end {
            Some(used) => Pushed::Whole { used },
            None if self.held.len() == self.max => Pushed::TooLong,
            None => Pushed::Partial,
        }
    }

    /// What has come, with the LF if it has.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.held
    }

    /// Takes the line out; the next one begins.
    pub(crate) fn take(&mut self) -> Zeroizing<Vec<u8>> {
        std::mem::take(&mut self.held)
    }

    /// Whether what has come may still become a line that begins with one of these words.
    pub(crate) fn may_begin(&self, words: &[&str]) -> bool {
        words.iter().any(|word| {
            let seen = self.held.len().min(word.len());
            self.held[..seen] == word.as_bytes()[..seen]
        })
    }
}

/// The line without its end: LF, and one CR before it.
pub(crate) fn trimmed(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_cut_at_its_end_and_bounded() {
        let mut line = Line::new(6);
        assert_eq!(line.push(b"ab"), Pushed::Partial);
        assert_eq!(line.push(b"c\nrest"), Pushed::Whole { used: 2 });
        assert_eq!(*line.take(), b"abc\n");
        assert_eq!(line.push(b"12345\n"), Pushed::Whole { used: 6 });
        line.take();
        assert_eq!(line.push(b"123456\n"), Pushed::TooLong);
        assert_eq!(line.push(b"more"), Pushed::TooLong);
        assert_eq!(line.bytes(), b"123456");
        assert!(line.may_begin(&["x", "123"]) && line.may_begin(&["1234567"]) && !line.may_begin(&["124"]));
    }
}
