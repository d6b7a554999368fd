//! Files that can be read at one sitting: mostly 100 to 400 lines, 700 at the most.

use super::{Finding, Tree};

const MOST: usize = 700;
const USUAL: usize = 400;

pub(super) fn run(tree: &Tree) -> Vec<Finding> {
    let sized = tree.rust().map(|file| (file, file.text.lines().count()));
    sized
        .filter_map(|(file, lines)| match lines {
            701.. => Some(Finding::new(&file.path, 0, format!("has {lines} lines; {MOST} is the most"))),
            401.. => {
                Some(Finding::note(&file.path, format!("has {lines} lines; most files have up to {USUAL}")))
            }
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_file_is_noted_and_a_very_long_one_fails() {
        let lines = |count| "x\n".repeat(count);
        let (usual, long, over) = (lines(USUAL), lines(MOST), lines(MOST + 1));
        let tree = Tree::of(&[("a.rs", usual.as_str()), ("b.rs", &long), ("c.rs", &over), ("d.md", &over)]);
        let found: Vec<_> = run(&tree).into_iter().map(|finding| (finding.fails(), finding.path)).collect();
        assert_eq!(found, [(false, "b.rs".to_owned()), (true, "c.rs".to_owned())]);
    }
}
