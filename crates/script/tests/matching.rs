//! What patterns match, and what is said where they do not.

use proptest::prelude::*;
use sockeye_script::data::Unfit;
use sockeye_script::pattern::{Difference, Extent, Pattern, Verdict};
use sockeye_script::program::Op;
use sockeye_script::{Vars, read};

/// The pattern of a step, for which `who` and `n` have values.
fn pattern(text: &str) -> Pattern {
    let program = read("p", &format!("< {text}"), &given(), &mut |_, _| Err(String::new()));
    let program = program.unwrap_or_else(|errors| panic!("{text}: {errors}"));
    let Op::Expect(pattern) = &program.steps[0].op else { panic!("{text}") };
    pattern.clone()
}

fn given() -> Vars {
    let mut vars = Vars::default();
    vars.set("who", b"alice");
    vars.set("n", b"258");
    vars
}

fn verdict(text: &str, came: &[u8], extent: Extent) -> (Verdict, Vars) {
    let mut captured = Vars::default();
    let verdict = pattern(text).matches(came, &given(), extent, &mut captured);
    (verdict, captured)
}

fn differs(text: &str, came: &[u8], extent: Extent) -> Difference {
    match verdict(text, came, extent).0 {
        Verdict::Differs(difference) => difference,
        other => panic!("{text} {came:?}: {other:?}"),
    }
}

#[test]
fn whole_messages_match() {
    for (text, came, captured) in [
        (r#""""#, &b""[..], &[][..]),
        (r#""hello {{who}}""#, b"hello alice", &[]),
        ("hex:de??ef", b"\xde\x01\xef", &[]),
        ("?? ?? any(2)", b"abcd", &[]),
        ("any", b"", &[]),
        ("any", b"abc", &[]),
        (r#""a" any "c""#, b"abbbc", &[]),
        (r#""a" any "c" any "e""#, b"a-c-c-e", &[]),
        (r#"any "aab""#, b"aaab", &[]),
        ("u16be({{n}}) u16le({{n}} + 1)", b"\x01\x02\x03\x01", &[]),
        ("u16be(len) any", b"\0\x03abc", &[]),
        ("u8(len(B)) B=(any) any", b"\x02abcd", &[]),
        ("u8(len(B)) B=(x:bytes) y:bytes", b"\x02abcd", &[("x", "ab"), ("y", "cd")]),
        ("B=(x:bytes) u8(len(B))", b"ab\x02", &[("x", "ab")]),
        ("any crc16-modbus", b"\x01\x03\0\0\0\x0a\xc5\xcd", &[]),
        ("crc32(B) B=(any)", b"\xcb\xf4\x39\x26123456789", &[]),
        ("id:u32be status:u8(0) any", b"\0\0\0\x07\0rest", &[("id", "7"), ("status", "0")]),
        ("n2:u16be(1..100)", b"\0\x64", &[("n2", "100")]),
        ("t:i8 f:f32be(1..2)", b"\xff\x3f\xc0\0\0", &[("t", "-1"), ("f", "1.5")]),
        ("l:u8 name:bytes({{l}}) rest:text", b"\x02hiyou", &[("l", "2"), ("name", "hi"), ("rest", "you")]),
        (r#"key:text "=" value:text"#, b"a=b=c", &[("key", "a"), ("value", "b=c")]),
        ("/(?<word>w[a-z]+)/", b"hello world!", &[("word", "world")]),
        (r#""HTTP/1.1 " /[0-9]{3}/ " " reason:text "\r\n""#, b"HTTP/1.1 200 OK\r\n", &[("reason", "OK")]),
        (r#"any /[0-9]+/ ";""#, b"abc123;", &[]),
        ("/ABC/i", b"xabcx", &[]),
        (r"/^\xff.$/sb", b"\xff\xfe", &[]),
        ("v:varint ascii3(7)", b"\xac\x02007", &[("v", "300")]),
        (
            r#"json($.a.b == "x", $.list[0] == 3, $.id as id, $.ok, $.who == {{who}})"#,
            br#"{"list":[3.0],"ok":null,"id":17,"who":"alice", "a":{"c":1,"b":"x"}}"#,
            &[("id", "17")],
        ),
        ("json()", b"[1, 2]\n", &[]),
        (r#"json($.o == {"a":1,"b":[true]})"#, br#"{"o":{"b":[true],"a":1}}"#, &[]),
    ] {
        let (verdict, taken) = verdict(text, came, Extent::Whole);
        assert_eq!(verdict, Verdict::Match { used: came.len() }, "{text}");
        for (name, value) in captured {
            assert_eq!(taken.get(name), Some(value.as_bytes()), "{text}: {name}");
        }
        assert!(taken.iter().count() >= captured.len());
    }
}

#[test]
fn what_differs_is_told_byte_by_byte() {
    for (text, came, at, expected, part) in [
        (r#""a: hi all""#, &b"a: hi al"[..], 8, &b"a: hi all"[..], r#""a: hi all""#),
        (r#""abc" "def""#, b"abcdXf", 4, b"abcdef", r#""def""#),
        (r#""abc""#, b"abcd", 3, b"abc", ""),
        (r#""x" ?? "z""#, b"xyq", 2, b"xyz", r#""z""#),
        (r#"u8(1) ?? "z""#, b"\x02yz", 0, b"\x01yz", "u8(1)"),
        ("u16be(len) any", b"\0\x04abc", 1, b"\0\x03abc", "u16be(len)"),
        ("u8(len(B)) B=(\"ab\")", b"\x03ab", 0, b"\x02ab", "u8(len(B))"),
        ("\"123456789\" crc32", b"123456789\xcb\xf4\x39\x27", 12, b"123456789\xcb\xf4\x39\x26", "crc32"),
        (
            "crc32(B) B=(\"123456789\")",
            b"\xcb\xf4\x39\x00123456789",
            3,
            b"\xcb\xf4\x39\x26123456789",
            "crc32(B)",
        ),
        ("u8(1) s:u8(0) id:u32be", b"\x01\x05\0\0\0\x01", 1, b"\x01\0\0\0\0\x01", "s:u8(0)"),
        ("n2:u8(1..9) \"x\"", b"\x0ax", 0, b"", "n2:u8(1..9)"),
        ("\"a\" any \"xyz\"", b"abcxyq", 5, b"abcxyz", "\"xyz\""),
        ("\"a\" /[0-9]+/", b"abc", 1, b"", "/[0-9]+/"),
        ("/[0-9]+/", b"abc", 0, b"", "/[0-9]+/"),
        ("\"{{who}}!\"", b"alicf!", 4, b"alice!", "\"{{who}}!\""),
        ("id:u32be", b"\0\0", 2, b"", "id:u32be"),
        ("hex:dead??ef", b"\xde\xad\x01\xee", 3, b"\xde\xad\x01\xef", "hex:dead??ef"),
        ("t:text", b"ab\xff", 2, b"", "t:text"),
        ("ascii4(7)", b"00x7", 2, b"0007", "ascii4(7)"),
        (r#"json($.a.b == "x")"#, br#"{"a":{"b":"y"}}"#, 11, br#"{"a":{"b":"x""#, r#"$.a.b == "x""#),
        ("json($.a[1])", b"{\"a\":[0]}", 9, b"", "$.a[1]"),
        ("json($.a)", b"{\"a\":", 5, b"", "json($.a)"),
        ("json($.a)", b"{\"a\":?}", 5, b"", "json($.a)"),
    ] {
        let found = differs(text, came, Extent::Whole);
        assert_eq!((found.at, &*found.expected, &*found.part), (at, expected, part), "{text}");
    }
}

#[test]
fn streams_match_by_their_beginning() {
    for (text, came, used) in [
        (r#""abc""#, &b"abcd"[..], 3),
        (r#"any "\n""#, b"one\ntwo\n", 4),
        (r#"line:text "\r\n""#, b"one\r\ntwo", 5),
        ("\"a\" any", b"abc", 3),
        ("\"a\" any", b"a", 1),
        ("u8(len) any", b"\x03abcd", 4),
        ("u16be(len(B)) B=(any)", b"\0\x02abcd", 4),
        ("/[a-z]+ /", b"abc def", 4),
        ("json($.a)", b"{\"a\":1}{\"a\":2}", 7),
    ] {
        assert_eq!(verdict(text, came, Extent::Prefix).0, Verdict::Match { used }, "{text}");
        assert_eq!(verdict(text, came, Extent::Last).0, Verdict::Match { used }, "{text}");
    }
    for (text, came) in [
        (r#""abc""#, &b""[..]),
        (r#""abc""#, b"ab"),
        ("any", b""),
        ("x:bytes", b""),
        (r#"any "\n""#, b"one"),
        ("u8(len) any", b"\x03ab"),
        ("u16be(len(B)) B=(any)", b"\0\x02a"),
        ("/[a-z]+ /", b"abc"),
        ("u32be(1)", b"\0\0"),
        ("v:varint", b"\x80"),
        ("t:text", "你".as_bytes().split_at(2).0),
        ("json($.a)", b"{\"a\""),
    ] {
        assert_eq!(verdict(text, came, Extent::Prefix).0, Verdict::More, "{text}");
        assert!(differs(text, came, Extent::Last).at <= came.len(), "{text}");
    }
    assert_eq!(differs("\"abc\"", b"aX", Extent::Prefix).at, 1);
    assert_eq!(differs("u8(len) \"ab\"", b"\x03ab", Extent::Prefix).part.as_ref(), "u8(len)");
}

#[test]
fn no_pattern_holds_a_run_up() {
    let came = vec![b'a'; 1 << 20];
    for text in [
        r#"any "a" any "a" any "a" any "b""#,
        r#"x:text "a" y:text "a" z:text "b""#,
        "any /a/ any /a/ any /b/",
        "any x:u8 any u8({{x}} + 1)",
        "A=(any) B=(any) any u16be(len(A)) u16be(len(B)) \"b\"",
        "any sha256 any",
    ] {
        differs(text, &came, Extent::Whole);
    }
}

#[test]
fn a_mock_says_what_can_be_said() {
    let sample = |text: &str| {
        let mut out = b"before".to_vec();
        pattern(text).sample(&given(), &mut out).map(|()| out.split_off(6))
    };
    assert_eq!(sample("\"hi {{who}} \" u16be({{n}}) s:u8(3) u8(len)").unwrap(), b"hi alice \x01\x02\x03\0");
    assert_eq!(sample("/x+/ like \"xx\"").unwrap(), b"xx");
    for (text, open) in
        [("\"a\" any", "any"), ("hex:de??", "hex:de??"), ("id:u8 any", "id:u8"), ("json()", "json()")]
    {
        assert_eq!(sample(text), Err(Unfit::Open(open.into())));
        assert_eq!(pattern(text).open().as_deref(), Some(open));
    }
    assert_eq!(pattern("any like \"x\"").open(), None);
    let mut out = Vec::new();
    assert_eq!(pattern("\"{{who}}\"").sample(&Vars::default(), &mut out), Err(Unfit::Unset("who".into())));
    let mut vars = Vars::default();
    vars.set("n", b"70000");
    let refused = Err(Unfit::Range { value: "70000".into(), kind: "u16be".into() });
    assert_eq!(pattern("u16be({{n}})").sample(&vars, &mut out), refused);
    assert!(out.is_empty());
}

fn atom() -> impl Strategy<Value = String> {
    prop_oneof![
        "\"[a-c]{0,4}\"",
        "hex:[0-9a-f]{2}",
        "u8\\([0-9]\\)",
        Just("u16be({{n}})".to_owned()),
        Just("\"{{who}}\"".to_owned()),
        "(u8|u16le|varint|ascii3)\\(len\\)",
        "(crc32|sum8|crc16-modbus)",
        Just("u8(len(G)) G=( \"xy\" varint(len) )".to_owned()),
        Just("crc32-le(H) H=( \"pq\" sum8(G) )".to_owned()),
    ]
}

/// Parts, the groups of which are there once.
fn data() -> impl Strategy<Value = String> {
    prop::collection::vec(atom(), 1..6).prop_map(|atoms| {
        let mut text = String::new();
        for atom in atoms {
            let is_second = atom.contains("=( ") && text.contains(&atom);
            let is_stray = atom.contains("(G)") && !atom.contains("G=(");
            if !is_second && !is_stray {
                text.push_str(&atom);
                text.push(' ');
            }
        }
        if text.is_empty() { "\"x\"".to_owned() } else { text }
    })
}

fn open_atom() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => "\"[ab]{0,3}\"",
        1 => Just("any".to_owned()),
        1 => Just("??".to_owned()),
        1 => Just("x:u8(97..98)".to_owned()),
        1 => Just("y:bytes".to_owned()),
        1 => Just("t:text".to_owned()),
        1 => Just("/a+b/".to_owned()),
        1 => Just("u8(len)".to_owned()),
        1 => Just("sum8".to_owned()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn data_matches_its_own_pattern(text in data()) {
        let program = read("p", &format!("> {text}"), &given(), &mut |_, _| Err(String::new())).unwrap();
        let Op::Send(data) = &program.steps[0].op else { panic!() };
        let mut built = Vec::new();
        data.build(&given(), &mut built).unwrap();
        let whole = data.pattern().matches(&built, &given(), Extent::Whole, &mut Vars::default());
        prop_assert_eq!(whole, Verdict::Match { used: built.len() });
        for end in 0..built.len() {
            let part = data.pattern().matches(&built[..end], &given(), Extent::Prefix, &mut Vars::default());
            prop_assert_eq!(part, Verdict::More);
        }
        for at in 0..built.len() {
            built[at] ^= 1;
            let other = data.pattern().matches(&built, &given(), Extent::Whole, &mut Vars::default());
            // A changed checksum of checksums may make up for itself; a changed byte elsewhere may not.
            if !text.contains("sum8") && !text.contains("crc") {
                prop_assert!(matches!(other, Verdict::Differs(_)));
            }
            built[at] ^= 1;
        }
    }

    #[test]
    fn literal_patterns_are_equality(wanted in "[ab]{0,5}", came in "[ab]{0,5}") {
        let found = Pattern::literal(wanted.as_bytes()).matches(
            came.as_bytes(), &Vars::default(), Extent::Whole, &mut Vars::default());
        match found {
            Verdict::Match { used } => prop_assert!(wanted == came && used == came.len()),
            Verdict::Differs(difference) => {
                prop_assert_ne!(&wanted, &came);
                prop_assert_eq!(&*difference.expected, wanted.as_bytes());
                let same = wanted.bytes().zip(came.bytes()).take_while(|(a, b)| a == b).count();
                prop_assert_eq!(difference.at, same);
            }
            Verdict::More => prop_assert!(false),
        }
    }

    #[test]
    fn growing_streams_change_no_verdict(
        atoms in prop::collection::vec(open_atom(), 1..5),
        came in "[ab\u{1}]{0,8}",
    ) {
        let text = atoms.join(" ");
        let pattern = pattern(&text);
        let is_open = text.ends_with("any") || text.ends_with("bytes") || text.ends_with("text") || text.contains('/');
        let mut before: Option<Verdict> = None;
        for end in 0..=came.len() {
            let here = &came.as_bytes()[..end];
            let verdict = pattern.matches(here, &given(), Extent::Prefix, &mut Vars::default());
            match (&before, &verdict) {
                (Some(Verdict::Match { used }), _) if !is_open => {
                    prop_assert_eq!(&verdict, &Verdict::Match { used: *used }, "{} of {}", &text, &came);
                }
                (Some(Verdict::Differs(_)), verdict) => {
                    prop_assert!(matches!(verdict, Verdict::Differs(_)), "{} of {}", &text, &came);
                }
                _ => {}
            }
            if let Verdict::Match { used } = verdict {
                prop_assert!(used <= end);
                let whole = pattern.matches(&here[..used], &given(), Extent::Whole, &mut Vars::default());
                if !text.contains('/') {
                    prop_assert_eq!(whole, Verdict::Match { used }, "{} of {}", &text, &came);
                }
            }
            if let Verdict::Differs(difference) = &verdict {
                prop_assert!(difference.at <= end);
            }
            before = Some(verdict);
        }
    }

    #[test]
    fn nothing_that_comes_is_too_much(
        atoms in prop::collection::vec(prop_oneof![open_atom(), atom()], 1..8),
        came in prop::collection::vec(prop_oneof![any::<u8>(), 0_u8..4, 97_u8..100], 0..40),
    ) {
        let text = atoms.join(" ");
        let Ok(program) = read("p", &format!("< {text}"), &given(), &mut |_, _| Err(String::new())) else {
            return Ok(());
        };
        let Op::Expect(pattern) = &program.steps[0].op else { panic!() };
        for extent in [Extent::Whole, Extent::Prefix, Extent::Last] {
            match pattern.matches(&came, &given(), extent, &mut Vars::default()) {
                Verdict::Match { used } => prop_assert!(used <= came.len()),
                Verdict::Differs(difference) => prop_assert!(difference.at <= came.len()),
                Verdict::More => prop_assert!(extent == Extent::Prefix),
            }
        }
    }
}
