//! `sockeye test`, from outside: recordings that pass, failures that say why, reports, and every step of the language on
//! real sockets.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::thread;

use sockeye_testkit::program::{Program, Running, Scratch, Signal};

/// A directory of conversation files.
struct Files(Scratch);

impl Files {
    fn new(files: &[(&str, &str)]) -> Self {
        let files_here = Self(Scratch::new());
        for (name, text) in files {
            files_here.write(name, text.as_bytes());
        }
        files_here
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        let path = self.0.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_str().unwrap().to_owned()
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    /// `sockeye test` of a file here.
    fn test(&self, name: &str) -> Program {
        sockeye(&["test", &self.path(name)])
    }
}

fn sockeye(words: &[&str]) -> Program {
    Program::new(env!("CARGO_BIN_EXE_sockeye")).args(words)
}

fn server(service: &str) -> Running {
    let server = sockeye(&["serve", "127.0.0.1:0", service]).start();
    server.ready();
    server
}

/// What a program said on stderr, which must have ended with this code.
fn said(program: Program, code: i32) -> String {
    program.run("").with_code(code).to_owned()
}

#[test]
fn a_recorded_session_is_a_test_that_one_byte_fails() {
    let files = Files::new(&[]);
    let (upper, echo) = (server("upper"), server("echo"));
    let script = files.path("first.skt");
    let address = upper.address();
    sockeye(&["connect", &address, "--record", &script]).run("Hello, 世界\n").ok();
    let passed = files.test("first.skt").run("");
    assert_eq!(passed.ok(), "");
    // Another service: the first byte of the second step's answer is another one.
    let other = format!("server=tcp://{}", echo.address());
    let text = said(files.test("first.skt").args(["--var", &other]), 1);
    for part in [
        ":1  c1 <  (step ",
        "ms of 5s, peer open)",
        "the message differs from byte 1 on (counted from 0)",
        "expected  \"HELLO, 世界\\n\"",
        "actual    \"Hello, 世界\\n\"",
        "expected  48 45 4c 4c 4f 2c 20 e4 b8 96 e7 95 8c 0a",
        "c1 > \"Hello, 世界\\n\"  sent",
        "c1 < \"Hello, 世界\\n\"  wrong",
        " ↔ 127.0.0.1:",
        "seed ",
        "run again: sockeye test ",
        &format!("--var {other} --seed "),
    ] {
        assert!(text.contains(part), "{part} in\n{text}");
    }
    // One byte of the file, in Chinese: the mark is below the byte that differs, wide characters counted as two columns.
    let changed = files.read("first.skt").replace("c1 < \"HELLO, 世界", "c1 < \"HELLO, 世间");
    files.write("changed.skt", changed.as_bytes());
    let text = said(files.test("changed.skt").args(["--lang", "zh-CN"]), 1);
    assert!(
        text.contains("步，共 4 步，用了 ") && text.contains("消息从第 10 字节起不同（从 0 数起）"),
        "{text}"
    );
    let lines: Vec<&str> = text.lines().collect();
    let at = lines.iter().position(|line| line.contains("期望  \"")).unwrap();
    assert_eq!(
        lines[at..at + 3],
        ["  期望  \"HELLO, 世间\\n\"", "  实际  \"HELLO, 世界\\n\"", "                  ^"]
    );
}

/// Every step that framed streams know, with both ends in one file.
const STEPS: &str = include_str!("steps.skt");

/// What ends connections and begins others.
const ENDS: &str = "\
@timeout 2s
peer s listen {{listen}}
peer c connect {{s.url}}{{with}}
c > \"one\"
s < \"one\"
c close
s <eof
s close
c connect
s connect
c > \"two\"
s < \"tw\" any(1)
s reset
c <reset
c connect
s connect
c fin
s <eof
s fin
c <eof
c connect
s connect
c reset
s <reset
";

const DATAGRAMS: &str = "\
@timeout 2s
@ignore \"beat\"
peer s listen udp://127.0.0.1:0
peer t listen udp://127.0.0.1:0
peer a connect {{s.url}}
peer b connect {{t.url}}
a > \"join\" hex:00
s < \"join\" ??
b > \"join b\"
t < /^join (?<who>.)$/
s > \"beat\"
s > u8(2) \"ok\"
a < n:u8(1..3) \"ok\"
s > \"noise\"
s > \"yes {{who}}\"
a <~ \"yes b\"
a > \"\"
s < \"\"
a <? any within 10ms
b <never any within 20ms
a close
";

#[test]
fn every_step_is_played_on_every_transport() {
    let files = Files::new(&[("steps.skt", STEPS), ("ends.skt", ENDS), ("datagrams.skt", DATAGRAMS)]);
    sockeye(&["cert", "all", "--dir", &files.path("")]).run("").ok();
    let path = |name: &str| files.path(name);
    let tls = format!("?cert={}&key={}", path("server.pem"), path("server.key"));
    let trust = format!("?ca={}", path("ca.pem"));
    for (listen, with, half) in [
        ("tcp://127.0.0.1:0".to_owned(), "", true),
        (format!("unix://{}", path("s")), "", true),
        (format!("tls://127.0.0.1:0{tls}"), &*trust, true),
        // A WebSocket ends both ways at once.
        ("ws://127.0.0.1:0/chat".to_owned(), "", false),
        (format!("wss://127.0.0.1:0/chat{tls}"), &*trust, false),
    ] {
        let whole = files.read("steps.skt");
        let steps = if half { whole } else { whole.replace("s > \"still\"\nc < \"still\" as last\n", "") };
        files.write("now.skt", steps.as_bytes());
        let vars = [format!("listen={listen}"), format!("with={with}")];
        files.test("now.skt").args(["--var", &vars[0], "--var", &vars[1]]).run("").ok();
    }
    let vars = ["--var", "listen=tcp://127.0.0.1:0", "--var", "with="];
    files.test("ends.skt").args(vars).run("").ok();
    files.test("datagrams.skt").run("").ok();
}

#[test]
fn tls_is_put_on_in_the_middle() {
    let files = Files::new(&[]);
    sockeye(&["cert", "all", "--dir", &files.path("")]).run("").ok();
    let (cert, key, ca) = (files.path("server.pem"), files.path("server.key"), files.path("ca.pem"));
    let text = format!(
        "@frame line\n@timeout 5s\npeer s listen tcp://127.0.0.1:0\npeer c connect {{{{s.url}}}}\nc > \"STARTTLS\"\n\
         s < \"STARTTLS\"\ns > \"go ahead\"\nc < \"go ahead\"\ns starttls cert={cert} key={key}\n\
         c starttls ca={ca} sni=localhost\nc > \"secret\"\ns < \"secret\"\n"
    );
    files.write("tls.skt", text.as_bytes());
    files.test("tls.skt").run("").ok();
    files.write("bad.skt", text.replace(&format!("ca={ca} "), "").as_bytes());
    let text = said(files.test("bad.skt"), 1);
    assert!(text.contains("starttls") && text.contains("TLS could not be put on the connection"), "{text}");
}

#[test]
fn files_are_included_and_loaded_and_named_in_mistakes() {
    let main = "@timeout 2s\npeer s listen tcp://127.0.0.1:0?frame=crlf&enc=gbk\n\
                peer a connect {{s.url}}?frame=crlf&enc=gbk\ninclude \"sub/hello.skt\"\n\
                a > file:\"sub/data.bin\" \"tail\"\ns < file:\"sub/data.bin\" name:text\n";
    let files = Files::new(&[("main.skt", main), ("sub/hello.skt", "a > \"你好\"\ns < \"你\" any(2)\n")]);
    files.write("sub/data.bin", b"da\0ta");
    files.test("main.skt").run("").ok();
    // What fails in an included file, and what is wrong with one, names both.
    let place = format!("included in {}, line 4", files.path("main.skt"));
    files.write("sub/hello.skt", "a > \"你好\"\ns < \"您好\"\n".as_bytes());
    let text = said(files.test("main.skt"), 1);
    assert!(text.contains("sub/hello.skt:2:1") && text.contains(&place), "{text}");
    files.write("sub/hello.skt", b"a > \"x\"\nrepat 3\nend\n");
    let text = said(files.test("main.skt"), 3);
    assert!(text.contains("sub/hello.skt:2:1") && text.contains(&place), "{text}");
    assert!(text.contains("unknown step: repat\n") && text.contains("did you mean repeat?"), "{text}");
    files.write("sub/hello.skt", b"a > \"x\"\n# \xff\n");
    let text = said(files.test("main.skt"), 3);
    assert!(text.contains("this is not UTF-8") && text.contains("hello.skt:2:3") && text.contains(&place));
}

#[test]
fn odd_files_are_refused_in_a_few_words() {
    let files = Files::new(&[("empty.skt", ""), ("folder.skt/note.txt", "")]);
    files.write("latin.skt", b"peer c connect tcp://h:1\nc > \"\xe9\"\n");
    files.write(
        "long.skt",
        format!("c > {}\n@timeout {}\n", "x".repeat(1 << 20), "y".repeat(1 << 20)).as_bytes(),
    );
    files.write("huge.skt", &vec![b'#'; (16 << 20) + 1]);
    files.write("order.skt", "\u{feff}c <never\r\nc < json($.a = 1)\r\n".as_bytes());
    files.write("zero.skt", b"c > \0\n");
    files.write("events.skt", b"{\"v\":1}\n{\"v\":1}\n");
    for (name, code, says) in [
        ("empty.skt", 3, "there is no step in it"),
        ("folder.skt", 2, "no conversation file in"),
        ("latin.skt", 3, "latin.skt:2:6"),
        ("long.skt", 3, "unknown message: xxx"),
        ("huge.skt", 3, "> 16 MiB"),
        ("order.skt", 3, "order.skt:1:9"),
        ("order.skt", 3, "`==` or `as` or `,` or `)` is expected here, not ="),
        ("zero.skt", 3, "\\x00"),
        ("events.skt", 3, "these are events"),
        ("missing.skt", 3, "there is no file"),
    ] {
        let text = said(files.test(name), code);
        assert!(text.contains(says), "{name}: {text}");
        assert!(text.len() < 2_000, "{name}: {} bytes", text.len());
    }
    for (words, says) in [
        (&["-"][..], "- is no value for FILE"),
        (&["x.skt", "--jobs", "0"], "1…256"),
        (&["x.skt", "--report", "xml=f"], "junit=FILE"),
        (&["x.skt", "--report", "tap", "--report", "json"], "one report goes to stdout"),
        (&["x.skt", "--var", "a"], "NAME=VALUE"),
        (&["x.skt", "--check"], "--fmt is missing"),
        (&["x.skt", "--record", "x.skt"], "FILE.pcapng, FILE.jsonl"),
    ] {
        let text = said(sockeye(&["test"]).args(words), 2);
        assert!(text.contains(says), "{words:?}: {text}");
    }
}

#[test]
fn a_frame_that_never_ends_is_shown_as_the_framing_sees_it() {
    let text = "@frame u32be,max:64k\n@timeout 50ms\npeer s listen tcp://127.0.0.1:0\n\
                peer c connect tcp://127.0.0.1:{{s.port}}?frame=raw\nc > hex:00000104 \"ab\"\ns < any\n";
    let files = Files::new(&[("half.skt", text)]);
    let text = said(files.test("half.skt"), 1);
    assert!(text.contains("nothing came in time"), "{text}");
    assert!(text.contains("a frame has begun (u32be,max:64k): 6 of 264 bytes: 00 00 01 04 61 62"), "{text}");
    let text = said(files.test("half.skt").args(["-t", "10ms"]), 1);
    assert!(text.contains("of 10ms, peer open"), "{text}");
}

/// A server whose first answer is wrong, and every other one right.
fn moody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        for answer in ["no!", "yes", "yes"] {
            let Ok((mut stream, _)) = listener.accept() else { return };
            let mut byte = [0];
            let _ = stream.read(&mut byte);
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    address
}

#[test]
fn a_pass_after_a_failure_is_called_flaky() {
    let text = "peer c connect tcp://{{at}}\nc > \"?\"\nc < \"yes\"\nc <eof\n";
    let files = Files::new(&[("moody.skt", text)]);
    // Without --retry, the first failure is the result.
    let var = format!("at={}", moody());
    assert!(said(files.test("moody.skt").args(["--var", &var]), 1).contains("failed: 1"));
    let var = format!("at={}", moody());
    let (xml, json) = (files.path("out/r.xml"), files.path("r.json"));
    let reports =
        ["--report", &format!("junit={xml}"), "--report", &format!("json={json}"), "--report", "tap"];
    let kept = files.path("kept");
    let more = ["--var", &var, "--retry", "2", "--artifacts", &kept];
    let ended = files.test("moody.skt").args(more).args(reports).run("");
    let tap = ended.ok();
    let said = &ended.stderr;
    assert!(said.contains("flaky") && said.contains("attempt 1 failed: "), "{said}");
    assert!(said.contains("passed: 1, failed: 0") && said.contains("of these flaky: 1"), "{said}");
    assert!(tap.contains("ok 1 - ") && tap.contains("attempts: \"2\""), "{tap}");
    assert!(files.read("out/r.xml").contains("<flakyFailure message=\"the message differs from byte 0"));
    let report: serde_json::Value = serde_json::from_str(&files.read("r.json")).unwrap();
    assert_eq!(
        (&report["flaky"], &report["reports"][0]["earlier"][0]["kind"]),
        (&1.into(), &"differs".into())
    );
    // Only the attempt that failed has left something.
    let paths = report["reports"][0]["kept"].as_array().unwrap();
    assert_eq!(paths.len(), 2);
    for path in paths {
        assert!(Path::new(path.as_str().unwrap()).metadata().unwrap().len() > 0);
    }
}

#[test]
fn directories_are_run_in_parallel_and_reported_in_every_shape() {
    let server = server("upper");
    let text = |answer: &str| {
        format!("peer c connect {{{{server}}}}?frame=line\nc > \"<a & b>\"\nc < \"{answer}\"\n")
    };
    let files = Files::new(&[("d/bad.skt", "c <evr\n"), ("d/fail.skt", &text("<A & C>"))]);
    for number in 0..20 {
        files.write(&format!("d/deep/{number}.skt"), text("<A & B>").as_bytes());
    }
    let reports = [format!("junit={}", files.path("r.xml")), format!("html={}", files.path("page"))];
    let var = format!("server=tcp://{}", server.address());
    let program = files.test("d").args(["--jobs", "8", "--report", "json", "--var", &var]);
    let ended = program.args(["--report", &reports[0], "--report", &reports[1]]).run("");
    // A file that cannot be read outweighs one that failed.
    let said = ended.with_code(3);
    assert!(said.contains("files: 22, passed: 20, failed: 1") && said.contains("unreadable: 1"), "{said}");
    // Into a pipe goes no bar.
    assert!(!said.contains('\x1b') && !said.contains('\r'), "{said}");
    let json: serde_json::Value = serde_json::from_slice(&ended.stdout).unwrap();
    assert_eq!((&json["files"], &json["passed"], &json["failed"]), (&22.into(), &20.into(), &1.into()));
    let failure = json["reports"].as_array().unwrap().iter().find(|report| report["verdict"] == "failed");
    assert_eq!(failure.unwrap()["failure"]["mismatch"]["at"], 5);
    schema_has(&json);
    let xml = files.read("r.xml");
    assert!(xml.contains("tests=\"22\" skipped=\"0\" errors=\"1\" failures=\"1\""), "{xml}");
    assert!(xml.contains("&lt;A &amp; C&gt;") && !xml.contains("<A & C>"));
    let page = files.read("page/index.html");
    assert!(
        page.starts_with("<!DOCTYPE html>") && !page.contains("<A & C>") && !page.contains("src="),
        "{page}"
    );
    assert!(said_of(&files, &var).contains("files: 22, passed: 20"));
}

/// Holds every key of a report beside the schema that documents it.
fn schema_has(report: &serde_json::Value) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/test-report.schema.json");
    let schema: serde_json::Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    let known = |at: &str, object: &serde_json::Value| {
        let properties = schema.pointer(at).unwrap();
        for key in object.as_object().unwrap().keys() {
            assert!(properties.get(key).is_some(), "the schema has no {key} at {at}");
        }
    };
    known("/properties", report);
    for one in report["reports"].as_array().unwrap() {
        known("/$defs/report/properties", one);
        if let Some(failure) = one.get("failure") {
            known("/$defs/failure/properties", failure);
            known("/$defs/mismatch/properties", &failure["mismatch"]);
            known("/$defs/frame/properties", &failure["recent"][0]);
        }
        for mistake in one["mistakes"].as_array().into_iter().flatten() {
            known("/$defs/mistake/properties", mistake);
        }
    }
}

/// The same run in Chinese, which has its own page.
fn said_of(files: &Files, var: &str) -> String {
    let html = format!("html={}", files.path("zh"));
    let ended = files.test("d").args(["--var", var, "--report", &html, "--lang", "zh-CN"]).run("");
    assert!(ended.with_code(3).contains("文件：22，通过：20，失败：1"));
    assert!(files.read("zh/index.html").contains("lang=\"zh-CN\""));
    files.test("d").args(["--var", var]).run("").with_code(3).to_owned()
}

#[test]
fn files_are_formatted_or_only_looked_at() {
    let files =
        Files::new(&[("a.skt", "peer  c   connect tcp://h:1\nc   >   \"x\"\n"), ("b.skt", "c > \"y\"\n")]);
    let untidy = files.read("a.skt");
    let check = |code| said(sockeye(&["test", "--fmt", "--check", &files.path("")]), code);
    let text = check(1);
    assert!(text.contains("a.skt is not in canonical form") && !text.contains("b.skt"), "{text}");
    assert_eq!(files.read("a.skt"), untidy);
    said(sockeye(&["test", "--fmt", &files.path("")]), 0);
    assert_eq!(files.read("a.skt"), "peer c connect tcp://h:1\nc > \"x\"\n");
    check(0);
    files.write("c.skt", b"c <evr\n");
    assert!(check(3).contains("did you mean <never?"));
}

#[test]
fn a_signal_ends_a_run_and_says_what_was_not_run() {
    let text =
        "peer s listen tcp://127.0.0.1:0\npeer c connect {{s.url}}\nc > \"begun\"\ns < \"begun\"\nsleep 1m\n";
    let files = Files::new(&[("a.skt", text), ("b.skt", text)]);
    let mut run = files.test("a.skt").args([&*files.path("b.skt"), "--jobs", "1", "-v"]).start();
    run.says("connected to");
    run.signal(Signal::SIGINT);
    let ended = run.ends_by_itself();
    let said = ended.with_code(130);
    assert!(said.contains("not run: 2 (interrupted)"), "{said}");
}

#[test]
fn a_terminal_shows_a_bar_that_goes_away() {
    let text =
        "peer s listen tcp://127.0.0.1:0\npeer c connect {{s.url}}\nc > \"x\"\ns < \"x\"\nsleep 300ms\n";
    let files = Files::new(&[("a.skt", text)]);
    let run = files.test("a.skt").start_on_terminal("xterm");
    run.shows("0/1");
    run.shows("files: 1, passed: 1");
    assert_eq!(run.ends_by_itself().code, Some(0));
}
