//! Long files cost no more a step than short ones. What is compared is what is kept and what is looked at, not time; the
//! parser's own count is held beside it (`syntax::line`).

use std::fmt::Write as _;

use sockeye_script::{Vars, format, read};

/// A file of so many steps, of every sort that refers to another.
fn file(steps: usize) -> String {
    let mut text = String::from("@var v 1\npeer c connect tcp://127.0.0.1:9000?frame=line\n");
    for step in 0..steps / 2 {
        write!(
            text,
            "c > \"message {step} {{{{v}}}}\" hex:00ff # said\nc < \"answer {step}\" n{step}:u8 any\n"
        )
        .expect("text");
    }
    text
}

#[test]
fn ten_thousand_steps_are_read_and_written() {
    for steps in [100, 10_000, 20_000] {
        let text = file(steps);
        let program = read("f", &text, &Vars::default(), &mut |_, _| Err(String::new())).unwrap();
        assert_eq!(program.steps.len(), steps);
        assert_eq!(format(&text).unwrap(), text);
    }
}

#[test]
fn a_megabyte_in_one_line_is_read() {
    for (part, count) in [("\"x\" ", 60_000), ("hex:00 ", 60_000), ("u8(len) ", 60_000), ("any ", 60_000)] {
        let arrow = if part == "any " { "<" } else { ">" };
        let text = format!("{arrow} {}\n", part.repeat(count));
        let read = read("f", &text, &Vars::default(), &mut |_, _| Err(String::new()));
        // Lengths of what does not fit a byte are found when they are built, not here.
        assert_eq!(read.unwrap().steps.len(), 1, "{part}");
    }
    let clauses = "$.a == 1, ".repeat(60_000);
    let text = format!("< json({} $.b)\n> \"{}\"\n", clauses, "a{b".repeat(1 << 18));
    assert_eq!(read("f", &text, &Vars::default(), &mut |_, _| Err(String::new())).unwrap().steps.len(), 2);
}
