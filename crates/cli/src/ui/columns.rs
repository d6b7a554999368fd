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

/// Text in lines of at most `width` columns, broken at spaces (and anywhere in a word that is longer than a line); all but
/// the first begin with `indent` spaces. `line` already holds so many columns of the first.
pub(crate) fn wrapped(text: &str, width: usize, indent: usize, line: usize) -> String {
    let mut out = String::new();
    let mut at = line;
    for (number, word) in text.split(' ').enumerate() {
        let space = usize::from(number > 0);
        if at > indent && at + space + columns(word) > width {
            out.push('\n');
            out.push_str(&" ".repeat(indent));
            at = indent;
        } else {
            out.push_str(&" ".repeat(space));
            at += space;
        }
        for letter in word.chars() {
            let takes = columns(letter.encode_utf8(&mut [0; 4]));
            if at + takes > width && at > indent {
                out.push('\n');
                out.push_str(&" ".repeat(indent));
                at = indent;
            }
            out.push(letter);
            at += takes;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn han_takes_two_columns_and_arrows_one() {
        assert_eq!((columns("a你b"), columns("→…·"), columns("：")), (4, 3, 2));
        assert_eq!((padded("你", 4), padded("long", 2)), ("你  ".to_owned(), "long".to_owned()));
    }

    #[test]
    fn long_lines_are_broken_at_spaces_and_han_anywhere() {
        assert_eq!(wrapped("one two three", 10, 2, 0), "one two\n  three");
        assert_eq!(wrapped("one two", 8, 4, 4), "one\n    two");
        assert_eq!(wrapped("四个汉字", 6, 2, 2), "四个\n  汉字");
        assert_eq!(wrapped("  two spaces", 80, 0, 0), "  two spaces");
        // A width that leaves no room still ends.
        assert_eq!(wrapped("ab", 1, 3, 3), "a\n   b");
    }
}
