//! Colours, and whether there are any.

use sockeye::bounds::bad_value;
use sockeye::core::Fault;

/// What `--color` says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum When {
    /// On a terminal that can, unless NO_COLOR is set.
    #[default]
    Auto,
    /// Even into a pipe.
    Always,
    /// Not at all.
    Never,
}

impl When {
    /// Every word of `--color`.
    const WORDS: &'static [(&'static str, Self)] =
        &[("auto", Self::Auto), ("always", Self::Always), ("never", Self::Never)];

    /// Reads a word of `--color`.
    pub(crate) fn parse(word: &str) -> Result<Self, Fault> {
        let known = Self::WORDS.iter().find(|(name, _)| *name == word);
        known.map(|(_, when)| *when).ok_or_else(|| {
            let words: Vec<&str> = Self::WORDS.iter().map(|(name, _)| *name).collect();
            bad_value("--color", word).detail(words.join(", "))
        })
    }

    /// Whether to paint. `capable`: the stream is a terminal, and TERM names one that is not dumb. `no_color`: the
    /// variable of that name is there and not empty (<https://no-color.org>).
    pub(crate) const fn paints(self, capable: bool, no_color: bool) -> bool {
        match self {
            Self::Auto => capable && !no_color,
            Self::Always => true,
            Self::Never => false,
        }
    }
}

/// A colour, as SGR codes (ECMA-48, 8.3.117).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Colour {
    /// Errors.
    Red,
    /// Warnings.
    Yellow,
    /// What we send.
    Green,
    /// What comes in.
    Cyan,
    /// Times and numbers.
    Dim,
    /// A layer of a packet.
    Blue,
    /// Another one.
    Magenta,
}

impl Colour {
    const fn code(self) -> &'static str {
        match self {
            Self::Red => "1;31",
            Self::Yellow => "33",
            Self::Green => "32",
            Self::Cyan => "36",
            Self::Dim => "2",
            Self::Blue => "34",
            Self::Magenta => "35",
        }
    }
}

/// Whether a stream is painted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Paint(pub(crate) bool);

impl Paint {
    /// `text` in `colour`, where there are colours.
    pub(crate) fn on(self, colour: Colour, text: &str) -> String {
        if self.0 { format!("\x1b[{}m{text}\x1b[0m", colour.code()) } else { text.to_owned() }
    }

    /// `text` with what stands before its first `]` in `colour`: the `error[refused]` of an error.
    pub(crate) fn head(self, colour: Colour, text: &str) -> String {
        match text.find(']') {
            Some(end) if self.0 => {
                let (head, rest) = text.split_at(end + 1);
                format!("{}{rest}", self.on(colour, head))
            }
            _ => text.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_come_only_where_they_are_wanted() {
        assert!(When::Auto.paints(true, false));
        assert!(!When::Auto.paints(true, true));
        assert!(!When::Auto.paints(false, false));
        assert!(When::Always.paints(false, true));
        assert!(!When::Never.paints(true, false));
        assert!(When::parse("pink").is_err());
    }

    #[test]
    fn only_the_head_of_an_error_is_painted() {
        assert_eq!(Paint(true).head(Colour::Red, "error[x] y"), "\x1b[1;31merror[x]\x1b[0m y");
        assert_eq!(Paint(false).head(Colour::Red, "error[x] y"), "error[x] y");
    }
}
