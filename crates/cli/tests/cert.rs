//! `sockeye cert` as a person or a script uses it: what is written, who may read it, and what is shown.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use serde_json::Value;
use sockeye_testkit::program::{Ended, Program, Scratch};

/// Runs `sockeye cert` with these words in `directory`'s stead.
fn cert(words: &[&str]) -> Ended {
    Program::new(env!("CARGO_BIN_EXE_sockeye")).arg("cert").args(words).run("")
}

fn fixture(name: &str) -> String {
    format!("{}/tests/golden/files/certificates/{name}", env!("CARGO_MANIFEST_DIR"))
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn all_is_made_at_once_listed_and_never_overwritten() {
    let scratch = Scratch::new();
    let directory = scratch.path().join("my certs");
    let place = directory.to_str().unwrap();
    let ended = cert(&["all", "--dir", place, "app.test", "::1"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let shown = String::from_utf8(ended.stdout).unwrap();
    assert!(shown.contains("app.test, ::1") && shown.contains("(days left: 396)"), "{shown}");
    for name in ["ca", "server", "client"] {
        let key = directory.join(format!("{name}.key"));
        assert_eq!(mode(&key), 0o600);
        assert!(ended.stderr.contains(&format!("wrote {}", key.display())), "{}", ended.stderr);
        assert!(fs::read_to_string(key).unwrap().starts_with("-----BEGIN PRIVATE KEY-----\n"));
        assert!(shown.contains(&format!("{place}/{name}.pem\n")), "{shown}");
    }
    assert_eq!((mode(&directory), fs::read_dir(&directory).unwrap().count()), (0o700, 6));
    let next = format!("next: sockeye connect tls://app.test:4433 --ca '{place}/ca.pem'\n");
    assert!(ended.stderr.contains(&next), "{}", ended.stderr);

    let before = fs::read(directory.join("server.key")).unwrap();
    let ended = cert(&["server", "--dir", place]);
    assert_eq!((ended.code, ended.stdout.len()), (Some(3), 0));
    assert!(ended.stderr.starts_with("error[file-exists]: "), "{}", ended.stderr);
    assert_eq!(fs::read(directory.join("server.key")).unwrap(), before);
    assert_eq!(cert(&["server", "--force", "--dir", place]).code, Some(0));
    assert_ne!(fs::read(directory.join("server.key")).unwrap(), before);
    assert_eq!(fs::read_dir(&directory).unwrap().count(), 6);
}

#[test]
fn without_a_directory_files_are_made_where_one_stands() {
    let program = Program::new(env!("CARGO_BIN_EXE_sockeye")).args(["cert", "ca", "--name", "测试"]);
    let home = program.home().to_owned();
    let mut running = program.start();
    running.says("next: sockeye cert server\n");
    assert_eq!(mode(&home.join("ca.key")), 0o600);
    assert!(running.said().starts_with("wrote ca.pem\nwrote ca.key"), "{}", running.said());
    running.end_input();
    running.shows("  1  CN=测试, O=sockeye development\n");
}

#[test]
fn json_is_an_object_a_certificate_and_shows_no_key() {
    let scratch = Scratch::new();
    let place = scratch.path().to_str().unwrap();
    let made = cert(&["all", "--dir", place, "--json"]);
    let shown = cert(&[
        "show",
        "--json",
        &format!("{place}/ca.pem"),
        &format!("{place}/server.pem"),
        &format!("{place}/ca.key"),
    ]);
    let lines = |bytes: &[u8]| -> Vec<Value> {
        String::from_utf8(bytes.to_vec())
            .unwrap()
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    };
    let (made, shown) = (lines(&made.stdout), lines(&shown.stdout));
    assert_eq!((made.len(), shown.len()), (3, 3));
    assert_eq!(made[..2], shown[..2]);
    assert_eq!(
        (&shown[0]["ca"], &shown[0]["path_length"], &shown[0]["self_signed"]),
        (&true.into(), &0.into(), &true.into())
    );
    assert_eq!((&shown[1]["ca"], &shown[1]["purposes"][0]), (&false.into(), &"server".into()));
    assert_eq!(shown[1]["names"][0]["value"], "localhost");
    assert_eq!(shown[2]["kind"], "pem-section");
    let key = fs::read_to_string(format!("{place}/ca.key")).unwrap();
    assert!(!shown[2].to_string().contains(key.lines().nth(1).unwrap()));
}

#[test]
fn what_a_certificate_says_cannot_act_on_the_terminal() {
    for words in [&["show"][..], &["show", "--raw"], &["show", "--json"], &["show", "--lang", "zh-CN"]] {
        let ended = cert(&[words, &[fixture("hostile.pem").as_str()]].concat());
        let shown = String::from_utf8(ended.stdout).unwrap();
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        assert!(shown.contains("b.test") && shown.contains("owned"), "{shown}");
        assert!(!shown.contains(['\x1b', '\x07', '\u{202e}']), "{shown:?}");
        // A name cannot pretend to be two, nor a line to be another.
        assert!(!words.contains(&"--raw") || shown.contains(r"\, CN=bank.example"), "{shown}");
        assert!(shown.lines().all(|line| !line.starts_with('c')), "{shown}");
    }
}

#[test]
fn one_place_that_cannot_be_shown_keeps_no_other_from_it() {
    let (good, bad) = (fixture("authority.pem"), fixture("text.pem"));
    let ended = cert(&["show", "no-such.pem", &good, &bad]);
    let shown = String::from_utf8(ended.stdout).unwrap();
    assert!(shown.contains("CN=Example CA") && shown.contains("ECDSA P-384"), "{shown}");
    assert!(
        ended.stderr.contains("error[no-file]") && ended.stderr.contains("error[bad-certificate]"),
        "{}",
        ended.stderr
    );
    assert_eq!(ended.code, Some(3));
}

#[test]
fn stdin_is_a_place() {
    let text = fs::read(fixture("authority.pem")).unwrap();
    let ended = Program::new(env!("CARGO_BIN_EXE_sockeye")).args(["cert", "show", "-"]).run(text);
    assert!(String::from_utf8(ended.stdout).unwrap().starts_with("-\n  1  CN=Example CA\n"));
}
