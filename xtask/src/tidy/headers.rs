//! Every Rust file starts with a `//!` header that says what it is.

use super::{Finding, Tree};

pub(super) fn run(tree: &Tree) -> Vec<Finding> {
    let bare = tree.rust().filter(|file| !file.text.starts_with("//! "));
    bare.map(|file| Finding::new(&file.path, 1, "start the file with a `//!` header that says what it is"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_a_header_fails() {
        let tree = Tree::of(&[
            ("a.rs", "//! What it is.\n"),
            ("b.rs", "// no\n//! late\n"),
            ("c.rs", ""),
            ("d.md", "x"),
        ]);
        let found: Vec<_> = run(&tree).into_iter().map(|finding| finding.path).collect();
        assert_eq!(found, ["b.rs", "c.rs"]);
    }
}
