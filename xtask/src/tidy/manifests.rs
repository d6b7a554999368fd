//! Each crate's manifest takes its dependencies and lints from the workspace, so that a version and a rule stand in one
//! place, and says what the crate is.

use super::{Finding, Tree};

pub(super) fn run(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.files.iter().filter(|file| file.path.ends_with("/Cargo.toml")) {
        let mut section = "";
        let mut inherits_lints = false;
        for (number, line) in file.text.lines().enumerate().map(|(index, line)| (index + 1, line.trim())) {
            if line.starts_with('[') {
                section = line.trim_matches(['[', ']']);
                let own_table = section.rsplit_once("dependencies.").is_some();
                if own_table {
                    findings.push(Finding::new(&file.path, number, "write the dependency on one line"));
                }
                continue;
            }
            let from_workspace = line.contains(".workspace = true") || line.contains("workspace = true");
            inherits_lints |= section == "lints" && line == "workspace = true";
            if section.ends_with("dependencies") && line.contains('=') && !from_workspace {
                let what = "take the dependency from [workspace.dependencies]";
                findings.push(Finding::new(&file.path, number, what));
            }
        }
        if !inherits_lints {
            findings.push(Finding::new(&file.path, 0, "add [lints] workspace = true"));
        }
        if !file.text.lines().any(|line| line.starts_with("description = ")) {
            findings.push(Finding::new(&file.path, 0, "say in `description` what the crate is"));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_or_a_missing_table_fails() {
        let good = "description = \"x\"\n[dependencies]\na.workspace = true\nb = { workspace = true, features = [] }\n\
                    [lints]\nworkspace = true\n";
        let bad = "[dev-dependencies]\na = \"1\"\n[dependencies.b]\nversion = \"1\"\n";
        let tree =
            Tree::of(&[("Cargo.toml", bad), ("crates/a/Cargo.toml", good), ("crates/b/Cargo.toml", bad)]);
        let lines: Vec<_> = run(&tree).into_iter().map(|finding| (finding.path, finding.line)).collect();
        let bad = |line| ("crates/b/Cargo.toml".to_owned(), line);
        assert_eq!(lines, [bad(2), bad(3), bad(0), bad(0)]);
    }
}
