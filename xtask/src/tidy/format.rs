//! Every Rust file is as rustfmt writes it, those that no `mod` line leads to included: `cargo fmt` cannot see modules
//! that a macro declares.

use std::io::{self, Write};
use std::process::{Command, Stdio};

use super::tree::File;
use super::{Finding, Tree};

pub(super) fn run(tree: &Tree) -> Vec<Finding> {
    tree.rust().filter_map(|file| check(tree, file)).collect()
}

fn check(tree: &Tree, file: &File) -> Option<Finding> {
    match is_formatted(tree, &file.text) {
        Ok(true) => None,
        Ok(false) => Some(Finding::new(&file.path, 0, "is not as rustfmt writes it: run `rustfmt` on it")),
        Err(error) => Some(Finding::new(&file.path, 0, format!("rustfmt cannot be run: {error}"))),
    }
}

/// The text goes through stdin, so that rustfmt judges this file alone and none that it declares. What comes back is
/// compared here, because `--check` finds nothing wrong with any stdin.
fn is_formatted(tree: &Tree, text: &str) -> io::Result<bool> {
    let mut rustfmt = Command::new("rustfmt")
        .args(["--quiet", "--edition", "2024"])
        .arg("--config-path")
        .arg(&tree.root)
        .current_dir(&tree.root)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    if let Some(mut stdin) = rustfmt.stdin.take() {
        stdin.write_all(text.as_bytes())?;
    }
    let output = rustfmt.wait_with_output()?;
    Ok(output.status.success() && output.stdout == text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_rustfmt_would_change_fails() {
        let wide =
            format!("fn wide() {{\n    call({});\n}}\n", "argument, ".repeat(12).trim_end_matches(", "));
        let tree = Tree::of(&[
            ("a.rs", "fn f() {}\n"),
            ("b.rs", "fn f( ) {}\n"),
            ("c.rs", &wide),
            ("d.rs", "mod gone;\n"),
            ("e.rs", "no rust"),
        ]);
        let found: Vec<_> = run(&tree).into_iter().map(|finding| finding.path).collect();
        assert_eq!(found, ["b.rs", "c.rs", "e.rs"]);
    }
}
