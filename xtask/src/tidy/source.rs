//! Rust source as checks see it: tokens, each with where it stands. Comments and formatting are gone, so a banned word
//! in a string or a comment is no finding.

use std::str::FromStr;

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

/// What kind of place a token stands at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Code of the program.
    Code,
    /// Code of tests.
    Test,
    /// Documentation, reasons of lints, and messages of internal invariants, which no user is meant to read.
    Aside,
}

/// Macros whose words are said only when an invariant of our own is broken.
const INVARIANTS: &[&str] = &[
    "assert",
    "assert_eq",
    "assert_ne",
    "debug_assert",
    "debug_assert_eq",
    "debug_assert_ne",
    "panic",
    "unreachable",
];

/// Attributes whose words are for those who read the source.
const ASIDES: &[&str] = &["allow", "deprecated", "doc", "expect", "must_use", "path"];

/// Calls `on` at every token of `text` with the tokens from there to the end of its group. A file that is no Rust has
/// no tokens: the compiler says more about it than we could.
pub(crate) fn visit(text: &str, on: &mut dyn FnMut(&[TokenTree], Place)) {
    if let Ok(stream) = TokenStream::from_str(text) {
        visit_stream(stream, Place::Code, on);
    }
}

fn visit_stream(stream: TokenStream, outer: Place, on: &mut dyn FnMut(&[TokenTree], Place)) {
    let tokens: Vec<TokenTree> = stream.into_iter().collect();
    let mut place = outer;
    let mut at = 0;
    while at < tokens.len() {
        on(&tokens[at..], place);
        if let Some((length, group)) = attribute(&tokens[at..]) {
            if is_for_tests(group) {
                // Until the end of the item that the attribute belongs to.
                place = Place::Test;
            }
            let inside = if ASIDES.contains(&first_word(group).as_str()) { Place::Aside } else { place };
            visit_stream(group.stream(), inside, on);
            at += length;
            continue;
        }
        match &tokens[at] {
            TokenTree::Group(group) => {
                let inside = if is_invariant(&tokens[..at]) { Place::Aside } else { place };
                visit_stream(group.stream(), inside, on);
                if group.delimiter() == Delimiter::Brace {
                    place = outer;
                }
            }
            token if is_punct(token, ';') => place = outer,
            _ => {}
        }
        at += 1;
    }
}

/// The attribute that `tokens` start with: how many tokens it takes, and what stands in its brackets.
pub(crate) fn attribute(tokens: &[TokenTree]) -> Option<(usize, &Group)> {
    let (hash, rest) = tokens.split_first()?;
    if !is_punct(hash, '#') {
        return None;
    }
    let inner = usize::from(rest.first().is_some_and(|token| is_punct(token, '!')));
    match rest.get(inner)? {
        TokenTree::Group(group) if group.delimiter() == Delimiter::Bracket => Some((2 + inner, group)),
        _ => None,
    }
}

/// The first identifier in a group; empty if it does not start with one.
pub(crate) fn first_word(group: &Group) -> String {
    match group.stream().into_iter().next() {
        Some(TokenTree::Ident(word)) => word.to_string(),
        _ => String::new(),
    }
}

fn is_for_tests(attribute: &Group) -> bool {
    let plain: String = attribute.stream().to_string().split_whitespace().collect();
    plain == "test" || plain == "cfg(test)" || plain.starts_with("cfg(all(test,")
}

/// Whether what stands before a group makes it the words of an invariant: `assert!(…)`, `.expect(…)`.
fn is_invariant(before: &[TokenTree]) -> bool {
    match before {
        [.., TokenTree::Ident(name), mark] if is_punct(mark, '!') => {
            INVARIANTS.iter().any(|known| name == known)
        }
        [.., TokenTree::Ident(name)] => name == "expect" || name == "expect_err",
        _ => false,
    }
}

pub(crate) fn is_punct(token: &TokenTree, mark: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == mark)
}

/// The line a token starts at, counted from 1.
pub(crate) fn line(token: &TokenTree) -> usize {
    token.span().start().line
}

/// Whether `tokens` start with this path, as in `["std", "fs"]`, spelled out or as `std::{fs, …}`.
pub(crate) fn starts_with_path(tokens: &[TokenTree], path: &[&str]) -> bool {
    let Some((word, rest)) = path.split_first() else { return true };
    let Some((TokenTree::Ident(first), after)) = tokens.split_first() else { return false };
    if first != word {
        return false;
    }
    if rest.is_empty() {
        return true;
    }
    let [colon, other, tail @ ..] = after else { return false };
    if !is_punct(colon, ':') || !is_punct(other, ':') {
        return false;
    }
    match tail.first() {
        Some(TokenTree::Group(group)) => {
            let inside: Vec<TokenTree> = group.stream().into_iter().collect();
            (0..inside.len()).any(|at| starts_with_path(&inside[at..], rest))
        }
        _ => starts_with_path(tail, rest),
    }
}

/// The value of a string literal (`"…"` or `r"…"`), near enough to judge its words. `None`: no string, or bytes.
pub(crate) fn string(token: &TokenTree) -> Option<String> {
    let TokenTree::Literal(literal) = token else { return None };
    let written = literal.to_string();
    if let Some(raw) = written.strip_prefix('r') {
        return Some(raw.trim_matches('#').trim_matches('"').to_owned());
    }
    let mut rest = written.strip_prefix('"')?.strip_suffix('"')?;
    let mut value = String::new();
    while let Some((plain, after)) = rest.split_once('\\') {
        value.push_str(plain);
        let code = after.strip_prefix("u{").and_then(|after| after.split_once('}'));
        if let Some((digits, tail)) = code {
            value.extend(u32::from_str_radix(&digits.replace('_', ""), 16).ok().and_then(char::from_u32));
            rest = tail;
        } else {
            let mut characters = after.chars();
            match characters.next() {
                Some(quoted @ ('"' | '\\' | '\'')) => value.push(quoted),
                _ => value.push(' '),
            }
            rest = characters.as_str();
        }
    }
    value.push_str(rest);
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strings(text: &str) -> Vec<(String, Place)> {
        let mut found = Vec::new();
        visit(text, &mut |tokens, place| found.extend(string(&tokens[0]).map(|value| (value, place))));
        found
    }

    #[test]
    fn every_string_knows_its_place() {
        let text = r#"
            //! "not code"
            fn f() { g("code", b"bytes", r"raw code"); assert!(x, "aside"); y.expect("aside"); }
            #[expect(lint, reason = "aside")]
            #[cfg(test)]
            mod tests { fn g() { h("test"); } }
            const C: &str = "after";
        "#;
        let found = strings(text);
        let found: Vec<_> = found.iter().map(|(value, place)| (value.as_str(), *place)).collect();
        assert_eq!(
            found,
            [
                (" \"not code\"", Place::Aside),
                ("code", Place::Code),
                ("raw code", Place::Code),
                ("aside", Place::Aside),
                ("aside", Place::Aside),
                ("aside", Place::Aside),
                ("test", Place::Test),
                ("after", Place::Code),
            ]
        );
    }

    #[test]
    fn escapes_in_strings_are_read() {
        assert_eq!(strings(r#"fn f() { g("a\nb \"c\" \u{4f60}"); }"#)[0].0, "a b \"c\" 你");
    }

    #[test]
    fn paths_are_found_in_groups_too() {
        for (text, found) in [
            ("use std::fs;", true),
            ("use std::{io, fs::File};", true),
            ("std::fs::read(x)", true),
            ("std::fmt::fs", false),
            ("use other::{fs};", false),
        ] {
            let mut seen = false;
            visit(text, &mut |tokens, _| seen |= starts_with_path(tokens, &["std", "fs"]));
            assert_eq!(seen, found, "{text}");
        }
    }
}
