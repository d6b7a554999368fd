//! `check` against injected faults, each in network namespaces of its own: the right layer and culprit, run by a user who
//! may do nothing special. The tables of `docs/check.md` are made here; `SOCKEYE_REWRITE=1` writes them.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on must fail")]
#![expect(clippy::print_stderr, reason = "what a wrong verdict rests on is for whoever reads the failure")]

mod faults;
mod lab;

use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use faults::{FAULTS, FURTHER, Fault, HEALTHY};
use lab::Lab;
use serde_json::Value;

/// Checks at one time: more would make slow what is measured by time.
const AT_ONCE: usize = 8;

/// How a verdict compares with what was injected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Score {
    Right,
    Unknown,
    Wrong,
}

/// What a check said.
struct Said {
    score: Score,
    row: String,
    whole: String,
}

/// Runs every fault of a list, several side by side.
fn run(lab: &mut Lab, faults: &[&Fault]) -> Vec<Said> {
    let spaces: Vec<String> =
        faults.iter().enumerate().map(|(number, fault)| fault.inject(lab, number)).collect();
    let next = AtomicUsize::new(0);
    let said: Mutex<Vec<(usize, Said)>> = Mutex::default();
    let lab = &*lab;
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(fault) = faults.get(at) else { return };
                    let found = check(lab, fault, &spaces[at], at);
                    said.lock().unwrap().push((at, found));
                }
            });
        }
    });
    let mut said = said.into_inner().unwrap();
    said.sort_by_key(|(at, _)| *at);
    said.into_iter().map(|(_, said)| said).collect()
}

fn check(lab: &Lab, fault: &Fault, space: &str, number: usize) -> Said {
    let ca = lab.file("ca.pem").display().to_string();
    let mut command = lab.sockeye(space).args(["check", fault.target, "--json", "-t", "6"]);
    if fault.target.starts_with("tls") || fault.target.starts_with("https") {
        command = command.args(["--ca", &ca]);
    }
    let ended = command.run("");
    let whole = String::from_utf8_lossy(&ended.stdout).into_owned() + &ended.stderr;
    let verdict = whole.lines().find(|line| line.contains("\"kind\":\"check-verdict\""));
    let verdict: Value =
        serde_json::from_str(verdict.unwrap_or_else(|| panic!("{}: {whole}", fault.name))).unwrap();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let got = (
        text(&verdict["verdict"]),
        text(&verdict["layer"]),
        text(&verdict["culprit"]["kind"]),
        text(&verdict["culprit"]["which"]),
    );
    let (word, layer, culprit, which) = fault.expected;
    let which = which.replace("{me}", &Lab::address(number));
    let expected = (word.to_owned(), layer.to_owned(), culprit.to_owned(), which);
    let score = match () {
        () if got == expected => Score::Right,
        () if got.0 == "unknown" => Score::Unknown,
        () => Score::Wrong,
    };
    // A verdict that something is wrong is exit 1, and nothing else is.
    let code = i32::from(got.0 != "ok");
    assert_eq!(ended.code, Some(code), "{}: {whole}", fault.name);
    let show = |(word, layer, culprit, which): &(String, String, String, String)| {
        format!("{word} · {layer} · {culprit} {which}").trim_end().to_owned()
    };
    let mark = match score {
        Score::Right => "right",
        Score::Unknown => "unknown",
        Score::Wrong => "**wrong**",
    };
    let (should, is) = (show(&expected), show(&got));
    let is = if score == Score::Right { String::new() } else { is };
    let row = format!(
        "| {} | `{}` | {should} | {mark}{}{is} |\n",
        fault.name,
        fault.target,
        if is.is_empty() { "" } else { ": " }
    );
    Said { score, row, whole: format!("{}: {whole}", fault.name) }
}

fn count(said: &[Said], score: Score) -> usize {
    said.iter().filter(|said| said.score == score).count()
}

fn table(said: &[Said]) -> String {
    let head = "| fault | checked | verdict · layer · culprit | |\n|---|---|---|---|\n";
    said.iter().fold(head.to_owned(), |text, said| text + &said.row)
}

/// What the file says between two marks is what the test found.
fn hold(path: &Path, mark: &str, found: &str) {
    let text = std::fs::read_to_string(path).unwrap();
    let (begin, end) = (format!("<!-- {mark} -->\n"), format!("<!-- end of {mark} -->"));
    let (before, rest) = text.split_once(&begin).unwrap();
    let (old, after) = rest.split_once(&end).unwrap();
    if std::env::var_os("SOCKEYE_REWRITE").is_some() {
        std::fs::write(path, format!("{before}{begin}{found}{end}{after}")).unwrap();
    } else {
        assert_eq!(old, found, "SOCKEYE_REWRITE=1 writes {}", path.display());
    }
}

#[test]
fn faults_are_laid_where_they_belong() {
    let mut lab = Lab::new();
    let all: Vec<&Fault> = FAULTS.iter().chain(FURTHER).chain(HEALTHY).collect();
    let mut known = run(&mut lab, &all);
    for said in known.iter().filter(|said| said.score != Score::Right) {
        eprintln!("{}", said.whole);
    }
    let healthy = known.split_off(FAULTS.len() + FURTHER.len());
    let further = known.split_off(FAULTS.len());
    assert_eq!(count(&healthy, Score::Right), HEALTHY.len());
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/check.md");
    for (mark, said) in [("faults", &known), ("further faults", &further)] {
        let (right, all) = (count(said, Score::Right), said.len());
        let (unknown, wrong) = (count(said, Score::Unknown), count(said, Score::Wrong));
        let sum = format!("\n{right} of {all} right, {unknown} unknown, {wrong} wrong.\n");
        hold(&path, mark, &(table(said) + &sum));
    }
    let (right, wrong) = (count(&known, Score::Right), count(&known, Score::Wrong));
    assert!(FAULTS.len() >= 20 && right * 20 >= FAULTS.len() * 19, "{right} of {}", FAULTS.len());
    assert!(wrong <= 1, "{wrong} wrong");
}
