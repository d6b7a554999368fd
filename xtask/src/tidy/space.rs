//! White space that nobody sees and every diff shows.

use super::tree::File;
use super::{Finding, Tree};

/// Files that people write. Recorded output is as its program wrote it.
const ENDINGS: &[&str] = &["rs", "toml", "md", "ftl", "txt", "sh", "yml", "py"];
const NAMES: &[&str] = &["justfile", ".ci/run", ".editorconfig", ".gitattributes", ".gitignore"];

pub(super) fn run(tree: &Tree) -> Vec<Finding> {
    let written = |file: &&File| {
        let recorded = file.is_test() && !file.is_rust();
        !recorded && (file.has_ending(ENDINGS) || NAMES.contains(&file.path.as_str()))
    };
    tree.files.iter().filter(written).flat_map(check).collect()
}

fn check(file: &File) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (index, line) in file.text.split_terminator('\n').enumerate() {
        let what = if line.ends_with('\r') {
            "ends in CR LF"
        } else if line.contains('\t') {
            "has a tab"
        } else if line.ends_with(' ') {
            "ends in a space"
        } else {
            continue;
        };
        findings.push(Finding::new(&file.path, index + 1, what));
    }
    if !file.text.is_empty() && (!file.text.ends_with('\n') || file.text.ends_with("\n\n")) {
        findings.push(Finding::new(&file.path, 0, "does not end in exactly one newline"));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unseen_space_fails() {
        let tree = Tree::of(&[
            ("a.md", "good\n"),
            ("b.md", "x \n\ty\nz\r\n"),
            ("c.md", "no end"),
            ("d.md", "two\n\n"),
            ("crates/cli/tests/out.txt", "recorded \n"),
            ("data.bin", "x \n"),
        ]);
        let found: Vec<_> = run(&tree).into_iter().map(|finding| (finding.path, finding.line)).collect();
        let at = |path: &str, line| (path.to_owned(), line);
        assert_eq!(found, [at("b.md", 1), at("b.md", 2), at("b.md", 3), at("c.md", 0), at("d.md", 0)]);
    }
}
