//! Passwords and tokens as a person meets them: asked for on a terminal and never shown, kept with `sockeye user`, and in
//! no output, no fault and no list of processes.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

use std::fs;
use std::io::Write;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use sockeye_testkit::program::{Ended, Program, Running, Scratch, place};

fn sockeye<const N: usize>(args: [&str; N]) -> Program {
    Program::new(env!("CARGO_BIN_EXE_sockeye")).args(args)
}

/// Runs `sockeye` on a terminal of its own, which is the one it asks on; then says how it ended and how it left the
/// terminal.
fn at_terminal(args: &[&str]) -> Running {
    const THEN: &str = r#"trap : INT; "$@"; echo "ended with $?"; stty -a"#;
    Program::new("setsid")
        .args(["--ctty", "--wait", "sh", "-c", THEN, "sh", env!("CARGO_BIN_EXE_sockeye")])
        .args(args)
        .start_on_terminal("xterm-256color")
}

/// The terminal takes keys as before: it echoes, cuts lines and sends signals.
fn left_as_it_was(program: &Running, code: i32) {
    program.shows(format!("ended with {code}"));
    program.shows("iexten");
    let screen = String::from_utf8_lossy(&program.shown()).into_owned();
    for mode in ["isig", "icanon", "echo"] {
        assert!(screen.split_whitespace().any(|word| word == mode), "not {mode}: {screen}");
    }
}

fn screen_of(program: &Running) -> String {
    String::from_utf8_lossy(&program.shown()).into_owned()
}

/// A users file with lin, whose password is `canary-of-lin`, hashed as seldom as is allowed.
fn users(scratch: &Scratch) -> String {
    let path = scratch.path().join("users").to_str().unwrap().to_owned();
    add(&path, "lin", "canary-of-lin").ok();
    path
}

fn add(path: &str, name: &str, password: &str) -> Ended {
    let add = ["user", "add", name, "--users", path, "--iterations", "4096"];
    sockeye(add).env("SOCKEYE_PASSWORD", password).run("")
}

fn token(path: &str, name: &str) -> String {
    sockeye(["user", "add", name, "--token", "--users", path]).run("").ok().trim().to_owned()
}

/// A server that lets in whom the file names, and its endpoint.
fn server(path: &str) -> (Running, String) {
    let server =
        sockeye(["serve", "auth+tcp://127.0.0.1:0", "upper", "--users", path, "-vvv", "--json"]).start();
    let address = place(&server.ready()).to_owned();
    (server, format!("auth+tcp://{address}"))
}

#[test]
fn a_password_is_asked_for_and_not_shown() {
    let scratch = Scratch::new();
    let (_server, endpoint) = server(&users(&scratch));
    let mut client = at_terminal(&["ask", &endpoint, "hello", "--user", "lin"]);
    client.shows("password for lin: ");
    client.types("canary-of-lim\x7fn\r");
    client.shows("HELLO");
    left_as_it_was(&client, 0);
    assert!(!screen_of(&client).contains("canary"), "{}", screen_of(&client));

    let mut client = at_terminal(&["ask", &endpoint, "hello", "--user", "lin", "--lang", "zh-CN"]);
    client.shows("lin 的密码：");
    client.types("canary-wrong\r");
    client.shows("错误[bad-credentials]");
    left_as_it_was(&client, 5);
    assert!(!screen_of(&client).contains("canary"), "{}", screen_of(&client));
}

#[test]
fn giving_up_at_the_prompt_leaves_the_terminal_as_it_was() {
    for (keys, code) in [("canary\x03", 130), ("\x04", 2), ("\r", 2)] {
        let mut client = at_terminal(&["ask", "auth+tcp://127.0.0.1:1", "hello", "--user", "lin"]);
        client.shows("password for lin: ");
        client.types(keys);
        left_as_it_was(&client, code);
        assert!(!screen_of(&client).contains("canary"));
        assert_eq!(screen_of(&client).contains("error[no-password]"), code == 2);
    }
}

#[test]
fn a_new_password_is_typed_twice_and_a_slip_is_refused() {
    let scratch = Scratch::new();
    let path = scratch.path().join("users").to_str().unwrap().to_owned();
    let add = ["user", "add", "林", "--users", &path, "--iterations", "4096"];
    for (second, code) in [("canary-slip", 2), ("canary-of-林", 0)] {
        let mut program = at_terminal(&add);
        program.shows("password for 林: ");
        program.types("canary-of-林\r");
        program.shows("once more, for 林: ");
        program.types(format!("{second}\r"));
        left_as_it_was(&program, code);
        let screen = screen_of(&program);
        assert!(!screen.contains("canary"), "{screen}");
        assert_eq!(screen.contains("error[passwords-differ]"), code == 2, "{screen}");
        assert_eq!(Path::new(&path).exists(), code == 0);
    }
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let (_server, endpoint) = server(&path);
    let ask = sockeye(["ask", &endpoint, "hello", "--user", "林"]);
    assert_eq!(ask.env("SOCKEYE_PASSWORD", "canary-of-林").run("").ok(), "HELLO");
}

#[test]
fn passwords_and_tokens_come_from_files_and_the_environment_too() {
    let scratch = Scratch::new();
    let path = users(&scratch);
    let token = token(&path, "robot");
    let (_server, endpoint) = server(&path);
    let file = |name: &str, text: &str| {
        let path = scratch.path().join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (password, kept) =
        (file("password", "canary-of-lin\nnot this\n"), file("token", &format!("{token}\n")));
    let ask = |args: &[&str]| sockeye(["ask", &endpoint, "hello"]).args(args);
    assert_eq!(ask(&["--user", "lin", "--password-file", &password]).run("").ok(), "HELLO");
    let asked = ask(&["--token-file", &kept, "-v"]).run("");
    assert_eq!(asked.ok(), "HELLO");
    assert!(asked.stderr.contains(" logged in, by BEARER\n"), "{}", asked.stderr);
    assert_eq!(ask(&["--user", "lin"]).env("SOCKEYE_PASSWORD", "canary-of-lin").run("").ok(), "HELLO");
    assert_eq!(ask(&[]).env("SOCKEYE_TOKEN", &token).run("").ok(), "HELLO");
    // A user's password is set from a file in the same way.
    sockeye(["user", "add", "mei", "--users", &path, "--iterations", "4096", "--password-file", &password])
        .run("")
        .ok();
    assert_eq!(ask(&["--user", "mei", "--password-file", &password]).run("").ok(), "HELLO");
}

#[test]
fn users_are_listed_and_removed() {
    let scratch = Scratch::new();
    let path = users(&scratch);
    token(&path, "lin");
    token(&path, "机器人");
    let list = || sockeye(["user", "list", "--users", &path]).run("").ok();
    let listed = list();
    let words: Vec<Vec<&str>> = listed.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(
        words,
        [["lin", "password,", "hashed"], ["lin", "token,", "digest"], ["机器人", "token,", "digest"]]
    );
    let removed = sockeye(["user", "remove", "lin", "--users", &path]).run("");
    assert_eq!(removed.with_code(0), format!("lin is out ({path})\n"));
    assert!(list().starts_with("机器人 ") && list().lines().count() == 1);
    let again = sockeye(["user", "remove", "lin", "--users", &path]).run("");
    assert!(again.with_code(2).starts_with("error[unknown-user]"), "{}", again.stderr);
}

/// Row 26 of the attack plan: a secret is nowhere but where it belongs.
#[test]
fn a_secret_is_in_no_output_no_fault_and_no_list_of_processes() {
    let scratch = Scratch::new();
    let path = users(&scratch);
    let token = token(&path, "robot");
    let (server, endpoint) = server(&path);
    let wrong = "B".repeat(42) + "A";
    let mut seen = Vec::new();
    for (args, variable, secret) in [
        (&["--user", "lin"][..], "SOCKEYE_PASSWORD", "canary-of-lin"),
        (&["--user", "lin"], "SOCKEYE_PASSWORD", "canary-wrong"),
        (&["--user", "nobody"], "SOCKEYE_PASSWORD", "canary-wrong"),
        (&[], "SOCKEYE_TOKEN", &token),
        (&[], "SOCKEYE_TOKEN", &wrong),
        (&[], "SOCKEYE_TOKEN", "canary-malformed"),
        (&["--via", "socks5://lin@127.0.0.1:1"], "SOCKEYE_VIA_PASSWORD", "canary-of-via"),
    ] {
        for more in [&["-vvv"][..], &["-vvv", "--json"]] {
            let ended =
                sockeye(["ask", &endpoint, "hello"]).args(args).args(more).env(variable, secret).run("");
            seen.push(format!("{}{}", String::from_utf8_lossy(&ended.stdout), ended.stderr));
        }
    }
    let via = ["ask", "tcp://192.0.2.1:1?via=http://lin:canary-in-url@127.0.0.1:1", "x", "-vvv", "--json"];
    let ended = sockeye(via).run("");
    seen.push(format!("{}{}", String::from_utf8_lossy(&ended.stdout), ended.stderr));
    // While it talks, anybody may look at what runs.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let waiting =
        sockeye(["connect", &format!("auth+tcp://{}", silent.local_addr().unwrap()), "--user", "lin"]);
    let waiting = waiting.env("SOCKEYE_PASSWORD", "canary-of-lin").start();
    let (mut peer, _) = silent.accept().unwrap();
    for process in [waiting.id(), server.id()] {
        seen.push(fs::read_to_string(format!("/proc/{process}/cmdline")).unwrap());
    }
    peer.write_all(b"canary? what canary\n").unwrap();
    drop(peer);
    waiting.ends_by_itself().with_code(5);
    let ended = server.stop();
    seen.push(format!("{}{}", String::from_utf8_lossy(&ended.stdout), ended.stderr));
    assert!(seen.iter().any(|text| text.contains("authenticated")), "nobody has logged in");
    for text in &seen {
        for secret in ["canary", &token, &wrong] {
            assert!(!text.contains(secret), "{secret}: {text}");
        }
    }
    let kept = fs::read_to_string(&path).unwrap();
    assert!(!kept.contains("canary") && !kept.contains(&token), "{kept}");
}
