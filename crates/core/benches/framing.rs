//! What cutting and joining cost: one read of 32 messages of 64 bytes, for every kind of framing, and the same read through
//! the machine and an outbox. `cargo bench -p sockeye-core`.

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use sockeye_core::framing::Cut;
use sockeye_core::{Conversation, Framing, Input, Lane, Machine, Outbox, PEER, Reflex, Tick};

const MESSAGES: usize = 32;
const MOST: usize = 1 << 20;
const KINDS: &[&str] = &[
    "line",
    "crlf",
    "nul",
    "delim:0d0a",
    "fixed:64",
    "wrap:02:03",
    "u16be",
    "u32le",
    "varint",
    "ascii4",
    "cobs",
    "slip",
];

/// Says again what it hears: one by one, or at once.
struct Echo(Option<Reflex>);

impl Conversation for Echo {
    fn handle(&mut self, _now: Tick, input: Input<'_>, out: &mut Outbox) {
        if let Input::Message { data, .. } = input {
            out.message(data);
        }
    }

    fn deadline(&self) -> Option<Tick> {
        None
    }

    fn reflex(&self) -> Option<Reflex> {
        self.0
    }
}

fn framing(spec: &str) -> Framing {
    Framing::parse(spec).expect("one of the registry")
}

/// 32 framed messages of 64 bytes of payload, none of them with a byte that has to be escaped.
fn stream(framing: Framing) -> Vec<u8> {
    let mut bytes = Vec::new();
    for number in 0..MESSAGES {
        let message: Vec<u8> =
            (0..64).map(|at| b'a' + u8::try_from((at + number) % 26).unwrap_or(0)).collect();
        framing.wrap(&message, &mut bytes).expect("64 bytes fit every framing here");
    }
    bytes
}

/// How many messages are in `bytes`.
fn cut_all(framing: Framing, bytes: &mut [u8]) -> usize {
    let (mut from, mut messages) = (0, 0);
    while from < bytes.len() {
        match framing.cut(&mut bytes[from..], 0, MOST) {
            Cut::Message { used, start, end } => {
                black_box(&bytes[from + start..from + end]);
                from += used;
                messages += 1;
            }
            Cut::Skip { used } => from += used,
            Cut::More { .. } | Cut::Bad(_) => break,
        }
    }
    messages
}

fn cutting(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("cut");
    group.throughput(Throughput::Elements(MESSAGES as u64));
    for kind in KINDS {
        let framing = framing(kind);
        let bytes = stream(framing);
        assert_eq!(cut_all(framing, &mut bytes.clone()), MESSAGES, "{kind}");
        // Some unescape in place: each run has a copy of its own.
        group.bench_function(*kind, |bench| {
            bench.iter_batched_ref(|| bytes.clone(), |bytes| cut_all(framing, bytes), BatchSize::SmallInput);
        });
    }
}

fn joining(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("wrap");
    group.throughput(Throughput::Elements(MESSAGES as u64));
    let message = [b'x'; 64];
    for kind in KINDS {
        let framing = framing(kind);
        let mut out = Vec::new();
        group.bench_function(*kind, |bench| {
            bench.iter(|| {
                out.clear();
                for _ in 0..MESSAGES {
                    framing.wrap(black_box(&message), &mut out).expect("64 bytes fit");
                }
                out.len()
            });
        });
    }
}

fn through_the_machine(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("machine");
    group.throughput(Throughput::Elements(MESSAGES as u64));
    for (name, kind, reflex) in
        [("line", "line", None), ("u16be", "u16be", None), ("line at once", "line", Some(Reflex::Echo))]
    {
        let framing = framing(kind);
        let bytes = stream(framing);
        let mut machine = Machine::new(Box::new(Echo(reflex)), Lane::stream(framing), MOST);
        let mut out = Outbox::new(|| 0);
        group.bench_function(name, |bench| {
            bench.iter_batched_ref(
                || bytes.clone(),
                |bytes| {
                    machine.bytes(Tick::ZERO, PEER, bytes, &mut out).expect("whole frames");
                    let answered = out.bytes().len();
                    out.reset();
                    answered
                },
                BatchSize::SmallInput,
            );
        });
    }
}

criterion_group!(benches, cutting, joining, through_the_machine);
criterion_main!(benches);
