//! What a line typed by the operator means.

/// A typed line, read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Typed<'a> {
    /// Words for the peer that is spoken to.
    Say(&'a str),
    /// `/to 3 hello`: words for the peer of one session.
    To(u64, &'a str),
    /// `/who`: who is there.
    Who,
    /// A `/` that begins no command: the whole line.
    Unknown(&'a str),
}

impl<'a> Typed<'a> {
    /// Reads a line without its ending. `//x` says `/x`.
    pub(super) fn read(line: &'a str) -> Self {
        let Some(command) = line.strip_prefix('/') else { return Self::Say(line) };
        if command.starts_with('/') {
            return Self::Say(command);
        }
        let (word, rest) = command.split_once(' ').unwrap_or((command, ""));
        match word {
            "who" if rest.trim().is_empty() => Self::Who,
            "to" => rest
                .trim_start()
                .split_once(' ')
                .and_then(|(number, words)| Some(Self::To(number.parse().ok()?, words)))
                .unwrap_or(Self::Unknown(line)),
            _ => Self::Unknown(line),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_commands_and_slashes() {
        assert_eq!(Typed::read("hello /who"), Typed::Say("hello /who"));
        assert_eq!(Typed::read(""), Typed::Say(""));
        assert_eq!(Typed::read("//who"), Typed::Say("/who"));
        assert_eq!(Typed::read("///"), Typed::Say("//"));
        assert_eq!(Typed::read("/who"), Typed::Who);
        assert_eq!(Typed::read("/to 3 hello  you "), Typed::To(3, "hello  you "));
        for line in ["/", "/to", "/to 3", "/to x y", "/whose", "/to -1 x"] {
            assert_eq!(Typed::read(line), Typed::Unknown(line));
        }
    }
}
