//! What fuzzers have found worth keeping, run on the stable toolchain.

use std::fs;
use std::path::Path;

use sockeye_testkit::fuzz;

#[test]
fn every_input_of_the_corpus_keeps_its_promises() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus");
    for target in fuzz::ALL {
        let folder = root.join(target.name);
        let mut inputs: Vec<_> = fs::read_dir(&folder)
            .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
            .map(|entry| entry.unwrap().path())
            .collect();
        inputs.sort();
        assert!(inputs.len() >= 10, "{} has {} inputs", target.name, inputs.len());
        for input in inputs {
            let bytes = fs::read(&input).unwrap();
            let outcome = std::panic::catch_unwind(|| (target.run)(&bytes));
            assert!(outcome.is_ok(), "{} breaks a promise", input.display());
        }
    }
}

#[test]
fn every_target_has_its_file() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/fuzz_targets");
    for target in fuzz::ALL {
        let file = root.join(format!("{}.rs", target.name));
        let text = fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        assert!(text.contains(&format!("fuzz::run(\"{}\", data)", target.name)), "{}", file.display());
    }
}
