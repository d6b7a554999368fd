//! Packets: any bytes, taken for whatever their first byte says.

use sockeye_probe::dissect::{Layer, Start, dissect, guess};

/// No layer and no field reaches beyond the bytes there are.
pub(super) fn run(data: &[u8]) {
    let Some((first, bytes)) = data.split_first() else { return };
    let (_, start) = Start::ALL[usize::from(*first) % Start::ALL.len()];
    for layer in dissect(bytes, start, usize::from(first >> 5)).iter().flat_map(Layer::walk) {
        assert!(layer.range.start <= layer.range.end && layer.range.end <= bytes.len());
        for field in &layer.fields {
            assert!(field.at.bytes().end <= bytes.len());
        }
    }
    let _guess = guess(bytes);
}
