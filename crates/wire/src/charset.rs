//! Character sets: how text is written on the wire. UTF-8 unless told otherwise.

/// A character set.
#[derive(Clone, Copy, Debug)]
pub struct Charset(&'static encoding_rs::Encoding);

impl Default for Charset {
    fn default() -> Self {
        Self(encoding_rs::UTF_8)
    }
}
