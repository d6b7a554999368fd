//! What the formatter writes, and that it changes nothing else.

use proptest::prelude::*;
use sockeye_script::program::{Place, Program};
use sockeye_script::{Vars, format, read};

/// What a text comes to, without where it is written.
fn meaning(text: &str) -> Option<Program> {
    let mut program = read("f", text, &Vars::default(), &mut |_, _| Ok(Vec::new())).ok()?;
    program.sources.clear();
    program.peers.iter_mut().for_each(|peer| peer.place = Place::default());
    program.steps.iter_mut().for_each(|step| step.place = Place::default());
    Some(program)
}

/// Formats, and holds what is written to its promises.
fn formatted(text: &str) -> String {
    let once = format(text).unwrap_or_else(|errors| panic!("{errors}: {text}"));
    assert_eq!(format(&once).unwrap_or_else(|errors| panic!("{errors}: {once}")), once, "from {text}");
    assert_eq!(meaning(&once), meaning(text), "{text}\nis written\n{once}");
    once
}

#[test]
fn everything_has_one_spelling() {
    for (text, written) in [
        ("", ""),
        ("\n\n\n# a\r\n\r\n\r\n#b  \r\n\r\n", "# a\n\n#b\n"),
        ("  @frame   crlf   # how\n", "@frame crlf # how\n"),
        ("@var  x   12\n@var y\t\"a b\"\n", "@var x 12\n@var y \"a b\"\n"),
        ("peer c connect \"tcp://h:1\"\nc >\"a\"", "peer c connect tcp://h:1\nc > \"a\"\n"),
        ("peer c connect \"unix:///a b\"\n", "peer c connect \"unix:///a b\"\n"),
        ("> hex:DEad hex:\"de  AD\" b64:aGk", "> hex:dead hex:\"de ad\" b64:aGk=\n"),
        (r#"> "\x41\u{41}\u{7}\r{\{{""#, "> \"\\x41A\\u{7}\\r\\{\\{{\"\n"),
        ("< id:u8\n> \"{\\{{{id}}\" {{ id }}", "< id:u8\n> \"\\{\\{{{id}}\" {{id}}\n"),
        ("> u8( 0X0A )  u16be(len+2) B=( \"x\" )", "> u8(0x0a) u16be(len + 2) B=( \"x\" )\n"),
        ("> \"a\" \\\n\"b\" \\\r\n  \"c\" as x", "> \"a\" \\\n    \"b\" \\\n    \"c\" as x\n"),
        ("<??\n<any\n<n:u8( 1..2 )\n</a b/si", "< ??\n< any\n< n:u8(1..2)\n< /a b/is\n"),
        (
            "repeat 2\n> \"x\"\nrepeat 3 every 1s\n>\"y\" \\\n\"z\"\nend # in\nend\n<eof",
            "repeat 2\n  > \"x\"\n  repeat 3 every 1s\n    > \"y\" \\\n        \"z\"\n  end # in\nend\n<eof\n",
        ),
        ("< json( $.a==1,$[\"b c\"] as x , \\\n $.d )", "< json($.a == 1, $[\"b c\"] as x, \\\n    $.d)\n"),
        ("< any  like \"x\"  within 1s  after  2s", "< any like \"x\" within 1s after 2s\n"),
    ] {
        assert_eq!(formatted(text), written);
    }
}

#[test]
fn what_cannot_be_read_is_not_written() {
    assert!(format("> \"x").is_err());
}

/// A quoted text with everything that could be in one.
fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        "[ a-z你😀{}#/'=]{0,6}",
        Just("\\n".to_owned()),
        Just("\\\\".to_owned()),
        Just("\\\"".to_owned()),
        Just("\\{".to_owned()),
        Just("\\u{202e}".to_owned()),
        Just("\\xff".to_owned()),
        Just("{{v}}".to_owned()),
    ];
    prop::collection::vec(piece, 0..5).prop_map(|pieces| format!("\"{}\"", pieces.concat()))
}

fn atom() -> impl Strategy<Value = String> {
    prop_oneof![
        text(),
        "hex:([0-9a-fA-F]{2}){1,4}",
        "hex:\"([0-9a-f]{2} {0,2}){0,3}\"",
        "b64:[A-Za-z0-9]{4}",
        "u(8|16be|24le)\\((0x)?[0-9]{1,2}( ?[+-] ?[0-9])?\\)",
        "f32le\\(-?[0-9]{1,3}(\\.[0-9]{1,3})?\\)",
        "(u16be|varint|ascii5)\\(len( ?\\+ ?[0-9])?\\)",
        "G[a-z0-9]{6}=\\( (\"x\"|hex:00) \\)",
        "(crc32|sum8|sha256|crc16-modbus)",
        Just("{{v}}".to_owned()),
    ]
}

fn pattern() -> impl Strategy<Value = String> {
    prop_oneof![
        atom(),
        "hex:([0-9a-f]{2}|\\?\\?){1,4}",
        "(\\?\\?|any|any\\([0-9]{1,2}\\))",
        "/[a-z.*]{1,5}[ \\\\]/[imsx]{0,2}".prop_map(|regex| regex.replace('\\', "\\/")),
        "n:(u8|i16le|f64be|text|bytes|bytes\\([0-9]\\)|u8\\([0-9]\\.\\.9\\)|u8\\(\\{\\{v\\}\\} - 1\\))",
    ]
}

fn parts(atom: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
    let gap = prop_oneof![4 => Just(" "), 1 => Just(" \\\n\t"), 1 => Just("\\\r\n")];
    prop::collection::vec((atom, gap), 1..5).prop_map(|atoms| {
        atoms.into_iter().flat_map(|(atom, gap)| [atom, gap.to_owned()]).collect::<String>() + " "
    })
}

fn line() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => parts(atom()).prop_map(|parts| format!("> {parts}")),
        3 => (parts(pattern()), "(<|<~|<\\?|<never)").prop_map(|(parts, arrow)| format!("{arrow} {parts}")),
        1 => (pattern(), parts(atom())).prop_map(|(pattern, parts)| format!("< {pattern} like {parts}")),
        1 => "< json\\( ?\\$(\\.[a-z]{1,3}|\\[[0-9]\\]){0,3} ?(==[0-9]{1,2}|== \"a\"|as v| ) ?\\)",
        1 => "(<eof|<reset|close|fin|connect|reset|sleep 1s|starttls insecure|  )( as [a-z]{1,3})?",
        1 => "( |\t)*#[ -~]{0,10}",
        1 => Just("repeat 2 every 3ms\n  <any\n  end".to_owned()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn writing_anew_changes_no_meaning(lines in prop::collection::vec((line(), "( # [a-z]*)?\r?\n"), 0..8)) {
        let text = "@var v 3\n".to_owned() + &lines.into_iter().flat_map(|(line, end)| [line, end]).collect::<String>();
        if format(&text).is_ok() {
            formatted(&text);
        }
    }

    #[test]
    fn any_text_is_read_or_refused(text in "[ -~\n\\\\\"{}<>@#你]{0,80}") {
        if format(&text).is_ok() {
            formatted(&text);
        }
    }

    #[test]
    fn messages_read_back_to_their_bytes(bytes in prop::collection::vec(any::<u8>(), 0..300), text in "[ -~\n\r你{]{0,300}") {
        for bytes in [bytes, text.into_bytes()] {
            let line = format!("> {}\n", sockeye_script::write::message(&bytes));
            let program = meaning(&line).unwrap_or_else(|| panic!("{line}"));
            let sockeye_script::program::Op::Send(data) = &program.steps[0].op else { panic!() };
            let mut built = Vec::new();
            data.build(&Vars::default(), &mut built).unwrap();
            prop_assert_eq!(&built, &bytes);
            prop_assert_eq!(formatted(&line), line);
        }
    }
}
