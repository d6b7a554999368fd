//! What it costs to make a peer's bytes safe to show: 64 KiB of plain text, of Chinese, of control characters, and of bytes
//! that are no text. `cargo bench -p sockeye-wire`.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use sockeye_wire::escape::{Escaper, Shape, escape_bytes};

const SIZE: usize = 64 << 10;

/// `pattern` over and over, so many whole times as fit.
fn much(pattern: &[u8]) -> Vec<u8> {
    pattern.repeat(SIZE / pattern.len())
}

fn inputs() -> [(&'static str, Vec<u8>); 4] {
    [
        ("ascii", much(b"GET /index.html HTTP/1.1 and so on, one line of text\n")),
        ("chinese", much("消息已收到，请稍候。\n".as_bytes())),
        ("controls", much(b"\x1b[31mred\x1b[0m\r\n\x07\x08")),
        ("binary", (0..SIZE).map(|at| u8::try_from(at * 167 % 256).unwrap_or(0)).collect()),
    ]
}

fn escaping(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("escape");
    for (name, bytes) in inputs() {
        group.throughput(Throughput::Bytes(bytes.len() as u64));
        let mut out = String::new();
        group.bench_function(format!("{name}, a line"), |bench| {
            bench.iter(|| {
                out.clear();
                escape_bytes(&bytes, Shape::Line, &mut out);
                out.len()
            });
        });
        group.bench_function(format!("{name}, a stream in reads of 1000"), |bench| {
            bench.iter(|| {
                out.clear();
                let mut escaper = Escaper::new(Shape::Text);
                for read in bytes.chunks(1000) {
                    escaper.push(read, &mut out);
                }
                escaper.finish(&mut out);
                out.len()
            });
        });
    }
}

criterion_group!(benches, escaping);
criterion_main!(benches);
