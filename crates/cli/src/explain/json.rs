//! Packets as JSON: one object a packet, the whole tree. Keys and names are never translated.

use serde_json::{Map, Value, json};
use sockeye::explain::Explained;
use sockeye::explain::wrap::Outcome;
use sockeye::json::thing;
use sockeye::probe::dissect::{Field, Flaw, Layer, Value as Held, Wrong};
use sockeye::wire::notation::to_hex;

/// A packet.
pub(super) fn packet(packet: &Explained) -> String {
    let layers = packet.layers.iter().map(|layer| self::layer(layer, &packet.bytes));
    let mut fields = vec![
        ("number", json!(packet.number)),
        ("as", json!(packet.start.word())),
        ("guessed", json!(packet.guessed)),
        ("size", json!(packet.bytes.len())),
        ("missing", json!(packet.missing)),
        ("hex", json!(to_hex(&packet.bytes))),
        ("layers", Value::Array(layers.collect())),
    ];
    if let Some(at) = packet.at {
        fields.push(("at", json!(sockeye::sessions::utc(at))));
    }
    if let Some(start) = packet.instead {
        fields.push(("instead", json!(start.word())));
    }
    thing("packet", &fields)
}

fn layer(layer: &Layer, bytes: &[u8]) -> Value {
    let mut object = Map::new();
    let mut put = |name: &str, value: Value| drop(object.insert(name.to_owned(), value));
    put("protocol", json!(layer.protocol.word()));
    if let Some(kind) = layer.kind {
        put("kind", json!(kind));
    }
    put("layer", json!(layer.protocol.five().word()));
    put("layer_number", json!(layer.protocol.five().number()));
    put("osi", json!(layer.protocol.seven()));
    put("from", json!(layer.range.start));
    put("to", json!(layer.range.end));
    put("head", json!(layer.head));
    put("tail", json!(layer.tail));
    put("added", json!(layer.added()));
    put("fields", layer.fields.iter().map(|field| self::field(field, bytes)).collect());
    put("flaws", layer.flaws.iter().map(flaw).collect());
    put("layers", layer.layers.iter().map(|inner| self::layer(inner, bytes)).collect());
    Value::Object(object)
}

fn field(field: &Field, bytes: &[u8]) -> Value {
    let mut object = Map::new();
    let mut put = |name: &str, value: Value| drop(object.insert(name.to_owned(), value));
    let range = field.at.bytes();
    put("key", json!(field.key));
    match &field.value {
        Held::Group => {}
        Held::Number(number) | Held::Hex(number, _) => put("value", json!(number)),
        Held::Flag(set) => put("value", json!(set)),
        value => put("value", json!(value.to_string())),
    }
    if let Some(name) = &field.name {
        put("name", json!(name));
    }
    if let Some(unit) = field.unit {
        put("unit", json!(unit.word()));
    }
    put("from", json!(range.start));
    put("to", json!(range.end));
    if !field.at.is_whole() {
        put("first_bit", json!(field.at.start % 8));
        put("bits", json!(field.at.count));
    }
    put("hex", json!(to_hex(bytes.get(range).unwrap_or_default())));
    if !field.fields.is_empty() {
        put("fields", field.fields.iter().map(|inner| self::field(inner, bytes)).collect());
    }
    Value::Object(object)
}

fn flaw(flaw: &Flaw) -> Value {
    let mut object = Map::new();
    let mut put = |name: &str, value: Value| drop(object.insert(name.to_owned(), value));
    put("code", json!(flaw.wrong.word()));
    put("mistake", json!(flaw.wrong.is_mistake()));
    if !flaw.key.is_empty() {
        put("key", json!(flaw.key));
    }
    put("from", json!(flaw.at.start));
    put("to", json!(flaw.at.end));
    match flaw.wrong {
        Wrong::Truncated { missing } | Wrong::Continues { missing } => put("missing", json!(missing)),
        Wrong::Checksum { found, right } => {
            put("found", json!(found));
            put("right", json!(right));
        }
        Wrong::Length { says, bound } => {
            put("says", json!(says));
            put("bound", json!(bound));
        }
        Wrong::Version(value) | Wrong::Value(value) => put("value", json!(value)),
        Wrong::Many { shown } => put("shown", json!(shown)),
        _ => {}
    }
    Value::Object(object)
}

/// A message and what layers made of it.
pub(super) fn wrapped(outcome: &Outcome) -> String {
    let steps = outcome.wrapped.steps.iter().map(|step| {
        json!({
            "layer": step.word, "five": step.five.word(), "five_number": step.five.number(),
            "before": step.before, "after": step.after, "units": step.units,
            "added": step.added, "total": step.total,
        })
    });
    let frames = outcome.wrapped.frames.iter().map(|frame| {
        let unknown: Vec<_> = frame.unknown.iter().map(|hole| json!([hole.start, hole.end])).collect();
        json!({ "size": frame.bytes.len(), "hex": to_hex(&frame.bytes), "unknown": unknown })
    });
    let fields = [
        ("endpoint", json!(outcome.endpoint)),
        ("framing", json!(outcome.framing)),
        ("source", json!(outcome.from.to_string())),
        ("destination", json!(outcome.to.to_string())),
        ("destination_is_example", json!(outcome.named)),
        ("mtu", json!(outcome.mtu)),
        ("once", json!(outcome.once)),
        ("steps", Value::Array(steps.collect())),
        ("frames", Value::Array(frames.collect())),
    ];
    thing("wrapped", &fields)
}

/// A line of each kind, for the test of the schema.
#[cfg(test)]
pub(crate) fn samples() -> [String; 2] {
    use sockeye::explain::wrap::{Request, run};
    use sockeye::probe::dissect::{Start, dissect};
    let bytes = vec![0x45, 0, 0, 20];
    let layers = dissect(&bytes, Start::Ip, 0);
    let instead = Some(Start::Ip);
    let explained = Explained {
        number: 1,
        at: Some(0),
        start: Start::Ip,
        guessed: false,
        instead,
        bytes,
        missing: 0,
        layers,
    };
    let (message, endpoint) = ("x".to_owned(), "tls://a.example:443".to_owned());
    let request = Request { message, hex: false, endpoint, params: Vec::new(), mtu: None };
    [packet(&explained), wrapped(&run(&request).unwrap())]
}
