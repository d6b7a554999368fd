//! Every conversation file under `examples/` can be read, and played on either side.
#![expect(clippy::disallowed_methods, reason = "a test reads the files that it is about")]

use std::fs;
use std::path::Path;
use std::sync::Arc;

use sockeye_script::play::{Mock, Options, Reuse, begin};
use sockeye_script::{Vars, read};

#[test]
fn examples_can_be_played_on_either_side() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
    let mut files = 0;
    for folder in fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir())
    {
        for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.extension().is_none_or(|ending| ending != "skt") {
                continue;
            }
            files += 1;
            let (name, text) = (path.display().to_string(), fs::read_to_string(&path).unwrap());
            let program =
                match read(&name, &text, &Vars::default(), &mut |_, _| Err("no other file".to_owned())) {
                    Ok(program) => Arc::new(program),
                    Err(errors) => panic!("{name}: {:?}", errors.list),
                };
            let refused = begin(Arc::clone(&program), Options::default()).err();
            assert!(refused.is_none(), "{name}: {refused:?}");
            let refused = Mock::new(&program, Options::default(), Reuse::Again).err();
            assert!(refused.is_none(), "{name}: {refused:?}");
        }
    }
    assert!(files >= 7, "{files} files");
}
