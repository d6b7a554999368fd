//! What it costs to compare a message with what a step expects, and to read a file. `cargo bench -p sockeye-script`.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use sockeye_script::program::{Op, Program};
use sockeye_script::{Extent, Pattern, Vars, Verdict, read};

/// Patterns as they are written, each with a message that matches.
const CASES: &[(&str, &str, &[u8])] = &[
    ("literal", r#""250 hello alice, from sockeye""#, b"250 hello alice, from sockeye"),
    ("any part", r#""250 " any " from " host:text"#, b"250 hello alice, from sockeye"),
    ("fields", "type:u8 size:u16be body:bytes({{size}})", b"\x01\x00\x10sixteen bytes ok"),
    ("regex", r"/^HTTP\/1\.[01] (?<status>[0-9]{3}) /", b"HTTP/1.1 200 OK"),
    (
        "json",
        r#"json($.user.name == "ann", $.id as id)"#,
        br#"{"id":7,"user":{"name":"ann","age":3},"more":[1,2]}"#,
    ),
];

fn program(text: &str) -> Program {
    match read("bench", text, &Vars::default(), &mut |_, _| Err(String::new())) {
        Ok(program) => program,
        Err(errors) => panic!("{errors:?}"),
    }
}

fn pattern(written: &str) -> Pattern {
    let program = program(&format!("peer c connect tcp://127.0.0.1:1?frame=u16be\nc < {written}\n"));
    let found = program.steps.into_iter().find_map(|step| match step.op {
        Op::Expect(pattern) => Some(pattern),
        _ => None,
    });
    found.expect("the step was written")
}

fn matching(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("match");
    let vars = Vars::default();
    for (name, written, message) in CASES {
        let pattern = pattern(written);
        let compare = || pattern.matches(black_box(message), &vars, Extent::Whole, &mut Vars::default());
        assert!(matches!(compare(), Verdict::Match { .. }), "{name}: {:?}", compare());
        group.bench_function(*name, |bench| bench.iter(compare));
    }
}

fn reading(criterion: &mut Criterion) {
    let head = ["peer c connect tcp://127.0.0.1:1?frame=line\n".to_owned()];
    let steps = (0..200)
        .map(|number| format!("c > \"ask {number}\"\nc < \"answer {number} \" rest:text within 500ms\n"));
    let text: String = head.into_iter().chain(steps).collect();
    assert_eq!(program(&text).steps.len(), 400);
    criterion.bench_function("read 400 steps", |bench| bench.iter(|| program(black_box(&text))));
}

criterion_group!(benches, matching, reading);
criterion_main!(benches);
