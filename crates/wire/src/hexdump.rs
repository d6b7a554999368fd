//! The `--hex` view: offset, sixteen bytes in hex, and the printable ones, laid out as by `hexdump -C`.
//!
//! Two things differ, because this is a view of something that is still going on: what has come is shown at once, so a
//! read that ends within a row ends the row; and rows that repeat are never folded into a `*`.

use std::fmt::Write as _;

/// Bytes in a row.
const WIDTH: usize = 16;

/// A dump that goes on: it knows how far into the stream the next byte is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hexdump {
    offset: u64,
}

impl Hexdump {
    /// A dump whose first byte is at `offset`.
    pub const fn new(offset: u64) -> Self {
        Self { offset }
    }

    /// Where the next byte is, counted from the start of the stream.
    pub const fn offset(self) -> u64 {
        self.offset
    }

    /// Appends the rows of `bytes` to `out`, each ended by a newline. No bytes, no row.
    pub fn push(&mut self, bytes: &[u8], out: &mut String) {
        for row in bytes.chunks(WIDTH) {
            write_row(self.offset, row, out);
            self.offset = self.offset.wrapping_add(row.len() as u64);
        }
    }
}

fn write_row(offset: u64, row: &[u8], out: &mut String) {
    // Writing to a String cannot fail.
    let _ = write!(out, "{offset:08x} ");
    for column in 0..WIDTH {
        if column % 8 == 0 {
            out.push(' ');
        }
        match row.get(column) {
            Some(byte) => drop(write!(out, "{byte:02x} ")),
            None => out.push_str("   "),
        }
    }
    out.push_str(" |");
    out.extend(row.iter().map(|byte| if matches!(byte, b' '..=b'~') { char::from(*byte) } else { '.' }));
    out.push_str("|\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_look_like_those_of_hexdump() {
        let mut out = String::new();
        let mut dump = Hexdump::default();
        dump.push(b"0123456789abcdef\x00\x1b\xff~ ", &mut out);
        assert_eq!(
            out,
            "00000000  30 31 32 33 34 35 36 37  38 39 61 62 63 64 65 66  |0123456789abcdef|\n\
             00000010  00 1b ff 7e 20                                    |...~ |\n"
        );
        assert_eq!(dump.offset(), 21);
    }

    #[test]
    fn the_next_read_goes_on_where_the_last_ended() {
        let mut out = String::new();
        let mut dump = Hexdump::new(0xffff_fffe);
        dump.push(b"a", &mut out);
        dump.push(b"", &mut out);
        dump.push(b"bc", &mut out);
        let rows: Vec<_> = out.lines().map(|row| row.split("  ").next().unwrap_or("")).collect();
        assert_eq!(rows, ["fffffffe", "ffffffff"]);
        dump.push(b"d", &mut out);
        assert!(out.contains("\n100000001  64 "));
    }
}
