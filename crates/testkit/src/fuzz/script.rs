//! Conversation files, and what peers send to those who play them.

use sockeye_script::pattern::Extent;
use sockeye_script::program::{Op, Place, Program};
use sockeye_script::{Data, Pattern, Vars, Verdict, Wanted, format, read};

/// The text up to a zero byte is a file, what follows is what comes. A file that is read is written anew as one that means
/// the same, what is built of it matches itself, and nothing that comes is too much.
pub(super) fn run(data: &[u8]) {
    let end = data.iter().position(|byte| *byte == 0).unwrap_or(data.len());
    let Ok(text) = std::str::from_utf8(&data[..end]) else { return };
    let came = data.get(end + 1..).unwrap_or_default();
    let written = format(text).ok();
    if let Some(written) = &written {
        assert_eq!(format(written).as_ref(), Ok(written), "what is written is written in another way");
    }
    match (meaning(text), written) {
        (Some(program), Some(written)) => {
            assert!(
                meaning(&written).as_ref() == Some(&program),
                "what is written means something else: {written}"
            );
            play(&program, came);
        }
        (Some(_), None) => panic!("a file is read that cannot be written"),
        (None, _) => {}
    }
}

/// What a text comes to, without where it is written; mistakes must be told within it.
fn meaning(text: &str) -> Option<Program> {
    let mut load = |path: &str, wanted: Wanted| match wanted {
        Wanted::Text if path.ends_with('a') => Ok(format!("include \"{path}a\"\nsleep 1\n").into_bytes()),
        Wanted::Bytes => Ok(path.as_bytes().to_vec()),
        Wanted::Text => Err("gone".to_owned()),
    };
    match read("f", text, &Vars::default(), &mut load) {
        Ok(mut program) => {
            program.sources.clear();
            program.peers.iter_mut().for_each(|peer| peer.place = Place::default());
            program.steps.iter_mut().for_each(|step| step.place = Place::default());
            Some(program)
        }
        Err(errors) => {
            assert!(
                (1..=sockeye_script::error::MOST).contains(&errors.list.len()),
                "no mistake, or too many"
            );
            for error in &errors.list {
                let source = errors.source(error.place).unwrap_or_else(|| panic!("a mistake in no text"));
                let here = source.text.get(error.place.start as usize..error.place.end as usize);
                assert!(here.is_some(), "a mistake within a character, or outside of its text");
                let _ =
                    (source.position(error.place.start), source.line(error.place.start), error.what.near());
            }
            None
        }
    }
}

/// Goes through the steps, as if every one of them got what came.
fn play(program: &Program, came: &[u8]) {
    let mut vars = Vars::default();
    for (name, value) in &program.settings.vars {
        vars.set(name, value);
    }
    for (_, pattern) in &program.settings.ignore {
        meet(pattern, came, &mut vars);
    }
    // Each step costs a comparison of its own: enough of them.
    for step in program.steps.iter().take(100) {
        match &step.op {
            Op::Send(data) => build(data, &vars),
            Op::Say(pattern)
            | Op::Expect(pattern)
            | Op::Skip(pattern)
            | Op::Maybe(pattern)
            | Op::Never(pattern) => {
                meet(pattern, came, &mut vars);
            }
            _ => {}
        }
    }
}

fn build(data: &Data, vars: &Vars) {
    let mut built = Vec::new();
    if data.build(vars, &mut built).is_err() {
        assert!(built.is_empty(), "half a message is left");
        return;
    }
    let verdict = data.pattern().matches(&built, vars, Extent::Whole, &mut Vars::default());
    assert_eq!(verdict, Verdict::Match { used: built.len() }, "what is built is not what is expected");
}

fn meet(pattern: &Pattern, came: &[u8], vars: &mut Vars) {
    let mut sample = Vec::new();
    let said = pattern.sample(vars, &mut sample);
    assert!(said.is_ok() || sample.is_empty(), "half a message is left");
    assert!(said.is_err() || pattern.open().is_none(), "something open is said");
    for extent in [Extent::Prefix, Extent::Last, Extent::Whole] {
        let mut captured = Vars::default();
        match pattern.matches(came, vars, extent, &mut captured) {
            Verdict::Match { used } => {
                assert!(used <= came.len() && (extent != Extent::Whole || used == came.len()), "used {used}");
                vars.merge(&captured);
            }
            Verdict::More => assert_eq!(extent, Extent::Prefix, "more is wanted where nothing comes"),
            Verdict::Differs(difference) => assert!(difference.at <= came.len(), "a difference outside"),
        }
    }
}
