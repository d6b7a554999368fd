//! Findings that are right as they are, each with its reason: `xtask/exempt.txt`.

use super::{Finding, Tree};

const LIST: &str = "xtask/exempt.txt";

/// One line of the list: `check | path | part of the finding | why`.
struct Exemption<'a> {
    check: &'a str,
    path: &'a str,
    part: &'a str,
    line: usize,
}

impl Exemption<'_> {
    fn covers(&self, finding: &Finding) -> bool {
        finding.check == self.check && finding.path == self.path && finding.what.contains(self.part)
    }
}

/// Takes the exempted findings off; adds one for each line that cannot be read or covers nothing.
pub(super) fn take_off(tree: &Tree, mut findings: Vec<Finding>) -> Vec<Finding> {
    let text = tree.text(LIST).unwrap_or("");
    let mut wrong = Vec::new();
    for (number, line) in text.lines().enumerate().map(|(index, line)| (index + 1, line)) {
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        let Some(exemption) = read(line, number) else {
            wrong.push(Finding::new(
                LIST,
                number,
                "not of the form: check | path | part of the finding | why",
            ));
            continue;
        };
        let before = findings.len();
        findings.retain(|finding| !exemption.covers(finding));
        if findings.len() == before {
            wrong.push(Finding::new(LIST, exemption.line, "covers nothing any more: take it out"));
        }
    }
    findings.extend(wrong.into_iter().map(|finding| Finding { check: "exempt", ..finding }));
    findings
}

fn read(line: &str, number: usize) -> Option<Exemption<'_>> {
    let mut parts = line.splitn(4, " | ").map(str::trim);
    let (check, path, part, why) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let whole = [check, path, part, why].iter().all(|part| !part.is_empty());
    whole.then_some(Exemption { check, path, part, line: number })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exempted_finding_goes_and_a_stale_line_comes() {
        let list =
            "# why\n\nbans | a.rs | sleep | it waits\nbans | b.rs | sleep | gone\nbans | c.rs | sleep\n";
        let tree = Tree::of(&[(LIST, list)]);
        let finding = Finding { check: "bans", ..Finding::new("a.rs", 3, "calls sleep") };
        let left = take_off(&tree, vec![finding]);
        let left: Vec<_> = left.iter().map(|finding| finding.line).collect();
        assert_eq!(left, [4, 5]);
    }
}
