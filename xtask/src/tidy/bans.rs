//! What would hide a problem: a lint switched off for good, a test that does not run, code that is not there, and
//! waiting by the clock.

use proc_macro2::{Group, TokenTree};

use super::source::{attribute, first_word, is_punct, line, starts_with_path, visit};
use super::{Finding, Tree};

pub(super) fn run(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.rust() {
        visit(&file.text, &mut |tokens, _| {
            if let Some(what) = banned(tokens) {
                findings.push(Finding::new(&file.path, line(&tokens[0]), what));
            }
        });
    }
    findings
}

fn banned(tokens: &[TokenTree]) -> Option<&'static str> {
    if let Some((_, group)) = attribute(tokens) {
        return banned_attribute(group);
    }
    if starts_with_path(tokens, &["thread", "sleep"]) || starts_with_path(tokens, &["thread", "sleep_ms"]) {
        return Some("calls thread::sleep: wait for what is meant to happen");
    }
    match tokens {
        [TokenTree::Ident(name), mark, ..] if is_punct(mark, '!') => match name.to_string().as_str() {
            "todo" | "unimplemented" => Some("leaves something undone (todo!, unimplemented!)"),
            "dbg" => Some("leaves dbg! behind"),
            _ => None,
        },
        _ => None,
    }
}

fn banned_attribute(group: &Group) -> Option<&'static str> {
    match first_word(group).as_str() {
        "ignore" => Some("ignores a test: what needs a privilege is a suite of its own"),
        "allow" if !has_reason(group) => Some("allows a lint: use #[expect(lint, reason = \"…\")]"),
        "expect" if !has_reason(group) => Some("expects a lint without a reason"),
        "cfg_attr" => conditional(group),
        _ => None,
    }
}

/// The attributes in `cfg_attr(condition, attribute, …)`, judged by their words alone.
fn conditional(group: &Group) -> Option<&'static str> {
    let plain: String = group.stream().to_string().split_whitespace().collect();
    if plain.contains(",ignore") {
        return Some("ignores a test: what needs a privilege is a suite of its own");
    }
    (plain.contains(",allow(") && !plain.contains("reason=")).then_some("allows a lint without a reason")
}

fn has_reason(group: &Group) -> bool {
    group.stream().into_iter().any(|token| match token {
        TokenTree::Group(list) => list.stream().into_iter().any(|token| token.to_string() == "reason"),
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_ban_fails() {
        for bad in [
            "#[allow(dead_code)] fn f() {}",
            "#![allow(clippy::all)]",
            "#[expect(dead_code)] fn f() {}",
            "#[test] #[ignore] fn f() {}",
            "#[ignore = \"slow\"] fn f() {}",
            "#[cfg_attr(windows, ignore)] fn f() {}",
            "fn f() { todo!() }",
            "fn f() { g(|| unimplemented!(\"later\")) }",
            "fn f() { dbg!(1); }",
            "fn f() { std::thread::sleep(d) }",
            "use std::thread::{self, sleep};",
        ] {
            assert_eq!(run(&Tree::of(&[("a.rs", bad)])).len(), 1, "{bad}");
        }
    }

    #[test]
    fn words_alone_do_not() {
        for good in [
            "//! No todo!() and no #[allow(x)] here.",
            "#[expect(dead_code, reason = \"read by the tests\")] fn f() {}",
            "fn f() { g(\"todo!()\"); thread::spawn(h); todo(); }",
        ] {
            assert!(run(&Tree::of(&[("a.rs", good)])).is_empty(), "{good}");
        }
    }
}
