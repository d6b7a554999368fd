//! What files come to, and what is said of those that are wrong.

use std::time::Duration;

use sockeye_script::error::{Noun, What};
use sockeye_script::pattern::Extent;
use sockeye_script::program::{Op, Role};
use sockeye_script::{Errors, Program, Vars, Wanted, read};

/// Files by path.
struct Folder<'a>(&'a [(&'a str, &'a [u8])]);

impl Folder<'_> {
    fn read(&self, text: &str) -> Result<Program, Errors> {
        let mut load = |path: &str, _: Wanted| {
            let found = self.0.iter().find(|(known, _)| *known == path);
            found.map(|(_, bytes)| bytes.to_vec()).ok_or_else(|| "not there".to_owned())
        };
        read("dir/main.skt", text, &Vars::default(), &mut load)
    }
}

fn program(text: &str) -> Program {
    Folder(&[]).read(text).unwrap_or_else(|errors| panic!("{errors} in {text}"))
}

/// The text of the first error's place, with its word and the nearest word.
fn wrong(text: &str) -> (String, &'static str, String) {
    let errors = Folder(&[]).read(text).expect_err(text);
    let error = &errors.list[0];
    let source = errors.source(error.place).expect(text);
    let here = &source.text[error.place.start as usize..error.place.end as usize];
    (here.to_owned(), error.what.word(), error.what.near().unwrap_or("").to_owned())
}

fn built(text: &str) -> Vec<u8> {
    let program = program(&format!("> {text}"));
    let Op::Send(data) = &program.steps[0].op else { panic!("{text}") };
    let mut out = Vec::new();
    data.build(&Vars::default(), &mut out).unwrap_or_else(|unfit| panic!("{text}: {unfit}"));
    out
}

#[test]
fn a_file_comes_to_its_settings_peers_and_steps() {
    let program = program(
        "\u{feff}# a comment\r\n@frame crlf\r\n@timeout 2s\r\n@seed 7 # more\r\n@enc gbk\r\n\
         @var who \"al ice\"\r\n@var port 9000\r\npeer c connect tcp://127.0.0.1:{{port}}\r\n\
         peer s listen udp://127.0.0.1:0?enc=utf-8\r\n\r\nc > \"HELLO {{who}}\" \\\r\n   hex:0d0a as greeting\r\n\
         c < \"你\" within 10ms..1s after 5ms\r\nrepeat 3 every 20ms\r\n  s < any like \"你\"\r\nend\r\nsleep 1s\r\nc <eof\r\n",
    );
    assert_eq!(program.settings.timeout, Duration::from_secs(2));
    assert_eq!((program.settings.seed, program.settings.charset.name()), (Some(7), "gbk"));
    assert_eq!(program.peers[0].endpoint.as_ref(), "tcp://127.0.0.1:{{port}}");
    assert_eq!(program.peers[1].role, Role::Listen);
    let [send, expect, repeat, listened, end, sleep, eof] = &program.steps[..] else { panic!() };
    let mut vars = Vars::default();
    vars.set("who", b"bob");
    let mut out = Vec::new();
    let Op::Send(data) = &send.op else { panic!() };
    data.build(&vars, &mut out).unwrap();
    assert_eq!(out, b"HELLO bob\r\n");
    assert_eq!(send.label.as_deref(), Some("greeting"));
    let Op::Expect(pattern) = &expect.op else { panic!() };
    out.clear();
    pattern.sample(&vars, &mut out).unwrap();
    assert_eq!(out, b"\xc4\xe3");
    assert_eq!(expect.within, Some((Duration::from_millis(10), Duration::from_secs(1))));
    assert_eq!(expect.after, Some(Duration::from_millis(5)));
    assert_eq!(repeat.op, Op::Repeat { times: 3, every: Duration::from_millis(20), end: 4 });
    let Op::Expect(pattern) = &listened.op else { panic!() };
    out.clear();
    pattern.sample(&vars, &mut out).unwrap();
    assert_eq!((&*out, listened.peer), ("你".as_bytes(), 1));
    assert_eq!(
        (&end.op, &sleep.op, &eof.op),
        (&Op::End { start: 2 }, &Op::Sleep(Duration::from_secs(1)), &Op::Eof)
    );
    assert_eq!(program.sources[0].position(eof.place.start), (18, 1));
    assert_eq!(program.sources[0].line(eof.place.start), "c <eof");
}

#[test]
fn every_step_is_read() {
    let program = program(
        "peer c connect tcp://h:1\nc connect\nc >\"a\"\nc <\"a\"\nc <~ any\nc <? /x/\nc <never any within 1s\nc <??\n\
         c <eof\nc <reset\nc close\nc fin\nc reset\nc starttls insecure ca=ca.pem\nc sleep 1ms\nc <n:u8\n",
    );
    let ops: Vec<_> = program.steps.iter().map(|step| std::mem::discriminant(&step.op)).collect();
    assert_eq!(ops.len(), 15);
    assert_eq!(program.steps[12].op, Op::StartTls("insecure&ca=ca.pem".into()));
    assert!(matches!(program.steps[6].op, Op::Expect(_)) && matches!(program.steps[14].op, Op::Expect(_)));
}

#[test]
fn messages_are_built_as_they_are_written() {
    for (text, bytes) in [
        (r#""""#, &b""[..]),
        (r#""a\n\r\t\0\\\"\x41\u{4f60}\{{x}}""#, "a\n\r\t\0\\\"A你{{x}}".as_bytes()),
        ("hex:DEad", b"\xde\xad"),
        (r#"hex:"de ad  00*3""#, b"\xde\xad\0\0\0"),
        ("b64:aGk=", b"hi"),
        (r#"b64:"aG k""#, b"hi"),
        (r#"u8(1) u16be(0x0102) "ping""#, b"\x01\x01\x02ping"),
        (r#"u16be(len) "abc""#, b"\0\x03abc"),
        (r#"u16be(len + 2) "abc""#, b"\0\x05abc"),
        (r#"u8(len-1) "abc""#, b"\x02abc"),
        (r#"ascii4(len) "abc""#, b"0003abc"),
        (r"varint(len) hex:00*200", &[&[0xc8, 1][..], &[0; 200]].concat()),
        (r#"u8(len(B)) u8(9) B=("ab" u8(1)) "rest""#, b"\x03\x09ab\x01rest"),
        (r#"B=("ab") u8(len(B))"#, b"ab\x02"),
        ("hex:01030000000a crc16-modbus", b"\x01\x03\0\0\0\x0a\xc5\xcd"),
        (r#""12345" "6789" crc32"#, b"123456789\xcb\xf4\x39\x26"),
        (r#"crc32-le(B) B=("123456789")"#, b"\x26\x39\xf4\xcb123456789"),
        (r"u8(2) B=(hex:0102 sum8) sum8", b"\x02\x01\x02\x05\x0a"),
        ("i8(-1) i16le(-2) f32be(1.5)", b"\xff\xfe\xff\x3f\xc0\0\0"),
    ] {
        assert_eq!(built(text), bytes, "{text}");
    }
}

#[test]
fn a_length_of_no_fixed_size_makes_room_for_itself() {
    for size in [0, 126, 127, 128, 129, 16382, 16383, 16384] {
        let bytes = built(&format!("G=( varint(len(G)) hex:00*{size} )"));
        let (mut length, mut shift) = (0, 0);
        for byte in &bytes {
            length |= usize::from(byte & 0x7f) << shift;
            shift += 7;
            if byte & 0x80 == 0 {
                break;
            }
        }
        assert_eq!(length, bytes.len(), "{size}");
    }
}

#[test]
fn mistakes_are_told_where_they_are() {
    for (text, here, word, near) in [
        ("@fram line", "@fram", "unknown", "frame"),
        ("@frame lin", "lin", "fault", "line"),
        ("@enc gbkk", "gbkk", "fault", "gbk"),
        ("@timeout soon", "soon", "fault", ""),
        ("@seed -1", "-1", "range", ""),
        ("@timeout 1s\n@timeout 2s", "@timeout 2s", "duplicate", ""),
        ("@var a 1\n@var a 2", "a", "duplicate", ""),
        ("@var a \"{{b}}\"\n@var b 1", "\"{{b}}\"", "misplaced", ""),
        ("peer c conect tcp://h:1", "conect", "expected", "connect"),
        ("peer c connect tcp:/h", "tcp:/h", "fault", ""),
        ("peer c connect tcp://h:{{p}}", "tcp://h:{{p}}", "unknown", ""),
        ("peer c connect tcp://h:1\npeer c listen :0", "c", "duplicate", ""),
        ("peer close connect tcp://h:1", "close", "reserved", ""),
        ("peer alice connect tcp://h:1\nalic > \"x\"", "alic", "unknown", "alice"),
        ("peer a connect tcp://h:1\npeer b connect tcp://h:1\n> \"x\"", "> \"x\"", "nameless", ""),
        ("c > \"x\"", "c", "unknown", ""),
        ("connct", "connct", "unknown", "connect"),
        ("slep 5s", "slep", "unknown", "sleep"),
        ("peer c connect tcp://h:1\nc clsoe", "clsoe", "unknown", "close"),
        ("<nevr any", "<nevr", "unknown", "<never"),
        ("<eofx", "<eofx", "unknown", "<eof"),
        ("> \"x\" withn 1s", "withn", "unknown", "within"),
        ("> \"x\" within 2s..1s", "2s..1s", "range", ""),
        ("> \"x\" within 1s within 1s", "1s", "duplicate", ""),
        ("> \"x\" like \"y\"", "like", "misplaced", ""),
        ("> ", "", "expected", ""),
        ("> \"x", "\"x", "unclosed", ""),
        ("> \"\\q\"", "\\q", "escape", ""),
        ("> \"\\x1\"", "\\x", "escape", ""),
        ("> \"{{x}}\"", "x", "unknown", ""),
        ("> \"{{x\"", "{{x", "unclosed", ""),
        ("> hex:abc", "abc", "digits", ""),
        ("> hex:00*9999999", "00*9999999", "digits", ""),
        ("> b64:a", "a", "digits", ""),
        ("> hex:a???", "a???", "digits", ""),
        ("> hex:??", "hex:??", "open", ""),
        ("> any", "any", "open", ""),
        ("> n:u8", "n:u8", "open", ""),
        ("> u8(256)", "256", "range", ""),
        ("> u8(255 + 1)", "255", "range", ""),
        ("> u9(1)", "u9", "unknown", "u8"),
        ("> u8(x)", "x)", "expected", ""),
        ("> u8", "", "expected", ""),
        ("> crc31", "crc31", "unknown", "crc32"),
        ("> u8(len(B)) A=(\"x\")", "B", "unknown", ""),
        ("> A=(\"x\") A=(\"y\")", "A", "duplicate", ""),
        ("> A=(\"x\" crc32(A))", "crc32(A)", "circular", ""),
        ("> crc32(B) B=(\"x\" sum8)", "crc32(B)", "circular", ""),
        ("> A=(\"x\"", "A=(\"x\"", "unclosed", ""),
        ("< n:u17be", "u17be", "unknown", "u16be"),
        ("< n:u8(5..1)", "n:u8(5..1)", "range", ""),
        ("< /(/", "/(/", "regex", ""),
        ("< /a", "/a", "unclosed", ""),
        ("< /a/q", "q", "unknown", ""),
        ("< /\\w{1000}{1000}/", "/\\w{1000}{1000}/", "regex", ""),
        ("< json($.a == )", ")", "expected", ""),
        ("< json($.a) \"x\"", "json($.a)", "misplaced", ""),
        ("< json($.a", "json($.a", "unclosed", ""),
        ("repeat 2\n> \"x\"", "repeat 2", "unpaired", ""),
        ("end", "end", "unpaired", ""),
        ("include \"gone.skt\"", "\"gone.skt\"", "load", ""),
        ("> file:\"gone\"", "\"gone\"", "load", ""),
        ("starttls insecur", "insecur", "unknown", "insecure"),
        ("@enc gbk\n> \"😀\"", "\"😀\"", "charset", ""),
    ] {
        let found = wrong(text);
        assert_eq!(found, (here.to_owned(), word, near.to_owned()), "{text}");
    }
}

#[test]
fn one_mistake_hides_no_other_and_makes_none() {
    let text = "peer c conect tcp://h:1\nc > \"x\"\nc < u9(1)\nc < \"{{later}}\"\n@fram x\n";
    let errors = Folder(&[]).read(text).unwrap_err();
    let lines: Vec<_> = errors.list.iter().map(|e| errors.sources[0].position(e.place.start).0).collect();
    assert_eq!(lines, [1, 3, 5]);
    let many = "> u9(1)\n".repeat(1000);
    assert_eq!(Folder(&[]).read(&many).unwrap_err().list.len(), sockeye_script::error::MOST);
}

#[test]
fn variables_must_have_a_value_by_then() {
    program("< id:u8 n:u8({{id}})\n> u8({{id}}) \"{{id}}\"");
    program("peer s listen tcp://127.0.0.1:0\npeer c connect tcp://127.0.0.1:{{s.port}}\nc > \"{{s.url}}\"");
    program("peer a connect tcp://h:1\npeer b connect tcp://h:{{port}}\na < /(?<port>[0-9]+)/\nb connect");
    assert_eq!(wrong("> \"{{id}}\"\n< id:u8").1, "unknown");
    let mut given = Vars::default();
    given.set("who", b"x");
    assert!(read("a", "> \"{{who}}\"", &given, &mut |_, _| Err(String::new())).is_ok());
}

#[test]
fn files_are_included_relative_to_who_names_them() {
    let folder = Folder(&[
        ("dir/peers.skt", b"peer c connect tcp://h:1\ninclude \"more/steps.skt\"\n"),
        ("dir/more/steps.skt", b"c > file:\"data.bin\"\n"),
        ("dir/more/data.bin", b"\0\x01"),
        ("dir/loop.skt", b"include \"./x/../loop.skt\"\n"),
        ("dir/latin.skt", b"# \xe9\n"),
    ]);
    let program = folder.read("include \"peers.skt\"\nc <eof\n").unwrap();
    assert_eq!((program.sources.len(), program.steps.len(), program.steps[0].place.source), (3, 2, 2));
    let what = |text: &str| folder.read(text).unwrap_err().list[0].what.clone();
    assert_eq!(what("include \"loop.skt\""), What::Cycle("./x/../loop.skt".into()));
    assert_eq!(what("include \"main.skt\""), What::Cycle("main.skt".into()));
    assert_eq!(what("include \"latin.skt\""), What::Utf8);
}

#[test]
fn everything_is_bounded() {
    let limit = |text: &str| match Folder(&[]).read(text).unwrap_err().list[0].what {
        What::Limit { noun, .. } => noun,
        ref what => panic!("{}", what.word()),
    };
    assert_eq!(limit(&" ".repeat((16 << 20) + 1)), Noun::File);
    assert_eq!(limit(&"sleep 1\n".repeat(1_000_001)), Noun::Step);
    assert_eq!(limit(&("repeat 1\n".repeat(17) + &"end\n".repeat(17))), Noun::Depth);
    let peers = (0..201).map(|n| format!("peer p{n} connect tcp://h:1\n")).collect::<Vec<_>>().concat();
    assert_eq!(limit(&peers), Noun::Peer);
    let nested = format!("> {}\"x\"{}", "A=(".repeat(17), ")".repeat(17));
    assert_eq!(limit(&nested), Noun::Depth);
    assert_eq!(limit(&format!("> {}", "sum8 ".repeat(65))), Noun::Group);
    let mut load = |path: &str, _: Wanted| Ok(format!("include \"{path}x\"\n").into_bytes());
    let errors = read("a", "include \"b\"\n", &Vars::default(), &mut load).unwrap_err();
    assert!(matches!(errors.list[0].what, What::Limit { noun: Noun::Depth, most: 16 }));
    let mut load = |path: &str, _: Wanted| match path.strip_prefix('x').unwrap().parse::<u32>().unwrap() {
        10 => Ok(Vec::new()),
        depth => Ok(format!("include \"x{0}\"\ninclude \"x{0}\"\n", depth + 1).into_bytes()),
    };
    let errors = read("a", "include \"x0\"\n", &Vars::default(), &mut load).unwrap_err();
    assert!(matches!(errors.list[0].what, What::Limit { noun: Noun::File, .. }));
}

/// What is sent may be written as what it might be: then `like` says what is sent.
#[test]
fn what_is_sent_may_be_a_pattern_with_a_sample() {
    let program = program("> hex:01 id:u16be like hex:01 u16be(7)\n< hex:81 u16be({{id}})\n");
    let Op::Say(pattern) = &program.steps[0].op else { panic!() };
    let mut out = Vec::new();
    pattern.sample(&Vars::default(), &mut out).unwrap();
    assert_eq!(out, b"\x01\x00\x07");
    let mut captured = Vars::default();
    pattern.matches(b"\x01\x01\x02", &Vars::default(), Extent::Whole, &mut captured);
    assert_eq!(captured.get("id"), Some(&b"258"[..]));
}
