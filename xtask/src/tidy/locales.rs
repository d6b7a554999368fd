//! The catalogues: both parse, have the same keys filled in with the same arguments, and the Chinese one is Chinese.

use std::collections::{BTreeMap, BTreeSet};

use fluent_syntax::ast::{CallArguments, Entry, Expression, InlineExpression, Pattern, PatternElement};
use fluent_syntax::parser;

use super::sentences::is_han;
use super::{Finding, Tree};

const ENGLISH: &str = "crates/cli/locales/en.ftl";
const CHINESE: &str = "crates/cli/locales/zh-CN.ftl";
/// Keys whose Chinese value rightly has no Han character, one a line; `#` starts a comment.
const SAME: &str = "crates/cli/locales/same-in-zh.txt";

/// What a value says and what it is filled in with.
#[derive(Default)]
struct Value {
    text: String,
    arguments: BTreeSet<String>,
}

/// Values by key; an attribute's key is `message.attribute`.
pub(super) struct Catalogue(BTreeMap<String, Value>);

pub(super) fn run(tree: &Tree) -> Vec<Finding> {
    let (english, chinese) = match (tree.text(ENGLISH), tree.text(CHINESE)) {
        (Some(english), Some(chinese)) => (english, chinese),
        (None, None) => return Vec::new(),
        (None, _) => return vec![Finding::new(ENGLISH, 0, "is missing")],
        (_, None) => return vec![Finding::new(CHINESE, 0, "is missing")],
    };
    let mut findings = Vec::new();
    let english = Catalogue::read(ENGLISH, english, &mut findings);
    let chinese = Catalogue::read(CHINESE, chinese, &mut findings);
    for (path, ours, theirs) in [(CHINESE, &chinese, &english), (ENGLISH, &english, &chinese)] {
        let lacking = theirs.0.keys().filter(|key| !ours.0.contains_key(*key));
        findings.extend(lacking.map(|key| Finding::new(path, 0, format!("lacks {key}"))));
    }
    for (key, value) in &chinese.0 {
        if english.0.get(key).is_some_and(|english| english.arguments != value.arguments) {
            let what = format!("fills {key} in with other arguments than English does");
            findings.push(Finding::new(CHINESE, 0, what));
        }
    }
    findings.extend(untranslated(&chinese, tree.text(SAME).unwrap_or("")));
    findings
}

fn untranslated(chinese: &Catalogue, same: &str) -> Vec<Finding> {
    let same: BTreeSet<&str> =
        same.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    let is_chinese = |value: &Value| value.text.chars().any(is_han);
    let mut findings = Vec::new();
    for (key, value) in &chinese.0 {
        if !is_chinese(value) && !same.contains(key.as_str()) {
            findings.push(Finding::new(
                CHINESE,
                0,
                format!("says {key} without a Han character, and {SAME} lacks it"),
            ));
        }
    }
    for key in same {
        if chinese.0.get(key).is_none_or(is_chinese) {
            findings.push(Finding::new(SAME, 0, format!("lists {key}, which needs no exemption")));
        }
    }
    findings
}

impl Catalogue {
    pub(super) fn read(path: &str, text: &str, findings: &mut Vec<Finding>) -> Self {
        let resource = match parser::parse(text) {
            Ok(resource) => resource,
            Err((resource, errors)) => {
                findings.extend(errors.into_iter().map(|error| {
                    let line = text[..error.pos.start.min(text.len())].lines().count();
                    Finding::new(path, line.max(1), format!("does not parse: {error}"))
                }));
                resource
            }
        };
        let mut values = BTreeMap::new();
        let mut add = |key: String, pattern: &Pattern<&str>| {
            let mut value = Value::default();
            read_pattern(pattern, &mut value);
            if values.insert(key.clone(), value).is_some() {
                findings.push(Finding::new(path, 0, format!("says {key} twice")));
            }
        };
        for entry in &resource.body {
            let (id, value, attributes) = match entry {
                Entry::Message(message) => {
                    (message.id.name.to_owned(), message.value.as_ref(), &message.attributes)
                }
                Entry::Term(term) => (format!("-{}", term.id.name), Some(&term.value), &term.attributes),
                _ => continue,
            };
            if let Some(value) = value {
                add(id.clone(), value);
            }
            for attribute in attributes {
                add(format!("{id}.{}", attribute.id.name), &attribute.value);
            }
        }
        Self(values)
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.0.contains_key(key)
    }
}

fn read_pattern(pattern: &Pattern<&str>, into: &mut Value) {
    for element in &pattern.elements {
        match element {
            PatternElement::TextElement { value } => into.text.push_str(value),
            PatternElement::Placeable { expression } => read_expression(expression, into),
        }
    }
}

fn read_expression(expression: &Expression<&str>, into: &mut Value) {
    match expression {
        Expression::Inline(inline) => read_inline(inline, into),
        Expression::Select { selector, variants } => {
            read_inline(selector, into);
            for variant in variants {
                read_pattern(&variant.value, into);
            }
        }
    }
}

fn read_inline(inline: &InlineExpression<&str>, into: &mut Value) {
    match inline {
        InlineExpression::VariableReference { id } => {
            into.arguments.insert(id.name.to_owned());
        }
        InlineExpression::StringLiteral { value } => into.text.push_str(value),
        InlineExpression::FunctionReference { arguments, .. }
        | InlineExpression::TermReference { arguments: Some(arguments), .. } => read_call(arguments, into),
        InlineExpression::Placeable { expression } => read_expression(expression, into),
        _ => {}
    }
}

fn read_call(arguments: &CallArguments<&str>, into: &mut Value) {
    let named = arguments.named.iter().map(|argument| &argument.value);
    for argument in arguments.positional.iter().chain(named) {
        read_inline(argument, into);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(english: &str, chinese: &str, same: &str) -> Vec<String> {
        let tree = Tree::of(&[(ENGLISH, english), (CHINESE, chinese), (SAME, same)]);
        run(&tree).into_iter().map(|finding| finding.what).collect()
    }

    #[test]
    fn catalogues_that_agree_pass() {
        let english = "a = hello { $name }\n    .hint = try\nb = #{ $n }\n";
        let chinese = "a = { $name }，你好\n    .hint = 试试\nb = #{ $n }\n";
        assert_eq!(found(english, chinese, "# a number\nb\n"), [""; 0]);
    }

    #[test]
    fn keys_must_be_the_same() {
        let found = found("a = x\n    .hint = y\nb = z\n", "a = 好\nc = 好\n", "");
        assert_eq!(found, ["lacks a.hint", "lacks b", "lacks c"]);
    }

    #[test]
    fn arguments_must_be_the_same() {
        let english = "a = { $n ->\n    [one] one { $x }\n   *[other] more\n}\n";
        assert_eq!(
            found(english, "a = 好 { $n }\n", ""),
            ["fills a in with other arguments than English does"]
        );
    }

    #[test]
    fn a_value_in_english_fails_and_so_does_a_listing_in_vain() {
        let found = found("a = x\nb = y\n", "a = x\nb = 好\n", "b\n");
        assert_eq!(found.len(), 2);
        assert!(found[0].starts_with("says a without") && found[1].starts_with("lists b"));
    }

    #[test]
    fn junk_and_doubles_fail() {
        let found = found("a = x\na = x\n", "a = 好\n%%%\n", "");
        assert_eq!(found.len(), 2);
        assert!(found[0] == "says a twice" && found[1].starts_with("does not parse"));
    }
}
