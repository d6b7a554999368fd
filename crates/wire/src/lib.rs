//! Charsets, escaping and notations: what stands between bytes and the people who read them, without I/O.

pub mod charset;
