//! How wide text is on a screen.

use unicode_width::UnicodeWidthStr;

/// How many columns text takes: Han and full-width characters take two, and what joins to a character takes none.
pub(crate) fn columns(text: &str) -> usize {
    text.width()
}

/// Text with spaces behind it, up to so many columns.
pub(crate) fn padded(text: &str, width: usize) -> String {
    format!("{text}{}", " ".repeat(width.saturating_sub(columns(text))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn han_takes_two_columns_and_arrows_one() {
        assert_eq!((columns("a你b"), columns("→…·"), columns("：")), (4, 3, 2));
        assert_eq!((padded("你", 4), padded("long", 2)), ("你  ".to_owned(), "long".to_owned()));
    }
}
